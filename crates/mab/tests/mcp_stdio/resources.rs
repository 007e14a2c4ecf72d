//! Inboxes as resources: listed, read, and told of when something comes, by either way of subscribing.

use serde_json::{Value, json};

use crate::client::{Client, data};

/// Two processes, joined, and the URI of b's inbox.
fn pair(path: &std::path::Path) -> (Client, Client, String) {
    let (mut a, mut b) = (Client::opened(path, &[]), Client::opened(path, &[]));
    let created = a.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    let id = created["conversation_id"].clone();
    b.did(
        "join_conversation",
        json!({"conversation_id": id, "session_id": "b", "token": created["session_b_token"]}),
    );
    let uri = format!("mab://inbox/{}/b", id.as_str().unwrap());
    (a, b, uri)
}

fn read(client: &mut Client, uri: &str) -> Value {
    let answer = client.request("resources/read", json!({ "uri": uri }));
    let content = &answer["result"]["contents"][0];
    assert_eq!((&content["uri"], &content["mimeType"]), (&json!(uri), &json!("application/json")));
    serde_json::from_str(content["text"].as_str().unwrap()).unwrap()
}

#[test]
fn inbox_when_read_shows_what_is_unread_and_takes_nothing() {
    let (_place, path) = data();
    let (mut a, mut b, uri) = pair(&path);
    let listed = b.request("resources/list", json!({}));
    assert_eq!(listed["result"]["resources"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["result"]["resources"][0]["uri"], uri);
    a.did("send_to_partner", json!({"message": "read me"}));
    for _ in 0..2 {
        let content = read(&mut b, &uri);
        assert_eq!(content["messages"][0]["message"], "read me");
        assert_eq!(content["messages"][0]["trust"], "peer");
    }
    assert_eq!(b.did("check_messages", json!({}))["messages"][0]["redelivered"], false);
}

#[test]
fn inbox_of_another_or_of_nobody_is_not_found() {
    let (_place, path) = data();
    let (_a, mut b, uri) = pair(&path);
    let of_a = uri.replace("/b", "/a");
    for wrong in
        [of_a.as_str(), "mab://inbox/conv_0011223344556677/b", "mab://inbox/x", "file:///etc/passwd", ""]
    {
        for method in ["resources/read", "resources/subscribe"] {
            let error = b.request(method, json!({ "uri": wrong }))["error"].clone();
            assert_eq!(error["code"], -32002, "{method} {wrong}");
        }
    }
}

#[test]
fn subscriber_is_told_of_each_arrival_until_it_unsubscribes() {
    let (_place, path) = data();
    let (mut a, mut b, uri) = pair(&path);
    b.request("resources/subscribe", json!({ "uri": uri }));
    for text in ["one", "two"] {
        a.did("send_to_partner", json!({ "message": text }));
        let told = b.answer();
        assert_eq!(told["method"], "notifications/resources/updated");
        assert_eq!(told["params"]["uri"], uri);
    }
    assert_eq!(read(&mut b, &uri)["messages"].as_array().map(Vec::len), Some(2));
    b.request("resources/unsubscribe", json!({ "uri": uri }));
    a.did("send_to_partner", json!({"message": "three"}));
    // The next thing heard is an answer: nobody watches any more.
    b.ping();
    assert_eq!(b.did("check_messages", json!({}))["messages"].as_array().map(Vec::len), Some(3));
}

#[test]
fn subscriber_when_something_is_unread_already_is_told_at_once() {
    let (_place, path) = data();
    let (mut a, mut b, uri) = pair(&path);
    a.did("send_to_partner", json!({"message": "early"}));
    let id = b.ask("resources/subscribe", json!({ "uri": uri }));
    let heard = [b.answer(), b.answer()];
    assert!(heard.iter().any(|message| message["id"] == id), "{heard:?}");
    assert!(heard.iter().any(|message| message["params"]["uri"] == uri), "{heard:?}");
}

/// b's process and the URI of its inbox, where b speaks the newest protocol.
fn newest_pair(path: &std::path::Path) -> (Client, Client, String) {
    let (a, b, uri) = pair(path);
    drop(b);
    // The operator's token makes b's a new process of its own.
    let mut b = Client::start(path);
    let conversation = uri.split('/').nth(3).unwrap();
    let token = rotated(path, conversation);
    let arguments = json!({"conversation_id": conversation, "session_id": "b", "token": token});
    let join = json!({"name": "join_conversation", "arguments": arguments, "_meta": meta()});
    assert_eq!(b.request("tools/call", join)["result"]["isError"], false);
    (a, b, uri)
}

/// What every request of the newest protocol carries.
fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "sdk", "version": "1"},
    })
}

