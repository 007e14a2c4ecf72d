//! Who changes something is told where that was recorded, and can hold the chain to it.

#[cfg(test)]
mod kit;

use kit::{Agent, House};
use serde_json::{Value, json};

/// The whole answer.
#[cfg(test)]
async fn whole(house: &House, agent: &Agent, operation: &str, arguments: Value) -> Value {
    house.bridge.call(&agent.0, operation, kit::object(arguments)).await.unwrap()
}

#[tokio::test]
async fn answer_to_a_change_names_the_newest_entry_of_the_chain() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let conversation = kit::credentials(&a)["conversation_id"].clone();
    let calls = [
        (&a, "send_to_partner", json!({"message": "hello"})),
        (&b, "check_messages", json!({})),
        (&b, "update_my_status", json!({"status": "working"})),
        (&a, "reserve_files", json!({"action": "acquire", "paths": ["src"]})),
        (&a, "invite_agent", json!({"role": "reviewer"})),
    ];
    for (agent, operation, arguments) in calls {
        let answer = whole(&house, agent, operation, arguments).await;
        let told = answer["audit"].as_str().unwrap_or_else(|| panic!("{operation}: {answer}")).to_owned();
        let newest = json!({"conversation_id": conversation, "limit": 1});
        let entries = house.operator("audit", newest).await.unwrap();
        let entry = &entries["entries"][0];
        let hash = entry["hash"].as_str().unwrap();
        assert_eq!(told, format!("{}:{}", entry["n"], &hash[..32]), "{operation}");
    }
}

#[tokio::test]
async fn answer_that_changes_nothing_names_no_entry() {
    let house = House::new();
    let (a, _) = house.pair().await;
    for (operation, arguments) in [
        ("check_messages", json!({})),
        ("search_messages", json!({})),
        ("check_partner_status", json!({})),
        ("reserve_files", json!({"action": "list"})),
    ] {
        let answer = whole(&house, &a, operation, arguments).await;
        assert_eq!(answer["audit"], Value::Null, "{operation}");
    }
}
