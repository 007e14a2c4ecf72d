//! Clients of every kind against a server whose one tool asks whether a command may run.

use std::{sync::Arc, time::Duration};

use mab_core::RunId;
use mab_service::Waiter as _;
use rmcp::{
    ErrorData, ServerHandler, ServiceExt as _,
    model::{CallToolResponse, CallToolResult, ContentBlock, ServerCapabilities, ServerConfig},
};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf};

use super::*;
use crate::mcp::{
    lifecycle::Lifecycle,
    outbox::Outbox,
    patience::Patience,
    transport::{Calls, Lines},
};

/// Asks for as long as it is let, and says what came of it.
struct Asker(Option<Duration>);

fn question() -> Question {
    Question {
        run: RunId::from_bytes([7; 8]),
        hash: "ab".repeat(32),
        text: "run \"cargo\"\n  \"test\"".to_owned(),
    }
}

impl ServerHandler for Asker {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let patience = Patience::of(context, &mut request, Arc::default());
        let question = question();
        let said = if patience.puts_off(&question) {
            None
        } else {
            let asked = patience.elicit(&question);
            match self.0 {
                Some(most) => tokio::time::timeout(most, asked).await.ok().flatten(),
                None => asked.await,
            }
        };
        if let Some(question) = patience.question() {
            return Ok(question.into());
        }
        let text = ContentBlock::text(format!("{said:?}"));
        Ok(CallToolResult::success(vec![text]).into())
    }
}

struct Client {
    lines: tokio::io::Lines<BufReader<ReadHalf<DuplexStream>>>,
    input: WriteHalf<DuplexStream>,
}

impl Client {
    fn of(asker: Asker) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (reader, writer) = tokio::io::split(theirs);
        let lifecycle = Arc::new(Lifecycle::default());
        let (outbox, emptying) = Outbox::new(writer, lifecycle.clone());
        tokio::spawn(emptying);
        let lines = Lines::new(reader, outbox, lifecycle.clone(), Calls::default());
        tokio::spawn(async move {
            let running = asker.serve(lines).await.unwrap();
            lifecycle.open();
            running.waiting().await
        });
        let (output, input) = tokio::io::split(ours);
        Self { lines: BufReader::new(output).lines(), input }
    }

    /// Opened the way of 2025-06-18, with these capabilities.
    async fn legacy(asker: Asker, capabilities: Value) -> Self {
        let mut client = Self::of(asker);
        let who = json!({"name": "test", "version": "1"});
        let params =
            json!({"protocolVersion": "2025-06-18", "capabilities": capabilities, "clientInfo": who});
        client.send(json!({"id": 1, "method": "initialize", "params": params})).await;
        assert_eq!(client.next().await["id"], 1);
        client.send(json!({"method": "notifications/initialized"})).await;
        client
    }

    async fn send(&mut self, mut message: Value) {
        message["jsonrpc"] = "2.0".into();
        self.input.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next_line().await.unwrap().unwrap()).unwrap()
    }

    async fn call(&mut self) {
        self.send(json!({"id": 2, "method": "tools/call", "params": {"name": "ask"}})).await;
    }

    /// Calls the way of 2026-07-28, with what is added.
    async fn modern(&mut self, capabilities: Value, added: Value) -> Value {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        });
        let mut params = json!({"name": "ask", "_meta": meta});
        for (name, value) in added.as_object().unwrap() {
            params[name] = value.clone();
        }
        self.send(json!({"id": 3, "method": "tools/call", "params": params})).await;
        self.next().await["result"].clone()
    }
}

fn said(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

fn forms() -> Value {
    json!({"elicitation": {"form": {}}})
}

/// What clients send back, and what it means.
fn forms_and_meanings() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"action": "accept", "content": {"answer": "run it"}}), "Some(true)"),
        (json!({"action": "accept", "content": {"answer": "refuse"}}), "Some(false)"),
        // What fills forms in by itself.
        (json!({"action": "accept"}), "None"),
        (json!({"action": "accept", "content": {}}), "None"),
        (json!({"action": "accept", "content": {"answer": true}}), "None"),
        (json!({"action": "accept", "content": {"answer": ""}}), "None"),
        (json!({"action": "accept", "content": {"answer": "Run it"}}), "None"),
        (json!({"action": "accept", "content": {"answer": ["run it"]}}), "None"),
        (json!({"action": "accept", "content": "run it"}), "None"),
        // What says nothing.
        (json!({"action": "decline", "content": {"answer": "run it"}}), "None"),
        (json!({"action": "cancel", "content": {"answer": "run it"}}), "None"),
        // What is none.
        (json!({"action": "ACCEPT", "content": {"answer": "run it"}}), "None"),
        (json!({"content": {"answer": "run it"}}), "None"),
        (json!({}), "None"),
    ]
}

