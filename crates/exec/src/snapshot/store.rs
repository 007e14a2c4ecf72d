//! The private folder of one workspace's snapshots, held by one process at a time.
//!
//! Nothing in it is changed in place but the space of content that no snapshot needs any more, which is given back. A file is
//! written under a name that ends in `.new` and then renamed; `taken/<id>` comes last. A process that is killed therefore
//! leaves whole snapshots, and perhaps files that the next run removes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use mab_core::{Code, Denied};
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use sha2::{Digest as _, Sha256};

use super::{
    SnapshotId,
    entry::{Entry, decode, encode, take},
    failure::{damaged, doing, failed},
    keep::Known,
    record::Record,
    survey::Stamp,
};
use crate::{Digest, Workspace};

/// The folder, locked.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    lock: File,
}

/// What a look at the last snapshot's paths saw.
#[derive(Debug, Default)]
pub(super) struct Last {
    /// Its entries, sorted.
    pub(super) entries: Vec<Entry>,
    /// What each looked like.
    pub(super) stamps: Vec<Stamp>,
}

impl Store {
    /// The folder of a workspace below `root`; made when it is not there.
    pub(super) fn open(root: &Path, workspace: &Workspace, wait_s: u32) -> Result<Self, Denied> {
        let (device, inode) = (workspace.device().to_le_bytes(), workspace.inode().to_le_bytes());
        let path = std::os::unix::ffi::OsStrExt::as_bytes(workspace.path().as_os_str());
        let name = Digest::of(&[&device, &inode, path]).to_string();
        Self::open_named(&root.join(name.get(..32).unwrap_or_default()), wait_s)
    }

