//! Inside one transaction: the re-check, the windows and the audit entry that every use case shares.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
};

use mab_core::{
    Code, Failure, Fault, Timestamp,
    agent::Permission,
    audit::{Detail, Marker, Outcome},
    entity::Refusal,
    limit::{ByPermission, Charge, Kind, Overrides},
    policy::Stamp,
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row, params};

use super::{
    error::failure,
    known,
    ledger::{Deed, Ledger},
    rows,
};

/// The bridge's own row in `conversation`.
pub(super) const BRIDGE: i64 = 0;

/// Bits of a key below the conversation's: message numbers and audit numbers stay under 2^32.
const NUMBER_BITS: u32 = 32;

/// An open transaction at one moment.
pub(super) struct Tx<'a> {
    connection: &'a Connection,
    now: Timestamp,
    marker: &'a Marker,
    /// Agents that something came for.
    woken: RefCell<BTreeSet<i64>>,
    /// What the job at hand was charged last, and as which one of its kind.
    charged: Cell<Option<(Kind, u64)>>,
}

/// The key of row `number` of a conversation, in `message` and `audit`.
pub(super) fn key(conversation_pk: i64, number: u64) -> Result<i64, Fault> {
    let number =
        u32::try_from(number).map_err(|_| Fault::new("numbering past 2^32 rows of a conversation"))?;
    let base = conversation_pk
        .checked_mul(1 << NUMBER_BITS)
        .ok_or(Fault::new("numbering past 2^31 conversations"))?;
    Ok(base | i64::from(number))
}

/// The first key after row `number` of a conversation.
pub(super) fn key_after(conversation_pk: i64, number: u64) -> i64 {
    let number = rows::stored(number.min(u64::from(u32::MAX)));
    conversation_pk.saturating_mul(1 << NUMBER_BITS).saturating_add(number).saturating_add(1)
}

/// The last key a row of a conversation may have.
pub(super) fn last_key(conversation_pk: i64) -> i64 {
    key_after(conversation_pk, u64::from(u32::MAX)) - 1
}

/// The number inside a key.
pub(super) fn number(key: i64) -> u64 {
    rows::count(key & ((1 << NUMBER_BITS) - 1))
}

/// The conversation's row inside a key.
pub(super) fn conversation_pk(key: i64) -> i64 {
    key >> NUMBER_BITS
}

impl<'a> Tx<'a> {
    pub(super) fn new(connection: &'a Connection, now: Timestamp, marker: &'a Marker) -> Self {
        Self { connection, now, marker, woken: RefCell::default(), charged: Cell::default() }
    }

    /// Marks audit entries.
    pub(super) fn marker(&self) -> &Marker {
        self.marker
    }

