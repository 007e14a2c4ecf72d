//! Opens a file to look at it: nothing is written, and nothing is created beside it.
//!
//! ```text
//! log and its index are there    mode=ro       another process may be writing; SQLite's locks are respected
//! no log                         immutable=1   nothing is locked: the file must stay as it is, which is looked at after
//! log without its index          a copy        SQLite would create the index: both are copied to a private temporary folder
//! rollback journal               refused       the file is in the middle of a change that only writing to it takes back
//! ```
//!
//! A log loses its index when a process ends while SQLite closes the file, and when somebody copies the two without it.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use mab_core::Failure;
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use tempfile::TempDir;

use super::{
    connection::{file_failure, real_path},
    error::{failure, read_only, wrong_store},
    options::Options,
    schema,
};

/// As another process may be writing to it.
pub(super) const SHARED: &str = "read-only";
/// As nobody writes to it.
pub(super) const IMMUTABLE: &str = "immutable";

/// As a copy of the file and its log.
pub(super) const COPY: &str = "copy";

/// A file that is only looked at.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// How it is read.
    pub(super) how: &'static str,
    /// Where the copy lies; removed with this.
    pub(super) copy: Option<TempDir>,
}

/// Opens the file.
pub(super) fn open(options: &Options) -> Result<Opened, Failure> {
    let path = real_path(&options.path);
    if beside(&path, "-journal").is_some_and(|bytes| bytes > 0) {
        return Err(read_only("a rollback journal lies beside the database, and no mab wrote it").into());
    }
    let (how, copy) = match (beside(&path, "-wal"), beside(&path, "-shm")) {
        (Some(_), Some(_)) => (SHARED, None),
        (None, _) | (Some(0), None) => (IMMUTABLE, None),
        (Some(1..), None) => (COPY, Some(copied(&path).map_err(file_failure)?)),
    };
    let place = copy.as_ref().map_or(path, |folder| folder.path().join(COPIED));
    let connection = connect(&place, how).map_err(|source| failure("opening the database", source))?;
    schema::check_owner(&connection)?;
    if schema::is_unmade(&connection)? {
        return Err(wrong_store("the file is empty, not a mab database").into());
    }
    let busy = Duration::from_millis(options.busy_timeout_ms);
    connection.busy_timeout(busy).map_err(|source| failure("setting up the reader", source))?;
    Ok(Opened { connection, how, copy })
}

/// The name of a copy.
const COPIED: &str = "copy.db";

/// Copies a file and its log to a folder that nobody else can enter.
fn copied(path: &Path) -> io::Result<TempDir> {
    let folder = TempDir::new()?;
    fs::copy(path, folder.path().join(COPIED))?;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::copy(Path::new(&log), folder.path().join(format!("{COPIED}-wal")))?;
    Ok(folder)
}

fn connect(path: &Path, how: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_URI;
    let mode = if how == IMMUTABLE { "immutable=1" } else { "mode=ro" };
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
