//! The operating system's clock and random source.

use mab_core::{Clock, Fault, Random, Timestamp};

/// The system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that is passed in everywhere else")]
        let now = std::time::SystemTime::now();
        // A clock set before 1970 reads as 1970.
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The operating system's cryptographically secure random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        #[expect(clippy::disallowed_methods, reason = "this is the source that is passed in everywhere else")]
        getrandom::fill(buffer).map_err(|source| Fault::from_source("drawing random bytes", source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_is_later_than_the_code() {
        assert!(SystemClock.now() > Timestamp::from_millis(1_760_000_000_000));
    }

    #[test]
    fn random_when_drawn_twice_differs() -> Result<(), Fault> {
        let draw = || mab_core::source::draw::<16>(&OsRandom);
        assert_ne!(draw()?, draw()?);
        Ok(())
    }
}
