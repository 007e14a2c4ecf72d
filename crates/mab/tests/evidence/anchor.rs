//! What is done to the anchor, to the keys, and to the database together with them.

use std::{fs, os::unix::fs::PermissionsExt};

use mab_core::{
    Timestamp,
    anchor::{Leaf, Pending, Signers, next_checkpoint},
    note::SigningKey,
};
use rusqlite::Connection;

use crate::{
    attacker::signing_key,
    home::Anything,
    scene::{Copy, Scene},
};

const ANCHOR: &str = "audit.anchor";

/// Where the last checkpoint begins.
fn last_checkpoint(text: &str) -> usize {
    text.trim_end().rfind("\n\n+ ").unwrap_or_default() + 2
}

#[test]
fn database_of_yesterday_under_the_anchor_of_today_is_rolled_back() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    copy.take(scene.yesterday(), "bridge.db")?;
    let verdict = scene.verify(&copy, &[])?;
    assert_eq!((verdict.exit, verdict.found[0].0.as_str()), (Some(9), "rolled_back"), "{verdict:?}");
    Ok(())
}

#[test]
fn folder_of_yesterday_is_found_with_the_operators_copy_or_a_witness_only() -> Anything {
    let scene = Scene::new()?;
    let today = scene.copy()?;
    let kept = today.file(ANCHOR).display().to_string();
    let restored = scene.verify_at(scene.yesterday(), &[])?;
    assert_eq!((restored.exit, restored.found), (Some(0), vec![]), "both are of one time");
    for words in [["--anchor", &kept], ["--witness", &format!("{}:{}", scene.conversation, scene.head)]] {
        let verdict = scene.verify_at(scene.yesterday(), &words)?;
        let kind = if words[0] == "--anchor" { "rolled_back" } else { "witness_mismatch" };
        assert_eq!((verdict.exit, verdict.found[0].0.as_str()), (Some(9), kind), "{verdict:?}");
    }
    // An older copy proves what it has seen.
    let older = scene.yesterday().join(ANCHOR).display().to_string();
    let verdict = scene.verify(&today, &["--anchor", &older])?;
    assert_eq!(
        (verdict.exit, verdict.found, verdict.warnings),
        (Some(0), vec![], vec!["unproven".to_owned()])
    );
    Ok(())
}

#[test]
fn anchor_when_cut_edited_or_removed_is_named() -> Anything {
    let scene = Scene::new()?;
    let text = fs::read_to_string(scene.copy()?.file(ANCHOR))?;
    let cut_at = last_checkpoint(&text);
    let found = |text: Option<&str>| -> Anything<_> {
        let copy = scene.copy()?;
        match text {
            Some(text) => fs::write(copy.file(ANCHOR), text)?,
            None => fs::remove_file(copy.file(ANCHOR))?,
        }
        let verdict = scene.verify(&copy, &[])?;
        Ok((verdict.exit, verdict.found.iter().map(|(kind, _)| kind.clone()).collect::<Vec<_>>()))
    };
    for (text, kind) in [
        (None, "anchor_truncated"),
        (Some(""), "anchor_truncated"),
        (Some(&text[..cut_at - 100]), "anchor_truncated"),
        (Some(&text.replacen("+ conv_", "+ conv_0", 1)), "anchor_changed"),
        (Some(&text.replacen("time 2", "time 3", 1)), "wrong_signature"),
        (Some(&text.replacen("key mab", "key nab", 1)), "anchor_changed"),
        (Some(&format!("{text}\n")), "anchor_changed"),
    ] {
        let (exit, kinds) = found(text)?;
        assert_eq!(exit, Some(9), "{kinds:?}");
        assert!(kinds.contains(&kind.to_owned()), "{kind}: {kinds:?}");
    }
    Ok(())
}

#[test]
fn anchor_when_a_crash_cut_its_newest_checkpoint_is_completed_and_said_so() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    let text = fs::read_to_string(copy.file(ANCHOR))?;
    let cut_at = last_checkpoint(&text) + 10;
    fs::write(copy.file(ANCHOR), &text[..cut_at])?;
    let verdict = scene.verify(&copy, &[])?;
    assert_eq!(
        (verdict.exit, &verdict.warnings[..]),
        (Some(0), &["anchor_incomplete".to_owned()][..]),
        "{verdict:?}"
    );
    Ok(())
}

