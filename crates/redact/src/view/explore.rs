//! The way through the views: looks at each and brings back what was found.

use std::cell::Cell;
use std::ops::Range;

use super::control::{BACKSPACE, Backspace};
use super::map::Map;
use super::{Budget, Decodings, ViewKind, encoded, join, normal};
use crate::engine::{Engine, Exhausted};
use crate::everywhere::Everywhere;
use crate::rule::{Finder, Match, Place};
use crate::text::Text;
use crate::{generated, plausible, rules};

/// Every match in the text and in its views, in no order and with overlaps; `decodings` encodings are undone.
///
/// # Errors
/// [`Exhausted`] when `most_work` bytes were looked at, or when too much would be unpacked.
pub(crate) fn find(
    engine: &Engine,
    source: &str,
    spent: &Cell<u64>,
    most_work: u64,
    decodings: Decodings,
) -> Result<Vec<Match>, Exhausted> {
    let budget = Budget::new(source.len());
    let unpacked_work = BASE_UNPACKED_WORK + UNPACKED_WORK_PER_BYTE * source.len() as u64;
    let mut explorer = Explorer { engine, spent, most_work, unpacked_work, budget };
    let mut found =
        explorer.explore(source, Stage { decodings: decodings.get(), rounds: ROUNDS, may_join: true })?;
    let text = Text::new(source, spent);
    let is_placeholder = |found: &Match| source.get(found.range.clone()).is_some_and(rules::is_placeholder);
    found.retain(|found| {
        found.view == ViewKind::Plain || (is_harmless(text, found) && !is_placeholder(found))
    });
    Ok(found)
}

/// Says whether a match of a view can be replaced without breaking JSON: it has what only a string has, or follows the
/// beginning of one.
fn is_harmless(text: Text<'_>, found: &Match) -> bool {
    let source = text.slice(found.range.clone());
    let is_in_string =
        || text.before(found.range.start) == b'"' && !source.iter().any(|byte| b",:]}".contains(byte));
    found.quotes.is_some()
        || source.contains(&b'\\')
        || is_in_string()
        || !plausible::is_json_outside_strings(source)
}

struct Explorer<'a> {
    engine: &'a Engine,
    spent: &'a Cell<u64>,
    most_work: u64,
    /// Bytes that may be looked at in views with something unpacked.
    unpacked_work: u64,
    budget: Budget,
}

/// What may still be undone.
#[derive(Debug, Clone, Copy)]
struct Stage {
    decodings: u8,
    /// Times that the text may be read without disguise before it is decoded.
    rounds: u8,
    may_join: bool,
}

/// A view and how to go on from it.
struct View {
    kind: ViewKind,
    text: String,
    map: Map,
    stage: Stage,
    /// Whether some of it was unpacked, so that it can be far longer than what it was made from.
    is_unpacked: bool,
}

