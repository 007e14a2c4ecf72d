//! What calls cost: from settings to the windows and quotas that a transaction charges and keeps.
//!
//! A limit of the conversation wins over one of the caller's permission, and that over the general one. The first, and
//! which permission the caller has by now, is known to the store alone: it applies both inside the transaction.

use std::{collections::BTreeMap, sync::Arc};

use crate::{Bridge, Limits};
use mab_core::{
    Failure, SessionId, Timestamp,
    agent::Permission,
    entity::{AgentUsage, ConversationUsage, Quotas, UsageRequest},
    limit::{Charge, Kind, Limit, Overrides, Refusals, Window},
};
use schemars::JsonSchema;
use serde::Serialize;

const MINUTE_S: u32 = 60;
const HOUR_S: u32 = 3_600;
const DAY_S: u32 = 86_400;

impl Limits {
    /// What a limit is set to in general.
    pub fn general(&self, limit: Limit) -> u64 {
        match limit {
            Limit::SendPerMinute => self.send_per_minute.into(),
            Limit::SendPerHour => self.send_per_hour.into(),
            Limit::SendPerDay => self.send_per_day.into(),
            Limit::ReadPerMinute => self.read_per_minute.into(),
            Limit::ExecutePerMinute => self.execute_per_minute.into(),
            Limit::ExecutePerHour => self.execute_per_hour.into(),
            Limit::RefusedCallsPerMinute => self.refused_calls_per_minute.into(),
            Limit::RefusalsPerMinute => self.refusals_per_minute.into(),
            Limit::UnreadPerInbox => self.unread_per_inbox,
            Limit::MessagesPerConversation => self.messages_per_conversation,
            Limit::BytesPerConversation => self.bytes_per_conversation,
            Limit::HeldPerConversation => self.held_per_conversation,
            Limit::WaitsPerAgent => self.waits_per_agent,
            Limit::WaitsPerConversation => self.waits_per_conversation,
        }
    }

    /// What a limit is set to for an agent with this permission.
    pub fn of(&self, permission: Permission, limit: Limit) -> u64 {
        let own = self.permissions.get(&permission).and_then(|own| own.find(limit));
        own.unwrap_or_else(|| self.general(limit))
    }

    /// What one accept of this kind costs in general.
    pub(crate) fn charge(&self, kind: Kind) -> Charge {
        let window = |limit: u32, length_s| Window { limit, length_s };
        let windows = match kind {
            Kind::Create => vec![
                window(self.create_per_minute, MINUTE_S),
                window(self.create_per_hour, HOUR_S),
                window(self.create_per_day, DAY_S),
            ],
            Kind::Guess => vec![window(self.guesses_per_minute, MINUTE_S)],
            Kind::Operator => Vec::new(),
            Kind::Change | Kind::Read | Kind::Refusal | Kind::Refused | Kind::Execute => {
                let of = |limit: &Limit| {
                    let (_, length_s) = limit.window().filter(|(of, _)| *of == kind)?;
                    Some(window(u32::try_from(self.general(*limit)).unwrap_or(u32::MAX), length_s))
                };
                Limit::ALL.iter().filter_map(of).collect()
            }
        };
        Charge { kind, windows }
    }
}

impl Bridge {
    /// What a refusal costs.
    pub(crate) fn refusals(&self) -> Refusals {
        let charge = |kind| self.settings.limits.charge(kind);
        Refusals {
            calls: charge(Kind::Refused),
            recorded: charge(Kind::Refusal),
            permissions: Arc::clone(&self.of_permissions),
        }
    }

    /// What one conversation may hold.
    pub(crate) fn quotas(&self) -> Quotas {
        let limits = &self.settings.limits;
        Quotas {
            unread_per_inbox: limits.unread_per_inbox,
            messages_per_conversation: limits.messages_per_conversation,
            bytes_per_conversation: limits.bytes_per_conversation,
            held_per_conversation: limits.held_per_conversation,
        }
    }

    /// What a repeated send costs in the place of its own charge.
    pub(crate) fn charge_of_a_repeat(&self) -> Charge {
        self.settings.limits.charge(Kind::Read)
    }

    /// How much of their limits a conversation and these agents use.
    pub(crate) async fn usage(
        &self,
        conversation_pk: i64,
        agents: Vec<SessionId>,
    ) -> Result<Option<ConversationUsage>, Failure> {
        let charges = [Kind::Change, Kind::Read, Kind::Refused, Kind::Execute]
            .map(|kind| self.settings.limits.charge(kind));
        let permissions = Arc::clone(&self.of_permissions);
        self.store.usage(UsageRequest { conversation_pk, agents, charges: charges.into(), permissions }).await
    }
}

/// How much of one limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Level {
    used: u64,
    /// 0 is no limit
    limit: u64,
    /// When full: seconds until one more fits
    #[serde(skip_serializing_if = "Option::is_none")]
    free_in_s: Option<u64>,
}

/// How much is used, by limit.
pub(crate) type Levels = BTreeMap<&'static str, Level>;

/// How full an agent's windows are; those of commands once it asked for one, because most never do.
pub(crate) fn of_agent(usage: &AgentUsage, now: Timestamp) -> Levels {
    let used = |(kind, usage): &(Kind, mab_core::limit::Usage)| {
        let limit = Limit::of_window(*kind, usage.window.length_s)?;
        let free_in_s = usage.free_at.map(|at| at.seconds_since_rounded_up(now));
        Some((limit.as_str(), Level { used: usage.used.into(), limit: usage.window.limit.into(), free_in_s }))
    };
    let is_told = |(kind, usage): &&(Kind, mab_core::limit::Usage)| *kind != Kind::Execute || usage.used > 0;
    usage.windows.iter().filter(is_told).filter_map(used).collect()
}

/// How full a conversation is.
pub(crate) fn of_conversation(bridge: &Bridge, usage: &ConversationUsage) -> Levels {
    let overrides = usage.overrides.clone().unwrap_or_default();
    let quotas = overrides.quotas(bridge.quotas());
    [
        (Limit::MessagesPerConversation, usage.messages, quotas.messages_per_conversation),
        (Limit::BytesPerConversation, usage.size_bytes, quotas.bytes_per_conversation),
    ]
    .map(|(name, used, limit)| (name.as_str(), Level { used, limit, free_in_s: None }))
    .into()
}

/// What differs from the configured limits, by name.
pub(crate) fn names(overrides: &Overrides) -> BTreeMap<&'static str, u64> {
    overrides.iter().map(|(limit, value)| (limit.as_str(), value)).collect()
}
