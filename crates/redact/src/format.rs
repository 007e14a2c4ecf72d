//! Secrets with a format of their own: a pattern, looked for where a literal was seen.
//!
//! *Prefix* patterns are tried at the literal; *inner* and *near* ones in a window around or behind it, where windows
//! that overlap are one, so that each byte is searched once per rule.

use std::ops::Range;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use crate::rule::{Format, Place, Words};
use crate::text::{Text, is_quote};
use crate::{generated, plausible, token};

/// Compiles the pattern of a format; a test compiles every one.
pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    Regex::builder()
        .configure(Regex::config().utf8_empty(false).nfa_size_limit(Some(MAX_COMPILED_BYTES)))
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build(pattern)
        .ok()
}

impl Format {
    /// The window in which a literal at `hit` lets this pattern be looked for.
    pub(crate) fn window(&self, hit: &Range<usize>, length: usize) -> Range<usize> {
        match self.place {
            Place::Prefix => hit.start..hit.start.saturating_add(self.reach).min(length),
            Place::Inner | Place::Around(_) => {
                hit.end.saturating_sub(self.reach)..hit.start.saturating_add(self.reach).min(length)
            }
            Place::Near(_) => hit.end..hit.end.saturating_add(NEAR + self.reach).min(length),
        }
    }

    /// Says whether a literal at `hit` counts: it is no part of one of our placeholders, and the name of a service begins
    /// a word.
    pub(crate) fn may_stand_at(&self, text: Text<'_>, hit: &Range<usize>) -> bool {
        let begins = match self.place {
            Place::Prefix | Place::Inner | Place::Around(_) => true,
            Place::Near(_) => begins_word(text, hit.start),
        };
        begins && !is_in_placeholder(text, hit)
    }

    /// The secret that begins at the literal at `start`.
    pub(crate) fn at(&self, regex: &Regex, text: Text<'_>, window: Range<usize>) -> Option<Range<usize>> {
        if !token::may_begin(text, window.start) {
            return None;
        }
        let (whole, secret) = search(regex, text, window, Anchored::Yes)?;
        self.accept(text, whole, secret)
    }

    /// Adds every secret in `window`.
    pub(crate) fn within(
        &self,
        regex: &Regex,
        text: Text<'_>,
        window: Range<usize>,
        found: &mut Vec<Range<usize>>,
    ) {
        let mut rest = window;
        while rest.start < rest.end {
            let Some((whole, secret)) = search(regex, text, rest.clone(), Anchored::No) else { return };
            let begins = match self.place {
                Place::Prefix | Place::Inner => token::may_begin(text, whole.start),
                Place::Around(_) => true,
                Place::Near(_) => stands_alone(text, &secret),
            };
            let accepted = if begins { self.accept(text, whole.clone(), secret) } else { None };
            rest.start = match accepted {
                Some(secret) => {
                    let end = secret.end;
                    found.push(secret);
                    end
                }
                None => {
                    text.skip(whole.start + 1, rest.end - whole.start, |byte| byte.is_ascii_alphanumeric())
                }
            }
            .max(whole.start + 1);
        }
    }

    /// The whole secret of a match that is one.
    fn accept(&self, text: Text<'_>, whole: Range<usize>, secret: Range<usize>) -> Option<Range<usize>> {
        let value = text.slice(secret.clone());
        if is_mask(value) {
            return None;
        }
        if let Place::Near(also) = &self.place {
            let looks_generated =
                if self.surely { generated::is_surely_token(value) } else { generated::is_token(value) };
            let is_secret = looks_generated
                && !is_bare_number(text, &secret)
                && !plausible::contains_placeholder(value)
                && !follows_digest_word(text, secret.start)
                && (also.is_empty() || stands_behind(text, secret.start, also));
            return is_secret.then_some(secret);
        }
        if let Place::Around(excuses) = &self.place
            && (excuses.hold(text, &whole, &secret) || plausible::contains_placeholder(value))
        {
            return None;
        }
        if self.whole_url {
            return Some(url_around(text, whole));
        }
        Some(secret.start..token::extend(text, secret.end))
    }
}

/// First match in the window: all of it, and the part that is the secret.
fn search(
    regex: &Regex,
    text: Text<'_>,
    window: Range<usize>,
    anchored: Anchored,
) -> Option<(Range<usize>, Range<usize>)> {
    let input = Input::new(text.bytes()).range(window.clone()).anchored(anchored);
    let found = if regex.captures_len() > 1 {
        let mut captures = regex.create_captures();
        regex.search_captures(&input, &mut captures);
        captures
            .get_match()
            .map(|whole| (whole.range(), captures.get_group(1).map_or(whole.range(), |group| group.range())))
    } else {
        regex.search(&input).map(|whole| (whole.range(), whole.range()))
    };
    text.spend(found.as_ref().map_or(window.len(), |(whole, _)| whole.end - window.start));
    found.filter(|(whole, secret)| !whole.is_empty() && !secret.is_empty())
}

/// Says whether a value ends like `xxxxxxxxxxxx`, which stands for a token that was taken out by hand.
fn is_mask(value: &[u8]) -> bool {
    let tail = value.get(value.len().saturating_sub(MASK)..).unwrap_or_default();
    let is_filler = |byte: &u8| matches!(byte, b'x' | b'X' | b'*' | b'.' | b'_' | b'-' | b'0');
    value.len() > MASK && tail.iter().all(|byte| is_filler(byte) && tail.first() == Some(byte))
}

