//! `mab run` and `mab snapshot`: what runs, what is asked, what is refused, and that a refusal changes nothing.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use serde_json::{Value, json};

use crate::home::{Anything, Home, Run};

/// A home whose configuration says this about execution, and a workspace beside it.
pub(crate) struct Scene {
    pub(crate) home: Home,
    pub(crate) space: PathBuf,
}

impl Scene {
    pub(crate) fn new(execution: &str) -> Anything<Self> {
        let home = Home::new()?;
        let space = home.path().canonicalize()?.join("space");
        fs::create_dir(&space)?;
        fs::write(space.join("notes.txt"), "one\ntwo\n")?;
        let folder = home.path().join(".config/mab");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("config.toml"), format!("[execution]\n{execution}"))?;
        Ok(Self { home, space })
    }

    /// Runs `mab` in the workspace, without a terminal.
    pub(crate) fn mab(&self, words: &[&str]) -> Anything<Run> {
        Run::new(self.detached(words).output()?)
    }

    /// `setsid` starts it in a session of its own: whoever runs the tests may have a terminal.
    pub(crate) fn detached(&self, words: &[&str]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the tests run the program")]
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(env!("CARGO_BIN_EXE_mab")).args(words).current_dir(&self.space);
        command.env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    }

    /// Runs `mab` in the workspace with a terminal of its own; `answer` makes of what it shows so far what is typed.
    pub(crate) fn on_terminal(
        &self,
        words: &[&str],
        mut answer: impl FnMut(&str) -> Option<String>,
    ) -> Anything<(ExitStatus, String)> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        fcntl_setfd(&master, FdFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let terminal = OpenOptions::new().read(true).write(true).open(OsStr::from_bytes(name.as_bytes()))?;
        tcsetwinsize(&terminal, Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 })?;
        #[expect(clippy::disallowed_methods, reason = "the tests run the program")]
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", env!("CARGO_BIN_EXE_mab")]).args(words).current_dir(&self.space);
        command.env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
        command.stdin(terminal.try_clone()?).stdout(terminal.try_clone()?).stderr(terminal);
        let mut process = command.spawn()?;
        drop(command);
        let (mut screen, mut seen) = (File::from(master), String::new());
        let mut bytes = [0; 4096];
        // Reading ends with an error when the last one that writes is gone (EIO).
        while let Ok(read) = screen.read(&mut bytes) {
            if read == 0 {
                break;
            }
            seen.push_str(&String::from_utf8_lossy(bytes.get(..read).unwrap_or_default()));
            if let Some(typed) = answer(&seen) {
                screen.write_all(typed.as_bytes())?;
            }
        }
        Ok((process.wait()?, seen))
    }

    pub(crate) fn notes(&self) -> Anything<String> {
        Ok(fs::read_to_string(self.space.join("notes.txt"))?)
    }

    fn is_saved(&self) -> Anything<bool> {
        let listed = self.mab(&["snapshot", "list", "--json"])?.json()?;
        Ok(listed.as_array().is_some_and(|all| !all.is_empty()))
    }
}

/// Whether there is a sandbox for this mode; a test that needs one says so when it skips.
#[cfg(test)]
pub(crate) fn has_bubblewrap() -> bool {
    let there = ["/usr/bin/bwrap", "/usr/local/bin/bwrap"].iter().any(|path| fs::metadata(path).is_ok());
    if !there {
        println!("SKIPPED: bubblewrap is not installed");
    }
    there
}

/// Types this when a question stands last on the screen.
fn typing(text: &'static str) -> impl FnMut(&str) -> Option<String> {
    move |screen| is_asked(screen).then(|| text.to_owned())
}

fn is_asked(screen: &str) -> bool {
    screen.ends_with("runs nothing: ") || screen.ends_with("[y/N] ")
}

/// The last six digits of the request that a screen shows, when it asks for them.
pub(crate) fn last_six(screen: &str) -> Option<String> {
    if !is_asked(screen) {
        return None;
    }
    let plain = anstream::adapter::strip_str(screen).to_string();
    let line = plain.lines().rev().find_map(|line| line.strip_prefix("request ")).unwrap_or_default();
    let hash = line.trim().trim_end_matches(']');
    Some(format!("{}\n", &hash[hash.len().saturating_sub(6)..]))
}

