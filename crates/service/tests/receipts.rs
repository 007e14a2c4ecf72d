//! Receipts: what a sender learns of its messages, and what the operator sees of everyone's.

#[cfg(test)]
mod kit;

use kit::{Agent, House};
use serde_json::{Value, json};

/// Numbers and recipients of an agent's receipts.
#[cfg(test)]
async fn receipts(house: &House, agent: &Agent) -> Vec<(u64, Value)> {
    let status = agent.ok(&house.bridge, "check_partner_status", json!({})).await;
    let read = |receipt: &Value| {
        let seq = receipt["seq"].as_u64().unwrap();
        assert!(receipt["message_id"].as_str().unwrap().starts_with(&format!("msg_{seq}_")));
        (seq, receipt["to"].clone())
    };
    status["receipts"].as_array().unwrap().iter().map(read).collect()
}

#[cfg(test)]
async fn third(house: &House, owner: &Agent) -> Agent {
    let invited = owner.ok(&house.bridge, "invite_agent", json!({"role": "reviewer"})).await;
    let c = Agent::new(3);
    let credentials = json!({
        "conversation_id": invited["conversation_id"], "session_id": "c", "token": invited["token"],
    });
    c.ok(&house.bridge, "join_conversation", credentials).await;
    c
}

#[tokio::test]
async fn sender_learns_how_far_its_messages_got_and_of_nobody_elses() {
    let house = House::new();
    let (a, b) = house.pair().await;
    assert_eq!(receipts(&house, &a).await, []);
    let c = third(&house, &a).await;
    a.send(&house.bridge, "to both").await;
    b.ok(&house.bridge, "send_to_partner", json!({"message": "psst", "to": ["c"]})).await;
    assert_eq!(receipts(&house, &a).await, [(1, json!({"b": "stored", "c": "stored"}))]);
    b.texts(&house.bridge).await;
    c.texts(&house.bridge).await;
    c.texts(&house.bridge).await;
    assert_eq!(receipts(&house, &a).await, [(1, json!({"b": "offered", "c": "acknowledged"}))]);
    assert_eq!(receipts(&house, &b).await, [(2, json!({"c": "acknowledged"}))]);
    assert_eq!(receipts(&house, &c).await, []);
    let id = house.operator("list", json!({})).await.unwrap()["conversations"][0]["conversation_id"].clone();
    a.send(&house.bridge, "too late for b").await;
    house.operator("tokens", json!({"conversation_id": id, "revoke": "b"})).await.unwrap();
    assert_eq!(
        receipts(&house, &a).await,
        [
            (3, json!({"b": "undeliverable", "c": "stored"})),
            (1, json!({"b": "offered", "c": "acknowledged"})),
        ]
    );
}

#[tokio::test]
async fn receipts_are_of_the_newest_ten() {
    let house = House::with(|settings| settings.limits.send_per_minute = 0);
    let (a, _b) = house.pair().await;
    for n in 0..12 {
        a.send(&house.bridge, &format!("message {n}")).await;
    }
    let numbers: Vec<u64> = receipts(&house, &a).await.into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(numbers, (3..=12).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn operator_sees_the_delivery_of_every_message_shown() {
    let house = House::with(|settings| settings.limits.send_per_minute = 0);
    let (a, b) = house.pair().await;
    let c = third(&house, &a).await;
    a.send(&house.bridge, "one").await;
    b.texts(&house.bridge).await;
    b.ok(&house.bridge, "send_to_partner", json!({"message": "two", "to": ["a"]})).await;
    b.texts(&house.bridge).await;
    c.texts(&house.bridge).await;
    let id = house.operator("list", json!({})).await.unwrap()["conversations"][0]["conversation_id"].clone();
    let show = async |messages: u32| {
        let shown = json!({"conversation_id": id, "messages": messages});
        let recent = house.operator("show", shown).await.unwrap()["recent"].clone();
        let read = |message: &Value| (message["message"].clone(), message["delivery"].clone());
        recent.as_array().unwrap().iter().map(read).collect::<Vec<_>>()
    };
    let one = (json!("one"), json!({"b": "acknowledged", "c": "offered"}));
    let two = (json!("two"), json!({"a": "stored"}));
    assert_eq!(show(0).await, []);
    assert_eq!(show(1).await, std::slice::from_ref(&two));
    assert_eq!(show(9).await, [two.clone(), one.clone()]);
    // Also of what lies further back than an agent is told of.
    for _ in 0..40 {
        b.send(&house.bridge, "x").await;
    }
    assert_eq!(show(42).await[40..], [two, one]);
    assert!(
        show(42).await[..40].iter().all(|(_, delivery)| *delivery == json!({"a": "stored", "c": "stored"}))
    );
}
