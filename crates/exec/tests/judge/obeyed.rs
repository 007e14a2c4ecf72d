//! Which files a yes is held to, by the builtin table: each, when it is planted, makes it another list.

use std::{fs, path::Path};

use mab_exec::{Decision, Judge, Mode, Obeys, Policy, Wanted, Workspace};

#[cfg(test)]
fn obeyed(root: &Path, mode: Mode, command: &[&str]) -> Obeys {
    let words = command.iter().map(|&word| word.to_owned()).collect();
    let workspace = Workspace::open(root).unwrap();
    Judge::new(Policy::builtin()).obeyed(mode, &Wanted::Argv(vec![words]), &workspace).unwrap()
}

#[test]
fn file_that_a_program_looks_for_when_planted_is_on_the_list() {
    for (mode, command, planted) in [
        (Mode::Restricted, "npm test", ".npmrc"),
        (Mode::Restricted, "npm test", "package.json"),
        (Mode::Yolo, "yarn test", ".yarnrc.yml"),
        (Mode::Yolo, "yarn test", ".yarnrc"),
        (Mode::Yolo, "task build", "Taskfile.dist.yml"),
        (Mode::Yolo, "vitest run", "vitest.workspace.ts"),
        (Mode::Yolo, "cmake --build build", "build/Makefile"),
        (Mode::Yolo, "python3 pkg", "pkg/__main__.py"),
        (Mode::Restricted, "node pkg", "pkg/index.js"),
        (Mode::Restricted, "git add x", ".git/config"),
        (Mode::Restricted, "git add x", ".git/config.worktree"),
        (Mode::Restricted, "git add sub/x", "sub/.gitattributes"),
        (Mode::Yolo, "git commit -m x", ".git/hooks/post-commit"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        for folder in ["build", "pkg", "sub", ".git/hooks"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("sub/x"), "x").unwrap();
        let words: Vec<&str> = command.split(' ').collect();
        let before = obeyed(&root, mode, &words);
        fs::write(root.join(planted), "x").unwrap();
        let change = before.change(&obeyed(&root, mode, &words));
        assert!(change.is_some_and(|what| what.contains(planted)), "{command}: {planted}");
    }
}

#[test]
fn file_that_stands_for_a_repository_when_planted_is_on_the_list() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap();
    let before = obeyed(&root, Mode::Restricted, &["git", "add", "x"]);
    fs::write(root.join(".git"), "gitdir: real.git\n").unwrap();
    assert!(before.change(&obeyed(&root, Mode::Restricted, &["git", "add", "x"])).is_some());
}

#[test]
fn repository_when_its_configuration_lies_elsewhere_in_the_workspace_is_denied() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap().join("space");
    fs::create_dir_all(root.join(".git")).unwrap();
    fs::create_dir_all(root.join("real.git")).unwrap();
    let judge = Judge::new(Policy::builtin());
    let verdict = |command: &str| {
        let workspace = Workspace::open(&root).unwrap();
        judge.judge(Mode::Restricted, &Wanted::Text(command.to_owned()), Some(&workspace))
    };
    assert_eq!(verdict("git status").decision, Decision::Allow);
    let denied = |why: &str| {
        for command in ["git status", "git add x", "git commit -m x"] {
            let verdict = verdict(command);
            assert_eq!(verdict.decision, Decision::Deny, "{command}");
            assert!(verdict.reason.contains(why), "{}", verdict.reason);
        }
    };
    fs::write(root.join(".git/commondir"), "../real.git\n").unwrap();
    denied("`.git/commondir` leads to another repository");
    // What stands there while another command writes says nothing else.
    fs::write(root.join(".git/commondir"), ".\n").unwrap();
    assert_eq!(verdict("git add x").decision, Decision::Ask);
    fs::remove_dir_all(root.join(".git")).unwrap();
    fs::write(root.join(".git"), "gitdir: real.git\n").unwrap();
    denied("`.git` is a file that leads into the workspace");
    // A worktree of a repository that lies outside, as it was.
    fs::write(root.join(".git"), "gitdir: ../main/.git/worktrees/space\n").unwrap();
    let outside = verdict("git status");
    assert_eq!(outside.decision, Decision::Ask);
    assert!(outside.reason.contains("lies elsewhere"), "{}", outside.reason);
}
