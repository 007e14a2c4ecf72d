//! From raw matches to the cleaned text.

use std::ops::Range;

use crate::fingerprint::Placeholders;
use crate::rule::Match;
use crate::{Redacted, Redaction};

/// Orders matches and joins those that overlap; the rule of higher precedence names the joined one.
pub(crate) fn merge(mut matches: Vec<Match>) -> Vec<Match> {
    matches.retain(|found| !found.range.is_empty());
    matches.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end)));
    let mut merged: Vec<Match> = Vec::with_capacity(matches.len());
    for found in matches {
        match merged.last_mut() {
            Some(last) if found.range.start < last.range.end => {
                last.range.end = last.range.end.max(found.range.end);
                last.rule = last.rule.min(found.rule);
                last.view = last.view.min(found.view);
            }
            Some(_) | None => merged.push(found),
        }
    }
    merged
}

/// Says whether a range overlaps one of the matches, which are ordered and apart.
pub(crate) fn touches(matches: &[Match], range: &Range<usize>) -> bool {
    let next = matches.partition_point(|other| other.range.end <= range.start);
    matches.get(next).is_some_and(|other| other.range.start < range.end)
}

/// Leads from offsets in a rendered text back to offsets in the input.
pub(crate) struct OffsetMap {
    /// For each match: its place in the input and in the rendered text.
    places: Vec<(Range<usize>, Range<usize>)>,
}

impl OffsetMap {
    /// Makes the map of what [`render`] does with `matches`.
    pub(crate) fn new(names: &Placeholders<'_>, matches: &[Match]) -> Self {
        let mut places = Vec::with_capacity(matches.len());
        let (mut input, mut output) = (0, 0);
        for found in matches {
            let quotes = found.quotes.as_ref().map_or(0, |quote| 2 * quote.len());
            let start = output + (found.range.start - input);
            output = start + names.of(found).len() + quotes;
            input = found.range.end;
            places.push((found.range.clone(), start..output));
        }
        Self { places }
    }

    /// Moves a match in the rendered text to the input; it grows over every secret that it touches.
    pub(crate) fn to_input(&self, found: Match) -> Match {
        let range = self.start(found.range.start)..self.end(found.range.end);
        let quotes = found.quotes.map(|quote| self.start(quote.start)..self.end(quote.end));
        Match { range, rule: found.rule, quotes, view: found.view }
    }

    fn start(&self, offset: usize) -> usize {
        let index = self.places.partition_point(|(_, output)| output.start <= offset);
        match index.checked_sub(1).and_then(|index| self.places.get(index)) {
            Some((input, output)) if offset < output.end => input.start,
            Some((input, output)) => input.end + (offset - output.end),
            None => offset,
        }
    }

    fn end(&self, offset: usize) -> usize {
        let index = self.places.partition_point(|(_, output)| output.start < offset);
        match index.checked_sub(1).and_then(|index| self.places.get(index)) {
            Some((input, output)) if offset <= output.end => input.end,
            Some((input, output)) => input.end + (offset - output.end),
            None => offset,
        }
    }
}

/// Writes the text with every match replaced; the matches are ordered and apart.
pub(crate) fn render(names: &Placeholders<'_>, text: &str, matches: &[Match]) -> Redaction {
    let mut clean = String::with_capacity(text.len());
    let mut findings = Vec::with_capacity(matches.len());
    let mut position = 0;
    for found in matches {
        let quote = found.quotes.clone().and_then(|quote| text.get(quote)).unwrap_or_default();
        clean.push_str(text.get(position..found.range.start).unwrap_or_default());
        clean.push_str(quote);
        clean.push_str(&names.of(found));
        clean.push_str(quote);
        position = found.range.end;
        findings.extend(names.finding(found));
    }
    clean.push_str(text.get(position..).unwrap_or_default());
    Redaction { text: Redacted::new(clean), findings, work: 0 }
}
