//! What a process remembers of the conversations it serves: the digests of secrets, and how each sender's last message
//! ended.
//!
//! Digests are the store's; here they are ready for use, and caught up with when the store says that there are newer ones.
//! Ends of messages are nowhere else: they are clear text, overwritten when they are dropped, and gone with the process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mab_core::known::{Digest, Learned, Memory};
use mab_redact::TAIL_BYTES;
use zeroize::Zeroizing;

/// Conversations that are remembered; the one that was not asked for longest goes first.
const CONVERSATIONS_MAX: usize = 256;

/// Everything a process remembers.
#[derive(Default)]
pub(crate) struct Remembering(Mutex<Recent>);

#[derive(Default)]
struct Recent {
    conversations: HashMap<i64, Remembered>,
    /// Counts what was asked for.
    asked: u64,
}

/// What is remembered of one conversation.
struct Remembered {
    knowledge: Knowledge,
    /// How the last message of each sender ended, by its ordinal.
    tails: HashMap<u8, Zeroizing<String>>,
    asked: u64,
}

/// What is known of a conversation's secrets.
#[derive(Debug, Clone)]
pub(crate) struct Knowledge {
    /// Number of the newest digest in it.
    pub(crate) seen_n: u64,
    /// The digests.
    pub(crate) memory: Arc<Memory>,
}

impl Remembering {
    /// What is known of a conversation, if it is remembered.
    pub(crate) fn knowledge(&self, conversation_pk: i64) -> Option<Knowledge> {
        self.recent().find(conversation_pk).map(|remembered| remembered.knowledge.clone())
    }

    /// Takes what the store knows, in place of what was known.
    pub(crate) fn set_knowledge(&self, conversation_pk: i64, knowledge: Knowledge) {
        let mut recent = self.recent();
        match recent.find(conversation_pk) {
            Some(remembered) if remembered.knowledge.seen_n > knowledge.seen_n => {}
            Some(remembered) => remembered.knowledge = knowledge,
            None => recent.add(conversation_pk, knowledge),
        }
    }

    /// Adds what a change has taught, once it is stored.
    pub(crate) fn learned(&self, conversation_pk: i64, learned: &Learned) {
        let mut recent = self.recent();
        let Some(remembered) = recent.find(conversation_pk) else { return };
        let knowledge = &mut remembered.knowledge;
        // Whoever has caught up meanwhile knows it.
        if knowledge.seen_n == learned.seen_n && !learned.new.is_empty() {
            knowledge.add(learned.new.iter().cloned());
            knowledge.seen_n += learned.new.len() as u64;
        }
    }

    /// How the sender's last message ended, if this process stored it.
    pub(crate) fn tail(&self, conversation_pk: i64, sender: u8) -> Zeroizing<String> {
        let mut recent = self.recent();
        let remembered = recent.find(conversation_pk);
        remembered.and_then(|remembered| remembered.tails.get(&sender).cloned()).unwrap_or_default()
    }

    /// Remembers how a message ended.
    pub(crate) fn sent(&self, conversation_pk: i64, sender: u8, text: &str) {
        if let Some(remembered) = self.recent().find(conversation_pk) {
            let start = text.ceil_char_boundary(text.len().saturating_sub(TAIL_BYTES));
            let tail = text.get(start..).unwrap_or_default().to_owned();
            remembered.tails.insert(sender, Zeroizing::new(tail));
        }
    }

    /// Forgets how the sender's last message ended.
    pub(crate) fn left(&self, conversation_pk: i64, sender: u8) {
        if let Some(remembered) = self.recent().find(conversation_pk) {
            remembered.tails.remove(&sender);
        }
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        // What is kept behind the lock is valid after every single statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn find(&mut self, conversation_pk: i64) -> Option<&mut Remembered> {
        self.asked += 1;
        let remembered = self.conversations.get_mut(&conversation_pk)?;
        remembered.asked = self.asked;
        Some(remembered)
    }

    fn add(&mut self, conversation_pk: i64, knowledge: Knowledge) {
        if self.conversations.len() >= CONVERSATIONS_MAX {
            let oldest = self.conversations.iter().min_by_key(|(_, remembered)| remembered.asked);
            if let Some(oldest) = oldest.map(|(pk, _)| *pk) {
                self.conversations.remove(&oldest);
            }
        }
        let remembered = Remembered { knowledge, tails: HashMap::new(), asked: self.asked };
        self.conversations.insert(conversation_pk, remembered);
    }
}

impl Knowledge {
    /// Adds digests.
    pub(crate) fn add(&mut self, digests: impl IntoIterator<Item = Digest>) {
        let memory = Arc::make_mut(&mut self.memory);
        for digest in digests {
            memory.add(digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembering() -> Remembering {
        let remembering = Remembering::default();
        remembering.set_knowledge(1, knowledge());
        remembering
    }

    fn knowledge() -> Knowledge {
        Knowledge { seen_n: 0, memory: Arc::new(Memory::new(&[1; 32])) }
    }

    fn digest(n: u8) -> Digest {
        Digest { ends: [n; 16], mac: [n; 16], length: 8, rule: "password".into() }
    }

    #[test]
    fn tail_when_sent_is_the_end_of_the_senders_last_message_until_it_leaves() {
        let remembering = remembering();
        remembering.sent(1, 0, &"é".repeat(300));
        remembering.sent(1, 1, "of another");
        remembering.sent(2, 0, "of nothing remembered");
        assert_eq!(remembering.tail(1, 0).as_str(), "é".repeat(256));
        remembering.sent(1, 0, "short");
        assert_eq!(remembering.tail(1, 0).as_str(), "short");
        assert_eq!(remembering.tail(2, 0).as_str(), "");
        remembering.left(1, 0);
        assert_eq!([remembering.tail(1, 0).as_str(), &remembering.tail(1, 1)], ["", "of another"]);
    }

    #[test]
    fn what_was_learned_counts_once_and_only_on_what_was_known() {
        let remembering = remembering();
        let learned = Learned { seen_n: 0, new: vec![digest(1), digest(2)] };
        remembering.learned(1, &learned);
        remembering.learned(1, &learned);
        remembering.set_knowledge(1, knowledge());
        let known = remembering.knowledge(1).unwrap();
        assert_eq!((known.seen_n, known.memory.len()), (2, 2), "what is older replaces nothing");
    }

    #[test]
    fn conversations_when_too_many_then_the_one_not_asked_for_goes() {
        let remembering = remembering();
        for pk in (2..).take(CONVERSATIONS_MAX - 1) {
            remembering.set_knowledge(pk, knowledge());
        }
        assert!(remembering.knowledge(1).is_some());
        remembering.set_knowledge(0, knowledge());
        assert!(remembering.knowledge(1).is_some() && remembering.knowledge(2).is_none());
        assert!(remembering.knowledge(0).is_some());
    }
}
