//! How a run is shown to the agent that asked for it: small enough for a model, nothing left out unsaid.

use std::borrow::Cow;

use mab_core::execution::Assurance;
use mab_exec::{Captured, Outcome};
use schemars::JsonSchema;
use serde::Serialize;

use crate::running::{became::Ran, over::Over};

/// Bytes of the beginning, and of the end, of stdout.
const STDOUT_BYTES: usize = 16 * 1024;
/// … of stderr.
const STDERR_BYTES: usize = 4 * 1024;

/// A run that has ended.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Shown {
    /// exited, killed, or not run: denied, `sandbox_unavailable`
    outcome: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    /// Why it was ended, or not run
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    assurance: Assurance,
    duration_ms: u64,
    /// Of one that ran before this call
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    enforced: Vec<String>,
    /// Of the workspace before it
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<String>,
    /// What it left that others obey, and what was done about it
    #[serde(skip_serializing_if = "Vec::is_empty")]
    planted: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout: Option<Stream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<Stream>,
}

/// What was printed on one stream.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Stream {
    head: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    tail: String,
    /// Between head and tail
    #[serde(skip_serializing_if = "is_zero")]
    omitted_bytes: u64,
    total_bytes: u64,
    /// Secrets replaced
    #[serde(skip_serializing_if = "is_zero")]
    redacted: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Shown {
    /// What an agent sees of a run.
    pub(crate) fn of(over: &Over) -> Self {
        let (finished, why) = (&over.finished, over.why());
        let (exit_code, reason) = match &finished.outcome {
            Outcome::Exited { code } => (Some(*code), None),
            Outcome::Killed { .. } => (None, why.map(|(word, _)| word.to_owned())),
            Outcome::Denied { reason, .. } | Outcome::SandboxUnavailable { reason } => {
                (None, Some(reason.clone()))
            }
        };
        Self {
            outcome: word(&finished.outcome).into(),
            exit_code,
            reason,
            assurance: over.assurance,
            duration_ms: finished.duration_ms,
            ended_at: None,
            tier: finished.tier.map(|tier| tier.name().to_owned()),
            enforced: finished.enforced.clone(),
            snapshot: finished.snapshot.clone(),
            planted: finished.planted.iter().map(ToString::to_string).collect(),
            stdout: Some(Stream::of(&finished.stdout, STDOUT_BYTES)),
            stderr: Some(Stream::of(&finished.stderr, STDERR_BYTES)),
        }
    }

    /// What an agent sees of one that ran before: as much as is recorded.
    pub(crate) fn recorded(ran: Ran) -> Self {
        Self {
            assurance: ran.assurance(),
            ended_at: ran.ended_at().map(|at| at.to_string()),
            outcome: ran.outcome.into(),
            exit_code: ran.exit_code,
            reason: ran.reason.map(str::to_owned),
            duration_ms: ran.duration_ms,
            tier: None,
            enforced: Vec::new(),
            snapshot: None,
            planted: Vec::new(),
            stdout: None,
            stderr: None,
        }
    }
}

impl Stream {
    fn of(captured: &Captured, most: usize) -> Self {
        let Cut { head, tail, omitted_bytes } = cut(captured, most);
        Self {
            head: head.to_owned(),
            tail: tail.to_owned(),
            omitted_bytes,
            total_bytes: captured.total_bytes,
            redacted: captured.redacted,
        }
    }
}

/// How a run ended, in one word.
pub(crate) const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Exited { .. } => "exited",
        Outcome::Killed { .. } => "killed",
        Outcome::Denied { .. } => "denied",
        Outcome::SandboxUnavailable { .. } => "sandbox_unavailable",
    }
}

/// The beginning and the end of what was printed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cut<'a> {
    /// The beginning.
    pub(crate) head: &'a str,
    /// The end; empty when the beginning is all.
    pub(crate) tail: &'a str,
    /// What lies between them: bytes that were dropped, and bytes of what is kept that are not shown.
    pub(crate) omitted_bytes: u64,
}

/// At most `most` bytes of the beginning, and as many of the end, cut between characters.
pub(crate) fn cut(captured: &Captured, most: usize) -> Cut<'_> {
    let Captured { head, tail, omitted_bytes, .. } = captured;
    if tail.is_empty() && *omitted_bytes == 0 {
        if head.len() <= most.saturating_mul(2) {
            return Cut { head, tail: "", omitted_bytes: 0 };
        }
        let (start, end) = (head.floor_char_boundary(most), head.ceil_char_boundary(head.len() - most));
        return Cut {
            head: head.get(..start).unwrap_or_default(),
            tail: head.get(end..).unwrap_or_default(),
            omitted_bytes: end.saturating_sub(start) as u64,
        };
    }
    let start = head.floor_char_boundary(most);
    let end = tail.ceil_char_boundary(tail.len().saturating_sub(most));
    let left_out = head.len().saturating_sub(start).saturating_add(end) as u64;
    Cut {
        head: head.get(..start).unwrap_or_default(),
        tail: tail.get(end..).unwrap_or_default(),
        omitted_bytes: omitted_bytes.saturating_add(left_out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(head: &str, tail: &str, omitted_bytes: u64) -> Captured {
        Captured { head: head.to_owned(), tail: tail.to_owned(), omitted_bytes, ..Captured::default() }
    }

    #[test]
    fn output_when_cut_keeps_both_ends_and_counts_the_rest() {
        let cut = |head, tail, omitted, most| {
            let captured = captured(head, tail, omitted);
            let cut = cut(&captured, most);
            (cut.head.to_owned(), cut.tail.to_owned(), cut.omitted_bytes)
        };
        let told = |head: &str, tail: &str, omitted| (head.to_owned(), tail.to_owned(), omitted);
        assert_eq!(cut("abcdef", "", 0, 3), told("abcdef", "", 0));
        assert_eq!(cut("abcdefgh", "", 0, 3), told("abc", "fgh", 2));
        assert_eq!(cut("aébcdéf", "", 0, 2), told("a", "f", 7), "never within a character");
        assert_eq!(cut("abcd", "wxyz", 100, 3), told("abc", "xyz", 102));
        assert_eq!(cut("abcd", "wxyz", 0, 9), told("abcd", "wxyz", 0));
    }
}
