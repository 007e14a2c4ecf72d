//! What in a workspace others obey without being asked, and what of it a run has made or changed.
//!
//! The sandbox keeps a command from what is known before it starts (`protected.rs`). A command may still make new
//! repositories and settings below: ordinary tools do. So the workspace is looked at before and after each run that may
//! write; what is new is told, and what would run a program by itself is disarmed: renamed, or its bits taken away.
//! Nothing is ever deleted or overwritten, because it may be the edit of somebody else.
//!
//! A look opens folders through no link and each in the one before it. It compares names; contents only of what is obeyed.
//! It may not run anything, git least of all.

mod disarm;
mod git_config;
mod index;
mod planted;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use mab_core::visible::visible;

pub use self::planted::{Change, Done, Planted, What};
use self::walk::Walk;
use crate::{Digest, Workspace, protected::OF_A_WORKSPACE, snapshot::Stamp};

/// What others obey in a workspace, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surface {
    found: BTreeMap<(What, Vec<u8>), Mark>,
    is_whole: bool,
}

/// What one path is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Mark {
    stamp: Stamp,
    /// None when it is too large, or one of too many.
    digest: Option<Digest>,
    /// What it names that git would run or read.
    settings: BTreeSet<String>,
}

impl Surface {
    /// Looks at a workspace.
    pub fn look(workspace: &Workspace) -> Self {
        Walk::look(workspace, ENTRIES_MAX)
    }

    /// Looks again, after a command: disarms what it left, and tells it, the worst first, at most 50 and how many more.
    pub fn settle(&self, workspace: &Workspace) -> Vec<Planted> {
        let now = Self::look(workspace);
        let mut planted = Vec::new();
        for ((what, path), mark) in &now.found {
            let change = match self.found.get(&(*what, path.clone())) {
                None => Change::Made,
                Some(before) if before.is_like(mark) => continue,
                Some(_) => Change::Changed,
            };
            let done = done_about(workspace, (*what, path), mark);
            let settings = mark.settings.iter().cloned().collect();
            planted.push(Planted { path: shown(path), what: *what, change, settings, done });
        }
        let gone = self.found.keys().filter(|key| !now.found.contains_key(*key) && is_kept(&key.1));
        planted.extend(gone.filter(|_| now.is_whole).map(|(what, path)| Planted {
            path: shown(path),
            what: *what,
            change: Change::Removed,
            settings: Vec::new(),
            done: Done::ToldOfOthers,
        }));
        let more = planted.len().saturating_sub(TOLD_MAX);
        planted.truncate(TOLD_MAX);
        if !now.is_whole {
            planted.push(told(What::NotSeen, ".".to_owned()));
        }
        if more > 0 {
            planted.push(told(What::More, more.to_string()));
        }
        planted
    }
}

impl Mark {
    /// Times cannot be forged without a clock of one's own; contents are compared because an editor writes anew what it
    /// does not change.
    fn is_like(&self, other: &Self) -> bool {
        self.stamp == other.stamp || (self.digest.is_some() && self.digest == other.digest)
    }
}

/// What is done about something that is new or another.
fn done_about(workspace: &Workspace, (what, path): (What, &[u8]), mark: &Mark) -> Done {
    match what {
        What::Setuid => disarm::clear(workspace, path),
        _ if is_kept(path) => Done::ToldOfOthers,
        What::GitHook => disarm::set_aside(workspace, path),
        What::GitSettings if !mark.settings.is_empty() => disarm::set_aside(workspace, path),
        What::GitSettings
        | What::Repository
        | What::Gitlink
        | What::Settings
        | What::NotSeen
        | What::More => Done::Told,
    }
}

/// Whether every sandbox keeps commands from writing there, so that a change is somebody else's, or the sandbox failed.
fn is_kept(path: &[u8]) -> bool {
    let is_below = |name: &str| {
        path.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    path == b".git"
        || OF_A_WORKSPACE.iter().copied().any(is_below)
        || OF_THE_REPOSITORY.into_iter().any(is_below)
}

/// A path as text on which no terminal acts.
fn shown(path: &[u8]) -> String {
    if path.is_empty() { ".".to_owned() } else { visible(&String::from_utf8_lossy(path), &[]) }
}

fn told(what: What, path: String) -> Planted {
    Planted { path, what, change: Change::Made, settings: Vec::new(), done: Done::Told }
}

/// What is read-only in the workspace's own repository even for a command that commits.
const OF_THE_REPOSITORY: [&str; 7] = [
    ".git/hooks",
    ".git/config",
    ".git/config.worktree",
    ".git/commondir",
    ".git/modules",
    ".git/worktrees",
    ".git/objects/info/alternates",
];
/// Entries of a workspace that are looked at.
const ENTRIES_MAX: u64 = 500_000;
/// Longest list.
const TOLD_MAX: usize = 50;

#[cfg(test)]
mod tests;
