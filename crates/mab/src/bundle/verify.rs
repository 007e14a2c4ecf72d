//! Checks a bundle, with nothing but its files and the key one trusts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, BufRead, BufReader, ErrorKind, Read},
    path::Path,
};

use mab_core::{
    ConversationId, Failure,
    anchor::{Anchor, AnchorError, Leaf},
    audit::{Break, Verifier},
    note::VerifierKey,
};
use sha2::{Digest, Sha256};

use super::{ALL, ANCHOR, BRIDGE, ENTRIES, KEYS, Line, SCOPE, SIGNATURE, SUMS, TABLE, hash, refused};
use crate::evidence_file::{self, ANCHOR_MAX_BYTES};

/// What holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// Entries.
    pub(crate) entries: u64,
    /// Of these, how many a checkpoint covers.
    pub(crate) covered: u64,
    /// Chains.
    pub(crate) chains: u64,
    /// Checkpoints.
    pub(crate) checkpoints: u64,
    /// The key that signed the bundle.
    pub(crate) key: VerifierKey,
}

/// What does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A file is missing, is another one than was signed, or cannot be read.
    File(String),
    /// The signature of the digests, or the key.
    Signature,
    /// A checkpoint.
    Anchor(AnchorError),
    /// An entry of a chain.
    Entry(String, Break),
    /// A chain at this entry is not what a checkpoint says of it.
    Leaf(String, u64),
}

/// Checks everything. `trusted` is the key one knows from elsewhere; without it the bundle's own is taken on faith.
pub(crate) fn verify(folder: &Path, trusted: Option<&VerifierKey>) -> Result<Result<Report, Flaw>, Failure> {
    fs::read_dir(folder).map_err(|error| {
        refused(&error, folder, "reading", "name the folder that `mab audit export` wrote")
    })?;
    Ok(check(folder, trusted))
}

fn check(folder: &Path, trusted: Option<&VerifierKey>) -> Result<Report, Flaw> {
    let sums = text(folder, SUMS)?;
    digests(folder, &sums)?;
    let anchor_text = text(folder, ANCHOR)?;
    let keys = text(folder, KEYS)?;
    let keys: Vec<VerifierKey> = keys.lines().filter_map(|key| key.parse().ok()).collect();
    let signature = bytes(folder, SIGNATURE)?;
    let signer =
        keys.last().filter(|key| key.verifies(sums.as_bytes(), &signature)).ok_or(Flaw::Signature)?;
    let (mut own, mut checkpoints) = (vec![signer.clone()], 0);
    let mut leaves = BTreeMap::new();
    if !anchor_text.is_empty() {
        let anchor = Anchor::parse_and_verify(&anchor_text, &own).map_err(Flaw::Anchor)?;
        own = anchor.keys().to_vec();
        checkpoints = anchor.checkpoints().len() as u64;
        leaves = by_chain(&anchor);
    }
    // Trust in an earlier key reaches this one, for each signed the name of the next.
    if keys != own || trusted.is_some_and(|trusted| !own.contains(trusted)) {
        return Err(Flaw::Signature);
    }
    let scope = text(folder, SCOPE)?;
    if scope.trim_end() != ALL {
        leaves.retain(|chain, _| *chain == scope.trim_end());
    }
    let mut walk = Walk {
        leaves,
        current: None,
        report: Report { entries: 0, covered: 0, chains: 0, checkpoints, key: signer.clone() },
    };
    let mut table = lines(folder, TABLE)?;
    for line in lines(folder, ENTRIES)? {
        let line: Line = line.ok().and_then(|line| serde_json::from_str(&line).ok()).ok_or(file(ENTRIES))?;
        let row = table.next().and_then(Result::ok).ok_or(file(TABLE))?;
        if line.to_tsv().strip_suffix('\n') != Some(&row) {
            return Err(file(TABLE));
        }
        walk.take(&line)?;
    }
    if table.next().is_some() {
        return Err(file(TABLE));
    }
    walk.finish()
}

/// The leaves of each chain by their length.
fn by_chain(anchor: &Anchor) -> BTreeMap<String, BTreeMap<u64, Leaf>> {
    let mut chains: BTreeMap<String, BTreeMap<u64, Leaf>> = BTreeMap::new();
    for (_, leaf) in anchor.leaves() {
        let chain = leaf.conversation.map_or_else(|| BRIDGE.to_owned(), |id| id.to_string());
        chains.entry(chain).or_default().insert(leaf.n, *leaf);
    }
    chains
}

/// A chain being walked.
struct Chain {
    name: String,
    verifier: Verifier,
    covered: u64,
}

