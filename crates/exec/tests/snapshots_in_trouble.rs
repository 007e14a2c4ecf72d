//! Snapshots when the disk is full, a process is killed, or somebody works against them.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use mab_core::{Code, Fault, Random, Timestamp};
use mab_exec::{
    Workspace,
    snapshot::{How, Settings, SnapshotId, Snapshots},
};
use rustix::{
    fs::{
        CWD, FlockOperation, Mode, OFlags, RenameFlags, ResolveFlags, flock, openat, openat2, renameat_with,
    },
    mount::{MountFlags, UnmountFlags, mount, unmount},
};

#[cfg(test)]
struct Counted(AtomicU64);

#[cfg(test)]
impl Random for Counted {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        buffer.iter_mut().zip(number).for_each(|(byte, with)| *byte = with);
        Ok(())
    }
}

#[cfg(test)]
fn snapshots(state: &Path, settings: Settings) -> Snapshots {
    let settings = Settings { reserve_bytes: 1 << 20, ..settings };
    Snapshots::open(state, settings, Arc::new(Counted(AtomicU64::new(1 << 40)))).unwrap()
}

#[cfg(test)]
const AT: Timestamp = Timestamp::from_millis(1);

#[cfg(test)]
const RESTORE: How = How { dry_run: false, with_git: false, from_any: false, shown: None };

/// A folder with a file system of its own, of that many bytes; none, and a line that says so, where it cannot be made.
#[cfg(test)]
struct Small(PathBuf);

#[cfg(test)]
impl Small {
    fn new(folder: &Path, bytes: u64) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let options = std::ffi::CString::new(format!("size={bytes},mode=700")).unwrap();
        match mount("tmpfs", folder, "tmpfs", MountFlags::NODEV, options.as_c_str()) {
            Ok(()) => Some(Self(folder.to_owned())),
            Err(error) => {
                println!("SKIPPED: no small file system can be mounted: {error}");
                None
            }
        }
    }
}

#[cfg(test)]
impl Drop for Small {
    fn drop(&mut self) {
        unmount(&self.0, UnmountFlags::DETACH).unwrap();
    }
}

#[cfg(test)]
fn state(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut seen = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let folder_here = fs::symlink_metadata(&path).unwrap().is_dir();
            let content = if folder_here { Vec::new() } else { fs::read(&path).unwrap_or_default() };
            seen.insert(path.strip_prefix(folder).unwrap().to_owned(), content);
            folders.extend(folder_here.then_some(path));
        }
    }
    seen
}

#[test]
fn disk_when_full_refuses_the_snapshot_and_keeps_nothing_of_it() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap();
    let Some(small) = Small::new(&root.join("state"), 3 << 20) else { return };
    fs::create_dir(root.join("space")).unwrap();
    fs::write(root.join("space/small"), "s").unwrap();
    let (space, snapshots) =
        (Workspace::open(&root.join("space")).unwrap(), snapshots(&small.0, Settings::default()));
    let first = snapshots.take(&space, "", AT).unwrap();
    let before = state(&small.0);
    // Found before anything is written, and while it is written: a file that grows is read in one piece less than it says.
    fs::write(root.join("space/large"), vec![1; 4 << 20]).unwrap();
    let denied = snapshots.take(&space, "", AT).unwrap_err();
    assert_eq!((denied.code, denied.hint.is_some()), (Code::StorageFull, true), "{denied}");
    let denied = snapshots.restore(&space, &first.id, RESTORE, AT).unwrap_err();
    assert_eq!(denied.code, Code::StorageFull);
    assert_eq!(state(&small.0), before);
    assert!(root.join("space/large").exists(), "nothing was restored without a way back");
    fs::remove_file(root.join("space/large")).unwrap();
    snapshots.take(&space, "", AT).unwrap();
}

#[test]
fn disk_when_full_during_a_restore_leaves_the_workspace_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap();
    let Some(small) = Small::new(&root.join("space"), 4 << 20) else { return };
    let (space, snapshots) =
        (Workspace::open(&small.0).unwrap(), snapshots(&root.join("state"), Settings::default()));
    fs::write(small.0.join("saved"), vec![1; 2 << 20]).unwrap();
    let taken = snapshots.take(&space, "", AT).unwrap();
    fs::remove_file(small.0.join("saved")).unwrap();
    fs::write(small.0.join("fills"), vec![2; 3 << 20]).unwrap();
    snapshots.restore(&space, &taken.id, RESTORE, AT).unwrap();
    assert_eq!(state(&small.0), BTreeMap::from([("saved".into(), vec![1; 2 << 20])]), "what goes makes room");
    fs::write(small.0.join("saved"), "changed").unwrap();
    // A repository's own state stays unless it is asked for: it makes no room.
    fs::create_dir_all(small.0.join(".git")).unwrap();
    fs::write(small.0.join(".git/fills"), vec![2; 3 << 20]).unwrap();
    let before = state(&small.0);
    let denied = snapshots.restore(&space, &taken.id, RESTORE, AT).unwrap_err();
    assert_eq!((denied.code, denied.hint.is_some()), (Code::StorageFull, true), "{denied}");
    assert_eq!(state(&small.0), before);
    fs::remove_file(small.0.join(".git/fills")).unwrap();
    snapshots.restore(&space, &taken.id, RESTORE, AT).unwrap();
    assert_eq!(fs::metadata(small.0.join("saved")).unwrap().size(), 2 << 20);
}

