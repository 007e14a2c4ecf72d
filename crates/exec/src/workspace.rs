//! The folder a command works in, held open, so that it stays the one that was judged.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, OpenOptions},
    io,
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
        unix::{
            ffi::OsStrExt as _,
            fs::{MetadataExt as _, OpenOptionsExt as _},
        },
    },
    path::{Component, Path, PathBuf},
};

use mab_core::{Code, Denied};
use rustix::{
    fs::{CWD, FileType, Mode as Bits, OFlags, ResolveFlags, fstat, openat2, readlinkat},
    io::Errno,
};

/// A workspace: a folder that exists, under a path without symbolic links.
#[derive(Debug)]
pub struct Workspace {
    path: PathBuf,
    folder: OwnedFd,
    device: u64,
    inode: u64,
}

/// Where a path leads, as the kernel resolves it below the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// To something inside.
    Inside,
    /// To nothing yet; it would be inside.
    Absent,
    /// Outside, through `..`, an absolute path, a symbolic link or a link of `/proc`; or nobody can tell.
    Outside,
}

/// Something in the workspace, held, and not yet opened to be read.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its path below the workspace, without links.
    pub(crate) real: PathBuf,
    /// Whether links, or the folder above the workspace, are on the way.
    pub(crate) linked: bool,
    pub(crate) kind: FileType,
    opened: OwnedFd,
}

/// Most names that the links on one way may hold. Those of package managers hold about ten.
const LINK_STEPS_MAX: usize = 64;

impl Found {
    /// Opens it to be read, and never waits: whoever holds a lease on it would let others wait, and read on.
    pub(crate) fn read(&self) -> io::Result<File> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let path = format!("/proc/self/fd/{}", self.opened.as_raw_fd());
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    }
}

/// What `path` goes through, the last first.
fn names(path: &Path) -> Vec<OsString> {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    names.rev().map(|part| part.as_os_str().to_owned()).collect()
}

impl Workspace {
    /// Opens a workspace.
    ///
    /// # Errors
    /// [`Code::NotFound`] when it is not there, [`Code::InvalidArguments`] when it is no folder, is not absolute, is the
    /// root, or its path leads through a symbolic link: who can move that link would choose where commands run.
    pub fn open(path: &Path) -> Result<Self, Denied> {
        let refuse = |code, message: &str, hint: &str| Err(Denied::new(code, message.to_owned()).hint(hint));
        if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
            return refuse(
                Code::InvalidArguments,
                "the workspace's path is not absolute",
                "give its whole path",
            );
        }
        if path.parent().is_none() {
            return refuse(
                Code::InvalidArguments,
                "the workspace is the root of the file system",
                "name a folder",
            );
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = match openat2(CWD, path, flags, Bits::empty(), ResolveFlags::NO_SYMLINKS) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => {
                return refuse(Code::NotFound, "there is no such workspace", "create it first");
            }
            Err(Errno::LOOP) => {
                let hint = "give the path that it leads to; `realpath` prints it";
                return refuse(
                    Code::InvalidArguments,
                    "the workspace's path leads through a symbolic link",
                    hint,
                );
            }
            Err(Errno::NOTDIR) => {
                return refuse(Code::InvalidArguments, "the workspace is not a folder", "name a folder");
            }
            Err(error) => {
                let message = format!("the workspace cannot be opened: {error}");
                return refuse(Code::InvalidArguments, &message, "name a folder that you may read");
            }
        };
        let Ok(found) = fstat(&folder) else {
            return refuse(
                Code::InvalidArguments,
                "the workspace cannot be looked at",
                "look at its file system",
            );
        };
        Ok(Self { path: path.components().collect(), folder, device: found.st_dev, inode: found.st_ino })
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its device number.
    pub const fn device(&self) -> u64 {
        self.device
    }

    /// Its inode number.
    pub const fn inode(&self) -> u64 {
        self.inode
    }

