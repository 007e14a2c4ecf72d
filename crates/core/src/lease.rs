//! File leases: who has reserved which files until when, and which reservations exclude each other.
//!
//! Decisions here are pure. Patterns are sealed in the store, so the service opens them, decides, and has the store
//! carry the decision out unless the leases have changed in between ([`LeaseChange::seen_version`]).

mod pattern;

pub use pattern::{EXPANSIONS_MAX, PATTERN_MAX_CHARS, PathPattern, ProjectPath};

use crate::{SessionId, Timestamp, seal::Sealed};

/// Shortest lease, in seconds.
pub const TTL_MIN_S: u32 = 10;
/// Longest lease, in seconds.
pub const TTL_MAX_S: u32 = 86_400;
/// Length of a lease when its holder does not say, in seconds.
pub const TTL_DEFAULT_S: u32 = 900;
/// Most leases that one agent holds.
pub const LEASES_PER_AGENT: usize = 64;
/// Most characters, with braces expanded, of the patterns that one agent holds. Comparing is at worst quadratic: all that
/// one agent may want against all that 31 others may hold took 70 ms with the worst patterns found (release build, one
/// core, 2026-11-22: names without `*` against `*aaa…ab*`).
pub const CHARS_PER_AGENT: usize = 2_048;

/// A lease with its pattern in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub holder: SessionId,
    /// What it covers.
    pub pattern: PathPattern,
    /// Whether nobody else may hold any of it.
    pub exclusive: bool,
    /// Its number in the conversation.
    pub fence: u64,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Lease {
    /// Whether it is over: from its end on.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

/// What an agent wants to reserve.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Who wants it.
    pub holder: &'a SessionId,
    /// What it should cover.
    pub patterns: &'a [PathPattern],
    /// Whether nobody else may hold any of it.
    pub exclusive: bool,
}

/// A wanted pattern and a lease that is in its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict<'a> {
    /// What was wanted.
    pub wanted: &'a PathPattern,
    /// What is in its way.
    pub lease: &'a Lease,
}

/// The leases in the way: those of others that are not over and overlap, when one of the two is exclusive.
pub fn conflicts<'a>(wanted: Wanted<'a>, held: &'a [Lease], now: Timestamp) -> Vec<Conflict<'a>> {
    let excludes = |lease: &&Lease| {
        lease.holder != *wanted.holder && !lease.is_over(now) && (wanted.exclusive || lease.exclusive)
    };
    let others: Vec<&Lease> = held.iter().filter(excludes).collect();
    let with = |pattern: &'a PathPattern| {
        let overlapping = others.iter().filter(|lease| lease.pattern.overlaps(pattern));
        overlapping.map(|lease| Conflict { wanted: pattern, lease }).collect::<Vec<_>>()
    };
    wanted.patterns.iter().flat_map(with).collect()
}

/// When a lease ends that is stored to end at `expires_at`: nothing lasts longer than [`TTL_MAX_S`] from now, whatever
/// the clock was when it was made.
pub fn ends_at(expires_at: Timestamp, now: Timestamp) -> Timestamp {
    expires_at.min(now.plus_seconds(u64::from(TTL_MAX_S)))
}

/// The leases of a conversation at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leases {
    /// Grows whenever a holder acquires, renews or releases, so that no decision outlives what it was taken on.
    pub version: u64,
    /// In the order of their fences; also such as are over.
    pub rows: Vec<StoredLease>,
}

/// A lease as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLease {
    /// Its number in the conversation.
    pub fence: u64,
    /// Who holds it.
    pub holder: SessionId,
    /// The holder's join ordinal.
    pub holder_ordinal: u8,
    /// Names the row to its seal.
    pub tag: [u8; 8],
    /// Whether nobody else may hold any of it.
    pub exclusive: bool,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Its pattern, sealed.
    pub path: Vec<u8>,
}

/// What an agent changes about its own leases: all of it or nothing.
#[derive(Debug, Default)]
pub struct LeaseChange {
    /// The version the decision was taken on; with another one nothing is changed.
    pub seen_version: u64,
    /// Leases to add.
    pub acquire: Vec<NewLease>,
    /// Leases to prolong, by fence.
    pub renew: Vec<u64>,
    /// Leases to end, by fence.
    pub release: Vec<u64>,
    /// Of those acquired and renewed: whether nobody else may hold any of it.
    pub exclusive: bool,
    /// Of those acquired and renewed: when they end.
    pub expires_at: Timestamp,
}

/// A lease to add.
#[derive(Debug)]
pub struct NewLease {
    /// Names the row to its seal.
    pub tag: [u8; 8],
    /// Its pattern.
    pub path: Sealed,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn pattern(text: &str) -> PathPattern {
        PathPattern::parse(text).unwrap()
    }

    fn lease(holder: &str, text: &str, exclusive: bool, seconds: u64) -> Lease {
        let (holder, pattern) = (holder.parse().unwrap(), pattern(text));
        Lease { holder, pattern, exclusive, fence: 1, expires_at: NOW.plus_seconds(seconds) }
    }

    /// How many of the held are in the way of `a`.
    fn in_the_way(text: &str, exclusive: bool, held: &[Lease]) -> usize {
        let wanted = Wanted { holder: &"a".parse().unwrap(), patterns: &[pattern(text)], exclusive };
        conflicts(wanted, held, NOW).len()
    }

    #[test]
    fn lease_of_another_is_in_the_way_unless_both_share() {
        for (wanted, held, expected) in
            [(true, true, 1), (true, false, 1), (false, true, 1), (false, false, 0)]
        {
            assert_eq!(in_the_way("src", wanted, &[lease("b", "src/a.rs", held, 60)]), expected);
        }
        assert_eq!(in_the_way("src", true, &[lease("b", "docs", true, 60)]), 0);
    }

    #[test]
    fn own_lease_is_never_in_the_way() {
        assert_eq!(in_the_way("src", true, &[lease("a", "src", true, 60)]), 0);
    }

    #[test]
    fn lease_is_over_from_its_end_on() {
        assert_eq!(in_the_way("src", true, &[lease("b", "src", true, 0)]), 0);
        let last_moment =
            Lease { expires_at: Timestamp::from_millis(NOW.millis() + 1), ..lease("b", "src", true, 0) };
        assert_eq!(in_the_way("src", true, &[last_moment]), 1);
    }

    #[test]
    fn every_conflict_is_told_by_wanted_pattern() {
        let held = [lease("b", "src/**", true, 60), lease("c", "src/x", true, 30)];
        let (a, wanted) = ("a".parse().unwrap(), [pattern("docs"), pattern("src/x"), pattern("src/y")]);
        let found = conflicts(Wanted { holder: &a, patterns: &wanted, exclusive: true }, &held, NOW);
        let found: Vec<_> = found.iter().map(|one| format!("{} {}", one.wanted, one.lease.holder)).collect();
        assert_eq!(found, ["src/x b", "src/x c", "src/y b"]);
    }

    #[test]
    fn end_that_a_wrong_clock_set_is_brought_within_the_longest_lease() {
        let soon = NOW.plus_seconds(60);
        assert_eq!(ends_at(soon, NOW), soon);
        assert_eq!(ends_at(Timestamp::from_millis(i64::MAX), NOW), NOW.plus_seconds(86_400));
    }
}
