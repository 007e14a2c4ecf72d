//! The approver that is enrolled, and its one-time codes.

use mab_core::{
    Code, Denied, Failure, Timestamp,
    audit::{Detail, Outcome},
    entity::{ApproverRow, CodeUse, NewApprover},
    evidence,
    policy::Stamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    super::{
        ledger::Deed,
        rows,
        tx::{BRIDGE, Tx, key_after, last_key},
    },
    refusals::void,
};

/// Wrong codes after which none is taken for a while.
const WRONG_CODES_MAX: u64 = 5;
/// For how long then, in seconds.
const LOCKED_S: u64 = 900;

const FIND: &str = "SELECT key, sealed, mac, enrolled_at, code_step, wrong_codes, locked_until FROM approver";

/// The approver that is enrolled.
pub(super) fn approver(connection: &Connection) -> rusqlite::Result<Option<ApproverRow>> {
    connection.prepare_cached(FIND)?.query_row([], read).optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<ApproverRow> {
    Ok(ApproverRow {
        key: row.get(0)?,
        sealed: row.get(1)?,
        mac: row.get(2)?,
        enrolled_at: rows::time(row, 3)?,
        code_step: row.get(4).map(rows::count)?,
        wrong_codes: row.get(5).map(rows::count)?,
        locked_until: rows::optional_time(row, 6)?,
    })
}

impl Tx<'_> {
    /// Enrols an approver in the place of the one before, whose terms and approvals end.
    pub(super) fn enroll(&self, stamp: &Stamp, new: &NewApprover) -> Result<(), Failure> {
        const KEY: &str = "SELECT key FROM approver";
        const KEEP: &str = "INSERT OR REPLACE INTO approver (one, key, sealed, mac, enrolled_at)
             VALUES (1, ?1, ?2, ?3, ?4)";
        self.guarded(stamp, || {
            self.enter(stamp)?;
            let before: Option<Vec<u8>> = self.row(KEY, [], |row| row.get(0))?;
            if before.as_deref() != new.replaces.as_ref().map(<[u8; 32]>::as_slice) {
                return Err(Denied::new(
                    Code::Conflict,
                    "another approver is enrolled than the one to replace",
                )
                .hint("`mab yolo status` shows which one is enrolled")
                .into());
            }
            let before = match (new.replaces, self.enrolled_last()?) {
                (Some(before), _) => Some(before),
                (None, Some(_)) if !new.forgotten => return Err(gone().into()),
                (None, before) => before,
            };
            self.execute_one(KEEP, params![new.key, new.sealed, new.mac, self.now().millis()])?;
            let ended = self.end_everywhere()?;
            let sum = |of: fn(&Ended) -> u64| ended.iter().map(of).sum();
            let columns = [new.key.as_slice(), new.sealed.as_slice(), new.mac.as_slice()].map(Some);
            let mut detail = stamp.detail().clone().name("step", "enrolled").digest("key", &new.key);
            detail = detail.digest("approver_sha256", &evidence::digest(&columns));
            if let Some(before) = &before {
                detail = detail.name("step", "replaced").digest("before", before);
            }
            detail = detail.number("terms", sum(|it| it.terms)).number("runs", sum(|it| it.runs));
            self.done(&self.ledger(BRIDGE)?, stamp, detail)?;
            ended.iter().try_for_each(|it| self.record_end(stamp, it))
        })
    }

    /// The key that was enrolled last, as the bridge's own chain says: whoever writes the database takes the row away.
    fn enrolled_last(&self) -> Result<Option<[u8; 32]>, Failure> {
        const FIND: &str =
            "SELECT CASE WHEN json_valid(detail) THEN json_extract(detail, '$.key') END AS key FROM audit
             WHERE audit.key BETWEEN ?1 AND ?2 AND action = 'manage_approver' AND outcome = 'ok'
             ORDER BY audit.key DESC";
        let (from, to) = (key_after(BRIDGE, 0), last_key(BRIDGE));
        let keys: Vec<Option<String>> = self.rows(FIND, [from, to], |row| Ok(row.get(0).ok()))?;
        Ok(keys.iter().flatten().find_map(|key| hex::decode(key).ok()?.try_into().ok()))
    }

    /// Ends what is enabled, and every command, in every conversation.
    fn end_everywhere(&self) -> Result<Vec<Ended>, Failure> {
        const WHERE: &str =
            "SELECT pk FROM conversation WHERE pk <> 0 AND pk IN (SELECT conversation FROM terms
             UNION SELECT conversation FROM run
             WHERE state IN ('pending', 'approved', 'running') AND end_asked_at IS NULL)";
        const END: &str = "DELETE FROM terms WHERE conversation = ?1";
        let found: Vec<i64> = self.rows(WHERE, [], |row| row.get(0))?;
        let end = |pk| Ok(Ended { pk, terms: self.execute(END, [pk])? as u64, runs: self.end_runs_of(pk)? });
        found.into_iter().map(end).collect()
    }

    /// Records in a conversation's own chain what ended there with the approver.
    fn record_end(&self, stamp: &Stamp, ended: &Ended) -> Result<(), Failure> {
        let detail = Detail::default().name("step", "disabled").number("runs", ended.runs);
        let (actor, action) = (stamp.principal().actor(), stamp.action());
        let deed = Deed { actor, action, outcome: Outcome::Done, detail };
        self.record(&self.ledger(ended.pk)?, deed).map(drop)
    }

    /// Takes note of a one-time code.
    pub(super) fn use_code(&self, stamp: &Stamp, used: CodeUse) -> Result<(), Failure> {
        const KEEP: &str = "UPDATE approver SET code_step = ?1, wrong_codes = ?2, locked_until = ?3";
        self.guarded(stamp, || {
            self.enter(stamp)?;
            let approver = self.row(FIND, [], read)?.ok_or_else(|| {
                Denied::new(Code::NotFound, "no approver is enrolled").hint("`mab yolo enroll` enrols one")
            })?;
            if let Some(until) = approver.locked_until.filter(|until| self.now() < *until) {
                return Err(too_many_wrong(until, self.now()).into());
            }
            let (step, wrong, code) = match used {
                CodeUse::Right(step) if step <= approver.code_step => {
                    return Err(void(stamp, "the one-time code was used already")
                        .hint("wait for the next one, which comes within 30 seconds")
                        .into());
                }
                CodeUse::Right(step) => (step, 0, "right"),
                CodeUse::Wrong => (approver.code_step, approver.wrong_codes.saturating_add(1), "wrong"),
            };
            let locked = wrong >= WRONG_CODES_MAX;
            let until = locked.then(|| self.now().plus_seconds(LOCKED_S));
            let kept = if locked { 0 } else { wrong };
            self.execute_one(
                KEEP,
                params![rows::stored(step), rows::stored(kept), until.map(Timestamp::millis)],
            )?;
            let mut detail = stamp.detail().clone().name("step", "code").name("code", code);
            detail = detail.number("code_step", step);
            if wrong > 0 {
                detail = detail.number("wrong", wrong);
            }
            if let Some(until) = until {
                detail = detail.name("then", "locked");
                detail = detail.number("locked_until_ms", until.millis().unsigned_abs());
            }
            self.done(&self.ledger(BRIDGE)?, stamp, detail)
        })
    }
}

/// What ended in a conversation.
struct Ended {
    /// Its row.
    pk: i64,
    terms: u64,
    runs: u64,
}

fn gone() -> Denied {
    let message =
        "the audit trail knows an approver, and its row is gone from the database: somebody took it away";
    Denied::new(Code::Conflict, message)
        .hint("look at `mab audit` and `mab audit verify`; then `mab yolo enroll --replace --forgotten`")
}

fn too_many_wrong(until: Timestamp, now: Timestamp) -> Denied {
    Denied::new(Code::RateLimited, "too many one-time codes were wrong")
        .retry_after(until.seconds_since_rounded_up(now))
        .retry_at(until)
        .hint("try again then; somebody else may have tried: `mab audit` tells when")
}
