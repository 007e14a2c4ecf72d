//! What is remembered of values that were found: never the value, only keyed digests of it.
//!
//! ```text
//! k(x)   = HMAC-SHA256(key, x)                                     a sub-key for one purpose
//! mac    = HMAC-SHA256(k("value"), value), its first 16 bytes      confirms a value
//! f(8 bytes) = (these, little-endian, xor a) · b mod 2^64          a, b: 16 bytes of k("filter"), b odd
//! ends   = f(the first 8 bytes) ‖ f(the last 8 bytes), xor the first 16 bytes of HMAC-SHA256(k("ends"), mac)
//! ```
//!
//! `f` is compared at every byte of a text, so it has to be cheap; it is no strong hash and is therefore kept sealed by the
//! digest, as `ends`, and in the clear in memory only, where the key is as well.
//!
//! Only values that need their surroundings to be seen are remembered: a token with a format of its own is found by its
//! format wherever it stands. *Cost*: one multiplication per byte of text, and a digest where a value's first and last bytes
//! stand at its distance: where it is the value, its bytes are not looked at again, and where it is not, that counts against
//! the value, which is given up for this text after a few. So nothing that is remembered makes a text too costly.
//!
//! # What it may not do
//! Refuse a text: what is remembered is others' doing, so its values are replaced at most, also where their rule refuses.

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::engine::Engine;
use crate::plausible;
use crate::policy::Action;
use crate::rule::{Class, Match, Name};
use crate::text::Text;
use crate::view::ViewKind;

/// Bytes of the key of a [`Memory`].
pub const MEMORY_KEY_BYTES: usize = 32;
/// Most values that a [`Memory`] keeps; the oldest is forgotten for a new one.
pub const MEMORY_MAX: usize = 1024;
/// Most values that one text adds.
pub const LEARNED_MAX: usize = 64;

/// What is remembered of one value; without the key of its [`Memory`] it tells the value's length and its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// What makes beginning and end of the value known, sealed.
    pub ends: [u8; 16],
    /// What confirms the value.
    pub mac: [u8; 16],
    /// Bytes of the value.
    pub length: u32,
    /// Id of the rule that found it.
    pub rule: Name,
}

/// The values that were found under one key, such as a conversation's.
///
/// Agents of one conversation share it, so that what one has leaked is not repeated by another. Cloning it copies the
/// digests.
#[derive(Clone)]
pub struct Memory {
    keys: Arc<Keys>,
    /// In the order in which they came.
    digests: VecDeque<Digest>,
    /// By the filter of their beginning, longest first.
    by_filter: HashMap<u64, Vec<Known>>,
    /// One bit for the upper bits of each filter.
    bits: Vec<u64>,
}

/// A digest that is ready for use.
#[derive(Clone)]
struct Known {
    digest: Digest,
    /// The filter of its end.
    end: u64,
}

/// What is derived from the key.
struct Keys {
    value: Hmac<Sha256>,
    ends: Hmac<Sha256>,
    fingerprint: Hmac<Sha256>,
    filter: (u64, u64),
}

impl Memory {
    /// An empty memory. The key must be used for nothing else.
    pub fn new(key: &[u8; MEMORY_KEY_BYTES]) -> Self {
        Self::with(Arc::new(Keys::new(key)))
    }

    /// An empty memory under the same key.
    #[must_use]
    pub fn new_alike(&self) -> Self {
        Self::with(Arc::clone(&self.keys))
    }

    fn with(keys: Arc<Keys>) -> Self {
        Self { keys, digests: VecDeque::new(), by_filter: HashMap::new(), bits: Vec::new() }
    }

    /// Number of values that are remembered.
    pub fn len(&self) -> usize {
        self.digests.len()
    }

    /// Says whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Remembers a value by its digest, made under the same key, unless too many begin alike already: a flood of these must
    /// neither make every text expensive nor drive out what is known.
    pub fn add(&mut self, digest: Digest) {
        let (filter, end) = self.keys.filters_of(&digest);
        let same = self.by_filter.entry(filter).or_default();
        if same.len() >= MAX_SAME_HEAD || same.iter().any(|known| known.digest == digest) {
            return;
        }
        let place = same.partition_point(|known| known.digest.length > digest.length);
        same.insert(place, Known { digest: digest.clone(), end });
        self.set_bit(filter);
        self.digests.push_back(digest);
        if self.digests.len() > MEMORY_MAX {
            self.forget_oldest();
        }
    }

