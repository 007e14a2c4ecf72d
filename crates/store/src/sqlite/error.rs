//! What a SQLite error means to a caller.

use mab_core::{Code, Denied, Failure, Fault};
use rusqlite::ErrorCode;

/// Turns an engine's error into a refusal where the caller or operator can act, else into a fault.
pub(super) fn failure(what: &'static str, source: rusqlite::Error) -> Failure {
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => busy().into(),
        Some(ErrorCode::DiskFull) => Denied::new(Code::StorageFull, "the disk is full; nothing was changed")
            .hint("free space on the data folder's disk, then call again")
            .into(),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            read_only("the database cannot be written; nothing was changed").into()
        }
        Some(ErrorCode::CannotOpen) => read_only("the database cannot be opened").into(),
        Some(ErrorCode::DatabaseCorrupt) => Denied::new(Code::WrongStore, "the database file is damaged")
            .hint("stop every mab, copy the data folder, and restore a backup; `mab doctor` tells more")
            .into(),
        Some(ErrorCode::NotADatabase) => wrong_store("the file is not a database").into(),
        Some(_) | None => Fault::from_source(what, source).into(),
    }
}

/// Somebody else holds the store.
pub(super) fn busy() -> Denied {
    Denied::new(Code::Busy, "another process holds the store; nothing was changed")
        .retry_after(1)
        .hint("call again; if it stays busy, look for a stopped `mab` process or a backup tool")
}

/// The store cannot be written.
pub(super) fn read_only(message: &'static str) -> Denied {
    Denied::new(Code::ReadOnly, message)
        .hint("run `mab doctor`: it names the file and the permission it needs")
}

/// The store is not ours.
pub(super) fn wrong_store(message: impl Into<String>) -> Denied {
    Denied::new(Code::WrongStore, message)
        .hint("choose another --data-dir or --db, or run the mab that made this one")
}
