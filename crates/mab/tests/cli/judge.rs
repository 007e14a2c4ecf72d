//! `mab judge` as a person and a script meet it.

use std::fs;

use serde_json::{Value, json};

use crate::home::{Anything, Home, Run};

/// A home with a workspace `space` in it.
fn with_space() -> Anything<(Home, String)> {
    let home = Home::new()?;
    let space = home.path().canonicalize()?.join("space");
    fs::create_dir_all(space.join("src"))?;
    Ok((home, space.to_string_lossy().into_owned()))
}

/// Verdict and layer of a single judgement.
fn judged(run: &Run) -> Anything<(Value, Value)> {
    let answer = run.json()?;
    let field = |name: &str| answer.get(name).cloned().ok_or("no such field");
    Ok((field("verdict")?, field("layer")?))
}

#[test]
fn verdict_when_single_decides_the_exit_code() -> Anything {
    let (home, space) = with_space()?;
    let judge = |mode: &str, command: &str| {
        home.mab(&["judge", "--json", "--workspace", &space, "--mode", mode, "--command", command])
    };
    for (mode, command, exit, verdict) in [
        ("safe", "ls src", 0, "allow"),
        ("yolo", "make all > log", 13, "ask"),
        ("safe", "frobnicate", 14, "deny"),
        ("safe", "touch x", 14, "deny"),
    ] {
        let run = judge(mode, command)?;
        assert_eq!((run.exit, run.stderr.as_str()), (Some(exit), ""), "{mode} {command}");
        assert_eq!(judged(&run)?.0, json!(verdict), "{mode} {command}");
    }
    Ok(())
}

#[test]
fn command_when_given_as_words_text_or_stdin_is_judged_alike() -> Anything {
    let (home, space) = with_space()?;
    let answers = [
        home.mab(&["judge", "--workspace", &space, "--", "ls", "src"])?,
        home.mab(&["judge", "--workspace", &space, "--command", "ls src"])?,
        home.mab_reading(&["judge", "--workspace", &space], b"ls src\n")?,
    ];
    for run in &answers {
        assert_eq!(run.exit, Some(0), "{run:?}");
        assert_eq!(run.stdout, answers[0].stdout);
        assert!(run.stdout.starts_with("verdict\tallow\n"), "{}", run.stdout);
        assert!(run.stdout.ends_with("word\t1\t1\t1\t\"ls\"\nword\t1\t1\t2\t\"src\"\n"), "{}", run.stdout);
    }
    Ok(())
}

#[test]
fn mode_when_not_given_is_the_narrowest_that_does() -> Anything {
    let (home, space) = with_space()?;
    let folder = home.path().join(".config/mab");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("config.toml"), "[execution]\nmode = 'yolo'\n")?;
    for (command, exit, mode) in
        [("make > log", 13, "yolo"), ("mkdir x", 13, "restricted"), ("ls", 0, "safe")]
    {
        let run = home.mab(&["judge", "--json", "--workspace", &space, "--command", command])?;
        assert_eq!(
            (run.exit, run.json()?.get("mode").cloned()),
            (Some(exit), Some(json!(mode))),
            "{command}"
        );
    }
    Ok(())
}

#[test]
fn verdict_when_another_mode_matters_says_so() -> Anything {
    let (home, space) = with_space()?;
    for (mode, command, note) in [
        (None, "mkdir x", json!("mode restricted would ask a person; execution.mode is safe")),
        (
            Some("restricted"),
            "mkdir x",
            json!("execution.mode is safe, so `mab run` refuses mode restricted here"),
        ),
        (None, "ls", Value::Null),
    ] {
        let given = mode.map(|mode| ["--mode", mode]);
        let words = ["judge", "--workspace", &space, "--command", command];
        let words: Vec<&str> = words.into_iter().chain(given.into_iter().flatten()).collect();
        let json: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        assert_eq!(home.mab(&json)?.json()?.get("note"), Some(&note), "{command}");
        assert_eq!(home.mab(&words)?.stderr.trim_end(), note.as_str().unwrap_or_default(), "{command}");
    }
    Ok(())
}

#[test]
fn policy_of_a_workspace_is_checked_as_one() -> Anything {
    let (home, space) = with_space()?;
    let folder = home.path().join("space/.mab");
    fs::create_dir(&folder)?;
    let rule = "[[rule]]\ncommand = [\"cargo\"]\ndecision = \"allow\"\nreason = \"a test\"\n\
                examples_match = [\"cargo test\"]\nexamples_no_match = [\"ls\"]\n";
    fs::write(folder.join("policy.toml"), rule)?;
    fs::write(home.path().join("policy.toml"), rule)?;
    let own = format!("{space}/.mab/policy.toml");
    let operators = home.path().join("policy.toml").to_string_lossy().into_owned();
    for (words, exit) in [
        (vec!["judge", "--check-policy", &own], 2),
        (vec!["judge", "--project", "--check-policy", &operators], 2),
        (vec!["judge", "--check-policy", &operators], 0),
        (vec!["judge", "--project", "--", "ls"], 2),
    ] {
        let run = home.mab(&words)?;
        assert_eq!(run.exit, Some(exit), "{words:?}: {run:?}");
    }
    Ok(())
}