#[test]
fn another_process_when_it_holds_the_snapshots_is_told_and_two_at_once_both_succeed() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap();
    fs::create_dir(root.join("space")).unwrap();
    let space = Workspace::open(&root.join("space")).unwrap();
    let patient = snapshots(&root.join("state"), Settings::default());
    std::thread::scope(|scope| {
        let takers = [0; 4].map(|_| scope.spawn(|| patient.take(&space, "", AT).unwrap().id));
        let mut ids = takers.map(|taker| taker.join().unwrap()).to_vec();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), patient.list(&space).unwrap().len()), (1, 1), "nothing changed between them");
    });
    let store = fs::read_dir(root.join("state/snapshots")).unwrap().map(|entry| entry.unwrap().path());
    let store = store.into_iter().find(|path| path.is_dir()).unwrap();
    let lock = fs::File::open(store.join("lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let hasty = snapshots(&root.join("state"), Settings { wait_s: 0, ..Settings::default() });
    let denied = hasty.take(&space, "", AT).unwrap_err();
    assert_eq!((denied.code, denied.retry_after_s), (Code::Busy, Some(5)));
}

/// Kills a restore once it has done so much, as seen in the workspace.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a process is killed in the middle of it")]
fn killed_restore(root: &Path, id: &SnapshotId, reached: &dyn Fn() -> bool) {
    let words =
        [root.join("state").into_os_string(), root.join("space").into_os_string(), id.as_str().into()];
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_mab-exec-step")).args(words).stdin(Stdio::null()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() && !reached() {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn restore_when_killed_anywhere_is_completed_by_the_same_again() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap();
    let space = root.join("space");
    let fill = |text: &str| {
        for number in 0..400 {
            let path = space.join(format!("folder-{}/file-{number}", number % 7));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text} {number}")).unwrap();
        }
    };
    fill("saved");
    let opened = Workspace::open(&space).unwrap();
    let snapshots = snapshots(&root.join("state"), Settings { keep: 100, ..Settings::default() });
    let saved = state(&space);
    let taken = snapshots.take(&opened, "", AT).unwrap();
    let staged = |least: usize| {
        let stage = |name: &OsStr| name.to_string_lossy().starts_with(".mab-restore");
        let entries = fs::read_dir(&space).unwrap().flatten().filter(|entry| stage(&entry.file_name()));
        entries.map(|stage| fs::read_dir(stage.path()).map_or(0, Iterator::count)).any(|count| count >= least)
    };
    let first_there =
        || fs::read(space.join("folder-0/file-0")).is_ok_and(|bytes| bytes.starts_with(b"saved"));
    let last_there =
        || fs::read(space.join("folder-6/file-97")).is_ok_and(|bytes| bytes.starts_with(b"saved"));
    let points: [&dyn Fn() -> bool; 6] =
        [&|| true, &|| staged(0), &|| staged(1), &|| staged(200), &first_there, &last_there];
    for reached in points {
        fs::remove_dir_all(space.join("folder-3")).unwrap();
        fill("changed");
        fs::write(space.join("added"), "x").unwrap();
        killed_restore(&root, &taken.id, reached);
        let torn = |bytes: &Vec<u8>| !bytes.starts_with(b"saved ") && !bytes.starts_with(b"changed ");
        let torn = state(&space)
            .into_iter()
            .filter(|(path, bytes)| path.starts_with("folder-0") && !bytes.is_empty() && torn(bytes));
        assert_eq!(torn.count(), 0, "a file is the old one or the new one");
        let again = snapshots.restore(&opened, &taken.id, RESTORE, AT).unwrap();
        assert_eq!((again.kept, state(&space) == saved), (Vec::new(), true));
    }
}

#[test]
fn restore_when_folders_are_swapped_for_links_meanwhile_never_touches_what_is_outside() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap();
    let (space, outside) = (root.join("space"), root.join("outside"));
    for folder in [&space.join("folder"), &outside] {
        fs::create_dir_all(folder.join("deep")).unwrap();
        for number in 0..30 {
            fs::write(folder.join(format!("deep/{number}")), "first").unwrap();
            fs::write(folder.join(format!("{number}")), "first").unwrap();
        }
    }
    symlink(&outside, space.join("trap")).unwrap();
    let before = state(&outside);
    let opened = Workspace::open(&space).unwrap();
    let snapshots = snapshots(&root.join("state"), Settings { keep: 100, ..Settings::default() });
    let taken = snapshots.take(&opened, "", AT).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // Fails while the restore has one of them in its hands.
                let _ =
                    renameat_with(CWD, space.join("folder"), CWD, space.join("trap"), RenameFlags::EXCHANGE);
            }
        });
        for round in 0..5 {
            for name in ["folder", "trap"] {
                change_all_in(&space.join(name), round);
            }
            // It may refuse, leave paths as they are, or succeed.
            drop(snapshots.restore(&opened, &taken.id, RESTORE, AT));
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(state(&outside), before);
}

/// Changes the files of a folder through no link, however it is renamed meanwhile.
#[cfg(test)]
fn change_all_in(folder: &Path, round: u32) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let Ok(folder) = openat(CWD, folder, flags, Mode::empty()) else { return };
    for number in 0..30 {
        for path in [format!("{number}"), format!("deep/{number}"), format!("added-{number}")] {
            let how = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
            let opened = openat2(&folder, path, how, Mode::RUSR | Mode::WUSR, ResolveFlags::NO_SYMLINKS);
            if let Ok(file) = opened {
                rustix::io::write(file, format!("round {round}").as_bytes()).unwrap();
            }
        }
    }
}
