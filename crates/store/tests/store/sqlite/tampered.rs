//! Somebody who may write the database, and has no key: whatever it does to the rows of commands, of what lets them run
//! and of who agreed, the chain tells.

use std::path::Path;

use mab_core::{
    Code,
    agent::Permission,
    entity::{CodeUse, NewApprover, Says},
    evidence::{Examination, Kind},
    execution::{PENDING_S, RunState},
    policy::Action,
};
use rusqlite::{Connection, types::Value};

use super::{SqliteEngine, connect};
use crate::{
    commands::{NO, Person, Wanted},
    kit::{Kit, LIFE_S, Room, operator, refused, run},
};

/// Where commands are, and what lets them run.
const TABLES: [&str; 5] = ["run", "vote", "terms", "approver", "agent"];

/// What an attacker leaves alone, because nothing follows from it: numbers of rows that nothing refers to.
const OF_NO_MEANING: [(&str, &str); 1] = [("run", "pk")];

async fn vote(kit: &Kit, room: &Room, session: &str, wanted: Wanted) {
    let stamp = kit.stamp(room, session, Action::Approve).await;
    kit.answer_with(stamp, room, wanted, Says::Vote { quorum: 2 }).await.unwrap();
}

/// A conversation with commands at every step of their way, and one beside it in which nothing is enabled.
async fn lived(kit: &Kit) -> Room {
    let (room, person) = kit.enabled(3).await;
    kit.room(2).await;
    for session in ["p", "q"] {
        let agent = kit.new_agent(&room, session, Permission::Approver);
        kit.store.invite(kit.stamp(&room, "a", Action::Invite).await, agent).await.unwrap();
    }
    for _ in 0..3 {
        let denied = kit.ask(&room, "c").await;
        kit.answer(&room, denied, NO).await.unwrap();
    }
    let denied = kit.ask(&room, "a").await;
    kit.answer(&room, denied, NO).await.unwrap();
    for ends in [true, false] {
        let runs = kit.approved(&room, "b", &person).await;
        let agreed = kit.proof(&room, &person, runs).await;
        kit.start(&room, "b", (runs, agreed)).await.unwrap();
        if ends {
            kit.end(&room, runs, RunState::Finished).await.unwrap();
        }
    }
    kit.approved(&room, "b", &person).await;
    let voted = kit.ask(&room, "b").await;
    vote(kit, &room, "p", voted).await;
    kit.clock.pass_s(1);
    vote(kit, &room, "q", voted).await;
    let elicited = kit.ask(&room, "a").await;
    let stamp = kit.stamp(&room, "a", Action::Execute).await;
    kit.answer_with(stamp, &room, elicited, Says::Elicited).await.unwrap();
    let withdrawn = kit.ask(&room, "a").await;
    let stamp = kit.stamp(&room, "a", Action::Execute).await;
    kit.store.withdraw_run(stamp, withdrawn.id, kit.notice(&room, "taken back")).await.unwrap();
    kit.try_ask(&room, "b", kit.new_run(&room, RunState::Running)).await.unwrap();
    let waits = kit.ask(&room, "a").await;
    vote(kit, &room, "p", waits).await;
    for used in [CodeUse::Right(7), CodeUse::Wrong] {
        kit.store.use_code(operator(Action::ManageApprover), used).await.unwrap();
    }
    room
}

/// What `mab audit verify` finds, but for warnings.
async fn found(kit: &Kit) -> Vec<String> {
    let examined = kit.store.examine(Examination::default()).await.unwrap();
    let of_chains = examined.chains.into_iter().flat_map(|report| report.findings);
    let all = examined.findings.into_iter().chain(of_chains);
    all.filter(|finding| !finding.kind.is_warning())
        .map(|it| format!("{}: {}", it.kind, it.what.unwrap_or_default()))
        .collect()
}

/// Another value of the same type.
fn flipped(value: &Value, kind: &str) -> Value {
    match (value, kind) {
        (Value::Null, "INTEGER") => Value::Integer(1),
        (Value::Null, "TEXT") => Value::Text("x".to_owned()),
        (Value::Null, _) => Value::Blob(vec![1]),
        (Value::Integer(number), _) => Value::Integer(number + 1_000),
        (Value::Text(text), _) => Value::Text(if text == "denied" { "pending" } else { "denied" }.to_owned()),
        (Value::Blob(bytes), _) => {
            let mut other = bytes.clone();
            other[0] ^= 1;
            Value::Blob(other)
        }
        (Value::Real(_), _) => panic!("there are no such columns"),
    }
}

