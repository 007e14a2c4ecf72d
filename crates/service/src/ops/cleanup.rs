//! `cleanup`: purges conversations that have ended, for the operator.

use mab_core::{Failure, audit::Detail, limit::Kind, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::door::{Call, Op};

/// The operation.
pub(crate) struct Cleanup;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Conversations purged
    conversations: u64,
    /// Messages destroyed
    messages: u64,
    /// Whether the file was rewritten and its log emptied too; otherwise run it again
    log_emptied: bool,
}

impl Op for Cleanup {
    const ACTION: Action = Action::Cleanup;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, _: Arguments) -> Result<Answer, Failure> {
        let stamp = call.bridge.stamp(call.permit, Kind::Operator, Detail::default());
        let purged = call.bridge.store.purge(stamp).await?;
        Ok(Answer {
            conversations: purged.conversations,
            messages: purged.messages,
            log_emptied: purged.log_emptied,
        })
    }
}