pub(crate) fn code(run: &Run) -> Anything<(Option<i32>, Value)> {
    Ok((run.exit, run.refusal()?.get("code").cloned().unwrap_or_default()))
}

#[test]
fn command_when_allowed_runs_at_once_and_exits_as_it_did() -> Anything {
    let scene = Scene::new("")?;
    let run = scene.mab(&["run", "--", "cat", "notes.txt"])?;
    assert_eq!((run.exit, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "one\ntwo\n", ""));
    let run = scene.mab(&["run", "--", "grep", "-c", "three", "notes.txt"])?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(1), "0\n"));
    let run = scene.mab(&["run", "--json", "--command", "cat notes.txt | wc -l"])?;
    let finished = run.json()?;
    assert_eq!(finished.pointer("/outcome"), Some(&json!("exited")), "{finished}");
    assert_eq!(finished.pointer("/stdout/head"), Some(&json!("2\n")), "{finished}");
    assert_eq!(finished.pointer("/snapshot"), Some(&Value::Null));
    assert!(!scene.is_saved()?, "what cannot write needs no snapshot");
    Ok(())
}

#[test]
fn command_when_refused_says_why_and_changes_nothing() -> Anything {
    let scene = Scene::new("mode = 'restricted'\ntimeout_s = 60\n")?;
    for (words, exit, refused) in [
        (vec!["--", "frobnicate"], 4, "command_denied"),
        (vec!["--command", "cat $(id)"], 4, "command_denied"),
        (vec!["--mode", "yolo", "--command", "rm notes.txt"], 4, "command_denied"),
        (vec!["--", "mkdir", "made"], 4, "approval_required"),
        (vec!["--network", "--", "cat", "notes.txt"], 4, "approval_required"),
        (vec!["--timeout", "61", "--", "ls"], 2, "invalid_arguments"),
        (vec!["--workspace", "/nowhere/space", "--", "ls"], 3, "not_found"),
        (vec!["--command", ""], 2, "invalid_arguments"),
    ] {
        let words: Vec<&str> = ["run", "--json"].into_iter().chain(words).collect();
        let run = scene.mab(&words)?;
        assert_eq!((code(&run)?, run.stdout.as_str()), ((Some(exit), json!(refused)), ""), "{words:?}");
        assert!(run.refusal()?.get("hint").is_some(), "{words:?}");
    }
    for words in
        [vec!["run"], vec!["run", "--timeout", "0", "--", "ls"], vec!["run", "--timeout", "3600", "--", "ls"]]
    {
        assert_eq!(scene.mab(&words)?.exit, Some(2), "{words:?}");
    }
    assert_eq!(scene.notes()?, "one\ntwo\n");
    assert!(!scene.space.join("made").exists());
    assert!(!scene.is_saved()?);
    Ok(())
}

#[test]
fn command_when_another_mode_would_do_is_refused_with_it() -> Anything {
    let scene = Scene::new("mode = 'restricted'\n")?;
    let hint = |words: &[&str]| {
        let run = scene.mab(words)?;
        assert_eq!(code(&run)?, (Some(4), json!("command_denied")), "{words:?}");
        let hint = run.refusal()?.get("hint").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok::<_, Box<dyn std::error::Error>>(hint)
    };
    let given = hint(&["run", "--json", "--mode", "safe", "--", "mkdir", "made"])?;
    assert_eq!(given, "mode restricted would ask a person: give --mode restricted");
    let wider = hint(&["run", "--json", "--command", "make > log"])?;
    assert!(
        wider
            .starts_with("mode yolo would ask a person; execution.mode is restricted: write mode = \"yolo\""),
        "{wider}"
    );
    let none = hint(&["run", "--json", "--command", "rm -rf /"])?;
    assert_eq!(none, "`mab judge` shows how a command is read, without running it");
    let run = scene.mab(&["run", "--dry-run", "--json", "--", "ls"])?;
    assert_eq!(run.json()?.pointer("/request/mode"), Some(&json!("safe")), "{run:?}");
    Ok(())
}

