//! T2 on a copy-on-write view: what the command sees, what it wrote, and that the workspace knows nothing of it.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, symlink},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use mab_core::{Fault, Random, Timestamp};
use mab_exec::{
    Sandbox, Stage, Tier, Workspace,
    preview::{self, Preview, mount},
    snapshot::{Settings, Snapshots},
};

use crate::bench::{Ran, Space, ran, sandbox, settings, shell, start};

struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        let drawn = self.0.fetch_add(1, Ordering::Relaxed);
        buffer.iter_mut().zip(drawn.to_le_bytes()).for_each(|(byte, with)| *byte = with);
        Ok(())
    }
}

struct Kit {
    space: Space,
    state: tempfile::TempDir,
    sandbox: Arc<dyn Sandbox>,
    random: Arc<dyn Random>,
}

impl Kit {
    /// None, and loudly so, where there is no such sandbox, or there are no overlays.
    fn new() -> Option<Self> {
        let sandbox = sandbox(Tier::Bubblewrap)?;
        let state = tempfile::tempdir().unwrap();
        if let Err(unavailable) = mount::probe(&settings(state.path()).helper, state.path()) {
            println!("SKIPPED: {unavailable}");
            return None;
        }
        let space = Space::new();
        for (path, text) in [("changed", "one\n"), ("gone", "g"), ("folder/old", "o"), ("tool", "t")] {
            space.write(path, text);
        }
        space.write(".git/HEAD", "ref: refs/heads/main\n");
        space.write(".git/config", "[core]\n");
        for folder in [".git/objects", ".git/refs"] {
            fs::create_dir_all(space.path.join(folder)).unwrap();
        }
        space.write(".env", "SECRET=1\n");
        symlink("tool", space.path.join("link")).unwrap();
        Some(Self { space, state, sandbox, random: Arc::new(Counting(AtomicU64::new(1))) })
    }

    fn workspace(&self) -> Workspace {
        Workspace::open(&self.space.path).unwrap()
    }

    fn begin(&self) -> Preview {
        Preview::begin(self.state.path(), &self.workspace(), &self.random).unwrap()
    }

    fn run(&self, preview: &Preview, text: &str) -> Ran {
        let (plan, profile) = (shell(text), self.space.writing());
        ran(self
            .sandbox
            .start(&Stage { plan: &plan, binaries: &[], profile: &profile, view: &preview.view() })
            .unwrap())
    }

    fn snapshots(&self) -> Snapshots {
        Snapshots::open(self.state.path(), Settings::default(), Arc::clone(&self.random)).unwrap()
    }

    fn previews(&self) -> usize {
        fs::read_dir(self.state.path().join("previews")).unwrap().count()
    }
}

/// Mode and content of everything in a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let (mut seen, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
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

const EVERYTHING: &str = "umask 022; set -e
    echo two > changed; rm gone; mv folder moved; chmod 700 tool; rm link; ln -s changed link
    mkdir -p a/b; echo x > a/b/c; cat a/b/c changed";

#[test]
fn view_when_written_to_leaves_the_workspace_alone_and_applied_is_what_a_direct_run_makes() {
    let Some(kit) = Kit::new() else { return };
    let before = contents(&kit.space.path);
    let since = kit.snapshots().take(&kit.workspace(), "", Timestamp::from_millis(1)).unwrap();
    let preview = kit.begin();
    let run = kit.run(&preview, EVERYTHING);
    assert_eq!((run.code(), run.stdout.as_str()), (0, "x\ntwo\n"), "{run:?}");
    assert_eq!(contents(&kit.space.path), before, "nothing was written to the workspace");
    preview.discard().unwrap();
    assert_eq!((contents(&kit.space.path), kit.previews()), (before.clone(), 0), "discarded");

    let preview = kit.begin();
    assert_eq!(kit.run(&preview, EVERYTHING).code(), 0);
    let space = kit.workspace();
    let protected = preview::protected(&space);
    let at = (&since.id, Timestamp::from_millis(2));
    let applied = preview.apply(&kit.snapshots(), &space, &protected, at).unwrap();
    assert_eq!(applied.kept, []);
    let Some(direct) = Kit::new() else { return };
    let run = ran(start(&*direct.sandbox, &shell(EVERYTHING), &direct.space.writing()));
    assert_eq!(run.code(), 0, "{run:?}");
    assert_eq!(contents(&kit.space.path), contents(&direct.space.path));
    assert_ne!(contents(&kit.space.path), before);
}