#[tokio::test]
async fn form_when_it_comes_back_means_yes_only_by_the_chosen_word() {
    for (form, expected) in forms_and_meanings() {
        let mut client = Client::legacy(Asker(None), forms()).await;
        client.call().await;
        let asked = client.next().await;
        client.send(json!({"id": asked["id"], "result": form})).await;
        assert_eq!(said(&client.next().await["result"]), expected, "{form}");
    }
}

#[tokio::test]
async fn question_shows_the_command_and_has_one_field_without_a_default() {
    let mut client = Client::legacy(Asker(None), json!({"elicitation": {}})).await;
    client.call().await;
    let asked = client.next().await;
    assert_eq!(asked["method"], "elicitation/create");
    assert_eq!(asked["params"]["mode"], "form");
    assert_eq!(asked["params"]["message"], "run \"cargo\"\n  \"test\"");
    let field = json!({"type": "string", "title": "Run this command?", "enum": ["refuse", "run it"]});
    assert_eq!(
        asked["params"]["requestedSchema"],
        json!({"type": "object", "properties": {"answer": field}, "required": ["answer"]})
    );
}

#[tokio::test]
async fn client_without_forms_is_not_asked() {
    for capabilities in [json!({}), json!({"elicitation": {"url": {}}})] {
        let mut client = Client::legacy(Asker(None), capabilities.clone()).await;
        client.call().await;
        let answer = client.next().await;
        assert_eq!((&answer["id"], said(&answer["result"])), (&json!(2), "None"));
        let mut client = Client::of(Asker(None));
        assert_eq!(said(&client.modern(capabilities, json!({})).await), "None");
    }
}

#[tokio::test]
async fn client_that_refuses_to_ask_has_said_nothing() {
    let mut client = Client::legacy(Asker(None), forms()).await;
    client.call().await;
    let asked = client.next().await;
    let error = json!({"code": -32_601, "message": "unknown method"});
    client.send(json!({"id": asked["id"], "error": error})).await;
    assert_eq!(said(&client.next().await["result"]), "None");
}

#[tokio::test]
async fn answer_to_what_was_not_asked_is_nothing() {
    let mut client = Client::legacy(Asker(None), forms()).await;
    let yes = json!({"action": "accept", "content": {"answer": "run it"}});
    for id in 0..4 {
        client.send(json!({"id": id, "result": yes})).await;
    }
    client.call().await;
    let asked = client.next().await;
    client.send(json!({"id": 99, "result": yes})).await;
    client.send(json!({"id": asked["id"], "result": {"action": "cancel"}})).await;
    assert_eq!(said(&client.next().await["result"]), "None");
}

#[tokio::test]
async fn form_when_nobody_waits_for_it_any_more_is_taken_back() {
    let mut client = Client::legacy(Asker(Some(Duration::ZERO)), forms()).await;
    client.call().await;
    let mut seen = [client.next().await, client.next().await, client.next().await];
    seen.sort_by_key(|message| message["method"].as_str().map(str::to_owned));
    let [answer, asked, cancelled] = seen;
    assert_eq!(said(&answer["result"]), "None");
    assert_eq!(asked["method"], "elicitation/create");
    assert_eq!(cancelled["method"], "notifications/cancelled");
    assert_eq!(cancelled["params"]["requestId"], asked["id"]);
}

#[tokio::test]
async fn form_since_2026_goes_out_in_place_of_the_answer_and_comes_back_with_the_call() {
    for (form, expected) in forms_and_meanings() {
        let mut client = Client::of(Asker(None));
        let asked = client.modern(forms(), json!({})).await;
        assert_eq!(asked["resultType"], "input_required");
        let request = &asked["inputRequests"]["answer"];
        assert_eq!(request["method"], "elicitation/create");
        assert_eq!(request["params"]["requestedSchema"]["required"], json!(["answer"]));
        let brought = json!({"requestState": asked["requestState"], "inputResponses": {"answer": form}});
        let answer = client.modern(forms(), brought).await;
        assert_eq!(said(&answer), expected, "{form}");
    }
}

#[tokio::test]
async fn form_about_another_question_is_asked_again() {
    let yes = json!({"answer": {"action": "accept", "content": {"answer": "run it"}}});
    for brought in [
        json!({"requestState": format!("run_{} {}", "08".repeat(8), "ab".repeat(32)), "inputResponses": yes}),
        json!({"requestState": format!("run_{} {}", "07".repeat(8), "ac".repeat(32)), "inputResponses": yes}),
        json!({"requestState": "", "inputResponses": yes}),
        json!({"inputResponses": yes}),
    ] {
        let mut client = Client::of(Asker(None));
        assert_eq!(client.modern(forms(), brought).await["resultType"], "input_required");
    }
}
