//! `watch`: what is new in one conversation, for an operator who keeps looking.
//!
//! A look at which nothing has changed reads the conversation's row and its members', and no message.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
};

use mab_core::{Failure, Timestamp, entity::ConversationState, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    inbound::Policy,
    leases::Reserved,
    limits::{Usage, usage},
    list::{Summary, conversation, opener, phase, summary},
};
use crate::{
    Bridge,
    arguments::ConversationArgument,
    door::{Call, Op},
    leasing::current,
    reading::{self, Delivery, Opener, ReadAgent, ReadMessage},
    running::standing::{Standing, standing},
};

/// Messages in one answer when the caller does not say.
const LIMIT_DEFAULT: u32 = 100;
/// Most messages in one answer.
const LIMIT_MAX: u32 = 500;
/// Of how many of the newest messages it is told how far they got, though they are not new.
const RECEIPTS: u32 = 100;

/// The operation.
pub(crate) struct Watch;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    conversation_id: ConversationArgument,
    /// Only messages after this one; default: the newest
    #[serde(default)]
    after_seq: Option<u64>,
    /// Most messages, default 100
    #[serde(default)]
    limit: Option<u32>,
    /// The version of the caller's last look: when nothing has changed since, nothing else is answered
    #[serde(default)]
    seen: Option<String>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Pass it as `seen` with the next look
    version: String,
    /// Absent when nothing has changed
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<State>,
}

/// A conversation as it is now, with what is new in it.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct State {
    #[serde(flatten)]
    summary: Summary,
    /// Which messages are accepted
    inbound: Policy,
    /// Messages that wait to be released
    held: u64,
    /// How agents' commands stand
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<Standing>,
    /// In join order
    agents: Vec<Watched>,
    /// How much of the limits is used
    usage: Usage,
    /// Files that are reserved
    leases: Vec<Reserved>,
    /// Oldest first
    news: Vec<ReadMessage>,
    /// Up to which seq was looked: pass it as `after_seq` with the next look
    until: u64,
    /// Whether there are newer ones: look again at once
    more: bool,
    /// seq of new messages that were damaged in the store
    damaged: Vec<u64>,
    /// How far messages got, new ones and some before them
    receipts: Vec<Receipt>,
}

/// A member, with what only the operator sees.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Watched {
    #[serde(flatten)]
    agent: ReadAgent,
    /// Whether it waits for messages right now
    waits: bool,
    revoked: bool,
}

/// How far a message got.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Receipt {
    seq: u64,
    to: Delivery,
}

impl Op for Watch {
    const ACTION: Action = Action::Inspect;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, now) = (call.bridge, call.bridge.clock.now());
        let state = conversation(bridge, arguments.conversation_id.0).await?;
        let digest = digest(&state, now);
        if let Some(seen) = arguments.seen.filter(|seen| holds(seen, &digest, now)) {
            return Ok(Answer { version: seen, now: None });
        }
        let limit = arguments.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX);
        let opener = opener(bridge, &state);
        let (execution, ends) = standing(bridge, state.id, opener.as_ref()).await?;
        let found = look(bridge, (&state, opener.as_ref(), execution), (arguments.after_seq, limit)).await?;
        let version = ends.map_or(digest.clone(), |ends| format!("{digest}-{}", ends.millis()));
        Ok(Answer { version, now: Some(found) })
    }
}

/// Whether a version is of this digest, and nothing of what it saw has ended since: `DIGEST`, or `DIGEST-MILLISECONDS`.
fn holds(seen: &str, digest: &str, now: Timestamp) -> bool {
    let ends = |rest: &str| rest.strip_prefix('-').and_then(|ends| ends.parse::<i64>().ok());
    match seen.strip_prefix(digest) {
        Some("") => true,
        Some(rest) => ends(rest).is_some_and(|ends| now.millis() < ends),
        None => false,
    }
}

/// Changes with everything that is shown but what only time changes; whatever becomes of commands is a message, too.
fn digest(state: &ConversationState, now: Timestamp) -> String {
    let mut hasher = DefaultHasher::new();
    phase(state, now).hash(&mut hasher);
    // Every field, those that are added later too.
    format!("{state:?}").hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

async fn look(
    bridge: &Bridge,
    (state, opener, execution): (&ConversationState, Option<&Opener>, Option<Standing>),
    (after_seq, limit): (Option<u64>, u32),
) -> Result<State, Failure> {
    let now = bridge.clock.now();
    // Numbers are given out without gaps.
    let after = after_seq.unwrap_or_else(|| state.messages.saturating_sub(limit.into()));
    // Where nothing can be opened any more, no page is better than the last one.
    let page = if opener.is_some() { limit.into() } else { u64::MAX };
    let until = state.messages.min(after.saturating_add(page));
    let fresh = u32::try_from(until.saturating_sub(after)).unwrap_or_default();
    let (mut news, mut damaged) = (Vec::new(), Vec::new());
    if let Some(opener) = opener.filter(|_| fresh > 0) {
        let page = bridge.store.history(state.pk, None, Some(until + 1), fresh).await?;
        damaged = page.damaged;
        news = opener.messages(page.messages, &mut damaged);
        news.reverse();
    }
    let receipts = if opener.is_some() {
        bridge.store.receipts(state.pk, None, Some(until + 1), fresh.max(RECEIPTS)).await?
    } else {
        Vec::new()
    };
    let receipt =
        |receipt: &mab_core::entity::Receipt| Receipt { seq: receipt.id.seq, to: reading::delivery(receipt) };
    let (inbound, held) = bridge.store.inbound(state.pk).await?;
    let (_, usage) = usage(bridge, state).await?;
    let leases = current(bridge, state).await?;
    let watched = |agent: &mab_core::entity::AgentState| Watched {
        agent: reading::agent(agent, opener, now),
        waits: agent.listening && !agent.revoked,
        revoked: agent.revoked,
    };
    Ok(State {
        summary: summary(state, opener, now),
        inbound: Policy::of(&inbound),
        held,
        execution,
        agents: state.agents.iter().map(watched).collect(),
        usage,
        leases: leases.iter().map(|lease| Reserved::new(state.id, lease)).collect(),
        news,
        until,
        more: until < state.messages,
        damaged,
        receipts: receipts.iter().map(receipt).collect(),
    })
}
