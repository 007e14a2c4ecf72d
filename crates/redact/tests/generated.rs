//! The profile `strict` takes out what merely looks generated; the others do not.

use mab_redact::{Action, Class, DeniedSecrets, Policy, Profile, Redactor};
use proptest::prelude::*;

#[cfg(test)]
fn clean(profile: Profile, text: &str) -> String {
    let policy = Policy { profile, ..Policy::default() };
    Redactor::with_policy(policy).redact(text).unwrap().text.into_string()
}

/// Values without a format, put together at run time.
#[cfg(test)]
fn values() -> [String; 4] {
    [
        ["q7Rt2", "Lx9Wz", "4Kp8V", "m1Nc6"].concat(),
        ["9f86d081", "884c7d65", "9a2feaa0", "c55ad015"].concat(),
        ["Jb7/kQ2x", "+9Lm4Vt8", "zR1/Yw6N", "c3Hs5A=="].concat(),
        ["x_7Qa9-Zk", "2Lw8Rt4_", "Vb6Nc1-Pj3"].concat(),
    ]
}

#[test]
fn generated_value_when_strict_then_taken_out_and_else_not() {
    for value in values() {
        for (before, after) in
            [("", ""), ("see ", "."), ("{\"x\":\"", "\"}"), ("a\\n", "\\nb"), ("?q=", "&r=1")]
        {
            let text = format!("{before}{value}{after}");
            assert_eq!(clean(Profile::Strict, &text), format!("{before}GENERATED_VALUE_REDACTED{after}"));
            assert_eq!(clean(Profile::Balanced, &text), text);
        }
    }
}

#[test]
fn name_number_or_checksum_when_strict_then_left() {
    for text in [
        "AbstractSingletonProxyFactoryBean2Test",
        "crates/redact/src/policy/custom.rs",
        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
        "550e8400-e29b-41d4-a716-446655440000",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "{\"n\":1234567890123456789012345678901234e10}",
        "PASSWORD_REDACTED_AND_API_KEY_REDACTED",
        "====================================",
    ] {
        assert_eq!(clean(Profile::Strict, text), text);
    }
}

/// What may become trouble together: runs, escapes, placeholders, keys, a secret of the operator.
#[cfg(test)]
fn text() -> impl Strategy<Value = String> {
    let mut pieces: Vec<String> = [
        "\\", "\\n", "\\u00", "%3", "/", "+", "=", "\"", " ", "é", "-", "_", ".", ":", "password", "token=",
        "sha256:",
    ]
    .map(str::to_owned)
    .into();
    pieces.extend(
        ["PASSWORD_REDACTED", "GENERATED_VALUE_REDACTED", "x", "1e", "blue-horse-77-x"].map(str::to_owned),
    );
    pieces.extend(values());
    pieces.push(format!("ghp_{}", "a1B2".repeat(9)));
    prop::collection::vec(prop::sample::select(pieces), 0..16).prop_map(|pieces| pieces.concat())
}

#[cfg(test)]
fn strictest() -> Redactor {
    let (denied, _) = DeniedSecrets::from_env_files(["KEY=blue-horse-77-x"]);
    let classes = [(Class::Password, Action::Warn)].into();
    let policy = Policy { profile: Profile::Strict, denied: vec![denied], classes, ..Policy::default() };
    Redactor::with_policy(policy)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_when_strict_then_sound_and_idempotent(input in text()) {
        let redactor = strictest();
        let first = redactor.redact(&input).unwrap();
        let mut position = 0;
        for finding in &first.findings {
            prop_assert!(finding.start >= position && finding.start < finding.end && finding.end <= input.len());
            prop_assert!(input.is_char_boundary(finding.start) && input.is_char_boundary(finding.end));
            position = finding.end;
        }
        let second = redactor.redact(first.text.as_str()).unwrap();
        prop_assert_eq!(second.text.as_str(), first.text.as_str());
        prop_assert!(second.findings.iter().all(|finding| finding.action == Action::Warn));
        prop_assert!(!first.text.as_str().contains("blue-horse-77-x"));
    }

    #[test]
    fn json_when_strict_then_still_json(a in text(), b in text(), number in any::<f64>()) {
        let json = serde_json::json!({ a.clone(): [b, number], "password": number, "x": { "token": a } }).to_string();
        let clean = strictest().redact(&json).unwrap().text.into_string();
        prop_assert!(serde_json::from_str::<serde_json::Value>(&clean).is_ok(), "{}\n{}", json, clean);
    }
}
