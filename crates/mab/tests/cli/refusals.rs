//! Every refusal of the command line, its exit code and its form.

use std::{fs, process::Stdio};

use serde_json::{Value, json};

use crate::home::{Anything, Home};

const NOBODYS: &str = "conv_00000000000000ff";

/// Asserts the exit code and, with `--json`, the code of the refusal, with nothing on stdout.
fn assert_refused(home: &Home, words: &[&str], exit: i32, code: &str) -> Anything {
    let run = home.mab(words)?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(exit), ""), "{words:?}: {}", run.stderr);
    assert!(run.stderr.starts_with("error: "), "{words:?}: {}", run.stderr);
    let run = home.mab(&[words, &["--json"]].concat())?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(exit), ""), "{words:?}");
    let refusal = run.refusal()?;
    assert_eq!(refusal.get("code"), Some(&json!(code)), "{words:?}");
    for key in ["message", "hint"] {
        assert!(
            refusal.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty()),
            "{words:?} {key}"
        );
    }
    Ok(())
}

#[test]
fn words_when_they_make_no_command_exit_with_2() -> Anything {
    let home = Home::new()?;
    for words in [
        ["nope"].as_slice(),
        &["show"],
        &["show", "conv_1"],
        &["show", "CONV_0000000000000000"],
        &["list", "--limit", "0"],
        &["list", "--limit", "many"],
        &["list", "extra"],
        &["resume"],
        &["resume", "conv_1"],
        &["pause"],
        &["inbound"],
        &["inbound", NOBODYS, "allow"],
        &["inbound", NOBODYS, "--from", "b"],
        &["inbound", NOBODYS, "deny", "--from", "B!"],
        &["inbound", NOBODYS, "deny", "--type", "shout"],
        &["inbound", NOBODYS, "deny", "--permission", "king"],
        &["inbound", NOBODYS, "deny", "--from", "b", "--type", "info"],
        &["inbound", NOBODYS, "hold", "--clear"],
        &["held", "conv_1"],
        &["held", "--after", "1"],
        &["held", "--limit", "0"],
        &["release", NOBODYS],
        &["release", NOBODYS, "msg_1"],
        &["release", NOBODYS, "msg_1_0123456789abcdef", "--all"],
        &["pause", "conv_1"],
        &["remove", NOBODYS],
        &["remove", NOBODYS, "No!"],
        &["transfer", NOBODYS],
        &["transfer", "conv_1", "a"],
        &["tokens", NOBODYS, "--rotate-all", "--revoke-all"],
        &["tokens", NOBODYS, "--rotate-all", "--rotate", "a"],
        &["tokens", NOBODYS, "--revoke-all", "--revoke", "a"],
        &["tokens", NOBODYS, "--rotate", "System!"],
        &["tokens", NOBODYS, "--rotate", "a", "--revoke", "a"],
        &["audit", "verify", "conv_1"],
        &["audit", "--limit", "-1"],
        &["redact", "--jsonl", "--report"],
        &["lease", "check"],
        &["lease", "check", "-z", "x"],
        &["lease", "check", "x", "--as", "a"],
        &["lease", "check", "x", "--conversation", "conv_1"],
        &["lease", "list", "conv_1"],
        &["completions", "cmd"],
        &["man", "nope"],
        &["list", "--colour"],
    ] {
        assert_refused(&home, words, 2, "invalid_arguments")?;
    }
    Ok(())
}

#[test]
fn nothing_asked_prints_help_on_stderr_and_exits_with_2() -> Anything {
    let run = Home::new()?.mab(&[])?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("Usage: mab"));
    Ok(())
}

#[test]
fn conversation_when_unknown_exits_with_3() -> Anything {
    let home = Home::with_store()?;
    for words in [
        ["show", NOBODYS].as_slice(),
        &["tokens", NOBODYS],
        &["tokens", NOBODYS, "--rotate", "a"],
        &["tokens", NOBODYS, "--revoke-all"],
        &["resume", NOBODYS],
        &["pause", NOBODYS],
        &["inbound", NOBODYS, "hold"],
        &["held", NOBODYS],
        &["release", NOBODYS, "--all"],
        &["remove", NOBODYS, "a"],
        &["transfer", NOBODYS, "a"],
        &["audit", NOBODYS],
        &["audit", "verify", NOBODYS],
        &["lease", "list", NOBODYS],
        &["lease", "check", "x", "--conversation", NOBODYS],
    ] {
        assert_refused(&home, words, 3, "not_found")?;
    }
    Ok(())
}