#[test]
fn request_when_its_last_digits_are_typed_runs_and_can_be_undone() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let scene = Scene::new("mode = 'yolo'\n")?;
    let words = ["run", "--mode", "yolo", "--command", "echo \u{441} > notes.txt; printf '\\033[2J'; exit 7"];
    let (status, seen) = scene.on_terminal(&words, last_six)?;
    assert_eq!(status.code(), Some(7), "{seen}");
    let plain = anstream::adapter::strip_str(&seen).to_string();
    for shown in [
        r#""echo с > notes.txt; printf '\\033[2J'; exit 7""#,
        r"not ASCII",
        r"\u{441}",
        "may write    the workspace",
        "network      none",
        "T2 bubblewrap",
        "\\u{1b}[2J",
        "exited with 7",
    ] {
        assert!(plain.contains(shown), "{shown}: {plain}");
    }
    assert_eq!(scene.notes()?, "\u{441}\n");
    let undo =
        plain.split("mab snapshot restore ").nth(1).and_then(|rest| rest.get(..16)).ok_or("no undo")?;
    let run = scene.mab(&["snapshot", "restore", undo, "--yes"])?;
    assert_eq!(run.exit, Some(0), "{run:?}");
    assert_eq!(scene.notes()?, "one\ntwo\n");
    Ok(())
}

#[test]
fn request_when_anything_else_is_typed_runs_nothing() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let scene = Scene::new("mode = 'yolo'\n")?;
    for typed in ["\n", "y\n", "yes\n", "ABCDEF\n", "000000000000\n"] {
        let words = ["run", "--command", "rm notes.txt"];
        let (status, seen) = scene.on_terminal(&words, typing(typed))?;
        assert_eq!(status.code(), Some(4), "{typed:?}: {seen}");
        assert!(seen.contains("nothing was run"), "{typed:?}: {seen}");
        assert_eq!(scene.notes()?, "one\ntwo\n");
    }
    Ok(())
}

#[cfg(test)]
type Edit<'a> = &'a dyn Fn() -> std::io::Result<()>;

#[test]
fn policy_of_the_project_when_changed_before_the_yes_runs_nothing() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let scene = Scene::new("mode = 'yolo'\n")?;
    let rule =
        |word: &str| format!("[[rule]]\ncommand = [\"{word}\"]\ndecision = \"deny\"\nreason = \"a test\"\n");
    let (folder, words) = (scene.space.join(".mab"), ["run", "--command", "rm notes.txt"]);
    let file = folder.join("policy.toml");
    let added: Edit<'_> = &|| fs::create_dir(&folder).and_then(|()| fs::write(&file, rule("one")));
    let changed: Edit<'_> = &|| fs::write(&file, rule("two"));
    let broken: Edit<'_> = &|| fs::write(&file, "what");
    let deleted: Edit<'_> = &|| fs::remove_file(&file);
    for (edit, told) in
        [(added, "ask again"), (changed, "ask again"), (broken, "line 1"), (deleted, "ask again")]
    {
        let mut is_edited = Ok(());
        let (status, seen) =
            scene.on_terminal(&words, |screen| last_six(screen).inspect(|_| is_edited = edit()))?;
        is_edited?;
        assert_eq!(status.code(), Some(4), "{seen}");
        assert!(seen.contains(told) && seen.contains("nothing was run"), "{seen}");
        assert_eq!(scene.notes()?, "one\ntwo\n");
        if told == "line 1" {
            fs::write(&file, rule("two"))?;
        }
    }
    Ok(())
}

#[test]
fn settings_that_a_command_plants_are_told() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let scene = Scene::new("mode = 'yolo'\n")?;
    let text = "d=$(printf 'a\\033[2J'); mkdir \"$d\"; echo x > \"$d/.envrc\"";
    let (status, seen) = scene.on_terminal(&["run", "--command", text], last_six)?;
    let plain = anstream::adapter::strip_str(&seen).to_string();
    let told =
        "left behind: a\\u{1b}[2J/.envrc was made by the command: editors, agents or shells may obey it";
    assert!(status.success() && plain.contains(told), "{plain}");
    let (_, seen) =
        scene.on_terminal(&["run", "--json", "--command", "mkdir b; echo y > b/.mcp.json"], last_six)?;
    let plain = anstream::adapter::strip_str(&seen).to_string();
    for field in [r#""planted""#, r#""what": "settings""#, r#""change": "made""#, r#""done": "told""#] {
        assert!(plain.replace("\":\"", "\": \"").contains(field), "{field}: {plain}");
    }
    Ok(())
}

