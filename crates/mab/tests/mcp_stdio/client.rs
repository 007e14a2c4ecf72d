//! A client that sees the wire: it sends lines to a real `mab mcp` and checks that every line back is JSON-RPC.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Asserts that nothing in a text acts on a terminal or on the reading order, or hides: a list of its own.
pub(crate) fn assert_harmless(text: &str) {
    let fools = |character: char| {
        matches!(
            character,
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{fe00}'..='\u{fe0d}' | '\u{e0000}'..='\u{e0fff}'
        )
    };
    let found: Vec<char> = text.chars().filter(|character| fools(*character)).collect();
    assert!(found.is_empty(), "{found:?} in {text}");
}

/// Far beyond anything a healthy server takes: a test that meets it has failed.
const GUARD: Duration = Duration::from_mins(1);

/// A place for a data folder, removed with the first value, and the folder's path.
pub(crate) fn data() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("data");
    (place, path)
}

/// A server process and the client's ends of its pipes.
pub(crate) struct Client {
    child: Child,
    input: Option<Box<dyn Write>>,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    hear: Sender<()>,
    next_id: i64,
}

impl Client {
    /// Starts a server on a data folder.
    pub(crate) fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &[])
    }

    /// Starts a server with environment variables of its own.
    pub(crate) fn start_with(data_dir: &Path, environment: &[(&str, &str)]) -> Self {
        let client = Self::start_unheard(data_dir, environment);
        client.hear.send(()).unwrap();
        client
    }

    /// Starts a server the way of clients that make socket pairs (Node, Bun).
    pub(crate) fn start_on_sockets(data_dir: &Path) -> Self {
        let (our_input, input) = UnixStream::pair().unwrap();
        let (our_output, output) = UnixStream::pair().unwrap();
        let mut command = Self::command(data_dir, &[]);
        command.stdin(OwnedFd::from(input)).stdout(OwnedFd::from(output));
        let child = command.spawn().unwrap();
        // Lets go of the server's ends.
        drop(command);
        let client = Self::of(child, Box::new(our_input), our_output);
        client.hear.send(()).unwrap();
        client
    }

    /// Starts a server whose stderr is not read before it ends.
    fn start_unheard(data_dir: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = Self::command(data_dir, environment).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self::of(child, Box::new(input), output)
    }

    fn command(data_dir: &Path, environment: &[(&str, &str)]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the server under test is a process")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_mab"));
        command.args(["mcp", "--data-dir"]).arg(data_dir);
        command.env_clear().env("HOME", "/nowhere").envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn of(mut child: Child, input: Box<dyn Write>, output: impl Read + Send + 'static) -> Self {
        let mut errors = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Ends, and closes the server's stdout, when the test lets go of the receiver.
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let (hear, heard) = channel();
        let stderr = thread::spawn(move || {
            heard.recv().unwrap();
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, input: Some(input), lines, stderr: Some(stderr), hear, next_id: 1_000 }
    }

    /// Starts a server and opens the connection the way of 2025-06-18.
    pub(crate) fn opened(data_dir: &Path, environment: &[(&str, &str)]) -> Self {
        let mut client = Self::start_with(data_dir, environment);
        client.initialize("2025-06-18");
        client
    }

    /// The same, with a stderr that is not read before the server ends.
    pub(crate) fn opened_unheard(data_dir: &Path, environment: &[(&str, &str)]) -> Self {
        let mut client = Self::start_unheard(data_dir, environment);
        client.initialize("2025-06-18");
        client
    }

    /// Sends `initialize` and `notifications/initialized`; returns the result.
    pub(crate) fn initialize(&mut self, version: &str) -> Value {
        self.initialize_as("test", version)
    }

    /// The same, for a client of this name.
    pub(crate) fn initialize_as(&mut self, name: &str, version: &str) -> Value {
        let client = json!({"name": name, "version": "1"});
        let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client});
        let answer = self.request("initialize", params);
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        answer["result"].clone()
    }

    /// Sends bytes as they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        // A server that has gone is noticed by what it does not answer.
        let _ = input.write_all(bytes).and_then(|()| input.flush());
    }

    /// Sends one message.
    pub(crate) fn send(&mut self, message: &Value) {
        self.send_bytes(format!("{message}\n").as_bytes());
    }

    /// Sends a request without waiting; returns its id.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> i64 {
        self.next_id += 1;
        let mut request = json!({"jsonrpc": "2.0", "id": self.next_id, "method": method});
        if !params.is_null() {
            request["params"] = params;
        }
        self.send(&request);
        self.next_id
    }

    /// Sends a request and takes the next line for its answer.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params);
        let answer = self.answer();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// Calls a tool; returns its result.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = Value::Object(
            [("name".to_owned(), tool.into()), ("arguments".to_owned(), arguments)].into_iter().collect(),
        );
        self.request("tools/call", params)["result"].clone()
    }

    /// Calls a tool that must succeed; returns what it says.
    pub(crate) fn did(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], false, "{tool}: {result}");
        let text = result["content"][0]["text"].as_str().unwrap();
        assert_harmless(text);
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), result["structuredContent"]);
        result["structuredContent"].clone()
    }

    /// Calls a tool that must be refused; returns the refusal.
    pub(crate) fn refused(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], true, "{tool}: {result}");
        assert_eq!(result["content"][0]["text"], result["structuredContent"].to_string());
        let hint = result["structuredContent"]["hint"].as_str().unwrap();
        let named = mab::mcp::tools().iter().any(|tool| hint.contains(&*tool.name));
        assert!(named || hint.contains("call again") || hint.contains("your user"), "{tool}: {hint}");
        result["structuredContent"].clone()
    }

    /// The next line of the server, which must be a JSON-RPC message.
    pub(crate) fn answer(&mut self) -> Value {
        let line = self.lines.recv_timeout(GUARD).expect("an answer");
        assert_harmless(&line);
        let message: Value = serde_json::from_str(&line).expect(&line);
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    /// A request that any server answers at once: what was sent before it has been taken up.
    pub(crate) fn ping(&mut self) {
        let answer = self.request("ping", Value::Null);
        assert_eq!(answer["result"], json!({}));
    }

    /// Sends a signal to the server.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Stops reading: the server's stdout is closed as soon as it writes again.
    pub(crate) fn stop_reading(&mut self) {
        self.lines = channel().1;
    }

    /// Closes the server's stdin.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Closes the server's stdin and waits for it to end.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        self.close_input();
        self.ended()
    }

    /// Waits for the server to end by itself; stdin stays open meanwhile.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let stderr = self.stderr.take().unwrap();
        // Heard already, unless nobody was to listen until now.
        let _ = self.hear.send(());
        let (sender, ended) = channel();
        // stderr ends when the process does.
        thread::spawn(move || sender.send(stderr.join().unwrap()));
        let text = ended.recv_timeout(GUARD).expect("the server ends");
        (self.child.wait().unwrap(), text)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