    /// Whether its path still leads to it.
    ///
    /// # Errors
    /// [`Code::Conflict`] when another folder, a link or nothing is there now.
    pub fn still_there(&self) -> Result<(), Denied> {
        let same = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|found| found.is_dir() && (found.dev(), found.ino()) == (self.device, self.inode));
        if same {
            return Ok(());
        }
        Err(Denied::new(Code::Conflict, "the workspace is not the folder that it was")
            .hint("look what happened to it, then ask again"))
    }

    /// Where `path` leads. Absolute paths count when they are written below the workspace's own path.
    pub fn resolve(&self, path: &OsStr) -> Resolved {
        self.real(path).0
    }

    /// Where `path` leads, and the path below the workspace without links of what is there; of what is not, that of the
    /// deepest folder around it that is.
    pub fn real(&self, path: &OsStr) -> (Resolved, PathBuf) {
        let outside = (Resolved::Outside, PathBuf::new());
        let path = Path::new(path);
        let below = if path.is_absolute() {
            match path.strip_prefix(&self.path) {
                Ok(below) => below,
                Err(_) => return outside,
            }
        } else {
            path
        };
        if below.components().any(|part| part == Component::ParentDir)
            || below.as_os_str().as_bytes().contains(&0)
        {
            return outside;
        }
        let mut found = Resolved::Inside;
        for folder in below.ancestors() {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            match self.opened(folder, OFlags::empty()) {
                Ok(opened) => return self.path_of(&opened).map_or(outside, |real| (found, real)),
                // A link to nothing: who writes through it makes what it names.
                Err(Errno::NOENT) if self.opened(folder, OFlags::NOFOLLOW).is_ok() => return outside,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => found = Resolved::Absent,
                Err(_) => return outside,
            }
        }
        outside
    }

    /// What `path` leads to inside, below the workspace's folder or absolute; none when nothing is there, or it is outside.
    ///
    /// # Errors
    /// When that cannot be told: what is not seen here may still be opened by somebody else.
    pub(crate) fn find(&self, path: &Path) -> Result<Option<Found>, String> {
        let below = path.strip_prefix(&self.path).unwrap_or(path);
        let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        let open = |below: &Path| {
            let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
            openat2(&self.folder, below, OFlags::PATH | OFlags::CLOEXEC, Bits::empty(), how)
        };
        let (opened, linked) = match open(below) {
            // A link, or `..` or an absolute path, which may lead out and back inside.
            Err(Errno::LOOP | Errno::XDEV) => {
                let Some(real) = self.follow(below)? else { return Ok(None) };
                let Ok(real) = real.strip_prefix(&self.path) else { return Ok(None) };
                (open(if real.as_os_str().is_empty() { Path::new(".") } else { real }), true)
            }
            opened => (opened, false),
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let kind = fstat(&opened).map_err(|error| error.to_string())?.st_mode;
        let real = self.path_of(&opened).ok_or("it was moved away meanwhile")?;
        Ok(Some(Found { real, linked, kind: FileType::from_raw_mode(kind), opened }))
    }

    /// The absolute path without links that `path` leads to; none when nothing is there, or nobody here can go there. The
    /// kernel would follow forty links with a thousand steps each, for every word of a command; this takes a few.
    ///
    /// A process's own folder, by `/proc`, is taken for the workspace's, where commands begin.
    fn follow(&self, path: &Path) -> Result<Option<PathBuf>, String> {
        let mut at = if path.is_absolute() { PathBuf::from("/") } else { self.path.clone() };
        let mut rest: Vec<OsString> = names(path);
        let mut steps = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let of_process = at.parent() == Some(Path::new("/proc"));
            if of_process && (name == "cwd" || name == "root") {
                at = if name == "cwd" { self.path.clone() } else { PathBuf::from("/") };
                continue;
            }
            let next = at.join(&name);
            let link = match next.strip_prefix(&self.path) {
                Ok(below) if below.as_os_str().is_empty() => Err(Errno::INVAL),
                Ok(below) => readlinkat(&self.folder, below, Vec::new()),
                Err(_) => readlinkat(CWD, &next, Vec::new()),
            };
            match link {
                Err(Errno::INVAL) => at = next,
                Ok(_) if at == Path::new("/proc") => at = next,
                Ok(_) if at.starts_with("/proc") => return Ok(None),
                Ok(text) => {
                    let text = Path::new(OsStr::from_bytes(text.as_bytes()));
                    steps += 1 + text.as_os_str().as_bytes().split(|&byte| byte == b'/').count();
                    if steps > LINK_STEPS_MAX {
                        return Err("the way there leads through more links than are followed".to_owned());
                    }
                    if text.is_absolute() {
                        at = PathBuf::from("/");
                    }
                    rest.extend(names(text));
                }
                Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(None),
                Err(error) if at.starts_with(&self.path) => return Err(error.to_string()),
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    fn opened(&self, below: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let open =
            |how| openat2(&self.folder, below, OFlags::PATH | OFlags::CLOEXEC | flags, Bits::empty(), how);
        match open(how | ResolveFlags::NO_SYMLINKS) {
            Err(Errno::LOOP) if self.follow(below).is_ok() => open(how),
            opened => opened,
        }
    }

    /// The path of `opened` below the workspace, as the kernel knows it.
    fn path_of(&self, opened: &OwnedFd) -> Option<PathBuf> {
        let name = |descriptor: BorrowedFd<'_>| {
            std::fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd())).ok()
        };
        let path = name(opened.as_fd())?;
        match path.strip_prefix(&self.path) {
            Ok(below) => Some(below.to_owned()),
            // The workspace was moved.
            Err(_) => path.strip_prefix(name(self.folder.as_fd())?).ok().map(Path::to_owned),
        }
    }
}

