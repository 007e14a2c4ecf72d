//! Snapshots against real folders, repositories and a full disk.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, PermissionsExt as _, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use mab_core::{Code, Fault, Random, Timestamp};
use mab_exec::{
    Workspace,
    snapshot::{How, Settings, Snapshot, SnapshotId, Snapshots, TextChange, What, Why},
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

/// A workspace and a state folder, both of one's own.
#[cfg(test)]
struct Home {
    folder: tempfile::TempDir,
    snapshots: Snapshots,
}

#[cfg(test)]
impl Home {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("space")).unwrap();
        let random = Arc::new(Counted(AtomicU64::new(1)));
        let snapshots = Snapshots::open(&folder.path().join("state"), settings, random).unwrap();
        Self { folder, snapshots }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("space")
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// The folder of the workspace's snapshots.
    fn store(&self) -> PathBuf {
        let all = fs::read_dir(self.folder.path().join("state/snapshots")).unwrap();
        all.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap()
    }

    fn space(&self) -> Workspace {
        Workspace::open(&self.root()).unwrap()
    }

    fn take(&self) -> Snapshot {
        self.snapshots.take(&self.space(), "test", Timestamp::from_millis(1_000)).unwrap()
    }

    fn restore(&self, id: &SnapshotId) -> mab_exec::snapshot::Restored {
        self.snapshots.restore(&self.space(), id, How::default(), Timestamp::from_millis(2_000)).unwrap()
    }

    fn changed(&self, id: &SnapshotId) -> Vec<String> {
        let difference = self.snapshots.diff(&self.space(), id).unwrap();
        let sign = |change: &mab_exec::snapshot::Change| match (&change.before, &change.after) {
            (None, _) => '+',
            (_, None) => '-',
            (Some(before), Some(after)) if before.what != after.what => '!',
            _ => '~',
        };
        difference.changes.iter().map(|change| format!("{}{}", sign(change), change.path.display())).collect()
    }
}

/// Everything that can be seen of a folder but times: kind, mode and content of each path.
#[cfg(test)]
fn state(folder: &Path) -> BTreeMap<Vec<u8>, (u32, Vec<u8>)> {
    let mut seen = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let found = fs::symlink_metadata(&path).unwrap();
            let content = if found.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else if found.is_symlink() {
                fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec()
            } else if found.is_file() {
                fs::read(&path).unwrap()
            } else {
                b"special".to_vec()
            };
            let name = path.strip_prefix(folder).unwrap().as_os_str().as_bytes().to_vec();
            seen.insert(name, (found.mode(), content));
        }
    }
    seen
}

/// Mode, content, modification and change time, inode.
#[cfg(test)]
type Seen = (u32, Vec<u8>, i64, i64, u64);

/// As [`state`], with the times that git goes by.
#[cfg(test)]
fn state_and_times(folder: &Path) -> BTreeMap<Vec<u8>, Seen> {
    let look = |(name, (mode, content)): (Vec<u8>, (u32, Vec<u8>))| {
        let found = fs::symlink_metadata(folder.join(OsStr::from_bytes(&name))).unwrap();
        (name, (mode, content, found.mtime_nsec(), found.ctime_nsec(), found.ino()))
    };
    state(folder).into_iter().map(look).collect()
}

