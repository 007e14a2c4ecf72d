//! What hostile commands plant for the host's tools is told, and has no effect there.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use mab_exec::{Change, Done, Limits, Observer, Outcome, Progress, Tier, What};

use crate::bench::run_in;

/// A workspace with a repository that has a commit.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("sub/file"), "x").unwrap();
    git(folder.path(), &["init", "-q"]);
    git(folder.path(), &["add", "sub"]);
    git(folder.path(), &["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]);
    folder
}

#[expect(clippy::disallowed_methods, reason = "a user's repository is made by git")]
fn git(at: &Path, words: &[&str]) {
    let mut git = Command::new("git");
    git.args(words).current_dir(at).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    git.output().unwrap();
}

/// A repository in a folder that is there, a bare one behind a file, and one that is its own work tree; each would run a
/// program of theirs as soon as somebody asks for the status in it.
const REPOSITORIES: &str = "set -e
    hostile() { printf '[core]\\n\\tworktree = .\\n\\tfsmonitor = touch ../reached; touch reached; false\\n' > $1/config; }
    repository() { mkdir -p $1/objects $1/refs; echo ref: refs/heads/main > $1/HEAD; hostile $1; }
    repository sub/.git
    repository bare
    repository meta/x; mkdir other; echo gitdir: ../meta/x > other/.git
    mkdir -p sub/.vscode; echo x > sub/.vscode/tasks.json
    cp /bin/true runs-as-me; chmod 6755 runs-as-me || true";

#[test]
fn repositories_that_a_command_planted_run_nothing_on_the_host_and_are_told() {
    let folder = repository();
    let root = folder.path().canonicalize().unwrap();
    let Some(finished) = run_in((Tier::Bubblewrap, &root), REPOSITORIES, Limits::default(), &()) else {
        return;
    };
    assert_eq!(finished.outcome, Outcome::Exited { code: 0 }, "{finished:?}");
    for at in ["sub", "bare", "other", "."] {
        git(&root.join(at), &["status"]);
    }
    let reached = ["reached", "sub/reached", "other/reached", "bare/reached", "meta/reached"];
    assert_eq!(reached.map(|path| root.join(path).exists()), [false; 5]);
    let aside = || Done::SetAside { to: "config.set-aside-by-mab".to_owned() };
    let told = |path, what, done| (path, what, Change::Made, done);
    let seen: Vec<_> = finished
        .planted
        .iter()
        .map(|one| (one.path.as_str(), one.what, one.change, one.done.clone()))
        .collect();
    let mut expected = vec![
        told("bare/config", What::GitSettings, aside()),
        told("meta/x/config", What::GitSettings, aside()),
        told("sub/.git/config", What::GitSettings, aside()),
        told("bare", What::Repository, Done::Told),
        told("meta/x", What::Repository, Done::Told),
        told("other/.git", What::Repository, Done::Told),
        told("sub/.git", What::Repository, Done::Told),
        told("sub/.vscode/tasks.json", What::Settings, Done::Told),
    ];
    // Some sandboxes refuse the bits already.
    if seen.iter().any(|one| one.1 == What::Setuid) {
        expected.insert(0, told("runs-as-me", What::Setuid, Done::Cleared));
    }
    assert_eq!(seen, expected);
}

#[test]
fn settings_that_the_host_saves_anew_during_a_run_are_told_and_not_touched() {
    let folder = repository();
    let root = folder.path().canonicalize().unwrap();
    std::fs::write(root.join(".mcp.json"), "{}").unwrap();
    let saver = Saver(root.clone());
    let text = "echo ready; while ! [ -e saved ]; do :; done; rm saved; echo evil > .mcp.json";
    let Some(finished) = run_in((Tier::Bubblewrap, &root), text, Limits::default(), &saver) else { return };
    let seen: Vec<_> = finished.planted.iter().map(ToString::to_string).collect();
    let told = ".mcp.json was changed during the run, though the command is kept from it: look at it, unless it was you";
    assert_eq!(seen, [told], "{finished:?}");
    assert_ne!(std::fs::read_to_string(root.join(".mcp.json")).unwrap(), "{}");
}

/// An editor on the host: saves by renaming, as soon as the command said something.
struct Saver(PathBuf);

impl Observer for Saver {
    fn progress(&self, progress: &Progress) {
        if progress.stdout_bytes > 0 && !self.0.join("saved").exists() {
            std::fs::write(self.0.join(".mcp.new"), "{ }").unwrap();
            std::fs::rename(self.0.join(".mcp.new"), self.0.join(".mcp.json")).unwrap();
            std::fs::write(self.0.join("saved"), "").unwrap();
        }
    }
}
