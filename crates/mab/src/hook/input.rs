//! The event as the client describes it on stdin: bounded in bytes and time, and whatever is wrong with it is one sentence.

use std::{io, os::fd::AsFd, path::PathBuf};

use mab_core::Clock;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

/// Most bytes of an event; a tool's whole input and answer are part of it.
const EVENT_MAX_BYTES: usize = 32 << 20;
/// How long the client may take to write it, in milliseconds.
const PATIENCE_MS: i64 = 2_000;
/// Bytes read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// How the client names tools of the server `mab`: Claude Code and Codex, Gemini CLI, and others (measured 2026-11-22).
const OWN_TOOLS: [&str; 3] = ["mcp__mab__", "mcp_mab_", "mab__"];

/// What of an event matters here; everything else is passed over.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Input {
    /// The client's session.
    #[serde(default)]
    pub(crate) session_id: Option<String>,
    /// The turn, which Codex alone names.
    #[serde(default)]
    turn_id: Option<IgnoredAny>,
    /// Who works inside that session for the agent.
    #[serde(default)]
    agent_id: Option<String>,
    /// The folder that relative paths are meant from.
    #[serde(default)]
    pub(crate) cwd: Option<PathBuf>,
    /// Whether the turn goes on only because a hook has stopped its end.
    #[serde(default)]
    pub(crate) stop_hook_active: bool,
    /// The tool.
    #[serde(default)]
    tool_name: Option<String>,
    /// All of it.
    #[serde(skip)]
    whole: Vec<u8>,
}

/// What the tool is given, the rest of the event passed over.
#[derive(Deserialize)]
struct OfTool<T> {
    #[serde(rename = "tool_input")]
    given: T,
}

impl Input {
    /// Whether the tool is one of the bridge's own.
    pub(crate) fn is_of_own_tool(&self) -> bool {
        OWN_TOOLS.iter().any(|own| self.tool().starts_with(own))
    }

    /// Who it is, when it is not the agent itself that this happened to but a helper inside its session.
    pub(crate) fn agent_id(&self) -> Option<&str> {
        self.agent_id.as_deref()
    }

    /// Whether it is Codex that tells of it.
    pub(crate) fn is_of_codex(&self) -> bool {
        self.turn_id.is_some()
    }

    /// The tool's name.
    pub(crate) fn tool(&self) -> &str {
        self.tool_name.as_deref().unwrap_or_default()
    }

    /// What the tool is given, as far as it matters to the caller: what is not asked for may be any JSON.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub(crate) fn given<T: DeserializeOwned>(&self) -> Result<T, String> {
        parse(&self.whole).map(|OfTool { given }| given)
    }

    /// Reads it.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub(crate) fn read(stdin: impl AsFd, clock: &dyn Clock) -> Result<Self, String> {
        let bytes = bytes(stdin, clock)?;
        if bytes.is_empty() {
            return Err("stdin was empty: a client describes its event there, as JSON".to_owned());
        }
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err("stdin holds no event of a client: it is not a JSON object".to_owned());
        }
        Self::parse(bytes)
    }

    /// Reads it from its bytes.
    pub(super) fn parse(whole: Vec<u8>) -> Result<Self, String> {
        let input: Self = parse(&whole)?;
        Ok(Self { whole, ..input })
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes)
        .map_err(|error| format!("stdin holds no event of a client: {}", without_text(&error)))
}

