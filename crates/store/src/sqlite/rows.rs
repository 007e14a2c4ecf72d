//! Rows to values and back: one reader per shape.

use std::num::NonZeroU64;

use mab_core::{
    ConversationId, MessageId, SessionId, Timestamp,
    agent::SYSTEM_ORDINAL,
    delivery::{Delivery, Offer},
    entity::{AgentState, Member, StoredMessage},
    inbound::Standing,
    moderation::{Pause, PausedBy},
};
use rusqlite::{Row, types::Type};

use super::{bells::Bells, ledger::ledger_columns, tx};

/// Columns that [`member`] reads, of `agent a` and `conversation c`.
macro_rules! member_columns {
    () => {
        "c.id, c.pk, a.pk, a.session, a.ordinal, a.permission, a.epoch, a.revoked_at IS NOT NULL, c.expires_at,
         c.wrapped_key"
    };
}

/// How many they are.
pub(super) const MEMBER_COLUMNS: usize = 10;

/// An agent by its row, with the counts of its conversation.
pub(super) const MEMBER_BY_PK: &str = concat!(
    "SELECT ",
    member_columns!(),
    ", ",
    ledger_columns!(),
    " FROM agent a JOIN conversation c ON c.pk = a.conversation WHERE a.pk = ?1"
);

/// An agent by names.
pub(super) const MEMBER_BY_NAME: &str = concat!(
    "SELECT ",
    member_columns!(),
    " FROM conversation c JOIN agent a ON a.conversation = c.pk WHERE c.id = ?1 AND a.session = ?2 AND c.pk <> 0"
);

/// Everybody in a conversation who was not removed, in join order.
pub(super) const MEMBERS_BY_CONVERSATION: &str = concat!(
    "SELECT ",
    member_columns!(),
    " FROM conversation c JOIN agent a ON a.conversation = c.pk
      WHERE c.id = ?1 AND c.pk <> 0 AND a.revoked_at IS NULL ORDER BY a.ordinal"
);

/// Reads what authentication needs.
pub(super) fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        conversation: ConversationId::from_bytes(row.get(0)?),
        conversation_pk: row.get(1)?,
        agent_pk: row.get(2)?,
        session: session(row, 3)?,
        ordinal: row.get(4)?,
        permission: named(row, 5)?,
        epoch: row.get(6)?,
        revoked: row.get(7)?,
        expires_at: time(row, 8)?,
        wrapped_key: row.get(9)?,
    })
}

/// Columns that [`message`] reads; `m` is the message, `s` its sender, which is no agent when the bridge itself sent it.
macro_rules! message_columns {
    () => {
        "m.key, m.tag, s.session, m.sender, s.role, m.at, m.action_type, m.body, m.files, m.reply_to,
         CASE WHEN m.audience = 0 THEN (SELECT rejected_at IS NOT NULL FROM held
         WHERE conversation = m.key >> 32 AND seq = (m.key & 4294967295)) END, m.redactions"
    };
}
pub(super) use message_columns;

/// How many they are.
pub(super) const MESSAGE_COLUMNS: usize = 12;

/// Reads a message.
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
    let reply_to: Option<String> = row.get(9)?;
    Ok(StoredMessage {
        id: MessageId { seq: tx::number(row.get(0)?), tag: row.get(1)? },
        sender: sender(row, 3, 2)?,
        sender_ordinal: row.get(3)?,
        sender_role: row.get(4)?,
        at: time(row, 5)?,
        action_type: named(row, 6)?,
        body: row.get(7)?,
        files: row.get(8)?,
        reply_to: reply_to.map(|text| parsed(text.parse::<MessageId>(), 9)).transpose()?,
        redactions: count(row.get(11)?),
        redelivered: false,
        standing: row.get::<_, Option<bool>>(10)?.map(standing),
    })
}

/// Reads a message's sender, by its ordinal and by the handle of the agent that has this ordinal.
pub(super) fn sender(row: &Row<'_>, ordinal: usize, handle: usize) -> rusqlite::Result<SessionId> {
    if row.get::<_, i64>(ordinal)? == i64::from(SYSTEM_ORDINAL) {
        return Ok(SessionId::system());
    }
    session(row, handle)
}

/// What became of a message that was not delivered.
pub(super) fn standing(rejected: bool) -> Standing {
    if rejected { Standing::Rejected } else { Standing::Held }
}

