//! Brings a workspace from what is there to what is wanted, below its folder and through no link.
//!
//! ```text
//! 1  every new content is written to the folder .mab-restore-<random> of the workspace, and checked
//! 2  what goes is removed, the deepest first; folders are made; contents are renamed to their places; modes are set
//! ```
//! A full disk is found in the first part, which leaves no trace. The second part only changes names. A process that is killed
//! in it leaves whole files, some old and some new: the same again completes it, and removes the folder.

use std::{
    collections::BTreeSet,
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::FileExt as _,
    },
    path::{Path, PathBuf},
};

use mab_core::Denied;
use rustix::{
    fs::{
        AtFlags, Gid, Mode, OFlags, RenameFlags, Uid, fchmod, fchown, fstat, fstatvfs, mkdirat, openat,
        openat2, renameat, renameat_with, statat, symlinkat, unlinkat,
    },
    io::Errno,
};

use super::{
    compare::Step,
    entry::{Entry, Kind, Why, as_path, to_path},
    failure::{doing, failed, full},
    keep::HOLE_BYTES,
    survey::{BELOW, Stamp, open_folder},
};
use crate::Workspace;

/// Gives the content of an entry, and says whether it is what the entry says.
pub(crate) type Content<'a> = &'a dyn Fn(&Entry, &mut dyn io::Write) -> Result<bool, Denied>;

/// A path that was left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Below the workspace.
    pub path: PathBuf,
    /// Why, in a few words.
    pub why: String,
}

/// What became of the steps.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// What was left as it is, because it changed meanwhile or holds what no snapshot has; and what was moved aside.
    pub(crate) kept: Vec<Kept>,
    /// What could not be brought back, because its content is not what was saved.
    pub(crate) damaged: Vec<PathBuf>,
}

/// Takes the steps.
///
/// # Errors
/// A full disk is found before anything is changed; unless what goes makes the room, which goes first then.
pub(crate) fn carry_out(
    workspace: &Workspace,
    steps: &[Step],
    content: Content<'_>,
    nonce: &str,
) -> Result<Done, Denied> {
    if steps.is_empty() {
        return Ok(Done::default());
    }
    let is_tight = is_tight(workspace, steps)?;
    let mut stage = Stage::begin(workspace, nonce)?;
    let mut work = Work::new(workspace, &stage, nonce);
    let early = if is_tight { work.removals(steps, &|step| step.wanted.is_none()) } else { Ok(()) };
    let kept = std::mem::take(&mut work.kept);
    let loosened = std::mem::take(&mut work.loosened);
    if let Err(denied) = early.and_then(|()| stage.fill(steps, content)) {
        stage.end();
        return Err(if is_tight { in_part(&denied) } else { denied });
    }
    let mut work = Work { loosened, kept, ..Work::new(workspace, &stage, nonce) };
    let done = work.all(steps, is_tight);
    let kept = work.kept;
    let damaged = stage.damaged.iter().filter_map(|number| steps.get(*number));
    let damaged = damaged.map(|step| to_path(&step.path)).collect();
    stage.end();
    done.map(|()| Done { kept, damaged })
}

/// Whether there is only room once what goes is gone.
///
/// # Errors
/// There is too little even then.
fn is_tight(workspace: &Workspace, steps: &[Step]) -> Result<bool, Denied> {
    let found = open_folder(workspace, b"")
        .and_then(fstatvfs)
        .map_err(|error| failed("cannot write to the workspace", &error.into()))?;
    let block = found.f_frsize.max(1);
    let blocks = |entry: &Entry| match entry.kind {
        Kind::File => entry.size.div_ceil(block).saturating_add(1),
        Kind::Link | Kind::Folder | Kind::NotSaved(_) => 1,
    };
    let needed = steps.iter().filter_map(|step| step.wanted.as_ref()).map(blocks).sum::<u64>();
    let goes = steps.iter().filter(|step| step.wanted.is_none()).filter_map(|step| step.now.as_ref());
    let freed = goes.map(|(entry, _)| blocks(entry)).sum::<u64>();
    if needed > found.f_bavail.saturating_add(freed) {
        return Err(full("cannot write to the workspace"));
    }
    Ok(needed > found.f_bavail)
}

