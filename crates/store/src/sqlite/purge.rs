//! Purging: what remains of a conversation that ended is its audit chain.

use std::time::Duration;

use mab_core::{Failure, audit::Detail, limit::Kind, policy::Stamp};
use rusqlite::{Connection, params};

use super::{
    connection,
    error::failure,
    options::Options,
    turn::Turns,
    tx::{Tx, key},
};

/// Rows of `conversation` that ended by `now_ms` and still hold something.
pub(super) fn ended(connection: &Connection, now_ms: i64) -> rusqlite::Result<Vec<i64>> {
    const ENDED: &str =
        "SELECT pk FROM conversation WHERE purged_at IS NULL AND expires_at <= ?1 AND pk <> 0";
    connection.prepare_cached(ENDED)?.query_map([now_ms], |row| row.get(0))?.collect()
}

/// Writes the whole file anew when something was purged since the last time. `secure_delete` overwrites what is
/// deleted, but not the copies that rows left behind when pages were balanced earlier (`btree.c`, `rebuildPage`).
pub(super) fn rewrite_file(options: &Options) -> Result<(), Failure> {
    const DUE: &str = "SELECT count(*) FROM meta WHERE name = 'rewrite_due'";
    let connection = connection::open_writer(options)?;
    let run = |sql: &'static str| connection.execute_batch(sql).map_err(|source| failure(sql, source));
    let due: i64 = connection.query_row(DUE, [], |row| row.get(0)).map_err(|source| failure(DUE, source))?;
    if due == 0 {
        return Ok(());
    }
    let turns = Turns::open(&options.path)?;
    let _turn = turns.take_within(Duration::from_millis(options.busy_timeout_ms))?;
    run("PRAGMA secure_delete = ON; VACUUM")?;
    run("DELETE FROM meta WHERE name = 'rewrite_due'")
}

/// Copies the log into the file and empties it; `false` when a reader of another process held it.
pub(super) fn empty_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
        .map(|busy| busy == 0)
}

impl Tx<'_> {
    /// Purges one conversation; `None` when another process did it first. Returns how many messages went.
    /// `secure_delete` overwrites what is removed.
    pub(super) fn purge(&self, stamp: &Stamp, conversation_pk: i64) -> Result<Option<u64>, Failure> {
        const MARK: &str =
            "UPDATE conversation SET purged_at = ?2, wrapped_key = NULL, topic = NULL, inbound = NULL, size_bytes = 0
             WHERE pk = ?1 AND purged_at IS NULL AND expires_at <= ?2";
        const DUE: &str = "INSERT OR REPLACE INTO meta (name, value) VALUES ('rewrite_due', x'01')";
        const MESSAGES: &str = "DELETE FROM message WHERE key BETWEEN ?1 AND ?2";
        const INBOX: &str = "DELETE FROM inbox WHERE agent IN (SELECT pk FROM agent WHERE conversation = ?1)";
        const HELD: &str = "DELETE FROM held WHERE conversation = ?1";
        const KNOWN: &str = "DELETE FROM known WHERE conversation = ?1";
        const LEASES: &str = "DELETE FROM lease WHERE conversation = ?1";
        const REPEATABLE: &str =
            "DELETE FROM repeatable WHERE agent IN (SELECT pk FROM agent WHERE conversation = ?1)";
        // A peer's wrong credentials may be under the number that an agent's row has: they stay.
        const ACCEPTED: &str = "DELETE FROM accepted WHERE kind <> ?2 AND (subject = -?1
             OR subject IN (SELECT pk FROM agent WHERE conversation = ?1))";
        const AGENTS: &str =
            "UPDATE agent SET role = NULL, note = NULL, status = NULL, unread = 0, denials = 0, execution_locked_at = NULL
             WHERE conversation = ?1";
        self.guarded(stamp, || {
            if self.execute(MARK, params![conversation_pk, self.now().millis()])? == 0 {
                return Ok(None);
            }
            self.execute_one(DUE, [])?;
            let keys = params![key(conversation_pk, 0)?, key(conversation_pk, u64::from(u32::MAX))?];
            let messages = self.execute(MESSAGES, keys)? as u64;
            self.execute(INBOX, [conversation_pk])?;
            self.execute(HELD, [conversation_pk])?;
            self.execute(KNOWN, [conversation_pk])?;
            self.execute(LEASES, [conversation_pk])?;
            self.execute(REPEATABLE, [conversation_pk])?;
            self.execute(ACCEPTED, [conversation_pk, Kind::Guess.stored()])?;
            self.execute(AGENTS, [conversation_pk])?;
            self.purge_runs(conversation_pk)?;
            let detail = Detail::default().number("messages", messages);
            self.done(&self.ledger(conversation_pk)?, stamp, detail)?;
            Ok(Some(messages))
        })
    }
}
