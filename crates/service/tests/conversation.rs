//! Agents talk: what each operation does when all is well.

#[cfg(test)]
mod kit;

use kit::{Agent, House, texts};
use mab_core::{Code, SessionId};
use mab_service::table;
use serde_json::{Value, json};

#[tokio::test]
async fn original_prompt_when_replayed_with_explicit_tokens_works() {
    let house = House::new();
    // Five tools, a/b, explicit tokens, nobody joins, every call on a connection that remembers nothing.
    let fresh = || Agent::new(9);
    let made = fresh()
        .ok(
            &house.bridge,
            "create_conversation",
            json!({"my_role": "backend_developer", "partner_role": "frontend_developer"}),
        )
        .await;
    assert!(made["conversation_id"].as_str().unwrap().starts_with("conv_"));
    assert_eq!(made["session_b_token"].as_str().unwrap().len(), 64);
    let as_a = |more: Value| with(&made, "a", "session_a_token", more);
    let as_b = |more: Value| with(&made, "b", "session_b_token", more);
    let sent =
        as_a(json!({"message": "POST /login?", "action_type": "question", "files_involved": ["api.yaml"]}));
    assert_eq!(fresh().ok(&house.bridge, "send_to_partner", sent).await["recipients"], json!(["b"]));
    let read = fresh().ok(&house.bridge, "check_messages", as_b(json!({}))).await;
    assert_eq!(texts(&read), ["POST /login?"]);
    assert_eq!(read["messages"][0]["from"], "a");
    assert_eq!(read["messages"][0]["files_involved"], json!(["api.yaml"]));
    assert_eq!(read["messages"][0]["trust"], "peer");
    fresh().ok(&house.bridge, "update_my_status", as_b(json!({"status": "working"}))).await;
    let status = fresh().ok(&house.bridge, "check_partner_status", as_a(json!({}))).await;
    assert_eq!(status["partners"][0]["status"], "working");
    assert_eq!(status["partners"][0]["alive"], true);
}

#[cfg(test)]
fn with(made: &Value, session: &str, token: &str, mut more: Value) -> Value {
    more["conversation_id"] = made["conversation_id"].clone();
    more["session_id"] = json!(session);
    more["token"] = made[token].clone();
    more
}

#[tokio::test]
async fn joiner_when_it_joins_alone_knows_its_token() {
    let house = House::new();
    let a = Agent::new(1);
    let made = a
        .ok(
            &house.bridge,
            "create_conversation",
            json!({"my_role": "backend", "partner_role": "frontend", "topic": "login"}),
        )
        .await;
    let (b, invitation) = (Agent::new(2), with(&made, "b", "session_b_token", json!({})));
    let joined = b.ok(&house.bridge, "join_conversation", invitation.clone()).await;
    assert_eq!(
        (&joined["role"], &joined["topic"], &joined["unread"]),
        (&json!("frontend"), &json!("login"), &json!(0))
    );
    assert_ne!(joined["token"], made["session_b_token"]);
    // The creator held b's first token; it is void now, on every connection.
    assert_eq!(a.code(&house.bridge, "check_messages", invitation.clone()).await, Code::TokenRotated);
    assert_eq!(Agent::new(3).code(&house.bridge, "join_conversation", invitation).await, Code::TokenRotated);
    // b needs no credentials here any more.
    b.send(&house.bridge, "hello").await;
    assert_eq!(a.texts(&house.bridge).await, ["hello"]);
}

#[tokio::test]
async fn three_agents_when_one_is_addressed_the_other_sees_nothing() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let invited =
        a.ok(&house.bridge, "invite_agent", json!({"role": "reviewer", "permission": "observer"})).await;
    assert_eq!(invited["session_id"], "c");
    let c = Agent::new(3);
    c.ok(
        &house.bridge,
        "join_conversation",
        json!({
            "conversation_id": invited["conversation_id"], "session_id": "c", "token": invited["token"],
        }),
    )
    .await;
    a.ok(&house.bridge, "send_to_partner", json!({"message": "for b only", "to": ["b"]})).await;
    let to_all = a.ok(&house.bridge, "send_to_partner", json!({"message": "for all"})).await;
    assert_eq!(to_all["recipients"], json!(["b", "c"]));
    assert_eq!(b.texts(&house.bridge).await, ["for b only", "for all"]);
    assert_eq!(c.texts(&house.bridge).await, ["for all"]);
    assert_eq!(texts(&c.ok(&house.bridge, "search_messages", json!({})).await), ["for all"]);
    assert_eq!(
        c.code(&house.bridge, "send_to_partner", json!({"message": "I may not"})).await,
        Code::Forbidden
    );
    assert_eq!(
        c.code(&house.bridge, "update_my_status", json!({"status": "working"})).await,
        Code::Forbidden
    );
    assert_eq!(b.code(&house.bridge, "invite_agent", json!({"role": "another"})).await, Code::Forbidden);
}

