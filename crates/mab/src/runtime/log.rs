//! The log on stderr, which nobody need read: a client that leaves the pipe full must not stop its server.

use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts the log on stderr. Other people's crates are held to warnings, the protocol library to errors: at finer
/// levels it prints whole requests, and with them tokens and messages.
pub fn start_log(level: LevelFilter) {
    let house =
        ["mab", "mab_core", "mab_exec", "mab_redact", "mab_service", "mab_store"].map(|name| (name, level));
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("rmcp", level.min(LevelFilter::ERROR))
        .with_targets(house);
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Stderr).with_ansi(false);
    // A second start in one process (a test) keeps the first.
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
}

/// Writes lines to stderr that it takes at once, and loses the others.
struct Stderr;

impl Write for Stderr {
    /// Takes everything: what does not fit is lost.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        let fits = line.get(..AT_ONCE_BYTES).unwrap_or(line);
        let mut ready = [PollFd::new(&stderr, PollFlags::OUT)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut ready, Some(&at_once)).is_ok_and(|count| count > 0) {
            // A log that cannot be written has nowhere to say so.
            let _ = stderr.write_all(fits);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pipe that is ready takes this much without blocking (POSIX, `PIPE_BUF`; Linux: 4096, elsewhere at least 512).
const AT_ONCE_BYTES: usize = if cfg!(target_os = "linux") { 4_096 } else { 512 };
