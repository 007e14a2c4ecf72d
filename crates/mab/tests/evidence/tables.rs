//! What is done to tables behind the back of the entries.

use crate::{home::Anything, scene::Scene};

#[test]
fn permission_epoch_or_removal_when_changed_by_sql_is_a_mismatch() -> Anything {
    let scene = Scene::new()?;
    for (sql, what) in [
        ("permission = 'owner' WHERE session = 'b'", "permission of b: owner, recorded: member"),
        ("permission = 'observer' WHERE session = 'a'", "permission of a: observer, recorded: owner"),
        ("epoch = 0 WHERE session = 'b'", "epoch of b: 0, recorded: 1"),
        ("revoked_at = 1 WHERE session = 'b'", "b: removed, recorded: not removed"),
    ] {
        let copy = scene.copy()?;
        copy.sql(&format!("UPDATE agent SET {sql}"))?;
        scene.assert_found(&copy, &[], "state_mismatch", None)?;
        let verdict = scene.verify(&copy, &[])?;
        assert_eq!(verdict.answer.pointer("/findings/0/what").and_then(|it| it.as_str()), Some(what));
    }
    let copy = scene.copy()?;
    copy.sql("INSERT INTO agent (conversation, ordinal, session, permission) VALUES (1, 2, 'c', 'owner')")?;
    scene.assert_found(&copy, &[], "state_mismatch", None)?;
    let copy = scene.copy()?;
    copy.sql("UPDATE conversation SET last_seq = last_seq + 1 WHERE pk = 1")?;
    scene.assert_found(&copy, &[], "state_mismatch", None)
}

#[test]
fn message_when_deleted_changed_or_put_in_is_named_with_its_entry() -> Anything {
    let scene = Scene::new()?;
    let second = "((1 << 32) + 2)";
    for (sql, kind, n) in [
        (format!("DELETE FROM message WHERE key = {second}"), "message_missing", Some(4)),
        (format!("UPDATE message SET body = zeroblob(60) WHERE key = {second}"), "message_changed", Some(4)),
        (format!("UPDATE message SET sender = 1 WHERE key = {second}"), "message_changed", Some(4)),
        (format!("UPDATE message SET at = at + 1 WHERE key = {second}"), "message_changed", Some(4)),
        (format!("UPDATE message SET tag = zeroblob(8) WHERE key = {second}"), "message_changed", Some(4)),
        (
            format!("INSERT INTO message SELECT key + 100, tag, sender, audience, at, action_type, reply_to, body, files
                     FROM message WHERE key = {second}"),
            "message_added",
            None,
        ),
    ] {
        let copy = scene.copy()?;
        copy.sql(&sql)?;
        scene.assert_found(&copy, &[], kind, n)?;
    }
    Ok(())
}
