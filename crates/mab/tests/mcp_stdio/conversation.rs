//! Two agents in two processes.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    client::{Client, data},
    protocol::modern,
};

fn create(client: &mut Client) -> Value {
    let roles = json!({"my_role": "backend developer", "partner_role": "frontend developer"});
    client.did("create_conversation", roles)
}

fn invitation(created: &Value) -> Value {
    json!({
        "conversation_id": created["conversation_id"],
        "session_id": "b",
        "token": created["session_b_token"],
    })
}

#[test]
fn two_processes_talk_without_repeating_their_credentials() {
    let (_place, path) = data();
    let (mut a, mut b) = (Client::opened(&path, &[]), Client::opened(&path, &[]));
    let created = create(&mut a);
    b.did("join_conversation", invitation(&created));
    let sent = a.did("send_to_partner", json!({"message": "which port?", "action_type": "question"}));
    let got = b.did("check_messages", json!({}));
    assert_eq!(got["messages"][0]["message"], "which port?");
    assert_eq!(got["messages"][0]["message_id"], sent["message_id"]);
    assert_eq!(got["messages"][0]["trust"], "peer");
    b.did("send_to_partner", json!({"message": "8080", "reply_to": sent["message_id"]}));
    assert_eq!(a.did("check_messages", json!({}))["messages"][0]["message"], "8080");
    assert_eq!(b.did("check_messages", json!({}))["messages"], json!([]));
}

#[test]
fn agent_of_the_original_bridge_with_explicit_tokens_works_unchanged() {
    let (_place, path) = data();
    let mut both = Client::opened(&path, &[]);
    let created = create(&mut both);
    let who = |session: &str, more: Value| {
        let mut arguments = json!({
            "conversation_id": created["conversation_id"],
            "session_id": session,
            "token": created[format!("session_{session}_token")],
        });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    both.did("send_to_partner", who("a", json!({"message": "hello", "files_involved": ["src/main.rs"]})));
    let got = both.did("check_messages", who("b", json!({})));
    assert_eq!(got["messages"][0]["message"], "hello");
    both.did("update_my_status", who("b", json!({"status": "working"})));
    both.did("check_partner_status", who("a", json!({})));
}

#[test]
fn process_with_a_profile_when_started_again_knows_its_credentials() {
    let (_place, path) = data();
    for (name, profile) in
        [("test", [("MAB_AGENT", "alice")]), ("claude-code", [("CLAUDE_CODE_SESSION_ID", "0b1c-2d")])]
    {
        let opened = || {
            let mut client = Client::start_with(&path, &profile);
            client.initialize_as(name, "2025-06-18");
            client
        };
        let mut client = opened();
        let created = create(&mut client);
        client.end();
        let mut again = opened();
        let listed = again.did("list_conversations", json!({}));
        assert_eq!(listed["conversations"][0]["conversation_id"], created["conversation_id"], "{listed}");
        again.did("send_to_partner", json!({"message": "still me"}));
    }
}

#[test]
fn session_of_claude_code_is_only_that_of_a_client_that_says_it_is_claude_code() {
    let (_place, path) = data();
    // What every client that is started from a shell of Claude Code's has in its environment.
    let session = [("CLAUDE_CODE_SESSION_ID", "0b1c-2d")];
    let start = || Client::start_with(&path, &session);
    let mut claude = start();
    claude.initialize_as("claude-code", "2025-06-18");
    let created = create(&mut claude);
    let uris = |answer: &Value| answer["result"]["resources"].as_array().unwrap().len();
    for (name, finds) in
        [("claude-code", 1), ("opencode", 0), ("gemini-cli-mcp-client", 0), ("claude-code-x", 0)]
    {
        let mut old = start();
        old.initialize_as(name, "2025-06-18");
        assert_eq!(
            old.did("list_conversations", json!({}))["conversations"].as_array().unwrap().len(),
            finds
        );
        assert_eq!(uris(&old.request("resources/list", json!({}))), finds, "{name}");
        let mut new = start();
        let said = |method: &str, mut params: Value, client: &mut Client| {
            params = modern(params);
            params["_meta"]["io.modelcontextprotocol/clientInfo"]["name"] = name.into();
            client.request(method, params)
        };
        assert_eq!(uris(&said("resources/list", json!({}), &mut new)), finds, "{name}");
        let uri = format!("mab://inbox/{}/a", created["conversation_id"].as_str().unwrap());
        let read = said("resources/read", json!({"uri": uri}), &mut new);
        assert_eq!(read["error"].is_null(), finds == 1, "{name}: {read}");
        let call = json!({"name": "send_to_partner", "arguments": {"message": "who am I?"}});
        let sent = said("tools/call", call, &mut new);
        assert_eq!(sent["result"]["isError"], finds == 0, "{name}: {sent}");
    }
    // One that has the session and is somebody else by name is that.
    let mut alice = Client::opened(&path, &[session[0], ("MAB_AGENT", "alice")]);
    assert_eq!(alice.did("list_conversations", json!({}))["conversations"], json!([]));
}

#[test]
fn send_whose_server_was_killed_when_repeated_is_stored_once() {
    let (_place, path) = data();
    let alice = [("MAB_AGENT", "alice")];
    let mut client = Client::opened(&path, &alice);
    create(&mut client);
    for n in 1..=5_u64 {
        let arguments = json!({"message": "did you get it?", "idempotency_key": format!("attempt {n}")});
        let call = json!({"name": "send_to_partner", "arguments": arguments});
        client.ask("tools/call", call);
        // Every other server is killed wherever it happens to be, the rest once it has answered.
        let answered = n % 2 == 0;
        if answered {
            client.answer();
        }
        client.signal(Signal::KILL);
        client = Client::opened(&path, &alice);
        let sent = client.did("send_to_partner", arguments.clone());
        assert!(!answered || sent["repeated"] == true);
        let mut repeated = sent.clone();
        repeated["repeated"] = json!(true);
        repeated.as_object_mut().unwrap().remove("audit");
        assert_eq!((&sent["seq"], client.did("send_to_partner", arguments)), (&json!(n), repeated));
    }
    assert_eq!(client.did("search_messages", json!({}))["messages"].as_array().unwrap().len(), 5);
}

#[test]
fn process_without_a_profile_never_finds_anybodys_credentials() {
    let (_place, path) = data();
    let mut first = Client::opened(&path, &[]);
    create(&mut first);
    let mut second = Client::opened(&path, &[]);
    let refused = second.refused("send_to_partner", json!({"message": "hello"}));
    assert_eq!(refused["code"], "credentials_missing");
    assert!(!path.join("agents").exists());
}

#[test]
fn log_at_its_finest_holds_no_token_and_no_message() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[("MAB_LOG", "trace"), ("MAB_AGENT", "alice")]);
    let created = create(&mut client);
    client.did("send_to_partner", json!({"message": "a very private body"}));
    client.refused(
        "check_messages",
        json!({"conversation_id": created["conversation_id"], "session_id": "a", "token": "00ff".repeat(16)}),
    );
    client.send_bytes(b"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\"x\":\"a very private body\"\n");
    client.answer();
    let (_, stderr) = client.end();
    for secret in [
        &created["session_a_token"],
        &created["session_b_token"],
        &json!("a very private body"),
        &json!("00ff00ff"),
    ] {
        assert!(!stderr.contains(secret.as_str().unwrap()), "{stderr}");
    }
}

