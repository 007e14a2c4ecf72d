//! Set up, set up again, changed, taken out: each client in each scope.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use crate::home::{Anything, Home};

/// Clients with the files they read, by scope, below home or project.
const FILES: [(&str, &str, &[&str]); 16] = [
    ("claude-code", "user", &[".claude.json", ".claude/settings.json"]),
    ("claude-code", "project", &["project/.mcp.json", "project/.claude/settings.json"]),
    ("codex", "user", &[".codex/config.toml"]),
    ("codex", "project", &["project/.codex/config.toml"]),
    ("gemini", "user", &[".gemini/settings.json"]),
    ("gemini", "project", &["project/.gemini/settings.json"]),
    ("opencode", "user", &[".config/opencode/opencode.json"]),
    ("opencode", "project", &["project/opencode.json"]),
    ("cursor", "user", &[".cursor/mcp.json"]),
    ("cursor", "project", &["project/.cursor/mcp.json"]),
    ("vscode", "user", &[".config/Code/User/mcp.json"]),
    ("vscode", "project", &["project/.vscode/mcp.json"]),
    ("windsurf", "user", &[".codeium/windsurf/mcp_config.json"]),
    ("zed", "user", &[".config/zed/settings.json"]),
    ("zed", "project", &["project/.zed/settings.json"]),
    ("claude-desktop", "user", &[".config/Claude/claude_desktop_config.json"]),
];

#[test]
fn files_when_there_were_none_come_and_go() -> Anything {
    for (client, scope, files) in FILES {
        let home = Home::new()?;
        let set = ["setup", client, "--scope", scope];
        home.mab(&set)?.ok()?;
        for file in files {
            let text = fs::read_to_string(home.path().join(file))?;
            assert!(text.contains("mab") && text.ends_with('\n'), "{file}: {text}");
        }
        let after = home.everything()?;
        let again = home.mab(&set)?.ok()?;
        assert!(again.stdout.contains("is already set up"), "{client}: {}", again.stdout);
        assert_eq!(home.everything()?, after, "{client} {scope}");
        home.mab(&["setup", client, "--scope", scope, "--uninstall"])?.ok()?;
        for file in files {
            assert!(!home.path().join(file).exists(), "{client}: {file}");
        }
    }
    Ok(())
}

#[test]
fn files_when_they_were_there_are_byte_for_byte_as_before() -> Anything {
    let json = "\u{feff}// mine\r\n{\r\n\t\"theme\": \"dark\", // stays\r\n\t\"hooks\": {},\r\n\t\"mcpServers\": {},\r\n}";
    let toml = "# mine\nmodel = \"x\"   # stays\n\n[mcp_servers.other]\ncommand = 'x'\n[[hooks.Stop]]\n\n[[hooks.Stop.hooks]]\ntype = \"command\"\ncommand = \"make\"";
    for (client, scope, files) in FILES {
        let home = Home::new()?;
        for file in files {
            let path = home.write(file, if client == "codex" { toml } else { json })?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
        }
        let before = home.everything()?;
        let set = ["setup", client, "--scope", scope];
        home.mab(&[&set[..], &["--dry-run"]].concat())?.ok()?;
        assert_eq!(home.everything()?, before, "{client}: a dry run writes nothing");
        home.mab(&set)?.ok()?;
        assert_eq!(home.backups()?.len(), files.len(), "{client}");
        // Changed options change the entry; the backup stays the one of before.
        home.mab(&[&set[..], &["--agent", "backend", "--no-hooks"]].concat())?.ok()?;
        // A file for hooks only has nothing of ours any more, and is as before.
        assert_eq!(home.backups()?.len(), 1, "{client}");
        for file in files {
            let path = home.path().join(file);
            assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o640);
            let text = fs::read_to_string(&path)?;
            assert!(text.contains("// stays") || text.contains("# stays"), "{text}");
        }
        home.mab(&[&set[..], &["--uninstall"]].concat())?.ok()?;
        assert_eq!(home.everything()?, before, "{client} {scope}");
    }
    Ok(())
}

#[test]
fn entries_when_the_person_changed_the_file_since_are_taken_out_of_it() -> Anything {
    let home = Home::new()?;
    let path = home.write(".gemini/settings.json", "{\n  \"theme\": \"dark\"\n}\n")?;
    home.mab(&["setup", "gemini"])?.ok()?;
    let text = fs::read_to_string(&path)?.replace("\"dark\"", "\"light\" /* better */");
    fs::write(&path, text)?;
    home.mab(&["setup", "gemini", "--uninstall"])?.ok()?;
    assert_eq!(fs::read_to_string(&path)?, "{\n  \"theme\": \"light\" /* better */\n}\n");
    // What was there before is not lost.
    assert_eq!(home.backups()?.len(), 1);
    Ok(())
}