/// The rows of a table, as SQL names them, and its columns with their types.
fn rows_and_columns(file: &Connection, table: &str) -> (Vec<String>, Vec<(String, String)>) {
    let mut columns = file.prepare(&format!("PRAGMA table_info({table})")).unwrap();
    let columns = columns.query_map([], |row| Ok((row.get(1)?, row.get(2)?))).unwrap();
    let name =
        if table == "vote" { "'run = ' || run || ' AND agent = ' || agent" } else { "'rowid = ' || rowid" };
    let mut rows = file.prepare(&format!("SELECT {name} FROM {table}")).unwrap();
    let rows = rows.query_map([], |row| row.get(0)).unwrap();
    (rows.map(Result::unwrap).collect(), columns.map(Result::unwrap).collect())
}

/// Does it, says what is found, and takes it back.
async fn tampering(
    kit: &Kit,
    file: &Connection,
    (table, sql): (&str, &str),
    value: Option<Value>,
) -> Vec<String> {
    file.execute_batch(&format!("CREATE TEMP TABLE kept AS SELECT * FROM {table}")).unwrap();
    let changed = file.execute(sql, rusqlite::params_from_iter(value)).unwrap();
    assert!(changed > 0, "{sql}");
    let found = found(kit).await;
    let put_back = format!(
        "BEGIN; DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept; COMMIT; DROP TABLE kept"
    );
    file.execute_batch(&put_back).unwrap();
    found
}

/// The file, to be written behind the store's back, with nothing that keeps anybody from anything.
fn opened(path: &Path) -> Connection {
    let file = connect(path);
    file.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF").unwrap();
    file
}

#[test]
fn every_column_of_what_lets_commands_run_when_changed_is_found() {
    let engine = SqliteEngine::fresh();
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        lived(kit).await;
        assert_eq!(found(kit).await, Vec::<String>::new());
        let file = opened(&path);
        for table in TABLES {
            let (rows, columns) = rows_and_columns(&file, table);
            assert!(!rows.is_empty(), "{table}");
            for (row, (column, kind)) in rows.iter().flat_map(|row| columns.iter().map(move |it| (row, it))) {
                let is_meant = match table {
                    "agent" => ["denials", "execution_locked_at"].contains(&column.as_str()),
                    "approver" => column != "one",
                    _ => !OF_NO_MEANING.contains(&(table, column)),
                };
                if !is_meant {
                    continue;
                }
                let sql = format!("SELECT {column} FROM {table} WHERE {row}");
                let value: Value = file.query_row(&sql, [], |row| row.get(0)).unwrap();
                let sql = format!("UPDATE {table} SET {column} = ?1 WHERE {row}");
                let found = tampering(kit, &file, (table, &sql), Some(flipped(&value, kind))).await;
                assert_ne!(found, Vec::<String>::new(), "{sql}: {value:?}");
            }
        }
        assert_eq!(found(kit).await, Vec::<String>::new());
    });
}

#[test]
fn rows_of_commands_when_put_in_taken_away_or_brought_back_are_found() {
    let engine = SqliteEngine::fresh();
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        lived(kit).await;
        let file = opened(&path);
        for (sql, what) in [
            ("DELETE FROM run WHERE state = 'denied' AND pk = 1", "not there, recorded: asked for"),
            ("DELETE FROM run", "not there, recorded: asked for"),
            (
                "INSERT INTO run (id, conversation, agent, state, hash, created_at, expires_at)
                 SELECT x'0102030405060708', conversation, agent, 'approved', hash, created_at, expires_at FROM run
                 WHERE pk = 1",
                "there, recorded: not asked for",
            ),
            (
                "INSERT INTO run (id, conversation, agent, state, hash, created_at, expires_at)
                 SELECT x'0102030405060708', 99, agent, 'approved', hash, created_at, expires_at FROM run WHERE pk = 1",
                "a command of no conversation",
            ),
            (
                "UPDATE run SET conversation = (SELECT max(pk) FROM conversation) WHERE pk = 1",
                "not there, recorded: asked for",
            ),
            ("DELETE FROM vote", "votes of"),
            ("INSERT INTO vote SELECT 1, agent, at, boot, uptime_ms FROM vote LIMIT 1", "votes of"),
            ("INSERT INTO vote SELECT 99, agent, at, boot, uptime_ms FROM vote LIMIT 1", "a vote on no command"),
            ("DELETE FROM terms", "commands: not enabled, recorded: enabled"),
            (
                "INSERT INTO terms SELECT (SELECT max(pk) FROM conversation), terms, signature, key, expires_at FROM terms",
                "commands: enabled, recorded: not enabled",
            ),
            ("INSERT INTO terms SELECT 99, terms, signature, key, expires_at FROM terms", "terms of no conversation"),
            ("DELETE FROM approver", "no approver, recorded: one"),
            ("UPDATE agent SET execution_locked_at = NULL", "lock of c: not as recorded"),
            ("UPDATE agent SET denials = 0, execution_locked_at = NULL", "denials of a: 0, recorded: 1"),
        ] {
            let table = sql.split(' ').find(|word| TABLES.contains(word)).unwrap();
            let found = tampering(kit, &file, (table, sql), None).await;
            assert!(found.iter().any(|it| it.contains(what)), "{sql}: {found:?}");
        }
    });
}

