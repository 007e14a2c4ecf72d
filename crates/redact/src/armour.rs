//! Private keys in text armour: `-----BEGIN … PRIVATE KEY-----`, base64 lines, `-----END … PRIVATE KEY-----`.
//!
//! A block may be whole, cut off before its END line, indented, or written with `\n` escapes inside a string; one without
//! its BEGIN line is for `bare_key`. Each search
//! stops at the next run of dashes, and every BEGIN line has one, so the work is linear however often BEGIN is repeated.

use std::ops::Range;

use crate::bare_key;
use crate::generated;
use crate::plausible;
use crate::text::{Text, is_quote};

/// Finds the block whose BEGIN line holds the words `PRIVATE KEY` at `hit`.
pub(crate) fn find_private_key(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let Some(begin) = begin_line(text, &hit) else { return bare_key::find_before_end(text, &hit, found) };
    let dashes = next_dashes(text, begin.end);
    let label = text.skip(dashes, MAX_DASHES, |byte| byte == b'-' || byte == b' ');
    if !text.has(label, "END ") {
        if let Some(end) = end_of_open_body(text, begin.end..dashes) {
            found.push(begin.start..end);
        }
        return;
    }
    let body = begin.end..dashes;
    if !text.slice(body.clone()).split(|&byte| !is_body(byte)).any(generated::is_key_line) {
        return;
    }
    let end_label = text.skip(label, MAX_LABEL, is_label);
    let whole = begin.start..text.skip(end_label, MAX_DASHES, |byte| byte == b'-');
    if text.slice(whole.clone()).iter().copied().any(is_code) {
        lines_of(text, body, found);
    } else {
        found.push(whole);
    }
}

/// The BEGIN line around `hit`, from its first to its last dash.
fn begin_line(text: Text<'_>, hit: &Range<usize>) -> Option<Range<usize>> {
    let label = text.skip_back(hit.start, MAX_LABEL, is_label);
    let word = text.skip(label, MAX_DASHES, |byte| byte == b' ');
    let start = text.skip_back(label, MAX_DASHES, |byte| byte == b'-');
    let after = text.skip(hit.end, MAX_LABEL, is_label);
    let end = text.skip(after, MAX_DASHES, |byte| byte == b'-');
    (text.has(word, "BEGIN ") && label - start >= MIN_DASHES && end - after >= MIN_DASHES)
        .then_some(start..end)
}

/// First run of dashes at or after `from`, or the end of the text.
fn next_dashes(text: Text<'_>, from: usize) -> usize {
    let mut position = from;
    loop {
        position = text.skip(position, text.len(), |byte| byte != b'-');
        let end = text.skip(position, MAX_DASHES, |byte| byte == b'-');
        if end == position || end - position >= MIN_DASHES {
            return position;
        }
        position = end;
    }
}

/// End of the base64 lines of a block that has no END line; `None` if there is nothing secret after BEGIN.
fn end_of_open_body(text: Text<'_>, body: Range<usize>) -> Option<usize> {
    let mut end = None;
    let mut position = body.start;
    loop {
        position = skip_gap(text, position).min(body.end);
        let run_end = text.skip(position, body.end - position, is_body);
        let run = text.slice(position..run_end);
        let is_header = matches!(text.at(run_end), b':' | b'-') && end.is_none();
        if is_header && !run.is_empty() {
            position =
                text.skip(run_end, body.end - run_end, |byte| !matches!(byte, b'\n' | b'\\' | b'"' | b'\''));
        } else if generated::is_key_line(run) || (end.is_some() && run.len() >= MIN_LAST_RUN && !is_word(run))
        {
            end = Some(run_end);
            position = run_end;
        } else {
            return end;
        }
    }
}

/// Skips what stands between two lines: white space, `\n` escapes and quote marks of mail or YAML.
pub(crate) fn skip_gap(text: Text<'_>, from: usize) -> usize {
    let mut position = from;
    loop {
        position =
            text.skip(position, text.len(), |byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'|'));
        let slashes = text.skip(position, MAX_LABEL, |byte| byte == b'\\');
        if slashes == position || !matches!(text.at(slashes), b'n' | b'r' | b't') {
            return position;
        }
        position = slashes + 1;
    }
}

/// Adds every base64 line of `body` by itself, because quotes and code between them have to stay; a short run is a line
/// only if it follows one.
fn lines_of(text: Text<'_>, body: Range<usize>, found: &mut Vec<Range<usize>>) {
    let mut position = body.start;
    let mut line_end = None;
    while position < body.end {
        let run_end = text.skip(position, body.end - position, is_body);
        let start = if text.before(position) == b'\\' { position + 1 } else { position };
        let run = text.slice(start..run_end);
        if generated::is_key_line(run) {
            found.push(start..run_end);
            line_end = Some(run_end);
        } else if line_end.is_some_and(|end| is_last_line(text, end, start..run_end)) {
            found.push(start..run_end);
            line_end = None;
        }
        position = text.skip(run_end.max(position + 1), body.end - position, |byte| !is_body(byte));
    }
}

/// Says whether a short run ends the key whose previous line ends at `line_end`.
fn is_last_line(text: Text<'_>, line_end: usize, run: Range<usize>) -> bool {
    let bytes = text.slice(run.clone());
    let gap = text.slice(line_end..run.start);
    let touches_name = |byte: u8| matches!(byte, b'_' | b'-');
    bytes.len() >= MIN_LAST_RUN
        && !is_word(bytes)
        && !plausible::is_number(bytes)
        && gap.len() <= MAX_LABEL
        && !gap.iter().any(|byte| matches!(byte, b';' | b'{' | b'}' | b'(' | b')'))
        && !touches_name(text.before(run.start))
        && !touches_name(text.at(run.end))
}

/// Says whether a run reads as a word of prose rather than as the last line of a key.
pub(crate) fn is_word(run: &[u8]) -> bool {
    run.iter().skip(1).all(u8::is_ascii_lowercase)
}

/// Bytes that no armour has, so that what holds them has to be left standing.
fn is_code(byte: u8) -> bool {
    is_quote(byte) || matches!(byte, b';' | b'{' | b'}')
}

/// Bytes of a base64 line.
pub(crate) fn is_body(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Bytes of a label such as `BEGIN PGP PRIVATE KEY BLOCK`.
pub(crate) fn is_label(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
}

/// Longest label that is read.
pub(crate) const MAX_LABEL: usize = 64;
/// Most dashes that are read as one run.
pub(crate) const MAX_DASHES: usize = 16;
/// RFC 7468 has five dashes, SSH2 (RFC 4716) four.
pub(crate) const MIN_DASHES: usize = 4;
/// Shortest run that is taken as the last line of a key.
pub(crate) const MIN_LAST_RUN: usize = 4;
