//! Previews with real overlays, as this user and, for root, as another.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, PermissionsExt as _, symlink},
        process::CommandExt as _,
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
    View, Workspace,
    preview::{Preview, mount},
    snapshot::{How, Settings, Snapshot, Snapshots, TextChange},
};

/// The hidden part of the program, as the tests of this crate run it.
#[cfg(test)]
const STEP: &str = env!("CARGO_BIN_EXE_mab-sandbox-exec");

#[cfg(test)]
struct Same;

#[cfg(test)]
static DRAWN: AtomicU64 = AtomicU64::new(1);

#[cfg(test)]
impl Random for Same {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        let drawn = DRAWN.fetch_add(1, Ordering::Relaxed);
        buffer.iter_mut().zip(drawn.to_le_bytes()).for_each(|(byte, with)| *byte = with);
        Ok(())
    }
}

#[cfg(test)]
struct Home {
    folder: tempfile::TempDir,
    snapshots: Snapshots,
    user: Option<u32>,
}

#[cfg(test)]
impl Home {
    /// None, and a line that says so, where overlays cannot be mounted.
    fn new(user: Option<u32>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("space")).unwrap();
        let state = folder.path().join("state");
        if let Err(unavailable) = mount::probe(Path::new(STEP), &state) {
            println!("SKIPPED: {unavailable}");
            return None;
        }
        assert_eq!(fs::read_dir(state.join("previews")).unwrap().count(), 0, "the probe leaves nothing");
        let snapshots = Snapshots::open(&state, Settings::default(), Arc::new(Same)).unwrap();
        Some(Self { folder, snapshots, user })
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("space")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn space(&self) -> Workspace {
        Workspace::open(&self.root()).unwrap()
    }

    fn take(&self) -> Snapshot {
        self.snapshots.take(&self.space(), "", Timestamp::from_millis(1)).unwrap()
    }

    /// Runs a script in a view of the workspace, and returns what it wrote there.
    #[expect(clippy::disallowed_methods, reason = "it starts what the sandbox would start")]
    fn preview(&self, script: &str) -> Preview {
        let random: Arc<dyn Random> = Arc::new(Same);
        let preview = Preview::begin(&self.folder.path().join("state"), &self.space(), &random).unwrap();
        let words = mount::prefix(Path::new(STEP), &preview.view(), &self.root());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["/bin/sh", "-ec"]);
        command.arg(format!("cd '{}'; umask 022\n{script}", self.root().display())).current_dir("/");
        if let Some(user) = self.user {
            self.give_to(user);
            command.uid(user).gid(user);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        preview
    }

    /// Makes everything another user's, as it is where no root is.
    fn give_to(&self, user: u32) {
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            std::os::unix::fs::lchown(&folder, Some(user), Some(user)).unwrap();
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                std::os::unix::fs::lchown(&path, Some(user), Some(user)).unwrap();
                folders.extend(fs::symlink_metadata(&path).unwrap().is_dir().then_some(path));
            }
        }
    }

    fn proposed(&self, preview: &Preview) -> (Vec<String>, Vec<String>) {
        let proposed = preview.proposed(&self.snapshots, &self.space(), &protected).unwrap();
        let sign = |change: &mab_exec::snapshot::Change| match (change.before, change.after) {
            (None, _) => '+',
            (_, None) => '-',
            (Some(_), Some(_)) => '~',
        };
        let changes = proposed.difference.changes.iter();
        (
            changes.map(|change| format!("{}{}", sign(change), change.path.display())).collect(),
            proposed.refused.iter().map(|kept| format!("{}: {}", kept.path.display(), kept.why)).collect(),
        )
    }
}

#[cfg(test)]
fn protected(path: &Path) -> bool {
    path.starts_with(".mcp.json") || path.starts_with(".claude") || path.ends_with(".env")
}

