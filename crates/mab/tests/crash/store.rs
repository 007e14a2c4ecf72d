//! The database from outside: what is in it, when it changes, and what a server that writes has to wait for.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use crate::client::until;

/// A connection beside the servers' own.
pub(crate) struct Store {
    connection: Connection,
    path: PathBuf,
}

/// Keeps servers waiting until it is dropped.
pub(crate) enum Hold {
    /// Before their turn.
    Turn { _file: File },
    /// In their turn, before their transaction.
    Transaction { _connection: Connection },
}

impl Store {
    pub(crate) fn open(data_dir: &Path) -> Self {
        let path = data_dir.join("bridge.db");
        Self { connection: Connection::open(&path).unwrap(), path }
    }

    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Messages ever stored.
    pub(crate) fn messages(&self) -> u64 {
        self.number("SELECT last_seq FROM conversation WHERE pk = 1").cast_unsigned()
    }

    /// The receiver's inbox: numbers, and how often each was handed out.
    pub(crate) fn inbox(&self) -> Vec<(u64, u64)> {
        let sql = "SELECT seq, offers FROM inbox WHERE agent = 2 ORDER BY seq";
        let mut statement = self.connection.prepare(sql).unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let rows = statement.query_map([], row).unwrap().map(Result::unwrap);
        rows.map(|(seq, offers)| (seq.cast_unsigned(), offers.cast_unsigned())).collect()
    }

    /// The newest message the receiver has acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.number("SELECT coalesce(acknowledged_seq, 0) FROM agent WHERE pk = 2").cast_unsigned()
    }

    /// Changes with every commit of another connection.
    pub(crate) fn version(&self) -> i64 {
        self.number("PRAGMA data_version")
    }

    /// Empties the log, so that its first byte shows that somebody writes.
    pub(crate) fn empty_log(&self) {
        assert_eq!(self.number("PRAGMA wal_checkpoint(TRUNCATE)"), 0, "somebody else is busy");
    }

    pub(crate) fn log_bytes(&self) -> u64 {
        fs::metadata(self.beside("-wal")).map_or(0, |file| file.len())
    }

    /// Holds the turn to write.
    pub(crate) fn hold_turn(&self) -> Hold {
        let file = File::open(self.beside("-turn")).unwrap();
        file.lock().unwrap();
        Hold::Turn { _file: file }
    }

    /// Holds the write transaction.
    pub(crate) fn hold_transaction(&self) -> Hold {
        let connection = Connection::open(&self.path).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Hold::Transaction { _connection: connection }
    }

    /// Waits until a server stands in the queue for its turn, or has it.
    pub(crate) fn await_taken(&self, lock: &str) {
        let file = File::open(self.beside(lock)).unwrap();
        until("a server that writes waits for its turn", || match file.try_lock() {
            Ok(()) => {
                file.unlock().unwrap();
                false
            }
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(error)) => panic!("{error}"),
        });
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }
}
