//! Secrets that are cut in two by two texts of one sender.
//!
//! The last word of the earlier text and the first word of the later one are put together, without the white space, quotes
//! and dots at the cut, and searched for secrets with a format of their own that cross it. A private key that the earlier
//! text begins is searched for across line breaks; where it began earlier still, its lines of one width tell it.

use std::cell::Cell;
use std::ops::Range;

use crate::bare_key;
use crate::engine::{Engine, Exhausted};
use crate::generated;
use crate::rule::{Class, Finder, Layer, Match, Place, Rule};
use crate::scope::TAIL_BYTES;
use crate::text::{Text, is_quote};
use crate::token;
use crate::view::ViewKind;

/// The secret that crosses the cut between `tail` and `text`: what of it is in `text`.
pub(crate) fn find(
    engine: &Engine,
    tail: &str,
    text: Text<'_>,
    budget: u64,
) -> Result<Option<Match>, Exhausted> {
    let tail = tail.as_bytes();
    let tail = tail.get(tail.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
    let head = text.slice(0..HEAD_BYTES);
    if tail.is_empty() || head.is_empty() {
        return Ok(None);
    }
    text.spend(tail.len());
    let last = tail.get(word_before(tail, untrimmed_end(tail))).unwrap_or_default();
    let first = word_after(head, trimmed_start(head));
    let start = first.start;
    let word = head.get(first).unwrap_or_default();
    if !last.is_empty() && !word.is_empty() && last.len() + word.len() >= MIN_JOINED {
        let joint = Joint { engine, tail: last, head: word, budget };
        if let Some((end, rule)) = joint.crossing(text, |_| true)? {
            return Ok(Some(found(text, start..start + end, rule)));
        }
    }
    if tail.windows(KEY.len()).any(|window| window == KEY) {
        let joint = Joint { engine, tail, head: text.slice(0..KEY_BYTES), budget };
        if let Some((end, rule)) = joint.crossing(text, |rule| rule.class == Class::PrivateKey)? {
            return Ok(Some(found(text, 0..end, rule)));
        }
    }
    let rest = bare_key::end_of_rest(tail, text).zip(engine.index_of(PRIVATE_KEY_RULE));
    Ok(rest.map(|(end, rule)| Match { range: 0..end, rule, quotes: None, view: ViewKind::Plain }))
}

/// Two pieces put together.
struct Joint<'a> {
    engine: &'a Engine,
    tail: &'a [u8],
    head: &'a [u8],
    budget: u64,
}

impl Joint<'_> {
    /// Where the secret that crosses the cut ends in `head`, and its rule.
    fn crossing(
        &self,
        text: Text<'_>,
        wanted: impl Fn(&Rule) -> bool,
    ) -> Result<Option<(usize, usize)>, Exhausted> {
        // A half character may be left at the outer ends; no secret has one.
        let tail = String::from_utf8_lossy(self.tail);
        let joined = format!("{tail}{}", String::from_utf8_lossy(self.head));
        let (cut, spent) = (tail.len(), Cell::new(0));
        let find = |text: &str| self.engine.find(Text::new(text, &spent), self.budget);
        let mut crossing = find(&joined)?;
        crossing.retain(|found| {
            let rule = self.engine.rule(found.rule);
            rule.is_some_and(|rule| is_specific(rule) && wanted(rule))
                && found.range.start < cut
                && found.range.end > cut
        });
        if !crossing.is_empty() {
            let whole = find(&tail)?;
            crossing.retain(|found| {
                // A whole token may end the earlier text, and a word begin the later one.
                let place = (found.rule, found.range.start..cut);
                let is_whole = whole.iter().any(|whole| (whole.rule, whole.range.clone()) == place);
                let rest = joined.as_bytes().get(cut..found.range.end).unwrap_or_default();
                !is_whole || rest.contains(&b'\n') || is_rest(rest)
            });
        }
        text.spend(usize::try_from(spent.get()).unwrap_or(usize::MAX));
        let longest = crossing.into_iter().max_by_key(|found| found.range.end);
        Ok(longest.map(|found| ((found.range.end - cut).min(self.head.len()), found.rule)))
    }
}

/// The match in the later text, up to the end of its token.
fn found(text: Text<'_>, range: Range<usize>, rule: usize) -> Match {
    let is_cut = range.end >= HEAD_BYTES;
    let end = if is_cut { token::extend(text, range.end) } else { range.end };
    Match { range: range.start..end, rule, quotes: None, view: ViewKind::Plain }
}

/// Says whether what follows a token that is whole already rather belongs to it than is a word or a number.
fn is_rest(rest: &[u8]) -> bool {
    let mixed = rest.iter().any(u8::is_ascii_digit) && rest.iter().any(u8::is_ascii_alphabetic);
    rest.len() >= MIN_REST && (mixed || (rest.len() >= MIN_JOINED / 2 && generated::is_token(rest)))
}

/// Says whether a rule needs nothing around its secrets.
fn is_specific(rule: &Rule) -> bool {
    let near = match &rule.finder {
        Finder::Format(format) => matches!(format.place, Place::Near(_)),
        Finder::Keys(_) | Finder::Function(_) | Finder::Everywhere(_) => false,
    };
    rule.layer == Layer::Format && !near
}

/// What may stand at a cut and belongs to no token.
fn is_trim(byte: u8) -> bool {
    byte.is_ascii_whitespace() || is_quote(byte)
}

/// The end of a text without white space, quotes, and dots that say that there is more.
fn untrimmed_end(tail: &[u8]) -> usize {
    let mut end = tail.len();
    loop {
        let rest = tail.get(..end).unwrap_or_default();
        end = match rest {
            [.., last] if is_trim(*last) => end - 1,
            [.., b'.', b'.', b'.'] | [.., 0xe2, 0x80, 0xa6] => end - 3,
            _ => return end,
        };
    }
}

/// The start of a text without the same.
fn trimmed_start(head: &[u8]) -> usize {
    let mut start = 0;
    loop {
        let rest = head.get(start..).unwrap_or_default();
        start += match rest {
            [first, ..] if is_trim(*first) => 1,
            [b'.', b'.', b'.', ..] | [0xe2, 0x80, 0xa6, ..] => 3,
            _ => return start,
        };
    }
}

fn word_before(tail: &[u8], end: usize) -> Range<usize> {
    let word = tail.get(..end).unwrap_or_default();
    let length = word.iter().rev().position(|&byte| is_trim(byte)).unwrap_or(word.len());
    end - length..end
}

fn word_after(head: &[u8], start: usize) -> Range<usize> {
    let word = head.get(start..).unwrap_or_default();
    let length = word.iter().position(|&byte| is_trim(byte)).unwrap_or(word.len());
    start..start + length
}

/// Bytes of the later text in which the rest of a token is looked for.
const HEAD_BYTES: usize = 1024;
/// Bytes of the later text in which the rest of a private key is looked for.
const KEY_BYTES: usize = 16 * 1024;
/// Shortest secret that is looked for.
const MIN_JOINED: usize = 16;
/// Shortest rest of a token whose beginning is one already.
const MIN_REST: usize = 4;
/// The rule whose match the rest of a key is.
const PRIVATE_KEY_RULE: &str = "private-key";
/// What the beginning of a private key has.
const KEY: &[u8] = b"PRIVATE KEY";