/// Listens; returns the request's id and what was acknowledged.
fn listen(client: &mut Client, uris: &[&str]) -> (i64, Value) {
    let filter = json!({"resourceSubscriptions": uris, "toolsListChanged": true});
    let id = client.ask("subscriptions/listen", json!({"notifications": filter, "_meta": meta()}));
    let acknowledged = client.answer();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    (id, acknowledged["params"]["notifications"].clone())
}

/// The subscription that an update of this inbox is told under.
fn told(client: &mut Client, uri: &str) -> Value {
    let told = client.answer();
    assert_eq!(
        (&told["method"], &told["params"]["uri"]),
        (&json!("notifications/resources/updated"), &json!(uri))
    );
    told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"].clone()
}

#[test]
fn listener_of_the_newest_protocol_is_told_under_its_subscription() {
    let (_place, path) = data();
    let (mut a, mut b, uri) = newest_pair(&path);
    let (id, acknowledged) = listen(&mut b, &[&uri, "mab://inbox/nonsense"]);
    assert_eq!(acknowledged, json!({ "resourceSubscriptions": [uri] }));
    a.did("send_to_partner", json!({"message": "hello"}));
    assert_eq!(told(&mut b, &uri), id);
    b.close_input();
    assert!(b.ended().0.success());
}

#[test]
fn listener_when_it_names_an_inbox_many_times_is_told_once() {
    let (_place, path) = data();
    let (mut a, mut b, uri) = newest_pair(&path);
    let (id, _) = listen(&mut b, &[uri.as_str(); 64]);
    a.did("send_to_partner", json!({"message": "hello"}));
    assert_eq!(told(&mut b, &uri), id);
    // The next thing heard is an answer.
    b.request("tools/list", json!({ "_meta": meta() }));
}

#[test]
fn listeners_of_one_inbox_are_all_told_and_read_as_one() {
    let (_place, path) = data();
    let (mut a, mut b, uri) = newest_pair(&path);
    let before = reads(&path);
    let ids = (0..8).map(|_| json!(listen(&mut b, &[&uri]).0)).collect::<Vec<_>>();
    a.did("send_to_partner", json!({"message": "hello"}));
    let mut heard = ids.iter().map(|_| told(&mut b, &uri)).collect::<Vec<_>>();
    heard.sort_by_key(Value::as_i64);
    assert_eq!(heard, ids);
    // When it begins, and when it begins again.
    let counted = reads(&path) - before;
    assert!((1..=2).contains(&counted), "{counted} reads");
}

#[test]
fn listener_beyond_the_bound_is_refused_until_another_ends() {
    let (_place, path) = data();
    let (_a, mut b, uri) = newest_pair(&path);
    let accepted = json!({ "resourceSubscriptions": [uri] });
    let (first, _) = listen(&mut b, &[&uri, &uri]);
    for _ in 1..63 {
        assert_eq!(listen(&mut b, &[&uri]).1, accepted);
    }
    // What is acknowledged is what there was a place for.
    assert_eq!(listen(&mut b, &[&uri, &uri.replace("/b", "/c")]).1, accepted);
    let (id, acknowledged) = listen(&mut b, &[&uri]);
    assert_eq!(acknowledged, json!({}));
    let refusal = b.answer();
    assert_eq!((&refusal["id"], &refusal["error"]["code"]), (&json!(id), &json!(-32602)));
    assert_eq!(refusal["error"]["message"], "at most 64 subscriptions on a connection; end some first");
    let cancelled = json!({"requestId": first});
    b.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled}));
    b.request("tools/list", json!({ "_meta": meta() }));
    assert_eq!(listen(&mut b, &[&uri]).1, accepted);
    assert_eq!(listen(&mut b, &[&uri]).1, json!({}));
}

/// How many reads b was charged.
fn reads(path: &std::path::Path) -> i64 {
    let database = rusqlite::Connection::open(path.join("bridge.db")).unwrap();
    let count = "SELECT coalesce(max(n), 0) FROM accepted JOIN agent ON pk = subject WHERE session = 'b' AND kind = 1";
    database.query_row(count, [], |row| row.get(0)).unwrap()
}

/// A new token of b's.
fn rotated(path: &std::path::Path, conversation: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "the command under test is a process")]
    let mut mab = std::process::Command::new(env!("CARGO_BIN_EXE_mab"));
    let run = mab
        .args(["tokens", conversation, "--rotate", "b", "--json"])
        .env("MAB_DATA_DIR", path)
        .output()
        .unwrap();
    let shown: Value = serde_json::from_slice(&run.stdout).unwrap();
    let of_b = shown["tokens"].as_array().unwrap().iter().find(|agent| agent["session_id"] == "b").unwrap();
    of_b["token"].as_str().unwrap().to_owned()
}
