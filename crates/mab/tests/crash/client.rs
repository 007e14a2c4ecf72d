//! The test's end of a client process: tells it steps, hears what came of them, kills it, and leaves no trace of it.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpgid},
};

use serde_json::json;

use crate::{moment::Victim, world::request};

/// Far beyond anything a healthy process takes: a test that meets it has failed.
const GUARD: Duration = Duration::from_secs(30);

/// What is looked for without a pause at first: a commit takes less.
const SPIN: Duration = Duration::from_millis(5);
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// Whatever slows a test down that is about something else is off.
const NO_LIMITS: [(&str, &str); 7] = [
    ("HOME", "/nowhere"),
    ("MAB_LIMITS_SEND_PER_MINUTE", "0"),
    ("MAB_LIMITS_SEND_PER_HOUR", "0"),
    ("MAB_LIMITS_SEND_PER_DAY", "0"),
    ("MAB_LIMITS_READ_PER_MINUTE", "0"),
    ("MAB_LOOP_GUARD_MESSAGES", "0"),
    // Longer than any guard: who waits for it has hung.
    ("MAB_STORE_BUSY_TIMEOUT_MS", "600000"),
];

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// It has taken the step.
    Done,
    /// It has read, or called and kept, this line.
    Line(String),
    /// Its server has gone without a whole line.
    Gone,
}

/// A client process, and in its process group, its server.
pub(crate) struct Client {
    profile: &'static str,
    process: Child,
    input: ChildStdin,
    said: Receiver<(Instant, String)>,
    server: Option<Pid>,
    is_reaped: bool,
    /// When it said what was heard last.
    pub(crate) heard_at: Instant,
}

impl Client {
    pub(crate) fn start(profile: &'static str, data_dir: &Path, journal: &Path) -> Self {
        #[expect(clippy::disallowed_methods, reason = "clients that can be killed are processes")]
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "puppet::puppet", "--ignored", "--nocapture"]).env_clear().envs(NO_LIMITS);
        command.env("MAB_DATA_DIR", data_dir).env("MAB_AGENT", profile);
        // Its server is in its group, and found there when the client is dead.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (sender, said) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Some((_, line)) = line.split_once("@ ") else { continue };
                if sender.send((now(), line.to_owned())).is_err() {
                    break;
                }
            }
        });
        let mut client =
            Self { profile, process, input, said, server: None, is_reaped: false, heard_at: now() };
        client.tell(&format!("journal {}", journal.display()));
        client
    }

    /// Whether it has a server that nobody has killed.
    pub(crate) fn is_served(&self) -> bool {
        self.server.is_some()
    }

    /// Tells a step without waiting. A client that is gone is noticed by its silence.
    pub(crate) fn tell(&mut self, step: &str) {
        let _ = writeln!(self.input, "{step}");
    }

    /// Waits for what comes of a step.
    pub(crate) fn hear(&mut self) -> Said {
        loop {
            let (at, line) = self.said.recv_timeout(GUARD).unwrap_or_else(|_| {
                panic!("the {} or its server did not take its step within {GUARD:?}", self.profile)
            });
            self.heard_at = at;
            let (what, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match what {
                "started" => self.server = Some(Pid::from_raw(rest.parse().unwrap()).unwrap()),
                "read" | "called" => return Said::Line(rest.to_owned()),
                "gone" => {
                    self.server = None;
                    return Said::Gone;
                }
                "ended" => {
                    self.server = None;
                    return Said::Done;
                }
                _ => return Said::Done,
            }
        }
    }

    /// Takes a step and waits for what comes of it.
    pub(crate) fn step(&mut self, step: &str) -> Said {
        self.tell(step);
        self.hear()
    }

    /// Starts a server in place of the one before.
    pub(crate) fn serve(&mut self) {
        self.server = None;
        self.tell("start");
        self.await_server();
    }

    /// Starts a server, opens the connection, and knows that the database is open: the server's next write is that of
    /// the next request.
    pub(crate) fn open(&mut self) {
        self.serve();
        assert_eq!(self.step("greet"), Said::Done);
        let look = request(0, "list_conversations", &json!({}));
        assert_eq!(self.step(&format!("ask {look}")), Said::Done);
        assert!(matches!(self.step("read"), Said::Line(_)));
    }

    /// Waits until it has started a server.
    pub(crate) fn await_server(&mut self) {
        while self.server.is_none() {
            let (_, line) = self.said.recv_timeout(GUARD).expect("a server is started");
            self.server = line.strip_prefix("started ").and_then(|pid| Pid::from_raw(pid.parse().unwrap()));
        }
    }

    /// Kills as `kill -9` does; returns the client when it lives. A server whose client is dead ends by itself.
    pub(crate) fn kill(mut self, victim: Victim) -> Option<Self> {
        match victim {
            Victim::Server => {
                self.await_server();
                kill_process(self.server.take().unwrap(), Signal::KILL).unwrap();
                return Some(self);
            }
            Victim::Client => kill_process(self.group(), Signal::KILL).unwrap(),
            Victim::Both => kill_process_group(self.group(), Signal::KILL).unwrap(),
        }
        until("a server whose client is dead ends", || self.is_gone(WaitOptions::NOHANG));
        self.is_reaped = true;
        None
    }

    /// The client's id, which is its group's.
    fn group(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Takes leave of the client and its server; whether that was all of them. An orphaned server is the test's child.
    fn is_gone(&self, how: WaitOptions) -> bool {
        loop {
            match waitpgid(self.group(), how) {
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(Errno::CHILD) => return true,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if !self.is_reaped {
            // Already dead is as good; what is killed can be waited for.
            let _ = kill_process_group(self.group(), Signal::KILL);
            self.is_gone(WaitOptions::empty());
        }
    }
}

/// Waits for what another process does.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = now();
    while !is_so() {
        assert!(start.elapsed() < GUARD, "not within {GUARD:?}: {what}");
        if start.elapsed() < SPIN {
            thread::yield_now();
        } else {
            thread::sleep(LOOK_EVERY);
        }
    }
}

pub(crate) fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "guards waits and spreads kills; nothing is asserted of it"
    )]
    Instant::now()
}
