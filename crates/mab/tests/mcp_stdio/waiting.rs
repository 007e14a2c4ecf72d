//! Waiting for messages over the wire: progress, cancelling, and the client's own time limit.

use serde_json::{Value, json};

use crate::client::{Client, data};

/// Two processes, joined.
fn pair(path: &std::path::Path, environment: &[(&str, &str)]) -> (Client, Client) {
    let (mut a, mut b) = (Client::opened(path, environment), Client::opened(path, environment));
    let created = a.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    b.did(
        "join_conversation",
        json!({
            "conversation_id": created["conversation_id"], "session_id": "b", "token": created["session_b_token"],
        }),
    );
    (a, b)
}

/// Starts a check that waits, with a progress token; returns its id once the server says that it waits.
fn wait(client: &mut Client) -> i64 {
    let params = json!({
        "name": "check_messages", "arguments": {"wait_seconds": 3_600}, "_meta": {"progressToken": "mine"},
    });
    let id = client.ask("tools/call", params);
    let progress = client.answer();
    assert_eq!(progress["method"], "notifications/progress");
    assert_eq!(progress["params"]["progressToken"], "mine");
    // An unknown client is trusted with less than a minute.
    assert_eq!(progress["params"]["total"], 50.0);
    id
}

fn content(answer: &Value) -> &Value {
    &answer["result"]["structuredContent"]
}

#[test]
fn waiting_client_is_told_at_once_that_it_waits_and_then_gets_the_message() {
    let (_place, path) = data();
    let (mut a, mut b) = pair(&path, &[]);
    let id = wait(&mut b);
    a.did("send_to_partner", json!({"message": "wake up"}));
    let answer = b.answer();
    assert_eq!((&answer["id"], &content(&answer)["messages"][0]["message"]), (&json!(id), &json!("wake up")));
}

#[test]
fn other_calls_are_answered_while_one_waits() {
    let (_place, path) = data();
    let (mut a, mut b) = pair(&path, &[]);
    let id = wait(&mut b);
    b.did("update_my_status", json!({"status": "waiting"}));
    a.did("send_to_partner", json!({"message": "hello"}));
    assert_eq!(b.answer()["id"], id);
}

#[test]
fn waiting_call_when_cancelled_takes_nothing() {
    let (_place, path) = data();
    let (mut a, mut b) = pair(&path, &[]);
    let id = wait(&mut b);
    b.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    b.ping();
    a.did("send_to_partner", json!({"message": "too late for the first"}));
    let got = b.did("check_messages", json!({}));
    assert_eq!(got["messages"][0]["message"], "too late for the first");
    assert_eq!(got["messages"][0]["redelivered"], false);
}

#[test]
fn server_that_waits_ends_at_once_when_its_client_goes() {
    let (_place, path) = data();
    let (mut a, mut b) = pair(&path, &[]);
    wait(&mut b);
    b.close_input();
    assert!(b.ended().0.success());
    a.did("send_to_partner", json!({"message": "nobody there"}));
    let bells = std::fs::read_dir(path.join("bridge.db-bells")).unwrap().count();
    assert_eq!(bells, 0, "the bell was taken down");
}

#[test]
fn wait_without_a_token_is_silent_and_times_out_as_an_answer() {
    let (_place, path) = data();
    let (_a, mut b) = pair(&path, &[("MAB_WAIT_MAX_SECONDS", "1")]);
    let got = b.did("check_messages", json!({"wait_seconds": 600}));
    assert_eq!(got, json!({"messages": [], "more": false, "timed_out": true, "waited_seconds": 1}));
}
