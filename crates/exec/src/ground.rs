//! The workspace, held open while a sandbox is made for it.
//!
//! Another command may change it at the same time, and bubblewrap and container engines take names. So what lies at a name
//! is looked up from the workspace's own descriptor, through no symbolic link, and remembered by device and inode; once
//! everything is mounted, and before anything of the plan runs, the program inside compares (`Mounted::check`).

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, StatVfsMountFlags, StatxAttributes, StatxFlags,
        fstat, fstatvfs, makedev, openat2, statx,
    },
    io::Errno,
};
use serde::{Deserialize, Serialize};

use crate::bubblewrap::Mount;

/// A workspace, opened.
#[derive(Debug)]
pub(crate) struct Ground {
    folder: OwnedFd,
    path: PathBuf,
}

/// What lies at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) kind: FileType,
    identity: (u64, u64),
}

impl Ground {
    /// Opens `workspace`, whose path leads through no symbolic link.
    ///
    /// # Errors
    /// When it does, or nothing is there.
    pub(crate) fn open(workspace: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat2(CWD, workspace, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
        Ok(Self { folder, path: workspace.to_owned() })
    }

    /// What lies at `below`, a path below the workspace; none when nothing does.
    ///
    /// # Errors
    /// When a folder on the way is a symbolic link, or leads out.
    pub(crate) fn look(&self, below: &Path) -> io::Result<Option<Object>> {
        let Some(object) = self.at(below, OFlags::PATH)? else { return Ok(None) };
        let found = fstat(&object)?;
        let kind = FileType::from_raw_mode(found.st_mode);
        Ok(Some(Object { kind, identity: (found.st_dev, found.st_ino) }))
    }

    /// The text of the file at `below`; none when there is no file, an error when it is longer than `max` bytes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(&self, below: &Path, max: u64) -> io::Result<Option<String>> {
        if self.look(below)?.is_none_or(|object| object.kind != FileType::RegularFile) {
            return Ok(None);
        }
        let Some(file) = self.at(below, OFlags::RDONLY | OFlags::NONBLOCK)? else { return Ok(None) };
        let mut bytes = Vec::new();
        File::from(file).take(max + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > max) {
            return Err(io::Error::other("it is too long to be understood"));
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The file at `below`, to read.
    ///
    /// # Errors
    /// When it cannot be read, or is no file.
    pub(crate) fn open_file(&self, below: &Path) -> io::Result<File> {
        let file = self.at(below, OFlags::RDONLY | OFlags::NONBLOCK)?.ok_or(io::ErrorKind::NotFound)?;
        let file = File::from(file);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
    }

    fn at(&self, below: &Path, flags: OFlags) -> io::Result<Option<OwnedFd>> {
        let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(&self.folder, below, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty(), how) {
            Ok(object) => Ok(Some(object)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What must be seen inside once `mounts`, the workspace and what is mounted after it, are there. Of a view the objects
    /// are not known beforehand: only that something is mounted, and how.
    ///
    /// # Errors
    /// When what is to be mounted is not there any more.
    pub(crate) fn expect(&self, mounts: &[Mount], is_view: bool) -> io::Result<Vec<Mounted>> {
        let is_covered = |index: usize, at: &Path| {
            mounts.iter().skip(index + 1).any(|later| later.at() != at && at.starts_with(later.at()))
        };
        let mut expected = Vec::new();
        for (index, mount) in
            mounts.iter().enumerate().filter(|(index, mount)| !is_covered(*index, mount.at()))
        {
            let (source, read_only) = match mount {
                Mount::ReadOnly(source, _) => (Some(source), true),
                Mount::Writable(source, _) => (Some(source), false),
                Mount::EmptyFolder(_) | Mount::NoFile(_) => (None, false),
            };
            // A later mount at the same place is what is seen.
            if mounts.iter().skip(index + 1).any(|later| later.at() == mount.at()) {
                continue;
            }
            let below = source.and_then(|source| source.strip_prefix(&self.path).ok()).filter(|_| !is_view);
            let identity = match below {
                Some(below) => Some(self.look(below)?.ok_or(io::ErrorKind::NotFound)?.identity),
                None => None,
            };
            expected.push(Mounted { at: mount.at().to_owned(), identity, read_only });
        }
        Ok(expected)
    }
}

/// What must be seen at a path inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mounted {
    at: PathBuf,
    /// Device and inode; none when they are not known beforehand.
    identity: Option<(u64, u64)>,
    read_only: bool,
}

impl Mounted {
    /// Something of its own at `at`, which nobody can write to.
    pub(crate) fn read_only(at: &Path) -> Self {
        Self { at: at.to_owned(), identity: None, read_only: true }
    }

    /// Where it is.
    pub(crate) fn at(&self) -> &Path {
        &self.at
    }

    /// Whether it is so.
    ///
    /// # Errors
    /// When it is not: then the workspace was changed while it was mounted.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.open(OFlags::PATH).map(drop)
    }

    /// The file that is seen, to read, if it is so.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(crate) fn open_file(&self) -> io::Result<File> {
        self.open(OFlags::RDONLY | OFlags::NONBLOCK).map(File::from)
    }

    fn open(&self, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let object = openat2(CWD, &self.at, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
        let seen = statx(&object, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
        let identity = (makedev(seen.stx_dev_major, seen.stx_dev_minor), seen.stx_ino);
        let is_mounted = seen.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
        let is_same = self.identity.is_none_or(|expected| expected == identity);
        let is_held = !self.read_only || fstatvfs(&object)?.f_flag.contains(StatVfsMountFlags::RDONLY);
        if is_mounted && is_same && is_held {
            return Ok(object);
        }
        Err(io::Error::other("something else is there than was looked at"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn look_when_a_link_is_on_the_way_is_an_error_and_at_the_end_is_that_link() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        symlink("/etc", root.join("out")).unwrap();
        let ground = Ground::open(&root).unwrap();
        assert_eq!(ground.look(Path::new("a/b")).unwrap().unwrap().kind, FileType::Directory);
        assert_eq!(ground.look(Path::new("a/none")).unwrap(), None);
        assert_eq!(ground.look(Path::new("out")).unwrap().unwrap().kind, FileType::Symlink);
        ground.look(Path::new("out/passwd")).unwrap_err();
        ground.look(Path::new("../x")).unwrap_err();
        std::fs::write(root.join("long"), "12345").unwrap();
        assert_eq!(ground.read(Path::new("long"), 5).unwrap().as_deref(), Some("12345"));
        ground.read(Path::new("long"), 4).unwrap_err();
        assert_eq!(ground.read(Path::new("a"), 4).unwrap(), None);
    }

    #[test]
    fn mounted_when_nothing_is_mounted_there_or_something_else_is_an_error() {
        let root = Mounted { at: "/proc".into(), identity: None, read_only: false };
        root.check().unwrap();
        let other = Mounted { identity: Some((1, 1)), ..root.clone() };
        other.check().unwrap_err();
        Mounted { at: "/proc/self".into(), ..root.clone() }.check().unwrap_err();
        Mounted { read_only: true, ..root }.check().unwrap_err();
    }
}
