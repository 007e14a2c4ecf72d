//! Separators: what stands between a key and its value.

use std::ops::Range;

use crate::text::{Text, is_blank, is_quote, is_token};

/// How a key and its value are joined, which says how the value ends and how much it must look like a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `key = value`: code or INI, an unquoted word may be a variable.
    Assign,
    /// `key=value`: environment, query string, keyword argument.
    Tight,
    /// `key: value`: YAML, JSON, header, type annotation.
    Colon,
    /// `set("key", "value")`.
    Call,
    /// `--key value`.
    Flag,
    /// `the key is value`.
    Prose,
    /// `key value`: only what looks generated.
    Beside,
    /// `<key>value</key>`.
    Element,
    /// `| key | value |`.
    Cell,
}

/// What was read behind a key.
#[derive(Debug, Clone)]
pub(crate) struct Separator {
    /// First byte of the value, which may be its opening quote.
    pub(crate) value: usize,
    /// How key and value are joined.
    pub(crate) kind: Kind,
    /// Closing quote of the key with the backslashes in front of it.
    pub(crate) key_quote: Option<Range<usize>>,
}

/// Reads the separator behind `key`; `None` if there is no assignment.
pub(crate) fn separator(text: Text<'_>, key: Range<usize>) -> Option<Separator> {
    let key_quote = closing_quote(text, key.end);
    let closed = key_quote.as_ref().map_or(key.end, |quote| quote.end);
    let decorated =
        text.skip(closed, 3, |byte| matches!(byte, b'*' | b']') && (byte == b'*' || key_quote.is_some()));
    let optional =
        decorated + usize::from(text.at(decorated) == b'?' && matches!(text.at(decorated + 1), b':' | b'='));
    let spaced = skip_remark(text, text.skip(optional, MAX_BLANKS, is_blank), optional);
    let had_blank = spaced > optional;
    let found = |value: usize, kind: Kind| Some(Separator { value, kind, key_quote: key_quote.clone() });
    if let Some(pair) = super::pair::value_of(text, &key, closed) {
        return Some(pair);
    }
    if let Some(value) = past_attributes(text, &key, key_quote.is_some()) {
        return found(value, Kind::Element);
    }
    match text.at(spaced) {
        b'|' if text.at(spaced + 1) != b'|' && in_cell(text, key.start) => {
            found(text.skip(spaced + 1, MAX_BLANKS, is_blank), Kind::Cell)
        }
        b',' => {
            let quote = key_quote.as_ref()?;
            let name = text.skip_back(key.start, MAX_REMARK, |byte| is_token(byte) || byte == b'.');
            let open = name.checked_sub(quote.len())?;
            let value = text.skip(spaced + 1, MAX_BLANKS, |byte| byte.is_ascii_whitespace());
            let slashes = text.skip(value, MAX_BLANKS, |byte| byte == b'\\');
            (text.before(open) == b'(' && is_quote(text.at(slashes))).then(|| found(value, Kind::Call))?
        }
        b'%' if text.has(spaced, "%3d") => found(spaced + 3, Kind::Tight),
        byte if byte.is_ascii_alphabetic() && had_blank => {
            let (at, kind) = worded(text, key, spaced).unwrap_or((spaced, Kind::Beside));
            found(at, kind)
        }
        byte if byte.is_ascii_digit() && had_blank && !is_flag(text, key.start) => {
            let kind = if is_set(text, key.start) { Kind::Flag } else { Kind::Beside };
            found(spaced, kind)
        }
        b'-' | b'"' | b'\'' | b'$' if had_blank && is_flag(text, key.start) => found(spaced, Kind::Flag),
        byte if had_blank && is_flag(text, key.start) && byte.is_ascii_digit() => found(spaced, Kind::Flag),
        _ => operator(text, spaced, had_blank, key_quote.is_some()).and_then(|(at, kind)| {
            let lines_may_follow = kind == Kind::Colon && key_quote.is_some();
            let value = text.skip(at, MAX_BLANKS, |byte| {
                is_blank(byte) || (lines_may_follow && byte.is_ascii_whitespace())
            });
            let value = text.skip(value, 2, |byte| byte == b'*' && kind == Kind::Colon);
            let value = text.skip(value, MAX_BLANKS, is_blank);
            let value = past_tag(text, value);
            if kind == Kind::Colon
                && let Some(value) = block_scalar(text, value)
            {
                return found(value, kind);
            }
            if kind == Kind::Colon {
                let (value, kind) =
                    past_type(text, value).map_or((value, kind), |value| (value, Kind::Assign));
                return found(value, kind);
            }
            found(value, if value > at && kind == Kind::Tight { Kind::Assign } else { kind })
        }),
    }
}

