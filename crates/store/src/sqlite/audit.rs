//! Reading the audit chains.

use mab_core::{ConversationId, Timestamp, audit::Entry, entity::AuditRow};
use rusqlite::{Connection, Row, named_params, params};

use super::{rows, tx};
use crate::{AuditPage, AuditQuery, Cursor};

/// What a query filters by.
macro_rules! filtered {
    () => {
        "(:actor IS NULL OR a.actor = :actor) AND (:action IS NULL OR a.action = :action)
         AND (:outcome IS NULL OR a.outcome = :outcome) AND (:since IS NULL OR a.at >= :since)
         AND (:until IS NULL OR a.at < :until)"
    };
}

/// What is read of an entry.
macro_rules! columns {
    () => {
        "SELECT a.key, a.at, a.actor, a.action, a.outcome, a.detail, a.hash FROM audit a WHERE "
    };
}

/// Of all chains: one pass over the trail, which has no index by time, for the sake of every other call. A row of no
/// conversation is no entry; verifying finds it.
const NEWEST: &str = concat!(
    columns!(),
    filtered!(),
    " AND EXISTS (SELECT 1 FROM conversation c WHERE c.pk = a.key >> 32)
      ORDER BY a.at DESC, a.key DESC LIMIT :limit"
);

const NEWEST_OF_ONE: &str = concat!(
    columns!(),
    "a.key BETWEEN :first AND :last AND ",
    filtered!(),
    " ORDER BY a.key DESC LIMIT :limit"
);

const FOLLOWING: &str =
    concat!(columns!(), "a.key BETWEEN :first AND :last AND ", filtered!(), " ORDER BY a.key LIMIT :limit");

/// A chain by its conversation's row.
struct Chain {
    pk: i64,
    conversation: Option<ConversationId>,
    length: u64,
}

/// The entries that a query asks for, from one snapshot.
pub(super) fn page(connection: &Connection, query: &AuditQuery) -> rusqlite::Result<AuditPage> {
    let snapshot = connection.unchecked_transaction()?;
    let chains = chains(&snapshot, query.conversation)?;
    match &query.after {
        Some(after) => following(&snapshot, query, &chains, after),
        None => newest(&snapshot, query, &chains),
    }
}

fn chains(connection: &Connection, only: Option<ConversationId>) -> rusqlite::Result<Vec<Chain>> {
    const CHAINS: &str =
        "SELECT pk, id, audit_n FROM conversation WHERE ?1 IS NULL OR (id = ?1 AND pk <> 0) ORDER BY pk";
    let read = |row: &Row<'_>| {
        let (pk, id) = (row.get(0)?, ConversationId::from_bytes(row.get(1)?));
        let conversation = (pk != tx::BRIDGE).then_some(id);
        Ok(Chain { pk, conversation, length: rows::count(row.get(2)?) })
    };
    connection.prepare_cached(CHAINS)?.query_map([only.map(ConversationId::bytes)], read)?.collect()
}

fn newest(connection: &Connection, query: &AuditQuery, chains: &[Chain]) -> rusqlite::Result<AuditPage> {
    let cursor = chains.iter().map(|chain| (chain.conversation, chain.length)).collect();
    let one = query.conversation.map(|_| chains.first().map_or(-1, |chain| chain.pk));
    let (sql, range) = match one {
        Some(pk) => (NEWEST_OF_ONE, Some((tx::key_after(pk, 0), tx::last_key(pk)))),
        None => (NEWEST, None),
    };
    let mut rows = select(connection, sql, query, range, query.limit)?
        .into_iter()
        .map(|(pk, entry, hash)| {
            let chain = chains.iter().find(|chain| chain.pk == pk);
            AuditRow { conversation: chain.and_then(|chain| chain.conversation), entry, hash }
        })
        .collect::<Vec<_>>();
    let more = rows.len() > query.limit as usize;
    rows.truncate(query.limit as usize);
    Ok(AuditPage { rows, cursor, more })
}

/// Chain by chain, so that nothing is missed whatever the clocks say.
fn following(
    connection: &Connection,
    query: &AuditQuery,
    chains: &[Chain],
    after: &Cursor,
) -> rusqlite::Result<AuditPage> {
    let mut page = AuditPage { rows: Vec::new(), cursor: after.clone(), more: false };
    for chain in chains {
        let known = after.get(&chain.conversation).copied().unwrap_or_default();
        if chain.length <= known {
            continue;
        }
        let room = query.limit.saturating_sub(u32::try_from(page.rows.len()).unwrap_or(u32::MAX));
        let range = Some((tx::key_after(chain.pk, known), tx::key_after(chain.pk, chain.length) - 1));
        let mut found = select(connection, FOLLOWING, query, range, room)?;
        let full = found.len() > room as usize;
        found.truncate(room as usize);
        let reached = if full { found.last().map_or(known, |(_, entry, _)| entry.n) } else { chain.length };
        page.cursor.insert(chain.conversation, reached);
        let row = |(_, entry, hash)| AuditRow { conversation: chain.conversation, entry, hash };
        page.rows.extend(found.into_iter().map(row));
        if full {
            page.more = true;
            break;
        }
    }
    Ok(page)
}

type Found = (i64, Entry, Vec<u8>);

/// Reads one entry more than there is room for, which tells whether there are more.
fn select(
    connection: &Connection,
    sql: &str,
    query: &AuditQuery,
    range: Option<(i64, i64)>,
    room: u32,
) -> rusqlite::Result<Vec<Found>> {
    let read = |row: &Row<'_>| {
        Ok((tx::conversation_pk(row.get(0)?), entry(row)?, row.get_ref(6)?.as_bytes()?.to_vec()))
    };
    let (since, until) = (query.since.map(Timestamp::millis), query.until.map(Timestamp::millis));
    let limit = u64::from(room) + 1;
    let mut statement = connection.prepare_cached(sql)?;
    let filters = named_params! {
        ":actor": query.actor, ":action": query.action, ":outcome": query.outcome,
        ":since": since, ":until": until, ":limit": rows::stored(limit),
    };
    match range {
        None => statement.query_map(filters, read)?.collect(),
        Some((first, last)) => {
            let mut all = filters.to_vec();
            let bounds = named_params! { ":first": first, ":last": last };
            all.extend_from_slice(bounds);
            statement.query_map(&*all, read)?.collect()
        }
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
