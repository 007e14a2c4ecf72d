//! How the process ends, and what it does with calls under way.

use std::{fs::File, path::Path, process::ExitStatus};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::client::{Client, data};

/// Longer than any guard: who waits for it has hung.
const PATIENT: (&str, &str) = ("MAB_STORE_BUSY_TIMEOUT_MS", "600000");

/// Holds the turn to write, as another process that writes does.
fn hold_the_store(data_dir: &Path) -> File {
    let file = File::options().write(true).open(data_dir.join("bridge.db-turn")).unwrap();
    file.lock().unwrap();
    file
}

/// A client with one call under way that will not end by itself.
fn stuck(data_dir: &Path) -> (Client, File, i64) {
    let mut client = Client::opened(data_dir, &[PATIENT]);
    client.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    let store = hold_the_store(data_dir);
    let id = client.ask("tools/call", json!({"name": "send_to_partner", "arguments": {"message": "hello"}}));
    client.ping();
    (client, store, id)
}

#[test]
fn servers_that_start_at_once_on_a_new_folder_all_work() {
    let (_place, path) = data();
    let mut clients: Vec<Client> = (0..8).map(|_| Client::start(&path)).collect();
    for client in &mut clients {
        client.initialize("2025-06-18");
        client.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    }
    for client in clients {
        assert_eq!(client.end().1, "");
    }
}

#[test]
fn end_of_input_when_idle_ends_the_server() {
    let (_place, path) = data();
    for client in [Client::start(&path), Client::opened(&path, &[])] {
        let (status, stderr) = client.end();
        assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
    }
}

#[test]
fn end_of_input_with_a_call_under_way_ends_the_server() {
    let (_place, path) = data();
    let (client, _store, _) = stuck(&path);
    assert_eq!(client.end().0.code(), Some(0));
}

#[test]
fn end_of_input_right_after_requests_still_answers_them() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[]);
    client.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    let ids: Vec<i64> = (0..20).map(|_| client.ask("ping", Value::Null)).collect();
    client.close_input();
    for id in ids {
        assert_eq!(client.answer()["id"], id);
    }
    assert_eq!(client.end().0.code(), Some(0));
}

#[test]
fn signals_end_the_server_in_order_whatever_it_does() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_place, path) = data();
        let mut idle = Client::opened(&path, &[]);
        idle.ping();
        let (stuck, _store, _) = stuck(&path);
        for client in [idle, stuck] {
            client.signal(signal);
            let (status, stderr) = client.ended();
            assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{signal:?}");
        }
    }
}

#[test]
fn signal_before_the_first_request_ends_the_server() {
    let (_place, path) = data();
    let mut client = Client::start(&path);
    client.ping();
    client.signal(Signal::TERM);
    assert_eq!(client.ended().0.code(), Some(0));
}

#[test]
fn client_that_stops_reading_ends_the_server_quietly() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[]);
    client.stop_reading();
    // The first answer may still go into the pipe while its reader notices; one of the next cannot.
    client.send_bytes(more_than_pipes_hold().as_bytes());
    let (status, stderr) = client.ended();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn id_of_a_call_under_way_when_used_again_is_refused_without_an_id() {
    let (_place, path) = data();
    let (mut client, _store, id) = stuck(&path);
    client.send(&json!({"jsonrpc": "2.0", "id": id, "method": "ping"}));
    let refused = client.answer();
    assert_eq!((&refused["error"]["code"], &refused["id"]), (&json!(-32_600), &Value::Null), "{refused}");
}

#[test]
fn server_on_sockets_works_and_ends_like_one_on_pipes() {
    let (_place, path) = data();
    let start = || {
        let mut client = Client::start_on_sockets(&path);
        client.initialize("2025-06-18");
        client.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
        client
    };
    assert_eq!(start().end(), (ExitStatus::default(), String::new()));
    let told = start();
    told.signal(Signal::TERM);
    assert_eq!(told.ended(), (ExitStatus::default(), String::new()));
    let mut unread = start();
    unread.stop_reading();
    unread.send_bytes(more_than_pipes_hold().as_bytes());
    assert_eq!(unread.ended(), (ExitStatus::default(), String::new()));
}

