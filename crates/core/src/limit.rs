//! Exact rate windows.
//!
//! The store keeps the accept times of one subject, numbered without gaps. A window of `limit` per `length_s`
//! seconds is full when the `limit`-th newest accept lies less than `length_s` ago: then, and only then, one more
//! would make `limit + 1` within some span of that length. One look-up per window, whatever the limit.
//! Times never go back: an accept is dated no earlier than the one before it.

use std::{collections::BTreeMap, sync::Arc};

use crate::{Code, Denied, Timestamp, agent::Permission};

mod named;

pub use named::{Limit, Overrides};

/// At most `limit` accepts in any span of `length_s` seconds; a `limit` of 0 means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Accepts allowed.
    pub limit: u32,
    /// Length, in seconds.
    pub length_s: u32,
}

/// What an accept is counted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sending and other changes.
    Change,
    /// Reading.
    Read,
    /// Refusals written to the audit trail one by one; beyond the window they are only counted.
    Refusal,
    /// Opening conversations (per data folder).
    Create,
    /// The operator's doings: dated, never limited.
    Operator,
    /// Wrong credentials (per peer).
    Guess,
    /// Calls that were refused for another reason than a limit of this sort.
    Refused,
    /// Asking for commands to be run.
    Execute,
}

/// Where calls come from before anybody is authenticated: a user of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(i64);

impl Peer {
    /// A user of this machine, by number.
    pub fn user(uid: u32) -> Self {
        Self(uid.into())
    }

    /// The number the store keeps.
    pub const fn stored(self) -> i64 {
        self.0
    }
}

/// How far ahead of where it can be a stored time may lie, in seconds, and still count. Further ahead, the clock was
/// wrong when it was made.
pub const AHEAD_MAX_S: u64 = 60;

/// Whether a stored time, which can be no later than `now`, was made by a clock that has been set back since.
pub fn is_ahead(latest: Timestamp, now: Timestamp) -> bool {
    latest > now.plus_seconds(AHEAD_MAX_S)
}

impl Kind {
    /// How long accept times are kept, in seconds: no process may forget what another one's windows need.
    pub const fn kept_s(self) -> u64 {
        match self {
            Self::Change | Self::Create => 86_400,
            Self::Execute => 3_600,
            Self::Read | Self::Refusal | Self::Operator | Self::Guess | Self::Refused => 60,
        }
    }

    /// The number the store keeps.
    pub const fn stored(self) -> i64 {
        match self {
            Self::Change => 0,
            Self::Read => 1,
            Self::Refusal => 2,
            Self::Create => 3,
            Self::Operator => 4,
            Self::Guess => 5,
            Self::Refused => 6,
            Self::Execute => 7,
        }
    }

    /// What is counted, in a word or two; also the name in the audit trail.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Change => "changes",
            Self::Read => "reads",
            Self::Refusal => "refusals",
            Self::Create => "new conversations",
            Self::Operator => "commands",
            Self::Guess => "wrong credentials",
            Self::Refused => "refused calls",
            Self::Execute => "commands asked for",
        }
    }

    /// What else to do than to wait.
    const fn advice(self) -> &'static str {
        match self {
            Self::Change => "combine several short messages into one",
            Self::Read | Self::Refusal | Self::Operator => "check_messages can wait for messages itself",
            Self::Create => "one conversation serves for more than one question",
            Self::Refused => "heed what the refusals said",
            Self::Execute => "put several into one, joined by && or ;",
            Self::Guess => "stop guessing; the operator can run `mab tokens <conversation>`",
        }
    }
}

/// One accept to be charged against a subject's windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// What it counts as.
    pub kind: Kind,
    /// The windows it must fit.
    pub windows: Vec<Window>,
}

/// What differs for agents with a permission: applied to the one that an agent turns out to have inside the transaction.
pub type ByPermission = Arc<BTreeMap<Permission, Overrides>>;

/// What the refusal of a call costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusals {
    /// What an agent may have refused; beyond it, it is told `rate_limited` instead.
    pub calls: Charge,
    /// What is recorded one by one; beyond it, refusals are counted.
    pub recorded: Charge,
    /// What differs in these, and in whatever else the call is charged.
    pub permissions: ByPermission,
}