#[test]
fn command_when_stopped_at_the_terminal_is_ended_and_says_so() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let scene = Scene::new("mode = 'yolo'\n")?;
    let mut is_stopped = false;
    let answer = |screen: &str| {
        // It tells how far it is only while it runs.
        if screen.contains(" s, 0 KiB") && !is_stopped {
            is_stopped = true;
            return Some("\u{3}".to_owned());
        }
        last_six(screen)
    };
    let (status, seen) = scene.on_terminal(&["run", "--command", "sleep 600"], answer)?;
    assert_eq!(status.code(), Some(130), "{seen}");
    assert!(seen.contains("you stopped it"), "{seen}");
    Ok(())
}

#[test]
fn command_when_its_time_is_over_is_ended_with_its_own_exit_code() -> Anything {
    if !has_bubblewrap() {
        return Ok(());
    }
    let scene = Scene::new("mode = 'yolo'\n")?;
    let (status, seen) = scene.on_terminal(&["run", "--timeout", "1", "--command", "sleep 600"], last_six)?;
    assert_eq!(status.code(), Some(124), "{seen}");
    assert!(seen.contains("its time was over"), "{seen}");
    Ok(())
}

#[test]
fn dry_run_shows_the_request_and_does_nothing() -> Anything {
    let scene = Scene::new("mode = 'restricted'\n")?;
    if !has_bubblewrap() {
        return Ok(());
    }
    let run = scene.mab(&["run", "--dry-run", "--json", "--", "mkdir", "made"])?;
    let shown = run.json()?;
    assert_eq!((run.exit, shown.pointer("/verdict")), (Some(0), Some(&json!("ask"))), "{shown}");
    assert_eq!(shown.pointer("/request/profile/network"), Some(&json!("off")), "{shown}");
    assert_eq!(shown.pointer("/request/agent"), Some(&Value::Null), "{shown}");
    assert!(!scene.space.join("made").exists() && !scene.is_saved()?);
    Ok(())
}

#[test]
fn snapshot_when_taken_is_listed_compared_and_brought_back() -> Anything {
    let scene = Scene::new("")?;
    let taken = scene.mab(&["snapshot", "take", "--label", "before\u{1b}", "--json"])?.json()?;
    let id = taken.get("id").and_then(Value::as_str).ok_or("no id")?;
    fs::write(scene.space.join("notes.txt"), "one\nthree\n")?;
    fs::write(scene.space.join("new\u{1b}[2J"), "")?;
    let listed = scene.mab(&["snapshot", "list"])?;
    assert!(listed.stdout.starts_with(id) && listed.stdout.ends_with("before\\u{1b}\n"), "{listed:?}");
    let diff = scene.mab(&["snapshot", "diff", id])?;
    let rows: Vec<(&str, &str)> = diff
        .stdout
        .lines()
        .filter_map(|line| Some((line.split('\t').next()?, line.split('\t').next_back()?)))
        .collect();
    assert_eq!(rows, [("added", "new\\u{1b}[2J"), ("changed", "notes.txt")]);
    let text = scene.mab(&["snapshot", "diff", id, "notes.txt"])?.stdout;
    assert!(text.contains("-two\n") && text.contains("+three\n"), "{text}");
    let dry = scene.mab(&["snapshot", "restore", id, "--dry-run"])?;
    assert_eq!((dry.exit, scene.notes()?.as_str()), (Some(0), "one\nthree\n"));
    let unasked = scene.mab(&["snapshot", "restore", id, "--json"])?;
    assert_eq!(code(&unasked)?, (Some(4), json!("approval_required")));
    let (status, _) = scene.on_terminal(&["snapshot", "restore", id], typing("n\n"))?;
    assert_eq!((status.code(), scene.notes()?.as_str()), (Some(0), "one\nthree\n"));
    let (status, seen) = scene.on_terminal(&["snapshot", "restore", id], typing("y\n"))?;
    assert_eq!((status.code(), scene.notes()?.as_str()), (Some(0), "one\ntwo\n"), "{seen}");
    assert!(!seen.contains("\u{1b}[2J") && seen.contains("undoes it"), "{seen}");
    let unasked = scene.mab(&["snapshot", "prune", "--days", "0", "--json"])?;
    assert_eq!(code(&unasked)?, (Some(4), json!("approval_required")));
    let (status, seen) = scene.on_terminal(&["snapshot", "prune", "--days", "0"], typing("n\n"))?;
    assert_eq!((status.code(), seen.contains("nothing was removed")), (Some(0), true), "{seen}");
    let pruned = scene.mab(&["snapshot", "prune", "--keep", "0", "--yes", "--json"])?.json()?;
    assert_eq!(pruned.get("snapshots"), Some(&json!(1)));
    assert!(scene.is_saved()?, "the newest stays");
    let all = scene.mab(&["snapshot", "list", "--all", "--json"])?.json()?;
    let space = scene.space.canonicalize()?;
    assert_eq!(all.pointer("/0/workspace").and_then(Value::as_str), space.to_str());
    Ok(())
}

