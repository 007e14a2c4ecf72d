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
//!   <32 hex digits>/              one workspace: of the SHA-256 of its path
//!     lock                        held while one process works here
//!     packs/<n>                   contents one after the other, each once; a tree says where each lies
//!     trees/<SHA-256>             the paths of a snapshot, see `entry.rs`; snapshots without a change between share it
//!     taken/<id>                  the record of a snapshot: written last, removed first
//!     workspace                   its path
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
mod loosen;
mod record;
mod retain;
mod store;
mod survey;
mod text;

use std::{
    cell::OnceCell,
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use mab_core::{Code, Denied, Random, Timestamp};

pub use carry_out::Kept;
pub use compare::{Change, Difference, Side, What};
pub use entry::Why;
pub use record::{NotSaved, Snapshot, SnapshotId};
pub use retain::Pruned;
pub use text::TextChange;

pub(crate) use carry_out::carry_out;
pub(crate) use compare::{Step, steps};
pub(crate) use entry::{Entry, Kind, Place, as_path, is_git, to_path};
pub(crate) use failure::doing;
pub(crate) use keep::Known;
pub(crate) use survey::{BELOW, Stamp};
pub(crate) use text::compare as compare_texts;

use crate::{Digest, Workspace};
use keep::{Pack, contents};
use loosen::loosen;
use record::{NOT_SAVED_SHOWN, Record};
use store::Store;
use survey::{Rules, Walked, walk};

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
    /// The same for a file of a repository: a pack is one file for years of work.
    pub git_file_max_bytes: u64,
    /// Bytes of the disk that all files of a workspace take; a larger workspace is refused.
    pub total_max_bytes: u64,
    /// Bytes that stay free on the file system of the snapshots; at least a twentieth of it does, up to 1 GiB.
    pub reserve_bytes: u64,
    /// Bytes of the disk that a workspace's snapshots may take before those of the last day go too.
    pub store_max_bytes: u64,
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
    /// Whether the repository's own state comes back too: `HEAD`, references, index, objects, configuration and hooks.
    pub with_git: bool,
    /// Whether the snapshot may be one of another workspace, which is then brought back here.
    pub from_any: bool,
    /// The [`Difference::seal`] of the plan that a person agreed to: any other is refused.
    pub shown: Option<Digest>,
}

/// What a restore did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// From what is there to what was saved.
    pub plan: Difference,
    /// How many paths of repositories' own state are not as they were saved, and are left so without [`How::with_git`].
    pub git_left: usize,
    /// What was left as it is although it differs, and what was moved out of the way.
    pub kept: Vec<Kept>,
    /// What could not be brought back: its content in the snapshot is damaged.
    pub damaged: Vec<PathBuf>,
    /// The snapshot that was taken before, which undoes it; none for a dry run.
    pub undo: Option<SnapshotId>,
}

/// A workspace that has snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Where it was when it was saved; it may be gone. None when that is not known.
    pub path: Option<PathBuf>,
    /// Its snapshots, the newest first.
    pub snapshots: Vec<Snapshot>,
}

impl Default for Settings {
    fn default() -> Self {
        let names = ["node_modules", "__pycache__", ".venv", ".tox", ".gradle", ".next", ".turbo"];
        Self {
            file_max_bytes: 100 << 20,
            git_file_max_bytes: 1 << 30,
            total_max_bytes: 4 << 30,
            reserve_bytes: 256 << 20,
            store_max_bytes: 8 << 30,
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

    /// Saves the workspace. `label` says what for, in at most 200 characters; a longer one is cut. When nothing changed since
    /// the newest snapshot, it is that one, with the new time.
    ///
    /// # Errors
    /// [`Code::Conflict`] when the workspace moved, [`Code::QuotaExceeded`] when it is too large, [`Code::StorageFull`],
    /// [`Code::Busy`] when another process holds its snapshots for too long; nothing is kept then.
    pub fn take(&self, workspace: &Workspace, label: &str, now: Timestamp) -> Result<Snapshot, Denied> {
        let store = self.store(workspace)?;
        let taken = self.take_into(&store, workspace, (label, None), now)?.0;
        self.retain(&store, now, None)?;
        Ok(taken)
    }

    /// How many snapshots of the workspace cannot be read any more.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn damaged(&self, workspace: &Workspace) -> Result<u64, Denied> {
        self.store(workspace)?.damaged()
    }

    /// Every workspace that has snapshots, also those that are gone. One that another process works on is waited for, and
    /// passed over at last.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn workspaces(&self) -> Result<Vec<Saved>, Denied> {
        let stores = self.folders()?.into_iter();
        let stores = stores.filter_map(|folder| Store::open_named(&folder, self.settings.wait_s).ok());
        let saved = |store: Store| {
            let snapshots = store.records()?.into_iter().map(Snapshot::from).collect();
            Ok(Saved { path: store.path(), snapshots })
        };
        let mut all = stores.map(saved).collect::<Result<Vec<_>, Denied>>()?;
        all.retain(|saved| !saved.snapshots.is_empty());
        all.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(all)
    }

