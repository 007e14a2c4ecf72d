//! What is put into a workspace for the time of a run, so that there is something to protect, and taken away after it.
//!
//! What is put there is noted first, in a private folder outside: what a server that was killed left behind is taken away
//! before the next run in that workspace, or when sandboxes are probed next. The file of the note is also the lock:
//! every run in the workspace shares it, and only who holds it alone takes anything away, because taking away what another
//! run has mounted on would take that mount away too (since Linux 3.18).
//!
//! A note is one JSON string per line: the workspace, then each path in it.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, ResolveFlags, flock, mkdirat, openat, openat2,
        statat, unlinkat,
    },
    io::Errno,
};

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

/// What one run put into one workspace, or shares with other runs there.
#[derive(Debug)]
pub(crate) struct Stubs {
    note: File,
    workspace: PathBuf,
    folder: OwnedFd,
}

impl Stubs {
    /// Joins the runs of a workspace. The first of them takes away what an earlier one has left.
    ///
    /// # Errors
    /// When the note cannot be opened or read, or what is left cannot be taken away.
    pub(crate) fn open(records: &Path, workspace: &Path) -> io::Result<Self> {
        let found = workspace.symlink_metadata()?;
        let note = records.join(format!("{}-{}", found.dev(), found.ino()));
        let note = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(note)?;
        let stubs = Self { note, workspace: workspace.to_owned(), folder: folder(workspace)? };
        if flock(&stubs.note, FlockOperation::NonBlockingLockExclusive).is_ok() {
            stubs.take_away()?;
            stubs.write(workspace)?;
        }
        flock(&stubs.note, FlockOperation::LockShared)?;
        Ok(stubs)
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

    /// Takes away everything that is noted and still as it was put there.
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

    fn write(&self, path: &Path) -> io::Result<()> {
        let line = serde_json::to_string(path)? + "\n";
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

fn unlinkat_if_there(parent: &OwnedFd, name: &Path) -> Result<(), Errno> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error),
    }
}

const SAME_FOLDER: &[u8] = b".\n";

/// The name of such a file while it is written.
const OTHER_NAME: &str = "commondir.mab";

/// One byte more than the longest that is put anywhere.
const STUB_MAX_BYTES: u64 = 3;
