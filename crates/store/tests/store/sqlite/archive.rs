//! A file that is only looked at stays as it is, and nothing comes to lie beside it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use mab_core::{
    Code, Failure,
    evidence::{Examination, Examined, Finding, Kind, MarksChecked},
    policy::Action,
};
use mab_store::{
    AuditQuery, Store,
    sqlite::{Options, SqliteStore},
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{SqliteEngine, connect, opening::content, options};
use crate::kit::{Kit, MockClock, operator, refused, run};

fn look(options: Options, keyed: bool) -> Result<SqliteStore, Failure> {
    SqliteStore::open_read_only(options, keyed, Arc::default(), MockClock::starting())
}

fn examined(store: &SqliteStore) -> Examined {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.examine(Examination::default())).unwrap()
}

/// A closed database with one conversation.
struct Closed {
    folder: TempDir,
}

impl Closed {
    fn path(&self) -> PathBuf {
        self.folder.path().join("bridge.db")
    }
}

fn closed() -> Closed {
    let closed = Closed { folder: TempDir::new().unwrap() };
    run(SqliteEngine::at(&closed.path()), async |kit: &Kit| {
        let room = kit.room(2).await;
        kit.send(&room, "a", "x").await;
    });
    // The writer and the reader end on threads of their own; the last one to close empties the log.
    connect(&closed.path()).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    closed
}

fn kinds(examined: &Examined) -> Vec<Kind> {
    examined.chains.iter().flat_map(|chain| chain.findings.iter().map(|finding| finding.kind)).collect()
}

fn assert_untouched(path: &Path, opened: &str) {
    let folder = path.parent().unwrap();
    let before = content(folder);
    let found = examined(&look(options(path), true).unwrap());
    assert_eq!((found.opened, found.marks, kinds(&found)), (opened, MarksChecked::Checked, vec![]));
    let after = content(folder);
    assert!(before.keys().eq(after.keys()), "nothing may be created");
    assert_eq!(before.get("bridge.db"), after.get("bridge.db"));
}

#[test]
fn file_when_nobody_has_it_open_is_read_as_immutable() {
    let engine = closed();
    assert_untouched(&engine.path(), "immutable");
    let folder = engine.folder.path();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o500)).unwrap();
    assert_untouched(&engine.path(), "immutable");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn file_when_a_bridge_has_it_open_is_read_beside_it() {
    let engine = SqliteEngine::fresh();
    let path = engine.path();
    run(engine, async |kit: &Kit| {
        let room = kit.room(2).await;
        kit.send(&room, "a", "x").await;
        tokio::task::spawn_blocking(move || assert_untouched(&path, "read-only")).await.unwrap();
        kit.send(&room, "a", "and it goes on").await;
    });
}

#[test]
fn log_without_its_index_is_read_from_a_copy_and_nothing_is_created_beside_it() {
    let (engine, folder) = (SqliteEngine::fresh(), TempDir::new().unwrap());
    let (from, to) = (engine.path(), folder.path().join("bridge.db"));
    run(engine, async |kit: &Kit| {
        let room = kit.room(2).await;
        kit.send(&room, "a", "only in the log").await;
        for suffix in ["", "-wal"] {
            let name = |path: &Path| format!("{}{suffix}", path.display());
            fs::copy(name(&from), name(&to)).unwrap();
        }
    });
    assert_untouched(&to, "copy");
    let found = examined(&look(options(&to), true).unwrap());
    assert_eq!(found.chains.last().unwrap().entries, 2);
}

#[test]
fn file_when_a_log_appears_while_it_is_read_is_said_to_be_busy() {
    let engine = closed();
    let store = look(options(&engine.path()), true).unwrap();
    fs::write(engine.path().with_file_name("bridge.db-wal"), [0; 40]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let denied = refused(runtime.block_on(store.examine(Examination::default())));
    assert_eq!(denied.code, Code::Busy);
}

#[test]
fn changes_are_refused_when_only_looked_at() {
    let engine = closed();
    let path = engine.path();
    run(SqliteEngine::at(&path), async |kit: &Kit| {
        let room = kit.newest_room().await;
        let store = look(options(&path), true).unwrap();
        let stamp = kit.stamp(&room, "a", Action::Check).await;
        assert_eq!(refused(store.charge(stamp).await).code, Code::ReadOnly);
        assert_eq!(refused(store.purge(operator(Action::Cleanup)).await).code, Code::ReadOnly);
        let rows = store.audit(AuditQuery { limit: 9, ..AuditQuery::default() }).await.unwrap().rows;
        assert_eq!(rows.len(), 2);
    });
}

#[test]
fn marks_without_the_key_or_with_another_one_are_not_checked_and_that_is_said() {
    let engine = closed();
    let forge = "UPDATE audit SET mark = zeroblob(16) WHERE key = (1 << 32) + 2";
    connect(&engine.path()).execute(forge, []).unwrap();
    let found = |options: Options, keyed: bool| {
        let found = examined(&look(options, keyed).unwrap());
        (found.marks, kinds(&found))
    };
    let other = Options { master_fingerprint: [1; 8], ..options(&engine.path()) };
    assert_eq!(found(options(&engine.path()), true), (MarksChecked::Checked, vec![Kind::Forged]));
    assert_eq!(found(options(&engine.path()), false), (MarksChecked::NoKey, vec![]));
    assert_eq!(found(other, true), (MarksChecked::WrongKey, vec![]));
}

#[test]
fn databases_of_older_versions_are_read_as_they_are() {
    for version in [1, 2] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("bridge.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(include_str!("../../../src/sqlite/schema/0001.sql")).unwrap();
        if version > 1 {
            connection.execute_batch(include_str!("../../../src/sqlite/schema/0002.sql")).unwrap();
        }
        connection.pragma_update(None, "application_id", 0x6d61_6230).unwrap();
        connection.pragma_update(None, "user_version", version).unwrap();
        let head = mab_core::audit::genesis(None);
        let sql = "INSERT INTO conversation (pk, id, created_at, expires_at, audit_n, audit_head) VALUES (0, zeroblob(8), 0, 0, 1, ?1)";
        connection.execute(sql, [head]).unwrap();
        drop(connection);
        let found = examined(&look(options(&path), false).unwrap());
        assert_eq!((found.schema, found.marks), (version, MarksChecked::NoKey));
        assert_eq!(found.chains[0].findings, [Finding::new(Kind::Truncated).at(1).to(1)]);
        assert_eq!(
            Connection::open(&path).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)),
            Ok(version)
        );
    }
}
