//! `release`: delivers held messages or refuses them, for the operator; agents reach it through `moderate`.

use mab_core::{
    Code, ConversationId, Denied, Failure, MessageId, SessionId, audit::Detail, entity::HeldChange,
    limit::Kind, policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{ConversationArgument, MessageArgument},
    door::{Call, Op},
};

/// Messages looked at in one go.
const STRETCH: u32 = 100;

/// The operation.
pub(crate) struct Release;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    conversation_id: ConversationArgument,
    /// Which; default: all that are held
    #[serde(default)]
    message_id: Option<MessageArgument>,
    /// Refuse instead
    #[serde(default)]
    reject: bool,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    /// What was released, or rejected
    messages: Vec<Judged>,
    /// What stays held, and why
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<Kept>,
}

/// A message that was judged.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Judged {
    message_id: String,
    /// Who gets it, or would have
    recipients: Vec<String>,
}

/// A message that could not be released.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Kept {
    message_id: String,
    code: &'static str,
    message: String,
}

impl Op for Release {
    const ACTION: Action = Action::ReleaseHeld;
    type Arguments = Arguments;
    type Answer = Answer;

    fn action(arguments: &Arguments) -> Action {
        if arguments.reject { Action::RejectHeld } else { Action::ReleaseHeld }
    }

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (id, reject) = (arguments.conversation_id.0, arguments.reject);
        let mut answer = Answer { conversation_id: id.to_string(), messages: vec![], kept: vec![] };
        if let Some(message) = arguments.message_id {
            let recipients = judge(&call, id, message.0, reject).await?;
            answer.messages.push(judged(message.0, &recipients));
            return Ok(answer);
        }
        if call.bridge.store.conversation(id).await?.is_none() {
            let denied = Denied::new(Code::NotFound, "no such conversation");
            return Err(denied.hint("`mab list --all` shows what there is").into());
        }
        let mut after_seq = 0;
        loop {
            let page = call.bridge.store.held(Some((id, after_seq)), STRETCH).await?;
            for held in &page.messages {
                let message = held.message.id;
                after_seq = message.seq;
                match judge(&call, id, message, reject).await {
                    Ok(recipients) => answer.messages.push(judged(message, &recipients)),
                    Err(Failure::Denied(denied)) if stays(denied.code) => answer.kept.push(Kept {
                        message_id: message.to_string(),
                        code: denied.code.name(),
                        message: denied.message,
                    }),
                    // Somebody else was quicker.
                    Err(Failure::Denied(denied)) if denied.code == Code::UnknownMessage => {}
                    Err(failure) => return Err(failure),
                }
            }
            after_seq = after_seq.max(page.damaged.iter().copied().max().unwrap_or_default());
            if !page.more {
                return Ok(answer);
            }
        }
    }
}

/// Whether a message that is refused so stays held, and others need not.
fn stays(code: Code) -> bool {
    matches!(code, Code::UnknownRecipient | Code::QuotaExceeded)
}

fn judged(id: MessageId, recipients: &[SessionId]) -> Judged {
    Judged { message_id: id.to_string(), recipients: recipients.iter().map(ToString::to_string).collect() }
}

/// Releases or rejects one message; returns who gets it, or would have. It is charged as a read: a moderator's windows
/// must not keep others' messages back.
pub(crate) async fn judge(
    call: &Call<'_>,
    conversation: ConversationId,
    id: MessageId,
    reject: bool,
) -> Result<Vec<SessionId>, Failure> {
    let kind = if call.permit.seat().is_some() { Kind::Read } else { Kind::Operator };
    let stamp = call.bridge.stamp(call.permit.clone(), kind, Detail::default());
    let unread_per_inbox = call.bridge.quotas().unread_per_inbox;
    call.bridge.store.judge_held(stamp, HeldChange { conversation, id, reject, unread_per_inbox }).await
}
