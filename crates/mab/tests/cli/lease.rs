//! Leases from the command line, and a git repository that heeds them.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::home::{Agent, Anything, Home, Run, masked};

/// Two agents, each with a profile, in one conversation, and a project folder.
struct Pair {
    home: Home,
    alice: Agent,
    bob: Agent,
    conversation: String,
}

const ALICE: (&str, &str) = ("MAB_AGENT", "alice");
const BOB: (&str, &str) = ("MAB_AGENT", "bob");

impl Pair {
    fn new() -> Anything<Self> {
        let home = Home::new()?;
        let (mut alice, mut bob) = (home.agent_with(&[ALICE])?, home.agent_with(&[BOB])?);
        let created =
            alice.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
        let [conversation, token] = ["conversation_id", "session_b_token"]
            .map(|key| created.get(key).and_then(Value::as_str).unwrap_or_default().to_owned());
        let seat = json!({"conversation_id": conversation, "session_id": "b", "token": token});
        bob.call("join_conversation", &seat)?;
        fs::create_dir_all(home.path().join("project/src"))?;
        fs::create_dir(home.path().join("project/.git"))?;
        fs::write(home.path().join("project/.git/HEAD"), "ref: refs/heads/main\n")?;
        Ok(Self { home, alice, bob, conversation })
    }

    fn project(&self) -> PathBuf {
        self.home.path().join("project")
    }

    /// Runs `mab lease check` in a folder of the project, as the given profile.
    fn check(&self, folder: &str, profile: Option<(&str, &str)>, words: &[&str]) -> Anything<Run> {
        let mut command = self.home.command(&[&["lease", "check"], words].concat());
        command.current_dir(self.project().join(folder)).envs(profile);
        Run::new(command.output()?)
    }
}

fn acquire(agent: &mut Agent, paths: &[&str]) -> Anything {
    agent.call("reserve_files", &json!({"action": "acquire", "paths": paths})).map(drop)
}

#[test]
fn check_when_somebody_else_holds_a_file_exits_with_7_and_says_who() -> Anything {
    let mut pair = Pair::new()?;
    acquire(&mut pair.bob, &["src/*.rs"])?;
    acquire(&mut pair.alice, &["docs"])?;
    let words = ["main.rs", "../docs/x.md", "../README.md"];
    let run = pair.check("src", Some(ALICE), &words)?;
    assert_eq!(run.exit, Some(7), "{}", run.stderr);
    let conversation = pair.conversation.clone();
    let line = |line: &str| line.split(" until ").next().unwrap_or_default().to_owned();
    assert_eq!(run.stdout.lines().count(), 1);
    assert_eq!(line(&run.stdout), format!("src/main.rs  held by b in {conversation} (exclusive)"));
    assert!(run.stderr.contains("send_to_partner"), "{}", run.stderr);
    assert_eq!(pair.check("src", Some(ALICE), &["../docs/x.md", "new.py"])?.exit, Some(0));
    // Nobody in particular: every lease counts, also by a folder above.
    let run = pair.check("", None, &["src", "docs/x.md", "README.md"])?;
    let lines: Vec<String> = run.stdout.lines().map(line).collect();
    assert_eq!(
        lines,
        [
            format!("src/  held by b in {conversation} (exclusive)"),
            format!("docs/x.md  held by a in {conversation} (exclusive)"),
        ]
    );
    // By name, and by a profile that has none.
    let as_b = ["src/main.rs", "--conversation", &conversation, "--as", "b"];
    assert_eq!(pair.check("", Some(ALICE), &as_b)?.exit, Some(0));
    assert_eq!(pair.check("", Some(ALICE), &as_b[..3])?.exit, Some(7));
    assert_eq!(pair.check("", Some(("MAB_AGENT", "carol")), &["src/main.rs"])?.exit, Some(7));
    Ok(())
}

#[test]
fn check_tells_the_same_as_json() -> Anything {
    let mut pair = Pair::new()?;
    acquire(&mut pair.bob, &["src/*.rs"])?;
    let run = pair.check("", Some(ALICE), &["src/main.rs", "--json"])?;
    let mut told = run.json()?;
    let until = told.pointer_mut("/conflicts/0/expires_at").map(Value::take);
    assert!(until.is_some_and(|until| until.is_string()));
    let conflict = json!({
        "path": "src/main.rs", "conversation_id": pair.conversation, "session_id": "b", "pattern": "src/*.rs",
        "exclusive": true, "fence": 1, "expires_at": null, "trust": "peer",
    });
    assert_eq!((run.exit, told), (Some(7), json!({"conflicts": [conflict], "more": false})));
    Ok(())
}

