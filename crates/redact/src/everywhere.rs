//! Rules without a literal: they look at the whole text.
//!
//! Each is one walk over the text, whose work per byte is bounded. To add one, add a variant and its walk.

use std::ops::Range;

use crate::policy::DeniedSecrets;
use crate::text::{Text, is_token};
use crate::{format, generated, plausible};

/// What is looked for at every byte.
#[derive(Debug, Clone)]
pub(crate) enum Everywhere {
    /// Runs that merely look generated.
    Generated,
    /// Secrets of the operator.
    Denied(Vec<DeniedSecrets>),
}

impl Everywhere {
    /// Says whether there is nothing to look for.
    pub(crate) fn is_idle(&self) -> bool {
        match self {
            Self::Generated => false,
            Self::Denied(sets) => sets.iter().all(|set| set.count() == 0),
        }
    }

    /// Adds everything found; stops early when `budget` bytes were looked at.
    pub(crate) fn find(&self, text: Text<'_>, budget: u64, found: &mut Vec<Range<usize>>) {
        match self {
            Self::Generated => find_generated(text, found),
            Self::Denied(sets) => {
                for set in sets {
                    set.find(text, budget, found);
                }
            }
        }
    }
}

/// Adds every run that looks generated, unless the words in front speak of a checksum.
fn find_generated(text: Text<'_>, found: &mut Vec<Range<usize>>) {
    let mut position = 0;
    while position < text.len() {
        let start = text.skip(position, text.len(), |byte| !is_run(byte));
        let end = text.skip(start, text.len(), is_run);
        position = end;
        let start = behind_escape(text, start).min(end);
        if end - start < MIN_MIXED || format::follows_digest_word(text, start) {
            continue;
        }
        if is_encoded(text.slice(start..end)) {
            found.push(start..text.skip(end, 2, |byte| byte == b'='));
            continue;
        }
        find_parts(text, start..end, found);
    }
}

/// Adds the parts of a run, which `/` and `+` divide, that look generated each for itself.
fn find_parts(text: Text<'_>, run: Range<usize>, found: &mut Vec<Range<usize>>) {
    let mut start = run.start;
    while start < run.end {
        let end = text.skip(start, run.end - start, is_token);
        let value = text.slice(start..end);
        if (is_mixed(value) || is_hex(value)) && !plausible::contains_placeholder(value) {
            found.push(start..end);
        }
        start = end + 1;
    }
}

/// Says whether a run is base64 rather than a path.
fn is_encoded(value: &[u8]) -> bool {
    value.iter().any(|&byte| matches!(byte, b'/' | b'+'))
        && !value.starts_with(b"/")
        && generated::is_mixed_value(value)
        && generated::is_restless(value)
        && !plausible::contains_placeholder(value)
}

/// Says whether a run of letters of both cases and digits changes as often between them as no name does.
fn is_mixed(value: &[u8]) -> bool {
    value.len() >= MIN_MIXED && generated::is_mixed_value(value) && generated::is_restless(value)
}

/// Says whether a run is a hexadecimal number, but none with an exponent, which JSON has outside of strings.
fn is_hex(value: &[u8]) -> bool {
    generated::is_hex_value(value)
        && value.iter().any(|byte| matches!(byte, b'a'..=b'd' | b'f' | b'A'..=b'D' | b'F'))
}

/// Where a run begins if its first bytes are the end of an escape: `\n`, `\x0a`, `\u000a`, `%0a`.
fn behind_escape(text: Text<'_>, start: usize) -> usize {
    let length = match (text.before(start), text.at(start)) {
        (b'\\', b'u') => 5,
        (b'\\', b'x') => 3,
        (b'\\', _) => 1,
        (b'%', byte) if byte.is_ascii_hexdigit() => 2,
        _ => 0,
    };
    start + length
}

/// Bytes of base64 in both alphabets (RFC 4648), but for the padding.
fn is_run(byte: u8) -> bool {
    is_token(byte) || matches!(byte, b'+' | b'/')
}

/// Shortest run of letters and digits.
const MIN_MIXED: usize = 20;
