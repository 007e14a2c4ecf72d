//! JSON stays JSON, and secrets in its arrays are found.

use mab_redact::Redactor;
use proptest::prelude::*;
use serde_json::{Value, json};

const BODY: &str = "9fKx2LmQ7vRtYb4WsZc8JhNdPg3Ae6Uo";

#[cfg(test)]
fn clean(text: &str) -> String {
    Redactor::new().redact(text).unwrap().text.into_string()
}

#[test]
fn authorization_when_in_an_array_then_only_the_string_is_replaced() {
    let jwt = format!("eyJ{BODY}.eyJ{BODY}.{BODY}");
    let github = format!("ghp_{BODY}abcd");
    let basic = format!("Basic {BODY}");
    for (text, expected) in [
        (
            json!({"multiValueHeaders": {"Authorization": [jwt]}}),
            json!({"multiValueHeaders": {"Authorization": ["JWT_REDACTED"]}}),
        ),
        (json!({"Authorization": [github]}), json!({"Authorization": ["GITHUB_TOKEN_REDACTED"]})),
        (json!({"Authorization": [basic]}), json!({"Authorization": ["Basic BEARER_TOKEN_REDACTED"]})),
        (
            json!({"authorization": ["Bearer", BODY]}),
            json!({"authorization": ["Bearer", "BEARER_TOKEN_REDACTED"]}),
        ),
    ] {
        assert_eq!(clean(&text.to_string()), expected.to_string());
        let nested = clean(&json!({ "text": text.to_string() }).to_string());
        assert_eq!(nested, json!({ "text": expected.to_string() }).to_string());
        let pretty = clean(&serde_json::to_string_pretty(&text).unwrap());
        assert_eq!(pretty, serde_json::to_string_pretty(&expected).unwrap());
    }
}

#[test]
fn key_when_its_string_ends_then_nothing_behind_is_its_value() {
    for text in [
        "{\"args\":[\"--password=\",123456789,\"x\"]}",
        "[\"token=\",null,12345678]",
        "[\"Authorization: \",null,12345678]",
        "{\"curl -u \":12345678,\"x\":1}",
        "{\"authorization\":1e555555555}",
        "{\"a\":\"{\\\"args\\\":[\\n  \\\"--password=\\\"\\n  ],\\\"b\\\":12345678}\"}",
    ] {
        assert_eq!(clean(text), text);
    }
    assert_eq!(clean("password=\",hunter2\""), "password=\"PASSWORD_REDACTED\"");
    assert_eq!(clean("{\"password\\\\\":12345678}"), "{\"password\\\\\":\"PASSWORD_REDACTED\"}");
}

/// What strings are built from.
const PIECES: &[&str] = &[
    "password",
    "--password",
    "token",
    "api_key",
    "API key",
    "STRIPE_KEY",
    "secret",
    "Authorization",
    "Bearer",
    "Basic",
    "bearer ",
    "curl -u ",
    "://",
    "u:",
    "@",
    "=",
    ": ",
    ":",
    " ",
    ",",
    " is ",
    "pwd ",
    "log in ",
    " as password",
    " is the password",
    "enter ",
    " when ",
    "密码是",
    "пароль — ",
    "admin:",
    "“",
    "”",
    "**",
    "/",
    "\"",
    "'",
    "`",
    "\\",
    "\n",
    "[",
    "]",
    "{",
    "}",
    "(",
    "<",
    ">",
    "***",
    "$",
    "hunter2",
    "Tr0ub4dor",
    "12345678",
    "null",
    "é",
    "PRIVATE_KEY_REDACTED",
    "b",
    "f",
];

fn word() -> impl Strategy<Value = String> {
    let secrets = [
        BODY.to_owned(),
        format!("ghp_{BODY}abcd"),
        format!("eyJ{BODY}.eyJ{BODY}.{BODY}"),
        "0123456789abcdef".repeat(4),
        format!("-----BEGIN {} KEY-----", "PRIVATE"),
        format!("-----END {} KEY-----", "PRIVATE"),
    ];
    let all: Vec<String> = PIECES.iter().map(ToString::to_string).chain(secrets).collect();
    prop::collection::vec(prop::sample::select(all), 0..5).prop_map(|pieces| pieces.concat())
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => word().prop_map(Value::from),
        2 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word(), inner.clone()), 0..6).prop_map(Value::from_iter),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_document_when_redacted_then_still_json(document in document()) {
        let redactor = Redactor::new();
        for json in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
            let clean = redactor.redact(&json).unwrap().text.into_string();
            prop_assert!(serde_json::from_str::<Value>(&clean).is_ok(), "{json}\n{clean}");
        }
    }
}