    /// Remembers a value that is known in clear, as if the rule with this id had found it. Shorter ones than eight bytes
    /// are not remembered.
    pub fn add_value(&mut self, value: &str, rule: impl Into<Name>) {
        if let Some(digest) = self.keys.digest(value.as_bytes(), rule.into()) {
            self.add(digest);
        }
    }

    /// Adds every place at which a remembered value stands, if its rule runs.
    pub(crate) fn find(&self, engine: &Engine, text: Text<'_>, found: &mut Vec<Match>) {
        if self.is_empty() {
            return;
        }
        let mut search = Search { engine, failures: HashMap::new(), rules: HashMap::new() };
        let mut covered = 0;
        for (at, window) in text.bytes().windows(HEAD).enumerate() {
            let Some(filter) = window.first_chunk().map(|head| self.keys.filter(*head)) else { continue };
            if at < covered || !self.has_bit(filter) {
                continue;
            }
            let Some(same) = self.by_filter.get(&filter) else { continue };
            if let Some((end, rule)) = self.confirmed(&mut search, text, at, same) {
                found.push(Match { range: at..end, rule, quotes: None, view: ViewKind::Plain });
                covered = end;
            }
        }
    }

    /// End and rule of the longest value that stands at `at`.
    fn confirmed<'a>(
        &self,
        search: &mut Search<'a>,
        text: Text<'_>,
        at: usize,
        same: &'a [Known],
    ) -> Option<(usize, usize)> {
        for Known { digest, end: filter } in same {
            let end = at + digest.length as usize;
            let value = text.slice(at..end);
            let ends_alike = value.last_chunk().is_some_and(|last| self.keys.filter(*last) == *filter);
            if value.len() != digest.length as usize || !ends_alike {
                continue;
            }
            let failures = search.failures.entry(&digest.mac).or_default();
            if *failures >= MAX_FAILURES {
                continue;
            }
            if self.keys.mac(value) == digest.mac
                && let Some(rule) = search.rule(&digest.rule)
            {
                return Some((end, rule));
            }
            *search.failures.entry(&digest.mac).or_default() += 1;
        }
        None
    }

    /// Digests of the values among `matches` that are worth remembering and not known yet, at most [`LEARNED_MAX`].
    pub(crate) fn learn(&self, engine: &Engine, text: Text<'_>, matches: &[Match]) -> Vec<Digest> {
        let mut learned: Vec<Digest> = Vec::new();
        let mut heads: HashMap<u64, usize> = HashMap::new();
        for found in matches {
            let value = text.slice(found.range.clone());
            let Some(rule) = engine.rule(found.rule) else { continue };
            if value.len() > MAX_VALUE
                || is_dull(value)
                || !plausible::is_distinctive(value)
                || is_found_alone(engine, value)
            {
                continue;
            }
            let Some(digest) = self.keys.digest(value, rule.id.clone()) else { continue };
            let is_known = |known: &Digest| known.mac == digest.mac;
            let (filter, _) = self.keys.filters_of(&digest);
            let same = self.by_filter.get(&filter).map(Vec::as_slice).unwrap_or_default();
            if same.iter().any(|known| is_known(&known.digest)) || learned.iter().any(is_known) {
                continue;
            }
            let alike = heads.entry(filter).or_insert(same.len());
            // What `add` would not take must not take the place of anything in the store either.
            if *alike < MAX_SAME_HEAD {
                *alike += 1;
                learned.push(digest);
            }
            if learned.len() >= LEARNED_MAX {
                break;
            }
        }
        learned
    }

    /// Eight characters that are the same for the same value of a class, under the same key.
    pub(crate) fn fingerprint(&self, class: Class, value: &[u8]) -> String {
        let mac = Hmac::chain_update(self.keys.fingerprint.clone(), class.as_str()).chain_update([0]);
        let bytes = mac.chain_update(value).finalize().into_bytes();
        let bits = bytes.iter().take(5).fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
        let letter = |index: usize| BASE32.get((bits >> (35 - 5 * index) & 31) as usize).copied();
        (0..8).filter_map(letter).map(char::from).collect()
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.digests.pop_front() else { return };
        let (filter, _) = self.keys.filters_of(&oldest);
        if let Some(same) = self.by_filter.get_mut(&filter) {
            same.retain(|known| known.digest != oldest);
            if same.is_empty() {
                self.by_filter.remove(&filter);
            }
        }
        self.bits.fill(0);
        let filters: Vec<u64> = self.by_filter.keys().copied().collect();
        for filter in filters {
            self.set_bit(filter);
        }
    }

    fn set_bit(&mut self, filter: u64) {
        self.bits.resize(FILTER_WORDS, 0);
        if let Some(word) = self.bits.get_mut(word_of(filter)) {
            *word |= 1 << (filter >> FILTER_SHIFT & 63);
        }
    }

    fn has_bit(&self, filter: u64) -> bool {
        self.bits.get(word_of(filter)).is_some_and(|word| word >> (filter >> FILTER_SHIFT & 63) & 1 == 1)
    }
}

