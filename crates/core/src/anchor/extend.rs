//! Writes the next checkpoint of an anchor.

use crate::{
    Timestamp,
    anchor::{FORMAT, Leaf, Problem, block::end},
    merkle::Frontier,
    note::{SigningKey, VerifierKey, base64_of},
};

/// Who signs a checkpoint.
#[derive(Debug)]
pub struct Signers {
    /// The key that is valid.
    pub key: SigningKey,
    /// The key that follows it, when this checkpoint changes the key.
    pub next: Option<SigningKey>,
}

/// The text to append after `previous`, the text of the checkpoint before; `None` begins an anchor. `leaves` are the
/// chains that have grown. A clock that was set back does not take the anchor along.
///
/// # Errors
/// The [`Problem`] of `previous`: [`UnknownKey`](Problem::UnknownKey) when it says that another key is valid now. And
/// [`Malformed`](Problem::Malformed) when there are no leaves or the time cannot be written.
pub fn next_checkpoint(
    previous: Option<&str>,
    leaves: &[Leaf],
    now: Timestamp,
    signers: &Signers,
) -> Result<String, Problem> {
    if leaves.is_empty() {
        return Err(Problem::Malformed);
    }
    let key = signers.key.verifier();
    let (mut text, mut frontier, mut at) = (format!("{FORMAT}key {key}\n\n"), Frontier::default(), now);
    if let Some(previous) = previous {
        let (tree, time) = end_of(previous, &key)?;
        (text, frontier, at) = (String::new(), tree, time.max(now));
    }
    for leaf in leaves {
        frontier.append(&leaf.bytes());
        text.extend(["+ ", &leaf.to_string(), "\n"]);
    }
    let peaks: String =
        frontier.peaks().iter().flat_map(|peak| [" ".to_owned(), hex::encode(peak)]).collect();
    let (origin, size, root) = (key.name(), frontier.size(), base64_of(&frontier.root()));
    let mut note = format!("{origin}\n{size}\n{root}\ntime {at}\n");
    let mut signing = Vec::from([&signers.key]);
    if let Some(next) = &signers.next {
        note.extend([format!("key {key}\n"), format!("next-key {}\n", next.verifier())]);
        signing.push(next);
    }
    let signatures: String = signing.iter().map(|key| key.sign_line(&note)).collect();
    text.extend(["=", &peaks, "\n", &note, "\n", &signatures, "\n"]);
    // Nothing is written that would not be read.
    end_of(&text, &signers.next.as_ref().unwrap_or(&signers.key).verifier())?;
    Ok(text)
}

/// The tree and the time at the end of a checkpoint's text, when `key` is valid after it. There may be many leaves: they
/// are not looked at, for the tree is in the peaks.
fn end_of(text: &str, key: &VerifierKey) -> Result<(Frontier, Timestamp), Problem> {
    let peaks = text.rfind("\n=").and_then(|start| text.get(start + 1..)).ok_or(Problem::Malformed)?;
    let (end, rest) = end(peaks).ok_or(Problem::Malformed)?;
    if !rest.is_empty() || end.note.origin != key.name() {
        return Err(Problem::Malformed);
    }
    // A note that changes the key names who signed it.
    let signer = end.note.rotation.as_ref().map_or(key, |rotation| &rotation.old);
    if end.signer(signer)? != *key {
        return Err(Problem::UnknownKey);
    }
    Ok((end.frontier()?, end.note.at))
}

/// The signed note of a checkpoint's text.
pub fn note_of(checkpoint: &str) -> Option<&str> {
    let peaks = checkpoint.find("\n=")? + 1;
    let note = checkpoint.get(peaks..)?.split_once('\n')?.1;
    note.strip_suffix('\n')
}
