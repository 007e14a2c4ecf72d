//! Saves a workspace before a command may write to it, shows what changed since, and brings it back.
//!
//! A snapshot holds every file, link and folder below the workspace with its exact bytes and permission bits: what is
//! committed, what is not, what git ignores (`.env` is what nobody else could bring back), nested repositories, names that
//! are no text. [`Why`] lists what is not in it; each such path is told, and a restore leaves it alone.
//!
//! **Nothing is started for it.** No program, and so no filter, hook, monitor or configuration of the workspace, runs outside
//! a sandbox. The workspace is only read, through no symbolic link and on its own file system; a repository's own files are
//! read like others and its lock is not taken. Every content is read and hashed here once, and again when its inode, size,
//! modification or change time differs: no index of the workspace is believed, and nothing is borrowed from its objects, so
//! that a snapshot outlives `rm -rf .git` and `git gc`.
//!
//! ```text
//! <state>/snapshots/              0700
//!   <32 hex digits>/              one workspace: of the SHA-256 of its device, inode and path
//!     lock                        held while one process works here
//!     packs/<n>                   contents one after the other, each once; a tree says where each lies
//!     trees/<SHA-256>             the paths of a snapshot, see `entry.rs`; snapshots without a change between share it
//!     taken/<id>                  the record of a snapshot: written last, removed first
//!     stamps                      the last look: a tree's name, and what each of its paths looked like
//! ```
//!
//! # Figures
//! 50,000 files, 198 MB, two cores: see `examples/snapshot_figures.rs` and `docs/snapshots.md`.

mod carry_out;
mod compare;
mod entry;
mod failure;
mod keep;
mod record;
mod store;
mod survey;
mod text;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use mab_core::{Code, Denied, Random, Timestamp};

pub use carry_out::Kept;
pub use compare::{Change, Difference, Side, What};
pub use entry::Why;
pub use record::{NotSaved, Snapshot, SnapshotId};
pub use text::TextChange;

pub(crate) use carry_out::carry_out;
pub(crate) use compare::{Step, steps};
pub(crate) use entry::{Entry, Kind, Place, as_path, is_git, to_path};
pub(crate) use failure::doing;
pub(crate) use keep::Known;
pub(crate) use survey::{BELOW, Stamp};
pub(crate) use text::compare as compare_texts;

use crate::Workspace;
use keep::{Pack, contents};
use record::{NOT_SAVED_SHOWN, Record};
use store::Store;
use survey::{Rules, walk};

/// The snapshots of all workspaces.
pub struct Snapshots {
    root: PathBuf,
    settings: Settings,
    random: Arc<dyn Random>,
}

/// How much is saved, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of one file; a larger one is not saved, and is told.
    pub file_max_bytes: u64,
    /// Bytes of all files of a workspace; a larger workspace is refused.
    pub total_max_bytes: u64,
    /// Files, links and folders of a workspace; one with more is refused.
    pub files_max: u64,
    /// Names of folders that can be made again; so can every folder with a `CACHEDIR.TAG`.
    pub left_out: Vec<String>,
    /// How many snapshots of a workspace are kept.
    pub keep: u32,
    /// Seconds after which a snapshot is removed when another is taken.
    pub max_age_s: u64,
    /// Seconds for which another process that works on the same workspace is waited for.
    pub wait_s: u32,
}

/// How a snapshot is restored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How {
    /// Whether to say what would be done, and do nothing.
    pub dry_run: bool,
    /// Whether the repository's own state comes back too: `HEAD`, references, index, configuration and hooks.
    pub with_git: bool,
}

