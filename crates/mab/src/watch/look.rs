//! What the operations `watch`, `list` and `held` answer, as far as it is shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use mab_core::Fault;

use crate::cli::{allowed::Allowed, inbound::Policy};

/// Reads an answer.
///
/// # Errors
/// A [`Fault`] when it is not of this shape.
pub(super) fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Fault> {
    serde_json::from_value(answer)
        .map_err(|source| Fault::from_source("reading the answer of an operation", source))
}

/// One look at a conversation.
#[derive(Deserialize)]
pub(super) struct Look {
    /// Of what was seen.
    pub(super) version: String,
    /// Nothing when it is as it was.
    pub(super) now: Option<Seen>,
}

/// A conversation as it is, with what is new in it.
#[derive(Deserialize)]
pub(super) struct Seen {
    pub(super) conversation_id: String,
    pub(super) topic: Option<String>,
    pub(super) expires_at: String,
    pub(super) state: String,
    pub(super) paused_by: Option<String>,
    pub(super) messages: u64,
    pub(super) inbound: Policy,
    pub(super) held: u64,
    pub(super) execution: Option<Allowed>,
    pub(super) agents: Vec<Member>,
    pub(super) usage: Usage,
    pub(super) leases: Vec<Lease>,
    pub(super) news: Vec<Said>,
    pub(super) until: u64,
    pub(super) more: bool,
    pub(super) damaged: Vec<u64>,
    pub(super) receipts: Vec<Receipt>,
}

impl Seen {
    /// Whether nothing can happen in it any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "expired" | "purged")
    }
}

/// A member.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Member {
    pub(super) session_id: String,
    pub(super) role: Option<String>,
    pub(super) permission: String,
    pub(super) status: Option<String>,
    pub(super) note: Option<String>,
    pub(super) last_heartbeat: Option<String>,
    pub(super) alive: bool,
    pub(super) waits: bool,
    pub(super) unread: u64,
    pub(super) revoked: bool,
}

impl Member {
    /// Whether it is there, in a word.
    pub(super) fn presence(&self) -> &'static str {
        match (self.revoked, self.waits, self.alive, &self.last_heartbeat) {
            (true, _, _, _) => "removed",
            (false, true, _, _) => "waits",
            (false, false, true, _) => "alive",
            (false, false, false, Some(_)) => "silent",
            (false, false, false, None) => "never came",
        }
    }
}

/// How much of the limits is used.
#[derive(Deserialize)]
pub(super) struct Usage {
    pub(super) conversation: BTreeMap<String, Level>,
    pub(super) agents: BTreeMap<String, BTreeMap<String, Level>>,
}

/// How much of one limit.
#[derive(Deserialize)]
pub(super) struct Level {
    pub(super) used: u64,
    pub(super) limit: u64,
}

/// A reserved pattern.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    pub(super) session_id: String,
    pub(super) pattern: String,
    pub(super) exclusive: bool,
    pub(super) fence: u64,
    pub(super) expires_at: String,
}

/// A message, as it is printed with `--json` too.
#[derive(Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) message_id: String,
    pub(super) seq: u64,
    pub(super) from: String,
    pub(super) at: String,
    pub(super) action_type: String,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) files_involved: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_to: Option<String>,
    #[serde(default)]
    pub(super) redactions: u64,
    pub(super) trust: String,
}

/// How far a message got, by recipient.
pub(super) type Delivery = BTreeMap<String, String>;

/// How far a message got.
#[derive(Deserialize)]
pub(super) struct Receipt {
    pub(super) seq: u64,
    pub(super) to: Delivery,
}

/// Conversations to choose from.
#[derive(Deserialize)]
pub(super) struct Listing {
    pub(super) conversations: Vec<Listed>,
}

/// One of them.
#[derive(Deserialize)]
pub(super) struct Listed {
    pub(super) conversation_id: String,
    pub(super) topic: Option<String>,
    pub(super) state: String,
    pub(super) members: u64,
    pub(super) messages: u64,
}

/// Messages that wait to be released.
#[derive(Deserialize)]
pub(super) struct Held {
    pub(super) messages: Vec<HeldMessage>,
}

/// One of them.
#[derive(Deserialize)]
pub(super) struct HeldMessage {
    #[serde(flatten)]
    pub(super) message: Said,
    pub(super) to: Vec<String>,
}
