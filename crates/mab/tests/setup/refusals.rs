//! What set-up refuses: a clear sentence, a code, a hint, an exit code, and nothing changed.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::Value;

use crate::home::{Anything, Home};

/// Runs a command that must be refused and change nothing; returns its message.
#[cfg(test)]
fn refused(home: &Home, words: &[&str], exit: i32, code: &str) -> Anything<String> {
    let before = home.everything()?;
    let run = home.mab(&[words, &["--json"]].concat())?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(exit), ""), "{words:?} {}", run.stderr);
    let refusal: Value = serde_json::from_str(&run.stderr)?;
    assert_eq!(refusal["code"], code, "{refusal}");
    assert!(refusal["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{refusal}");
    assert_eq!(home.everything()?, before, "{words:?} changed something");
    Ok(refusal["message"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn file_when_it_cannot_be_understood_is_left_alone() -> Anything {
    for (client, file, content, said) in [
        ("cursor", ".cursor/mcp.json", &b"{\n  \"a\": 1,,\n}"[..], "line 2, column 10 is not JSON"),
        ("codex", ".codex/config.toml", b"a = 1\nb = = 1\n", "line 2, column 5 is not TOML"),
        ("cursor", ".cursor/mcp.json", b"{\"a\": \"\xff\"}", "byte 7 is not UTF-8"),
        ("cursor", ".cursor/mcp.json", b"[1]", "the file is not an object"),
        ("cursor", ".cursor/mcp.json", b"{\"mcpServers\": []}", "mcpServers is not an object"),
        ("gemini", ".gemini/settings.json", b"{\"hooks\": 1}", "hooks is not an object"),
        (
            "gemini",
            ".gemini/settings.json",
            b"{\"hooks\": {\"BeforeTool\": {}}}",
            "hooks.BeforeTool is not a list",
        ),
        (
            "zed",
            ".config/zed/settings.json",
            b"{\"context_servers\": {}, \"context_servers\": {}}",
            "stands twice",
        ),
        ("codex", ".codex/config.toml", b"mcp_servers = { x = { command = \"y\" } }\n", "inline tables"),
    ] {
        let home = Home::new()?;
        home.write(file, content)?;
        let message = refused(&home, &["setup", client], 2, "misconfigured")?;
        assert!(message.contains(said) && message.contains(file), "{message}");
    }
    Ok(())
}

#[test]
fn second_file_when_it_is_broken_keeps_the_first_from_being_written() -> Anything {
    let home = Home::new()?;
    home.write(".claude/settings.json", "{ \"hooks\": ")?;
    refused(&home, &["setup", "claude-code"], 2, "misconfigured")?;
    assert!(!home.path().join(".claude.json").exists());
    Ok(())
}

#[test]
fn entry_when_it_is_not_ours_needs_force() -> Anything {
    let home = Home::new()?;
    let foreign = "{\"mcpServers\": {\"mab\": {\"command\": \"other\"}}}";
    let path = home.write(".cursor/mcp.json", foreign)?;
    refused(&home, &["setup", "cursor"], 7, "conflict")?;
    home.mab(&["setup", "cursor", "--uninstall"])?.ok()?;
    assert_eq!(fs::read_to_string(&path)?, foreign);
    home.mab(&["setup", "cursor", "--force"])?.ok()?;
    assert!(!fs::read_to_string(&path)?.contains("other"));
    home.mab(&["setup", "cursor", "--uninstall"])?.ok()?;
    // As before: the entry that was replaced is back.
    assert_eq!(fs::read_to_string(&path)?, foreign);
    home.mab(&["setup", "cursor", "--uninstall", "--force"])?.ok()?;
    assert_eq!(fs::read_to_string(&path)?, "{}");
    Ok(())
}

#[test]
fn entry_with_arguments_of_its_own_needs_force() -> Anything {
    let home = Home::new()?;
    let own =
        "{\"mcpServers\": {\"mab\": {\"command\": \"mab\", \"args\": [\"--data-dir\", \"/srv\", \"mcp\"]}}}";
    let path = home.write(".gemini/settings.json", own)?;
    let message = refused(&home, &["setup", "gemini"], 7, "conflict")?;
    assert!(message.ends_with("is there already, with another program or arguments"), "{message}");
    home.mab(&["setup", "gemini", "--uninstall"])?.ok()?;
    assert_eq!(fs::read_to_string(&path)?, own);
    home.mab(&["setup", "gemini", "--force", "--data-dir", "/srv"])?.ok()?;
    assert!(fs::read_to_string(&path)?.contains("\"MAB_DATA_DIR\": \"/srv\""));
    Ok(())
}

#[test]
fn program_of_another_name_is_refused() -> Anything {
    let home = Home::new()?;
    let renamed = home.path().join("mab-0.1.0");
    fs::hard_link(env!("CARGO_BIN_EXE_mab"), &renamed)
        .or_else(|_| fs::copy(env!("CARGO_BIN_EXE_mab"), &renamed).map(drop))?;
    let run = home.run(&renamed, &["setup", "cursor"], &[])?;
    assert!(run.exit == Some(2) && run.stderr.contains("known again by the name mab"), "{run:?}");
    assert!(run.stderr.contains("rename it to mab"), "{run:?}");
    assert!(!home.path().join(".cursor").exists());
    Ok(())
}

#[test]
fn file_when_it_is_not_safe_to_write_is_refused() -> Anything {
    let home = Home::new()?;
    let path = home.write(".cursor/mcp.json", "{}")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    assert!(refused(&home, &["setup", "cursor"], 8, "read_only")?.contains("anybody may write"));
    fs::remove_file(&path)?;
    fs::create_dir(&path)?;
    assert!(refused(&home, &["setup", "cursor"], 8, "read_only")?.contains("not a regular file"));
    fs::remove_dir(&path)?;
    std::os::unix::fs::symlink("/nowhere/at/all", &path)?;
    assert!(refused(&home, &["setup", "cursor"], 8, "read_only")?.contains("link to nothing"));
    fs::remove_file(&path)?;
    fs::set_permissions(home.path().join(".cursor"), fs::Permissions::from_mode(0o777))?;
    assert!(refused(&home, &["setup", "cursor"], 8, "read_only")?.contains("anybody may write the folder"));
    Ok(())
}

#[test]
fn file_with_two_names_is_refused() -> Anything {
    let home = Home::new()?;
    let path = home.write(".cursor/mcp.json", "{}")?;
    fs::hard_link(&path, home.path().join("dotfile.json"))?;
    assert!(refused(&home, &["setup", "cursor"], 8, "read_only")?.contains("has 2 names (hard links)"));
    Ok(())
}

#[test]
fn project_when_its_file_leads_out_of_it_is_refused() -> Anything {
    let home = Home::new()?;
    let outside = home.write("outside.json", "{}")?;
    std::os::unix::fs::symlink(&outside, home.project().join(".mcp.json"))?;
    let project = ["setup", "claude-code", "--scope", "project"];
    assert!(refused(&home, &project, 8, "read_only")?.contains("leads out of the project"));
    fs::remove_file(home.project().join(".mcp.json"))?;
    fs::create_dir(home.path().join("elsewhere"))?;
    std::os::unix::fs::symlink(home.path().join("elsewhere"), home.project().join(".claude"))?;
    assert!(refused(&home, &project, 8, "read_only")?.contains("leads out of the project"));
    Ok(())
}

#[test]
fn client_when_it_is_too_old_is_refused() -> Anything {
    let home = Home::new()?;
    home.client("codex", "codex-cli 0.99.0", "")?;
    let message = refused(&home, &["setup", "codex"], 2, "misconfigured")?;
    assert!(message.starts_with("Codex 0.99.0 (") && message.contains("older than 0.124.0"), "{message}");
    Ok(())
}

#[test]
fn options_when_wrong_are_refused() -> Anything {
    let home = Home::new()?;
    let message = refused(&home, &["setup", "emacs"], 2, "invalid_arguments")?;
    assert!(message.contains("emacs"), "{message}");
    let run = home.mab(&["setup", "emacs"])?;
    assert!(run.stderr.contains("claude-code, codex, gemini"), "{}", run.stderr);
    refused(&home, &["setup", "--uninstall"], 2, "invalid_arguments")?;
    refused(&home, &["setup", "windsurf", "--scope", "project"], 2, "invalid_arguments")?;
    refused(&home, &["setup", "codex", "--agent", ""], 2, "invalid_arguments")?;
    refused(&home, &["setup", "codex", "--agent", &"x".repeat(65)], 2, "misconfigured")?;
    // A name that stands there already is judged like one that is given.
    let entry = "{\"mcpServers\": {\"mab\": {\"command\": \"mab\", \"args\": [\"mcp\"], \"env\": {\"MAB_AGENT\": \"a\\nb\"}}}}";
    home.write(".cursor/mcp.json", entry)?;
    refused(&home, &["setup", "cursor"], 2, "invalid_arguments")?;
    refused(&home, &["setup", "codex", "--agent", "a", "--uninstall"], 2, "invalid_arguments")?;
    Ok(())
}

#[test]
fn value_that_the_client_would_expand_is_refused() -> Anything {
    let home = Home::new()?;
    for (client, folder, mark) in [
        ("gemini", "/p/d$X", "`$`"),
        ("claude-code", "/p/${X}", "`${`"),
        ("cursor", "/p/${env:X}", "`${`"),
        ("vscode", "/p/${userHome}", "`${`"),
        ("windsurf", "/p/${env:X}", "`${`"),
        ("opencode", "/p/{env:HOME}", "`{env:`"),
        ("opencode", "/p/{file:x}", "`{file:`"),
    ] {
        let message = refused(&home, &["setup", client, "--data-dir", folder], 2, "invalid_arguments")?;
        assert!(message.starts_with(&format!("MAB_DATA_DIR has {mark} in it")), "{message}");
    }
    home.mab(&["setup", "codex", "--data-dir", "/p/d$X"])?.ok()?;
    assert!(fs::read_to_string(home.path().join(".codex/config.toml"))?.contains("\"/p/d$X\""));
    Ok(())
}

#[test]
fn file_when_it_is_too_large_is_refused() -> Anything {
    let home = Home::new()?;
    let path = home.write(".cursor/mcp.json", "")?;
    fs::File::options().write(true).open(&path)?.set_len((32 << 20) + 1)?;
    let run = home.mab(&["setup", "cursor"])?;
    assert!(run.exit == Some(2) && run.stderr.contains("larger than 32 MiB"), "{run:?}");
    Ok(())
}

#[test]
fn project_when_it_is_the_home_folder_is_refused() -> Anything {
    let home = Home::new()?;
    let project = home.project().display().to_string();
    let run = home.mab_with(&["setup", "gemini", "--scope", "project"], &[("HOME", &project)])?;
    assert_eq!(run.exit, Some(2), "{run:?}");
    assert!(run.stderr.contains("the project is your home folder") && run.stderr.contains("hint"), "{run:?}");
    assert!(!home.project().join(".gemini").exists());
    Ok(())
}

/// Where nobody, not even root, can make a file.
#[cfg(target_os = "linux")]
#[test]
fn home_when_it_cannot_be_written_is_refused() -> Anything {
    let home = Home::new()?;
    let run = home.mab_with(&["setup", "gemini"], &[("HOME", "/sys")])?;
    assert_eq!((run.exit, run.stdout.as_str()), (Some(8), ""), "{}", run.stderr);
    assert!(run.stderr.contains("/sys/.gemini: ") && run.stderr.contains("(read_only)"), "{}", run.stderr);
    Ok(())
}
