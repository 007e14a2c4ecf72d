//! What is asked of the audit trail, and how far an examination of it has come.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use mab_core::{ConversationId, Timestamp, entity::AuditRow};

/// Which audit entries are wanted.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Only this conversation's.
    pub conversation: Option<ConversationId>,
    /// Only this actor's.
    pub actor: Option<String>,
    /// Only of this action.
    pub action: Option<String>,
    /// Only with this outcome.
    pub outcome: Option<String>,
    /// Only those from this moment on.
    pub since: Option<Timestamp>,
    /// Only those before this moment.
    pub until: Option<Timestamp>,
    /// Most entries.
    pub limit: u32,
    /// Only those that follow, of every chain, the entry with this number, oldest first; a chain that is not named
    /// starts at its beginning. Without it: the newest, newest first.
    pub after: Option<Cursor>,
}

/// How much of each chain is known, by chain; `None` is the bridge's own.
pub type Cursor = BTreeMap<Option<ConversationId>, u64>;

/// Entries, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub rows: Vec<AuditRow>,
    /// What follows them, from the same moment.
    pub cursor: Cursor,
    /// Whether there are more.
    pub more: bool,
}

/// How many entries there are, and how many were examined.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Entries examined, and entries there are.
    pub fn now(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    pub(crate) fn begin(&self, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, entries: u64) {
        self.done.fetch_add(entries, Ordering::Relaxed);
    }
}
