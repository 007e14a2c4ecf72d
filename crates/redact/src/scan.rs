//! One pass over a text for thousands of literals.
//!
//! A literal is looked for by its first four bytes (three, if it has no more). Two bit maps of their hashes, small enough
//! for the first cache, let nearly every position of a text go after one multiplication; what is left is compared. No step
//! depends on the one before, which makes this several times faster than following an automaton, and there is nothing to
//! compile: the maps are made in less than a tenth of a millisecond, from the rules of the program and of a policy alike.
//!
//! *Linear*: a position costs at most as many comparisons as literals share its first bytes.

use std::ops::Range;

/// Literals, looked for in any ASCII case.
pub(crate) struct Scanner {
    /// All literals in one piece.
    bytes: Vec<u8>,
    /// Where each literal ends in it.
    ends: Vec<u32>,
    /// Bits of the hashes of literals of at least four bytes.
    of_four: BitMap,
    /// Bits of the hashes of literals of three bytes.
    of_three: BitMap,
    /// For each slot, one more than the first literal whose hash falls in it.
    first: Vec<u16>,
    /// For each literal, one more than the next one in its slot.
    next: Vec<u16>,
}

impl Scanner {
    /// Prepares the search for `literals`, each of at least three bytes; `None` if there are too many.
    pub(crate) fn new<'a>(literals: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut scanner = Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            of_four: BitMap::new(),
            of_three: BitMap::new(),
            first: vec![0; SLOTS],
            next: Vec::new(),
        };
        for literal in literals {
            scanner.bytes.extend_from_slice(literal.as_bytes());
            scanner.ends.push(u32::try_from(scanner.bytes.len()).ok()?);
        }
        scanner.next = vec![0; scanner.ends.len()];
        // From the last to the first, so that the chains are in the order of the literals.
        for index in (0..scanner.ends.len()).rev() {
            let hash = match *scanner.literal(index) {
                [a, b, c, d, ..] => {
                    let hash = hash(u32::from_le_bytes([a, b, c, d]));
                    scanner.of_four.set(hash);
                    hash
                }
                [a, b, c] => {
                    let hash = hash(u32::from_le_bytes([a, b, c, 0]));
                    scanner.of_three.set(hash);
                    hash
                }
                _ => return None,
            };
            let first = scanner.first.get_mut(slot(hash))?;
            *scanner.next.get_mut(index)? = *first;
            *first = u16::try_from(index + 1).ok()?;
        }
        Some(scanner)
    }

    /// Calls `seen` with each literal (its number) and its place in `text`, ordered by where they begin and, of the same
    /// length class, by number; stops at the first error.
    ///
    /// # Errors
    /// The one of `seen`.
    pub(crate) fn scan<E>(
        &self,
        text: &[u8],
        mut seen: impl FnMut(usize, Range<usize>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut look = |at: usize, window: u32| -> Result<(), E> {
            let (four, three) = (hash(window), hash(window & THREE_BYTES));
            if self.of_four.has(four) {
                self.compare(text, at, four, &mut seen)?;
            }
            if self.of_three.has(three) {
                self.compare(text, at, three, &mut seen)?;
            }
            Ok(())
        };
        for (at, window) in text.windows(4).enumerate() {
            if let [a, b, c, d] = *window {
                look(at, u32::from_le_bytes([a, b, c, d]))?;
            }
        }
        if let [.., a, b, c] = *text {
            look(text.len() - 3, u32::from_le_bytes([a, b, c, 0]))?;
        }
        Ok(())
    }

    /// The literal with this number.
    fn literal(&self, index: usize) -> &[u8] {
        let end = |index: usize| self.ends.get(index).map_or(0, |&end| end as usize);
        let start = index.checked_sub(1).map_or(0, end);
        self.bytes.get(start..end(index)).unwrap_or_default()
    }

    /// Compares the literals of one slot with the text at `at`.
    fn compare<E>(
        &self,
        text: &[u8],
        at: usize,
        hash: u32,
        seen: &mut impl FnMut(usize, Range<usize>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut number = self.first.get(slot(hash)).copied().unwrap_or(0);
        while let Some(index) = usize::from(number).checked_sub(1) {
            let literal = self.literal(index);
            let range = at..at + literal.len();
            if text.get(range.clone()).is_some_and(|place| place.eq_ignore_ascii_case(literal)) {
                seen(index, range)?;
            }
            number = self.next.get(index).copied().unwrap_or(0);
        }
        Ok(())
    }
}

/// A set of 16-bit hashes.
struct BitMap(Box<[u64; 1024]>);

impl BitMap {
    fn new() -> Self {
        Self(Box::new([0; 1024]))
    }

    fn set(&mut self, hash: u32) {
        if let Some(word) = self.0.get_mut(hash as usize / 64 % 1024) {
            *word |= 1 << (hash % 64);
        }
    }

    fn has(&self, hash: u32) -> bool {
        self.0.get(hash as usize / 64 % 1024).is_some_and(|word| word >> (hash % 64) & 1 == 1)
    }
}

/// Hash of the first bytes of a literal, alike for both cases of a letter.
fn hash(window: u32) -> u32 {
    (window | CASE_BITS).wrapping_mul(GOLDEN) >> 16
}

fn slot(hash: u32) -> usize {
    hash as usize % SLOTS
}

/// The bit that tells the cases of an ASCII letter apart, in each byte; other bytes may share a hash, which costs a
/// comparison.
const CASE_BITS: u32 = 0x2020_2020;
/// The first three bytes of a window.
const THREE_BYTES: u32 = 0x00ff_ffff;
/// 2³² divided by the golden ratio, whose products spread well (Knuth, The Art of Computer Programming, 6.4).
const GOLDEN: u32 = 0x9e37_79b1;
/// Chains of literals.
const SLOTS: usize = 8192;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(literals: &[&str], text: &str) -> Vec<(usize, Range<usize>)> {
        let mut found = Vec::new();
        let scanner = Scanner::new(literals.iter().copied()).unwrap();
        let seen = |literal, range| {
            found.push((literal, range));
            Ok::<(), ()>(())
        };
        scanner.scan(text.as_bytes(), seen).unwrap();
        found
    }

    #[test]
    fn literals_when_at_the_ends_or_nested_then_all_seen() {
        let literals = ["key", "keys", "api_key", "пароль", "://"];
        let mut found = scan(&literals, "KEYS://пароль api_Key");
        found.sort_by_key(|(literal, range)| (range.start, *literal));
        assert_eq!(found, [(0, 0..3), (1, 0..4), (4, 4..7), (3, 7..19), (2, 20..27), (0, 24..27)]);
    }

    #[test]
    fn text_when_shorter_than_a_window_then_searched() {
        assert_eq!(scan(&["key"], "key"), [(0, 0..3)]);
        assert_eq!(scan(&["key"], "ke"), []);
        assert_eq!(scan(&["keys"], "key"), []);
    }

    #[test]
    fn literal_when_shorter_than_three_bytes_then_refused() {
        assert!(Scanner::new(["ab"].into_iter()).is_none());
    }

    proptest! {
        #[test]
        fn scan_when_compared_with_a_plain_search_then_the_same(
            literals in prop::collection::hash_set("[a-cA-C_é]{3,6}", 1..20),
            text in "[a-cA-C_é ]{0,60}",
        ) {
            let mut literals: Vec<String> = literals.into_iter().map(|word| word.to_ascii_lowercase()).collect();
            literals.sort();
            literals.dedup();
            let words: Vec<&str> = literals.iter().map(String::as_str).collect();
            let mut found = scan(&words, &text);
            found.sort_by_key(|(literal, range)| (range.start, *literal));
            let lower = text.to_ascii_lowercase();
            let at = |at: usize| {
                let starts = |word: &&str| lower.as_bytes()[at..].starts_with(word.as_bytes());
                words.iter().enumerate().filter(move |(_, word)| starts(word)).map(move |(index, word)| (index, at..at + word.len())).collect::<Vec<_>>()
            };
            let expected: Vec<_> = (0..lower.len()).flat_map(at).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
