//! Commands that try to make what they did impossible to see or to undo.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use mab_core::{Code, Fault, Random, Timestamp};
use mab_exec::{
    Workspace,
    snapshot::{How, Restored, Settings, SnapshotId, Snapshots},
};
use rustix::fs::{CWD, FileType, Mode, mknodat};

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
struct Home {
    folder: tempfile::TempDir,
    snapshots: Snapshots,
}

#[cfg(test)]
impl Home {
    fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("space")).unwrap();
        let settings = Settings { reserve_bytes: 1 << 20, ..settings };
        let random = Arc::new(Counted(AtomicU64::new(1)));
        let snapshots = Snapshots::open(&folder.path().join("state"), settings, random).unwrap();
        let home = Self { folder, snapshots };
        home.write("src/main.rs", "fn main() {}");
        home.write("main", "the program");
        home
    }

    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("space").join(path)
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), bytes).unwrap();
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.at(path)).ok()
    }

    fn space(&self) -> Workspace {
        let root = self.at("");
        Workspace::open(&root.components().collect::<PathBuf>()).unwrap()
    }

    fn take(&self) -> SnapshotId {
        self.snapshots.take(&self.space(), "test", AT).unwrap().id
    }

    fn restore(&self, id: &SnapshotId) -> Restored {
        self.snapshots.restore(&self.space(), id, How::default(), AT).unwrap()
    }

    fn changed(&self, id: &SnapshotId) -> Vec<PathBuf> {
        let changes = self.snapshots.diff(&self.space(), id).unwrap().changes;
        changes.into_iter().map(|change| change.path).collect()
    }

    fn skipped(&self, id: &SnapshotId) -> Vec<PathBuf> {
        let skipped = self.snapshots.diff(&self.space(), id).unwrap().skipped;
        skipped.into_iter().map(|one| one.path).collect()
    }

    fn store(&self) -> PathBuf {
        let all = fs::read_dir(self.folder.path().join("state/snapshots")).unwrap();
        all.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap()
    }
}

#[cfg(test)]
const AT: Timestamp = Timestamp::from_millis(1_000_000);

#[cfg(test)]
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55";

#[cfg(test)]
fn paths<const N: usize>(names: [&str; N]) -> Vec<PathBuf> {
    names.map(PathBuf::from).into()
}

#[test]
fn objects_when_a_command_empties_the_repository_come_back() {
    let home = Home::new();
    let files =
        ["HEAD", "objects/pack/p.pack", "objects/ab/cd", "refs/heads/lfs/x", "lfs/objects/1", "annex/2"];
    for file in files {
        home.write(&format!(".git/{file}"), file);
    }
    home.write(".git/modules/objects/HEAD", "a module by that name");
    let id = home.take();
    for gone in ["objects", "refs", "lfs", "annex", "modules"] {
        fs::remove_dir_all(home.at(".git").join(gone)).unwrap();
    }
    let how = How { with_git: true, ..How::default() };
    home.snapshots.restore(&home.space(), &id, how, AT).unwrap();
    for file in files {
        assert_eq!(home.text(&format!(".git/{file}")).as_deref(), Some(file));
    }
    assert_eq!(home.text(".git/modules/objects/HEAD").as_deref(), Some("a module by that name"));
}

