//! Which of many values begins at a place of a text.
//!
//! The values are sorted. A bit map of the hashes of their first eight bytes lets nearly every place go after one
//! multiplication; for what is left, a binary search finds the last value that is not behind the text there, and every value
//! that begins there is that one or a prefix of it. No automaton has to be built, which takes longer than the search itself
//! and, with thousands of values, is larger than a cache.
//!
//! *Linear*: a place costs at most the logarithm of the number of values, and [`MOST_PREFIXES`] steps.

/// Values to look for, each of at least [`HEAD`] bytes.
pub(crate) struct Prefixes<'a, T> {
    values: Vec<(&'a [u8], T)>,
    /// For each value, the longest other one that it begins with.
    shorter: Vec<Option<usize>>,
    heads: Vec<u64>,
}

impl<'a, T: Copy> Prefixes<'a, T> {
    /// Sorts the values, of which no two may be the same.
    pub(crate) fn new(mut values: Vec<(&'a [u8], T)>) -> Self {
        values.sort_unstable_by_key(|&(value, _)| value);
        let mut heads = vec![0_u64; WORDS];
        let mut shorter = Vec::with_capacity(values.len());
        // What the value before begins with, and itself, each a prefix of the next.
        let mut open: Vec<(usize, &[u8])> = Vec::new();
        for (index, &(value, _)) in values.iter().enumerate() {
            if let Some(word) = value.first_chunk().and_then(|&head| heads.get_mut(word_of(head))) {
                *word |= bit_of(value.first_chunk().copied().unwrap_or_default());
            }
            while open.pop_if(|(_, last)| !value.starts_with(last)).is_some() {}
            shorter.push(open.last().map(|&(index, _)| index));
            open.push((index, value));
        }
        Self { values, shorter, heads }
    }

    /// Calls `seen` with each place of `text` where a value begins, and the longest one there, which the next place is behind.
    pub(crate) fn find(&self, text: &[u8], mut seen: impl FnMut(usize, &'a [u8], T)) {
        let mut free = 0;
        for (at, head) in text.windows(HEAD).enumerate() {
            let Some(&head) = head.first_chunk() else { continue };
            let may_begin = self.heads.get(word_of(head)).is_some_and(|word| word & bit_of(head) != 0);
            if at < free || !may_begin {
                continue;
            }
            if let Some((value, data)) = text.get(at..).and_then(|rest| self.longest(rest)) {
                seen(at, value, data);
                free = at + value.len();
            }
        }
    }

    /// The longest value that `rest` begins with.
    fn longest(&self, rest: &[u8]) -> Option<(&'a [u8], T)> {
        let mut index = self.values.partition_point(|&(value, _)| value <= rest).checked_sub(1)?;
        for _ in 0..MOST_PREFIXES {
            let &(value, data) = self.values.get(index)?;
            if rest.starts_with(value) {
                return Some((value, data));
            }
            index = (*self.shorter.get(index)?)?;
        }
        None
    }
}

/// Hash of the first bytes of a value: 20 bits.
fn hash(head: [u8; HEAD]) -> u64 {
    u64::from_le_bytes(head).wrapping_mul(GOLDEN) >> 44
}

fn word_of(head: [u8; HEAD]) -> usize {
    usize::try_from(hash(head) / 64).unwrap_or(0)
}

fn bit_of(head: [u8; HEAD]) -> u64 {
    1 << (hash(head) % 64)
}

/// Bytes that all values have at least.
const HEAD: usize = 8;
/// Words of 64 bits for 20 bits of hash: 128 KiB, which the second cache holds.
const WORDS: usize = 1 << 14;
/// 2⁶⁴ divided by the golden ratio, whose products spread well (Knuth, The Art of Computer Programming, 6.4).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
/// Most values, each the beginning of the next, that are tried at one place.
const MOST_PREFIXES: usize = 32;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_when_many_are_looked_for_then_as_in_a_plain_search(
            values in prop::collection::btree_set("aaaaaaa[ab]{1,8}", 1..30),
            text in "[ab]{0,20}a{5,9}[ab]{0,60}",
        ) {
            let values: BTreeSet<String> = values;
            let mut found = Vec::new();
            let list = values.iter().map(|value| (value.as_bytes(), ())).collect();
            Prefixes::new(list).find(text.as_bytes(), |at, value, ()| found.push((at, value.len())));
            let mut expected = Vec::new();
            let mut at = 0;
            while at < text.len() {
                let here = values.iter().filter(|value| text[at..].starts_with(value.as_str()));
                let longest = here.map(String::len).max();
                expected.extend(longest.map(|length| (at, length)));
                at += longest.unwrap_or(1);
            }
            prop_assert_eq!(found, expected);
        }
    }
}
