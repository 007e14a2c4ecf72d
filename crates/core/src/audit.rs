//! The audit chain: what one entry says, and how it is bound to the one before.
//!
//! ```text
//! hash(n) = SHA-256("mab.audit.v1\0" ‖ hash(n-1) ‖ n (u64) ‖ at (i64, ms) ‖ field(actor) ‖ field(action)
//!                   ‖ field(outcome) ‖ field(detail))            all integers big-endian
//! field(x) = length (u32) ‖ x (UTF-8)
//! hash(0)  = SHA-256("mab.audit.genesis.v1\0" ‖ conversation (8 bytes, zero for the bridge's own chain))
//! ```
//!
//! Beside its hash each entry carries a mark, which only the holder of the master key can make:
//!
//! ```text
//! mark(n) = the first 16 bytes of HMAC-SHA256(subkey "mab.audit.mark.v1", hash(n))
//! ```
//!
//! The hash can be checked by anybody; the mark tells an entry of this bridge from one that somebody put in.
//!
//! An entry never holds free text: a [`Detail`] takes numbers, ids, digests and names fixed in the program.

use std::{collections::BTreeMap, fmt};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    Code, ConversationId, Fault, MessageId, RunId, SessionId, Timestamp,
    note::VerifierKey,
    secret::{MasterKey, Subkey},
};

/// Bytes of a chain hash.
pub const HASH_BYTES: usize = 32;

/// A chain hash.
pub type Hash = [u8; HASH_BYTES];

/// Bytes of an entry's mark.
pub const MARK_BYTES: usize = 16;

/// What tells an entry of this bridge from a forged one.
pub type Mark = [u8; MARK_BYTES];

/// Characters of a hash that a [`Head`] shows: enough that nobody finds another chain with them.
const HEAD_CHARS: usize = 32;

/// Where a chain ends: whoever is told one is a witness of everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The newest entry.
    pub n: u64,
    /// Its hash.
    pub hash: Hash,
}

impl fmt::Display for Head {
    /// `<n>:<first 32 hexadecimal digits of the hash>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(self.hash);
        write!(f, "{}:{}", self.n, digits.get(..HEAD_CHARS).unwrap_or(&digits))
    }
}

/// Makes and judges the marks of entries.
#[derive(Clone)]
pub struct Marker(Subkey);

impl fmt::Debug for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Marker(…)")
    }
}

impl Marker {
    /// The marker of the data folder with this master key.
    ///
    /// # Errors
    /// A [`Fault`] when key derivation fails.
    pub fn new(master: &MasterKey) -> Result<Self, Fault> {
        master.derive(b"mab.audit.mark.v1").map(Self)
    }

    /// The mark of the entry with this hash.
    ///
    /// # Errors
    /// Never in practice; a [`Fault`] when HMAC refuses its key.
    pub fn mark(&self, hash: &Hash) -> Result<Mark, Fault> {
        let full = self.keyed(hash)?.finalize().into_bytes();
        full.first_chunk().copied().ok_or(Fault::new("shortening a mark"))
    }

    /// Whether this bridge wrote the entry with this hash; compares in constant time.
    pub fn made(&self, hash: &Hash, mark: &[u8]) -> bool {
        mark.len() == MARK_BYTES && self.keyed(hash).is_ok_and(|mac| mac.verify_truncated_left(mark).is_ok())
    }

    fn keyed(&self, hash: &Hash) -> Result<Hmac<Sha256>, Fault> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0.0)
            .map_err(|source| Fault::from_source("keying a mark", source))?;
        mac.update(hash);
        Ok(mac)
    }
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// An agent, authenticated.
    Agent(SessionId),
    /// The person at the machine.
    Operator,
    /// The bridge itself.
    System,
    /// Somebody who needs no identity: who opens a conversation.
    Newcomer,
    /// Somebody who failed to show an identity.
    Unknown,
}

impl Actor {
    /// The stored name; handles can never take the reserved ones.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Agent(session) => session.as_str(),
            Self::Operator => "operator",
            Self::System => "system",
            Self::Newcomer => "newcomer",
            Self::Unknown => "unknown",
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Refused, with this code.
    Refused(Code),
}

impl Outcome {
    /// The stored name: `ok`, or the code's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "ok",
            Self::Refused(code) => code.name(),
        }
    }
}

/// The facts of an entry, as a JSON object with sorted keys and no free text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail(BTreeMap<&'static str, Value>);

impl Detail {
    /// Adds a number.
    #[must_use]
    pub fn number(mut self, key: &'static str, number: u64) -> Self {
        self.0.insert(key, Value::from(number));
        self
    }

    /// Adds a list of numbers.
    #[must_use]
    pub fn numbers(mut self, key: &'static str, numbers: impl IntoIterator<Item = u64>) -> Self {
        self.0.insert(key, numbers.into_iter().collect());
        self
    }