/// What a restore did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// From what is there to what was saved.
    pub plan: Difference,
    /// What was left as it is although it differs.
    pub kept: Vec<Kept>,
    /// The snapshot that was taken before, which undoes it; none for a dry run.
    pub undo: Option<SnapshotId>,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Snapshots.
    pub snapshots: u64,
    /// Bytes of the disk that they took.
    pub freed_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let names = ["node_modules", "__pycache__", ".venv", ".tox", ".gradle", ".next", ".turbo"];
        Self {
            file_max_bytes: 100 << 20,
            total_max_bytes: 4 << 30,
            files_max: 500_000,
            left_out: names.map(ToOwned::to_owned).into(),
            keep: 20,
            max_age_s: 14 * 24 * 60 * 60,
            wait_s: 10,
        }
    }
}

impl Snapshots {
    /// The snapshots below `state_dir`, a private folder of the bridge.
    ///
    /// # Errors
    /// [`Code::Misconfigured`] when `state_dir` is not absolute.
    pub fn open(state_dir: &Path, settings: Settings, random: Arc<dyn Random>) -> Result<Self, Denied> {
        if !state_dir.is_absolute() {
            return Err(Denied::new(Code::Misconfigured, "the state folder's path is not absolute")
                .hint("give its whole path"));
        }
        let state_dir = state_dir.canonicalize().unwrap_or_else(|_| state_dir.to_owned());
        Ok(Self { root: state_dir.join("snapshots"), settings, random })
    }

    /// Saves the workspace. `label` says what for, in at most 200 characters; a longer one is cut.
    ///
    /// # Errors
    /// [`Code::Conflict`] when the workspace moved, [`Code::QuotaExceeded`] when it is too large, [`Code::StorageFull`],
    /// [`Code::Busy`] when another process holds its snapshots for too long; nothing is kept then.
    pub fn take(&self, workspace: &Workspace, label: &str, now: Timestamp) -> Result<Snapshot, Denied> {
        let store = self.store(workspace)?;
        let taken = self.take_into(&store, workspace, label, now)?.0;
        self.retain(&store, now)?;
        Ok(taken)
    }

