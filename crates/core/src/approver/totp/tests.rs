use proptest::prelude::*;

use super::*;

/// The secret of both specifications' tables: twenty ASCII digits.
const PUBLISHED: &[u8; 20] = b"12345678901234567890";

fn at_s(seconds: u64) -> Timestamp {
    Timestamp::from_millis(0).plus_seconds(seconds)
}

#[test]
fn codes_are_those_of_rfc_4226_appendix_d() {
    let expected =
        ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    let totp = Totp::from_bytes(PUBLISHED);
    for (counter, code) in (0..).zip(expected) {
        assert_eq!((totp.code_at(counter), hotp(PUBLISHED, counter, 6)), (code.to_owned(), code.to_owned()));
    }
}

#[test]
fn codes_are_those_of_rfc_6238_appendix_b() {
    for (seconds, step, code) in [
        (59, 0x1, "94287082"),
        (1_111_111_109, 0x0235_23ec, "07081804"),
        (1_111_111_111, 0x0235_23ed, "14050471"),
        (1_234_567_890, 0x0273_ef07, "89005924"),
        (2_000_000_000, 0x03f9_40aa, "69279037"),
        (20_000_000_000, 0x27bc_86aa, "65353130"),
    ] {
        assert_eq!(Totp::step_at(at_s(seconds)), step);
        assert_eq!(hotp(PUBLISHED, step, 8), code);
        assert_eq!(Totp::from_bytes(PUBLISHED).code_at(step), code[2..]);
    }
}

#[test]
fn code_is_taken_within_a_step_of_its_own_and_once() {
    let totp = Totp::from_bytes(PUBLISHED);
    let step = Totp::step_at(at_s(1_111_111_111));
    let code = totp.code_at(step);
    let check = |now_s, newest| totp.check(&code, at_s(now_s), newest);
    let begins = step * 30;
    assert_eq!(check(begins - 31, 0), None);
    for now_s in [begins - 30, begins, begins + 29, begins + 59] {
        assert_eq!(check(now_s, 0), Some(step), "{now_s}");
        assert_eq!(check(now_s, step - 1), Some(step), "{now_s}");
        assert_eq!(check(now_s, step), None, "used already");
        assert_eq!(check(now_s, step + 1), None, "older than the newest");
    }
    assert_eq!(check(begins + 60, 0), None);
}

#[test]
fn code_when_anything_but_the_six_digits_is_not_taken() {
    let totp = Totp::from_bytes(PUBLISHED);
    let now = at_s(1_111_111_111);
    for good in ["050471", " 050 471 ", "050471\n"] {
        assert!(totp.check(good, now, 0).is_some(), "{good:?}");
    }
    for bad in ["", " ", "50471", "14050471", "0504711", "05047", "a50471", "٠٥٠٤٧١", "050472"] {
        assert_eq!(totp.check(bad, now, 0), None, "{bad:?}");
    }
}

#[test]
fn clock_before_the_epoch_has_step_zero_which_is_never_used() {
    let now = Timestamp::from_millis(-5);
    let totp = Totp::from_bytes(PUBLISHED);
    assert_eq!(Totp::step_at(now), 0);
    assert_eq!(totp.check(&totp.code_at(0), now, 0), None);
}

#[test]
fn uri_is_what_apps_scan() {
    let expected = "otpauth://totp/mab:anna%20%40h%C3%B6me?\
        secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=mab&algorithm=SHA1&digits=6&period=30";
    assert_eq!(Totp::from_bytes(PUBLISHED).uri("anna @höme").as_str(), expected);
}

#[test]
fn debug_never_shows_the_secret() {
    assert_eq!(format!("{:?}", Totp::from_bytes(PUBLISHED)), "Totp(…)");
}

/// What an app makes of what was typed into it.
fn from_base32(text: &str) -> Vec<u8> {
    let value = |character| BASE32.iter().position(|known| *known == character).unwrap() as u64;
    let bits = |group: &[u8]| group.iter().fold(0, |bits, character| bits << 5 | value(*character));
    text.as_bytes().chunks(8).flat_map(|group| bits(group).to_be_bytes()[3..].to_vec()).collect()
}

proptest! {
    #[test]
    fn secret_when_typed_into_an_app_is_the_same(bytes: [u8; 20]) {
        let text = Totp::from_bytes(&bytes).secret_base32();
        prop_assert_eq!(text.len(), 32);
        prop_assert_eq!(from_base32(&text), bytes);
    }
}
