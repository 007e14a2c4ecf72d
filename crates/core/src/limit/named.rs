//! The limits of a conversation by name, and what differs from them: for one permission by configuration, in one
//! conversation by the operator. To add one, add a line to [`Limit`] and its row in [`Limit::window`] or [`Overrides::quotas`].

use std::{collections::BTreeMap, ops::RangeInclusive, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Charge, Kind, Window};
use crate::{Code, Denied, Fault, agent::named_enum, entity::Quotas};

named_enum! {
    /// A limit that a conversation or a permission can have of its own. The names are public.
    Limit {
        /// Messages and other changes of an agent in any minute.
        SendPerMinute = "send_per_minute",
        /// … in any hour.
        SendPerHour = "send_per_hour",
        /// … in any day.
        SendPerDay = "send_per_day",
        /// Reads of an agent in any minute.
        ReadPerMinute = "read_per_minute",
        /// Commands that an agent asks for in any minute.
        ExecutePerMinute = "execute_per_minute",
        /// … in any hour.
        ExecutePerHour = "execute_per_hour",
        /// Calls of an agent that are refused in any minute.
        RefusedCallsPerMinute = "refused_calls_per_minute",
        /// Refusals of an agent in any minute that are recorded one by one.
        RefusalsPerMinute = "refusals_per_minute",
        /// Unread messages of one inbox.
        UnreadPerInbox = "unread_per_inbox",
        /// Messages ever sent.
        MessagesPerConversation = "messages_per_conversation",
        /// Bytes of sealed messages.
        BytesPerConversation = "bytes_per_conversation",
        /// Messages that wait to be released.
        HeldPerConversation = "held_per_conversation",
        /// Checks of one agent that wait at once.
        WaitsPerAgent = "waits_per_agent",
        /// Checks that wait at once.
        WaitsPerConversation = "waits_per_conversation",
    }
}

const MINUTE_S: u32 = 60;
const HOUR_S: u32 = 3_600;
const DAY_S: u32 = 86_400;

impl Limit {
    /// The window it limits, as its kind and length in seconds; `None` when it limits an amount.
    pub const fn window(self) -> Option<(Kind, u32)> {
        match self {
            Self::SendPerMinute => Some((Kind::Change, MINUTE_S)),
            Self::SendPerHour => Some((Kind::Change, HOUR_S)),
            Self::SendPerDay => Some((Kind::Change, DAY_S)),
            Self::ReadPerMinute => Some((Kind::Read, MINUTE_S)),
            Self::ExecutePerMinute => Some((Kind::Execute, MINUTE_S)),
            Self::ExecutePerHour => Some((Kind::Execute, HOUR_S)),
            Self::RefusedCallsPerMinute => Some((Kind::Refused, MINUTE_S)),
            Self::RefusalsPerMinute => Some((Kind::Refusal, MINUTE_S)),
            Self::UnreadPerInbox
            | Self::MessagesPerConversation
            | Self::BytesPerConversation
            | Self::HeldPerConversation
            | Self::WaitsPerAgent
            | Self::WaitsPerConversation => None,
        }
    }

    /// The limit of this window.
    pub fn of_window(kind: Kind, length_s: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|limit| limit.window() == Some((kind, length_s)))
    }

    /// What it may be set to. Windows are switched off by 0; amounts never are.
    pub const fn range(self) -> RangeInclusive<u64> {
        match self {
            Self::SendPerMinute
            | Self::SendPerHour
            | Self::SendPerDay
            | Self::ReadPerMinute
            | Self::ExecutePerMinute
            | Self::ExecutePerHour
            | Self::RefusedCallsPerMinute
            | Self::RefusalsPerMinute => 0..=u32::MAX as u64,
            Self::UnreadPerInbox | Self::BytesPerConversation | Self::HeldPerConversation => {
                1..=i64::MAX.cast_unsigned()
            }
            // Message numbers stay below 2^32.
            Self::MessagesPerConversation => 1..=u32::MAX as u64,
            // Two, because a check that takes the place of another one waits beside it for a moment.
            Self::WaitsPerAgent => 2..=64,
            Self::WaitsPerConversation => 2..=2_048,
        }
    }
}

/// Limits that differ from the general ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides(BTreeMap<Limit, u64>);

impl Overrides {
    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// `misconfigured`: what cannot be read is never taken for no limit.
    pub fn parse(text: &str) -> Result<Self, Denied> {
        serde_json::from_str::<Self>(text).ok().filter(Self::is_in_range).ok_or_else(unreadable)
    }

    /// What is stored: a JSON object; `None` when nothing differs.
    pub fn to_text(&self) -> Option<String> {
        let fields = self.iter().map(|(limit, value)| (limit.as_str().to_owned(), value.into())).collect();
        (!self.0.is_empty()).then(|| serde_json::Value::Object(fields).to_string())
    }

    /// Sets one.
    ///
    /// # Errors
    /// `invalid_arguments` when it is out of range.
    pub fn set(&mut self, limit: Limit, value: u64) -> Result<(), Denied> {
        let range = limit.range();
        if !range.contains(&value) {
            let message = format!("{} must be {} to {}", limit.as_str(), range.start(), range.end());
            return Err(Denied::new(Code::InvalidArguments, message));
        }
        self.0.insert(limit, value);
        Ok(())
    }

