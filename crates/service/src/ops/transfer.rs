//! `transfer`: makes an agent the owner, for the operator; agents reach it through `moderate`.

use mab_core::{ConversationId, Failure, SessionId, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{ConversationArgument, SessionArgument},
    door::{Call, Op},
    running::ending,
};

/// The operation.
pub(crate) struct Transfer;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    conversation_id: ConversationArgument,
    /// Who becomes the only owner
    agent: SessionArgument,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    owner: String,
}

impl Op for Transfer {
    const ACTION: Action = Action::Transfer;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (id, agent) = (arguments.conversation_id.0, arguments.agent.0);
        transfer(&call, id, &agent).await?;
        Ok(Answer { conversation_id: id.to_string(), owner: agent.to_string() })
    }
}

/// Makes an agent the owner, in the place of who asks.
pub(crate) async fn transfer(call: &Call<'_>, id: ConversationId, agent: &SessionId) -> Result<(), Failure> {
    call.bridge.store.transfer(call.keeping_order(), id, agent.clone()).await?;
    call.bridge.forget(id, agent);
    if let Ok(member) = call.member() {
        call.bridge.forget(id, &member.session);
    }
    ending::after_a_change_of_members(call.bridge, id).await;
    Ok(())
}
