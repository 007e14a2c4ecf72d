//! The floor: what SQLite itself needs for the same rows.

use std::{path::Path, time::Instant};

use rusqlite::{Connection, params};

use crate::figures::Figures;

const SCHEMA: &str = include_str!("../../../store/src/sqlite/schema/0001.sql");

/// Commits of the rows of one send, one after the other, durable.
pub(crate) fn commits(path: &Path, count: i64) -> Figures {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    connection
        .execute_batch(
            "INSERT INTO conversation (pk, id, created_at, expires_at, audit_head) VALUES (1, x'01', 0, 0, zeroblob(32));
             INSERT INTO agent (pk, conversation, ordinal, session, permission) VALUES (1, 1, 0, 'a', 'owner');
             INSERT INTO agent (pk, conversation, ordinal, session, permission) VALUES (2, 1, 1, 'b', 'member');",
        )
        .unwrap();
    let mut figures = Figures::default();
    for n in 1..=count {
        let started = Instant::now();
        send(&connection, n);
        figures.push(started.elapsed());
    }
    figures
}

fn send(connection: &Connection, n: i64) {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql).unwrap().execute(values).unwrap();
    };
    let (key, body) = ((1_i64 << 32) + n, [7_u8; 345]);
    run("BEGIN IMMEDIATE", &[]);
    run("INSERT INTO accepted (subject, kind, n, at) VALUES (1, 0, ?1, ?1)", &[&n]);
    run(
        "UPDATE conversation SET last_seq = last_seq + 1, size_bytes = size_bytes + 345, audit_n = ?1, audit_head = ?2 WHERE pk = 1",
        params![n, [9_u8; 32]],
    );
    run(
        "INSERT INTO message (key, tag, sender, audience, at, action_type, body) VALUES (?1, x'0011223344556677', 0, 2, ?1, 'info', ?2)",
        params![key, body],
    );
    run("INSERT INTO inbox (agent, seq) VALUES (2, ?1)", &[&n]);
    run("UPDATE agent SET unread = unread + 1 WHERE pk = 2", &[]);
    run(
        "INSERT INTO audit (key, at, actor, action, outcome, detail, hash) VALUES (?1, ?1, 'a', 'send', 'ok', ?2, ?3)",
        params![key, "x".repeat(180), [9_u8; 32]],
    );
    run("COMMIT", &[]);
}

/// Puts messages that everybody has read into the newest conversation of a bridge's database.
pub(crate) fn store_messages(path: &Path, count: i64) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE;").unwrap();
    let mut insert = connection
        .prepare(
            "INSERT INTO message (key, tag, sender, audience, at, action_type, body)
             SELECT (max(pk) << 32) + ?1, x'0011223344556677', 0, 2, 0, 'info', zeroblob(345) FROM conversation",
        )
        .unwrap();
    for n in 1..=count {
        insert.execute([n]).unwrap();
    }
    connection.execute_batch("UPDATE conversation SET last_seq = (SELECT count(*) FROM message) WHERE pk > 0; COMMIT; PRAGMA wal_checkpoint(TRUNCATE);").unwrap();
}