/// How full a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The window.
    pub window: Window,
    /// Accepts that lie within it now.
    pub used: u32,
    /// When one more fits; `None` when one fits now.
    pub free_at: Option<Timestamp>,
}

impl Charge {
    /// How full each window is at `now`; `latest` and `nth_newest` as for [`Self::decide`]. The number of look-ups
    /// grows with the logarithm of what was accepted.
    ///
    /// # Errors
    /// Whatever `nth_newest` fails with.
    pub fn usage<E>(
        &self,
        now: Timestamp,
        latest: Option<Timestamp>,
        mut nth_newest: impl FnMut(u32) -> Result<Option<Timestamp>, E>,
    ) -> Result<Vec<Usage>, E> {
        let at = latest.map_or(now, |latest| latest.max(now));
        let mut usages = Vec::new();
        for window in &self.windows {
            let length_s = u64::from(window.length_s);
            let mut frees = |nth| -> Result<Option<Timestamp>, E> {
                let free_at = nth_newest(nth)?.map(|accepted| accepted.plus_seconds(length_s));
                Ok(free_at.filter(|free_at| *free_at > at))
            };
            // The newest ones lie within: all up to some number, which is found by halving.
            let (mut within, mut beyond) = (0, 1);
            while frees(beyond)?.is_some() && beyond < u32::MAX {
                within = beyond;
                beyond = beyond.saturating_mul(2);
            }
            while beyond - within > 1 {
                let middle = within + (beyond - within) / 2;
                if frees(middle)?.is_some() { within = middle } else { beyond = middle }
            }
            let full = window.limit > 0 && within >= window.limit;
            let free_at = if full { frees(window.limit)? } else { None };
            usages.push(Usage { window: *window, used: within, free_at });
        }
        Ok(usages)
    }

    /// How long this accept's time is kept, in seconds.
    pub fn kept_s(&self) -> u64 {
        let longest = self.windows.iter().map(|window| u64::from(window.length_s)).max().unwrap_or(0);
        longest.max(self.kind.kept_s())
    }

    /// Decides whether one more fits at `now`, and returns when it then counts as accepted: never before `latest`,
    /// the newest accept, even when the clock was set back. `nth_newest(n)` is the time of the n-th newest accept
    /// (1 = newest), or `None` when there are fewer.
    ///
    /// # Errors
    /// `rate_limited` with the seconds after which one more fits every window, or whatever `nth_newest` fails with.
    pub fn decide<E: From<Denied>>(
        &self,
        now: Timestamp,
        latest: Option<Timestamp>,
        mut nth_newest: impl FnMut(u32) -> Result<Option<Timestamp>, E>,
    ) -> Result<Timestamp, E> {
        let at = latest.map_or(now, |latest| latest.max(now));
        let mut fullest: Option<(Timestamp, Window)> = None;
        for window in self.windows.iter().filter(|window| window.limit > 0) {
            let Some(accepted) = nth_newest(window.limit)? else { continue };
            let free_at = accepted.plus_seconds(u64::from(window.length_s));
            if free_at > at && fullest.is_none_or(|(latest, _)| free_at > latest) {
                fullest = Some((free_at, *window));
            }
        }
        let Some((free_at, window)) = fullest else { return Ok(at) };
        let retry_after_s = free_at.seconds_since_rounded_up(now);
        let message =
            format!("{} {} in any {} are allowed", window.limit, self.kind.noun(), span(window.length_s));
        Err(Denied::new(Code::RateLimited, message)
            .retry_after(retry_after_s)
            .retry_at(free_at)
            .hint(format!("wait {retry_after_s} s, then call again; {}", self.kind.advice()))
            .into())
    }
}

