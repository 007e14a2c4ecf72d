//! Checks a whole anchor, with nothing but its text and the keys one trusts.

use std::collections::BTreeMap;

use crate::{
    ConversationId, Timestamp,
    anchor::{
        Leaf,
        block::{Block, block, header},
    },
    audit::Hash,
    merkle::Frontier,
    note::VerifierKey,
};

/// An anchor of which every signature, root and time holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    keys: Vec<VerifierKey>,
    checkpoints: Vec<Checkpoint>,
}

/// One signed state of all chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// When it was signed. It covers every entry that was in the store by then.
    pub at: Timestamp,
    /// Leaves of the tree.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
    /// The chains that had grown since the checkpoint before.
    pub leaves: Vec<Leaf>,
}

/// What is wrong with an anchor, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("checkpoint {checkpoint}: {problem}")]
pub struct AnchorError {
    /// The first bad checkpoint, from 1; 0 is what stands before the first.
    pub checkpoint: u64,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What may be wrong with a checkpoint. The names are public: never renamed, only added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It has not the form of one, or something is missing at its end.
    #[error("malformed")]
    Malformed,
    /// It is not signed by the key that was valid then, or none of the keys is trusted.
    #[error("unknown_key")]
    UnknownKey,
    /// The signature is not of this text.
    #[error("bad_signature")]
    BadSignature,
    /// Its size is not that of the tree before and its leaves, or a leaf tells of no growth.
    #[error("not_extending")]
    NotExtending,
    /// The leaves do not make the root that was signed.
    #[error("wrong_root")]
    WrongRoot,
    /// It is dated before the checkpoint before it.
    #[error("time_back")]
    TimeBack,
}

impl Anchor {
    /// Checks an anchor from its first byte to its last.
    ///
    /// One key of the anchor, whichever was valid at some time, must be among `trusted`; when that is empty, the anchor's
    /// own keys are taken on faith ([`keys`](Self::keys)), and what holds then is only that whoever has them signed it.
    ///
    /// # Errors
    /// The first bad checkpoint and why.
    pub fn parse_and_verify(text: &str, trusted: &[VerifierKey]) -> Result<Self, AnchorError> {
        let at = |checkpoint| move |problem| AnchorError { checkpoint, problem };
        let (key, mut rest) = header(text).ok_or(Problem::Malformed).map_err(at(0))?;
        let mut walk =
            Walk { keys: vec![key.clone()], key, frontier: Frontier::default(), lengths: BTreeMap::new() };
        let mut checkpoints: Vec<Checkpoint> = Vec::new();
        while !rest.is_empty() {
            let number = at(checkpoints.len() as u64 + 1);
            let (block, after) = block(rest).ok_or(Problem::Malformed).map_err(number)?;
            let checkpoint = walk.take(block, checkpoints.last()).map_err(number)?;
            checkpoints.push(checkpoint);
            rest = after;
        }
        if !trusted.is_empty() && !walk.keys.iter().any(|key| trusted.contains(key)) {
            return Err(at(0)(Problem::UnknownKey));
        }
        Ok(Self { keys: walk.keys, checkpoints })
    }

    /// The keys that signed it, the oldest first; the last one is valid now.
    pub fn keys(&self) -> &[VerifierKey] {
        &self.keys
    }

    /// Its checkpoints, the oldest first.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    /// Every leaf with the number of its checkpoint (from 0), the oldest first. The leaves of one chain grow.
    pub fn leaves(&self) -> impl Iterator<Item = (usize, &Leaf)> {
        let numbered = self.checkpoints.iter().enumerate();
        numbered.flat_map(|(number, checkpoint)| checkpoint.leaves.iter().map(move |leaf| (number, leaf)))
    }
}

/// The state after the checkpoints so far.
struct Walk {
    keys: Vec<VerifierKey>,
    key: VerifierKey,
    frontier: Frontier,
    lengths: BTreeMap<Option<ConversationId>, u64>,
}

impl Walk {
    fn take(&mut self, block: Block<'_>, before: Option<&Checkpoint>) -> Result<Checkpoint, Problem> {
        let Block { leaves, end } = block;
        if end.note.origin != self.key.name() {
            return Err(Problem::Malformed);
        }
        let signer = end.signer(&self.key)?;
        if signer != self.key {
            self.keys.push(signer.clone());
            self.key = signer;
        }
        for leaf in &leaves {
            let length = self.lengths.insert(leaf.conversation, leaf.n);
            if length.is_some_and(|length| length >= leaf.n) {
                return Err(Problem::NotExtending);
            }
            self.frontier.append(&leaf.bytes());
        }
        if end.note.size != self.frontier.size() {
            return Err(Problem::NotExtending);
        }
        if end.frontier()? != self.frontier {
            return Err(Problem::WrongRoot);
        }
        if before.is_some_and(|before| end.note.at < before.at) {
            return Err(Problem::TimeBack);
        }
        let (at, size, root) = (end.note.at, end.note.size, end.note.root);
        Ok(Checkpoint { at, size, root, leaves })
    }
}
