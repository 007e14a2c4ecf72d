//! Passwords in URLs and in arguments of curl.

use std::ops::Range;

use crate::assignment;
use crate::plausible;
use crate::text::{Text, is_blank, is_quote};

/// Finds the password of `scheme://user:password@host`, or a token that stands for the user.
pub(crate) fn find_userinfo(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let start = hit.end;
    let end = authority_and_path_end(text, start);
    let all = text.slice(start..end);
    let path = all.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(all.len());
    let authority = all.get(..path).unwrap_or_default();
    let colon = authority.iter().position(|&byte| byte == b':');
    let at = authority.iter().rposition(|&byte| byte == b'@').or_else(|| {
        let port = authority.get(colon? + 1..).unwrap_or_default();
        let is_port = port.iter().all(u8::is_ascii_digit);
        if is_port { None } else { all.iter().position(|&byte| byte == b'@') }
    });
    let Some(at) = at else { return };
    match colon.filter(|&colon| colon < at) {
        Some(colon) => {
            let password = all.get(colon + 1..at).unwrap_or_default();
            if plausible::is_password_in_url(password) {
                found.push(start + colon + 1..start + at);
            }
        }
        None => {
            if plausible::is_strong(all.get(..at).unwrap_or_default()) && at >= MIN_USER_TOKEN {
                found.push(start..start + at);
            }
        }
    }
}

/// Finds the credentials of `curl -u user:password` (also `--user`, `-su`, quoted): both halves, which are one value.
pub(crate) fn find_curl_user(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let command_end = command_end(text, hit.end);
    let mut position = hit.end;
    while position < command_end {
        position = text.skip(position, command_end - position, |byte| byte != b'-');
        let word_end = text.skip(position, MAX_OPTION, |byte| byte == b'-' || byte.is_ascii_alphabetic());
        let option = text.slice(position..word_end);
        if is_blank(text.before(position)) && is_user_option(option) {
            let value = text.skip(word_end, MAX_OPTION, |byte| is_blank(byte) || byte == b'=');
            let value = assignment::value(text, value, MAX_COMMAND).range;
            let colon = text.skip(value.start, value.len(), |byte| byte != b':');
            let password = (colon + 1).min(value.end)..value.end;
            if plausible::is_password_in_url(text.slice(password)) {
                found.push(value);
                return;
            }
        }
        position = word_end.max(position + 1);
    }
}

/// Says whether an option of curl takes `user:password`.
fn is_user_option(option: &[u8]) -> bool {
    matches!(option, b"--user" | b"--proxy-user")
        || (option.len() <= MAX_SHORT
            && !option.starts_with(b"--")
            && matches!(option.last(), Some(b'u' | b'U')))
}

/// End of the bytes after `://` that can hold user information; stops at the next URL, which keeps the work linear.
fn authority_and_path_end(text: Text<'_>, start: usize) -> usize {
    let stops =
        |byte: u8| byte.is_ascii_whitespace() || is_quote(byte) || matches!(byte, 0 | b'<' | b'>' | b'\\');
    let end = text.skip(start, MAX_AUTHORITY, |byte| !stops(byte) && byte != b':');
    if text.at(end) != b':' || text.slice(end..end + 3) == b"://" {
        return end;
    }
    let mut position = end;
    while position < start + MAX_AUTHORITY {
        position = text.skip(position + 1, MAX_AUTHORITY, |byte| !stops(byte) && byte != b':');
        if text.at(position) != b':' || text.slice(position..position + 3) == b"://" {
            break;
        }
    }
    position
}

/// End of the command that begins at `from`: a line end without a backslash in front, or the next curl.
fn command_end(text: Text<'_>, from: usize) -> usize {
    let mut position = from;
    loop {
        let left = (from + MAX_COMMAND).saturating_sub(position);
        position = text.skip(position, left, |byte| !matches!(byte, b'\n' | b'c' | b'C'));
        let continued = text.at(position) == b'\n' && text.before(position) == b'\\';
        let is_letter = text.at(position) != b'\n' && !text.has(position, "curl");
        if position >= text.len() || position >= from + MAX_COMMAND || !(continued || is_letter) {
            return position;
        }
        position += 1;
    }
}

/// Longest authority that is read.
const MAX_AUTHORITY: usize = 512;
/// Longest part of a command that is read.
const MAX_COMMAND: usize = 2048;
/// Longest option of curl that is read.
const MAX_OPTION: usize = 16;
/// Longest bundle of short options.
const MAX_SHORT: usize = 5;
/// Shortest token in place of a user; shorter ones are user names.
const MIN_USER_TOKEN: usize = 16;
