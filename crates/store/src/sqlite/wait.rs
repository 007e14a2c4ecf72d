//! What a waiting agent looks at between two commits, without writing anything.

use mab_core::{
    MessageId, Timestamp,
    delivery::{Check, LEASE_S},
    entity::{Outlook, Overdue, Waits},
    limit::Overrides,
    watchdog::Reason,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{bells::Bells, held, ledger::Ledger, rows};

/// Unacknowledged messages of one recipient that are looked at for one of the sender's: this many of the oldest, and of
/// the newest if none of those is.
const LOOKED_AT: u32 = 256;

/// Most recipients of rejected messages that a sender is told of.
const REJECTED_MAX: u32 = 32;

/// An inbox as `holder` would find it.
pub(super) fn outlook(
    connection: &Connection,
    agent_pk: i64,
    (holder, takes_over): (u64, bool),
    now: Timestamp,
) -> rusqlite::Result<Option<Outlook>> {
    const ARRIVALS: &str = "SELECT arrivals FROM agent WHERE pk = ?1";
    let snapshot = connection.unchecked_transaction()?;
    let mut find = snapshot.prepare_cached(rows::MEMBER_BY_PK)?;
    let read = |row: &Row<'_>| Ok((rows::member(row)?, Ledger::read(row, rows::MEMBER_COLUMNS)?));
    let Some((member, ledger)) = find.query_row([agent_pk], read).optional()? else { return Ok(None) };
    let check = Check { holder, takes_over, at: now, lease_s: LEASE_S };
    let mut waiting = snapshot.prepare_cached(rows::WAITING)?;
    let mut any = false;
    let first_due = waiting
        .query_map([agent_pk], rows::delivery)?
        .inspect(|_| any = true)
        .find(|row| row.as_ref().map_or(true, |(_, delivery)| delivery.clone().due(check).is_ok()))
        .transpose()?;
    let held = held::waiting_for(&snapshot, member.conversation_pk, member.permission)?;
    Ok(Some(Outlook {
        held,
        member,
        due: first_due.is_some(),
        waiting: any,
        arrivals: snapshot
            .prepare_cached(ARRIVALS)?
            .query_row([agent_pk], |row| row.get(0).map(rows::count))?,
        paused_by: ledger.pause.map(|pause| pause.by),
    }))
}

/// How many wait, by their bells.
pub(super) fn waits(
    connection: &Connection,
    bells: &Bells,
    conversation_pk: i64,
    agent_pk: i64,
) -> rusqlite::Result<Waits> {
    const LIMITS: &str = "SELECT limits FROM conversation WHERE pk = ?1";
    const MEMBERS: &str = "SELECT pk FROM agent WHERE conversation = ?1";
    let limits: Option<String> =
        connection.prepare_cached(LIMITS)?.query_row([conversation_pk], |row| row.get(0))?;
    let overrides = limits.as_deref().map_or_else(|| Ok(Overrides::default()), Overrides::parse);
    let mut waits = Waits { of_agent: 0, of_others: Vec::new(), overrides };
    let mut members = connection.prepare_cached(MEMBERS)?;
    for member in members.query_map([conversation_pk], |row| row.get::<_, i64>(0))? {
        let member = member?;
        let listeners = bells.listeners(member);
        if member == agent_pk {
            waits.of_agent = listeners;
        } else {
            waits.of_others.push(listeners);
        }
    }
    Ok(waits)
}

/// Members that have not acknowledged what `sender` sent them.
pub(super) fn overdue(
    connection: &Connection,
    bells: &Bells,
    conversation_pk: i64,
    sender: u8,
) -> rusqlite::Result<Vec<Overdue>> {
    const OTHERS: &str = "SELECT a.pk, a.session, a.unread,
         (SELECT at FROM accepted WHERE subject = a.pk AND kind = 0 ORDER BY n DESC LIMIT 1),
         nullif(max(coalesce((SELECT at FROM accepted WHERE subject = a.pk AND kind = 1 ORDER BY n DESC LIMIT 1), 0),
          coalesce((SELECT at FROM accepted WHERE subject = a.pk AND kind = 7 ORDER BY n DESC LIMIT 1), 0)), 0),
         a.revoked_at IS NOT NULL
         FROM agent a WHERE a.conversation = ?1 AND a.ordinal <> ?2 ORDER BY a.ordinal";
    const OLDEST: &str = "SELECT i.seq, m.tag, m.at, i.offers > 0
         FROM (SELECT seq, offers FROM inbox WHERE agent = ?1 AND seq >= 1 ORDER BY seq LIMIT ?4) i
         JOIN message m ON m.key = (?2 << 32) + i.seq WHERE m.sender = ?3 ORDER BY i.seq LIMIT 1";
    const OF_NEWEST: &str = "SELECT i.seq, m.tag, m.at, i.offers > 0
         FROM (SELECT seq, offers FROM inbox WHERE agent = ?1 AND seq >= 1 ORDER BY seq DESC LIMIT ?4) i
         JOIN message m ON m.key = (?2 << 32) + i.seq WHERE m.sender = ?3 ORDER BY i.seq LIMIT 1";
    let snapshot = connection.unchecked_transaction()?;
    let mut others = snapshot.prepare_cached(OTHERS)?;
    let others = rows::sound(others.query_map(params![conversation_pk, sender], |row| {
        let seen = rows::optional_time(row, 3)?.max(rows::optional_time(row, 4)?);
        let (unread, removed) = (row.get::<_, i64>(2)?, row.get::<_, bool>(5)?);
        Ok((row.get::<_, i64>(0)?, rows::session(row, 1)?, unread, seen, removed))
    })?)?;
    let mut oldest = snapshot.prepare_cached(OLDEST)?;
    let mut of_newest = snapshot.prepare_cached(OF_NEWEST)?;
    let mut overdue = Vec::new();
    for (agent_pk, session, unread, last_seen_at, removed) in others {
        let values = params![agent_pk, conversation_pk, sender, LOOKED_AT];
        let mut found = sound(oldest.query_row(values, waiting))?;
        if found.is_none() && unread > LOOKED_AT.into() {
            found = sound(of_newest.query_row(values, waiting))?;
        }
        if let Some((id, stored_at, offered)) = found {
            let listening = bells.anybody_listens(agent_pk);
            let lost = removed.then_some(Reason::Removed);
            overdue.push(Overdue { session, id, stored_at, offered, last_seen_at, listening, lost });
        }
    }
    overdue.extend(rejected(&snapshot, conversation_pk, sender)?);
    Ok(overdue)
}

/// The newest messages of `sender` that were held and then refused, by recipient.
fn rejected(connection: &Connection, conversation_pk: i64, sender: u8) -> rusqlite::Result<Vec<Overdue>> {
    const REJECTED: &str = "SELECT h.seq, m.tag, m.at, 0, a.session
         FROM (SELECT seq, audience FROM held WHERE conversation = ?1 AND rejected_at IS NOT NULL
               ORDER BY seq DESC LIMIT ?3) h
         JOIN message m ON m.key = (?1 << 32) + h.seq AND m.sender = ?2
         JOIN agent a ON a.conversation = ?1 AND (h.audience >> a.ordinal) & 1
         ORDER BY h.seq DESC, a.ordinal LIMIT ?4";
    let mut find = connection.prepare_cached(REJECTED)?;
    let found = find.query_map(params![conversation_pk, sender, LOOKED_AT, REJECTED_MAX], |row| {
        let (id, stored_at, offered) = waiting(row)?;
        Ok(Overdue {
            session: rows::session(row, 4)?,
            id,
            stored_at,
            offered,
            last_seen_at: None,
            listening: false,
            lost: Some(Reason::Rejected),
        })
    })?;
    rows::sound(found)
}

/// Reads a message's id, when it was stored, and whether it was handed out.
fn waiting(row: &Row<'_>) -> rusqlite::Result<(MessageId, Timestamp, bool)> {
    Ok((MessageId { seq: rows::count(row.get(0)?), tag: row.get(1)? }, rows::time(row, 2)?, row.get(3)?))
}

/// A row, if there is one that can be read.
fn sound<T>(found: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    match found.optional() {
        Err(error) if rows::is_damage(&error) => Ok(None),
        found => found,
    }
}