    /// Such a folder, by its path.
    pub(super) fn open_named(folder: &Path, wait_s: u32) -> Result<Self, Denied> {
        let refuse = doing("cannot open the folder of snapshots");
        for below in ["packs", "trees", "taken"] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder.join(below)).map_err(refuse)?;
        }
        let lock = private().truncate(false).open(folder.join("lock")).map_err(refuse)?;
        for _ in 0..=wait_s.saturating_mul(LOOKS_PER_S) {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    let store = Self { folder: folder.to_owned(), lock };
                    store.sweep().map_err(refuse)?;
                    return Ok(store);
                }
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {
                    std::thread::sleep(LOOK_EVERY);
                }
                Err(error) => return Err(refuse(error.into())),
            }
        }
        Err(Denied::new(Code::Busy, "another process works on the snapshots of this workspace")
            .retry_after(5))
    }

    /// The moment, as the file system counts it, in nanoseconds since 1970.
    pub(super) fn moment_ns(&self) -> Result<i64, Denied> {
        let touch = || {
            self.lock.set_len(0)?;
            self.lock.write_all_at(b"1", 0)?;
            Ok(Stamp::of(&rustix::fs::fstat(&self.lock)?).modified_ns)
        };
        touch().map_err(|error: io::Error| failed("cannot write to the folder of snapshots", &error))
    }

    /// What the last look saw; nothing when that is not known.
    pub(super) fn last(&self) -> Last {
        self.try_last().unwrap_or_default()
    }

    fn try_last(&self) -> Option<Last> {
        let bytes = fs::read(self.folder.join("stamps")).ok()?;
        let mut rest = bytes.as_slice();
        let tree: [u8; 32] = take(&mut rest)?;
        let entries = self.tree(&hex::encode(tree)).ok()?;
        let mut stamps = Vec::with_capacity(entries.len());
        while !rest.is_empty() {
            let [inode, size] = [take(&mut rest)?, take(&mut rest)?].map(u64::from_le_bytes);
            let [modified_ns, changed_ns] = [take(&mut rest)?, take(&mut rest)?].map(i64::from_le_bytes);
            stamps.push(Stamp { inode, size, modified_ns, changed_ns });
        }
        let packs: BTreeSet<u32> = self.packs().ok()?.into_iter().collect();
        let there = |entry: &Entry| !entry.has_content() || packs.contains(&entry.place.pack);
        (stamps.len() == entries.len() && entries.iter().all(there)).then_some(Last { entries, stamps })
    }

    /// Keeps a tree, and what its paths looked like; returns its name.
    pub(super) fn keep_tree(&self, known: &Known) -> Result<String, Denied> {
        let bytes = encode(&known.entries);
        let digest = Digest::of(&[&bytes]);
        let (name, path) = (digest.to_string(), self.folder.join("trees").join(digest.to_string()));
        let mut looks = Vec::with_capacity(32 + 32 * known.stamps.len());
        looks.extend_from_slice(digest.as_bytes());
        for stamp in &known.stamps {
            // What changed so shortly before may change again within one tick of the file system's clock: it is read anew.
            let racy = stamp.changed_ns >= known.began_ns - TICK_NS;
            let modified_ns = if racy { i64::MIN } else { stamp.modified_ns };
            looks.extend_from_slice(&stamp.inode.to_le_bytes());
            looks.extend_from_slice(&stamp.size.to_le_bytes());
            looks.extend_from_slice(&modified_ns.to_le_bytes());
            looks.extend_from_slice(&stamp.changed_ns.to_le_bytes());
        }
        let keep = || {
            if fs::metadata(&path).map(|kept| kept.len()).ok() != Some(bytes.len() as u64) {
                write_whole(&path, &bytes)?;
            }
            write_whole(&self.folder.join("stamps"), &looks)
        };
        keep().map_err(doing("cannot keep the list of files"))?;
        Ok(name)
    }

    /// The tree of that name.
    pub(super) fn tree(&self, name: &str) -> Result<Vec<Entry>, Denied> {
        let bytes =
            fs::read(self.folder.join("trees").join(name)).map_err(|_| damaged("its list of files"))?;
        let whole = Digest::of(&[&bytes]).to_string() == name;
        whole.then(|| decode(&bytes)).flatten().ok_or_else(|| damaged("its list of files"))
    }

    /// Keeps a record: with it, the snapshot is there.
    pub(super) fn keep_record(&self, record: &Record) -> Result<(), Denied> {
        let path = self.folder.join("taken").join(record.id.to_string());
        let write = || write_whole(&path, &serde_json::to_vec(record)?);
        write().map_err(doing("cannot keep the snapshot"))
    }

    /// The records, the newest first.
    pub(super) fn records(&self) -> Result<Vec<Record>, Denied> {
        let refuse = doing("cannot read the snapshots");
        let mut records = Vec::new();
        for entry in fs::read_dir(self.folder.join("taken")).map_err(refuse)? {
            let bytes = fs::read(entry.map_err(refuse)?.path()).map_err(refuse)?;
            records.push(serde_json::from_slice(&bytes).map_err(|_| damaged("its record"))?);
        }
        records.sort_by(|one: &Record, other| {
            (other.taken_at_ms, other.order).cmp(&(one.taken_at_ms, one.order))
        });
        Ok(records)
    }

    /// One record.
    pub(super) fn record(&self, id: &SnapshotId) -> Result<Record, Denied> {
        match fs::read(self.folder.join("taken").join(id.to_string())) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| damaged("its record")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Denied::new(Code::NotFound, "there is no such snapshot of this workspace")
                    .hint("`mab snapshot list` shows what there is"))
            }
            Err(error) => Err(failed("cannot read the snapshot", &error)),
        }
    }

    /// Where the pack after the newest is written, with its number.
    pub(super) fn next_pack(&self) -> Result<(u32, PathBuf), Denied> {
        let numbers = self.packs().map_err(doing("cannot read the folder of snapshots"))?;
        let number = numbers.last().map_or(1, |newest| newest.saturating_add(1));
        Ok((number, self.folder.join("packs").join(format!("{number}.new"))))
    }

    /// Writes an entry's content to `out`, and says whether it is what was saved.
    pub(super) fn read(&self, entry: &Entry, out: &mut dyn io::Write) -> Result<(), Denied> {
        let path = self.folder.join("packs").join(entry.place.pack.to_string());
        let gone = |_| damaged("content is gone");
        let mut pack = File::open(path).map_err(gone)?;
        io::Seek::seek(&mut pack, io::SeekFrom::Start(entry.place.offset)).map_err(gone)?;
        let (mut left, mut hasher) = (entry.size, Sha256::new());
        let mut buffer = vec![0_u8; 64 * 1024];
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let part = buffer.get_mut(..want).unwrap_or_default();
            pack.read_exact(part).map_err(gone)?;
            hasher.update(&*part);
            out.write_all(part).map_err(doing("cannot write what was saved"))?;
            left -= want as u64;
        }
        let same = <[u8; 32]>::from(hasher.finalize()) == entry.digest;
        same.then_some(()).ok_or_else(|| damaged("content is not what was saved"))
    }

    /// Removes records, and gives back what no other record needs. Returns the bytes that the folder takes less.
    pub(super) fn remove(&self, ids: &[SnapshotId]) -> Result<u64, Denied> {
        let refuse = doing("cannot remove a snapshot");
        let before = self.bytes().map_err(refuse)?;
        for id in ids {
            fs::remove_file(self.folder.join("taken").join(id.to_string())).map_err(refuse)?;
        }
        let kept: BTreeSet<String> = self.records()?.into_iter().map(|record| record.tree).collect();
        let mut needed: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
        for tree in &kept {
            for entry in self.tree(tree)?.iter().filter(|entry| entry.has_content()) {
                let range = (entry.place.offset, entry.place.offset.saturating_add(entry.size));
                needed.entry(entry.place.pack).or_default().push(range);
            }
        }
        let mut free = || {
            // The last look may be at a tree that goes: then the next look reads everything.
            for entry in fs::read_dir(self.folder.join("trees"))? {
                let entry = entry?;
                if !kept.contains(entry.file_name().to_string_lossy().as_ref()) {
                    fs::remove_file(entry.path())?;
                }
            }
            for number in self.packs()? {
                let path = self.folder.join("packs").join(number.to_string());
                match needed.get_mut(&number) {
                    None => fs::remove_file(path)?,
                    Some(ranges) => punch(&path, ranges)?,
                }
            }
            self.bytes()
        };
        let after = free().map_err(refuse)?;
        Ok(before.saturating_sub(after))
    }

    /// Bytes of the disk that the folder takes.
    fn bytes(&self) -> io::Result<u64> {
        let mut blocks = 0;
        for below in ["packs", "trees", "taken"] {
            for entry in fs::read_dir(self.folder.join(below))? {
                blocks += std::os::unix::fs::MetadataExt::blocks(&entry?.metadata()?);
            }
        }
        Ok(blocks * 512)
    }

    /// The numbers of the packs, the oldest first.
    fn packs(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(self.folder.join("packs"))? {
            numbers.extend(entry?.file_name().to_string_lossy().parse::<u32>());
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Removes what a killed process left.
    fn sweep(&self) -> io::Result<()> {
        for below in ["packs", "trees", "taken", "."] {
            for entry in fs::read_dir(self.folder.join(below))? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().ends_with(".new") {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }
}

/// Opens a file for reading and writing that only its owner may touch.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = private().truncate(true).open(&new)?;
    if let Err(error) = file.write_all(bytes) {
        fs::remove_file(&new)?;
        return Err(error);
    }
    fs::rename(new, path)
}

/// Gives back the space of a pack outside `ranges`, where the file system can.
fn punch(path: &Path, ranges: &mut [(u64, u64)]) -> io::Result<()> {
    ranges.sort_unstable();
    let pack = OpenOptions::new().write(true).open(path)?;
    let mut from = 0;
    for (start, end) in ranges.iter().copied().chain([(pack.metadata()?.len(), 0)]) {
        if start > from {
            let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            match fallocate(&pack, how, from, start - from) {
                Ok(()) => {}
                Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        from = from.max(end);
    }
    Ok(())
}

/// How often it is looked whether another process has finished.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_PER_S: u32 = 50;
/// How coarse a file system's clock may be: 20 ms, twice the longest tick of Linux.
const TICK_NS: i64 = 20_000_000;
