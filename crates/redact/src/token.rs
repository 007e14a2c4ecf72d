//! Tokens with a format of their own: where one may begin and where it ends.

use std::ops::Range;

use crate::text::{Text, is_token};

/// Says whether a token may begin at `start`: nothing token-like touches it from the left, unless that is an escape.
///
/// `_`, `-` and `.` may stand in front, because file names and identifiers carry tokens (`backup_ghp_…`).
pub(crate) fn may_begin(text: Text<'_>, start: usize) -> bool {
    !text.before(start).is_ascii_alphanumeric() || text.follows_escape(start)
}

/// Extends a match to the end of its token, so that no part of a longer secret stays behind.
pub(crate) fn extend(text: Text<'_>, end: usize) -> usize {
    let token_end = text.skip(end, text.len(), is_token);
    text.skip(token_end, 2, |byte| byte == b'=')
}

/// Finds a JSON Web Token: `header.claims.signature`, where header and claims are base64url of a JSON object.
///
/// A part belongs to at most three candidates, so runs of `eyJ` cost linear time.
pub(crate) fn find_jwt(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    if text.slice(hit.clone()) != b"eyJ" || !may_begin(text, hit.start) {
        return;
    }
    // Behind `_` or `-` it is one of many places in the same run where a header may begin.
    let is_glued = is_token(text.before(hit.start)) && !text.follows_escape(hit.start);
    let longest = if is_glued { MAX_GLUED_HEADER } else { text.len() };
    let header_end = text.skip(hit.start, longest, is_token);
    if header_end - hit.start < MIN_JWT_PART || text.at(header_end) != b'.' {
        return;
    }
    let claims = header_end + 1;
    let claims_end = text.skip(claims, text.len(), is_token);
    if text.slice(claims..claims + 2) != b"ey" || claims_end - claims < MIN_JWT_PART {
        return;
    }
    let signature = claims_end + usize::from(text.at(claims_end) == b'.');
    let end = text.skip(signature, text.len(), is_token);
    found.push(hit.start..if end > signature { end } else { claims_end });
}

/// Finds 64 lower-case hexadecimal digits behind the word `token` on the same line, unless the words between speak of a
/// digest.
pub(crate) fn find_hex_token(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let last = hit.end + MAX_HEX_DISTANCE;
    let mut position = hit.end;
    if is_token(text.at(position)) {
        return;
    }
    while position <= last {
        let run_end = text.skip(position, HEX_TOKEN + 1, is_hex);
        let run = text.slice(position..run_end);
        if run.len() == HEX_TOKEN && !text.at(run_end).is_ascii_alphanumeric() {
            let between = text.slice(hit.end..position).to_ascii_lowercase();
            let is_number = run.iter().all(|&byte| byte.is_ascii_digit() || byte == b'e');
            // Behind an empty value stands that of the next key.
            let is_of_another_key = between.windows(2).filter(|pair| pair == b"\":").count() > 1;
            if !is_number && !is_of_another_key && !speaks_of_digest(&between) {
                found.push(position..run_end);
            }
            return;
        }
        let word_end = text.skip(run_end, MAX_HEX_DISTANCE, |byte| byte.is_ascii_alphanumeric());
        position = text.skip(word_end, MAX_HEX_DISTANCE, |byte| {
            !byte.is_ascii_alphanumeric() && !matches!(byte, 0 | b'\n' | b'\\')
        });
        if !text.at(position).is_ascii_alphanumeric() {
            return;
        }
    }
}

/// Says whether words in lower case speak of a checksum.
pub(crate) fn speaks_of_digest(words: &[u8]) -> bool {
    DIGEST_WORDS.iter().any(|word| words.windows(word.len()).any(|window| window == word.as_bytes()))
}

/// Words in front of a checksum.
const DIGEST_WORDS: &[&str] = &["sha", "hash", "digest", "checksum", "commit", "blake"];
/// Digits of a token of 256 bits.
const HEX_TOKEN: usize = 64;
/// Most bytes between the word `token` and its digits.
const MAX_HEX_DISTANCE: usize = 40;
/// Longest header of a token that is part of a name, such as `backup_eyJ….txt`.
const MAX_GLUED_HEADER: usize = 256;
/// Shortest header or claims part: base64url of `{"a":1}`.
const MIN_JWT_PART: usize = 10;
