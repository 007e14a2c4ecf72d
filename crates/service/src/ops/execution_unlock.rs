//! `execution_unlock`: lets an agent ask again whose commands were denied too often, for the operator.

use mab_core::{Failure, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{ConversationArgument, SessionArgument},
    door::{Call, Op},
};

/// The operation.
pub(crate) struct Unlock;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    conversation_id: ConversationArgument,
    /// Whom
    session_id: SessionArgument,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    session_id: String,
    /// Whether its commands were refused before
    changed: bool,
}

impl Op for Unlock {
    const ACTION: Action = Action::UnlockExecution;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (id, session) = (arguments.conversation_id.0, arguments.session_id.0);
        let stamp = call.keeping_order();
        let changed = call.bridge.store.unlock_execution(stamp, id, session.clone()).await?;
        Ok(Answer { conversation_id: id.to_string(), session_id: session.to_string(), changed })
    }
}
