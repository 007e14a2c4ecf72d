//! From a place in a view back to the text it was made from.
//!
//! ```text
//! source   k e y = \ u 0 0 4 1 b c
//! view     k e y = A           b c     segments: copy 4 · atom 6→1 · copy 2
//! ```
//! A map has one segment per run of copied bytes and one per replaced escape, character or encoded run. An end of a range
//! that falls into a replaced segment moves to that end of the segment, so nothing is ever cut in two.

use std::ops::Range;

use crate::ViewKind;

/// Where the bytes of a view come from.
#[derive(Debug, Default)]
pub(crate) struct Map {
    segments: Vec<Segment>,
}

/// A run of bytes of the view; it ends where the next one begins.
#[derive(Debug)]
struct Segment {
    /// Its first byte in the view.
    view: usize,
    source: Range<usize>,
    origin: Origin,
}

/// How the bytes of a segment came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The same bytes stand in the source.
    Copy,
    /// One character, from an escape or from another character.
    Atom,
    /// The text inside an encoded run.
    Run(ViewKind),
    /// Nothing in the source: keeps apart what does not stand together.
    Gap,
}

impl Map {
    /// Moves a range of the view to the source; both ends fall on whole characters, escapes and runs.
    pub(crate) fn to_source(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.segment_at(range.start).map_or(0, |segment| match segment.origin {
            Origin::Copy => segment.source.start + (range.start - segment.view),
            Origin::Atom | Origin::Run(_) | Origin::Gap => segment.source.start,
        });
        let last = range.end.checked_sub(1).and_then(|last| self.segment_at(last));
        let end = last.map_or(0, |segment| match segment.origin {
            Origin::Copy => segment.source.start + (range.end - segment.view),
            Origin::Atom | Origin::Run(_) | Origin::Gap => segment.source.end,
        });
        start..end.max(start)
    }

    /// The encoded run that a range of the view touches first.
    pub(crate) fn run_kind(&self, range: &Range<usize>) -> Option<ViewKind> {
        self.within(range).find_map(|segment| match segment.origin {
            Origin::Run(kind) => Some(kind),
            Origin::Copy | Origin::Atom | Origin::Gap => None,
        })
    }

    /// Says whether bytes of the source that stand inside a range of the view were left out of it.
    pub(crate) fn crosses_cut(&self, range: &Range<usize>) -> bool {
        let sources = self.within(range).map(|segment| &segment.source);
        sources.clone().zip(sources.skip(1)).any(|(first, second)| first.end != second.start)
    }

    /// Says whether a range of the view reaches over a gap.
    pub(crate) fn crosses_gap(&self, range: &Range<usize>) -> bool {
        self.within(range).any(|segment| segment.origin == Origin::Gap)
    }

    /// Says whether the byte of the view at `offset` comes out of an encoded run.
    pub(crate) fn is_decoded(&self, offset: usize) -> bool {
        self.segment_at(offset).is_some_and(|segment| matches!(segment.origin, Origin::Run(_)))
    }

    /// The pieces of the source that a range of the view was put together from.
    pub(crate) fn pieces(&self, range: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let whole = self.to_source(range);
        self.within(range)
            .map(move |segment| segment.source.start.max(whole.start)..segment.source.end.min(whole.end))
    }

    fn segment_at(&self, offset: usize) -> Option<&Segment> {
        let index = self.segments.partition_point(|segment| segment.view <= offset);
        self.segments.get(index.checked_sub(1)?)
    }

    /// Segments that have a byte in the range.
    fn within(&self, range: &Range<usize>) -> impl Iterator<Item = &Segment> + Clone {
        let first = self.segments.partition_point(|segment| segment.view <= range.start).saturating_sub(1);
        let end = self.segments.partition_point(|segment| segment.view < range.end);
        self.segments.get(first..end).unwrap_or_default().iter()
    }
}

/// Puts a view together from front to back.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    source: &'a str,
    /// The view so far.
    pub(crate) text: String,
    map: Map,
    /// Where in the source the view goes on.
    pub(crate) position: usize,
}

