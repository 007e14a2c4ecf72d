//! The ready-made prompts, played: two agents on processes of their own do what their prompt says, in its order.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::client::{Client, data};

/// An agent and the calls that its prompt names, in order: each tool, and what is said of it.
struct Player {
    client: Client,
    steps: VecDeque<(String, String)>,
    last: String,
}

impl Player {
    fn new(data: &std::path::Path, prompt: &str, side: &str) -> Self {
        let mut client = Client::opened(data, &[]);
        let ask = json!({"name": prompt, "arguments": {"side": side, "task": "Build the todo API"}});
        let answer = client.request("prompts/get", ask);
        let text = answer["result"]["messages"][0]["content"]["text"].as_str().unwrap();
        assert!(text.contains("\n\nBuild the todo API\n\n"), "{text}");
        // Between the backticks of the numbered steps stand tools, and after each what it is called with.
        let steps = text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
        let steps = steps.flat_map(|line| {
            let parts: Vec<&str> = line.split('`').skip(1).collect();
            parts.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect::<Vec<_>>()
        });
        Self { client, steps: steps.collect(), last: String::new() }
    }

    /// Takes the next step of the prompt, which must be this one.
    fn step(&mut self, tool: &str, says: &str) -> String {
        let (named, rest) = self.steps.pop_front().unwrap_or_else(|| panic!("no step is left for {tool}"));
        assert_eq!(named, tool, "the prompt says `{named}`{rest}");
        assert!(rest.trim_start().starts_with(says), "`{tool}` {says}: the prompt says{rest}");
        rest
    }

    fn does(&mut self, tool: &str, says: &str, arguments: Value) -> Value {
        self.step(tool, says);
        self.client.did(tool, arguments)
    }

    fn status(&mut self, status: &str) {
        self.does("update_my_status", status, json!({ "status": status }));
    }

    fn acquires(&mut self, path: &str) {
        self.does("reserve_files", "acquire", json!({"action": "acquire", "paths": [path]}));
    }

    /// Sends what the prompt says to send; answers the newest message when the prompt says so.
    fn sends(&mut self, kind: &str, message: &str) {
        let says = if kind.is_empty() { ", reply_to".to_owned() } else { format!("action_type {kind}") };
        let rest = self.step("send_to_partner", &says);
        let mut arguments = json!({ "message": message });
        if !kind.is_empty() {
            arguments["action_type"] = json!(kind);
        }
        if rest.contains("reply_to") {
            arguments["reply_to"] = json!(self.last);
        }
        assert_eq!(self.client.did("send_to_partner", arguments)["recipients"].as_array().unwrap().len(), 1);
    }

    /// Checks where the prompt says it, and gets one message: this one.
    fn hears(&mut self, message: &str) {
        let rest = self.step("check_messages", "");
        let waits = rest.trim_start().starts_with("wait_seconds 600");
        self.gets(if waits { json!({"wait_seconds": 600}) } else { json!({}) }, message);
    }

    /// The same once more, where the prompt says to repeat a step.
    fn hears_again(&mut self, message: &str) {
        self.gets(json!({"wait_seconds": 600}), message);
    }

    /// Checks after a piece of work; nothing has come.
    fn looks(&mut self) {
        let answer = self.does("check_messages", "after each", json!({}));
        assert_eq!(answer["messages"], json!([]));
    }

    fn gets(&mut self, arguments: Value, message: &str) {
        let answer = self.client.did("check_messages", arguments);
        let messages = answer["messages"].as_array().unwrap();
        assert_eq!((messages.len(), &messages[0]["message"]), (1, &json!(message)), "{answer}");
        assert_eq!(messages[0]["trust"], "peer");
        messages[0]["message_id"].as_str().unwrap().clone_into(&mut self.last);
    }

    /// Takes its reservations back and is done; its prompt has nothing more to say.
    fn ends(&mut self, releases: bool) {
        if releases {
            let given = self.does("reserve_files", "release", json!({"action": "release"}));
            assert!(!given["leases"].as_array().unwrap().is_empty(), "{given}");
        }
        self.status("complete");
        assert!(self.steps.is_empty(), "the prompt goes on: {:?}", self.steps);
    }
}

/// Both agents, met: the first created what its prompt says, the user handed it over, the second joined.
fn players(prompt: &str) -> (tempfile::TempDir, Player, Player) {
    let (place, path) = data();
    let (mut first, mut second) = (Player::new(&path, prompt, "first"), Player::new(&path, prompt, "second"));
    let rest = first.step("create_conversation", ": my_role");
    let word = |name: &str| {
        let after = rest.split_once(&format!("{name} ")).unwrap().1;
        after.split([',', ' ']).next().unwrap().to_owned()
    };
    let roles = (word("my_role"), word("partner_role"));
    let created = first.client.did(
        "create_conversation",
        json!({"my_role": roles.0, "partner_role": roles.1, "topic": "the todo API"}),
    );
    second.step("join_conversation", ", once");
    let invitation = json!({
        "conversation_id": created["conversation_id"], "session_id": "b", "token": created["session_b_token"],
    });
    assert_eq!(second.client.did("join_conversation", invitation)["role"], roles.1);
    (place, first, second)
}

