//! Who asked for a run, while it runs.

use std::os::fd::BorrowedFd;

use mab_redact::{Digest, Memory};
use serde::Serialize;

/// Who asked for a run: may cancel it, is told how it goes, and knows of secrets. Everything is optional; `()` does none
/// of it.
pub trait Observer: Sync {
    /// The run's own id, by which people know it; none when it has none. What is saved before it says so.
    fn run_id(&self) -> Option<String> {
        None
    }

    /// Becomes readable, or is closed at its other end, when the run is to be cancelled.
    fn cancelled(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Takes how far the run is: at most four times a second. It may not wait: the run's time goes on.
    fn progress(&self, _progress: &Progress) {}

    /// Secrets that the conversation knows.
    fn memory(&self) -> Option<&Memory> {
        None
    }

    /// Values that the conversation knows in clear, such as its tokens.
    fn values(&self) -> Option<&Memory> {
        None
    }

    /// Takes secrets that were found in the output, made under the key of [`Self::memory`]; never called without one.
    fn learned(&self, _digests: Vec<Digest>) {}
}

impl Observer for () {}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Wall-clock milliseconds since it was started.
    pub elapsed_ms: u64,
    /// Bytes it printed on stdout.
    pub stdout_bytes: u64,
    /// Bytes it printed on stderr.
    pub stderr_bytes: u64,
    /// The last line that it printed, with a line behind it or nothing for a second: redacted, visible, cut at 200
    /// characters; empty while there is none.
    pub last_line: String,
}
