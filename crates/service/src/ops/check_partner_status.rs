//! `check_partner_status`: what the other agents are doing.

use mab_core::{Failure, audit::Detail, limit::Kind, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    door::{Call, Op},
    reading::{self, ReadAgent},
};

/// The operation.
pub(crate) struct CheckPartnerStatus;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// role and note are their words
    partners: Vec<ReadAgent>,
}

impl Op for CheckPartnerStatus {
    const ACTION: Action = Action::CheckStatus;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, _: Arguments) -> Result<Answer, Failure> {
        let (bridge, opener) = (call.bridge, call.opener()?);
        let (pk, own) = (call.member()?.conversation_pk, call.member()?.ordinal);
        bridge.store.charge(bridge.stamp(call.permit, Kind::Read, Detail::default())).await?;
        let (states, now) = (bridge.store.agents(pk).await?, bridge.clock.now());
        let others = states.iter().filter(|state| state.ordinal != own && !state.revoked);
        Ok(Answer { partners: others.map(|state| reading::agent(state, Some(&opener), now)).collect() })
    }
}
