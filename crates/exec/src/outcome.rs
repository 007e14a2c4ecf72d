//! How a run ended. Nothing here is guessed from what a command printed.

use serde::Serialize;

use crate::{Layer, Planted, RequestHash, Tier};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was not run.
    Denied {
        /// Which layer refused.
        layer: Layer,
        /// Why, in a sentence.
        reason: String,
    },
    /// It was not run, because the sandbox is not there or could not be set up.
    SandboxUnavailable {
        /// What is missing and who can mend it.
        reason: String,
    },
    /// It ran and ended by itself. Of several commands, the last that was run; 128 + the signal when one ended it.
    Exited {
        /// Its exit code, 0 to 255.
        code: i32,
    },
    /// It was ended, with everything it had started.
    Killed {
        /// Why.
        reason: Killed,
    },
}

/// Why a run was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Killed {
    /// Its time was over.
    Timeout,
    /// It printed more than it may.
    Output,
    /// It used more memory than it may. Too many processes end nothing: the kernel refuses the next one.
    Memory,
    /// Who asked for it cancelled.
    Cancelled,
    /// The bridge could not follow it any longer; the log says why.
    Lost,
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finished {
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The request that was run.
    pub request_hash: RequestHash,
    /// The sandbox it ran in; none when it was not run.
    pub tier: Option<Tier>,
    /// What was enforced, each in a few words: `landlock abi 7`, `seccomp`, `cgroup v1 memory`.
    pub enforced: Vec<String>,
    /// Wall-clock milliseconds from start to end.
    pub duration_ms: u64,
    /// The snapshot of the workspace before it; none when it could not write.
    pub snapshot: Option<String>,
    /// What it left in the workspace that others would obey, and what was done about it; the worst first.
    pub planted: Vec<Planted>,
    /// What it printed on stdout.
    pub stdout: Captured,
    /// What it printed on stderr.
    pub stderr: Captured,
}

/// What is kept of one stream: redacted, with every control character made visible.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Captured {
    /// The first 256 KiB.
    pub head: String,
    /// The last 256 KiB of what did not fit into the head.
    pub tail: String,
    /// Bytes between the two, of the command's own output, that were dropped.
    pub omitted_bytes: u64,
    /// Bytes that the command printed.
    pub total_bytes: u64,
    /// Secrets that were replaced.
    pub redacted: u64,
    /// Whether it was not text: bytes that are no UTF-8 are shown as `\x..`.
    pub binary: bool,
}
