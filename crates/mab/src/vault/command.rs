//! The operator's own command (`audit.anchor_command`): it gets each new note on stdin, and keeps it wherever the operator
//! wants. No shell; its output is dropped; its failure is logged and changes nothing.

use std::{
    io::{ErrorKind, Write},
    process::{Command, Stdio},
    time::Duration,
};

/// Runs the command with `note` on its stdin, and ends it when it takes too long.
pub(super) fn run(words: &[String], note: &str) {
    let Some((program, arguments)) = words.split_first() else { return };
    if let Err(error) = try_run(program, arguments, note) {
        tracing::error!(%error, program, "audit.anchor_command failed; the checkpoint stands without it");
    }
}

#[expect(clippy::disallowed_methods, reason = "the operator's setting names the command")]
fn try_run(program: &str, arguments: &[String], note: &str) -> std::io::Result<()> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    // A note fits into a pipe, so that writing does not wait for whoever reads it.
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| match stdin.write_all(note.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()), // it need not read
        written => written,
    });
    for _ in 0..LOOKS {
        if let Some(status) = child.try_wait()? {
            let failed = || std::io::Error::other(format!("it ended with {status}"));
            return if status.success() { written } else { Err(failed()) };
        }
        std::thread::sleep(LOOK_EVERY);
    }
    child.kill()?;
    child.wait()?;
    Err(std::io::Error::other("it took longer than 10 s and was ended"))
}

/// How often it is looked at, and how many times: for ten seconds.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LOOKS: u32 = 1_000;