/// Where the JSON is wrong, without a word of it.
fn without_text(error: &serde_json::Error) -> String {
    let what = if error.is_data() { "a field is not what it should be" } else { "it is not JSON" };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

fn bytes(stdin: impl AsFd, clock: &dyn Clock) -> Result<Vec<u8>, String> {
    let unreadable = |error: Errno| format!("stdin cannot be read: {}", io::Error::from(error));
    let began = clock.now();
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; CHUNK_BYTES]);
    loop {
        let passed = i64::try_from(clock.now().millis_since(began)).unwrap_or(i64::MAX);
        if !is_ready(&stdin, PATIENCE_MS.saturating_sub(passed)).map_err(unreadable)? {
            return Err(format!("stdin did not end within {PATIENCE_MS} ms"));
        }
        match rustix::io::read(&stdin, chunk.as_mut_slice()) {
            Ok(0) => return Ok(bytes),
            Ok(read) => bytes.extend(chunk.iter().take(read)),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(unreadable(error)),
        }
        if bytes.len() > EVENT_MAX_BYTES {
            return Err(format!("stdin holds more than {EVENT_MAX_BYTES} bytes"));
        }
    }
}

/// Whether there is something to read, or the end, within so many milliseconds.
fn is_ready(stdin: &impl AsFd, within_ms: i64) -> Result<bool, Errno> {
    if within_ms <= 0 {
        return Ok(false);
    }
    let patience = Timespec { tv_sec: within_ms / 1_000, tv_nsec: within_ms % 1_000 * 1_000_000 };
    let mut streams = [PollFd::new(stdin, PollFlags::IN)];
    match poll(&mut streams, Some(&patience)) {
        Err(Errno::INTR) => Ok(true),
        ready => Ok(ready? > 0),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        sync::atomic::{AtomicI64, Ordering},
    };

    use mab_core::Timestamp;

    use super::*;
    use crate::system::SystemClock;

    fn read(text: &str) -> Result<Input, String> {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        drop(writer);
        Input::read(reader, &SystemClock)
    }

    /// A clock on which every look takes a second.
    struct Slow(AtomicI64);

    impl Clock for Slow {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.fetch_add(1_000, Ordering::SeqCst))
        }
    }

    #[test]
    fn event_when_whole_is_read_and_the_rest_passed_over() {
        let text = r#"{"session_id":"s","cwd":"/p","stop_hook_active":true,"tool_name":"mcp__mab__check_messages",
            "tool_input":{"file_path":"x"},"tool_response":{"deep":[[[{}]]]},"new":"field"}"#;
        let input = read(text).unwrap();
        assert_eq!(input.session_id.as_deref(), Some("s"));
        assert_eq!(input.cwd, Some("/p".into()));
        assert!(input.stop_hook_active && input.is_of_own_tool() && input.agent_id().is_none());
        let other = read(r#"{"tool_name":"Edit","agent_id":"x"}"#).unwrap();
        assert!(!other.is_of_own_tool() && other.agent_id() == Some("x"));
    }

    #[test]
    fn event_when_garbage_is_one_sentence_without_its_words() {
        for garbage in
            ["", "hello", "{", "[]", r#"{"session_id":7}"#, "\u{1b}[2J", r#"{"stop_hook_active":"x-word"}"#]
        {
            let sentence = read(garbage).unwrap_err();
            assert!(sentence.starts_with("stdin "), "{sentence}");
            assert!(!sentence.contains('\n') && !sentence.contains('\u{1b}') && !sentence.contains("x-word"));
        }
    }

    #[test]
    fn event_when_it_never_ends_is_given_up() {
        let (reader, writer) = io::pipe().unwrap();
        let sentence = Input::read(reader, &Slow(AtomicI64::new(0))).unwrap_err();
        assert_eq!(sentence, "stdin did not end within 2000 ms");
        drop(writer);
    }

    #[test]
    fn event_when_endless_is_given_up() {
        let zero = std::fs::File::open("/dev/zero").unwrap();
        let sentence = Input::read(zero, &mab_clock_that_stands()).unwrap_err();
        assert_eq!(sentence, "stdin holds more than 33554432 bytes");
    }

    fn mab_clock_that_stands() -> impl Clock {
        struct Stands;
        impl Clock for Stands {
            fn now(&self) -> Timestamp {
                Timestamp::from_millis(0)
            }
        }
        Stands
    }
}