#[test]
fn escape_when_a_match_begins_inside_then_goes_whole() {
    let key = concat!("-----BEGIN PRIV", "ATE KEY-----");
    let text = json!({ key: format!("\u{1b}{BODY}-----END ") });
    assert_eq!(clean(&text.to_string()), json!({ key: "PRIVATE_KEY_REDACTED-----END " }).to_string());
}

#[test]
fn value_of_quotes_and_backslashes_when_elsewhere_then_stays() {
    let inner = json!({ "": "\\", "password": "\"", "x\\": [""] }).to_string();
    let outer = json!({ "secret": { "body": inner } }).to_string();
    let text = json!({ "text": outer }).to_string();
    let whole: Value = serde_json::from_str(&clean(&text)).unwrap();
    let outer: Value = serde_json::from_str(whole["text"].as_str().unwrap()).unwrap();
    let inner: Value = serde_json::from_str(outer["secret"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(inner[""], "\\");
}

#[test]
fn value_that_is_cut_at_its_limit_when_it_ends_in_an_escape_then_still_json() {
    for length in 90..130 {
        let value = BODY.repeat(5)[..length].to_owned();
        let inner = json!({ format!("password et{value}\""): "" }).to_string();
        let text = json!({ "text": inner }).to_string();
        let outer: Value = serde_json::from_str(&clean(&text)).unwrap();
        let inner = outer["text"].as_str().unwrap();
        assert!(serde_json::from_str::<Value>(inner).is_ok(), "{length}: {inner}");
    }
}

#[test]
fn values_without_quotes_when_rules_reach_them_then_stay() {
    let end = concat!("-----END PRIV", "ATE KEY-----");
    let key_lines = json!([BODY, null, end]).to_string();
    assert_eq!(clean(&key_lines), json!(["PRIVATE_KEY_REDACTED", null, end]).to_string());
    let number = json!([{ "pwd \"Bearer": 1000 }]).to_string();
    assert_eq!(clean(&number), json!([{ "pwd \"PASSWORD_REDACTED": 1000 }]).to_string());
}

#[test]
fn password_when_only_backslashes_then_text_is_taken_as_it_is() {
    let text = json!(json!({ "password": "\\" }).to_string()).to_string();
    assert_eq!(clean(&text), text);
}

/// Lines of an audit trail: who was called, and two sums that look generated.
#[cfg(test)]
fn audit_lines(count: u64) -> String {
    let services = ["github", "okta", "datadog", "stripe"];
    let mut state = 1_u64;
    let mut hex = |digits: usize| -> String {
        let digit = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from_digit((state >> 60) as u32, 16).unwrap()
        };
        (0..digits).map(digit).collect()
    };
    let line = |number: u64| {
        let service = services[(number * number % 7 % 4) as usize];
        json!({ "service": service, "id": hex(32), "sha": hex(40) }).to_string() + "\n"
    };
    (0..count).map(line).collect()
}

#[test]
fn lines_when_each_placeholder_uncovers_no_other_then_not_refused() {
    let redactor = Redactor::new();
    for count in [5, 50, 400] {
        let clean = redactor.redact(&audit_lines(count)).unwrap().text.into_string();
        assert_eq!(redactor.redact(&clean).unwrap().findings, [], "{count}");
    }
}

#[test]
fn match_when_it_ends_between_a_backslash_and_its_quote_then_leaves_both() {
    let part = "a1B2".repeat(5);
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let key = format!("is 密码a'{token}Authorization,eyJ{part}.eyJ{part}.{part}aa*\" is the password");
    let redacted = clean(&json!({ key: 1 }).to_string());
    assert!(serde_json::from_str::<Value>(&redacted).is_ok() && !redacted.contains(&token), "{redacted}");
}
