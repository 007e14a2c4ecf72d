//! What a client is subscribed to: each inbox is watched once, for however many subscriptions tell of it.

use std::{
    collections::{HashMap, hash_map::Entry},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use mab_core::{Code, Denied};
use mab_service::{Waiter, Waiting};
use rmcp::{
    Peer, RoleServer,
    model::{ErrorData, ResourceUpdatedNotificationParam, SubscriptionFilter},
    service::{SubscriptionContext, SubscriptionSink},
};
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{AbortHandle, JoinSet},
};

use super::{door::Door, inbox::Inbox};

/// Subscriptions of one connection: by `resources/subscribe` (until 2025-11-25), which live until they are removed, and
/// by `subscriptions/listen` (from 2026-07-28), which live as long as their request.
#[derive(Debug)]
pub(super) struct Subscriptions {
    places: Arc<Semaphore>,
    until_removed: Mutex<HashMap<Inbox, UntilRemoved>>,
    watchers: Mutex<HashMap<Inbox, Weak<Watcher>>>,
}

#[derive(Debug)]
struct UntilRemoved {
    teller: AbortHandle,
    _place: OwnedSemaphorePermit,
}

impl Default for Subscriptions {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(SUBSCRIPTIONS_MAX));
        Self { places, until_removed: Mutex::default(), watchers: Mutex::default() }
    }
}

impl Subscriptions {
    /// Tells of an inbox until it is removed; subscribing twice is subscribing once.
    pub(super) async fn add(
        &self,
        door: &Arc<Door>,
        inbox: Inbox,
        peer: Peer<RoleServer>,
    ) -> Result<(), ErrorData> {
        inbox.check(door).await?;
        self.forget_ended();
        let mut kept = self.until_removed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Vacant(vacant) = kept.entry(inbox) {
            let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| full())?;
            let watcher = self.watcher(door, vacant.key());
            let telling = Ear::Connection(peer).tell(vacant.key().clone(), watcher);
            let teller = tokio::spawn(telling).abort_handle();
            vacant.insert(UntilRemoved { teller, _place: place });
        }
        Ok(())
    }

    /// Ends a subscription, if there is one.
    pub(super) fn remove(&self, inbox: &Inbox) {
        let mut kept = self.until_removed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = kept.remove(inbox) {
            ended.teller.abort();
        }
    }

    /// Takes places for the inboxes that a request wants to hear of, and names those that got one. They are the
    /// request's when it comes to [`Self::listen`]; between the two is only the acknowledgment, and where that cannot be
    /// sent the connection is gone.
    pub(super) fn promise(&self, requested: &SubscriptionFilter) -> Vec<String> {
        self.forget_ended();
        let mut promised = Vec::new();
        for uri in inboxes(requested).iter().map(Inbox::uri) {
            let Ok(place) = self.places.try_acquire() else { break };
            place.forget();
            promised.push(uri);
        }
        promised
    }

    /// Tells of the inboxes that were promised until the request is cancelled.
    ///
    /// # Errors
    /// `invalid_params` when there was no place for any inbox it wants to hear of.
    pub(super) async fn listen(
        &self,
        door: &Arc<Door>,
        context: &SubscriptionContext,
    ) -> Result<(), ErrorData> {
        let accepted = inboxes(context.accepted());
        let _places = Promised { places: &self.places, number: accepted.len() };
        if accepted.is_empty() && !inboxes(context.requested()).is_empty() {
            return Err(full());
        }
        // Dropping the set ends the telling.
        let mut tellers = JoinSet::new();
        for inbox in accepted {
            let watcher = self.watcher(door, &inbox);
            tellers.spawn(Ear::Request(context.sink().clone()).tell(inbox, watcher));
        }
        context.cancelled().await;
        Ok(())
    }

    /// The watcher of an inbox, started unless there is one.
    fn watcher(&self, door: &Arc<Door>, inbox: &Inbox) -> Arc<Watcher> {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|_, watcher| watcher.upgrade().is_some_and(|watcher| !watcher.task.is_finished()));
        watchers.get(inbox).and_then(Weak::upgrade).unwrap_or_else(|| {
            let started = Arc::new(Watcher::start(door, inbox));
            watchers.insert(inbox.clone(), Arc::downgrade(&started));
            started
        })
    }

    fn forget_ended(&self) {
        let mut kept = self.until_removed.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, subscription| !subscription.teller.is_finished());
    }
}

/// Places of a request, given back when it ends.
struct Promised<'a> {
    places: &'a Semaphore,
    number: usize,
}

impl Drop for Promised<'_> {
    fn drop(&mut self) {
        self.places.add_permits(self.number);
    }
}

/// Who watches one inbox; stops when it is dropped.
#[derive(Debug)]
struct Watcher {
    /// Changes with each update; who comes later has the last one before them. Closed when the inbox can no longer be read.
    news: watch::Receiver<()>,
    task: AbortHandle,
}

