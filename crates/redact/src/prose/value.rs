//! Values in prose: where one begins and ends, with the quotation marks of all languages.

use std::ops::Range;

use super::noun::is_spaceless;
use crate::assignment;
use crate::text::{Text, is_quote};

/// A value in a sentence.
#[derive(Debug, Clone)]
pub(super) struct Value {
    /// Place of the value without its quotation marks.
    pub(super) range: Range<usize>,
    /// What stands around it.
    pub(super) marks: Marks,
    /// First byte behind the closing mark.
    pub(super) end: usize,
}

/// What stands around a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// Nothing.
    Bare,
    /// Quotation marks or bold type.
    Quotes,
    /// Back quotes, which also stand around names in code.
    Code,
}

/// Reads the value at `start`; `None` if none may begin there.
pub(super) fn read(text: Text<'_>, start: usize) -> Option<Value> {
    let first = text.characters(start..start + MAX_MARK);
    if let Some((open, close)) = MARKS.iter().find(|(open, _)| first.starts_with(open)) {
        return marked(text.characters(start..start + MAX_VALUE), start, open, close);
    }
    let opening = text.skip(start, MAX_SLASHES, |byte| byte == b'\\');
    let is_quoted = is_quote(text.at(opening));
    if opening > start && !is_quoted {
        return None;
    }
    let read = assignment::value(text, if is_quoted { start } else { opening }, MAX_VALUE);
    if read.quoted {
        let closing = text.skip(read.range.end, MAX_SLASHES, |byte| byte == b'\\');
        let marks = if text.at(closing) == b'`' { Marks::Code } else { Marks::Quotes };
        let whole = is_quoted && text.at(closing) == text.at(opening) && closing < start + MAX_VALUE;
        return whole.then_some(Value { range: read.range, marks, end: closing + 1 });
    }
    if is_quoted {
        return None;
    }
    let range = cut(text, read.range);
    (!range.is_empty()).then_some(Value { end: range.end, range, marks: Marks::Bare })
}

/// Ends a bare value at the punctuation of languages without blanks, and behind ASCII at their letters.
fn cut(text: Text<'_>, range: Range<usize>) -> Range<usize> {
    let mut seen_ascii = false;
    let characters = text.characters(range.clone());
    let end = characters.char_indices().find(|&(_, letter)| {
        let ends = (seen_ascii && is_spaceless(letter)) || PUNCTUATION.contains(letter);
        seen_ascii |= letter.is_ascii_alphanumeric();
        ends
    });
    let length = end.map_or(characters.len(), |(at, _)| at);
    let kept = characters.get(..length).unwrap_or_default().trim_end_matches(['.', ',', ';', ':', '*']);
    range.start..range.start + kept.len()
}

/// Reads up to the closing mark on the same line; a double quote or a backslash in between would be another string's.
fn marked(window: &str, start: usize, open: &str, close: &str) -> Option<Value> {
    let inside = window.get(open.len()..)?;
    let length = inside.find(close)?;
    let value = inside.get(..length)?;
    let content = value.trim_matches([' ', '\u{a0}', '\u{202f}']);
    let lead = value.len() - value.trim_start_matches([' ', '\u{a0}', '\u{202f}']).len();
    let is_bold_text = open.starts_with('*') && content.len() != value.len();
    if content.is_empty() || value.contains(['"', '\\', '\n']) || is_bold_text {
        return None;
    }
    let from = start + open.len() + lead;
    let end = start + open.len() + length + close.len();
    Some(Value { range: from..from + content.len(), marks: Marks::Quotes, end })
}

/// Opening and closing marks besides the three of ASCII; a longer one in front of its prefix.
const MARKS: &[(&str, &str)] = &[
    ("“", "”"),
    ("„", "“"),
    ("„", "”"),
    ("«", "»"),
    ("»", "«"),
    ("‹", "›"),
    ("‘", "’"),
    ("‚", "‘"),
    ("「", "」"),
    ("『", "』"),
    ("【", "】"),
    ("＂", "＂"),
    ("**", "**"),
    ("*", "*"),
];
/// Marks that no bare value contains.
const PUNCTUATION: &str = "，。、；：！？（）「」『』【】“”„«»…—";
/// Bytes of the longest mark.
const MAX_MARK: usize = 3;
/// Most bytes of a value that are read.
const MAX_VALUE: usize = 128;
/// Most backslashes in front of a quote.
const MAX_SLASHES: usize = 63;
