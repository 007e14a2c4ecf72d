//! `resume`: lets agents go on that the loop guard paused, for the operator.

use mab_core::{Failure, audit::Detail, limit::Kind, policy::Action};
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
}

impl Op for Resume {
    const ACTION: Action = Action::Resume;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let id = arguments.conversation_id.0;
        let stamp = call.bridge.stamp(call.permit, Kind::Operator, Detail::default());
        let was_paused = call.bridge.store.resume(stamp, id).await?;
        Ok(Answer { conversation_id: id.to_string(), was_paused })
    }
}
