//! A client that dies in the middle: the next session misses nothing.

use std::sync::mpsc::channel;

use serde_json::json;

use crate::{
    claude::Claude,
    client::{ask, invitation},
    codex::Codex,
    model::{Dialect, Model, call, call_with, say},
    place::{Place, clients},
    shown::Shown,
};

#[test]
fn codex_when_killed_in_a_wait_leaves_the_message_to_its_next_session() {
    let Some(clients) = clients(&["codex"]) else { return };
    let place = Place::new();
    let roles = json!({"my_role": "sender", "partner_role": "receiver", "topic": "mail"});
    let partner = Model::start(Dialect::Responses, [call("create_conversation", roles), say("made")]);
    ask(&clients, &place, "partner", &partner, "Create.").succeeds();
    let join = invitation(&partner.result_of("create_conversation"));

    let first = Model::start(
        Dialect::Responses,
        [call("join_conversation", join), call("check_messages", json!({"wait_seconds": 200}))],
    );
    let agent = Codex::new(&clients, &place, "agent");
    let waiting = agent.ask(&first, "Join, and wait.", &[]);
    waiting.wait_for("mab/check_messages started");
    waiting.crash();

    let sender = Model::start(
        Dialect::Responses,
        [call("send_to_partner", json!({"message": "Are you there?"})), say("sent")],
    );
    ask(&clients, &place, "partner", &sender, "Send.").succeeds();

    // With no credentials: they are in the profile that the dead session's server kept.
    let second = Model::start(Dialect::Responses, [call("check_messages", json!({})), say("read")]);
    agent.ask(&second, "Go on.", &[]).succeeds();
    let message = &second.result_of("check_messages")["messages"][0];
    assert_eq!(message["message"], "Are you there?", "{message}");
}

#[test]
fn claude_when_killed_before_it_acknowledges_gets_the_message_again() {
    let Some(clients) = clients(&["claude", "codex"]) else { return };
    let place = Place::new();
    let roles = json!({"my_role": "sender", "partner_role": "receiver", "topic": "mail"});
    let partner = Model::start(
        Dialect::Responses,
        [
            call("create_conversation", roles),
            call("send_to_partner", json!({"message": "Read me."})),
            say("sent"),
        ],
    );
    ask(&clients, &place, "partner", &partner, "Create.").succeeds();
    let join = invitation(&partner.result_of("create_conversation"));

    // A session that ended well is one that can be taken up again, whatever becomes of it then.
    let session = "7b0f4f5e-5d5c-4b57-9a6f-3d1f1c7f0a11";
    let joins = Model::start(Dialect::Messages, [call("join_conversation", join), say("joined")]);
    let agent = Claude::new(&clients, &place, "agent");
    agent.ask(&joins, "Join.", &["--session-id", session]).succeeds();

    // Its model thinks about what it read until the test is over.
    let (_thinking, over) = channel::<()>();
    let think = move |_: &Shown| json!(over.recv().is_ok());
    let first = Model::start(
        Dialect::Messages,
        [call("check_messages", json!({})), call_with("check_messages", think)],
    );
    let reading = agent.ask(&first, "Read.", &["--resume", session]);
    let message = &first.result_of("check_messages")["messages"][0];
    assert_eq!(
        (&message["message"], &message["redelivered"]),
        (&json!("Read me."), &json!(false)),
        "{message}"
    );
    reading.crash();

    let second = Model::start(Dialect::Messages, [call("check_messages", json!({})), say("read")]);
    agent.ask(&second, "Go on.", &["--resume", session]).succeeds();
    let last = second.last();
    let again = &last.result("check_messages").unwrap()["messages"][0];
    assert_eq!((&again["message"], &again["redelivered"]), (&json!("Read me."), &json!(true)), "{again}");
}
