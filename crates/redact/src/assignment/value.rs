//! Values: where one begins and ends.
//!
//! A value never contains the quote or the escape that closes the string around it, so JSON stays JSON when the value is
//! replaced. That holds at any depth: inside *n* strings a quote is written with 2ⁿ−1 backslashes.

use std::ops::Range;

use crate::text::{Text, is_blank, is_quote, is_token};

/// A value in the text, without its quotes.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    /// Place of the value.
    pub(crate) range: Range<usize>,
    /// Whether quotes stand around it.
    pub(crate) quoted: bool,
}

/// Reads a quoted or bare value at `start`, looking at about `limit` bytes.
pub(crate) fn value(text: Text<'_>, start: usize, limit: usize) -> Value {
    let prefix = text.skip(start, 2, |byte| {
        matches!(byte, b'r' | b'b' | b'f' | b'u' | b'R' | b'B' | b'F' | b'L' | b'@' | b'$')
    });
    let opening = if is_quote(text.at(prefix)) { prefix } else { start };
    let quote = text.skip(opening, MAX_SLASHES, |byte| byte == b'\\');
    let mark = text.at(quote);
    if !is_quote(mark) || closes_outer_string(text, quote) {
        return bare_value(text, start, limit);
    }
    if quote == opening && text.at(quote + 1) == mark && text.at(quote + 2) == mark {
        return Value { range: quote + 3..closing_triple(text, quote + 3, limit), quoted: true };
    }
    Value { range: quote + 1..closing_quote(text, quote, quote - opening, limit), quoted: true }
}

/// Says whether the quote at `quote`, which stands where a value begins, rather closes the string around the key.
///
/// It does if JSON structure follows and the nearest quote in front with the same mark and depth opens a string:
/// `["--password=",1]`. The search stops at the quote that the previous one began at, which keeps the work linear.
pub(crate) fn closes_outer_string(text: Text<'_>, quote: usize) -> bool {
    if closes_prompt(text, quote) {
        return true;
    }
    let next = skip_space(text, quote + 1);
    if !matches!(text.at(next), b',' | b'}' | b']' | b':') {
        return false;
    }
    let mark = text.at(quote);
    let slashes_before = |at: usize| at - text.skip_back(at, at, |byte| byte == b'\\');
    let own_depth = slashes_before(quote).trailing_ones();
    let mut position = quote;
    loop {
        position = text.skip_back(position, position, |byte| byte != mark);
        let Some(previous) = position.checked_sub(1) else { return false };
        let slashes = slashes_before(previous);
        if slashes.trailing_ones() <= own_depth {
            return slashes.trailing_ones() == own_depth && opens_string(text, previous - slashes);
        }
        position = previous;
    }
}

/// Says whether the quote closes a string that ends in a key and a sign, which asks for a value: `'Password: ' + x`.
///
/// No value begins with what follows, and an odd number of such quotes stands in front of it on its line.
fn closes_prompt(text: Text<'_>, quote: usize) -> bool {
    let next = text.at(quote + 1);
    if !(next.is_ascii_whitespace() || matches!(next, 0 | b')' | b',' | b';' | b'+' | b'.')) {
        return false;
    }
    let mark = text.at(quote);
    let start = text.skip_back(quote, MAX_LOOK_AHEAD, |byte| byte != b'\n');
    let own_slashes = quote - text.skip_back(quote, quote - start, |byte| byte == b'\\');
    let is_alike = |at: &usize| {
        let slashes = *at - text.skip_back(*at, *at - start, |byte| byte == b'\\');
        let is_apostrophe =
            text.before(*at).is_ascii_alphanumeric() && text.at(at + 1).is_ascii_alphanumeric();
        text.at(*at) == mark && slashes == own_slashes && !is_apostrophe
    };
    (start..quote).filter(is_alike).count() % 2 == 1
}

/// Says whether a quote behind `end` opens a string: nothing or JSON structure stands in front of it.
fn opens_string(text: Text<'_>, end: usize) -> bool {
    let mut position = end;
    loop {
        position = text.skip_back(position, MAX_INDENT, |byte| byte.is_ascii_whitespace());
        match (text.before(position.saturating_sub(1)), text.before(position)) {
            (b'\\', b'n' | b'r' | b't') => {
                position = text.skip_back(position - 1, position, |byte| byte == b'\\');
            }
            (_, byte) => return matches!(byte, 0 | b',' | b'{' | b'[' | b':' | b'('),
        }
    }
}

/// Skips white space, also where it is written as an escape.
fn skip_space(text: Text<'_>, from: usize) -> usize {
    let mut position = from;
    loop {
        position = text.skip(position, MAX_INDENT, |byte| byte.is_ascii_whitespace());
        let slashes = text.skip(position, MAX_SLASHES, |byte| byte == b'\\');
        if slashes == position || !matches!(text.at(slashes), b'n' | b'r' | b't') {
            return position;
        }
        position = slashes + 1;
    }
}

