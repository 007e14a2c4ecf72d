//! `watch`: what the operator is told of a conversation that it keeps looking at.

#[cfg(test)]
mod kit;

use kit::{Agent, House};
use serde_json::{Value, json};

#[cfg(test)]
async fn look(house: &House, mut arguments: Value, id: &Value) -> Value {
    arguments["conversation_id"] = id.clone();
    house.operator("watch", arguments).await.unwrap()
}

#[cfg(test)]
fn numbers(answer: &Value) -> Vec<u64> {
    answer["now"]["news"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn look_when_nothing_has_changed_answers_its_version_only() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let id = house.operator("list", json!({})).await.unwrap()["conversations"][0]["conversation_id"].clone();
    a.send(&house.bridge, "one").await;
    let first = look(&house, json!({}), &id).await;
    assert_eq!(numbers(&first), [1_u64]);
    assert_eq!(first["now"]["receipts"], json!([{"seq": 1, "to": {"b": "stored"}}]));
    let seen = json!({"seen": first["version"]});
    assert_eq!(look(&house, seen.clone(), &id).await, json!({"version": first["version"]}));
    b.texts(&house.bridge).await;
    let second = look(&house, json!({"seen": first["version"], "after_seq": 1}), &id).await;
    assert_ne!(second["version"], first["version"]);
    assert_eq!(numbers(&second), [0_u64; 0]);
    assert_eq!(second["now"]["receipts"], json!([{"seq": 1, "to": {"b": "offered"}}]));
    for (operation, what) in [("pause", "/now/paused_by"), ("inbound", "/now/inbound/by_operator")] {
        let before = look(&house, json!({}), &id).await;
        let mut arguments = json!({"conversation_id": id});
        if operation == "inbound" {
            arguments["verdict"] = json!("hold");
        }
        house.operator(operation, arguments).await.unwrap();
        let after = look(&house, json!({"seen": before["version"]}), &id).await;
        assert!(after.pointer(what).is_some(), "{operation}: {after}");
    }
}

#[tokio::test]
async fn look_after_a_message_gives_the_next_ones_page_by_page() {
    let house = House::with(|settings| settings.limits.send_per_minute = 0);
    let (a, _b) = house.pair().await;
    let id = house.operator("list", json!({})).await.unwrap()["conversations"][0]["conversation_id"].clone();
    for n in 1..=5 {
        a.send(&house.bridge, &format!("message {n}")).await;
    }
    assert_eq!(numbers(&look(&house, json!({"limit": 2}), &id).await), [4_u64, 5]);
    let page = look(&house, json!({"after_seq": 1, "limit": 3}), &id).await;
    assert_eq!((numbers(&page), &page["now"]["more"]), (vec![2, 3, 4], &json!(true)));
    assert_eq!(page["now"]["receipts"][0]["seq"], 4);
    let page = look(&house, json!({"after_seq": 4, "limit": 3}), &id).await;
    assert_eq!((numbers(&page), &page["now"]["more"]), (vec![5], &json!(false)));
    assert_eq!(numbers(&look(&house, json!({"after_seq": 9}), &id).await), [0_u64; 0]);
    assert_eq!(numbers(&look(&house, json!({"limit": 0}), &id).await), [0_u64; 0]);
}

#[tokio::test]
async fn look_when_messages_are_gone_says_how_far_it_looked() {
    let house = House::with(|settings| settings.limits.send_per_minute = 0);
    let (a, _b) = house.pair().await;
    let id = house.operator("list", json!({})).await.unwrap()["conversations"][0]["conversation_id"].clone();
    for n in 1..=3 {
        a.send(&house.bridge, &format!("message {n}")).await;
    }
    let page = look(&house, json!({"after_seq": 0, "limit": 2}), &id).await;
    assert_eq!((&page["now"]["until"], &page["now"]["more"]), (&json!(2), &json!(true)));
    assert_eq!(look(&house, json!({"limit": 0}), &id).await["now"]["until"], 3);
    house.clock.advance_s(3 * 3_600);
    let other = Agent::new(5);
    other.ok(&house.bridge, "create_conversation", json!({"my_role": "still", "partner_role": "here"})).await;
    house.operator("cleanup", json!({})).await.unwrap();
    let page = look(&house, json!({"after_seq": 0, "limit": 2}), &id).await;
    assert_eq!(numbers(&page), [0_u64; 0]);
    assert_eq!((&page["now"]["until"], &page["now"]["more"]), (&json!(3), &json!(false)));
}

#[tokio::test]
async fn look_at_a_conversation_that_is_not_there_is_refused() {
    let house = House::new();
    let denied =
        house.operator("watch", json!({"conversation_id": "conv_0123456789abcdef"})).await.unwrap_err();
    assert_eq!(denied.code.name(), "not_found");
    assert!(denied.hint.is_some_and(|hint| hint.contains("mab list")));
}
