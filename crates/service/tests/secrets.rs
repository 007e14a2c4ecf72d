//! Secrets: through every door in clear, then nowhere in the data folder.

#[cfg(test)]
mod kit;

use kit::{Agent, House};
use serde_json::json;

#[cfg(test)]
fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn secret_when_sent_through_every_door_is_stored_nowhere() {
    let house = House::new();
    let aws = format!("AKIA{}", "Q3EGR7TWXKJ2PZ5M");
    let github = format!("ghp_{}", "R4nD0mT0k3nV4lu3F0rT3st1ngPurp0s3s99");
    let password = format!("password={}", "hunter2-correct-horse");
    let a = Agent::new(1);
    let made = a
        .ok(
            &house.bridge,
            "create_conversation",
            json!({
                "my_role": format!("role {aws}"), "partner_role": format!("role {github}"), "topic": password,
            }),
        )
        .await;
    let b = Agent::new(2);
    let joined = b
        .ok(&house.bridge, "join_conversation", json!({
            "conversation_id": made["conversation_id"], "session_id": "b", "token": made["session_b_token"],
        }))
        .await;
    let sent = a
        .ok(&house.bridge, "send_to_partner", json!({
            "message": format!("key {aws}, {password}, {github}"), "files_involved": [format!("backup_{github}.txt")],
        }))
        .await;
    assert_eq!(sent["redacted"], true);
    let status = json!({"status": "working", "note": format!("using {aws}")});
    a.ok(&house.bridge, "update_my_status", status).await;
    a.ok(&house.bridge, "invite_agent", json!({"role": format!("third {github}")})).await;
    let read = b.ok(&house.bridge, "check_messages", json!({})).await;
    let partners = b.ok(&house.bridge, "check_partner_status", json!({})).await;
    let shown = house
        .operator("show", json!({"conversation_id": made["conversation_id"], "messages": 10}))
        .await
        .unwrap();
    let audit = house.operator("audit", json!({"limit": 1000})).await.unwrap();
    let message = read["messages"][0]["message"].as_str().unwrap();
    assert!(message.contains("AWS_KEY_REDACTED") && message.contains("GITHUB_TOKEN_REDACTED"), "{message}");
    assert!(message.contains("password=PASSWORD_REDACTED"), "{message}");
    let disk = house.bytes_on_disk();
    let tokens = [&made["session_a_token"], &made["session_b_token"], &joined["token"]];
    let tokens = tokens.map(|token| token.as_str().unwrap().to_owned());
    for secret in [aws.as_str(), &github, "hunter2"] {
        assert!(!contains(&disk, secret), "{secret} is on disk");
        for answer in [&read, &partners, &shown, &audit, &joined] {
            assert!(!answer.to_string().contains(secret), "{secret} is in {answer}");
        }
    }
    for token in &tokens {
        assert!(!contains(&disk, token), "a token is on disk");
        assert!(!audit.to_string().contains(token.as_str()));
    }
}

#[tokio::test]
async fn text_when_stored_is_sealed() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let text = "the quick brown fox jumps over the lazy dog";
    a.ok(&house.bridge, "send_to_partner", json!({"message": text, "files_involved": ["src/quick_fox.rs"]}))
        .await;
    a.ok(&house.bridge, "update_my_status", json!({"status": "working", "note": "lazy dog note"})).await;
    let disk = house.bytes_on_disk();
    for clear in ["quick brown", "quick_fox", "lazy dog note", "backend", "frontend"] {
        assert!(!contains(&disk, clear), "{clear} is in clear on disk");
    }
}

#[tokio::test]
async fn cleanup_when_run_destroys_the_ended_and_keeps_the_trail() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    a.send(&house.bridge, "gone soon").await;
    let wrapped: Vec<u8> = {
        let look = rusqlite::Connection::open(house.database()).unwrap();
        look.query_row("SELECT wrapped_key FROM conversation WHERE pk = 1", [], |row| row.get(0)).unwrap()
    };
    assert!(house.bytes_on_disk().windows(wrapped.len()).any(|window| window == wrapped));
    assert_eq!(house.operator("cleanup", json!({})).await.unwrap()["conversations"], 0);
    house.clock.advance_s(3 * 3_600);
    let alive = Agent::new(5);
    alive.ok(&house.bridge, "create_conversation", json!({"my_role": "still", "partner_role": "here"})).await;
    let done = house.operator("cleanup", json!({})).await.unwrap();
    assert_eq!(done, json!({"conversations": 1, "messages": 1, "log_emptied": true}));
    assert!(
        !house.bytes_on_disk().windows(wrapped.len()).any(|window| window == wrapped),
        "the key is still on disk"
    );
    let listed = house.operator("list", json!({"all": true})).await.unwrap();
    let states: Vec<_> =
        listed["conversations"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, [json!("active"), json!("purged")]);
    assert_eq!(house.operator("audit_verify", json!({})).await.unwrap()["ok"], true);
    assert_eq!(a.code(&house.bridge, "check_messages", json!({})).await, mab_core::Code::Expired);
    assert_eq!(house.operator("cleanup", json!({})).await.unwrap()["conversations"], 0);
}
