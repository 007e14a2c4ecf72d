//! Opens connections: version, ownership, pragmas, migrations.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use mab_core::{Clock, Code, Denied, Failure, Fault};
use rusqlite::{Connection, MAIN_DB, OpenFlags, config::DbConfig};

use super::{
    error::{failure, read_only, wrong_store},
    options::Options,
    schema,
};

/// Oldest SQLite that several processes may write with: before it, two connections that write and checkpoint at
/// once can corrupt the log (sqlite.org/wal.html#walresetbug).
const OLDEST_SAFE_VERSION: i32 = 3_051_003;

/// Statements kept prepared per connection; more than the engine has.
const STATEMENT_CACHE: usize = 160;

/// Opens the writer's connection to a file that is ours; creates it, empty, when it does not exist. Until
/// [`prepare_writer`], nothing is written to it.
pub(super) fn open_writer(options: &Options) -> Result<Connection, Failure> {
    if rusqlite::version_number() < OLDEST_SAFE_VERSION {
        return Err(wrong_store(format!("SQLite {} can corrupt shared files", rusqlite::version())).into());
    }
    create_private_file(&options.path)?;
    let connection = open(options)?;
    if connection.is_readonly(MAIN_DB).map_err(|source| failure("opening the database", source))? {
        return Err(read_only("the database file cannot be written").into());
    }
    schema::check_owner(&connection)?;
    Ok(connection)
}

/// Makes the writer's connection ready; migrates the file when needed.
pub(super) fn prepare_writer(
    connection: &mut Connection,
    options: &Options,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(|source| failure("switching to write-ahead logging", source))?;
    if mode != "wal" {
        return Err(read_only("the file system does not support write-ahead logging").into());
    }
    connection
        .execute_batch("PRAGMA secure_delete = ON; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;")
        .map_err(|source| failure("setting up the writer", source))?;
    schema::migrate(connection, options, clock.now())
}

/// Opens the reader's connection to a file that the writer has prepared.
pub(super) fn open_reader(options: &Options) -> Result<Connection, Failure> {
    let connection = open(options)?;
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;")
        .map_err(|source| failure("setting up the reader", source))?;
    Ok(connection)
}

fn open(options: &Options) -> Result<Connection, Failure> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(real_path(&options.path), flags)?;
        connection.busy_timeout(Duration::from_millis(options.busy_timeout_ms))?;
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        // Without it the planner looks at bound values, and parses most statements again for every new value.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // The schema has neither; what somebody else planted does not run.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
        Ok(connection)
    };
    open().map_err(|source| failure("opening the database", source))
}

/// The path with links in its folder resolved: `NOFOLLOW` then refuses only a linked file.
pub(super) fn real_path(path: &Path) -> std::path::PathBuf {
    let resolve = || Some(fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?));
    resolve().unwrap_or_else(|| path.to_path_buf())
}

/// Creates the file for its owner only; SQLite gives its log the same permissions. One that exists is not opened:
/// closing it again would drop the locks that other connections of this process hold on it (POSIX `fcntl`).
fn create_private_file(path: &Path) -> Result<(), Failure> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => check_file(path),
        Err(source) => Err(file_failure(source)),
    }
}

/// Refuses what is no file of its own: a folder, or a link that could lead to somebody else's file.
fn check_file(path: &Path) -> Result<(), Failure> {
    let kind = fs::symlink_metadata(path).map_err(file_failure)?.file_type();
    if kind.is_symlink() {
        return Err(read_only("the database file is a link").into());
    }
    if kind.is_dir() {
        return Err(wrong_store("the database path is a folder").into());
    }
    Ok(())
}

/// What a file error means to the operator.
pub(super) fn file_failure(source: io::Error) -> Failure {
    use io::ErrorKind as Kind;
    let kind = source.kind();
    if matches!(kind, Kind::PermissionDenied | Kind::ReadOnlyFilesystem) {
        return read_only("the database file cannot be written").into();
    }
    if matches!(kind, Kind::NotFound | Kind::NotADirectory) {
        return read_only("the folder of the database does not exist").into();
    }
    if matches!(kind, Kind::StorageFull | Kind::QuotaExceeded) {
        return Denied::new(Code::StorageFull, "the disk is full").hint("free space on it").into();
    }
    Fault::from_source("opening the database file", source).into()
}
