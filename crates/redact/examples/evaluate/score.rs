//! How much of a secret was redacted.

use std::ops::Range;

use mab_redact::Finding;

use crate::table::{float, percent};

/// What became of the secrets of one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Score {
    /// At least 95 % of the bytes of each are redacted.
    Full,
    /// Some bytes are redacted, but not all: a leak.
    Partial,
    /// Nothing is.
    Miss,
}

/// A secret is redacted from this share of its bytes on.
const ENOUGH: f64 = 0.95;

/// Judges secrets, each of which may lie in several pieces.
pub(crate) fn judge(secrets: &[Vec<Range<usize>>], findings: &[Finding]) -> Score {
    let covered =
        |pieces: &Vec<Range<usize>>| pieces.iter().map(|piece| covered_bytes(piece, findings)).sum::<usize>();
    let is_full = |pieces: &Vec<Range<usize>>| {
        float(covered(pieces)) >= ENOUGH * float(pieces.iter().map(ExactSizeIterator::len).sum())
    };
    if secrets.iter().all(is_full) {
        Score::Full
    } else if secrets.iter().any(|pieces| covered(pieces) > 0) {
        Score::Partial
    } else {
        Score::Miss
    }
}

/// Every place where one of `secrets` stands in `text`.
pub(crate) fn occurrences(text: &str, secrets: &[String]) -> Vec<Range<usize>> {
    let places = |secret: &String| {
        let len = secret.len();
        text.match_indices(secret.as_str()).map(|(at, _)| at..at + len).collect::<Vec<_>>()
    };
    secrets.iter().filter(|secret| !secret.is_empty()).flat_map(places).collect()
}

/// Bytes of `piece` that lie in a finding; findings do not overlap.
fn covered_bytes(piece: &Range<usize>, findings: &[Finding]) -> usize {
    let shared =
        |finding: &Finding| finding.end.min(piece.end).saturating_sub(finding.start.max(piece.start));
    findings.iter().map(shared).sum()
}

/// Counts of scores.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    /// All texts.
    pub(crate) total: usize,
    /// Texts whose secrets are redacted.
    pub(crate) full: usize,
    /// Texts with a leak.
    pub(crate) partial: usize,
}

impl Tally {
    /// Counts one more.
    pub(crate) fn add(&mut self, score: Score) {
        self.total += 1;
        match score {
            Score::Full => self.full += 1,
            Score::Partial => self.partial += 1,
            Score::Miss => {}
        }
    }

    /// Counts those of `other` too.
    pub(crate) fn join(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            full: self.full + other.full,
            partial: self.partial + other.partial,
        }
    }

    /// Share of full ones.
    pub(crate) fn full_percent(self) -> String {
        percent(self.full, self.total)
    }

    /// Share of leaks.
    pub(crate) fn partial_percent(self) -> String {
        percent(self.partial, self.total)
    }
}
