//! `execution_enable`: takes in what a person signed at a terminal: what agents may have run in one conversation.

use mab_core::{
    Code, Denied, Failure, Timestamp,
    agent::Permission,
    approver::ApproverKey,
    audit::Detail,
    entity::{ConversationState, NewTerms},
    execution::{Assurance, Mode, TIMEOUT_MAX_S, Terms},
    limit::{Kind, is_ahead},
    policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::{conversation, opener};
use crate::{
    Bridge,
    arguments::{Bytes, ConversationArgument},
    door::{Call, Op},
    sealing::terms_place,
    spending, telling,
};

/// Longest that anything is enabled, in seconds: a day.
const LONGEST_S: u64 = 86_400;

/// The operation.
pub(crate) struct Enable;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    conversation_id: ConversationArgument,
    /// What is enabled, as it was signed
    terms: String,
    /// The approver's signature
    signature: Bytes,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    mode: Mode,
    /// When it ends
    expires_at: String,
    assurance: Assurance,
}

impl Op for Enable {
    const ACTION: Action = Action::EnableExecution;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, id) = (call.bridge, arguments.conversation_id.0);
        let terms = Terms::parse(&arguments.terms)?;
        if terms.conversation != id.to_string() {
            return Err(wrong("these terms are of another conversation").into());
        }
        let key = approver(bridge).await?;
        if !key.signed_terms(&arguments.terms, &arguments.signature.0) {
            return Err(unsigned().into());
        }
        let state = conversation(bridge, id).await?;
        are_sane(&terms, state.expires_at, bridge.clock.now())?;
        are_there(&terms, &state)?;
        let opener = opener(bridge, &state).ok_or_else(telling::ended)?;
        let text = bridge.redact_alone(&arguments.terms)?;
        if text.as_str() != arguments.terms {
            let denied = Denied::new(Code::SecretRefused, "something in the terms looks like a secret");
            return Err(denied.hint("the workspace's path does: use a folder with another name").into());
        }
        let sealed = opener.key.seal(bridge.random.as_ref(), &terms_place(id), &[&text])?;
        let before = bridge.store.execution(Some(id)).await?.pop();
        let replaces = before.as_ref().and_then(|before| before.terms.as_ref());
        let replaces = replaces.is_some_and(|before| before.expires_at > bridge.clock.now());
        let told = telling::to_all(bridge, &state, &telling::enabled(&terms, replaces))?;
        let detail = Detail::default()
            .name("mode", terms.mode.as_str())
            .name("assurance", terms.assurance.as_str())
            .digest("terms", &Terms::digest(&arguments.terms));
        let new = NewTerms {
            conversation: id,
            terms: sealed,
            signature: arguments.signature.0,
            key: key.bytes(),
            mode: terms.mode,
            assurance: terms.assurance,
            expires_at: terms.expires_at(),
        };
        if spending::is_spent(bridge, Terms::digest(&arguments.terms)).await? {
            return Err(wrong("they were ended already").into());
        }
        if let Some(before) = &before {
            spending::end_all(bridge, before).await;
        }
        let stamp = bridge.stamp(call.permit, Kind::Operator, detail);
        bridge.store.enable_execution(stamp, new, told).await?;
        Ok(Answer {
            conversation_id: id.to_string(),
            mode: terms.mode,
            expires_at: terms.expires_at().to_string(),
            assurance: terms.assurance,
        })
    }
}

/// The key that must have signed.
///
/// # Errors
/// `forbidden` when there is none, or when this bridge did not enrol it.
pub(crate) async fn approver(bridge: &Bridge) -> Result<ApproverKey, Failure> {
    let Some(row) = bridge.store.approver().await? else {
        return Err(Denied::new(Code::Forbidden, "no approver is enrolled")
            .hint("run `mab yolo enroll` at a terminal")
            .into());
    };
    telling::sound(bridge, &row).ok_or_else(|| {
        Denied::new(Code::Forbidden, "the approver in the database was not enrolled by this bridge")
            .hint("somebody else wrote it there: find out who, then `mab yolo enroll --replace --forgotten`")
            .into()
    })
}

/// The refusal of what another key signed, or none.
pub(crate) fn unsigned() -> Denied {
    Denied::new(Code::Forbidden, "the approver that is enrolled did not sign this")
        .hint("another one was enrolled in between: run the command again")
}

/// Refuses terms that nobody should have signed.
fn are_sane(terms: &Terms, conversation_ends: Timestamp, now: Timestamp) -> Result<(), Denied> {
    let enabled_at = Timestamp::from_millis(terms.enabled_at_ms);
    let ends = terms.expires_at();
    if is_ahead(enabled_at, now) || enabled_at.plus_seconds(60 * 60) < now {
        return Err(wrong("they were not made just now, by this machine's clock"));
    }
    if ends <= now {
        return Err(wrong("their time is over already"));
    }
    if ends > now.plus_seconds(LONGEST_S) || ends > conversation_ends {
        return Err(wrong("they would hold longer than a day, or than the conversation"));
    }
    if terms.timeout_s.is_some_and(|time| !(1..=TIMEOUT_MAX_S).contains(&time)) {
        return Err(wrong("the time of a command is 1 to 1800 seconds"));
    }
    if !terms.workspace.starts_with('/') {
        return Err(wrong("the workspace is no absolute path"));
    }
    if terms.mode != Mode::Restricted && (terms.elicitation || terms.quorum > 0) {
        return Err(wrong("forms and approvers are for mode restricted"));
    }
    if !terms.assurance.is_of_a_person() {
        return Err(wrong("they do not say that a person enabled them"));
    }
    Ok(())
}

/// Refuses approvers that are not there: a yes is that of agents that the person was shown.
fn are_there(terms: &Terms, state: &ConversationState) -> Result<(), Denied> {
    let is_there = |named: &String| {
        state.agents.iter().any(|agent| {
            agent.session.as_str() == named
                && agent.joined_at.is_some()
                && !agent.revoked
                && agent.permission == Permission::Approver
        })
    };
    let mut named: Vec<&String> = terms.approvers.iter().collect();
    named.sort_unstable();
    named.dedup();
    if named.len() != terms.approvers.len() || !named.into_iter().all(is_there) {
        return Err(wrong("they name approvers that are not there, or not any more"));
    }
    if terms.approvers.len() < usize::from(terms.quorum) {
        return Err(wrong("fewer agents with the permission approver are there than are to agree"));
    }
    Ok(())
}

fn wrong(message: &str) -> Denied {
    Denied::new(Code::InvalidArguments, message).hint("run `mab yolo enable` again")
}