/// Runs git in a folder; the settings of this machine do not count.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a user's repository is made by git")]
fn git(folder: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main"])
        .args(words)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[cfg(test)]
fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(test)]
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn restore_when_everything_changed_is_byte_identical() {
    let home = Home::new();
    let root = home.root();
    home.write("kept", "kept");
    home.write("changed", "before");
    home.write("-rf", "dash");
    home.write("new\nline", "name");
    home.write(".gitattributes", "* text eol=crlf ident filter=x working-tree-encoding=UTF-16");
    home.write(".gitignore", "*\n");
    home.write("crlf", "a\r\nb\n$Id$\r\n");
    home.write("secret/.env", "A=1");
    home.write("tool.sh", "#!/bin/sh\n");
    home.write("deep/er/est", vec![0_u8, 255, 10]);
    home.write("becomes-folder", "file");
    home.write("becomes-file/inner", "x");
    home.write("large", vec![7_u8; 3 << 20]);
    fs::write(root.join(OsStr::from_bytes(b"\xff\xfe")), "no text").unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    symlink("/nowhere/\u{1b}[31m", root.join("dangling")).unwrap();
    symlink("kept", root.join("becomes-plain")).unwrap();
    chmod(&root.join("tool.sh"), 0o750);
    chmod(&root.join("secret/.env"), 0o600);
    chmod(&root.join("secret"), 0o700);
    let before = state(&root);
    let taken = home.take();
    assert_eq!((taken.files, taken.not_saved_total, taken.head), (16, 0, None));

    home.write("changed", "after!");
    for name in ["-rf", "new\nline", ".gitattributes", "dangling", "becomes-plain", "becomes-folder", "large"]
    {
        fs::remove_file(root.join(name)).unwrap();
    }
    for name in ["deep", "becomes-file", "secret"] {
        fs::remove_dir_all(root.join(name)).unwrap();
    }
    fs::remove_dir(root.join("empty")).unwrap();
    fs::remove_file(root.join(OsStr::from_bytes(b"\xff\xfe"))).unwrap();
    home.write("becomes-folder/with/things", "x");
    home.write("becomes-file", "x");
    home.write("becomes-plain", "x");
    home.write("added/by/it", "x");
    symlink("/etc/passwd", root.join("added-link")).unwrap();
    chmod(&root.join("tool.sh"), 0o777);

    let changed = state(&root);
    let restored = home.restore(&taken.id);
    assert_eq!(restored.kept, []);
    assert_eq!(state(&root), before);
    assert_eq!(home.changed(&taken.id), Vec::<String>::new());

    let undo = restored.undo.unwrap();
    assert_eq!(home.restore(&undo).kept, []);
    assert_eq!(state(&root), changed, "a restore is undone by what it saved");
}

#[test]
fn diff_when_files_changed_names_each_and_shows_the_text() {
    let home = Home::new();
    home.write("same", "s");
    home.write("text", "one\ntwo\n");
    home.write("gone", "g");
    home.write("swap", "s");
    let taken = home.take();
    home.write("text", "one\n2\n");
    home.write("new/file", "n");
    home.write("raw", [0, 1]);
    fs::remove_file(home.root().join("gone")).unwrap();
    fs::remove_file(home.root().join("swap")).unwrap();
    symlink("same", home.root().join("swap")).unwrap();

    assert_eq!(home.changed(&taken.id), ["-gone", "+new", "+new/file", "+raw", "!swap", "~text"]);
    let difference = home.snapshots.diff(&home.space(), &taken.id).unwrap();
    let swap = &difference.changes[4];
    assert_eq!((swap.before.unwrap().what, swap.after.unwrap().what), (What::File, What::Link));
    let text = |path: &str| home.snapshots.text(&home.space(), &taken.id, Path::new(path));
    assert_eq!(text("same").unwrap(), TextChange::Same);
    assert_eq!(text("raw").unwrap(), TextChange::Binary);
    assert_eq!(text("text").unwrap(), TextChange::Unified("@@ -1,2 +1,2 @@\n one\n-two\n+2\n".to_owned()));
    for outside in ["none", "../state", "/etc/passwd"] {
        assert_eq!(text(outside).unwrap_err().code, Code::NotFound, "{outside}");
    }
}

#[test]
fn dry_run_when_asked_tells_the_plan_and_changes_nothing() {
    let home = Home::new();
    home.write("a", "1");
    let taken = home.take();
    home.write("a", "2");
    home.write("b", "3");
    let before = state_and_times(home.folder.path());
    let how = How { dry_run: true, with_git: false, ..How::default() };
    let told = home.snapshots.restore(&home.space(), &taken.id, how, Timestamp::from_millis(1)).unwrap();
    let paths: Vec<_> = told.plan.changes.iter().map(|change| change.path.to_str().unwrap()).collect();
    assert_eq!((paths.as_slice(), told.undo), (["a", "b"].as_slice(), None));
    let without_lock = |mut state: BTreeMap<Vec<u8>, _>| {
        state.retain(|path, _| !path.ends_with(b"/lock"));
        state
    };
    assert_eq!(without_lock(state_and_times(home.folder.path())), without_lock(before));
}

