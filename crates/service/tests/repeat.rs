//! Sends that are repeated under an `idempotency_key`.

#[cfg(test)]
mod kit;

use kit::{House, object};
use mab_core::Code;
use serde_json::{Value, json};

#[cfg(test)]
async fn stored(house: &House) -> u64 {
    house.operator("list", json!({})).await.unwrap()["conversations"][0]["messages"].as_u64().unwrap()
}

#[cfg(test)]
async fn entries(house: &House) -> usize {
    house.operator("audit", json!({"limit": 1000})).await.unwrap()["entries"].as_array().unwrap().len()
}

/// The answer of a repeat, by that of the first send.
#[cfg(test)]
fn repeat_of(first: &Value) -> Value {
    let mut again = object(first.clone());
    assert!(again.insert("repeated".to_owned(), json!(true)).is_none(), "a first send says nothing of it");
    Value::Object(again)
}

#[tokio::test]
async fn send_when_repeated_with_its_key_answers_alike_and_stores_nothing() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let secret = format!("password={}", "hunter2-correct-horse");
    let full = json!({
        "message": format!("set {secret}"), "files_involved": ["src/a.rs", "src/b.rs"], "action_type": "question",
        "to": ["b"], "idempotency_key": "key of a",
    });
    let first = a.ok(&house.bridge, "send_to_partner", full.clone()).await;
    assert_eq!((&first["redacted"], &first["repeated"]), (&json!(true), &Value::Null));
    let before = entries(&house).await;
    assert_eq!(a.ok(&house.bridge, "send_to_partner", full.clone()).await, repeat_of(&first));
    assert_eq!((stored(&house).await, entries(&house).await), (1, before));
    assert_eq!(b.texts(&house.bridge).await.len(), 1);
    // Another agent's key of the same text is its own.
    let of_b = json!({"message": "mine", "idempotency_key": "key of a"});
    assert_eq!(b.ok(&house.bridge, "send_to_partner", of_b).await["seq"], 2);
    assert_eq!(a.ok(&house.second_bridge(), "send_to_partner", full).await, repeat_of(&first));
    // Neither the key nor the secret is anywhere.
    let bytes = house.bytes_on_disk();
    for text in ["key of a", "hunter2"] {
        assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
    }
}

#[tokio::test]
async fn same_key_when_anything_else_differs_is_a_conflict() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.ok(&house.bridge, "invite_agent", json!({"role": "reviewer"})).await;
    let base = json!({
        "message": "hello", "files_involved": ["x"], "action_type": "info", "to": ["b", "c"], "idempotency_key": "k",
    });
    let replied = b.send(&house.bridge, "to reply to").await["message_id"].clone();
    let changed = |name: &str, value: Value| {
        let mut arguments = base.clone();
        arguments[name] = value;
        arguments
    };
    let first = a.ok(&house.bridge, "send_to_partner", base.clone()).await;
    let before = (stored(&house).await, entries(&house).await);
    let others = [
        changed("message", json!("hello ")),
        changed("files_involved", json!(["y"])),
        changed("files_involved", json!([])),
        changed("files_involved", json!(["x", "x"])),
        changed("action_type", json!("question")),
        changed("to", json!(["b"])),
        changed("to", Value::Null),
        changed("reply_to", replied),
    ];
    let count = others.len();
    for other in others {
        let denied = a.call(&house.bridge, "send_to_partner", other.clone()).await.unwrap_err();
        assert_eq!(denied.code, Code::Conflict, "{other}");
        assert!(denied.message.contains("used for another message"), "{denied}");
        assert!(denied.hint.is_some_and(|hint| hint.contains("a new key")));
    }
    assert_eq!(
        (stored(&house).await, entries(&house).await),
        (before.0, before.1 + count),
        "each is recorded"
    );
    // The same asked in other words is the same.
    let mut same = changed("to", json!(["c", "b", "c"]));
    same.as_object_mut().unwrap().remove("action_type");
    assert_eq!(a.ok(&house.bridge, "send_to_partner", same).await, repeat_of(&first));
}

#[tokio::test]
async fn repeat_when_the_send_window_is_full_answers_and_spends_a_read() {
    let house = House::with(|settings| {
        settings.limits.send_per_minute = 2;
        settings.limits.read_per_minute = 3;
    });
    let (a, _b) = house.pair().await;
    let keyed = |key: &str| json!({"message": "hello", "idempotency_key": key});
    a.ok(&house.bridge, "send_to_partner", keyed("1")).await;
    a.ok(&house.bridge, "send_to_partner", keyed("2")).await;
    assert_eq!(a.code(&house.bridge, "send_to_partner", keyed("3")).await, Code::RateLimited);
    for _ in 0..3 {
        assert_eq!(a.ok(&house.bridge, "send_to_partner", keyed("2")).await["repeated"], true);
    }
    let denied = a.call(&house.bridge, "send_to_partner", keyed("2")).await.unwrap_err();
    assert_eq!(denied.message, "3 reads in any minute are allowed");
    house.clock.advance_s(60);
    assert_eq!(a.ok(&house.bridge, "send_to_partner", keyed("3")).await["repeated"], Value::Null);
}

#[tokio::test]
async fn key_when_it_is_none_is_refused() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let before = entries(&house).await;
    let keyed = |key: Value| json!({"message": "hello", "idempotency_key": key});
    for bad in [
        json!(""),
        json!(" "),
        json!("x".repeat(129)),
        json!("a\0b"),
        json!("a\nb"),
        json!(7),
        json!(["k"]),
        json!({}),
    ] {
        let denied = a.call(&house.bridge, "send_to_partner", keyed(bad.clone())).await.unwrap_err();
        assert_eq!(denied.code, Code::InvalidArguments, "{bad}");
        assert!(denied.message.contains("idempotency_key"), "{denied}");
    }
    assert_eq!((stored(&house).await, entries(&house).await), (0, before));
    for (seq, good) in [(1, "x".to_owned()), (2, "😀".repeat(128)), (3, "{\"any\": 'text'} ü".to_owned())]
    {
        assert_eq!(a.ok(&house.bridge, "send_to_partner", keyed(json!(good))).await["seq"], seq);
    }
    // Absent and null are no key: each send counts.
    for seq in 4..6 {
        assert_eq!(a.ok(&house.bridge, "send_to_partner", keyed(Value::Null)).await["seq"], seq);
    }
}

#[tokio::test]
async fn repeats_in_flight_at_once_from_two_processes_are_stored_once() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let other = house.second_bridge();
    let keyed = json!({"message": "hello", "idempotency_key": "k"});
    let send = |bridge| a.ok(bridge, "send_to_partner", keyed.clone());
    let answers = tokio::join!(send(&house.bridge), send(&other), send(&house.bridge), send(&other));
    let mut answers = [answers.0, answers.1, answers.2, answers.3];
    answers.sort_by_key(|answer| answer["repeated"] == true);
    assert_eq!(answers[0]["repeated"], Value::Null);
    assert!(answers[1..].iter().all(|answer| *answer == repeat_of(&answers[0])));
    assert_eq!(stored(&house).await, 1);
}

#[tokio::test]
async fn message_that_differs_in_a_redacted_secret_only_is_the_same() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let keyed = |secret: &str| json!({"message": format!("password={secret}"), "idempotency_key": "k"});
    let first = a.ok(&house.bridge, "send_to_partner", keyed("correct-horse-1")).await;
    assert_eq!(first["redacted"], true);
    let again = a.ok(&house.bridge, "send_to_partner", keyed("correct-horse-2")).await;
    assert_eq!(again, repeat_of(&first), "the partner got the same text");
}
