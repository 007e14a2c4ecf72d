//! Clients as `mab setup` leaves them: nothing else of their configuration is written.

use serde_json::json;

use crate::{
    claude::Claude,
    codex::Codex,
    model::{Dialect, Model, call, say},
    partner::Partner,
    place::{Place, clients},
};

/// What the hooks say at the start of a session.
const NOTICE: &str = "mab: 1 unread message from a (conv_";

#[test]
fn claude_as_set_up_has_tools_hooks_and_the_sessions_credentials() {
    let Some(clients) = clients(&["claude"]) else { return };
    let place = Place::new();
    let partner = Partner::new(&place);
    let claude = Claude::set_up(&clients, &place, "claude", &[]);
    let session = "7b0f4f5e-5d5c-4b57-9a6f-3d1f1c7f0a13";
    let joins = Model::start(Dialect::Messages, [call("join_conversation", partner.invite()), say("joined")]);
    claude.ask(&joins, "Join.", &["--session-id", session]).succeeds();
    joins.result_of("join_conversation");

    partner.send("Are you there?");
    let model = Model::start(Dialect::Messages, [call("check_messages", json!({})), say("read")]);
    claude.ask(&model, "Go on.", &["--resume", session]).succeeds();
    assert_eq!(model.last().roles_saying(NOTICE), ["system"]);
    assert_eq!(model.result_of("check_messages")["messages"][0]["message"], "Are you there?");
}

#[test]
fn codex_as_set_up_has_tools_hooks_and_the_sessions_credentials() {
    let Some(clients) = clients(&["codex"]) else { return };
    let place = Place::new();
    let partner = Partner::new(&place);
    let codex = Codex::set_up(&clients, &place, "codex", &[]);
    let joins =
        Model::start(Dialect::Responses, [call("join_conversation", partner.invite()), say("joined")]);
    codex.ask(&joins, "Join.", &[]).succeeds();
    joins.result_of("join_conversation");

    partner.send("Are you there?");
    let model = Model::start(Dialect::Responses, [call("check_messages", json!({})), say("read")]);
    codex.ask(&model, "Go on.", &["resume", "--last"]).succeeds();
    assert_eq!(model.last().roles_saying(NOTICE), ["developer", "developer"]);
    assert_eq!(model.result_of("check_messages")["messages"][0]["message"], "Are you there?");
}
