//! `resume`: lets agents send again, for the operator; agents reach it through `moderate`.

use mab_core::{ConversationId, Failure, moderation::PausedBy, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::ConversationArgument,
    door::{Call, Op},
};

/// The operation.
pub(crate) struct Resume;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    conversation_id: ConversationArgument,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    /// Whether it was paused; its messages are counted anew in any case
    was_paused: bool,
    /// By whom
    #[serde(skip_serializing_if = "Option::is_none")]
    was_paused_by: Option<PausedBy>,
}

impl Op for Resume {
    const ACTION: Action = Action::Resume;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let id = arguments.conversation_id.0;
        let was_paused_by = resume(&call, id).await?;
        let was_paused = was_paused_by.is_some();
        Ok(Answer { conversation_id: id.to_string(), was_paused, was_paused_by })
    }
}

/// Lets agents send again; says who had paused.
pub(crate) async fn resume(call: &Call<'_>, id: ConversationId) -> Result<Option<PausedBy>, Failure> {
    call.bridge.store.resume(call.keeping_order(), id).await
}
