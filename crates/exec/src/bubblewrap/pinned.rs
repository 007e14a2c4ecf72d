//! Programs of the workspace, as the copies that were looked at.
//!
//! A name in a workspace can be made to mean another file at any moment. So each such program is read once, compared with
//! what the request says, and shown inside as that copy, read-only, over its own path. A mount goes away when what it lies
//! on is renamed or deleted from outside: what runs inside looks again (`inside.rs`).

use std::{
    fs::File,
    io::{self, Read, Seek as _, Write as _},
    os::fd::{AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::fs::{MemfdFlags, memfd_create};

use super::words::Mount;
use crate::{
    Binary, Digest, Stage, Unavailable,
    ground::{Ground, Mounted},
};

/// Copies of programs, each with its path.
#[derive(Debug)]
pub(super) struct Pinned(Vec<(PathBuf, OwnedFd)>);

impl Pinned {
    /// Copies what `stage` runs of the workspace. What `mounts` hide is not there inside, and stays so.
    ///
    /// # Errors
    /// [`Unavailable`] when a program is not what it was, or cannot be copied.
    pub(super) fn new(stage: &Stage<'_>, ground: &Ground, mounts: &[Mount]) -> Result<Self, Unavailable> {
        let is_hidden = |path: &Path| {
            let hides = |mount: &&Mount| matches!(mount, Mount::EmptyFolder(_) | Mount::NoFile(_));
            mounts.iter().filter(hides).any(|mount| path.starts_with(mount.at()))
        };
        let mut pinned = Vec::new();
        for binary in stage.binaries {
            let path = Path::new(&binary.path);
            let Ok(below) = path.strip_prefix(&stage.profile.workspace) else { continue };
            if !is_hidden(path) {
                let file = ground.open_file(below).map_err(|error| unreadable(binary, &error))?;
                pinned.push((path.to_owned(), copy(binary, &file)?));
            }
        }
        Ok(Self(pinned))
    }

    /// The number of each descriptor, and where its copy is shown.
    pub(super) fn shown(&self) -> impl Iterator<Item = (i32, &Path)> {
        self.0.iter().map(|(path, file)| (file.as_raw_fd(), path.as_path()))
    }

    /// What must be seen inside.
    pub(super) fn expected(&self) -> Vec<Mounted> {
        self.0.iter().map(|(path, _)| Mounted::read_only(path)).collect()
    }

    /// The descriptors, for bubblewrap to read from.
    pub(super) fn into_descriptors(self) -> impl Iterator<Item = OwnedFd> {
        self.0.into_iter().map(|(_, file)| file)
    }
}

fn copy(binary: &Binary, file: &File) -> Result<OwnedFd, Unavailable> {
    let copied = || {
        let mut to = File::from(memfd_create(c"mab-program", MemfdFlags::CLOEXEC)?);
        let digest = Digest::of_reader(Copying { from: file.take(PROGRAM_MAX_BYTES + 1), to: &to })?;
        to.flush()?;
        let is_whole = to.metadata()?.len() <= PROGRAM_MAX_BYTES;
        to.rewind()?;
        Ok((to, digest, is_whole))
    };
    let (to, digest, is_whole) = copied().map_err(|error| unreadable(binary, &error))?;
    if !is_whole {
        return Err(Unavailable {
            reason: format!("the program {} is larger than 256 MiB, too large to be held", binary.path),
            hint: "put it into a folder outside the workspace that the operator names in execution.path"
                .to_owned(),
        });
    }
    if digest != binary.sha256 {
        return Err(Unavailable {
            reason: format!("the program {} is not what it was when the command was judged", binary.path),
            hint: "ask again".to_owned(),
        });
    }
    Ok(to.into())
}

/// Reads, and keeps what was read.
struct Copying<'a, R> {
    from: R,
    to: &'a File,
}

impl<R: Read> Read for Copying<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.to.write_all(buffer.get(..read).unwrap_or_default())?;
        Ok(read)
    }
}

fn unreadable(binary: &Binary, error: &io::Error) -> Unavailable {
    Unavailable {
        reason: format!("the program {} cannot be held: {error}", binary.path),
        hint: "look whether something else changes the workspace, then ask again".to_owned(),
    }
}

/// The largest program that is copied; the copy lies in memory for as long as a run lasts.
const PROGRAM_MAX_BYTES: u64 = 256 << 20;
