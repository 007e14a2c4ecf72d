//! `mab run --preview`: what is shown, what is applied, and that nothing else reaches the workspace.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, lchown},
    path::PathBuf,
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    home::{Anything, Run},
    running::{Scene, code, has_bubblewrap, last_six},
};

const QUESTION: &str = "type apply or discard: ";

/// A scene; none, and a line that says so, where there is no sandbox or there are no overlays.
#[cfg(test)]
fn scene(execution: &str) -> Anything<Option<Scene>> {
    if !has_bubblewrap() {
        return Ok(None);
    }
    let scene = Scene::new(&format!("mode = 'yolo'\n{execution}"))?;
    let run = scene.mab(&["run", "--preview", "--dry-run", "--json", "--command", "true"])?;
    if run.exit != Some(0) {
        println!("SKIPPED: {}", run.stderr);
        return Ok(None);
    }
    Ok(Some(scene))
}

/// A scene in which `mkdir` runs unasked, without a terminal.
#[cfg(test)]
fn unattended() -> Anything<Option<Scene>> {
    let Some(scene) = scene("")? else { return Ok(None) };
    let policy = scene.home.path().join("policy.toml");
    let rule = "[[rule]]\ncommand = [\"mkdir\"]\ndecision = \"allow\"\nreason = \"a test\"\n\
                examples_match = [\"mkdir x\"]\nexamples_no_match = [\"ls\"]\n";
    fs::write(&policy, rule)?;
    let text = format!("[execution]\nmode = 'restricted'\npolicy = '{}'\n", policy.display());
    fs::write(scene.home.path().join(".config/mab/config.toml"), text)?;
    Ok(Some(scene))
}

/// Types the digits of the request, then `answer`.
fn then(answer: &'static str) -> impl FnMut(&str) -> Option<String> {
    move |screen| if screen.ends_with(QUESTION) { Some(answer.to_owned()) } else { last_six(screen) }
}

fn contents(scene: &Scene) -> Anything<BTreeMap<PathBuf, (u32, Vec<u8>)>> {
    let (mut seen, mut folders) = (BTreeMap::new(), vec![scene.space.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let found = fs::symlink_metadata(&path)?;
            let content = if found.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else if found.is_symlink() {
                fs::read_link(&path)?.into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path)?
            };
            seen.insert(path, (found.permissions().mode(), content));
        }
    }
    Ok(seen)
}

fn previews(scene: &Scene) -> Anything<usize> {
    Ok(fs::read_dir(scene.home.data().join("previews"))?.count())
}

/// Writes, deletes, renames, changes a mode, links, commits, and leaves what is never applied under hostile names.
const EVERYTHING: &str = "echo three >> notes.txt; rm gone; mv old new; chmod 700 tool; ln -s tool link; \
    mkdir a; printf 'x\\033[2Jy\\n' > \"$(printf 'a/n\\033[2J\\nm')\"; echo s > a/.env; git init -q . 2>/dev/null; exit 3";

fn fill(scene: &Scene) -> Anything {
    for name in ["gone", "old", "tool"] {
        fs::write(scene.space.join(name), name)?;
    }
    Ok(())
}

#[test]
fn preview_when_discarded_shows_all_and_leaves_the_workspace_as_it_was() -> Anything {
    let Some(scene) = scene("")? else { return Ok(()) };
    fill(&scene)?;
    let before = contents(&scene)?;
    for (answer, exit) in [("discard\n", 3), ("no\n", 3), ("\u{3}", 3)] {
        let words = ["run", "--preview", "--command", EVERYTHING];
        let (status, seen) = scene.on_terminal(&words, then(answer))?;
        assert_eq!(status.code(), Some(exit), "{answer:?}: {seen}");
        let plain = anstream::adapter::strip_str(&seen).to_string();
        for shown in [
            "it writes to a view",
            "+three",
            "+x\\u{1b}[2Jy",
            "removed",
            "link 777 4 B",
            "file 700 4 B",
            "a/n\\u{1b}[2J\\nm",
            "never applied: a/.env (it is protected)",
            "discarded; nothing was changed",
        ] {
            assert!(plain.contains(shown), "{answer:?}: {shown}: {plain}");
        }
        assert!(!seen.contains("\u{1b}[2J"), "{seen}");
        assert_eq!((contents(&scene)?, previews(&scene)?), (before.clone(), 0), "{answer:?}");
    }
    Ok(())
}

