//! `remove`: ends an agent's place, for the operator; agents reach it through `moderate`.

use mab_core::{ConversationId, Failure, SessionId, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{ConversationArgument, SessionArgument},
    door::{Call, Op},
    running::ending,
};

/// The operation.
pub(crate) struct Remove;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    conversation_id: ConversationArgument,
    /// Whom
    agent: SessionArgument,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    agent: String,
    /// Whether the conversation still has an owner
    has_owner: bool,
}

impl Op for Remove {
    const ACTION: Action = Action::Remove;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (id, agent) = (arguments.conversation_id.0, arguments.agent.0);
        remove(&call, id, &agent).await?;
        let state = call.bridge.store.conversation(id).await?;
        let owns = |member: &mab_core::entity::AgentState| {
            !member.revoked && member.permission == mab_core::agent::Permission::Owner
        };
        let has_owner = state.is_some_and(|state| state.agents.iter().any(owns));
        Ok(Answer { conversation_id: id.to_string(), agent: agent.to_string(), has_owner })
    }
}

/// Ends another agent's place.
pub(crate) async fn remove(call: &Call<'_>, id: ConversationId, agent: &SessionId) -> Result<(), Failure> {
    call.bridge.store.remove(call.keeping_order(), id, agent.clone()).await?;
    call.bridge.forget(id, agent);
    ending::after_a_change_of_members(call.bridge, id).await;
    Ok(())
}
