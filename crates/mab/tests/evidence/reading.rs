//! Verifying only reads.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    home::{Anything, Home},
    scene::Scene,
};

/// The files of a folder, each with a digest of its content; the index of a log is no content.
fn content(folder: &Path) -> Anything<BTreeMap<String, u64>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let mut hasher = DefaultHasher::new();
        if entry.file_type()?.is_file() && !name.ends_with("-shm") {
            fs::read(entry.path())?.hash(&mut hasher);
        }
        files.insert(name, hasher.finish());
    }
    Ok(files)
}

#[test]
fn folder_when_verified_stays_as_it_is_also_when_nothing_may_be_written() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    let before = content(copy.path())?;
    for mode in [0o700, 0o500] {
        fs::set_permissions(copy.path(), fs::Permissions::from_mode(mode))?;
        let verdict = scene.verify(&copy, &[])?;
        assert_eq!(verdict.exit, Some(0), "{verdict:?}");
        assert_eq!(content(copy.path())?, before);
    }
    fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o700))?;
    Ok(())
}

#[test]
fn folder_when_a_bridge_writes_to_it_is_verified_all_the_same() -> Anything {
    let scene = Scene::new()?;
    let mut agent = scene.home.agent_with(&[("MAB_AGENT", "a")])?;
    agent.call("send_to_partner", &json!({"message": "and on"}))?;
    let before = content(&scene.home.data())?;
    let verdict = scene.verify_at(&scene.home.data(), &[])?;
    assert_eq!(content(&scene.home.data())?, before);
    assert_eq!((verdict.exit, &verdict.found[..]), (Some(0), &[][..]), "{verdict:?}");
    assert_eq!(verdict.answer.get("opened"), Some(&json!("read-only")));
    assert_eq!(verdict.warnings, ["unproven"]);
    agent.leave()
}

#[test]
fn database_when_it_cannot_be_read_is_not_checked_and_that_is_an_exit_of_its_own() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    let mut bytes = fs::read(copy.file("bridge.db"))?;
    bytes[4_096..].fill(0xff);
    fs::write(copy.file("bridge.db"), bytes)?;
    let verdict = scene.verify(&copy, &[])?;
    assert_eq!(verdict.exit, Some(12), "{verdict:?}");
    fs::write(copy.file("bridge.db"), "no database at all, but text of some length")?;
    assert_eq!(scene.verify(&copy, &[])?.exit, Some(12));
    fs::remove_file(copy.file("bridge.db"))?;
    assert_eq!(scene.verify(&copy, &[])?.exit, Some(3), "nothing there is no damage");
    Ok(())
}

#[test]
fn rollback_journal_beside_the_database_is_never_ignored() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    fs::write(copy.file("bridge.db-journal"), [7; 40])?;
    let verdict = scene.verify(&copy, &[])?;
    assert_eq!(verdict.exit, Some(12), "{verdict:?}");
    fs::write(copy.file("bridge.db-journal"), [])?;
    assert_eq!(scene.verify(&copy, &[])?.exit, Some(0), "an empty one is none");
    Ok(())
}

#[test]
fn witness_of_another_chain_than_is_verified_is_refused() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    let witness = "conv_00000000000000aa:1:00112233445566778899aabbccddeeff";
    let verdict = scene.verify(&copy, &[&scene.conversation, "--witness", witness])?;
    assert!(verdict.exit == Some(2) && verdict.answer.to_string().contains("another chain"), "{verdict:?}");
    scene.assert_found(&copy, &["--witness", witness], "witness_mismatch", Some(1))
}

#[test]
fn copy_of_the_database_alone_is_verified_without_keys() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    for name in ["master.key", "audit.key", "audit.anchor"] {
        fs::remove_file(copy.file(name))?;
    }
    let database = copy.file("bridge.db").display().to_string();
    let verdict = scene.verify(&copy, &["--db", &database])?;
    // The database itself tells that there was an anchor.
    assert_eq!(verdict.found.first().map(|(kind, _)| kind.as_str()), Some("anchor_truncated"), "{verdict:?}");
    Ok(())
}