/// Reads a bare value at `start`: to the next blank, quote, escape of white space, or bracket that closes an outer one.
pub(crate) fn bare_value(text: Text<'_>, start: usize, limit: usize) -> Value {
    let stop = start.saturating_add(limit).min(text.len());
    let mut position = start;
    let mut depth = 0_usize;
    while position < stop {
        let next = text.at(position + 1);
        let goes_on = match text.at(position) {
            0 => false,
            b'>' => {
                !(next == 0
                    || next.is_ascii_whitespace()
                    || matches!(next, b'<' | b'"' | b'\'' | b'`' | b'\\'))
            }
            byte if byte.is_ascii_whitespace() => false,
            b'"' | b'\'' | b'`' => position > start && next.is_ascii_alphanumeric(),
            b'\\' => {
                let run = text.skip(position, stop - position, |byte| byte == b'\\');
                let inside = !ends_string(text, run);
                position = if inside { run } else { position };
                inside
            }
            b',' | b';' | b'&' => joins(text, position),
            b'(' | b'[' | b'{' => {
                depth += 1;
                true
            }
            b')' | b']' | b'}' => {
                let balanced = depth > 0;
                depth = depth.saturating_sub(1);
                balanced || next.is_ascii_alphanumeric()
            }
            b'<' => !(next.is_ascii_alphabetic() || matches!(next, b'/' | b'!')),
            b'|' => !(next == 0 || next.is_ascii_whitespace()),
            _ => true,
        };
        if !goes_on {
            break;
        }
        position += 1;
    }
    let end = position.min(stop);
    Value { range: start..trim_end(text, start, end), quoted: false }
}

/// Reads the text of an XML element up to its closing tag; empty if there is none.
///
/// `<password>` may also stand for a word of its own, as in the usage of a command: a text with white space in it has to
/// end at the tag that closes the one in front. The next tag ends the walk, so however many there are it reads each byte
/// once.
pub(super) fn element_value(text: Text<'_>, start: usize) -> Value {
    if text.has(start, CDATA) {
        let content = start + CDATA.len();
        let end = text.skip(content, MAX_CDATA, |byte| !matches!(byte, b']' | b'"' | b'\\' | b'\n'));
        let end = if text.has(end, "]]></") { end } else { content };
        return Value { range: content..end, quoted: true };
    }
    let end = text.skip(start, text.len(), |byte| !matches!(byte, b'<' | b'"' | b'\\'));
    let trimmed = text.skip_back(end, end - start, |byte| byte.is_ascii_whitespace());
    let open_end = text.skip_back(start, MAX_INDENT, |byte| byte.is_ascii_whitespace()).saturating_sub(1);
    let name = text.skip_back(open_end, MAX_LOOK_AHEAD, is_token)..open_end;
    let slash = text.skip(end + 1, 1, |byte| byte == b'\\');
    let is_closed = text.at(end) == b'<' && text.at(slash) == b'/';
    let has_space = text.slice(start..trimmed).iter().any(u8::is_ascii_whitespace);
    let closing = text.skip(slash + 1, MAX_LOOK_AHEAD, |byte| is_token(byte) || byte == b':');
    let is_same = text.slice(slash + 1..closing).ends_with(text.slice(name));
    let end = if is_closed && (is_same || !has_space) { trimmed } else { start };
    Value { range: start..end, quoted: true }
}

/// The string that stands in for a variable of the environment that is not set: `os.getenv("PW", "…")`, `env.PW || "…"`.
pub(super) fn default_of(text: Text<'_>, start: usize) -> Option<usize> {
    let space = |from: usize| text.skip(from, MAX_INDENT, |byte| byte == b' ');
    let name_end = text.skip(start, MAX_LOOK_AHEAD, |byte| is_token(byte) || byte == b'.');
    let speaks = |word: &[u8]| word.windows(3).any(|window| window.eq_ignore_ascii_case(b"env"));
    if name_end == start || !speaks(text.slice(start..name_end)) {
        return None;
    }
    let string = if text.at(name_end) == b'(' {
        let end = text.skip(name_end + 2, MAX_LOOK_AHEAD, is_token);
        let is_name = matches!(text.at(name_end + 1), b'"' | b'\'') && text.at(end) == text.at(name_end + 1);
        (is_name && text.at(end + 1) == b',').then(|| space(end + 2))?
    } else {
        let operator = space(name_end);
        matches!(text.slice(operator..operator + 2), b"||" | b"??").then(|| space(operator + 2))?
    };
    matches!(text.at(string), b'"' | b'\'').then_some(string)
}

