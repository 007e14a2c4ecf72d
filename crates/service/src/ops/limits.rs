//! `limits`: shows or changes the limits of one conversation, for the operator.

use std::collections::BTreeMap;

use mab_core::{
    Code, Denied, Failure,
    agent::Permission,
    audit::Detail,
    entity::ConversationState,
    limit::{Kind, Limit},
    policy::Action,
};
use mab_store::LimitsChange;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Bridge,
    arguments::ConversationArgument,
    door::{Call, Op},
    limits::{self, Levels},
};

/// The operation.
pub(crate) struct SetLimits;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    conversation_id: ConversationArgument,
    /// Limits to set, by name
    #[serde(default)]
    set: BTreeMap<Limit, u64>,
    /// Take back what was set before
    #[serde(default)]
    reset: bool,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    /// What the conversation has of its own; the rest is as configured
    own: BTreeMap<&'static str, u64>,
    /// Why what it has of its own cannot be read; no agent can call then
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    /// Every limit of each member, by name
    #[schemars(with = "BTreeMap<String, BTreeMap<String, u64>>")]
    effective: BTreeMap<String, BTreeMap<&'static str, u64>>,
    #[serde(flatten)]
    usage: Usage,
}

/// How much of its limits a conversation uses.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Usage {
    /// Of the conversation, by limit
    #[schemars(with = "BTreeMap<String, limits::Level>")]
    pub(crate) conversation: Levels,
    /// Of each member, by limit
    #[schemars(with = "BTreeMap<String, BTreeMap<String, limits::Level>>")]
    pub(crate) agents: BTreeMap<String, Levels>,
}

impl Op for SetLimits {
    const ACTION: Action = Action::Inspect;
    type Arguments = Arguments;
    type Answer = Answer;

    /// Only changes are recorded.
    fn action(arguments: &Arguments) -> Action {
        if arguments.changes() { Action::SetLimits } else { Action::Inspect }
    }

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, id) = (call.bridge, arguments.conversation_id.0);
        if arguments.changes() {
            let mut change = LimitsChange { reset: arguments.reset, ..LimitsChange::default() };
            for (limit, value) in arguments.set {
                change.set.set(limit, value)?;
            }
            let stamp = bridge.stamp(call.permit, Kind::Operator, Detail::default());
            bridge.store.set_limits(stamp, id, change).await?;
        }
        let state = bridge.store.conversation(id).await?.ok_or_else(nowhere)?;
        let (own, usage) = usage(bridge, &state).await?;
        let (overrides, unreadable) = match own {
            Ok(overrides) => (overrides, None),
            Err(denied) => (mab_core::limit::Overrides::default(), Some(denied.message)),
        };
        let of = |permission: Permission| {
            let limit = |limit: &Limit| {
                let general = bridge.settings.limits.of(permission, *limit);
                (limit.as_str(), overrides.find(*limit).unwrap_or(general))
            };
            Limit::ALL.iter().map(limit).collect()
        };
        let members = state.agents.iter().filter(|agent| !agent.revoked);
        let effective = members.map(|agent| (agent.session.to_string(), of(agent.permission))).collect();
        let own = limits::names(&overrides);
        Ok(Answer { conversation_id: id.to_string(), own, unreadable, effective, usage })
    }
}

impl Arguments {
    fn changes(&self) -> bool {
        self.reset || !self.set.is_empty()
    }
}

/// What a conversation has of its own, and how much it and its members use.
pub(crate) async fn usage(
    bridge: &Bridge,
    state: &ConversationState,
) -> Result<(Result<mab_core::limit::Overrides, Denied>, Usage), Failure> {
    let members = state.agents.iter().filter(|agent| !agent.revoked);
    let agents = members.map(|agent| agent.session.clone()).collect();
    let usage = bridge.usage(state.pk, agents).await?.ok_or_else(nowhere)?;
    let now = bridge.clock.now();
    let agents =
        usage.agents.iter().map(|agent| (agent.session.to_string(), limits::of_agent(agent, now))).collect();
    let conversation = limits::of_conversation(bridge, &usage);
    Ok((usage.overrides, Usage { conversation, agents }))
}

fn nowhere() -> Denied {
    Denied::new(Code::NotFound, "no such conversation").hint("`mab list --all` shows what there is")
}
