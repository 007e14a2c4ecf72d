//! `mab redact` as a filter.

use std::fs;

use serde_json::{Value, json};

use crate::home::{Anything, Home};

/// A key that opens nothing; put together here so that no scanner trips on it.
const KEY: &str = concat!("AK", "IA", "Q3EGRTL7XN5KV2WD");

fn finding(start: usize, end: usize) -> Value {
    json!({
        "rule": "aws-access-key-id", "class": "api-key", "placeholder": "AWS_KEY_REDACTED", "action": "redact",
        "start": start, "end": end,
    })
}

/// A home whose configuration says this about redaction.
fn configured(text: &str) -> Anything<Home> {
    let home = Home::new()?;
    let folder = home.path().join(".config/mab");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("config.toml"), text)?;
    Ok(home)
}

#[test]
fn text_from_stdin_is_filtered_to_stdout() -> Anything {
    let input = format!("a\u{1b}[0m\tb {KEY}\r\nend without line break");
    let run = Home::new()?.mab_reading(&["redact"], input.as_bytes())?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(1), ""));
    assert_eq!(run.stdout, "a\u{1b}[0m\tb AWS_KEY_REDACTED\r\nend without line break");
    Ok(())
}

#[test]
fn text_from_a_file_is_reported_without_its_secret() -> Anything {
    let home = Home::new()?;
    let file = home.path().join("notes.md");
    fs::write(&file, format!("one\né {KEY}\n"))?;
    let run = home.mab(&["redact", "--report", &file.to_string_lossy()])?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(1), "one\né AWS_KEY_REDACTED\n"));
    assert_eq!(
        run.stderr,
        format!("aws-access-key-id\tAWS_KEY_REDACTED\t2\t7\t27\tapi-key\tredact\t{}\n", file.display())
    );
    Ok(())
}

#[test]
fn text_as_json_is_one_object() -> Anything {
    let run = Home::new()?.mab_reading(&["redact", "--json"], KEY.as_bytes())?;
    let finding = finding(0, 20);
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
    let finding = finding(2, 22);
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

#[test]
fn findings_when_dry_run_are_all_that_is_printed() -> Anything {
    let home = Home::new()?;
    let (one, two) = (home.path().join("one"), home.path().join("two"));
    fs::write(&one, format!("x\n{KEY}\n\n{KEY}"))?;
    fs::write(&two, "nothing")?;
    let (one, two) = (one.to_string_lossy(), two.to_string_lossy());
    let run = home.mab(&["redact", "--dry-run", &one, &two])?;
    let row = |place: &str| format!("aws-access-key-id\tAWS_KEY_REDACTED\t{place}\tapi-key\tredact\t{one}\n");
    assert_eq!((run.exit, run.stderr.as_str()), (Some(1), ""));
    assert_eq!(run.stdout, row("2\t2\t22") + &row("4\t24\t44"));
    assert_eq!(home.mab(&["redact", "--dry-run", &two])?.exit, Some(0));
    assert_eq!(home.mab(&["redact", "--dry-run", "--exit-zero", &one])?.exit, Some(0));
    let run = home.mab(&["redact", "--dry-run", "--json", &one, &two])?;
    let expected =
        json!([{"file": one, "findings": [finding(2, 22), finding(24, 44)]}, {"file": two, "findings": []}]);
    assert_eq!((run.exit, run.json()?), (Some(1), expected));
    let line = json!({"text": KEY, "id": 1}).to_string();
    let run = home.mab_reading(&["redact", "--jsonl", "--dry-run"], line.as_bytes())?;
    assert_eq!((run.exit, run.json()?), (Some(1), json!({"id": 1, "findings": [finding(0, 20)]})));
    Ok(())
}

#[test]
fn several_files_are_printed_one_after_the_other() -> Anything {
    let home = Home::new()?;
    let names = ["a", "b"].map(|name| home.path().join(name));
    names.iter().try_for_each(|name| fs::write(name, format!("{KEY}\n")))?;
    let [a, b] = names.map(|name| name.to_string_lossy().into_owned());
    assert_eq!(home.mab(&["redact", &a, &b])?.stdout, "AWS_KEY_REDACTED\nAWS_KEY_REDACTED\n");
    Ok(())
}

#[test]
fn policy_of_the_configuration_holds_and_profile_is_for_one_run() -> Anything {
    let home = configured(
        "[redaction.rules]\naws-access-key-id = 'block'\n[redaction.classes]\npassword = 'warn'\n",
    )?;
    let run = home.mab_reading(&["redact", "--json"], KEY.as_bytes())?;
    assert_eq!(run.stdout, "");
    assert_eq!(run.refusal()?.get("code"), Some(&json!("secret_refused")));
    let run = home.mab_reading(&["redact", "--dry-run"], KEY.as_bytes())?;
    assert_eq!((run.exit, run.stdout.split('\t').nth(6)), (Some(1), Some("block")));
    let run = home.mab_reading(&["redact"], b"password = hunter22!")?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(1), "password = hunter22!"));
    let run = home.mab_reading(&["redact", "--profile", "precise"], b"secret = hunter22x!")?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(0), "secret = hunter22x!"));
    assert_eq!(home.mab(&["redact", "--profile", "lax"])?.exit, Some(2));
    let broken = configured("[redaction]\nprofile = 'lax'\n")?;
    assert_ne!(broken.mab_reading(&["redact"], b"x")?.exit, Some(0));
    Ok(())
}