#[test]
fn preview_when_applied_is_what_a_direct_run_makes_and_can_be_undone() -> Anything {
    let Some(scene) = scene("preview = true\n")? else { return Ok(()) };
    let Some(direct) = self::scene("preview = true\n")? else { return Ok(()) };
    fill(&scene)?;
    fill(&direct)?;
    let before = contents(&scene)?;
    let (status, seen) = scene.on_terminal(&["run", "--command", EVERYTHING], then("apply\n"))?;
    assert_eq!(status.code(), Some(3), "{seen}");
    let (status, seen_direct) =
        direct.on_terminal(&["run", "--no-preview", "--command", EVERYTHING], then("none\n"))?;
    assert_eq!(status.code(), Some(3), "{seen_direct}");
    fs::remove_file(direct.space.join("a/.env"))?; // the one thing that is not applied
    let relative = |scene: &Scene| -> Anything<Vec<_>> {
        let all = contents(scene)?.into_iter();
        Ok(all.map(|(path, found)| (path.strip_prefix(&scene.space).map(PathBuf::from), found)).collect())
    };
    assert_eq!(relative(&scene)?, relative(&direct)?);
    let undo = seen.split("mab snapshot restore ").nth(1).and_then(|rest| rest.get(..16)).ok_or("no undo")?;
    assert_eq!(scene.mab(&["snapshot", "restore", undo, "--yes"])?.exit, Some(0));
    assert_eq!((contents(&scene)?, previews(&scene)?), (before, 0));
    Ok(())
}

#[test]
fn preview_when_applied_plants_no_program_for_git() -> Anything {
    let Some(scene) = scene("")? else { return Ok(()) };
    let text = "mkdir -p b/objects b/refs; echo x > b/HEAD; printf '[core]\\nfsmonitor = x\\n' > b/config";
    let (status, seen) = scene.on_terminal(&["run", "--preview", "--command", text], then("apply\n"))?;
    let plain = anstream::adapter::strip_str(&seen).to_string();
    assert!(status.success() && plain.contains("left behind: b/config"), "{plain}");
    assert!(!scene.space.join("b/config").exists());
    assert!(scene.space.join("b/config.set-aside-by-mab").exists());
    Ok(())
}

#[test]
fn preview_when_the_workspace_changed_meanwhile_is_not_applied() -> Anything {
    let Some(scene) = scene("")? else { return Ok(()) };
    let notes = scene.space.join("notes.txt");
    let answer = |screen: &str| {
        if screen.ends_with(QUESTION) {
            fs::write(&notes, "mine").ok()?;
            return Some("apply\n".to_owned());
        }
        last_six(screen)
    };
    let words = ["run", "--preview", "--command", "echo theirs > notes.txt; echo x > more"];
    let (status, seen) = scene.on_terminal(&words, answer)?;
    assert_ne!(status.code(), Some(0), "{seen}");
    assert!(seen.contains("it is not what was shown any more; nothing was changed"), "{seen}");
    assert_eq!((scene.notes()?.as_str(), scene.space.join("more").exists()), ("mine", false));
    assert_eq!(previews(&scene)?, 0);
    Ok(())
}

#[test]
fn preview_without_a_terminal_is_discarded_unless_told_otherwise() -> Anything {
    let Some(scene) = unattended()? else { return Ok(()) };
    let before = contents(&scene)?;
    let run = scene.mab(&["run", "--preview", "--", "mkdir", "made"])?;
    assert_eq!((run.exit, contents(&scene)?), (Some(0), before.clone()), "{run:?}");
    assert!(run.stderr.contains("no terminal to ask at") && run.stderr.contains("made"), "{run:?}");
    let finished = scene.mab(&["run", "--preview", "--discard", "--json", "--", "mkdir", "made"])?.json()?;
    assert_eq!(finished.pointer("/preview/done"), Some(&json!("discarded")), "{finished}");
    assert_eq!(finished.pointer("/preview/changes/0/path"), Some(&json!("made")), "{finished}");
    assert_eq!(contents(&scene)?, before);
    let run = scene.mab(&["run", "--preview", "--apply", "--json", "--", "mkdir", "made", "notes.txt"])?;
    let finished = run.json()?;
    assert_ne!(run.exit, Some(0), "one of the two is there already");
    assert_eq!(finished.pointer("/preview/done"), Some(&json!("applied")), "{finished}");
    assert_eq!(finished.pointer("/tier"), Some(&json!("bubblewrap")), "{finished}");
    let undo = finished.pointer("/preview/undo").and_then(Value::as_str).ok_or("no undo")?;
    assert!(scene.space.join("made").is_dir());
    assert_eq!(scene.mab(&["snapshot", "restore", undo, "--yes"])?.exit, Some(0));
    assert_eq!((contents(&scene)?, previews(&scene)?), (before, 0));
    Ok(())
}