fn span(length_s: u32) -> String {
    match length_s {
        60 => "minute".to_owned(),
        3_600 => "hour".to_owned(),
        86_400 => "day".to_owned(),
        other => format!("{other} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn charge(limits: &[(u32, u32)]) -> Charge {
        let windows = limits.iter().map(|&(limit, length_s)| Window { limit, length_s }).collect();
        Charge { kind: Kind::Change, windows }
    }

    fn accept(charge: &Charge, accepted: &mut Vec<Timestamp>, at_ms: i64) -> Result<(), Denied> {
        let (now, latest) = (Timestamp::from_millis(at_ms), accepted.last().copied());
        let at = charge.decide(now, latest, |nth| {
            Ok::<_, Denied>(accepted.len().checked_sub(nth as usize).map(|index| accepted[index]))
        })?;
        accepted.push(at);
        Ok(())
    }

    #[test]
    fn wait_when_the_clock_was_set_back_lasts_until_it_has_caught_up() {
        let (charge, mut accepted) = (charge(&[(2, 60)]), Vec::new());
        assert_eq!(accept(&charge, &mut accepted, 100_000), Ok(()));
        assert_eq!(accept(&charge, &mut accepted, 40_000), Ok(()));
        assert_eq!(accepted, [100_000, 100_000].map(Timestamp::from_millis));
        assert_eq!(accept(&charge, &mut accepted, 40_000).unwrap_err().retry_after_s, Some(120));
        assert_eq!(accept(&charge, &mut accepted, 159_999).unwrap_err().retry_after_s, Some(1));
        assert_eq!(accept(&charge, &mut accepted, 160_000), Ok(()));
    }

    #[test]
    fn eleventh_within_a_minute_is_refused_with_the_exact_wait() {
        let (charge, mut accepted) = (charge(&[(10, 60)]), Vec::new());
        for i in 0..10 {
            assert_eq!(accept(&charge, &mut accepted, 58_500 + i * 60), Ok(()));
        }
        let refused = accept(&charge, &mut accepted, 60_000).unwrap_err();
        assert_eq!((refused.code, refused.retry_after_s), (Code::RateLimited, Some(59)));
        assert_eq!(accept(&charge, &mut accepted, 118_499).unwrap_err().retry_after_s, Some(1));
        assert_eq!(accept(&charge, &mut accepted, 118_500), Ok(()));
    }

    #[test]
    fn limit_when_zero_is_off() {
        let (charge, mut accepted) = (charge(&[(0, 60)]), Vec::new());
        assert!((0..1_000).all(|_| accept(&charge, &mut accepted, 0).is_ok()));
    }

    proptest! {
        #[test]
        fn no_span_ever_holds_more_than_its_limit(
            steps in prop::collection::vec(0_i64..4_000, 1..400), limits in prop::collection::vec((1_u32..8, 1_u32..20), 1..4),
        ) {
            let (charge, mut accepted, mut now) = (charge(&limits), Vec::new(), 0);
            for step in steps {
                now += step;
                let refused = accept(&charge, &mut accepted, now);
                if let Err(denied) = refused {
                    // Exact: refused one millisecond before the promised second ends, accepted at it.
                    let wait_ms = denied.retry_after_s.unwrap().cast_signed() * 1_000;
                    let mut copy = accepted.clone();
                    prop_assert!(accept(&charge, &mut copy, now + wait_ms).is_ok());
                    let mut copy = accepted.clone();
                    prop_assert!(accept(&charge, &mut copy, now + wait_ms - 1_000).is_err());
                }
            }
            let (at, latest) = (Timestamp::from_millis(now), accepted.last().copied());
            let nth = |nth: u32| Ok::<_, Denied>(accepted.len().checked_sub(nth as usize).map(|i| accepted[i]));
            let usage = charge.usage(at, latest, nth).unwrap();
            for (used, (limit, length_s)) in usage.iter().zip(&limits) {
                let within = accepted.iter().filter(|at| at.plus_seconds(u64::from(*length_s)).millis() > now);
                prop_assert_eq!(used.used as usize, within.count());
                prop_assert_eq!(used.free_at.is_some(), used.used >= *limit);
            }
            let free_at = usage.iter().filter_map(|usage| usage.free_at).max();
            prop_assert_eq!(charge.decide(at, latest, nth).map_err(|denied| denied.retry_at).err(), free_at.map(Some));
            for (limit, length_s) in limits {
                for pair in accepted.windows(limit as usize + 1) {
                    prop_assert!(pair[limit as usize].millis_since(pair[0]) >= u64::from(length_s) * 1_000);
                }
            }
        }
    }
}