    /// Adds a name fixed in the program.
    #[must_use]
    pub fn name(mut self, key: &'static str, name: &'static str) -> Self {
        self.0.insert(key, Value::from(name));
        self
    }

    /// Adds a list of names fixed in the program.
    #[must_use]
    pub fn names(mut self, key: &'static str, names: impl IntoIterator<Item = &'static str>) -> Self {
        self.0.insert(key, names.into_iter().collect());
        self
    }

    /// Adds a list of agents.
    #[must_use]
    pub fn sessions<'a>(
        mut self,
        key: &'static str,
        sessions: impl IntoIterator<Item = &'a SessionId>,
    ) -> Self {
        self.0.insert(key, sessions.into_iter().map(SessionId::as_str).collect());
        self
    }

    /// Adds a message's id.
    #[must_use]
    pub fn message(mut self, key: &'static str, message: &MessageId) -> Self {
        self.0.insert(key, Value::from(message.to_string()));
        self
    }

    /// Adds a conversation's id.
    #[must_use]
    pub fn conversation(mut self, key: &'static str, conversation: &ConversationId) -> Self {
        self.0.insert(key, Value::from(conversation.to_string()));
        self
    }

    /// Adds a command's name.
    #[must_use]
    pub fn run(mut self, key: &'static str, run: &RunId) -> Self {
        self.0.insert(key, Value::from(run.to_string()));
        self
    }

    /// Adds a digest of what holds random bits, in hexadecimal: it confirms and tells nothing.
    #[must_use]
    pub fn digest(mut self, key: &'static str, digest: &[u8; 32]) -> Self {
        self.0.insert(key, Value::from(hex::encode(digest)));
        self
    }

    /// Adds the SHA-256 of some sealed bytes, in hexadecimal. Sealed bytes hold a random nonce, so the digest
    /// confirms the row and tells nothing about the text.
    #[must_use]
    pub fn digest_of_sealed(mut self, key: &'static str, sealed: &[u8]) -> Self {
        self.0.insert(key, Value::from(hex::encode(Sha256::digest(sealed))));
        self
    }

    /// Adds the id of a key that signs, in eight hexadecimal digits.
    #[must_use]
    pub fn key_id(mut self, key: &'static str, verifier: &VerifierKey) -> Self {
        self.0.insert(key, Value::from(verifier.id()));
        self
    }

    /// Adds counts by rule name, when there are any.
    #[must_use]
    pub fn counts<Name: AsRef<str>>(mut self, key: &'static str, counts: &BTreeMap<Name, u64>) -> Self {
        if !counts.is_empty() {
            self.0.insert(
                key,
                counts.iter().map(|(name, count)| (name.as_ref().to_owned(), Value::from(*count))).collect(),
            );
        }
        self
    }

    /// The stored text: compact JSON.
    pub fn to_text(&self) -> String {
        let object: serde_json::Map<String, Value> =
            self.0.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        Value::Object(object).to_string()
    }
}

/// One entry as it is stored and hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Position in its chain, from 1.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// Who, as [`Actor::as_str`].
    pub actor: String,
    /// What, as [`crate::policy::Action::as_str`].
    pub action: String,
    /// How it ended, as [`Outcome::as_str`].
    pub outcome: String,
    /// The facts, as [`Detail::to_text`].
    pub detail: String,
}

impl Entry {
    /// The hash of this entry after `previous`.
    pub fn hash(&self, previous: &Hash) -> Hash {
        hash_of(previous, self.n, self.at.millis(), self.fields())
    }

    /// What is hashed after the hash of the entry before.
    pub fn hashed_bytes(&self) -> Vec<u8> {
        let mut hashed = Vec::new();
        feed(self.n, self.at.millis(), self.fields(), |bytes| hashed.extend_from_slice(bytes));
        hashed
    }

    fn fields(&self) -> [&[u8]; 4] {
        [&self.actor, &self.action, &self.outcome, &self.detail].map(String::as_bytes)
    }
}

/// The hash of an entry after `previous`; the fields are actor, action, outcome and detail.
pub(crate) fn hash_of(previous: &Hash, n: u64, at_ms: i64, fields: [&[u8]; 4]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"mab.audit.v1\0");
    hasher.update(previous);
    feed(n, at_ms, fields, |bytes| hasher.update(bytes));
    hasher.finalize().into()
}

fn feed(n: u64, at_ms: i64, fields: [&[u8]; 4], mut take: impl FnMut(&[u8])) {
    take(&n.to_be_bytes());
    take(&at_ms.to_be_bytes());
    for field in fields {
        take(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        take(field);
    }
}

/// The hash a conversation's chain starts from; `None` is the bridge's own chain.
pub fn genesis(conversation: Option<ConversationId>) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"mab.audit.genesis.v1\0");
    hasher.update(conversation.map_or([0; 8], ConversationId::bytes));
    hasher.finalize().into()
}

