//! Older databases get marks for what holds in them, and no file gets them twice.

use std::path::Path;

use mab_core::{
    Code,
    evidence::{Examination, Finding, Kind, MarksChecked},
};
use mab_store::{
    Store,
    sqlite::{Options, SqliteStore},
};
use tempfile::TempDir;

use super::{
    connect,
    kept::{KEPT, kept},
    options,
};
use crate::kit::{MockClock, refused};

/// What is found in a database of schema 2, after `sql`, once it was opened.
fn found(sql: &str, anchored: bool) -> Vec<Vec<Finding>> {
    found_in(2, sql, anchored)
}

fn found_in(schema: u32, sql: &str, anchored: bool) -> Vec<Vec<Finding>> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bridge.db");
    std::fs::copy(kept(schema), &path).unwrap();
    connect(&path).execute_batch(sql).unwrap();
    opened(&path, anchored)
}

fn opened(path: &Path, anchored: bool) -> Vec<Vec<Finding>> {
    let options = Options { anchored, ..options(path) };
    let store = SqliteStore::open(options, MockClock::starting()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let examined = runtime.block_on(store.examine(Examination::default())).unwrap();
    assert_eq!((examined.findings, examined.marks), (vec![], MarksChecked::Checked));
    examined.chains.into_iter().map(|chain| chain.findings).collect()
}

fn is_unmarked(found: &[Vec<Finding>]) -> bool {
    found.iter().all(|chain| chain.first() == Some(&Finding::new(Kind::Unmarked).at(1)))
}

#[test]
fn older_database_when_it_holds_is_marked() {
    for schema in KEPT {
        assert!(found_in(schema, "", false).iter().all(Vec::is_empty), "{schema}");
    }
}

#[test]
fn older_database_when_there_are_checkpoints_of_it_is_not_marked() {
    assert!(is_unmarked(&found("", true)));
    assert!(is_unmarked(&found("INSERT INTO meta VALUES ('checkpoint', x'00')", false)));
}

#[test]
fn older_chain_when_it_does_not_hold_is_marked_up_to_there() {
    let changed = "UPDATE audit SET actor = 'x' WHERE key = (1 << 32) + 2";
    let mut found = found(changed, false);
    assert_eq!(found.remove(1), [Finding::new(Kind::Changed).at(2)]);
    assert!(found.iter().all(Vec::is_empty), "the others are marked");
}

#[test]
fn file_when_it_names_an_older_schema_than_it_is_of_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bridge.db");
    drop(SqliteStore::open(options(&path), MockClock::starting()).unwrap());
    connect(&path).execute_batch("PRAGMA user_version = 2").unwrap();
    let denied = refused(SqliteStore::open(options(&path), MockClock::starting()).map(drop));
    assert_eq!(denied.code, Code::WrongStore);
    let version = connect(&path).query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0));
    assert_eq!(version.unwrap(), 2);
}
