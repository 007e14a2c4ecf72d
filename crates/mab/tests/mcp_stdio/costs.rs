//! What a model has to read, in bytes; printed with `cargo test -p mab --test mcp_stdio costs -- --nocapture`.
//!
//! With `MAB_COSTS` set to a folder the texts are written there, for a tokenizer.

use std::{fs, path::PathBuf};

use mab::mcp::{PROMPTS, Side, instructions};
use serde_json::{Value, json};

use crate::client::{Client, data};

/// The tools as Claude Code 2.1.330 shows them to its model: no title, no answer's schema, no hints (measured 2026-11-22).
#[cfg(test)]
fn tools_for_a_model(client: &mut Client) -> String {
    let listed = client.request("tools/list", Value::Null)["result"]["tools"].clone();
    let shown = listed.as_array().unwrap().iter().map(|tool| {
        let name = format!("mcp__mab__{}", tool["name"].as_str().unwrap());
        json!({"name": name, "description": tool["description"], "input_schema": tool["inputSchema"]})
    });
    Value::Array(shown.collect()).to_string()
}

#[test]
fn costs_of_what_a_model_reads_stay_small() {
    let (_place, path) = data();
    let mut first = Client::opened(&path, &[]);
    let created = first.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    let mut second = Client::opened(&path, &[]);
    second.did(
        "join_conversation",
        json!({
            "conversation_id": created["conversation_id"], "session_id": "b",
            "token": created["session_b_token"],
        }),
    );
    let wire = first.request("tools/list", Value::Null)["result"]["tools"].to_string();
    let empty = second.did("check_messages", json!({})).to_string();
    let message =
        "The list is paged now: GET /api/todos?after=<id>&limit=50. Tell me whether that suits you.";
    let sent = first.did("send_to_partner", json!({"message": message, "action_type": "question"}));
    let one = second.did("check_messages", json!({})).to_string();
    let waited = second.did("check_messages", json!({"wait_seconds": 0})).to_string();
    let refused = second.refused("send_to_partner", json!({"message": ""})).to_string();
    let prompts = PROMPTS.iter().flat_map(|recipe| Side::ALL.map(|side| recipe.text(side, "(your task)")));
    let longest = prompts.max_by_key(String::len).unwrap();
    let costs = [
        ("tools, on the wire", wire, 11_000),
        ("tools, as a model is shown them", tools_for_a_model(&mut first), 9_000),
        ("instructions", instructions(true).into_owned(), 2_048),
        ("answer of a check: nothing there", empty, 60),
        ("answer of a check: a message of 90 characters", one, 500),
        ("answer of a check that only acknowledges", waited, 80),
        ("answer of a send", sent.to_string(), 300),
        ("a refusal", refused, 300),
        ("the longest prompt", longest, 4_000),
    ];
    let folder = std::env::vars_os()
        .find(|(name, value)| name == "MAB_COSTS" && !value.is_empty())
        .map(|(_, value)| PathBuf::from(value));
    for (what, text, most) in costs {
        println!("{:>6} bytes  {what}", text.len());
        assert!(text.len() <= most, "{what}: {} bytes: {text}", text.len());
        if let Some(folder) = &folder {
            fs::write(folder.join(what.replace([' ', ':'], "_")), text).unwrap();
        }
    }
}
