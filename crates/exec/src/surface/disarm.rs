//! Takes from what a run left the power to run something by itself. Nothing is deleted, and nothing overwritten.

use std::{
    fs::Permissions,
    io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::fs::PermissionsExt as _,
    },
};

use rustix::fs::{FileType, Mode, OFlags, RenameFlags, fstat, openat2, renameat_with};

use super::{
    planted::Done,
    walk::{BELOW, above, last, open_folder},
};
use crate::Workspace;

/// How names end of what is set aside.
pub(super) const SET_ASIDE: &str = ".set-aside-by-mab";

/// Renames a file, within its folder.
pub(super) fn set_aside(workspace: &Workspace, path: &[u8]) -> Done {
    let renamed = folder_of(workspace, path).and_then(|folder| {
        let name = last(path);
        let mut result = Err(rustix::io::Errno::EXIST);
        for number in 1..=NAMES_MAX {
            let number = if number == 1 { String::new() } else { format!("-{number}") };
            let to = [name, number.as_bytes(), SET_ASIDE.as_bytes()].concat();
            result =
                renameat_with(&folder, name, &folder, to.as_slice(), RenameFlags::NOREPLACE).map(|()| to);
            if result != Err(rustix::io::Errno::EXIST) {
                break;
            }
        }
        Ok(result?)
    });
    match renamed {
        Ok(to) => Done::SetAside { to: super::shown(&to) },
        Err(error) => Done::Failed { reason: error.to_string() },
    }
}

/// Takes the bits away by which a file runs as somebody else.
pub(super) fn clear(workspace: &Workspace, path: &[u8]) -> Done {
    let cleared = folder_of(workspace, path).and_then(|folder| {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat2(&folder, last(path), flags, Mode::empty(), BELOW)?;
        let found = fstat(&file)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it is no file any longer"));
        }
        // By the descriptor, also of a file that may not be read (proc(5)).
        let this = format!("/proc/self/fd/{}", file.as_raw_fd());
        std::fs::set_permissions(this, Permissions::from_mode(found.st_mode & 0o1777))
    });
    match cleared {
        Ok(()) => Done::Cleared,
        Err(error) => Done::Failed { reason: error.to_string() },
    }
}

/// The folder of a path, reached one by one: it may be longer than the kernel takes at once.
fn folder_of(workspace: &Workspace, path: &[u8]) -> io::Result<OwnedFd> {
    let mut folder = open_folder(workspace, b".")?;
    for name in above(path).split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        folder = open_folder(&folder, name)?;
    }
    Ok(folder)
}

/// Names that are tried.
const NAMES_MAX: u32 = 99;
