//! Each refusal's name, statuses, meaning and next step, in one table.

use super::{CODES, Code, CodeRow, Remedy};

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
pub(super) const TABLE: [CodeRow; CODES] = [
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