#[test]
fn agent_when_unknown_exits_with_3() -> Anything {
    let home = Home::new()?;
    let mut agent = home.agent()?;
    let opened =
        agent.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
    agent.leave()?;
    let conversation = opened.get("conversation_id").and_then(Value::as_str).ok_or("no id")?;
    let run = home.mab(&["tokens", conversation, "--rotate", "nobody"])?;
    assert!(run.stderr.contains(&format!("`mab show {conversation}`")), "{}", run.stderr);
    assert_refused(&home, &["tokens", conversation, "--rotate", "nobody"], 3, "not_found")?;
    for words in [
        ["remove", conversation, "nobody"].as_slice(),
        &["transfer", conversation, "nobody"],
        &["tokens", conversation, "--revoke", "nobody"],
    ] {
        assert_refused(&home, words, 3, "not_found")?;
    }
    assert_eq!(home.mab(&["remove", conversation, "b"])?.exit, Some(0));
    assert_refused(&home, &["remove", conversation, "b"], 7, "conflict")?;
    assert_refused(&home, &["transfer", conversation, "b"], 7, "conflict")
}

#[test]
fn settings_when_wrong_exit_with_2_and_doctor_with_10() -> Anything {
    let home = Home::new()?;
    let config = home.path().join("config.toml");
    fs::write(&config, "[limits]\nsend_per_minuet = 3\n")?;
    let config = config.to_string_lossy().into_owned();
    for words in [
        ["list", "--config", "/does/not/exist"].as_slice(),
        &["list", "--config", &config],
        &["list", "--db", "postgres://localhost/x"],
        &["list", "--data-dir", "/dev/null/x"],
    ] {
        assert_refused(&home, words, 2, "misconfigured")?;
    }
    let run = home.mab(&["doctor", "--config", &config])?;
    assert_eq!(run.exit, Some(10));
    assert!(run.stdout.contains("fail\tsettings\t"), "{}", run.stdout);
    assert!(run.stdout.contains("send_per_minuet"), "{}", run.stdout);
    Ok(())
}

#[cfg(unix)]
#[test]
fn data_folder_when_others_can_write_it_is_refused() -> Anything {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new()?;
    let open = home.path().join("open");
    fs::create_dir(&open)?;
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777))?;
    let open = open.to_string_lossy().into_owned();
    assert_refused(&home, &["list", "--data-dir", &open], 8, "read_only")?;
    let run = home.mab(&["doctor", "--data-dir", &open, "--json"])?;
    assert_eq!((run.exit, run.json()?.get("ok").cloned()), (Some(10), Some(json!(false))));
    Ok(())
}

#[test]
fn database_when_it_is_none_is_refused() -> Anything {
    let home = Home::with_store()?;
    assert_eq!(home.mab(&["list"])?.exit, Some(0));
    let database = home.data().join("bridge.db");
    for entry in fs::read_dir(home.data())? {
        let path = entry?.path();
        if path.to_string_lossy().contains("bridge.db-") {
            fs::remove_file(path)?;
        }
    }
    fs::write(&database, "not a database, but long enough to be looked at\n".repeat(200))?;
    assert_refused(&home, &["list"], 8, "wrong_store")?;
    assert_eq!(home.mab(&["doctor"])?.exit, Some(10));
    Ok(())
}

#[test]
fn database_when_its_key_is_gone_is_refused() -> Anything {
    let home = Home::with_store()?;
    assert_eq!(home.mab(&["list"])?.exit, Some(0));
    fs::remove_file(home.data().join("master.key"))?;
    assert_refused(&home, &["list"], 8, "wrong_store")
}

#[test]
fn data_folder_when_mistyped_is_refused_and_not_created() -> Anything {
    let home = Home::with_store()?;
    let typo = home.path().join("typo");
    let folder = typo.to_string_lossy().into_owned();
    for words in [
        ["list"].as_slice(),
        &["show", NOBODYS],
        &["tokens", NOBODYS],
        &["resume", NOBODYS],
        &["pause", NOBODYS],
        &["inbound", NOBODYS, "hold"],
        &["held", NOBODYS],
        &["release", NOBODYS, "--all"],
        &["remove", NOBODYS, "a"],
        &["transfer", NOBODYS, "a"],
        &["audit"],
        &["audit", "verify"],
        &["cleanup"],
    ] {
        assert_refused(&home, &[words, &["--data-dir", &folder]].concat(), 3, "not_found")?;
        // A folder of something else, and a database that is none of ours, are no store either.
        let elsewhere = home.path().to_string_lossy().into_owned();
        assert_refused(&home, &[words, &["--data-dir", &elsewhere]].concat(), 3, "not_found")?;
        assert_refused(&home, &[words, &["--db", &folder]].concat(), 3, "not_found")?;
    }
    assert!(!typo.exists() && !home.path().join("master.key").exists());
    Ok(())
}

#[test]
fn reader_when_it_has_seen_enough_ends_the_program_quietly() -> Anything {
    let home = Home::new()?;
    let mut process = home.command(&["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(process.stdout.take());
    let output = process.wait_with_output()?;
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
    Ok(())
}