#[test]
fn preview_when_it_cannot_be_is_refused_and_nothing_is_run() -> Anything {
    let Some(scene) = unattended()? else { return Ok(()) };
    let run = scene.mab(&["run", "--apply", "--json", "--", "mkdir", "made"])?;
    assert_eq!(code(&run)?, (Some(2), json!("invalid_arguments")));
    let run = scene.mab(&["run", "--preview", "--json", "--", "git", "add", "notes.txt"])?;
    assert_eq!(run.exit, Some(4), "{run:?}");
    let folder = scene.home.data().join("previews");
    fs::remove_dir(&folder)?;
    fs::write(&folder, "no folder")?;
    let run = scene.mab(&["run", "--preview", "--json", "--", "mkdir", "made"])?;
    assert_eq!(code(&run)?, (Some(8), json!("sandbox_unavailable")));
    assert!(run.refusal()?.get("hint").is_some());
    assert!(!scene.space.join("made").exists());
    Ok(())
}

#[test]
fn preview_of_another_user_than_root_is_the_same() -> Anything {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: this is no root, so that the other tests are this one");
        return Ok(());
    }
    let Some(scene) = unattended()? else { return Ok(()) };
    fs::remove_dir_all(scene.home.data())?;
    let mut all = vec![scene.home.path().to_owned()];
    while let Some(path) = all.pop() {
        lchown(&path, Some(USER), Some(USER))?;
        if fs::symlink_metadata(&path)?.is_dir() {
            all.extend(
                fs::read_dir(&path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?,
            );
        }
    }
    let run = |words: &[&str]| {
        let user = USER.to_string();
        #[expect(clippy::disallowed_methods, reason = "the tests run the program")]
        let mut command = Command::new("setsid");
        command.args(["--wait", "setpriv", "--reuid", &user, "--regid", &user, "--clear-groups"]);
        command.arg(env!("CARGO_BIN_EXE_mab")).args(words).current_dir(&scene.space);
        command.env_clear().env("HOME", scene.home.path()).env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        Run::new(command.output()?)
    };
    let before = contents(&scene)?;
    let tried = run(&["run", "--preview", "--discard", "--", "mkdir", "made"])?;
    if tried.exit == Some(126) || tried.exit == Some(127) {
        println!("SKIPPED: another user cannot start the program: {}", tried.stderr);
        return Ok(());
    }
    assert_eq!((tried.exit, contents(&scene)?), (Some(0), before), "{tried:?}");
    let applied = run(&["run", "--preview", "--apply", "--", "mkdir", "made"])?;
    assert_eq!((applied.exit, scene.space.join("made").is_dir()), (Some(0), true), "{applied:?}");
    assert_eq!(previews(&scene)?, 0);
    Ok(())
}

/// An ordinary user, whom nothing here belongs to before.
const USER: u32 = 1_001;

/// Processes with `mark` among their words.
#[cfg(test)]
fn marked(mark: &str) -> Anything<Vec<(i32, String)>> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc")? {
        let process = process?;
        let Some(number) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).into_owned();
        found.extend(words.contains(mark).then_some((number, words)));
    }
    Ok(found)
}

#[test]
fn program_when_killed_leaves_nothing_that_the_next_start_does_not_remove() -> Anything {
    let Some(scene) = scene("")? else { return Ok(()) };
    let before = contents(&scene)?;
    let mark = format!("600.{}", std::process::id());
    let command = format!("echo theirs > notes.txt; echo started; sleep {mark}");
    let folder = scene.home.data().join("previews");
    let mut killed = false;
    let answer = |screen: &str| {
        let upper =
            fs::read_dir(&folder).ok().and_then(|mut all| Some(all.next()?.ok()?.path().join("upper")));
        if !killed && upper.is_some_and(|upper| upper.join("notes.txt").exists()) {
            let program = format!("{}\0run", env!("CARGO_BIN_EXE_mab"));
            for (number, _) in marked(&mark).ok()?.iter().filter(|(_, words)| words.starts_with(&program)) {
                kill_process(Pid::from_raw(*number)?, Signal::KILL).ok()?;
                killed = true;
            }
            return None;
        }
        last_six(screen)
    };
    let (status, seen) = scene.on_terminal(&["run", "--preview", "--command", &command], answer)?;
    assert!(status.code() != Some(0), "{seen}");
    assert_eq!((contents(&scene)?, previews(&scene)?), (before.clone(), 1));
    let mut left = marked(&mark)?;
    for _ in 0..100_000 {
        if left.is_empty() {
            break;
        }
        std::thread::yield_now();
        left = marked(&mark)?;
    }
    assert_eq!(left, []);
    assert_eq!(scene.mab(&["run", "--mode", "safe", "--", "cat", "notes.txt"])?.stdout, "one\ntwo\n");
    assert_eq!((contents(&scene)?, previews(&scene)?), (before, 0));
    Ok(())
}
