//! Refusals and faults: what a caller may act on, and what is ours to mend.
//!
//! To add a refusal, add a [`Code`] and its row in `denied/table.rs`; `docs/errors.md` is generated from it.

mod table;

use std::{error::Error, fmt};

use self::table::TABLE;
use crate::Timestamp;

/// Why a call was refused. The names are public: never renamed, only added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Code {
    /// An argument is missing, malformed, unknown or out of range.
    InvalidArguments,
    /// No such operation.
    UnknownOperation,
    /// No credentials were given and none are remembered.
    CredentialsMissing,
    /// Several conversations are remembered and none was named.
    AmbiguousConversation,
    /// The token does not open this conversation for this agent.
    InvalidToken,
    /// The token was valid once and has been replaced.
    TokenRotated,
    /// The agent was removed from the conversation.
    Revoked,
    /// The conversation's time is over.
    Expired,
    /// The agent's permission does not allow this.
    Forbidden,
    /// A rate window is full.
    RateLimited,
    /// A quota is full.
    QuotaExceeded,
    /// A named recipient is not a member.
    UnknownRecipient,
    /// The message replied to does not exist or was not visible to the agent.
    UnknownMessage,
    /// The batch to acknowledge is not outstanding for this agent.
    UnknownBatch,
    /// The lease to release is not held by this agent.
    UnknownLease,
    /// The conversation does not exist (operator commands only).
    NotFound,
    /// Somebody else has it: the handle, the file, or the idempotency key for another message.
    Conflict,
    /// Nobody can send in the conversation until who paused it, or a human, lets them go on.
    Paused,
    /// The conversation's inbound policy refuses such messages.
    NotAccepted,
    /// The text has a secret that the policy blocks, or takes too long to search for secrets.
    SecretRefused,
    /// The command was judged and may not run.
    CommandDenied,
    /// The command may run only after a person agreed to exactly it.
    ApprovalRequired,
    /// A person's yes to a command cannot be used: it was used, is too old, or was given to another request.
    ApprovalVoid,
    /// No person has enabled commands in the conversation, or this server runs none.
    ExecutionDisabled,
    /// The agent's commands are refused until a person lifts that, after too many were denied.
    ExecutionLocked,
    /// The sandbox that the command needs is not there.
    SandboxUnavailable,
    /// The store is held by somebody else for too long.
    Busy,
    /// The disk is full.
    StorageFull,
    /// The store cannot be written.
    ReadOnly,
    /// The store belongs to another program, another master key or a newer version.
    WrongStore,
    /// The operator's settings or files are wrong.
    Misconfigured,
    /// Something of ours failed; it was logged.
    Internal,
}

/// How one [`Code`] is shown in each protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeRow {
    /// The code.
    pub code: Code,
    /// The stable name, as in `{"code": "..."}`.
    pub name: &'static str,
    /// HTTP status (RFC 9110).
    pub http_status: u16,
    /// Process exit code of the CLI.
    pub exit_code: u8,
    /// What it means and what to do, one sentence.
    pub meaning: &'static str,
    /// What an agent does next.
    pub remedy: Remedy,
}

/// What an agent that met a refusal does next. It holds where the refusal has no hint of its own, which is about that case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// This, and then the same call again.
    Again(&'static str),
    /// This, which names a tool; so does the hint of every such refusal.
    Do(&'static str),
    /// Tell the user this: an agent cannot mend it.
    Tell(&'static str),
}

impl Code {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; CODES] = codes();

    /// The stable name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The one table that maps a code to every protocol.
    #[expect(clippy::indexing_slicing, reason = "as many rows as codes, held by a test")]
    pub fn row(self) -> CodeRow {
        // The table is in the order of the codes; a test holds it to that.
        TABLE[self as usize]
    }
}

const CODES: usize = 32;

#[expect(clippy::indexing_slicing, reason = "bounded by the loop, evaluated by the compiler")]
const fn codes() -> [Code; CODES] {
    let (mut codes, mut index) = ([Code::Internal; CODES], 0);
    while index < CODES {
        codes[index] = TABLE[index].code;
        index += 1;
    }
    codes
}

/// A refusal the caller can act on. Nothing was changed but the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Why, as a stable name.
    pub code: Code,
    /// Why, as a lower-case fragment that fits "cannot {action}: {message}"; never a secret, never a body.
    pub message: String,
    /// Whole seconds after which the same call may succeed.
    pub retry_after_s: Option<u64>,
    /// The moment before which it cannot, where that is known exactly; not told to callers.
    pub retry_at: Option<Timestamp>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Denied {
    /// A refusal with its code and reason.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_s: None, retry_at: None, hint: None }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What an agent does next: a tool to call, or what to tell its user. The hint, made whole where it leaves that open.
    pub fn next_step(&self) -> String {
        let hint = |otherwise| self.hint.as_deref().unwrap_or(otherwise);
        let says = |text: &str, what: &str| text.contains(what);
        match self.code.row().remedy {
            Remedy::Again(otherwise) => match hint(otherwise) {
                text if says(text, "call again") || says(text, "your user") => text.to_owned(),
                text => format!("{text}; then call again"),
            },
            Remedy::Do(otherwise) => hint(otherwise).to_owned(),
            Remedy::Tell(otherwise) => match hint(otherwise) {
                text if says(text, "your user") => text.to_owned(),
                text => format!("tell your user: {text}"),
            },
        }
    }

    /// Adds when to try again, in whole seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Adds the moment before which the call cannot succeed.
    #[must_use]
    pub const fn retry_at(mut self, at: Timestamp) -> Self {
        self.retry_at = Some(at);
        self
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code.name())
    }
}

impl Error for Denied {}

/// A failure of ours: logged once with its source, shown to callers as `internal`.
#[derive(Debug)]
pub struct Fault {
    what: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A failure while doing `what`.
    pub const fn new(what: &'static str) -> Self {
        Self { what, source: None }
    }

    /// A failure while doing `what`, with its cause.
    pub fn from_source(what: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { what, source: Some(source.into()) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Why an operation did not happen.
#[derive(Debug)]
pub enum Failure {
    /// The caller can act on it.
    Denied(Denied),
    /// Ours.
    Fault(Fault),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(denied) => denied.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Denied(_) => None,
            Self::Fault(fault) => fault.source(),
        }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_names_are_unique_and_exit_codes_never_zero() {
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), CODES);
        assert!(TABLE.iter().all(|row| row.exit_code != 0 && row.http_status >= 400));
    }

    #[test]
    fn next_step_when_the_hint_leaves_the_call_open_names_it() {
        let next = |code, hint: Option<&str>| {
            Denied { hint: hint.map(Into::into), ..Denied::new(code, "x") }.next_step()
        };
        for (code, hint, expected) in [
            (Code::InvalidArguments, Some("leave it out"), "leave it out; then call again"),
            (Code::InvalidArguments, Some("call again without it"), "call again without it"),
            (Code::SecretRefused, Some("tell your user: x"), "tell your user: x"),
            (Code::RateLimited, None, "wait retry_after_s seconds; then call again"),
            (Code::ReadOnly, Some("run `x`"), "tell your user: run `x`"),
            (Code::ReadOnly, Some("tell your user: x"), "tell your user: x"),
            (Code::UnknownBatch, None, "call check_messages without ack"),
            (Code::UnknownBatch, Some("call check_messages"), "call check_messages"),
        ] {
            assert_eq!(next(code, hint), expected);
        }
    }

    #[test]
    fn table_is_in_the_order_of_the_codes() {
        for (index, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!((code as usize, code.row().code), (index, code));
        }
        assert_eq!(Code::Internal as usize, CODES - 1);
    }
}
