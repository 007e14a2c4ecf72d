//! A secret that was found once is removed everywhere in the same text.

use std::collections::HashMap;
use std::ops::Range;

use memchr::memmem;

use crate::ViewKind;
use crate::plausible;
use crate::prefix::Prefixes;
use crate::rule::Match;
use crate::text::Text;

/// Adds the other places of every distinctive value among `matches`.
pub(crate) fn propagate(text: Text<'_>, mut matches: Vec<Match>) -> Vec<Match> {
    let values = distinctive(text, &matches);
    if values.is_empty() {
        return matches;
    }
    let known = matches.clone();
    let is_known = |range: &Range<usize>| {
        let after = known.partition_point(|found| found.range.start <= range.start);
        let before = after.checked_sub(1).and_then(|index| known.get(index));
        before.is_some_and(|found| found.range.end >= range.end)
    };
    let mut add = |start: usize, value: &[u8], (rule, view): (usize, ViewKind)| {
        if is_known(&(start..start + value.len())) {
            return;
        }
        if !(value.starts_with(b"\\") && text.before(start) == b'\\') {
            // Inside a longer run, all of the run goes: a piece of a token is no use to anybody but a thief.
            let run = |byte: u8| byte.is_ascii_alphanumeric();
            let end = text.skip(start + value.len(), MAX_VALUE, run);
            let is_inside = !text.follows_escape(start);
            let start = if is_inside { text.skip_back(start, MAX_VALUE, run) } else { start };
            let range = whole_escapes(text, start..end);
            matches.push(Match { range, rule, quotes: None, view });
        }
    };
    if values.len() <= FEW {
        for (value, seen_as) in values {
            memmem::find_iter(text.bytes(), value).for_each(|start| add(start, value, seen_as));
        }
        return matches;
    }
    Prefixes::new(values).find(text.bytes(), add);
    matches
}

/// The values worth looking for, each once, up to [`MAX_VALUES_BYTES`] together.
fn distinctive<'a>(text: Text<'a>, matches: &[Match]) -> Vec<(&'a [u8], (usize, ViewKind))> {
    let mut seen: HashMap<&[u8], (usize, ViewKind)> = HashMap::new();
    let mut values = Vec::new();
    let mut bytes = 0;
    for found in matches {
        let value = text.slice(found.range.clone());
        if value.len() > MAX_VALUE
            || bytes + value.len() > MAX_VALUES_BYTES
            || !plausible::is_distinctive(value)
        {
            continue;
        }
        let seen_as = (found.rule, found.view);
        if seen.insert(value, seen_as).is_none() {
            bytes += value.len();
            values.push((value, seen_as));
        }
    }
    values
}

/// Moves the start in front of a backslash, so that no escape loses its second half.
fn whole_escapes(text: Text<'_>, range: Range<usize>) -> Range<usize> {
    text.skip_back(range.start, range.start, |byte| byte == b'\\')..range.end
}

/// Values up to which each is looked for by itself, which takes less than to sort them.
const FEW: usize = 8;
/// Longest value that is looked for; longer ones are keys and blocks, which their own rules see every time.
const MAX_VALUE: usize = 1024;
/// Most bytes of values per text; more than the longest message has.
const MAX_VALUES_BYTES: usize = 256 * 1024;
