//! Brings a workspace from what is there to what is wanted, below its folder and through no link.
//!
//! ```text
//! 1  every new content is written to the folder .mab-restore-<random> of the workspace, and checked
//! 2  what goes is removed, the deepest first; folders are made; contents are renamed to their places; modes are set
//! ```
//! A full disk is found in the first part, which leaves no trace. The second part only changes names. A process that is killed
//! in it leaves whole files, some old and some new: the same again completes it, and removes the folder.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use mab_core::Denied;
use rustix::{
    fs::{
        AtFlags, Gid, Mode, OFlags, RenameFlags, Uid, fchmod, fchown, fstat, fstatvfs, mkdirat, openat,
        renameat, renameat_with, statat, symlinkat, unlinkat,
    },
    io::Errno,
};

use super::{
    compare::Step,
    entry::{Entry, Kind, as_path, to_path},
    failure::{doing, failed, full},
    survey::{Stamp, open_folder},
};
use crate::Workspace;

/// Gives the content of an entry, and refuses when it is not what the entry says.
pub(crate) type Content<'a> = &'a dyn Fn(&Entry, &mut dyn io::Write) -> Result<(), Denied>;

/// A path that was left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Below the workspace.
    pub path: PathBuf,
    /// Why, in a few words.
    pub why: String,
}

/// Takes the steps. Returns what was left as it is, because it changed meanwhile or holds what no snapshot has.
///
/// # Errors
/// A full disk, and contents that are not what was saved, are found before anything is changed.
pub(crate) fn carry_out(
    workspace: &Workspace,
    steps: &[Step],
    content: Content<'_>,
    nonce: &str,
) -> Result<Vec<Kept>, Denied> {
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    let stage = Stage::begin(workspace, steps, nonce)?;
    let staged = stage.fill(steps, content);
    if let Err(denied) = staged {
        stage.end();
        return Err(denied);
    }
    let mut work =
        Work { workspace, stage: &stage.folder, folder: None, loosened: Vec::new(), kept: Vec::new() };
    let done = work.all(steps);
    let kept = work.kept;
    stage.end();
    done.map(|()| kept)
}

/// Where contents are written before they go to their places: on the workspace's own file system.
struct Stage<'a> {
    workspace: &'a Workspace,
    name: String,
    folder: OwnedFd,
}

impl<'a> Stage<'a> {
    fn begin(workspace: &'a Workspace, steps: &[Step], nonce: &str) -> Result<Self, Denied> {
        let refuse = doing("cannot write to the workspace");
        let root = open_folder(workspace, b"").map_err(|error| refuse(error.into()))?;
        let found = fstatvfs(&root).map_err(|error| refuse(error.into()))?;
        let block = found.f_frsize.max(1);
        let needed = steps.iter().filter_map(|step| step.wanted.as_ref()).map(|entry| match entry.kind {
            Kind::File => entry.size.div_ceil(block).saturating_add(1),
            Kind::Link | Kind::Folder | Kind::NotSaved(_) => 1,
        });
        if needed.sum::<u64>() > found.f_bavail {
            return Err(full("cannot write to the workspace"));
        }
        let name = format!(".mab-restore-{nonce}");
        mkdirat(&root, &name, Mode::RWXU).map_err(|error| refuse(error.into()))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(&root, &name, flags, Mode::empty()).map_err(|error| refuse(error.into()))?;
        Ok(Self { workspace, name, folder })
    }

    /// Writes every content that is wanted, as the file of its step's number.
    fn fill(&self, steps: &[Step], content: Content<'_>) -> Result<(), Denied> {
        let refuse = doing("cannot write to the workspace");
        for (number, step) in steps.iter().enumerate() {
            let Some(entry) = step.wanted.as_ref() else { continue };
            match entry.kind {
                Kind::File => self.file(number, entry, content)?,
                Kind::Link => {
                    let mut target = Vec::new();
                    content(entry, &mut target)?;
                    symlinkat(as_path(&target), &self.folder, number.to_string())
                        .map_err(|error| refuse(error.into()))?;
                }
                Kind::Folder | Kind::NotSaved(_) => {}
            }
        }
        Ok(())
    }

    fn file(&self, number: usize, entry: &Entry, content: Content<'_>) -> Result<(), Denied> {
        let refuse = |error: Errno| failed("cannot write to the workspace", &error.into());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file =
            openat(&self.folder, number.to_string(), flags, Mode::RUSR | Mode::WUSR).map_err(refuse)?;
        let mut file = File::from(file);
        content(entry, &mut file)?;
        own(&file, entry);
        fchmod(&file, bits(entry)).map_err(refuse)
    }

    /// Removes the folder with what is left in it.
    fn end(self) {
        let Ok(entries) = rustix::fs::Dir::read_from(&self.folder) else { return };
        for entry in entries.flatten() {
            // `.` and `..` are no files; what stays is removed by the next restore, to which it is a file too many.
            let _ = unlinkat(&self.folder, entry.file_name(), AtFlags::empty());
        }
        let _ = unlinkat(self.workspace, &self.name, AtFlags::REMOVEDIR);
    }
}

struct Work<'a> {
    workspace: &'a Workspace,
    stage: &'a OwnedFd,
    /// The folder that was opened last.
    folder: Option<(Vec<u8>, OwnedFd)>,
    /// Folders that could not be written to, with the mode they had.
    loosened: Vec<(Vec<u8>, Mode)>,
    kept: Vec<Kept>,
}