#[test]
fn terms_that_were_ended_when_brought_back_are_found() {
    let engine = SqliteEngine::fresh();
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        let room = lived(kit).await;
        let file = opened(&path);
        file.execute_batch("CREATE TEMP TABLE kept AS SELECT * FROM terms").unwrap();
        kit.disable(&room).await.unwrap();
        assert_eq!(found(kit).await, Vec::<String>::new());
        kit.edit("UPDATE meta SET value = value WHERE 0");
        file.execute("INSERT INTO terms SELECT * FROM kept", []).unwrap();
        let found = found(kit).await;
        assert_eq!(found, ["state_mismatch: commands: enabled, recorded: not enabled"]);
    });
}

#[test]
fn state_whose_time_is_over_is_no_finding() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let room = lived(kit).await;
        kit.clock.pass_s(PENDING_S);
        assert_eq!(found(kit).await, Vec::<String>::new());
        kit.clock.pass_s(LIFE_S);
        assert!(kit.disable(&room).await.is_ok());
        assert_eq!(found(kit).await, Vec::<String>::new());
        kit.store.purge(operator(Action::Cleanup)).await.unwrap();
        assert_eq!(found(kit).await, Vec::<String>::new());
    });
}

/// What is changed between two steps, which the program then goes on from: the entries themselves tell.
#[test]
fn command_that_goes_on_from_a_changed_row_is_found_at_its_entry() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let (room, person) = kit.enabled(2).await;
        let wanted = kit.approved(&room, "b", &person).await;
        let agreed = kit.proof(&room, &person, wanted).await;
        kit.answer(&room, wanted, NO).await.unwrap();
        assert_eq!(kit.edit("UPDATE run SET state = 'approved'"), 1);
        kit.start(&room, "b", (wanted, agreed)).await.unwrap();
        kit.edit("UPDATE run SET decided_at = started_at, ended_at = started_at");
        let at = kit.state(&room).await.audit_entries;
        let report = kit.examined(Some(room.id)).await.remove(0);
        let finding = report.findings.first().unwrap();
        let what = format!("{}: started, before: denied", wanted.id);
        assert_eq!((finding.n, finding.what.as_deref()), (Some(at), Some(what.as_str())));
    });
}

/// Whatever is as it was again, the entry of what happened meanwhile tells.
async fn is_found_at_the_newest_entry(kit: &Kit, room: Option<&Room>, what: &str) {
    let room = room.map(|room| room.id);
    let chains = kit.examined(None).await;
    let chain = chains.into_iter().find(|chain| chain.conversation == room).unwrap();
    let found: Vec<_> =
        chain.findings.iter().map(|it| (it.n, it.what.as_deref().unwrap_or_default())).collect();
    assert_eq!(found, [(Some(chain.entries), what)]);
}

#[test]
fn approver_whose_row_was_taken_away_is_replaced_loudly_or_not_at_all() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        kit.enrolled().await;
        kit.edit("DELETE FROM approver");
        let next = Person::draw(kit);
        let enroll = |new| kit.store.enroll(operator(Action::ManageApprover), new);
        let denied = refused(enroll(next.new_approver(None)).await);
        assert_eq!(denied.code, Code::Conflict);
        assert!(denied.message.contains("the audit trail knows an approver"), "{}", denied.message);
        assert!(denied.hint.unwrap().contains("--replace --forgotten"));
        assert_eq!(kit.store.approver().await.unwrap(), None);
        enroll(NewApprover { forgotten: true, ..next.new_approver(None) }).await.unwrap();
        let entry = kit.audit(None, 1).await.remove(0).entry;
        assert!(entry.detail.contains(r#""step":"replaced""#), "{}", entry.detail);
        assert_eq!(found(kit).await, Vec::<String>::new());
        // Whoever takes the entries' word away as well enrols as the first, and is found.
        kit.edit("DELETE FROM approver");
        kit.edit("UPDATE audit SET action = 'inspect' WHERE action = 'manage_approver'");
        enroll(next.new_approver(None)).await.unwrap();
        assert_ne!(found(kit).await, Vec::<String>::new());
    });
}

