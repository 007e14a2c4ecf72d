//! Private keys that have lost their BEGIN line, and what looks like one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mab_redact::{Redactor, Scope};

#[cfg(test)]
fn clean(text: &str) -> String {
    Redactor::new().redact(text).unwrap().text.into_string()
}

/// What becomes of `text` after `tail`.
#[cfg(test)]
fn after(tail: &str, text: &str) -> String {
    let tail = &tail[tail.len().saturating_sub(512)..];
    Redactor::new().redact_in(text, &Scope { tail, ..Scope::default() }).unwrap().redaction.text.into_string()
}

/// Base64 of a structure: these bytes, then random ones up to `length`.
#[cfg(test)]
fn structure(head: &[u8], length: usize) -> String {
    let random = (0_u64..).map(|index| (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 37).to_le_bytes()[0]);
    let bytes: Vec<u8> = head.iter().copied().chain(random).take(length).collect();
    STANDARD.encode(bytes)
}

#[cfg(test)]
fn wrapped(base64: &str, glue: &str) -> String {
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(glue)
}

/// A key of RSA with 2048 bits: PKCS #8.
const RSA: &[u8] = &[0x30, 0x82, 0x04, 0xbe, 2, 1, 0, 0x30, 0x0d];
/// Heads of other private keys, and how long the structure is.
const KEYS: &[(&[u8], usize)] = &[
    (RSA, 1218),
    (&[0x30, 0x82, 0x04, 0xa4, 2, 1, 0, 2, 0x82], 1192),
    (&[0x30, 0x82, 0x09, 0x28, 2, 1, 0, 2, 0x82], 2348),
    (&[0x30, 0x77, 2, 1, 1, 4, 0x20], 121),
    (&[0x30, 0x81, 0x87, 2, 1, 0, 0x30, 0x13], 138),
    (&[0x30, 0x81, 0xa4, 2, 1, 1, 4, 0x30], 167),
    (&[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70], 48),
    (&[0x30, 0x51, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70], 83),
    (&[0x30, 0x82, 2, 0xdd, 0x30, 0x57, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 0x0d], 737),
    (b"openssh-key-v1\0\0\0\0\x04none", 399),
];

#[test]
fn private_key_when_it_has_no_begin_line_then_replaced() {
    for &(head, length) in KEYS {
        let key = structure(head, length);
        for glue in ["", "\n", "\r\n", "\\n", "\\\\n", "\n    ", "\n> "] {
            let text = wrapped(&key, glue);
            assert_eq!(clean(&format!("a {text} b")), "a PRIVATE_KEY_REDACTED b", "{head:x?} {glue:?}");
        }
        let json = format!("{{\"x\":\"{}\\n\"}}", wrapped(&key, "\\n"));
        assert_eq!(clean(&json), "{\"x\":\"PRIVATE_KEY_REDACTED\\n\"}");
        assert_eq!(
            clean(&format!("before\\n{key}\\nand after")),
            "before\\nPRIVATE_KEY_REDACTED\\nand after"
        );
    }
}

#[test]
fn private_key_when_only_its_end_line_is_left_then_replaced() {
    let key = structure(RSA, 1218);
    for label in ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
        for glue in ["\n", "\r\n", "\\n", "\\\\n", "\n    ", "\n> "] {
            let body = wrapped(&key[300..], glue);
            let text = format!("It ends so:\n{body}{glue}-----END {label}-----\nand then prose");
            let expected = "It ends so:\nPRIVATE_KEY_REDACTED\nand then prose";
            assert_eq!(clean(&text), expected, "{label} {glue:?}");
        }
        let code = format!("[\"{}\",\"-----END {label}-----\"]", wrapped(&key[320..448], "\",\""));
        let expected =
            format!("[\"PRIVATE_KEY_REDACTED\",\"PRIVATE_KEY_REDACTED\",\"-----END {label}-----\"]");
        assert_eq!(clean(&code), expected);
    }
}

#[test]
fn private_key_when_cut_far_behind_its_beginning_then_its_rest_is_replaced() {
    for glue in ["\n", "\r\n", "\\n"] {
        let body = wrapped(&structure(RSA, 1218), glue);
        let key = format!("-----BEGIN {0}-----{glue}{body}{glue}-----END {0}-----", "PRIVATE KEY");
        for cut in [700, 713, 730, 800, 900, 1100, 1500] {
            let (tail, text) = key.split_at(cut);
            let cleaned = after(tail, &format!("{text}\nand so on"));
            let kept = cleaned.strip_suffix("\nand so on").unwrap();
            assert!(!kept.contains(&text[4..30]) && kept.len() < 30, "{glue:?} {cut}: {cleaned}");
            let middle = &text[..(text.len() / 2).min(300)];
            let cleaned = after(tail, middle);
            assert!(cleaned.len() < 30, "{glue:?} {cut}: {cleaned}");
        }
    }
}

#[test]
fn public_structure_when_bare_or_cut_then_stays() {
    for (head, length) in [
        // A certificate, a public key of RSA in both forms, a public key of P-256, a key store.
        (&[0x30, 0x82, 0x04, 0xbe, 0x30, 0x82, 0x03, 0xa6, 0xa0, 3, 2, 1, 2][..], 1218),
        (&[0x30, 0x82, 1, 0x22, 0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1], 294),
        (&[0x30, 0x82, 1, 0x0a, 2, 0x82, 1, 1, 0], 270),
        (&[0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce], 91),
    ] {
        let body = wrapped(&structure(head, length), "\n");
        for text in [body.clone(), format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----")]
        {
            assert_eq!(clean(&text), text);
            let (tail, rest) = text.split_at(text.len() * 3 / 4);
            if text.starts_with('-') {
                assert_eq!(after(tail, rest), rest);
            }
            assert_eq!(after(&text, "And that is 1 certificate."), "And that is 1 certificate.");
        }
    }
    for text in [
        "Keys begin with MIIEvgIBADANBgkqhkiG9w0BAQEFAASC, always.",
        "I migrate the MIIE files; it might take a week.",
        "Cut at the line -----END PRIVATE KEY----- and no further.",
        "b3BlbnNzaC1rZXktdjE is how these begin",
    ] {
        assert_eq!(clean(text), text);
    }
}
