//! Where time and randomness come from: passed in, never taken, so that tests decide both.

use crate::{Fault, Timestamp};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The current wall-clock time.
    fn now(&self) -> Timestamp;

    /// The time since the machine started. Clocks of tests, which have no machine, derive it from [`Self::now`].
    fn uptime(&self) -> Uptime {
        Uptime { boot: [0; 16], ms: self.now().millis().unsigned_abs() }
    }
}

/// Time since the machine started, asleep or not: nobody sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uptime {
    /// Which start of the machine it counts from.
    pub boot: [u8; 16],
    /// Milliseconds since then.
    pub ms: u64,
}

/// Draws unpredictable bytes.
pub trait Random: Send + Sync {
    /// Fills `buffer` with bytes from a cryptographically secure source.
    ///
    /// # Errors
    /// A [`Fault`] when the source has none.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault>;
}

/// Draws a fixed number of bytes.
///
/// # Errors
/// A [`Fault`] when the source has none.
pub fn draw<const N: usize>(random: &dyn Random) -> Result<[u8; N], Fault> {
    let mut bytes = [0_u8; N];
    random.fill(&mut bytes)?;
    Ok(bytes)
}