#[test]
fn lines_when_judged_are_answered_and_exit_with_zero() -> Anything {
    let (home, space) = with_space()?;
    let input = "{\"id\":\"a\",\"command\":\"ls src\",\"mode\":\"safe\"}\nrubbish\n\
        {\"id\":\"c\",\"command\":\"ls\",\"mode\":\"safe\",\"cwd\":\"../..\"}\n";
    let run = home.mab_reading(&["judge", "--jsonl", "--workspace", &space], input.as_bytes())?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""));
    let lines: Vec<Value> = run.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let short: Vec<_> = lines
        .iter()
        .map(|line| (line.get("id").cloned(), line.get("verdict").cloned(), line.get("layer").cloned()))
        .collect();
    let row = |id: Value, verdict: &str, layer: &str| (Some(id), Some(json!(verdict)), Some(json!(layer)));
    assert_eq!(
        short,
        [
            row(json!("a"), "allow", "policy"),
            row(json!(null), "deny", "parse"),
            row(json!("c"), "deny", "policy"),
        ]
    );
    Ok(())
}

#[test]
fn what_was_judged_when_hostile_acts_on_no_terminal() -> Anything {
    let (home, space) = with_space()?;
    let hostile = "echo \u{1b}[2J\u{202e}\u{7}";
    for words in [
        vec!["judge", "--workspace", &space, "--command", hostile],
        vec!["judge", "--workspace", &space, "--mode", "yolo", "--command", hostile],
        vec!["judge", "--json", "--workspace", &space, "--mode", "yolo", "--command", hostile],
    ] {
        let run = home.mab(&words)?;
        let acts = |character: char| character != '\n' && character != '\t' && character.is_control();
        assert!(!run.stdout.contains(|c| acts(c) || c == '\u{202e}'), "{:?}", run.stdout);
    }
    Ok(())
}

#[test]
fn question_when_it_makes_no_sense_is_refused_and_nothing_is_judged() -> Anything {
    let (home, space) = with_space()?;
    let file = home.path().join("file").to_string_lossy().into_owned();
    fs::write(&file, "x")?;
    let none = home.path().join("none").to_string_lossy().into_owned();
    for (words, exit, code, hint) in [
        (vec!["--workspace", &none, "--", "ls"], 3, "not_found", "create it first"),
        (vec!["--workspace", &file, "--", "ls"], 2, "invalid_arguments", "name a folder"),
        (vec!["--workspace", "/", "--", "ls"], 2, "invalid_arguments", "name a folder"),
    ] {
        let words: Vec<&str> = ["judge", "--json"].into_iter().chain(words).collect();
        let run = home.mab(&words)?;
        assert_eq!((run.exit, run.stdout.as_str()), (Some(exit), ""), "{words:?}");
        let refusal = run.refusal()?;
        assert_eq!(refusal.get("code"), Some(&json!(code)), "{words:?}");
        assert_eq!(refusal.get("hint"), Some(&json!(hint)), "{words:?}");
    }
    for words in [
        vec!["judge", "--mode", "wild", "--", "ls"],
        vec!["judge", "--jsonl", "--", "ls"],
        vec!["judge", "--command", "ls", "--", "ls"],
        vec!["judge", "--check-policy", &file, "--", "ls"],
    ] {
        let run = home.mab(&words)?;
        assert_eq!((run.exit, run.stdout.as_str()), (Some(2), ""), "{words:?}");
    }
    let run = home.mab_reading(&["judge", "--workspace", &space], b"ls \xff")?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("stdin is not UTF-8 at byte 3"), "{}", run.stderr);
    let run = home.mab_reading(&["judge", "--workspace", &space, "--json"], &vec![b'x'; 70_000])?;
    assert_eq!((run.exit, judged(&run)?), (Some(14), (json!("deny"), json!("parse"))));
    Ok(())
}

#[test]
fn policy_file_when_it_cannot_be_used_is_refused_with_its_name() -> Anything {
    let (home, space) = with_space()?;
    let none = home.path().join("none.toml").to_string_lossy().into_owned();
    for words in [
        vec!["judge", "--json", "--check-policy", &none],
        vec!["judge", "--json", "--workspace", &space, "--policy", &none, "--", "ls"],
    ] {
        let run = home.mab(&words)?;
        assert_eq!((run.exit, run.stdout.as_str()), (Some(2), ""), "{words:?}");
        let refusal = run.refusal()?;
        assert_eq!(refusal.get("code"), Some(&json!("misconfigured")), "{refusal}");
        let message = refusal.get("message").and_then(Value::as_str).unwrap_or_default();
        assert!(message.contains("none.toml"), "{message}");
        assert!(refusal.get("hint").is_some(), "{refusal}");
    }
    Ok(())
}

#[test]
fn policy_file_of_the_docs_is_taken_and_does_what_the_page_says() -> Anything {
    let (home, space) = with_space()?;
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/running-commands.md");
    let page = fs::read_to_string(page)?;
    let example =
        page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).ok_or("no example")?;
    let file = home.path().join("policy.toml").to_string_lossy().into_owned();
    fs::write(&file, example)?;
    let run = home.mab(&["judge", "--json", "--check-policy", &file])?;
    assert_eq!(run.exit, Some(0), "{run:?}");
    let with = |words: &[&str], policy: &[&str]| {
        let given = ["judge", "--json", "--workspace", &space, "--mode", "restricted"];
        let words: Vec<&str> = given.iter().chain(policy).chain(&["--"]).chain(words).copied().collect();
        Ok::<_, Box<dyn std::error::Error>>(home.mab(&words)?.exit)
    };
    assert_eq!(with(&["cargo", "test"], &[])?, Some(13));
    assert_eq!(with(&["cargo", "test"], &["--policy", &file])?, Some(0));
    assert_eq!(with(&["cargo", "run"], &["--policy", &file])?, Some(14));
    Ok(())
}
