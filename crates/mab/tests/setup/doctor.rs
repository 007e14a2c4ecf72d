//! What `mab doctor` says of clients.

use std::fs;

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
    let line = "warn\tclaude-code\tClaude Code 2.1.330 is here, and not set up\tmab setup claude-code\n";
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