#[test]
fn check_of_a_shared_lease_lets_readers_pass() -> Anything {
    let mut pair = Pair::new()?;
    let shared = json!({"action": "acquire", "paths": ["docs"], "exclusive": false});
    pair.bob.call("reserve_files", &shared)?;
    let run = pair.check("", Some(ALICE), &["docs/x"])?;
    assert_eq!(run.exit, Some(7));
    assert!(run.stdout.contains("(shared)"), "{}", run.stdout);
    assert_eq!(pair.check("", Some(ALICE), &["docs/x", "--shared"])?.exit, Some(0));
    Ok(())
}

#[test]
fn check_of_an_agent_that_lost_its_seat_counts_every_lease() -> Anything {
    let mut pair = Pair::new()?;
    acquire(&mut pair.bob, &["src"])?;
    assert_eq!(pair.check("", Some(BOB), &["src/x"])?.exit, Some(0));
    pair.home.mab(&["tokens", &pair.conversation, "--rotate", "b"])?;
    assert_eq!(pair.check("", Some(BOB), &["src/x"])?.exit, Some(7));
    Ok(())
}

#[test]
fn check_heeds_every_conversation_of_the_profile_however_many() -> Anything {
    let mut pair = Pair::new()?;
    acquire(&mut pair.bob, &["src"])?;
    for _ in 0..50 {
        pair.alice.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
    }
    assert_eq!(pair.check("", Some(ALICE), &["src/x"])?.exit, Some(7));
    Ok(())
}

#[test]
fn check_of_a_profile_that_opens_nothing_looks_everywhere() -> Anything {
    let mut pair = Pair::new()?;
    acquire(&mut pair.bob, &["src"])?;
    let profile = pair.home.data().join("agents/bob.json");
    let mut kept: Value = serde_json::from_slice(&fs::read(&profile)?)?;
    let token = kept.pointer_mut("/credentials/0/token").ok_or("no token")?;
    *token = json!("0".repeat(64));
    fs::write(&profile, kept.to_string())?;
    assert_eq!(pair.check("", Some(BOB), &["src/x"])?.exit, Some(7));
    Ok(())
}

#[test]
fn check_looks_only_where_the_profile_has_joined() -> Anything {
    let mut pair = Pair::new()?;
    let mut other = pair.home.agent()?;
    other.call("create_conversation", &json!({"my_role": "another", "partner_role": "somebody"}))?;
    acquire(&mut other, &["**"])?;
    assert_eq!(pair.check("", Some(ALICE), &["src/x"])?.exit, Some(0));
    assert_eq!(pair.check("", None, &["src/x"])?.exit, Some(7));
    acquire(&mut pair.bob, &["src"])?;
    assert_eq!(pair.check("", Some(ALICE), &["src/x"])?.exit, Some(7));
    Ok(())
}

