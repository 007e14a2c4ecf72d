//! What a command wrote to its view, as steps that would bring the workspace there.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use mab_core::{Code, Denied};
use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fgetxattr, fstat, openat2, readlinkat, statat},
    io::Errno,
};
use sha2::{Digest as _, Sha256};

use super::Protected;
use crate::snapshot::{BELOW, Entry, Kept, Kind, Known, Place, Step, as_path, doing, is_git, to_path};

/// What was written, by its path.
#[derive(Debug)]
pub(super) struct Written {
    upper: OwnedFd,
    found: BTreeMap<Vec<u8>, Found>,
    bytes: u64,
}

/// What lies in the folder above.
#[derive(Debug)]
enum Found {
    /// It was removed.
    Gone,
    /// This is there now. `whole`: nothing of what is below it shows through.
    There { entry: Entry, whole: bool },
    /// Something that is never applied.
    Refused(&'static str),
}

impl Written {
    /// Reads the folder above, with the digest of every file.
    pub(super) fn read(upper: &Path) -> Result<Self, Denied> {
        let refuse = doing("cannot read the preview");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let upper = openat2(CWD, upper, flags, Mode::empty(), rustix::fs::ResolveFlags::NO_SYMLINKS)
            .map_err(|error| refuse(error.into()))?;
        let mut written = Self { upper, found: BTreeMap::new(), bytes: 0 };
        let mut folders = vec![Vec::new()];
        while let Some(path) = folders.pop() {
            written.folder(&path, &mut folders).map_err(refuse)?;
            if written.found.len() > WRITTEN_MAX || written.bytes > WRITTEN_MAX_BYTES {
                return Err(Denied::new(
                    Code::QuotaExceeded,
                    "the command wrote more than a preview may hold",
                )
                .hint("discard the preview and run the command without one"));
            }
        }
        Ok(written)
    }

    fn folder(&mut self, path: &[u8], folders: &mut Vec<Vec<u8>>) -> io::Result<()> {
        let below = if path.is_empty() { as_path(b".") } else { as_path(path) };
        let folder = openat2(
            &self.upper,
            below,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
            BELOW,
        )?;
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
            let below = [path, separator, name].concat();
            let stat = statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
            let found = match self.look(&below, &stat) {
                // What a command shut must not hide the rest.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    Found::Refused("it may not be read")
                }
                found => found?,
            };
            if let Found::There { entry, .. } = &found {
                self.bytes = self.bytes.saturating_add(entry.size);
            }
            if matches!(&found, Found::There { entry, .. } if entry.kind == Kind::Folder) {
                folders.push(below.clone());
            }
            self.found.insert(below, found);
        }
        Ok(())
    }

    fn look(&self, path: &[u8], stat: &Stat) -> io::Result<Found> {
        let kind = FileType::from_raw_mode(stat.st_mode);
        let mut entry = Entry {
            path: path.to_vec(),
            kind: Kind::File,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: 0,
            digest: [0; 32],
            place: Place::default(),
        };
        let mut whole = true;
        if kind == FileType::CharacterDevice && stat.st_rdev == 0 {
            return Ok(Found::Gone);
        } else if kind == FileType::Directory {
            entry.kind = Kind::Folder;
            let folder = self.open(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
            let mut value = [0_u8; 1];
            let read = fgetxattr(&folder, "user.overlay.opaque", &mut value);
            whole = read == Ok(1) && value == *b"y";
        } else if kind == FileType::RegularFile {
            if stat.st_mode & 0o6000 != 0 {
                return Ok(Found::Refused("it gives the power to become somebody else"));
            }
            (entry.size, entry.digest) = copy(&mut self.file(path)?, &mut io::sink())?;
        } else if kind == FileType::Symlink {
            entry.kind = Kind::Link;
            let target = self.link(path)?;
            (entry.size, entry.digest) = (target.len() as u64, Sha256::digest(&target).into());
        } else {
            return Ok(Found::Refused("it is a device, pipe or socket"));
        }
        Ok(Found::There { entry, whole })
    }

    /// The content of an entry, which must be what was read before: what a person saw is what is applied.
    pub(super) fn content(&self, entry: &Entry, out: &mut dyn io::Write) -> Result<bool, Denied> {
        let mut read = || {
            if entry.kind == Kind::Link {
                let target = self.link(&entry.path)?;
                out.write_all(&target)?;
                return Ok((target.len() as u64, Sha256::digest(&target).into()));
            }
            copy(&mut self.file(&entry.path)?, out)
        };
        let read: io::Result<(u64, [u8; 32])> = read();
        if read.map_err(doing("cannot copy from the preview"))? == (entry.size, entry.digest) {
            return Ok(true);
        }
        Err(Denied::new(Code::Conflict, "the preview changed while it was applied").hint("look at it again"))
    }

    /// The content at a path, for people; false when it is too large for them.
    pub(super) fn content_at(&self, path: &Path, out: &mut dyn io::Write) -> Result<bool, Denied> {
        let path = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
        match self.found.get(path) {
            Some(Found::There { entry, .. }) if entry.size >= super::TEXT_MAX_BYTES => Ok(false),
            Some(Found::There { entry, .. }) if entry.has_content() => self.content(entry, out),
            Some(Found::Gone) => Ok(true),
            Some(Found::There { .. } | Found::Refused(_)) | None => {
                Err(Denied::new(Code::NotFound, "the command wrote no such file")
                    .hint("name a file of the preview by its path below the workspace"))
            }
        }
    }

    fn file(&self, path: &[u8]) -> io::Result<File> {
        let file = self.open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        if FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::RegularFile {
            Ok(File::from(file))
        } else {
            Err(Errno::STALE.into())
        }
    }

    fn link(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        Ok(readlinkat(self.open(path, OFlags::PATH)?, "", Vec::new())?.into_bytes())
    }

    fn open(&self, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat2(&self.upper, as_path(path), flags, Mode::empty(), BELOW)?)
    }
}

