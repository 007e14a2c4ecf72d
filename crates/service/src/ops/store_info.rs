//! `store_info`: what the store is, for the operator.

use mab_core::{Failure, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::door::{Call, Op};

/// The operation.
pub(crate) struct Info;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Engine and version
    engine: String,
    location: String,
    /// Schema version
    schema: u32,
    /// full or normal
    durability: String,
    size_bytes: u64,
    /// ok, or what the engine's self-check found
    check: String,
}

impl Op for Info {
    const ACTION: Action = Action::Inspect;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, _: Arguments) -> Result<Answer, Failure> {
        let info = call.bridge.store.info().await?;
        Ok(Answer {
            engine: info.engine,
            location: info.location,
            schema: info.schema,
            durability: info.durability,
            size_bytes: info.size_bytes,
            check: info.check,
        })
    }
}
