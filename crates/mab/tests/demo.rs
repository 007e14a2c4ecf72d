//! The demonstration is a test of its own: it checks every step it shows.

use std::{
    error::Error,
    process::{Command, Output},
};

use serde_json::{Value, json};

fn demo(words: &[&str]) -> Result<Output, Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    #[expect(clippy::disallowed_methods, reason = "the tests run the program")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_mab"));
    let output = command.arg("demo").args(words).env_clear().env("HOME", home.path()).output()?;
    assert_eq!(std::fs::read_dir(home.path())?.count(), 0, "the demonstration touched the home folder");
    Ok(output)
}

#[test]
fn demo_for_a_program_is_one_line_per_step_and_each_is_ok() -> Result<(), Box<dyn Error>> {
    let output = demo(&["--json"])?;
    let stdout = String::from_utf8(output.stdout)?;
    assert_eq!(output.status.code(), Some(0), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert!(lines.iter().all(|line| line.get("ok") == Some(&json!(true))), "{stdout}");
    let refused: Vec<&Value> =
        lines.iter().filter(|line| line.get("refused") == Some(&json!(true))).collect();
    assert_eq!(refused.len(), 2);
    let done = lines.last().ok_or("no line")?;
    assert_eq!(done.get("done"), Some(&json!(true)));
    assert_eq!(done.get("steps").and_then(Value::as_u64), Some(lines.len() as u64 - 1));
    Ok(())
}

#[test]
fn demo_for_a_person_tells_who_does_what_without_a_secret() -> Result<(), Box<dyn Error>> {
    let output = demo(&[])?;
    let stdout = String::from_utf8(output.stdout)?;
    assert_eq!(output.status.code(), Some(0), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    for word in [
        "backend",
        "frontend",
        "operator",
        "create_conversation",
        "token_rotated",
        "stored once",
        "api/**",
        "AWS_KEY_REDACTED",
    ] {
        assert!(stdout.contains(word), "{word} is missing:\n{stdout}");
    }
    for secret in [concat!("AK", "IAQ3EG"), concat!("gh", "p_x7Rq"), concat!("Vb7", "kPq2")] {
        assert!(!stdout.contains(secret), "{stdout}");
    }
    assert!(!stdout.contains('\u{1b}'), "colours without a terminal");
    Ok(())
}

#[test]
fn demo_without_a_place_for_temporary_files_says_so() -> Result<(), Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "the tests run the program")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_mab"));
    let output = command.arg("demo").env_clear().env("TMPDIR", "/does/not/exist").output()?;
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), b"".as_slice()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("temporary files"));
    Ok(())
}
