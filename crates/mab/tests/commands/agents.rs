//! What agents try with the bridge's tools alone: nothing of it enables, approves or runs anything.

use mab_core::execution::Mode;
use mab_service::table::{self, Audience};
use serde_json::{Value, json};

use crate::{
    client::Client,
    person::Person,
    scene::{COUNT, Scene, ask, has_bubblewrap},
};

#[test]
fn agent_that_asks_for_every_mode_enables_nothing() {
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    Person::enrolled(&scene);
    for mode in ["safe", "restricted", "yolo", "yolo", "disabled", "restricted"] {
        let answer =
            pair.a.did("enable_yolo_mode", json!({"mode": mode, "workspace": scene.space, "timeout": 60}));
        assert_ne!(answer["state"], "enabled", "{answer}");
        let refused = pair.a.refused("execute_command", json!({"command": "ls"}));
        assert_eq!(refused["code"], "execution_disabled", "{mode}");
        scene.nothing_happened(&pair.conversation);
    }
    let refused = pair
        .a
        .refused("enable_yolo_mode", json!({"mode": "yolo", "workspace": scene.space, "sandbox": false}));
    assert_eq!(refused["code"], "invalid_arguments", "{refused}");
    scene.nothing_happened(&pair.conversation);
    pair.end();
    scene.verified();
}

#[test]
fn server_without_both_halves_of_stage_1_knows_neither_tool() {
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    let person = Person::enrolled(&scene);
    person.enable(&scene, &pair.conversation, Mode::Safe);
    let without: [&[(&str, &str)]; 5] =
        [&[], &[("MAB_YOLO", "0")], &[("MAB_YOLO", "true")], &[("MAB_YOLO", "01")], &[("YOLO_MODE", "1")]];
    for environment in without {
        knows_neither(scene.server_with("a", environment));
    }
    scene.configure("as_root = true\nmode = 'yolo'\n");
    knows_neither(scene.server("a"));
    scene.configure("agents = false\nas_root = true\nmode = 'yolo'\n");
    knows_neither(scene.server("a"));
    // A server that is running goes by the file as it is now.
    let refused = pair.a.refused("execute_command", json!({"command": "ls"}));
    assert_eq!(refused["code"], "execution_disabled", "{refused}");
    scene.configure("agents = true\nas_root = true\n");
    pair.a.did("execute_command", json!({"command": "ls"}));
    pair.end();
}

fn knows_neither(mut server: Client) {
    let listed = server.request("tools/list", json!({}));
    let unknown = server.request("tools/call", json!({"name": "no_such_tool", "arguments": {}}));
    for tool in ["execute_command", "enable_yolo_mode"] {
        assert!(!listed.to_string().contains(tool), "{listed}");
        let answer = server
            .request("tools/call", json!({"name": tool, "arguments": {"command": "ls", "mode": "safe"}}));
        assert!(answer["error"].is_object(), "{answer}");
        assert_eq!(answer["error"], unknown["error"]);
    }
    server.end();
}

#[test]
fn operations_of_the_operator_are_unknown_tools() {
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    Person::enrolled(&scene);
    let told = |client: &mut Client, name: &str| {
        let arguments = json!({"conversation_id": "conv_0123456789abcdef", "run_id": "run_0123456789abcdef"});
        let answer = client.request("tools/call", json!({"name": name, "arguments": arguments}));
        assert!(answer["error"].is_object(), "{name}: {answer}");
        answer["error"].to_string()
    };
    let unknown = told(&mut pair.a, "no_such_tool");
    let operators: Vec<_> = table::operations()
        .iter()
        .filter(|one| one.audience != Audience::Agent)
        .map(|one| one.name)
        .collect();
    for needed in ["approve_run", "execution_enable", "approver_enroll", "approver_code", "execution_unlock"]
    {
        assert!(operators.contains(&needed), "{operators:?}");
    }
    for name in operators {
        assert_eq!(told(&mut pair.a, name), unknown, "{name}");
    }
    scene.nothing_happened(&pair.conversation);
    pair.end();
}

