//! What is remembered of secrets: digests, written with the change whose text held the values.

use mab_core::{
    Failure,
    known::{Digest, KNOWN_MAX, Learned},
    policy::Stamp,
};
use rusqlite::{Connection, params};

use super::{error::busy, ledger::Ledger, rows, tx::Tx};

/// The digests of a conversation after number `after_n`, oldest first, and the number of the newest there ever was.
pub(super) fn after(
    connection: &Connection,
    conversation_pk: i64,
    after_n: u64,
) -> rusqlite::Result<(u64, Vec<Digest>)> {
    const NEWEST: &str = "SELECT known_n FROM conversation WHERE pk = ?1";
    const FIND: &str =
        "SELECT ends, mac, length, rule FROM known WHERE conversation = ?1 AND n > ?2 ORDER BY n";
    let snapshot = connection.unchecked_transaction()?;
    let newest_n =
        snapshot.prepare_cached(NEWEST)?.query_row([conversation_pk], |row| row.get(0).map(rows::count))?;
    let mut statement = snapshot.prepare_cached(FIND)?;
    let digests =
        rows::sound(statement.query_map(params![conversation_pk, rows::stored(after_n)], |row| {
            let rule: String = row.get(3)?;
            Ok(Digest { ends: row.get(0)?, mac: row.get(1)?, length: row.get(2)?, rule: rule.into() })
        })?)?;
    Ok((newest_n, digests))
}

/// Refuses a change whose texts were redacted without what others have found since.
pub(super) fn refuse_when_outdated(stamp: &Stamp, ledger: &Ledger) -> Result<(), Failure> {
    match stamp.learned() {
        Some(learned) if learned.seen_n < ledger.known_n => Err(busy().into()),
        Some(_) | None => Ok(()),
    }
}

impl Tx<'_> {
    /// Remembers what a change has learned, and forgets the oldest beyond what is kept.
    pub(super) fn learn(&self, ledger: &Ledger, learned: &Learned) -> Result<(), Failure> {
        const INSERT: &str =
            "INSERT INTO known (conversation, n, ends, mac, length, rule) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        const FORGET: &str = "DELETE FROM known WHERE conversation = ?1 AND n <= ?2";
        const COUNT: &str = "UPDATE conversation SET known_n = ?2 WHERE pk = ?1";
        if learned.new.is_empty() {
            return Ok(());
        }
        let (pk, mut newest) = (ledger.conversation_pk(), ledger.known_n);
        for digest in &learned.new {
            newest += 1;
            let Digest { ends, mac, length, rule } = digest;
            self.execute_one(INSERT, params![pk, rows::stored(newest), ends, mac, length, rule.as_ref()])?;
        }
        self.execute(FORGET, params![pk, rows::stored(newest.saturating_sub(KNOWN_MAX as u64))])?;
        self.execute_one(COUNT, params![pk, rows::stored(newest)])
    }
}
