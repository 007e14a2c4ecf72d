//! Claude Code and Codex exchange messages through two `mab mcp` processes and one data folder.

use serde_json::json;

use crate::{
    client::{ask, invitation},
    model::{Dialect, Model, call, say},
    place::{Place, clients},
};

#[test]
fn claude_and_codex_when_they_exchange_messages_both_see_them_as_a_peers() {
    let Some(clients) = clients(&["claude", "codex"]) else { return };
    let place = Place::new();
    let roles = json!({"my_role": "backend_developer", "partner_role": "frontend_developer", "topic": "the todo API"});
    let backend = Model::start(
        Dialect::Messages,
        [
            call("create_conversation", roles),
            call("check_messages", json!({"wait_seconds": 60})),
            call("send_to_partner", json!({"message": "Yes, paged by 50."})),
            say("agreed"),
        ],
    );
    let claude = ask(&clients, &place, "claude", &backend, "Propose the API.");

    // The human hands over what the first agent was given.
    let join = invitation(&backend.result_of("create_conversation"));
    let frontend = Model::start(
        Dialect::Responses,
        [
            call("join_conversation", join),
            call("send_to_partner", json!({"message": "Is the list paged?", "action_type": "question"})),
            call("check_messages", json!({"wait_seconds": 60})),
            say("agreed"),
        ],
    );
    ask(&clients, &place, "codex", &frontend, "Join, and ask.").succeeds();
    claude.succeeds();

    let asked = &backend.result_of("check_messages")["messages"][0];
    assert_eq!(
        (&asked["trust"], &asked["message"]),
        (&json!("peer"), &json!("Is the list paged?")),
        "{asked}"
    );
    let answered = &frontend.result_of("check_messages")["messages"][0];
    assert_eq!((&answered["trust"], &answered["message"]), (&json!("peer"), &json!("Yes, paged by 50.")));
}
