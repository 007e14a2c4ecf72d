//! What is put into a workspace for the time of a run, so that there is something to protect, and taken away after it.
//!
//! What is put there is noted first, in a private folder outside: what a server that was killed left behind is taken away
//! before the next run in that workspace, or when sandboxes are probed next. The file of the note is also the lock: one
//! run may write in a workspace at a time. Another could move a folder while it is mounted, and taking away what another
//! run has mounted on would take that mount away too (since Linux 3.18).
//!
//! A note is one JSON value per line: the workspace, the process that holds it, each path that was put there, and
//! `{"aside": path}` for what is moved aside if it is there at the end and was not at the start.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, RenameFlags, ResolveFlags, flock, mkdirat,
        openat, openat2, renameat_with, statat, unlinkat,
    },
    io::Errno,
};
use serde::{Deserialize, Serialize};

use crate::Unavailable;

/// What is put where something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stub {
    /// A folder with nothing in it.
    Folder,
    /// A file with nothing in it.
    File,
    /// A file that names the folder it lies in.
    SameFolder,
}

/// Who else may run in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nobody that holds it too.
    Alone,
    /// Others that only read.
    Shared,
}

/// What one run put into one workspace.
#[derive(Debug)]
pub(crate) struct Stubs {
    note: File,
    workspace: PathBuf,
    folder: OwnedFd,
}

