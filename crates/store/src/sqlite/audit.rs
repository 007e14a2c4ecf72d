//! Reading and verifying the audit chains.

use mab_core::{
    ConversationId, Timestamp,
    audit::{Break, Entry, Verifier},
    entity::{AuditRow, ChainReport},
};
use rusqlite::{Connection, Row, params};

use super::{rows, tx};

const COLUMNS_OF_ALL: &str = "SELECT a.key, a.at, a.actor, a.action, a.outcome, a.detail, a.hash, c.id
     FROM audit a JOIN conversation c ON c.pk = a.key >> 32 ORDER BY a.at DESC, a.key DESC LIMIT ?1";

const COLUMNS_OF_ONE: &str = "SELECT a.key, a.at, a.actor, a.action, a.outcome, a.detail, a.hash, c.id
     FROM conversation c JOIN audit a ON a.key BETWEEN (c.pk << 32) AND (c.pk << 32) + 4294967295
     WHERE c.id = ?2 AND c.pk <> 0 ORDER BY a.key DESC LIMIT ?1";

/// The newest entries, newest first.
pub(super) fn newest(
    connection: &Connection,
    conversation: Option<ConversationId>,
    limit: u32,
) -> rusqlite::Result<Vec<AuditRow>> {
    match conversation {
        None => connection.prepare_cached(COLUMNS_OF_ALL)?.query_map([limit], listed)?.collect(),
        Some(id) => connection
            .prepare_cached(COLUMNS_OF_ONE)?
            .query_map(params![limit, id.bytes()], listed)?
            .collect(),
    }
}

/// The entries of one chain after entry `after_n`, or its newest, oldest first.
pub(super) fn after(
    connection: &Connection,
    conversation_pk: i64,
    after_n: Option<u64>,
    limit: u32,
) -> rusqlite::Result<Vec<AuditRow>> {
    const AFTER: &str = "SELECT a.key, a.at, a.actor, a.action, a.outcome, a.detail, a.hash, c.id
         FROM conversation c JOIN audit a ON a.key > (c.pk << 32) + ?2 AND a.key <= (c.pk << 32) + 4294967295
         WHERE c.pk = ?1 ORDER BY a.key LIMIT ?3";
    const NEWEST: &str = "SELECT a.key, a.at, a.actor, a.action, a.outcome, a.detail, a.hash, c.id
         FROM conversation c JOIN audit a ON a.key > (c.pk << 32) + ?2 AND a.key <= (c.pk << 32) + 4294967295
         WHERE c.pk = ?1 ORDER BY a.key DESC LIMIT ?3";
    let after = rows::stored(after_n.unwrap_or(0)).min(u32::MAX.into());
    let mut statement = connection.prepare_cached(if after_n.is_some() { AFTER } else { NEWEST })?;
    let found = statement.query_map(params![conversation_pk, after, limit], listed)?;
    let mut entries = found.collect::<rusqlite::Result<Vec<_>>>()?;
    if after_n.is_none() {
        entries.reverse();
    }
    Ok(entries)
}

/// Reads an entry with its chain.
fn listed(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    let id = ConversationId::from_bytes(row.get(7)?);
    let named = tx::conversation_pk(row.get(0)?) != tx::BRIDGE;
    Ok(AuditRow { conversation: named.then_some(id), entry: entry(row)?, hash: row.get(6)? })
}

/// Reads an entry. Bytes that are no text are shown as such: the entry then does not match its hash, and the others
/// can still be read.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let text = |column| -> rusqlite::Result<String> {
        Ok(String::from_utf8_lossy(row.get_ref(column)?.as_bytes()?).into_owned())
    };
    Ok(Entry {
        n: tx::number(row.get(0)?),
        at: Timestamp::from_millis(row.get(1)?),
        actor: text(2)?,
        action: text(3)?,
        outcome: text(4)?,
        detail: text(5)?,
    })
}

/// What a conversation's row says of its chain.
struct Claim {
    pk: i64,
    conversation: Option<ConversationId>,
    length: u64,
    head: Vec<u8>,
}

/// Walks one chain, or every chain, from one snapshot.
pub(super) fn verify(
    connection: &Connection,
    only: Option<ConversationId>,
) -> rusqlite::Result<Vec<ChainReport>> {
    const CLAIMS: &str = "SELECT pk, id, audit_n, audit_head FROM conversation WHERE ?1 IS NULL OR (id = ?1 AND pk <> 0) ORDER BY pk";
    let snapshot = connection.unchecked_transaction()?;
    let read = |row: &Row<'_>| {
        let pk: i64 = row.get(0)?;
        let id = ConversationId::from_bytes(row.get(1)?);
        let conversation = (pk != tx::BRIDGE).then_some(id);
        Ok(Claim { pk, conversation, length: rows::count(row.get(2)?), head: row.get(3)? })
    };
    let id = only.map(ConversationId::bytes);
    let claims = snapshot.prepare(CLAIMS)?.query_map([id], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
    claims
        .into_iter()
        .map(|claim| Ok(ChainReport { conversation: claim.conversation, result: walk(&snapshot, &claim)? }))
        .collect()
}

fn walk(connection: &Connection, claim: &Claim) -> rusqlite::Result<Result<u64, Break>> {
    const CHAIN: &str = "SELECT key, at, actor, action, outcome, detail, hash FROM audit
         WHERE key BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295 ORDER BY key";
    let mut verifier = Verifier::new(claim.conversation);
    let mut statement = connection.prepare_cached(CHAIN)?;
    let mut entries = statement.query([claim.pk])?;
    while let Some(row) = entries.next()? {
        let hash: Vec<u8> = row.get(6)?;
        if let Err(broken) = verifier.take(&entry(row)?, &hash) {
            return Ok(Err(broken));
        }
    }
    Ok(verifier.finish(claim.length, &claim.head))
}
