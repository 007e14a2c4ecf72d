//! What is done to entries.

use mab_core::Timestamp;

use crate::{
    attacker::{CONVERSATION, Marks, key, rewrite, wish},
    home::Anything,
    scene::{A_DAY, Scene},
};

/// Entries of the conversation: create, join, and a message each.
const ENTRIES: u64 = 2 + 2 * A_DAY;

#[test]
fn folder_when_nobody_touched_it_is_proven_up_to_its_newest_entry() -> Anything {
    let scene = Scene::new()?;
    let verdict = scene.verify(&scene.copy()?, &[])?;
    assert_eq!(
        (verdict.exit, &verdict.found[..], &verdict.warnings[..]),
        (Some(0), &[][..], &[][..]),
        "{verdict:?}"
    );
    let number = |pointer: &str| verdict.answer.pointer(pointer).and_then(serde_json::Value::as_u64);
    assert_eq!((number("/proven/entries"), number("/proven/newer")), (Some(ENTRIES), Some(0)));
    let witness = format!("{}:{}", scene.conversation, scene.head);
    assert_eq!(scene.verify(&scene.copy()?, &["--witness", &witness])?.exit, Some(0));
    Ok(())
}

#[test]
fn entry_when_changed_deleted_swapped_or_cut_off_by_sql_is_named() -> Anything {
    let scene = Scene::new()?;
    let (three, four, last) = (key(3), key(4), key(ENTRIES));
    let change = |column: &str| format!("UPDATE audit SET {column} WHERE key = {three}");
    let swap = format!(
        "UPDATE audit SET key = -1 WHERE key = {three}; UPDATE audit SET key = {three} WHERE key = {four};
         UPDATE audit SET key = {four} WHERE key = -1"
    );
    let moved_up = format!(
        "DELETE FROM audit WHERE key = {three}; UPDATE audit SET key = -key WHERE key > {three};
         UPDATE audit SET key = -key - 1 WHERE key < 0"
    );
    let copied = format!(
        "INSERT INTO audit SELECT {last} + 1, at, actor, action, outcome, detail, hash, mark FROM audit WHERE key = {last}"
    );
    for (sql, kind, n) in [
        (change("actor = 'b'"), "changed", 3),
        (change("action = 'check'"), "changed", 3),
        (change("outcome = 'forbidden'"), "changed", 3),
        (change("at = at - 1"), "changed", 3),
        (change("detail = '{}'"), "changed", 3),
        (change("hash = zeroblob(32)"), "changed", 3),
        (change("mark = zeroblob(16)"), "forged", 3),
        (change("mark = NULL"), "unmarked", 3),
        (format!("DELETE FROM audit WHERE key = {three}"), "deleted", 3),
        (moved_up, "deleted", 3),
        (swap, "swapped", 3),
        (format!("DELETE FROM audit WHERE key > {four} AND key <= {last}"), "truncated", 5),
        (copied, "duplicated", ENTRIES + 1),
        (
            "UPDATE conversation SET audit_head = zeroblob(32) WHERE pk = 1".to_owned(),
            "row_mismatch",
            ENTRIES,
        ),
    ] {
        let copy = scene.copy()?;
        copy.sql(&sql)?;
        scene.assert_found(&copy, &[], kind, Some(n))?;
    }
    Ok(())
}

#[test]
fn entry_when_changed_in_the_bytes_of_the_file_is_named() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    copy.bytes("bridge.db", b"\"expires_in_minutes\":180", b"\"expires_in_minutes\":999")?;
    scene.assert_found(&copy, &[], "changed", Some(1))
}