#[test]
fn token_that_is_made_up_or_anothers_runs_nothing() {
    if !has_bubblewrap() {
        return;
    }
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    let person = Person::enrolled(&scene);
    person.enable(&scene, &pair.conversation, Mode::Yolo);
    let asked = ask(&mut pair.a, COUNT);
    let token = asked["approval_token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 64);
    let other = ask(&mut pair.b, "echo other");
    person.approve(&scene, &run_of(&scene, &pair, &asked));
    let mut changed = token.clone();
    changed.replace_range(..1, if token.starts_with('0') { "1" } else { "0" });
    let made_up = ["0".repeat(64), "f".repeat(64), changed, token.to_uppercase(), String::new()];
    let of_others =
        [other["approval_token"].as_str().unwrap().to_owned(), asked["run_id"].as_str().unwrap().to_owned()];
    for wrong in made_up.into_iter().chain(of_others).filter(|wrong| *wrong != token) {
        for arguments in [
            json!({"approval_token": wrong, "wait_seconds": 0}),
            json!({"approval_token": wrong, "command": COUNT, "wait_seconds": 0}),
        ] {
            let refused = pair.a.refused("execute_command", arguments);
            let code = refused["code"].as_str().unwrap();
            assert!(["approval_void", "invalid_arguments"].contains(&code), "{wrong}: {refused}");
        }
    }
    let refused = pair.b.refused("execute_command", json!({"approval_token": token, "wait_seconds": 0}));
    assert_eq!(refused["code"], "approval_void", "{refused}");
    let of_b = json!({"approval_token": token, "command": COUNT, "wait_seconds": 0});
    assert_eq!(pair.b.refused("execute_command", of_b)["code"], "approval_void");
    let refused = pair.a.refused(
        "execute_command",
        json!({"approval_token": token, "command": format!("{COUNT} "), "wait_seconds": 0}),
    );
    assert_eq!(refused["code"], "approval_void", "{refused}");
    assert_eq!(scene.count(), 0);
    pair.a.did("execute_command", json!({"approval_token": token}));
    assert_eq!(scene.count(), 1, "the one it belongs to is good");
    pair.end();
    scene.verified();
}

fn run_of(scene: &Scene, pair: &crate::scene::Pair, asked: &Value) -> Value {
    let runs = scene.runs(&pair.conversation);
    runs.into_iter().find(|run| run["run_id"] == asked["run_id"]).unwrap()
}

#[test]
fn agents_answer_nothing_that_the_person_did_not_want_them_to() {
    if !has_bubblewrap() {
        return;
    }
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    let person = Person::enrolled(&scene);
    let invited = pair.a.did("invite_agent", json!({"role": "careful", "permission": "approver"}));
    let mut c = scene.server("c");
    let credentials = json!({
        "conversation_id": pair.conversation, "session_id": invited["session_id"], "token": invited["token"],
    });
    c.did("join_conversation", credentials);
    for (mode, quorum) in [(Mode::Restricted, 0), (Mode::Yolo, 1)] {
        let terms = mab_core::execution::Terms { quorum, ..Person::terms(&scene, &pair.conversation, mode) };
        let enabled = person.enable_as(&scene, &terms);
        if enabled.is_err() {
            continue;
        }
        let asked = ask(&mut pair.a, "mkdir made");
        let approve = json!({
            "action": "approve", "run_id": asked["run_id"], "request_hash": asked["request_hash"],
        });
        for agent in [&mut pair.a, &mut pair.b, &mut c] {
            let refused = agent.refused("moderate", approve.clone());
            let code = refused["code"].as_str().unwrap();
            assert!(["forbidden", "approval_required"].contains(&code), "{mode} {refused}");
        }
        let refused = c.refused("execute_command", json!({"command": "ls"}));
        assert_eq!(refused["code"], "forbidden", "who answers asks for nothing itself");
        let again = json!({"approval_token": asked["approval_token"], "wait_seconds": 0});
        assert_eq!(pair.a.did("execute_command", again)["state"], "pending");
    }
    assert!(!scene.space.join("made").exists());
    c.end();
    pair.end();
    scene.verified();
}
