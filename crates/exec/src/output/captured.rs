//! From redacted text to the head and the tail that are shown.

use std::fmt::Write as _;

use mab_core::visible::Visibly;
use mab_redact::{Action, Finding};

use super::{PART_BYTES, decoded::marked_byte};
use crate::Captured;

/// A stretch of a stream as it is shown, with where each character of it comes from.
#[derive(Debug)]
pub(super) struct Shown {
    text: String,
    units: Vec<Unit>,
    start: u64,
}

/// One character, marked byte or secret.
#[derive(Debug, Clone, Copy)]
struct Unit {
    kind: Kind,
    /// Where it ends in what is shown.
    shown_end: usize,
    /// Where it ends in what was printed, from the beginning of the stretch.
    printed_end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Character,
    Blank,
    Byte,
    Secret,
}

impl Shown {
    /// Shows `text`, decoded from `stretch`, with the findings replaced.
    pub(super) fn new(text: &str, findings: &[Finding], start: u64) -> Self {
        let mut shown =
            Self { text: String::with_capacity(text.len()), units: Vec::with_capacity(text.len()), start };
        let (mut visibly, mut at) = (Visibly::default(), 0);
        for finding in findings.iter().filter(|finding| finding.action != Action::Warn) {
            shown.characters(text.get(at..finding.start).unwrap_or_default(), &mut visibly);
            let secret = text.get(finding.start..finding.end).unwrap_or_default();
            shown.text.push_str(&finding.placeholder);
            shown.unit(Kind::Secret, secret.chars().map(printed_len).sum());
            visibly = Visibly::default();
            at = finding.end;
        }
        shown.characters(text.get(at..).unwrap_or_default(), &mut visibly);
        shown
    }

    fn characters(&mut self, text: &str, visibly: &mut Visibly) {
        for character in text.chars() {
            let kind = if let Some(byte) = marked_byte(character) {
                // Writing to a String cannot fail.
                let _ = write!(self.text, "\\x{byte:02x}");
                *visibly = Visibly::default();
                Kind::Byte
            } else {
                visibly.push(&mut self.text, character, &['\n', '\t']);
                if character.is_ascii_whitespace() { Kind::Blank } else { Kind::Character }
            };
            self.unit(kind, printed_len(character));
        }
    }

    fn unit(&mut self, kind: Kind, printed: usize) {
        let before = self.units.last().map_or(0, |unit| unit.printed_end);
        self.units.push(Unit { kind, shown_end: self.text.len(), printed_end: before + printed });
    }

    /// Where a unit begins in what is shown, and in what was printed.
    fn begins(&self, unit: usize) -> (usize, u64) {
        let before = unit.checked_sub(1).and_then(|before| self.units.get(before));
        before.map_or((0, self.start), |before| (before.shown_end, self.start + before.printed_end as u64))
    }

    /// Units at its beginning that make a head.
    fn head(&self) -> usize {
        let fits =
            |unit: usize| self.begins(unit).1 < PART_BYTES as u64 && self.begins(unit + 1).0 <= PART_BYTES;
        (0..self.units.len()).take_while(|&unit| fits(unit)).count()
    }

    /// The first unit of the tail, of those from `first` on; `total` bytes were printed.
    fn tail(&self, first: usize, total: u64) -> usize {
        let fits = |unit: usize| {
            let (shown, printed) = self.begins(unit);
            printed >= total.saturating_sub(PART_BYTES as u64) && self.text.len() - shown <= PART_BYTES
        };
        let tail = (first..self.units.len()).find(|&unit| fits(unit)).unwrap_or(self.units.len());
        let is_blank = |unit: &usize| self.units.get(*unit).is_some_and(|unit| unit.kind == Kind::Blank);
        // Of a word that began before all that was kept nobody knows what it is.
        if self.start == 0 || (0..tail).any(|unit| is_blank(&unit)) {
            return tail;
        }
        (tail..self.units.len()).find(is_blank).unwrap_or(self.units.len())
    }

    fn count(&self, units: std::ops::Range<usize>, kind: Kind) -> u64 {
        self.units.get(units).unwrap_or_default().iter().filter(|unit| unit.kind == kind).count() as u64
    }
}

/// Cuts one stream, of which one or two stretches were kept, into its head and its tail.
pub(super) fn capture(stretches: &[Shown], total: u64) -> Captured {
    let (Some(front), Some(back)) = (stretches.first(), stretches.last()) else { return Captured::default() };
    let head = front.head();
    let is_whole = stretches.len() == 1;
    let tail = back.tail(if is_whole { head } else { 0 }, total);
    let (head_shown, head_end) = front.begins(head);
    let (tail_shown, tail_start) = back.begins(tail);
    let count = |kind| front.count(0..head, kind) + back.count(tail..back.units.len(), kind);
    Captured {
        head: front.text.get(..head_shown).unwrap_or_default().to_owned(),
        tail: back.text.get(tail_shown..).unwrap_or_default().to_owned(),
        omitted_bytes: tail_start.saturating_sub(head_end),
        total_bytes: total,
        redacted: count(Kind::Secret),
        binary: count(Kind::Byte) > 0,
    }
}

/// The whole of a stretch as it is shown: for one line of it.
pub(super) fn whole(shown: Shown) -> String {
    shown.text
}

fn printed_len(character: char) -> usize {
    if marked_byte(character).is_some() { 1 } else { character.len_utf8() }
}
