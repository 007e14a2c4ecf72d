//! The audit trail as the operator filters and follows it.

#[cfg(test)]
mod kit;

use kit::{Agent, House, credentials};
use mab_core::Code;
use serde_json::{Value, json};

/// What is told of each entry: number, actor, action, outcome.
#[cfg(test)]
fn entries(answer: &Value) -> Vec<String> {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or("-").to_owned();
    let entry = |entry: &Value| {
        format!(
            "{} {} {} {}",
            entry["n"],
            text(entry, "actor"),
            text(entry, "action"),
            text(entry, "outcome")
        )
    };
    answer["entries"].as_array().unwrap().iter().map(entry).collect()
}

#[cfg(test)]
fn id(agent: &Agent) -> String {
    credentials(agent)["conversation_id"].as_str().unwrap().to_owned()
}

#[cfg(test)]
async fn refused(house: &House, arguments: Value) -> (Code, String) {
    let denied = house.operator("audit", arguments).await.unwrap_err();
    (denied.code, denied.hint.unwrap_or_default())
}

#[tokio::test]
async fn entries_are_filtered_by_agent_action_outcome_and_time() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "one").await;
    house.clock.advance_s(600);
    b.send(&house.bridge, "two").await;
    assert_eq!(b.code(&house.bridge, "invite_agent", json!({"role": "tester"})).await, Code::Forbidden);
    let told = async |arguments: Value| entries(&house.operator("audit", arguments).await.unwrap());
    let sends = ["4 b send ok", "3 a send ok"];
    assert_eq!(told(json!({"action": "send"})).await, sends);
    assert_eq!(told(json!({"action": "send", "agent": "a"})).await, sends[1..]);
    assert_eq!(told(json!({"outcome": "forbidden"})).await, ["5 b invite forbidden"]);
    assert_eq!(told(json!({"since": "5m"})).await, ["5 b invite forbidden", "4 b send ok"]);
    assert_eq!(told(json!({"until": "300s", "action": "send"})).await, sends[1..]);
    let all = house.operator("audit", json!({"conversation_id": id(&a), "agent": "b"})).await.unwrap();
    assert_eq!(entries(&all), ["5 b invite forbidden", "4 b send ok", "2 b join ok"]);
    let moment = all["entries"][0]["at"].as_str().unwrap();
    assert_eq!(told(json!({"since": moment})).await, ["5 b invite forbidden", "4 b send ok"]);
    assert_eq!(told(json!({"until": moment, "limit": 1})).await, sends[1..]);
}

#[tokio::test]
async fn filter_that_names_nothing_is_refused_with_what_there_is() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let (code, hint) = refused(&house, json!({"action": "sned"})).await;
    assert!(code == Code::InvalidArguments && hint.contains("send, check"), "{hint}");
    let (code, hint) = refused(&house, json!({"outcome": "fine"})).await;
    assert!(code == Code::InvalidArguments && hint.starts_with("one of: ok, "), "{hint}");
    let (code, hint) = refused(&house, json!({"agent": "c", "conversation_id": id(&a)})).await;
    assert_eq!((code, hint.as_str()), (Code::InvalidArguments, "one of: a, b, operator, newcomer, unknown"));
    assert_eq!(refused(&house, json!({"agent": "not a handle"})).await.0, Code::InvalidArguments);
    for when in ["yesterday", "5", "m", "5w", "-5m", "99999999999999999999d", ""] {
        let (code, hint) = refused(&house, json!({"since": when})).await;
        assert!(code == Code::InvalidArguments && hint.contains("3d"), "{when}: {hint}");
    }
    assert_eq!(refused(&house, json!({"after": {"nothing": 1}})).await.0, Code::InvalidArguments);
}

#[tokio::test]
async fn following_a_cursor_misses_no_entry_of_any_chain_and_tells_none_twice() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let first = house.operator("audit", json!({"follow": true, "limit": 1})).await.unwrap();
    assert_eq!((first["more"].as_bool(), first["cursor"][id(&a)].as_u64()), (Some(true), Some(2)));
    for agent in [&a, &b, &a] {
        agent.send(&house.bridge, "x").await;
    }
    // A chain that is new, and a clock that was set back.
    house.clock.advance_s(-3_600);
    let (c, _d) = house.pair().await;
    let (mut cursor, mut told) = (first["cursor"].clone(), Vec::new());
    loop {
        let page = house.operator("audit", json!({"after": cursor, "limit": 2})).await.unwrap();
        told.extend(entries(&page));
        cursor = page["cursor"].clone();
        if page["more"] == false {
            break;
        }
    }
    let expected = ["3 a send ok", "4 b send ok", "5 a send ok", "1 newcomer create ok", "2 b join ok"];
    assert_eq!(told, expected);
    assert_eq!((&cursor[id(&a)], &cursor[id(&c)]), (&json!(5), &json!(2)));
    // Filtered entries are passed over, and not looked at again.
    a.send(&house.bridge, "y").await;
    let page = house.operator("audit", json!({"after": cursor, "action": "join"})).await.unwrap();
    assert_eq!((entries(&page).len(), &page["cursor"][id(&a)]), (0, &json!(6)));
}

#[tokio::test]
async fn verdict_without_an_anchor_says_that_nothing_proves_it() {
    let house = House::new();
    house.pair().await;
    let verdict = house.operator("audit_verify", json!({})).await.unwrap();
    assert_eq!(verdict["ok"], true);
    assert_eq!(verdict["findings"][0]["kind"], "no_anchor");
    assert_eq!(
        verdict["summary"],
        "no checkpoint proves anything; 2 entries hold among themselves, held by marks only"
    );
}

#[tokio::test]
async fn keys_and_witnesses_that_cannot_be_read_are_refused() {
    let house = House::new();
    for arguments in
        [json!({"trusted_keys": ["x"]}), json!({"signing_key": "x"}), json!({"witnesses": ["a:1:2"]})]
    {
        let denied = house.operator("audit_verify", arguments).await.unwrap_err();
        assert!(denied.code == Code::InvalidArguments && denied.hint.is_some(), "{denied:?}");
    }
}
