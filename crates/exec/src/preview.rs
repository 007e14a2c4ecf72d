//! A run on a copy-on-write view of the workspace: nothing is written to the workspace before a person saw what would change
//! and said yes.
//!
//! The view is an overlay (Linux overlayfs): the workspace below, a private folder above that takes what is written.
//! [`mount`] mounts it over the workspace's own path, in a mount namespace of its own, and becomes bubblewrap; so the command
//! sees the path it would see without a preview, and everything ends with its processes. The folder above is then read as
//! what would change: a character device 0/0 is something removed, `user.overlay.opaque` a folder that was replaced (Linux
//! `Documentation/filesystems/overlayfs.rst`).
//!
//! ```text
//! <state>/previews/<16 hex digits>/     0700; who holds its lock (flock) works with it
//!   upper/                              what was written
//!   work/                               the file system's own
//! ```
//!
//! Applied are files, links and folders with their permission bits; never a device, pipe, socket, the power to become
//! somebody else, a repository's own state, a path that is protected, or one that no snapshot holds. Each such path is told.

mod changes;
pub mod mount;

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read as _},
    os::{
        fd::{AsFd as _, AsRawFd as _, BorrowedFd},
        unix::{
            ffi::OsStrExt as _,
            fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
        },
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use mab_core::{Code, Denied, Random, Timestamp};

use rustix::fs::{CWD, Dir, FileType, FlockOperation, Mode, OFlags, flock, openat};

use crate::{
    Digest, View, Workspace,
    protected::is_protected,
    snapshot::{Difference, Kept, Restored, SnapshotId, Snapshots, TextChange, compare_texts, doing},
};
use changes::{Written, plan};

/// A view of one workspace, and what was written to it.
#[derive(Debug)]
pub struct Preview {
    folder: PathBuf,
    /// Holds the lock of the folder.
    _held: File,
}

/// What applying a preview would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// From what is there to what the command made of it.
    pub difference: Difference,
    /// What the command did that is never applied.
    pub refused: Vec<Kept>,
}

/// Says of a path below the workspace whether nothing may ever be applied there.
pub type Protected<'a> = &'a dyn Fn(&Path) -> bool;

impl Preview {
    /// An empty view of `workspace`, in a private folder below `state_dir`.
    ///
    /// # Errors
    /// [`Code::Misconfigured`] when the two lie one in the other; when the folder cannot be made.
    pub fn begin(state_dir: &Path, workspace: &Workspace, random: &Arc<dyn Random>) -> Result<Self, Denied> {
        let refuse = doing("cannot make the folder of the preview");
        let bytes = mab_core::source::draw::<8>(&**random)
            .map_err(|fault| Denied::new(Code::Internal, fault.to_string()))?;
        let previews = state_dir.join("previews");
        private(&previews).map_err(refuse)?;
        let previews = previews.canonicalize().map_err(refuse)?;
        if previews.starts_with(workspace.path()) {
            return Err(Denied::new(Code::Misconfigured, "the state folder lies in the workspace")
                .hint("choose a data folder outside the workspace"));
        }
        let (folder, held) = own_folder(&previews, &hex::encode(bytes)).map_err(refuse)?;
        let preview = Self { folder, _held: held };
        private(&preview.work()).map_err(refuse)?;
        let begin = || {
            // The folder above stands for the workspace's own: it has its mode and owner.
            fs::create_dir(preview.upper())?;
            let like = fs::symlink_metadata(workspace.path())?;
            fs::set_permissions(preview.upper(), fs::Permissions::from_mode(like.mode() & 0o1777))?;
            if fs::metadata(preview.upper())?.uid() != like.uid() {
                std::os::unix::fs::chown(preview.upper(), Some(like.uid()), Some(like.gid()))?;
            }
            Ok(())
        };
        begin().map_err(refuse)?;
        Ok(preview)
    }

    /// What is shown as the workspace.
    pub fn view(&self) -> View {
        View::Overlay { upper: self.upper(), work: self.work() }
    }

