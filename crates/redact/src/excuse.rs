//! Why what a loaded rule matched is no secret after all: too little entropy, or a word or pattern of an allow-list.

use std::ops::Range;

use regex_automata::meta::Regex;

use crate::text::Text;

/// All excuses of one rule.
#[derive(Debug, Clone, Default)]
pub(crate) struct Excuses {
    /// Bits of Shannon entropy per byte that a secret has more of.
    pub(crate) entropy: Option<f64>,
    pub(crate) all: Vec<Excuse>,
}

/// One allow-list.
#[derive(Debug, Clone)]
pub(crate) struct Excuse {
    pub(crate) target: Target,
    pub(crate) patterns: Vec<Regex>,
    /// Words in lower case, one of which is in the secret.
    pub(crate) stopwords: Vec<String>,
    /// Whether a pattern and a word are needed, if there are any, and not only one of them.
    pub(crate) needs_both: bool,
}

/// What a pattern of an allow-list is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// The secret.
    Secret,
    /// The whole match.
    Match,
    /// The line that the match begins in.
    Line,
}

impl Excuses {
    /// Says whether a match is excused.
    pub(crate) fn hold(&self, text: Text<'_>, whole: &Range<usize>, secret: &Range<usize>) -> bool {
        let value = text.slice(secret.clone());
        text.spend(value.len());
        self.entropy.is_some_and(|least| entropy(value) <= least)
            || self.all.iter().any(|excuse| excuse.holds(text, whole, secret))
    }
}

impl Excuse {
    fn holds(&self, text: Text<'_>, whole: &Range<usize>, secret: &Range<usize>) -> bool {
        let range = match self.target {
            Target::Secret => secret.clone(),
            Target::Match => whole.clone(),
            Target::Line => {
                let is_line = |byte: u8| byte != b'\n';
                text.skip_back(whole.start, LINE, is_line)..text.skip(whole.start, LINE, is_line)
            }
        };
        let judged = text.slice(range);
        let lower = text.slice(secret.clone()).to_ascii_lowercase();
        text.spend(judged.len() * self.patterns.len() + lower.len() * self.stopwords.len());
        let by_pattern = self.patterns.iter().any(|pattern| pattern.is_match(judged));
        let by_word = self
            .stopwords
            .iter()
            .any(|word| lower.windows(word.len().max(1)).any(|part| part == word.as_bytes()));
        if self.needs_both {
            (by_pattern || self.patterns.is_empty())
                && (by_word || self.stopwords.is_empty())
                && (by_pattern || by_word)
        } else {
            by_pattern || by_word
        }
    }
}

/// Bits per byte (Shannon 1948).
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in value {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// Bytes of a line to either side.
const LINE: usize = 512;