/// What one search through one text knows.
struct Search<'a> {
    engine: &'a Engine,
    /// How often something looked like a value and was not.
    failures: HashMap<&'a [u8; 16], u8>,
    rules: HashMap<&'a str, Option<usize>>,
}

impl<'a> Search<'a> {
    /// The place of the rule with this id; of one that replaces, where that one refuses the text.
    fn rule(&mut self, id: &'a str) -> Option<usize> {
        let engine = self.engine;
        *self.rules.entry(id).or_insert_with(|| {
            let index = engine.index_of(id)?;
            if replaces(engine, index) {
                return Some(index);
            }
            let class = engine.rule(index)?.class;
            let replacing = || {
                (0..)
                    .map_while(|index| Some((index, engine.rule(index)?)))
                    .filter(|(index, _)| replaces(engine, *index))
            };
            let alike = replacing().find(|(_, rule)| rule.class == class);
            alike.or_else(|| replacing().last()).map(|(index, _)| index)
        })
    }
}

/// Says whether what a rule finds is replaced, and the text not refused.
fn replaces(engine: &Engine, rule: usize) -> bool {
    let found = Match { range: 0..0, rule, quotes: None, view: ViewKind::Plain };
    engine.finding(&found).is_some_and(|finding| finding.action == Action::Redact)
}

/// Says whether a value has beginnings or ends as rulers and indentations have, and little else.
fn is_dull(value: &[u8]) -> bool {
    let distinct = |bytes: &[u8]| bytes.iter().collect::<HashSet<_>>().len();
    let is_plain = |end: Option<&[u8; HEAD]>| end.is_some_and(|end| distinct(end) < MIN_DISTINCT_ENDS);
    distinct(value) < MIN_DISTINCT && (is_plain(value.first_chunk()) || is_plain(value.last_chunk()))
}

impl fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Memory").field("values", &self.len()).finish_non_exhaustive()
    }
}

impl Keys {
    fn new(key: &[u8; MEMORY_KEY_BYTES]) -> Self {
        let derive = |purpose: &str| Zeroizing::new(digest_of(keyed(key).chain_update(purpose)));
        let filter = derive("filter");
        let number = |at: usize| {
            let bytes = filter.get(at..).and_then(<[u8]>::first_chunk).copied();
            u64::from_le_bytes(bytes.unwrap_or_default())
        };
        Self {
            value: keyed(&derive("value")),
            ends: keyed(&derive("ends")),
            fingerprint: keyed(&derive("fingerprint")),
            filter: (number(0), number(8) | 1),
        }
    }

    fn filter(&self, head: [u8; HEAD]) -> u64 {
        (u64::from_le_bytes(head) ^ self.filter.0).wrapping_mul(self.filter.1)
    }

