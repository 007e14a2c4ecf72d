//! `show`: one conversation, for the operator.

use std::collections::BTreeMap;

use mab_core::{Failure, moderation::PausedBy, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    inbound::Policy,
    leases::Reserved,
    limits::{Usage, usage},
    list::{Summary, conversation, opener, summary},
};
use crate::{
    Bridge,
    arguments::ConversationArgument,
    door::{Call, Op},
    leasing::current,
    reading::{self, Delivery, ReadAgent, ReadMessage},
    running::standing::{Standing, standing},
};

/// Most messages in one answer.
const MESSAGES_MAX: u32 = 1_000;

/// The operation.
pub(crate) struct Show;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    conversation_id: ConversationArgument,
    /// Newest messages to show, default none
    #[serde(default)]
    messages: u32,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    created_at: String,
    expires_at: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_by: Option<PausedBy>,
    /// Which messages are accepted
    inbound: Policy,
    /// Messages that wait to be released
    held: u64,
    /// How agents' commands stand
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<Standing>,
    messages: u64,
    size_bytes: u64,
    audit_entries: u64,
    members: Vec<Shown>,
    /// How much of the limits is used
    usage: Usage,
    /// Files that are reserved
    #[serde(skip_serializing_if = "Vec::is_empty")]
    leases: Vec<Reserved>,
    /// Newest first
    recent: Vec<Sent>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<u64>,
    /// Always `peer`: the topic is an agent's words
    trust: &'static str,
}

/// A message, with what only its sender and the operator see.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Sent {
    #[serde(flatten)]
    message: ReadMessage,
    /// How far it got, by recipient
    delivery: Delivery,
}

/// A member, with what only the operator sees.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Shown {
    #[serde(flatten)]
    agent: ReadAgent,
    revoked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    joined_at: Option<String>,
}

impl Op for Show {
    const ACTION: Action = Action::Inspect;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, now) = (call.bridge, call.bridge.clock.now());
        let state = conversation(bridge, arguments.conversation_id.0).await?;
        let opener = opener(bridge, &state);
        let (mut recent, mut damaged) = (Vec::new(), Vec::new());
        if let Some(opener) = opener.as_ref().filter(|_| arguments.messages > 0) {
            let scan = arguments.messages.min(MESSAGES_MAX);
            let page = bridge.store.history(state.pk, None, None, scan).await?;
            damaged = page.damaged;
            let messages = opener.messages(page.messages, &mut damaged);
            recent = with_delivery(bridge, (state.pk, scan), messages).await?;
        }
        let members = state.agents.iter().map(|agent| Shown {
            agent: reading::agent(agent, opener.as_ref(), now),
            revoked: agent.revoked,
            joined_at: agent.joined_at.map(|at| at.to_string()),
        });
        let members = members.collect();
        let (_, usage) = usage(bridge, &state).await?;
        let leases = current(bridge, &state).await?;
        let leases = leases.iter().map(|lease| Reserved::new(state.id, lease)).collect();
        let (inbound, held) = bridge.store.inbound(state.pk).await?;
        let (execution, _) = standing(bridge, state.id, opener.as_ref()).await?;
        let Summary {
            conversation_id,
            topic,
            created_at,
            expires_at,
            state: phase,
            paused_by,
            messages,
            size_bytes,
            audit_entries,
            trust,
            members: _,
        } = summary(&state, opener.as_ref(), now);
        Ok(Answer {
            conversation_id,
            topic,
            created_at,
            expires_at,
            state: phase,
            paused_by,
            inbound: Policy::of(&inbound),
            held,
            execution,
            messages,
            size_bytes,
            audit_entries,
            members,
            usage,
            leases,
            recent,
            damaged,
            trust,
        })
    }
}

/// Adds how far each of these messages, newest first and found among `scan`, got.
async fn with_delivery(
    bridge: &Bridge,
    (conversation_pk, scan): (i64, u32),
    messages: Vec<ReadMessage>,
) -> Result<Vec<Sent>, Failure> {
    // None was stored after the history was read and pushes an older one out.
    let before = messages.first().map(|newest| newest.seq + 1);
    let receipts = bridge.store.receipts(conversation_pk, None, before, scan).await?;
    let mut delivery: BTreeMap<u64, Delivery> =
        receipts.iter().map(|receipt| (receipt.id.seq, reading::delivery(receipt))).collect();
    let sent =
        |message: ReadMessage| Sent { delivery: delivery.remove(&message.seq).unwrap_or_default(), message };
    Ok(messages.into_iter().map(sent).collect())
}
