//! Bounds-checked reading of the input: bytes, runs of bytes and escapes.
//!
//! A position outside the text reads as a NUL byte, which belongs to no class below, so every run ends there.

use std::cell::Cell;
use std::ops::Range;

/// The input, read as bytes or as characters, with a count of those that were looked at; copying it is free.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    text: &'a str,
    spent: &'a Cell<u64>,
}

impl<'a> Text<'a> {
    /// Looks at `text`, and adds to `spent` how many bytes it looked at.
    pub(crate) fn new(text: &'a str, spent: &'a Cell<u64>) -> Self {
        Self { text, spent }
    }

    /// Counts bytes that something else looked at.
    pub(crate) fn spend(self, bytes: usize) {
        self.spent.set(self.spent.get() + bytes as u64);
    }

    /// Bytes that were looked at until now.
    pub(crate) fn spent(self) -> u64 {
        self.spent.get()
    }

    /// All of it.
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// Number of bytes.
    pub(crate) fn len(self) -> usize {
        self.text.len()
    }

    /// The byte at `position`.
    pub(crate) fn at(self, position: usize) -> u8 {
        self.spend(1);
        self.bytes().get(position).copied().unwrap_or(0)
    }

    /// The byte in front of `position`.
    pub(crate) fn before(self, position: usize) -> u8 {
        position.checked_sub(1).map_or(0, |previous| self.at(previous))
    }

    /// The bytes of `range`, cut to the text.
    pub(crate) fn slice(self, range: Range<usize>) -> &'a [u8] {
        let end = range.end.min(self.len());
        self.bytes().get(range.start.min(end)..end).unwrap_or_default()
    }

    /// The whole characters of `range`; those that are cut at either end are left out.
    pub(crate) fn characters(self, range: Range<usize>) -> &'a str {
        let characters = self.whole(range);
        self.spend(characters.len());
        characters
    }

    /// The characters from `from` on that are in the class, at most `limit` bytes.
    pub(crate) fn run(self, from: usize, limit: usize, in_class: impl Fn(char) -> bool) -> &'a str {
        let window = self.whole(from..from.saturating_add(limit));
        let length = window.find(|letter| !in_class(letter)).unwrap_or(window.len());
        self.spend(length);
        window.get(..length).unwrap_or_default()
    }

    /// Cuts a range to whole characters.
    fn whole(self, range: Range<usize>) -> &'a str {
        let text = self.text;
        let end = text.floor_char_boundary(range.end);
        let start = text.ceil_char_boundary(range.start).min(end);
        text.get(start..end).unwrap_or_default()
    }

    /// Beginning of the character that `position` is in.
    pub(crate) fn floor(self, position: usize) -> usize {
        self.text.floor_char_boundary(position)
    }

    /// Beginning of the first character at or behind `position`.
    pub(crate) fn ceil(self, position: usize) -> usize {
        self.text.ceil_char_boundary(position)
    }

    /// Says whether `word` stands at `position`, in any ASCII case.
    pub(crate) fn has(self, position: usize, word: &str) -> bool {
        self.slice(position..position.saturating_add(word.len())).eq_ignore_ascii_case(word.as_bytes())
    }

    /// First position from `from` on, but at most `limit` bytes later, whose byte is not in the class.
    pub(crate) fn skip(self, from: usize, limit: usize, in_class: impl Fn(u8) -> bool) -> usize {
        let window = self.slice(from..from.saturating_add(limit));
        let length = window.iter().position(|&byte| !in_class(byte)).unwrap_or(window.len());
        self.spend(length);
        from + length
    }

    /// Start of the run of class bytes that ends at `to`, at most `limit` bytes earlier.
    pub(crate) fn skip_back(self, to: usize, limit: usize, in_class: impl Fn(u8) -> bool) -> usize {
        let window = self.slice(to.saturating_sub(limit)..to);
        let length = window.iter().rev().position(|&byte| !in_class(byte)).unwrap_or(window.len());
        self.spend(length);
        to - length
    }

    /// Says whether the byte in front of `position` is the last one of an escape (`\n`, `%3D`, `\u003d`, `\x3d`), which
    /// means that a token may start here although a letter or digit stands in front of it.
    pub(crate) fn follows_escape(self, position: usize) -> bool {
        let before = self.slice(position.saturating_sub(LONGEST_ESCAPE)..position);
        if !before.iter().any(|byte| matches!(byte, b'\\' | b'%')) {
            return false;
        }
        let hex = |count: usize| {
            position >= count && self.slice(position - count..position).iter().all(u8::is_ascii_hexdigit)
        };
        let byte_at = |back: usize| position.checked_sub(back).map_or(0, |index| self.at(index));
        (byte_at(2) == b'\\' && matches!(byte_at(1), b'n' | b'r' | b't' | b'f' | b'b'))
            || (byte_at(3) == b'%' && hex(2))
            || (byte_at(6) == b'\\' && byte_at(5) == b'u' && hex(4))
            || (byte_at(4) == b'\\' && byte_at(3) == b'x' && hex(2))
    }
}

/// Bytes of the longest escape, `\u003d`.
const LONGEST_ESCAPE: usize = 6;

/// Bytes that continue a token: a match is extended over them.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Space or tab.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Any of the three characters that quote a string in some language.
pub(crate) fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}
