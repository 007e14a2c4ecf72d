//! Telling senders what has not arrived: each thing once per connection, until it has changed.

use mab_core::{
    Failure, Timestamp,
    entity::{Member, Overdue},
    watchdog::{self, Reason},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Bridge, Connection, caller::Told};

/// How often a connection looks after what its agent has sent, in seconds.
const LOOK_EVERY_S: u64 = 15;

/// A message that has not arrived.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Undelivered {
    /// Who has not got it.
    pub(crate) session_id: String,
    /// Why.
    pub(crate) reason: Reason,
    /// The oldest such message, or the one that was rejected.
    pub(crate) message_id: String,
    /// When it was stored, RFC 3339.
    pub(crate) sent_at: String,
}

/// Everything an agent sent that has not arrived, by recipient.
pub(crate) async fn undelivered(bridge: &Bridge, member: &Member) -> Result<Vec<Undelivered>, Failure> {
    let overdue = bridge.store.overdue(member.conversation_pk, member.ordinal).await?;
    let now = bridge.clock.now();
    Ok(overdue.iter().filter_map(|overdue| shown(overdue, now)).collect())
}

/// What has not arrived and was not told on this connection yet; looked for at most every [`LOOK_EVERY_S`]. It is told
/// beside something else, which has happened: that it cannot be found out is logged and fails nothing. `at_once` looks in
/// any case.
pub(crate) async fn news(
    bridge: &Bridge,
    connection: &Connection,
    member: &Member,
    at_once: bool,
) -> Vec<Undelivered> {
    let now = bridge.clock.now();
    if !connection.watch_is_due(member, now, LOOK_EVERY_S) && !at_once {
        return Vec::new();
    }
    let all = match undelivered(bridge, member).await {
        Ok(all) => all,
        Err(failure) => {
            tracing::error!(%failure, source = ?std::error::Error::source(&failure), "cannot look for what is overdue");
            return Vec::new();
        }
    };
    let told = connection.watched(member, all.iter().map(told).collect());
    all.into_iter().filter(|one| !told.contains(&self::told(one))).collect()
}

/// What is told once: that something lies with somebody, whichever message is the oldest; that one was rejected.
fn told(one: &Undelivered) -> Told {
    let message = (one.reason == Reason::Rejected).then(|| one.message_id.clone());
    (one.session_id.clone(), one.reason, message)
}

fn shown(overdue: &Overdue, now: Timestamp) -> Option<Undelivered> {
    Some(Undelivered {
        session_id: overdue.session.to_string(),
        reason: watchdog::judge(overdue, now)?,
        message_id: overdue.id.to_string(),
        sent_at: overdue.stored_at.to_string(),
    })
}
