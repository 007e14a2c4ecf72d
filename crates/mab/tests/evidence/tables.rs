//! What is done to tables behind the back of the entries.

use rusqlite::Connection;
use serde_json::json;

use crate::{
    home::Anything,
    scene::{Copy, Scene},
};

#[test]
fn permission_epoch_or_removal_when_changed_by_sql_is_a_mismatch() -> Anything {
    let scene = Scene::new()?;
    for (sql, what) in [
        ("permission = 'owner' WHERE session = 'b'", "permission of b: owner, recorded: member"),
        ("permission = 'observer' WHERE session = 'a'", "permission of a: observer, recorded: owner"),
        ("epoch = 0 WHERE session = 'b'", "epoch of b: 0, recorded: 1"),
        ("ordinal = ordinal + 1", "place of a: 1, recorded: 0"),
        ("ordinal = 1 - ordinal", "member b, recorded: a"),
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
            format!("INSERT INTO message SELECT key + 100, tag, sender, audience, at, action_type, reply_to, body, files, redactions
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

#[test]
fn held_message_pause_or_policy_when_changed_by_sql_is_a_mismatch() -> Anything {
    let scene = Scene::new()?;
    let conversation = scene.conversation.as_str();
    let run = |words: &[&str]| -> Anything {
        let run = scene.home.mab(words)?;
        assert_eq!(run.exit, Some(0), "{words:?}: {}", run.stderr);
        Ok(())
    };
    run(&["inbound", conversation, "hold"])?;
    let mut a = scene.home.agent_with(&[("MAB_AGENT", "a"), ("MAB_LIMITS_SEND_PER_MINUTE", "0")])?;
    let mut held = Vec::new();
    for text in ["released", "rejected", "waiting"] {
        let sent = a.call("send_to_partner", &json!({"message": text}))?;
        held.push(sent.get("message_id").and_then(|id| id.as_str()).ok_or("no id")?.to_owned());
    }
    a.leave()?;
    run(&["release", conversation, &held[0]])?;
    run(&["release", conversation, &held[1], "--reject"])?;
    let verdict = scene.verify_at(&scene.home.data(), &[])?;
    assert_eq!((verdict.exit, &verdict.found[..]), (Some(0), &[][..]), "{verdict:?}");
    let newest = "key = (SELECT max(key) FROM message)";
    for (sql, kind) in [
        ("UPDATE held SET rejected_at = 1".to_owned(), "state_mismatch"),
        ("UPDATE held SET rejected_at = NULL".to_owned(), "state_mismatch"),
        ("UPDATE held SET audience = 3".to_owned(), "state_mismatch"),
        ("DELETE FROM held".to_owned(), "state_mismatch"),
        (format!("UPDATE message SET audience = 2 WHERE {newest}"), "state_mismatch"),
        ("UPDATE message SET audience = 3 WHERE key = (1 << 32) + 1".to_owned(), "message_changed"),
        ("UPDATE conversation SET inbound = NULL".to_owned(), "state_mismatch"),
        ("UPDATE conversation SET paused_at = 1 WHERE pk = 1".to_owned(), "state_mismatch"),
    ] {
        let copy = scene.copy()?;
        copy.sql(&sql)?;
        let verdict = scene.verify(&copy, &[])?;
        assert_eq!(verdict.found.first().map(|(kind, _)| kind.as_str()), Some(kind), "{sql}: {verdict:?}");
    }
    Ok(())
}

#[test]
fn row_of_no_conversation_is_found_and_not_shown_as_the_bridges_own() -> Anything {
    let scene = Scene::new()?;
    let audit = |key: &str| {
        format!(
            "INSERT INTO audit SELECT {key}, at, actor, action, outcome, detail, hash, mark FROM audit
                 WHERE key = (1 << 32) + 1"
        )
    };
    let message = |key: &str| {
        format!(
            "INSERT INTO message SELECT {key}, tag, sender, audience, at, action_type, reply_to, body, files, redactions
                 FROM message WHERE key = (1 << 32) + 1"
        )
    };
    let entries = |copy: &Copy| -> Anything<usize> {
        let folder = copy.path().display().to_string();
        let answer = scene.home.mab(&["audit", "--json", "--data-dir", &folder])?.json()?;
        Ok(answer.get("entries").and_then(|entries| entries.as_array()).ok_or("no entries")?.len())
    };
    let before = entries(&scene.copy()?)?;
    for key in ["-5", "(77 << 32) + 1"] {
        let copy = scene.copy()?;
        copy.sql(&audit(key))?;
        scene.assert_found(&copy, &[], "forged", None)?;
        assert_eq!(entries(&copy)?, before);
    }
    for key in ["-5", "7", "(77 << 32) + 1"] {
        let copy = scene.copy()?;
        copy.sql(&message(key))?;
        scene.assert_found(&copy, &[], "message_added", None)?;
    }
    Ok(())
}

#[test]
fn tables_after_everything_that_changes_members_are_as_the_entries_say() -> Anything {
    let scene = Scene::new()?;
    let conversation = scene.conversation.as_str();
    let mut a = scene.home.agent_with(&[("MAB_AGENT", "a")])?;
    for (name, permission) in [("c", "observer"), ("d", "moderator")] {
        let new = json!({"role": "tester", "new_session_id": name, "permission": permission});
        a.call("invite_agent", &new)?;
    }
    a.leave()?;
    for words in [
        ["tokens", conversation, "--rotate", "c"].as_slice(),
        &["tokens", conversation, "--revoke", "c"],
        &["transfer", conversation, "b"],
        &["remove", conversation, "d"],
        &["tokens", conversation, "--rotate-all"],
        &["pause", conversation],
        &["resume", conversation],
        &["tokens", conversation, "--revoke-all"],
        &["tokens", conversation],
    ] {
        let run = scene.home.mab(words)?;
        assert_eq!(run.exit, Some(0), "{words:?}: {}", run.stderr);
        let verdict = scene.verify_at(&scene.home.data(), &[])?;
        assert_eq!((verdict.exit, &verdict.found[..]), (Some(0), &[][..]), "{words:?}: {verdict:?}");
        assert_eq!(verdict.warnings, Vec::<String>::new(), "{words:?}");
    }
    Ok(())
}

#[test]
fn conversation_when_cleaned_up_keeps_a_chain_that_is_proven() -> Anything {
    let scene = Scene::new()?;
    let connection = Connection::open(scene.home.data().join("bridge.db"))?;
    connection.execute("UPDATE conversation SET expires_at = 1 WHERE pk = 1", [])?;
    connection.close().map_err(|(_, error)| error)?;
    assert_eq!(scene.home.mab(&["cleanup"])?.exit, Some(0));
    let verdict = scene.verify_at(&scene.home.data(), &[])?;
    assert_eq!((verdict.exit, &verdict.found[..]), (Some(0), &[][..]), "{verdict:?}");
    // What says to have been cleaned up and was not is found as well.
    let copy = scene.copy()?;
    copy.sql("UPDATE conversation SET purged_at = NULL WHERE pk = 1")?;
    scene.assert_found(&copy, &[], "message_missing", Some(3))
}