impl Work<'_> {
    fn all(&mut self, steps: &[Step]) -> Result<(), Denied> {
        for step in steps.iter().rev() {
            let Some((now, stamp)) = step.now.as_ref() else { continue };
            let replaced = step
                .wanted
                .as_ref()
                .is_some_and(|wanted| (wanted.kind == Kind::Folder) == (now.kind == Kind::Folder));
            if !replaced {
                let removed = self.remove(&step.path, now, stamp);
                self.settle(&step.path, removed)?;
            }
        }
        self.folder = None;
        for (number, step) in steps.iter().enumerate() {
            let Some(wanted) = step.wanted.as_ref() else { continue };
            let done = match wanted.kind {
                Kind::Folder => self.make(&step.path),
                Kind::File | Kind::Link => self.place(number, step),
                Kind::NotSaved(_) => Ok(()),
            };
            self.settle(&step.path, done)?;
        }
        self.folder = None;
        for (path, mode) in std::mem::take(&mut self.loosened).into_iter().rev() {
            let set = open_folder(self.workspace, &path).and_then(|folder| fchmod(&folder, mode));
            self.settle(&path, set)?;
        }
        for step in steps.iter().rev() {
            if let Some(wanted) = step.wanted.as_ref().filter(|wanted| wanted.kind == Kind::Folder) {
                let set = open_folder(self.workspace, &step.path).and_then(|folder| {
                    own(&folder, wanted);
                    fchmod(&folder, bits(wanted))
                });
                self.settle(&step.path, set)?;
            }
        }
        Ok(())
    }

    /// Notes what could not be done because of what is there; stops at what is wrong with the system.
    fn settle(&mut self, path: &[u8], done: Result<(), Errno>) -> Result<(), Denied> {
        let why = match done {
            Ok(()) => return Ok(()),
            Err(Errno::NOTEMPTY) => "it holds what no snapshot has",
            Err(Errno::ACCESS | Errno::PERM | Errno::BUSY | Errno::ROFS) => "it may not be changed",
            Err(
                Errno::NOENT
                | Errno::EXIST
                | Errno::NOTDIR
                | Errno::ISDIR
                | Errno::LOOP
                | Errno::XDEV
                | Errno::STALE,
            ) => "it changed meanwhile",
            Err(error) => {
                let denied = failed("the workspace is restored in part", &error.into());
                return Err(denied.hint("mend the file system, then restore the same again: it completes"));
            }
        };
        if self.kept.last().is_none_or(|kept| kept.path != as_path(path)) {
            self.kept.push(Kept { path: to_path(path), why: why.to_owned() });
        }
        Ok(())
    }

    fn remove(&mut self, path: &[u8], now: &Entry, stamp: &Stamp) -> Result<(), Errno> {
        let name = name_of(path);
        let folder = self.parent(path)?;
        if now.kind == Kind::Folder {
            return unlinkat(folder, name, AtFlags::REMOVEDIR);
        }
        unchanged(folder, name, stamp)?;
        unlinkat(folder, name, AtFlags::empty())
    }

    fn make(&mut self, path: &[u8]) -> Result<(), Errno> {
        let folder = self.parent(path)?;
        match mkdirat(folder, name_of(path), Mode::RWXU) {
            Err(Errno::EXIST) => open_folder(self.workspace, path).map(drop),
            made => made,
        }
    }

    fn place(&mut self, number: usize, step: &Step) -> Result<(), Errno> {
        let (stage, name) = (self.stage, name_of(&step.path));
        let folder = self.parent(&step.path)?;
        match step.now.as_ref().filter(|(now, _)| now.kind != Kind::Folder) {
            Some((_, stamp)) => {
                unchanged(folder, name, stamp)?;
                renameat(stage, number.to_string(), folder, name)
            }
            None => renameat_with(stage, number.to_string(), folder, name, RenameFlags::NOREPLACE),
        }
    }

    /// The folder that holds `path`, open; made writable for its owner while the steps are taken.
    fn parent(&mut self, path: &[u8]) -> Result<&OwnedFd, Errno> {
        let above = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let above = path.get(..above).unwrap_or_default();
        if self.folder.as_ref().is_none_or(|(open, _)| open != above) {
            let folder = open_folder(self.workspace, above)?;
            let mode = Mode::from_raw_mode(fstat(&folder)?.st_mode & 0o7777);
            let needed = Mode::WUSR | Mode::XUSR;
            if !mode.contains(needed) && fchmod(&folder, mode | needed).is_ok() {
                self.loosened.push((above.to_vec(), mode));
            }
            self.folder = Some((above.to_vec(), folder));
        }
        self.folder.as_ref().map(|(_, folder)| folder).ok_or(Errno::NOENT)
    }
}

/// Refuses when the path does not look as it did when it was saved.
fn unchanged(folder: &OwnedFd, name: &Path, stamp: &Stamp) -> Result<(), Errno> {
    let found = Stamp::of(&statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?);
    // Not by the change time: another name of the same file may just have been removed.
    let same = |stamp: &Stamp| (stamp.inode, stamp.size, stamp.modified_ns);
    if same(&found) == same(stamp) { Ok(()) } else { Err(Errno::STALE) }
}

/// Gives it to who had it, where that is allowed.
fn own(file: &impl AsFd, entry: &Entry) {
    let now = fstat(file).map(|stat| (stat.st_uid, stat.st_gid));
    if now != Ok((entry.uid, entry.gid)) && entry.uid != u32::MAX && entry.gid != u32::MAX {
        let _ = fchown(file, Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)));
    }
}

/// Its permission bits; a program's power to become somebody else is never brought back.
fn bits(entry: &Entry) -> Mode {
    let mask = if entry.kind == Kind::Folder { 0o1777 } else { 0o777 };
    Mode::from_raw_mode(entry.mode & mask)
}

fn name_of(path: &[u8]) -> &Path {
    as_path(path.rsplit(|byte| *byte == b'/').next().unwrap_or_default())
}
