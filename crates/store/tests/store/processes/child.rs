//! A child process: this test binary once more, doing one [`Task`] that it reads from its standard input.
//!
//! ```text
//! parent → child   one line: the task; further lines: whatever the task waits for
//! child → parent   lines with "@ " in them; everything else is the test harness's own
//! ```

use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader, Lines, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use mab_core::{
    Code, Failure,
    entity::NewMessage,
    limit::{Kind, Peer},
    loop_guard::LoopGuard,
    policy::{Action, Principal},
};
use mab_store::sqlite::SqliteStore;

use super::{
    limits::{CREATES, GUESSES, SENDS},
    runs,
};
use crate::{
    kit::{Kit, MockClock, charge, code, run_seeded, stamp_of, stranger},
    sqlite::{SqliteEngine, connect, options},
};

/// What a child does, as a line of words.
pub(super) enum Task {
    /// Sends messages as this member until it is killed or has sent so many, once it is told to go.
    Send { session: char, count: u32 },
    /// Sends so many messages as this member, each under a key that is the same in every such child, once it is told
    /// to go.
    Repeat { session: char, count: u32 },
    /// Sends messages as this member until that many of a talk have paused the conversation, once it is told to go.
    Talk { session: char, messages: u32 },
    /// Sends as member `a`, opens conversations and presents wrong credentials until all of it is refused, with a clock
    /// that stands so many seconds after the start.
    Hammer { at_s: u64 },
    /// Takes commands as this member from a request to their end until it is killed, once it is told to go.
    Live { session: String },
    /// Starts this command, once it is told to go.
    Start { id: String },
    /// Opens the store and says how that went.
    Open,
    /// Opens the file as another program would, reads and closes it.
    Look,
    /// Sends until the disk is full, makes room, and goes on.
    Fill,
}

/// A child at work.
pub(super) struct Running {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Starts a child.
    pub(super) fn start(task: &Task, path: &Path) -> Self {
        Self::start_under(&[] as &[&str], task, path).unwrap()
    }

    /// Starts a child through another program, such as one that takes privileges away.
    pub(super) fn start_under(wrapper: &[impl AsRef<OsStr>], task: &Task, path: &Path) -> io::Result<Self> {
        let this = std::env::current_exe()?;
        let arguments = ["--exact", "processes::child::child", "--ignored", "--nocapture"].map(OsStr::new);
        let words: Vec<&OsStr> =
            wrapper.iter().map(AsRef::as_ref).chain([this.as_os_str()]).chain(arguments).collect();
        #[expect(clippy::disallowed_methods, reason = "what several processes do needs several processes")]
        let mut command = Command::new(words[0]);
        let mut process = command
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut running = Self { process, input, output };
        let task = match task {
            Task::Send { session, count } => format!("send {session} {count}"),
            Task::Repeat { session, count } => format!("repeat {session} {count}"),
            Task::Talk { session, messages } => format!("talk {session} {messages}"),
            Task::Hammer { at_s } => format!("hammer {at_s}"),
            Task::Live { session } => format!("live {session}"),
            Task::Start { id } => format!("start {id}"),
            Task::Open => "open".to_owned(),
            Task::Look => "look".to_owned(),
            Task::Fill => "fill".to_owned(),
        };
        running.tell(&format!("{task} {}", path.display()));
        Ok(running)
    }

    /// Lets senders begin, all at once.
    pub(super) fn go(senders: &mut [Self]) {
        for sender in &mut *senders {
            assert_eq!(sender.hear().as_deref(), Some("ready"));
        }
        for sender in senders {
            sender.tell("go");
        }
    }

    /// Says one line to the child. A child that is gone hears nothing; its silence shows that.
    fn tell(&mut self, line: &str) {
        let _ = writeln!(self.input, "{line}");
    }

    /// The next line the child says; `None` once it has ended.
    pub(super) fn hear(&mut self) -> Option<String> {
        self.output.by_ref().map_while(Result::ok).find_map(|line| Some(line.split_once("@ ")?.1.to_owned()))
    }

