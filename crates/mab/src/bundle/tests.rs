use std::{fs, path::Path};

use mab_core::{
    Timestamp,
    anchor::{Leaf, Problem, Signers, next_checkpoint},
    audit::{Break, genesis},
    note::SigningKey,
};

use super::*;
use crate::system::OsRandom;

const NAME: &str = "mab.audit/0123456789abcdef";

fn id() -> ConversationId {
    ConversationId::from_bytes([0xab; 8])
}

fn key() -> SigningKey {
    SigningKey::draw(NAME, &OsRandom).unwrap()
}

/// A whole chain of this length.
fn chain(conversation: Option<ConversationId>, length: u64) -> Vec<Line> {
    let mut head = genesis(conversation);
    (1..=length)
        .map(|n| {
            let mut line = Line {
                conversation_id: conversation.map(|id| id.to_string()),
                n,
                at_ms: 1_795_332_600_000,
                actor: "operator".into(),
                action: "inspect".into(),
                outcome: "ok".into(),
                detail: format!("{{\"n\":{n}}}"),
                hash: String::new(),
            };
            head = line.entry().hash(&head);
            line.hash = hex::encode(head);
            line
        })
        .collect()
}

/// Three entries of the bridge, of which two are covered, and two of a conversation.
fn lines() -> Vec<Line> {
    [chain(None, 3), chain(Some(id()), 2)].concat()
}

fn leaf(line: &Line) -> Leaf {
    Leaf { conversation: line.conversation().unwrap(), n: line.n, head: hash(&line.hash).unwrap() }
}

fn anchor(key: &SigningKey) -> String {
    let lines = lines();
    let signers = |next| Signers { key: key.clone(), next };
    let now = Timestamp::from_millis(1_795_332_600_000);
    let first = next_checkpoint(None, &[leaf(&lines[0])], now, &signers(None)).unwrap();
    let second =
        next_checkpoint(Some(&first), &[leaf(&lines[1]), leaf(&lines[4])], now, &signers(None)).unwrap();
    [first, second].concat()
}

/// Writes a bundle as somebody who holds the key would.
fn write(folder: &Path, key: &SigningKey, lines: &[Line], anchor: &str) {
    let mut bundle = Bundle::begin(folder).unwrap();
    for line in lines {
        bundle.add(line).unwrap();
    }
    bundle.finish(None, anchor, key).unwrap();
}

fn verified(lines: &[Line], change: impl FnOnce(String) -> String) -> Result<Report, Flaw> {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let folder = place.path().join("bundle");
    write(&folder, &key, lines, &change(anchor(&key)));
    verify(&folder, Some(&key.verifier())).unwrap()
}

fn same(anchor: String) -> String {
    anchor
}

#[test]
fn bundle_when_whole_says_how_much_is_covered() {
    let report = verified(&lines(), same).unwrap();
    assert_eq!((report.entries, report.covered, report.chains, report.checkpoints), (5, 4, 2, 2));
}

#[test]
fn any_file_when_changed_cut_or_missing_is_found() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let folder = place.path().join("bundle");
    write(&folder, &key, &lines(), &anchor(&key));
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names.len(), 8);
    for path in names {
        let whole = fs::read(&path).unwrap();
        for change in [whole[..whole.len() - 1].to_vec(), [&whole[..], b"x"].concat()] {
            fs::write(&path, change).unwrap();
            assert!(verify(&folder, None).unwrap().is_err(), "{}", path.display());
        }
        fs::remove_file(&path).unwrap();
        assert!(verify(&folder, None).unwrap().is_err(), "{}", path.display());
        fs::write(&path, whole).unwrap();
    }
    assert!(verify(&folder, None).unwrap().is_ok());
}

#[test]
fn bundle_when_signed_by_another_key_than_trusted_is_refused() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let folder = place.path().join("bundle");
    write(&folder, &key, &lines(), &anchor(&key));
    assert_eq!(verify(&folder, Some(&super::tests::key().verifier())).unwrap(), Err(Flaw::Signature));
    assert!(verify(&folder, Some(&key.verifier())).unwrap().is_ok());
}

#[test]
fn entries_that_contradict_each_other_or_a_checkpoint_are_found_although_all_is_signed() {
    let bridge = "bridge".to_owned();
    let without = |index| {
        let mut lines = lines();
        lines.remove(index);
        lines
    };
    let broken = |n| Err(Flaw::Entry(bridge.clone(), n));
    assert_eq!(verified(&without(1), same), broken(Break::Missing { n: 2 }));
    assert_eq!(verified(&without(4), same), Err(Flaw::Leaf(id().to_string(), 2)));
    assert_eq!(verified(&lines()[..3], same), Err(Flaw::Leaf(id().to_string(), 2)));
    let mut changed = lines();
    changed[1].actor = "a".into();
    assert_eq!(verified(&changed, same), broken(Break::Changed { n: 2 }));
    let other = {
        let mut other = chain(None, 3);
        other[0].detail = "{}".into();
        let mut head = genesis(None);
        for line in &mut other {
            head = line.entry().hash(&head);
            line.hash = hex::encode(head);
        }
        [other, lines()[3..].to_vec()].concat()
    };
    assert_eq!(verified(&other, same), Err(Flaw::Leaf(bridge.clone(), 1)), "hashed anew from the start");
}

#[test]
fn anchor_that_does_not_hold_is_found_although_all_is_signed() {
    let changed = verified(&lines(), |anchor| anchor.replace("+ bridge 1 ", "+ bridge 7 "));
    let Err(Flaw::Anchor(error)) = changed else { panic!("{changed:?}") };
    assert_eq!((error.checkpoint, error.problem), (1, Problem::WrongRoot));
}

#[test]
fn folder_that_exists_is_refused_and_left_alone() {
    let place = tempfile::tempdir().unwrap();
    assert!(Bundle::begin(place.path()).is_err());
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    assert!(verify(&place.path().join("none"), None).is_err());
}

#[test]
fn file_when_it_is_a_pipe_or_endless_is_refused_and_not_waited_for() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let folder = place.path().join("bundle");
    write(&folder, &key, &lines(), &anchor(&key));
    for name in [SUMS, SIGNATURE, ENTRIES, TABLE, ANCHOR, KEYS, SCOPE] {
        let path = folder.join(name);
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
        assert_eq!(verify(&folder, None).unwrap(), Err(Flaw::File(name.to_owned())));
        fs::remove_file(&path).unwrap();
        fs::write(&path, whole).unwrap();
    }
    fs::File::create(folder.join(SUMS)).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(verify(&folder, None).unwrap(), Err(Flaw::File(SUMS.to_owned())));
}

#[test]
fn line_when_it_never_ends_is_refused_although_all_is_signed() {
    let mut long = lines();
    long[0].detail = "x".repeat(1 << 20);
    assert_eq!(verified(&long, same), Err(Flaw::File(ENTRIES.to_owned())));
}
