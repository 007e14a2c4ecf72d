//! What was wrong with running commands in the original bridge, each as a test against this one.

use mab_core::execution::Mode;
use serde_json::json;

use crate::{
    person::Person,
    scene::{Scene, has_bubblewrap},
};

/// There `enable_yolo_mode` looked at no token and no conversation, and took a timeout of -5 and any folder.
#[test]
fn y1_enabling_without_credentials_or_with_impossible_values_is_refused() {
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    for (arguments, code) in [
        (
            json!({"mode": "yolo", "token": "0".repeat(64), "session_id": "a", "conversation_id": pair.conversation}),
            "invalid_token",
        ),
        (
            json!({"mode": "yolo", "token": "0".repeat(64), "session_id": "a", "conversation_id": "conv_eeeeeeeeeeeeeeee"}),
            "invalid_token",
        ),
        (json!({"mode": "yolo", "timeout": -5}), "invalid_arguments"),
        (json!({"mode": "yolo", "timeout": 0}), "invalid_arguments"),
        (json!({"mode": "yolo", "timeout": 100_000}), "invalid_arguments"),
        (json!({"mode": "yolo", "workspace": "relative"}), "invalid_arguments"),
        (json!({"mode": "everything"}), "invalid_arguments"),
        (json!({"mode": "safe", "mode_override": "yolo"}), "invalid_arguments"),
    ] {
        let refused = pair.a.refused("enable_yolo_mode", arguments.clone());
        assert_eq!(refused["code"], code, "{arguments}: {refused}");
        scene.nothing_happened(&pair.conversation);
    }
    pair.end();
    scene.verified();
}

/// There no command could ever run.
#[test]
fn y2_command_that_reads_runs_at_once_where_a_person_enabled_it() {
    let scene = Scene::new("safe");
    let mut pair = scene.pair();
    Person::enrolled(&scene).enable(&scene, &pair.conversation, Mode::Safe);
    for agent in [&mut pair.a, &mut pair.b] {
        let ran = agent.did("execute_command", json!({"command": "cat notes.txt"}));
        assert_eq!((&ran["state"], &ran["assurance"]), (&json!("finished"), &json!("policy")), "{ran}");
        assert_eq!(ran["stdout"]["head"], "one\ntwo\n", "{ran}");
    }
    pair.end();
    scene.verified();
}

/// There mode `safe` ran whatever followed a separator.
#[test]
fn v1_nothing_runs_behind_a_command_that_reads() {
    let scene = Scene::new("safe");
    let mut pair = scene.pair();
    Person::enrolled(&scene).enable(&scene, &pair.conversation, Mode::Safe);
    for tail in [
        " ; rm notes.txt",
        " & rm notes.txt",
        "\nrm notes.txt",
        " && python3 -c 1",
        " | sh -c 'rm notes.txt'",
        " > notes.txt",
        " $(rm notes.txt)",
        " `rm notes.txt`",
    ] {
        let refused = pair.a.refused("execute_command", json!({"command": format!("ls{tail}")}));
        assert_eq!(refused["code"], "command_denied", "{tail}: {refused}");
    }
    for command in ["find . -delete", "find . -exec sh -c 'rm notes.txt' ';'", "env sh -c 'rm notes.txt'"] {
        let refused = pair.a.refused("execute_command", json!({"command": command}));
        assert_eq!(refused["code"], "command_denied", "{command}: {refused}");
    }
    assert_eq!(std::fs::read_to_string(scene.space.join("notes.txt")).unwrap(), "one\ntwo\n");
    pair.end();
}

/// There mode `safe` read everything, and commands had the server's whole environment.
#[test]
fn v2_commands_read_neither_files_outside_nor_the_servers_environment() {
    let scene = Scene::new("safe");
    let mut pair = scene.pair();
    Person::enrolled(&scene).enable(&scene, &pair.conversation, Mode::Safe);
    for command in
        ["head -1 /etc/shadow", "cat /proc/self/environ", "env", "cat ../home/.config/mab/config.toml"]
    {
        let refused = pair.a.refused("execute_command", json!({"command": command}));
        assert_eq!(refused["code"], "command_denied", "{command}: {refused}");
    }
    pair.end();
}

