//! What set-up says: the diff, what the client made of it, and what is left to do.

use std::{fs, io::Write as _};

use serde_json::json;

use crate::home::{Anything, Home};

#[test]
fn dry_run_prints_a_diff_that_acts_on_no_terminal() -> Anything {
    let home = Home::new()?;
    home.write(".cursor/mcp.json", "{\n  \"a\": \"\u{202e}x\"\n}\n")?;
    let run = home.mab(&["setup", "cursor", "--dry-run"])?.ok()?;
    let path = home.path().join(".cursor/mcp.json").display().to_string();
    assert!(run.stdout.starts_with(&format!("--- {path}\n+++ {path}\n@@ ")), "{}", run.stdout);
    assert!(run.stdout.contains("+    \"mab\": {") && run.stdout.contains("\\u{202e}"), "{}", run.stdout);
    assert!(run.stdout.contains(&format!("would_change\t{path}\n")), "{}", run.stdout);
    Ok(())
}

#[test]
fn client_when_it_lists_the_server_is_quoted_and_its_output_is_not() -> Anything {
    let home = Home::new()?;
    home.client("claude", "2.1.330 (Claude Code)", "evil \\033[2J\\nmab: mab mcp - ✓ Connected\\n")?;
    let run = home.mab(&["setup", "claude-code", "--json"])?.ok()?;
    let json = run.json()?;
    assert_eq!(
        json["verified"],
        json!({"listed": "connected", "message": "`claude mcp list` 2.1.330 lists mab as connected"})
    );
    assert!(!run.stdout.contains("evil"), "{}", run.stdout);
    home.client("claude", "2.1.330 (Claude Code)", "mab: mab mcp - ⏸ Pending approval\\n")?;
    let run = home.mab(&["setup", "claude-code", "--scope", "project"])?.ok()?;
    assert!(
        run.stdout.contains("next\tstart `claude` in the project, trust the folder and approve"),
        "{}",
        run.stdout
    );
    Ok(())
}

#[test]
fn client_when_it_would_start_what_a_project_names_is_never_asked_there() -> Anything {
    let home = Home::new()?;
    home.write("project/src/opencode.json", "{}")?;
    home.client("opencode", "1.18.33", "'; pwd >>\"$HOME/asked\"; printf 'mab connected\\n")?;
    let run = home.mab(&["setup", "opencode"])?.ok()?;
    assert!(
        run.stdout.contains("client\t`opencode mcp list` 1.18.33 lists mab as connected\n"),
        "{}",
        run.stdout
    );
    assert_eq!(fs::read_to_string(home.path().join("asked"))?, "/\n", "where no project is");
    let project = ["setup", "opencode", "--scope", "project"];
    for words in [&project[..], &[&project[..], &["--uninstall"]].concat()] {
        let run = home.mab(words)?.ok()?;
        assert!(
            run.stdout.contains("client\tnot verified: to list its servers, opencode starts"),
            "{}",
            run.stdout
        );
    }
    assert_eq!(fs::read_to_string(home.path().join("asked"))?, "/\n", "not once in the project");
    Ok(())
}

#[test]
fn client_when_it_cannot_be_asked_is_said_to_be_unverified() -> Anything {
    let home = Home::new()?;
    let run = home.mab(&["setup", "zed"])?.ok()?;
    assert!(run.stdout.contains("client\tnot verified: Zed has no command"), "{}", run.stdout);
    let run = home.mab(&["setup", "codex"])?.ok()?;
    assert!(run.stdout.contains("client\tnot verified: there is no `codex` on the PATH"), "{}", run.stdout);
    assert!(
        run.stdout.contains("next\tin Codex, review and trust the new hooks with /hooks"),
        "{}",
        run.stdout
    );
    Ok(())
}

#[test]
fn what_a_client_leaves_running_is_ended_and_hides_nothing() -> Anything {
    let home = Home::new()?;
    // It tells its version and ends; its child holds stdout, does not end when asked to, and would say that it lived on.
    let script = "#!/bin/sh\ncd \"$HOME\"\n(trap '' TERM; exec 3>lived; echo >up; read -r go <go; echo yes >&3) &\n\
        read -r up <up\necho 'codex-cli 0.99.0'\n";
    home.client("codex", "", "")?;
    home.write("bin/codex", script)?;
    for name in ["up", "go", "lived"] {
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            home.path().join(name),
            rustix::fs::Mode::from_raw_mode(0o600),
        )?;
    }
    let mut go = fs::File::options().read(true).write(true).open(home.path().join("go"))?;
    let options = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
    let lived = rustix::fs::open(home.path().join("lived"), options, rustix::fs::Mode::empty())?;
    let path = format!("{}:/usr/bin:/bin", home.path().join("bin").display());
    let run = home.mab_with(&["setup", "codex"], &[("PATH", &path)])?;
    assert!(run.stderr.contains("Codex 0.99.0 (") && run.stderr.contains("older than"), "{run:?}");
    go.write_all(b"go\n")?;
    rustix::fs::fcntl_setfl(&lived, rustix::fs::OFlags::empty())?;
    assert_eq!(std::io::read_to_string(fs::File::from(lived))?, "", "it was ended");
    Ok(())
}

#[test]
fn next_steps_say_what_others_need_and_what_is_asked() -> Anything {
    let home = Home::new()?;
    let run = home.mab(&["setup", "claude-code", "--scope", "project", "--data-dir", "/srv"])?.ok()?;
    for said in [
        "warning\tMAB_DATA_DIR is a path of this machine, and the project may be shared\n",
        "next\tClaude Code asks you before each tool of mab, also when nobody is there; `\"permissions\": {\"allow\": [\"mcp__mab\"]}` in its settings.json allows them\n",
        "next\teverybody who uses Claude Code in this project needs mab, or sees errors of it\n",
    ] {
        assert!(run.stdout.contains(said), "{}", run.stdout);
    }
    Ok(())
}

#[test]
fn list_tells_what_is_here_and_set_up() -> Anything {
    let home = Home::new()?;
    home.client("gemini", "0.61.0", "")?;
    home.mab(&["setup", "gemini", "--no-hooks"])?.ok()?;
    home.write("project/.mcp.json", "{\"mcpServers\": {\"mab\": {\"command\": \"x\"}}}")?;
    home.write(".codex/config.toml", "=")?;
    let run = home.mab(&["setup"])?.ok()?;
    let program = home.path().join("bin/gemini").display().to_string();
    assert!(run.stdout.contains(&format!("gemini\t{program}\tno hooks\tno\t-\n")), "{}", run.stdout);
    assert!(run.stdout.contains("claude-code\t-\tno\tanother mab\t-\n"), "{}", run.stdout);
    assert!(run.stdout.contains("codex\t-\tunreadable\tno\t-\n"), "{}", run.stdout);
    assert!(run.stdout.contains("windsurf\t-\tno\t-\t-\n"), "{}", run.stdout);
    assert_eq!(home.mab(&["setup", "--json"])?.json()?["clients"][2]["user"], "no hooks");
    Ok(())
}
