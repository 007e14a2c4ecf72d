use std::{collections::BTreeSet, sync::atomic::AtomicU64, sync::atomic::Ordering};

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::{Code, Failure, Fault, Random, secret::MasterKey};

/// Never the same bytes twice.
struct Drawn(AtomicU64);

impl Random for Drawn {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        for chunk in buffer.chunks_mut(32) {
            let drawn: [u8; 32] = Sha256::digest(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes()).into();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
        Ok(())
    }
}

static RANDOM: Drawn = Drawn(AtomicU64::new(0));
const PASSPHRASE: &str = "nine green ducks";

fn cheap() -> Cost {
    Cost::new(8, 1, 1).unwrap()
}

#[test]
fn approver_when_sealed_opens_with_its_passphrase_alone() {
    let random = &RANDOM;
    let plain = Approver::draw(random).unwrap();
    let with_codes = Approver::draw(random).unwrap().with_totp(Totp::draw(random).unwrap());
    let mut lengths = BTreeSet::new();
    for approver in [plain, with_codes] {
        let sealed = approver.seal(PASSPHRASE, cheap(), random).unwrap();
        let opened = Approver::open(&sealed, PASSPHRASE).unwrap();
        assert_eq!(opened.key(), approver.key());
        let secret = |approver: &Approver| approver.totp().map(|totp| totp.secret_base32().to_string());
        assert_eq!(secret(&opened), secret(&approver));
        for other in ["", "nine green duck", "nine green ducks ", "Nine green ducks"] {
            let denied = Approver::open(&sealed, other).unwrap_err();
            assert_eq!(denied.code, Code::Forbidden);
            assert_eq!(denied.message, "the passphrase does not open the approver's key");
            assert!(denied.next_step().contains("mab yolo enroll --forgotten"));
        }
        assert_ne!(approver.seal(PASSPHRASE, cheap(), random).unwrap(), sealed, "salt and nonce are new");
        lengths.insert(sealed.len());
    }
    assert_eq!(lengths.len(), 1, "the length does not tell whether there are one-time codes");
}

#[test]
fn sealed_approver_when_any_byte_is_changed_or_cut_does_not_open() {
    let random = &RANDOM;
    let sealed = Approver::draw(random).unwrap().seal(PASSPHRASE, cheap(), random).unwrap();
    for index in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[index] ^= 1;
        assert!(Approver::open(&changed, PASSPHRASE).is_err(), "byte {index}");
        assert!(Approver::open(&sealed[..index], PASSPHRASE).is_err(), "cut at {index}");
    }
}

#[test]
fn cost_when_absurd_is_not_paid() {
    for (memory_kib, passes, lanes) in [
        (u32::MAX, 1, 1),
        ((1 << 20) + 1, 1, 1),
        (64, u32::MAX, 1),
        (64, 17, 1),
        (64, 1, 5),
        (7, 1, 1),
        (64, 0, 1),
        (64, 1, 0),
    ] {
        assert_eq!(Cost::new(memory_kib, passes, lanes), None, "{memory_kib} {passes} {lanes}");
    }
    let random = &RANDOM;
    let mut sealed = Approver::draw(random).unwrap().seal(PASSPHRASE, cheap(), random).unwrap();
    sealed[1..5].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(Approver::open(&sealed, PASSPHRASE).is_err());
    let usual = Cost::default();
    assert_eq!(Cost::new(65_536, 3, 1), Some(usual));
}

#[test]
fn sealed_approver_of_the_usual_cost_says_so_in_its_header() {
    let random = &RANDOM;
    let sealed = Approver::draw(random).unwrap().seal(PASSPHRASE, Cost::default(), random).unwrap();
    assert_eq!(sealed[..13], [1, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1]);
    assert!(Approver::open(&sealed, PASSPHRASE).is_ok());
}

