//! Whatever holds words of an agent says `trust: "peer"`: asked of every operation, in one scripted conversation in
//! which every text that an agent can choose holds a marker. Handles are names, not words: their alphabet is too small
//! for anything else.
#![cfg(test)]

mod kit;

use std::collections::BTreeSet;

use kit::{Agent, House};
use mab_service::{
    Caller,
    table::{Audience, operations},
};
use serde_json::{Value, json};

/// In every text that an agent chooses.
const MARKER: &str = "Z9Q-marker";

/// Asserts that each text with the marker lies in an object that says whose words it holds; counts them.
fn marked(place: &str, value: &Value, trusted: bool) -> usize {
    match value {
        Value::String(text) => {
            let found = text.contains(MARKER);
            assert!(!found || trusted, "{place} holds a peer's words and does not say so: {text}");
            usize::from(found)
        }
        Value::Array(values) => values.iter().map(|value| marked(place, value, trusted)).sum(),
        Value::Object(fields) => {
            // What lies around an object says nothing about it.
            // The bridge's own messages quote what agents wrote, in lines that are marked.
            let trusted = ["peer", "system"].iter().any(|who| fields.get("trust") == Some(&json!(who)));
            let field = |(name, value): (&String, &Value)| {
                assert!(!name.contains(MARKER), "{place} has a field that a peer named: {name}");
                marked(&format!("{place}.{name}"), value, trusted)
            };
            fields.iter().map(field).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Calls made so far, and what they were answered or refused.
struct Script {
    house: House,
    called: BTreeSet<String>,
}

impl Script {
    /// Makes a call; asserts that its answer, or its refusal, is marked. Returns the answer and how many texts of
    /// agents it holds.
    async fn call(&mut self, caller: &Caller, operation: &str, arguments: Value) -> (Value, usize) {
        self.called.insert(operation.to_owned());
        match self.house.bridge.call(caller, operation, kit::object(arguments)).await {
            Ok(answer) => {
                let found = marked(operation, &answer, false);
                (answer, found)
            }
            Err(denied) => {
                let told = json!({"message": denied.message, "hint": denied.hint});
                assert_eq!(marked(operation, &told, false), 0);
                (json!({"code": denied.code.name()}), 0)
            }
        }
    }

    async fn did(&mut self, caller: &Caller, operation: &str, arguments: Value) -> Value {
        let (answer, _) = self.call(caller, operation, arguments).await;
        assert_eq!(answer.get("code"), None, "{operation}: {answer}");
        answer
    }

    /// Makes calls that each must show words of agents.
    async fn shows(&mut self, caller: &Caller, calls: &[(&str, Value)]) {
        for (operation, arguments) in calls {
            let (answer, found) = self.call(caller, operation, arguments.clone()).await;
            assert!(found > 0, "{operation} shows nothing that agents wrote: {answer}");
        }
    }

    /// Makes calls that each must be refused.
    async fn refuses(&mut self, caller: &Caller, calls: &[(&str, Value)]) {
        for (operation, arguments) in calls {
            let (answer, _) = self.call(caller, operation, arguments.clone()).await;
            assert_ne!(answer.get("code"), None, "{operation} was not refused: {answer}");
        }
    }
}

/// Text with the marker.
fn words(more: &str) -> String {
    format!("{MARKER} {more}")
}

/// A conversation of a, b and c in which everybody has said, noted and reserved something.
async fn conversation() -> (Script, [Agent; 3], Value) {
    let house = House::with(|settings| settings.limits.send_per_minute = 0);
    let mut script = Script { house, called: BTreeSet::new() };
    let [a, b, c] = [Agent::new(1), Agent::new(2), Agent::new(3)];
    let opening =
        json!({"my_role": words("backend"), "partner_role": words("frontend"), "topic": words("api")});
    let created = script.did(&a.0, "create_conversation", opening).await;
    let id = created["conversation_id"].clone();
    let joining = json!({"conversation_id": id, "session_id": "b", "token": created["session_b_token"]});
    script.shows(&b.0, &[("join_conversation", joining)]).await;
    let invited = script.did(&a.0, "invite_agent", json!({"role": words("reviewer")})).await;
    let joining = json!({"conversation_id": id, "session_id": "c", "token": invited["token"]});
    script.shows(&c.0, &[("join_conversation", joining)]).await;
    for (agent, file) in [(&a, "a"), (&b, "b"), (&c, "c")] {
        let status = json!({"status": "working", "note": words("note")});
        script.did(&agent.0, "update_my_status", status).await;
        let message = json!({"message": words("hello"), "files_involved": [format!("{MARKER}/{file}")],
            "idempotency_key": words("key")});
        script.did(&agent.0, "send_to_partner", message).await;
    }
    (script, [a, b, c], id)
}

/// Everything that b and c may see, and refusals of what they may not do. a has reserved something.
async fn agents_look_and_fail(script: &mut Script, b: &Agent, c: &Agent) {
    let status = &[("check_partner_status", json!({})), ("list_conversations", json!({}))];
    let reading = &[
        ("check_messages", json!({"peek": true})),
        ("check_messages", json!({})),
        ("search_messages", json!({"query": MARKER})),
        ("reserve_files", json!({"action": "list"})),
    ];
    for agent in [b, c] {
        script.shows(&agent.0, reading).await;
        script.shows(&agent.0, status).await;
    }
    script.did(&b.0, "watch_inbox", json!({})).await;
    script.did(&b.0, "glance", json!({})).await;
    script
        .refuses(
            &b.0,
            &[
                ("reserve_files", json!({"action": "acquire", "paths": ["**"]})),
                ("reserve_files", json!({"action": "release", "paths": ["src"]})),
                ("send_to_partner", json!({"message": "x", "to": ["nobody"]})),
                ("send_to_partner", json!({"message": "x", "reply_to": "msg_1_0011223344556677"})),
                ("check_messages", json!({"ack": "batch_1-2_00000007"})),
                ("invite_agent", json!({"role": "reviewer"})),
                ("moderate", json!({"action": "pause"})),
                ("read_audit", json!({})),
                (MARKER, json!({})),
            ],
        )
        .await;
}

/// Commands, in a house that runs none: everything about them is refused or says nothing of agents.
async fn commands(script: &mut Script, a: &Agent, id: &Value) {
    script
        .refuses(
            &a.0,
            &[
                ("enable_yolo_mode", json!({"mode": "safe", "workspace": format!("/{MARKER}")})),
                ("execute_command", json!({"command": words("x")})),
            ],
        )
        .await;
    let operator = Caller::Operator;
    for operation in ["approver", "execution"] {
        script.did(&operator, operation, json!({})).await;
    }
    let run = "run_0011223344556677";
    let hash = "00".repeat(32);
    script
        .refuses(
            &operator,
            &[
                ("approver_enroll", json!({"public_key": "00", "sealed": "00"})),
                ("approver_code", json!({})),
                ("execution_enable", json!({"conversation_id": id, "terms": "{}", "signature": "00"})),
                ("approve_run", json!({"run_id": run, "approval": "{}", "signature": "00"})),
                ("deny_run", json!({"run_id": run, "request_hash": hash})),
                ("execution_unlock", json!({"conversation_id": id, "session_id": "nobody"})),
            ],
        )
        .await;
    script.did(&operator, "execution_disable", json!({"conversation_id": id})).await;
}

#[tokio::test]
async fn words_of_agents_are_said_to_be_a_peers_in_every_answer_and_stand_in_no_refusal() {
    let (mut script, [a, b, c], id) = conversation().await;
    let reserve = json!({"action": "acquire", "paths": [format!("{MARKER}/src")]});
    script.did(&a.0, "reserve_files", reserve.clone()).await;
    agents_look_and_fail(&mut script, &b, &c).await;
    let operator = Caller::Operator;
    script.did(&operator, "inbound", json!({"conversation_id": id, "verdict": "hold"})).await;
    let held = script.did(&b.0, "send_to_partner", json!({"message": words("held")})).await;
    script.shows(&a.0, &[("moderate", json!({"action": "held"}))]).await;
    script.shows(&b.0, &[("search_messages", json!({"limit": 1}))]).await;
    script
        .shows(
            &operator,
            &[
                ("list", json!({})),
                ("show", json!({"conversation_id": id, "messages": 9})),
                ("watch", json!({"conversation_id": id})),
                ("leases", json!({})),
                ("lease_check", json!({"paths": [format!("{MARKER}/src/x")]})),
                ("held", json!({})),
                ("tokens", json!({"conversation_id": id})),
            ],
        )
        .await;
    for operation in ["inbound", "limits", "resume", "audit", "audit_entries", "audit_verify", "pause"] {
        let about = if operation == "audit_verify" { json!({}) } else { json!({"conversation_id": id}) };
        script.did(&operator, operation, about).await;
    }
    script.did(&a.0, "read_audit", json!({})).await;
    script
        .refuses(
            &operator,
            &[
                ("release", json!({"conversation_id": id, "message_id": "msg_9_0011223344556677"})),
                // This house has no files to keep checkpoints in.
                ("audit_checkpoint", json!({})),
                ("audit_export", json!({})),
                ("keys", json!({})),
                ("keys_rotate", json!({})),
            ],
        )
        .await;
    let release = json!({"conversation_id": id, "message_id": held["message_id"]});
    script.did(&operator, "release", release).await;
    for (operation, more) in [("transfer", "c"), ("remove", "b")] {
        script.did(&operator, operation, json!({"conversation_id": id, "agent": more})).await;
    }
    commands(&mut script, &a, &id).await;
    script.did(&operator, "store_info", json!({})).await;
    script.did(&operator, "cleanup", json!({})).await;
    let all: BTreeSet<String> = operations().iter().map(|operation| operation.name.to_owned()).collect();
    let missing: Vec<_> = all.difference(&script.called).collect();
    assert!(missing.is_empty(), "not asked: {missing:?}");
    assert!(operations().iter().any(|operation| operation.audience == Audience::Client));
}

#[test]
#[should_panic(expected = "does not say so")]
fn words_beside_an_object_that_says_whose_it_is_are_found() {
    marked("x", &json!({"trust": "peer", "list": [{"note": MARKER}]}), false);
}
