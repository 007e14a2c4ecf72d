//! A client that costs little: blocking pipes, strings, one thread to write when calls are in flight.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::mpsc::sync_channel,
    thread,
    time::Instant,
};

use serde_json::Value;

use crate::{figures::Figures, seat, server};

/// Credentials.
pub(crate) struct Seat {
    pub(crate) conversation: String,
    pub(crate) session: String,
    pub(crate) token: String,
}

/// One server process and the pipes to it.
pub(crate) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    next: u64,
    last_seq: u64,
}

impl Client {
    /// Starts a server and waits for its answer to `initialize`.
    pub(crate) fn start(folder: &Path) -> Self {
        let mut client = Self::start_unheard(folder);
        client.read();
        client.write(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        client
    }

    /// Starts a server and asks it to `initialize`.
    fn start_unheard(folder: &Path) -> Self {
        let mut child = server(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut client = Self { child, input, output, next: 1, last_seq: 0 };
        client.write(
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"claude-code","version":"bench"}}}"#,
        );
        client
    }

    /// Two clients in one conversation.
    pub(crate) fn pair(folder: &Path) -> (Self, Self) {
        let (mut a, mut b) = (Self::start(folder), Self::start(folder));
        let made = a.call("create_conversation", r#"{"my_role":"backend","partner_role":"frontend"}"#);
        let invitation = seat(&made["result"]["structuredContent"], "b", "session_b_token");
        b.call(
            "join_conversation",
            &format!(
                r#"{{"conversation_id":"{}","session_id":"{}","token":"{}"}}"#,
                invitation.conversation, invitation.session, invitation.token
            ),
        );
        (a, b)
    }

    /// Sends a message and waits for the receipt.
    pub(crate) fn send(&mut self, text: &str) {
        let answer = self.call("send_to_partner", &format!(r#"{{"message":"{text}"}}"#));
        self.last_seq = answer["result"]["structuredContent"]["seq"].as_u64().unwrap();
    }

    /// The sequence number of the last message sent.
    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// One call; panics when it is refused.
    pub(crate) fn call(&mut self, tool: &str, arguments: &str) -> Value {
        self.ask(tool, arguments);
        self.answer()
    }

    /// Makes a call without waiting for its answer.
    pub(crate) fn ask(&mut self, tool: &str, arguments: &str) {
        let id = self.next;
        self.next += 1;
        self.write(&request(id, tool, arguments));
    }

    /// The answer to a call; panics when it is a refusal.
    pub(crate) fn answer(&mut self) -> Value {
        let line = self.read();
        assert!(line.contains("\"structuredContent\"") && !line.contains("\"isError\":true"), "{line}");
        serde_json::from_str(&line).unwrap()
    }

    /// `count` calls with at most `window` unanswered.
    pub(crate) fn pipelined(
        &mut self,
        count: usize,
        window: usize,
        call: impl Fn(usize) -> (&'static str, String) + Send,
    ) -> Figures {
        let (permits, taken) = sync_channel::<Instant>(window);
        let mut input = self.input.take().unwrap();
        let mut figures = Figures::default();
        let output = &mut self.output;
        thread::scope(|scope| {
            scope.spawn(move || {
                for n in 0..count {
                    let (tool, arguments) = call(n);
                    let line = request(1_000 + n as u64, tool, &arguments) + "\n";
                    permits.send(Instant::now()).unwrap();
                    input.write_all(line.as_bytes()).unwrap();
                }
                // Keeps the pipe open until every answer is in.
                while permits.send(Instant::now()).is_ok() {}
            });
            for _ in 0..count {
                let mut line = String::new();
                output.read_line(&mut line).unwrap();
                assert!(!line.contains("\"isError\":true"), "{line}");
                figures.push(taken.recv().unwrap().elapsed());
            }
            drop(taken);
        });
        figures
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory of the server.
    pub(crate) fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn write(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.input.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    }

    fn read(&mut self) -> String {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).unwrap() > 0, "the server is gone");
        line
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

fn request(id: u64, tool: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    )
}
