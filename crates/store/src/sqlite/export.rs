//! Taking evidence out: that it was done, and the entries page by page.

use mab_core::{ConversationId, Failure, entity::AuditRow, policy::Stamp};
use rusqlite::{Connection, Row, params};

use super::{
    audit,
    members::no_conversation,
    tx::{self, BRIDGE, Tx},
};

/// Entries above the key `after`, by key: chain by chain, oldest first.
pub(super) fn page(
    connection: &Connection,
    conversation: Option<ConversationId>,
    after: Option<i64>,
    limit: u32,
) -> rusqlite::Result<Vec<(i64, AuditRow)>> {
    const PAGE: &str = "SELECT a.key, a.at, a.actor, a.action, a.outcome, a.detail, a.hash, c.id
         FROM audit a JOIN conversation c ON c.pk = a.key >> 32
         WHERE a.key > max(?1, coalesce((SELECT pk << 32 FROM conversation WHERE id = ?2), ?1))
         AND (?2 IS NULL OR a.key <= (SELECT (pk << 32) + 4294967295 FROM conversation WHERE id = ?2 AND pk <> 0))
         ORDER BY a.key LIMIT ?3";
    let read = |row: &Row<'_>| {
        let (key, id) = (row.get(0)?, ConversationId::from_bytes(row.get(7)?));
        let conversation = (tx::conversation_pk(key) != BRIDGE).then_some(id);
        Ok((key, AuditRow { conversation, entry: audit::entry(row)?, hash: row.get(6)? }))
    };
    let id = conversation.map(ConversationId::bytes);
    connection.prepare_cached(PAGE)?.query_map(params![after.unwrap_or(0), id, limit], read)?.collect()
}

impl Tx<'_> {
    /// Records what the operator did, in a conversation's chain or the bridge's own.
    pub(super) fn note(&self, stamp: &Stamp, conversation: Option<ConversationId>) -> Result<(), Failure> {
        const FIND: &str = "SELECT pk FROM conversation WHERE id = ?1 AND pk <> 0";
        self.guarded(stamp, || {
            self.enter(stamp)?;
            let pk = match conversation {
                Some(id) => self.row(FIND, [id.bytes()], |row| row.get(0))?.ok_or_else(no_conversation)?,
                None => BRIDGE,
            };
            self.done(&self.ledger(pk)?, stamp, stamp.detail().clone())
        })
    }
}
