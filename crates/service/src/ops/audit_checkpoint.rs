//! `audit_checkpoint`: signs the state of all audit chains, for the operator.

use mab_core::{Failure, anchor::note_of, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    anchoring::Wish,
    door::{Call, Op},
};

/// The operation.
pub(crate) struct AuditCheckpoint;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Set the anchor aside and begin another one, over all chains; recorded
    #[serde(default)]
    begin_anew: bool,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Whether anything had to be signed
    written: bool,
    /// The newest checkpoint, a signed note; absent when nothing was ever recorded
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Op for AuditCheckpoint {
    const ACTION: Action = Action::Checkpoint;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let bridge = call.bridge;
        let wish = if arguments.begin_anew { Wish::Anew(call.permit) } else { Wish::Routine };
        let written = bridge.checkpoint(wish).await?;
        let newest = match &written {
            Some(written) => Some(written.clone()),
            None => bridge.store.newest_checkpoint().await?,
        };
        let note = newest.as_ref().and_then(|newest| note_of(&newest.text)).map(str::to_owned);
        Ok(Answer { written: written.is_some(), note })
    }
}
