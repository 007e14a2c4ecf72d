//! The scripted model itself, asked without a client.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::model::{Dialect, Model, call, call_own, call_with, say};

/// Posts a body and returns the answer's data lines.
fn post(model: &Model, path: &str, body: &Value) -> Vec<Value> {
    let address = model.address();
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
    let body = body.to_string();
    write!(stream, "POST {path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let data = answer.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn messages_with_a_tool_result_feed_the_next_call() {
    let turns = [
        call("create_conversation", json!({"topic": "t"})),
        call_with(
            "check_messages",
            |shown| json!({"conversation_id": shown.result("create_conversation").unwrap()["conversation_id"]}),
        ),
        say("bye"),
    ];
    let model = Model::start(Dialect::Messages, turns);
    let tools = json!([{"name": "mcp__mab__check_messages", "description": "d"}]);
    let ask = |messages: Value| {
        let body = json!({"model": "m", "stream": true, "tools": tools, "system": "s", "messages": messages});
        post(&model, "/v1/messages?beta=true", &body)
    };
    let first = ask(json!([{"role": "user", "content": "go"}]));
    assert_eq!(first[1]["content_block"]["name"], "mcp__mab__create_conversation");
    assert_eq!(first[2]["delta"]["partial_json"], r#"{"topic":"t"}"#);
    let second = ask(json!([
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "mcp__mab__create_conversation"}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": r#"{"conversation_id":"conv_1"}"#},
            {"type": "text", "text": "hook"},
        ]},
    ]));
    assert_eq!(second[2]["delta"]["partial_json"], r#"{"conversation_id":"conv_1"}"#);
    assert_eq!(ask(json!([]))[2]["delta"]["text"], "bye");
    assert_eq!(model.result_of("create_conversation"), json!({"conversation_id": "conv_1"}));
    assert_eq!(model.log()[1].roles_saying("hook"), ["user"]);
    assert_eq!(model.log()[1].roles_saying("conv_1"), [""; 0]);
    assert!(!model.log()[1].rest().contains("conv_1") && model.log()[1].rest().contains("hook"));
    assert!(model.last().tools().iter().all(|tool| tool.of_bridge && tool.name == "check_messages"));
}

#[test]
fn messages_without_tools_take_no_turn_of_the_script() {
    let model = Model::start(Dialect::Messages, [say("mine")]);
    post(&model, "/v1/messages", &json!({"stream": true, "messages": []}));
    assert_eq!(model.log().len(), 0);
}

#[test]
fn responses_with_a_tool_result_feed_the_next_call() {
    let turns = [
        call_own("exec_command", json!({})),
        call_with(
            "send_to_partner",
            |shown| json!({"to": [shown.result("join_conversation").unwrap()["a"]]}),
        ),
    ];
    let model = Model::start(Dialect::Responses, turns);
    let body = json!({
        "tools": [{"type": "namespace", "name": "mcp__mab", "description": "when", "tools": [{"name": "join_conversation"}]}],
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
            {"type": "function_call", "name": "join_conversation", "call_id": "c", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "Wall time: 0.1 seconds\nOutput:\n{\"a\":1}"},
        ],
    });
    let own = &post(&model, "/v1/responses", &body)[1]["item"];
    assert_eq!((&own["name"], &own["namespace"]), (&json!("exec_command"), &json!(null)));
    let events = post(&model, "/v1/responses", &body);
    assert_eq!(events[1]["item"]["namespace"], "mcp__mab");
    assert_eq!(events[1]["item"]["arguments"], r#"{"to":[1]}"#);
    assert_eq!(model.last().results("join_conversation"), [&json!({"a": 1})]);
    assert_eq!(model.last().roles_saying("rules"), ["developer"]);
    assert_eq!(model.last().roles_saying("when"), ["namespace"]);
}