    fn mac(&self, value: &[u8]) -> [u8; 16] {
        shortened(&digest_of(self.value.clone().chain_update(value)))
    }

    fn digest(&self, value: &[u8], rule: Name) -> Option<Digest> {
        let (first, last) = (self.filter(*value.first_chunk()?), self.filter(*value.last_chunk()?));
        let (length, mac) = (u32::try_from(value.len()).ok()?, self.mac(value));
        let ends = u128::from(first) << 64 | u128::from(last);
        Some(Digest { ends: (ends ^ self.seal(mac)).to_be_bytes(), mac, length, rule })
    }

    /// The filters of beginning and end.
    fn filters_of(&self, digest: &Digest) -> (u64, u64) {
        let ends = (u128::from_be_bytes(digest.ends) ^ self.seal(digest.mac)).to_be_bytes();
        let half = |bytes: Option<&[u8; HEAD]>| u64::from_be_bytes(bytes.copied().unwrap_or_default());
        (half(ends.first_chunk()), half(ends.last_chunk()))
    }

    fn seal(&self, mac: [u8; 16]) -> u128 {
        u128::from_be_bytes(shortened(&digest_of(self.ends.clone().chain_update(mac))))
    }
}

/// Says whether a value is found without anything around it, so that nobody has to remember it.
fn is_found_alone(engine: &Engine, value: &[u8]) -> bool {
    let spent = Cell::new(0);
    let Ok(alone) = std::str::from_utf8(value) else { return false };
    let found = engine.find(Text::new(alone, &spent), u64::MAX).unwrap_or_default();
    found.iter().any(|found| found.range == (0..alone.len()))
}

/// A rule that sees nothing by itself: its values are remembered, see [`Memory::add_value`].
pub(crate) fn by_value_only(_: Text<'_>, _: Range<usize>, _: &mut Vec<Range<usize>>) {}

fn keyed(key: &[u8; MEMORY_KEY_BYTES]) -> Hmac<Sha256> {
    // HMAC fills a key that is shorter than a block with zeros (RFC 2104).
    let mut block = Zeroizing::new([0; BLOCK]);
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    KeyInit::new(&(*block).into())
}

fn digest_of(mac: Hmac<Sha256>) -> [u8; 32] {
    mac.finalize().into_bytes().into()
}

fn shortened<const N: usize>(digest: &[u8; 32]) -> [u8; N] {
    digest.first_chunk().copied().unwrap_or([0; N])
}

fn word_of(filter: u64) -> usize {
    (filter >> (FILTER_SHIFT + 6)) as usize
}

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;
/// Bytes of a value that the filter looks at.
const HEAD: usize = 8;
/// Values that begin alike, of which each place costs a look per value.
const MAX_SAME_HEAD: usize = 8;
/// Longest value that is remembered; as in [`crate::propagate`].
const MAX_VALUE: usize = 1024;
/// Places in one text that look like a value and are not, after which it is not looked for any more; so a text costs at most
/// this many digests per value that is remembered, and one for each that stands in it.
const MAX_FAILURES: u8 = 4;
/// Fewest different bytes at the beginning and at the end of a value that has few altogether.
const MIN_DISTINCT_ENDS: usize = 4;
/// Different bytes with which a value is remembered whatever its ends are.
const MIN_DISTINCT: usize = 8;
/// Bits of a filter below those that choose its bit.
const FILTER_SHIFT: u32 = 48;
/// 2^16 bits, of which at most one in 64 is set.
const FILTER_WORDS: usize = 1 << 10;
/// The alphabet of a fingerprint (RFC 4648, in lower case).
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_when_values_come_and_go_then_stays_as_small_as_what_is_kept() {
        let mut memory = Memory::new(&[7; MEMORY_KEY_BYTES]);
        for n in 0..3 * MEMORY_MAX {
            memory.add_value(&format!("{n:08}-value"), "password");
        }
        let bits: u32 = memory.bits.iter().map(|word| word.count_ones()).sum();
        assert_eq!((memory.len(), memory.by_filter.len()), (MEMORY_MAX, MEMORY_MAX));
        assert!(bits as usize <= MEMORY_MAX, "{bits}");
    }
}