#[test]
fn snapshot_when_the_repository_is_hostile_runs_none_of_its_code_and_leaves_it_as_it_is() {
    let home = Home::new();
    let root = home.root();
    let mark = home.folder.path().join("mark");
    git(&root, &["init", "-q"]);
    home.write("a.x", "content");
    home.write(".gitattributes", "* filter=x diff=x merge=x text eol=crlf ident\n");
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-qm", "x"]);
    home.write("sub/file", "nested");
    git(&root.join("sub"), &["init", "-q"]);
    let touch = format!("sh -c 'touch {}; cat'", mark.display());
    for key in [
        "filter.x.clean",
        "filter.x.smudge",
        "filter.x.process",
        "diff.x.textconv",
        "diff.x.command",
        "merge.x.driver",
        "core.fsmonitor",
        "core.sshCommand",
        "core.editor",
        "core.pager",
        "credential.helper",
        "gpg.program",
        "uploadpack.packObjectsHook",
    ] {
        git(&root, &["config", key, &touch]);
        git(&root.join("sub"), &["config", key, &touch]);
    }
    git(&root, &["config", "filter.x.required", "true"]);
    git(&root, &["config", "core.autocrlf", "true"]);
    for hook in
        ["pre-commit", "post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman"]
    {
        let path = root.join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
        chmod(&path, 0o755);
    }
    home.write(
        ".gitmodules",
        "[submodule \"sub\"]\n\tpath = sub\n\turl = ext::sh -c touch\n\tupdate = !touch\n",
    );
    fs::write(root.join(".git/info/attributes"), "* filter=x\n").unwrap();
    let repository = state_and_times(&root.join(".git"));

    let taken = home.take();
    assert_eq!(taken.head.as_deref(), Some("ref: refs/heads/main"));
    home.write("a.x", "changed");
    fs::remove_dir_all(root.join("sub")).unwrap();
    assert_eq!(home.changed(&taken.id).len(), 3 + git_files(&home, &taken.id, "sub"));
    home.restore(&taken.id);

    assert_eq!(fs::read(root.join("a.x")).unwrap(), b"content");
    assert_eq!(fs::read(root.join("sub/file")).unwrap(), b"nested");
    assert!(!mark.exists(), "something of the repository was run");
    assert_eq!(state_and_times(&root.join(".git")), repository);
}

/// How many changed paths lie in the repository of a folder.
#[cfg(test)]
fn git_files(home: &Home, id: &SnapshotId, folder: &str) -> usize {
    let below = format!("-{folder}/.git");
    home.changed(id).iter().filter(|path| path.starts_with(&below)).count()
}

#[test]
fn snapshot_when_the_history_is_rewritten_and_collected_still_restores() {
    let home = Home::new();
    let root = home.root();
    git(&root, &["init", "-q"]);
    home.write("a", "committed");
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-qm", "x"]);
    let before = state(&root);
    let taken = home.take();
    home.write("a", "other");
    git(&root, &["commit", "-qam", "y", "--amend"]);
    git(&root, &["reflog", "expire", "--expire=now", "--all"]);
    git(&root, &["gc", "-q", "--prune=now"]);
    home.restore(&taken.id);
    assert_eq!(fs::read(root.join("a")).unwrap(), b"committed");
    fs::remove_dir_all(root.join(".git")).unwrap();
    fs::remove_file(root.join("a")).unwrap();
    let how = How { dry_run: false, with_git: true, ..How::default() };
    home.snapshots.restore(&home.space(), &taken.id, how, Timestamp::from_millis(3)).unwrap();
    assert_eq!(state(&root), before, "with the objects that were collected");
    git(&root, &["fsck", "--strict"]);
}

#[test]
fn git_state_when_asked_for_comes_back_so_that_a_commit_is_undone() {
    let home = Home::new();
    let root = home.root();
    git(&root, &["init", "-q"]);
    home.write("a", "1");
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-qm", "x"]);
    home.write("a", "staged");
    git(&root, &["add", "-A"]);
    let (head, status) = (git(&root, &["rev-parse", "HEAD"]), git(&root, &["status", "--porcelain"]));
    let taken = home.take();
    git(&root, &["commit", "-qm", "y"]);
    assert!(home.restore(&taken.id).git_left > 0, "told");
    assert_ne!(git(&root, &["rev-parse", "HEAD"]), head, "left alone unless asked");
    let how = How { dry_run: false, with_git: true, ..How::default() };
    let done = home.snapshots.restore(&home.space(), &taken.id, how, Timestamp::from_millis(3)).unwrap();
    assert_eq!(done.git_left, 0);
    assert_eq!((git(&root, &["rev-parse", "HEAD"]), git(&root, &["status", "--porcelain"])), (head, status));
    git(&root, &["fsck", "--strict"]);
}