fn in_part(denied: &Denied) -> Denied {
    let message = format!("the workspace is restored in part: {}", denied.message);
    Denied::new(denied.code, message).hint("free space, then restore the same again: it completes")
}

/// Where contents are written before they go to their places: on the workspace's own file system.
struct Stage<'a> {
    workspace: &'a Workspace,
    name: String,
    folder: OwnedFd,
    /// The numbers of the steps whose content is not what was saved.
    damaged: BTreeSet<usize>,
}

impl<'a> Stage<'a> {
    fn begin(workspace: &'a Workspace, nonce: &str) -> Result<Self, Denied> {
        let refuse = doing("cannot write to the workspace");
        let root = open_folder(workspace, b"").map_err(|error| refuse(error.into()))?;
        let name = format!(".mab-restore-{nonce}");
        mkdirat(&root, &name, Mode::RWXU).map_err(|error| refuse(error.into()))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(&root, &name, flags, Mode::empty()).map_err(|error| refuse(error.into()))?;
        Ok(Self { workspace, name, folder, damaged: BTreeSet::new() })
    }

    /// Writes every content that is wanted, as the file of its step's number.
    fn fill(&mut self, steps: &[Step], content: Content<'_>) -> Result<(), Denied> {
        let refuse = doing("cannot write to the workspace");
        for (number, step) in steps.iter().enumerate() {
            let Some(entry) = step.wanted.as_ref().filter(|_| !step.is_of_mode()) else { continue };
            let whole = match entry.kind {
                Kind::File => self.file(number, entry, content)?,
                Kind::Link => {
                    let mut target = Vec::new();
                    let whole = content(entry, &mut target)?;
                    if whole {
                        symlinkat(as_path(&target), &self.folder, number.to_string())
                            .map_err(|error| refuse(error.into()))?;
                    }
                    whole
                }
                Kind::Folder | Kind::NotSaved(_) => true,
            };
            if !whole {
                self.damaged.insert(number);
            }
        }
        Ok(())
    }

    fn file(&self, number: usize, entry: &Entry, content: Content<'_>) -> Result<bool, Denied> {
        let refuse = |error: Errno| failed("cannot write to the workspace", &error.into());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file =
            openat(&self.folder, number.to_string(), flags, Mode::RUSR | Mode::WUSR).map_err(refuse)?;
        let mut file = Sparse { file: File::from(file), at: 0 };
        if !content(entry, &mut file)? {
            return Ok(false);
        }
        file.file.set_len(file.at).map_err(doing("cannot write to the workspace"))?;
        own(&file.file, entry);
        fchmod(&file.file, bits(entry)).map_err(refuse)?;
        Ok(true)
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

/// A file in which zeros take no room.
struct Sparse {
    file: File,
    at: u64,
}

impl io::Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() < HOLE_BYTES || bytes.iter().any(|byte| *byte != 0) {
            self.file.write_all_at(bytes, self.at)?;
        }
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Work<'a> {
    workspace: &'a Workspace,
    stage: &'a OwnedFd,
    damaged: &'a BTreeSet<usize>,
    /// Where what no snapshot holds is moved when it stands in the way: its name, and the folder once there is one.
    aside: (String, Option<OwnedFd>),
    /// The folder that was opened last.
    folder: Option<(Vec<u8>, OwnedFd)>,
    /// Folders that could not be written to, with the mode they had.
    loosened: Vec<(Vec<u8>, Mode)>,
    kept: Vec<Kept>,
}

impl<'a> Work<'a> {
    fn new(workspace: &'a Workspace, stage: &'a Stage<'_>, nonce: &str) -> Self {
        let aside = (format!(".mab-aside-{nonce}"), None);
        let (stage, damaged) = (&stage.folder, &stage.damaged);
        Self { workspace, stage, damaged, aside, folder: None, loosened: Vec::new(), kept: Vec::new() }
    }