/// Walks a chain, one stored entry at a time.
#[derive(Debug, Clone)]
pub struct Verifier {
    head: Hash,
    next: u64,
}

/// What is wrong with a chain, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// The entry expected at this position is not there.
    Missing {
        /// Expected position.
        n: u64,
    },
    /// The entry does not match its hash, or does not follow the one before it.
    Changed {
        /// Position.
        n: u64,
    },
    /// The chain ends elsewhere than the conversation says.
    Truncated {
        /// Last position found.
        n: u64,
    },
}

impl Verifier {
    /// A walk from the start of a conversation's chain.
    pub fn new(conversation: Option<ConversationId>) -> Self {
        Self { head: genesis(conversation), next: 1 }
    }

    /// Takes the next stored entry and the hash stored beside it.
    ///
    /// # Errors
    /// The [`Break`], at the first entry that is not what it should be.
    pub fn take(&mut self, entry: &Entry, stored: &[u8]) -> Result<(), Break> {
        if entry.n != self.next {
            return Err(Break::Missing { n: self.next });
        }
        let hash = entry.hash(&self.head);
        if hash.as_slice() != stored {
            return Err(Break::Changed { n: entry.n });
        }
        self.head = hash;
        self.next += 1;
        Ok(())
    }

    /// Ends the walk against the head that the conversation's row holds; returns how many entries hold.
    ///
    /// # Errors
    /// [`Break::Truncated`] when the chain ends elsewhere.
    pub fn finish(&self, length: u64, head: &[u8]) -> Result<u64, Break> {
        let verified = self.next - 1;
        if verified != length || self.head.as_slice() != head {
            return Err(Break::Truncated { n: verified });
        }
        Ok(verified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<(Entry, Hash)> {
        let mut head = genesis(None);
        (1..=4)
            .map(|n| {
                let entry = Entry {
                    n,
                    at: Timestamp::from_millis(1_000),
                    actor: "a".into(),
                    action: "send".into(),
                    outcome: "ok".into(),
                    detail: Detail::default().number("seq", n).to_text(),
                };
                head = entry.hash(&head);
                (entry, head)
            })
            .collect()
    }

    fn verify(chain: &[(Entry, Hash)], length: u64, head: &Hash) -> Result<u64, Break> {
        let mut verifier = Verifier::new(None);
        for (entry, hash) in chain {
            verifier.take(entry, hash)?;
        }
        verifier.finish(length, head)
    }

    #[test]
    fn chain_when_whole_verifies() {
        let chain = chain();
        assert_eq!(verify(&chain, 4, &chain[3].1), Ok(4));
    }

    #[test]
    fn chain_when_changed_deleted_swapped_duplicated_or_truncated_breaks() {
        let good = chain();
        let head = good[3].1;
        let mut changed = good.clone();
        changed[1].0.actor = "b".into();
        assert_eq!(verify(&changed, 4, &head), Err(Break::Changed { n: 2 }));
        let mut deleted = good.clone();
        deleted.remove(1);
        assert_eq!(verify(&deleted, 4, &head), Err(Break::Missing { n: 2 }));
        let mut swapped = good.clone();
        swapped.swap(1, 2);
        assert_eq!(verify(&swapped, 4, &head), Err(Break::Missing { n: 2 }));
        let mut duplicated = good.clone();
        duplicated.insert(1, good[0].clone());
        assert_eq!(verify(&duplicated, 4, &head), Err(Break::Missing { n: 2 }));
        assert_eq!(verify(&good[..3], 4, &head), Err(Break::Truncated { n: 3 }));
    }

    #[test]
    fn mark_is_of_one_key_and_one_entry() -> Result<(), Fault> {
        let key = |digits: &str| Marker::new(&MasterKey::from_file_text(&digits.repeat(32))?);
        let (ours, theirs) = (key("5a")?, key("5b")?);
        let (one, two) = (chain()[0].1, chain()[1].1);
        let mark = ours.mark(&one)?;
        assert!(ours.made(&one, &mark));
        assert!(!ours.made(&two, &mark) && !theirs.made(&one, &mark));
        assert!(!ours.made(&one, &mark[..8]) && !ours.made(&one, &[]));
        assert_eq!(format!("{ours:?}"), "Marker(…)");
        Ok(())
    }

    #[test]
    fn head_shows_its_number_and_half_of_its_hash() {
        let head = Head { n: 17, hash: [0xab; HASH_BYTES] };
        assert_eq!(head.to_string(), format!("17:{}", "ab".repeat(16)));
    }

    #[test]
    fn fields_when_shifted_between_each_other_change_the_hash() {
        let (mut entry, hash) = chain().remove(0);
        entry.actor = "as".into();
        entry.action = "end".into();
        assert_ne!(entry.hash(&genesis(None)), hash);
    }
}
