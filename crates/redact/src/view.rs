//! Views: the text as a reader sees it who knows escapes, disguises, line wraps and encodings.
//!
//! ```text
//! text ──► plain look
//!   ├─ has disguise ─► normal view ──► (look, join, decode)
//!   └─ has none ─────► joined view ──► (look, decode)
//!                  └─► decoded view ─► (everything again, one layer deeper)
//! ```
//! - `normal`: escapes read, colours, invisible and control characters left out, look-alikes in ASCII (`escape`, `glyph`,
//!   `control`); twice where there are backspaces, which a terminal obeys and other readers do not;
//! - `join`: tokens that were cut by a line end or by a string concatenation;
//! - `encoded`: base64, hexadecimal digits, compressed data (`content`).
//!
//! A view is only made if the text has what it undoes, and each has a map (`map`) that leads back: what was found is moved
//! to the text and grows to whole characters, escapes and encoded runs.
//!
//! # What it may not do
//! Look at a byte more than a constant number of times, or unpack more bytes than its budget: then the text is refused.
//! Break JSON: no match of a view reaches over a quotation mark that the text has, and none stands outside of strings.
//!
//! # What it does not undo
//! Text that is spaced out, reversed, shifted (rot13) or encrypted, archives, images, and what stands behind the share of a
//! run of compressed data: a guard against accidents, not against an agent that hides a secret on purpose.
//!
//! # To add a view
//! Add a file that builds the text with a `Builder`, and a step to `views` in `explore`.

mod content;
mod control;
mod encoded;
mod escape;
mod explore;
mod glyph;
mod join;
mod map;
mod normal;

pub(crate) use explore::find;

use std::fmt;

/// In which form of the text a secret was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ViewKind {
    /// In the text as it is.
    Plain,
    /// With escapes read, and without colours, invisible characters and look-alikes.
    Normal,
    /// With the pieces of a wrapped or concatenated token joined.
    Joined,
    /// Inside of base64.
    Base64,
    /// Inside of hexadecimal digits.
    Hex,
    /// Inside of compressed data that are encoded as text.
    Compressed,
}

impl ViewKind {
    /// Its public name, such as `base64`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Normal => "normal",
            Self::Joined => "joined",
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Compressed => "compressed",
        }
    }
}

impl fmt::Display for ViewKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How many encodings inside of each other are undone: 0 to 5; default: 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decodings(u8);

impl Decodings {
    /// The most that can be asked for.
    pub const MAX: Self = Self(5);

    /// Takes a number.
    ///
    /// # Errors
    /// [`TooManyDecodings`] above [`Decodings::MAX`].
    pub fn new(count: u8) -> Result<Self, TooManyDecodings> {
        if count <= Self::MAX.0 { Ok(Self(count)) } else { Err(TooManyDecodings(count)) }
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Decodings {
    fn default() -> Self {
        Self(2)
    }
}

/// More encodings inside of each other than can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyDecodings(u8);

impl fmt::Display for TooManyDecodings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} encodings inside of each other are too many, at most {}",
            self.0,
            Decodings::MAX.0
        )
    }
}

impl std::error::Error for TooManyDecodings {}

/// Bytes that may still be unpacked; all other views are at most about twice as long as their text.
///
/// How far a run is unpacked depends on that run alone, so that none hides another, and what is found in a text does not
/// depend on what was replaced before. When the budget is gone, the text is refused.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
    is_exceeded: bool,
}

impl Budget {
    /// What a text of `length` bytes is worth.
    pub(crate) fn new(length: usize) -> Self {
        Self::of_bytes(length.saturating_mul(BYTES_PER_BYTE).saturating_add(BASE_BYTES))
    }

    /// A budget of so many bytes.
    fn of_bytes(left: usize) -> Self {
        Self { left, is_exceeded: false }
    }

    /// Most bytes that packed data of `length` bytes are unpacked to.
    fn share(length: usize) -> usize {
        length.saturating_mul(SHARE_PER_BYTE).saturating_add(BASE_SHARE)
    }

    /// Takes unpacked bytes, if they are there.
    fn spend(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        self.is_exceeded |= left.is_none();
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

/// Bytes that are unpacked for each byte of the text, and for any text.
const BYTES_PER_BYTE: usize = 8;
const BASE_BYTES: usize = 256 * 1024;
/// Bytes that a run is unpacked to for each of its bytes, and any run.
const SHARE_PER_BYTE: usize = 8;
const BASE_SHARE: usize = 4096;
