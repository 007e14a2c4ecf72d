//! `mab doctor wake`: one agent wakes another, and nothing is left of it.

use std::{
    fmt::Write as _,
    fs::{self, File, FileTimes},
    os::unix::fs::PermissionsExt as _,
    process::Stdio,
    time::SystemTime,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::home::{Anything, Home, Run};

/// What is in the data folder, without what SQLite keeps there while somebody reads.
fn names(home: &Home) -> Anything<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(home.data())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    names.sort();
    Ok(names)
}

fn states(run: &Run) -> Anything<Vec<(String, String)>> {
    let report = run.json()?;
    let checks = report.get("checks").and_then(Value::as_array).ok_or("no checks")?;
    let text =
        |check: &Value, key: &str| check.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(checks.iter().map(|check| (text(check, "name"), text(check, "state"))).collect())
}

#[test]
fn wake_finds_both_ways_and_leaves_nothing() -> Anything {
    let home = Home::with_store()?;
    let (before, listed) = (names(&home)?, home.mab(&["list", "--all"])?.stdout);
    let run = home.mab(&["doctor", "wake", "--json"])?;
    assert_eq!(run.exit, Some(0), "{} {}", run.stdout, run.stderr);
    let states = states(&run)?;
    for name in ["bell folder", "place", "bell", "looking"] {
        assert!(states.contains(&(name.to_owned(), "ok".to_owned())), "{name}: {states:?}");
    }
    let report = run.json()?;
    assert_eq!(report.pointer("/clients/0/client"), Some(&json!("Claude Code")));
    assert_eq!((names(&home)?, home.mab(&["list", "--all"])?.stdout), (before, listed));
    Ok(())
}

#[test]
fn wake_without_a_data_folder_makes_none() -> Anything {
    let home = Home::new()?;
    let run = home.mab(&["doctor", "wake"])?;
    assert_eq!(run.exit, Some(0), "{} {}", run.stdout, run.stderr);
    assert!(
        run.stdout.contains("\nok\tbell\t")
            && run.stdout.contains("\nclient\tCodex\tno\twaits up to 280 s\t"),
        "{}",
        run.stdout
    );
    assert!(!home.data().exists());
    Ok(())
}

#[test]
fn wake_when_others_may_enter_the_bell_folder_fails_with_the_chmod() -> Anything {
    let home = Home::with_store()?;
    let bells = home.data().join("bridge.db-bells");
    if !bells.exists() {
        fs::create_dir(&bells)?;
    }
    fs::set_permissions(&bells, fs::Permissions::from_mode(0o755))?;
    let run = home.mab(&["doctor", "wake"])?;
    assert_eq!(run.exit, Some(10), "{}", run.stdout);
    let hint = format!("\tchmod 700 {}\n", bells.display());
    assert!(run.stdout.starts_with("fail\tbell folder\t") && run.stdout.contains(&hint), "{}", run.stdout);
    Ok(())
}

#[test]
fn wake_when_it_is_stopped_leaves_nothing() -> Anything {
    let home = Home::with_store()?;
    let before = names(&home)?;
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut process =
            home.command(&["doctor", "wake"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        while names(&home)? == before {
            assert_eq!(process.try_wait()?, None, "it is over");
            std::thread::yield_now();
        }
        kill_process(Pid::from_child(&process), signal)?;
        assert_eq!(process.wait()?.code(), Some(10), "{signal:?}");
        assert_eq!(names(&home)?, before, "{signal:?}");
    }
    Ok(())
}

#[test]
fn wake_takes_away_what_a_killed_one_left_long_ago_and_nothing_else() -> Anything {
    let home = Home::with_store()?;
    let before = names(&home)?;
    let long_ago = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    for (name, is_old) in [(".mab-wake-old", true), (".mab-wake-new", false), ("mine", true)] {
        fs::create_dir_all(home.data().join(name).join("data"))?;
        if is_old {
            File::open(home.data().join(name))?.set_times(long_ago)?;
        }
    }
    std::os::unix::fs::symlink("mine", home.data().join(".mab-wake-link"))?;
    assert_eq!(home.mab(&["doctor", "wake"])?.exit, Some(0));
    let mut expected = before;
    expected.extend([".mab-wake-new", ".mab-wake-link", "mine"].map(str::to_owned));
    expected.sort();
    assert_eq!(names(&home)?, expected);
    Ok(())
}

#[test]
fn table_says_how_each_client_is_set_up_here() -> Anything {
    let home = Home::with_store()?;
    for client in ["claude-code", "codex", "cursor"] {
        assert_eq!(home.mab(&["setup", client])?.exit, Some(0), "{client}");
    }
    let untrusted = home.mab(&["doctor", "wake"])?.stdout;
    let row = "\nclient\tCodex\tuser, but see `mab doctor`\twaits up to 3600 s\tnot woken (wake.codex_queue is off); no hooks tell it, see `mab doctor`\n";
    assert!(untrusted.contains(row), "{untrusted}");
    let codex_file = home.path().join(".codex/config.toml");
    let mut settings = fs::read_to_string(&codex_file)?;
    for event in ["session_start", "user_prompt_submit", "pre_tool_use", "post_tool_use", "stop"] {
        let key = format!("{}:{event}:0:0", codex_file.display());
        writeln!(settings, "[hooks.state.\"{key}\"]\ntrusted_hash = \"x\"")?;
    }
    fs::write(&codex_file, settings)?;
    let clients = |settings: &[(&str, &str)]| -> Anything<Vec<Value>> {
        let mut command = home.command(&["doctor", "wake", "--json"]);
        let report = Run::new(command.envs(settings.iter().copied()).output()?)?.json()?;
        Ok(report.get("clients").and_then(Value::as_array).cloned().unwrap_or_default())
    };
    let row = |client, set_up, waits, when_idle| json!({"client": client, "set_up": set_up, "waits": waits, "when_idle": when_idle});
    let claude = row(
        "Claude Code",
        "user, with hooks",
        "waits up to 3600 s",
        "woken by `mab hook wait`, once it has had a turn",
    );
    let codex = |when_idle| row("Codex", "user, with hooks", "waits up to 3600 s", when_idle);
    let off = codex("not woken (wake.codex_queue is off); hooks tell it with its next turn");
    let gemini = row("Gemini CLI", "no", "waits up to 570 s", "not woken, `mab setup gemini` first");
    let rows = clients(&[])?;
    assert_eq!(rows.get(..3), Some(&[claude, off, gemini][..]));
    assert_eq!(rows.get(4), Some(&row("Cursor", "user", "waits up to 50 s", "not woken: let it wait again")));
    let on = codex("woken by `codex queue` (wake.codex_queue is on)");
    assert_eq!(clients(&[("MAB_WAKE_CODEX_QUEUE", "true")])?.get(1), Some(&on));
    Ok(())
}