#[cfg(test)]
fn state(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
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
            } else {
                fs::read(&path).unwrap()
            };
            seen.insert(path.strip_prefix(folder).unwrap().to_owned(), (found.mode(), content));
        }
    }
    seen
}

/// This user, and another one where this is root.
#[cfg(test)]
fn users() -> Vec<Option<u32>> {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if root { vec![None, Some(1001)] } else { vec![None] }
}

#[cfg(test)]
const EVERYTHING: &str = "
    echo changed > changed; rm gone; rm -r folder; mkdir folder; echo new > folder/new
    rm -r whole; chmod 700 tool; ln -s changed link; mkdir -p a/b; echo x > a/b/c; rm swap; mkdir swap; echo y > swap/y
    mv moved elsewhere; rm link2; echo plain > link2; mkdir empty; echo '{}' > .mcp.json; mkdir .claude; echo z > .env
";

#[cfg(test)]
fn prepare(home: &Home) {
    for (path, text) in [
        ("changed", "one\n"),
        ("gone", "g"),
        ("folder/old", "o"),
        ("folder/deep/old", "o"),
        ("whole/file", "w"),
        ("tool", "t"),
        ("swap", "s"),
        ("moved/in", "m"),
        ("same", "s"),
    ] {
        home.write(path, text);
    }
    symlink("same", home.root().join("link2")).unwrap();
}

#[test]
fn preview_when_looked_at_names_every_change_and_the_workspace_is_untouched() {
    for user in users() {
        let Some(home) = Home::new(user) else { return };
        prepare(&home);
        let before = state(&home.root());
        let preview = home.preview(EVERYTHING);
        assert_eq!(state(&home.root()), before, "nothing was written to the workspace");
        let (changes, refused) = home.proposed(&preview);
        assert_eq!(
            changes,
            [
                "+a",
                "+a/b",
                "+a/b/c",
                "~changed",
                "+elsewhere",
                "+elsewhere/in",
                "+empty",
                "-folder/deep",
                "-folder/deep/old",
                "+folder/new",
                "-folder/old",
                "-gone",
                "+link",
                "~link2",
                "-moved",
                "-moved/in",
                "~swap",
                "+swap/y",
                "~tool",
                "-whole",
                "-whole/file",
            ]
        );
        assert_eq!(refused, [".env: it is protected", ".mcp.json: it is protected"]);
        let text = preview.text(&home.space(), Path::new("changed")).unwrap();
        assert_eq!(text, TextChange::Unified("@@ -1 +1 @@\n-one\n+changed\n".to_owned()));
        let none = preview.text(&home.space(), Path::new("same")).unwrap_err();
        assert_eq!((none.code, none.hint.is_some()), (Code::NotFound, true));
        preview.discard().unwrap();
        assert_eq!(state(&home.root()), before);
        assert_eq!(fs::read_dir(home.folder.path().join("state/previews")).unwrap().count(), 0);
    }
}

