//! Inboxes as resources, for clients that subscribe to them: `mab://inbox/<conversation_id>/<session_id>`.
//!
//! Reading one looks without receiving; an update says that something newer came, and that it is worth a look.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mab_core::{Code, ConversationId, Denied, SessionId};
use mab_service::{Impatient, Waiter};
use rmcp::{
    Peer, RoleServer,
    model::{ErrorData, Resource, ResourceContents, ResourceUpdatedNotificationParam},
    service::SubscriptionSink,
};
use serde_json::{Map, Value, json};
use tokio::task::AbortHandle;

use super::door::Door;

/// Inboxes one client may be subscribed to.
const SUBSCRIPTIONS_MAX: usize = 64;

/// How long a watcher rests when the bridge is busy and does not say how long.
const REST: Duration = Duration::from_secs(1);

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

    fn arguments(&self) -> Map<String, Value> {
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
        Ok(ResourceContents::text(answer.to_string(), self.uri()).with_mime_type("application/json"))
    }

    /// Whether it is there to be watched.
    pub(super) async fn check(&self, door: &Door) -> Result<(), ErrorData> {
        door.call(&Impatient, "watch_inbox", self.arguments())
            .await
            .map(drop)
            .map_err(|denied| refused(&denied))
    }

    /// Tells `ear` when something is unread, and again whenever something newer is; ends when the inbox can no longer be
    /// read, after telling so, or when nobody listens.
    pub(super) async fn watch(self, door: Arc<Door>, ear: Ear) {
        let mut known = 0;
        loop {
            let mut arguments = self.arguments();
            arguments.insert("after_seq".to_owned(), known.into());
            let told = match door.call(&Tireless, "watch_inbox", arguments).await {
                Ok(answer) => {
                    known = answer.get("newest_seq").and_then(Value::as_u64).unwrap_or(known);
                    answer.get("newer") != Some(&Value::Bool(true)) || ear.updated(self.uri()).await
                }
                Err(denied) if matches!(denied.code, Code::RateLimited | Code::Busy) => {
                    tokio::time::sleep(denied.retry_after_s.map_or(REST, Duration::from_secs)).await;
                    true
                }
                Err(_) => {
                    ear.updated(self.uri()).await;
                    false
                }
            };
            if !told {
                return;
            }
        }
    }
}

/// Where a client hears of updates.
pub(super) enum Ear {
    /// A connection with `resources/subscribe` (until 2025-11-25).
    Connection(Peer<RoleServer>),
    /// A `subscriptions/listen` request (from 2026-07-28).
    Request(SubscriptionSink),
}

impl Ear {
    /// Says that a resource was updated; `false` when nobody listens any more.
    async fn updated(&self, uri: String) -> bool {
        match self {
            Self::Connection(peer) => {
                peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await.is_ok()
            }
            Self::Request(sink) => sink.notify_resource_updated(uri).await.is_ok(),
        }
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

/// What a connection with `resources/subscribe` is subscribed to.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Mutex<HashMap<Inbox, AbortHandle>>);

impl Subscriptions {
    /// Watches an inbox until it is removed; watching it twice is watching it once.
    pub(super) async fn add(
        &self,
        door: &Arc<Door>,
        inbox: Inbox,
        peer: Peer<RoleServer>,
    ) -> Result<(), ErrorData> {
        inbox.check(door).await?;
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|_, watcher| !watcher.is_finished());
        if watched.len() >= SUBSCRIPTIONS_MAX {
            let message = format!("at most {SUBSCRIPTIONS_MAX} subscriptions; unsubscribe from some");
            return Err(ErrorData::invalid_params(message, None));
        }
        let watching = inbox.clone().watch(Arc::clone(door), Ear::Connection(peer));
        watched.entry(inbox).or_insert_with(|| tokio::spawn(watching).abort_handle());
        Ok(())
    }

    /// Ends a subscription, if there is one.
    pub(super) fn remove(&self, inbox: &Inbox) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watcher) = watched.remove(inbox) {
            watcher.abort();
        }
    }
}

/// The inboxes among `uris`, as many as one client may watch.
pub(super) fn inboxes(uris: &[String]) -> Vec<Inbox> {
    uris.iter().filter_map(|uri| Inbox::parse(uri).ok()).take(SUBSCRIPTIONS_MAX).collect()
}

/// A watcher: waits as long as it may, says nothing meanwhile, and ends when it is dropped.
struct Tireless;

impl Waiter for Tireless {
    fn ticket(&self) -> Option<u64> {
        None
    }

    fn longest(&self) -> Duration {
        Duration::from_hours(1)
    }

    fn progress(&self, _waited: Duration, _of: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    fn cancelled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
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
