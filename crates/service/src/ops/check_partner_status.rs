//! `check_partner_status`: what the other agents are doing, and how far one's own messages got.

use std::collections::BTreeMap;

use mab_core::{
    Failure, Fault, audit::Detail, entity::Member, limit::Kind, moderation::PausedBy, policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Bridge,
    door::{Call, Op},
    limits::{self, Level, Levels},
    reading::{self, Delivery, ReadAgent},
    running::standing::{Commands, commands},
    watch::{self, Undelivered},
};

/// Most receipts in one answer.
const RECEIPTS_MAX: u32 = 10;

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
    /// Nobody can send
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_by: Option<PausedBy>,
    /// What you sent and somebody has not got
    #[serde(skip_serializing_if = "Vec::is_empty")]
    undelivered: Vec<Undelivered>,
    /// Your newest messages, newest first
    receipts: Vec<Receipt>,
    /// What a person lets agents have run here
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<Commands>,
    you: You,
}

/// The caller.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct You {
    session_id: String,
    permission: &'static str,
    /// What you and the conversation have used, by limit
    #[schemars(with = "BTreeMap<String, Level>")]
    limits: Levels,
}

/// How far a message got.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Receipt {
    message_id: String,
    seq: u64,
    /// By recipient: stored, offered (handed out), acknowledged, undeliverable (it was removed), held, rejected
    #[schemars(with = "BTreeMap<String, String>")]
    to: Delivery,
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
        let receipts = bridge.store.receipts(pk, Some(own), None, RECEIPTS_MAX);
        let undelivered = watch::undelivered(bridge, &member);
        let outlook = bridge.store.outlook(member.agent_pk, 0, false);
        let (states, receipts, undelivered, outlook, you) =
            tokio::try_join!(bridge.store.agents(pk), receipts, undelivered, outlook, you(bridge, &member))?;
        let execution = commands(bridge, &opener).await?;
        let paused_by = outlook.and_then(|outlook| outlook.paused_by);
        let now = bridge.clock.now();
        let receipt = |receipt: &mab_core::entity::Receipt| Receipt {
            message_id: receipt.id.to_string(),
            seq: receipt.id.seq,
            to: reading::delivery(receipt),
        };
        let others = states.iter().filter(|state| state.ordinal != own && !state.revoked);
        let partners = others.map(|state| reading::agent(state, Some(&opener), now)).collect();
        let receipts = receipts.iter().map(receipt).collect();
        Ok(Answer { partners, paused_by, undelivered, receipts, execution, you })
    }
}

/// The caller and what it has used.
async fn you(bridge: &Bridge, member: &Member) -> Result<You, Failure> {
    let usage = bridge.usage(member.conversation_pk, vec![member.session.clone()]).await?;
    let nothing = Fault::new("adding up the usage of nothing");
    let Some((usage, own)) = usage.as_ref().and_then(|usage| Some((usage, usage.agents.first()?))) else {
        return Err(nothing.into());
    };
    let mut limits = limits::of_conversation(bridge, usage);
    limits.extend(limits::of_agent(own, bridge.clock.now()));
    Ok(You { session_id: own.session.to_string(), permission: own.permission.as_str(), limits })
}
