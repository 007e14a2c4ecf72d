use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use super::*;

struct Scene {
    _folder: tempfile::TempDir,
    root: PathBuf,
    workspace: Workspace,
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let scene = Scene { workspace: Workspace::open(&root).unwrap(), root, _folder: folder };
    repository(&scene.root.join(".git"), HARMLESS);
    scene
}

impl Scene {
    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What a run that does `act` has planted: path, what, change, done.
    fn planted(&self, act: impl FnOnce()) -> Vec<(String, What, Change, Done)> {
        let before = Surface::look(&self.workspace);
        act();
        let told = before.settle(&self.workspace);
        told.into_iter().map(|one| (one.path, one.what, one.change, one.done)).collect()
    }

    fn is_there(&self, path: &str) -> bool {
        self.root.join(path).symlink_metadata().is_ok()
    }
}

fn repository(at: &Path, config: &str) {
    for folder in ["objects/info", "refs", "hooks"] {
        fs::create_dir_all(at.join(folder)).unwrap();
    }
    fs::write(at.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(at.join("config"), config).unwrap();
    fs::write(at.join("hooks/pre-commit.sample"), "exit 1\n").unwrap();
}

fn aside(name: &str) -> Done {
    Done::SetAside { to: format!("{name}{}", disarm::SET_ASIDE) }
}

fn made(path: &str, what: What, done: Done) -> (String, What, Change, Done) {
    (path.to_owned(), what, Change::Made, done)
}

const HARMLESS: &str = "[core]\n\tbare = false\n";
const HOSTILE: &str = "[core]\n\tfsmonitor = touch x\n";

#[test]
fn run_when_it_leaves_nothing_that_is_obeyed_tells_nothing() {
    let scene = scene();
    scene.write(".mcp.json", "{}");
    let told = scene.planted(|| {
        scene.write("src/main.rs", "x");
        scene.write(".git/HEAD", "ref: refs/heads/other\n");
        // An editor that saves what it did not change, and what stands in while another command runs.
        scene.write(".mcp.new", "{}");
        fs::rename(scene.root.join(".mcp.new"), scene.root.join(".mcp.json")).unwrap();
        fs::create_dir(scene.root.join(".claude")).unwrap();
        scene.write(".git/commondir", ".\n");
        scene.write(".git/config.worktree", "");
    });
    assert_eq!(told, []);
}

#[test]
fn repository_when_made_is_told_and_its_programs_are_set_aside() {
    let scene = scene();
    let told = scene.planted(|| {
        repository(&scene.root.join("plain/.git"), HARMLESS);
        repository(&scene.root.join("sub/.git"), HOSTILE);
        scene.write("sub/.git/hooks/post-checkout", "touch x");
        scene.write("sub/.git/config.set-aside-by-mab", "mine");
    });
    assert_eq!(
        told,
        [
            made("sub/.git/config", What::GitSettings, aside("config-2")),
            made("plain/.git/config", What::GitSettings, Done::Told),
        ]
        .into_iter()
        .rev()
        .chain([
            made("sub/.git/hooks/post-checkout", What::GitHook, aside("post-checkout")),
            made("plain/.git", What::Repository, Done::Told),
            made("sub/.git", What::Repository, Done::Told),
        ])
        .collect::<Vec<_>>()
    );
    assert!(!scene.is_there("sub/.git/config") && scene.is_there("plain/.git/config"));
    assert_eq!(fs::read_to_string(scene.root.join("sub/.git/config-2.set-aside-by-mab")).unwrap(), HOSTILE);
    assert_eq!(fs::read_to_string(scene.root.join("sub/.git/config.set-aside-by-mab")).unwrap(), "mine");
    assert_eq!(scene.planted(|| {}), []);
}

#[test]
fn bare_repository_behind_a_git_file_and_a_gitlink_is_found_and_disarmed() {
    let scene = scene();
    let told = scene.planted(|| {
        repository(&scene.root.join("meta/x"), HOSTILE);
        scene.write("sub/.git", "gitdir: ../meta/x\n");
        let mut index = b"DIRC\0\0\0\x02\0\0\0\x01".to_vec();
        index.extend([0; 24]);
        index.extend(0o160_000_u32.to_be_bytes());
        index.extend([0; 34]);
        index.extend(b"sub\0\0\0\0\0\0\0");
        index.extend([7; 20]);
        scene.write(".git/index", index);
    });
    assert_eq!(
        told,
        [
            made("meta/x/config", What::GitSettings, aside("config")),
            made("meta/x", What::Repository, Done::Told),
            made("sub/.git", What::Repository, Done::Told),
            made("sub", What::Gitlink, Done::Told),
        ]
    );
}

#[test]
fn part_that_repositories_share_is_disarmed_without_a_head() {
    let scene = scene();
    scene.planted(|| {
        repository(&scene.root.join("common"), HOSTILE);
        fs::remove_file(scene.root.join("common/HEAD")).unwrap();
        scene.write("tree/.git", "gitdir: ../meta\n");
        scene.write("meta/HEAD", "ref: refs/heads/main\n");
        scene.write("meta/commondir", "../common");
        scene.write("meta/config.worktree", HOSTILE);
    });
    assert!(!scene.is_there("common/config") && !scene.is_there("meta/config.worktree"));
}

#[test]
fn settings_below_the_root_are_told_by_their_paths() {
    let scene = scene();
    scene.write("sub/.mcp.json", "{}");
    let told = scene.planted(|| {
        scene.write("sub/.mcp.json", "{ }");
        scene.write("sub/.envrc", "x");
        scene.write("sub/.vscode/a/tasks.json", "x");
        symlink("/nowhere", scene.root.join("sub/.claude")).unwrap();
    });
    assert_eq!(
        told,
        [
            made("sub/.claude", What::Settings, Done::Told),
            made("sub/.envrc", What::Settings, Done::Told),
            ("sub/.mcp.json".to_owned(), What::Settings, Change::Changed, Done::Told),
            made("sub/.vscode/a/tasks.json", What::Settings, Done::Told),
        ]
    );
}

#[test]
fn path_that_commands_are_kept_from_when_changed_is_told_and_left_alone() {
    let scene = scene();
    scene.write(".mcp.json", "{}");
    scene.write(".claude/settings.json", "{}");
    let told = scene.planted(|| {
        scene.write(".mcp.json", "{ }");
        scene.write(".git/config", HOSTILE);
        fs::remove_file(scene.root.join(".claude/settings.json")).unwrap();
    });
    let others = |path: &str, what, change| (path.to_owned(), what, change, Done::ToldOfOthers);
    assert_eq!(
        told,
        [
            others(".git/config", What::GitSettings, Change::Changed),
            others(".mcp.json", What::Settings, Change::Changed),
            others(".claude/settings.json", What::Settings, Change::Removed),
        ]
    );
    assert_eq!(fs::read_to_string(scene.root.join(".git/config")).unwrap(), HOSTILE);
}

#[test]
fn bits_that_run_a_file_as_another_are_taken_away_where_they_are_new() {
    let scene = scene();
    let mode = |path: &str, bits| {
        scene.write(path, "x");
        fs::set_permissions(scene.root.join(path), fs::Permissions::from_mode(bits)).unwrap();
    };
    mode("old", 0o4755);
    let told = scene.planted(|| {
        mode("bin/shell", 0o6711);
        mode("bin/group", 0o2000);
        symlink("../old", scene.root.join("bin/link")).unwrap();
    });
    assert_eq!(
        told,
        [made("bin/group", What::Setuid, Done::Cleared), made("bin/shell", What::Setuid, Done::Cleared)]
    );
    let bits = |path: &str| fs::metadata(scene.root.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!([bits("old"), bits("bin/shell"), bits("bin/group")], [0o4755, 0o711, 0]);
}

#[test]
fn configuration_that_is_a_link_is_set_aside_and_what_it_leads_to_is_not_touched() {
    let scene = scene();
    let told = scene.planted(|| {
        repository(&scene.root.join("sub/.git"), "");
        fs::remove_file(scene.root.join("sub/.git/config")).unwrap();
        fs::remove_dir_all(scene.root.join("sub/.git/hooks")).unwrap();
        scene.write("evil", HOSTILE);
        symlink("../../evil", scene.root.join("sub/.git/config")).unwrap();
        symlink("../..", scene.root.join("sub/.git/hooks")).unwrap();
    });
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(!scene.is_there("sub/.git/config") && !scene.is_there("sub/.git/hooks"));
    assert!(scene.is_there("evil") && scene.is_there("sub/.git/config.set-aside-by-mab"));
}

#[test]
fn rebase_that_would_run_a_program_is_told() {
    let scene = scene();
    let todo = ".git/rebase-merge/git-rebase-todo";
    assert_eq!(scene.planted(|| scene.write(todo, "pick 1234\n# exec x\n")), []);
    let told = scene.planted(|| scene.write(todo, "pick 1234\n x touch y\n"));
    assert_eq!(told, [made(todo, What::GitSettings, Done::Told)]);
}

#[test]
fn workspace_that_is_too_large_or_deep_is_told_as_not_seen() {
    let scene = scene();
    assert!(Walk::look(&scene.workspace, 100).is_whole);
    assert!(!Walk::look(&scene.workspace, 3).is_whole);
    let deep = vec!["d"; 202].join("/");
    let told = scene.planted(|| scene.write(&format!("{deep}/.git"), "gitdir: x"));
    assert_eq!(told, [made(".", What::NotSeen, Done::Told)]);
}

#[test]
fn list_when_long_is_cut_at_its_end_and_says_so() {
    let scene = scene();
    let told = scene.planted(|| {
        (0..60).for_each(|n| scene.write(&format!("{n}/.envrc"), "x"));
        repository(&scene.root.join("sub/.git"), HOSTILE);
    });
    assert_eq!(told.len(), 51);
    assert_eq!(told[0], made("sub/.git/config", What::GitSettings, aside("config")));
    assert_eq!(told[50], made("12", What::More, Done::Told));
}

#[test]
fn sentence_says_who_obeys_and_what_was_done_and_shows_no_control_character() {
    let scene = scene();
    let before = Surface::look(&scene.workspace);
    repository(&scene.root.join("a\u{1b}[2J/.git"), HOSTILE);
    let told: Vec<_> = before.settle(&scene.workspace).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "a\\u{1b}[2J/.git/config was made by the command: git would obey core.fsmonitor; it is called \
             config.set-aside-by-mab now, rename it back to undo that",
            "a\\u{1b}[2J/.git was made by the command: git would obey the settings of a repository there",
        ]
    );
}
