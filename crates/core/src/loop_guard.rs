//! The loop guard: agents that talk among themselves for long wait for a human.
//!
//! Messages are counted since a human or a change of status last broke the talk. The newest one pauses its
//! conversation when it is at least the `messages`-th of the talk, and the `messages`-th newest is younger than the
//! window. One look-up, whatever the numbers, and only in a talk that is long enough.

use crate::Timestamp;

/// How long agents may talk among themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopGuard {
    /// The message of a talk that pauses the conversation; 0 is never.
    pub messages: u32,
    /// Within how many seconds they must have been sent.
    pub window_seconds: u32,
}

impl LoopGuard {
    /// The message whose time decides whether the newest one, `last_seq`, pauses its conversation: the `messages`-th
    /// newest. `None` when nothing has to be decided, because fewer were sent since `calm_seq`.
    pub fn deciding_seq(self, calm_seq: u64, last_seq: u64) -> Option<u64> {
        let messages = u64::from(self.messages);
        let long = messages > 0 && last_seq.saturating_sub(calm_seq) >= messages;
        long.then(|| last_seq - messages + 1)
    }

    /// Whether the conversation pauses at `now`, when the deciding message was stored at `at`.
    pub fn pauses(self, at: Timestamp, now: Timestamp) -> bool {
        now < at.plus_seconds(u64::from(self.window_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUARD: LoopGuard = LoopGuard { messages: 3, window_seconds: 10 };

    #[test]
    fn talk_when_shorter_than_the_limit_is_not_looked_at() {
        assert_eq!(
            [7, 8, 9, 10, 11].map(|last| GUARD.deciding_seq(7, last)),
            [None, None, None, Some(8), Some(9)]
        );
        // A count that was damaged stops nothing.
        assert_eq!(GUARD.deciding_seq(u64::MAX, 10), None);
    }

    #[test]
    fn guard_of_one_pauses_after_every_message_and_of_zero_after_none() {
        assert_eq!(LoopGuard { messages: 1, ..GUARD }.deciding_seq(7, 8), Some(8));
        assert_eq!(LoopGuard { messages: 0, ..GUARD }.deciding_seq(0, u64::MAX), None);
    }

    #[test]
    fn window_is_exact_at_its_border() {
        let (at, pauses) = (Timestamp::from_millis(5_000), |ms| {
            GUARD.pauses(Timestamp::from_millis(5_000), Timestamp::from_millis(ms))
        });
        assert!(GUARD.pauses(at, at) && pauses(14_999));
        assert!(!pauses(15_000) && !pauses(99_000));
        assert!(pauses(0), "a clock that was set back frees nobody");
    }
}
