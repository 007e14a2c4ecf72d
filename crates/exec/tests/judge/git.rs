//! What git does with the arguments and the environment that the policy puts in, in a repository whose configuration names
//! a program wherever git would run one.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use mab_exec::{Mode, Plan};

use super::judged;

/// Every key by which the configuration of a repository makes these commands run a program.
const KEYS: [&str; 15] = [
    "core.pager",
    "core.fsmonitor",
    "core.editor",
    "core.sshCommand",
    "core.askPass",
    "core.alternateRefsCommand",
    "diff.external",
    "diff.evil.textconv",
    "diff.evil.command",
    "gpg.program",
    "gpg.ssh.program",
    "credential.helper",
    "pager.log",
    "sequence.editor",
    "interactive.diffFilter",
];

/// Commands that would meet them.
const COMMANDS: [&str; 18] = [
    "git status",
    "git log",
    "git log -p",
    "git log --stat",
    "git show HEAD",
    "git diff",
    "git diff HEAD~1",
    "git blame a",
    "git branch -a",
    "git grep x",
    "git stash list",
    "git shortlog HEAD",
    "git tag -l",
    "git add a",
    "git commit -m two",
    "git checkout other",
    "git describe --always",
    "git for-each-ref",
];

#[test]
fn repository_whose_configuration_names_programs_runs_none_of_them() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("space");
    fs::create_dir(&root).unwrap();
    let mark = home.path().join("ran");
    if !git(&root, &["init", "--quiet"]) {
        println!("SKIPPED: there is no git here");
        return;
    }
    hostile(&root, &mark);
    for command in COMMANDS {
        let Some(Plan::Steps(steps)) = judged(Mode::Restricted, command).plan else {
            panic!("{command} is denied")
        };
        for argv in steps.iter().flat_map(|step| &step.pipeline) {
            #[expect(clippy::disallowed_methods, reason = "runs git as the plan says")]
            let output = Command::new(&argv.name)
                .args(&argv.arguments)
                .envs(argv.environment.iter().cloned())
                .env("TERM", "xterm")
                .current_dir(&root)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        }
        assert!(!mark.exists(), "{command} ran a program of the repository");
    }
}

/// A repository with two commits, a changed file, and configuration, attributes and hooks that name a program.
#[cfg(test)]
fn hostile(root: &Path, mark: &Path) {
    fs::write(root.join("a"), "x\n").unwrap();
    fs::write(root.join(".gitattributes"), "a diff=evil\n").unwrap();
    let commit =
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--all", "--message", "one"];
    assert!(git(root, &["add", "."]) && git(root, &commit) && git(root, &["branch", "other"]));
    fs::write(root.join("a"), "x\ny\n").unwrap();
    assert!(git(root, &commit));
    fs::write(root.join("a"), "x\ny\nz\n").unwrap();
    let program = root.join(".git/evil");
    fs::write(&program, format!("#!/bin/sh\ntouch '{}'\ncat \"$@\" 2>/dev/null\nexit 0\n", mark.display()))
        .unwrap();
    assert!(shell(
        root,
        "chmod +x .git/evil && mkdir -p .git/hooks && for hook in pre-commit commit-msg post-commit post-checkout prepare-commit-msg post-index-change reference-transaction; do cp .git/evil .git/hooks/$hook; done"
    ));
    for key in KEYS {
        assert!(git(root, &["config", key, program.to_str().unwrap()]));
    }
    for (key, value) in
        [("commit.gpgSign", "true"), ("log.showSignature", "true"), ("user.name", "a"), ("user.email", "a@b")]
    {
        assert!(git(root, &["config", key, value]));
    }
    // The trap is set: without the policy's arguments git does run it.
    assert!(git(root, &["status"]) && mark.exists());
    fs::remove_file(mark).unwrap();
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "makes the repository")]
fn git(root: &Path, arguments: &[&str]) -> bool {
    let mut git = Command::new("git");
    git.args(arguments)
        .current_dir(root)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    git.stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "makes the repository")]
fn shell(root: &Path, text: &str) -> bool {
    Command::new("sh").args(["-c", text]).current_dir(root).status().is_ok_and(|status| status.success())
}
