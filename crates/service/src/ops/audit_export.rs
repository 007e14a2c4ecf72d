//! `audit_export`: records that evidence is taken out, and tells what it is to be checked against; `audit_entries`: the
//! entries themselves, page by page.

use mab_core::{Failure, audit::Detail, limit::Kind, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    anchoring::Wish,
    arguments::ConversationArgument,
    door::{Call, Op},
};

/// Most entries in one answer of `audit_entries`.
const PAGE: u32 = 1_000;

/// The operation `audit_export`.
pub(crate) struct AuditExport;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Only this conversation's chain
    #[serde(default)]
    conversation_id: Option<ConversationArgument>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Text of the anchor
    anchor: String,
    /// Why no checkpoint covers the newest entries; absent when one does
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Whether the anchor is what the store recorded
    fits: bool,
}

impl Op for AuditExport {
    const ACTION: Action = Action::Export;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let bridge = call.bridge;
        let stamp = bridge.stamp(call.permit, Kind::Operator, Detail::default());
        bridge.store.note(stamp, arguments.conversation_id.map(|id| id.0)).await?;
        // What is wrong with the anchor is a reason more to take the evidence out.
        let problem = match bridge.checkpoint(Wish::Routine).await {
            Ok(_) => None,
            Err(Failure::Denied(denied)) => Some(denied.message),
            Err(fault @ Failure::Fault(_)) => return Err(fault),
        };
        let kept = bridge.kept().await?;
        Ok(Answer { fits: kept.fits.is_ok(), anchor: kept.anchor, problem })
    }
}

/// The operation `audit_entries`.
pub(crate) struct AuditEntries;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    /// Only this conversation's chain
    #[serde(default)]
    conversation_id: Option<ConversationArgument>,
    /// `next` of the page before
    #[serde(default)]
    after: Option<i64>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Page {
    /// Chain by chain, oldest first
    entries: Vec<Exact>,
    /// Where the next page begins; absent on the last
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// One entry, exactly as it was hashed.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Exact {
    /// Absent: the bridge's own chain
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
    n: u64,
    /// Milliseconds since the Unix epoch
    at_ms: i64,
    actor: String,
    action: String,
    outcome: String,
    /// The stored text
    detail: String,
    /// In hexadecimal
    hash: String,
}

impl Op for AuditEntries {
    const ACTION: Action = Action::Inspect;
    type Arguments = Position;
    type Answer = Page;

    async fn run(call: Call<'_>, position: Position) -> Result<Page, Failure> {
        let id = position.conversation_id.map(|id| id.0);
        let rows = call.bridge.store.entries(id, position.after, PAGE).await?;
        let full = rows.len() == PAGE as usize;
        let next = rows.last().map(|(key, _)| *key).filter(|_| full);
        let entries = rows.into_iter().map(|(_, row)| Exact {
            conversation_id: row.conversation.map(|id| id.to_string()),
            n: row.entry.n,
            at_ms: row.entry.at.millis(),
            actor: row.entry.actor,
            action: row.entry.action,
            outcome: row.entry.outcome,
            detail: row.entry.detail,
            hash: hex::encode(row.hash),
        });
        Ok(Page { entries: entries.collect(), next })
    }
}
