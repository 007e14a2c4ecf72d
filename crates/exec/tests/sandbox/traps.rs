//! The traps of the study, each by name, and what else a command must not be able to plant or read.

use std::{fs::File, os::unix::fs::symlink, path::Path};

use mab_exec::{GitAccess, Profile, Stage, Tier, View};

use crate::bench::{Space, one, run, sandbox, shell, start};

#[test]
fn trap_1_environment_of_the_server_when_looked_for_in_proc_is_nowhere() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    // The test runner has set this for every test; bubblewrap would hand it on.
    let ran = run(
        &*sandbox,
        &shell("cat /proc/*/environ | tr '\\0' '\\n' | sort -u; ls -d /proc/[0-9]* | wc -l"),
        &Space::new().reading(),
    );
    assert!(ran.stdout.contains("HOME=/tmp/home"), "{ran:?}");
    assert!(!ran.stdout.contains("CARGO"), "{ran:?}");
}

#[test]
fn trap_1_bubblewrap_when_it_runs_has_no_environment_itself() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    let mut running = start(&*sandbox, &shell("echo on; read forever < /dev/zero"), &space.reading());
    let [stdout, _stderr] = running.take_outputs().unwrap();
    std::io::Read::read_exact(&mut File::from(stdout), &mut [0; 3]).unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let ours: Vec<_> = processes
        .filter(|process| {
            let words = std::fs::read(process.join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).into_owned();
            words.starts_with("/usr/bin/bwrap") && words.contains(space.path.to_str().unwrap())
        })
        .map(|process| std::fs::read(process.join("environ")).unwrap())
        .collect();
    assert_eq!(ours, [b"", b""], "the outer and the inner one");
}

#[test]
fn trap_2_git_when_moved_aside_stays_where_it_is() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    for git in [GitAccess::ReadOnly, GitAccess::Commit] {
        let space = Space::new();
        space.write(".git/config", "[core]\n");
        space.write(".git/HEAD", "ref: refs/heads/main\n");
        space.write(".git/hooks/sample", "x");
        space.write(".git/objects/info/x", "x");
        space.write("sub/.git/config", "[core]\n");
        let profile = Profile { git, ..space.writing() };
        let attempts =
            "mv .git .git2; mv .git/hooks .git/h; mkdir -p .git/hooks; echo evil > .git/hooks/pre-commit
            echo evil > .git/config; echo evil > .git/commondir; echo evil > .git/config.worktree
            rm -f .git/config; ln -sf /tmp .git/worktrees; mkdir -p .git/worktrees/x .git/modules/x
            mv .git/objects .git/o; echo evil > .git/objects/info/alternates
            mv sub sub2; mkdir -p sub/.git; echo evil > sub/.git/config; true";
        run(&*sandbox, &shell(attempts), &profile);
        assert_eq!(space.read(".git/config").as_deref(), Some("[core]\n"), "{git:?}");
        assert_eq!(space.read("sub/.git/config").as_deref(), Some("[core]\n"), "{git:?}");
        let names = |folder: &str| {
            let entries = std::fs::read_dir(space.path.join(folder)).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(names(".git"), ["HEAD", "config", "hooks", "objects"], "{git:?}");
        assert_eq!(names(".git/hooks"), ["sample"], "{git:?}");
        assert_eq!(names(".git/objects/info"), ["x"], "{git:?}");
        assert_eq!(space.names(), [".git", "sub"], "{git:?}");
    }
}

#[test]
fn trap_3_absent_settings_when_written_are_not_there_afterwards_nor_any_stub() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    space.write(".vscode/settings.json", "{}");
    space.write(".npmrc", "ignore-scripts=true");
    let attempts = "for f in .mcp.json .claude/settings.json .codex/config.toml .vscode/settings.json .envrc .git/config \
        .husky/pre-commit .npmrc; do mkdir -p $(dirname $f); echo evil > $f; done
        mv .vscode v; rm -rf .claude; ln -s /tmp .claude; echo fine > ok; true";
    run(&*sandbox, &shell(attempts), &space.writing());
    assert_eq!(space.names(), [".npmrc", ".vscode", "ok"]);
    assert_eq!(space.read(".npmrc").as_deref(), Some("ignore-scripts=true"));
    assert_eq!(space.read(".vscode/settings.json").as_deref(), Some("{}"));
}