    /// Whether the snapshot was taken of another folder, that lay at this path then.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no such snapshot.
    pub fn is_of_other_folder(&self, workspace: &Workspace, id: &SnapshotId) -> Result<bool, Denied> {
        let record = self.store(workspace)?.record(id)?;
        Ok((record.device, record.inode) != (workspace.device(), workspace.inode()))
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
        let now = self.look(&store, workspace, Some(&wanted))?;
        let steps = steps(&now.entries, &now.stamps, &wanted);
        Ok(Difference::of(&steps).with_skipped(&now, &wanted).reversed())
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
        let other = if how.from_any { self.other_store(&store, id)? } else { None };
        let source = other.as_ref().unwrap_or(&store);
        let wanted = source.tree(&source.record(id)?.tree)?;
        let planned = |known: &Known| {
            let mut steps = steps(&known.entries, &known.stamps, &wanted);
            let all = steps.len();
            if !how.with_git {
                steps.retain(|step| !entry::is_git(&step.path));
            }
            let plan = Difference::of(&steps).with_skipped(known, &wanted);
            (all - steps.len(), steps, plan)
        };
        let before = self.look(&store, workspace, Some(&wanted))?;
        let (git_left, _, plan) = planned(&before);
        if how.dry_run {
            return Ok(Restored { plan, git_left, kept: Vec::new(), damaged: Vec::new(), undo: None });
        }
        is_as_shown(&plan, how)?;
        let opened = self.loosen(&store, (workspace, &before), &wanted)?;
        let label = format!("before restore of {id}");
        let (taken, known) = self.take_into(&store, workspace, (&label, Some(&wanted)), now)?;
        let (git_left, steps, plan) = planned(&known);
        if !opened {
            is_as_shown(&plan, how)?;
        }
        workspace.still_there()?;
        let done = carry_out(workspace, &steps, &|entry, out| source.read(entry, out), &self.draw()?)?;
        self.retain(&store, now, Some(id))?;
        Ok(Restored { plan, git_left, kept: done.kept, damaged: done.damaged, undo: Some(taken.id) })
    }

