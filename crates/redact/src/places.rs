//! Secrets that are known by the place they stand in rather than by a key in front of them.
//!
//! SQL statements, cookies, calls with a user and a password, manifests of Kubernetes, pipes into a command. Each function
//! looks at a bounded number of bytes behind (or in front of) its literal, or pays with what it finds.

use std::ops::Range;

use crate::assignment;
use crate::generated;
use crate::plausible;
use crate::text::{Text, is_blank, is_quote, is_token};

/// Finds the password of `IDENTIFIED BY '…'` (`MySQL`, Oracle) and `PASSWORD('…')`.
pub(crate) fn find_sql(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let mut position = hit.end;
    if text.before(hit.end) != b'(' {
        for word in ["with", "by", "password"] {
            let start = text.skip(position, MAX_SPACES, |byte| byte.is_ascii_whitespace());
            if text.has(start, word) && !is_token(text.at(start + word.len())) {
                position = start + word.len();
                if word == "with" {
                    let plugin =
                        text.skip(position, MAX_SPACES, |byte| byte.is_ascii_whitespace() || is_quote(byte));
                    position = text.skip(plugin, MAX_NAME, |byte| is_token(byte) || is_quote(byte));
                }
            }
        }
        position = text.skip(position, MAX_SPACES, |byte| byte.is_ascii_whitespace());
        let password = quoted_password(text, position).filter(|_| text.at(position) != b'`');
        let is_odd = |value: &Range<usize>| plausible::has_strange_byte(text.slice(value.clone()));
        found.extend(
            password
                .filter(|value| position > hit.end && (is_odd(value) || is_user_statement(text, hit.start))),
        );
        return;
    }
    found.extend(quoted_password(text, position));
}

/// Says whether the statement in front of `hit` is one about users, and not a sentence in which something is identified.
fn is_user_statement(text: Text<'_>, hit: usize) -> bool {
    let start = text.skip_back(hit, MAX_LINE, |byte| byte != b';');
    let before = text.slice(start..hit);
    text.spend(before.len());
    before
        .split(|byte| !byte.is_ascii_alphanumeric())
        .any(|word| STATEMENT_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes())))
}

/// Finds the values of cookies that look generated, behind `Cookie:` and `Set-Cookie:` (RFC 6265).
pub(crate) fn find_cookies(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let Some(separator) = assignment::separator(text, hit) else { return };
    let opening = text.skip(separator.value, 1, is_quote);
    let mut position = opening;
    for _ in 0..MAX_COOKIES {
        let name_end =
            text.skip(position, MAX_NAME, |byte| is_token(byte) || matches!(byte, b'.' | b'$' | b'[' | b']'));
        if name_end == position || text.at(name_end) != b'=' {
            return;
        }
        let end = text.skip(name_end + 1, text.len(), |byte| {
            byte.is_ascii_graphic() && !is_quote(byte) && !matches!(byte, b';' | b',' | b'\\')
        });
        let value = text.slice(name_end + 1..end);
        if value.len() >= MIN_COOKIE
            && (generated::is_generated(value) || generated::is_token(value))
            && !plausible::contains_placeholder(value)
            && !value.contains(&b'/')
        {
            found.push(name_end + 1..end);
        }
        if text.at(end) != b';' {
            return;
        }
        position = text.skip(end + 1, MAX_SPACES, is_blank);
    }
}

/// Finds the second of two strings in brackets, where the first is the user: `auth=("me", "…")`, `BasicAuth("me", "…")`.
pub(crate) fn find_pair(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let space = |from: usize| text.skip(from, MAX_SPACES, |byte| byte.is_ascii_whitespace());
    let name_end = text.skip(hit.end, MAX_NAME, is_token);
    let sign = space(name_end);
    let open = if matches!(text.at(sign), b'=' | b':') { space(sign + 1) } else { sign };
    let name = text.skip(open, MAX_NAME, |byte| is_token(byte) || byte == b'.');
    if text.at(name) != b'(' {
        return;
    }
    let first = space(name + 1);
    if !is_quote(text.at(first)) {
        return;
    }
    let user = assignment::value(text, first, MAX_NAME).range;
    let comma = space(user.end + 1);
    if text.at(comma) != b',' || user.is_empty() {
        return;
    }
    let second = space(comma + 1);
    if let Some(password) = quoted_password(text, second)
        && text.at(space(password.end + 1)) == b')'
        && plausible::has_strange_byte(text.slice(password.clone()))
    {
        found.push(password);
    }
}

/// Finds what is piped into a command that reads a password: `echo … | docker login --password-stdin`.
pub(crate) fn find_piped(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let line = text.skip_back(hit.start, MAX_LINE, |byte| byte != b'\n');
    let before = text.slice(line..hit.start);
    text.spend(before.len());
    let Some(echo) = before.windows(ECHO.len()).rposition(|window| window == ECHO) else { return };
    if !before.get(echo..).unwrap_or_default().contains(&b'|') {
        return;
    }
    let mut start = text.skip(line + echo + ECHO.len(), MAX_SPACES, is_blank);
    while text.at(start) == b'-' {
        start = text.skip(text.skip(start, MAX_NAME, |byte| !is_blank(byte)), MAX_SPACES, is_blank);
    }
    let value = assignment::value(text, start, MAX_LINE).range;
    let colon = text
        .slice(value.clone())
        .iter()
        .position(|&byte| byte == b':')
        .filter(|_| text.has(hit.start, "chpasswd"));
    let password = value.start + colon.map_or(0, |colon| colon + 1)..value.end;
    if plausible::is_password_in_url(text.slice(password.clone())) {
        found.push(password);
    }
}

