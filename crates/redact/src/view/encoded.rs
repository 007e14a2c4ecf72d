//! The view of what is encoded: base64, hexadecimal digits and compressed data are put in place of themselves.
//!
//! A run of letters and digits is only taken for an encoding if its first bytes decode to text, to UTF-16, or to the mark
//! of gzip (RFC 1952) or zlib (RFC 1950): natural text is full of hashes, names and paths. The words in front of a run stay
//! in the view, because a key says what the value is.
//!
//! What a run decodes to is used as far as it is text. No byte is decoded more than a constant number of times: a failed
//! attempt is not begun again in front of the place where it failed, and a run has one attempt at binary data.
//!
//! To add an encoding, add an arm to `decode`.

use std::ops::Range;

use super::Budget;
use super::content::{Content, content};
use super::map::{Builder, Map};
use crate::ViewKind;
use crate::plausible;
use crate::text::Text;

/// The text with its encoded runs decoded, and a little around them; `None` if there are none.
pub(super) fn encoded(source: &str, text: Text<'_>, budget: &mut Budget) -> Option<(String, Map)> {
    let mut builder = Builder::new(source);
    let mut context_end = 0;
    let mut position = 0;
    while let Some(run) = next_run(text, position) {
        position = run.end;
        if is_web_token(text, &run) || plausible::contains_placeholder(text.slice(run.clone())) {
            continue;
        }
        for found in decode_run(text, run, budget) {
            let start = context_start(source, builder.position, found.range.start);
            if start > builder.position || builder.text.is_empty() {
                builder.copy_to(context_end.min(start));
                builder.gap();
                builder.go_to(start);
            }
            builder.copy_to(found.range.start);
            builder.run(found.range.end, found.kind, &found.text);
            context_end = line_end(source, found.range.end);
        }
    }
    if builder.text.is_empty() {
        return None;
    }
    builder.copy_to(context_end);
    Some(builder.finish())
}

/// A part of the source and the text in it.
struct Decoded {
    range: Range<usize>,
    kind: ViewKind,
    text: String,
}

/// First run of at least [`MIN_RUN`] bytes of the base64 alphabets from `from` on.
///
/// Such a run covers a byte whose place is a multiple of its least length, so only those are looked at between runs.
fn next_run(text: Text<'_>, from: usize) -> Option<Range<usize>> {
    let bytes = text.bytes();
    let mut probe = from + MIN_RUN - 1;
    while let Some(&byte) = bytes.get(probe) {
        text.spend(1);
        if !is_alphabet(byte) {
            probe += MIN_RUN;
            continue;
        }
        let head = bytes.get(from.max(probe + 1 - MIN_RUN)..probe).unwrap_or_default();
        let start = probe - head.iter().rev().take_while(|byte| is_alphabet(**byte)).count();
        let rest = bytes.get(probe..).unwrap_or_default();
        let end = probe + rest.iter().take_while(|byte| is_alphabet(**byte)).count();
        text.spend(end - start);
        if end - start >= MIN_RUN {
            return Some(start..end);
        }
        probe = end + MIN_RUN;
    }
    None
}

/// Says whether a run is the first or second part of a JSON Web Token, which has a rule of its own.
fn is_web_token(text: Text<'_>, run: &Range<usize>) -> bool {
    text.slice(run.start..run.start + 2) == b"ey"
        && (text.slice(run.end..run.end + 3) == b".ey"
            || (text.before(run.start) == b'.' && text.at(run.end) == b'.'))
}

/// What is encoded in a run: as a whole, or behind marks of the alphabet that are something else here, as in a path.
fn decode_run(text: Text<'_>, run: Range<usize>, budget: &mut Budget) -> Vec<Decoded> {
    let mut found = Vec::new();
    let mut may_be_binary = true;
    let mut start = run.start;
    while start + MIN_RUN <= run.end {
        let attempt = decode(text, start..run.end, &mut may_be_binary, budget);
        let resume = match attempt {
            Attempt::Text(decoded) => {
                let end = decoded.range.end;
                found.push(decoded);
                end
            }
            Attempt::Failed(at) => at.max(start),
        };
        let mark = text.skip(resume, run.end.saturating_sub(resume), |byte| byte.is_ascii_alphanumeric());
        let zero_x = text.slice(start..start + 2) == b"0x";
        start = if zero_x && resume <= start { start + 2 } else { mark + 1 };
    }
    found
}

/// What came of decoding.
enum Attempt {
    Text(Decoded),
    /// Nothing in front of this place.
    Failed(usize),
}

/// Tries to decode from the start of `run` on, first as hexadecimal digits, which are also letters of base64.
fn decode(text: Text<'_>, run: Range<usize>, may_be_binary: &mut bool, budget: &mut Budget) -> Attempt {
    let digits = text.skip(run.start, run.len(), |byte| byte.is_ascii_hexdigit());
    let hex = run.start..digits - (digits - run.start) % 2;
    let attempt = if hex.len() >= MIN_RUN {
        attempt(text, &Code { range: hex, is_hex: true }, may_be_binary, budget)
    } else {
        Attempt::Failed(run.start)
    };
    match attempt {
        Attempt::Text(_) => attempt,
        Attempt::Failed(_) => attempt_base64(text, run, may_be_binary, budget),
    }
}

