//! Authorization headers and bearer tokens.

use std::ops::Range;

use crate::assignment::{self, Kind, Separator};
use crate::generated;
use crate::plausible;
use crate::text::{Text, is_blank, is_quote, is_token};

/// Finds the credentials after `Authorization:`, with or without a scheme, quoted or not.
pub(crate) fn find_authorization(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let Some(separator) = assignment::separator(text, hit) else { return };
    let Some(start) = credentials_start(text, &separator) else { return };
    // Without a sign it is a sentence, or a name in code.
    let is_sentence = matches!(separator.kind, Kind::Beside | Kind::Prose);
    let is_sure = |value: &[u8]| !is_sentence || generated::is_generated(value);
    let is_strong = |value: &[u8]| is_sure(value) && plausible::is_strong(value);
    let is_real = |value: &[u8]| is_sure(value) && plausible::is_credentials(value);
    let word_end = text.skip(start, MAX_SCHEME, is_token);
    let in_array = text.at(separator.value) == b'[';
    let credentials = match next_string(text, word_end).filter(|_| in_array) {
        Some(next) => next,
        None => after_space(text, word_end),
    };
    if word_end > start && credentials > word_end && is_scheme(text.slice(start..word_end)) {
        found.extend(credentials_at(text, credentials, is_real));
    } else {
        let alone = credentials_at(text, start, is_strong);
        let after_unknown_scheme = || {
            let is_apart = word_end > start && credentials > word_end;
            is_apart.then(|| credentials_at(text, credentials, is_strong)).flatten()
        };
        found.extend(alone.or_else(after_unknown_scheme));
    }
}

/// Finds the token after the word `bearer`, which outside a header must look random.
pub(crate) fn find_bearer(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let start = after_space(text, hit.end);
    let begins = !text.before(hit.start).is_ascii_alphanumeric() || text.follows_escape(hit.start);
    if begins && start > hit.end {
        let has_scheme = |value: &[u8]| value.windows(3).any(|window| window == b"://");
        found.extend(credentials_at(text, start, |value| plausible::is_strong(value) && !has_scheme(value)));
    }
}

/// The run of credential bytes at `start`, if its head is `accepted`.
fn credentials_at(text: Text<'_>, start: usize, accepted: impl Fn(&[u8]) -> bool) -> Option<Range<usize>> {
    let head = assignment::bare_value(text, start, MAX_HEAD).range;
    let is_cut = head.end >= start + MAX_HEAD;
    accepted(text.slice(head.clone()))
        .then(|| if is_cut { assignment::bare_value(text, start, text.len()).range } else { head })
}

/// Where the credentials or their scheme begin: behind an opening quote, also that of the first string of an array.
///
/// `None` for an object, an array of other things, and a number behind a quoted key: they are JSON outside of strings.
fn credentials_start(text: Text<'_>, separator: &Separator) -> Option<usize> {
    let value = separator.value;
    let is_json = separator.key_quote.is_some();
    match text.at(value) {
        b'[' => assignment::first_string(text, value).and_then(|first| open_quote(text, first)),
        b'{' if is_json => None,
        _ => match open_quote(text, value) {
            Some(inner) => Some(inner),
            None if is_json && (text.at(value).is_ascii_digit() || text.at(value) == b'-') => None,
            None => Some(value),
        },
    }
}

/// Steps over an opening quote, escaped or not; `None` if there is none.
fn open_quote(text: Text<'_>, from: usize) -> Option<usize> {
    let slashes = text.skip(from, MAX_SPACES, |byte| byte == b'\\');
    let opens = is_quote(text.at(slashes)) && !assignment::closes_outer_string(text, slashes);
    opens.then_some(slashes + 1)
}

/// Start of the string behind the comma if a string ends at `end`: `["Bearer", "…"]`.
fn next_string(text: Text<'_>, end: usize) -> Option<usize> {
    let space = |from: usize| text.skip(from, MAX_SPACES, |byte| byte.is_ascii_whitespace());
    let slashes = |from: usize| text.skip(from, MAX_SPACES, |byte| byte == b'\\');
    let quote = slashes(end);
    let comma = space(quote + 1);
    let opening = slashes(space(comma + 1));
    (is_quote(text.at(quote)) && text.at(comma) == b',' && text.at(opening) == text.at(quote))
        .then_some(opening + 1)
}

/// Steps over spaces, also in their `+` and `%20` spelling.
fn after_space(text: Text<'_>, from: usize) -> usize {
    if text.has(from, "%20") {
        return from + 3;
    }
    let plus = usize::from(text.at(from) == b'+');
    text.skip(from + plus, MAX_SPACES, is_blank)
}

/// Says whether a word names an authentication scheme rather than being the credentials.
fn is_scheme(word: &[u8]) -> bool {
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// IANA HTTP authentication schemes that carry a secret in one word, and the common ones outside the registry.
const SCHEMES: &[&str] = &[
    "Bearer",
    "Basic",
    "Token",
    "ApiKey",
    "Api-Key",
    "Key",
    "Bot",
    "Negotiate",
    "NTLM",
    "DPoP",
    "OAuth",
    "GoogleLogin",
    "Splunk",
    "SSWS",
    "PAT",
    "GenieKey",
    "JWT",
    "Session",
];
/// Bytes of credentials that are read before they are judged.
const MAX_HEAD: usize = 256;
/// Longest scheme that is read.
const MAX_SCHEME: usize = 24;
/// Most spaces between a scheme and the credentials.
const MAX_SPACES: usize = 64;
