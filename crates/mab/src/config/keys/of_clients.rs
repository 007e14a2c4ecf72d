//! What is done on the side of the agents' clients.

use super::{super::clients::Part, Field, Key};

/// All of them.
pub(super) static OF_CLIENTS: &[Key] = &[
    Key {
        name: "hooks.leases",
        unit: "a word",
        help: "What a client's hook does about an edit to a file that another agent has reserved: tell its agent, keep it from it, or nothing.",
        default: "warn",
        field: Field::Client(Part::Leases),
    },
    Key {
        name: "wake.codex_queue",
        unit: "a switch",
        help: "Whether mail wakes an idle Codex session, with `codex queue` and a fixed notice that Codex takes for a user's words.",
        default: "false",
        field: Field::Client(Part::CodexQueue),
    },
];