impl Watcher {
    fn start(door: &Arc<Door>, inbox: &Inbox) -> Self {
        let (tell, news) = watch::channel(());
        let task = tokio::spawn(watch(Arc::clone(door), inbox.clone(), tell)).abort_handle();
        Self { news, task }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tells when something is unread, and again whenever something newer is; ends when the inbox can no longer be read,
/// after telling so.
async fn watch(door: Arc<Door>, inbox: Inbox, tell: watch::Sender<()>) {
    let round = |known: u64| {
        let (door, mut arguments) = (Arc::clone(&door), inbox.arguments());
        arguments.insert("after".to_owned(), known.into());
        async move { door.call(&Tireless, "watch_inbox", arguments).await }
    };
    rounds(round, &tell).await;
}

/// Watches round by round. Each is a read of the agent's: after news it rests, so that others who send much do not use up
/// its reads; what comes meanwhile is told together.
async fn rounds<R: Future<Output = Result<Value, Denied>>>(
    round: impl Fn(u64) -> R,
    tell: &watch::Sender<()>,
) {
    let mut known = 0;
    loop {
        match round(known).await {
            Ok(answer) => {
                known = answer.get("arrivals").and_then(Value::as_u64).unwrap_or(known);
                if answer.get("newer") == Some(&Value::Bool(true)) {
                    tell.send_replace(());
                    tokio::time::sleep(REST_AFTER_NEWS).await;
                }
            }
            Err(denied) if is_lost(denied.code) => {
                tell.send_replace(());
                return;
            }
            Err(denied) => tokio::time::sleep(rest_after(&denied)).await,
        }
    }
}

/// Whether this refusal means that the inbox can no longer be read.
fn is_lost(code: Code) -> bool {
    matches!(
        code,
        Code::CredentialsMissing
            | Code::InvalidToken
            | Code::TokenRotated
            | Code::Revoked
            | Code::Expired
            | Code::Forbidden
    )
}

/// How long a watcher rests after a refusal that passes.
fn rest_after(denied: &Denied) -> Duration {
    let rest = if matches!(denied.code, Code::RateLimited | Code::Busy) { REST } else { REST_WHEN_BROKEN };
    denied.retry_after_s.map_or(rest, Duration::from_secs)
}

/// Where a client hears of updates.
enum Ear {
    /// The connection.
    Connection(Peer<RoleServer>),
    /// A request that listens.
    Request(SubscriptionSink),
}

impl Ear {
    /// Says what a watcher tells until it stops or nobody listens.
    async fn tell(self, inbox: Inbox, watcher: Arc<Watcher>) {
        let mut news = watcher.news.clone();
        while news.changed().await.is_ok() && self.updated(inbox.uri()).await {}
    }

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

/// The inboxes in a filter, each once, and no more than could be watched.
fn inboxes(filter: &SubscriptionFilter) -> Vec<Inbox> {
    let mut inboxes = Vec::new();
    for uri in filter.resource_subscriptions.iter().flatten() {
        let Ok(inbox) = Inbox::parse(uri) else { continue };
        if inboxes.len() < SUBSCRIPTIONS_MAX && inbox.uri() == *uri && !inboxes.contains(&inbox) {
            inboxes.push(inbox);
        }
    }
    inboxes
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

    fn progress(
        &self,
        _: Waiting,
        _: Duration,
        _: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    fn cancelled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

fn full() -> ErrorData {
    let message = format!("at most {SUBSCRIPTIONS_MAX} subscriptions on a connection; end some first");
    ErrorData::invalid_params(message, None)
}

/// Subscriptions of one connection, of either kind. An inbox in two of them counts twice.
const SUBSCRIPTIONS_MAX: usize = 64;

/// How long a watcher rests after news: its rounds are at most 20 reads in any minute, whatever comes.
const REST_AFTER_NEWS: Duration = Duration::from_secs(3);

/// How long a watcher rests when the bridge is busy and does not say how long.
const REST: Duration = Duration::from_secs(1);

/// How long a watcher rests when the bridge fails: somebody has to mend it, and each failure is logged.
const REST_WHEN_BROKEN: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watching_ends_only_when_the_inbox_can_no_longer_be_read() {
        let ends = Code::ALL.into_iter().filter(|code| is_lost(*code)).collect::<Vec<_>>();
        let lost = [
            Code::CredentialsMissing,
            Code::InvalidToken,
            Code::TokenRotated,
            Code::Revoked,
            Code::Expired,
            Code::Forbidden,
        ];
        assert_eq!(ends, lost);
    }

    #[tokio::test(start_paused = true)]
    async fn watcher_of_an_inbox_that_never_stops_filling_reads_at_most_twenty_times_a_minute() {
        let (tell, news) = watch::channel(());
        let asked = Mutex::new(Vec::new());
        let round = |known: u64| {
            asked.lock().unwrap().push(known);
            std::future::ready(Ok(serde_json::json!({"newer": true, "arrivals": known + 5})))
        };
        let minute = tokio::time::timeout(Duration::from_secs(59), rounds(round, &tell)).await;
        assert!(minute.is_err() && news.has_changed().unwrap());
        let expected: Vec<u64> = (0..20).map(|n| n * 5).collect();
        assert_eq!(*asked.lock().unwrap(), expected);
    }

    #[test]
    fn watcher_when_the_bridge_fails_rests_longer_than_when_it_is_busy() {
        let rest = |code| rest_after(&Denied::new(code, "for a test"));
        let faults = [Code::Internal, Code::StorageFull, Code::ReadOnly, Code::Busy];
        assert_eq!(faults.map(rest), [REST_WHEN_BROKEN, REST_WHEN_BROKEN, REST_WHEN_BROKEN, REST]);
        assert_eq!(rest_after(&Denied::new(Code::RateLimited, "for a test").retry_after(7)).as_secs(), 7);
    }
}