    /// Takes these over; they win.
    pub fn extend(&mut self, others: &Self) {
        self.0.extend(others.iter());
    }

    /// What one is set to.
    pub fn find(&self, limit: Limit) -> Option<u64> {
        self.0.get(&limit).copied()
    }

    /// All of them, in the order of [`Limit`].
    pub fn iter(&self) -> impl Iterator<Item = (Limit, u64)> {
        self.0.iter().map(|(limit, value)| (*limit, *value))
    }

    /// A charge as it is with these.
    #[must_use]
    pub fn charge(&self, charge: &Charge) -> Charge {
        let mut charge = charge.clone();
        for (limit, value) in self.iter() {
            let Some((_, length_s)) = limit.window().filter(|(kind, _)| *kind == charge.kind) else {
                continue;
            };
            let window = Window { limit: u32::try_from(value).unwrap_or(u32::MAX), length_s };
            match charge.windows.iter_mut().find(|window| window.length_s == length_s) {
                Some(found) => *found = window,
                None => charge.windows.push(window),
            }
        }
        charge
    }

    /// Quotas as they are with these.
    #[must_use]
    pub fn quotas(&self, quotas: Quotas) -> Quotas {
        let own = |limit, general| self.find(limit).unwrap_or(general);
        Quotas {
            unread_per_inbox: own(Limit::UnreadPerInbox, quotas.unread_per_inbox),
            messages_per_conversation: own(Limit::MessagesPerConversation, quotas.messages_per_conversation),
            bytes_per_conversation: own(Limit::BytesPerConversation, quotas.bytes_per_conversation),
            held_per_conversation: own(Limit::HeldPerConversation, quotas.held_per_conversation),
        }
    }

    fn is_in_range(&self) -> bool {
        self.iter().all(|(limit, value)| limit.range().contains(&value))
    }
}

fn unreadable() -> Denied {
    Denied::new(Code::Misconfigured, "the limits of this conversation cannot be read")
        .hint("tell your user: the operator can run `mab limits <conversation> --reset`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overrides(pairs: &[(Limit, u64)]) -> Overrides {
        let mut overrides = Overrides::default();
        for &(limit, value) in pairs {
            overrides.set(limit, value).unwrap();
        }
        overrides
    }

    #[test]
    fn text_when_read_again_is_the_same() {
        let set = overrides(&[(Limit::SendPerDay, 0), (Limit::BytesPerConversation, i64::MAX as u64)]);
        let text = set.to_text().unwrap();
        assert_eq!(text, r#"{"bytes_per_conversation":9223372036854775807,"send_per_day":0}"#);
        assert_eq!(Overrides::parse(&text), Ok(set));
        assert_eq!(Overrides::default().to_text(), None);
    }

    #[test]
    fn text_when_it_is_not_ours_is_refused_and_never_no_limit() {
        for text in [
            "",
            "null",
            "[]",
            r#"{"send_per_minute":-1}"#,
            r#"{"send_per_minute":"5"}"#,
            r#"{"send_per_minute":4294967296}"#,
            r#"{"waits_per_agent":0}"#,
            r#"{"sends_per_minute":5}"#,
        ] {
            let refused = Overrides::parse(text).map_err(|denied| denied.code);
            assert_eq!(refused, Err(Code::Misconfigured), "{text}");
        }
    }

    #[test]
    fn value_when_out_of_range_is_refused() {
        for (limit, value) in [
            (Limit::SendPerMinute, 1 << 32),
            (Limit::BytesPerConversation, 0),
            (Limit::WaitsPerAgent, 65),
            (Limit::MessagesPerConversation, 1 << 32),
        ] {
            let refused = Overrides::default().set(limit, value).map_err(|denied| denied.code);
            assert_eq!(refused, Err(Code::InvalidArguments), "{}", limit.as_str());
        }
    }

    #[test]
    fn charge_when_overridden_keeps_every_other_window() {
        let windows = |limits: &[(u32, u32)]| {
            limits.iter().map(|&(limit, length_s)| Window { limit, length_s }).collect::<Vec<_>>()
        };
        let charge = Charge { kind: Kind::Change, windows: windows(&[(10, 60), (100, 3_600)]) };
        let set = overrides(&[(Limit::SendPerMinute, 3), (Limit::SendPerDay, 7), (Limit::ReadPerMinute, 1)]);
        assert_eq!(set.charge(&charge).windows, windows(&[(3, 60), (100, 3_600), (7, 86_400)]));
        assert_eq!(Overrides::default().charge(&charge), charge);
    }

    #[test]
    fn window_names_its_limit() {
        for limit in Limit::ALL {
            if let Some((kind, length_s)) = limit.window() {
                assert_eq!(Limit::of_window(kind, length_s), Some(*limit));
                assert!(kind.kept_s() >= length_s.into(), "its accepts are kept for all of it");
            }
        }
    }
}
