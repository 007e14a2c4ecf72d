//! The other agent where it does not matter which client it has: a `mab mcp` and our end of its pipes.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use crate::{client::invitation, place::Place};

/// An agent that calls tools whenever the test says so; clones are the same agent, for use inside a script.
#[derive(Clone)]
pub(crate) struct Partner(Arc<Mutex<Process>>);

struct Process {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Partner {
    /// Starts it on the scenario's data folder.
    pub(crate) fn new(place: &Place) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the server under test is a process")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_mab"));
        command.args(["mcp", "--data-dir"]).arg(place.data()).env_clear();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let partner = Self(Arc::new(Mutex::new(Process { child, answers })));
        let client = json!({"name": "partner", "version": "1"});
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        partner.0.lock().unwrap().ask("initialize", &params);
        partner
    }

    /// Opens a conversation; returns what the other agent joins with.
    pub(crate) fn invite(&self) -> Value {
        let roles = json!({"my_role": "sender", "partner_role": "receiver", "topic": "mail"});
        invitation(&self.call("create_conversation", &roles))
    }

    /// Sends a message.
    pub(crate) fn send(&self, message: &str) {
        self.call("send_to_partner", &json!({"message": message}));
    }

    /// Calls a tool, which must not be refused.
    pub(crate) fn call(&self, tool: &str, arguments: &Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        let answer = self.0.lock().unwrap().ask("tools/call", &params);
        assert_eq!(answer["isError"], false, "{tool}: {answer}");
        answer["structuredContent"].clone()
    }
}

impl Process {
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{}", json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
            .unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["result"].take()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its stdin is its end.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
