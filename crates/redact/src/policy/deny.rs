//! The operator's real secrets: found wherever they stand, and kept by no one.
//!
//! Only a keyed hash of each is held, in memory and in a file of hashes alike:
//!
//! ```text
//! # comments and empty lines are skipped
//! mab-deny 1 <salt, 64 hexadecimal digits>
//! <length in bytes> <tag, 4 digits> <first 16 bytes of HMAC-SHA256(salt, secret), 32 digits>
//! …
//! ```
//!
//! The tag is 16 bits of a keyed hash of the first eight bytes, which says where in a text a secret may begin; only there
//! the HMAC is computed, and that is charged to the budget of the text. The tag tells whoever reads the file two bytes'
//! worth of each secret, and the salt lets him try guesses: a password that can be guessed is not safe in it.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{PolicyFault, dotenv};
use crate::plausible;
use crate::text::Text;

/// A set of secrets that are always taken out; it holds none of them.
///
/// *Equality*: the same set, not an equal one.
#[derive(Clone)]
pub struct DeniedSecrets(Arc<Set>);

struct Set {
    lock: Lock,
    /// One bit for each tag that some secret has.
    tags: Vec<u64>,
    entries: BTreeSet<Entry>,
}

/// What is known of one secret; the order of the fields is the order of the search.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    tag: u16,
    length: usize,
    hash: [u8; HASH],
}

/// How many values of a text became denied ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Values that are looked for now.
    pub secrets: usize,
    /// Values that are too short or long, or plain words, numbers, paths or addresses: they are in many innocent texts.
    pub left_out: usize,
}

impl DeniedSecrets {
    /// Takes the values of environment files (`export KEY="value"`), each as its whole text. The caller wipes the texts.
    ///
    /// Under a key that names a secret, every value counts that is no plain word, number, path or address without a
    /// password; under any other key it has to look less like a name as well. The password of an address counts too.
    pub fn from_env_files<'a>(files: impl IntoIterator<Item = &'a str>) -> (Self, Taken) {
        let mut builder = Builder::new(&[0; SALT]);
        for file in files {
            dotenv::read(file, |key, value| builder.add_value(key, value));
        }
        builder.finish()
    }

    /// Reads a file of hashes.
    ///
    /// # Errors
    /// A [`PolicyFault`] that names the line, and nothing of it.
    pub fn from_hashes(text: &str) -> Result<Self, PolicyFault> {
        let is_text = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let mut lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| is_text(line));
        let salt = lines.next().and_then(|(_, line)| hex::decode(line.strip_prefix(HEADER)?.trim()).ok());
        let salt: [u8; SALT] = salt
            .and_then(|salt| salt.try_into().ok())
            .ok_or_else(|| PolicyFault::new("it does not begin with a salt", REMAKE))?;
        let mut builder = Builder::new(&salt);
        for (number, line) in lines {
            let entry = Entry::parse(line)
                .ok_or_else(|| PolicyFault::new(format!("line {} is no hash", number + 1), REMAKE))?;
            builder.entries.insert(entry);
        }
        Ok(builder.finish().0)
    }

    /// Writes a file of hashes of these secrets; the salt has to be drawn at random for each file.
    pub fn write_hashes<'a>(
        secrets: impl IntoIterator<Item = &'a str>,
        salt: &[u8; SALT],
    ) -> (String, Taken) {
        let mut builder = Builder::new(salt);
        for secret in secrets {
            builder.add_value(None, secret);
        }
        let (set, taken) = builder.finish();
        let mut text = format!("{HEADER}{}\n", hex::encode(salt));
        for Entry { tag, length, hash } in &set.0.entries {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{length} {tag:04x} {}", hex::encode(hash));
        }
        (text, taken)
    }

    /// Number of secrets.
    pub fn count(&self) -> usize {
        self.0.entries.len()
    }

    /// Adds every place of a secret; stops when `budget` bytes were looked at.
    pub(crate) fn find(&self, text: Text<'_>, budget: u64, found: &mut Vec<Range<usize>>) {
        let set = &*self.0;
        text.spend(text.len());
        for (start, window) in text.bytes().windows(WINDOW).enumerate() {
            let tag = set.lock.tag(window);
            let word = set.tags.get(usize::from(tag >> 6)).copied().unwrap_or(0);
            if word & (1 << (tag & 63)) == 0 {
                continue;
            }
            if text.spent() > budget {
                return;
            }
            found.extend(set.at(text, start, tag).map(|end| start..end));
        }
    }
}