#[test]
fn cancelled_call_is_never_answered() {
    let (_place, path) = data();
    let (mut client, store, id) = stuck(&path);
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    client.ping();
    drop(store);
    // Queued behind what was cancelled: by its answer the cancelled call is over.
    client.did("update_my_status", json!({"status": "working"}));
}

#[test]
fn more_calls_under_way_than_allowed_are_refused_one_by_one() {
    let (_place, path) = data();
    let (mut client, _store, _) = stuck(&path);
    let call = json!({"name": "send_to_partner", "arguments": {"message": "hello"}});
    // One is under way already.
    for _ in 0..255 {
        client.ask("tools/call", call.clone());
    }
    let refused = client.request("tools/call", call);
    assert_eq!(refused["error"]["code"], -32_603, "{refused}");
    assert_eq!(client.end().0.code(), Some(0));
}

#[test]
fn log_that_nobody_reads_stops_nothing() {
    let (_place, path) = data();
    let mut client = Client::opened_unheard(&path, &[("MAB_LOG", "debug")]);
    // Each broken notification logs a line, and a pipe holds 64 KiB.
    for _ in 0..2_000 {
        client.send(&json!({"jsonrpc": "1.0", "method": "notifications/broken"}));
    }
    client.ping();
    let (status, stderr) = client.end();
    assert_eq!(status.code(), Some(0));
    assert!((10_000..=80_000).contains(&stderr.len()), "{} bytes", stderr.len());
}

/// Requests whose answers fill any pipe or socket: whoever writes them meets the closed end.
#[cfg(test)]
fn more_than_pipes_hold() -> String {
    (0..1_000)
        .map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"}).to_string() + "\n")
        .collect()
}

#[test]
fn answers_that_no_client_read_acknowledge_nothing() {
    let (_place, path) = data();
    let mut sender = Client::opened(&path, &[]);
    let made = sender.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    for letter in ["x", "y", "z"] {
        sender.did("send_to_partner", json!({"message": letter.repeat(49_000)}));
    }
    let mut credentials = json!({
        "conversation_id": made["conversation_id"], "session_id": "b", "token": made["session_b_token"],
    });
    let mut deaf = Deaf::start(&path);
    // One answer fills the pipe. The checks come one by one, as if each had been waited for.
    for checks in 1..=3 {
        deaf.send(&json!({"name": "check_messages", "arguments": credentials}));
        while offers(&path) < checks {
            std::thread::yield_now();
        }
    }
    drop(deaf);
    let mut reader = Client::opened(&path, &[]);
    for letter in ["x", "y", "z"] {
        let page = reader.did("check_messages", credentials.clone());
        let text = page["messages"][0]["message"].as_str().unwrap_or_default();
        assert!(text.starts_with(letter), "{letter} was lost");
        credentials["ack"] = page["batch"].clone();
    }
}

#[test]
fn check_that_follows_before_the_answer_to_another_acknowledges_nothing() {
    let (_place, path) = data();
    let mut both = Client::opened(&path, &[("MAB_LIMITS_SEND_PER_MINUTE", "0")]);
    let made = both.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    let credentials = json!({
        "conversation_id": made["conversation_id"], "session_id": "b", "token": made["session_b_token"],
    });
    for round in 0..50 {
        both.did("send_to_partner", json!({"message": "once or twice"}));
        // Both requests are written at once: the client has read neither answer when it makes the second.
        let ask = |id: String| {
            let params = json!({"name": "check_messages", "arguments": credentials});
            json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string() + "\n"
        };
        both.send_bytes((ask(format!("{round}a")) + &ask(format!("{round}b"))).as_bytes());
        both.answer();
        both.answer();
        assert_eq!(unread_of_b(&path), 1, "nobody has said that it was received");
    }
    let mut last = Client::opened(&path, &[]);
    assert_eq!(last.did("check_messages", credentials)["messages"][0]["redelivered"], true);
}

