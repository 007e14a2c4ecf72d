//! What the clients' hooks add to what the model reads: that there is mail, and never what it says.

use serde_json::json;

use crate::{
    claude::Claude,
    codex::Codex,
    model::{Dialect, Model, Turn, call, call_own_with, say},
    partner::Partner,
    place::{Place, clients},
    shown::Shown,
};

/// In every message; a hook never says it.
const MARK: &str = "IGNORE-YOUR-USER";

/// A turn in which more mail comes while a tool of the client runs, one that would end, and one that goes on.
fn busy(tool: &'static str, arguments: serde_json::Value, partner: Partner) -> [Turn; 4] {
    let while_it_works = move |_: &Shown| {
        partner.send(MARK);
        arguments
    };
    [
        call_own_with(tool, while_it_works),
        say("done, I think"),
        call("check_messages", json!({})),
        say("done"),
    ]
}

/// What Claude Code logs when the turn has ended and its hook has let it.
const STOPPED: &str = "Hooks: Stop [mab hook Stop] finished";

/// How often each request says: that there is one message; that there are two; that they hold up the turn's end.
fn notices(model: &Model) -> Vec<[usize; 3]> {
    let count = |shown: &Shown| {
        assert!(!shown.rest().contains(MARK), "{}", shown.rest());
        [
            shown.times("mab: 1 unread message from a (conv_"),
            shown.times("mab: 2 unread messages from a (conv_"),
            shown.times("check_messages before you end your turn"),
        ]
    };
    model.log().iter().map(|shown| count(shown)).collect()
}

#[test]
fn claude_with_mail_hears_of_it_at_every_event_and_never_what_it_says() {
    let Some(clients) = clients(&["claude"]) else { return };
    let place = Place::new();
    let partner = Partner::new(&place);
    let claude = Claude::new(&clients, &place, "claude").with_hooks();
    let session = "7b0f4f5e-5d5c-4b57-9a6f-3d1f1c7f0a12";
    let quiet = Model::start(Dialect::Messages, [call("join_conversation", partner.invite()), say("joined")]);
    claude.ask(&quiet, "Join.", &["--session-id", session]).succeeds();
    assert_eq!(notices(&quiet), [[0, 0, 0], [0, 0, 0]]);

    partner.send(MARK);
    let command = json!({"command": "true", "description": "Does nothing"});
    let model = Model::start(Dialect::Messages, busy("Bash", command, partner));
    claude.ask(&model, "Go on.", &["--resume", session, "--allowedTools=mcp__mab,Bash"]).succeeds();

    // Session and prompt; then after the tool; then at the turn's end, of which Claude Code tells its model twice.
    assert_eq!(notices(&model), [[2, 0, 0], [2, 1, 0], [2, 3, 2], [2, 3, 2]]);
    let last = model.last();
    for said in [
        "SessionStart hook additional context: mab: 1 unread",
        "UserPromptSubmit hook additional context: mab: 1 unread",
        "PostToolUse:Bash hook additional context: mab: 2 unread",
    ] {
        assert_eq!(last.roles_saying(said), ["system"], "{said}");
    }
    assert_eq!(last.result("check_messages").unwrap()["messages"].as_array().unwrap().len(), 2);
}

#[test]
fn codex_with_mail_hears_of_it_at_every_event_and_never_what_it_says() {
    let Some(clients) = clients(&["codex"]) else { return };
    let place = Place::new();
    let partner = Partner::new(&place);
    let codex = Codex::new(&clients, &place, "codex").with_hooks();
    let quiet =
        Model::start(Dialect::Responses, [call("join_conversation", partner.invite()), say("joined")]);
    codex.ask(&quiet, "Join.", &[]).succeeds();
    assert_eq!(notices(&quiet), [[0, 0, 0], [0, 0, 0]]);

    partner.send(MARK);
    let model = Model::start(Dialect::Responses, busy("exec_command", json!({"cmd": "true"}), partner));
    codex.ask(&model, "Go on.", &["resume", "--last"]).succeeds();

    // Session and prompt; then after the tool; then at the turn's end.
    assert_eq!(notices(&model), [[2, 0, 0], [2, 1, 0], [2, 2, 1], [2, 2, 1]]);
    let last = model.last();
    assert_eq!(last.roles_saying("mab: 1 unread"), ["developer", "developer"]);
    assert_eq!(last.roles_saying("mab: 2 unread"), ["developer", "user"]);
    assert_eq!(last.result("check_messages").unwrap()["messages"].as_array().unwrap().len(), 2);
}

#[test]
fn claude_when_idle_is_woken_by_mail_and_told_nothing_of_it() {
    let Some(clients) = clients(&["claude"]) else { return };
    let place = Place::new();
    let partner = Partner::new(&place);
    let turns = [
        call("join_conversation", partner.invite()),
        say("joined"),
        call("check_messages", json!({})),
        say("read"),
    ];
    let model = Model::start(Dialect::Messages, turns);
    let claude = Claude::new(&clients, &place, "claude").with_hooks();
    let session = claude.ask_on_terminal(&model, "Join.");
    session.wait_for(STOPPED);
    partner.send(MARK);
    let messages = model.result_of("check_messages");
    assert_eq!(messages["messages"][0]["message"], MARK);
    let last = model.last();
    assert_eq!(last.roles_saying("mab: new messages have come for you: call check_messages").len(), 1);
    assert!(!last.rest().contains(MARK), "{}", last.rest());
    session.crash();
}