#[test]
fn check_of_what_is_outside_the_project_exits_with_2() -> Anything {
    let mut pair = Pair::new()?;
    acquire(&mut pair.bob, &["project/src"])?;
    for words in
        [["../other"].as_slice(), &["/etc/passwd"], &["x", "--root", "src"], &["x", "--root", "/nowhere"]]
    {
        let run = pair.check("", None, words)?;
        assert_eq!((run.exit, run.stdout.as_str()), (Some(2), ""), "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains("outside of the project"), "{}", run.stderr);
    }
    // Another root, other patterns.
    assert_eq!(pair.check("", None, &["src/x", "--root", ".."])?.exit, Some(7));
    assert_eq!(pair.check("", None, &["src/x"])?.exit, Some(0));
    Ok(())
}

#[test]
fn check_takes_for_the_root_what_git_takes() -> Anything {
    let mut pair = Pair::new()?;
    acquire(&mut pair.bob, &["src/x"])?;
    let inner = pair.project().join("src/.git");
    fs::create_dir(&inner)?;
    assert_eq!(pair.check("src", None, &["x"])?.exit, Some(7), "an empty folder is no repository");
    fs::write(inner.join("HEAD"), "ref: refs/heads/main\n")?;
    assert_eq!(pair.check("src", None, &["x"])?.exit, Some(0));
    fs::remove_dir_all(&inner)?;
    fs::write(&inner, "gitdir: ../elsewhere\n")?;
    assert_eq!(pair.check("src", None, &["x"])?.exit, Some(0), "a linked work tree");
    Ok(())
}

#[test]
fn check_before_the_first_agent_finds_nothing_and_makes_nothing() -> Anything {
    let home = Home::new()?;
    for words in [["lease", "check", "x"].as_slice(), &["lease", "check", "x", "--json"]] {
        let mut command = home.command(words);
        let run = Run::new(command.current_dir(home.path()).env("MAB_AGENT", "alice").output()?)?;
        assert_eq!(run.exit, Some(0), "{}", run.stderr);
        assert!(run.stderr.contains("nothing is reserved"), "{}", run.stderr);
    }
    assert!(!home.data().exists());
    assert_eq!(home.mab(&["lease", "list"])?.exit, Some(3));
    Ok(())
}

#[test]
fn names_from_stdin_when_hostile_are_checked_and_shown_harmlessly() -> Anything {
    let mut pair = Pair::new()?;
    acquire(&mut pair.bob, &["src"])?;
    let root = pair.project().to_string_lossy().into_owned();
    let mut stdin = Vec::new();
    for name in [b"a b\n\x1b[2Jc".as_slice(), b"\xff\xfe", "\u{202e}d".as_bytes(), b"-x", b"*"] {
        stdin.extend_from_slice(root.as_bytes());
        stdin.extend_from_slice(b"/src/");
        stdin.extend_from_slice(name);
        stdin.push(0);
    }
    let run = pair.home.mab_reading(&["lease", "check", "-z", "--root", &root], &stdin)?;
    assert_eq!(run.exit, Some(7), "{}", run.stderr);
    let shown: Vec<&str> =
        run.stdout.lines().map(|line| line.split("  held").next().unwrap_or_default()).collect();
    assert_eq!(shown, [r"src/a b\n\u{1b}[2Jc", "src/\u{fffd}\u{fffd}", r"src/\u{202e}d", "src/-x", "src/*"]);
    let nothing = pair.home.mab_reading(&["lease", "check", "-z", "--root", &root], b"")?;
    assert_eq!((nothing.exit, nothing.stdout.as_str()), (Some(0), ""));
    Ok(())
}

#[test]
fn names_from_stdin_without_a_nul_at_their_end_are_refused() -> Anything {
    let mut pair = Pair::new()?;
    acquire(&mut pair.bob, &["src"])?;
    let root = pair.project().to_string_lossy().into_owned();
    for stdin in [b"src/x\nsrc/y\n".as_slice(), b"src/x\0src/y"] {
        let run = pair.home.mab_reading(&["lease", "check", "-z", "--root", &root], stdin)?;
        assert_eq!(run.exit, Some(2), "{}", run.stdout);
        assert!(run.stderr.contains("-z"), "{}", run.stderr);
    }
    Ok(())
}

#[test]
fn check_of_one_conversation_knows_who_asks_by_the_profile_or_by_name() -> Anything {
    let mut pair = Pair::new()?;
    acquire(&mut pair.bob, &["src"])?;
    let id = pair.conversation.clone();
    let exit = |profile, words: &[&str]| -> Anything<Option<i32>> {
        Ok(pair.check("", profile, &[&["--conversation", &id], words].concat())?.exit)
    };
    assert_eq!(exit(Some(BOB), &["src/x"])?, Some(0), "bob's own");
    assert_eq!(exit(None, &["src/x"])?, Some(7));
    assert_eq!(exit(None, &["--as", "b", "src/x"])?, Some(0));
    assert_eq!(exit(Some(BOB), &["--as", "a", "src/x"])?, Some(7), "what is said wins");
    assert_eq!(exit(None, &["--as", "q", "src/x"])?, Some(3), "nobody is called that");
    Ok(())
}

#[test]
fn list_prints_every_lease() -> Anything {
    let mut pair = Pair::new()?;
    assert_eq!(pair.home.mab(&["lease", "list"])?.stdout, "");
    acquire(&mut pair.bob, &["src/*.rs"])?;
    pair.alice.call("reserve_files", &json!({"action": "acquire", "paths": ["docs"], "exclusive": false}))?;
    let expected = "CONV\tb\texclusive\t1\tMOMENT\tsrc/*.rs\nCONV\ta\tshared\t2\tMOMENT\tdocs";
    for words in [["lease", "list"].as_slice(), &["lease", "list", &pair.conversation]] {
        let run = pair.home.mab(words)?;
        assert_eq!(masked(&run.stdout, &[(&pair.conversation, "CONV")]), expected);
    }
    let told = pair.home.mab(&["lease", "list", "--json"])?.json()?;
    assert_eq!(told.pointer("/leases/1/pattern"), Some(&json!("docs")));
    Ok(())
}

/// The hook of the README.
fn hook() -> Anything<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md"))?;
    let start = readme.find("#!/bin/sh").ok_or("the README has no hook")?;
    let hook = readme.get(start..).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    Ok(hook.to_owned())
}

