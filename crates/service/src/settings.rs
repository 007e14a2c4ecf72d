//! What an operator may set.

use std::collections::BTreeMap;

use mab_core::{agent::Permission, limit::Overrides, loop_guard::LoopGuard};
use mab_redact::Policy;

/// What the bridge allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Life of a new conversation, in minutes, when its creator does not say.
    pub expires_in_minutes: u32,
    /// Longest life a creator may ask for, in minutes.
    pub max_expires_in_minutes: u32,
    /// Longest wait for messages in one call, in seconds; 0 leaves it to what is known of each client.
    pub wait_max_s: u32,
    /// Rate windows and quotas.
    pub limits: Limits,
    /// How long agents may talk among themselves.
    pub loop_guard: LoopGuard,
    /// Seconds from a call that may have changed something to the signed checkpoint that covers it.
    pub checkpoint_s: u32,
    /// Whether placeholders tell which of them stand for the same secret.
    pub fingerprints: bool,
    /// Calls that recorded an entry after which a checkpoint is due at once.
    pub checkpoint_entries: u32,
    /// Which secrets are taken out of a text, or refused with it.
    pub redaction: Policy,
}

/// Rate windows (0 = off) and quotas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Messages and other changes per agent of a conversation in any minute.
    pub send_per_minute: u32,
    /// … in any hour.
    pub send_per_hour: u32,
    /// … in any day.
    pub send_per_day: u32,
    /// Reads per agent of a conversation in any minute.
    pub read_per_minute: u32,
    /// Commands asked for per agent of a conversation in any minute.
    pub execute_per_minute: u32,
    /// … in any hour.
    pub execute_per_hour: u32,
    /// New conversations per data folder in any minute.
    pub create_per_minute: u32,
    /// … in any hour.
    pub create_per_hour: u32,
    /// … in any day.
    pub create_per_day: u32,
    /// Wrong credentials per peer (a user of the machine) in any minute; beyond it the peer is refused unheard.
    pub guesses_per_minute: u32,
    /// Calls per agent of a conversation that are refused in any minute; beyond it their refusal is `rate_limited`.
    pub refused_calls_per_minute: u32,
    /// Refusals per agent (or conversation) in any minute that are recorded one by one; the rest is counted.
    pub refusals_per_minute: u32,
    /// Most unread messages of one inbox.
    pub unread_per_inbox: u64,
    /// Most messages ever sent in one conversation.
    pub messages_per_conversation: u64,
    /// Most bytes of sealed messages in one conversation.
    pub bytes_per_conversation: u64,
    /// Most checks of one agent that wait at once.
    pub waits_per_agent: u64,
    /// Most checks in one conversation that wait at once.
    pub waits_per_conversation: u64,
    /// What differs for agents with a permission.
    pub permissions: BTreeMap<Permission, Overrides>,
    /// Most messages of one conversation that wait to be released.
    pub held_per_conversation: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            expires_in_minutes: 180,
            max_expires_in_minutes: 43_200,
            wait_max_s: 0,
            limits: Limits::default(),
            loop_guard: LoopGuard { messages: 100, window_seconds: 3_600 },
            fingerprints: false,
            checkpoint_s: 30,
            checkpoint_entries: 256,
            redaction: Policy::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            send_per_minute: 10,
            send_per_hour: 100,
            send_per_day: 500,
            read_per_minute: 600,
            execute_per_minute: 60,
            execute_per_hour: 600,
            create_per_minute: 60,
            create_per_hour: 200,
            create_per_day: 1_000,
            guesses_per_minute: 60,
            refused_calls_per_minute: 600,
            refusals_per_minute: 30,
            unread_per_inbox: 1_000_000,
            messages_per_conversation: 1_000_000,
            bytes_per_conversation: 4 << 30,
            waits_per_agent: 8,
            waits_per_conversation: 64,
            permissions: BTreeMap::new(),
            held_per_conversation: 1_000,
        }
    }
}
