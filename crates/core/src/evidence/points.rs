//! What others have seen of a chain: the leaves of signed checkpoints, and heads that agents were told.

use std::{collections::BTreeMap, str::FromStr};

use crate::{ConversationId, Timestamp, anchor::Anchor, audit::Hash};

/// Hexadecimal digits that a witness names at least.
const WITNESS_DIGITS_MIN: usize = 16;

/// One entry of a chain as somebody else has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The entry.
    pub n: u64,
    /// Its hash, or how it begins.
    pub hash: Vec<u8>,
    /// Who has seen it.
    pub source: Source,
}

/// Who has seen an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A signed checkpoint.
    Checkpoint {
        /// Its number, from 1.
        number: u64,
        /// When the checkpoint before it was signed, which did not have this entry. `None` when there is none, or when
        /// the clock was behind it: nothing follows then.
        after: Option<Timestamp>,
    },
    /// An agent that was told in an answer, or whoever it told.
    Witness,
}

impl Source {
    pub(super) fn is_checkpoint(&self) -> bool {
        matches!(self, Self::Checkpoint { .. })
    }
}

impl Point {
    /// Whether this is the hash that was seen.
    pub(super) fn is(&self, hash: &Hash) -> bool {
        !self.hash.is_empty() && hash.starts_with(&self.hash)
    }
}

/// The points of every chain that checkpoints have seen, by number.
pub fn points_of(anchor: &Anchor) -> BTreeMap<Option<ConversationId>, Vec<Point>> {
    let mut points: BTreeMap<_, Vec<Point>> = BTreeMap::new();
    let mut before: Option<Timestamp> = None;
    for (checkpoint, number) in anchor.checkpoints().iter().zip(1..) {
        let after = before.filter(|before| *before < checkpoint.at);
        for leaf in &checkpoint.leaves {
            let source = Source::Checkpoint { number, after };
            points.entry(leaf.conversation).or_default().push(Point {
                n: leaf.n,
                hash: leaf.head.to_vec(),
                source,
            });
        }
        before = Some(checkpoint.at);
    }
    points
}

/// What a witness says: `conv_<16 digits>:<n>:<digits>` as answers name the newest entry, or `bridge:<n>:<digits>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Whose chain; `None` is the bridge's own.
    pub conversation: Option<ConversationId>,
    /// What was told.
    pub point: Point,
}

impl FromStr for Witness {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.split(':');
            let (chain, n, digits) = (parts.next()?, parts.next()?, parts.next()?);
            let conversation = if chain == "bridge" { None } else { Some(chain.parse().ok()?) };
            let hash = hex::decode(digits).ok().filter(|hash| hash.len() <= size_of::<Hash>())?;
            let n = n.parse().ok().filter(|n| *n > 0)?;
            let whole = parts.next().is_none() && digits.len() >= WITNESS_DIGITS_MIN;
            whole.then_some(Self { conversation, point: Point { n, hash, source: Source::Witness } })
        };
        parse().ok_or(
            "a witness is conversation:n:digits, as `audit` in an answer tells, after the conversation's id",
        )
    }
}