/// The quote that closes a key at `end`, with the backslashes of its own; others belong to the key.
fn closing_quote(text: Text<'_>, end: usize) -> Option<Range<usize>> {
    let quote = text.skip(end, MAX_BLANKS, |byte| byte == b'\\');
    let depth = (quote - end).trailing_ones();
    is_quote(text.at(quote)).then_some(quote + 1 - (1 << depth)..quote + 1)
}

/// Steps over a remark in brackets: `Your token (keep secret): …`.
fn skip_remark(text: Text<'_>, at: usize, before_blanks: usize) -> usize {
    if at == before_blanks || text.at(at) != b'(' {
        return at;
    }
    let end = text.skip(at, MAX_REMARK, |byte| !matches!(byte, b')' | b'\n' | b'"' | b'='));
    if text.at(end) == b')' && matches!(text.at(end + 1), b':' | b'=' | b' ') {
        text.skip(end + 1, MAX_BLANKS, is_blank)
    } else {
        at
    }
}

/// Reads an operator at `at`: where it ends and whether it is tight so far.
///
/// Behind a quoted key `:-` is a colon and a negative number, not the default of a shell variable.
fn operator(text: Text<'_>, at: usize, had_blank: bool, quoted_key: bool) -> Option<(usize, Kind)> {
    let operator =
        OPERATORS.iter().find(|operator| text.has(at, operator) && !(quoted_key && **operator == ":-"))?;
    let end = at + operator.len();
    match *operator {
        ":" if matches!(text.at(end), b':' | b'/') || is_markup_role(text, at) => None,
        ":" | "=>" => Some((end, Kind::Colon)),
        "=" if !had_blank => Some((end, Kind::Tight)),
        ":-" => Some((end, Kind::Tight)),
        _ => Some((end, Kind::Assign)),
    }
}

/// Reads what stands behind a key and a blank: a flag's value, a verb, or a type and an equals sign.
fn worded(text: Text<'_>, key: Range<usize>, at: usize) -> Option<(usize, Kind)> {
    let word_end = text.skip(at, MAX_WORD, |byte| byte.is_ascii_alphabetic());
    let word = text.slice(at..word_end);
    let after = text.skip(word_end, MAX_BLANKS, is_blank);
    if VERBS.iter().any(|verb| word.eq_ignore_ascii_case(verb)) {
        if is_markup_role(text, after) {
            return None;
        }
        let colon = text.skip(after.max(word_end), 1, |byte| byte == b':' || byte == b'=');
        let value = text.skip(colon, MAX_BLANKS, is_blank);
        return (value > word_end).then_some((value, Kind::Prose));
    }
    if is_flag(text, key.start) || is_set(text, key.start) || is_directive(text, &key) {
        return Some((at, Kind::Flag));
    }
    let type_end = text
        .skip(at, MAX_TYPE, |byte| is_token(byte) || matches!(byte, b'[' | b']' | b'*' | b'.' | b'<' | b'>'));
    let equals = text.skip(type_end, MAX_BLANKS, is_blank);
    let operator = ["= ", "=\"", "='", ":= ", "=\\"].iter().find(|operator| text.has(equals, operator))?;
    let sign = usize::from(operator.starts_with(':')) + 1;
    Some((text.skip(equals + sign, MAX_BLANKS, is_blank), Kind::Assign))
}

/// Steps over a type annotation at `at` (`password: str = …`); `None` if there is none.
fn past_type(text: Text<'_>, at: usize) -> Option<usize> {
    if !text.at(at).is_ascii_alphabetic() && text.at(at) != b'&' {
        return None;
    }
    let end = text.skip(at, MAX_TYPE, |byte| {
        is_token(byte) || matches!(byte, b' ' | b'[' | b']' | b'|' | b'.' | b'<' | b'>' | b'&' | b'?' | b':')
    });
    let is_assignment = text.at(end) == b'=' && text.at(end + 1) != b'=' && text.before(end) == b' ';
    is_assignment.then(|| text.skip(end + 1, MAX_BLANKS, is_blank))
}

/// Steps over a type of YAML: `!!str …` (YAML 1.2.2 §6.9.1).
fn past_tag(text: Text<'_>, at: usize) -> usize {
    let end = text.skip(at + 2, MAX_WORD, |byte| byte.is_ascii_alphabetic());
    if text.has(at, "!!") && is_blank(text.at(end)) { text.skip(end, MAX_BLANKS, is_blank) } else { at }
}

