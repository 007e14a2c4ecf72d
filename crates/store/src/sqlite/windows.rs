//! Accept times as rows: `(subject, kind, n)`, numbered without gaps. [`mab_core::limit`] decides, SQL looks up.

use mab_core::{
    Denied, Failure, Timestamp,
    entity::Refusal,
    limit::{self, Charge, Kind, Peer, Usage},
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{error::failure, rows, tx::Tx};

/// The accept times of one subject and kind, as they count at one moment.
pub(super) struct Times<'a> {
    connection: &'a Connection,
    now: Timestamp,
    subject: i64,
    kind: i64,
    /// How many there ever were.
    n: i64,
    latest: Option<Timestamp>,
}

impl<'a> Times<'a> {
    pub(super) fn read(
        connection: &'a Connection,
        now: Timestamp,
        (subject, kind): (i64, Kind),
    ) -> rusqlite::Result<Self> {
        const NEWEST: &str =
            "SELECT n, at FROM accepted WHERE subject = ?1 AND kind = ?2 ORDER BY n DESC LIMIT 1";
        let kind = kind.stored();
        let newest = connection
            .prepare_cached(NEWEST)?
            .query_row(params![subject, kind], |row| Ok((row.get(0)?, rows::time(row, 1)?)))
            .optional()?;
        let (n, latest) = newest.map_or((0, None), |(n, at)| (n, Some(at)));
        Ok(Self { connection, now, subject, kind, n, latest })
    }

    /// Whether they were made by a clock that has been set back since: then none counts as later than now.
    fn is_ahead(&self) -> bool {
        self.latest.is_some_and(|latest| limit::is_ahead(latest, self.now))
    }

    fn counted(&self, at: Timestamp) -> Timestamp {
        if self.is_ahead() { at.min(self.now) } else { at }
    }

    /// When the newest counts as accepted.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.latest.map(|at| self.counted(at))
    }

    /// When the n-th newest counts as accepted; one that is forgotten is as if it had never been.
    pub(super) fn nth_newest(&self, nth: u32) -> rusqlite::Result<Option<Timestamp>> {
        const NTH: &str = "SELECT at FROM accepted WHERE subject = ?1 AND kind = ?2 AND n = ?3";
        let n = self.n + 1 - i64::from(nth);
        if n < 1 {
            return Ok(None);
        }
        let found = self
            .connection
            .prepare_cached(NTH)?
            .query_row(params![self.subject, self.kind, n], |row| rows::time(row, 0))
            .optional()?;
        Ok(found.map(|at| self.counted(at)))
    }
}

/// A refusal, or an error of the engine.
enum Looked {
    Denied(Denied),
    Failed(rusqlite::Error),
}

impl From<Denied> for Looked {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// Whether one more would be refused. A look.
pub(super) fn refusal(
    connection: &Connection,
    now: Timestamp,
    subject: i64,
    charge: &Charge,
) -> rusqlite::Result<Option<Denied>> {
    let snapshot = connection.unchecked_transaction()?;
    let times = Times::read(&snapshot, now, (subject, charge.kind))?;
    match charge.decide(now, times.latest(), |nth| times.nth_newest(nth).map_err(Looked::Failed)) {
        Ok(_) => Ok(None),
        Err(Looked::Denied(denied)) => Ok(Some(denied)),
        Err(Looked::Failed(error)) => Err(error),
    }
}

/// How full the windows are.
pub(super) fn usage(
    connection: &Connection,
    now: Timestamp,
    subject: i64,
    charge: &Charge,
) -> rusqlite::Result<Vec<Usage>> {
    let times = Times::read(connection, now, (subject, charge.kind))?;
    charge.usage(now, times.latest(), |nth| times.nth_newest(nth))
}

impl Tx<'_> {
    /// Accepts one more under `subject`, or refuses with `rate_limited`.
    pub(super) fn charge(&self, subject: i64, charge: &Charge) -> Result<(), Failure> {
        const INSERT: &str = "INSERT INTO accepted (subject, kind, n, at) VALUES (?1, ?2, ?3, ?4)";
        const BRING_BACK: &str = "UPDATE accepted SET at = ?3 WHERE subject = ?1 AND kind = ?2 AND at > ?3";
        let look = |source| failure("looking up accept times", source);
        let kind = charge.kind.stored();
        let times = Times::read(self.connection(), self.now(), (subject, charge.kind)).map_err(look)?;
        if times.is_ahead() {
            self.execute(BRING_BACK, params![subject, kind, self.now().millis()])?;
        }
        let at = charge.decide(self.now(), times.latest(), |nth| times.nth_newest(nth).map_err(look))?;
        self.execute_one(INSERT, params![subject, kind, times.n + 1, at.millis()])?;
        let limited = charge.kind != Kind::Operator;
        self.set_charged(limited.then(|| (charge.kind, rows::count(times.n + 1))));
        if times.n % 32 == 0 {
            self.forget_expired(subject, charge, at)?;
        }
        Ok(())
    }

    /// Drops accepts older than every window, a bounded number at a time: limits may be huge.
    fn forget_expired(&self, subject: i64, charge: &Charge, now: Timestamp) -> Result<(), Failure> {
        const FORGET: &str = "DELETE FROM accepted WHERE subject = ?1 AND kind = ?2 AND at <= ?3 AND n < (
             SELECT min(n) + 64 FROM accepted WHERE subject = ?1 AND kind = ?2) AND n < (
             SELECT max(n) FROM accepted WHERE subject = ?1 AND kind = ?2)";
        let kept_ms = rows::stored(charge.kept_s().saturating_mul(1_000));
        let horizon = now.millis().saturating_sub(kept_ms);
        self.execute(FORGET, params![subject, charge.kind.stored(), horizon]).map(|_| ())
    }

    /// Charges wrong credentials to whom they came from and records their refusal; when they are one too many, only
    /// refuses with `rate_limited`.
    pub(super) fn guessed_wrong(
        &self,
        peer: Peer,
        charge: &Charge,
        refusal: &Refusal,
    ) -> Result<(), Failure> {
        self.charge(peer.stored(), charge)?;
        self.record_refusal(refusal).map(|_| ())
    }
}
