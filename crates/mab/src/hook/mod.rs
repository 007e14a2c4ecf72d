//! What a client's hooks say: that there is mail, and that a file is reserved. Never a word of an agent.

/// How long `mab hook wait` waits unless it is told otherwise, in seconds: just below the hour that Claude Code is told to
/// bear it.
pub(crate) const WAIT_S: u32 = 3_590;
