//! What ends the play early.

use mab_core::{Denied, Failure};

use crate::cli::Trouble;

/// Something is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unexpected(pub(super) String);

/// Why the play ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The bridge did something else than it should.
    Unexpected(Unexpected),
    /// The play could not be shown.
    Trouble(Trouble),
}

/// Fails with `message` unless `holds`.
pub(super) fn ensure(holds: bool, message: impl Into<String>) -> Result<(), Unexpected> {
    if holds { Ok(()) } else { Err(Unexpected(message.into())) }
}

impl From<Unexpected> for Stop {
    fn from(unexpected: Unexpected) -> Self {
        Self::Unexpected(unexpected)
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<&str> for Stop {
    fn from(message: &str) -> Self {
        Self::Unexpected(Unexpected(message.to_owned()))
    }
}

impl From<Denied> for Stop {
    fn from(denied: Denied) -> Self {
        Self::Unexpected(Unexpected(denied.to_string()))
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Trouble(failure.into())
    }
}
