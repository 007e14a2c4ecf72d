//! Repeated sends: the answer of the first one, given again.

use mab_core::{
    Code, Denied, Failure, Fault, MessageId, SessionId, Timestamp,
    agent::Audience,
    entity::{Appended, Repeatable},
    inbound::Standing,
    repeat::Digests,
};
use rusqlite::{Connection, params};

use super::{
    rows,
    tx::{Entered, Tx, key},
};

/// The message a send became.
struct Original {
    id: MessageId,
    audience: Audience,
    at: Timestamp,
}

/// Whether a send was stored under this key.
pub(super) fn is_known(connection: &Connection, agent_pk: i64, digests: &Digests) -> rusqlite::Result<bool> {
    const FIND: &str = "SELECT 1 FROM repeatable WHERE agent = ?1 AND key = ?2";
    connection.prepare_cached(FIND)?.exists(params![agent_pk, digests.key()])
}

impl Tx<'_> {
    /// The answer of the send that this one repeats, charged as the reading that it is; `None` when it repeats none.
    /// `conflict` when another request was sent under its key.
    pub(super) fn repeated(
        &self,
        entered: &Entered,
        repeatable: &Repeatable,
    ) -> Result<Option<Appended>, Failure> {
        const FIND: &str = "SELECT request, seq FROM repeatable WHERE agent = ?1 AND key = ?2";
        const MESSAGE: &str = "SELECT tag, audience, at FROM message WHERE key = ?1";
        const MEMBERS: &str = "SELECT ordinal, session FROM agent WHERE conversation = ?1 ORDER BY ordinal";
        let found = self.row(FIND, params![entered.agent_pk, repeatable.digests.key()], |row| {
            Ok((row.get::<_, [u8; 16]>(0)?, row.get(1).map(rows::count)?))
        })?;
        let Some((request, seq)) = found else { return Ok(None) };
        if request != repeatable.digests.request() {
            return Err(Denied::new(Code::Conflict, "the idempotency_key was used for another message")
                .hint("call send_to_partner with a new key for another message; repeat a send with all its arguments unchanged")
                .into());
        }
        self.charge(entered.agent_pk, &entered.charge(&repeatable.charge))?;
        let original = self.sound_row(MESSAGE, [key(entered.conversation_pk, seq)?], |row| {
            let id = MessageId { seq, tag: row.get(0)? };
            Ok(Original { id, audience: Audience::from_bits(row.get(1)?), at: rows::time(row, 2)? })
        })?;
        let original = original.ok_or(Fault::new("repeating a send whose message is gone"))?;
        let standing = match original.audience.bits() {
            0 => self.standing(entered.conversation_pk, seq)?,
            _ => None,
        };
        let (audience, standing) =
            standing.map_or((original.audience, None), |(audience, standing)| (audience, Some(standing)));
        let moderators = match standing {
            Some(Standing::Held) => self.moderators(entered.conversation_pk)?,
            Some(Standing::Rejected) | None => Vec::new(),
        };
        let members = self.rows(MEMBERS, [entered.conversation_pk], |row| {
            Ok((row.get::<_, u8>(0)?, rows::session(row, 1)?))
        })?;
        let recipients: Vec<SessionId> = members
            .into_iter()
            .filter_map(|(ordinal, session)| audience.contains(ordinal).then_some(session))
            .collect();
        let paused = entered.ledger.pause.is_some();
        let Original { id, at, .. } = original;
        Ok(Some(Appended { id, recipients, at, repeated: true, paused, standing, moderators }))
    }

    /// Remembers a send that may be repeated.
    pub(super) fn remember(
        &self,
        entered: &Entered,
        repeatable: &Repeatable,
        seq: u64,
    ) -> Result<(), Failure> {
        const INSERT: &str = "INSERT INTO repeatable (agent, key, request, seq) VALUES (?1, ?2, ?3, ?4)";
        let digests = &repeatable.digests;
        self.execute_one(
            INSERT,
            params![entered.agent_pk, digests.key(), digests.request(), rows::stored(seq)],
        )
    }
}
