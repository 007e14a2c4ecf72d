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
    if text.slice(hit.clone()) != b"eyJ"
        || (is_token(text.before(hit.start)) && !text.follows_escape(hit.start))
    {
        return;
    }
    let header_end = text.skip(hit.start, text.len(), is_token);
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

/// Shortest header or claims part: base64url of `{"a":1}`.
const MIN_JWT_PART: usize = 10;