#[test]
fn preview_when_applied_makes_the_workspace_what_the_command_saw_and_can_be_undone() {
    for user in users() {
        let Some(home) = Home::new(user) else { return };
        prepare(&home);
        let before = state(&home.root());
        let since = home.take();
        let preview = home.preview(EVERYTHING);
        let at = (&since.id, Timestamp::from_millis(2));
        let applied = preview.apply(&home.snapshots, &home.space(), &protected, at).unwrap();
        assert_eq!(applied.kept.len(), 2, "{:?}", applied.kept);
        // The same, done to a copy.
        let Some(copy) = Home::new(None) else { return };
        prepare(&copy);
        run_in(&copy.root(), &format!("umask 022\n{EVERYTHING}\nrm -r .mcp.json .claude .env"));
        assert_eq!(state(&home.root()), state(&copy.root()));
        let undo = applied.undo.unwrap();
        home.snapshots.restore(&home.space(), &undo, How::default(), Timestamp::from_millis(3)).unwrap();
        assert_eq!(state(&home.root()), before);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the same without a preview")]
fn run_in(folder: &Path, script: &str) {
    assert!(Command::new("/bin/sh").args(["-ec", script]).current_dir(folder).status().unwrap().success());
}

#[test]
fn preview_when_the_workspace_changed_meanwhile_is_refused_and_changes_nothing() {
    let Some(home) = Home::new(None) else { return };
    prepare(&home);
    let since = home.take();
    let preview = home.preview("echo theirs > changed; echo n > new");
    home.write("changed", "mine");
    let before = state(&home.root());
    let at = (&since.id, Timestamp::from_millis(2));
    let denied = preview.apply(&home.snapshots, &home.space(), &protected, at).unwrap_err();
    assert_eq!((denied.code, denied.hint.is_some()), (Code::Conflict, true));
    assert!(denied.message.contains("changed changed since"), "{}", denied.message);
    assert_eq!(state(&home.root()), before);
    home.write("changed", "one\n");
    home.write("other", "is no conflict");
    preview.apply(&home.snapshots, &home.space(), &protected, at).unwrap();
    assert_eq!(fs::read_to_string(home.root().join("changed")).unwrap(), "theirs\n");
    assert_eq!(fs::read_to_string(home.root().join("other")).unwrap(), "is no conflict");
}

#[test]
fn preview_when_it_holds_what_is_never_applied_tells_it_and_leaves_it_out() {
    let Some(home) = Home::new(None) else { return };
    home.write("node_modules/x/index.js", "x");
    home.write(".git/config", "[core]\n");
    home.write("tool", "t");
    let since = home.take();
    let before = state(&home.root());
    let preview = home.preview(
        "mkfifo pipe; cp tool power; chmod 4755 power; echo evil > .git/config; mkdir -p sub/.GIT/hooks
         echo evil > sub/.GIT/hooks/x; echo y > node_modules/x/index.js; rm -r node_modules; echo fine > fine",
    );
    let at = (&since.id, Timestamp::from_millis(2));
    let applied = preview.apply(&home.snapshots, &home.space(), &protected, at).unwrap();
    let told: Vec<_> =
        applied.kept.iter().map(|kept| format!("{}: {}", kept.path.display(), kept.why)).collect();
    assert_eq!(
        told,
        [
            ".git/config: it is protected",
            "node_modules: no snapshot holds it",
            "pipe: it is a device, pipe or socket",
            "power: it gives the power to become somebody else",
            "sub/.GIT/hooks/x: it is protected",
        ]
    );
    let mut expected = before;
    expected.insert("fine".into(), (0o100_644, b"fine\n".to_vec()));
    expected.insert("sub".into(), (0o40_755, Vec::new()));
    assert_eq!(state(&home.root()), expected);
}

#[test]
fn opaque_mark_when_a_command_forges_it_hides_nothing() {
    let Some(home) = Home::new(None) else { return };
    home.write("folder/file", "x");
    let before = state(&home.root());
    let preview = home
        .preview("touch folder; (setfattr -n user.overlay.opaque -v y folder 2>&1 || true); cat folder/file");
    assert_eq!(home.proposed(&preview), (Vec::new(), Vec::new()));
    assert_eq!(state(&home.root()), before);
}

#[test]
fn apply_when_a_folder_became_a_link_outside_writes_nothing_there() {
    let Some(home) = Home::new(None) else { return };
    let outside = home.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    home.write("folder/file", "x");
    let since = home.take();
    let preview = home.preview("echo evil > folder/new");
    fs::remove_dir_all(home.root().join("folder")).unwrap();
    symlink(&outside, home.root().join("folder")).unwrap();
    let at = (&since.id, Timestamp::from_millis(2));
    let result = preview.apply(&home.snapshots, &home.space(), &protected, at);
    assert!(result.is_err() || !result.unwrap().kept.is_empty());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn step_when_the_view_cannot_be_mounted_starts_nothing() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap();
    fs::create_dir(root.join("space")).unwrap();
    let mark = root.join("mark");
    symlink(root.join("space"), root.join("link")).unwrap();
    for workspace in ["none", "link"] {
        let view = View::Overlay { upper: root.join("space"), work: root.join("space") };
        let words = mount::prefix(Path::new(STEP), &view, &root.join(workspace));
        let code = step(&words, &["/bin/touch".as_ref(), mark.as_os_str()]);
        assert_eq!(code, (Some(125), false), "{workspace}");
    }
    assert_eq!(step(&[STEP.into(), mount::FIRST_WORD.into()], &[]), (Some(125), false));
    assert!(!mark.exists());
    let unavailable = mount::probe(Path::new("/bin/false"), &root).unwrap_err();
    assert!(unavailable.reason.starts_with("there is no copy-on-write view"), "{unavailable}");
}

/// The exit code, and whether stderr is empty.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "it starts what the sandbox would start")]
fn step(words: &[std::ffi::OsString], program: &[&std::ffi::OsStr]) -> (Option<i32>, bool) {
    let output = Command::new(&words[0]).args(&words[1..]).args(program).output().unwrap();
    (output.status.code(), output.stderr.is_empty())
}

#[test]
fn folders_of_a_preview_are_private() {
    let Some(home) = Home::new(None) else { return };
    let preview = home.preview("mkdir closed; touch closed/x; chmod 0 closed");
    let mode = |path: &str| {
        fs::metadata(home.folder.path().join("state").join(path)).unwrap().permissions().mode() & 0o7777
    };
    assert_eq!(mode("previews"), 0o700);
    preview.discard().unwrap();
}

/// The folder above, of the one preview there is.
#[cfg(test)]
fn upper(home: &Home) -> std::path::PathBuf {
    let previews = fs::read_dir(home.folder.path().join("state/previews")).unwrap();
    previews.map(|entry| entry.unwrap().path()).next().unwrap().join("upper")
}

#[test]
fn preview_when_it_is_not_what_was_shown_is_not_applied() {
    let Some(home) = Home::new(None) else { return };
    home.write("a", "one");
    let since = home.take().id;
    let preview = home.preview("echo two > a");
    let shown = preview.proposed(&home.snapshots, &home.space(), &|_| false).unwrap();
    fs::write(upper(&home).join("a"), "2wo\n").unwrap();
    let at = Timestamp::from_millis(2);
    let how = (&since, at, &shown);
    let denied = preview.apply_as_shown(&home.snapshots, &home.space(), &|_| false, how).unwrap_err();
    assert_eq!((denied.code, denied.hint.is_some()), (mab_core::Code::Conflict, true));
    assert_eq!(fs::read_to_string(home.root().join("a")).unwrap(), "one");
    let shown = preview.proposed(&home.snapshots, &home.space(), &|_| false).unwrap();
    preview.apply_as_shown(&home.snapshots, &home.space(), &|_| false, (&since, at, &shown)).unwrap();
    assert_eq!(fs::read_to_string(home.root().join("a")).unwrap(), "2wo\n");
}

#[test]
fn preview_when_folders_lie_too_deep_for_any_path_is_discarded() {
    let Some(home) = Home::new(None) else { return };
    let preview = home.preview("mkdir shut; touch shut/x; chmod 000 shut");
    let mut folder = rustix::fs::open(
        upper(&home),
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY,
        rustix::fs::Mode::empty(),
    )
    .unwrap();
    let name = "deep".repeat(50);
    for _ in 0..40 {
        rustix::fs::mkdirat(&folder, &name, rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
        folder = rustix::fs::openat(&folder, &name, flags, rustix::fs::Mode::empty()).unwrap();
    }
    drop(folder);
    preview.discard().unwrap();
    assert_eq!(fs::read_dir(home.folder.path().join("state/previews")).unwrap().count(), 0);
}
