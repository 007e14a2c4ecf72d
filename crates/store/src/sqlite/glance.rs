//! What is unread in an inbox, and whose it is.

use std::collections::BTreeMap;

use mab_core::{
    SessionId,
    glance::{Glance, GlanceFrom},
};
use rusqlite::{Connection, OptionalExtension, params};

use super::rows;

/// Unread messages whose senders are counted: the newest, because those were not handed out yet.
const LOOKED_AT: u32 = 256;

/// Glances at an inbox, at one moment.
pub(super) fn glance(connection: &Connection, agent_pk: i64) -> rusqlite::Result<Option<Glance>> {
    const AGENT: &str = "SELECT a.unread, a.arrivals, c.paused_at, c.paused_by, c.pk
         FROM agent a JOIN conversation c ON c.pk = a.conversation WHERE a.pk = ?1";
    let snapshot = connection.unchecked_transaction()?;
    let mut find = snapshot.prepare_cached(AGENT)?;
    let agent = find.query_row([agent_pk], |row| {
        let counts = (rows::count(row.get(0)?), rows::count(row.get(1)?));
        Ok((counts, rows::pause(row, 2)?, row.get::<_, i64>(4)?))
    });
    let Some(((unread, arrivals), pause, conversation_pk)) = agent.optional()? else { return Ok(None) };
    let from = if unread == 0 { BTreeMap::new() } else { senders(&snapshot, conversation_pk, agent_pk)? };
    Ok(Some(Glance { unread, arrivals, from, paused_by: pause.map(|pause| pause.by) }))
}

fn senders(
    connection: &Connection,
    conversation_pk: i64,
    agent_pk: i64,
) -> rusqlite::Result<BTreeMap<SessionId, GlanceFrom>> {
    const NEWEST: &str = "SELECT s.session, m.sender, i.offers = 0
         FROM (SELECT seq, offers FROM inbox WHERE agent = ?1 AND seq BETWEEN 1 AND 4294967295
               ORDER BY seq DESC LIMIT ?3) i
         JOIN message m ON m.key = (?2 << 32) + i.seq
         LEFT JOIN agent s ON s.conversation = ?2 AND s.ordinal = m.sender";
    let mut newest = connection.prepare_cached(NEWEST)?;
    let found = newest.query_map(params![agent_pk, conversation_pk, LOOKED_AT], |row| {
        Ok((rows::sender(row, 1, 0)?, row.get::<_, bool>(2)?))
    })?;
    let mut from: BTreeMap<SessionId, GlanceFrom> = BTreeMap::new();
    for (session, is_new) in rows::sound(found)? {
        let counts = from.entry(session).or_default();
        counts.unread += 1;
        counts.new += u64::from(is_new);
    }
    Ok(from)
}
