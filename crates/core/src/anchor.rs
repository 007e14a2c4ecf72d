//! The anchor: signed checkpoints over all audit chains, a text that grows at its end and is kept outside the store.
//!
//! ```text
//! anchor     = "mab.audit.anchor.v1\n" "key " verifier key "\n" "\n" checkpoint …
//! checkpoint = ("+ " leaf) … "=" (" " peak) … "\n" note "\n"
//! leaf       = chain " " n " " hex(hash(n)) "\n"       chain = conv_<16 hex digits>, or "bridge" for the bridge's own
//! note       = text "\n" signature lines               C2SP tlog-checkpoint, of C2SP signed-note; see [`crate::note`]
//! text       = origin "\n" size "\n" base64(root) "\n" "time " RFC 3339 in UTC "\n"
//!              and when the key changes: "key " old verifier key "\n" "next-key " new verifier key "\n"
//! ```
//!
//! The leaves of all checkpoints, from "chain" to the line break, are the leaves of one Merkle tree ([`crate::merkle`]);
//! a checkpoint adds one for each chain that has grown, and signs the root. The peaks are the frontier of the tree, in
//! hexadecimal, so that the next checkpoint needs nothing but this one; they hold because they fold to the signed root.
//! The note that changes the key is signed by both: the old one names its successor, the new one vouches for all before.

mod block;
mod extend;
mod pending;
mod verify;

pub use extend::{Signers, next_checkpoint, note_of};
pub use pending::{Mismatch, Pending};
pub use verify::{Anchor, AnchorError, Checkpoint, Problem};

use std::{fmt, str::FromStr};

use crate::{ConversationId, audit::Hash};

/// First line of an anchor.
const FORMAT: &str = "mab.audit.anchor.v1\n";

/// How long a chain was, and what its newest entry hashed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// Whose chain; `None` is the bridge's own.
    pub conversation: Option<ConversationId>,
    /// Its length.
    pub n: u64,
    /// The hash of entry `n`.
    pub head: Hash,
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.conversation {
            Some(id) => write!(f, "{id}")?,
            None => f.write_str(BRIDGE)?,
        }
        write!(f, " {} {}", self.n, hex::encode(self.head))
    }
}

impl FromStr for Leaf {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let parse = || {
            let mut fields = text.split(' ');
            let (chain, n, head) = (fields.next()?, fields.next()?, fields.next()?);
            let conversation = if chain == BRIDGE { None } else { Some(chain.parse().ok()?) };
            let leaf = Self { conversation, n: n.parse().ok()?, head: block::hash(head)? };
            (leaf.n > 0 && leaf.to_string() == text).then_some(leaf)
        };
        parse().ok_or(Problem::Malformed)
    }
}

impl Leaf {
    /// The bytes that the tree holds.
    fn bytes(&self) -> Vec<u8> {
        format!("{self}\n").into_bytes()
    }
}

/// The bridge's own chain in a leaf.
const BRIDGE: &str = "bridge";

/// The origin of the anchor of the store with this fingerprint, and the name of its keys.
pub fn origin(fingerprint: [u8; 8]) -> String {
    format!("mab.audit/{}", hex::encode(fingerprint))
}

#[cfg(test)]
mod tests;