    /// What applying it would do, beside the workspace as it is now. The command must have ended.
    ///
    /// # Errors
    /// When either cannot be read, or there is too much of it.
    pub fn proposed(
        &self,
        snapshots: &Snapshots,
        workspace: &Workspace,
        protected: Protected<'_>,
    ) -> Result<Proposed, Denied> {
        let written = Written::read(&self.upper())?;
        let (steps, refused) = plan(&written, &snapshots.known(workspace)?, protected);
        Ok(Proposed { difference: Difference::of(&steps), refused })
    }

    /// How the text of one file would change.
    ///
    /// # Errors
    /// When it cannot be read; [`Code::NotFound`] when the command wrote no such file.
    pub fn text(&self, workspace: &Workspace, path: &Path) -> Result<TextChange, Denied> {
        text(&Written::read(&self.upper())?, workspace, path)
    }

    /// The same of several files.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn texts(&self, workspace: &Workspace, paths: &[&Path]) -> Result<Vec<TextChange>, Denied> {
        let written = Written::read(&self.upper())?;
        paths.iter().map(|path| text(&written, workspace, path)).collect()
    }

    /// Applies it to the workspace, which is saved before, and removes the preview. `since` is the snapshot that was taken
    /// before the command: what the command changed must still be as it was then.
    ///
    /// # Errors
    /// [`Code::Conflict`] when it is not, [`Code::StorageFull`]: nothing was changed then, and the preview is still there.
    pub fn apply(
        &self,
        snapshots: &Snapshots,
        workspace: &Workspace,
        protected: Protected<'_>,
        (since, now): (&SnapshotId, Timestamp),
    ) -> Result<Restored, Denied> {
        self.apply_if(snapshots, workspace, protected, (since, now, None))
    }

    /// As [`Self::apply`], and only when it would do exactly what [`Self::proposed`] showed.
    ///
    /// # Errors
    /// [`Code::Conflict`] when it would do anything else.
    pub fn apply_as_shown(
        &self,
        snapshots: &Snapshots,
        workspace: &Workspace,
        protected: Protected<'_>,
        (since, now, shown): (&SnapshotId, Timestamp, &Proposed),
    ) -> Result<Restored, Denied> {
        self.apply_if(snapshots, workspace, protected, (since, now, shown.difference.seal))
    }

    fn apply_if(
        &self,
        snapshots: &Snapshots,
        workspace: &Workspace,
        protected: Protected<'_>,
        (since, now, shown): (&SnapshotId, Timestamp, Option<Digest>),
    ) -> Result<Restored, Denied> {
        let written = Written::read(&self.upper())?;
        let content = |entry: &crate::snapshot::Entry, out: &mut dyn io::Write| written.content(entry, out);
        let mut refused = Vec::new();
        let mut restored = snapshots.change(
            workspace,
            (since, now, shown),
            &mut |known| {
                let (steps, kept) = plan(&written, known, protected);
                refused = kept;
                steps
            },
            &content,
        )?;
        restored.kept.extend(refused);
        Ok(restored)
    }

    /// Removes it. Nothing was changed in the workspace.
    ///
    /// # Errors
    /// When its folder cannot be removed.
    pub fn discard(self) -> Result<(), Denied> {
        remove_flat(&self.folder).map_err(doing("cannot remove the preview"))
    }

    fn upper(&self) -> PathBuf {
        self.folder.join("upper")
    }

    fn work(&self) -> PathBuf {
        self.folder.join("work")
    }
}

/// Removes what killed programs left of previews. Their mounts ended with their processes.
pub fn sweep(state_dir: &Path) {
    let previews = state_dir.join("previews");
    if let Ok(_all) = lock(&previews, FlockOperation::LockExclusive) {
        sweep_below(&previews);
    }
}

