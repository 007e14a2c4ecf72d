//! Reads what changed since the last look, on several threads, and keeps each content once.

use std::{
    collections::HashMap,
    fs::File,
    io::Read as _,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use mab_core::Denied;
use rustix::{
    fs::{FileType, Mode, OFlags, fstat, openat2, readlinkat},
    io::Errno,
};
use sha2::{Digest as _, Sha256};

use super::{
    entry::{Entry, Kind, Place, Why, as_path},
    failure::{doing, failed, full},
    store::{Last, Store, private},
    survey::{BELOW, Found, Stamp},
};
use crate::Workspace;

/// A workspace's paths with their contents known.
#[derive(Debug)]
pub(crate) struct Known {
    /// The entries, sorted.
    pub(crate) entries: Vec<Entry>,
    /// What each looked like when it was read.
    pub(crate) stamps: Vec<Stamp>,
    /// When the look began, as the file system of the snapshots counts.
    pub(crate) began_ns: i64,
    /// Paths that were not looked at because there are too many.
    pub(crate) passed_over: u64,
}

/// Knows every content: by the last look where a path looks as it did then, else by reading it.
///
/// With a pack, what is not kept yet is written there. Without one, nothing is written.
pub(super) fn contents(
    workspace: &Workspace,
    mut found: Vec<Found>,
    last: &Last,
    pack: Option<&Pack>,
) -> Result<Known, Denied> {
    let unknown = recall(&mut found, last);
    if let Some(pack) = pack {
        let new = unknown.iter().filter_map(|index| found.get(*index)).map(|found| found.allocated).sum();
        pack.room(new)?;
    }
    let next = AtomicUsize::new(0);
    let read = |mine: &mut Vec<(usize, Option<Found>)>| -> Result<(), Denied> {
        let mut desk = Desk { pack, buffer: Vec::new(), block: Vec::new(), from: 0 };
        while let Some(index) = unknown.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(found) = found.get(*index) {
                mine.push((*index, read_one(workspace, found, &mut desk)?));
            }
        }
        desk.write_block()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let threads = threads.min(unknown.len() / FILES_PER_THREAD + 1);
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    read(&mut mine).map(|()| mine)
                })
            })
            .collect();
        let ended = |thread: std::thread::ScopedJoinHandle<'_, Result<_, Denied>>| {
            thread.join().unwrap_or_else(|_| Err(failed("cannot read the workspace", &Errno::IO.into())))
        };
        threads.into_iter().map(ended).collect::<Vec<_>>()
    });
    let mut gone = Vec::new();
    for result in results {
        for (index, read) in result? {
            match (read, found.get_mut(index)) {
                (Some(read), Some(place)) => *place = read,
                _ => gone.push(index),
            }
        }
    }
    gone.sort_unstable();
    let kept = found.into_iter().enumerate().filter(|(index, _)| gone.binary_search(index).is_err());
    let (entries, stamps) = kept.map(|(_, found)| (found.entry, found.stamp)).unzip();
    Ok(Known { entries, stamps, began_ns: 0, passed_over: 0 })
}

/// Takes over what the last look knew; returns the places of what must be read.
fn recall(found: &mut [Found], last: &Last) -> Vec<usize> {
    let mut unknown = Vec::new();
    let mut before = last.entries.iter().zip(&last.stamps).peekable();
    for (index, found) in found.iter_mut().enumerate() {
        if !found.entry.has_content() {
            continue;
        }
        while before.next_if(|(entry, _)| entry.path < found.entry.path).is_some() {}
        match before.peek() {
            Some((entry, stamp))
                if entry.path == found.entry.path
                    && entry.kind == found.entry.kind
                    && **stamp == found.stamp =>
            {
                found.entry.digest = entry.digest;
                found.entry.size = entry.size;
                found.entry.place = entry.place;
            }
            _ => unknown.push(index),
        }
    }
    unknown
}

/// Reads one path anew; none when it is gone.
fn read_one(workspace: &Workspace, found: &Found, desk: &mut Desk<'_>) -> Result<Option<Found>, Denied> {
    let mut entry = found.entry.clone();
    for _ in 0..TRIES {
        let Some((source, stamp)) = (match open(workspace, &entry) {
            Ok(opened) => opened,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(Errno::XDEV) => return Ok(Some(not_saved(entry, found.stamp, Why::OtherFileSystem))),
            Err(_) => return Ok(Some(not_saved(entry, found.stamp, Why::Unreadable))),
        }) else {
            return Ok(None);
        };
        let read = match source {
            Source::Link(target) => desk.keep(&mut entry, &target).map(|()| true)?,
            Source::File(file) => {
                let read = keep_file(&mut entry, &file, &stamp, desk)?;
                let after = fstat(&file).map(|stat| Stamp::of(&stat));
                read && after == Ok(stamp)
            }
        };
        if read {
            return Ok(Some(Found { entry, stamp, allocated: found.allocated }));
        }
    }
    Ok(Some(not_saved(entry, found.stamp, Why::Changing)))
}