#[tokio::test]
async fn invited_handle_when_chosen_or_taken_is_kept_or_refused() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let named =
        a.ok(&house.bridge, "invite_agent", json!({"role": "reviewer", "session_id": "reviewer"})).await;
    assert_eq!(named["session_id"], "reviewer");
    let taken = json!({"role": "reviewer", "new_session_id": "b"});
    assert_eq!(a.code(&house.bridge, "invite_agent", taken).await, Code::Conflict);
}

#[tokio::test]
async fn handle_when_it_passes_for_somebody_who_is_no_agent_is_not_given() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    for handle in [
        "person",
        "you",
        "admin",
        "root",
        "mab",
        "user",
        "operator-2",
        "sys_tem",
        "admin1",
        "the-operator",
        "a-person",
        "operat0r",
        "hum4n",
        "r00t",
        "users",
        "bridge",
    ] {
        let named = json!({"role": "reviewer", "new_session_id": handle});
        let denied = a.call(&house.bridge, "invite_agent", named).await.unwrap_err();
        assert_eq!(denied.code, Code::InvalidArguments, "{handle}");
        assert!(
            denied.message.contains("session_id is reserved for the bridge itself"),
            "{handle}: {denied}"
        );
        assert_eq!(denied.hint.as_deref(), Some("use a handle such as a, b or reviewer"), "{handle}");
    }
    let system = json!({"role": "reviewer", "new_session_id": "system"});
    assert_eq!(a.code(&house.bridge, "invite_agent", system).await, Code::InvalidArguments);
    // What is stored is read as before.
    for handle in ["person", "admin", "operator-2"] {
        assert_eq!(handle.parse::<SessionId>().unwrap().as_str(), handle);
    }
    for handle in ["rooted", "approver", "yours"] {
        let named = json!({"role": "reviewer", "new_session_id": handle});
        assert_eq!(a.ok(&house.bridge, "invite_agent", named).await["session_id"], handle);
    }
}

#[tokio::test]
async fn check_when_repeated_acknowledges_on_the_same_connection_and_repeats_on_another() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "one").await;
    let first = b.ok(&house.bridge, "check_messages", json!({})).await;
    assert_eq!(first["messages"][0]["redelivered"], false);
    // The client died before it read the answer: its new connection gets the same message, flagged.
    let token = token_of(&house, &first, "b").await;
    let again = Agent::new(7).ok(&house.bridge, "check_messages", token.clone()).await;
    assert_eq!(again["messages"][0]["message_id"], first["messages"][0]["message_id"]);
    assert_eq!(again["messages"][0]["redelivered"], true);
    let mut ack = token;
    ack["ack"] = again["batch"].clone();
    assert_eq!(Agent::new(8).ok(&house.bridge, "check_messages", ack.clone()).await["messages"], json!([]));
    assert_eq!(Agent::new(8).code(&house.bridge, "check_messages", ack).await, Code::UnknownBatch);
    assert_eq!(b.texts(&house.bridge).await, [""; 0]);
    let status = a.ok(&house.bridge, "check_partner_status", json!({})).await;
    assert_eq!(
        (&status["partners"][0]["unread"], &status["partners"][0]["last_acknowledged_seq"]),
        (&json!(0), &json!(1))
    );
}

#[cfg(test)]
async fn token_of(house: &House, answer: &Value, session: &str) -> Value {
    let id = house.operator("list", json!({})).await.unwrap()["conversations"][0]["conversation_id"].clone();
    assert!(answer["messages"].is_array());
    let tokens = house.operator("tokens", json!({ "conversation_id": id })).await.unwrap();
    let token =
        tokens["tokens"].as_array().unwrap().iter().find(|token| token["session_id"] == session).unwrap();
    json!({ "conversation_id": id, "session_id": session, "token": token["token"] })
}