/// The steps from what is known of the workspace to what was written, and what of it is never applied.
pub(super) fn plan(written: &Written, known: &Known, protected: Protected<'_>) -> (Vec<Step>, Vec<Kept>) {
    let mut wanted: BTreeMap<&[u8], Option<&Entry>> = BTreeMap::new();
    let mut refused = BTreeMap::new();
    for (path, found) in &written.found {
        let hides = match found {
            Found::Gone => true,
            Found::There { whole, .. } => *whole,
            Found::Refused(why) => {
                refused.insert(path.clone(), *why);
                continue;
            }
        };
        if hides {
            wanted.extend(below(known, path).map(|(entry, _)| (entry.path.as_slice(), None)));
        }
        match found {
            Found::There { entry, .. } => wanted.insert(path, Some(entry)),
            Found::Gone | Found::Refused(_) => wanted.insert(path, None),
        };
    }
    let mut steps = Vec::new();
    for (path, wanted) in wanted {
        let now = at(known, path);
        let same = match (now, wanted) {
            (Some((now, _)), Some(wanted)) => now.same(wanted),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if same {
            continue;
        }
        let stand_in = now.is_none() && wanted.is_some_and(|entry| entry.size == 0);
        if is_git(path) || protected(as_path(path)) {
            // What kept a command from making it there is empty.
            if !stand_in {
                refused.insert(path.to_vec(), "it is protected");
            }
        } else if let Some(alone) = not_saved(known, path) {
            refused.insert(alone.to_vec(), "no snapshot holds it");
        } else {
            let now = now.map(|(entry, stamp)| (entry.clone(), *stamp));
            steps.push(Step { path: path.to_vec(), now, wanted: wanted.cloned() });
        }
    }
    let kept = refused.into_iter().map(|(path, why)| Kept { path: to_path(&path), why: why.to_owned() });
    (steps, kept.collect())
}

fn is_below(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.first() == Some(&b'/'))
}

type Looked<'a> = (&'a Entry, &'a crate::snapshot::Stamp);

fn at<'a>(known: &'a Known, path: &[u8]) -> Option<Looked<'a>> {
    let index = known.entries.binary_search_by(|entry| entry.path.as_slice().cmp(path)).ok()?;
    Some((known.entries.get(index)?, known.stamps.get(index)?))
}

/// What is known below a path.
fn below<'a>(known: &'a Known, path: &'a [u8]) -> impl Iterator<Item = Looked<'a>> {
    let from = known.entries.partition_point(|entry| entry.path.as_slice() <= path);
    let entries = known.entries.iter().zip(&known.stamps).skip(from);
    entries
        .take_while(move |(entry, _)| entry.path.starts_with(path))
        .filter(move |(entry, _)| is_below(&entry.path, path))
}

/// The path itself, or the folder around it, that no snapshot holds.
fn not_saved<'a>(known: &'a Known, path: &[u8]) -> Option<&'a [u8]> {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end);
    ends.chain([path.len()]).find_map(|end| match at(known, path.get(..end)?) {
        Some((entry, _)) if matches!(entry.kind, Kind::NotSaved(_)) => Some(entry.path.as_slice()),
        _ => None,
    })
}

/// Copies everything; returns how much it was, and its digest.
fn copy(from: &mut File, to: &mut dyn io::Write) -> io::Result<(u64, [u8; 32])> {
    let (mut size, mut hasher) = (0, Sha256::new());
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        let read = from.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else {
            return Ok((size, hasher.finalize().into()));
        };
        hasher.update(part);
        to.write_all(part)?;
        size += part.len() as u64;
    }
}

/// A regular file below a folder, through no link; none when there is none.
pub(super) fn open_below(folder: &impl AsFd, path: &Path) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat2(folder, path, flags, Mode::empty(), BELOW).ok()?;
    let plain = FileType::from_raw_mode(fstat(&file).ok()?.st_mode) == FileType::RegularFile;
    plain.then(|| File::from(file))
}

/// The most paths of a preview.
const WRITTEN_MAX: usize = 200_000;
/// The most bytes of all its files: 4 GiB. One folder may go beyond it before that is seen.
const WRITTEN_MAX_BYTES: u64 = 4 << 30;
