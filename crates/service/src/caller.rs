//! Who calls: an agent's connection with what it remembers, or the operator.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use mab_core::{
    BatchId, ConversationId, Fault, SessionId, Timestamp, entity::Member, token::Token, watchdog::Reason,
};
use tokio::sync::Notify;

/// Where a call comes from.
#[derive(Debug, Clone)]
pub enum Caller {
    /// An agent, or somebody who says so, on one connection.
    Agent(Arc<Connection>),
    /// The person at the machine: whoever may read the data folder.
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
}

/// What an agent was told of its messages that have not arrived.
#[derive(Debug, Default)]
struct Watched {
    looked_at: Option<Timestamp>,
    told: BTreeSet<(String, Reason)>,
}

/// One connection of one client: what it remembers between calls.
pub struct Connection {
    holder: AtomicU64,
    wallet: Box<dyn Wallet>,
    offered: Mutex<HashMap<(ConversationId, SessionId), BatchId>>,
    checking: Mutex<HashMap<(ConversationId, SessionId), Arc<Notify>>>,
    watched: Mutex<HashMap<i64, Watched>>,
    wrong_guesses: Mutex<VecDeque<Timestamp>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("holder", &self.holder()).finish_non_exhaustive()
    }
}

impl Connection {
    /// A new connection. `holder` is a random number that tells it from every other one.
    pub fn new(holder: u64, wallet: Box<dyn Wallet>) -> Self {
        Self {
            holder: AtomicU64::new(holder),
            wallet,
            offered: Mutex::default(),
            checking: Mutex::default(),
            watched: Mutex::default(),
            wrong_guesses: Mutex::default(),
        }
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

    pub(crate) fn holder(&self) -> u64 {
        // The store keeps signed 64-bit integers, and 0 means nobody.
        (self.holder.load(Ordering::Relaxed) >> 1).max(1)
    }

    /// Says that the client will not see an answer it asked for: what was offered to it counts as not received, and
    /// its next check gets it again.
    pub fn answer_lost(&self) {
        // To the store it is another holder from now on, so that its old leases do not hold the messages back.
        self.holder.fetch_add(2, Ordering::Relaxed);
        lock(&self.offered).clear();
    }

    /// Takes the batch last offered to this agent on this connection: its next check acknowledges it.
    pub(crate) fn take_offered(&self, conversation: ConversationId, session: &SessionId) -> Option<BatchId> {
        lock(&self.offered).remove(&(conversation, session.clone()))
    }

    /// Remembers the batch just offered.
    pub(crate) fn put_offered(&self, conversation: ConversationId, session: SessionId, batch: BatchId) {
        lock(&self.offered).insert((conversation, session), batch);
    }

    /// Begins a check for messages; one of the same agent that still waits on this connection is told to end, because
    /// its caller has turned to this one. Returns what will tell this one.
    pub(crate) fn begin_check(&self, conversation: ConversationId, session: &SessionId) -> Arc<Notify> {
        let newer = Arc::new(Notify::new());
        let earlier = lock(&self.checking).insert((conversation, session.clone()), Arc::clone(&newer));
        if let Some(earlier) = earlier {
            earlier.notify_one();
        }
        newer
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
    pub(crate) fn watched(
        &self,
        member: &Member,
        now: BTreeSet<(String, Reason)>,
    ) -> BTreeSet<(String, Reason)> {
        std::mem::replace(&mut lock(&self.watched).entry(member.agent_pk).or_default().told, now)
    }

    /// Seconds until another attempt is heard, when this connection guessed wrong `limit` times within a minute.
    pub(crate) fn guessing_wait_s(&self, limit: u32, now: Timestamp) -> Option<u64> {
        let mut guesses = lock(&self.wrong_guesses);
        while guesses.front().is_some_and(|oldest| oldest.plus_seconds(60) <= now) {
            guesses.pop_front();
        }
        let full = limit > 0 && guesses.len() >= limit as usize;
        guesses.front().filter(|_| full).map(|oldest| oldest.plus_seconds(60).seconds_since_rounded_up(now))
    }

    /// Counts a wrong guess.
    pub(crate) fn guessed_wrong(&self, limit: u32, now: Timestamp) {
        let mut guesses = lock(&self.wrong_guesses);
        if guesses.len() < limit as usize {
            guesses.push_back(now);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept behind these locks is valid after every single statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