/// Goes through the entries, chain by chain, and takes from `leaves` what they confirm.
struct Walk {
    leaves: BTreeMap<String, BTreeMap<u64, Leaf>>,
    current: Option<Chain>,
    report: Report,
}

impl Walk {
    fn take(&mut self, line: &Line) -> Result<(), Flaw> {
        let chain = line.chain();
        if self.current.as_ref().is_none_or(|current| current.name != chain) {
            self.end_chain()?;
            let conversation: Option<ConversationId> = line.conversation().map_err(|_| file(ENTRIES))?;
            self.current =
                Some(Chain { name: chain.to_owned(), verifier: Verifier::new(conversation), covered: 0 });
            self.report.chains += 1;
        }
        let Some(current) = &mut self.current else { return Err(file(ENTRIES)) };
        let broken = |broken| Flaw::Entry(chain.to_owned(), broken);
        let head = hash(&line.hash).ok_or(broken(Break::Changed { n: line.n }))?;
        current.verifier.take(&line.entry(), &head).map_err(broken)?;
        self.report.entries += 1;
        if let Some(leaf) = self.leaves.get_mut(chain).and_then(|leaves| leaves.remove(&line.n)) {
            if leaf.head != head {
                return Err(Flaw::Leaf(chain.to_owned(), line.n));
            }
            current.covered = line.n;
        }
        Ok(())
    }

    /// Every leaf of the chain must have been met.
    fn end_chain(&mut self) -> Result<(), Flaw> {
        let Some(Chain { name: chain, covered, .. }) = self.current.take() else { return Ok(()) };
        self.report.covered += covered;
        match self.leaves.remove(&chain).and_then(|left| left.first_key_value().map(|(n, _)| *n)) {
            Some(n) => Err(Flaw::Leaf(chain, n)),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<Report, Flaw> {
        self.end_chain()?;
        // A chain of which there is no entry at all, or which came twice.
        match self.leaves.iter().find_map(|(chain, left)| Some((chain.clone(), *left.first_key_value()?.0))) {
            Some((chain, n)) => Err(Flaw::Leaf(chain, n)),
            None => Ok(self.report),
        }
    }
}

/// Compares every file with its digest; each that is read must have one.
fn digests(folder: &Path, sums: &str) -> Result<(), Flaw> {
    let mut named = BTreeSet::new();
    for line in sums.lines() {
        let (digest, name) = line.split_once("  ").ok_or(file(SUMS))?;
        let plain = !name.is_empty() && !name.contains('/') && !name.starts_with('.');
        if !plain || hex::encode(digest_of(&folder.join(name)).ok_or(file(name))?) != digest {
            return Err(file(name));
        }
        named.insert(name);
    }
    match [ENTRIES, TABLE, ANCHOR, KEYS, SCOPE].into_iter().find(|name| !named.contains(name)) {
        Some(missing) => Err(file(missing)),
        None => Ok(()),
    }
}

fn digest_of(path: &Path) -> Option<[u8; 32]> {
    let mut file = evidence_file::open(path).ok()?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 65_536]);
    loop {
        let read = file.read(&mut buffer).ok()?;
        match buffer.get(..read)? {
            [] => return Some(digest.finalize().into()),
            bytes => digest.update(bytes),
        }
    }
}

/// The lines of a file, without their ends; one that is too long is an error.
fn lines(folder: &Path, name: &str) -> Result<impl Iterator<Item = io::Result<String>>, Flaw> {
    let mut file = BufReader::new(evidence_file::open(&folder.join(name)).map_err(|_| file(name))?);
    let next = move || {
        let mut line = String::new();
        match file.by_ref().take(LINE_MAX_BYTES).read_line(&mut line) {
            Ok(0) => None,
            Ok(_) if line.pop() == Some('\n') => Some(Ok(line)),
            Ok(_) => Some(Err(ErrorKind::InvalidData.into())),
            Err(error) => Some(Err(error)),
        }
    };
    Ok(std::iter::from_fn(next))
}

fn text(folder: &Path, name: &str) -> Result<String, Flaw> {
    String::from_utf8(bytes(folder, name)?).map_err(|_| file(name))
}

fn bytes(folder: &Path, name: &str) -> Result<Vec<u8>, Flaw> {
    let most = if name == ANCHOR { ANCHOR_MAX_BYTES } else { SMALL_MAX_BYTES };
    evidence_file::read(&folder.join(name), most).map_err(|_| file(name))
}

fn file(name: &str) -> Flaw {
    Flaw::File(name.to_owned())
}

/// Longest file but for entries and the anchor.
const SMALL_MAX_BYTES: u64 = 1 << 20;
/// Longest line of entries.
const LINE_MAX_BYTES: u64 = 1 << 20;
