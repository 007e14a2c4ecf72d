//! What differs between two states of a workspace.

use std::{collections::HashSet, path::PathBuf};

use super::{
    carry_out::Kept,
    entry::{Entry, Kind, Why, as_path, encode, find, to_path},
    keep::Known,
    survey::Stamp,
};
use crate::Digest;

/// What differs, sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Each path that differs.
    pub changes: Vec<Change>,
    /// Paths that could not be compared, with why: no snapshot holds them, or what lies below them.
    pub skipped: Vec<Kept>,
    /// Stands for all that differs with its contents, so that what is done is what was shown.
    pub seal: Option<Digest>,
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

/// A file, link, folder, or something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
    /// Something that no snapshot holds; [`Difference::skipped`] says why.
    Other,
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

impl Step {
    /// Whether it is a file on both sides, with the same content: only its permission bits differ.
    pub(crate) fn is_of_mode(&self) -> bool {
        let (Some((now, _)), Some(wanted)) = (&self.now, &self.wanted) else { return false };
        let file = now.kind == Kind::File && wanted.kind == Kind::File;
        file && now.size == wanted.size && now.digest == wanted.digest
    }
}

impl Side {
    fn of(entry: &Entry) -> Self {
        let what = match entry.kind {
            Kind::File => What::File,
            Kind::Link => What::Link,
            Kind::Folder => What::Folder,
            Kind::NotSaved(_) => What::Other,
        };
        Self { what, mode: entry.mode & 0o7777, size: entry.size }
    }
}

impl Difference {
    /// As the steps lead from what is there to what is wanted.
    pub(crate) fn of(steps: &[Step]) -> Self {
        let changes = steps.iter().map(|step| Change {
            path: to_path(&step.path),
            before: step.now.as_ref().map(|(entry, _)| Side::of(entry)),
            after: step.wanted.as_ref().map(Side::of),
        });
        Self { changes: changes.collect(), skipped: Vec::new(), seal: Some(seal(steps)) }
    }

    /// The same, with what could not be compared.
    #[must_use]
    pub(crate) fn with_skipped(mut self, known: &Known, wanted: &[Entry]) -> Self {
        self.skipped = skipped(known, wanted);
        self
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

/// The steps from `now` to `wanted`, sorted by path; both are sorted. What `wanted` does not hold, and what lies below it, is
/// left alone, and so is what was added since and is not saved. Where `wanted` holds something and what is there now could not
/// be saved, there is a step: else a command could hide what it did behind a pipe or a file too large.
pub(crate) fn steps(now: &[Entry], stamps: &[Stamp], wanted: &[Entry]) -> Vec<Step> {
    let alone: HashSet<&[u8]> = wanted
        .iter()
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
        let added_unsaved = matches!(step, (Some((Entry { kind: Kind::NotSaved(_), .. }, _)), None));
        if !added_unsaved && !covered(path, &alone) {
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

/// What could not be compared, with why.
fn skipped(known: &Known, wanted: &[Entry]) -> Vec<Kept> {
    let not_saved = |entry: &Entry| match entry.kind {
        Kind::NotSaved(why) => Some(why),
        Kind::File | Kind::Link | Kind::Folder => None,
    };
    let told = |entry: &Entry, why: String| Kept { path: to_path(&entry.path), why };
    let in_wanted = wanted.iter().filter_map(|entry| {
        let why = not_saved(entry)?;
        Some(told(entry, format!("not in the snapshot: {why}")))
    });
    let only_now = known.entries.iter().filter_map(|entry| {
        let why = not_saved(entry)?;
        match find(wanted, &entry.path) {
            Some(want) if not_saved(want).is_some() => None,
            Some(_) => Some(told(entry, format!("what is there now cannot be saved: {why}"))),
            None => Some(told(entry, format!("added since, and left as it is: {why}"))),
        }
    });
    let mut skipped: Vec<Kept> = in_wanted.chain(only_now).collect();
    skipped.sort_by(|one, other| one.path.cmp(&other.path));
    if known.passed_over > 0 {
        let why = format!(
            "{} more paths were added than are looked at; they are left as they are",
            known.passed_over
        );
        skipped.push(Kept { path: as_path(b".").to_owned(), why });
    }
    skipped
}

/// Whether what is there could be saved.
pub(super) const fn is_unreadable(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::NotSaved(Why::Unreadable))
}

/// The digest of the steps: paths, kinds, modes, sizes and contents on both sides; not where contents are kept.
fn seal(steps: &[Step]) -> Digest {
    let bare = |entry: &Entry| Entry { place: super::Place::default(), ..entry.clone() };
    let side = |entry: Option<&Entry>| encode(&entry.map(bare).into_iter().collect::<Vec<_>>());
    let mut all = Vec::new();
    for step in steps {
        for side in [side(step.now.as_ref().map(|(entry, _)| entry)), side(step.wanted.as_ref())] {
            all.extend_from_slice(&(side.len() as u64).to_le_bytes());
            all.extend_from_slice(&side);
        }
    }
    Digest::of(&[SEAL_DOMAIN, &all])
}

/// Sets this digest apart from every other use of SHA-256 here.
const SEAL_DOMAIN: &[u8] = b"mab.exec.steps.v1\0";
