//! How a SQLite store is opened.

use std::path::PathBuf;

use mab_core::audit::Marker;

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Once the disk has it (`synchronous=FULL`): survives power loss.
    Full,
    /// Once the operating system has it (`synchronous=NORMAL`): survives `kill -9`, not power loss.
    Normal,
}

/// How a SQLite store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database file; created when it does not exist. Its folder must exist.
    pub path: PathBuf,
    /// When a commit counts as done.
    pub durability: Durability,
    /// How long a call waits for another process's write before it is refused as `busy`, in milliseconds.
    pub busy_timeout_ms: u64,
    /// Fingerprint of the master key the data belong to; a store opened with another one is refused.
    pub master_fingerprint: [u8; 8],
    /// Marks audit entries as this bridge's.
    pub marker: Marker,
    /// Whether checkpoints of this file are kept beside it: its entries then have marks, whatever version it names.
    pub anchored: bool,
}