#[test]
fn view_when_attacked_protects_and_hides_what_a_direct_run_does() {
    let Some(kit) = Kit::new() else { return };
    let before = contents(&kit.space.path);
    let preview = kit.begin();
    for text in [
        "echo evil > .git/hooks-x",
        "echo evil >> .git/config",
        "mkdir .git/hooks",
        "mv .git other",
        "rm -rf .git",
        "cat .env",
        "echo evil > .mcp.json",
        "mv .claude other",
        "echo evil > \"/proc/1/root$PWD/../x\"",
    ] {
        let run = kit.run(&preview, text);
        assert!(run.code() != 0 && run.stdout.is_empty(), "{text}: {run:?}");
    }
    let run = kit.run(&preview, "echo evil > .claude/settings.json; mkdir config; echo s > config/.env");
    assert_eq!(run.code(), 0, "{run:?}");
    let space = kit.workspace();
    let proposed = preview.proposed(&kit.snapshots(), &space, &preview::protected(&space)).unwrap();
    let refused: Vec<_> = proposed.refused.iter().map(|kept| kept.path.display().to_string()).collect();
    let changes: Vec<_> =
        proposed.difference.changes.iter().map(|change| change.path.display().to_string()).collect();
    assert_eq!((refused, changes), (vec!["config/.env".to_owned()], vec!["config".to_owned()]));
    assert_eq!(contents(&kit.space.path), before);
}

#[test]
fn preview_when_its_program_is_gone_is_removed_at_the_next_start_and_a_living_one_is_not() {
    let Some(kit) = Kit::new() else { return };
    let living = kit.begin();
    assert_eq!(kit.run(&living, "echo mine > changed").code(), 0);
    // What a killed program leaves: folders without the lock, with what no one may enter.
    let left = kit.state.path().join("previews/00112233445566ff/upper/closed");
    fs::create_dir_all(left.join("deep")).unwrap();
    fs::set_permissions(&left, std::os::unix::fs::PermissionsExt::from_mode(0o0)).unwrap();
    preview::sweep(kit.state.path());
    assert_eq!(kit.previews(), 1);
    fs::create_dir_all(kit.state.path().join("previews/00112233445566ff/upper")).unwrap();
    let next = kit.begin();
    assert_eq!(kit.previews(), 2);
    let space = kit.workspace();
    let proposed = living.proposed(&kit.snapshots(), &space, &preview::protected(&space)).unwrap();
    assert_eq!(proposed.difference.changes.len(), 1);
    next.discard().unwrap();
    living.discard().unwrap();
    assert_eq!(kit.previews(), 0);
}

#[test]
fn view_when_it_cannot_be_mounted_runs_nothing() {
    let Some(kit) = Kit::new() else { return };
    let before = contents(&kit.space.path);
    let (plan, profile) = (shell("echo ran > changed"), kit.space.writing());
    let none = mab_exec::View::Overlay { upper: "/nowhere/upper".into(), work: "/nowhere/work".into() };
    let Err(why) = kit.sandbox.start(&Stage { plan: &plan, binaries: &[], profile: &profile, view: &none })
    else {
        panic!("it was started")
    };
    assert!(why.reason.contains("a folder of the view cannot be opened"), "{why}");
    assert_eq!(contents(&kit.space.path), before);
}
