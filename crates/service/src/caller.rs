//! Who calls: an agent's connection with what it remembers, or the operator.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use mab_core::{BatchId, ConversationId, Fault, SessionId, Timestamp, token::Token};

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

/// One connection of one client: what it remembers between calls.
pub struct Connection {
    holder: AtomicU64,
    wallet: Box<dyn Wallet>,
    offered: Mutex<HashMap<(ConversationId, SessionId), BatchId>>,
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