#[test]
fn restore_when_only_the_repository_changed_says_what_brings_it_back() -> Anything {
    let scene = Scene::new("")?;
    let (space, head) = (scene.space.to_string_lossy().into_owned(), scene.space.join(".git/HEAD"));
    fs::create_dir(scene.space.join(".git"))?;
    fs::write(&head, "ref: refs/heads/main\n")?;
    let taken = scene.mab(&["snapshot", "take", "--json"])?.json()?;
    let id = taken.get("id").and_then(Value::as_str).ok_or("no id")?;
    let restore = |more: &[&str]| {
        scene.mab(&[&["snapshot", "restore", id, "--workspace", &space, "--yes"], more].concat())
    };
    let run = restore(&[])?;
    assert!(run.stderr.contains("nothing to do: it is as it was saved"), "{run:?}");
    fs::write(&head, "ref: refs/heads/other\n")?;
    let dry = scene.mab(&["snapshot", "restore", id, "--dry-run"])?;
    assert!(dry.stderr.contains("1 path of .git is not as then"), "{dry:?}");
    let run = restore(&[])?;
    assert_eq!((run.exit, fs::read_to_string(&head)?.as_str()), (Some(0), "ref: refs/heads/other\n"));
    assert!(run.stderr.contains("nothing to do without --with-git"), "{run:?}");
    assert!(!run.stderr.contains("restored"), "{run:?}");
    let run = restore(&["--with-git"])?;
    assert_eq!(fs::read_to_string(&head)?, "ref: refs/heads/main\n", "{run:?}");
    assert!(run.stderr.contains(" --with-git` undoes it"), "{run:?}");
    Ok(())
}

#[test]
fn doctor_when_a_killed_run_left_something_takes_it_away() -> Anything {
    use std::os::unix::fs::MetadataExt as _;
    let scene = Scene::new("")?;
    let (left, of_the_person) = (scene.space.join(".mcp.json"), scene.space.join(".envrc"));
    fs::create_dir(&left)?;
    fs::write(&of_the_person, "mine")?;
    let (records, found) = (scene.home.data().join("sandbox"), fs::metadata(&scene.space)?);
    fs::create_dir_all(&records)?;
    let note = format!("{}\n1\n\".mcp.json\"\n\".envrc\"\n", json!(scene.space));
    fs::write(records.join(format!("{}-{}", found.dev(), found.ino())), note)?;
    let run = scene.mab(&["doctor", "--json"])?;
    assert!(!left.exists(), "{run:?}");
    assert_eq!(fs::read_to_string(&of_the_person)?, "mine");
    Ok(())
}

#[test]
fn snapshot_when_there_is_none_is_refused() -> Anything {
    let scene = Scene::new("")?;
    for word in ["diff", "restore"] {
        let run = scene.mab(&["snapshot", word, "0123456789abcdef", "--json"])?;
        assert_eq!(code(&run)?, (Some(3), json!("not_found")), "{word}");
        let run = scene.mab(&["snapshot", word, "../../x", "--json"])?;
        assert_eq!(run.exit, Some(2), "{word}");
    }
    let run = scene.mab(&["snapshot", "list"])?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(0), ""));
    assert!(!scene.home.data().exists(), "looking makes nothing");
    Ok(())
}