/// Reads a table cell.
pub(super) fn cell_value(text: Text<'_>, start: usize, limit: usize) -> Value {
    let open = text.skip(start, 1, |byte| byte == b'`');
    let end = text.skip(open, limit, |byte| !matches!(byte, b'|' | b'\n' | b'"' | b'\\' | b'`'));
    Value { range: open..text.skip_back(end, end - open, is_blank), quoted: false }
}

/// Where a triple-quoted string ends; JSON has no three quotes in a row, so nothing can be crossed with double quotes, and
/// with others the string is not left.
fn closing_triple(text: Text<'_>, content: usize, limit: usize) -> usize {
    let mark = text.before(content);
    let stop = content.saturating_add(limit).min(text.len());
    let mut position = content;
    while position < stop {
        position = text.skip(position, stop - position, |byte| !is_quote(byte));
        let closes = text.slice(position..position + 3) == [mark; 3];
        if closes || (mark != b'"' && text.at(position) == b'"') {
            return text.skip_back(position, position - content, |byte| byte == b'\\');
        }
        position += 1;
    }
    stop
}

/// Where the string ends whose opening quote at `quote` has `slashes` backslashes in front.
///
/// A quote with *r* backslashes closes the string at depth *d*, where *d* is the number of trailing one bits of *r*: at
/// depth *d* it takes 2ᵈ−1 backslashes, and each backslash of the contents takes 2ᵈ⁺¹ of them. A doubled quote stands for
/// one of the contents, as SQL, YAML, CSV and PowerShell write it.
fn closing_quote(text: Text<'_>, quote: usize, slashes: usize, limit: usize) -> usize {
    let mark = text.at(quote);
    let stop = quote.saturating_add(1).saturating_add(limit).min(text.len());
    let own_depth = slashes.trailing_ones();
    let mut run = 0_usize;
    let mut position = quote + 1;
    while position < stop {
        let byte = text.at(position);
        if byte == b'\\' {
            run += 1;
        } else {
            let depth = run.trailing_ones();
            let closes = byte == mark && depth == own_depth;
            let is_doubled = closes && own_depth == 0 && position > quote + 1;
            if is_doubled && text.at(position + 1) == mark {
                run = 0;
                position += 2;
                continue;
            }
            let closes_outer = byte == b'"' && depth < own_depth;
            let closes_json = byte == b'"' && mark != b'"' && ends_json_string(text, position + 1);
            if closes || closes_outer || closes_json {
                return position - if closes { (1 << own_depth) - 1 } else { run };
            }
            if byte == b'\n' && mark != b'`' {
                return text.skip_back(position, run + 1, |byte| matches!(byte, b'\r' | b'\\'));
            }
            run = 0;
        }
        position += 1;
    }
    text.skip_back(stop, run, |byte| byte == b'\\')
}

/// Says whether a double quote in front of `after` closes a JSON string.
fn ends_json_string(text: Text<'_>, after: usize) -> bool {
    let next = text.skip(after, MAX_SLASHES, |byte| byte.is_ascii_whitespace());
    matches!(text.at(next), 0 | b',' | b'}' | b']' | b':')
}

/// Says whether the character after a run of backslashes ends a bare value: a quote, white space, or an escape of one.
fn ends_string(text: Text<'_>, after: usize) -> bool {
    let byte = text.at(after);
    is_quote(byte)
        || byte.is_ascii_whitespace()
        || matches!(byte, 0 | b'n' | b'r' | b't')
        || ["u0022", "u0026", "u0027", "u003c", "u003e", "u0020"].iter().any(|escape| text.has(after, escape))
}

/// Says whether a `,`, `;` or `&` belongs to the value: something follows, and it is not the next `key=value`.
fn joins(text: Text<'_>, delimiter: usize) -> bool {
    let start = delimiter + 1;
    let end = text.skip(start, MAX_LOOK_AHEAD, |byte| {
        is_token(byte)
            || !byte.is_ascii()
            || matches!(byte, b'.' | b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'*' | b'+' | b'?' | b'/')
    });
    end > start && !matches!(text.at(end), b'=' | b':' | b'(' | b'[' | b'\'' | b'"')
}

/// Drops the punctuation of the sentence around a bare value.
fn trim_end(text: Text<'_>, start: usize, end: usize) -> usize {
    text.skip_back(end, end - start, |byte| matches!(byte, b'.' | b',' | b';' | b':' | b'*'))
}

/// Most backslashes in front of an opening quote: six levels of strings in strings.
const MAX_SLASHES: usize = 63;
/// What text of an element that needs no escapes begins with (XML 1.0 §2.7).
const CDATA: &str = "<![CDATA[";
/// Longest such text.
const MAX_CDATA: usize = 512;
/// Most white space that is skipped at once.
const MAX_INDENT: usize = 256;
/// Most bytes that are read behind a `,`, `;` or `&`.
const MAX_LOOK_AHEAD: usize = 64;
