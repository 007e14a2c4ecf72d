//! Opens a file to look at it: nothing is written, and nothing is created beside it.
//!
//! ```text
//! log and its index are there    mode=ro       another process may be writing; SQLite's locks are respected
//! no log                         immutable=1   nothing is locked: the file must stay as it is, which is looked at after
//! log without its index          refused       SQLite would create the index (tried with 3.53, 2026-11-22)
//! ```

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use mab_core::Failure;
use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    connection::real_path,
    error::{failure, read_only},
    options::Options,
    schema,
};

/// As another process may be writing to it.
pub(super) const SHARED: &str = "read-only";
/// As nobody writes to it.
pub(super) const IMMUTABLE: &str = "immutable";

/// Opens the file, and says how.
pub(super) fn open(options: &Options) -> Result<(Connection, &'static str), Failure> {
    let path = real_path(&options.path);
    let (log, index) = (beside(&path, "-wal"), beside(&path, "-shm"));
    let opened = match (log, index) {
        (Some(_), Some(_)) => SHARED,
        (None, _) | (Some(0), None) => IMMUTABLE,
        (Some(1..), None) => {
            return Err(read_only("the database has a log without its index, and nothing may be created")
                .hint("copy the file and its -wal to a folder of your own, run `mab list --db COPY` once, and verify the copy")
                .into());
        }
    };
    let connection = connect(&path, opened).map_err(|source| failure("opening the database", source))?;
    schema::check_owner(&connection)?;
    let busy = Duration::from_millis(options.busy_timeout_ms);
    connection.busy_timeout(busy).map_err(|source| failure("setting up the reader", source))?;
    Ok((connection, opened))
}

fn connect(path: &Path, opened: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_URI;
    let mode = if opened == IMMUTABLE { "immutable=1" } else { "mode=ro" };
    let connection = Connection::open_with_flags(format!("file:{}?{mode}", escaped(path)), flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;")?;
    Ok(connection)
}

/// The size of a file beside the database, when there is one.
fn beside(path: &Path, suffix: &str) -> Option<u64> {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    fs::metadata(Path::new(&name)).ok().map(|metadata| metadata.len())
}

/// The path as it stands in a URI (RFC 3986 §2.1), byte by byte.
fn escaped(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte);
    let escape = |byte: &u8| {
        if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
    };
    path.as_os_str().as_bytes().iter().map(escape).collect()
}

/// What shows that somebody has written to a file: whether there is a log, its length, when it was changed.
pub(super) type Traces = (bool, u64, i64, i64);

/// The traces of a file that is taken for immutable.
pub(super) fn traces(path: &Path) -> Option<Traces> {
    let path = real_path(path);
    let metadata = fs::metadata(&path).ok()?;
    let log = beside(&path, "-wal").is_some_and(|bytes| bytes > 0);
    Some((log, metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}