#[test]
fn hooks_of_others_stay_when_ours_come_and_go() -> Anything {
    let home = Home::new()?;
    let settings = "{\n  \"hooks\": {\n    \"Stop\": [\n      {\n        \"hooks\": [\n          { \"type\": \"command\", \"command\": \"make\" }\n        ]\n      }\n    ]\n  }\n}\n";
    let path = home.write(".claude/settings.json", settings)?;
    home.mab(&["setup", "claude-code"])?.ok()?;
    let value: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
    assert_eq!(value.pointer("/hooks/Stop/0/hooks/0/command"), Some(&"make".into()));
    assert_eq!(value.pointer("/hooks/Stop/1/hooks/1/asyncRewake"), Some(&true.into()));
    assert_eq!(
        value.pointer("/hooks/PreToolUse/0/matcher"),
        Some(&"Edit|Write|MultiEdit|NotebookEdit".into())
    );
    home.mab(&["setup", "claude-code", "--no-hooks"])?.ok()?;
    assert_eq!(fs::read_to_string(&path)?, settings);
    Ok(())
}

#[test]
fn hook_that_only_resembles_ours_stays() -> Anything {
    let home = Home::new()?;
    let theirs = ["mab hook Stop; /home/me/notify.sh", "/opt/other/mab session hook --x"];
    let settings = serde_json::json!({"hooks": {"Stop": [{"hooks": [
        {"type": "command", "command": theirs[0]}, {"type": "command", "command": theirs[1]},
    ]}]}});
    let path = home.write(".claude/settings.json", settings.to_string())?;
    home.mab(&["setup", "claude-code", "--uninstall"])?.ok()?;
    assert_eq!(fs::read_to_string(&path)?, settings.to_string());
    home.mab(&["setup", "claude-code"])?.ok()?;
    let value: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
    assert_eq!(value.pointer("/hooks/Stop/0"), settings.pointer("/hooks/Stop/0"));
    home.mab(&["setup", "claude-code", "--uninstall"])?.ok()?;
    assert_eq!(fs::read_to_string(&path)?, settings.to_string());
    Ok(())
}

#[test]
fn hook_of_somebody_beside_ours_in_one_group_stays() -> Anything {
    for (client, file, ours, theirs) in [
        (
            "gemini",
            ".gemini/settings.json",
            "\"hooks\": [\n          {\n            \"command\"",
            "\"hooks\": [\n          {\"command\": \"make\"},\n          {\n            \"command\"",
        ),
        (
            "codex",
            ".codex/config.toml",
            "[[hooks.Stop.hooks]]\n",
            "[[hooks.Stop.hooks]]\ncommand = \"make\"\n\n[[hooks.Stop.hooks]]\n",
        ),
    ] {
        let home = Home::new()?;
        home.mab(&["setup", client])?.ok()?;
        let path = home.path().join(file);
        let text = fs::read_to_string(&path)?.replacen(ours, theirs, 1);
        assert!(text.contains("make"), "{text}");
        fs::write(&path, &text)?;
        home.mab(&["setup", client])?.ok()?;
        let once = fs::read_to_string(&path)?;
        assert_eq!(once.matches(" hook ").count(), 5, "{once}");
        home.mab(&["setup", client])?.ok()?;
        assert_eq!(fs::read_to_string(&path)?, once);
        home.mab(&["setup", client, "--uninstall"])?.ok()?;
        let left = fs::read_to_string(&path)?;
        assert!(left.contains("make") && !left.contains("mab"), "{left}");
    }
    Ok(())
}

#[test]
fn link_when_it_leads_to_the_file_is_followed_and_kept() -> Anything {
    let home = Home::new()?;
    let real = home.write("dotfiles/cursor.json", "{}\n")?;
    fs::create_dir(home.path().join(".cursor"))?;
    let link = home.path().join(".cursor/mcp.json");
    std::os::unix::fs::symlink(&real, &link)?;
    let run = home.mab(&["setup", "cursor"])?.ok()?;
    assert!(run.stdout.contains(&format!("link_to\t{}", real.canonicalize()?.display())), "{}", run.stdout);
    assert!(fs::symlink_metadata(&link)?.is_symlink() && fs::read_to_string(&real)?.contains("\"mab\""));
    home.mab(&["setup", "cursor", "--uninstall"])?.ok()?;
    assert_eq!(fs::read_to_string(&real)?, "{}\n");
    Ok(())
}

#[test]
fn group_of_a_file_stays() -> Anything {
    let home = Home::new()?;
    let path = home.write(".cursor/mcp.json", "{}\n")?;
    if std::os::unix::fs::chown(&path, None, Some(4_242)).is_err() {
        // Only root may give a file to any group; then there is nothing to test here.
        return Ok(());
    }
    home.mab(&["setup", "cursor"])?.ok()?;
    assert_eq!(fs::metadata(&path)?.gid(), 4_242);
    home.mab(&["setup", "cursor", "--uninstall"])?.ok()?;
    assert_eq!(fs::metadata(&path)?.gid(), 4_242);
    Ok(())
}

