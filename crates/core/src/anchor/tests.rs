use proptest::prelude::*;

use super::*;
use crate::{
    Fault, Random, Timestamp,
    note::{SigningKey, VerifierKey},
};

/// The same bytes again and again.
struct Same(u8);

impl Random for Same {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        buffer.fill(self.0);
        Ok(())
    }
}

const NAME: &str = "mab.audit/0123456789abcdef";

fn signing_key(seed: u8) -> SigningKey {
    SigningKey::draw(NAME, &Same(seed)).unwrap()
}

fn signers(seed: u8, next: Option<u8>) -> Signers {
    Signers { key: signing_key(seed), next: next.map(signing_key) }
}

fn verifier(seed: u8) -> VerifierKey {
    signing_key(seed).verifier()
}

fn leaf(chain: u8, n: u64) -> Leaf {
    let conversation = (chain > 0).then(|| ConversationId::from_bytes([chain; 8]));
    Leaf { conversation, n, head: [u8::try_from(n).unwrap(); 32] }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_795_332_600_000 + second * 1_000)
}

/// Three checkpoints; the second one changes key 1 to key 2.
fn checkpoints() -> Vec<String> {
    let first = next_checkpoint(None, &[leaf(0, 2), leaf(1, 5)], at(0), &signers(1, None)).unwrap();
    let second = next_checkpoint(Some(&first), &[leaf(0, 3)], at(5), &signers(1, Some(2))).unwrap();
    let third = next_checkpoint(Some(&second), &[leaf(1, 6), leaf(2, 1)], at(9), &signers(2, None)).unwrap();
    vec![first, second, third]
}

fn verify(text: &str, trusted: &[VerifierKey]) -> Result<Anchor, (u64, Problem)> {
    Anchor::parse_and_verify(text, trusted).map_err(|error| (error.checkpoint, error.problem))
}

fn refused(text: &str) -> (u64, Problem) {
    verify(text, &[]).map(|_| "verified").unwrap_err()
}

#[test]
fn anchor_when_whole_yields_every_leaf_and_key() {
    let anchor = verify(&checkpoints().concat(), &[]).unwrap();
    let leaves: Vec<_> = anchor.leaves().map(|(number, leaf)| (number, *leaf)).collect();
    assert_eq!(leaves, [(0, leaf(0, 2)), (0, leaf(1, 5)), (1, leaf(0, 3)), (2, leaf(1, 6)), (2, leaf(2, 1))]);
    let moments: Vec<_> =
        anchor.checkpoints().iter().map(|checkpoint| (checkpoint.at, checkpoint.size)).collect();
    assert_eq!(moments, [(at(0), 2), (at(5), 3), (at(9), 5)]);
    assert_eq!(anchor.keys(), [verifier(1), verifier(2)]);
}

#[test]
fn text_of_a_checkpoint_is_as_documented() {
    insta::assert_snapshot!(checkpoints()[..2].concat());
}

#[test]
fn anchor_when_either_key_is_trusted_verifies_and_else_not() {
    let text = checkpoints().concat();
    assert!(verify(&text, &[verifier(1)]).is_ok());
    assert!(verify(&text, &[verifier(9), verifier(2)]).is_ok());
    assert_eq!(verify(&text, &[verifier(9)]), Err((0, Problem::UnknownKey)));
}

#[test]
fn anchor_when_a_checkpoint_is_left_out_changed_or_moved_is_not_extending_or_not_signed() {
    let [first, second, third] = checkpoints().try_into().unwrap();
    let again = next_checkpoint(Some(&first), &[leaf(3, 1)], at(6), &signers(1, None)).unwrap();
    assert_eq!(refused(&[&*first, &third].concat()), (2, Problem::UnknownKey));
    assert_eq!(refused(&[&*first, &again, &second].concat()), (3, Problem::NotExtending));
    assert_eq!(refused(&[&*first, &second, &again].concat()), (3, Problem::UnknownKey));
    assert_eq!(refused(&[&*first, &second, &second].concat()), (3, Problem::UnknownKey));
    assert_eq!(refused(&[&*first, &again, &again].concat()), (3, Problem::NotExtending));
    assert_eq!(refused(&second), (0, Problem::Malformed));
}

#[test]
fn anchor_when_leaf_peak_root_time_key_or_signature_is_changed_is_refused() {
    let text = checkpoints().concat();
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        refused(&text.replacen(from, to, 1))
    };
    let peak = text.split("\n= ").nth(1).unwrap()[..64].to_owned();
    assert_eq!(changed("+ bridge 2 ", "+ bridge 3 "), (1, Problem::WrongRoot));
    assert_eq!(changed("+ bridge 3 ", "+ bridge 1 "), (2, Problem::NotExtending));
    assert_eq!(changed(&peak, &"0".repeat(64)), (1, Problem::WrongRoot));
    assert_eq!(changed("\n3\n", "\n4\n"), (2, Problem::BadSignature));
    assert_eq!(changed("time 2026-11-22T07:30:05", "time 2026-11-22T07:31:05"), (2, Problem::BadSignature));
    assert_eq!(changed(&verifier(1).to_string(), &verifier(7).to_string()), (1, Problem::UnknownKey));
    assert_eq!(changed("time 2026", "time  2026"), (1, Problem::Malformed));
    assert_eq!(changed("+ bridge 2 ", "+ bridge 02 "), (1, Problem::Malformed));
    assert_eq!(refused(&text[..text.len() - 1]), (3, Problem::Malformed));
    assert_eq!(refused(""), (0, Problem::Malformed));
}

