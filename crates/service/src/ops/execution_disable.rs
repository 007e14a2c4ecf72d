//! `execution_disable`: ends what is enabled, for the operator.

use mab_core::{
    Failure,
    audit::Detail,
    limit::Kind,
    policy::{self, Action, Principal},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::conversation;
use crate::{
    arguments::ConversationArgument,
    door::{Call, Op},
    notices::notice,
    spending, telling,
};

/// The operation.
pub(crate) struct Disable;

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
    /// Whether anything was enabled
    changed: bool,
    /// Whether that is noted outside of the database too: else a copy of it brings back what ended
    noted: bool,
}

impl Op for Disable {
    const ACTION: Action = Action::DisableExecution;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let id = arguments.conversation_id.0;
        let state = conversation(call.bridge, id).await?;
        let told = telling::to_all(call.bridge, &state, &telling::disabled())?;
        let standing = call.bridge.store.execution(Some(id)).await?.pop();
        let noted = match &standing {
            Some(standing) => spending::end_all(call.bridge, standing).await,
            None => true,
        };
        let changed = call.bridge.store.disable_execution(call.keeping_order(), id, told).await?;
        Ok(Answer { conversation_id: id.to_string(), changed, noted })
    }
}

/// Ends what is enabled in every conversation, and says so in each; returns which these were.
pub(crate) async fn everywhere(call: &Call<'_>, text: &str) -> Result<Vec<String>, Failure> {
    let bridge = call.bridge;
    let permit = policy::decide(Principal::operator(), Action::DisableExecution)?;
    let mut ended = Vec::new();
    for state in bridge.store.execution(None).await? {
        let is_on = state.terms.as_ref().is_some_and(|terms| terms.expires_at > bridge.clock.now());
        let Some(opener) = telling::opener(bridge, &state).filter(|_| is_on || !state.runs.is_empty()) else {
            continue;
        };
        spending::end_all(bridge, &state).await;
        let told = notice(bridge, &opener, text)?;
        let stamp = bridge.stamp(permit.clone(), Kind::Operator, Detail::default());
        bridge.store.disable_execution(stamp, state.conversation, told).await?;
        ended.push(state.conversation.to_string());
    }
    Ok(ended)
}
