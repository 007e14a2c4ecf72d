//! Who calls: an agent's connection with what it remembers, or the operator.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mab_core::{
    ConversationId, Fault, SessionId, Timestamp, entity::Member, limit::Peer, token::Token, watchdog::Reason,
};
use tokio::sync::Notify;

/// Where a call comes from.
#[derive(Debug, Clone)]
pub enum Caller {
    /// An agent, or somebody who says so, on one connection.
    Agent(Arc<Connection>),
    /// The person at the machine, whose data folder it is. Only what has checked that may say so.
    Operator,
}

/// What opens one agent's place in one conversation.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The conversation.
    pub conversation: ConversationId,
    /// The agent's handle.
    pub session: SessionId,
    /// Its token.
    pub token: Token,
}

/// Where a connection keeps the credentials it was given by `create_conversation` and `join_conversation`.
pub trait Wallet: Send + Sync {
    /// All of them, oldest first, at most one per conversation and agent.
    fn all(&self) -> Vec<Credentials>;

    /// Keeps these, in place of earlier ones of the same conversation and agent.
    ///
    /// # Errors
    /// A [`Fault`] when they cannot be kept beyond this process; they are still remembered within it.
    fn remember(&self, credentials: Credentials) -> Result<(), Fault>;

    /// Forgets those of one agent of a conversation.
    ///
    /// # Errors
    /// A [`Fault`] when they are still kept beyond this process; within it they are forgotten.
    fn forget(&self, conversation: ConversationId, session: &SessionId) -> Result<(), Fault>;
}

/// A wallet that lasts as long as the process.
#[derive(Debug, Default)]
pub struct MemoryWallet(Mutex<Vec<Credentials>>);

impl Wallet for MemoryWallet {
    fn all(&self) -> Vec<Credentials> {
        lock(&self.0).clone()
    }

    fn remember(&self, credentials: Credentials) -> Result<(), Fault> {
        let mut kept = lock(&self.0);
        kept.retain(|old| {
            (old.conversation, &old.session) != (credentials.conversation, &credentials.session)
        });
        kept.push(credentials);
        Ok(())
    }

    fn forget(&self, conversation: ConversationId, session: &SessionId) -> Result<(), Fault> {
        lock(&self.0).retain(|old| (old.conversation, &old.session) != (conversation, session));
        Ok(())
    }
}

/// What an agent was told of its messages that have not arrived.
#[derive(Debug, Default)]
struct Watched {
    looked_at: Option<Timestamp>,
    told: BTreeSet<Told>,
}

/// Who has not got something and why; which message, when each counts.
pub(crate) type Told = (String, Reason, Option<String>);

/// An agent's place in a conversation.
type Place = (ConversationId, SessionId);

/// One agent's inbox, as a connection knows it.
#[derive(Debug, Default)]
struct Inbox {
    /// Messages that the client is known to have read: its next check acknowledges them.
    received: Vec<u64>,
    /// How often an answer was lost since the connection began.
    losses: u64,
    /// Whether what others, or this connection before a loss, had leased was taken over.
    has_taken_over: bool,
    /// Ends a check that still waits.
    newer: Arc<Notify>,
}

/// One connection of one client: what it remembers between calls.
pub struct Connection {
    holder: u64,
    peer: Peer,
    wallet: Box<dyn Wallet>,
    inboxes: Mutex<HashMap<Place, Inbox>>,
    offered: Mutex<HashMap<u64, (Place, Vec<u64>)>>,
    watched: Mutex<HashMap<i64, Watched>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("holder", &self.holder).finish_non_exhaustive()
    }
}

/// As whom a check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    /// A number no other connection has.
    pub(crate) id: u64,
    /// Whether it takes over what others have leased.
    pub(crate) takes_over: bool,
}

impl Connection {
    /// A new connection from `peer`. `holder` is a random number that tells it from every other one.
    pub fn new(holder: u64, peer: Peer, wallet: Box<dyn Wallet>) -> Self {
        Self {
            holder,
            peer,
            wallet,
            inboxes: Mutex::default(),
            offered: Mutex::default(),
            watched: Mutex::default(),
        }
    }