fn attempt_base64(
    text: Text<'_>,
    run: Range<usize>,
    may_be_binary: &mut bool,
    budget: &mut Budget,
) -> Attempt {
    let outcome = attempt(text, &Code { range: run, is_hex: false }, may_be_binary, budget);
    match outcome {
        Attempt::Text(mut decoded) => {
            decoded.range.end = text.skip(decoded.range.end, 2, |byte| byte == b'=');
            Attempt::Text(decoded)
        }
        Attempt::Failed(_) => outcome,
    }
}

/// Bytes that may be code, and of which kind.
struct Code {
    range: Range<usize>,
    is_hex: bool,
}

impl Code {
    /// Letters of the code for a whole number of bytes, and those bytes.
    fn group(&self) -> (usize, usize) {
        if self.is_hex { (2, 1) } else { (4, 3) }
    }

    fn decode(&self, text: Text<'_>, letters: usize) -> Vec<u8> {
        let end = self.range.end.min(self.range.start.saturating_add(letters));
        let code = text.slice(self.range.start..end);
        text.spend(code.len());
        let bits = if self.is_hex { 4 } else { 6 };
        let (mut bytes, mut buffer, mut filled) = (Vec::with_capacity(code.len()), 0_u32, 0);
        for &letter in code {
            buffer = (buffer << bits) | u32::from(if self.is_hex { digit(letter) } else { sextet(letter) });
            filled += bits;
            if filled >= 8 {
                filled -= 8;
                bytes.push(u8::try_from((buffer >> filled) & 0xFF).unwrap_or_default());
            }
        }
        bytes
    }
}

/// Decodes the first letters, and all if they promise something.
fn attempt(text: Text<'_>, code: &Code, may_be_binary: &mut bool, budget: &mut Budget) -> Attempt {
    let head = code.decode(text, HEAD);
    let decoded = match content(&head) {
        Content::Nothing => return Attempt::Failed(code.range.start),
        Content::Text => text_of(text, code),
        binary @ (Content::Wide(_) | Content::Packed(_)) => {
            if !std::mem::take(may_be_binary) {
                return Attempt::Failed(code.range.start);
            }
            binary.read(&code.decode(text, usize::MAX), budget).unwrap_or_default()
        }
    };
    let (letters, bytes) = code.group();
    if decoded.len() < MIN_TEXT {
        return Attempt::Failed((code.range.start + decoded.len() / bytes * letters).min(code.range.end));
    }
    let kind = match content(&head) {
        Content::Packed(_) => ViewKind::Compressed,
        Content::Nothing | Content::Text | Content::Wide(_) if code.is_hex => ViewKind::Hex,
        Content::Nothing | Content::Text | Content::Wide(_) => ViewKind::Base64,
    };
    Attempt::Text(Decoded { range: code.range.clone(), kind, text: decoded })
}

/// The text that the code begins with; decoding stops where the text does.
fn text_of(text: Text<'_>, code: &Code) -> String {
    let mut letters = HEAD;
    loop {
        let bytes = code.decode(text, letters);
        let is_all = letters >= code.range.len();
        let valid = super::content::text_prefix(&bytes);
        if is_all || bytes.len() - valid.len() > 4 {
            return valid.to_owned();
        }
        letters = letters.saturating_mul(4);
    }
}

/// Where the words in front of a run begin: on its line, and not far away.
fn context_start(source: &str, floor: usize, run: usize) -> usize {
    let from = floor.max(run.saturating_sub(MAX_CONTEXT));
    let window = source.as_bytes().get(from..run).unwrap_or_default();
    let mut start = window.iter().rposition(|&byte| byte == b'\n').map_or(from, |at| from + at + 1);
    while !source.is_char_boundary(start) {
        start += 1;
    }
    start
}

/// Where the words behind a run end.
fn line_end(source: &str, run: usize) -> usize {
    let to = source.len().min(run + MAX_TAIL);
    let window = source.as_bytes().get(run..to).unwrap_or_default();
    let mut end = window.iter().position(|&byte| byte == b'\n').map_or(to, |at| run + at);
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// Letters of base64 and of base64url (RFC 4648 §4 and §5).
fn is_alphabet(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn sextet(letter: u8) -> u8 {
    match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    }
}

fn digit(letter: u8) -> u8 {
    match letter {
        b'0'..=b'9' => letter - b'0',
        _ => letter.to_ascii_lowercase().saturating_sub(b'a') + 10,
    }
}

/// Shortest run that is tried.
const MIN_RUN: usize = 16;
/// Letters that are decoded before anything is decided.
const HEAD: usize = 16;
/// Shortest text in a run.
const MIN_TEXT: usize = 8;
/// Most bytes of the line in front of a run.
const MAX_CONTEXT: usize = 128;
/// Most bytes of the line behind a run.
const MAX_TAIL: usize = 32;
