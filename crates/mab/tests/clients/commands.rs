//! Agents of real clients ask for commands: as `mab setup --commands` lets them, and as a person enabled it.

use std::{
    collections::BTreeSet,
    fs,
    sync::mpsc::{Sender, channel},
};

use mab_core::execution::Mode;
use serde_json::{Value, json};

use crate::{
    claude::Claude,
    codex::Codex,
    model::{Dialect, Model, Turn, call, call_with, say},
    person::Person,
    place::{Place, clients},
    scene::Scene,
    shown::Shown,
};

/// The tools that are there only for those who may ask for commands.
const OF_COMMANDS: [&str; 2] = ["enable_yolo_mode", "execute_command"];

fn listed(shown: &Shown) -> BTreeSet<&str> {
    shown.tools().iter().filter(|tool| tool.of_bridge).map(|tool| &*tool.name).collect()
}

/// A model that opens a conversation and, once a person has enabled commands, has this one run.
fn model(dialect: Dialect, command: &'static str) -> (Model, Sender<()>) {
    let (enabled, is_enabled) = channel();
    let run = call_with("execute_command", move |_| {
        is_enabled.recv().expect("a person enables it");
        json!({"command": command, "wait_seconds": 40})
    });
    let roles = json!({"my_role": "backend", "partner_role": "frontend"});
    let turns: [Turn; 3] = [call("create_conversation", roles), run, say("done")];
    (Model::start(dialect, turns), enabled)
}

/// Enables a mode where the model opened a conversation, and lets it go on.
fn enable(scene: &Scene, (model, enabled): (&Model, &Sender<()>), mode: Mode) -> (Person, String) {
    let opened = model.result_of("create_conversation");
    let conversation = opened["conversation_id"].as_str().unwrap().to_owned();
    let person = Person::enrolled(scene);
    person.enable(scene, &conversation, mode);
    enabled.send(()).unwrap();
    (person, conversation)
}

/// Asserts that the tools are there, and that the model reads what the command printed.
fn assert_read(model: &Model) {
    let shown = model.last();
    assert!(listed(&shown).is_superset(&OF_COMMANDS.into()), "{:?}", listed(&shown));
    let ran = model.result_of("execute_command");
    assert_eq!((&ran["state"], &ran["exit_code"]), (&json!("finished"), &json!(0)), "{ran}");
    assert_eq!(
        (&ran["stdout"]["head"], &ran["assurance"]),
        (&json!("notes.txt\n"), &json!("policy")),
        "{ran}"
    );
}

#[test]
fn claude_when_set_up_for_commands_lists_the_tools_and_reads_what_one_prints() {
    let Some(clients) = clients(&["claude"]) else { return };
    let place = Place::new();
    let scene = Scene::new(&place, "claude");
    let (model, enabled) = model(Dialect::Messages, "ls");
    let claude = Claude::set_up(&clients, &place, "claude", &["--commands"]);
    let running = claude.ask(&model, "List the files.", &[]);
    enable(&scene, (&model, &enabled), Mode::Safe);
    running.succeeds();
    assert_read(&model);
}

#[test]
fn codex_when_set_up_for_commands_lists_the_tools_and_reads_what_one_prints() {
    let Some(clients) = clients(&["codex"]) else { return };
    let place = Place::new();
    let scene = Scene::new(&place, "codex");
    let (model, enabled) = model(Dialect::Responses, "ls");
    let codex = Codex::set_up(&clients, &place, "codex", &["--commands"]);
    let running = codex.ask(&model, "List the files.", &[]);
    enable(&scene, (&model, &enabled), Mode::Safe);
    running.succeeds();
    assert_read(&model);
}

#[test]
fn claude_when_its_command_is_approved_while_it_waits_gets_the_result_from_the_same_call() {
    let Some(clients) = clients(&["claude"]) else { return };
    if !["/usr/bin/bwrap", "/usr/local/bin/bwrap"].iter().any(|path| fs::metadata(path).is_ok()) {
        println!("SKIPPED: bubblewrap is not installed");
        return;
    }
    let place = Place::new();
    let scene = Scene::new(&place, "claude");
    let (model, enabled) = model(Dialect::Messages, "touch made");
    let claude = Claude::new(&clients, &place, "claude").with_commands();
    let running = claude.ask(&model, "Make it.", &[]);
    let (person, conversation) = enable(&scene, (&model, &enabled), Mode::Restricted);
    person.approve(&scene, &scene.waiting(&conversation));
    running.succeeds();
    let ran: Vec<Value> = model.last().results("execute_command").into_iter().cloned().collect();
    assert_eq!(ran.len(), 1, "{ran:?}");
    assert_eq!(
        (&ran[0]["state"], &ran[0]["assurance"]),
        (&json!("finished"), &json!("passphrase")),
        "{ran:?}"
    );
    assert!(scene.space.join("made").exists());
}
