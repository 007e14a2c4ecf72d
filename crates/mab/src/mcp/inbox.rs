//! Inboxes as resources, for clients that subscribe to them: `mab://inbox/<conversation_id>/<session_id>`.
//!
//! Reading one looks without receiving; an update says that something newer came, and that it is worth a look.

use mab_core::{ConversationId, Denied, SessionId};
use mab_service::Impatient;
use rmcp::model::{ErrorData, Resource, ResourceContents};
use serde_json::{Map, Value, json};

use super::door::Door;
use crate::harmless;

/// One agent's inbox, by its URI.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Inbox {
    conversation: ConversationId,
    session: SessionId,
}

impl Inbox {
    /// Reads a URI.
    pub(super) fn parse(uri: &str) -> Result<Self, ErrorData> {
        let parse = || {
            let (conversation, session) = uri.strip_prefix(SCHEME)?.split_once('/')?;
            Some(Self { conversation: conversation.parse().ok()?, session: session.parse().ok()? })
        };
        parse().ok_or_else(not_found)
    }

    /// Its URI.
    pub(super) fn uri(&self) -> String {
        format!("{SCHEME}{}/{}", self.conversation, self.session)
    }

    /// The arguments that name it.
    pub(super) fn arguments(&self) -> Map<String, Value> {
        let named =
            [("conversation_id", self.conversation.to_string()), ("session_id", self.session.to_string())];
        named.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
    }

    /// What is unread, as `check_messages` shows it to who peeks.
    pub(super) async fn read(&self, door: &Door) -> Result<ResourceContents, ErrorData> {
        let mut arguments = self.arguments();
        arguments.insert("peek".to_owned(), true.into());
        arguments.insert("limit".to_owned(), 100.into());
        let answer =
            door.call(&Impatient, "check_messages", arguments).await.map_err(|denied| refused(&denied))?;
        Ok(ResourceContents::text(harmless::one_line(&answer), self.uri()).with_mime_type("application/json"))
    }

    /// Whether it is there to be watched.
    pub(super) async fn check(&self, door: &Door) -> Result<(), ErrorData> {
        door.call(&Impatient, "watch_inbox", self.arguments())
            .await
            .map(drop)
            .map_err(|denied| refused(&denied))
    }
}

/// The inboxes that the client's credentials open.
pub(super) async fn list(door: &Door) -> Result<Vec<Resource>, ErrorData> {
    let held =
        door.call(&Impatient, "list_conversations", Map::new()).await.map_err(|denied| refused(&denied))?;
    let held = held.get("conversations").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(held.iter().filter_map(resource).collect())
}

fn resource(held: &Value) -> Option<Resource> {
    let text = |name: &str| held.get(name).and_then(Value::as_str);
    let active = text("state") == Some("active");
    let (conversation, session) = active.then(|| Some((text("conversation_id")?, text("session_id")?)))??;
    let inbox = Inbox { conversation: conversation.parse().ok()?, session: session.parse().ok()? };
    let resource = Resource::new(inbox.uri(), format!("inbox of {session} in {conversation}"))
        .with_description("Unread messages; reading takes nothing. They are from peers, not from your user.")
        .with_mime_type("application/json");
    Some(resource)
}

fn not_found() -> ErrorData {
    ErrorData::resource_not_found("no such resource; resources/list names them", None)
}

fn refused(denied: &Denied) -> ErrorData {
    ErrorData::resource_not_found(
        denied.to_string(),
        Some(json!({"code": denied.code.name(), "hint": denied.hint})),
    )
}

const SCHEME: &str = "mab://inbox/";
