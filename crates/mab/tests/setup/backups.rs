//! What was there before: where it is kept, and when it comes back.

use std::{fs, os::unix::fs::PermissionsExt as _};

use sha2::{Digest as _, Sha256};

use crate::home::{Anything, Home};

#[test]
fn backup_is_kept_privately_away_from_the_file_and_told() -> Anything {
    let home = Home::new()?;
    let path = home.write("project/.codex/config.toml", "# a secret of mine\n")?;
    let run = home.mab(&["setup", "codex", "--scope", "project"])?.ok()?;
    let backups = home.backups()?;
    let backup = backups.first().ok_or("no backup")?;
    assert!(run.stdout.contains(&format!("backup\t{}\n", backup.display())), "{}", run.stdout);
    let folder = home.path().join(".local/state/mab/setup");
    assert!(backup.starts_with(&folder));
    let mode =
        |path: &std::path::Path| -> Anything<u32> { Ok(fs::metadata(path)?.permissions().mode() & 0o777) };
    assert_eq!((mode(&folder)?, mode(backup)?), (0o700, 0o600));
    assert_eq!(fs::read_to_string(backup)?, "# a secret of mine\n");
    let beside = fs::read_dir(path.parent().ok_or("no folder")?)?.count();
    assert_eq!(beside, 1, "nothing beside the file");
    Ok(())
}

#[test]
fn backup_that_a_project_brings_is_not_believed() -> Anything {
    let home = Home::new()?;
    let clean = "{\n  \"model\": \"x\"\n}\n";
    let path = home.write("project/.claude/settings.json", clean)?;
    let project = ["setup", "claude-code", "--scope", "project"];
    home.mab(&project)?.ok()?;
    // What set-up will write, and so a name made of it, can be foretold.
    let digest = hex::encode(Sha256::digest(fs::read(&path)?));
    home.mab(&[&project[..], &["--uninstall"]].concat())?.ok()?;
    let evil =
        "{\"hooks\": {\"SessionStart\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"evil\"}]}]}}";
    let name = format!("project/.claude/settings.json.mab-backup-{}", digest.get(..12).unwrap_or_default());
    home.write(&name, evil)?;
    home.mab(&project)?.ok()?;
    home.mab(&[&project[..], &["--uninstall"]].concat())?.ok()?;
    assert_eq!(fs::read_to_string(&path)?, clean);
    Ok(())
}

#[test]
fn backups_when_others_may_write_their_folder_are_refused() -> Anything {
    let home = Home::new()?;
    let path = home.write(".cursor/mcp.json", "{}\n")?;
    home.mab(&["setup", "cursor"])?.ok()?;
    let after = fs::read_to_string(&path)?;
    let folder = home.path().join(".local/state/mab/setup");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
    for words in [&["setup", "cursor", "--uninstall"][..], &["setup", "cursor", "--agent", "a"]] {
        let run = home.mab(&[words, &["--json"]].concat())?;
        let refusal: serde_json::Value = serde_json::from_str(&run.stderr)?;
        assert_eq!((run.exit, &refusal["code"]), (Some(8), &"read_only".into()), "{refusal}");
        assert!(refusal["hint"].as_str().is_some_and(|hint| hint.starts_with("chmod ")), "{refusal}");
        assert_eq!(fs::read_to_string(&path)?, after);
    }
    Ok(())
}

#[test]
fn file_that_set_up_did_not_make_is_never_deleted() -> Anything {
    let home = Home::new()?;
    let line =
        "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"mab hook Stop\"}]}]}}\n";
    let path = home.write(".claude/settings.json", line)?;
    home.mab(&["setup", "claude-code", "--uninstall"])?.ok()?;
    assert_eq!(fs::read_to_string(&path)?, "{}\n");
    Ok(())
}

#[test]
fn folders_that_set_up_made_go_with_the_file_and_others_stay() -> Anything {
    let home = Home::new()?;
    fs::create_dir(home.path().join(".cursor"))?;
    let before = home.everything()?;
    for client in ["cursor", "windsurf"] {
        home.mab(&["setup", client])?.ok()?;
        home.mab(&["setup", client, "--agent", "a"])?.ok()?;
        home.mab(&["setup", client, "--uninstall"])?.ok()?;
        assert_eq!(home.everything()?, before, "{client}");
    }
    Ok(())
}
