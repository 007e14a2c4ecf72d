//! What somebody does to the schema, to have the record read in another way than it was written.

use std::fs;

use rusqlite::Connection;

use crate::{
    home::Anything,
    scene::{Copy, Scene},
};

/// Takes what came with schemas 3 to 5 away.
const LOWERED: &str = "DROP TABLE vote; DROP TABLE run; DROP TABLE wish; DROP TABLE terms; DROP TABLE approver;
    DROP INDEX agent_locked; ALTER TABLE agent DROP COLUMN denials;
    ALTER TABLE agent DROP COLUMN execution_locked_at; DROP TABLE known; ALTER TABLE conversation DROP COLUMN known_n;
    ALTER TABLE message DROP COLUMN redactions; DROP INDEX conversation_grown; DROP TABLE held;
    ALTER TABLE audit DROP COLUMN mark; ALTER TABLE conversation DROP COLUMN anchored_n;
    ALTER TABLE conversation DROP COLUMN paused_by; ALTER TABLE conversation DROP COLUMN inbound;
    ALTER TABLE conversation DROP COLUMN limits; ALTER TABLE agent DROP COLUMN arrivals;
    DELETE FROM meta WHERE name = 'checkpoint'; PRAGMA user_version = 2";

/// Deletes the newest entry, with the message it tells of, from a database without marks: the chain holds without it.
const CUT: &str = "DELETE FROM message WHERE key = (SELECT max(key) FROM message);
    DELETE FROM audit WHERE key = (SELECT max(key) FROM audit);
    UPDATE conversation SET last_seq = last_seq - 1, audit_n = audit_n - 1,
      audit_head = (SELECT hash FROM audit ORDER BY key DESC LIMIT 1) WHERE pk = 1";

fn kinds(scene: &Scene, copy: &Copy, words: &[&str]) -> Anything<Vec<String>> {
    Ok(scene.verify(copy, words)?.found.into_iter().map(|(kind, _)| kind).collect())
}

#[test]
fn version_when_lowered_alone_is_found_and_no_bridge_writes_to_it() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    copy.sql("PRAGMA user_version = 2")?;
    scene.assert_found(&copy, &[], "schema_lowered", None)?;
    // The database tells by itself.
    fs::remove_file(copy.file("audit.anchor"))?;
    scene.assert_found(&copy, &[], "schema_lowered", None)?;
    let folder = copy.path().display().to_string();
    let run = scene.home.mab(&["list", "--data-dir", &folder])?;
    assert!(run.exit != Some(0) && run.stderr.contains("names an older schema"), "{}", run.stderr);
    Ok(())
}

#[test]
fn schema_when_lowered_is_found_and_its_entries_are_never_marked_anew() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    copy.sql(LOWERED)?;
    copy.sql(CUT)?;
    scene.assert_found(&copy, &[], "schema_lowered", None)?;
    let folder = copy.path().display().to_string();
    assert_eq!(scene.home.mab(&["list", "--data-dir", &folder])?.exit, Some(0));
    let connection = Connection::open(copy.file("bridge.db"))?;
    let marked: i64 =
        connection.query_row("SELECT count(*) FROM audit WHERE mark IS NOT NULL", [], |row| row.get(0))?;
    assert_eq!(marked, 0);
    assert!(kinds(&scene, &copy, &[])?.contains(&"unmarked".to_owned()));
    Ok(())
}

#[test]
fn schema_when_somebody_planted_changed_or_dropped_something_is_found() -> Anything {
    let scene = Scene::new()?;
    for (sql, what) in [
        ("CREATE INDEX evil ON agent (conversation, ordinal, session, permission)", "one more index"),
        ("CREATE TRIGGER evil AFTER INSERT ON message BEGIN DELETE FROM held; END", "one more trigger"),
        ("CREATE VIEW evil AS SELECT 1", "one more view"),
        ("DROP INDEX conversation_grown", "conversation_grown"),
        ("ALTER TABLE agent ADD COLUMN evil INTEGER", "agent"),
    ] {
        let copy = scene.copy()?;
        copy.sql(sql)?;
        scene.assert_found(&copy, &[], "schema_changed", None)?;
        let verdict = scene.verify(&copy, &[])?;
        assert_eq!(verdict.answer.pointer("/findings/0/what").and_then(|it| it.as_str()), Some(what));
    }
    Ok(())
}

#[test]
fn stale_index_when_planted_hides_nothing() -> Anything {
    let scene = Scene::new()?;
    let copy = scene.copy()?;
    copy.sql("CREATE INDEX evil ON agent (conversation, ordinal, session, permission, epoch, revoked_at)")?;
    let connection = Connection::open(copy.file("bridge.db"))?;
    let found = "SELECT rootpage, sql FROM sqlite_schema WHERE name = 'evil'";
    let (root, sql): (i64, String) = connection.query_row(found, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    connection.execute_batch("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'evil'")?;
    connection.close().map_err(|(_, error)| error)?;
    copy.sql("UPDATE agent SET permission = 'owner' WHERE session = 'b'")?;
    let connection = Connection::open(copy.file("bridge.db"))?;
    connection.execute_batch("PRAGMA writable_schema = ON")?;
    let plant = "INSERT INTO sqlite_schema VALUES ('index', 'evil', 'agent', ?1, ?2)";
    connection.execute(plant, (root, sql))?;
    connection.close().map_err(|(_, error)| error)?;
    assert_eq!(kinds(&scene, &copy, &[])?, ["schema_changed", "state_mismatch"]);
    Ok(())
}