/// There whatever stood behind `git log ;` ran in mode `restricted`.
#[test]
fn v3_tails_of_listed_tools_do_not_run() {
    if !has_bubblewrap() {
        return;
    }
    let scene = Scene::new("restricted");
    let mut pair = scene.pair();
    Person::enrolled(&scene).enable(&scene, &pair.conversation, Mode::Restricted);
    for command in [
        "git log ; touch made",
        "git log ; perl -e 1",
        "git push --receive-pack=cmd ./rem.git",
        "git diff --output=f",
        "npm run x; touch made",
    ] {
        let answer = pair.a.call("execute_command", json!({"command": command, "wait_seconds": 0}));
        let told = &answer["structuredContent"];
        assert!(told["code"] == "command_denied" || told["state"] == "pending", "{command}: {answer}");
        pair.a.did("enable_yolo_mode", json!({"mode": "disabled"}));
    }
    assert!(!scene.space.join("made").exists());
    pair.end();
    scene.verified();
}

/// There a command read the server's stdin, which is the protocol.
#[test]
fn x3_command_that_reads_its_stdin_gets_nothing_of_the_protocol() {
    let scene = Scene::new("safe");
    let mut pair = scene.pair();
    Person::enrolled(&scene).enable(&scene, &pair.conversation, Mode::Safe);
    let ran = pair.a.did("execute_command", json!({"command": "cat -"}));
    assert_eq!((&ran["exit_code"], &ran["stdout"]["total_bytes"]), (&json!(0), &json!(0)), "{ran}");
    pair.a.ping();
    pair.end();
}

/// There the result went to the partner and into the trail as it was.
#[test]
fn x6_secret_that_a_command_prints_reaches_nobody() {
    let secret = concat!("AKIA", "QW3E", "RT5Y", "UI7O", "PA9S");
    let scene = Scene::new("safe");
    std::fs::write(scene.space.join("settings.txt"), format!("aws_access_key_id = {secret}\n")).unwrap();
    let mut pair = scene.pair();
    Person::enrolled(&scene).enable(&scene, &pair.conversation, Mode::Safe);
    let ran = pair.a.did("execute_command", json!({"command": "cat settings.txt"}));
    assert!(!ran.to_string().contains(secret), "{ran}");
    let told = pair.b.did("check_messages", json!({})).to_string();
    assert!(!told.contains(secret) && told.contains("settings.txt"), "{told}");
    let asked = pair.a.refused("execute_command", json!({"command": format!("grep {secret} settings.txt")}));
    assert_eq!(asked["code"], "secret_refused", "{asked}");
    assert!(!asked.to_string().contains(secret), "{asked}");
    pair.end();
    scene.verified();
}

/// There `disabled` kept the executor, and an argument widened the mode.
#[test]
fn x8_mode_comes_from_the_person_and_no_argument_widens_it() {
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    Person::enrolled(&scene).enable(&scene, &pair.conversation, Mode::Safe);
    for more in [
        json!({"mode": "yolo"}),
        json!({"mode_override": "yolo"}),
        json!({"sandbox": false}),
        json!({"workspace": "/"}),
    ] {
        let mut arguments = json!({"command": "touch made"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(pair.a.refused("execute_command", arguments)["code"], "invalid_arguments", "{more}");
    }
    pair.a.did("enable_yolo_mode", json!({"mode": "yolo"}));
    assert_eq!(pair.a.refused("execute_command", json!({"command": "touch made"}))["code"], "command_denied");
    scene.operator("execution_disable", json!({"conversation_id": pair.conversation})).unwrap();
    assert_eq!(pair.a.refused("execute_command", json!({"command": "ls"}))["code"], "execution_disabled");
    assert!(!scene.space.join("made").exists());
    pair.end();
    scene.verified();
}
