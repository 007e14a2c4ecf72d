//! Assignments: a key that names a secret, a separator, a value.
//!
//! Shapes: `key = value` and its kin in programming languages, environment files, YAML, TOML, INI, JSON (also inside a
//! JSON string), XML elements, query strings, headers, command-line flags, table rows, and "the password is …". Each part
//! has its own file: `key` reads the key and picks the rule, `separator` steps to the value, `value` reads it, and
//! [`crate::plausible`] says whether it is a secret at all.

mod key;
mod separator;
mod value;

pub(crate) use separator::{Kind, separator};
pub(crate) use value::{Value, bare_value, value};

use crate::plausible::{self, Candidate};
use crate::rule::Match;
use crate::text::Text;

/// What was read at a key.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// First byte that was not read as part of the key.
    pub(crate) resume: usize,
    /// The secret, if there is one.
    pub(crate) secret: Option<Match>,
}

/// Reads the assignment whose key holds the byte at `hit`; the key does not reach back in front of `floor`.
///
/// A value that is refused costs at most [`HEAD`] bytes, one that is accepted is paid for by the match.
pub(crate) fn find(text: Text<'_>, hit: usize, floor: usize) -> Outcome {
    let key = key::around(text, hit, floor);
    Outcome { resume: key.end, secret: secret_of(text, key) }
}

/// The secret value of `key`.
fn secret_of(text: Text<'_>, key: std::ops::Range<usize>) -> Option<Match> {
    let separator = separator(text, key.clone())?;
    let rule = key::rule_of(text.slice(key.clone()))?;
    let read = |limit: usize| match separator.kind {
        Kind::Element => value::element_value(text, separator.value, limit),
        Kind::Cell => value::cell_value(text, separator.value, limit),
        Kind::Assign | Kind::Tight | Kind::Colon | Kind::Call | Kind::Flag | Kind::Prose => {
            value::value(text, separator.value, limit)
        }
    };
    let head = read(HEAD);
    let candidate = Candidate {
        value: text.slice(head.range.clone()),
        key: text.slice(key),
        kind: separator.kind,
        quoted: head.quoted,
        password: plausible::names_password(rule.placeholder),
        after: text.slice(head.range.end..head.range.end + 2),
    };
    if !plausible::is_secret(&candidate) {
        return None;
    }
    let range = if head.range.end >= separator.value + HEAD { read(text.len()).range } else { head.range };
    let is_number = !head.quoted && plausible::is_number(text.slice(range.clone()));
    let quotes = separator.key_quote.filter(|_| is_number);
    Some(Match { range, rule, quotes })
}

/// Bytes of a value that are read before it is judged.
const HEAD: usize = 512;