#[tokio::test]
async fn peek_when_used_receives_nothing() {
    let house = House::new();
    let (a, b) = house.pair().await;
    a.send(&house.bridge, "one").await;
    for _ in 0..3 {
        let peeked = b.ok(&house.bridge, "check_messages", json!({"peek": true})).await;
        assert_eq!((texts(&peeked), &peeked["batch"]), (vec!["one".to_owned()], &Value::Null));
    }
    assert_eq!(b.ok(&house.bridge, "check_messages", json!({})).await["messages"][0]["redelivered"], false);
}

#[tokio::test]
async fn answers_when_there_is_much_are_paged() {
    let house = House::with(|settings| settings.limits.send_per_minute = 0);
    let (a, b) = house.pair().await;
    for n in 0..45 {
        a.send(&house.bridge, &format!("message {n}")).await;
    }
    let mut all = Vec::new();
    loop {
        let page = b.ok(&house.bridge, "check_messages", json!({})).await;
        all.extend(texts(&page));
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(all, (0..45).map(|n| format!("message {n}")).collect::<Vec<_>>());
    // Four large messages do not fit one answer; one always does.
    for _ in 0..4 {
        a.send(&house.bridge, &"é".repeat(50_000)).await;
    }
    let page = b.ok(&house.bridge, "check_messages", json!({})).await;
    assert_eq!((page["messages"].as_array().unwrap().len(), &page["more"]), (1, &json!(true)));
}

#[tokio::test]
async fn history_when_searched_finds_all_words_and_resumes() {
    let house = House::with(|settings| {
        settings.loop_guard.messages = 0;
        settings.limits.send_per_minute = 0;
        settings.limits.send_per_hour = 0;
        settings.limits.send_per_day = 0;
    });
    let (a, b) = house.pair().await;
    for n in 0..250 {
        let text = if n % 50 == 0 { format!("Login Contract {n}") } else { format!("filler {n}") };
        a.send(&house.bridge, &text).await;
    }
    let found = b.ok(&house.bridge, "search_messages", json!({"query": "contract LOGIN"})).await;
    assert_eq!(
        texts(&found),
        [
            "Login Contract 200",
            "Login Contract 150",
            "Login Contract 100",
            "Login Contract 50",
            "Login Contract 0"
        ]
    );
    let mut query = json!({"query": "login", "limit": 2});
    let mut all = Vec::new();
    loop {
        let page = b.ok(&house.bridge, "search_messages", query.clone()).await;
        all.extend(texts(&page));
        if page["next_before_seq"].is_null() {
            break;
        }
        query["before_seq"] = page["next_before_seq"].clone();
    }
    assert_eq!(all, texts(&found));
}

#[tokio::test]
async fn reply_when_it_answers_a_seen_message_links_to_it() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let asked = a.send(&house.bridge, "which port?").await;
    b.ok(&house.bridge, "send_to_partner", json!({"message": "8080", "reply_to": asked["message_id"]})).await;
    let answer = a.ok(&house.bridge, "check_messages", json!({})).await;
    assert_eq!(answer["messages"][0]["reply_to"], asked["message_id"]);
    let nothing = json!({"message": "?", "reply_to": "msg_99_0123456789abcdef"});
    assert_eq!(b.code(&house.bridge, "send_to_partner", nothing).await, Code::UnknownMessage);
    let forged = asked["message_id"].as_str().unwrap().replace("msg_1_", "msg_2_");
    assert_eq!(
        b.code(&house.bridge, "send_to_partner", json!({"message": "?", "reply_to": forged})).await,
        Code::UnknownMessage
    );
}

#[tokio::test]
async fn agent_when_it_calls_anything_counts_as_alive_for_two_minutes() {
    let house = House::new();
    let (a, b) = house.pair().await;
    b.texts(&house.bridge).await;
    house.clock.advance_s(120);
    let alive = a.ok(&house.bridge, "check_partner_status", json!({})).await["partners"][0]["alive"].clone();
    house.clock.advance_s(1);
    let late = a.ok(&house.bridge, "check_partner_status", json!({})).await["partners"][0].clone();
    assert_eq!((alive, &late["alive"], &late["age_seconds"]), (json!(true), &json!(false), &json!(121)));
}

