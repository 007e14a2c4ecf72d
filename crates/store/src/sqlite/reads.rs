//! Reading: history, members, conversations, and what the store says of itself.

use mab_core::{
    ConversationId, Timestamp,
    entity::{AgentState, ConversationState, HistoryPage, Member, StoreInfo},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    bells::Bells,
    options::{Durability, Options},
    rows::{self, message_columns},
    schema, tx,
};

/// Finds an agent by names.
pub(super) fn member(
    connection: &Connection,
    id: ConversationId,
    session: &str,
) -> rusqlite::Result<Option<Member>> {
    let mut statement = connection.prepare_cached(rows::MEMBER_BY_NAME)?;
    statement.query_row(params![id.bytes(), session], rows::member).optional()
}

/// Members in join order.
pub(super) fn agents(
    connection: &Connection,
    bells: &Bells,
    conversation_pk: i64,
) -> rusqlite::Result<Vec<AgentState>> {
    let mut statement = connection.prepare_cached(rows::AGENTS)?;
    rows::sound(statement.query_map([conversation_pk], |row| rows::agent(row, bells))?)
}

/// Which stretch of history is wanted.
pub(super) struct Stretch {
    /// The conversation's row.
    pub(super) conversation_pk: i64,
    /// Who looks; `None` sees everything.
    pub(super) viewer: Option<u8>,
    /// Below which message.
    pub(super) before_seq: Option<u64>,
    /// How many stored messages to look at.
    pub(super) scan: u32,
}

/// Walks back over a stretch of history.
pub(super) fn history(connection: &Connection, stretch: &Stretch) -> rusqlite::Result<HistoryPage> {
    const PAGE: &str = concat!(
        "SELECT ",
        message_columns!(),
        ", m.audience FROM message m LEFT JOIN agent s ON s.conversation = ?1 AND s.ordinal = m.sender
         WHERE m.key > (?1 << 32) AND m.key < (?1 << 32) + ?2 ORDER BY m.key DESC LIMIT ?3"
    );
    let before = stretch.before_seq.unwrap_or(1 << 32).min(1 << 32);
    let mut statement = connection.prepare_cached(PAGE)?;
    let mut found = statement.query(params![stretch.conversation_pk, rows::stored(before), stretch.scan])?;
    let (mut page, mut scanned, mut oldest) = (HistoryPage::default(), 0, None);
    while let Some(row) = found.next()? {
        let seq = tx::number(row.get(0)?);
        (scanned, oldest) = (scanned + 1, Some(seq));
        match visible(row, stretch.viewer).and_then(|seen| seen.then(|| rows::message(row)).transpose()) {
            Ok(message) => page.messages.extend(message),
            Err(error) if rows::is_damage(&error) => page.damaged.push(seq),
            Err(error) => return Err(error),
        }
    }
    page.next_before_seq = oldest.filter(|oldest| scanned == stretch.scan && *oldest > 1);
    Ok(page)
}

fn visible(row: &Row<'_>, viewer: Option<u8>) -> rusqlite::Result<bool> {
    let Some(viewer) = viewer else { return Ok(true) };
    let sent = row.get::<_, Option<u8>>(3)? == Some(viewer);
    Ok(sent || mab_core::agent::Audience::from_bits(row.get(rows::MESSAGE_COLUMNS)?).contains(viewer))
}

const CONVERSATION: &str =
    "pk, id, created_at, expires_at, purged_at, wrapped_key, topic, last_seq, size_bytes, audit_n,
     paused_at, paused_by";

fn conversation(row: &Row<'_>) -> rusqlite::Result<ConversationState> {
    Ok(ConversationState {
        pk: row.get(0)?,
        id: ConversationId::from_bytes(row.get(1)?),
        created_at: rows::time(row, 2)?,
        expires_at: rows::time(row, 3)?,
        purged_at: rows::optional_time(row, 4)?,
        wrapped_key: row.get(5)?,
        topic: row.get(6)?,
        messages: rows::count(row.get(7)?),
        size_bytes: rows::count(row.get(8)?),
        audit_entries: rows::count(row.get(9)?),
        pause: rows::pause(row, 10)?,
        agents: Vec::new(),
    })
}

/// One conversation with its members.
pub(super) fn one(
    connection: &Connection,
    bells: &Bells,
    id: ConversationId,
) -> rusqlite::Result<Option<ConversationState>> {
    let sql = format!("SELECT {CONVERSATION} FROM conversation WHERE id = ?1 AND pk <> 0");
    let found = connection.prepare_cached(&sql)?.query_row([id.bytes()], conversation).optional()?;
    found.map(|state| with_agents(connection, bells, state)).transpose()
}

/// Conversations with their members, newest first.
pub(super) fn all(
    connection: &Connection,
    bells: &Bells,
    active_at: Option<Timestamp>,
    limit: u32,
) -> rusqlite::Result<Vec<ConversationState>> {
    let sql = format!(
        "SELECT {CONVERSATION} FROM conversation
         WHERE pk <> 0 AND (?1 IS NULL OR (expires_at > ?1 AND purged_at IS NULL)) ORDER BY pk DESC LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found =
        rows::sound(statement.query_map(params![active_at.map(Timestamp::millis), limit], conversation)?)?;
    found.into_iter().map(|state| with_agents(connection, bells, state)).collect()
}

fn with_agents(
    connection: &Connection,
    bells: &Bells,
    state: ConversationState,
) -> rusqlite::Result<ConversationState> {
    Ok(ConversationState { agents: agents(connection, bells, state.pk)?, ..state })
}

/// What the store says of itself.
pub(super) fn info(connection: &Connection, options: &Options) -> rusqlite::Result<StoreInfo> {
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let page_bytes: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    Ok(StoreInfo {
        engine: format!("SQLite {}", rusqlite::version()),
        location: options.path.display().to_string(),
        schema: schema::VERSION,
        durability: match options.durability {
            Durability::Full => "full".to_owned(),
            Durability::Normal => "normal".to_owned(),
        },
        size_bytes: rows::count(pages.saturating_mul(page_bytes)),
        check: connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?,
    })
}