/// Says whether a candidate without a mark of its own is a whole run, not part of a longer one.
fn stands_alone(text: Text<'_>, secret: &Range<usize>) -> bool {
    let (before, after) = (text.before(secret.start), text.at(secret.end));
    let starts = !before.is_ascii_alphanumeric() || text.follows_escape(secret.start);
    // Behind an at sign stands the version of a dependency (`owner/action@9fceb02…`), which a vendor's name may precede.
    // A sum at the beginning of a line and a blank behind it are the list of commits or files of some tool.
    let is_sum = || text.slice(secret.clone()).iter().all(u8::is_ascii_hexdigit);
    let is_listed = matches!(before, b'\n' | 0) && after == b' ' && is_sum();
    let is_file = after == b'.' && text.at(secret.end + 1).is_ascii_lowercase();
    starts
        && !is_listed
        && !is_file
        && !after.is_ascii_alphanumeric()
        && !matches!(before, b'+' | b'@')
        && after != b'+'
}

/// Says whether a candidate is a number without quotes, or the end of one: a placeholder would break JSON there, and a
/// key is text.
fn is_bare_number(text: Text<'_>, secret: &Range<usize>) -> bool {
    let is_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'e' | b'E' | b'-');
    text.slice(secret.clone()).iter().all(is_number) && !is_quote(text.before(secret.start))
}

/// Says whether a word begins at `start`, in prose or in an identifier of either style.
fn begins_word(text: Text<'_>, start: usize) -> bool {
    let before = text.before(start);
    let is_hump = before.is_ascii_lowercase() && text.at(start).is_ascii_uppercase();
    !before.is_ascii_alphabetic() || is_hump || text.follows_escape(start)
}

/// Says whether a literal is part of a placeholder, whose words are ours and speak of what stood there.
fn is_in_placeholder(text: Text<'_>, hit: &Range<usize>) -> bool {
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let end = text.skip(hit.end, MAX_PLACEHOLDER, is_name);
    text.slice(hit.start..end).ends_with(b"_REDACTED")
}

/// Says whether the words in front of a candidate speak of a checksum.
pub(crate) fn follows_digest_word(text: Text<'_>, start: usize) -> bool {
    speaks(text, start.saturating_sub(DIGEST_DISTANCE)..start, DIGEST_WORDS.iter().copied())
}

/// Says whether one of the words stands shortly in front of a candidate.
fn stands_behind(text: Text<'_>, start: usize, words: &Words) -> bool {
    speaks(text, start.saturating_sub(ALSO_DISTANCE)..start, words.iter())
}

/// Says whether one of the words stands in `place`; those of placeholders are ours and say nothing.
fn speaks<'a>(text: Text<'_>, place: Range<usize>, mut words: impl Iterator<Item = &'a str>) -> bool {
    text.spend(place.len());
    let lower = text.slice(place.clone()).to_ascii_lowercase();
    words.any(|word| {
        lower.windows(word.len()).enumerate().any(|(at, window)| {
            let start = place.start + at;
            window == word.as_bytes() && !is_in_placeholder(text, &(start..start + word.len()))
        })
    })
}

/// The URL around a match.
fn url_around(text: Text<'_>, whole: Range<usize>) -> Range<usize> {
    let front = text.skip_back(whole.start, MAX_URL, is_url);
    let address = text.slice(front..whole.start);
    let scheme = [&b"https:"[..], b"http:"]
        .iter()
        .filter_map(|scheme| {
            address.windows(scheme.len()).rposition(|window| window.eq_ignore_ascii_case(scheme))
        })
        .max();
    let start = scheme.map_or(whole.start, |at| front + at);
    let end = text.skip(whole.end, MAX_URL, |byte| is_url(byte) && byte != b'\\');
    let end = text.skip_back(end, end - whole.end, |byte| {
        matches!(byte, b'.' | b',' | b';' | b':' | b'!' | b'?' | b')')
    });
    start..end
}

/// Bytes of a URL (RFC 3986), with the backslash that JSON writes in front of a slash.
fn is_url(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !is_quote(byte)
        && !matches!(byte, b'<' | b'>' | b'(' | b')' | b'{' | b'}' | b'|' | b'^' | b'[' | b']')
}

/// Bytes behind a literal in which its placeholder ends.
const MAX_PLACEHOLDER: usize = 64;
/// Bytes between a service's name and its key.
const NEAR: usize = 48;
/// Bytes in front of a candidate in which another word has to stand.
const ALSO_DISTANCE: usize = 72;
/// Bytes in front of a candidate in which no word may speak of a checksum.
const DIGEST_DISTANCE: usize = 24;
/// Words in front of a checksum.
const DIGEST_WORDS: &[&str] = &[
    "sha1",
    "sha2",
    "sha3",
    "sha5",
    "sha-",
    "checksum",
    "integrity",
    "commit",
    "digest",
    "hash",
    "etag",
    "md5",
    "revision",
    "resolved",
    "blake",
    ".tgz",
    "fingerprint",
    "h1:",
    "zh:",
    "hexpm",
    "reference\"",
    "rev:",
    "rev\"",
    "rev =",
    "blob/",
    "tree/",
];
/// Bytes at the end of a match that are all the same in a mask.
const MASK: usize = 12;
/// Most bytes of a URL to either side of a match.
const MAX_URL: usize = 1024;
/// Most bytes of a compiled pattern.
const MAX_COMPILED_BYTES: usize = 1 << 20;