impl Stubs {
    /// Takes hold of a workspace, and takes away what an earlier run has left. It waits a moment for another run to end.
    ///
    /// # Errors
    /// [`Unavailable`] when another run holds it, the note cannot be opened or read, or what is left cannot be taken away.
    pub(crate) fn open(records: &Path, workspace: &Path, hold: Hold) -> Result<Self, Unavailable> {
        let failed = |error: io::Error| Unavailable {
            reason: format!("the workspace cannot be held: {error}"),
            hint: "look at it and at the data folder, and whether both can be written".to_owned(),
        };
        let opened = || {
            let note = note(workspace, records)?;
            let note = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(note)?;
            Ok(Self { note, workspace: workspace.to_owned(), folder: folder(workspace)? })
        };
        let stubs = opened().map_err(failed)?;
        for attempt in 0..=ATTEMPTS {
            match stubs.hold(hold) {
                Ok(true) => return Ok(stubs),
                Ok(false) if attempt < ATTEMPTS => std::thread::sleep(BETWEEN_ATTEMPTS),
                Ok(false) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(held(&stubs.note))
    }

    /// Whether another run keeps [`Self::open`] from taking hold of the workspace now; it waits as long. Nothing is held
    /// afterwards, so that another run may still be first.
    ///
    /// # Errors
    /// [`Unavailable`] when another run holds it. What else may be wrong, [`Self::open`] says.
    pub(crate) fn look(records: &Path, workspace: &Path, hold: Hold) -> Result<(), Unavailable> {
        let Ok(note) = note(workspace, records).and_then(File::open) else { return Ok(()) };
        let how = match hold {
            Hold::Alone => FlockOperation::NonBlockingLockExclusive,
            Hold::Shared => FlockOperation::NonBlockingLockShared,
        };
        for attempt in 0..=ATTEMPTS {
            match flock(&note, how) {
                Err(Errno::WOULDBLOCK) if attempt < ATTEMPTS => std::thread::sleep(BETWEEN_ATTEMPTS),
                Err(Errno::WOULDBLOCK) => return Err(held(&note)),
                Ok(()) | Err(_) => break,
            }
        }
        Ok(())
    }

    /// Whether it is held now.
    fn hold(&self, hold: Hold) -> io::Result<bool> {
        let lock = |how| match flock(&self.note, how) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(io::Error::from(error)),
        };
        let alone = lock(FlockOperation::NonBlockingLockExclusive)?;
        if alone {
            self.take_away()?;
            self.write(&self.workspace)?;
            self.write(&std::process::id())?;
        }
        match hold {
            Hold::Alone => Ok(alone),
            Hold::Shared => lock(FlockOperation::NonBlockingLockShared),
        }
    }

    /// Puts `stub` at `below`, if nothing is there.
    ///
    /// # Errors
    /// When it cannot be noted or made.
    pub(crate) fn put(&self, below: &Path, stub: Stub) -> io::Result<()> {
        self.write(below)?;
        let Some((parent, name)) = self.parent(below)? else { return Err(io::ErrorKind::NotFound.into()) };
        let made = match stub {
            Stub::Folder => mkdirat(&parent, name, Mode::from_raw_mode(0o755)),
            Stub::File | Stub::SameFolder => make_file(&parent, name, stub),
        };
        match made {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that `below`, where nothing is, is to be moved aside if it is there at the end.
    ///
    /// # Errors
    /// When it cannot be noted.
    pub(crate) fn put_aside_later(&self, below: &Path) -> io::Result<()> {
        self.write(&Aside { aside: below.to_owned() })
    }

    /// Takes away everything that is noted and still as it was put there, and moves aside what is not to stay.
    fn take_away(&self) -> io::Result<()> {
        let mut note = &self.note;
        note.seek(SeekFrom::Start(0))?;
        let lines: Vec<String> = BufReader::new(note).lines().collect::<io::Result<_>>()?;
        // A line that was cut off names nothing that was made: it was written first.
        let paths = lines.iter().skip(1).filter_map(|line| serde_json::from_str::<PathBuf>(line).ok());
        for path in paths.collect::<Vec<_>>().iter().rev() {
            if let Some((parent, name)) = self.parent(path)? {
                remove(&parent, name)?;
            }
        }
        for Aside { aside } in lines.iter().filter_map(|line| serde_json::from_str(line).ok()) {
            if let Some((parent, name)) = self.parent(&aside)? {
                move_aside(&parent, name)?;
            }
        }
        self.note.set_len(0)
    }

    /// The folder that `below` lies in, reached without symbolic links, and its name there; none when it is gone.
    fn parent<'a>(&self, below: &'a Path) -> io::Result<Option<(OwnedFd, &'a Path)>> {
        let (Some(parent), Some(name)) = (below.parent(), below.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match openat2(&self.folder, parent, flags, Mode::empty(), how) {
            Ok(parent) => Ok(Some((parent, Path::new(name)))),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn write(&self, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
        let line = serde_json::to_string(value)? + "\n";
        (&self.note).write_all(line.as_bytes())
    }
}

impl Drop for Stubs {
    fn drop(&mut self) {
        // Another run holds it: then that one takes everything away.
        if flock(&self.note, FlockOperation::NonBlockingLockExclusive).is_ok()
            && let Err(error) = self.take_away()
        {
            tracing::warn!(%error, workspace = %self.workspace.display(), "empty files of a run are left");
        }
    }
}

/// Takes away what killed servers left in any workspace, and makes the folder of notes when it is missing.
pub(crate) fn sweep(records: &Path) {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(records);
    let notes = match made.and_then(|()| std::fs::read_dir(records)) {
        Ok(notes) => notes,
        Err(error) => {
            tracing::warn!(%error, "the notes of earlier runs cannot be read");
            return;
        }
    };
    for note in notes.flatten() {
        if let Err(error) = sweep_one(&note.path()) {
            tracing::warn!(%error, note = %note.path().display(), "empty files of a run may be left");
        }
    }
}

fn sweep_one(note: &Path) -> io::Result<()> {
    let note = OpenOptions::new().read(true).append(true).open(note)?;
    if flock(&note, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(()); // a run is using it
    }
    let Some(first) = BufReader::new(&note).lines().next().transpose()? else { return Ok(()) };
    let Ok(workspace) = serde_json::from_str::<PathBuf>(&first) else { return note.set_len(0) };
    match folder(&workspace) {
        Ok(folder) => Stubs { note, workspace, folder }.take_away(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => note.set_len(0),
        Err(error) => Err(error),
    }
}

/// Where it is noted what is put into a workspace.
fn note(workspace: &Path, records: &Path) -> io::Result<PathBuf> {
    let found = workspace.symlink_metadata()?;
    Ok(records.join(format!("{}-{}", found.dev(), found.ino())))
}

/// The process that holds a note, as it said.
fn holder(mut note: &File) -> Option<u32> {
    note.seek(SeekFrom::Start(0)).ok()?;
    BufReader::new(note).lines().map_while(Result::ok).find_map(|line| serde_json::from_str(&line).ok())
}

fn held(note: &File) -> Unavailable {
    let who = holder(note).map_or_else(|| "another process".to_owned(), |number| format!("process {number}"));
    Unavailable {
        reason: format!("another command is running in this workspace and may write there ({who})"),
        hint: "wait until it has ended, or end it, and try again".to_owned(),
    }
}

fn folder(workspace: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat2(CWD, workspace, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?)
}

/// Makes a file that has its content from the moment it can be seen.
fn make_file(parent: &OwnedFd, name: &Path, stub: Stub) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o644);
    match stub {
        Stub::Folder => Ok(()),
        Stub::File => openat(parent, name, flags, mode).map(drop),
        Stub::SameFolder => {
            let other = Path::new(OTHER_NAME);
            unlinkat_if_there(parent, other)?;
            let file = File::from(openat(parent, other, flags, mode)?);
            let written = (&file).write_all(SAME_FOLDER).map_err(|_| Errno::IO);
            let linked =
                written.and_then(|()| rustix::fs::linkat(parent, other, parent, name, AtFlags::empty()));
            unlinkat_if_there(parent, other)?;
            linked
        }
    }
}

/// Takes `name` away if it is still what was put there: an empty folder, an empty file, or one that names its own folder.
fn remove(parent: &OwnedFd, name: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let found = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => found,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let kind = FileType::from_raw_mode(found.st_mode);
    let result = if kind == FileType::Directory {
        unlinkat(parent, name, AtFlags::REMOVEDIR)
    } else if kind == FileType::RegularFile {
        let mut text = Vec::new();
        let file = File::from(openat(parent, name, flags, Mode::empty())?);
        file.take(STUB_MAX_BYTES).read_to_end(&mut text)?;
        if !text.is_empty() && text != SAME_FOLDER {
            return Ok(());
        }
        unlinkat(parent, name, AtFlags::empty())
    } else {
        return Ok(());
    };
    match result {
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Gives `name` another name, the first that is free, under which git looks for nothing.
fn move_aside(parent: &OwnedFd, name: &Path) -> io::Result<()> {
    for number in 1..=ASIDE_MAX {
        let mut other = name.as_os_str().to_owned();
        other.push(format!(".set-aside-by-mab-{number}"));
        match renameat_with(parent, name, parent, &other, RenameFlags::NOREPLACE) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::other("too much was set aside in this repository"))
}

fn unlinkat_if_there(parent: &OwnedFd, name: &Path) -> Result<(), Errno> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error),
    }
}

/// How a line says what is to be moved aside.
#[derive(Serialize, Deserialize)]
struct Aside {
    aside: PathBuf,
}

/// How often it is tried to take hold of a workspace: for two seconds.
const ATTEMPTS: u32 = 100;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

const ASIDE_MAX: u32 = 100;

/// What such a file holds.
pub(crate) const SAME_FOLDER: &[u8] = b".\n";

/// The name of such a file while it is written.
const OTHER_NAME: &str = "commondir.mab";

/// One byte more than the longest that is put anywhere.
const STUB_MAX_BYTES: u64 = 3;
