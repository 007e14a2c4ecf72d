//! Either client, for scenarios in which it does not matter which.

use serde_json::{Value, json};

use crate::{
    claude::Claude,
    codex::Codex,
    model::{Dialect, Model},
    place::{Clients, Place},
    running::Running,
};

/// Starts the client that this model suits on a prompt: Claude Code or Codex.
///
/// Each name has a home of its own in the scenario's place; with the same name, a client finds what the one before it
/// left.
pub(crate) fn ask(clients: &Clients, place: &Place, name: &str, model: &Model, prompt: &str) -> Running {
    match model.dialect() {
        Dialect::Messages => Claude::new(clients, place, name).ask(model, prompt, &[]),
        Dialect::Responses => Codex::new(clients, place, name).ask(model, prompt, &[]),
    }
}

/// The arguments of `join_conversation` for the partner, as a human carries them over from what `create_conversation`
/// returned.
pub(crate) fn invitation(made: &Value) -> Value {
    json!({
        "conversation_id": made["conversation_id"], "session_id": "b", "token": made["session_b_token"],
    })
}
