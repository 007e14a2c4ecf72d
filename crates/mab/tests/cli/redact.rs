//! `mab redact` as a filter.

use std::fs;

use serde_json::{Value, json};

use crate::home::{Anything, Home};

/// A key that opens nothing; put together here so that no scanner trips on it.
const KEY: &str = concat!("AK", "IA", "Q3EGRTL7XN5KV2WD");

#[test]
fn text_from_stdin_is_filtered_to_stdout() -> Anything {
    let input = format!("a\u{1b}[0m\tb {KEY}\r\nend without line break");
    let run = Home::new()?.mab_reading(&["redact"], input.as_bytes())?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(run.stdout, "a\u{1b}[0m\tb AWS_KEY_REDACTED\r\nend without line break");
    Ok(())
}

#[test]
fn text_from_a_file_is_reported_without_its_secret() -> Anything {
    let home = Home::new()?;
    let file = home.path().join("notes.md");
    fs::write(&file, format!("one\né {KEY}\n"))?;
    let run = home.mab(&["redact", "--report", &file.to_string_lossy()])?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(0), "one\né AWS_KEY_REDACTED\n"));
    assert_eq!(run.stderr, "aws-access-key-id\tAWS_KEY_REDACTED\t2\t7\t27\n");
    Ok(())
}

#[test]
fn text_as_json_is_one_object() -> Anything {
    let run = Home::new()?.mab_reading(&["redact", "--json"], KEY.as_bytes())?;
    let finding =
        json!({"rule": "aws-access-key-id", "placeholder": "AWS_KEY_REDACTED", "start": 0, "end": 20});
    assert_eq!(run.json()?, json!({"text": "AWS_KEY_REDACTED", "findings": [finding]}));
    Ok(())
}

#[test]
fn lines_are_answered_line_by_line_with_byte_offsets() -> Anything {
    let lines =
        [json!({"id": "x", "text": format!("é{KEY}")}), json!({"text": "plain", "label": 1, "split": "t"})];
    let input = lines.each_ref().map(ToString::to_string).join("\n\n") + "\n\n";
    let run = Home::new()?.mab_reading(&["redact", "--jsonl"], input.as_bytes())?;
    assert_eq!(run.exit, Some(0));
    let answers: Vec<Value> = run.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let finding =
        json!({"rule": "aws-access-key-id", "placeholder": "AWS_KEY_REDACTED", "start": 2, "end": 22});
    assert_eq!(
        answers,
        [
            json!({"id": "x", "text": "éAWS_KEY_REDACTED", "findings": [finding]}),
            json!({"text": "plain", "findings": []})
        ]
    );
    assert_eq!(
        run.stderr,
        "line 3: the key label is left out of the output\nline 3: the key split is left out of the output\n"
    );
    Ok(())
}

#[test]
fn line_when_bad_ends_the_run_and_is_not_quoted() -> Anything {
    let input = format!("{{\"text\":\"fine\"}}\npassword={KEY}\n");
    let run = Home::new()?.mab_reading(&["redact", "--jsonl"], input.as_bytes())?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(2), "{\"findings\":[],\"text\":\"fine\"}\n"));
    assert!(run.stderr.contains("line 2 is not JSON") && !run.stderr.contains(KEY), "{}", run.stderr);
    Ok(())
}

#[test]
fn input_when_it_cannot_be_read_exits_with_2() -> Anything {
    let home = Home::new()?;
    let run = home.mab_reading(&["redact", "--json"], b"\xff\xfe")?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(2), ""));
    assert_eq!(run.refusal()?.get("message"), Some(&json!("stdin is not UTF-8 at byte 0")));
    assert_eq!(home.mab(&["redact", "/does/not/exist"])?.exit, Some(2));
    Ok(())
}
