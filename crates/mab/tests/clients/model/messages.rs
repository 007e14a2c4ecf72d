//! Anthropic's Messages API, as much as Claude Code 2.1.330 uses of it (measured 2026-11-22).

use serde_json::{Value, json};

use super::{Answer, Tool, http};
use crate::shown::{Listed, Shown, texts};

/// How Claude Code names the bridge's tools.
const PREFIX: &str = "mcp__mab__";

/// The answer to a request for the size of a prompt.
pub(super) fn count() -> http::Answer {
    http::Answer::json(&json!({"input_tokens": 100}))
}

/// What a request shows to the model.
pub(super) fn shown(body: &Value) -> Shown {
    let mut shown = Shown::default();
    for text in texts(&body["system"]) {
        shown.say("system", text);
    }
    for message in body["messages"].as_array().unwrap_or(&Vec::new()) {
        let role = message["role"].as_str().unwrap_or_default();
        for text in texts(&message["content"]) {
            shown.say(role, text);
        }
        for block in message["content"].as_array().unwrap_or(&Vec::new()) {
            match block["type"].as_str() {
                Some("tool_use") => shown.call(&block["id"], block["name"].as_str(), PREFIX),
                Some("tool_result") => {
                    shown.outcome(&block["tool_use_id"], &texts(&block["content"]).concat());
                }
                _ => (),
            }
        }
    }
    for tool in body["tools"].as_array().unwrap_or(&Vec::new()) {
        let name = tool["name"].as_str().unwrap_or_default();
        shown.list(Listed {
            name: name.strip_prefix(PREFIX).unwrap_or(name).to_owned(),
            of_bridge: name.starts_with(PREFIX),
            // Sent, and kept from the model until it looks the tool up.
            deferred: tool["defer_loading"] == true,
            description: tool["description"].as_str().unwrap_or_default().to_owned(),
        });
    }
    shown.leave(&rest(body.clone()));
    shown
}

fn rest(mut body: Value) -> Value {
    let messages = body["messages"].as_array_mut().into_iter().flatten();
    for block in messages.filter_map(|message| message["content"].as_array_mut()).flatten() {
        match block["type"].as_str() {
            Some("tool_use") => block["input"] = Value::Null,
            Some("tool_result") => block["content"] = Value::Null,
            _ => (),
        }
    }
    body
}

/// One turn.
pub(super) fn answer(body: &Value, id: &str, answer: &Answer) -> http::Answer {
    let (block, reason) = match answer {
        Answer::Say(text) => (json!({"type": "text", "text": text}), "end_turn"),
        Answer::Call { tool, arguments } => {
            let name = match tool {
                Tool::Bridge(name) => format!("{PREFIX}{name}"),
                Tool::Own(name) => (*name).to_owned(),
            };
            let id = format!("toolu_{id}");
            (json!({"type": "tool_use", "id": id, "name": name, "input": arguments}), "tool_use")
        }
    };
    let message = json!({
        "id": format!("msg_{id}"), "type": "message", "role": "assistant", "model": body["model"],
        "content": [block], "stop_reason": reason, "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    });
    if body["stream"] == true { streamed(message) } else { http::Answer::json(&message) }
}

fn streamed(mut message: Value) -> http::Answer {
    let mut block = message["content"][0].take();
    let reason = message["stop_reason"].take();
    message["content"] = json!([]);
    let delta = if block["type"] == "text" {
        json!({"type": "text_delta", "text": std::mem::replace(&mut block["text"], "".into())})
    } else {
        let arguments = std::mem::replace(&mut block["input"], json!({}));
        json!({"type": "input_json_delta", "partial_json": arguments.to_string()})
    };
    http::Answer::events(&[
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({
            "type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
            "usage": {"output_tokens": 5},
        }),
        json!({"type": "message_stop"}),
    ])
}
