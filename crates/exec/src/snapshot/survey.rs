//! Walks a workspace: every path with what the file system says of it, and what is left out, with why. It opens no file but
//! `CACHEDIR.TAG`, follows no link, and stays on one file system.

use std::os::unix::ffi::OsStrExt as _;

use mab_core::{Code, Denied};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, openat2, statat},
    io::Errno,
};

use super::{
    Settings,
    entry::{Entry, Kind, Place, Why, as_path, find, is_git},
    failure::doing,
};
use crate::Workspace;

/// What one path looks like, so that a look tells whether it changed. The change time is not at a program's choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) inode: u64,
    pub(crate) size: u64,
    pub(crate) modified_ns: i64,
    pub(crate) changed_ns: i64,
}

/// A path, as found.
#[derive(Debug)]
pub(super) struct Found {
    /// The path; its content is not read yet.
    pub(super) entry: Entry,
    /// What it looks like.
    pub(super) stamp: Stamp,
    /// Bytes of the disk that it takes: less than its size where it has holes.
    pub(super) allocated: u64,
}

/// What a walk goes by.
pub(super) struct Rules<'a> {
    /// Caps and names.
    pub(super) settings: &'a Settings,
    /// The entries of the last look, sorted.
    pub(super) last: &'a [Entry],
    /// The entries that are compared with, sorted. With them nothing is refused for its size: else a command could forbid
    /// its own undo. What is too much then is not saved, and told.
    pub(super) wanted: Option<&'a [Entry]>,
    /// Whether any snapshot that is kept has this folder: what was saved once is saved again, so that no command can have
    /// a folder left out by putting a tag into it, nor by removing it first and making it anew with a tag.
    pub(super) was_saved: &'a dyn Fn(&[u8]) -> bool,
}

/// What a walk found.
pub(super) struct Walked {
    /// Every path, sorted.
    pub(super) found: Vec<Found>,
    /// Paths that were passed over because there are too many.
    pub(super) passed_over: u64,
}

