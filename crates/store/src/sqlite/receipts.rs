//! Receipts: how far each message got with each of its recipients.

use mab_core::{
    MessageId, SessionId,
    agent::{Audience, DeliveryState},
    entity::Receipt,
    inbound::Standing,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{rows, tx};

/// Stored messages that are looked at when only one sender's are wanted.
const SCANNED: u32 = 500;

/// Which receipts are wanted.
pub(super) struct Wanted {
    /// The conversation's row.
    pub(super) conversation_pk: i64,
    /// Whose messages; `None` is everyone's.
    pub(super) sender: Option<u8>,
    /// Below which message.
    pub(super) before_seq: Option<u64>,
    /// How many messages at most.
    pub(super) limit: u32,
}

/// A member, as far as its inbox is concerned.
struct Recipient {
    agent_pk: i64,
    ordinal: u8,
    session: SessionId,
    revoked: bool,
    acknowledged_seq: u64,
}

/// A message, as far as its delivery is concerned.
struct Sent {
    id: MessageId,
    sender: u8,
    audience: Audience,
    /// When it was not delivered, what became of it.
    standing: Option<Standing>,
}

/// Walks back over the newest messages, all from one snapshot. Messages that cannot be read are passed over.
pub(super) fn receipts(connection: &Connection, wanted: &Wanted) -> rusqlite::Result<Vec<Receipt>> {
    const MEMBERS: &str = "SELECT pk, ordinal, session, revoked_at IS NOT NULL, coalesce(acknowledged_seq, 0)
         FROM agent WHERE conversation = ?1 ORDER BY ordinal";
    const SENT: &str =
        "SELECT m.key, m.tag, m.sender, coalesce(h.audience, m.audience), h.rejected_at IS NOT NULL,
         h.seq IS NOT NULL FROM message m LEFT JOIN held h
         ON m.audience = 0 AND h.conversation = ?1 AND h.seq = (m.key & 4294967295)
         WHERE m.key > (?1 << 32) AND m.key < (?1 << 32) + ?2 ORDER BY m.key DESC LIMIT ?3";
    let snapshot = connection.unchecked_transaction()?;
    let mut members = snapshot.prepare_cached(MEMBERS)?;
    let members = rows::sound(members.query_map([wanted.conversation_pk], recipient)?)?;
    let before = wanted.before_seq.unwrap_or(1 << 32).min(1 << 32);
    let scan = wanted.sender.map_or(wanted.limit, |_| wanted.limit.max(SCANNED));
    let mut statement = snapshot.prepare_cached(SENT)?;
    let mut found = statement.query(params![wanted.conversation_pk, rows::stored(before), scan])?;
    let mut receipts = Vec::new();
    while receipts.len() < wanted.limit as usize
        && let Some(row) = found.next()?
    {
        match sent(row) {
            Ok(message) if wanted.sender.is_none_or(|sender| sender == message.sender) => {
                receipts.push(receipt(&snapshot, &members, &message)?);
            }
            Ok(_) => {}
            Err(error) if rows::is_damage(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(receipts)
}

fn receipt(connection: &Connection, members: &[Recipient], message: &Sent) -> rusqlite::Result<Receipt> {
    const OFFERS: &str = "SELECT offers FROM inbox WHERE agent = ?1 AND seq = ?2";
    let mut statement = connection.prepare_cached(OFFERS)?;
    let mut to = Vec::new();
    for recipient in members.iter().filter(|member| message.audience.contains(member.ordinal)) {
        let key = params![recipient.agent_pk, rows::stored(message.id.seq)];
        let state = match message.standing {
            Some(Standing::Rejected) => DeliveryState::Rejected,
            Some(Standing::Held) if recipient.revoked => DeliveryState::Undeliverable,
            Some(Standing::Held) => DeliveryState::Held,
            None => {
                let offers = statement.query_row(key, |row| row.get::<_, i64>(0)).optional()?;
                recipient.state(message.id.seq, offers)
            }
        };
        to.push((recipient.session.clone(), state));
    }
    Ok(Receipt { id: message.id, to })
}

impl Recipient {
    /// What the row of its inbox says, when there is one.
    fn state(&self, seq: u64, offers: Option<i64>) -> DeliveryState {
        match offers {
            Some(0) if self.revoked => DeliveryState::Undeliverable,
            Some(0) => DeliveryState::Stored,
            Some(_) => DeliveryState::Offered,
            None if seq <= self.acknowledged_seq => DeliveryState::Acknowledged,
            // Not acknowledged, and nothing left to hand out: the row was damaged, or deleted by a revocation of old.
            None => DeliveryState::Undeliverable,
        }
    }
}

fn recipient(row: &Row<'_>) -> rusqlite::Result<Recipient> {
    Ok(Recipient {
        agent_pk: row.get(0)?,
        ordinal: row.get(1)?,
        session: rows::session(row, 2)?,
        revoked: row.get(3)?,
        acknowledged_seq: row.get(4).map(rows::count)?,
    })
}

fn sent(row: &Row<'_>) -> rusqlite::Result<Sent> {
    let id = MessageId { seq: tx::number(row.get(0)?), tag: row.get(1)? };
    let (rejected, held): (bool, bool) = (row.get(4)?, row.get(5)?);
    let standing = held.then(|| rows::standing(rejected));
    Ok(Sent { id, sender: row.get(2)?, audience: Audience::from_bits(row.get(3)?), standing })
}
