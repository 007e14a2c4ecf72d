//! Assignments: a key that names a secret, a separator, a value.
//!
//! Shapes: `key = value` and its kin in programming languages, environment files, YAML, TOML, INI, JSON (also inside a
//! JSON string), XML elements, query strings, headers, command-line flags, table rows, and "the password is …". Each part
//! has its own file: `key` reads the key and picks the rule, `separator` steps to the value, `value` reads it, and
//! [`crate::plausible`] says whether it is a secret at all.

mod key;
mod pair;
mod separator;
mod value;

pub(crate) use key::KeyRule;
pub(crate) use separator::{Kind, Separator, separator};
pub(crate) use value::{bare_value, closes_outer_string, value};

use std::ops::Range;

use crate::ViewKind;
use crate::plausible::{self, Candidate};
use crate::rule::Match;
use crate::text::{Text, is_quote};

/// What was read at a key.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// First byte that was not read as part of the key.
    pub(crate) resume: usize,
    /// The secret, if there is one.
    pub(crate) secret: Option<Match>,
    /// End of the value if it is settled: a secret, or one that was taken out before.
    pub(crate) settled: usize,
}

/// Reads the assignment whose key holds the byte at `hit`; the key does not reach back in front of `floor`.
///
/// A value that is refused costs at most [`HEAD`] bytes, one that is accepted is paid for by the match.
pub(crate) fn find(text: Text<'_>, hit: usize, floor: usize, rules: &[KeyRule]) -> Outcome {
    let key = key::around(text, hit, floor);
    let mut settled = 0;
    let secret = secret_of(text, &key, rules, &mut settled);
    Outcome { resume: key.end, secret, settled }
}

/// The secret value of `key`.
fn secret_of(text: Text<'_>, key: &Range<usize>, rules: &[KeyRule], settled: &mut usize) -> Option<Match> {
    let mut separator = separator(text, key.clone())?;
    if is_collection(text, &separator) {
        separator.value = first_string(text, separator.value)?;
    }
    if let Some(default) = value::default_of(text, separator.value) {
        separator.value = default;
    }
    let ends_early = ends_early(text, key, &separator);
    let named = key::name(text, key.clone(), rules)?;
    let read = |limit: usize| match separator.kind {
        Kind::Element => value::element_value(text, separator.value),
        Kind::Cell => value::cell_value(text, separator.value, limit),
        Kind::Assign | Kind::Tight | Kind::Colon | Kind::Call | Kind::Flag | Kind::Prose | Kind::Beside => {
            value::value(text, separator.value, limit)
        }
    };
    let mut head = read(HEAD);
    if let Some(ends) = ends_early.filter(|_| !head.quoted) {
        head.range.end = text.skip(head.range.start, head.range.len(), |byte| !ends(byte));
    }
    let candidate = Candidate {
        value: text.slice(head.range.clone()),
        key: text.slice(key.clone()),
        kind: separator.kind,
        quoted: head.quoted,
        strict: named.strict,
        password: named.rule.is_password,
        after: text.slice(head.range.end..head.range.end + 2),
    };
    if !plausible::is_secret(&candidate) {
        if plausible::contains_placeholder(candidate.value) {
            *settled = head.range.end;
        }
        return None;
    }
    let range = if head.range.end >= separator.value + HEAD { read(text.len()).range } else { head.range };
    let is_number = !head.quoted && plausible::is_number(text.slice(range.clone()));
    let quotes = separator.key_quote.filter(|_| is_number);
    *settled = range.end;
    Some(Match { range, rule: named.rule.index, quotes, view: ViewKind::Plain })
}

/// Says whether the value is an array or an object rather than begins with a bracket: behind a quoted key, or with a string.
fn is_collection(text: Text<'_>, separator: &Separator) -> bool {
    let first =
        || text.skip(separator.value + 1, MAX_INDENT, |byte| byte.is_ascii_whitespace() || byte == b'\\');
    separator.kind != Kind::Element
        && matches!(text.at(separator.value), b'{' | b'[')
        && (separator.key_quote.is_some() || is_quote(text.at(first())))
}

/// First string of a JSON array at `open`; an object has keys of its own.
pub(crate) fn first_string(text: Text<'_>, open: usize) -> Option<usize> {
    let first = text.skip(open + 1, MAX_INDENT, |byte| byte.is_ascii_whitespace());
    let quote = text.skip(first, MAX_INDENT, |byte| byte == b'\\');
    (text.at(open) == b'[' && is_quote(text.at(quote))).then_some(first)
}

/// Bytes that end a bare value besides the usual ones: behind a quoted key it is a JSON literal, in a query string it is
/// a parameter.
fn ends_early(text: Text<'_>, key: &Range<usize>, separator: &Separator) -> Option<fn(u8) -> bool> {
    if separator.key_quote.is_some() && separator.kind == Kind::Colon {
        Some(|byte| matches!(byte, b',' | b'}' | b']'))
    } else if matches!(text.before(key.start), b'?' | b'&') {
        Some(|byte| matches!(byte, b'&' | b'#'))
    } else {
        None
    }
}

/// Most white space in front of the first string of an array.
const MAX_INDENT: usize = 256;
/// Bytes of a value that are read before it is judged.
const HEAD: usize = 512;
