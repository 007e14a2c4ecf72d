//! What a conversation knows of secrets: across messages, agents and processes.

#[cfg(test)]
mod kit;

use kit::{Agent, House, credentials, texts};
use mab_core::Code;
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2-xyz";

/// The text of a message that a partner gets.
#[cfg(test)]
async fn arrives(house: &House, from: &Agent, to: &Agent, message: &str) -> String {
    from.send(&house.bridge, message).await;
    to.texts(&house.bridge).await.concat()
}

#[tokio::test]
async fn value_when_one_agent_showed_it_is_known_to_all_in_every_process_and_nowhere_else() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let (c, d) = house.pair().await;
    assert_eq!(arrives(&house, &a, &b, "plain hunter2-xyz").await, "plain hunter2-xyz");
    assert_eq!(arrives(&house, &a, &b, "password=hunter2-xyz").await, "password=PASSWORD_REDACTED");
    assert_eq!(arrives(&house, &b, &a, "is it hunter2-xyz?").await, "is it PASSWORD_REDACTED?");
    assert_eq!(arrives(&house, &c, &d, "is it hunter2-xyz?").await, "is it hunter2-xyz?");
    let other = house.second_bridge();
    let note = json!({"status": "working", "note": "with hunter2-xyz"});
    b.ok(&other, "update_my_status", note).await;
    let seen = a.ok(&other, "check_partner_status", json!({})).await;
    assert!(seen.to_string().contains("with PASSWORD_REDACTED"), "{seen}");
}

#[tokio::test]
async fn value_when_another_process_has_just_learned_it_is_known_at_once() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let other = house.second_bridge();
    b.send(&other, "nothing is known here").await;
    a.send(&house.bridge, "password=hunter2-xyz").await;
    let sent = b.send(&other, "is it hunter2-xyz?").await;
    assert_eq!((&sent["findings"][0]["count"], &sent["findings"][0]["ranges"]), (&json!(1), &json!([])));
    b.ok(&house.bridge, "update_my_status", json!({"status": "working", "note": "token: q8W3e7R1t5Y9"}))
        .await;
    b.ok(&other, "update_my_status", json!({"status": "working", "note": "q8W3e7R1t5Y9 it is"})).await;
    let seen = a.ok(&house.bridge, "check_partner_status", json!({})).await.to_string();
    assert!(seen.contains("_REDACTED it is"), "{seen}");
    let heard = a.texts(&house.bridge).await;
    assert_eq!(heard, ["nothing is known here", "is it PASSWORD_REDACTED?"]);
    let entries = house.operator("audit", json!({"limit": 100})).await.unwrap();
    assert!(!entries.to_string().contains("busy"), "{entries}");
}

#[tokio::test]
async fn topic_and_roles_teach_their_conversation() {
    let house = House::new();
    let a = Agent::new(1);
    let roles = json!({"my_role": "backend", "partner_role": "frontend", "topic": "password=hunter2-xyz"});
    a.ok(&house.bridge, "create_conversation", roles).await;
    a.send(&house.bridge, "use hunter2-xyz").await;
    let found = a.ok(&house.bridge, "search_messages", json!({})).await;
    assert_eq!(texts(&found), ["use PASSWORD_REDACTED"]);
}