#[test]
fn database_elsewhere_is_held_against_the_anchor_beside_it() -> Anything {
    let (home, elsewhere) = (Home::new()?, TempDir::new()?);
    fs::set_permissions(elsewhere.path(), fs::Permissions::from_mode(0o700))?;
    let database = elsewhere.path().join("other.db").display().to_string();
    let mut agent = home.agent_with(&[("MAB_DATABASE_URL", &database)])?;
    agent.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
    agent.leave()?;
    let verified = || -> Anything<_> {
        let run = home.mab(&["audit", "verify", "--json", "--db", &database])?;
        let kind = run.json()?.pointer("/findings/0/kind").and_then(|kind| kind.as_str().map(str::to_owned));
        Ok((run.exit, run.json()?.pointer("/proven/entries").and_then(serde_json::Value::as_u64), kind))
    };
    assert_eq!(verified()?, (Some(0), Some(1), None));
    fs::remove_file(elsewhere.path().join("other.db.anchor"))?;
    assert_eq!(verified()?, (Some(9), None, Some("anchor_truncated".to_owned())));
    Ok(())
}

/// A database in a folder of its own, with two entries; the folder is not the data folder.
fn elsewhere(home: &Home, name: &str) -> Anything<(TempDir, String)> {
    let folder = TempDir::new()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
    let database = folder.path().join(name).display().to_string();
    let mut agent = home.agent_with(&[("MAB_DATABASE_URL", &database)])?;
    agent.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
    agent.leave()?;
    Ok((folder, database))
}

/// Exit, marks and whether it is proven.
fn judged(home: &Home, database: &str) -> Anything<(Option<i32>, serde_json::Value, bool)> {
    let run = home.mab(&["audit", "verify", "--json", "--db", database])?;
    let answer = run.json()?;
    Ok((run.exit, answer.get("marks").cloned().unwrap_or_default(), answer.get("proven").is_some()))
}

#[test]
fn file_when_planted_beside_the_database_does_not_hide_those_of_the_data_folder() -> Anything {
    let home = Home::new()?;
    let (folder, database) = elsewhere(&home, "other.db")?;
    let proven = (Some(0), json!("checked"), true);
    assert_eq!(judged(&home, &database)?, proven);
    fs::write(folder.path().join("audit.anchor"), "")?;
    assert_eq!(judged(&home, &database)?, proven);
    // Keys of another data folder, as when the database lies in one.
    let other = Home::with_store()?;
    for name in ["master.key", "audit.key"] {
        fs::copy(other.data().join(name), folder.path().join(name))?;
    }
    assert_eq!(judged(&home, &database)?, proven);
    fs::remove_file(home.data().join("master.key"))?;
    assert_eq!(judged(&home, &database)?.0, Some(9), "no key fits");
    Ok(())
}

#[test]
fn database_of_the_data_folder_under_another_spelling_keeps_its_anchor() -> Anything {
    let home = Home::with_store()?;
    let (spelt, linked) = (home.data().join("../mab/bridge.db"), home.path().join("link"));
    std::os::unix::fs::symlink(home.data(), &linked)?;
    for database in [spelt, linked.join("bridge.db")].map(|path| path.display().to_string()) {
        let mut agent = home.agent_with(&[("MAB_DATABASE_URL", &database)])?;
        agent.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
        agent.leave()?;
        assert_eq!(judged(&home, &database)?, (Some(0), json!("checked"), true), "{database}");
    }
    let own = home.data().join("bridge.db").display().to_string();
    assert_eq!(judged(&home, &own)?, (Some(0), json!("checked"), true));
    assert!(!home.data().join("bridge.db.anchor").exists());
    Ok(())
}

#[test]
fn anchor_when_it_is_a_pipe_or_endless_is_refused_and_not_waited_for() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    let anchor = copy.file("audit.anchor");
    fs::remove_file(&anchor)?;
    rustix::fs::mknodat(rustix::fs::CWD, &anchor, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)?;
    assert_eq!(scene.verify(&copy, &[])?.exit, Some(12));
    fs::remove_file(&anchor)?;
    fs::File::create(&anchor)?.set_len(1 << 40)?;
    assert_eq!(scene.verify(&copy, &[])?.exit, Some(12));
    Ok(())
}