    /// What it runs on.
    pub(super) fn connection(&self) -> &'a Connection {
        self.connection
    }

    /// When this transaction happens.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Wakes an agent after the commit; when the change is undone after all, it wakes for nothing.
    pub(super) fn wake(&self, agent_pk: i64) {
        self.woken.borrow_mut().insert(agent_pk);
    }

    /// Remembers a charge for the entry that is recorded next.
    pub(super) fn set_charged(&self, charged: Option<(Kind, u64)>) {
        self.charged.set(charged);
    }

    /// What was charged since the last entry of the job at hand.
    pub(super) fn take_charged(&self) -> Option<(Kind, u64)> {
        self.charged.take()
    }

    /// Whom to wake.
    pub(super) fn woken(&self) -> BTreeSet<i64> {
        self.woken.take()
    }

    /// A kept prepared statement.
    pub(super) fn prepare(&self, sql: &'static str) -> Result<CachedStatement<'a>, Failure> {
        self.connection.prepare_cached(sql).map_err(|source| failure(sql, source))
    }

    /// Runs a statement and returns how many rows it changed.
    pub(super) fn execute(&self, sql: &'static str, params: impl Params) -> Result<usize, Failure> {
        self.prepare(sql)?.execute(params).map_err(|source| failure(sql, source))
    }

    /// Runs a statement that must change exactly one row.
    pub(super) fn execute_one(&self, sql: &'static str, params: impl Params) -> Result<(), Failure> {
        match self.execute(sql, params)? {
            1 => Ok(()),
            _ => Err(Fault::new("writing: a row that must be there is not").into()),
        }
    }

    /// Reads at most one row.
    pub(super) fn row<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Failure> {
        self.prepare(sql)?.query_row(params, read).optional().map_err(|source| failure(sql, source))
    }

    /// Reads at most one row; one that holds what it should not counts as missing.
    pub(super) fn sound_row<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Failure> {
        match self.prepare(sql)?.query_row(params, read) {
            Ok(row) => Ok(Some(row)),
            Err(error) if rows::is_damage(&error) => Ok(None),
            Err(source) => Err(failure(sql, source)),
        }
    }

    /// Reads every row.
    pub(super) fn rows<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Failure> {
        let mut statement = self.prepare(sql)?;
        let rows = statement.query_map(params, read).and_then(Iterator::collect);
        rows.map_err(|source| failure(sql, source))
    }

    /// Does one stamped change in a savepoint: re-check, charge, effect, audit entry. A refusal undoes the effect
    /// and is recorded instead. `effect` returns its result and the facts for the entry.
    pub(super) fn change<T>(
        &self,
        stamp: &Stamp,
        effect: impl FnOnce(&mut Entered) -> Result<(T, Detail), Failure>,
    ) -> Result<T, Failure> {
        self.guarded(stamp, || {
            let mut entered = self.enter(stamp)?;
            let (result, detail) = effect(&mut entered)?;
            self.done(&entered.ledger, stamp, detail)?;
            Ok(result)
        })
    }

    /// As [`Self::change`], for calls that only read or that record their own entry.
    pub(super) fn guarded<T>(
        &self,
        stamp: &Stamp,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.execute("SAVEPOINT job", [])?;
        self.set_charged(None);
        let mut result = work();
        if result.is_err() {
            if self.connection.is_autocommit() {
                return result;
            }
            self.execute("ROLLBACK TO job", [])?;
        }
        if let Err(Failure::Denied(denied)) = &result
            && !matches!(denied.code, Code::Busy | Code::StorageFull | Code::ReadOnly)
        {
            let seat = stamp.seat();
            let recorded = self.record_refusal(&Refusal {
                conversation_pk: seat.map(|seat| seat.conversation_pk),
                agent_pk: seat.map(|seat| seat.agent_pk),
                actor: stamp.principal().actor(),
                action: stamp.action(),
                code: denied.code,
                charges: stamp.refusals().clone(),
                detail: stamp.refusal().clone(),
            });
            match recorded {
                Ok(_) => {}
                Err(Failure::Denied(too_many)) => result = Err(too_many.into()),
                Err(fault) => return Err(fault),
            }
        }
        self.execute("RELEASE job", [])?;
        result
    }

    /// Re-checks the principal and charges its windows.
    pub(super) fn enter(&self, stamp: &Stamp) -> Result<Entered, Failure> {
        let entered = self.recheck(stamp)?;
        self.charge(entered.agent_pk, &entered.charge(stamp.charge()))?;
        Ok(entered)
    }

    /// Re-checks the principal, and charges nothing yet.
    pub(super) fn recheck(&self, stamp: &Stamp) -> Result<Entered, Failure> {
        let Some(seat) = stamp.seat() else {
            return Ok(Entered {
                conversation_pk: BRIDGE,
                agent_pk: BRIDGE,
                ordinal: 0,
                permission: None,
                ledger: self.ledger(BRIDGE)?,
                overrides: Overrides::default(),
            });
        };
        let found = self.row(rows::MEMBER_BY_PK, [seat.agent_pk], |row| {
            Ok((rows::member(row)?, Ledger::read(row, rows::MEMBER_COLUMNS)?))
        })?;
        let (member, ledger) = found.ok_or(Fault::new("an authenticated agent has no row"))?;
        stamp.still_holds(&member, self.now)?;
        known::refuse_when_outdated(stamp, &ledger)?;
        Ok(Entered {
            conversation_pk: member.conversation_pk,
            agent_pk: member.agent_pk,
            ordinal: member.ordinal,
            permission: Some(member.permission),
            overrides: own(&stamp.refusals().permissions, Some(member.permission), &ledger.overrides()?),
            ledger,
        })
    }

    /// Records a refusal and says whether by an entry of its own; past the window of those it is only counted, so that a
    /// flood cannot fill the chain. An agent that has had too many calls refused is refused with `rate_limited` for that,
    /// and nothing is written.
    pub(super) fn record_refusal(&self, refusal: &Refusal) -> Result<bool, Failure> {
        const PERMISSION: &str = "SELECT permission FROM agent WHERE pk = ?1";
        debug_assert_eq!(refusal.charges.recorded.kind, Kind::Refusal);
        let conversation_pk = refusal.conversation_pk.unwrap_or(BRIDGE);
        let ledger = self.ledger(conversation_pk)?;
        let permissions = &refusal.charges.permissions;
        let permission = match refusal.agent_pk.filter(|_| !permissions.is_empty()) {
            Some(agent_pk) => self.sound_row(PERMISSION, [agent_pk], |row| rows::named(row, 0))?,
            None => None,
        };
        // Limits that cannot be read are no reason not to record.
        let overrides = own(permissions, permission, &ledger.overrides().unwrap_or_default());
        if let Some(agent_pk) = refusal.agent_pk.filter(|_| refusal.code != Code::RateLimited) {
            self.charge(agent_pk, &overrides.charge(&refusal.charges.calls))?;
        }
        let subject = refusal.agent_pk.unwrap_or(-conversation_pk);
        match self.charge(subject, &overrides.charge(&refusal.charges.recorded)) {
            Ok(()) => {
                let (actor, action, outcome) =
                    (refusal.actor.clone(), refusal.action, Outcome::Refused(refusal.code));
                let deed = Deed { actor, action, outcome, detail: refusal.detail.clone() };
                self.record(&ledger, deed).map(|_| true)
            }
            Err(Failure::Denied(_)) => self.count_refusals(conversation_pk, 1).map(|()| false),
            Err(fault) => Err(fault),
        }
    }

    /// Counts refusals; the next entry tells how many.
    pub(super) fn count_refusals(&self, conversation_pk: i64, count: u64) -> Result<(), Failure> {
        const COUNT: &str = "UPDATE conversation SET unrecorded = unrecorded + ?2 WHERE pk = ?1";
        self.execute_one(COUNT, params![conversation_pk, rows::stored(count)])
    }
}

/// What differs for an agent with this permission in a conversation with these limits of its own, which win.
pub(super) fn own(
    permissions: &ByPermission,
    permission: Option<Permission>,
    conversation: &Overrides,
) -> Overrides {
    let mut own = permission.and_then(|permission| permissions.get(&permission)).cloned().unwrap_or_default();
    own.extend(conversation);
    own
}

/// Whom a stamped change turned out to be of.
pub(super) struct Entered {
    /// The conversation's row; the bridge's own for newcomers and the operator.
    pub(super) conversation_pk: i64,
    /// The agent's row; 0, the whole data folder, for newcomers and the operator.
    pub(super) agent_pk: i64,
    /// The agent's join ordinal.
    pub(super) ordinal: u8,
    /// What the agent may do, as its row says now; `None` for newcomers and the operator.
    pub(super) permission: Option<Permission>,
    /// What the conversation's row counts.
    pub(super) ledger: Ledger,
    /// The limits that differ: for the agent's permission as it is now, and in the conversation.
    pub(super) overrides: Overrides,
}

impl Entered {
    /// A charge as it is in this conversation.
    pub(super) fn charge(&self, charge: &Charge) -> Charge {
        self.overrides.charge(charge)
    }
}
