//! Ready-made prompts on the wire.

use serde_json::{Value, json};

use crate::{
    client::{Client, data},
    protocol::modern,
};

#[test]
fn prompts_in_both_eras_are_listed_the_same_each_time() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[]);
    let first = client.request("prompts/list", Value::Null)["result"].clone();
    let second = client.request("prompts/list", json!({}))["result"].clone();
    assert_eq!(first, second);
    assert_eq!(first["ttlMs"], Value::Null, "earlier revisions know no caching");
    insta::assert_json_snapshot!("prompts", first["prompts"]);

    let mut newer = Client::start(&path);
    let listed = newer.request("prompts/list", modern(json!({})))["result"].clone();
    assert_eq!(listed["prompts"], first["prompts"]);
    assert_eq!(
        (&listed["cacheScope"], &listed["ttlMs"], &listed["resultType"]),
        (&json!("public"), &json!(86_400_000), &json!("complete"))
    );
}

#[test]
fn prompt_in_both_eras_is_one_message_of_the_user() {
    let (_place, path) = data();
    let ask = json!({"name": "api-first", "arguments": {"side": "first", "task": "Build the todo API"}});
    let old = Client::opened(&path, &[]).request("prompts/get", ask.clone())["result"].clone();
    let new = Client::start(&path).request("prompts/get", modern(ask))["result"].clone();
    assert_eq!((&old["messages"], &old["description"]), (&new["messages"], &new["description"]));
    assert_eq!((&old["resultType"], &new["resultType"]), (&Value::Null, &json!("complete")));
    let messages = old["messages"].as_array().unwrap();
    assert_eq!((messages.len(), &messages[0]["role"]), (1, &json!("user")));
    insta::assert_snapshot!("prompt", messages[0]["content"]["text"].as_str().unwrap());
}

#[test]
fn prompt_when_unknown_or_ill_asked_is_a_protocol_error_and_the_server_lives_on() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[]);
    for params in [
        json!({"name": "no-such-prompt"}),
        json!({}),
        json!({"name": "api-first"}),
        json!({"name": "api-first", "arguments": ["first"]}),
        json!({"name": "api-first", "arguments": {"side": "first"}}),
        json!({"name": "api-first", "arguments": {"side": "both", "task": "t"}}),
        json!({"name": "api-first", "arguments": {"side": "first", "task": ""}}),
        json!({"name": "api-first", "arguments": {"side": "first", "task": "x".repeat(4_001)}}),
        json!({"name": "api-first", "arguments": {"side": "first", "task": "t", "token": "t"}}),
    ] {
        let answer = client.request("prompts/get", params);
        assert_eq!(answer["error"]["code"], -32_602, "{answer}");
    }
    client.ping();
}

#[test]
fn task_with_signs_that_hide_reaches_the_client_harmless() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[]);
    let task = "a\u{202e}b \u{1b}[2J";
    // Each line of the server is examined by the client; parsed, the text is the user's.
    let ask = json!({"name": "security-review", "arguments": {"side": "second", "task": task}});
    let answer = client.request("prompts/get", ask);
    let text = answer["result"]["messages"][0]["content"]["text"].as_str().unwrap();
    assert!(text.contains(task), "{text}");
}