#[test]
fn rules_are_listed_and_explained() -> Anything {
    let home = configured("[redaction.rules]\naws-access-key-id = 'off'\n")?;
    let run = home.mab(&["redact", "--list-rules"])?;
    let aws =
        run.stdout.lines().find(|line| line.starts_with("aws-access-key-id\t")).ok_or("no such line")?;
    assert!(aws.starts_with("aws-access-key-id\tapi-key\tAWS_KEY_REDACTED\toff\tAWS access key id"), "{aws}");
    let listed = home.mab(&["redact", "--list-rules", "--json"])?.json()?;
    assert_eq!(listed.as_array().map(Vec::len), Some(run.stdout.lines().count()));
    let told = home.mab(&["redact", "--explain", "aws-access-key-id", "--json"])?.json()?;
    assert_eq!((told.get("action"), told.get("class")), (Some(&json!("off")), Some(&json!("api-key"))));
    let source = told.get("source").and_then(Value::as_str).unwrap_or_default();
    let shape = told.get("looks_for").and_then(Value::as_str).unwrap_or_default();
    assert!(source.starts_with("https://") && shape.starts_with("the pattern (?:AKIA|"), "{told}");
    let run = home.mab(&["redact", "--explain", "no-such", "--json"])?;
    assert_eq!(run.refusal()?.get("message"), Some(&json!("there is no rule no-such")));
    Ok(())
}

#[test]
fn value_by_its_hash_is_allowed_and_never_echoed() -> Anything {
    let run = Home::new()?.mab_reading(&["redact", "--hash"], format!("{KEY}\n").as_bytes())?;
    assert!(!run.stdout.contains(KEY) && run.stderr.is_empty());
    let home = configured(&format!("[redaction]\nallow = [{{ sha256 = '{}' }}]\n", run.stdout.trim()))?;
    let run = home.mab_reading(&["redact"], KEY.as_bytes())?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(0), KEY));
    assert_eq!(home.mab_reading(&["redact", "--hash"], b"\n")?.exit, Some(2));
    Ok(())
}

#[test]
fn secrets_by_their_hashes_are_taken_out() -> Anything {
    let home = Home::new()?;
    let (secrets, hashes) = (home.path().join("secrets"), home.path().join("hashes"));
    fs::write(&secrets, "blue-horse-77-x\n\nword\n")?;
    let run = home.mab(&["redact", "--make-deny-file", &secrets.to_string_lossy()])?;
    assert!(run.exit == Some(0) && !run.stdout.contains("horse"), "{}", run.stdout);
    assert!(
        run.stderr.starts_with("1 secrets are left out: ") && run.stderr.ends_with("; lines 3\n"),
        "{}",
        run.stderr
    );
    fs::write(&hashes, run.stdout)?;
    let home = configured(&format!("[redaction]\ndeny_hashes_file = '{}'\n", hashes.display()))?;
    let run = home.mab_reading(&["redact"], b"a blue-horse-77-x.")?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(1), "a DENIED_SECRET_REDACTED."));
    Ok(())
}

#[test]
fn file_when_it_is_not_utf_8_then_named_and_the_others_are_reported() -> Anything {
    let home = Home::new()?;
    let [bad, good] = ["bad", "good"].map(|name| home.path().join(name));
    fs::write(&bad, b"caf\xe9")?;
    fs::write(&good, KEY)?;
    let run = home.mab(&["redact", "--dry-run", &bad.to_string_lossy(), &good.to_string_lossy()])?;
    assert_eq!(run.exit, Some(2));
    assert!(run.stdout.starts_with("aws-access-key-id\t"), "{}", run.stdout);
    assert!(run.stderr.contains("bad is not UTF-8 at byte 3"), "{}", run.stderr);
    Ok(())
}
