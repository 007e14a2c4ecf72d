//! Where what belongs to running commands is sealed.

use mab_core::{ConversationId, SessionId, seal::Place};

use crate::reading::Opener;

/// Where the terms' text is sealed: one part.
pub(crate) const fn terms_place(conversation: ConversationId) -> Place<'static> {
    Place { table: "terms", column: "terms", conversation, row: &[] }
}

/// The text of stored terms; none when this key does not open it.
pub(crate) fn terms_text(opener: &Opener, sealed: &[u8]) -> Option<String> {
    Some(opener.key.open(&terms_place(opener.conversation), sealed).ok()?.concat())
}

/// Where the canonical form of a request is sealed: in parts that follow one another. The row is the command's name, as bytes.
pub(crate) const fn request_place(conversation: ConversationId, run: &[u8; 8]) -> Place<'_> {
    Place { table: "run", column: "request", conversation, row: run }
}

/// Where the reason of a no to a command is sealed: one part. The row is the command's name, as bytes.
pub(crate) const fn reason_place(conversation: ConversationId, run: &[u8; 8]) -> Place<'_> {
    Place { table: "run", column: "reason", conversation, row: run }
}

/// Where an agent's wish is sealed: one part, a JSON object with `mode`, `workspace`? and `timeout`?.
pub(crate) fn wish_place(conversation: ConversationId, session: &SessionId) -> Place<'_> {
    Place { table: "wish", column: "body", conversation, row: session.as_str().as_bytes() }
}
