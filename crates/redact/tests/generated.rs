//! The profile `strict` takes out what merely looks generated; the others do not.

use mab_redact::{Policy, Profile, Redactor};

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
