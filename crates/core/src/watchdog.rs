//! The watchdog: when a sender has to hear that its message has not arrived.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Fault, Timestamp,
    agent::{ALIVE_WINDOW_S, named_enum},
    entity::Overdue,
};

/// How long a message may wait to be handed out before its sender hears of it, in seconds.
pub const UNCOLLECTED_S: u64 = 15 * 60;

named_enum! {
    /// Why a message has not arrived.
    Reason {
        /// The recipient makes calls, but none that collects messages.
        Uncollected = "uncollected",
        /// The recipient has made no call for a while and does not wait for messages either.
        HeartbeatStopped = "heartbeat_stopped",
        /// The recipient has not made a single call yet.
        NeverSeen = "never_seen",
        /// The recipient was removed before it had read it.
        Removed = "removed",
        /// It was held back, and then somebody who judges held messages refused it.
        Rejected = "rejected",
    }
}

/// Whether an agent counts as alive: it waits for messages, or made a call within [`ALIVE_WINDOW_S`].
pub fn is_alive(listening: bool, last_seen_at: Option<Timestamp>, now: Timestamp) -> bool {
    listening || last_seen_at.is_some_and(|seen| now.millis_since(seen) <= ALIVE_WINDOW_S * 1_000)
}

/// What the sender of an unacknowledged message has to hear, if anything.
pub fn judge(overdue: &Overdue, now: Timestamp) -> Option<Reason> {
    if overdue.lost.is_some() {
        return overdue.lost;
    }
    let waits_s = now.millis_since(overdue.stored_at) / 1_000;
    if is_alive(overdue.listening, overdue.last_seen_at, now) {
        return (!overdue.offered && waits_s >= UNCOLLECTED_S).then_some(Reason::Uncollected);
    }
    match overdue.last_seen_at {
        Some(_) => Some(Reason::HeartbeatStopped),
        // Whoever was just invited is given time to come.
        None => (waits_s >= ALIVE_WINDOW_S).then_some(Reason::NeverSeen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MessageId;

    const NOW_S: u64 = 100_000;

    fn at(seconds_ago: u64) -> Timestamp {
        Timestamp::default().plus_seconds(NOW_S - seconds_ago)
    }

    fn reason(stored: u64, offered: bool, seen: Option<u64>, listening: bool) -> Option<Reason> {
        let overdue = Overdue {
            session: crate::SessionId::from_ordinal(1),
            id: MessageId { seq: 1, tag: [0; 8] },
            stored_at: at(stored),
            offered,
            last_seen_at: seen.map(at),
            listening,
            lost: None,
        };
        judge(&overdue, at(0))
    }

    #[test]
    fn message_when_it_sat_unoffered_for_fifteen_minutes_is_reported() {
        assert_eq!(reason(899, false, Some(5), false), None);
        assert_eq!(reason(900, false, Some(5), false), Some(Reason::Uncollected));
        assert_eq!(reason(900, true, Some(5), false), None, "it was handed out and its recipient lives");
        assert_eq!(reason(900, false, Some(9_000), true), Some(Reason::Uncollected), "waiting is living");
    }

    #[test]
    fn recipient_when_its_heartbeat_stopped_is_reported_whatever_was_offered() {
        assert_eq!(reason(1, false, Some(120), false), None);
        assert_eq!(reason(1, false, Some(121), false), Some(Reason::HeartbeatStopped));
        assert_eq!(reason(1, true, Some(121), false), Some(Reason::HeartbeatStopped));
        assert_eq!(reason(1, true, Some(121), true), None);
    }

    #[test]
    fn recipient_when_removed_and_message_when_rejected_is_reported_at_once() {
        let overdue = Overdue {
            session: crate::SessionId::from_ordinal(1),
            id: MessageId { seq: 1, tag: [0; 8] },
            stored_at: at(0),
            offered: true,
            last_seen_at: Some(at(0)),
            listening: false,
            lost: Some(Reason::Removed),
        };
        assert_eq!(judge(&overdue, at(0)), Some(Reason::Removed));
        let rejected = Overdue { lost: Some(Reason::Rejected), ..overdue };
        assert_eq!(judge(&rejected, at(0)), Some(Reason::Rejected));
    }

    #[test]
    fn recipient_that_never_came_is_given_two_minutes() {
        assert_eq!(reason(119, false, None, false), None);
        assert_eq!(reason(120, false, None, false), Some(Reason::NeverSeen));
        assert_eq!(reason(120, false, None, true), None);
    }
}
