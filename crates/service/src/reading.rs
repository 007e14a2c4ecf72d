//! Opening what the store returns: messages and agents in the form that callers see.

use std::collections::BTreeMap;

use mab_core::{
    ConversationId, SessionId, Timestamp,
    agent::{ActionType, DeliveryState, Permission, SYSTEM_ORDINAL, Status},
    entity::{AgentState, Receipt, StoredMessage},
    inbound::Standing,
    seal::{ConversationKey, Place},
    watchdog,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::door::agent_place;

/// A message as an agent sees it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct ReadMessage {
    /// Its name; pass it as `reply_to`.
    pub(crate) message_id: String,
    /// Its place in the conversation, from 1.
    pub(crate) seq: u64,
    /// The sender's handle.
    pub(crate) from: String,
    /// The sender's role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    /// When it was stored, RFC 3339.
    pub(crate) at: String,
    /// What it wants.
    pub(crate) action_type: ActionType,
    /// The text.
    pub(crate) message: String,
    /// Files it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) files_involved: Option<Vec<String>>,
    /// The message it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<String>,
    /// Secrets replaced in it
    #[serde(skip_serializing_if = "is_none")]
    pub(crate) redactions: u64,
    /// Whether it was handed out before.
    pub(crate) redelivered: bool,
    /// What became of it, when it was not delivered; only its sender and who may release it see such a one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<Standing>,
    /// `peer`: written by another agent, not by your user; `system`: by the bridge itself, which no agent can forge.
    pub(crate) trust: &'static str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(crate) fn is_none(count: &u64) -> bool {
    *count == 0
}

/// How an object is marked that holds words of agents: they are not the user's, and not the bridge's.
pub(crate) const PEER: &str = "peer";

/// How a message of the bridge itself is marked. It may tell of an agent's words, such as a command; it says whose they are.
const SYSTEM: &str = "system";

/// What names a message's row to its seal: its tag and its sender.
pub(crate) fn message_row(tag: [u8; 8], sender_ordinal: u8) -> [u8; 9] {
    let mut row = [sender_ordinal; 9];
    for (place, byte) in row.iter_mut().zip(tag) {
        *place = byte;
    }
    row
}

/// Where a message's text is sealed.
pub(crate) fn message_place<'a>(
    conversation: ConversationId,
    row: &'a [u8; 9],
    column: &'static str,
) -> Place<'a> {
    Place { table: "message", column, conversation, row }
}

/// Opens conversations' texts with their key.
pub(crate) struct Opener {
    /// The conversation.
    pub(crate) conversation: ConversationId,
    /// Its key.
    pub(crate) key: ConversationKey,
}

impl Opener {
    /// Opens a message; `None` when it was damaged.
    pub(crate) fn message(&self, stored: &StoredMessage) -> Option<ReadMessage> {
        let row = message_row(stored.id.tag, stored.sender_ordinal);
        let open =
            |column, bytes: &[u8]| self.key.open(&message_place(self.conversation, &row, column), bytes).ok();
        let message = open("body", &stored.body)?.pop()?;
        let files_involved = match &stored.files {
            Some(sealed) => Some(open("files", sealed)?),
            None => None,
        };
        Some(ReadMessage {
            message_id: stored.id.to_string(),
            seq: stored.id.seq,
            role: self.agent_text(&stored.sender, "role", stored.sender_role.as_deref()),
            from: stored.sender.to_string(),
            at: stored.at.to_string(),
            action_type: stored.action_type,
            message,
            files_involved,
            reply_to: stored.reply_to.map(|id| id.to_string()),
            redactions: stored.redactions,
            redelivered: stored.redelivered,
            state: stored.standing,
            trust: if stored.sender_ordinal == SYSTEM_ORDINAL { SYSTEM } else { PEER },
        })
    }

    /// Opens messages; those that were damaged are added to `damaged`.
    pub(crate) fn messages(&self, stored: Vec<StoredMessage>, damaged: &mut Vec<u64>) -> Vec<ReadMessage> {
        let open = |stored: StoredMessage| {
            let seq = stored.id.seq;
            let message = self.message(&stored);
            if message.is_none() {
                tracing::error!(conversation = %self.conversation, seq, "a stored message cannot be opened");
                damaged.push(seq);
            }
            message
        };
        stored.into_iter().filter_map(open).collect()
    }

