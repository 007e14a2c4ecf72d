//! One checkpoint of an anchor as text, taken apart.

use crate::{
    Timestamp,
    anchor::{FORMAT, Leaf, Problem},
    audit::Hash,
    merkle::{Frontier, PEAKS_MAX},
    note::{SIGNATURE_MARK, VerifierKey, hash_from_base64},
};

/// One checkpoint; nothing in it is checked but its form.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) leaves: Vec<Leaf>,
    pub(super) end: End<'a>,
}

/// What follows the leaves of a checkpoint.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub(super) peaks: Vec<Hash>,
    pub(super) note: Note<'a>,
    pub(super) signatures: Vec<&'a str>,
}

/// The text of a checkpoint's note.
#[derive(Debug)]
pub(super) struct Note<'a> {
    /// What is signed.
    pub(super) text: &'a str,
    pub(super) origin: &'a str,
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) at: Timestamp,
    pub(super) rotation: Option<Rotation>,
}

/// The change of the key that a note tells.
#[derive(Debug)]
pub(super) struct Rotation {
    pub(super) old: VerifierKey,
    pub(super) new: VerifierKey,
}

impl End<'_> {
    /// The tree of this checkpoint, when the peaks fold to the root.
    pub(super) fn frontier(&self) -> Result<Frontier, Problem> {
        let frontier = Frontier::from_peaks(self.note.size, self.peaks.clone());
        frontier.filter(|frontier| frontier.root() == self.note.root).ok_or(Problem::WrongRoot)
    }

    /// Checks that the note is signed by `key`, and by its successor when it names one; returns whose the next must be.
    pub(super) fn signer(&self, key: &VerifierKey) -> Result<VerifierKey, Problem> {
        self.signed_by(key)?;
        let Some(rotation) = &self.note.rotation else { return Ok(key.clone()) };
        if rotation.old != *key || rotation.new.name() != key.name() {
            return Err(Problem::UnknownKey);
        }
        self.signed_by(&rotation.new)?;
        Ok(rotation.new.clone())
    }

    fn signed_by(&self, key: &VerifierKey) -> Result<(), Problem> {
        if !self.signatures.iter().any(|line| key.is_named_in(line)) {
            return Err(Problem::UnknownKey);
        }
        let verified = self.signatures.iter().any(|line| key.verifies_line(self.note.text, line));
        if verified { Ok(()) } else { Err(Problem::BadSignature) }
    }
}

/// Takes the two lines and the blank one that an anchor begins with; returns its first key and the rest.
pub(super) fn header(text: &str) -> Option<(VerifierKey, &str)> {
    let rest = text.strip_prefix(FORMAT)?;
    let (key, rest) = line(rest)?;
    let key = key.strip_prefix("key ")?.parse().ok()?;
    Some((key, rest.strip_prefix('\n')?))
}

/// Takes one checkpoint; returns the rest.
pub(super) fn block(text: &str) -> Option<(Block<'_>, &str)> {
    let (leaves, rest) = lines_after(text, "+ ");
    let leaves = leaves.iter().map(|leaf| leaf.parse().ok()).collect::<Option<Vec<Leaf>>>()?;
    let (end, rest) = end(rest)?;
    (!leaves.is_empty()).then_some((Block { leaves, end }, rest))
}

/// Takes what follows the leaves of a checkpoint; returns the rest.
pub(super) fn end(text: &str) -> Option<(End<'_>, &str)> {
    let (peaks, rest) = line(text)?;
    let peaks = peaks.strip_prefix('=')?.split(' ').skip(1).take(PEAKS_MAX + 1).map(hash);
    let peaks = peaks.collect::<Option<Vec<Hash>>>()?;
    // The text of the note ends before the first blank line.
    let end = rest.find("\n\n")? + 1;
    let note = note(rest.get(..end)?)?;
    let (signatures, rest) = lines_after(rest.get(end + 1..)?, SIGNATURE_MARK);
    let rest = rest.strip_prefix('\n')?;
    (!signatures.is_empty()).then_some((End { peaks, note, signatures }, rest))
}

fn note(text: &str) -> Option<Note<'_>> {
    let (origin, rest) = line(text)?;
    let (size, rest) = line(rest)?;
    let (root, rest) = line(rest)?;
    let (at, rest) = line(rest)?;
    let at = at.strip_prefix("time ")?;
    let size_leaves: u64 = size.parse().ok()?;
    let moment = Timestamp::from_millis(at.parse::<jiff::Timestamp>().ok()?.as_millisecond());
    let rotation = if rest.is_empty() { None } else { Some(rotation(rest)?) };
    // Whatever is not as it would be written was not written here.
    let canonical = size_leaves.to_string() == size && moment.to_string() == at;
    let root = hash_from_base64(root)?;
    canonical.then_some(Note { text, origin, size: size_leaves, root, at: moment, rotation })
}

fn rotation(text: &str) -> Option<Rotation> {
    let (old, rest) = line(text)?;
    let (new, rest) = line(rest)?;
    let old = old.strip_prefix("key ")?.parse().ok()?;
    let new = new.strip_prefix("next-key ")?.parse().ok()?;
    rest.is_empty().then_some(Rotation { old, new })
}

/// Reads 64 lower-case hexadecimal digits.
pub(super) fn hash(text: &str) -> Option<Hash> {
    let mut bytes = Hash::default();
    hex::decode_to_slice(text, &mut bytes).ok()?;
    (hex::encode(bytes) == text).then_some(bytes)
}

/// The first line, without its end, and the rest; `None` when no line ends.
fn line(text: &str) -> Option<(&str, &str)> {
    text.split_once('\n')
}

/// The lines with this mark that come first, without it, and the rest.
fn lines_after<'a>(mut text: &'a str, mark: &str) -> (Vec<&'a str>, &'a str) {
    let mut lines = Vec::new();
    while let Some((first, rest)) = text.strip_prefix(mark).and_then(line) {
        lines.push(first);
        text = rest;
    }
    (lines, text)
}
