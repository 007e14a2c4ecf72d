//! The operating system's clock and random source.

use std::sync::OnceLock;

use mab_core::{Clock, Fault, Random, Timestamp, Uptime};
use rustix::time::{ClockId, clock_gettime};

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

    fn uptime(&self) -> Uptime {
        static BOOT: OnceLock<[u8; 16]> = OnceLock::new();
        let since = clock_gettime(ClockId::Boottime);
        let millis = since.tv_sec.saturating_mul(1_000).saturating_add(since.tv_nsec / 1_000_000);
        Uptime { boot: *BOOT.get_or_init(boot), ms: u64::try_from(millis).unwrap_or_default() }
    }
}

/// Which start of the machine this is, random(4) says; zeros where the kernel does not tell: then only that the clock counts
/// from the start tells two starts apart.
fn boot() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let mut bytes = [0; 16];
    // Bytes that are not read stay zeros.
    let _ = hex::decode_to_slice(text.trim_end().replace('-', ""), &mut bytes);
    bytes
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
    fn uptime_is_of_this_start_of_the_machine_and_never_goes_back() {
        let (first, second) = (SystemClock.uptime(), SystemClock.uptime());
        assert_eq!(first.boot, second.boot);
        assert_ne!(first.boot, [0; 16]);
        assert!(second.ms >= first.ms);
        let kernel = std::fs::read_to_string("/proc/uptime").unwrap();
        let seconds: f64 = kernel.split(' ').next().unwrap().parse().unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds since a start")]
        let kernel_ms = (seconds * 1_000.0) as u64;
        assert!(kernel_ms.saturating_add(10) >= second.ms, "the kernel was asked later");
    }

    #[test]
    fn random_when_drawn_twice_differs() -> Result<(), Fault> {
        let draw = || mab_core::source::draw::<16>(&OsRandom);
        assert_ne!(draw()?, draw()?);
        Ok(())
    }
}
