//! SQLite as an engine of the tests: one folder with one file.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use mab_core::{Failure, audit::Marker};
use mab_store::{
    Store,
    sqlite::{Durability, Options, SqliteStore},
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::kit::{Engine, MockClock, master};

/// One file; in a folder of its own, which goes with it, unless it was there before.
pub(crate) struct SqliteEngine {
    path: PathBuf,
    busy_timeout_ms: u64,
    _folder: Option<TempDir>,
}

impl SqliteEngine {
    /// A folder with nothing in it.
    pub(crate) fn fresh() -> Self {
        let folder = TempDir::new().unwrap();
        let engine = Self::at(&folder.path().join("bridge.db"));
        Self { _folder: Some(folder), ..engine }
    }

    /// A file that is there, or will be, and stays.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf(), busy_timeout_ms: 5_000, _folder: None }
    }

    /// As [`Self::fresh`], with little patience.
    pub(crate) fn impatient(busy_timeout_ms: u64) -> Self {
        Self { busy_timeout_ms, ..Self::fresh() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

impl Engine for SqliteEngine {
    fn open(&self, clock: Arc<MockClock>) -> Result<Arc<dyn Store>, Failure> {
        let options = Options { busy_timeout_ms: self.busy_timeout_ms, ..options(&self.path()) };
        Ok(Arc::new(SqliteStore::open(options, clock)?))
    }

    fn edit(&self, sql: &str) -> usize {
        connect(&self.path()).execute(sql, []).unwrap()
    }

    fn number(&self, sql: &str) -> i64 {
        connect(&self.path()).query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

/// How the tests open a store.
pub(crate) fn options(path: &Path) -> Options {
    Options {
        path: path.to_path_buf(),
        durability: Durability::Full,
        busy_timeout_ms: 5_000,
        master_fingerprint: master().fingerprint().unwrap(),
        marker: Marker::new(&master()).unwrap(),
        anchored: false,
    }
}

/// A connection beside the store's own.
pub(crate) fn connect(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}