/// At the end each sees the other complete, all messages acknowledged and nothing reserved.
fn all_is_settled(first: &mut Player, second: &mut Player) {
    for player in [first, second] {
        let seen = player.client.did("check_partner_status", json!({}));
        let partner = &seen["partners"][0];
        assert_eq!((&partner["status"], &seen["undelivered"]), (&json!("complete"), &Value::Null), "{seen}");
        let leases = player.client.did("reserve_files", json!({"action": "list"}));
        assert_eq!(leases["leases"], json!([]));
    }
}

#[test]
fn api_first_when_played_by_its_prompts_ends_with_both_complete() {
    let (_place, mut first, mut second) = players("api-first");
    first.status("working");
    first.acquires("api/openapi.yaml");
    second.status("waiting");
    first.sends("proposal", "GET /todos");
    second.hears("GET /todos");
    second.sends("question", "Paging?");
    first.status("waiting");
    first.hears("Paging?");
    first.sends("", "?after=&limit=");
    second.hears("?after=&limit=");
    second.sends("info", "agreed");
    first.hears_again("agreed");
    first.acquires("server");
    first.status("working");
    second.acquires("web");
    second.status("working");
    first.looks();
    second.looks();
    first.sends("complete", "It runs with make serve");
    second.status("waiting");
    second.hears("It runs with make serve");
    second.sends("complete", "The list works");
    first.status("waiting");
    first.hears("The list works");
    first.ends(true);
    second.ends(true);
    all_is_settled(&mut first, &mut second);
}

#[test]
fn security_review_when_played_by_its_prompts_ends_with_both_complete() {
    let (_place, mut first, mut second) = players("security-review");
    first.status("working");
    first.acquires("server/upload.rs");
    second.status("waiting");
    first.sends("proposal", "Uploads; the file name is not to be trusted");
    second.hears("Uploads; the file name is not to be trusted");
    second.status("working");
    second.sends("question", "1. high, upload.rs:40: ../ leads out of the folder");
    first.status("waiting");
    first.hears("1. high, upload.rs:40: ../ leads out of the folder");
    first.status("working");
    first.sends("info", "1. mended, with a test");
    second.status("waiting");
    second.hears("1. mended, with a test");
    second.sends("complete", "Nothing is open");
    first.status("waiting");
    first.hears("Nothing is open");
    first.ends(true);
    second.ends(false);
    all_is_settled(&mut first, &mut second);
}

#[test]
fn specialised_pair_when_played_by_its_prompts_ends_with_both_complete() {
    let (_place, mut first, mut second) = players("specialised-pair");
    first.status("working");
    first.sends("proposal", "server is mine, web is yours; JSON as in api.json");
    second.status("waiting");
    second.hears("server is mine, web is yours; JSON as in api.json");
    second.sends("question", "Dates as text?");
    first.status("waiting");
    first.hears("Dates as text?");
    first.sends("", "RFC 3339");
    second.hears("RFC 3339");
    second.sends("info", "agreed");
    first.hears_again("agreed");
    first.acquires("server");
    first.status("working");
    first.looks();
    second.acquires("web");
    second.status("working");
    first.sends("question", "How does the list sort?");
    second.hears("How does the list sort?");
    second.sends("", "By date");
    first.hears("By date");
    first.sends("complete", "GET /todos works");
    second.status("waiting");
    second.hears("GET /todos works");
    second.sends("complete", "The list shows");
    first.status("waiting");
    first.hears("The list shows");
    first.ends(true);
    second.ends(true);
    all_is_settled(&mut first, &mut second);
}

#[test]
fn parallel_debugging_when_played_by_its_prompts_ends_with_both_complete() {
    let (_place, mut first, mut second) = players("parallel-debugging");
    first.status("working");
    first.sends("info", "Every tenth login hangs; I look in session, the workaround is for client");
    second.status("waiting");
    second.hears("Every tenth login hangs; I look in session, the workaround is for client");
    second.status("working");
    first.acquires("session");
    second.sends("question", "Under load only? I retry once, in client/login.ts");
    first.hears("Under load only? I retry once, in client/login.ts");
    first.sends("", "Yes");
    second.acquires("client/login.ts");
    second.hears("Yes");
    second.sends("info", "The retry is in; one function, one call");
    first.sends("proposal", "A lock is held over the network call; I move it");
    first.status("waiting");
    first.hears("The retry is in; one function, one call");
    first.status("working");
    second.status("waiting");
    second.hears("A lock is held over the network call; I move it");
    first.sends("complete", "Moved; the test of the login holds");
    second.hears_again("Moved; the test of the login holds");
    second.sends("complete", "The retry is out again");
    first.status("waiting");
    first.hears("The retry is out again");
    first.ends(true);
    second.ends(true);
    all_is_settled(&mut first, &mut second);
}

#[test]
fn partner_that_waits_as_its_prompt_says_has_the_proposal_when_it_is_sent() {
    let (_place, mut first, mut second) = players("api-first");
    second.status("waiting");
    let call = json!({"name": "check_messages", "arguments": {"wait_seconds": 600}});
    let id = second.client.ask("tools/call", call);
    first.status("working");
    first.acquires("api/openapi.yaml");
    first.sends("proposal", "GET /todos");
    let answer = second.client.answer();
    assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(id), &json!(false)));
    assert_eq!(answer["result"]["structuredContent"]["messages"][0]["message"], "GET /todos");
}