#[test]
fn anchor_when_signed_again_by_who_has_the_key_still_cannot_go_back() {
    let first = checkpoints().remove(0);
    let other = next_checkpoint(None, &[leaf(1, 1)], at(0), &signers(1, None)).unwrap();
    let body = |text: &str| text.split_once("\n\n").unwrap().1.to_owned();
    assert_eq!(refused(&[first.clone(), body(&other)].concat()), (2, Problem::NotExtending));
    let earlier = next_checkpoint(Some(&first), &[leaf(0, 3)], at(-60), &signers(1, None)).unwrap();
    assert!(earlier.contains("time 2026-11-22T07:30:00.000Z"), "a clock that was set back is not followed");
    let late = next_checkpoint(None, &[leaf(0, 2), leaf(1, 5)], at(30), &signers(1, None)).unwrap();
    let back = next_checkpoint(Some(&first), &[leaf(0, 3)], at(10), &signers(1, None)).unwrap();
    assert_eq!(refused(&[late, back].concat()), (2, Problem::TimeBack));
}

#[test]
fn checkpoint_when_another_key_is_valid_is_not_written() {
    let [first, second, third] = checkpoints().try_into().unwrap();
    let write = |previous: &str, seed| {
        next_checkpoint(Some(previous), &[leaf(0, 9)], at(20), &signers(seed, None)).map(drop)
    };
    assert_eq!(write(&second, 1), Err(Problem::UnknownKey));
    assert_eq!(write(&first, 2), Err(Problem::UnknownKey));
    assert_eq!(write(&third, 1), Err(Problem::UnknownKey));
    assert_eq!(write(&second, 2), Ok(()));
    assert_eq!(next_checkpoint(None, &[], at(0), &signers(1, None)), Err(Problem::Malformed));
}

#[test]
fn note_of_a_checkpoint_is_what_is_signed_and_the_signatures() {
    let second = checkpoints().remove(1);
    let note = note_of(&second).unwrap();
    assert!(note.starts_with(&format!("{NAME}\n3\n")), "{note}");
    assert_eq!(note.lines().filter(|line| line.starts_with("— ")).count(), 2);
    assert!(note.ends_with("=\n"));
}

#[test]
fn pending_when_the_file_holds_more_or_else_than_a_part_of_it_is_a_mismatch() {
    let text = checkpoints().remove(1);
    let pending = Pending { offset: 10, text: text.clone() };
    let (whole, end) = (text.as_bytes(), pending.end());
    assert_eq!(Pending::from_stored(&pending.to_stored()), Some(pending.clone()));
    assert_eq!(pending.missing(end, whole), Ok(&b""[..]));
    assert_eq!(pending.missing(12, &whole[..2]), Ok(&whole[2..]));
    assert_eq!(pending.missing(10, b""), Ok(whole));
    assert_eq!(pending.missing(9, b""), Err(Mismatch::Shorter));
    assert_eq!(pending.missing(end + 1, whole), Err(Mismatch::Longer));
    assert_eq!(pending.missing(12, b"+X"), Err(Mismatch::Other));
    for wrong in [String::new(), text[1..].to_owned(), format!("{text}{text}")] {
        let pending = Pending { offset: 10, text: wrong };
        assert_eq!(pending.missing(pending.end(), pending.text.as_bytes()), Err(Mismatch::Other));
    }
}

proptest! {
    #[test]
    fn anchor_of_any_growth_verifies_and_any_changed_byte_is_found(
        growth in proptest::collection::vec(proptest::collection::btree_map(0_u8..6, 1_u64..4, 1..5), 1..8),
        place: prop::sample::Index,
        bit in 0_u8..7,
    ) {
        let (mut blocks, mut lengths): (Vec<String>, [u64; 6]) = (Vec::new(), [0; 6]);
        for (second, chains) in (0..).zip(&growth) {
            let leaves: Vec<Leaf> = chains.iter().map(|(chain, more)| {
                lengths[usize::from(*chain)] += more;
                leaf(*chain, lengths[usize::from(*chain)])
            }).collect();
            let previous = blocks.last().map(String::as_str);
            blocks.push(next_checkpoint(previous, &leaves, at(second), &signers(1, None)).unwrap());
        }
        let text = blocks.concat();
        let anchor = verify(&text, &[verifier(1)]);
        prop_assert_eq!(anchor.map(|anchor| anchor.checkpoints().len()), Ok(growth.len()));
        let mut bytes = text.clone().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(verify(&changed, &[verifier(1)]).is_err(), "byte {} of\n{}", place, text);
        }
    }

    #[test]
    fn no_text_makes_the_verifier_panic(text in "(mab.audit.anchor.v1\n)?[-+= a-f0-9\n]{0,80}") {
        let _ = Anchor::parse_and_verify(&text, &[]);
    }
}
