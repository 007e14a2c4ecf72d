//! File leases: read at one moment, changed only when they are still what the decision was taken on.

use mab_core::{
    Failure, Fault,
    audit::Detail,
    lease::{LeaseChange, Leases, NewLease, StoredLease, TTL_MAX_S},
    policy::{Seat, Stamp},
};
use rusqlite::{Connection, Row, params};

use super::{
    rows,
    tx::{Entered, Tx},
};

/// How long a lease that is over can still be told apart from one that never was, in seconds.
const FORGOTTEN_AFTER_S: i64 = 3_600;
/// Leases that are over and still told apart, per agent.
const OVER_KEPT: i64 = 64;

/// Leases and version of a conversation.
pub(super) fn all(connection: &Connection, conversation_pk: i64) -> rusqlite::Result<Leases> {
    const VERSION: &str = "SELECT fence FROM conversation WHERE pk = ?1";
    const LEASES: &str = "SELECT l.fence, a.session, a.ordinal, l.tag, l.exclusive, l.expires_at, l.path
         FROM lease l JOIN agent a ON a.pk = l.agent WHERE l.conversation = ?1 ORDER BY l.fence";
    let snapshot = connection.unchecked_transaction()?;
    let version =
        snapshot.prepare_cached(VERSION)?.query_row([conversation_pk], |row| row.get(0).map(rows::count))?;
    let rows = rows::sound(snapshot.prepare_cached(LEASES)?.query_map([conversation_pk], lease)?)?;
    Ok(Leases { version, rows })
}

fn lease(row: &Row<'_>) -> rusqlite::Result<StoredLease> {
    Ok(StoredLease {
        fence: rows::count(row.get(0)?),
        holder: rows::session(row, 1)?,
        holder_ordinal: row.get(2)?,
        tag: row.get(3)?,
        exclusive: row.get(4)?,
        expires_at: rows::time(row, 5)?,
        path: row.get(6)?,
    })
}

impl Tx<'_> {
    /// Carries a change of leases out and returns the new fences; `None`, with nothing changed, when they are others
    /// than the decision was taken on.
    pub(super) fn change_leases(
        &self,
        stamp: &Stamp,
        change: &LeaseChange,
    ) -> Result<Option<Vec<u64>>, Failure> {
        let seat = stamp.seat().ok_or(Fault::new("changing leases of nobody"))?;
        if !self.is_as_seen(seat, change)? {
            return Ok(None);
        }
        let changed = self.change(stamp, |entered| {
            self.forget(entered)?;
            let fences = self.carry_out(entered, change)?;
            let lists = [("acquired", &fences), ("renewed", &change.renew), ("released", &change.release)];
            let told = lists.into_iter().filter(|(_, list)| !list.is_empty());
            let add = |detail: Detail, (name, list): (&'static str, &Vec<u64>)| {
                detail.numbers(name, list.iter().copied())
            };
            let detail = told.fold(stamp.detail().clone(), add);
            Ok((fences, detail))
        });
        changed.map(Some)
    }

    /// Whether nothing was changed in between, and what is to be prolonged or ended is still held.
    fn is_as_seen(&self, seat: &Seat, change: &LeaseChange) -> Result<bool, Failure> {
        const VERSION: &str = "SELECT fence FROM conversation WHERE pk = ?1";
        const HELD: &str =
            "SELECT 1 FROM lease WHERE conversation = ?1 AND fence = ?2 AND agent = ?3 AND expires_at > ?4";
        let version = self.row(VERSION, [seat.conversation_pk], |row| row.get(0).map(rows::count))?;
        if version != Some(change.seen_version) {
            return Ok(false);
        }
        for fence in change.renew.iter().chain(&change.release) {
            let values =
                params![seat.conversation_pk, rows::stored(*fence), seat.agent_pk, self.now().millis()];
            if self.row(HELD, values, |_| Ok(()))?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes what means nothing any more, and shortens what a clock ahead of the time made too long. Bounded: an
    /// agent has a bounded number of leases, and of those that are over.
    fn forget(&self, entered: &Entered) -> Result<(), Failure> {
        const LONG_OVER: &str = "DELETE FROM lease WHERE conversation = ?1 AND expires_at <= ?2";
        const TOO_MANY: &str = "DELETE FROM lease WHERE conversation = ?1 AND agent = ?2 AND expires_at <= ?3
             AND fence <= (SELECT fence FROM lease WHERE conversation = ?1 AND agent = ?2 AND expires_at <= ?3
                           ORDER BY fence DESC LIMIT 1 OFFSET ?4)";
        const SHORTEN: &str = "UPDATE lease SET expires_at = ?2 WHERE conversation = ?1 AND expires_at > ?2";
        let (pk, now_ms) = (entered.conversation_pk, self.now().millis());
        self.execute(LONG_OVER, params![pk, now_ms.saturating_sub(FORGOTTEN_AFTER_S * 1_000)])?;
        self.execute(TOO_MANY, params![pk, entered.agent_pk, now_ms, OVER_KEPT])?;
        self.execute(SHORTEN, params![pk, self.now().plus_seconds(u64::from(TTL_MAX_S)).millis()])?;
        Ok(())
    }

    fn carry_out(&self, entered: &Entered, change: &LeaseChange) -> Result<Vec<u64>, Failure> {
        const RELEASE: &str = "DELETE FROM lease WHERE conversation = ?1 AND fence = ?2 AND agent = ?3";
        const RENEW: &str = "UPDATE lease SET exclusive = ?4, expires_at = ?5
             WHERE conversation = ?1 AND fence = ?2 AND agent = ?3";
        const VERSION: &str = "UPDATE conversation SET fence = ?2 WHERE pk = ?1";
        let (pk, agent) = (entered.conversation_pk, entered.agent_pk);
        for fence in &change.release {
            self.execute_one(RELEASE, params![pk, rows::stored(*fence), agent])?;
        }
        for fence in &change.renew {
            let until = change.expires_at.millis();
            self.execute_one(RENEW, params![pk, rows::stored(*fence), agent, change.exclusive, until])?;
        }
        let mut fences = Vec::new();
        for (new, fence) in change.acquire.iter().zip(change.seen_version + 1..) {
            self.insert_lease(entered, change, fence, new)?;
            fences.push(fence);
        }
        // Every change raises it, so that a decision taken before can be told.
        let version = change.seen_version + (fences.len() as u64).max(1);
        self.execute_one(VERSION, params![pk, rows::stored(version)])?;
        Ok(fences)
    }

    fn insert_lease(
        &self,
        entered: &Entered,
        change: &LeaseChange,
        fence: u64,
        new: &NewLease,
    ) -> Result<(), Failure> {
        const INSERT: &str =
            "INSERT INTO lease (conversation, fence, agent, tag, exclusive, acquired_at, expires_at, path)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.execute_one(
            INSERT,
            params![
                entered.conversation_pk,
                rows::stored(fence),
                entered.agent_pk,
                new.tag,
                change.exclusive,
                self.now().millis(),
                change.expires_at.millis(),
                new.path.as_bytes()
            ],
        )
    }
}
