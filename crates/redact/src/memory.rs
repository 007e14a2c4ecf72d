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
//! stand at its distance, which is paid for from the text's budget.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::engine::{Engine, Exhausted};
use crate::plausible;
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
        Self {
            keys: Arc::new(Keys::new(key)),
            digests: VecDeque::new(),
            by_filter: HashMap::new(),
            bits: Vec::new(),
        }
    }

    /// Number of values that are remembered.
    pub fn len(&self) -> usize {
        self.digests.len()
    }

    /// Says whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Remembers a value by its digest, made under the same key.
    pub fn add(&mut self, digest: Digest) {
        let (filter, end) = self.keys.filters_of(&digest);
        let same = self.by_filter.entry(filter).or_default();
        if same.iter().any(|known| known.digest == digest) {
            return;
        }
        if same.len() >= MAX_SAME_HEAD {
            // A flood of values that begin alike must not make every text expensive.
            let is_same = |digest: &Digest| same.iter().any(|known| known.digest == *digest);
            let oldest = self.digests.iter().position(is_same);
            let oldest = oldest.and_then(|index| self.digests.remove(index));
            same.retain(|known| Some(&known.digest) != oldest.as_ref());
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
    pub(crate) fn find(
        &self,
        engine: &Engine,
        text: Text<'_>,
        budget: u64,
        found: &mut Vec<Match>,
    ) -> Result<(), Exhausted> {
        if self.is_empty() {
            return Ok(());
        }
        let mut covered = 0;
        for (at, window) in text.bytes().windows(HEAD).enumerate() {
            let Some(filter) = window.first_chunk().map(|head| self.keys.filter(*head)) else { continue };
            if at < covered || !self.has_bit(filter) {
                continue;
            }
            let Some(same) = self.by_filter.get(&filter) else { continue };
            if text.spent() > budget {
                return Err(Exhausted);
            }
            if let Some((end, rule)) = self.confirmed(engine, text, at, same) {
                found.push(Match { range: at..end, rule, quotes: None, view: ViewKind::Plain });
                covered = end;
            }
        }
        Ok(())
    }

    /// End and rule of the longest value that stands at `at`.
    fn confirmed(
        &self,
        engine: &Engine,
        text: Text<'_>,
        at: usize,
        same: &[Known],
    ) -> Option<(usize, usize)> {
        for Known { digest, end: filter } in same {
            let end = at + digest.length as usize;
            let value = text.slice(at..end);
            let ends_alike = value.last_chunk().is_some_and(|last| self.keys.filter(*last) == *filter);
            if value.len() != digest.length as usize || !ends_alike {
                continue;
            }
            text.spend(MAC_WORTH + 8 * value.len());
            if self.keys.mac(value) == digest.mac
                && let Some(rule) = engine.index_of(&digest.rule)
            {
                return Some((end, rule));
            }
        }
        None
    }

    /// Digests of the values among `matches` that are worth remembering and not known yet, at most [`LEARNED_MAX`].
    pub(crate) fn learn(&self, engine: &Engine, text: Text<'_>, matches: &[Match]) -> Vec<Digest> {
        let mut learned: Vec<Digest> = Vec::new();
        for found in matches {
            let value = text.slice(found.range.clone());
            let Some(rule) = engine.rule(found.rule) else { continue };
            if value.len() > MAX_VALUE || !plausible::is_distinctive(value) || is_found_alone(engine, value) {
                continue;
            }
            let Some(digest) = self.keys.digest(value, rule.id.clone()) else { continue };
            let is_known = |known: &Digest| known.mac == digest.mac;
            let (filter, _) = self.keys.filters_of(&digest);
            let same = self.by_filter.get(&filter);
            let before = same.is_some_and(|same| same.iter().any(|known| is_known(&known.digest)));
            if !before && !learned.iter().any(is_known) {
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
        }
        // Its bit stays: it costs a look at an empty list.
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
/// What a digest costs, in bytes that could be looked at in the same time, with room: so that a text made to hit all the
/// time is refused after a few milliseconds.
const MAC_WORTH: usize = 2048;
/// Bits of a filter below those that choose its bit.
const FILTER_SHIFT: u32 = 48;
/// 2^16 bits, of which at most one in 64 is set.
const FILTER_WORDS: usize = 1 << 10;
/// The alphabet of a fingerprint (RFC 4648, in lower case).
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