#[test]
fn passphrase_when_weak_or_unprintable_is_refused() {
    let random = &RANDOM;
    let approver = Approver::draw(random).unwrap();
    let long = "ab".repeat(513);
    for (bad, message) in [
        ("", "a passphrase has at least 10 characters"),
        ("ninechars", "a passphrase has at least 10 characters"),
        ("äöüäöüäöü", "a passphrase has at least 10 characters"),
        ("aaaaaaaaaaaaaaaa", "a passphrase is more than one character over and over"),
        ("nine green\u{1b}[2J", "a passphrase has no control characters"),
        (&long, "a passphrase has at most 1024 bytes"),
    ] {
        let denied = check_passphrase(bad).unwrap_err();
        assert_eq!((denied.code, denied.message.as_str()), (Code::InvalidArguments, message));
        assert!(denied.hint.is_some());
        let refused = approver.seal(bad, cheap(), random);
        assert!(matches!(refused, Err(Failure::Denied(again)) if again == denied));
    }
    for good in ["ten chars!", "zehn Wörter, und eines mehr", &long[..1024]] {
        assert_eq!(check_passphrase(good), Ok(()));
    }
}

#[test]
fn approver_when_wrapped_opens_for_its_key_and_bridge_only() -> Result<(), Fault> {
    let random = &RANDOM;
    let ours = Enroller::new(&MasterKey::from_file_text(&"5a".repeat(32))?)?;
    let theirs = Enroller::new(&MasterKey::from_file_text(&"5b".repeat(32))?)?;
    let (key, other) = (Approver::draw(random)?.key(), Approver::draw(random)?.key());
    let wrapped = ours.wrap(&key, b"sealed", random)?;
    assert_eq!(ours.unwrap(&key, &wrapped)?, b"sealed");
    assert!(ours.unwrap(&other, &wrapped).is_err() && theirs.unwrap(&key, &wrapped).is_err());
    for index in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[index] ^= 1;
        assert!(ours.unwrap(&key, &changed).is_err(), "byte {index}");
    }
    let mac = ours.mac(&key)?;
    assert!(ours.made(&key, &mac));
    assert!(!ours.made(&other, &mac) && !theirs.made(&key, &mac));
    assert!(!ours.made(&key, &mac[..8]) && !ours.made(&key, &[]));
    assert_eq!(format!("{ours:?}"), "Enroller(…)");
    Ok(())
}

#[test]
fn signature_is_of_one_key_one_purpose_and_one_text() {
    let random = &RANDOM;
    let (approver, other) = (Approver::draw(random).unwrap(), Approver::draw(random).unwrap());
    let (key, next) = (approver.key(), other.key());
    let (terms, approval, successor) =
        (approver.sign_terms("x"), approver.sign_approval("x"), approver.sign_successor(&next));
    assert!(key.signed_terms("x", &terms) && key.signed_approval("x", &approval));
    assert!(key.signed_successor(&next, &successor));
    assert!(!key.signed_terms("y", &terms) && !key.signed_approval("y", &approval));
    assert!(!key.signed_terms("x", &approval) && !key.signed_approval("x", &terms));
    assert!(!next.signed_terms("x", &terms) && !next.signed_approval("x", &approval));
    assert!(!key.signed_successor(&key, &successor) && !next.signed_successor(&next, &successor));
    assert!(!key.signed_terms("x", &[]) && !key.signed_terms("x", &terms[..63]));
}

#[test]
fn key_when_weak_or_no_point_is_none() {
    // Every point of small order (RFC 7748, section 7, in Edwards form), under which anybody signs anything.
    for weak in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    ] {
        let bytes = hex::decode(weak).unwrap().try_into().unwrap();
        assert_eq!(ApproverKey::from_bytes(&bytes), None, "{weak}");
    }
    assert_eq!(ApproverKey::from_bytes(&[0x02; 32]).map(|_| "a point"), None);
}

#[test]
fn debug_never_shows_a_secret() {
    let random = &RANDOM;
    let approver = Approver::draw(random).unwrap().with_totp(Totp::draw(random).unwrap());
    assert_eq!(format!("{approver:?}"), "Approver(…)");
    let key = approver.key();
    assert_eq!(format!("{key:?}"), format!("ApproverKey({})", hex::encode(&key.bytes()[..4])));
}

proptest! {
    #[test]
    fn bytes_of_anybody_never_open(sealed in prop::collection::vec(any::<u8>(), 0..200), passphrase in ".{0,20}") {
        let cheap = [&[1_u8, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1], sealed.as_slice()].concat();
        prop_assert!(Approver::open(&cheap, &passphrase).is_err());
        prop_assert!(sealed.first() == Some(&1) || Approver::open(&sealed, &passphrase).is_err());
    }
}
