//! `list`: conversations, for the operator.

use mab_core::{
    Code, ConversationId, Denied, Failure, Timestamp, entity::ConversationState, moderation::PausedBy,
    policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::create_conversation::topic_place;
use crate::{
    Bridge,
    door::{Call, Op},
    reading::{Opener, PEER},
    running::standing::{Standing, standing_of},
};

/// Conversations in one answer when the caller does not say.
const LIMIT_DEFAULT: u32 = 100;
/// Most conversations in one answer.
const LIMIT_MAX: u32 = 10_000;

/// The operation.
pub(crate) struct List;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Ended ones too
    #[serde(default)]
    all: bool,
    /// Most conversations, default 100
    #[serde(default)]
    limit: Option<u32>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversations: Vec<Listed>,
    /// Whether there are more
    more: bool,
}

/// One conversation, with how agents' commands stand in it.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Listed {
    #[serde(flatten)]
    summary: Summary,
    /// Absent when nothing is enabled and nobody asks
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<Standing>,
}

/// One conversation.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Summary {
    pub(crate) conversation_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<String>,
    pub(crate) created_at: String,
    pub(crate) expires_at: String,
    /// active, paused, expired or purged
    pub(crate) state: &'static str,
    /// Absent unless paused
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) paused_by: Option<PausedBy>,
    pub(crate) members: usize,
    pub(crate) messages: u64,
    pub(crate) size_bytes: u64,
    pub(crate) audit_entries: u64,
    pub(crate) trust: &'static str,
}

impl Op for List {
    const ACTION: Action = Action::Inspect;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, now) = (call.bridge, call.bridge.clock.now());
        let limit = arguments.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
        let mut states = bridge.store.conversations((!arguments.all).then_some(now), limit + 1).await?;
        let more = states.len() > limit as usize;
        states.truncate(limit as usize);
        let commands = bridge.store.execution(None).await?;
        let mut conversations = Vec::new();
        for state in &states {
            let opener = opener(bridge, state);
            let execution = match commands.iter().find(|commands| commands.conversation == state.id) {
                Some(commands) => standing_of(bridge, commands, opener.as_ref()).await?.0,
                None => None,
            };
            conversations.push(Listed { summary: summary(state, opener.as_ref(), now), execution });
        }
        Ok(Answer { conversations, more })
    }
}

/// A conversation, which must exist.
pub(crate) async fn conversation(bridge: &Bridge, id: ConversationId) -> Result<ConversationState, Failure> {
    let found = bridge.store.conversation(id).await?;
    found.ok_or_else(|| {
        Denied::new(Code::NotFound, "no such conversation")
            .hint("`mab list --all` shows what there is")
            .into()
    })
}

/// What opens a conversation's texts; `None` once it was purged.
pub(crate) fn opener(bridge: &Bridge, state: &ConversationState) -> Option<Opener> {
    let key = bridge.wrapper.unwrap(state.id, state.wrapped_key.as_ref()?).ok()?;
    Some(Opener { conversation: state.id, key })
}

/// A conversation in one line.
pub(crate) fn summary(state: &ConversationState, opener: Option<&Opener>, now: Timestamp) -> Summary {
    let topic = || opener?.key.open(&topic_place(state.id), state.topic.as_ref()?).ok()?.pop();
    Summary {
        conversation_id: state.id.to_string(),
        topic: topic(),
        created_at: state.created_at.to_string(),
        expires_at: state.expires_at.to_string(),
        state: match phase(state, now) {
            ACTIVE if state.pause.is_some() => PAUSED,
            phase => phase,
        },
        paused_by: state.pause.map(|pause| pause.by),
        members: state.agents.len(),
        messages: state.messages,
        size_bytes: state.size_bytes,
        audit_entries: state.audit_entries,
        trust: PEER,
    }
}

/// `active` (paused or not), `expired` or `purged`.
pub(crate) fn phase(state: &ConversationState, now: Timestamp) -> &'static str {
    match state.purged_at {
        Some(_) => "purged",
        None if state.expires_at <= now => "expired",
        None => ACTIVE,
    }
}

/// The phase in which tokens open something.
pub(crate) const ACTIVE: &str = "active";

/// The state of an active conversation whose sends wait for a human.
const PAUSED: &str = "paused";
