//! The private folder of one workspace's snapshots, held by one process at a time.
//!
//! Nothing in it is changed in place but the space of content that no snapshot needs any more, which is given back. A file is
//! written under a name that ends in `.new` and then renamed; `taken/<id>` comes last. A process that is killed therefore
//! leaves whole snapshots, and perhaps files that the next run removes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use mab_core::{Code, Denied};
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use sha2::{Digest as _, Sha256};

use super::{
    SnapshotId,
    entry::{Entry, Kind, decode, encode, take},
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
        let path = std::os::unix::ffi::OsStrExt::as_bytes(workspace.path().as_os_str());
        // By its path alone: a folder that was removed and made anew has the snapshots of the one before.
        let name = Digest::of(&[PATH_DOMAIN, path]).to_string();
        let store = Self::open_named(&root.join(name.get(..32).unwrap_or_default()), wait_s)?;
        let note = store.folder.join("workspace");
        if fs::read(&note).ok().as_deref() != Some(path) {
            write_whole(&note, path).map_err(doing("cannot write to the folder of snapshots"))?;
        }
        Ok(store)
    }

    /// The path of its workspace, where that is known.
    pub(super) fn path(&self) -> Option<PathBuf> {
        fs::read(self.folder.join("workspace")).ok().map(|path| super::entry::to_path(&path))
    }

    /// Whether it has a snapshot of this name.
    pub(super) fn has(&self, id: &SnapshotId) -> bool {
        self.folder.join("taken").join(id.as_str()).is_file()
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
        let looks: [u8; 32] = take(&mut rest)?;
        let mut entries = self.tree(&hex::encode(tree)).ok()?;
        let mut stamps = Vec::with_capacity(entries.len());
        while !rest.is_empty() {
            let [inode, size] = [take(&mut rest)?, take(&mut rest)?].map(u64::from_le_bytes);
            let [modified_ns, changed_ns] = [take(&mut rest)?, take(&mut rest)?].map(i64::from_le_bytes);
            stamps.push(Stamp { inode, size, modified_ns, changed_ns });
        }
        if stamps.len() != entries.len() {
            return None;
        }
        if looks != *self.look_of_packs().ok()?.as_bytes() {
            self.distrust(&mut entries, &mut stamps);
        }
        Some(Last { entries, stamps })
    }

    /// What the packs look like, and since when the system runs: a pack that somebody wrote to, or that was not yet on the
    /// disk when the power went, is not believed unseen.
    fn look_of_packs(&self) -> io::Result<Digest> {
        let mut look = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        for number in self.packs()? {
            let stat = rustix::fs::stat(self.folder.join("packs").join(number.to_string()))?;
            let stamp = Stamp::of(&stat);
            look.extend_from_slice(&number.to_le_bytes());
            look.extend_from_slice(&stamp.size.to_le_bytes());
            look.extend_from_slice(&stamp.changed_ns.to_le_bytes());
        }
        Ok(Digest::of(&[&look]))
    }

    /// Reads every content again, and forgets what is not what was saved: the next look reads that file, and keeps it anew.
    fn distrust(&self, entries: &mut [Entry], stamps: &mut [Stamp]) {
        let mut sound: BTreeMap<(u32, u64, [u8; 32]), bool> = BTreeMap::new();
        for (entry, stamp) in entries.iter_mut().zip(stamps).filter(|(entry, _)| entry.has_content()) {
            let place = (entry.place.pack, entry.place.offset, entry.digest);
            let is_sound =
                *sound.entry(place).or_insert_with(|| self.read(entry, &mut io::sink()) == Ok(true));
            if !is_sound {
                entry.digest = [0; 32];
                stamp.modified_ns = i64::MIN;
            }
        }
    }

    /// Keeps a tree, and what its paths looked like; returns its name.
    pub(super) fn keep_tree(&self, known: &Known) -> Result<String, Denied> {
        let bytes = encode(&known.entries);
        let digest = Digest::of(&[&bytes]);
        let (name, path) = (digest.to_string(), self.folder.join("trees").join(digest.to_string()));
        let refuse = doing("cannot keep the list of files");
        let mut looks = Vec::with_capacity(64 + 32 * known.stamps.len());
        looks.extend_from_slice(digest.as_bytes());
        looks.extend_from_slice(self.look_of_packs().map_err(refuse)?.as_bytes());
        for stamp in &known.stamps {
            let racy = stamp.changed_ns >= known.began_ns - RACY_NS;
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
        keep().map_err(refuse)?;
        Ok(name)
    }

    /// The tree of that name.
    pub(super) fn tree(&self, name: &str) -> Result<Vec<Entry>, Denied> {
        let bytes =
            fs::read(self.folder.join("trees").join(name)).map_err(|_| damaged("its list of files"))?;
        let whole = Digest::of(&[&bytes]).to_string() == name;
        whole.then(|| decode(&bytes)).flatten().ok_or_else(|| damaged("its list of files"))
    }

    /// Whether a snapshot has exactly what is known now.
    pub(super) fn is_same(&self, record: &Record, known: &Known) -> bool {
        let same = |(one, other): (&Entry, &Entry)| {
            one.path == other.path && one.same(other) && (one.uid, one.gid) == (other.uid, other.gid)
        };
        self.tree(&record.tree).is_ok_and(|entries| {
            entries.len() == known.entries.len() && entries.iter().zip(&known.entries).all(same)
        })
    }

    /// Every folder that any snapshot has. A damaged one has none.
    pub(super) fn folders(&self) -> BTreeSet<Vec<u8>> {
        let names: BTreeSet<String> =
            self.records().unwrap_or_default().into_iter().map(|record| record.tree).collect();
        let entries = names.iter().filter_map(|name| self.tree(name).ok()).flatten();
        entries.filter(|entry| entry.kind == Kind::Folder).map(|entry| entry.path).collect()
    }

    /// Keeps a record: with it, the snapshot is there.
    pub(super) fn keep_record(&self, record: &Record) -> Result<(), Denied> {
        let path = self.folder.join("taken").join(record.id.to_string());
        let write = || write_whole(&path, &serde_json::to_vec(record)?);
        write().map_err(doing("cannot keep the snapshot"))
    }

    /// The records, the newest first. One that is damaged is passed over: it must not take the others with it.
    pub(super) fn records(&self) -> Result<Vec<Record>, Denied> {
        Ok(self.read_records()?.0)
    }

    /// How many records are damaged.
    pub(super) fn damaged(&self) -> Result<u64, Denied> {
        Ok(self.read_records()?.1)
    }

    fn read_records(&self) -> Result<(Vec<Record>, u64), Denied> {
        let refuse = doing("cannot read the snapshots");
        let (mut records, mut damaged) = (Vec::new(), 0);
        for entry in fs::read_dir(self.folder.join("taken")).map_err(refuse)? {
            let entry = entry.map_err(refuse)?;
            let record = fs::read(entry.path()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let named = |record: &Record| entry.file_name().to_str() == Some(record.id.as_str());
            match record.filter(named) {
                Some(record) => records.push(record),
                None => damaged += 1,
            }
        }
        records.sort_by(|one: &Record, other| {
            (other.taken_at_ms, other.order).cmp(&(one.taken_at_ms, one.order))
        });
        Ok((records, damaged))
    }

    /// One record.
    pub(super) fn record(&self, id: &SnapshotId) -> Result<Record, Denied> {
        match fs::read(self.folder.join("taken").join(id.to_string())) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| damaged("its record")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Denied::new(Code::NotFound, "there is no such snapshot of this workspace").hint(
                    "`mab snapshot list --all` shows what there is; --workspace names the folder it is of",
                ))
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

    /// Writes an entry's content to `out`; false when it is not what was saved, or is gone.
    pub(super) fn read(&self, entry: &Entry, out: &mut dyn io::Write) -> Result<bool, Denied> {
        let path = self.folder.join("packs").join(entry.place.pack.to_string());
        let Ok(pack) = File::open(path) else { return Ok(false) };
        let (mut at, mut hasher) = (0, Sha256::new());
        let mut buffer = vec![0_u8; 64 * 1024];
        while at < entry.size {
            let want = usize::try_from(entry.size - at).unwrap_or(usize::MAX).min(buffer.len());
            let part = buffer.get_mut(..want).unwrap_or_default();
            if pack.read_exact_at(part, entry.place.offset.saturating_add(at)).is_err() {
                return Ok(false);
            }
            hasher.update(&*part);
            out.write_all(part).map_err(doing("cannot write what was saved"))?;
            at += want as u64;
        }
        Ok(<[u8; 32]>::from(hasher.finalize()) == entry.digest)
    }

    /// Removes records, and gives back what no other record needs. Returns the bytes that the folder takes less.
    pub(super) fn remove(&self, ids: &[SnapshotId]) -> Result<u64, Denied> {
        let refuse = doing("cannot remove a snapshot");
        let before = self.bytes().map_err(refuse)?;
        let stay = self.records()?.into_iter().filter(|record| !ids.contains(&record.id));
        let kept: BTreeSet<String> = stay.map(|record| record.tree).collect();
        let mut needed: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
        for tree in &kept {
            // One that is damaged can never be restored: it needs nothing.
            for entry in self.tree(tree).unwrap_or_default().iter().filter(|entry| entry.has_content()) {
                let range = (entry.place.offset, entry.place.offset.saturating_add(entry.size));
                needed.entry(entry.place.pack).or_default().push(range);
            }
        }
        for id in ids {
            fs::remove_file(self.folder.join("taken").join(id.to_string())).map_err(refuse)?;
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
    pub(super) fn bytes(&self) -> io::Result<u64> {
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
    if let Err(error) = file.write_all(bytes).and_then(|()| file.sync_data()) {
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

/// Sets the names of folders apart from every other use of SHA-256 here.
const PATH_DOMAIN: &[u8] = b"mab.exec.workspace.v1\0";
/// How often it is looked whether another process has finished.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_PER_S: u32 = 50;
/// What changed less than a minute before a look is read anew by the next: a page that a program has mapped may be written
/// without a new change time until the system writes it back, after 30 s at the latest by default
/// (Linux `Documentation/admin-guide/sysctl/vm.rst`, `dirty_expire_centisecs`).
const RACY_NS: i64 = 60_000_000_000;
