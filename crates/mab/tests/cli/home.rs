//! A home folder for one test, the program run in it, and an agent that fills it.

use std::{
    error::Error,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) type Anything<T = ()> = Result<T, Box<dyn Error>>;

/// A home folder with nothing in it, removed at the end of the test.
pub(crate) struct Home(TempDir);

/// What one run of the program left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// An agent: `mab mcp` and our end of its stdin and stdout.
pub(crate) struct Agent {
    process: Child,
    answers: BufReader<ChildStdout>,
    sent: u64,
}

impl Home {
    pub(crate) fn new() -> Anything<Self> {
        Ok(Self(TempDir::new()?))
    }

    /// A home with a store, as the first agent leaves it.
    pub(crate) fn with_store() -> Anything<Self> {
        let home = Self::new()?;
        let mut agent = home.agent()?;
        agent.call("list_conversations", &json!({}))?;
        agent.leave()?;
        Ok(home)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where the program keeps its data when nobody says otherwise.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join(".local/share/mab")
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the tests run the program")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_mab"));
        command.args(words).env_clear().env("HOME", self.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn mab(&self, words: &[&str]) -> Anything<Run> {
        Run::new(self.command(words).output()?)
    }

    pub(crate) fn mab_reading(&self, words: &[&str], input: &[u8]) -> Anything<Run> {
        let mut process = self
            .command(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        process.stdin.take().ok_or("no stdin")?.write_all(input)?;
        Run::new(process.wait_with_output()?)
    }

    pub(crate) fn agent(&self) -> Anything<Agent> {
        self.agent_with(&[])
    }

    /// An agent with environment variables of its own.
    pub(crate) fn agent_with(&self, environment: &[(&str, &str)]) -> Anything<Agent> {
        let mut command = self.command(&["mcp"]);
        command.envs(environment.iter().copied());
        let is_of_claude = environment.iter().any(|(name, _)| *name == "CLAUDE_CODE_SESSION_ID");
        Agent::start_as(if is_of_claude { "claude-code" } else { "test" }, command)
    }
}

impl Agent {
    /// The server's process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Starts the server with this command and greets it.
    pub(crate) fn start(command: Command) -> Anything<Self> {
        Self::start_as("test", command)
    }

    fn start_as(client: &str, mut command: Command) -> Anything<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let answers = BufReader::new(process.stdout.take().ok_or("no stdout")?);
        let mut agent = Self { process, answers, sent: 0 };
        agent.ask(
            "initialize",
            &json!({
                "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": client, "version": "1"},
            }),
        )?;
        agent.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        Ok(agent)
    }
}

impl Run {
    pub(crate) fn new(output: Output) -> Anything<Self> {
        Ok(Self {
            exit: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    pub(crate) fn json(&self) -> Anything<Value> {
        Ok(serde_json::from_str(&self.stdout)?)
    }

    /// The refusal on stderr.
    pub(crate) fn refusal(&self) -> Anything<Value> {
        Ok(serde_json::from_str(&self.stderr)?)
    }
}

impl Agent {
    /// Calls a tool; a refusal is an error.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Anything<Value> {
        let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}))?;
        match answer.pointer("/result/structuredContent") {
            Some(content) if answer.pointer("/result/isError") != Some(&json!(true)) => Ok(content.clone()),
            _ => Err(answer.to_string().into()),
        }
    }

    /// Begins a check that waits for messages; returns when it does.
    pub(crate) fn begin_waiting(&mut self) -> Anything {
        self.sent += 1;
        let params = json!({
            "name": "check_messages", "arguments": {"wait_seconds": 600}, "_meta": {"progressToken": "x"},
        });
        self.write(&json!({"jsonrpc": "2.0", "id": self.sent, "method": "tools/call", "params": params}))?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line.contains("notifications/progress") { Ok(()) } else { Err(line.into()) }
    }

    /// Leaves; what it wrote is in the store.
    pub(crate) fn leave(mut self) -> Anything {
        drop(self.process.stdin.take());
        self.process.wait()?;
        Ok(())
    }

    /// Ends it at once, as a crash would.
    /// Makes a call, waits for something else, and leaves without its answer.
    pub(crate) fn leaves_during(
        mut self,
        tool: &str,
        arguments: &Value,
        wait: impl FnOnce() -> Anything,
    ) -> Anything {
        let call = json!({"jsonrpc": "2.0", "id": 9_999, "method": "tools/call",
            "params": {"name": tool, "arguments": arguments}});
        let mut input = self.process.stdin.take().ok_or("no input")?;
        writeln!(input, "{call}")?;
        let waited = wait();
        drop(input);
        let mut said = String::new();
        std::io::Read::read_to_string(&mut self.answers, &mut said)?;
        waited.map_err(|error| format!("{error}; {said}"))?;
        self.process.wait()?;
        Ok(())
    }

    pub(crate) fn kill(mut self) -> Anything {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    fn ask(&mut self, method: &str, params: &Value) -> Anything<Value> {
        self.sent += 1;
        self.write(&json!({"jsonrpc": "2.0", "id": self.sent, "method": method, "params": params}))?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    fn write(&mut self, message: &Value) -> Anything {
        writeln!(self.process.stdin.as_mut().ok_or("no stdin")?, "{message}")?;
        Ok(())
    }
}

/// Text with what differs from run to run replaced: the given names, and every moment.
pub(crate) fn masked(text: &str, names: &[(&str, &str)]) -> String {
    let text = names.iter().fold(text.to_owned(), |text, (name, mask)| text.replace(name, mask));
    let is_moment = |word: &str| word.len() == 24 && word.starts_with("20") && word.ends_with('Z');
    let line = |line: &str| {
        let cells: Vec<&str> =
            line.split('\t').map(|cell| if is_moment(cell) { "MOMENT" } else { cell }).collect();
        cells.join("\t")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