#[test]
fn agent_when_none_is_named_stays() -> Anything {
    let home = Home::new()?;
    home.mab(&["setup", "gemini", "--agent", "backend"])?.ok()?;
    let path = home.path().join(".gemini/settings.json");
    let before = fs::read_to_string(&path)?;
    let run = home.mab(&["setup", "gemini"])?.ok()?;
    assert_eq!(fs::read_to_string(&path)?, before);
    assert!(
        run.stdout.contains("warning\tevery Gemini CLI of yours is backend; two that run"),
        "{}",
        run.stdout
    );
    home.mab(&["setup", "gemini", "--agent", "other"])?.ok()?;
    let text = fs::read_to_string(&path)?;
    assert!(!text.contains("backend") && text.matches("MAB_AGENT").count() == 6, "{text}");
    Ok(())
}

#[test]
fn commands_when_wanted_are_in_the_servers_entry_only_and_go_without_being_wanted() -> Anything {
    for (client, scope, files) in FILES {
        let home = Home::new()?;
        let set = ["setup", client, "--scope", scope];
        home.mab(&set)?.ok()?;
        let before = home.everything()?;
        let wanted = [&set[..], &["--commands"]].concat();
        let shown = home.mab(&[&wanted[..], &["--dry-run"]].concat())?.ok()?;
        assert!(shown.stdout.contains("MAB_YOLO"), "{client}: {}", shown.stdout);
        assert_eq!(home.everything()?, before, "{client} {scope}");
        let run = home.mab(&wanted)?.ok()?;
        assert!(run.stdout.contains("mab yolo enroll"), "{client}: {}", run.stdout);
        assert_eq!(run.stdout.contains("for everybody who uses"), scope == "project", "{client}");
        let texts: Result<Vec<_>, _> =
            files.iter().map(|file| fs::read_to_string(home.path().join(file))).collect();
        assert_eq!(texts?.concat().matches("MAB_YOLO").count(), 1, "{client} {scope}");
        let listed = home.mab(&["setup", "--json"])?.ok()?;
        assert_eq!(listed.stdout.matches("\"commands\":true").count(), 1, "{}", listed.stdout);
        let run = home.mab(&set)?.ok()?;
        assert!(run.stdout.contains("--commands keeps it"), "{client}: {}", run.stdout);
        let again = home.mab(&set)?.ok()?;
        assert!(!again.stdout.contains("--commands keeps it"), "{client}: {}", again.stdout);
        for file in files {
            assert!(!fs::read_to_string(home.path().join(file))?.contains("MAB_YOLO"), "{client} {scope}");
        }
        home.mab(&wanted)?.ok()?;
        home.mab(&["setup", client, "--scope", scope, "--uninstall"])?.ok()?;
        for file in files {
            assert!(!home.path().join(file).exists(), "{client}: {file}");
        }
    }
    Ok(())
}

#[test]
fn program_behind_a_link_is_called_by_its_name_on_the_path() -> Anything {
    let home = Home::new()?;
    let link = home.path().join("bin/mab");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mab"), &link)?;
    home.mab(&["setup", "cursor"])?.ok()?;
    let text = fs::read_to_string(home.path().join(".cursor/mcp.json"))?;
    assert!(text.contains(&format!("\"command\": \"{}\"", link.display())), "{text}");
    Ok(())
}

#[test]
fn data_folder_when_given_goes_into_server_and_hooks() -> Anything {
    let home = Home::new()?;
    let data = home.path().join("my data").display().to_string();
    home.mab(&["setup", "claude-code", "--data-dir", &data, "--agent", "it's"])?.ok()?;
    let read = |name: &str| -> Anything<serde_json::Value> {
        Ok(serde_json::from_str(&fs::read_to_string(home.path().join(name))?)?)
    };
    let server = read(".claude.json")?;
    assert_eq!(server.pointer("/mcpServers/mab/env/MAB_DATA_DIR"), Some(&data.as_str().into()));
    let settings = read(".claude/settings.json")?;
    let command = settings.pointer("/hooks/SessionStart/0/hooks/0/command").and_then(|it| it.as_str());
    let begins = format!(r"MAB_AGENT='it'\''s' MAB_DATA_DIR='{data}' ");
    assert!(
        command.is_some_and(|line| line.starts_with(&begins) && line.ends_with(" hook SessionStart")),
        "{command:?}"
    );
    home.mab(&["setup", "claude-code", "--uninstall"])?.ok()?;
    assert!(!home.path().join(".claude.json").exists());
    Ok(())
}
