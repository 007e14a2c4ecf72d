//! `pause`: stops all sending, for the operator; agents reach it through `moderate`.

use mab_core::{ConversationId, Failure, entity::Paused, moderation::PausedBy, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::ConversationArgument,
    door::{Call, Op},
};

/// The operation.
pub(crate) struct Pause;

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
    paused_by: PausedBy,
    /// Whether it was not the operator's pause before
    changed: bool,
}

impl Op for Pause {
    const ACTION: Action = Action::Pause;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let id = arguments.conversation_id.0;
        let Paused { by, is_new } = pause(&call, id).await?;
        Ok(Answer { conversation_id: id.to_string(), paused_by: by, changed: is_new })
    }
}

/// Stops all sending.
pub(crate) async fn pause(call: &Call<'_>, id: ConversationId) -> Result<Paused, Failure> {
    call.bridge.store.pause(call.keeping_order(), id).await
}
