//! The operator's real secrets: found wherever they stand, and kept by no one.
//!
//! Only a keyed hash of each is held, in memory and in a file of hashes alike:
//!
//! ```text
//! # comments and empty lines are skipped
//! mab-deny 1 <salt, 64 hexadecimal digits>
//! <length in bytes> <tags, 8 digits> <first 16 bytes of HMAC-SHA256(salt, secret), 32 digits>
//! …
//! ```
//!
//! A tag is 16 bits of a keyed hash of eight bytes: of the last ones, which says where in a text a secret may end, then of
//! the first ones. Only where both fit the HMAC is computed, and that is charged to the budget of the text; many secrets
//! that begin alike (`https://`) cost nothing in a text full of others. The tags tell whoever reads the file four bytes'
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
    /// Of the last bytes.
    tag: u16,
    length: usize,
    /// Of the first bytes.
    first: u16,
    hash: [u8; HASH],
}

/// What became of the values of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Values that are looked for now.
    pub secrets: usize,
    /// Values that are too short or long, or plain words, numbers, paths or addresses: they are in many innocent texts.
    /// Lines that assign nothing as well; empty values are not told.
    pub left_out: Vec<LeftOut>,
}

/// A value that is not looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its line in the text, from 1.
    pub line: usize,
    /// Its key; none where there is none, or none that looks like a name: it could be a piece of a secret.
    pub key: Option<String>,
}

impl DeniedSecrets {
    /// Takes the values of environment files (`export KEY="value"`), each as its whole text. The caller wipes the texts.
    ///
    /// Under a key that names a secret, every value counts that is no plain word, number, path or address without a
    /// password; under any other key it has to look less like a name as well. The password of an address counts too.
    pub fn from_env_files<'a>(files: impl IntoIterator<Item = &'a str>) -> (Self, Taken) {
        let mut builder = Builder::new(&[0; SALT]);
        for file in files {
            dotenv::read(file, |line| builder.add_line(line));
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

    /// Writes a file of hashes of these secrets, one on each line and empty lines skipped; the salt has to be drawn at random for each file.
    pub fn write_hashes<'a>(
        secrets: impl IntoIterator<Item = &'a str>,
        salt: &[u8; SALT],
    ) -> (String, Taken) {
        let mut builder = Builder::new(salt);
        for (index, secret) in secrets.into_iter().enumerate().filter(|(_, secret)| !secret.is_empty()) {
            if !builder.add_value(None, secret) {
                builder.left_out.push(LeftOut { line: index + 1, key: None });
            }
        }
        let (set, taken) = builder.finish();
        let mut text = format!("{HEADER}{}\n", hex::encode(salt));
        for Entry { tag, length, first, hash } in &set.0.entries {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{length} {tag:04x}{first:04x} {}", hex::encode(hash));
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
            let end = start + WINDOW;
            found.extend(set.at(text, end, tag).map(|start| start..end));
        }
    }
}

impl Set {
    /// Start of the longest secret that ends at `end`, where the tag is this one.
    fn at(&self, text: Text<'_>, end: usize, tag: u16) -> Option<usize> {
        let mut hashed: Option<(usize, [u8; HASH])> = None;
        let mut longest = None;
        for entry in self.entries.range(Entry::least(tag)..).take_while(|entry| entry.tag == tag) {
            let Some(start) = end.checked_sub(entry.length) else { break };
            text.spend(1);
            if self.lock.tag(text.slice(start..start + WINDOW)) != entry.first {
                continue;
            }
            let value = text.slice(start..end);
            let hash = match hashed {
                Some((length, hash)) if length == entry.length => hash,
                Some(_) | None => {
                    text.spend(HASHING + value.len());
                    self.lock.hash(value)
                }
            };
            hashed = Some((entry.length, hash));
            if hash == entry.hash && !plausible::is_json_outside_strings(value) {
                longest = Some(start);
            }
        }
        longest
    }
}

impl Entry {
    /// Comes in front of every secret with this tag.
    fn least(tag: u16) -> Self {
        Self { tag, length: 0, first: 0, hash: [0; HASH] }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let length = words.next()?.parse().ok().filter(|length| (WINDOW..=MAX_SECRET).contains(length))?;
        let (tag, first) = words.next().filter(|tags| tags.len() == 8)?.split_at_checked(4)?;
        let tag_of = |digits| u16::from_str_radix(digits, 16).ok();
        let hash = hex::decode(words.next()?).ok()?.try_into().ok()?;
        let entry = Self { tag: tag_of(tag)?, length, first: tag_of(first)?, hash };
        words.next().is_none().then_some(entry)
    }
}

/// Collects secrets.
struct Builder {
    lock: Lock,
    entries: BTreeSet<Entry>,
    left_out: Vec<LeftOut>,
}

impl Builder {
    fn new(salt: &[u8; SALT]) -> Self {
        Self { lock: Lock::new(salt), entries: BTreeSet::new(), left_out: Vec::new() }
    }

    /// Adds the value of a line, or tells that it is left out.
    fn add_line(&mut self, line: &dotenv::Line<'_>) {
        let is_taken = line.key.is_some() && (line.value.is_empty() || self.add_value(line.key, line.value));
        if !is_taken {
            // `JBSWY3DPEHPK3PXP====` is padding behind a secret, not an empty value behind a name.
            let is_padding = line.value.bytes().all(|byte| byte == b'=');
            let key = line.key.filter(|key| !is_padding && dotenv::is_harmless_name(key)).map(str::to_owned);
            self.left_out.push(LeftOut { line: line.number, key });
        }
    }

    /// Adds a value, and the password in it if it is an address; false if neither is looked for.
    fn add_value(&mut self, key: Option<&str>, value: &str) -> bool {
        let is_added = dotenv::is_worth_denying(key, value) && self.add(value);
        let password = dotenv::password_in_url(value);
        let password = password.filter(|password| dotenv::is_worth_denying(None, password));
        password.is_some_and(|password| self.add(password)) || is_added
    }

    /// Adds a secret; false if it is too short or too long.
    fn add(&mut self, value: &str) -> bool {
        let bytes = value.as_bytes();
        let (Some(first), Some(last)) = (bytes.get(..WINDOW), bytes.last_chunk::<WINDOW>()) else {
            return false;
        };
        if bytes.len() > MAX_SECRET {
            return false;
        }
        let (tag, first, hash) = (self.lock.tag(last), self.lock.tag(first), self.lock.hash(bytes));
        self.entries.insert(Entry { tag, length: bytes.len(), first, hash });
        true
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

    /// The tag of the first or last bytes of a secret (multiplicative hashing, upper 16 bits).
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
/// Bytes that a tag is made of: the shortest secret.
const WINDOW: usize = 8;
/// Longest secret.
const MAX_SECRET: usize = 4096;
/// What one HMAC is charged besides the value: two more blocks of each of its two hashes.
const HASHING: usize = 256;
