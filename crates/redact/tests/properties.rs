//! What holds for every text.

use mab_redact::{Redaction, Redactor};
use proptest::prelude::*;

/// Keys, separators, quotes, escapes, values.
const PIECES: &[&str] = &[
    "password",
    "token",
    "api_key",
    "secret",
    "Authorization",
    "bearer ",
    "=",
    ": ",
    " = ",
    ":",
    "\"",
    "'",
    "`",
    "\\\"",
    "\\\\\\\"",
    "\\",
    "\\n",
    "\n",
    " ",
    ",",
    ";",
    "&",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    "|",
    "</",
    "is ",
    " is the password",
    " as password",
    "pwd ",
    "log in with ",
    "пароль",
    "是",
    "は",
    "“",
    "”",
    "«",
    "**",
    "-> ",
    "://",
    "@",
    "curl -u ",
    "a:",
    "hunter2",
    "Tr0ub4dor",
    "${X}",
    "é",
    "密码",
    "eyJ",
    ".",
    "-",
    "--",
    "_",
    "12345678",
    "null",
    "PASSWORD_REDACTED",
    "API_KEY_REDACTED",
    "%3D",
    "\\u003d",
    "value",
];

/// Pieces that make trouble together: keys, separators, quotes, escapes, tokens.
fn piece() -> impl Strategy<Value = String> {
    let fixed: Vec<String> = PIECES
        .iter()
        .map(ToString::to_string)
        .chain([
            format!("ghp_{}", "a1B2".repeat(9)),
            format!("AKIA{}", "Q3EG".repeat(4)),
            format!("eyJ{0}.eyJ{0}.{0}", "a1B2".repeat(5)),
            format!("-----BEGIN {} KEY-----", "PRIVATE"),
            format!("-----END {} KEY-----", "PRIVATE"),
            "Ab3/".repeat(12),
        ])
        .collect();
    prop_oneof![8 => prop::sample::select(fixed), 1 => "[ -~]{0,12}", 1 => "\\PC{0,6}"]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

fn assert_sound(input: &str, redaction: &Redaction) {
    let mut position = 0;
    let mut expected_rest = input.len();
    for finding in &redaction.findings {
        assert!(finding.start >= position && finding.end > finding.start && finding.end <= input.len());
        assert!(input.is_char_boundary(finding.start) && input.is_char_boundary(finding.end));
        position = finding.end;
        expected_rest -= finding.end - finding.start;
    }
    assert!(redaction.text.as_str().len() >= expected_rest);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_when_redacted_then_sound_and_idempotent(input in text()) {
        let redactor = Redactor::new();
        let first = redactor.redact(&input).unwrap();
        assert_sound(&input, &first);
        let second = redactor.redact(first.text.as_str()).unwrap();
        prop_assert_eq!(second.text.as_str(), first.text.as_str());
        prop_assert_eq!(second.findings, vec![]);
    }

    #[test]
    fn json_when_redacted_then_still_json(a in text(), b in text(), c in text(), number in any::<i64>()) {
        let inner = serde_json::json!({ a.clone(): b, "password": number, "token": [c.clone(), a] }).to_string();
        let outer = serde_json::json!({ "text": inner, c: [inner, 12_345_678, null], "secret": { "password": b } });
        let redactor = Redactor::new();
        for json in [outer.to_string(), serde_json::to_string_pretty(&outer).unwrap_or_default()] {
            let clean = redactor.redact(&json).unwrap().text.into_string();
            prop_assert!(serde_json::from_str::<serde_json::Value>(&clean).is_ok(), "{json}\n{clean}");
        }
    }

    #[test]
    fn planted_secret_when_redacted_then_gone(
        before in "[a-zé ,.\n]{0,40}",
        after in "[ \n][a-zé ,.\n]{0,40}",
        body in "[0-9][a-z][A-Z][0-9A-Za-z]{33}",
        carrier in prop::sample::select(vec![
            "ghp_{}", "api_key = \"{}\"", "\nTOKEN={}", "\"secret\": \"{}\"", "Authorization: Bearer {}", "https://u:{}@host/x", "?access_token={}&x=1",
            "curl -u me:{} https://h", "<password>{}</password>", "\\\"password\\\": \\\"{}\\\"", "the password is {}", "--password {}", "sk-{}",
        ]),
    ) {
        let input = format!("{before} {}{after}", carrier.replace("{}", &body));
        let clean = Redactor::new().redact(&input).unwrap().text.into_string();
        prop_assert!(!clean.contains(&body[..8]) && !clean.contains(&body[body.len() - 8..]), "{}", clean);
    }
}