    /// Where it comes from.
    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }

    /// What it remembers.
    pub fn wallet(&self) -> &dyn Wallet {
        self.wallet.as_ref()
    }

    /// Keeps credentials; those that cannot outlive this process are still remembered within it.
    pub(crate) fn remember(&self, credentials: Credentials) {
        if let Err(fault) = self.wallet.remember(credentials) {
            tracing::warn!(%fault, source = ?std::error::Error::source(&fault), "credentials are kept in memory only");
        }
    }

    /// Forgets an agent's credentials; they open nothing any more, wherever they are still kept.
    pub(crate) fn forget(&self, conversation: ConversationId, session: &SessionId) {
        if let Err(fault) = self.wallet.forget(conversation, session) {
            tracing::warn!(%fault, source = ?std::error::Error::source(&fault), "void credentials are still kept");
        }
    }

    /// As whom a check of this place asks now. The first ones take over, until there is nothing more; after an answer was
    /// lost the next ones do again, as somebody else, so that the connection's own lease does not hold the messages back.
    pub(crate) fn holder(&self, place: &Place) -> Holder {
        let mut inboxes = lock(&self.inboxes);
        let inbox = inboxes.entry(place.clone()).or_default();
        Holder { id: self.id_after(inbox.losses), takes_over: !inbox.has_taken_over }
    }

    fn id_after(&self, losses: u64) -> u64 {
        // The store keeps signed 64-bit integers, and 0 means nobody.
        (self.holder.wrapping_add(losses << 1) >> 1).max(1)
    }

    /// Begins a check for messages; one of the same place that still waits on this connection is told to end, because
    /// its caller has turned to this one. Returns what will tell this one.
    pub(crate) fn begin_check(&self, place: &Place) -> Arc<Notify> {
        let newer = Arc::new(Notify::new());
        let mut inboxes = lock(&self.inboxes);
        let inbox = inboxes.entry(place.clone()).or_default();
        std::mem::replace(&mut inbox.newer, Arc::clone(&newer)).notify_one();
        newer
    }

    /// Says that a check which asked as this holder has been handed everything there was.
    pub(crate) fn took_all(&self, place: &Place, holder: Holder) {
        let mut inboxes = lock(&self.inboxes);
        let inbox = inboxes.entry(place.clone()).or_default();
        // After a loss in between it is another one that has to take over.
        inbox.has_taken_over |= self.id_after(inbox.losses) == holder.id;
    }

    /// Remembers what was just handed out as the answer with this ticket. Without a ticket the caller is certain to get
    /// the answer.
    pub(crate) fn offered(&self, place: &Place, ticket: Option<u64>, seqs: Vec<u64>) {
        let mut inboxes = lock(&self.inboxes);
        let inbox = inboxes.entry(place.clone()).or_default();
        match ticket.filter(|_| !seqs.is_empty()) {
            Some(ticket) => drop(lock(&self.offered).insert(ticket, (place.clone(), seqs))),
            None => inbox.received.extend(seqs),
        }
    }

    /// Says that the client has got the answers with these tickets: its next check acknowledges what was in them.
    pub fn received(&self, tickets: &[u64]) {
        let mut inboxes = lock(&self.inboxes);
        for ticket in tickets {
            if let Some((place, seqs)) = lock(&self.offered).remove(ticket) {
                inboxes.entry(place).or_default().received.extend(seqs);
            }
        }
    }

    /// Says that the client will not see the answer with this ticket: its next check gets the same again.
    pub fn lost(&self, ticket: u64) {
        let offered = lock(&self.offered).remove(&ticket);
        if let Some((place, _)) = offered {
            let mut inboxes = lock(&self.inboxes);
            let inbox = inboxes.entry(place).or_default();
            inbox.losses += 1;
            inbox.has_taken_over = false;
        }
    }

    /// Takes what is to be acknowledged for this place, in ascending order.
    pub(crate) fn take_received(&self, place: &Place) -> Vec<u64> {
        let mut inboxes = lock(&self.inboxes);
        let mut seqs =
            inboxes.get_mut(place).map(|inbox| std::mem::take(&mut inbox.received)).unwrap_or_default();
        seqs.sort_unstable();
        seqs.dedup();
        seqs
    }

    /// Puts back what could not be acknowledged.
    pub(crate) fn put_received(&self, place: &Place, seqs: Vec<u64>) {
        lock(&self.inboxes).entry(place.clone()).or_default().received.extend(seqs);
    }

    /// Whether it is time to look after what an agent has sent; then the time is taken note of.
    pub(crate) fn watch_is_due(&self, member: &Member, now: Timestamp, every_s: u64) -> bool {
        let mut watched = lock(&self.watched);
        let looked_at = &mut watched.entry(member.agent_pk).or_default().looked_at;
        let due = looked_at.is_none_or(|last| now < last || now >= last.plus_seconds(every_s));
        if due {
            *looked_at = Some(now);
        }
        due
    }

    /// Replaces what an agent was told by what holds now; returns what it had been told.
    pub(crate) fn watched(&self, member: &Member, now: BTreeSet<Told>) -> BTreeSet<Told> {
        std::mem::replace(&mut lock(&self.watched).entry(member.agent_pk).or_default().told, now)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept behind these locks is valid after every single statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