impl Set {
    /// End of the longest secret that begins at `start`, where the tag is this one.
    fn at(&self, text: Text<'_>, start: usize, tag: u16) -> Option<usize> {
        let mut hashed: Option<(usize, [u8; HASH])> = None;
        let mut longest = None;
        for entry in self.entries.range(Entry::first(tag)..).take_while(|entry| entry.tag == tag) {
            let value = text.slice(start..start + entry.length);
            if value.len() < entry.length {
                break;
            }
            let hash = match hashed {
                Some((length, hash)) if length == entry.length => hash,
                Some(_) | None => {
                    text.spend(HASHING + value.len());
                    self.lock.hash(value)
                }
            };
            hashed = Some((entry.length, hash));
            if hash == entry.hash && !plausible::is_json_outside_strings(value) {
                longest = Some(start + entry.length);
            }
        }
        longest
    }
}

impl Entry {
    /// Comes in front of every secret with this tag.
    fn first(tag: u16) -> Self {
        Self { tag, length: 0, hash: [0; HASH] }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let length = words.next()?.parse().ok().filter(|length| (WINDOW..=MAX_SECRET).contains(length))?;
        let tag = words.next().filter(|tag| tag.len() == 4)?;
        let hash = hex::decode(words.next()?).ok()?.try_into().ok()?;
        let entry = Self { tag: u16::from_str_radix(tag, 16).ok()?, length, hash };
        words.next().is_none().then_some(entry)
    }
}

/// Collects secrets.
struct Builder {
    lock: Lock,
    entries: BTreeSet<Entry>,
    left_out: usize,
}

impl Builder {
    fn new(salt: &[u8; SALT]) -> Self {
        Self { lock: Lock::new(salt), entries: BTreeSet::new(), left_out: 0 }
    }

    /// Adds a value, and the password in it if it is an address.
    fn add_value(&mut self, key: Option<&str>, value: &str) {
        let password = dotenv::password_in_url(value);
        if dotenv::is_worth_denying(key, value) {
            self.add(value);
        } else if password.is_none() {
            self.left_out += 1;
        }
        if let Some(password) = password.filter(|password| dotenv::is_worth_denying(None, password)) {
            self.add(password);
        }
    }

    fn add(&mut self, value: &str) {
        let Some(window) = value.as_bytes().get(..WINDOW).filter(|_| value.len() <= MAX_SECRET) else {
            self.left_out += 1;
            return;
        };
        let (tag, hash) = (self.lock.tag(window), self.lock.hash(value.as_bytes()));
        self.entries.insert(Entry { tag, length: value.len(), hash });
    }

    fn finish(self) -> (DeniedSecrets, Taken) {
        let mut tags = vec![0_u64; 1 << 10];
        for entry in &self.entries {
            if let Some(word) = tags.get_mut(usize::from(entry.tag >> 6)) {
                *word |= 1 << (entry.tag & 63);
            }
        }
        let taken = Taken { secrets: self.entries.len(), left_out: self.left_out };
        (DeniedSecrets(Arc::new(Set { lock: self.lock, tags, entries: self.entries })), taken)
    }
}

/// What the salt becomes: the key of the HMAC, and that of the tags.
struct Lock {
    mac: Hmac<Sha256>,
    mask: u64,
    factor: u64,
}

impl Lock {
    fn new(salt: &[u8; SALT]) -> Self {
        // A shorter key stands for itself with zeros behind it (RFC 2104 §2).
        let mut block = [0; 64];
        block.iter_mut().zip(salt).for_each(|(to, from)| *to = *from);
        let mac: Hmac<Sha256> = Hmac::new(&block.into());
        let words = mac.clone().chain_update(b"mab-deny tags").finalize().into_bytes();
        let word = |bytes: Option<&[u8]>| {
            let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
            u64::from_le_bytes(bytes.unwrap_or_default())
        };
        Self { mac, mask: word(words.get(..8)), factor: word(words.get(8..16)) | 1 }
    }

    /// The tag of the first bytes of a secret (multiplicative hashing, upper 16 bits).
    fn tag(&self, window: &[u8]) -> u16 {
        let window = u64::from_le_bytes(window.try_into().unwrap_or_default());
        let [.., low, high] = ((window ^ self.mask).wrapping_mul(self.factor)).to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    fn hash(&self, value: &[u8]) -> [u8; HASH] {
        let whole = self.mac.clone().chain_update(value).finalize().into_bytes();
        whole.get(..HASH).and_then(|half| half.try_into().ok()).unwrap_or_default()
    }
}

impl PartialEq for DeniedSecrets {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for DeniedSecrets {}

impl fmt::Debug for DeniedSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DeniedSecrets(…)")
    }
}

/// How a file of hashes begins.
const HEADER: &str = "mab-deny 1 ";
/// What to do about a file that cannot be read.
const REMAKE: &str = "make it anew with `mab redact --make-deny-file`";
/// Bytes of a salt.
const SALT: usize = 32;
/// Bytes of a hash.
const HASH: usize = 16;
/// Bytes that the tag is made of: the shortest secret.
const WINDOW: usize = 8;
/// Longest secret.
const MAX_SECRET: usize = 4096;
/// What one HMAC is charged besides the value: two more blocks of each of its two hashes.
const HASHING: usize = 256;
