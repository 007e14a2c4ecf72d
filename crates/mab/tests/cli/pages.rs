//! Help, manual pages and completions.

use crate::home::{Anything, Home};

const COMMANDS: [&str; 11] =
    ["mcp", "list", "show", "tokens", "audit", "cleanup", "redact", "doctor", "demo", "completions", "man"];

#[test]
fn help_is_the_page_people_know() -> Anything {
    let run = Home::new()?.mab(&["-h"])?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(run.stdout, @"");
    Ok(())
}

#[test]
fn help_of_every_command_has_a_summary_and_fits_a_terminal() -> Anything {
    let home = Home::new()?;
    for command in COMMANDS {
        let run = home.mab(&[command, "--help"])?;
        assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""), "{command}");
        assert!(run.stdout.contains(&format!("Usage: mab {command}")), "{command}");
        for line in run.stdout.lines() {
            assert!(line.chars().count() <= 100, "{command}: {line}");
        }
    }
    Ok(())
}

#[test]
fn version_is_told_on_stdout() -> Anything {
    let run = Home::new()?.mab(&["--version"])?;
    assert_eq!(run.stdout, format!("mab {}\n", env!("CARGO_PKG_VERSION")));
    Ok(())
}

#[test]
fn manual_pages_exist_for_every_command() -> Anything {
    let home = Home::new()?;
    for words in [vec!["man"], vec!["man", "audit", "verify"]]
        .into_iter()
        .chain(COMMANDS.map(|command| vec!["man", command]))
    {
        let run = home.mab(&words)?;
        assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""), "{words:?}");
        assert!(run.stdout.contains(".TH MAB") && run.stdout.contains(".SH NAME"), "{words:?}");
    }
    Ok(())
}

#[test]
fn completions_exist_for_every_shell_and_know_every_command() -> Anything {
    let home = Home::new()?;
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = home.mab(&["completions", shell])?;
        assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""), "{shell}");
        for command in COMMANDS {
            assert!(run.stdout.contains(command), "{shell} {command}");
        }
    }
    Ok(())
}
