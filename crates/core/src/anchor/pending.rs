//! What a store keeps of the newest checkpoint, so that a crash between its commit and the file leaves no doubt.

use crate::{
    anchor::block::{block, header},
    note::VerifierKey,
};

/// The text of the newest checkpoint and where it stands in the anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Bytes of the anchor before it.
    pub offset: u64,
    /// Its text.
    pub text: String,
}

/// How a file differs from what the store has recorded of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Checkpoints are missing at its end, or all of it.
    #[error("it is shorter than the store recorded")]
    Shorter,
    /// It holds what the store knows nothing of.
    #[error("it is longer than the store recorded")]
    Longer,
    /// Its end is other text.
    #[error("its end is not what the store recorded")]
    Other,
}

impl Pending {
    /// Whether this checkpoint changes the key to this one.
    pub fn names(&self, next: &VerifierKey) -> bool {
        self.text.contains(&format!("\nnext-key {next}\n"))
    }

    /// Where the next checkpoint goes.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.text.len() as u64)
    }

    /// What of this checkpoint is missing in a file of `length` bytes which are `tail` from [`offset`](Self::offset) on:
    /// nothing, or what a crash kept from being written.
    ///
    /// # Errors
    /// The [`Mismatch`], when no crash explains what the file holds.
    pub fn missing(&self, length: u64, tail: &[u8]) -> Result<&[u8], Mismatch> {
        if length < self.offset {
            return Err(Mismatch::Shorter);
        }
        if length > self.end() {
            return Err(Mismatch::Longer);
        }
        if !self.is_one() {
            return Err(Mismatch::Other);
        }
        self.text.as_bytes().strip_prefix(tail).ok_or(Mismatch::Other)
    }

    /// Whether the text is one whole checkpoint: any other end of the file would fit, too, and nothing could follow it.
    fn is_one(&self) -> bool {
        let text =
            if self.offset == 0 { header(&self.text).map(|(_, rest)| rest) } else { Some(&*self.text) };
        text.and_then(block).is_some_and(|(_, rest)| rest.is_empty())
    }

    /// The form in which a store keeps it: offset in decimal, a line break, the text.
    pub fn to_stored(&self) -> String {
        format!("{}\n{}", self.offset, self.text)
    }

    /// Reads the form of [`to_stored`](Self::to_stored).
    pub fn from_stored(stored: &str) -> Option<Self> {
        let (offset, text) = stored.split_once('\n')?;
        Some(Self { offset: offset.parse().ok()?, text: text.to_owned() })
    }
}
