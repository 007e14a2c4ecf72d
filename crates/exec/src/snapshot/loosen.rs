//! Opens what a command shut, so that it can be saved and brought back: only for a restore, and only what the snapshot has.

use rustix::fs::{FileType, Mode, OFlags, chmod, fstat, openat2};

use super::{
    compare::is_unreadable,
    entry::{Entry, Kind, as_path, find},
    keep::Known,
    survey::BELOW,
};
use crate::Workspace;

/// Gives the owner back the permission to read what the snapshot `wanted` has. Says whether anything was opened.
pub(super) fn loosen(workspace: &Workspace, known: &Known, wanted: &[Entry]) -> bool {
    let is_wanted = |entry: &&Entry| {
        let want = find(wanted, &entry.path);
        is_unreadable(entry) && want.is_some_and(|want| !matches!(want.kind, Kind::NotSaved(_)))
    };
    let mut opened = false;
    for entry in known.entries.iter().filter(is_wanted) {
        opened |= open_up(workspace, &entry.path);
    }
    opened
}

fn open_up(workspace: &Workspace, path: &[u8]) -> bool {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(there) = openat2(workspace, as_path(path), flags, Mode::empty(), BELOW) else { return false };
    let Ok(stat) = fstat(&there) else { return false };
    let needed = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Mode::RWXU,
        FileType::RegularFile => Mode::RUSR | Mode::WUSR,
        FileType::Symlink
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => return false,
    };
    let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
    // What is held open is changed, whatever its path leads to by now.
    let held = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&there));
    !mode.contains(needed) && chmod(held, mode | needed).is_ok()
}