    /// The folders of all workspaces. Whatever else lies there is left alone.
    fn folders(&self) -> Result<Vec<PathBuf>, Denied> {
        let refuse = doing("cannot read the folder of snapshots");
        let Ok(all) = std::fs::read_dir(&self.root) else { return Ok(Vec::new()) };
        let mut folders = Vec::new();
        for entry in all {
            let entry = entry.map_err(refuse)?;
            let name = entry.file_name();
            let named = name.len() == 32 && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit);
            if named && entry.file_type().is_ok_and(|found| found.is_dir()) {
                folders.push(entry.path());
            }
        }
        folders.sort();
        Ok(folders)
    }

    /// The store that has a snapshot which `own` has not; none when nobody has it.
    fn other_store(&self, own: &Store, id: &SnapshotId) -> Result<Option<Store>, Denied> {
        if own.has(id) {
            return Ok(None);
        }
        let has = |folder: &PathBuf| folder.join("taken").join(id.as_str()).is_file();
        let found = self.folders()?.into_iter().find(has);
        found.map(|folder| Store::open_named(&folder, self.settings.wait_s)).transpose()
    }

    /// Opens what a command shut, layer by layer. Says whether there was anything.
    fn loosen(
        &self,
        store: &Store,
        (workspace, before): (&Workspace, &Known),
        wanted: &[Entry],
    ) -> Result<bool, Denied> {
        let mut opened = loosen(workspace, before, wanted);
        let any = opened;
        for _ in 0..LAYERS_MAX {
            if !opened {
                break;
            }
            opened = loosen(workspace, &self.look(store, workspace, Some(wanted))?, wanted);
        }
        Ok(any)
    }

    /// Every path as it is now. Nothing is kept.
    pub(crate) fn known(&self, workspace: &Workspace) -> Result<Known, Denied> {
        self.look(&self.store(workspace)?, workspace, None)
    }

    /// Takes steps that lead to something else than a snapshot. `plan` makes them of what is there, which must at their
    /// paths be what the snapshot `since` has. It is saved before.
    pub(crate) fn change(
        &self,
        workspace: &Workspace,
        (since, now, shown): (&SnapshotId, Timestamp, Option<Digest>),
        plan: &mut dyn FnMut(&Known) -> Vec<Step>,
        content: carry_out::Content<'_>,
    ) -> Result<Restored, Denied> {
        let store = self.store(workspace)?;
        let saved = store.tree(&store.record(since)?.tree)?;
        let label = format!("before applying a preview on {since}");
        let (taken, known) = self.take_into(&store, workspace, (&label, None), now)?;
        let moved = steps(&known.entries, &known.stamps, &saved);
        let moved: BTreeSet<_> = moved.iter().map(|step| step.path.as_slice()).collect();
        let planned = plan(&known);
        is_as_shown(&Difference::of(&planned), How { shown, ..How::default() })?;
        // What was not saved then cannot be compared with what is there.
        let unknown = |path: &[u8]| {
            entry::find(&saved, path).is_some_and(|entry| matches!(entry.kind, Kind::NotSaved(_)))
        };
        let is_moved = |step: &&Step| moved.contains(step.path.as_slice()) || unknown(&step.path);
        if let Some(step) = planned.iter().find(is_moved) {
            let path = String::from_utf8_lossy(&step.path).escape_debug().to_string();
            return Err(Denied::new(Code::Conflict, format!("{path} changed since the command was started"))
                .hint("discard the preview and run the command again"));
        }
        let done = carry_out(workspace, &planned, content, &self.draw()?)?;
        self.retain(&store, now, Some(since))?;
        let plan = Difference::of(&planned);
        Ok(Restored { plan, git_left: 0, kept: done.kept, damaged: done.damaged, undo: Some(taken.id) })
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
    fn look(&self, store: &Store, workspace: &Workspace, wanted: Option<&[Entry]>) -> Result<Known, Denied> {
        let (last, began_ns) = (store.last(), store.moment_ns()?);
        let walked = self.walk(store, workspace, (&last.entries, wanted))?;
        let passed_over = walked.passed_over;
        Ok(Known { began_ns, passed_over, ..contents(workspace, walked.found, &last, None)? })
    }

    /// Knows every path as it is now, and keeps the contents.
    fn keep(&self, store: &Store, workspace: &Workspace, wanted: Option<&[Entry]>) -> Result<Known, Denied> {
        let (last, began_ns) = (store.last(), store.moment_ns()?);
        let walked = self.walk(store, workspace, (&last.entries, wanted))?;
        let passed_over = walked.passed_over;
        let pack = Pack::begin(store, &last, self.settings.reserve_bytes)?;
        let known = contents(workspace, walked.found, &last, Some(&pack)).inspect_err(|_| pack.abandon())?;
        pack.finish()?;
        Ok(Known { began_ns, passed_over, ..known })
    }

    fn walk(
        &self,
        store: &Store,
        workspace: &Workspace,
        (last, wanted): (&[Entry], Option<&[Entry]>),
    ) -> Result<Walked, Denied> {
        let folders = OnceCell::new();
        let was_saved = |path: &[u8]| folders.get_or_init(|| store.folders()).contains(path);
        walk(workspace, &Rules { settings: &self.settings, last, wanted, was_saved: &was_saved })
    }

    fn take_into(
        &self,
        store: &Store,
        workspace: &Workspace,
        (label, wanted): (&str, Option<&[Entry]>),
        now: Timestamp,
    ) -> Result<(Snapshot, Known), Denied> {
        let known = self.keep(store, workspace, wanted)?;
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
        // What is damaged in the store must not keep anybody from saving what is not.
        if head.is_some_and(|entry| store.read(entry, &mut bytes) != Ok(true)) {
            bytes.clear();
        }
        let head = String::from_utf8(bytes).map(|text| text.trim_end().to_owned()).ok();
        let records = store.records()?;
        if let Some(mut newest) = records.first().cloned().filter(|newest| store.is_same(newest, &known)) {
            newest.add_label(label);
            newest.taken_at_ms = now.millis().max(newest.taken_at_ms);
            newest.tree = tree;
            (newest.device, newest.inode) = (workspace.device(), workspace.inode());
            store.keep_record(&newest)?;
            return Ok((newest.into(), known));
        }
        let record = Record {
            version: 1,
            id: SnapshotId::of(self.draw_bytes()?),
            label: label.chars().take(LABEL_MAX).collect(),
            taken_at_ms: now.millis(),
            order: records.iter().map(|record| record.order).max().unwrap_or(0) + 1,
            tree,
            files: contents.clone().count() as u64,
            bytes: contents.map(|entry| entry.size).sum(),
            head: head.filter(|text| !text.is_empty() && !text.contains(char::is_control)),
            not_saved: not_saved.clone().take(NOT_SAVED_SHOWN).collect(),
            not_saved_total: not_saved.count() as u64,
            device: workspace.device(),
            inode: workspace.inode(),
        };
        store.keep_record(&record)?;
        Ok((record.into(), known))
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

/// Refuses a plan that is not the one a person agreed to.
fn is_as_shown(plan: &Difference, how: How) -> Result<(), Denied> {
    if how.shown.is_none_or(|shown| plan.seal == Some(shown)) {
        return Ok(());
    }
    Err(Denied::new(Code::Conflict, "it is not what was shown any more; nothing was changed")
        .hint("look at it again"))
}

const LABEL_MAX: usize = 200;
/// Folders in one another that are opened for a restore.
const LAYERS_MAX: u32 = 64;
const HEAD_MAX_BYTES: u64 = 1_024;
