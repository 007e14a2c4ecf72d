//! Ordinary tools work in T2, and every test here holds for an ordinary user too.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use mab_exec::{GitAccess, Profile, Tier};

use crate::bench::{Space, run, sandbox, shell};

#[test]
fn git_when_it_may_commit_commits_and_the_host_sees_a_whole_repository() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    space.write("a", "1");
    let git = |words: &[&str]| {
        let output =
            command("git").args(words).current_dir(&space.path).env("HOME", "/nonexistent").output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "-q"]);
    let before = std::fs::read(space.path.join(".git/config")).unwrap();
    let me = "-c user.name=x -c user.email=x@example.org";
    let text = format!(
        "set -e; git add a; git {me} commit -qm one; git branch other; echo 2 >> a; git {me} commit -qam two
        git merge -q other; git gc -q; git fsck; git status --short; git log --oneline | wc -l"
    );
    let profile = Profile { git: GitAccess::Commit, ..space.writing() };
    let ran = run(&*sandbox, &shell(&text), &profile);
    assert_eq!((ran.code(), ran.stdout.trim()), (0, "2"), "{ran:?}");
    assert_eq!(git(&["log", "--format=%s"]), "two\none\n");
    assert_eq!(git(&["status", "--short"]), "");
    assert_eq!(std::fs::read(space.path.join(".git/config")).unwrap(), before);
    for stub in ["commondir", "config.worktree", "modules", "worktrees", "objects/info/alternates"] {
        assert!(!space.path.join(".git").join(stub).exists(), "{stub}");
    }
    let ran = run(
        &*sandbox,
        &shell(&format!("git log --oneline && git {me} commit --allow-empty -qm no")),
        &space.writing(),
    );
    assert!(ran.code() != 0 && ran.stdout.lines().count() == 2, "{ran:?}");
}

#[test]
fn interpreters_when_they_start_threads_and_processes_work() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    for (program, text) in [
        (
            "python3",
            "python3 -c 'import subprocess, threading, multiprocessing, tempfile, socket; socket.socketpair(); \
            print(subprocess.check_output([\"echo\", \"ok\"]).decode(), end=\"\")'",
        ),
        (
            "node",
            "node -e 'require(\"child_process\").exec(\"echo ok\", (e, out) => process.stdout.write(out)); \
            new (require(\"worker_threads\").Worker)(\"1\", {eval: true})'",
        ),
        ("perl", "perl -e 'print `echo ok`'"),
        ("gcc", "printf 'int main(){return 0;}' > m.c && gcc -pthread m.c -o m && ./m && echo ok"),
        ("make", "printf 'all:\\n\\t@echo ok\\n' > Makefile && make -j2"),
    ] {
        if !Path::new("/usr/bin").join(program).exists() {
            println!("SKIPPED: there is no {program} here");
            continue;
        }
        let ran = run(&*sandbox, &shell(text), &space.writing());
        assert_eq!((ran.code(), ran.stdout.as_str()), (0, "ok\n"), "{program}: {ran:?}");
    }
}

#[test]
fn cargo_when_its_tool_chain_is_readable_builds_and_tests() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let Some(chain) = tool_chain() else {
        println!("SKIPPED: the tool chain is not where it says");
        return;
    };
    let space = Space::new();
    space.write("Cargo.toml", "[package]\nname = \"x\"\nedition = \"2024\"\n[workspace]\n");
    space.write("src/lib.rs", "#[test]\nfn works() {}\n");
    let mut profile = Profile { readable: vec![chain.clone()], ..space.writing() };
    let path = format!("{}/bin:/usr/bin:/bin", chain.display());
    profile.environment.insert("PATH".to_owned(), path);
    let ran = run(&*sandbox, &shell("cargo test --offline -q"), &profile);
    assert_eq!(ran.code(), 0, "{ran:?}");
    assert!(ran.stdout.contains("1 passed"), "{ran:?}");
}

#[test]
fn every_test_when_run_by_an_ordinary_user_holds() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: these are run by an ordinary user already");
        return;
    }
    let this = std::env::current_exe().unwrap();
    let as_user = |words: &[&str]| {
        let user = ["--reuid", "1001", "--regid", "1001", "--clear-groups", "--inh-caps=-all", "--"];
        command("setpriv").args(user).args(words).current_dir("/").env("HOME", "/nonexistent").output()
    };
    let reachable = as_user(&["test", "-x", env!("CARGO_BIN_EXE_mab-sandbox-exec")]);
    if !reachable.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: another user cannot be, or cannot reach the build");
        return;
    }
    let output =
        as_user(&[this.to_str().unwrap(), "--skip", "every_test", "--skip", "cargo_when", "--nocapture"]);
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("test result: ok"), "{text}");
    println!("{text}");
}

/// Where the tool chain of this build lies.
fn tool_chain() -> Option<PathBuf> {
    let output = command("rustc").args(["--print", "sysroot"]).output().ok()?;
    let chain = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()).canonicalize().ok()?;
    chain.join("bin/cargo").exists().then_some(chain)
}

#[expect(clippy::disallowed_methods, reason = "a test looks at what a sandbox left from outside")]
fn command(program: &str) -> Command {
    Command::new(program)
}
