//! Which files a yes is held to, by the builtin table: each, when it is planted, makes it another list.

use std::{fs, path::Path};

use mab_exec::{Judge, Mode, Obeys, Policy, Wanted, Workspace};

#[cfg(test)]
fn obeyed(root: &Path, mode: Mode, command: &[&str]) -> Obeys {
    let words = command.iter().map(|&word| word.to_owned()).collect();
    let workspace = Workspace::open(root).unwrap();
    Judge::new(Policy::builtin()).obeyed(mode, &Wanted::Argv(vec![words]), &workspace)
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