#[tokio::test]
async fn token_cut_in_two_when_sent_in_two_messages_is_redacted_and_its_second_half_known() {
    let house = House::with(|settings| settings.limits.send_per_minute = 0);
    let (a, b) = house.pair().await;
    let token = format!("{}{}", concat!("gh", "p_"), "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let (first, second) = token.split_at(14);
    a.send(&house.bridge, &format!("it begins {first}")).await;
    let of_b = arrives(&house, &b, &a, &format!("{second} is of another sender")).await;
    assert_eq!(of_b, format!("{second} is of another sender"));
    let sent = a.send(&house.bridge, &format!("{second} and ends")).await;
    assert_eq!(sent["findings"][0]["rule"], "github-token");
    a.send(&house.bridge, &format!("{second} alone")).await;
    let heard = b.texts(&house.bridge).await;
    assert_eq!(heard[1..], ["GITHUB_TOKEN_REDACTED and ends", "GITHUB_TOKEN_REDACTED alone"]);
}

#[tokio::test]
async fn token_of_a_member_is_redacted_wherever_it_stands_also_when_others_rotated_it() {
    let house = House::new();
    let a = Agent::new(1);
    let roles = json!({"my_role": "backend", "partner_role": "frontend"});
    let made = a.ok(&house.bridge, "create_conversation", roles).await;
    let b = Agent::new(2);
    let joined = b
        .ok(&house.bridge, "join_conversation", json!({
            "conversation_id": made["conversation_id"], "session_id": "b", "token": made["session_b_token"],
        }))
        .await;
    let text = |token: &Value| format!("use {} now", token.as_str().unwrap());
    let other = house.second_bridge();
    a.ok(&other, "send_to_partner", json!({"message": text(&joined["token"])})).await;
    a.send(&house.bridge, &text(&made["session_a_token"])).await;
    let digest = format!("use {} now", "3f9a".repeat(16));
    a.send(&house.bridge, &digest).await;
    let heard = b.texts(&house.bridge).await;
    assert_eq!(heard, ["use BRIDGE_TOKEN_REDACTED now", "use BRIDGE_TOKEN_REDACTED now", &digest]);
    let mine = credentials(&b)["token"].as_str().unwrap().to_owned();
    let roles = json!({"my_role": format!("role {mine}"), "partner_role": "x".repeat(9)});
    b.ok(&house.bridge, "create_conversation", roles).await;
    let listed = b.ok(&house.bridge, "list_conversations", json!({})).await.to_string();
    assert!(listed.contains("role BRIDGE_TOKEN_REDACTED") && !listed.contains(&mine), "{listed}");
}

#[tokio::test]
async fn send_when_repeated_is_the_same_although_more_is_known_by_then() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let keyed = json!({"message": format!("use {PASSWORD}"), "idempotency_key": "k"});
    let first = a.ok(&house.bridge, "send_to_partner", keyed.clone()).await;
    b.send(&house.bridge, "password=hunter2-xyz").await;
    let again = a.ok(&house.bridge, "send_to_partner", keyed).await;
    assert_eq!((&again["repeated"], &again["seq"]), (&json!(true), &first["seq"]));
}

#[tokio::test]
async fn findings_when_told_say_where_and_the_receiver_how_many() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let sent = a
        .ok(&house.bridge, "send_to_partner", json!({
            "message": "é password=hunter2-xyz, again hunter2-xyz", "files_involved": ["plain.txt", "hunter2-xyz.txt"],
        }))
        .await;
    let rule = &sent["findings"][0]["rule"];
    assert_eq!(
        sent["findings"],
        json!([
            {"rule": rule, "class": "password", "count": 2, "ranges": [[12, 23], [31, 42]]},
            {"rule": rule, "class": "password", "count": 1, "ranges": [], "file": 1},
        ])
    );
    b.send(&house.bridge, "nothing").await;
    let read = b.ok(&house.bridge, "check_messages", json!({})).await;
    assert_eq!(read["messages"][0]["redactions"], 3);
    assert_eq!(read["messages"][0]["files_involved"], json!(["plain.txt", "PASSWORD_REDACTED.txt"]));
    let found = a.ok(&house.bridge, "search_messages", json!({})).await;
    assert_eq!(found["messages"][0].get("redactions"), None);
}