#[test]
fn message_in_a_cancelled_answer_comes_with_a_later_one() {
    let (_place, path) = data();
    let no_limits = [("MAB_LIMITS_SEND_PER_MINUTE", "0"), ("MAB_LIMITS_READ_PER_MINUTE", "0")];
    let mut sender = Client::opened(&path, &no_limits);
    let made = sender.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    let credentials = json!({
        "conversation_id": made["conversation_id"], "session_id": "b", "token": made["session_b_token"],
    });
    for round in 0..60 {
        // A new process has not seen the agent yet: the cancelled call takes its time.
        let mut receiver = Client::opened(&path, &no_limits);
        let text = format!("message {round}");
        sender.did("send_to_partner", json!({ "message": text }));
        let params = json!({"name": "check_messages", "arguments": credentials});
        let call = json!({"jsonrpc": "2.0", "id": "given up", "method": "tools/call", "params": params});
        let cancel = json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "given up"},
        });
        receiver.send_bytes(format!("{call}\n{cancel}\n").as_bytes());
        let mut check = || {
            let page = receiver.did("check_messages", credentials.clone());
            page["messages"].as_array().unwrap().iter().map(|it| it["message"].clone()).collect::<Vec<_>>()
        };
        // Whether the call had taken it when it was cancelled or not: it comes, once, and the next check says so.
        let mut seen = check();
        for _ in 0..10_000 {
            // As long as the cancelled call has not ended, what it took is not free.
            if seen.is_empty() {
                seen = check();
            }
        }
        assert_eq!(seen, [json!(text)], "{round}");
        assert_eq!(check(), [""; 0]);
    }
}

#[test]
fn id_of_a_call_that_was_cancelled_is_taken_until_it_has_ended() {
    let (_place, path) = data();
    let mut client = Client::opened(&path, &[]);
    client.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    for round in 0..50 {
        let id = format!("same {round}");
        let call = |tool: &str| {
            let params = json!({"name": tool, "arguments": {}});
            json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
        };
        let cancel =
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
        let lines = format!("{}\n{cancel}\n{}\n", call("check_messages"), call("check_partner_status"));
        client.send_bytes(lines.as_bytes());
        let last = client.ask("ping", json!({}));
        let (mut own, mut ping) = (0, false);
        // The first call may have been answered before it was cancelled; the second is answered or refused, once.
        while !ping || own == 0 {
            let answer = client.answer();
            ping |= answer["id"] == last;
            let refused = answer["error"]["code"] == -32600;
            own += usize::from(refused || answer["result"]["structuredContent"]["partners"].is_array());
        }
        assert_eq!(own, 1);
    }
}

/// Messages that b has not acknowledged.
#[cfg(test)]
fn unread_of_b(data_dir: &std::path::Path) -> i64 {
    let database = rusqlite::Connection::open(data_dir.join("bridge.db")).unwrap();
    database.query_row("SELECT unread FROM agent WHERE session = 'b'", [], |row| row.get(0)).unwrap()
}

/// How often messages were handed out.
#[cfg(test)]
fn offers(data_dir: &std::path::Path) -> i64 {
    let database = rusqlite::Connection::open(data_dir.join("bridge.db")).unwrap();
    let offers = "SELECT coalesce(sum(offers), 0) + (SELECT 3 - count(*) FROM inbox) FROM inbox";
    database.query_row(offers, [], |row| row.get(0)).unwrap()
}

/// A client that sends and never reads.
#[cfg(test)]
struct Deaf(std::process::Child, u64);

#[cfg(test)]
impl Deaf {
    fn start(data_dir: &std::path::Path) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the server under test is a process")]
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mab"));
        command.args(["mcp", "--data-dir"]).arg(data_dir).env_clear().env("HOME", "/nowhere");
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut deaf = Self(command.spawn().unwrap(), 1);
        let client = json!({"name": "deaf", "version": "1"});
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        deaf.line(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}));
        deaf.line(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        deaf
    }

    fn send(&mut self, params: &serde_json::Value) {
        self.1 += 1;
        self.line(&json!({"jsonrpc": "2.0", "id": self.1, "method": "tools/call", "params": params}));
    }

    fn line(&mut self, message: &serde_json::Value) {
        let input = self.0.stdin.as_mut().unwrap();
        std::io::Write::write_all(input, format!("{message}\n").as_bytes()).unwrap();
    }
}

#[cfg(test)]
impl Drop for Deaf {
    fn drop(&mut self) {
        // Killed, as a client that crashes kills its server.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