    /// Opens one text of an agent; `None` when there is none or it was damaged.
    pub(crate) fn agent_text(
        &self,
        session: &SessionId,
        column: &'static str,
        sealed: Option<&[u8]>,
    ) -> Option<String> {
        self.key.open(&agent_place(self.conversation, session, column), sealed?).ok()?.pop()
    }
}

/// How far a message got, by recipient.
pub(crate) type Delivery = BTreeMap<String, DeliveryState>;

/// A receipt's recipients as callers see them.
pub(crate) fn delivery(receipt: &Receipt) -> Delivery {
    receipt.to.iter().map(|(session, state)| (session.to_string(), *state)).collect()
}

/// An agent as others see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct ReadAgent {
    /// Its handle.
    pub(crate) session_id: String,
    /// Its role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    /// What it may do.
    pub(crate) permission: Permission,
    /// What it says it is doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<Status>,
    /// Its note beside the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// When it last made a call, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_heartbeat: Option<String>,
    /// Seconds since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age_seconds: Option<u64>,
    /// Whether that is at most 120 seconds, or it waits for messages right now.
    pub(crate) alive: bool,
    /// Messages it has not acknowledged.
    pub(crate) unread: u64,
    /// The newest message it has acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_acknowledged_seq: Option<u64>,
    /// Always `peer`: role and note are its words.
    pub(crate) trust: &'static str,
}

/// What an agent's row says at `now`; texts stay closed without an opener.
pub(crate) fn agent(state: &AgentState, opener: Option<&Opener>, now: Timestamp) -> ReadAgent {
    let text =
        |column, sealed: &Option<Vec<u8>>| opener?.agent_text(&state.session, column, sealed.as_deref());
    let age_seconds = state.last_seen_at.map(|seen| now.millis_since(seen) / 1_000);
    ReadAgent {
        session_id: state.session.to_string(),
        role: text("role", &state.role),
        permission: state.permission,
        status: state.status,
        note: text("note", &state.note),
        last_heartbeat: state.last_seen_at.map(|seen| seen.to_string()),
        age_seconds,
        alive: !state.revoked && watchdog::is_alive(state.listening, state.last_seen_at, now),
        unread: state.unread,
        last_acknowledged_seq: state.last_acknowledged_seq,
        trust: PEER,
    }
}

#[cfg(test)]
mod tests {
    use mab_core::{Fault, MessageId, Random};
    use mab_redact::Redactor;

    use super::*;

    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
            buffer.fill(7);
            Ok(())
        }
    }

    #[test]
    fn message_of_the_bridge_itself_says_so_and_opens_as_nobody_elses() {
        let conversation = "conv_0011223344556677".parse().unwrap();
        let opener = Opener { conversation, key: ConversationKey::draw(&Sevens).unwrap() };
        let (tag, text) = ([1; 8], Redactor::new().redact("b asked").unwrap().text);
        let row = message_row(tag, SYSTEM_ORDINAL);
        let body = opener.key.seal(&Sevens, &message_place(conversation, &row, "body"), &[&text]).unwrap();
        let stored = StoredMessage {
            id: MessageId { seq: 1, tag },
            sender: SessionId::system(),
            sender_ordinal: SYSTEM_ORDINAL,
            sender_role: None,
            at: Timestamp::from_millis(0),
            action_type: ActionType::Info,
            body: body.as_bytes().to_vec(),
            files: None,
            reply_to: None,
            redactions: 0,
            redelivered: false,
            standing: None,
        };
        let read = opener.message(&stored).unwrap();
        assert_eq!((read.from.as_str(), read.trust, read.role), ("system", "system", None));
        // What an agent's message would have to be to pass for it, or it for an agent's.
        assert!(opener.message(&StoredMessage { sender_ordinal: 1, ..stored }).is_none());
    }
}
