//! How a run ended, for who asked for it: what it printed, where it belongs, and an exit code.

use std::{fmt::Write as _, io::IsTerminal as _};

use mab_core::{Code, Denied, Fault};
use mab_exec::{Captured, Finished, Killed, Outcome, Planted};

use serde_json::Value;

use crate::cli::{
    Exit, Output, Trouble, Visible,
    output::{BAD, CAREFUL, FAINT, GOOD},
};

/// Prints a run and says how it went; `undo` looks for what undoes it.
///
/// # Errors
/// The refusal, when it was not run.
pub(crate) fn print(
    finished: &Finished,
    undo: impl FnOnce() -> Option<String>,
    output: Output,
) -> Result<Exit, Trouble> {
    let exit = exit(&finished.outcome)?;
    if output.is_json() {
        output.json(&json(finished)?)?;
        return Ok(exit);
    }
    let mut text = printed(&finished.stdout);
    // What is said next would stand beside it.
    let is_shown = std::io::stdout().is_terminal() && !text.is_empty();
    if is_shown && !text.ends_with('\n') {
        text.push('\n');
    }
    Output::data(&text)?;
    let told = printed(&finished.stderr);
    if !told.is_empty() {
        // The two are read apart, so that nobody knows what came first.
        if is_shown && std::io::stderr().is_terminal() {
            Output::talk(&format!("{FAINT}── stderr{FAINT:#}"));
        }
        Output::talk(told.trim_end_matches('\n'));
    }
    for (name, captured) in [("stdout", &finished.stdout), ("stderr", &finished.stderr)] {
        if captured.omitted_bytes > 0 {
            let (omitted, total) = (captured.omitted_bytes, captured.total_bytes);
            Output::talk(&format!(
                "{CAREFUL}{omitted} of {total} bytes of its {name} were left out{CAREFUL:#}; the first and the last 256 KiB are kept"
            ));
        }
    }
    tell_planted(&finished.planted);
    let ended_well = matches!(finished.outcome, Outcome::Exited { code: 0 });
    if std::io::stderr().is_terminal() || matches!(finished.outcome, Outcome::Killed { .. }) {
        let style = if ended_well { GOOD } else { BAD };
        Output::talk(&format!("{style}{}{style:#}{}", how(&finished.outcome), aside(finished)));
        if let Some(undo) = undo() {
            Output::talk(&format!("{FAINT}{undo}{FAINT:#}"));
        }
    }
    Ok(exit)
}

/// Says what a run left that others would obey.
pub(crate) fn tell_planted(planted: &[Planted]) {
    for one in planted {
        Output::talk(&format!("{CAREFUL}left behind:{CAREFUL:#} {}", Visible::line(&one.to_string())));
    }
}

/// A run, for programs.
///
/// # Errors
/// A fault of ours.
pub(crate) fn json(finished: &Finished) -> Result<Value, Fault> {
    serde_json::to_value(finished).map_err(|source| Fault::from_source("writing how a run ended", source))
}

/// The exit code of a run, or why there was none.
pub(crate) fn exit(outcome: &Outcome) -> Result<Exit, Denied> {
    match outcome {
        Outcome::Exited { code } => Ok(Exit::of_command(*code)),
        Outcome::Killed { reason: Killed::Timeout } => Ok(Exit::TIMED_OUT),
        Outcome::Killed { reason: Killed::Cancelled } => Ok(Exit::CANCELLED),
        Outcome::Killed { reason: Killed::Output | Killed::Memory } => Ok(Exit::OVER_LIMIT),
        Outcome::Killed { reason: Killed::Lost } => Ok(Exit::INTERNAL),
        Outcome::Denied { .. } | Outcome::SandboxUnavailable { .. } => Err(refusal(outcome)),
    }
}

/// What was not run, as a refusal.
pub(crate) fn refusal(outcome: &Outcome) -> Denied {
    match outcome {
        Outcome::Denied { layer, reason } => {
            Denied::new(Code::CommandDenied, format!("{}: {reason}; nothing was run", layer.as_str()))
                .hint("`mab judge` shows how a command is read, without running it")
        }
        Outcome::SandboxUnavailable { reason } => {
            Denied::new(Code::SandboxUnavailable, format!("{reason}; nothing was run"))
                .hint("`mab doctor` shows which sandboxes are here and what is missing")
        }
        // Both ran.
        Outcome::Exited { .. } | Outcome::Killed { .. } => Denied::new(Code::Internal, "the command was run"),
    }
}

/// What is kept of a stream. It was redacted and made visible before; the terminal is not left to that alone.
fn printed(captured: &Captured) -> String {
    let mut text = Visible::text(&captured.head).as_str().to_owned();
    if captured.omitted_bytes > 0 {
        let omitted = captured.omitted_bytes;
        let break_before = if text.ends_with('\n') { "" } else { "\n" };
        let _ = writeln!(text, "{break_before}… {omitted} bytes are left out …");
    }
    text.push_str(Visible::text(&captured.tail).as_str());
    text
}

fn how(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited { code } => format!("exited with {code}"),
        Outcome::Killed { reason } => format!("ended, with all it had started: {}", why(*reason)),
        Outcome::Denied { .. } | Outcome::SandboxUnavailable { .. } => "not run".to_owned(),
    }
}

fn why(reason: Killed) -> &'static str {
    match reason {
        Killed::Timeout => "its time was over",
        Killed::Output => "it printed more than it may",
        Killed::Memory => "it used more memory than it may",
        Killed::Cancelled => "you stopped it",
        Killed::Lost => "it could not be followed any longer; the log says why",
    }
}

/// Where it ran, how long, and what was taken out.
fn aside(finished: &Finished) -> String {
    let mut said =
        format!(" {FAINT}after {}.{:01} s", finished.duration_ms / 1_000, finished.duration_ms % 1_000 / 100);
    if let Some(tier) = finished.tier {
        let _ = write!(said, ", in {tier}");
    }
    let redacted = finished.stdout.redacted + finished.stderr.redacted;
    let _ = write!(said, "{FAINT:#}");
    if redacted > 0 {
        let _ = write!(said, "; {CAREFUL}{redacted} secrets taken out of the output{CAREFUL:#}");
    }
    said
}