#[tokio::test]
async fn fingerprints_when_on_are_the_same_for_the_same_secret_in_one_conversation_only() {
    let house = House::with(|settings| settings.fingerprints = true);
    let (a, b) = house.pair().await;
    let (c, d) = house.pair().await;
    let token = format!("{}{}", concat!("gh", "p_"), "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let first = arrives(&house, &a, &b, &token).await;
    assert!(first.starts_with("GITHUB_TOKEN_REDACTED#"), "{first}");
    assert_eq!(arrives(&house, &b, &a, &token).await, first);
    assert_ne!(arrives(&house, &c, &d, &token).await, first);
    assert_eq!(arrives(&house, &b, &a, &format!("{first} again")).await, format!("{first} again"));
    assert_eq!(arrives(&house, &a, &b, "password=hunter2-xyz").await, "password=PASSWORD_REDACTED");
}

#[tokio::test]
async fn texts_with_rulers_when_a_partner_showed_values_like_them_are_sent_and_repeated() {
    let house = House::with(|settings| settings.limits.send_per_minute = 0);
    let (a, b) = house.pair().await;
    let ruler = "=".repeat(80);
    let keyed = json!({"message": format!("{ruler}\ntitle\n{ruler}"), "idempotency_key": "k"});
    let first = b.ok(&house.bridge, "send_to_partner", keyed.clone()).await;
    for length in 12..20 {
        let value = format!("{}q7{}", "=".repeat(length), "=".repeat(10));
        a.send(&house.bridge, &format!("password=\"{value}\"")).await;
    }
    b.send(&house.bridge, &format!("{ruler} and {ruler}")).await;
    let again = b.ok(&house.bridge, "send_to_partner", keyed).await;
    assert_eq!((&again["repeated"], &again["seq"]), (&json!(true), &first["seq"]));
}

#[tokio::test]
async fn lease_when_a_partner_shows_its_name_as_a_password_is_prolonged_released_and_taken_again() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let acquire = json!({"action": "acquire", "paths": ["src/lib2-x9.rs"]});
    b.ok(&house.bridge, "reserve_files", acquire.clone()).await;
    let sent = a.send(&house.bridge, "password=\"src/lib2-x9.rs\"").await;
    assert_eq!(sent["redacted"], true);
    b.ok(&house.bridge, "reserve_files", acquire.clone()).await;
    b.ok(&house.bridge, "reserve_files", json!({"action": "release", "paths": ["src/lib2-x9.rs"]})).await;
    b.ok(&house.bridge, "reserve_files", acquire).await;
    let secret = format!("x/{}{}", concat!("gh", "p_"), "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    for path in [secret, credentials(&b)["token"].as_str().unwrap().to_owned()] {
        let refused = json!({"action": "acquire", "paths": [path]});
        assert_eq!(b.code(&house.bridge, "reserve_files", refused).await, Code::InvalidArguments);
    }
}

#[tokio::test]
async fn guess_when_refused_is_told_alike_whether_it_is_remembered_or_not() {
    let house = House::new();
    let (a, b) = house.pair().await;
    b.send(&house.bridge, "password=hunter2-xyz").await;
    for (operation, arguments) in [
        ("send_to_partner", json!({"message": "x", "to": ["GUESS"]})),
        ("reserve_files", json!({"action": "release", "paths": ["GUESS"]})),
    ] {
        let mut told = Vec::new();
        for guess in ["hunter2-xyz", "hunter3-xyz"] {
            let asked = serde_json::from_str(&arguments.to_string().replace("GUESS", guess)).unwrap();
            let denied = a.call(&house.bridge, operation, asked).await.unwrap_err();
            told.push(denied.message.replace(guess, "it"));
        }
        assert_eq!(told[0], told[1]);
    }
}

#[tokio::test]
async fn values_when_one_call_shows_many_then_what_was_known_stays_known() {
    let house = House::with(|settings| settings.limits.send_per_minute = 0);
    let (a, b) = house.pair().await;
    b.send(&house.bridge, "password=hunter2-xyz").await;
    let many = |at: usize, count: usize| -> String {
        (0..count).map(|n| format!("password={n:04}-{at:02}-x7q")).collect::<Vec<_>>().join(" ")
    };
    for call in 0..4 {
        let files: Vec<String> = (1..21).map(|file| many(21 * call + file, 15)).collect();
        let arguments = json!({"message": many(21 * call, 60), "files_involved": files});
        a.ok(&house.bridge, "send_to_partner", arguments).await;
    }
    b.texts(&house.bridge).await;
    assert_eq!(arrives(&house, &a, &b, "is it hunter2-xyz?").await, "is it PASSWORD_REDACTED?");
}
