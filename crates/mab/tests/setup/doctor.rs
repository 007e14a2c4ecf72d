//! What `mab doctor` says of clients.

use std::{fmt::Write as _, fs};

use crate::home::{Anything, Home};

#[test]
fn clients_when_there_are_none_are_one_good_line() -> Anything {
    let home = Home::new()?;
    let run = home.mab(&["doctor"])?;
    assert!(run.stdout.contains("ok\tclients\tnone on the PATH"), "{}", run.stdout);
    Ok(())
}

#[test]
fn client_when_it_is_here_and_not_set_up_gets_the_command() -> Anything {
    let home = Home::new()?;
    home.client("claude", "2.1.330 (Claude Code)", "")?;
    let run = home.mab(&["doctor"])?;
    let line = "ok\tclaude-code\tClaude Code 2.1.330 is here, and not set up\tmab setup claude-code\n";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    home.mab(&["setup", "claude-code"])?.ok()?;
    let run = home.mab(&["doctor"])?;
    let line = "ok\tclaude-code\tClaude Code 2.1.330, scope user: set up, with hooks\t-\n";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    Ok(())
}

#[test]
fn client_when_its_entry_leads_elsewhere_is_told() -> Anything {
    let home = Home::new()?;
    home.client("codex", "codex-cli 0.100.0", "")?;
    let path =
        home.write(".codex/config.toml", "[mcp_servers.mab]\ncommand = \"/gone/mab\"\nargs = [\"mcp\"]\n")?;
    let run = home.mab(&["doctor"])?;
    assert!(run.stdout.contains("scope user: /gone/mab does not exist\tmab setup codex\n"), "{}", run.stdout);
    assert!(run.stdout.contains("warn\tcodex\tCodex 0.100.0 (") && run.exit == Some(0), "{}", run.stdout);
    fs::remove_file(&path)?;
    home.client("codex", "codex-cli 0.169.0", "")?;
    home.mab(&["setup", "codex", "--scope", "project", "--data-dir", "/other"])?.ok()?;
    let run = home.mab(&["doctor"])?;
    assert!(run.stdout.contains("its server has MAB_DATA_DIR /other, not "), "{}", run.stdout);
    assert!(run.stdout.contains("\tmab setup codex --scope project\n"), "{}", run.stdout);
    home.mab(&["setup", "codex", "--scope", "project", "--no-hooks"])?.ok()?;
    let run = home.mab(&["doctor"])?;
    assert!(run.stdout.contains("set up without hooks"), "{}", run.stdout);
    Ok(())
}

#[test]
fn hook_when_its_program_is_gone_is_told() -> Anything {
    let home = Home::new()?;
    home.mab(&["setup", "gemini"])?.ok()?;
    let path = home.path().join(".gemini/settings.json");
    let text = fs::read_to_string(&path)?;
    let program = env!("CARGO_BIN_EXE_mab");
    fs::write(&path, text.replace(&format!("{program} hook AfterTool"), "/gone/mab hook AfterTool"))?;
    let run = home.mab(&["doctor"])?;
    let line = "scope user: the hook AfterTool: /gone/mab does not exist\tmab setup gemini\n";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    Ok(())
}

#[test]
fn hooks_when_they_are_switched_off_are_told_with_the_file() -> Anything {
    for (client, path, text) in [
        ("claude-code", ".claude/settings.json", r#"{"disableAllHooks": true}"#),
        ("claude-code", "project/.claude/settings.local.json", r#"{"disableAllHooks": true}"#),
        ("gemini", ".gemini/settings.json", r#"{"hooksConfig": {"enabled": false}}"#),
        ("codex", ".codex/config.toml", "[features]\nhooks = false\n"),
    ] {
        let home = Home::new()?;
        let path = home.write(path, text)?;
        home.mab(&["setup", client])?.ok()?;
        let run = home.mab(&["doctor"])?;
        let warning = format!("scope user: its hooks do not run: {} has ", path.display());
        assert!(run.stdout.contains(&format!("warn\t{client}\t")), "{}", run.stdout);
        assert!(run.stdout.contains(&warning), "{}", run.stdout);
    }
    Ok(())
}

#[test]
fn hooks_when_a_nearer_file_switches_them_on_again_are_good() -> Anything {
    let home = Home::new()?;
    home.write(".claude/settings.json", r#"{"disableAllHooks": true}"#)?;
    home.write("project/.claude/settings.local.json", r#"{"disableAllHooks": false}"#)?;
    home.mab(&["setup", "claude-code"])?.ok()?;
    let run = home.mab(&["doctor"])?;
    assert!(run.stdout.contains("scope user: set up, with hooks\t"), "{}", run.stdout);
    Ok(())
}

#[test]
fn hooks_when_some_of_ours_are_gone_are_named() -> Anything {
    let home = Home::new()?;
    home.mab(&["setup", "codex"])?.ok()?;
    let path = home.path().join(".codex/config.toml");
    let text = fs::read_to_string(&path)?;
    let (kept, _) = text.split_once("[[hooks.Stop]]").ok_or("no Stop")?;
    fs::write(&path, kept)?;
    let run = home.mab(&["doctor"])?;
    let line = "scope user: hooks of ours are missing: Stop\tmab setup codex\n";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    Ok(())
}

#[test]
fn project_when_codex_does_not_trust_it_is_told() -> Anything {
    let home = Home::new()?;
    home.mab(&["setup", "codex", "--scope", "project"])?.ok()?;
    let run = home.mab(&["doctor"])?;
    let line = "scope project: Codex does not trust the project, and reads nothing of its .codex\t";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    let project = home.project();
    let mut trust = format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", project.display());
    home.write(".codex/config.toml", &trust)?;
    let run = home.mab(&["doctor"])?;
    let line = "scope project: its hooks do not run: Codex was not told to trust them all\tin Codex, ";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    for event in ["session_start", "user_prompt_submit", "pre_tool_use", "post_tool_use", "stop"] {
        let key = format!("{}/.codex/config.toml:{event}:0:0", project.display());
        writeln!(trust, "[hooks.state.\"{key}\"]\ntrusted_hash = \"x\"")?;
    }
    home.write(".codex/config.toml", trust)?;
    let run = home.mab(&["doctor"])?;
    assert!(run.stdout.contains("scope project: set up, with hooks\t"), "{}", run.stdout);
    Ok(())
}

#[test]
fn entry_when_it_starts_another_program_gets_the_command_that_replaces_it() -> Anything {
    let home = Home::new()?;
    home.write(".gemini/settings.json", r#"{"mcpServers": {"mab": {"command": "other"}}}"#)?;
    let run = home.mab(&["doctor"])?;
    assert!(run.stdout.contains("starts another program\t"), "{}", run.stdout);
    assert!(run.stdout.contains("mab setup gemini --force\n"), "{}", run.stdout);
    Ok(())
}
