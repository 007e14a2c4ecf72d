//! The limits that a conversation has of its own, and how much of all limits is used.

use mab_core::{
    Code, ConversationId, Denied, Failure, SessionId, Timestamp,
    audit::Detail,
    entity::{AgentUsage, ConversationUsage, UsageRequest},
    limit::Overrides,
    policy::Stamp,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    members::no_conversation,
    rows,
    tx::{Tx, own},
    windows,
};
use crate::LimitsChange;

impl Tx<'_> {
    /// Changes them; returns what they are then.
    pub(super) fn set_limits(
        &self,
        stamp: &Stamp,
        id: ConversationId,
        change: &LimitsChange,
    ) -> Result<Overrides, Failure> {
        const FIND: &str = "SELECT pk, expires_at, limits FROM conversation WHERE id = ?1 AND pk <> 0";
        const SET: &str = "UPDATE conversation SET limits = ?2 WHERE pk = ?1";
        self.guarded(stamp, || {
            self.enter(stamp)?;
            let found = self.row(FIND, [id.bytes()], |row| {
                Ok((row.get::<_, i64>(0)?, rows::time(row, 1)?, row.get::<_, Option<String>>(2)?))
            })?;
            let (pk, expires_at, stored) = found.ok_or_else(no_conversation)?;
            if self.now() >= expires_at {
                let message = format!("the conversation expired at {expires_at}");
                return Err(Denied::new(Code::Expired, message).hint("create a new conversation").into());
            }
            let mut overrides = match (change.reset, stored) {
                (true, _) | (false, None) => Overrides::default(),
                (false, Some(text)) => Overrides::parse(&text)?,
            };
            overrides.extend(&change.set);
            self.execute_one(SET, params![pk, overrides.to_text()])?;
            let was = if change.reset { "reset" } else { "kept" };
            let set = |detail: Detail, (limit, value): (mab_core::limit::Limit, u64)| {
                detail.number(limit.as_str(), value)
            };
            let detail = change.set.iter().fold(Detail::default().name("others", was), set);
            self.done(&self.ledger(pk)?, stamp, detail)?;
            Ok(overrides)
        })
    }
}

/// How much is used, all from one moment.
pub(super) fn usage(
    connection: &Connection,
    now: Timestamp,
    request: &UsageRequest,
) -> rusqlite::Result<Option<ConversationUsage>> {
    const CONVERSATION: &str = "SELECT limits, last_seq, size_bytes FROM conversation WHERE pk = ?1";
    let snapshot = connection.unchecked_transaction()?;
    let found = snapshot
        .prepare_cached(CONVERSATION)?
        .query_row([request.conversation_pk], |row| {
            let limits: Option<String> = row.get(0)?;
            Ok((limits, row.get(1).map(rows::count)?, row.get(2).map(rows::count)?))
        })
        .optional()?;
    let Some((limits, messages, size_bytes)) = found else { return Ok(None) };
    let overrides = limits.as_deref().map_or_else(|| Ok(Overrides::default()), Overrides::parse);
    let mut agents = Vec::new();
    let own = overrides.clone().unwrap_or_default();
    for session in &request.agents {
        agents.extend(agent(&snapshot, now, (request, session), &own)?);
    }
    Ok(Some(ConversationUsage { overrides, messages, size_bytes, agents }))
}

fn agent(
    connection: &Connection,
    now: Timestamp,
    (request, session): (&UsageRequest, &SessionId),
    of_conversation: &Overrides,
) -> rusqlite::Result<Option<AgentUsage>> {
    const FIND: &str = "SELECT pk, unread, permission FROM agent WHERE conversation = ?1 AND session = ?2";
    let found = connection
        .prepare_cached(FIND)?
        .query_row(params![request.conversation_pk, session.as_str()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get(1).map(rows::count)?, rows::named(row, 2)?))
        })
        .optional()?;
    let Some((agent_pk, unread, permission)) = found else { return Ok(None) };
    let own = own(&request.permissions, Some(permission), of_conversation);
    let mut windows = Vec::new();
    for charge in &request.charges {
        let usage = windows::usage(connection, now, agent_pk, &own.charge(charge))?;
        windows.extend(usage.into_iter().map(|usage| (charge.kind, usage)));
    }
    Ok(Some(AgentUsage { session: session.clone(), permission, unread, windows }))
}