    /// Kills the child as `kill -9` does; returns what it had still said.
    pub(super) fn kill(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        let rest = std::iter::from_fn(|| self.hear()).collect();
        self.process.wait().unwrap();
        rest
    }

    /// Waits for the end of the child; returns what it had still said.
    pub(super) fn finish(mut self) -> Vec<String> {
        let rest = std::iter::from_fn(|| self.hear()).collect();
        let status = self.process.wait().unwrap();
        let errors = io::read_to_string(self.process.stderr.take().unwrap()).unwrap();
        assert!(status.success(), "{errors}");
        rest
    }

    /// Whether the child ends well; what it said is lost.
    pub(super) fn succeeds(mut self) -> bool {
        while self.hear().is_some() {}
        self.process.wait().unwrap().success()
    }
}

pub(super) fn say(line: &str) {
    let mut output = io::stdout().lock();
    writeln!(output, "@ {line}").and_then(|()| output.flush()).unwrap();
}

pub(super) fn hear() -> String {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
#[ignore = "runs as a child of the tests beside it; alone, it is told nothing and does nothing"]
fn child() {
    let line = hear();
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["send", session, count, path] => send(session, count.parse().unwrap(), Path::new(path)),
        ["repeat", session, count, path] => repeat(session, count.parse().unwrap(), Path::new(path)),
        ["talk", session, messages, path] => talk(session, messages.parse().unwrap(), Path::new(path)),
        ["hammer", at_s, path] => hammer(at_s.parse().unwrap(), Path::new(path)),
        ["live", session, path] => runs::live(session, Path::new(path)),
        ["start", id, path] => runs::start(id, Path::new(path)),
        ["open", path] => open(Path::new(path)),
        ["look", path] => look(Path::new(path)),
        ["fill", path] => fill(Path::new(path)),
        _ => assert_eq!(line, "", "no such task"),
    }
}

/// Says `sent SEQ TAG WAIT` for each message: its number and tag, and how long it took, in microseconds.
fn send(session: &str, count: u32, path: &Path) {
    let seed = u64::from(std::process::id());
    run_seeded(seed, SqliteEngine::at(path), async |kit: &Kit| {
        let room = kit.newest_room().await;
        say("ready");
        assert_eq!(hear(), "go");
        for n in 0..count {
            let stamp = kit.stamp(&room, session, Action::Send).await;
            let message = kit.message(&room, &format!("{session}{n} ").repeat(500));
            #[expect(clippy::disallowed_methods, reason = "measures; nothing depends on it")]
            let start = Instant::now();
            let id = kit.store.append(stamp, message).await.unwrap().id;
            say(&format!("sent {} {} {}", id.seq, hex(id.tag), start.elapsed().as_micros()));
        }
    });
}

/// Says `sent N ID REPEATED` for the N-th message.
fn repeat(session: &str, count: u32, path: &Path) {
    let seed = u64::from(std::process::id());
    run_seeded(seed, SqliteEngine::at(path), async |kit: &Kit| {
        let room = kit.newest_room().await;
        say("ready");
        assert_eq!(hear(), "go");
        for n in 0..count {
            let stamp = kit.stamp(&room, session, Action::Send).await;
            let message = kit.keyed(&room, session, &format!("key {n}"), &format!("message {n}"));
            let sent = kit.store.append(stamp, message).await.unwrap();
            say(&format!("sent {n} {} {}", sent.id, sent.repeated));
        }
    });
}