/// Finds the values under `data:` and `stringData:` of a Kubernetes manifest of `kind: Secret`.
pub(crate) fn find_manifest(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let indent = text.skip_back(hit.start, MAX_NAME, is_blank);
    let Some(separator) = assignment::separator(text, hit.clone()) else { return };
    let word = text.skip(separator.value, 1, is_quote);
    let is_secret = text.has(word, "secret") && !is_token(text.at(word + "secret".len()));
    if !is_secret || !matches!(text.before(indent), 0 | b'\n') {
        return;
    }
    let start = start_of_document(text, hit.start);
    let end = end_of_document(text, hit.end);
    entries(text, start..hit.start, found);
    entries(text, hit.end..end, found);
}

/// Where the YAML document around `to` begins: at `---`, or at the manifest in front of it.
fn start_of_document(text: Text<'_>, to: usize) -> usize {
    let bytes = text.slice(to.saturating_sub(MAX_MANIFEST)..to);
    let length = DOCUMENT_MARK.len();
    let last = bytes.windows(length).rposition(begins_document).unwrap_or(0);
    text.spend(bytes.len() - last);
    to - (bytes.len() - last)
}

/// Where the YAML document around `from` ends.
fn end_of_document(text: Text<'_>, from: usize) -> usize {
    let bytes = text.slice(from..from.saturating_add(MAX_MANIFEST));
    let next = bytes.windows(DOCUMENT_MARK.len()).position(begins_document).unwrap_or(bytes.len());
    text.spend(next);
    from + next
}

/// Says whether a line begins another document or manifest.
fn begins_document(window: &[u8]) -> bool {
    window == DOCUMENT_MARK || window == b"\nkind"
}

/// Adds the value of each `name: value` line of the `data` blocks in `range`.
fn entries(text: Text<'_>, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    let bytes = text.slice(range.clone());
    text.spend(bytes.len());
    let mut inside: Option<usize> = None;
    let mut at = range.start;
    for line in bytes.split(|&byte| byte == b'\n') {
        let indent = line.iter().take_while(|byte| is_blank(**byte)).count();
        let trimmed = line.get(indent..).unwrap_or_default();
        match inside {
            _ if [&b"data:"[..], b"stringData:"].iter().any(|name| trimmed.trim_ascii_end() == *name) => {
                inside = Some(indent);
            }
            Some(of_block) if indent > of_block => found.extend(entry(text, at + indent)),
            Some(_) if !trimmed.is_empty() => inside = None,
            Some(_) | None => {}
        }
        at += line.len() + 1;
    }
}

/// The value of the entry at `start`.
fn entry(text: Text<'_>, start: usize) -> Option<Range<usize>> {
    let name_end =
        text.skip(start, MAX_NAME, |byte| is_token(byte) || is_quote(byte) || matches!(byte, b'.' | b'/'));
    let value = text.skip(name_end + 1, MAX_SPACES, is_blank);
    if name_end == start
        || text.at(name_end) != b':'
        || value == name_end + 1
        || matches!(text.at(value), b'|' | b'>')
    {
        return None;
    }
    let range = assignment::value(text, value, MAX_MANIFEST).range;
    plausible::is_password_in_url(text.slice(range.clone())).then_some(range)
}

/// The string at `start`, if it can be a password.
fn quoted_password(text: Text<'_>, start: usize) -> Option<Range<usize>> {
    let quote = text.skip(start, MAX_SLASHES, |byte| byte == b'\\');
    let value = is_quote(text.at(quote)).then(|| assignment::value(text, start, MAX_LINE).range)?;
    plausible::is_password_in_url(text.slice(value.clone())).then_some(value)
}

/// Words of a statement that sets a password.
const STATEMENT_WORDS: &[&str] = &["create", "alter", "grant", "user", "role", "password"];
/// The command that writes its arguments.
const ECHO: &[u8] = b"echo ";
/// Most white space that is skipped at once.
const MAX_SPACES: usize = 64;
/// Longest name of a user, a cookie, an entry, a plug-in.
const MAX_NAME: usize = 128;
/// Longest line that is read.
const MAX_LINE: usize = 512;
/// Longest manifest of a secret to either side of its kind.
const MAX_MANIFEST: usize = 4096;
/// What stands between two documents of one file.
const DOCUMENT_MARK: &[u8] = b"\n---\n";
/// Most cookies of one header.
const MAX_COOKIES: usize = 64;
/// Shortest value of a cookie that is a session.
const MIN_COOKIE: usize = 16;
/// Most backslashes in front of a quote.
const MAX_SLASHES: usize = 15;
