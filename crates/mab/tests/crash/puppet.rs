//! A client process: this test binary once more. It takes one step when it is told to, and so can be killed between any
//! two. What it has read counts once it is in its journal, a file that outlives it.
//!
//! ```text
//! test → puppet   journal PATH   first; where it keeps what it has read
//!                 start          replaces its server; the one before ends in order
//!                 greet          opens the connection
//!                 ask JSON       writes one line to its server
//!                 wait           waits until its server has written, or has gone
//!                 read           reads one line
//!                 journal        keeps the line that it read last
//!                 call JSON      all of it in one go, starting a server when it has none
//!                 end            closes its server's input and waits for its end
//! puppet → test   @ started PID | greeted | asked | waited | read LINE | gone | kept | called LINE | ended
//! ```

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use rustix::event::{PollFd, PollFlags, poll};

/// How every client opens its connection.
pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"crash","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

#[test]
#[ignore = "runs as a child of the test beside it; alone, it is told nothing and does nothing"]
fn puppet() {
    let mut puppet: Option<Puppet> = None;
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let (step, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match (&mut puppet, step) {
            (None, "journal") => puppet = Some(Puppet::new(Path::new(rest))),
            (Some(puppet), step) => puppet.take(step, rest),
            (None, _) => panic!("the journal comes first"),
        }
    }
}

struct Puppet {
    journal: File,
    errors: PathBuf,
    server: Option<Server>,
    /// What it read last.
    line: String,
}

impl Puppet {
    fn new(journal: &Path) -> Self {
        let errors = journal.with_extension("stderr");
        let mut journal = append(journal);
        // What a killed client was writing ends here.
        journal.write_all(b"\n").unwrap();
        Self { journal, errors, server: None, line: String::new() }
    }

    fn take(&mut self, step: &str, rest: &str) {
        match step {
            "start" => self.start(),
            "greet" => say(if self.greet() { "greeted" } else { "gone" }),
            "ask" => {
                self.server().ask(rest);
                say("asked");
            }
            "wait" => {
                self.server().wait();
                say("waited");
            }
            "read" if self.read() => say(&format!("read {}", self.line)),
            "journal" => {
                self.keep();
                say("kept");
            }
            "call" => self.call(rest),
            "end" => {
                drop(self.server.take());
                say("ended");
            }
            _ => say("gone"),
        }
    }

    fn start(&mut self) {
        drop(self.server.take());
        let server = Server::start(&self.errors);
        say(&format!("started {}", server.process.id()));
        self.server = Some(server);
    }

    fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("a server")
    }

    fn greet(&mut self) -> bool {
        self.server().ask(INITIALIZE);
        let greeted = self.read();
        if greeted {
            self.server().ask(INITIALIZED);
        }
        greeted
    }

    /// Reads one whole line. A part of one is what a dead server leaves: then the server is buried.
    fn read(&mut self) -> bool {
        let mut line = String::new();
        self.server().output.read_line(&mut line).unwrap();
        let whole = line.ends_with('\n');
        if whole {
            self.line = line.trim_end().to_owned();
        } else {
            drop(self.server.take());
        }
        whole
    }

    fn keep(&mut self) {
        self.journal.write_all(format!("{}\n", self.line).as_bytes()).unwrap();
    }

    fn call(&mut self, request: &str) {
        if self.server.is_none() {
            self.start();
            if !self.greet() {
                return say("gone");
            }
        }
        self.server().ask(request);
        if !self.read() {
            return say("gone");
        }
        self.keep();
        say(&format!("called {}", self.line));
    }
}

/// A `mab mcp` and the client's ends of its pipes.
struct Server {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Server {
    /// In the environment that the test gave its puppet.
    fn start(errors: &Path) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the server under test is a process")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_mab"));
        command.arg("mcp").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(append(errors));
        let mut process = command.spawn().unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, input, output }
    }

    fn ask(&mut self, line: &str) {
        // A server that has gone is noticed by what it does not answer.
        let _ = self.input.as_mut().unwrap().write_all(format!("{line}\n").as_bytes());
    }

    fn wait(&self) {
        poll(&mut [PollFd::new(self.output.get_ref(), PollFlags::IN)], None).unwrap();
    }
}

impl Drop for Server {
    /// Ends it as clients do; the test guards the wait.
    fn drop(&mut self) {
        self.input = None;
        let _ = self.process.wait();
    }
}

fn append(path: &Path) -> File {
    File::options().append(true).create(true).open(path).unwrap()
}

fn say(line: &str) {
    let mut output = io::stdout().lock();
    writeln!(output, "@ {line}").and_then(|()| output.flush()).unwrap();
}