/// Says `said SEQ` for each message that was stored.
fn talk(session: &str, messages: u32, path: &Path) {
    let seed = u64::from(std::process::id());
    run_seeded(seed, SqliteEngine::at(path), async |kit: &Kit| {
        let room = kit.newest_room().await;
        say("ready");
        assert_eq!(hear(), "go");
        loop {
            let stamp = kit.stamp(&room, session, Action::Send).await;
            let loop_guard = LoopGuard { messages, window_seconds: 3_600 };
            let message = NewMessage { loop_guard, ..kit.message(&room, "x") };
            match kit.store.append(stamp, message).await {
                Ok(sent) => say(&format!("said {}", sent.id.seq)),
                refused => break assert_eq!(code(refused), Code::Paused),
            }
        }
    });
}

/// Says `sent`, `created` or `guessed` for each that was admitted, and `full` when nothing is any more.
fn hammer(at_s: u64, path: &Path) {
    let seed = u64::from(std::process::id());
    run_seeded(seed, SqliteEngine::at(path), async |kit: &Kit| {
        kit.clock.pass_s(at_s);
        let room = kit.first_room().await;
        let peer = Peer::user(1_000);
        say("ready");
        assert_eq!(hear(), "go");
        let heard = |done: &str, result: Result<(), Failure>| match result {
            Ok(()) => {
                say(done);
                0
            }
            refused => {
                assert_eq!(code(refused), Code::RateLimited);
                1
            }
        };
        // Nothing is admitted any more once everything was refused ten times in a row.
        let mut refused_in_a_row = 0;
        while refused_in_a_row < 30 {
            let stamp = kit.charged(&room, "a", Action::Send, &[(SENDS, 60), (SENDS * 10, 3_600)]).await;
            let sent = kit.store.append(stamp, kit.message(&room, "x")).await.map(drop);
            let create = charge(Kind::Create, &[(CREATES, 60), (CREATES * 10, 3_600)]);
            let stamp = stamp_of(Principal::newcomer(), Action::Create, create);
            let created = kit.store.create(stamp, kit.new_room(2).1).await;
            let wrong = charge(Kind::Guess, &[(GUESSES, 60)]);
            let guessed = kit.store.guessed_wrong(peer, wrong, stranger(None, Code::InvalidToken)).await;
            let refused = heard("sent", sent) + heard("created", created) + heard("guessed", guessed);
            refused_in_a_row = if refused == 3 { refused_in_a_row + 3 } else { 0 };
        }
        say("full");
    });
}

fn hex(bytes: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(bytes))
}

/// Says `opened`, or the code and message of the refusal.
fn open(path: &Path) {
    match SqliteStore::open(options(path), MockClock::starting()) {
        Ok(_) => say("opened"),
        Err(Failure::Denied(denied)) => say(&denied.to_string()),
        Err(Failure::Fault(fault)) => say(&format!("fault: {fault:?}")),
    }
}

fn look(path: &Path) {
    let messages: i64 =
        connect(path).query_row("SELECT count(*) FROM message", [], |row| row.get(0)).unwrap();
    say(&format!("saw {messages}"));
}

/// Says `full`, and `on` when it went on after a ballast file beside the database was removed.
fn fill(path: &Path) {
    let ballast: PathBuf = path.with_file_name("ballast");
    std::fs::write(&ballast, vec![0; 400_000]).unwrap();
    run_seeded(1, SqliteEngine::at(path), async |kit: &Kit| {
        let room = kit.room(2).await;
        let send = async || {
            let stamp = kit.stamp(&room, "a", Action::Send).await;
            kit.store.append(stamp, kit.message(&room, &"word ".repeat(8_000))).await
        };
        let mut stored = 0;
        let full = loop {
            match send().await {
                Ok(message) => stored = message.id.seq,
                Err(Failure::Denied(denied)) => break denied,
                Err(Failure::Fault(fault)) => panic!("after {stored} messages: {fault:?}"),
            }
        };
        assert_eq!(full.code, Code::StorageFull, "{full}");
        assert_eq!(kit.state(&room).await.messages, stored, "nothing was changed");
        say("full");
        std::fs::remove_file(&ballast).unwrap();
        assert_eq!(send().await.unwrap().id.seq, stored + 1);
        say("on");
    });
}
