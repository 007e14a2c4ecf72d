//! `leases`: the files that are reserved, for the operator.

use mab_core::{Failure, lease::Lease, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::ConversationArgument,
    door::{Call, Op},
    leasing::{current, places},
    reading::PEER,
};

/// The operation.
pub(crate) struct Leases;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Only this conversation's; default every active one's
    #[serde(default)]
    conversation_id: Option<ConversationArgument>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    leases: Vec<Reserved>,
}

/// A lease that is not over.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Reserved {
    conversation_id: String,
    session_id: String,
    /// A pattern, relative to the project's root
    pattern: String,
    exclusive: bool,
    fence: u64,
    expires_at: String,
    trust: &'static str,
}

impl Reserved {
    /// A lease as the operator sees it.
    pub(crate) fn new(conversation: mab_core::ConversationId, lease: &Lease) -> Self {
        Self {
            conversation_id: conversation.to_string(),
            session_id: lease.holder.to_string(),
            pattern: lease.pattern.to_string(),
            exclusive: lease.exclusive,
            fence: lease.fence,
            expires_at: lease.expires_at.to_string(),
            trust: PEER,
        }
    }
}

impl Op for Leases {
    const ACTION: Action = Action::Inspect;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let mut leases = Vec::new();
        for state in places(call.bridge, arguments.conversation_id.map(|id| id.0)).await? {
            let held = current(call.bridge, &state).await?;
            leases.extend(held.iter().map(|lease| Reserved::new(state.id, lease)));
        }
        Ok(Answer { leases })
    }
}