#[test]
fn what_is_not_saved_is_told_and_left_alone_by_a_restore() {
    let home = Home::with(Settings { file_max_bytes: 10, ..Settings::default() });
    let root = home.root();
    home.write("small", "s");
    home.write("large", "more than ten bytes");
    home.write("web/node_modules/x/index.js", "x");
    home.write("target/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# made by a test");
    home.write("target/debug/thing", "x");
    home.write("fake/CACHEDIR.TAG", "no tag");
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    git(&root, &["init", "-q"]);
    let taken = home.take();
    let told: Vec<_> =
        taken.not_saved.iter().map(|not| (not.path.to_str().unwrap().to_owned(), not.why)).collect();
    let expected = [
        ("large", Why::TooLarge),
        ("socket", Why::Special),
        ("target", Why::MadeAgain),
        ("web/node_modules", Why::MadeAgain),
    ];
    let expected = expected.map(|(path, why)| (path.to_owned(), why));
    let (told, _git): (Vec<_>, Vec<_>) = told.into_iter().partition(|(path, _)| !path.starts_with(".git/"));
    assert_eq!(told, expected);
    assert_eq!(taken.head.as_deref(), Some("ref: refs/heads/main"), "a repository has a cap of its own");

    home.write("large", "other, also more than ten bytes");
    home.write("target/debug/thing", "rebuilt");
    home.write("small", "other");
    home.restore(&taken.id);
    assert_eq!(fs::read(root.join("small")).unwrap(), b"s");
    assert_eq!(fs::read(root.join("large")).unwrap(), b"other, also more than ten bytes");
    assert_eq!(fs::read(root.join("target/debug/thing")).unwrap(), b"rebuilt");

    home.write("large", "tiny");
    let restored = home.restore(&taken.id);
    assert_eq!(fs::read(root.join("large")).unwrap(), b"tiny", "the snapshot has nothing to put there");
    let skipped = restored.plan.skipped.iter().map(|one| one.path.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(skipped, ["large", "socket", "target", "web/node_modules"]);
}

#[test]
fn folder_when_it_was_saved_once_is_saved_again_though_a_command_tags_it() {
    let home = Home::new();
    home.write("src/main.rs", "fn main() {}");
    let first = home.take();
    home.write("src/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
    assert_eq!(home.take().not_saved, []);
    fs::remove_dir_all(home.root().join("src")).unwrap();
    home.restore(&first.id);
    assert_eq!(fs::read(home.root().join("src/main.rs")).unwrap(), b"fn main() {}");
}

#[test]
fn content_when_size_and_modification_time_are_forged_is_still_read() {
    let home = Home::new();
    home.write("a", "one");
    let path = home.root().join("a");
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    home.take();
    home.write("a", "two");
    fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    let second = home.take();
    home.write("a", "three");
    home.restore(&second.id);
    assert_eq!(fs::read(&path).unwrap(), b"two");
}

#[test]
fn restore_when_a_folder_became_a_link_outside_writes_nothing_there() {
    let home = Home::new();
    let outside = home.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "theirs").unwrap();
    home.write("inner/file", "ours");
    home.write("inner/deep/other", "ours");
    let taken = home.take();
    fs::remove_dir_all(home.root().join("inner")).unwrap();
    symlink(&outside, home.root().join("inner")).unwrap();
    home.restore(&taken.id);
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"theirs");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(home.root().join("inner/deep/other")).unwrap(), b"ours");
}

#[test]
fn restore_when_folders_may_not_be_written_opens_and_closes_them() {
    let home = Home::new();
    home.write("locked/file", "1");
    chmod(&home.root().join("locked"), 0o555);
    let before = state(&home.root());
    let taken = home.take();
    chmod(&home.root().join("locked"), 0o755);
    home.write("locked/file", "2");
    chmod(&home.root().join("locked"), 0o555);
    assert_eq!(home.restore(&taken.id).kept, []);
    assert_eq!(state(&home.root()), before);
}

