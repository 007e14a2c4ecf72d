//! What a command may touch while it runs, and how much of everything it gets.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

/// What one run may touch. Its canonical form is part of the request, so that a yes to one profile is none to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The workspace, absolute and without symbolic links: the command's folder, under the same path as on the host.
    pub workspace: PathBuf,
    /// Whether the command may write there.
    pub writable: bool,
    /// What it may do to the repository's own state.
    pub git: GitAccess,
    /// Whether it reaches a network.
    pub network: Network,
    /// Folders and files of the host that it may read besides the system's own, absolute (tool chains).
    pub readable: Vec<PathBuf>,
    /// Files and folders that it may never see although they lie in what it may read, absolute.
    pub hidden: Vec<PathBuf>,
    /// Its whole environment; in a request, digests stand for the values that the operator passes in.
    pub environment: BTreeMap<String, String>,
    /// How much it gets.
    pub limits: Limits,
}

/// What a command may do to `.git`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitAccess {
    /// Read it.
    ReadOnly,
    /// Write objects, references and the index; hooks, configuration and what redirects them stay read-only.
    Commit,
}

/// Whether a command reaches a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// None at all.
    Off,
    /// The host's own.
    Host,
}

/// How much one run gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall-clock time of the whole plan.
    pub time_s: u32,
    /// Processor time of one process.
    pub cpu_s: u32,
    /// Memory of all its processes together where a control group holds it, else of each.
    pub memory_bytes: u64,
    /// Processes and threads at once.
    pub processes: u32,
    /// Size of one file it writes.
    pub file_bytes: u64,
    /// Size of its private `/tmp`.
    pub scratch_bytes: u64,
    /// Bytes it may print on stdout and stderr together before it is ended.
    pub output_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time_s: 120,
            cpu_s: 120,
            memory_bytes: 4 << 30,
            processes: 512,
            file_bytes: 1 << 30,
            scratch_bytes: 512 << 20,
            output_bytes: 64 << 20,
        }
    }
}