#[test]
fn change_when_something_that_cannot_be_saved_takes_its_place_is_shown_and_undone() {
    let home = Home::with(Settings { file_max_bytes: 1_000, ..Settings::default() });
    let id = home.take();
    fs::remove_dir_all(home.at("src")).unwrap();
    mknodat(CWD, home.at("src"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    home.write("main", [b'x'; 1_001]);
    assert_eq!(home.changed(&id), paths(["main", "src", "src/main.rs"]));
    assert_eq!(home.skipped(&id), paths(["main", "src"]));
    let restored = home.restore(&id);
    assert_eq!(home.text("src/main.rs").as_deref(), Some("fn main() {}"));
    assert_eq!(home.text("main").as_deref(), Some("the program"));
    let aside = restored.kept.iter().find(|kept| kept.path == Path::new("main")).unwrap();
    let aside = aside.why.rsplit(' ').next().unwrap();
    assert_eq!(fs::metadata(home.at(aside)).unwrap().size(), 1_001, "nothing that no snapshot holds is lost");
}

#[test]
fn folder_when_removed_and_made_anew_with_a_tag_is_compared_and_brought_back() {
    let home = Home::new();
    let first = home.take();
    fs::remove_dir_all(home.at("src")).unwrap();
    home.take();
    home.write("src/CACHEDIR.TAG", TAG);
    home.write("src/evil", "x");
    home.write("cache/CACHEDIR.TAG", TAG);
    assert_eq!(home.changed(&first), paths(["src/CACHEDIR.TAG", "src/evil", "src/main.rs"]));
    assert_eq!(home.skipped(&first), paths(["cache"]));
    let third = home.take();
    fs::remove_file(home.at("src/evil")).unwrap();
    home.restore(&third);
    assert_eq!(home.text("src/evil").as_deref(), Some("x"), "once saved, always saved");
    home.restore(&first);
    assert_eq!((home.text("src/evil"), home.text("src/main.rs").as_deref()), (None, Some("fn main() {}")));
}

#[test]
fn workspace_when_a_command_filled_it_over_the_caps_is_still_compared_and_restored() {
    let caps = Settings { total_max_bytes: 100_000, files_max: 20, ..Settings::default() };
    let home = Home::with(caps);
    let id = home.take();
    home.write("main", vec![b'x'; 90_000]);
    (0..30).for_each(|number| home.write(&format!("junk/{number}"), vec![b'y'; 9_000]));
    assert_eq!(home.snapshots.take(&home.space(), "", AT).unwrap_err().code, Code::QuotaExceeded);
    assert!(home.changed(&id).contains(&"main".into()));
    assert!(home.skipped(&id).contains(&".".into()), "what was not looked at is told");
    home.restore(&id);
    assert_eq!(home.text("main").as_deref(), Some("the program"));
}

#[test]
fn files_when_they_are_holes_take_no_room_and_come_back_as_they_were() {
    let home = Home::with(Settings { total_max_bytes: 8 << 20, ..Settings::default() });
    for name in ["a", "b", "c"] {
        let file = fs::File::create(home.at(name)).unwrap();
        file.set_len(6 << 20).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"end", (6 << 20) - 3).unwrap();
    }
    let (id, before) = (home.take(), fs::read(home.at("a")).unwrap());
    let packs = fs::read_dir(home.store().join("packs")).unwrap();
    let taken: u64 = packs.map(|pack| pack.unwrap().metadata().unwrap().blocks() * 512).sum();
    assert!(taken < 4 << 20, "{taken}");
    fs::remove_file(home.at("a")).unwrap();
    home.restore(&id);
    assert!(fs::read(home.at("a")).unwrap() == before);
    assert!(fs::metadata(home.at("a")).unwrap().blocks() * 512 < 4 << 20);
}

#[test]
fn record_when_it_is_damaged_stops_nothing_but_itself() {
    let home = Home::new();
    let first = home.take();
    home.write("main", "changed");
    let second = home.take();
    fs::write(home.store().join("taken").join(second.as_str()), "").unwrap();
    fs::write(home.folder.path().join("state/snapshots/stray"), "").unwrap();
    let listed = home.snapshots.list(&home.space()).unwrap();
    assert_eq!(listed.into_iter().map(|taken| taken.id).collect::<Vec<_>>(), std::slice::from_ref(&first));
    assert_eq!(home.snapshots.damaged(&home.space()).unwrap(), 1);
    let denied = home.snapshots.restore(&home.space(), &second, How::default(), AT).unwrap_err();
    assert_eq!((denied.code, denied.hint.is_some()), (Code::Internal, true));
    home.restore(&first);
    assert_eq!(home.text("main").as_deref(), Some("the program"));
    assert_eq!(home.snapshots.prune(1, u64::MAX, AT).unwrap().snapshots, 1);
}

#[test]
fn plan_when_it_is_not_the_one_that_was_shown_is_refused_and_nothing_changes() {
    let home = Home::new();
    let id = home.take();
    home.write("main", "one change..");
    let dry = How { dry_run: true, ..How::default() };
    let shown = home.snapshots.restore(&home.space(), &id, dry, AT).unwrap().plan.seal;
    home.write("main", "another one.");
    let how = How { shown, ..How::default() };
    let denied = home.snapshots.restore(&home.space(), &id, how, AT).unwrap_err();
    assert_eq!((denied.code, denied.hint.is_some()), (Code::Conflict, true));
    assert_eq!(home.text("main").as_deref(), Some("another one."));
    assert_eq!(home.snapshots.list(&home.space()).unwrap().len(), 1);
    home.write("main", "one change..");
    home.snapshots.restore(&home.space(), &id, how, AT).unwrap();
    assert_eq!(home.text("main").as_deref(), Some("the program"));
}

#[test]
fn workspace_when_made_anew_has_its_snapshots_and_another_folder_can_be_given_them() {
    let home = Home::new();
    let id = home.take();
    let old = home.at("").with_file_name("old");
    fs::rename(home.at(""), &old).unwrap();
    fs::create_dir(home.at("")).unwrap();
    assert!(home.snapshots.is_of_other_folder(&home.space(), &id).unwrap());
    home.restore(&id);
    assert_eq!(home.text("main").as_deref(), Some("the program"));
    fs::write(old.join("main"), "moved").unwrap();
    let moved = Workspace::open(&old).unwrap();
    let denied = home.snapshots.restore(&moved, &id, How::default(), AT).unwrap_err();
    assert_eq!(denied.code, Code::NotFound);
    let how = How { from_any: true, ..How::default() };
    home.snapshots.restore(&moved, &id, how, AT).unwrap();
    assert_eq!(fs::read_to_string(old.join("main")).unwrap(), "the program");
    let all = home.snapshots.workspaces().unwrap();
    assert_eq!(
        all.into_iter().map(|saved| saved.path.unwrap()).collect::<Vec<_>>(),
        [old, home.space().path().into()]
    );
}

#[test]
fn snapshot_when_nothing_changed_is_the_newest_one() {
    let home = Home::new();
    let ids = [home.take(), home.take(), home.take()];
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(home.snapshots.list(&home.space()).unwrap().len(), 1);
}

#[test]
fn mode_when_only_it_changed_keeps_the_file_and_a_folder_keeps_its_group_bit() {
    let home = Home::new();
    let set =
        |path: &str, mode| fs::set_permissions(home.at(path), fs::Permissions::from_mode(mode)).unwrap();
    set("src", 0o2775);
    let (id, inode) = (home.take(), fs::metadata(home.at("main")).unwrap().ino());
    set("main", 0o600);
    fs::remove_dir_all(home.at("src")).unwrap();
    home.restore(&id);
    let main = fs::metadata(home.at("main")).unwrap();
    assert_eq!((main.ino(), main.mode() & 0o7777), (inode, 0o644));
    assert_eq!(fs::metadata(home.at("src")).unwrap().mode() & 0o7777, 0o2775);
}

#[test]
fn folder_when_the_same_file_system_is_mounted_in_it_is_left_alone() {
    let home = Home::new();
    let outside = home.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("theirs"), "theirs").unwrap();
    fs::create_dir(home.at("inner")).unwrap();
    let id = home.take();
    if let Err(error) = rustix::mount::mount_bind(&outside, home.at("inner")) {
        println!("SKIPPED: nothing can be mounted: {error}");
        return;
    }
    let (skipped, restored) =
        (home.skipped(&id), home.snapshots.restore(&home.space(), &id, How::default(), AT));
    rustix::mount::unmount(home.at("inner"), rustix::mount::UnmountFlags::DETACH).unwrap();
    assert_eq!(skipped, paths(["inner"]));
    restored.unwrap();
    assert_eq!(fs::read_to_string(outside.join("theirs")).unwrap(), "theirs");
}

#[test]
fn undo_of_a_restore_never_evicts_what_it_restores() {
    let home = Home::with(Settings { keep: 1, ..Settings::default() });
    let day = |number: i64| Timestamp::from_millis(number * 25 * 60 * 60 * 1_000);
    let take = |number: i64| {
        home.write("main", number.to_string());
        home.snapshots.take(&home.space(), "", day(number)).unwrap().id
    };
    let first = take(1);
    (2..=6).for_each(|number| drop(take(number)));
    home.write("main", "last");
    home.snapshots.restore(&home.space(), &first, How::default(), day(8)).unwrap();
    let listed = home.snapshots.list(&home.space()).unwrap();
    assert_eq!((listed.len(), listed.iter().any(|taken| taken.id == first)), (2, true));
}