/// First line of a YAML block scalar (`key: |`, `key: >-`), if one begins at `at` (YAML 1.2.2 §8.1).
fn block_scalar(text: Text<'_>, at: usize) -> Option<usize> {
    if !matches!(text.at(at), b'|' | b'>') {
        return None;
    }
    let header_end = text.skip(at + 1, 2, |byte| matches!(byte, b'-' | b'+') || byte.is_ascii_digit());
    let line_end = text.skip(text.skip(header_end, MAX_BLANKS, is_blank), 1, |byte| byte == b'\r');
    let line = text.skip(line_end + 1, MAX_BLANKS, is_blank);
    (text.at(line_end) == b'\n' && line > line_end + 1).then_some(line)
}

/// Says whether the key is a setting of Redis, which a blank joins to its value.
fn is_directive(text: Text<'_>, key: &Range<usize>) -> bool {
    ["requirepass", "masterauth"]
        .iter()
        .any(|name| text.slice(key.clone()).eq_ignore_ascii_case(name.as_bytes()))
}

/// Says whether the key is a command-line flag.
fn is_flag(text: Text<'_>, key: usize) -> bool {
    text.at(key) == b'-' && text.at(text.skip(key, 2, |byte| byte == b'-')).is_ascii_alphabetic()
}

/// Says whether a command sets the key: `aws configure set key value`, `ENV key value`, `setx key value`.
fn is_set(text: Text<'_>, key: usize) -> bool {
    let word_end = text.skip_back(key, MAX_BLANKS, is_blank);
    let word = text.skip_back(word_end, MAX_WORD, is_token);
    word_end < key
        && SETTERS.iter().any(|setter| text.slice(word..word_end).eq_ignore_ascii_case(setter.as_bytes()))
}

/// Says whether the key is the name of an element, with or without a prefix: `<key`, `<ns:key`.
fn begins_tag(text: Text<'_>, key: usize) -> bool {
    let prefix = match text.before(key) {
        b':' => text.skip_back(key - 1, MAX_WORD, is_token),
        _ => key,
    };
    (prefix == key || prefix + 1 < key) && text.before(prefix) == b'<'
}

/// The text of an element whose name is the key, behind its attributes: `<password encrypted="false">…`.
fn past_attributes(text: Text<'_>, key: &Range<usize>, is_quoted: bool) -> Option<usize> {
    if is_quoted || !(is_blank(text.at(key.end)) || text.at(key.end) == b'>') || !begins_tag(text, key.start)
    {
        return None;
    }
    let end = text.skip(key.end, MAX_REMARK, |byte| !matches!(byte, b'<' | b'>' | b'\n' | b'/'));
    (text.at(end) == b'>').then(|| text.skip(end + 1, MAX_BLANKS, |byte| byte.is_ascii_whitespace()))
}

/// Says whether a role of reStructuredText stands at `at`, which says what a name is: ``:func:`send_file` ``.
fn is_markup_role(text: Text<'_>, at: usize) -> bool {
    let end = text.skip(at + 1, MAX_WORD, |byte| is_token(byte) || byte == b':');
    text.at(at) == b':' && end > at + 2 && text.before(end) == b':' && text.at(end) == b'`'
}

/// Says whether the key begins a table cell.
fn in_cell(text: Text<'_>, key: usize) -> bool {
    let start = text.skip_back(key, MAX_REMARK, |byte| is_token(byte) || matches!(byte, b' ' | b'*'));
    text.before(start) == b'|'
}

/// Assignment operators, a longer one in front of its prefixes.
const OPERATORS: &[&str] = &[
    ":::=", "::=", ":=", "===", "!==", "==", "!=", "=>", "?=", ".=", "+=", "||=", "??=", "~=", "<-", ":-",
    "=", ":",
];
/// Commands that set a key.
const SETTERS: &[&str] = &["set", "env", "setx", "setenv", "-gx", "-x"];
/// Verbs that join key and value in prose.
const VERBS: &[&[u8]] = &[b"is", b"was", b"are", b"to", b"be"];
/// Most blanks that are skipped.
const MAX_BLANKS: usize = 64;
/// Longest remark between key and separator.
const MAX_REMARK: usize = 48;
/// Longest verb or flag word that is read.
const MAX_WORD: usize = 16;
/// Longest type annotation.
const MAX_TYPE: usize = 48;