/// What an agent has not acknowledged, oldest first. Which of it a check gets is not SQL's to say.
pub(super) const WAITING: &str = "SELECT seq, offers, holder, batch, leased_until FROM inbox
     WHERE agent = ?1 AND seq BETWEEN 1 AND 4294967295 ORDER BY seq";

/// Reads `seq, offers, holder, batch, leased_until` of an inbox row: a message's number and where it stands.
pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<(u64, Delivery)> {
    let delivery = match NonZeroU64::new(count(row.get(1)?)) {
        None => Delivery::Stored,
        Some(times) => Delivery::Offered(Offer {
            times,
            holder: count(row.get(2)?),
            // A tag that is none is nobody's: the message comes again, under one that is.
            tag: u32::try_from(row.get::<_, i64>(3)?).unwrap_or_default(),
            leased_until: time(row, 4)?,
        }),
    };
    Ok((count(row.get(0)?), delivery))
}

/// An agent with the time of its newest accepted call.
pub(super) const AGENTS: &str =
    "SELECT a.session, a.ordinal, a.role, a.permission, a.epoch, a.revoked_at IS NOT NULL,
     a.joined_at, a.status, a.note, a.status_at, a.unread, a.acknowledged_seq,
     (SELECT at FROM accepted WHERE subject = a.pk AND kind = 0 ORDER BY n DESC LIMIT 1),
     nullif(max(coalesce((SELECT at FROM accepted WHERE subject = a.pk AND kind = 1 ORDER BY n DESC LIMIT 1), 0),
          coalesce((SELECT at FROM accepted WHERE subject = a.pk AND kind = 7 ORDER BY n DESC LIMIT 1), 0)), 0), a.pk
     FROM agent a WHERE a.conversation = ?1 ORDER BY a.ordinal";

/// Reads a row of [`AGENTS`].
pub(super) fn agent(row: &Row<'_>, bells: &Bells) -> rusqlite::Result<AgentState> {
    let status: Option<String> = row.get(7)?;
    Ok(AgentState {
        session: session(row, 0)?,
        ordinal: row.get(1)?,
        role: row.get(2)?,
        permission: named(row, 3)?,
        epoch: row.get(4)?,
        revoked: row.get(5)?,
        joined_at: optional_time(row, 6)?,
        status: status.map(|text| parsed(text.parse(), 7)).transpose()?,
        note: row.get(8)?,
        status_at: optional_time(row, 9)?,
        unread: count(row.get(10)?),
        last_acknowledged_seq: row.get::<_, Option<i64>>(11)?.map(count),
        last_seen_at: optional_time(row, 12)?.max(optional_time(row, 13)?),
        listening: bells.anybody_listens(row.get(14)?),
    })
}

/// Reads a pause: when, and by whom. Before schema 3 only the loop guard paused.
pub(super) fn pause(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Pause>> {
    let Some(at) = optional_time(row, first)? else { return Ok(None) };
    let by: Option<String> = row.get(first + 1)?;
    let by = by.map(|text| parsed(text.parse(), first + 1)).transpose()?;
    Ok(Some(Pause { at, by: by.unwrap_or(PausedBy::LoopGuard) }))
}

/// Reads a time.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

/// Reads a time that may be missing.
pub(super) fn optional_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column).map(|at| at.map(Timestamp::from_millis))
}

/// Reads a handle.
pub(super) fn session(row: &Row<'_>, column: usize) -> rusqlite::Result<SessionId> {
    named(row, column)
}

pub(super) fn named<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    parsed(row.get::<_, String>(column)?.parse(), column)
}

fn parsed<T, E: std::error::Error + Send + Sync + 'static>(
    value: Result<T, E>,
    column: usize,
) -> rusqlite::Result<T> {
    value.map_err(|source| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(source)))
}

/// A count as SQLite keeps it.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count that SQLite kept.
pub(super) fn count(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// Whether an error means that one row is missing or holds what it should not, rather than that the engine failed.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::QueryReturnedNoRows
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

/// Collects the rows that can be read; a damaged one is logged and passed over, so that it hides no other.
pub(super) fn sound<T>(rows: impl Iterator<Item = rusqlite::Result<T>>) -> rusqlite::Result<Vec<T>> {
    let keep = |row: rusqlite::Result<T>| match row {
        Err(error) if is_damage(&error) => {
            tracing::error!(%error, "a stored row is damaged");
            None
        }
        row => Some(row),
    };
    rows.filter_map(keep).collect()
}
