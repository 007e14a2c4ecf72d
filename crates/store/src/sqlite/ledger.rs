//! The running counts of a conversation's row: its newest message, its size, where its talk began, and the head of its
//! audit chain.
//!
//! A transaction reads them once, changes them in memory, and writes them back once, with the audit entry.

use std::collections::BTreeMap;

use mab_core::{
    Denied, Failure, Fault,
    audit::{Actor, Detail, Entry, Hash, Head, Outcome},
    limit::Overrides,
    moderation::Pause,
    policy::{Action, Stamp},
};
use rusqlite::{Row, params};

use super::{
    rows,
    tx::{Tx, key},
};

/// What a conversation's row counts, as this transaction has changed it so far.
pub(super) struct Ledger {
    conversation_pk: i64,
    /// Its newest message.
    pub(super) last_seq: u64,
    /// Sealed bytes of its messages, and of the requests of commands with the reasons of refusals.
    pub(super) size_bytes: u64,
    /// Its newest message when a human or a change of status last broke the agents' talk.
    pub(super) calm_seq: u64,
    /// Whether sends wait.
    pub(super) pause: Option<Pause>,
    unrecorded: u64,
    audit_n: u64,
    audit_head: Hash,
    limits: Option<String>,
    /// Number of the newest digest of a secret.
    pub(super) known_n: u64,
}

/// What an audit entry says, before its place in the chain is known.
pub(super) struct Deed {
    /// Who.
    pub(super) actor: Actor,
    /// What.
    pub(super) action: Action,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// The facts.
    pub(super) detail: Detail,
}

/// The columns that [`Ledger::read`] reads, of `conversation c`.
macro_rules! ledger_columns {
    () => {
        "c.pk, c.last_seq, c.size_bytes, c.unrecorded, c.audit_n, c.audit_head, c.calm_seq, c.paused_at,
         c.paused_by, c.limits, c.known_n"
    };
}
pub(super) use ledger_columns;

impl Ledger {
    /// Reads the counts from the columns that start at `first`.
    pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let count = |column| row.get(first + column).map(rows::count);
        Ok(Self {
            conversation_pk: row.get(first)?,
            last_seq: count(1)?,
            size_bytes: count(2)?,
            unrecorded: count(3)?,
            audit_n: count(4)?,
            audit_head: row.get(first + 5)?,
            calm_seq: count(6)?,
            pause: rows::pause(row, first + 7)?,
            limits: row.get(first + 9)?,
            known_n: count(10)?,
        })
    }

    /// The conversation's row.
    pub(super) fn conversation_pk(&self) -> i64 {
        self.conversation_pk
    }

    /// The limits that this conversation has of its own.
    ///
    /// # Errors
    /// `misconfigured` when they cannot be read.
    pub(super) fn overrides(&self) -> Result<Overrides, Denied> {
        self.limits.as_deref().map_or_else(|| Ok(Overrides::default()), Overrides::parse)
    }
}

impl Tx<'_> {
    /// Reads a conversation's counts.
    pub(super) fn ledger(&self, conversation_pk: i64) -> Result<Ledger, Failure> {
        const FIND: &str = concat!("SELECT ", ledger_columns!(), " FROM conversation c WHERE c.pk = ?1");
        let ledger = self.row(FIND, [conversation_pk], |row| Ledger::read(row, 0))?;
        ledger.ok_or(Fault::new("a conversation has no row").into())
    }

    /// Records a stamped change that was carried out, and what its texts have taught.
    pub(super) fn done(&self, ledger: &Ledger, stamp: &Stamp, detail: Detail) -> Result<(), Failure> {
        let actor = stamp.principal().actor();
        let head =
            self.record(ledger, Deed { actor, action: stamp.action(), outcome: Outcome::Done, detail })?;
        stamp.record(head);
        stamp.learned().map_or(Ok(()), |learned| self.learn(ledger, learned))
    }

    /// Appends an entry to the conversation's chain, writes its counts back, and returns where the chain ends now.
    pub(super) fn record(&self, ledger: &Ledger, deed: Deed) -> Result<Head, Failure> {
        const INSERT: &str = "INSERT INTO audit (key, at, actor, action, outcome, detail, hash, mark)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        const UPDATE: &str =
            "UPDATE conversation SET last_seq = ?2, size_bytes = ?3, audit_n = ?4, audit_head = ?5,
             calm_seq = ?6, paused_at = ?7, paused_by = ?8, unrecorded = 0 WHERE pk = ?1";
        let mut detail = deed.detail;
        if ledger.unrecorded > 0 {
            detail = detail.number("unrecorded_refusals", ledger.unrecorded);
        }
        if let Some((kind, n)) = self.take_charged() {
            detail = detail.counts("charged", &BTreeMap::from([(kind.noun(), n)]));
        }
        let entry = Entry {
            n: ledger.audit_n + 1,
            at: self.now(),
            actor: deed.actor.as_str().to_owned(),
            action: deed.action.as_str().to_owned(),
            outcome: deed.outcome.as_str().to_owned(),
            detail: detail.to_text(),
        };
        let hash = entry.hash(&ledger.audit_head);
        let (row_key, mark) = (key(ledger.conversation_pk, entry.n)?, self.marker().mark(&hash)?);
        let (at, outcome) = (entry.at.millis(), &entry.outcome);
        self.execute_one(
            INSERT,
            params![row_key, at, entry.actor, entry.action, outcome, entry.detail, hash, mark],
        )?;
        let [last_seq, size_bytes, audit_n, calm_seq] =
            [ledger.last_seq, ledger.size_bytes, entry.n, ledger.calm_seq].map(rows::stored);
        let (paused_at, paused_by) = ledger.pause.map(|pause| (pause.at.millis(), pause.by.as_str())).unzip();
        let pk = ledger.conversation_pk;
        self.execute_one(
            UPDATE,
            params![pk, last_seq, size_bytes, audit_n, hash, calm_seq, paused_at, paused_by],
        )?;
        Ok(Head { n: entry.n, hash })
    }
}