impl Stamp {
    pub(crate) fn of(stat: &Stat) -> Self {
        let nanos = |s: i64, ns: u64| s.saturating_mul(1_000_000_000).saturating_add(ns.cast_signed());
        Self {
            inode: stat.st_ino,
            size: stat.st_size.cast_unsigned(),
            modified_ns: nanos(stat.st_mtime, stat.st_mtime_nsec),
            changed_ns: nanos(stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// Every path of `workspace`, sorted.
///
/// # Errors
/// [`Code::QuotaExceeded`] when there are more, or larger, than a snapshot may hold.
pub(super) fn walk(workspace: &Workspace, rules: &Rules<'_>) -> Result<Walked, Denied> {
    let refuse = doing("cannot read the workspace");
    let mut walk = Walk { workspace, rules, found: Vec::new(), bytes: 0, apparent: 0, passed_over: 0 };
    let mut folders = vec![(Vec::new(), usize::MAX)];
    while let Some((folder, place)) = folders.pop() {
        let (found, below) = (walk.found.len(), folders.len());
        if let Some(why) = walk.folder(&folder, &mut folders)? {
            // What was read of it before it failed is not the whole.
            walk.found.truncate(found);
            folders.truncate(below);
            let folder = walk.found.get_mut(place);
            folder.ok_or_else(|| refuse(Errno::ACCESS.into()))?.entry.kind = Kind::NotSaved(why);
        }
    }
    let (mut found, passed_over) = (walk.found, walk.passed_over);
    found.sort_unstable_by(|one, other| one.entry.path.cmp(&other.entry.path));
    Ok(Walked { found, passed_over })
}

/// Opens a folder below the workspace through no link.
pub(super) fn open_folder(workspace: &Workspace, path: &[u8]) -> Result<OwnedFd, Errno> {
    let path = if path.is_empty() { as_path(b".") } else { as_path(path) };
    openat2(workspace, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), BELOW)
}

/// Below the workspace, through no link and into nothing that is mounted there, be it of the same file system.
pub(crate) const BELOW: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

struct Walk<'a> {
    workspace: &'a Workspace,
    rules: &'a Rules<'a>,
    found: Vec<Found>,
    /// Of the disk.
    bytes: u64,
    /// As the files say.
    apparent: u64,
    passed_over: u64,
}

impl Walk<'_> {
    /// Notes what is in a folder, and pushes the folders in it, each with its place among what was found. Says why when it
    /// is not to be saved.
    fn folder(&mut self, path: &[u8], folders: &mut Vec<(Vec<u8>, usize)>) -> Result<Option<Why>, Denied> {
        let folder = match open_folder(self.workspace, path) {
            Ok(folder) => folder,
            // Gone or replaced since it was found: it was there, with nothing in it that could be read.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(Errno::XDEV) => return Ok(Some(Why::OtherFileSystem)),
            Err(_) => return Ok(Some(Why::Unreadable)),
        };
        if self.is_made_again(&folder, path) {
            return Ok(Some(Why::MadeAgain));
        }
        let Ok(entries) = Dir::read_from(&folder) else { return Ok(Some(Why::Unreadable)) };
        for entry in entries {
            let Ok(entry) = entry else { return Ok(Some(Why::Unreadable)) };
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let mut below = Vec::with_capacity(path.len() + name.len() + 1);
            if !path.is_empty() {
                below.extend_from_slice(path);
                below.push(b'/');
            }
            below.extend_from_slice(name);
            let Ok(stat) = statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if self.note(&below, &stat)? {
                folders.push((below, self.found.len() - 1));
            }
        }
        Ok(None)
    }

    /// Notes one path; says whether it is a folder to walk.
    fn note(&mut self, path: &[u8], stat: &Stat) -> Result<bool, Denied> {
        let stamp = Stamp::of(stat);
        let allocated = stamp.size.min(stat.st_blocks.cast_unsigned().saturating_mul(512));
        let settings = self.rules.settings;
        if self.found.len() as u64 >= settings.files_max {
            match self.rules.wanted {
                None => return Err(too_much(settings)),
                Some(wanted) if find(wanted, path).is_none() => {
                    self.passed_over += 1;
                    return Ok(false);
                }
                Some(_) => {}
            }
        }
        let mut kind = self.kind(path, stat);
        if kind == Kind::File {
            let bytes = self.bytes.saturating_add(allocated);
            let apparent = self.apparent.saturating_add(stamp.size);
            let total = settings.total_max_bytes;
            if bytes <= total && apparent <= total.saturating_mul(HOLES_MAX) {
                (self.bytes, self.apparent) = (bytes, apparent);
            } else if self.rules.wanted.is_some() {
                kind = Kind::NotSaved(Why::OverTotal);
            } else {
                return Err(too_much(settings));
            }
        }
        let mut path = path.to_vec();
        path.shrink_to_fit();
        self.found.push(Found {
            entry: Entry {
                path,
                kind,
                mode: stat.st_mode & 0o7777,
                uid: stat.st_uid,
                gid: stat.st_gid,
                size: if kind == Kind::Folder { 0 } else { stamp.size },
                digest: [0; 32],
                place: Place::default(),
            },
            stamp,
            allocated,
        });
        Ok(kind == Kind::Folder)
    }

    fn kind(&self, path: &[u8], stat: &Stat) -> Kind {
        let found = FileType::from_raw_mode(stat.st_mode);
        let settings = self.rules.settings;
        // A pack is one file for years of work.
        let most = if is_git(path) { settings.git_file_max_bytes } else { settings.file_max_bytes };
        if stat.st_dev != self.workspace.device() {
            Kind::NotSaved(Why::OtherFileSystem)
        } else if found == FileType::RegularFile {
            let large = stat.st_size.cast_unsigned() > most;
            if large { Kind::NotSaved(Why::TooLarge) } else { Kind::File }
        } else if found == FileType::Symlink {
            Kind::Link
        } else if found == FileType::Directory {
            Kind::Folder
        } else {
            Kind::NotSaved(Why::Special)
        }
    }

    /// Whether a folder holds only what can be made again, and never was saved.
    fn is_made_again(&self, folder: &OwnedFd, path: &[u8]) -> bool {
        if path.is_empty() || is_git(path) {
            return false;
        }
        let name = as_path(path).file_name().unwrap_or_default().as_bytes();
        let left_out = self.rules.settings.left_out.iter().any(|left| left.as_bytes() == name);
        (left_out || has_tag(folder)) && !self.was_saved(path)
    }

    fn was_saved(&self, path: &[u8]) -> bool {
        let kind = |entries: &[Entry]| find(entries, path).map(|entry| entry.kind);
        if self.rules.wanted.and_then(kind) == Some(Kind::Folder) {
            return true;
        }
        match kind(self.rules.last) {
            Some(Kind::Folder) => true,
            // All snapshots were asked when it was first left out; none since has it.
            Some(Kind::NotSaved(Why::MadeAgain)) => false,
            Some(Kind::File | Kind::Link | Kind::NotSaved(_)) | None => (self.rules.was_saved)(path),
        }
    }
}

/// Whether a folder says that it is a cache (Cache Directory Tagging Specification 0.6).
fn has_tag(folder: &OwnedFd) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(tag) = openat2(folder, "CACHEDIR.TAG", flags, Mode::empty(), BELOW) else { return false };
    let mut begin = [0_u8; TAG.len()];
    rustix::io::read(&tag, &mut begin).is_ok_and(|read| read == TAG.len()) && begin == *TAG
}

fn too_much(settings: &Settings) -> Denied {
    let message = format!(
        "the workspace holds more than a snapshot may: {} files, {} bytes",
        settings.files_max, settings.total_max_bytes
    );
    Denied::new(Code::QuotaExceeded, message)
        .hint("leave folders out that can be made again, or raise the limits of snapshots")
}

/// How much larger all files may say that they are than what they take: holes are read as well.
const HOLES_MAX: u64 = 4;

const TAG: &[u8; 43] = b"Signature: 8a477f597d28d172789f06886806bc55";