    /// The snapshots of the workspace, the newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn list(&self, workspace: &Workspace) -> Result<Vec<Snapshot>, Denied> {
        Ok(self.store(workspace)?.records()?.into_iter().map(Snapshot::from).collect())
    }

    /// What changed since a snapshot: from what was saved to what is there. Nothing is kept.
    ///
    /// # Errors
    /// [`Code::NotFound`] for another workspace's snapshot or none; as [`Self::take`].
    pub fn diff(&self, workspace: &Workspace, id: &SnapshotId) -> Result<Difference, Denied> {
        let store = self.store(workspace)?;
        let wanted = store.tree(&store.record(id)?.tree)?;
        let now = self.look(&store, workspace)?;
        Ok(Difference::of(&steps(&now.entries, &now.stamps, &wanted)).reversed())
    }

    /// How the text of one file changed since a snapshot.
    ///
    /// # Errors
    /// As [`Self::diff`]; [`Code::NotFound`] when it is no file or link on either side.
    pub fn text(&self, workspace: &Workspace, id: &SnapshotId, path: &Path) -> Result<TextChange, Denied> {
        let store = self.store(workspace)?;
        let tree = store.tree(&store.record(id)?.tree)?;
        text::change(&store, workspace, &tree, path)
    }

    /// Brings back what was saved: what was changed or removed since comes back, what was added goes. Modification times are
    /// those of the restore, so that build tools see the change. The workspace is saved before.
    ///
    /// # Errors
    /// As [`Self::diff`]. [`Code::StorageFull`] before anything is changed; a failure after that says so, and the same
    /// again completes it.
    pub fn restore(
        &self,
        workspace: &Workspace,
        id: &SnapshotId,
        how: How,
        now: Timestamp,
    ) -> Result<Restored, Denied> {
        let store = self.store(workspace)?;
        let wanted = store.tree(&store.record(id)?.tree)?;
        let (undo, known) = if how.dry_run {
            (None, self.look(&store, workspace)?)
        } else {
            let (taken, known) =
                self.take_into(&store, workspace, &format!("before restore of {id}"), now)?;
            (Some(taken.id), known)
        };
        let mut steps = steps(&known.entries, &known.stamps, &wanted);
        if !how.with_git {
            steps.retain(|step| !entry::is_git(&step.path));
        }
        let plan = Difference::of(&steps);
        let kept = if how.dry_run {
            Vec::new()
        } else {
            workspace.still_there()?;
            carry_out(workspace, &steps, &|entry, out| store.read(entry, out), &self.draw()?)?
        };
        self.retain(&store, now)?;
        Ok(Restored { plan, kept, undo })
    }

    /// Removes all but the newest `keep` snapshots of each workspace, and those older than `max_age_s`.
    ///
    /// # Errors
    /// When a folder of snapshots cannot be changed; what was removed before stays removed.
    pub fn prune(&self, keep: u32, max_age_s: u64, now: Timestamp) -> Result<Pruned, Denied> {
        let refuse = doing("cannot read the folder of snapshots");
        let mut pruned = Pruned::default();
        let Ok(workspaces) = std::fs::read_dir(&self.root) else { return Ok(pruned) };
        for folder in workspaces {
            let store = Store::open_named(&folder.map_err(refuse)?.path(), self.settings.wait_s)?;
            let removed = remove_old(&store, (keep, max_age_s), now)?;
            pruned.snapshots += removed.snapshots;
            pruned.freed_bytes += removed.freed_bytes;
        }
        Ok(pruned)
    }

    /// Every path as it is now. Nothing is kept.
    pub(crate) fn known(&self, workspace: &Workspace) -> Result<Known, Denied> {
        self.look(&self.store(workspace)?, workspace)
    }

    /// Takes steps that lead to something else than a snapshot. `plan` makes them of what is there, which must at their
    /// paths be what the snapshot `since` has. It is saved before.
    pub(crate) fn change(
        &self,
        workspace: &Workspace,
        (since, now): (&SnapshotId, Timestamp),
        plan: &mut dyn FnMut(&Known) -> Vec<Step>,
        content: carry_out::Content<'_>,
    ) -> Result<Restored, Denied> {
        let store = self.store(workspace)?;
        let saved = store.tree(&store.record(since)?.tree)?;
        let label = format!("before applying a preview on {since}");
        let (taken, known) = self.take_into(&store, workspace, &label, now)?;
        let moved = steps(&known.entries, &known.stamps, &saved);
        let moved: BTreeSet<_> = moved.iter().map(|step| step.path.as_slice()).collect();
        let planned = plan(&known);
        if let Some(step) = planned.iter().find(|step| moved.contains(step.path.as_slice())) {
            let path = String::from_utf8_lossy(&step.path).escape_debug().to_string();
            return Err(Denied::new(Code::Conflict, format!("{path} changed since the command was started"))
                .hint("discard the preview and run the command again"));
        }
        let kept = carry_out(workspace, &planned, content, &self.draw()?)?;
        self.retain(&store, now)?;
        Ok(Restored { plan: Difference::of(&planned), kept, undo: Some(taken.id) })
    }

    fn store(&self, workspace: &Workspace) -> Result<Store, Denied> {
        workspace.still_there()?;
        if self.root.starts_with(workspace.path()) || workspace.path().starts_with(&self.root) {
            return Err(Denied::new(
                Code::Misconfigured,
                "the state folder and the workspace lie one in the other",
            )
            .hint("choose a data folder outside the workspace"));
        }
        Store::open(&self.root, workspace, self.settings.wait_s)
    }

    /// Knows every path as it is now, and keeps nothing.
    fn look(&self, store: &Store, workspace: &Workspace) -> Result<Known, Denied> {
        let (last, began_ns) = (store.last(), store.moment_ns()?);
        let found = walk(workspace, &Rules { settings: &self.settings, last: &last.entries })?;
        Ok(Known { began_ns, ..contents(workspace, found, &last, None)? })
    }

    /// Knows every path as it is now, and keeps the contents.
    fn keep(&self, store: &Store, workspace: &Workspace) -> Result<Known, Denied> {
        let (last, began_ns) = (store.last(), store.moment_ns()?);
        let found = walk(workspace, &Rules { settings: &self.settings, last: &last.entries })?;
        let pack = Pack::begin(store, &last)?;
        let known = contents(workspace, found, &last, Some(&pack)).inspect_err(|_| pack.abandon())?;
        pack.finish()?;
        Ok(Known { began_ns, ..known })
    }

    fn take_into(
        &self,
        store: &Store,
        workspace: &Workspace,
        label: &str,
        now: Timestamp,
    ) -> Result<(Snapshot, Known), Denied> {
        let known = self.keep(store, workspace)?;
        let tree = store.keep_tree(&known)?;
        let contents = known.entries.iter().filter(|entry| entry.has_content());
        let not_saved = known.entries.iter().filter_map(|entry| match entry.kind {
            Kind::NotSaved(why) => Some((hex::encode(&entry.path), why)),
            Kind::File | Kind::Link | Kind::Folder => None,
        });
        let head = known.entries.iter().find(|entry| {
            entry.path == b".git/HEAD" && entry.kind == Kind::File && entry.size <= HEAD_MAX_BYTES
        });
        let mut bytes = Vec::new();
        if let Some(entry) = head {
            store.read(entry, &mut bytes)?;
        }
        let head = String::from_utf8(bytes).map(|text| text.trim_end().to_owned()).ok();
        let record = Record {
            version: 1,
            id: SnapshotId::of(self.draw_bytes()?),
            label: label.chars().take(LABEL_MAX).collect(),
            taken_at_ms: now.millis(),
            order: store.records()?.iter().map(|record| record.order).max().unwrap_or(0) + 1,
            tree,
            files: contents.clone().count() as u64,
            bytes: contents.map(|entry| entry.size).sum(),
            head: head.filter(|text| !text.is_empty() && !text.contains(char::is_control)),
            not_saved: not_saved.clone().take(NOT_SAVED_SHOWN).collect(),
            not_saved_total: not_saved.count() as u64,
        };
        store.keep_record(&record)?;
        Ok((record.into(), known))
    }

    /// Removes what is old, a few at a time: what no snapshot needs any more is looked for in all of them.
    fn retain(&self, store: &Store, now: Timestamp) -> Result<(), Denied> {
        let oldest = now.minus_seconds(self.settings.max_age_s).millis();
        let records = store.records()?;
        let aged = records.iter().any(|record| record.taken_at_ms < oldest);
        if aged || records.len() as u64 > u64::from(self.settings.keep) + RETAIN_SLACK {
            remove_old(store, (self.settings.keep, self.settings.max_age_s), now)?;
        }
        Ok(())
    }

    fn draw(&self) -> Result<String, Denied> {
        Ok(hex::encode(self.draw_bytes()?))
    }

    fn draw_bytes(&self) -> Result<[u8; 8], Denied> {
        mab_core::source::draw(&*self.random).map_err(|fault| Denied::new(Code::Internal, fault.to_string()))
    }
}

impl std::fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshots")
            .field("root", &self.root)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Removes all but the newest `keep` records, and those older than an age in seconds. The newest always stays.
fn remove_old(store: &Store, (keep, max_age_s): (u32, u64), now: Timestamp) -> Result<Pruned, Denied> {
    let oldest = now.minus_seconds(max_age_s).millis();
    let records = store.records()?.into_iter().enumerate();
    let old = records
        .filter(|(place, record)| *place as u64 >= u64::from(keep) || record.taken_at_ms < oldest)
        .map(|(_, record)| record.id)
        .collect::<Vec<_>>();
    let freed_bytes = if old.is_empty() { 0 } else { store.remove(&old)? };
    Ok(Pruned { snapshots: old.len() as u64, freed_bytes })
}

/// More snapshots than are kept before the oldest are removed.
const RETAIN_SLACK: u64 = 5;
const LABEL_MAX: usize = 200;
const HEAD_MAX_BYTES: u64 = 1_024;