#[test]
fn special_bits_when_restored_are_left_out() {
    let home = Home::new();
    home.write("tool", "x");
    let path = home.root().join("tool");
    chmod(&path, 0o4755);
    let taken = home.take();
    fs::remove_file(&path).unwrap();
    home.restore(&taken.id);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn snapshot_of_another_workspace_or_of_one_that_moved_is_refused() {
    let home = Home::new();
    home.write("a", "1");
    let taken = home.take();
    let space = home.space();
    let old = home.root().with_extension("old");
    fs::rename(home.root(), &old).unwrap();
    fs::create_dir(home.root()).unwrap();
    let refused = |space: &Workspace, code| {
        let at = Timestamp::from_millis(1);
        let how = How::default();
        assert_eq!(home.snapshots.restore(space, &taken.id, how, at).unwrap_err().code, code);
        assert_eq!(home.snapshots.diff(space, &taken.id).unwrap_err().code, code);
    };
    refused(&space, Code::Conflict);
    assert_eq!(home.snapshots.take(&space, "", Timestamp::from_millis(1)).unwrap_err().code, Code::Conflict);
    refused(&Workspace::open(&old).unwrap(), Code::NotFound);
    assert_eq!(fs::read_dir(home.root()).unwrap().count(), 0);
    for bad in ["", "../../etc/passwd", "0123456789ABCDEF", "0123456789abcdef0"] {
        assert_eq!(bad.parse::<SnapshotId>().unwrap_err().code, Code::InvalidArguments, "{bad}");
    }
}

#[test]
fn state_folder_when_it_lies_in_the_workspace_is_refused() {
    let home = Home::new();
    let random = Arc::new(Counted(AtomicU64::new(1)));
    let inside = Snapshots::open(&home.root().join("state"), Settings::default(), random.clone()).unwrap();
    let denied = inside.take(&home.space(), "", Timestamp::from_millis(1)).unwrap_err();
    assert_eq!((denied.code, denied.hint.is_some()), (Code::Misconfigured, true));
    let relative = Snapshots::open(Path::new("state"), Settings::default(), random).unwrap_err();
    assert_eq!((relative.code, relative.hint.is_some()), (Code::Misconfigured, true));
    assert_eq!(fs::read_dir(home.root()).unwrap().count(), 0);
}

#[test]
fn workspace_when_it_is_too_large_is_refused_and_nothing_is_kept() {
    for settings in [
        Settings { files_max: 2, ..Settings::default() },
        Settings { total_max_bytes: 5, ..Settings::default() },
    ] {
        let home = Home::with(settings);
        (0..3).for_each(|number| home.write(&number.to_string(), "xx"));
        let denied = home.snapshots.take(&home.space(), "", Timestamp::from_millis(1)).unwrap_err();
        assert_eq!((denied.code, denied.hint.is_some()), (Code::QuotaExceeded, true));
        assert_eq!(home.snapshots.list(&home.space()).unwrap(), []);
    }
}

#[test]
fn snapshots_when_listed_are_the_newest_first_and_the_old_ones_go() {
    let home = Home::with(Settings { keep: 3, max_age_s: 7 * 24 * 60 * 60, ..Settings::default() });
    let take = |at_s: i64| {
        home.write("file", at_s.to_string());
        home.snapshots.take(&home.space(), "x", Timestamp::from_millis(at_s * 1_000)).unwrap().id
    };
    let listed = || {
        let list = home.snapshots.list(&home.space()).unwrap();
        list.into_iter().map(|taken| taken.id).collect::<Vec<_>>()
    };
    let day = 24 * 60 * 60;
    let ids: Vec<_> = (1..=8).map(take).collect();
    assert_eq!(listed(), ids.iter().rev().cloned().collect::<Vec<_>>());
    let ninth = take(9);
    assert_eq!(listed().len(), 9, "what is younger than a day does not go by its number");
    let next = take(day + 5);
    let kept = [&next, &ninth, &ids[7], &ids[6], &ids[5], &ids[4]];
    assert_eq!(listed(), kept.map(Clone::clone), "over the slack, what is older does");
    let late = take(9 * day);
    assert_eq!(listed(), [late], "the aged ones go");
}

#[test]
fn prune_when_contents_are_needed_no_more_gives_their_space_back_and_the_others_restore() {
    let home = Home::new();
    let noise = |seed: u8| (0..2_u32 << 20).map(move |n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed);
    home.write("stays", noise(1).collect::<Vec<_>>());
    home.write("goes", noise(2).collect::<Vec<_>>());
    home.take();
    fs::remove_file(home.root().join("goes")).unwrap();
    let second = home.take();
    let disk = || {
        let files = state_and_times(&home.folder.path().join("state")).into_keys();
        let blocks = files.map(|path| home.folder.path().join("state").join(OsStr::from_bytes(&path)));
        blocks.map(|path| fs::metadata(path).unwrap().blocks() * 512).sum::<u64>()
    };
    let before = disk();
    let pruned = home.snapshots.prune(1, u64::MAX, Timestamp::from_millis(9)).unwrap();
    assert_eq!(pruned.snapshots, 1);
    assert!(
        pruned.freed_bytes >= 2 << 20 && disk() <= before - (2 << 20),
        "{pruned:?}, {before}, {}",
        disk()
    );
    fs::remove_file(home.root().join("stays")).unwrap();
    home.restore(&second.id);
    assert_eq!(fs::read(home.root().join("stays")).unwrap(), noise(1).collect::<Vec<_>>());
}

#[test]
fn content_when_it_was_tampered_with_is_told_and_everything_else_comes_back() {
    let home = Home::new();
    home.write("a", "original");
    home.write("c", "another");
    let taken = home.take();
    home.write("a", "changed");
    home.write("b", "b");
    fs::remove_file(home.root().join("c")).unwrap();
    let pack = home.store().join("packs/1");
    let kept = String::from_utf8_lossy(&fs::read(&pack).unwrap()).replace("original", "0riginal");
    fs::write(&pack, kept).unwrap();
    let restored = home.restore(&taken.id);
    assert_eq!((restored.damaged, restored.kept), (vec![PathBuf::from("a")], Vec::new()));
    let text = |name: &str| fs::read_to_string(home.root().join(name)).ok();
    assert_eq!(["a", "b", "c"].map(text), [Some("changed".into()), None, Some("another".into())]);
    home.write("a", "original");
    let next = home.take();
    home.write("a", "again");
    home.restore(&next.id);
    assert_eq!(text("a").as_deref(), Some("original"), "a later snapshot does not inherit the damage");
}

#[test]
fn leftovers_when_a_process_was_killed_are_swept_and_the_next_snapshot_is_whole() {
    let home = Home::new();
    home.write("a", "1");
    home.take();
    let store = home.store();
    for left in ["packs/2.new", "trees/x.new", "taken/y.new", "stamps.new"] {
        fs::write(store.join(left), "half").unwrap();
    }
    fs::write(store.join("stamps"), "half").unwrap();
    fs::create_dir(home.root().join(".mab-restore-0000")).unwrap();
    home.write(".mab-restore-0000/0", "half");
    let taken = home.take();
    assert_eq!(home.snapshots.list(&home.space()).unwrap().len(), 2);
    let left = state(&store).into_keys().filter(|path| path.ends_with(b".new")).count();
    assert_eq!((left, taken.files), (0, 2));
}

#[test]
fn unreadable_file_when_not_root_is_told() {
    let home = Home::new();
    home.write("a", "1");
    home.write("shut/b", "1");
    chmod(&home.root().join("a"), 0);
    chmod(&home.root().join("shut"), 0);
    let taken = home.take();
    chmod(&home.root().join("shut"), 0o755);
    let told: Vec<_> = taken.not_saved.iter().map(|not| (not.path.to_str().unwrap(), not.why)).collect();
    if is_root() {
        assert_eq!(told, []);
    } else {
        assert_eq!(told, [("a", Why::Unreadable), ("shut", Why::Unreadable)]);
    }
}

#[test]
fn contents_when_several_threads_read_them_all_come_back() {
    let home = Home::new();
    for number in 0..1_200_usize {
        home.write(&format!("{}/{number}", number % 9), format!("{number} ").repeat(number * 3));
    }
    let before = state(&home.root());
    let taken = home.take();
    for folder in 0..9 {
        fs::remove_dir_all(home.root().join(folder.to_string())).unwrap();
    }
    assert_eq!(home.restore(&taken.id).kept, []);
    assert_eq!(state(&home.root()), before);
}