#[test]
fn keys_when_replaced_or_removed_are_named() -> Anything {
    let scene = Scene::new()?;
    let found = |change: &dyn Fn(&Copy) -> Anything| -> Anything<_> {
        let copy = scene.copy()?;
        change(&copy)?;
        let verdict = scene.verify(&copy, &[])?;
        Ok((verdict.exit, verdict.found.first().map(|(kind, _)| kind.clone())))
    };
    let named = |kind: &str| (Some(9), Some(kind.to_owned()));
    let other = |copy: &Copy| {
        let key = SigningKey::draw(signing_key(copy)?.verifier().name(), &mab::system::OsRandom)?;
        Ok(fs::write(copy.file("audit.key"), key.to_file_text().as_bytes())?)
    };
    assert_eq!(found(&other)?, named("unknown_key"));
    assert_eq!(found(&|copy| Ok(fs::remove_file(copy.file("audit.key"))?))?, named("key_missing"));
    let master = |copy: &Copy| Ok(fs::write(copy.file("master.key"), format!("{}\n", "5a".repeat(32)))?);
    assert_eq!(found(&master)?, named("wrong_master_key"));
    // Whoever noted the key down needs no file.
    let copy = scene.copy()?;
    let key = signing_key(&copy)?.verifier().to_string();
    fs::remove_file(copy.file("audit.key"))?;
    assert_eq!(scene.verify(&copy, &["--key", &key])?.exit, Some(0));
    copy.take(&scene.home.data(), "audit.key")?;
    other(&copy)?;
    let noted = signing_key(&copy)?.verifier().to_string();
    assert_eq!(scene.verify(&copy, &["--key", &noted])?.found[0].0, "unknown_key");
    Ok(())
}

#[test]
fn record_of_the_newest_checkpoint_when_it_is_no_checkpoint_is_named_and_fails_the_doctor() -> Anything {
    let scene = Scene::new()?;
    let text = fs::read_to_string(scene.copy()?.file(ANCHOR))?;
    // The end of the file all the same: nothing, the end of a checkpoint, two of them.
    for from in [text.len(), text.len() - 10, last_checkpoint(&text[..last_checkpoint(&text) - 1])] {
        let copy = scene.copy()?;
        let kept = Pending { offset: from as u64, text: text[from..].to_owned() }.to_stored().into_bytes();
        let connection = Connection::open(copy.file("bridge.db"))?;
        connection.execute("UPDATE meta SET value = ?1 WHERE name = 'checkpoint'", [kept])?;
        connection.close().map_err(|(_, error)| error)?;
        scene.assert_found(&copy, &[], "anchor_changed", None)?;
        let folder = copy.path().display().to_string();
        assert_eq!(scene.home.mab(&["doctor", "--data-dir", &folder])?.exit, Some(10), "{from}");
    }
    Ok(())
}

#[test]
fn change_of_the_key_when_killed_before_its_file_is_no_finding() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    let old = fs::read(copy.file("audit.key"))?;
    let folder = copy.path().display().to_string();
    let rotated = scene.home.mab(&["keys", "rotate", "--data-dir", &folder])?;
    assert_eq!(rotated.exit, Some(0), "{}", rotated.stderr);
    // As it is between the commit and the renaming.
    fs::rename(copy.file("audit.key"), copy.file("audit.key.next"))?;
    fs::write(copy.file("audit.key"), old)?;
    fs::set_permissions(copy.file("audit.key"), fs::Permissions::from_mode(0o600))?;
    let verdict = scene.verify(&copy, &[])?;
    assert_eq!((verdict.exit, &verdict.found[..]), (Some(0), &[][..]), "{verdict:?}");
    // A successor that no checkpoint names is none.
    let stranger = SigningKey::draw(signing_key(&copy)?.verifier().name(), &mab::system::OsRandom)?;
    fs::write(copy.file("audit.key.next"), stranger.to_file_text().as_bytes())?;
    scene.assert_found(&copy, &[], "unknown_key", None)
}

#[test]
fn checkpoint_when_dated_after_this_machines_clock_is_named() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    let connection = Connection::open(copy.file("bridge.db"))?;
    let stored: Vec<u8> =
        connection.query_row("SELECT value FROM meta WHERE name = 'checkpoint'", [], |row| row.get(0))?;
    let newest = Pending::from_stored(&String::from_utf8(stored)?).ok_or("no checkpoint")?;
    // As a bridge signs whose clock is ahead by a century.
    let text = fs::read_to_string(copy.file(ANCHOR))?;
    let leaf: Leaf =
        text.rsplit("\n+ ").next().and_then(|rest| rest.lines().next()).ok_or("no leaf")?.parse()?;
    let conversation = Some("conv_00000000000000ff".parse()?);
    let signers = Signers { key: signing_key(&copy)?, next: None };
    let future = Timestamp::from_millis(4_900_000_000_000);
    let next = next_checkpoint(Some(&newest.text), &[Leaf { conversation, ..leaf }], future, &signers)?;
    let pending = Pending { offset: newest.end(), text: next };
    fs::write(copy.file(ANCHOR), format!("{text}{}", pending.text))?;
    let kept = pending.to_stored().into_bytes();
    connection.execute("UPDATE meta SET value = ?1 WHERE name = 'checkpoint'", [kept])?;
    connection.close().map_err(|(_, error)| error)?;
    let verdict = scene.verify(&copy, &[])?;
    let kinds: Vec<&str> = verdict.found.iter().map(|(kind, _)| kind.as_str()).collect();
    // Every entry is dated before it, and the conversation that it names is not there.
    assert!(kinds.contains(&"checkpoint_from_the_future"), "{kinds:?}");
    Ok(())
}