/// git as one agent runs it, with `mab` on its path and no configuration of the machine.
fn git(pair: &Pair, repository: &Path, profile: (&str, &str), words: &[&str]) -> Anything<Run> {
    let program = Path::new(env!("CARGO_BIN_EXE_mab")).parent().ok_or("no folder of mab")?;
    let mut path = OsString::from(program);
    path.push(":/usr/local/bin:/usr/bin:/bin");
    #[expect(clippy::disallowed_methods, reason = "the hook is run by git")]
    let mut command = Command::new("git");
    command.args(words).current_dir(repository).env_clear().env("PATH", path).env("HOME", pair.home.path());
    for (name, value) in [("GIT_CONFIG_NOSYSTEM", "1"), profile] {
        command.env(name, value);
    }
    for side in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{side}_NAME"), "somebody")
            .env(format!("GIT_{side}_EMAIL"), "somebody@example.org");
    }
    let output = command.output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Run { exit: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

/// A repository with the hook.
fn repository(pair: &Pair) -> Anything<PathBuf> {
    let repository = pair.home.path().join("repository");
    fs::create_dir_all(repository.join("src"))?;
    assert_eq!(git(pair, &repository, ALICE, &["init", "-q"])?.exit, Some(0));
    let script = repository.join(".git/hooks/pre-commit");
    fs::create_dir_all(repository.join(".git/hooks"))?;
    fs::write(&script, hook()?)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(repository)
}

#[test]
fn commit_of_files_that_another_agent_holds_is_stopped_by_the_hook() -> Anything {
    let mut pair = Pair::new()?;
    let repository = repository(&pair)?;
    let run = |pair: &Pair, profile, line: &[&str]| git(pair, &repository, profile, line);
    let hostile = repository.join("src").join(OsStr::from_bytes(b"new\n\x1b[31mline \xff.rs"));
    fs::write(&hostile, "")?;
    fs::write(repository.join("README"), "hello\n")?;
    acquire(&mut pair.bob, &["src/*.rs"])?;

    run(&pair, ALICE, &["add", "-A"])?;
    let stopped = run(&pair, ALICE, &["commit", "-qm", "mine"])?;
    assert_ne!(stopped.exit, Some(0), "{stopped:?}");
    let said = stopped.stdout + &stopped.stderr;
    assert!(said.contains("held by b") && !said.contains("README"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said:?}");

    assert_eq!(run(&pair, ALICE, &["reset", "-q", "src"]).map(|it| it.exit)?, Some(0));
    let readme = run(&pair, ALICE, &["commit", "-qm", "only the page"])?;
    assert_eq!(readme.exit, Some(0), "{readme:?}");
    run(&pair, BOB, &["add", "-A"])?;
    let own = run(&pair, BOB, &["commit", "-qm", "the holder's"])?;
    assert_eq!(own.exit, Some(0), "{own:?}");

    // Moving a held file away is a change of it.
    fs::rename(&hostile, repository.join("moved"))?;
    run(&pair, ALICE, &["add", "-A"])?;
    assert_ne!(run(&pair, ALICE, &["commit", "-qm", "moved"])?.exit, Some(0));
    pair.bob.call("reserve_files", &json!({"action": "release"}))?;
    let free = run(&pair, ALICE, &["commit", "-qm", "moved"])?;
    assert_eq!(free.exit, Some(0), "{free:?}");
    Ok(())
}

#[test]
fn commit_of_a_held_submodule_is_stopped_by_the_hook_also_when_git_is_told_to_ignore_it() -> Anything {
    let mut pair = Pair::new()?;
    let repository = repository(&pair)?;
    let ignored = "[submodule \"sub\"]\n\tpath = sub\n\turl = ./sub\n\tignore = all\n";
    fs::write(repository.join(".gitmodules"), ignored)?;
    acquire(&mut pair.bob, &["sub"])?;
    let run = |words: &[&str]| git(&pair, &repository, ALICE, words);
    assert_eq!(run(&["add", ".gitmodules"])?.exit, Some(0));
    let link = format!("160000,{},sub", "1".repeat(40));
    assert_eq!(run(&["update-index", "--add", "--cacheinfo", &link])?.exit, Some(0));
    let stopped = run(&["commit", "-qm", "a submodule"])?;
    assert_eq!(stopped.exit, Some(1), "{stopped:?}");
    assert!((stopped.stdout + &stopped.stderr).contains("sub  held by b"));
    Ok(())
}

#[test]
fn commit_when_its_files_cannot_be_told_is_stopped_by_the_hook() -> Anything {
    let pair = Pair::new()?;
    let repository = repository(&pair)?;
    let run = |words: &[&str]| git(&pair, &repository, ALICE, words);
    fs::write(repository.join("README"), "hello\n")?;
    assert_eq!(run(&["add", "-A"])?.exit, Some(0));
    assert_eq!(run(&["config", "diff.orderFile", "/nowhere"])?.exit, Some(0));
    let stopped = run(&["commit", "-qm", "mine"])?;
    assert_eq!(stopped.exit, Some(1), "{stopped:?}");
    assert_eq!(run(&["config", "--unset", "diff.orderFile"])?.exit, Some(0));
    let free = run(&["commit", "-qm", "mine"])?;
    assert_eq!(free.exit, Some(0), "{free:?}");
    Ok(())
}