#[tokio::test]
async fn several_conversations_when_remembered_are_told_apart() {
    let house = House::new();
    let (a, _b) = house.pair().await;
    let second = a
        .ok(&house.bridge, "create_conversation", json!({"my_role": "lead", "partner_role": "tester"}))
        .await;
    let refused = a.call(&house.bridge, "check_messages", json!({})).await.unwrap_err();
    assert_eq!(refused.code, Code::AmbiguousConversation);
    assert!(refused.hint.unwrap().contains(second["conversation_id"].as_str().unwrap()));
    a.ok(&house.bridge, "check_messages", json!({"conversation_id": second["conversation_id"]})).await;
    let listed = a.ok(&house.bridge, "list_conversations", json!({})).await;
    let roles: Vec<_> =
        listed["conversations"].as_array().unwrap().iter().map(|held| held["role"].clone()).collect();
    assert_eq!(roles, [json!("lead"), json!("backend")]);
}

#[tokio::test]
async fn conversations_when_only_one_is_still_open_are_no_choice() {
    let house = House::new();
    let brief = json!({"my_role": "back", "partner_role": "front", "expires_in_minutes": 1});
    let a = Agent::new(1);
    a.ok(&house.bridge, "create_conversation", brief).await;
    house.clock.advance_s(60);
    let live =
        a.ok(&house.bridge, "create_conversation", json!({"my_role": "back", "partner_role": "front"})).await;
    a.send(&house.bridge, "yesterday is over").await;
    // Revoked and invited anew under another handle: the dead one is no choice either.
    let b = Agent::new(2);
    let id = &live["conversation_id"];
    let invitation = json!({"conversation_id": id, "session_id": "b", "token": live["session_b_token"]});
    b.ok(&house.bridge, "join_conversation", invitation).await;
    house.operator("tokens", json!({"conversation_id": id, "revoke": "b"})).await.unwrap();
    let invited = a.ok(&house.bridge, "invite_agent", json!({"role": "frontend"})).await;
    let invitation = json!({"conversation_id": id, "session_id": "c", "token": invited["token"]});
    b.ok(&house.bridge, "join_conversation", invitation).await;
    b.ok(&house.bridge, "check_messages", json!({})).await;
}

#[tokio::test]
async fn join_when_repeated_says_that_it_is_done() {
    let house = House::new();
    let (a, b) = (Agent::new(1), Agent::new(2));
    let made =
        a.ok(&house.bridge, "create_conversation", json!({"my_role": "back", "partner_role": "front"})).await;
    let invitation = with(&made, "b", "session_b_token", json!({}));
    b.ok(&house.bridge, "join_conversation", invitation.clone()).await;
    let again = b.call(&house.bridge, "join_conversation", invitation.clone()).await.unwrap_err();
    assert_eq!(again.code, Code::TokenRotated);
    assert!(again.hint.unwrap().contains("you have joined as b already"));
    // Somebody else with the same token is told nothing of the kind.
    let other = Agent::new(3).call(&house.bridge, "join_conversation", invitation.clone()).await.unwrap_err();
    assert!(!other.hint.unwrap().contains("you have joined as"));
    house.clock.advance_s(3 * 3_600);
    assert_eq!(b.code(&house.bridge, "join_conversation", invitation).await, Code::Expired);
}

#[tokio::test]
async fn two_processes_when_they_share_a_folder_share_everything() {
    let house = House::new();
    let (a, b) = house.pair().await;
    let other = house.second_bridge();
    a.send(&house.bridge, "one").await;
    b.send(&other, "two").await;
    assert_eq!(b.texts(&other).await, ["one"]);
    assert_eq!(a.texts(&house.bridge).await, ["two"]);
}

#[test]
fn tool_list_when_serialised_is_at_most_twelve_kilobytes() {
    let tools: Vec<Value> = table::operations()
        .iter()
        .filter(|operation| operation.audience == table::Audience::Agent)
        .map(|operation| {
            json!({
                "name": operation.name, "title": operation.title, "description": operation.description,
                "inputSchema": (operation.input_schema)(), "outputSchema": operation.output_schema_on_the_wire(),
                "annotations": {"destructiveHint": false, "openWorldHint": false},
            })
        })
        .collect();
    let bytes = json!({ "tools": tools }).to_string().len();
    println!("{bytes} bytes of tool JSON");
    assert!(bytes <= 12_000, "{bytes} bytes");
}
