//! What the operator decides about secrets is what happens to a message.

#[cfg(test)]
mod kit;

use kit::House;
use mab_core::Code;
use mab_redact::{Action, DeniedSecrets, Name};
use serde_json::json;

/// A key that opens nothing.
#[cfg(test)]
fn aws() -> String {
    format!("AKIA{}", "Q3EGR7TWXKJ2PZ5M")
}

#[cfg(test)]
fn house(action: Action) -> House {
    House::with(|settings| {
        settings.redaction.rules.insert(Name::Borrowed("aws-access-key-id"), action);
    })
}

#[cfg(test)]
fn is_on_disk(house: &House, text: &str) -> bool {
    house.bytes_on_disk().windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn message_when_a_rule_blocks_then_refused_and_stored_nowhere() {
    let house = house(Action::Block);
    let (a, b) = house.pair().await;
    let message = json!({"message": format!("the key is {}", aws())});
    let denied = a.call(&house.bridge, "send_to_partner", message).await.unwrap_err();
    assert_eq!(denied.code, Code::SecretRefused);
    assert_eq!(denied.message, "the policy refuses what the rule aws-access-key-id finds");
    assert!(!format!("{denied:?}").contains(&aws()) && !is_on_disk(&house, &aws()));
    let read = b.ok(&house.bridge, "check_messages", json!({})).await;
    assert_eq!(read["messages"], json!([]));
}

#[tokio::test]
async fn message_when_a_rule_warns_then_it_arrives_and_nothing_counts_as_taken_out() {
    let house = house(Action::Warn);
    let (a, b) = house.pair().await;
    let sent = a.ok(&house.bridge, "send_to_partner", json!({"message": aws()})).await;
    assert_eq!(sent["redacted"], json!(false));
    assert_eq!(sent["findings"][0]["rule"], json!("aws-access-key-id"), "the sender is told");
    let read = b.ok(&house.bridge, "check_messages", json!({})).await;
    assert!(read["messages"][0]["message"].as_str().unwrap().contains(&aws()));
    assert_eq!(read["messages"][0]["redactions"], serde_json::Value::Null);
}

#[tokio::test]
async fn message_when_it_has_a_secret_of_the_operator_then_it_is_taken_out() {
    let house = House::with(|settings| {
        settings.redaction.denied = vec![DeniedSecrets::from_env_files(["KEY=blue-horse-77-x"]).0];
    });
    let (a, b) = house.pair().await;
    let sent = a.ok(&house.bridge, "send_to_partner", json!({"message": "so blue-horse-77-x it is"})).await;
    assert_eq!(
        sent["findings"],
        json!([{"rule": "denied-secret", "class": "token", "count": 1, "ranges": [[3, 18]]}])
    );
    let read = b.ok(&house.bridge, "check_messages", json!({})).await;
    let message = read["messages"][0]["message"].as_str().unwrap();
    assert!(message.contains("so DENIED_SECRET_REDACTED it is"), "{message}");
    assert!(!is_on_disk(&house, "blue-horse"));
}

#[tokio::test]
async fn text_when_a_rule_blocks_then_each_refusal_is_in_the_audit_trail_once() {
    let house = house(Action::Block);
    let (a, b) = house.pair().await;
    for (operation, arguments) in [
        ("send_to_partner", json!({ "message": aws() })),
        ("send_to_partner", json!({ "message": aws(), "idempotency_key": "once" })),
        ("send_to_partner", json!({"message": "look", "files_involved": [format!("src/{}.rs", aws())]})),
        ("update_my_status", json!({ "status": "working", "note": aws() })),
        ("reserve_files", json!({"action": "acquire", "paths": [format!("src/{}.rs", aws())]})),
    ] {
        let before = refusals(&house).await.len();
        let denied = a.call(&house.bridge, operation, arguments).await.unwrap_err();
        assert_eq!(denied.code, Code::SecretRefused, "{operation}: {denied}");
        assert!(denied.hint.is_some_and(|hint| !hint.contains("message")), "{operation}");
        let after = refusals(&house).await;
        assert_eq!(after.len(), before + 1, "{operation}");
        assert_eq!(after[0]["actor"], json!("a"), "{operation}");
    }
    assert!(!is_on_disk(&house, &aws()));
    b.send(&house.bridge, "undisturbed").await;
}

/// The recorded refusals of secrets, the newest first.
#[cfg(test)]
async fn refusals(house: &House) -> Vec<serde_json::Value> {
    let arguments = json!({"outcome": "secret_refused", "limit": 100});
    house.operator("audit", arguments).await.unwrap()["entries"].as_array().unwrap().clone()
}
