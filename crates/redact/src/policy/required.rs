//! Strings of which every match of a foreign pattern contains one.
//!
//! Patterns of other programs begin with anything (`[\w.-]{0,50}?`); what has to be in a match is looked for inside.

use regex_syntax::hir::{Hir, HirKind};

use crate::literals;

/// Strings in lower case, one of which is in every match; the best ones there are.
pub(super) fn literals(pattern: &Hir) -> Option<Vec<String>> {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => None,
        HirKind::Literal(_) => literals::prefixes(pattern).ok(),
        HirKind::Repetition(repetition) if repetition.min == 0 => None,
        HirKind::Repetition(repetition) => literals(&repetition.sub),
        HirKind::Capture(capture) => literals(&capture.sub),
        HirKind::Alternation(branches) => {
            let all = branches.iter().map(literals).collect::<Option<Vec<_>>>()?.concat();
            (all.len() <= MOST).then_some(all)
        }
        HirKind::Concat(parts) => {
            let parts = parts.get(..MOST_PARTS).unwrap_or(parts);
            let inside = parts.iter().filter_map(literals);
            let across = (0..parts.len()).filter_map(|from| {
                let tail = parts.get(from..).unwrap_or_default();
                let begins = tail.first().is_some_and(|first| {
                    matches!(first.kind(), HirKind::Literal(_) | HirKind::Class(_) | HirKind::Capture(_))
                });
                begins.then(|| literals::prefixes(&Hir::concat(tail.to_vec())).ok()).flatten()
            });
            inside.chain(across).filter(|found| found.len() <= MOST).max_by_key(|found| value(found))
        }
    }
}

/// Long strings are seen rarely; few are looked for quickly.
fn value(found: &[String]) -> (usize, std::cmp::Reverse<usize>) {
    let shortest = found.iter().map(String::len).min().unwrap_or(0);
    (shortest.min(LONG_ENOUGH), std::cmp::Reverse(found.len()))
}

/// Most strings of one pattern.
const MOST: usize = 128;
/// Parts of a pattern that are looked at.
const MOST_PARTS: usize = 64;
/// Bytes beyond which a longer string is hardly any rarer.
const LONG_ENOUGH: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str) -> Option<Vec<String>> {
        literals(&literals::parse(pattern).unwrap())
    }

    #[test]
    fn pattern_when_something_is_certain_then_it_is_found() {
        for (pattern, expected) in [
            (r"\b(acme_[0-9a-z]{8})\b", &["acme_"][..]),
            (r"(?i)[\w.-]{0,50}?(?:acme)(?:[ \t\w.-]{0,20})[=:]([a-z0-9]{32})", &["acme"]),
            (r"[a-z]{4}(?:foo-bar|zap)\d+", &["foo-bar", "zap"]),
            (r"(?:x|y)+\.example\.com", &[".example.com"]),
        ] {
            assert_eq!(of(pattern).unwrap(), expected, "{pattern}");
        }
    }

    #[test]
    fn pattern_when_nothing_is_certain_then_nothing_is_found() {
        for pattern in [r"[0-9a-f]{32}", r"(?:acme)?[a-z]+", r"(?:acme|[0-9])x", "ab"] {
            assert_eq!(of(pattern), None, "{pattern}");
        }
    }
}