impl Explorer<'_> {
    /// Every match in a text and in its views.
    fn explore(&mut self, source: &str, stage: Stage) -> Result<Vec<Match>, Exhausted> {
        let mut found = self.engine.find(Text::new(source, self.spent), self.most_work)?;
        let plain = Covered::by(&found);
        let whole = self.ends_of_formats(&found);
        for view in self.views(source, stage, &whole)? {
            let inner = self.explore_view(&view)?;
            let back = inner.into_iter().filter_map(|inner| self.bring_back(inner, &view, &plain));
            found.extend(each_place_once(back.collect()));
        }
        Ok(found)
    }

    /// Where secrets end that have a format of their own, and are whole by it.
    fn ends_of_formats(&self, found: &[Match]) -> Vec<usize> {
        let has_format = |found: &&Match| {
            let finder = self.engine.rule(found.rule).map(|rule| &rule.finder);
            matches!(finder, Some(Finder::Format(format)) if !matches!(format.place, Place::Near(_)))
        };
        let mut ends: Vec<usize> = found.iter().filter(has_format).map(|found| found.range.end).collect();
        ends.sort_unstable();
        ends
    }

    /// The views of a text: the one without disguise, which has the others, or else those.
    fn views(&mut self, source: &str, stage: Stage, whole: &[usize]) -> Result<Vec<View>, Exhausted> {
        let text = Text::new(source, self.spent);
        let mut views = Vec::new();
        if stage.rounds > 0
            && let Some(made) = normal::normal(source, text, Backspace::Erases)
        {
            let has_backspace = source.as_bytes().contains(&BACKSPACE);
            let other = has_backspace.then(|| normal::normal(source, text, Backspace::Nothing)).flatten();
            let stage = Stage { rounds: stage.rounds - 1, ..stage };
            for (text, map) in std::iter::once(made).chain(other) {
                views.push(View { kind: ViewKind::Normal, text, map, stage, is_unpacked: false });
            }
            return Ok(views);
        }
        if stage.may_join
            && let Some(made) = join::joined(source, text, whole)
        {
            let (text, map) = made;
            let stage = Stage { rounds: 0, may_join: false, ..stage };
            views.push(View { kind: ViewKind::Joined, text, map, stage, is_unpacked: false });
        }
        let left = self.budget.left;
        if stage.decodings > 0
            && let Some((text, map)) = encoded::encoded(source, text, &mut self.budget)
        {
            let stage = Stage { decodings: stage.decodings - 1, rounds: ROUNDS, may_join: true };
            let is_unpacked = self.budget.left < left;
            views.push(View { kind: ViewKind::Base64, text, map, stage, is_unpacked });
        }
        if self.budget.is_exceeded { Err(Exhausted) } else { Ok(views) }
    }

    /// Every match in a view; what was unpacked has a limit of its own, because a few bytes can be unpacked to many.
    fn explore_view(&mut self, view: &View) -> Result<Vec<Match>, Exhausted> {
        if !view.is_unpacked {
            return self.explore(&view.text, view.stage);
        }
        let (begun, most_work) = (self.spent.get(), self.most_work);
        self.most_work = most_work.min(begun + self.unpacked_work);
        let found = self.explore(&view.text, view.stage);
        self.most_work = most_work;
        self.unpacked_work = self.unpacked_work.saturating_sub(self.spent.get() - begun);
        found
    }

    /// Moves a match from a view to the text it was made from, if it is one there.
    fn bring_back(&self, found: Match, view: &View, plain: &Covered) -> Option<Match> {
        let mut range = found.range;
        let value = view.text.as_bytes().get(range.clone())?;
        let may_be_cut = matches!(found.view, ViewKind::Plain | ViewKind::Normal);
        let quotes = value.iter().enumerate().filter(|(_, byte)| may_be_cut && **byte == b'"');
        let mut quotes = quotes.map(|(at, _)| range.start + at);
        if let Some(quote) = quotes.find(|quote| !view.map.is_decoded(*quote)) {
            range.end = quote;
        }
        if range.is_empty() || view.map.crosses_gap(&range) {
            return None;
        }
        let kind = match view.kind {
            ViewKind::Joined if !self.is_joined(found.rule, view, &range, plain) => return None,
            ViewKind::Base64 | ViewKind::Hex | ViewKind::Compressed => view.map.run_kind(&range)?,
            ViewKind::Plain | ViewKind::Normal | ViewKind::Joined => view.kind.max(found.view),
        };
        let quotes = found.quotes.filter(|_| kind == ViewKind::Normal);
        Some(Match {
            range: view.map.to_source(&range),
            quotes: quotes.map(|quotes| view.map.to_source(&quotes)),
            rule: found.rule,
            view: kind,
        })
    }

    /// Says whether a match is there because of the joining: it has both sides of a cut, is no mere word behind a key, and
    /// was not seen without it.
    fn is_joined(&self, rule: usize, view: &View, range: &Range<usize>, plain: &Covered) -> bool {
        let finder = || self.engine.rule(rule).map(|rule| &rule.finder);
        let is_keyed = || matches!(finder(), Some(Finder::Keys(_)));
        // Any two words look generated once they are one.
        let is_mere_run = matches!(finder(), Some(Finder::Everywhere(Everywhere::Generated)));
        let value = view.text.as_bytes().get(range.clone()).unwrap_or_default();
        !is_mere_run
            && view.map.crosses_cut(range)
            && (!is_keyed() || (value.len() >= MIN_KEYED && generated::is_token(value)))
            && !view.map.pieces(range).all(|piece| plain.holds(&piece))
            && !(value.starts_with(ARMOUR) && plain.meets(&view.map.to_source(range)))
    }
}

/// The strongest match of each place: everything that was found in one encoded run is in the same one.
fn each_place_once(mut matches: Vec<Match>) -> Vec<Match> {
    matches.sort_unstable_by_key(|found| (found.range.start, found.range.end, found.rule));
    matches.dedup_by(|second, first| second.range == first.range);
    matches
}

/// Places that matches cover, in order and apart.
struct Covered(Vec<Range<usize>>);

impl Covered {
    fn by(matches: &[Match]) -> Self {
        let mut ranges: Vec<_> = matches.iter().map(|found| found.range.clone()).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        let mut joined: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match joined.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                Some(_) | None => joined.push(range),
            }
        }
        Self(joined)
    }

    /// Says whether a part of `range` is covered.
    fn meets(&self, range: &Range<usize>) -> bool {
        let index = self.0.partition_point(|covered| covered.end <= range.start);
        self.0.get(index).is_some_and(|covered| covered.start < range.end)
    }

    /// Says whether all of `piece` is covered.
    fn holds(&self, piece: &Range<usize>) -> bool {
        let index = self.0.partition_point(|range| range.start <= piece.start);
        let range = index.checked_sub(1).and_then(|index| self.0.get(index));
        range.is_some_and(|range| piece.end <= range.end)
    }
}

/// Beginning of a key in text; if its lines were seen one by one, code stands between them.
const ARMOUR: &[u8] = b"-----";
/// Shortest value behind a key that may be cut in pieces.
const MIN_KEYED: usize = 16;
/// Times that a text is read without disguise: an escape may stand for the beginning of another kind.
const ROUNDS: u8 = 2;
/// Bytes that may be looked at in what was unpacked, for any text and for each of its bytes.
const BASE_UNPACKED_WORK: u64 = 1024 * 1024;
const UNPACKED_WORK_PER_BYTE: u64 = 16;
