//! What a conversation remembers of the secrets that were found in it: keyed digests, no value.
//!
//! ```text
//! key = HKDF-SHA256(conversation's key, "mab.memory.v1")
//! ```
//!
//! The layout of a digest is [`mab_redact`]'s. Whoever holds the key can confirm a guess at a value; the key goes with its
//! conversation.

pub use mab_redact::{Digest, MEMORY_MAX as KNOWN_MAX, Memory};

use crate::{Fault, seal::ConversationKey};

/// What a change has learned of secrets, and on what knowledge its texts were redacted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Learned {
    /// Number of the newest digest that was known. When there is a newer one, the change is refused as `busy` and leaves
    /// no trace: its texts are to be redacted again.
    pub seen_n: u64,
    /// What is remembered with the change.
    pub new: Vec<Digest>,
}

/// The empty memory of a conversation.
///
/// # Errors
/// Never in practice; a [`Fault`] when HKDF refuses the length.
pub fn memory(key: &ConversationKey) -> Result<Memory, Fault> {
    Ok(Memory::new(&key.derive(b"mab.memory.v1")?.0))
}
