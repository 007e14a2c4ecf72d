//! Numbered, embedded migrations, and the marks that tell whose file this is.
//!
//! To change the schema, add `schema/NNNN.sql`, append it to [`MIGRATIONS`], and keep a database of the version
//! before under `tests/`. A released migration is never edited.

use mab_core::{
    Failure, Timestamp,
    audit::{self, Hash, Marker},
};
use rusqlite::{Connection, TransactionBehavior, params};

use super::{
    error::{failure, wrong_store},
    options::Options,
};

/// `application_id` of our files: "mab0".
const APPLICATION_ID: i32 = 0x6d61_6230;

/// Every step, from an empty file on.
const MIGRATIONS: [&str; VERSION as usize] =
    [include_str!("schema/0001.sql"), include_str!("schema/0002.sql"), include_str!("schema/0003.sql")];

/// The version this program writes: the number of migrations.
pub(super) const VERSION: u32 = 3;

/// Refuses a file of another program or of a newer version, before anything is written to it.
pub(super) fn check_owner(connection: &Connection) -> Result<(), Failure> {
    // From one snapshot: another process may be creating the file.
    let marks = || -> rusqlite::Result<(i64, i64, i64)> {
        let snapshot = connection.unchecked_transaction()?;
        let read = |sql: &str| snapshot.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok((
            read("PRAGMA application_id")?,
            read("PRAGMA user_version")?,
            read("SELECT count(*) FROM sqlite_schema")?,
        ))
    };
    let (application, version, objects) =
        marks().map_err(|source| failure("reading the database's marks", source))?;
    if application != i64::from(APPLICATION_ID) && (application != 0 || objects != 0 || version != 0) {
        return Err(wrong_store("the database belongs to another program").into());
    }
    if version > i64::from(VERSION) {
        let message = format!("the database has schema {version}; this mab knows {VERSION}");
        return Err(wrong_store(message).into());
    }
    Ok(())
}

/// Whether nothing was ever made in the file.
pub(super) fn is_unmade(connection: &Connection) -> Result<bool, Failure> {
    let found = version(connection).map_err(|source| failure("reading the database's version", source))?;
    Ok(found == 0)
}

/// Whether there is nothing to migrate.
pub(super) fn is_current(connection: &Connection) -> Result<bool, Failure> {
    let found = version(connection).map_err(|source| failure("reading the database's version", source))?;
    Ok(found == VERSION)
}

/// Brings the file to [`VERSION`], in one transaction; safe when several processes start at once. A file that was made
/// with another master key is left as it is.
pub(super) fn migrate(connection: &mut Connection, options: &Options, now: Timestamp) -> Result<(), Failure> {
    let current = is_current(connection)?;
    let mut steps = || -> rusqlite::Result<bool> {
        if current {
            return is_ours(connection, options);
        }
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = version(&tx)?;
        if done > 0 && !is_ours(&tx, options)? {
            return Ok(false);
        }
        for step in MIGRATIONS.iter().skip(done as usize) {
            tx.execute_batch(step)?;
        }
        if done == 0 {
            seed(&tx, options.master_fingerprint, now)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", VERSION)?;
        mark_entries(&tx, &options.marker)?;
        tx.commit().map(|()| true)
    };
    if steps().map_err(|source| failure("migrating the database", source))? {
        return Ok(());
    }
    Err(wrong_store("the database was made with another master.key").into())
}

fn is_ours(connection: &Connection, options: &Options) -> rusqlite::Result<bool> {
    const KEPT: &str = "SELECT value FROM meta WHERE name = 'master_fingerprint'";
    let kept: Vec<u8> = connection.query_row(KEPT, [], |row| row.get(0))?;
    Ok(kept == options.master_fingerprint)
}

/// Marks the entries that were written before there were marks.
fn mark_entries(connection: &Connection, marker: &Marker) -> rusqlite::Result<()> {
    let mut unmarked = connection.prepare("SELECT key, hash FROM audit WHERE mark IS NULL ORDER BY key")?;
    let mut mark = connection.prepare("UPDATE audit SET mark = ?2 WHERE key = ?1")?;
    let entries = unmarked
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Hash>(1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for (key, hash) in entries {
        let made =
            marker.mark(&hash).map_err(|fault| rusqlite::Error::ToSqlConversionFailure(fault.into()))?;
        mark.execute(params![key, made])?;
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn seed(connection: &Connection, fingerprint: [u8; 8], now: Timestamp) -> rusqlite::Result<()> {
    connection
        .execute("INSERT INTO meta (name, value) VALUES ('master_fingerprint', ?1)", params![fingerprint])?;
    connection.execute(
        "INSERT INTO conversation (pk, id, created_at, expires_at, audit_head) VALUES (0, ?1, ?2, ?3, ?4)",
        params![[0_u8; 8], now.millis(), i64::MAX, audit::genesis(None)],
    )?;
    Ok(())
}