#[test]
fn entry_with_a_correct_hash_that_the_bridge_did_not_write_is_forged() -> Anything {
    let scene = Scene::new()?;
    let put_in = |marks: &Marks, n: u64| -> Anything<_> {
        let copy = scene.copy()?;
        rewrite(&copy, CONVERSATION, marks, |entries| {
            let at = entries.last().map_or(Timestamp::default(), |entry| entry.at);
            entries.insert(usize::try_from(n - 1).unwrap(), wish(n, at));
            entries.iter_mut().zip(1..).for_each(|(entry, n)| entry.n = n);
        })?;
        Ok(copy)
    };
    scene.assert_found(&put_in(&Marks::Old, ENTRIES + 1)?, &[], "forged", Some(ENTRIES + 1))?;
    scene.assert_found(&put_in(&Marks::Old, 5)?, &[], "forged", Some(5))?;
    scene.assert_found(&put_in(&Marks::None, 5)?, &[], "unmarked", Some(1))?;
    // Who has the master key as well is told by the checkpoints.
    scene.assert_found(&put_in(&Marks::Stolen, 5)?, &[], "rewritten", Some(1))
}

#[test]
fn chain_when_hashed_anew_is_forged_or_with_the_master_key_rewritten() -> Anything {
    let scene = Scene::new()?;
    let blame = |entries: &mut Vec<mab_core::audit::Entry>| entries[2].actor = "b".to_owned();
    let copy = scene.copy()?;
    rewrite(&copy, CONVERSATION, &Marks::Old, blame)?;
    scene.assert_found(&copy, &[], "forged", Some(3))?;
    let copy = scene.copy()?;
    rewrite(&copy, CONVERSATION, &Marks::Stolen, blame)?;
    scene.assert_found(&copy, &[], "rewritten", Some(1))?;
    // Without the master key a hash anybody can make is all there is; the checkpoints still tell.
    let copy = scene.copy()?;
    rewrite(&copy, CONVERSATION, &Marks::Old, blame)?;
    std::fs::remove_file(copy.file("master.key"))?;
    let verdict = scene.verify(&copy, &[])?;
    assert_eq!(verdict.found.first(), Some(&("rewritten".to_owned(), Some(1))), "{verdict:?}");
    assert_eq!(verdict.answer.get("marks").and_then(|it| it.as_str()), Some("not checked: no master key"));
    Ok(())
}

#[test]
fn tail_when_cut_off_and_the_row_told_so_is_rolled_back() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    rewrite(&copy, CONVERSATION, &Marks::Stolen, |entries| entries.truncate(4))?;
    scene.assert_found(&copy, &[], "rolled_back", Some(5))?;
    let witness = format!("{}:{}", scene.conversation, scene.head);
    std::fs::remove_file(copy.file("audit.anchor"))?;
    let verdict = scene.verify(&copy, &["--witness", &witness])?;
    assert_eq!(verdict.found.first(), Some(&("witness_mismatch".to_owned(), Some(ENTRIES))), "{verdict:?}");
    Ok(())
}

#[test]
fn clock_when_set_back_is_named() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    // As a bridge writes it whose clock was set back by an hour.
    rewrite(&copy, CONVERSATION, &Marks::Stolen, |entries| {
        let at = Timestamp::from_millis(entries.last().unwrap().at.millis() - 3_600_000);
        entries.push(wish(ENTRIES + 1, at));
    })?;
    let verdict = scene.verify(&copy, &[])?;
    assert_eq!((verdict.exit, &verdict.found[..]), (Some(0), &[][..]), "{verdict:?}");
    assert_eq!(verdict.warnings, ["clock_back", "unproven"]);
    Ok(())
}

#[test]
fn entry_when_dated_before_a_checkpoint_that_does_not_have_it_is_a_warning() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    rewrite(&copy, 0, &Marks::Stolen, |entries| {
        let at = entries.last().map_or(Timestamp::from_millis(1_790_000_000_000), |entry| entry.at);
        entries.push(wish(entries.len() as u64 + 1, at));
    })?;
    let verdict = scene.verify(&copy, &[])?;
    // An honest clock that was behind leaves the same.
    assert_eq!((verdict.exit, &verdict.found[..]), (Some(0), &[][..]), "{verdict:?}");
    assert_eq!(verdict.warnings, ["unanchored", "unproven"]);
    Ok(())
}
