//! What holds for every text that hides something: places on characters, JSON that stays JSON, nothing more to find, and
//! work that grows with the text.

use mab_redact::Redactor;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A random-looking token body; test vectors are put together at run time, so that repository scanners stay quiet.
const BODY: &str = "9fKx2LmQ7vRtYb4WsZc8JhNdPg3Ae6Uo";

/// What views undo, their edges, and what they meet.
const PIECES: &[&str] = &[
    "\\",
    "\\\\",
    "\\n",
    "\\\"",
    "\\u0022",
    "\\x22",
    "\\/",
    "&quot;",
    "&amp;",
    "&#34;",
    "%22",
    "%5C",
    "%e5%af",
    "=3D",
    "=\n",
    "\u{1b}[0m",
    "\u{1b}]",
    "\u{200b}",
    "\u{e0041}",
    "р",
    "密",
    "Ａ",
    "é",
    "\n",
    "\r\n",
    "\n> ",
    "\" + \"",
    "\"",
    "'",
    "`",
    " ",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    "password=",
    "\"password\":",
    "token: ",
    "hunter2!",
    "12345678",
    "null",
    "true",
    "ghp_9fKx2LmQ7v",
    "RtYb4WsZc8JhNdPg3Ae6Uo",
    "eyJ",
    "H4sIAAAAAAAAA",
    "eJwr",
    "cGFzc3dvcmQ6",
    "IGh1bnRlcjIh",
    "70617373776f72643a20",
    "SECRET_REDACTED",
];

#[cfg(test)]
fn spell(bytes: &[u8], each: impl Fn(u8) -> String) -> String {
    bytes.iter().map(|&byte| each(byte)).collect()
}

#[cfg(test)]
fn text() -> impl Strategy<Value = String> {
    let token = format!("ghp_{BODY}abcd");
    let encoded = spell(token.as_bytes(), |byte| format!("{byte:02x}"));
    let escaped = spell(token.as_bytes(), |byte| format!("\\u{byte:04x}"));
    let pieces: Vec<String> =
        PIECES.iter().map(ToString::to_string).chain([token, encoded, escaped, BODY.to_owned()]).collect();
    let piece = prop_oneof![8 => prop::sample::select(pieces), 1 => "[ -~]{0,8}", 1 => "\\PC{0,4}"];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_when_redacted_then_sound_and_idempotent(input in text()) {
        let redactor = Redactor::new();
        let first = redactor.redact(&input).unwrap();
        let mut position = 0;
        for finding in &first.findings {
            prop_assert!(finding.start >= position && finding.end > finding.start && finding.end <= input.len());
            prop_assert!(input.is_char_boundary(finding.start) && input.is_char_boundary(finding.end));
            position = finding.end;
        }
        let second = redactor.redact(first.text.as_str()).unwrap();
        prop_assert_eq!(second.text.as_str(), first.text.as_str());
    }

    #[test]
    fn json_when_redacted_then_still_json(a in text(), b in text(), number in any::<i64>()) {
        let inner = json!({ a.clone(): b, "password": number, "list": [a, 12_345_678, b] });
        let outer = json!({ "text": inner.to_string(), "inner": inner, b: [number, a] });
        let redactor = Redactor::new();
        for json in [outer.to_string(), serde_json::to_string_pretty(&outer).unwrap_or_default()] {
            let clean = redactor.redact(&json).unwrap().text.into_string();
            prop_assert!(serde_json::from_str::<Value>(&clean).is_ok(), "{}\n{}", json, clean);
        }
    }
}

/// What a careless view would look at again and again.
const TRIGGERS: &[&str] = &[
    "\\",
    "\\\\n",
    "\\x",
    "\\u",
    "\\ud83d",
    "\\ud83d\\",
    "\\u{",
    "\\xe5\\xaf",
    "&",
    "&amp;",
    "&amp;#",
    "&#",
    "%",
    "%25",
    "%e5%25",
    "%e5%af",
    "=3D",
    "=3D=\n",
    "\u{1b}",
    "\u{1b}[",
    "\u{1b}]",
    "\u{1b}]x",
    "\u{200b}",
    "а",
    "а ",
    "ａ",
    "\n",
    "a1B2c3D4\n",
    "a1B2c3D4e5F6g7H8\n",
    "a1B2c3D4\n> ",
    "a1B2c3D4\\\n",
    "\" + \"",
    "a1\" + \"",
    "a1\" \"",
    "\"a1B2c3D4e5F6g7H8\" + ",
    "-----BEGIN A\n",
    "#6 0.245 a1B2c3D4\n",
    "eyJ",
    "eyJ.",
    "eyJhbGciOiJIUzI1NiJ9",
    "eyJhbGciOiJIUzI1NiJ9.",
    "cGFzc3dvcmQ6",
    "cGFzc3dvcmQ6/",
    "/cGFzc3dvcmQ6IGh1bnRlcjIhcGFzc3dvcmQ6AAAA",
    "70617373776f7264",
    "7061737377ff/",
    "0x70617373776f7264",
    "H4sIAAAAAAAA",
    "H4sIAAAAAAAA/",
    "/H4sIAAAAAAAAAAAAAAAA",
    "eJwrSSwuLs8vSgEAD",
    "eJwrSSwuLs8vSgEAD/",
    "cABhAHMAcwB3AG8AcgBkAA",
    "cABhAHMAcwB3AG8AcgBkAA/",
    "cGFzc3dvcmQ9aHVudGVyMiE= ",
    "password=\\u0061bcdefg1 ",
];

#[cfg(test)]
fn work_for(text: &str) -> u64 {
    Redactor::new().redact(text).unwrap().work
}

#[test]
fn work_when_input_repeats_a_trigger_then_linear() {
    for trigger in TRIGGERS {
        let (small, large) = (work_for(&trigger.repeat(500)), work_for(&trigger.repeat(2000)));
        assert!(large <= 5 * small + 8192, "{trigger:?}: {small} -> {large}");
        let bytes = 2000 * trigger.len() as u64;
        assert!(large <= MOST_WORK_PER_BYTE * bytes, "{trigger:?}: {large} for {bytes} bytes");
    }
}

#[test]
fn work_when_input_is_random_then_linear() {
    let random = |length: u64| -> String {
        let numbers = (1..=length).map(|at| at.wrapping_mul(at).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57);
        numbers.map(|number| u8::try_from(number).map_or(' ', char::from)).collect()
    };
    let (small, large) = (work_for(&random(20_000)), work_for(&random(80_000)));
    assert!(large <= 5 * small, "{small} -> {large}");
}

#[test]
fn work_when_compressed_data_explode_then_bounded() {
    for repeats in [10, 100, 1000] {
        let bomb = miniz_oxide::deflate::compress_to_vec_zlib(&vec![b'a'; repeats * 10_000], 9);
        let encoded = spell(&bomb, |byte| format!("{byte:02x}"));
        let bytes = encoded.len() as u64;
        assert!(work_for(&encoded) <= 100 * bytes + 262_144, "{repeats}: {}", work_for(&encoded));
    }
}

#[test]
fn work_when_encoded_again_and_again_then_bounded() {
    let mut text = "password: hunter2! ".repeat(50);
    for _ in 0..5 {
        text = spell(text.as_bytes(), |byte| format!("{byte:02x}"));
        assert!(work_for(&text) <= MOST_WORK_PER_BYTE * text.len() as u64, "{}", text.len());
    }
}

/// A view costs a few looks at each byte, and there are a few views; the rules look at them as at any text.
const MOST_WORK_PER_BYTE: u64 = 300;
