//! What differs between two states of a workspace.

use std::{collections::HashSet, path::PathBuf};

use super::{
    entry::{Entry, Kind, to_path},
    survey::Stamp,
};

/// What differs, sorted by path. What is not saved on either side is not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Each path that differs.
    pub changes: Vec<Change>,
}

/// One path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Below the workspace. A name may hold anything: make it visible before it is shown.
    pub path: PathBuf,
    /// What it is at first; none when it is not there.
    pub before: Option<Side>,
    /// What it is then; none when it is not there.
    pub after: Option<Side>,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// A file, link or folder.
    pub what: What,
    /// Its permission bits.
    pub mode: u32,
    /// Bytes of its content; 0 for a folder.
    pub size: u64,
}

/// A file, link or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
}

/// What is to be done about one path.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The path.
    pub(crate) path: Vec<u8>,
    /// What is there, and what it looks like.
    pub(crate) now: Option<(Entry, Stamp)>,
    /// What is to be there.
    pub(crate) wanted: Option<Entry>,
}

impl Side {
    fn of(entry: &Entry) -> Option<Self> {
        let what = match entry.kind {
            Kind::File => What::File,
            Kind::Link => What::Link,
            Kind::Folder => What::Folder,
            Kind::NotSaved(_) => return None,
        };
        Some(Self { what, mode: entry.mode & 0o7777, size: entry.size })
    }
}

impl Difference {
    /// As the steps lead from what is there to what is wanted.
    pub(crate) fn of(steps: &[Step]) -> Self {
        let changes = steps.iter().map(|step| Change {
            path: to_path(&step.path),
            before: step.now.as_ref().and_then(|(entry, _)| Side::of(entry)),
            after: step.wanted.as_ref().and_then(Side::of),
        });
        Self { changes: changes.collect() }
    }

    /// The other way round.
    #[must_use]
    pub(crate) fn reversed(mut self) -> Self {
        for change in &mut self.changes {
            std::mem::swap(&mut change.before, &mut change.after);
        }
        self
    }
}

/// The steps from `now` to `wanted`, sorted by path; both are sorted. What is not saved on either side, and what lies below
/// it, is left alone.
pub(crate) fn steps(now: &[Entry], stamps: &[Stamp], wanted: &[Entry]) -> Vec<Step> {
    let lists = [now, wanted].into_iter().flatten();
    let alone: HashSet<&[u8]> = lists
        .filter(|entry| matches!(entry.kind, Kind::NotSaved(_)))
        .map(|entry| entry.path.as_slice())
        .collect();
    let mut steps = Vec::new();
    let mut now = now.iter().zip(stamps).peekable();
    let mut wanted = wanted.iter().peekable();
    loop {
        let step = match (now.peek(), wanted.peek()) {
            (None, None) => return steps,
            (Some((is, _)), Some(want)) if is.path == want.path => (now.next(), wanted.next()),
            (Some((is, _)), Some(want)) if is.path > want.path => (None, wanted.next()),
            (None, Some(_)) => (None, wanted.next()),
            (Some(_), _) => (now.next(), None),
        };
        let path = match step {
            (Some((is, _)), Some(want)) if is.same(want) => continue,
            (Some((is, _)), _) => &is.path,
            (None, Some(want)) => &want.path,
            (None, None) => continue,
        };
        if !covered(path, &alone) {
            let now = step.0.map(|(entry, stamp)| (entry.clone(), *stamp));
            steps.push(Step { path: path.clone(), now, wanted: step.1.cloned() });
        }
    }
}

/// Whether `path` or a folder above it is one of `alone`.
fn covered(path: &[u8], alone: &HashSet<&[u8]>) -> bool {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    !alone.is_empty()
        && ends.chain([path.len()]).any(|end| path.get(..end).is_some_and(|above| alone.contains(above)))
}