#[test]
fn code_when_used_again_after_its_number_was_put_back_is_found() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        kit.enrolled().await;
        let stamp = || operator(Action::ManageApprover);
        kit.store.use_code(stamp(), CodeUse::Right(7)).await.unwrap();
        kit.edit("UPDATE approver SET code_step = 0");
        kit.store.use_code(stamp(), CodeUse::Right(7)).await.unwrap();
        is_found_at_the_newest_entry(kit, None, "a one-time code that cannot follow the one before").await;
    });
}

#[test]
fn tables_of_commands_when_taken_away_with_the_schemas_number_are_found() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let room = lived(kit).await;
        for sql in [
            "DROP INDEX run_of; DROP INDEX run_open; DROP INDEX terms_until; DROP INDEX agent_locked",
            "DROP TABLE vote; DROP TABLE run; DROP TABLE wish; DROP TABLE terms; DROP TABLE approver",
            "ALTER TABLE agent DROP COLUMN denials; ALTER TABLE agent DROP COLUMN execution_locked_at",
            "PRAGMA user_version = 4",
        ] {
            for sql in sql.split(';') {
                kit.edit(sql);
            }
        }
        let chains = kit.examined(None).await;
        for chain in chains.iter().filter(|it| it.conversation.is_none() || it.conversation == Some(room.id))
        {
            let kinds: Vec<_> = chain.findings.iter().map(|it| it.kind).collect();
            assert_eq!(kinds, [Kind::SchemaLowered]);
        }
    });
}

#[test]
fn command_of_an_observer_that_was_a_member_for_it_is_found() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let (room, _) = kit.enabled(2).await;
        let agent = kit.new_agent(&room, "o", Permission::Observer);
        kit.store.invite(kit.stamp(&room, "a", Action::Invite).await, agent).await.unwrap();
        assert_eq!(kit.edit("UPDATE agent SET permission = 'member' WHERE session = 'o'"), 1);
        let new = kit.new_run(&room, RunState::Running);
        let what = format!("{}: running, for one who may not", new.id);
        kit.try_ask(&room, "o", new).await.unwrap();
        assert_eq!(kit.edit("UPDATE agent SET permission = 'observer' WHERE session = 'o'"), 1);
        is_found_at_the_newest_entry(kit, Some(&room), &what).await;
    });
}

#[test]
fn yes_that_is_not_signed_is_found() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let (room, person) = kit.enabled(2).await;
        let wanted = kit.ask(&room, "a").await;
        let other = kit.ask(&room, "b").await;
        let yes = person.says_yes(kit, other);
        kit.answer(&room, wanted, yes).await.unwrap();
        let what = format!("{}: approved, and no approver signed it", wanted.id);
        kit.edit("UPDATE meta SET value = value WHERE 0");
        is_found_at_the_newest_entry(kit, Some(&room), &what).await;
    });
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let (room, person) = kit.enabled(2).await;
        let wanted = kit.ask(&room, "a").await;
        let Says::Signed { text, assurance, .. } = person.says_yes(kit, wanted) else { return };
        let signature = vec![0; 64];
        kit.answer(&room, wanted, Says::Signed { text, signature, assurance }).await.unwrap();
        let what = format!("{}: approved, and no approver signed it", wanted.id);
        kit.edit("UPDATE meta SET value = value WHERE 0");
        is_found_at_the_newest_entry(kit, Some(&room), &what).await;
    });
}

#[test]
fn terms_of_an_approver_that_was_replaced_are_found_when_it_was_put_back_for_them() {
    run(SqliteEngine::fresh(), async |kit: &Kit| {
        let room = kit.room(2).await;
        let first = kit.enrolled().await;
        kit.edit("CREATE TABLE kept AS SELECT * FROM approver");
        let next = Person::draw(kit);
        kit.store.enroll(operator(Action::ManageApprover), next.new_approver(Some(&first))).await.unwrap();
        kit.edit("CREATE TABLE now AS SELECT * FROM approver");
        kit.clock.pass_s(2);
        kit.edit("INSERT OR REPLACE INTO approver SELECT * FROM kept");
        kit.enable(&room, &first, LIFE_S).await.unwrap();
        kit.edit("INSERT OR REPLACE INTO approver SELECT * FROM now");
        kit.edit("DROP TABLE kept");
        kit.edit("DROP TABLE now");
        let what = "enabled, with a key that was not enrolled then";
        is_found_at_the_newest_entry(kit, Some(&room), what).await;
    });
}
