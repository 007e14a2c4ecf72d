//! What the operator decided about commands, in the bridge's own words, to every member; and the key that decides.
//!
//! A text holds nothing of an agent: who reads it takes it for the bridge's. What a person named, such as a folder, which
//! somebody else may have made, stands behind the mark of quoted lines.

use mab_core::{
    ConversationId, Failure, RunId, SessionId,
    approver::ApproverKey,
    entity::{ApproverRow, ConversationState, ExecutionState, Notice},
    execution::{Assurance, Mode, Terms},
};

use crate::{Bridge, notices::notice, ops::list, reading::Opener, running::telling_all::quoted};

/// The key of the approver that is enrolled, when this bridge enrolled it.
pub(crate) fn sound(bridge: &Bridge, row: &ApproverRow) -> Option<ApproverKey> {
    ApproverKey::from_bytes(&row.key).filter(|key| bridge.enroller.made(key, &row.mac))
}

/// What opens the texts of a conversation; none once it was purged.
pub(crate) fn opener(bridge: &Bridge, state: &ExecutionState) -> Option<Opener> {
    let key = bridge.wrapper.unwrap(state.conversation, state.wrapped_key.as_ref()?).ok()?;
    Some(Opener { conversation: state.conversation, key })
}

/// Seals a text to every member of a conversation.
///
/// # Errors
/// `expired` once the conversation was purged.
pub(crate) fn to_all(bridge: &Bridge, state: &ConversationState, text: &str) -> Result<Notice, Failure> {
    let opener = list::opener(bridge, state).ok_or_else(ended)?;
    notice(bridge, &opener, text)
}

/// The refusal once a conversation was purged.
pub(crate) fn ended() -> mab_core::Denied {
    mab_core::Denied::new(mab_core::Code::Expired, "the conversation has ended, and its texts are destroyed")
        .hint("`mab list` shows which go on")
}

/// Commands were enabled.
pub(crate) fn enabled(terms: &Terms, replaces: bool) -> String {
    let before = if replaces {
        "\nWhat was enabled before has ended, with what was asked for or agreed to, and what ran."
    } else {
        ""
    };
    let asks = match terms.mode {
        Mode::Safe => "listed programs that only read run at once, everything else is refused",
        Mode::Restricted => {
            "what only reads runs at once, what writes or runs code waits for a yes to exactly that command"
        }
        Mode::Yolo => "every command waits for a yes to exactly that command",
    };
    let network = if terms.network { "commands that are agreed to reach the network" } else { "no network" };
    let who = match (terms.elicitation, terms.quorum) {
        (false, 0) => String::new(),
        (true, 0) => "; a form in the client of who asks is enough for a yes".to_owned(),
        (false, 1) => "; one agent with the permission approver is enough for a yes".to_owned(),
        (false, quorum) => format!("; {quorum} agents with the permission approver are enough for a yes"),
        (true, 1) => "; a form in the client of who asks, or one approver, is enough for a yes".to_owned(),
        (true, quorum) => {
            format!("; a form in the client of who asks, or {quorum} approvers, are enough for a yes")
        }
    };
    format!(
        "The operator enabled commands in this conversation until {}, when what still runs is ended: execute_command, mode {}, in\n{}\nIn this mode {asks}; \
         {network}{who}. ({}){before}",
        terms.expires_at(),
        terms.mode,
        quoted(&terms.workspace),
        by(terms.assurance),
    )
}

/// What was enabled has ended.
pub(crate) fn disabled() -> String {
    "The operator ended commands in this conversation. Requests that waited are void, what runs is ended."
        .to_owned()
}

/// What was enabled has ended with the approver.
pub(crate) fn replaced(key: &ApproverKey, forgotten: bool) -> String {
    let how = if forgotten {
        "WITHOUT the passphrase of the one before: if your user did not do this, tell them now"
    } else {
        "with the passphrase of the one before"
    };
    format!(
        "The approver's key was replaced by {}, {how}. Everything enabled in this conversation has ended, and requests that \
         waited are void.",
        key.id()
    )
}

/// A command was agreed to.
pub(crate) fn approved(run: RunId, asked: &SessionId, assurance: Assurance) -> String {
    format!(
        "The operator said yes to {run}, which {asked} asked for. It can start within five minutes, once. ({})",
        by(assurance)
    )
}

/// A command was refused.
pub(crate) fn denied(run: RunId, asked: &SessionId, reason: Option<&str>) -> String {
    let why = reason.map(|reason| format!(" Reason:\n{}", quoted(reason))).unwrap_or_default();
    format!("The operator said no to {run}, which {asked} asked for. Nothing was run.{why}")
}

/// An agent's commands are refused from now on: what follows a no that made it so.
pub(crate) fn locked(conversation: ConversationId, who: &SessionId) -> String {
    format!(
        "Too many commands of {who} were denied: no more are taken from it until a person lifts that, with `mab yolo unlock \
         {conversation} {who}`."
    )
}

fn by(assurance: Assurance) -> String {
    format!("assurance: {}", assurance.as_str())
}
