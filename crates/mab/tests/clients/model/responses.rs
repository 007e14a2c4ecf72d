//! OpenAI's Responses API, as much as Codex 0.169.0 uses of it (measured 2026-11-22).

use serde_json::{Value, json};

use super::{Answer, Tool, http};
use crate::shown::{Listed, Shown, texts};

/// How Codex names the bridge: its tools keep their names within it.
const NAMESPACE: &str = "mcp__mab";

/// What a request shows to the model.
pub(super) fn shown(body: &Value) -> Shown {
    let mut shown = Shown::default();
    for text in texts(&body["instructions"]) {
        shown.say("system", text);
    }
    for item in body["input"].as_array().unwrap_or(&Vec::new()) {
        match item["type"].as_str() {
            Some("function_call" | "custom_tool_call") => {
                shown.call(&item["call_id"], item["name"].as_str(), "");
            }
            Some("function_call_output" | "custom_tool_call_output") => {
                shown.outcome(&item["call_id"], &texts(&item["output"]).concat());
            }
            _ => {
                for text in texts(&item["content"]) {
                    shown.say(item["role"].as_str().unwrap_or_default(), text);
                }
            }
        }
    }
    for tool in body["tools"].as_array().unwrap_or(&Vec::new()) {
        let of_bridge = tool["name"] == NAMESPACE;
        if of_bridge {
            shown.say("namespace", tool["description"].as_str().unwrap_or_default());
        }
        // A namespace holds tools; a tool stands for itself.
        for tool in tool["tools"].as_array().unwrap_or(&vec![tool.clone()]) {
            shown.list(Listed {
                name: tool["name"].as_str().unwrap_or_default().to_owned(),
                of_bridge,
                deferred: tool["defer_loading"] == true,
                description: tool["description"].as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    shown.leave(&rest(body.clone()));
    shown
}

fn rest(mut body: Value) -> Value {
    for item in body["input"].as_array_mut().into_iter().flatten() {
        match item["type"].as_str() {
            Some("function_call") => item["arguments"] = Value::Null,
            Some("function_call_output") => item["output"] = Value::Null,
            _ => (),
        }
    }
    body
}

/// One turn.
pub(super) fn answer(id: &str, answer: &Answer) -> http::Answer {
    let item = match answer {
        Answer::Say(text) => json!({
            "type": "message", "id": format!("msg_{id}"), "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }),
        Answer::Call { tool, arguments } => {
            let (id, call_id) = (format!("fc_{id}"), format!("call_{id}"));
            let mut call = json!({
                "type": "function_call", "id": id, "call_id": call_id, "status": "completed",
                "arguments": arguments.to_string(),
            });
            match tool {
                Tool::Bridge(name) => {
                    call["name"] = (*name).into();
                    call["namespace"] = NAMESPACE.into();
                }
                Tool::Own(name) => call["name"] = (*name).into(),
            }
            call
        }
    };
    let id = format!("resp_{id}");
    let usage = json!({
        "input_tokens": 10, "input_tokens_details": null, "output_tokens": 5, "output_tokens_details": null,
        "total_tokens": 15,
    });
    http::Answer::events(&[
        json!({"type": "response.created", "response": {"id": id}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": {"id": id, "usage": usage}}),
    ])
}
