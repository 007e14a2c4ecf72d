//! `audit`: audit entries by who, what, how it ended and when, and those that follow, for the operator.

use std::collections::BTreeMap;

use mab_core::{
    Code, ConversationId, Denied, Failure, SessionId, Timestamp, audit::Actor, entity::AuditRow,
    policy::Action,
};
use mab_store::{AuditQuery, Cursor, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit_verify::BRIDGE;
use crate::{
    arguments::ConversationArgument,
    door::{Call, Op},
};

/// Entries in one answer when the caller does not say.
const LIMIT_DEFAULT: u32 = 50;
/// Most entries in one answer.
const LIMIT_MAX: u32 = 100_000;
/// The outcome of what was not refused.
pub(crate) const DONE: &str = "ok";

/// The operation.
pub(crate) struct Audit;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Only this conversation's
    #[serde(default)]
    conversation_id: Option<ConversationArgument>,
    /// Only of this agent, or of operator, newcomer or unknown
    #[serde(default)]
    agent: Option<String>,
    /// Only this action
    #[serde(default)]
    action: Option<String>,
    /// Only with this outcome: ok, or the code of a refusal
    #[serde(default)]
    outcome: Option<String>,
    /// Only from then on: RFC 3339, or 10m, 2h, 3d ago
    #[serde(default)]
    since: Option<String>,
    /// Only before then
    #[serde(default)]
    until: Option<String>,
    /// Most entries, default 50
    #[serde(default)]
    limit: Option<u32>,
    /// Tell a cursor
    #[serde(default)]
    follow: bool,
    /// The cursor of an answer: only what follows it, chain by chain
    #[serde(default)]
    after: Option<BTreeMap<String, u64>>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Newest first; those that follow a cursor oldest first
    entries: Vec<Recorded>,
    /// Whether there are more
    more: bool,
    /// By chain: how much of it is known
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<BTreeMap<String, u64>>,
}

/// One entry.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Recorded {
    /// Absent: the bridge's own chain
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
    n: u64,
    at: String,
    actor: String,
    action: String,
    outcome: String,
    detail: Value,
    /// Of this entry and all before it, in hexadecimal
    hash: String,
}

impl Op for Audit {
    const ACTION: Action = Action::Inspect;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (store, now) = (&call.bridge.store, call.bridge.clock.now());
        let conversation = arguments.conversation_id.map(|id| id.0);
        if let Some(agent) = &arguments.agent {
            check_actor(agent)?;
        }
        check_conversation(store.as_ref(), conversation, arguments.agent.as_deref()).await?;
        if let Some(action) = &arguments.action {
            one_of("action", action, Action::ALL.iter().map(|action| action.as_str()))?;
        }
        if let Some(outcome) = &arguments.outcome {
            one_of("outcome", outcome, [DONE].into_iter().chain(Code::ALL.iter().map(|code| code.name())))?;
        }
        let moment = |name, text: Option<String>| text.map(|text| moment(name, &text, now)).transpose();
        let follow = arguments.follow || arguments.after.is_some();
        let query = AuditQuery {
            conversation,
            actor: arguments.agent,
            action: arguments.action,
            outcome: arguments.outcome,
            since: moment("since", arguments.since)?,
            until: moment("until", arguments.until)?,
            limit: arguments.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX),
            after: arguments.after.map(cursor).transpose()?,
        };
        let page = store.audit(query).await?;
        let told = |cursor: Cursor| cursor.into_iter().map(|(chain, n)| (name(chain), n)).collect();
        Ok(Answer {
            entries: page.rows.into_iter().map(Recorded::new).collect(),
            more: page.more,
            cursor: follow.then(|| told(page.cursor)),
        })
    }
}

impl Recorded {
    fn new(row: AuditRow) -> Self {
        let conversation_id = row.conversation.map(|id| id.to_string());
        Self { conversation_id, ..Self::in_its_conversation(row) }
    }

    /// Without the conversation, which is known.
    pub(crate) fn in_its_conversation(row: AuditRow) -> Self {
        Self {
            conversation_id: None,
            n: row.entry.n,
            at: row.entry.at.to_string(),
            actor: row.entry.actor,
            action: row.entry.action,
            outcome: row.entry.outcome,
            // What was stored is shown even when somebody made it something else than JSON.
            detail: serde_json::from_str(&row.entry.detail).unwrap_or(Value::String(row.entry.detail)),
            hash: hex::encode(row.hash),
        }
    }
}

/// Who can have done something, besides agents.
fn others() -> [Actor; 3] {
    [Actor::Operator, Actor::Newcomer, Actor::Unknown]
}

fn check_actor(agent: &str) -> Result<(), Denied> {
    if others().iter().any(|other| other.as_str() == agent) {
        return Ok(());
    }
    agent.parse::<SessionId>().map(drop)
}

/// Refuses a conversation that does not exist, and an agent that it does not have.
async fn check_conversation(
    store: &dyn Store,
    conversation: Option<ConversationId>,
    agent: Option<&str>,
) -> Result<(), Failure> {
    let Some(id) = conversation else { return Ok(()) };
    let state = store.conversation(id).await?.ok_or_else(|| {
        Denied::new(Code::NotFound, "no such conversation").hint("`mab list --all` shows what there is")
    })?;
    let Some(agent) = agent else { return Ok(()) };
    let others = others();
    let members = state.agents.iter().map(|agent| agent.session.as_str());
    Ok(one_of("agent", agent, members.chain(others.iter().map(Actor::as_str)))?)
}

fn one_of<'a>(what: &str, given: &str, known: impl Iterator<Item = &'a str> + Clone) -> Result<(), Denied> {
    if known.clone().any(|known| known == given) {
        return Ok(());
    }
    let known: Vec<&str> = known.collect();
    Err(Denied::new(Code::InvalidArguments, format!("no {what} has this name"))
        .hint(format!("one of: {}", known.join(", "))))
}

/// A moment in RFC 3339, or how long ago it is.
fn moment(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, Denied> {
    let ago = || {
        let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        Some(now.minus_seconds(count.parse::<u64>().ok()?.checked_mul(seconds)?))
    };
    Timestamp::parse(text).or_else(ago).ok_or_else(|| {
        Denied::new(Code::InvalidArguments, format!("{name} is no moment"))
            .hint("a moment is 2026-11-22T07:30:00Z, or 90s, 10m, 2h or 3d for how long ago")
    })
}

fn name(chain: Option<ConversationId>) -> String {
    chain.map_or(BRIDGE.to_owned(), |id| id.to_string())
}

fn cursor(told: BTreeMap<String, u64>) -> Result<Cursor, Denied> {
    let chain = |(name, n): (String, u64)| {
        let chain = if name == BRIDGE { None } else { Some(name.parse()?) };
        Ok((chain, n))
    };
    told.into_iter().map(chain).collect()
}