#[test]
fn policy_of_a_project_when_a_command_would_loosen_or_plant_it_stays() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let attempts = "echo evil > .mab/policy.toml; rm -f .mab/policy.toml; mv .mab gone; rm -rf .mab
        mkdir -p .mab new && echo evil > new/policy.toml && mv -T new .mab; ln -sfn /tmp .mab; true";
    let space = Space::new();
    space.write(".mab/policy.toml", "# strict\n");
    run(&*sandbox, &shell(attempts), &space.writing());
    assert_eq!(space.read(".mab/policy.toml").as_deref(), Some("# strict\n"));
    let without = Space::new();
    run(&*sandbox, &shell(attempts), &without.writing());
    assert!(!without.names().contains(&".mab".to_owned()), "{:?}", without.names());
}

#[test]
fn protected_path_when_it_is_a_symbolic_link_refuses_the_run() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    symlink("/tmp", space.path.join(".claude")).unwrap();
    let profile = space.writing();
    let plan = one(&["touch", "ran"]);
    let stage = Stage { plan: &plan, binaries: &[], profile: &profile, view: &View::Direct };
    let Err(refused) = sandbox.start(&stage) else { panic!("it was started") };
    assert_eq!(refused.reason, ".claude is a symbolic link, which cannot be kept as it is");
    assert_eq!(space.names(), [".claude"]);
}

#[test]
fn secrets_when_read_in_any_way_are_not_shown() {
    for tier in [Tier::Landlock, Tier::Bubblewrap] {
        let Some(sandbox) = sandbox(tier) else { continue };
        let space = Space::new();
        space.write("sub/.env", "marker-one");
        space.write("sub/plain", "shown");
        space.write(".ssh/id_ed25519", "marker-two");
        space.write("state/db", "marker-three");
        space.write("a", "marker-four");
        std::fs::hard_link(space.path.join("a"), space.path.join("b.pem")).unwrap();
        symlink("sub/.env", space.path.join("link")).unwrap();
        let profile = Profile { hidden: vec![space.path.join("state")], ..space.reading() };
        let ran = run(&*sandbox, &one(&["grep", "-r", "-e", "marker", "-e", "shown", "."]), &profile);
        assert!(ran.stdout.contains("shown"), "{tier}: {ran:?}");
        let ran_2 =
            run(&*sandbox, &one(&["cat", "sub/.env", ".ssh/id_ed25519", "state/db", "link"]), &profile);
        for marker in ["one", "two", "three"] {
            let marker = format!("marker-{marker}");
            assert!(
                !ran.stdout.contains(&marker) && !ran_2.stdout.contains(&marker),
                "{tier}: {ran:?} {ran_2:?}"
            );
        }
    }
}

#[test]
fn host_when_looked_at_shows_only_what_the_profile_names() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    let other = Space::new();
    other.write("tool", "readable");
    let profile = Profile { readable: vec![other.path.clone()], ..space.writing() };
    let text = format!(
        "cat {0}/tool; echo x > {0}/tool; ls -A / /run /tmp /var /tmp/home; ls /etc",
        other.path.display()
    );
    let ran = run(&*sandbox, &shell(&text), &profile);
    assert!(ran.stdout.starts_with("readable"), "{ran:?}");
    assert_eq!(other.read("tool").as_deref(), Some("readable"));
    for name in ["root", "shadow", "boot", "mnt", "opt"] {
        assert!(
            !ran.stdout.lines().any(|line| line == name) || Path::new("/").join(name) == other.path,
            "{ran:?}"
        );
    }
}