enum Source {
    File(File),
    Link(Vec<u8>),
}

/// Opens what the entry says is there, through no link; none when something else is there now.
fn open(workspace: &Workspace, entry: &Entry) -> Result<Option<(Source, Stamp)>, Errno> {
    let link = entry.kind == Kind::Link;
    let flags = if link { OFlags::PATH } else { OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY };
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat2(workspace, as_path(&entry.path), flags, Mode::empty(), BELOW)?;
    let stat = fstat(&opened)?;
    let stamp = Stamp::of(&stat);
    let kind = FileType::from_raw_mode(stat.st_mode);
    if link && kind == FileType::Symlink {
        return Ok(Some((Source::Link(readlinkat(&opened, "", Vec::new())?.into_bytes()), stamp)));
    }
    let file = !link && kind == FileType::RegularFile;
    Ok(file.then(|| (Source::File(File::from(opened)), stamp)))
}

/// Knows a file's content; says whether it stayed the same while it was read. Its size is that of what was read.
fn keep_file(entry: &mut Entry, file: &File, stamp: &Stamp, desk: &mut Desk<'_>) -> Result<bool, Denied> {
    if stamp.size <= WHOLE_MAX_BYTES {
        let mut bytes = std::mem::take(&mut desk.buffer);
        bytes.clear();
        let read = file.take(WHOLE_MAX_BYTES + 1).read_to_end(&mut bytes);
        let read = read.map_err(doing("cannot read a file of the workspace"))?;
        let whole = read as u64 == stamp.size;
        if whole {
            desk.keep(entry, &bytes)?;
        }
        desk.buffer = bytes;
        return Ok(whole);
    }
    let buffer = &mut desk.buffer;
    buffer.resize(PART_BYTES, 0);
    let (size, digest) = part_by_part(file, stamp.size, buffer, &mut |_, _| Ok(()))?;
    let mut same = size == stamp.size;
    entry.size = size;
    entry.digest = digest;
    if let Some(pack) = desk.pack.filter(|_| same) {
        entry.place = if let Some(place) = pack.known(&digest) {
            place
        } else {
            let place = pack.reserve(size);
            let mut write = |part: &[u8], at: u64| pack.write(part, place.offset + at);
            same = part_by_part(file, size, buffer, &mut write)? == (size, digest);
            if same {
                pack.learn(digest, place);
            }
            place
        };
    }
    Ok(same)
}

type Part<'a> = &'a mut dyn FnMut(&[u8], u64) -> Result<(), Denied>;

/// Reads at most `size` bytes of a file; returns how many there were, and their digest.
fn part_by_part(
    file: &File,
    size: u64,
    buffer: &mut [u8],
    each: Part<'_>,
) -> Result<(u64, [u8; 32]), Denied> {
    let (mut at, mut hasher) = (0, Sha256::new());
    while at < size {
        let read = file.read_at(buffer, at).map_err(doing("cannot read a file of the workspace"))?;
        let want = usize::try_from(size - at).unwrap_or(usize::MAX).min(read);
        let Some(part) = buffer.get(..want).filter(|part| !part.is_empty()) else { break };
        hasher.update(part);
        each(part, at)?;
        at += part.len() as u64;
    }
    Ok((at, hasher.finalize().into()))
}

/// What one thread works with. It collects small contents into blocks, so that threads seldom wait for each other's writing.
struct Desk<'a> {
    pack: Option<&'a Pack>,
    /// What is being read.
    buffer: Vec<u8>,
    /// Contents that are not written yet, and where in the pack they begin.
    block: Vec<u8>,
    from: u64,
}

impl Desk<'_> {
    /// Knows a content that was read whole, and keeps it.
    fn keep(&mut self, entry: &mut Entry, bytes: &[u8]) -> Result<(), Denied> {
        entry.size = bytes.len() as u64;
        entry.digest = Sha256::digest(bytes).into();
        let Some(pack) = self.pack else { return Ok(()) };
        if let Some(place) = pack.known(&entry.digest) {
            entry.place = place;
            return Ok(());
        }
        if bytes.len() > BLOCK_BYTES / 4 {
            entry.place = pack.reserve(entry.size);
            pack.write(bytes, entry.place.offset)?;
        } else {
            if self.block.is_empty() || self.block.len() + bytes.len() > BLOCK_BYTES {
                self.write_block()?;
                self.from = pack.reserve(BLOCK_BYTES as u64).offset;
            }
            entry.place = Place { pack: pack.number, offset: self.from + self.block.len() as u64 };
            self.block.extend_from_slice(bytes);
        }
        pack.learn(entry.digest, entry.place);
        Ok(())
    }

    fn write_block(&mut self) -> Result<(), Denied> {
        let written = self.pack.map_or(Ok(()), |pack| pack.write(&self.block, self.from));
        self.block.clear();
        written
    }
}