    fn all(&mut self, steps: &[Step], removed: bool) -> Result<(), Denied> {
        self.removals(steps, &|step| !(removed && step.wanted.is_none()))?;
        for (number, step) in steps.iter().enumerate() {
            let Some(wanted) = step.wanted.as_ref().filter(|_| !self.damaged.contains(&number)) else {
                continue;
            };
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

    /// Removes what goes, the deepest first.
    fn removals(&mut self, steps: &[Step], goes: &dyn Fn(&Step) -> bool) -> Result<(), Denied> {
        for (number, step) in steps.iter().enumerate().rev() {
            let Some((now, stamp)) = step.now.as_ref() else { continue };
            if !goes(step) || self.damaged.contains(&number) {
                continue;
            }
            let is_folder = |entry: &Entry| entry.kind == Kind::Folder;
            let replaced = step.wanted.as_ref().is_some_and(|wanted| is_folder(wanted) == is_folder(now));
            let done = if matches!(now.kind, Kind::NotSaved(_)) {
                self.set_aside(number, step, stamp)
            } else if replaced {
                Ok(())
            } else {
                self.remove(&step.path, now, stamp)
            };
            self.settle(&step.path, done)?;
        }
        self.folder = None;
        Ok(())
    }

    /// Makes way where something that no snapshot holds stands: a pipe, socket or device goes, for it holds nothing;
    /// everything else is moved.
    fn set_aside(&mut self, number: usize, step: &Step, stamp: &Stamp) -> Result<(), Errno> {
        let name = name_of(&step.path);
        unchanged(self.parent(&step.path)?, name, stamp)?;
        if step.now.as_ref().is_some_and(|(now, _)| now.kind == Kind::NotSaved(Why::Special)) {
            return unlinkat(self.parent(&step.path)?, name, AtFlags::empty());
        }
        if self.aside.1.is_none() {
            mkdirat(self.workspace, &self.aside.0, Mode::RWXU)?;
            self.aside.1 = Some(open_folder(self.workspace, self.aside.0.as_bytes())?);
        }
        let aside = self.aside.1.as_ref().map(OwnedFd::try_clone).ok_or(Errno::NOENT)?;
        let aside = aside.map_err(|_| Errno::NFILE)?;
        let folder = self.parent(&step.path)?;
        renameat_with(folder, name, aside, number.to_string(), RenameFlags::NOREPLACE)?;
        let why = format!("what was there, and no snapshot holds, is now {}/{number}", self.aside.0);
        self.kept.push(Kept { path: to_path(&step.path), why });
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
        if step.is_of_mode() {
            return set_mode(folder, name, step);
        }
        match step.now.as_ref().filter(|(now, _)| now.has_content()) {
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

/// Sets the permission bits of a file whose content is what it was.
fn set_mode(folder: &OwnedFd, name: &Path, step: &Step) -> Result<(), Errno> {
    let (Some((_, stamp)), Some(wanted)) = (&step.now, &step.wanted) else { return Err(Errno::NOENT) };
    unchanged(folder, name, stamp)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat2(folder, name, flags, Mode::empty(), BELOW)?;
    if Stamp::of(&fstat(&file)?).inode != stamp.inode {
        return Err(Errno::STALE);
    }
    fchmod(&file, bits(wanted))
}

/// Gives it to who had it, where that is allowed.
fn own(file: &impl AsFd, entry: &Entry) {
    let now = fstat(file).map(|stat| (stat.st_uid, stat.st_gid));
    if now != Ok((entry.uid, entry.gid)) && entry.uid != u32::MAX && entry.gid != u32::MAX {
        let _ = fchown(file, Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)));
    }
}

/// Its permission bits; a program's power to become somebody else is never brought back. On a folder the bit of the group
/// only says whose new files are.
fn bits(entry: &Entry) -> Mode {
    let mask = if entry.kind == Kind::Folder { 0o3777 } else { 0o777 };
    Mode::from_raw_mode(entry.mode & mask)
}

fn name_of(path: &[u8]) -> &Path {
    as_path(path.rsplit(|byte| *byte == b'/').next().unwrap_or_default())
}
