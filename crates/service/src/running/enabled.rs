//! What a person enabled in a conversation, read and verified at every command: nothing of it is kept in between.

use std::sync::Arc;

use mab_core::{
    Code, ConversationId, Denied, Failure,
    approver::ApproverKey,
    entity::{ApproverRow, ExecutionState, TermsRow},
    execution::Terms,
};

use crate::{
    Bench, Bridge, Workbench, reading::Opener, running::aside, sealing::terms_text, spending, telling,
};

/// What holds now, and whose signature makes it hold.
pub(crate) struct Enabled {
    /// The terms.
    pub(crate) terms: Terms,
    /// The approver's key.
    pub(crate) key: ApproverKey,
}

/// What a person enabled in the conversation of this opener.
///
/// # Errors
/// `execution_disabled` when nothing is enabled, its time is over, it was ended, or nobody this bridge knows signed it.
pub(crate) async fn enabled(
    bridge: &Bridge,
    opener: &Opener,
    state: Option<&ExecutionState>,
) -> Result<Enabled, Failure> {
    let id = opener.conversation;
    let row = state.and_then(|state| state.terms.as_ref());
    let row = row.ok_or_else(|| disabled("no person has enabled commands in this conversation", id))?;
    let approver = bridge.store.approver().await?;
    let Some((text, enabled)) = signed(bridge, opener, row, approver.as_ref()) else {
        tracing::error!(conversation = %id, "what is stored as enabled was not signed by the enrolled approver");
        return Err(disabled("what is stored as enabled was not signed by the enrolled approver", id).into());
    };
    if !enabled.terms.holds_at(bridge.clock.now()) {
        let ended = format!("what was enabled here has ended, at {}", enabled.terms.expires_at());
        return Err(disabled(&ended, id).into());
    }
    if spending::is_spent(bridge, Terms::digest(&text)).await? {
        return Err(disabled("what was enabled here was ended", id).into());
    }
    Ok(enabled)
}

/// The stored terms, with their text, when the enrolled approver signed them and this bridge enrolled it.
pub(crate) fn signed(
    bridge: &Bridge,
    opener: &Opener,
    row: &TermsRow,
    approver: Option<&ApproverRow>,
) -> Option<(String, Enabled)> {
    let approver = approver.filter(|approver| approver.key == row.key)?;
    let key = telling::sound(bridge, approver)?;
    let text = terms_text(opener, &row.terms)?;
    let terms = Terms::parse(&text).ok()?;
    let is_sound =
        key.signed_terms(&text, &row.signature) && terms.conversation == opener.conversation.to_string();
    is_sound.then_some((text, Enabled { terms, key }))
}

impl Enabled {
    /// What runs commands under these terms.
    ///
    /// # Errors
    /// As [`Workbench::bench`].
    pub(crate) async fn bench(&self, bridge: &Bridge, id: ConversationId) -> Result<Bench, Failure> {
        let (workbench, terms) = (workbench(bridge, id)?, self.terms.clone());
        aside("making ready to run commands", move || workbench.bench(&terms)).await
    }
}

/// What runs commands here.
///
/// # Errors
/// `execution_disabled` when nothing does.
pub(crate) fn workbench(bridge: &Bridge, id: ConversationId) -> Result<Arc<dyn Workbench>, Denied> {
    bridge.workbench.clone().ok_or_else(|| disabled("this server runs no commands", id))
}

fn disabled(why: &str, id: ConversationId) -> Denied {
    Denied::new(Code::ExecutionDisabled, format!("{why}; nothing was run")).hint(format!(
        "ask with enable_yolo_mode and tell your user to run `mab yolo enable {id}`; or propose the command with \
         send_to_partner, action_type proposal"
    ))
}