/// A folder below `previews`, both made if they are not there, and the lock on it. What killed programs left goes first.
fn own_folder(previews: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    private(previews)?;
    let _all = lock(previews, FlockOperation::LockExclusive)?;
    sweep_below(previews);
    let folder = previews.join(name);
    private(&folder)?;
    let held = lock(&folder, FlockOperation::NonBlockingLockExclusive)?;
    Ok((folder, held))
}

fn private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Says what of a workspace no preview is ever applied to: what sandboxes protect, and names of secrets.
pub fn protected(workspace: &Workspace) -> impl Fn(&Path) -> bool + '_ {
    |below| is_protected(workspace.path(), below)
}

/// Only called with the lock of the folder, under which each preview is made and takes its own.
fn sweep_below(previews: &Path) {
    for preview in fs::read_dir(previews).into_iter().flatten().flatten() {
        let path = preview.path();
        let Ok(_held) = lock(&path, FlockOperation::NonBlockingLockExclusive) else { continue };
        if let Err(error) = open_up(&path).and_then(|()| fs::remove_dir_all(&path)) {
            tracing::warn!(%error, folder = %path.display(), "a preview of an earlier run is left");
        }
    }
}

fn lock(folder: &Path, how: FlockOperation) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = File::from(openat(CWD, folder, flags, Mode::empty())?);
    flock(&folder, how)?;
    Ok(folder)
}

fn text(written: &Written, workspace: &Workspace, path: &Path) -> Result<TextChange, Denied> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    if !written.content_at(path, &mut after)? {
        return Ok(TextChange::Binary);
    }
    if let Some(file) = changes::open_below(workspace, path) {
        file.take(TEXT_MAX_BYTES).read_to_end(&mut before).map_err(doing("cannot read the file"))?;
    }
    Ok(compare_texts(&before, &after))
}

/// Makes folders that a command closed, and the file system's own, removable for their owner.
fn open_up(folder: &Path) -> io::Result<()> {
    open_up_at(CWD, folder)
}

/// Through descriptors: what a dying command puts in the place of a folder meanwhile leads nowhere.
fn open_up_at(parent: BorrowedFd<'_>, name: &Path) -> io::Result<()> {
    let kind = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(parent, name, OFlags::PATH | kind, Mode::empty())?;
    let itself = format!("/proc/self/fd/{}", folder.as_raw_fd());
    fs::set_permissions(itself, fs::Permissions::from_mode(0o700))?;
    for entry in Dir::new(openat(&folder, ".", OFlags::RDONLY | kind, Mode::empty())?)? {
        let entry = entry?;
        let name = Path::new(OsStr::from_bytes(entry.file_name().to_bytes()));
        if entry.file_type() == FileType::Directory && name != Path::new(".") && name != Path::new("..") {
            open_up_at(folder.as_fd(), name)?;
        }
    }
    Ok(())
}

/// Removes a folder with all that is in it, also what a command closed, and folders in one another that have no path any
/// more: each is moved up before it is emptied.
fn remove_flat(folder: &Path) -> std::io::Result<()> {
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    open(folder)?;
    let list = |path: &Path| fs::read_dir(path)?.collect::<Result<Vec<_>, _>>();
    let mut next = 0_u64;
    let mut left: Vec<PathBuf> = list(folder)?.iter().map(fs::DirEntry::path).collect();
    while let Some(path) = left.pop() {
        if !fs::symlink_metadata(&path)?.is_dir() {
            fs::remove_file(&path)?;
            continue;
        }
        open(&path)?;
        for entry in list(&path)? {
            if !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
                continue;
            }
            open(&entry.path())?;
            let mut up = folder.join(format!("gone-{next}"));
            // One that was killed in the middle of this left some.
            while up.symlink_metadata().is_ok() {
                next += 1;
                up = folder.join(format!("gone-{next}"));
            }
            fs::rename(entry.path(), &up)?;
            left.push(up);
        }
        fs::remove_dir(&path)?;
    }
    fs::remove_dir(folder)
}

/// One byte more than what is compared as text.
const TEXT_MAX_BYTES: u64 = (1 << 20) + 1;