impl AsFd for Workspace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn paths_when_they_lead_outside_in_any_way_are_outside() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap().join("space");
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::fs::write(root.join("src/main.rs"), "x").unwrap();
        symlink("/etc/shadow", root.join("out")).unwrap();
        symlink("/etc", root.join("out-folder")).unwrap();
        symlink("../..", root.join("src/up")).unwrap();
        symlink("src/main.rs", root.join("in")).unwrap();
        symlink("../elsewhere/none", root.join("dangling")).unwrap();
        symlink("src/none", root.join("loose")).unwrap();
        let space = Workspace::open(&root).unwrap();
        let absolute = |name: &str| root.join(name).into_os_string().into_string().unwrap();
        for (path, expected) in [
            (".", Resolved::Inside),
            ("", Resolved::Inside),
            ("src/main.rs", Resolved::Inside),
            ("in", Resolved::Inside),
            (&absolute("src"), Resolved::Inside),
            ("none", Resolved::Absent),
            ("none/deeper", Resolved::Absent),
            ("out", Resolved::Outside),
            ("out-folder/passwd", Resolved::Outside),
            ("src/up/x", Resolved::Outside),
            ("src/../src", Resolved::Outside),
            ("..", Resolved::Outside),
            ("/etc/passwd", Resolved::Outside),
            ("dangling", Resolved::Outside),
            ("loose", Resolved::Outside),
            ("loose/x", Resolved::Outside),
            ("src/main.rs/x", Resolved::Absent),
            ("/proc/self/root", Resolved::Outside),
            (&format!("{}-evil/x", root.display()), Resolved::Outside),
        ] {
            assert_eq!(space.resolve(OsStr::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn path_when_it_leads_through_links_is_told_without_them() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap().join("space");
        std::fs::create_dir_all(root.join(".git/hooks")).unwrap();
        symlink(".git/hooks", root.join("hk")).unwrap();
        let space = Workspace::open(&root).unwrap();
        for (path, expected) in [
            ("hk", (Resolved::Inside, ".git/hooks")),
            ("hk/post-commit", (Resolved::Absent, ".git/hooks")),
            ("none/x", (Resolved::Absent, "")),
            (".", (Resolved::Inside, "")),
        ] {
            let (found, real) = space.real(OsStr::new(path));
            assert_eq!((found, real.to_str().unwrap()), expected, "{path}");
        }
    }

    #[test]
    fn workspace_when_moved_or_replaced_is_a_conflict() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap().join("space");
        std::fs::create_dir(&root).unwrap();
        let space = Workspace::open(&root).unwrap();
        space.still_there().unwrap();
        std::fs::rename(&root, root.with_extension("old")).unwrap();
        assert_eq!(space.still_there().unwrap_err().code, Code::Conflict);
        std::fs::create_dir(&root).unwrap();
        assert_eq!(space.still_there().unwrap_err().code, Code::Conflict);
        std::fs::remove_dir(&root).unwrap();
        symlink(root.with_extension("old"), &root).unwrap();
        assert_eq!(space.still_there().unwrap_err().code, Code::Conflict);
    }

    #[test]
    fn workspace_when_it_is_none_is_refused_with_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        std::fs::write(root.join("file"), "x").unwrap();
        symlink(&root, root.join("link")).unwrap();
        for (path, code) in [
            (root.join("none"), Code::NotFound),
            (root.join("file"), Code::InvalidArguments),
            (root.join("link"), Code::InvalidArguments),
            (root.join("link/.."), Code::InvalidArguments),
            (PathBuf::from("/"), Code::InvalidArguments),
            (PathBuf::from("relative"), Code::InvalidArguments),
        ] {
            let denied = Workspace::open(&path).unwrap_err();
            assert_eq!(denied.code, code, "{}", path.display());
            assert!(denied.hint.is_some(), "{}", path.display());
        }
    }
}
