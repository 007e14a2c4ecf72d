//! Secrets in compressed data: none hides another, honest logs pass, and hostile data are cheap or refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mab_redact::{Redactor, Refusal};

/// Base64 of a gzip member.
#[cfg(test)]
fn packed(text: &str) -> String {
    let body = miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 6);
    STANDARD.encode([&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &body, &[0; 8]].concat())
}

/// A word that looks generated.
#[cfg(test)]
fn word(seed: u64) -> String {
    let numbers = (1..=20).map(|at| (seed * 31 + at).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40);
    numbers.filter_map(|number| char::from_digit((number % 36) as u32, 36)).collect()
}

/// Lines of a log, with a password at the end if there is to be one.
#[cfg(test)]
fn log(seed: u64, lines: u64, has_secret: bool) -> String {
    let line = |at: u64| {
        format!(
            "2026-01-02T03:04:{:02}Z INFO request {} handled by worker {seed} in {at} ms\n",
            at % 60,
            seed * 7919 + at
        )
    };
    let mut log: String = (0..lines).map(line).collect();
    if has_secret {
        log.extend(["password=", &word(seed), "\n"]);
    }
    log
}

#[test]
fn blobs_when_many_have_a_secret_then_all_are_found_at_once() {
    let blob = |seed| packed(&format!("password={}\n", word(seed)).repeat(120));
    let text = (0..30).map(blob).collect::<Vec<_>>().join(" ; ");
    let redactor = Redactor::new();
    let once = redactor.redact(&text).unwrap();
    assert_eq!(once.findings.len(), 30);
    assert_eq!(redactor.redact(once.text.as_str()).unwrap().text, once.text);
}

#[test]
fn secret_when_behind_a_blob_that_explodes_then_found() {
    let secret = STANDARD.encode(format!("password={}", word(1)));
    let text = format!("{} {secret}", packed(&"\n".repeat(60_000)));
    let clean = Redactor::new().redact(&text).unwrap().text.into_string();
    assert!(!clean.contains(&secret) && clean.starts_with("H4sI"), "{clean}");
}

#[test]
fn logs_when_packed_then_pass() {
    for has_secret in [false, true] {
        let text = (0..40).map(|seed| packed(&log(seed, 40, has_secret))).collect::<Vec<_>>().join(" ; ");
        let found = Redactor::new().redact(&text).unwrap();
        assert_eq!(found.findings.len(), if has_secret { 40 } else { 0 });
    }
    let words = "the token of the user is a secret that the server keeps as a password. ".repeat(200);
    let small = hex::encode(miniz_oxide::deflate::compress_to_vec_zlib(words.as_bytes(), 9));
    assert!(Redactor::new().redact(&small).is_ok());
}

#[test]
fn data_when_made_to_unpack_to_far_more_then_refused_or_cheap() {
    for words in ["password token secret key login ", "\n", "pwd is ", "a as password "] {
        let blob = packed(&words.repeat(200_000 / words.len()));
        for repeats in [50_000 / blob.len(), 10] {
            let text = format!("{blob} ").repeat(repeats);
            let outcome = Redactor::new().redact(&text).map(|found| found.work);
            assert!(outcome == Err(Refusal::TooCostly) || outcome.is_ok_and(|work| work < 6_000_000));
        }
    }
}