fn not_saved(mut entry: Entry, stamp: Stamp, why: Why) -> Found {
    entry.kind = Kind::NotSaved(why);
    entry.digest = [0; 32];
    entry.place = Place::default();
    Found { entry, stamp, allocated: 0 }
}

/// The contents that one snapshot adds, one after the other in one file.
#[derive(Debug)]
pub(super) struct Pack {
    file: File,
    path: PathBuf,
    number: u32,
    end: AtomicU64,
    known: Mutex<HashMap<[u8; 32], Place>>,
    /// Room that stays free.
    reserve_bytes: u64,
}

impl Pack {
    /// Begins the store's next pack; what the last snapshot keeps is not written again.
    pub(super) fn begin(store: &Store, last: &Last, reserve_bytes: u64) -> Result<Self, Denied> {
        let (number, path) = store.next_pack()?;
        let file =
            private().truncate(true).open(&path).map_err(doing("cannot write to the folder of snapshots"))?;
        let contents = last.entries.iter().filter(|entry| entry.has_content());
        let known = contents.map(|entry| (entry.digest, entry.place)).collect();
        Ok(Self { file, path, number, end: AtomicU64::new(0), known: Mutex::new(known), reserve_bytes })
    }

    /// Keeps the pack, if there is anything in it.
    pub(super) fn finish(self) -> Result<(), Denied> {
        let whole = self.path.with_extension("");
        let written = self.end.load(Ordering::Relaxed) > 0;
        let finish = || {
            if !written {
                return std::fs::remove_file(&self.path);
            }
            // What ends in zeros was not written to its end.
            self.file.set_len(self.end.load(Ordering::Relaxed))?;
            self.file.sync_data()?;
            std::fs::rename(&self.path, whole)
        };
        finish().map_err(doing("cannot keep the contents"))
    }

    /// Gives up: nothing of it stays.
    pub(super) fn abandon(&self) {
        // What cannot be removed now is swept by whoever opens the store next.
        drop(std::fs::remove_file(&self.path));
    }

    /// Refuses when its file system has less room than `bytes`, and what everything else on it needs: so much as is
    /// reserved, or a twentieth of it, at most 1 GiB.
    fn room(&self, bytes: u64) -> Result<(), Denied> {
        let what = "cannot keep the contents";
        let found = rustix::fs::fstatvfs(&self.file).map_err(|error| failed(what, &error.into()))?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        let twentieth = found.f_blocks.saturating_mul(found.f_frsize) / 20;
        let margin = self.reserve_bytes.max(twentieth.min(MARGIN_MAX_BYTES));
        if free < bytes.saturating_add(margin) { Err(full(what)) } else { Ok(()) }
    }

    fn known(&self, digest: &[u8; 32]) -> Option<Place> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(digest).copied()
    }

    fn learn(&self, digest: [u8; 32], place: Place) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, place);
    }

    fn reserve(&self, size: u64) -> Place {
        Place { pack: self.number, offset: self.end.fetch_add(size, Ordering::Relaxed) }
    }

    /// Writes a content or a part of one. Zeros alone are a hole, which takes no room.
    fn write(&self, bytes: &[u8], offset: u64) -> Result<(), Denied> {
        if bytes.len() >= HOLE_BYTES && bytes.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        self.file.write_all_at(bytes, offset).map_err(doing("cannot keep the contents"))
    }
}

/// A content up to this is read at once: 1 MiB.
const WHOLE_MAX_BYTES: u64 = 1 << 20;
const PART_BYTES: usize = 256 << 10;
/// Small contents are written together: 1 MiB. What is left of the last block is a hole, which takes no room.
const BLOCK_BYTES: usize = 1 << 20;
/// How often a file that changes is read.
const TRIES: u32 = 3;
/// Reading waits for the disk and the kernel more than for the processor; more threads than this measured no faster.
const THREADS_MAX: usize = 4;
const FILES_PER_THREAD: usize = 256;
/// The most that is left free for others: 1 GiB.
const MARGIN_MAX_BYTES: u64 = 1 << 30;
/// Zeros from this on are not written: 4 KiB, a block of most file systems.
pub(super) const HOLE_BYTES: usize = 4 << 10;
