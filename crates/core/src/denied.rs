//! Refusals and faults: what a caller may act on, and what is ours to mend.
//!
//! To add a refusal, add a [`Code`] and its row in [`Code::row`]; `docs/errors.md` is generated from it.

use std::{error::Error, fmt};

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

const fn row(
    code: Code,
    name: &'static str,
    (http_status, exit_code): (u16, u8),
    meaning: &'static str,
    remedy: Remedy,
) -> CodeRow {
    CodeRow { code, name, http_status, exit_code, meaning, remedy }
}

/// The one table that maps a code to every protocol, in the order of [`Code`].
const TABLE: [CodeRow; CODES] = [
    row(
        Code::InvalidArguments,
        "invalid_arguments",
        (400, 2),
        "An argument is missing, malformed, unknown or out of range; correct it and call again.",
        Remedy::Again("correct the arguments by the input schema of the tool"),
    ),
    row(
        Code::UnknownOperation,
        "unknown_operation",
        (404, 2),
        "No tool or command has this name; list the tools.",
        Remedy::Do("call one of the listed tools, list_conversations for example"),
    ),
    row(
        Code::CredentialsMissing,
        "credentials_missing",
        (401, 4),
        "No credentials were given and none are remembered; pass conversation_id, session_id and token, or join first.",
        Remedy::Do(
            "call join_conversation with the conversation_id, session_id and token from your user, or create_conversation",
        ),
    ),
    row(
        Code::AmbiguousConversation,
        "ambiguous_conversation",
        (400, 2),
        "Several conversations are remembered; pass conversation_id (list_conversations shows them).",
        Remedy::Again("pass conversation_id and session_id of one that list_conversations shows"),
    ),
    row(
        Code::InvalidToken,
        "invalid_token",
        (401, 4),
        "The token does not open this conversation for this session_id; check all three, or ask the operator for `mab tokens`.",
        Remedy::Do(
            "leave conversation_id, session_id and token out if you have joined; else ask your user for all three",
        ),
    ),
    row(
        Code::TokenRotated,
        "token_rotated",
        (401, 4),
        "The token was replaced when somebody joined with it or the operator rotated it; use the newer one.",
        Remedy::Do(
            "leave conversation_id, session_id and token out if you have joined; else ask your user for the newer token",
        ),
    ),
    row(
        Code::Revoked,
        "revoked",
        (403, 4),
        "The agent was removed from the conversation; ask its owner for a new invitation.",
        Remedy::Do("tell your user: you were removed; an owner can invite another agent with invite_agent"),
    ),
    row(
        Code::Expired,
        "expired",
        (410, 5),
        "The conversation's time is over; create a new one.",
        Remedy::Do("tell your user; create_conversation opens a new conversation"),
    ),
    row(
        Code::Forbidden,
        "forbidden",
        (403, 4),
        "The agent's permission does not allow this; ask the owner.",
        Remedy::Do("tell your user, or ask an owner with send_to_partner"),
    ),
    row(
        Code::RateLimited,
        "rate_limited",
        (429, 6),
        "Too many calls; wait retry_after_s seconds, then call again.",
        Remedy::Again("wait retry_after_s seconds"),
    ),
    row(
        Code::QuotaExceeded,
        "quota_exceeded",
        (429, 6),
        "A size or count quota is full; the message says which and what frees it.",
        Remedy::Do("tell your user; check_partner_status shows the limits"),
    ),
    row(
        Code::UnknownRecipient,
        "unknown_recipient",
        (404, 3),
        "A recipient is not a member; check_partner_status lists the members.",
        Remedy::Do("check_partner_status lists the members; leave `to` out to reach all of them"),
    ),
    row(
        Code::UnknownMessage,
        "unknown_message",
        (404, 3),
        "The message does not exist or was not visible to this agent.",
        Remedy::Do("copy the message_id from check_messages or search_messages"),
    ),
    row(
        Code::UnknownBatch,
        "unknown_batch",
        (404, 3),
        "The batch is not outstanding; call check_messages without ack.",
        Remedy::Do("call check_messages without ack"),
    ),
    row(
        Code::UnknownLease,
        "unknown_lease",
        (404, 3),
        "The agent holds no such lease (any more); reserve_files with action list shows what is held.",
        Remedy::Do("call reserve_files with action list: it shows what you hold"),
    ),
    row(
        Code::NotFound,
        "not_found",
        (404, 3),
        "No such conversation or agent; `mab list` shows what there is.",
        Remedy::Do("list_conversations shows where you are, check_partner_status who is there"),
    ),
    row(
        Code::Conflict,
        "conflict",
        (409, 7),
        "What is there already stands against it: a handle, a lease, another message's idempotency_key, a member that has gone.",
        Remedy::Do("look with check_partner_status or reserve_files, action list, what is there already"),
    ),
    row(
        Code::Paused,
        "paused",
        (409, 7),
        "Nobody can send: the loop guard, a moderator or the operator paused the conversation; the hint says who lifts that.",
        Remedy::Do("stop sending and tell your user"),
    ),
    row(
        Code::NotAccepted,
        "not_accepted",
        (403, 4),
        "The conversation's inbound policy refuses such messages; ask its moderator, or the operator (`mab inbound`).",
        Remedy::Do("tell your user, or ask a moderator"),
    ),
    row(
        Code::SecretRefused,
        "secret_refused",
        (422, 4),
        "The text has a secret that the operator's policy blocks, or takes too long to search for secrets; nothing was stored: take it out, or send less at once.",
        Remedy::Again("take the secret out, or send less at once"),
    ),
    row(
        Code::CommandDenied,
        "command_denied",
        (403, 4),
        "The command was judged and may not run; nothing was run. The message says which layer refused it and why.",
        Remedy::Do(
            "change the command as the message says, or propose it with send_to_partner, action_type proposal",
        ),
    ),
    row(
        Code::ApprovalRequired,
        "approval_required",
        (403, 4),
        "The command may run only after a person agreed to exactly it; nothing was run.",
        Remedy::Tell("the command waits for your yes"),
    ),
    row(
        Code::ApprovalVoid,
        "approval_void",
        (409, 7),
        "The yes to a command cannot be used: it was used already, is too old, or was given to something else; nothing was run.",
        Remedy::Do("call execute_command with the command again, without approval_token"),
    ),
    row(
        Code::ExecutionDisabled,
        "execution_disabled",
        (403, 4),
        "No person has enabled commands here; nothing was run. `mab yolo enable` does, at a terminal.",
        Remedy::Do(
            "ask with enable_yolo_mode and tell your user; or propose the command with send_to_partner, action_type proposal",
        ),
    ),
    row(
        Code::ExecutionLocked,
        "execution_locked",
        (403, 4),
        "Three of the agent's commands were denied: no more are taken until a person lifts that with `mab yolo unlock`.",
        Remedy::Tell("three of your agent's commands were denied; `mab yolo unlock` lets it ask again"),
    ),
    row(
        Code::SandboxUnavailable,
        "sandbox_unavailable",
        (503, 8),
        "The sandbox that the command needs is not there; nothing was run. `mab doctor` shows what is there and what is missing.",
        Remedy::Tell("the sandbox that the command needs is not there; `mab doctor` says what is missing"),
    ),
    row(
        Code::Busy,
        "busy",
        (503, 8),
        "Another process holds the store; wait retry_after_s seconds, then call again. Nothing was changed.",
        Remedy::Again("wait retry_after_s seconds"),
    ),
    row(
        Code::StorageFull,
        "storage_full",
        (507, 8),
        "The disk is full; nothing was changed. Free space, then call again.",
        Remedy::Tell("the disk of the data folder is full; free space on it"),
    ),
    row(
        Code::ReadOnly,
        "read_only",
        (503, 8),
        "The store cannot be written; nothing was changed. Mend its permissions (`mab doctor`).",
        Remedy::Tell("the data folder cannot be written; `mab doctor` says what to mend"),
    ),
    row(
        Code::WrongStore,
        "wrong_store",
        (503, 8),
        "The store belongs to another program, another master key or a newer version; nothing was changed. Choose another data folder, or run the mab that made it.",
        Remedy::Tell("the database or its key is another; `mab doctor` says which"),
    ),
    row(
        Code::Misconfigured,
        "misconfigured",
        (500, 2),
        "The operator's settings or files are wrong; tell your user, who can run `mab doctor`.",
        Remedy::Tell("a setting is wrong; `mab doctor` says which"),
    ),
    row(
        Code::Internal,
        "internal",
        (500, 1),
        "The bridge failed and logged why; nothing was changed.",
        Remedy::Do(
            "call again once; if it stays, tell your user: `mab doctor` and the log on stderr say more",
        ),
    ),
];

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
