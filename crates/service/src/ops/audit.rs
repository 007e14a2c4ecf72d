//! `audit`: the newest audit entries, for the operator.

use mab_core::{Code, Denied, Failure, entity::AuditRow, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    arguments::ConversationArgument,
    door::{Call, Op},
};

/// Entries in one answer when the caller does not say.
const LIMIT_DEFAULT: u32 = 50;
/// Most entries in one answer.
const LIMIT_MAX: u32 = 100_000;

/// The operation.
pub(crate) struct Audit;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Only this conversation's
    #[serde(default)]
    conversation_id: Option<ConversationArgument>,
    /// Most entries, default 50
    #[serde(default)]
    limit: Option<u32>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Newest first
    entries: Vec<Recorded>,
    /// Whether there are older ones
    more: bool,
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
        let (store, id) = (&call.bridge.store, arguments.conversation_id.map(|id| id.0));
        if let Some(id) = id
            && store.conversation(id).await?.is_none()
        {
            return Err(Denied::new(Code::NotFound, "no such conversation")
                .hint("`mab list --all` shows what there is")
                .into());
        }
        let limit = arguments.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
        let mut rows = store.audit(id, limit + 1).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        Ok(Answer { entries: rows.into_iter().map(Recorded::new).collect(), more })
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
