//! Glancing at inboxes, as a client's hooks do with every tool call.
#![cfg(test)]

mod kit;

use kit::{Agent, House};
use serde_json::{Value, json};

async fn glance(house: &House, agent: &Agent) -> Value {
    agent.ok(&house.bridge, "glance", json!({})).await["inboxes"].take()
}

#[tokio::test]
async fn glance_tells_what_is_unread_and_hands_nothing_out() {
    let house = House::new();
    let (a, b) = house.pair().await;
    assert_eq!(glance(&house, &b).await[0]["unread"], 0);
    for text in ["one", "two"] {
        a.ok(&house.bridge, "send_to_partner", json!({"message": text})).await;
    }
    let seen = glance(&house, &b).await;
    let id = seen[0]["conversation_id"].clone();
    let expected = json!([{
        "conversation_id": id, "session_id": "b", "state": "active", "unread": 2, "new": 2, "arrivals": 2,
        "paused": false, "from": [{"session_id": "a", "unread": 2, "new": 2}],
    }]);
    assert_eq!(seen, expected);
    let checked = b.ok(&house.bridge, "check_messages", json!({})).await;
    let redelivered = checked["messages"].as_array().unwrap().iter().map(|message| &message["redelivered"]);
    assert_eq!(redelivered.collect::<Vec<_>>(), [false, false]);
    // Handed out, not acknowledged yet.
    let seen = glance(&house, &b).await;
    assert_eq!((&seen[0]["unread"], &seen[0]["new"]), (&json!(2), &json!(0)));
    house.operator("pause", json!({"conversation_id": id})).await.unwrap();
    assert_eq!(glance(&house, &b).await[0]["paused"], true);
}

#[tokio::test]
async fn glance_uses_up_no_reads_and_is_no_sign_of_life() {
    let house = House::with(|settings| settings.limits.read_per_minute = 2);
    let (a, b) = house.pair().await;
    let alive = async || {
        let status = a.ok(&house.bridge, "check_partner_status", json!({})).await;
        status["partners"][0]["alive"].clone()
    };
    house.clock.advance_s(121);
    for _ in 0..100 {
        glance(&house, &b).await;
    }
    assert_eq!(alive().await, false);
    b.ok(&house.bridge, "check_messages", json!({})).await;
    assert_eq!(alive().await, true);
}

#[tokio::test]
async fn glance_of_credentials_that_open_nothing_says_why_and_shows_nothing() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.ok(&house.bridge, "send_to_partner", json!({"message": "hello"})).await;
    let id = glance(&house, &b).await[0]["conversation_id"].clone();
    house.operator("remove", json!({"conversation_id": id, "agent": "b"})).await.unwrap();
    let seen = glance(&house, &b).await;
    assert_eq!((&seen[0]["state"], &seen[0]["unread"]), (&json!("revoked"), &json!(0)));
    house.clock.advance_s(180 * 60);
    let seen = glance(&house, &a).await;
    assert_eq!((&seen[0]["state"], &seen[0]["arrivals"]), (&json!("expired"), &json!(0)));
}

#[tokio::test]
async fn glance_of_who_gets_no_messages_shows_nothing() {
    let house = House::new();
    let (a, _) = house.pair().await;
    let invited =
        a.ok(&house.bridge, "invite_agent", json!({"role": "auditor", "permission": "auditor"})).await;
    let auditor = Agent::new(3);
    let joining = json!({"conversation_id": glance(&house, &a).await[0]["conversation_id"],
        "session_id": invited["session_id"], "token": invited["token"]});
    auditor.ok(&house.bridge, "join_conversation", joining).await;
    assert_eq!(glance(&house, &auditor).await[0]["state"], "forbidden");
}

#[tokio::test]
async fn glance_at_one_inbox_shows_that_one_and_strangers_see_none() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let opening = json!({"my_role": "backend", "partner_role": "frontend"});
    let second = a.ok(&house.bridge, "create_conversation", opening).await;
    assert_eq!(glance(&house, &a).await.as_array().unwrap().len(), 2);
    let named = json!({"conversation_id": second["conversation_id"], "session_id": "a"});
    let one = a.ok(&house.bridge, "glance", named.clone()).await;
    assert_eq!(one["inboxes"].as_array().unwrap().len(), 1);
    assert_eq!(one["inboxes"][0]["conversation_id"], second["conversation_id"]);
    assert_eq!(b.ok(&house.bridge, "glance", named).await["inboxes"], json!([]));
    assert_eq!(glance(&house, &Agent::new(9)).await, json!([]));
}