impl<'a> Builder<'a> {
    /// Begins an empty view of `source`.
    pub(crate) fn new(source: &'a str) -> Self {
        Self { source, text: String::new(), map: Map::default(), position: 0 }
    }

    /// Copies the source up to `end`.
    pub(crate) fn copy_to(&mut self, end: usize) {
        let source = self.position..end.max(self.position);
        let Some(copied) = self.source.get(source.clone()).filter(|copied| !copied.is_empty()) else {
            return;
        };
        match self.map.segments.last_mut() {
            Some(last) if last.origin == Origin::Copy && last.source.end == source.start => {
                last.source.end = source.end;
            }
            Some(_) | None => self.segment(source, Origin::Copy),
        }
        self.text.push_str(copied);
        self.position = end;
    }

    /// Goes on at another place of the source, which leaves out what is between.
    pub(crate) fn go_to(&mut self, position: usize) {
        self.position = position;
    }

    /// Puts one character in place of the source up to `end`.
    pub(crate) fn atom(&mut self, end: usize, character: char) {
        self.segment(self.position..end, Origin::Atom);
        self.text.push(character);
        self.position = end;
    }

    /// Puts decoded text in place of the source up to `end`.
    pub(crate) fn run(&mut self, end: usize, kind: ViewKind, decoded: &str) {
        if !decoded.is_empty() {
            self.segment(self.position..end, Origin::Run(kind));
            self.text.push_str(decoded);
        }
        self.position = end;
    }

    /// Keeps what follows apart from what is there.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.segment(self.position..self.position, Origin::Gap);
            self.text.push_str(GAP);
        }
    }

    /// The finished view.
    pub(crate) fn finish(self) -> (String, Map) {
        (self.text, self.map)
    }

    fn segment(&mut self, source: Range<usize>, origin: Origin) {
        self.map.segments.push(Segment { view: self.text.len(), source, origin });
    }
}

/// Stands between parts of a view; no rule reads over a NUL byte.
const GAP: &str = "\n\0\n";

#[cfg(test)]
mod tests {
    use super::*;

    /// `ab` copied, `\u0041` as one character, `--` left out, `cd` copied, a gap, `QUJD` decoded.
    fn example() -> (String, Map) {
        let mut builder = Builder::new("ab\\u0041--cd ef QUJD");
        builder.copy_to(2);
        builder.atom(8, 'A');
        builder.go_to(10);
        builder.copy_to(11);
        builder.copy_to(12);
        builder.gap();
        builder.go_to(16);
        builder.run(20, ViewKind::Base64, "ABC");
        builder.finish()
    }

    #[test]
    fn range_when_mapped_then_on_whole_escapes_and_runs() {
        let (text, map) = example();
        assert_eq!(text, "abAcd\n\0\nABC");
        for (range, source) in [(0..1, 0..1), (1..3, 1..8), (2..3, 2..8), (3..5, 10..12), (2..4, 2..11)] {
            assert_eq!(map.to_source(&range), source, "{range:?}");
        }
        for range in [8..9, 9..10, 8..11, 10..11] {
            assert_eq!(map.to_source(&range), 16..20, "{range:?}");
            assert_eq!(map.run_kind(&range), Some(ViewKind::Base64));
        }
        assert_eq!(map.run_kind(&(0..5)), None);
        assert_eq!(map.pieces(&(1..4)).collect::<Vec<_>>(), [1..2, 2..8, 10..11]);
    }

    #[test]
    fn range_when_over_a_cut_or_a_gap_then_known() {
        let (_, map) = example();
        assert!(map.crosses_cut(&(2..4)) && map.crosses_cut(&(0..5)));
        assert!(!map.crosses_cut(&(0..3)) && !map.crosses_cut(&(3..5)));
        assert!(map.crosses_gap(&(4..9)) && !map.crosses_gap(&(0..5)) && !map.crosses_gap(&(8..11)));
    }
}
