//! Numbered, embedded migrations, and the marks that tell whose file this is.
//!
//! To change the schema, add `schema/NNNN.sql`, append it to [`MIGRATIONS`], and keep a database of the version
//! before under `tests/`. A released migration is never edited.

use mab_core::{
    ConversationId, Failure, Timestamp,
    audit::{self, Marker},
    evidence::{Marks, Step, Walk},
};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params, types::ValueRef};

use super::{
    checkpoint,
    error::{failure, wrong_store},
    examine,
    options::Options,
    tx,
};

/// `application_id` of our files: "mab0".
const APPLICATION_ID: i32 = 0x6d61_6230;

/// Every step, from an empty file on.
const MIGRATIONS: [&str; VERSION as usize] = [
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
];

/// The version this program writes: the number of migrations.
pub(super) const VERSION: u32 = 5;

/// The first version whose entries are marked, and whose chains checkpoints sign.
pub(super) const MARKED_SINCE: u32 = 3;

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
/// with another master key, or that names an older version than its tables are of, is left as it is.
///
/// Entries older than marks are marked here, whoever wrote them. Whoever takes the newer columns away again would so
/// have its own entries marked: therefore none is where a checkpoint, in the file or beside it, tells that there were
/// marks before. A file whose checkpoints are gone from both places is taken for an old one.
pub(super) fn migrate(connection: &mut Connection, options: &Options, now: Timestamp) -> Result<(), Failure> {
    let current = is_current(connection)?;
    let mut steps = || -> rusqlite::Result<Option<&'static str>> {
        if current {
            return Ok((!is_ours(connection, options)?).then_some(ANOTHER_KEY));
        }
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = version(&tx)?;
        if done > 0 && !is_ours(&tx, options)? {
            return Ok(Some(ANOTHER_KEY));
        }
        if done < MARKED_SINCE && has_marks(&tx)? {
            return Ok(Some(LOWERED));
        }
        let unmarked =
            (1..MARKED_SINCE).contains(&done) && !options.anchored && checkpoint::newest(&tx)?.is_none();
        for step in MIGRATIONS.iter().skip(done as usize) {
            tx.execute_batch(step)?;
        }
        if done == 0 {
            seed(&tx, options.master_fingerprint, now)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", VERSION)?;
        if unmarked {
            mark_entries(&tx, &options.marker)?;
        }
        tx.commit().map(|()| None)
    };
    match steps().map_err(|source| failure("migrating the database", source))? {
        None => Ok(()),
        Some(refusal) => Err(wrong_store(refusal).into()),
    }
}

/// What the migrations up to a version make, as `sqlite_schema` describes it.
pub(super) fn described(version: u32) -> rusqlite::Result<Vec<Described>> {
    let made = Connection::open_in_memory()?;
    MIGRATIONS.iter().take(version as usize).try_for_each(|step| made.execute_batch(step))?;
    describe(&made)
}

/// An object of a database: its type, name, table and definition.
pub(super) type Described = (String, String, String, Option<String>);

/// The objects of a database, in the order of their names.
pub(super) fn describe(connection: &Connection) -> rusqlite::Result<Vec<Described>> {
    const OBJECTS: &str = "SELECT type, name, tbl_name, sql FROM sqlite_schema";
    let text = |row: &Row<'_>, column| String::from_utf8_lossy(examine::bytes(row, column)).into_owned();
    let read = |row: &Row<'_>| {
        let sql = row.get_ref(3)? != ValueRef::Null;
        Ok((text(row, 0), text(row, 1), text(row, 2), sql.then(|| text(row, 3))))
    };
    let mut objects =
        connection.prepare(OBJECTS)?.query_map([], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
    objects.sort();
    Ok(objects)
}

/// Why a file is left as it is.
const ANOTHER_KEY: &str = "the database was made with another master.key";
const LOWERED: &str = "the database names an older schema than its tables are of: somebody changed it";

/// Whether entries have a place for a mark.
pub(super) fn has_marks(connection: &Connection) -> rusqlite::Result<bool> {
    const COLUMN: &str = "SELECT 1 FROM pragma_table_info('audit') WHERE name = 'mark'";
    connection.query_row(COLUMN, [], |_| Ok(())).optional().map(|found| found.is_some())
}

fn is_ours(connection: &Connection, options: &Options) -> rusqlite::Result<bool> {
    const KEPT: &str = "SELECT value FROM meta WHERE name = 'master_fingerprint'";
    let kept: Vec<u8> = connection.query_row(KEPT, [], |row| row.get(0))?;
    Ok(kept == options.master_fingerprint)
}

/// Marks the entries that were written before there were marks: of each chain those that hold from its start on.
fn mark_entries(connection: &Connection, marker: &Marker) -> rusqlite::Result<()> {
    const CHAINS: &str = "SELECT pk, id FROM conversation NOT INDEXED ORDER BY pk";
    const ENTRIES: &str = "SELECT key, at, actor, action, outcome, detail, hash, mark FROM audit NOT INDEXED
         WHERE key BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295 ORDER BY key";
    let chains = connection
        .prepare(CHAINS)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, Vec<u8>)>>>()?;
    let mut entries = connection.prepare(ENTRIES)?;
    let mut mark = connection.prepare("UPDATE audit SET mark = ?2 WHERE key = ?1")?;
    for (pk, id) in chains {
        let id = <[u8; 8]>::try_from(id).unwrap_or_default();
        let conversation = (pk != tx::BRIDGE).then(|| ConversationId::from_bytes(id));
        let mut walk = Walk::new(audit::genesis(conversation), Marks::None, &[], None);
        let mut made = Vec::new();
        let mut rows = entries.query([pk])?;
        while let Some(row) = rows.next()? {
            let entry = examine::entry(row);
            let (Step::Holds, Ok(hash)) = (walk.take(&entry), entry.hash.try_into()) else { break };
            let one =
                marker.mark(hash).map_err(|fault| rusqlite::Error::ToSqlConversionFailure(fault.into()))?;
            made.push((row.get::<_, i64>(0)?, one));
        }
        for (key, one) in made {
            mark.execute(params![key, one])?;
        }
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