#[test]
fn file_that_two_processes_want_at_once_is_given_to_one() {
    let (_place, path) = data();
    let (mut a, mut b) = (Client::opened(&path, &[]), Client::opened(&path, &[]));
    let created = create(&mut a);
    b.did("join_conversation", invitation(&created));
    let wanted = |path: &str| {
        let arguments = json!({"action": "acquire", "paths": [path]});
        json!({"name": "reserve_files", "arguments": arguments})
    };
    for _ in 0..3 {
        a.ask("tools/call", wanted("src/*.rs"));
        b.ask("tools/call", wanted("src/main.?s"));
        let (one, two) = (a.answer()["result"].clone(), b.answer()["result"].clone());
        let (given, refused) = if one["isError"] == false { (one, two) } else { (two, one) };
        assert_eq!(
            (&given["isError"], &refused["isError"]),
            (&json!(false), &json!(true)),
            "{given} {refused}"
        );
        let lease = &given["structuredContent"]["leases"][0];
        let refused = &refused["structuredContent"];
        assert_eq!(refused["code"], "conflict");
        assert!(refused["retry_after_s"].as_u64().is_some_and(|wait_s| wait_s > 800), "{refused}");
        let hint = format!("ask {} with send_to_partner", lease["session_id"].as_str().unwrap());
        assert!(refused["hint"].as_str().is_some_and(|text| text.starts_with(&hint)), "{refused}");
        for client in [&mut a, &mut b] {
            client.did("reserve_files", json!({"action": "release"}));
        }
    }
}

#[test]
fn leases_are_there_for_the_next_process() {
    let (_place, path) = data();
    let alice = [("MAB_AGENT", "alice")];
    let mut client = Client::opened(&path, &alice);
    create(&mut client);
    let acquired = client.did("reserve_files", json!({"action": "acquire", "paths": ["src"]}));
    client.end();
    let mut again = Client::opened(&path, &alice);
    assert_eq!(again.did("reserve_files", json!({"action": "list"}))["leases"], acquired["leases"]);
    let renewed = again.did("reserve_files", json!({"action": "acquire", "paths": ["src", "docs"]}));
    assert_eq!(renewed["leases"][0]["fence"], 1);
    assert!(renewed["leases"][1]["fence"].as_u64().is_some_and(|fence| fence > 1), "{renewed}");
}
