//! `check_partner_status`: what the other agents are doing.

use mab_core::{Failure, audit::Detail, limit::Kind, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    door::{Call, Op},
    reading::{self, ReadAgent},
    watch::{self, Undelivered},
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
    /// What you sent and somebody has not got
    #[serde(skip_serializing_if = "Vec::is_empty")]
    undelivered: Vec<Undelivered>,
}

impl Op for CheckPartnerStatus {
    const ACTION: Action = Action::CheckStatus;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, _: Arguments) -> Result<Answer, Failure> {
        let (bridge, opener) = (call.bridge, call.opener()?);
        let member = call.member()?.clone();
        let (pk, own) = (member.conversation_pk, member.ordinal);
        bridge.store.charge(bridge.stamp(call.permit, Kind::Read, Detail::default())).await?;
        let (states, now) = (bridge.store.agents(pk).await?, bridge.clock.now());
        let others = states.iter().filter(|state| state.ordinal != own && !state.revoked);
        let partners = others.map(|state| reading::agent(state, Some(&opener), now)).collect();
        Ok(Answer { partners, undelivered: watch::undelivered(bridge, &member).await? })
    }
}
