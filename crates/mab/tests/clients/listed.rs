//! What a model learns of the bridge before it calls anything.

use mab_service::table::{Audience, operations};

use crate::{
    claude::Claude,
    codex::Codex,
    model::{Dialect, Model, say},
    place::{Place, clients},
    scene::Scene,
    shown::Shown,
};

/// A phrase of the instructions that every server sends.
const INSTRUCTED: &str = "mab lets coding agents";

/// Asserts that every tool is listed but those that run commands, by its name and with its description, and readable without looking it up.
fn assert_listed(shown: &Shown) {
    // Claude Code shows three dots for an ellipsis.
    let dotted = |text: &str| text.replace('…', "...");
    let ours = || shown.tools().iter().filter(|tool| tool.of_bridge);
    let mut listed: Vec<_> = ours().map(|tool| (&*tool.name, dotted(&tool.description))).collect();
    listed.sort_unstable();
    let of_commands = ["enable_yolo_mode", "execute_command"];
    let tools = operations()
        .iter()
        .filter(|operation| operation.audience == Audience::Agent && !of_commands.contains(&operation.name));
    let mut known: Vec<_> = tools.map(|tool| (tool.name, dotted(tool.description))).collect();
    known.sort_unstable();
    assert_eq!(listed, known);
    let deferred: Vec<_> = ours().filter(|tool| tool.deferred).collect();
    assert!(deferred.is_empty(), "{deferred:?}");
}

#[test]
fn claude_when_it_starts_lists_every_tool_and_the_instructions_with_the_systems_words() {
    let Some(clients) = clients(&["claude"]) else { return };
    let place = Place::new();
    // Its settings alone let no agent ask for commands.
    Scene::new(&place, "claude");
    let model = Model::start(Dialect::Messages, [say("hello")]);
    Claude::new(&clients, &place, "claude").ask(&model, "Hello.", &[]).succeeds();
    assert_listed(&model.last());
    assert_eq!(model.last().roles_saying(INSTRUCTED), ["system"]);
}

#[test]
fn codex_when_it_starts_lists_every_tool_and_the_instructions_beside_them() {
    let Some(clients) = clients(&["codex"]) else { return };
    let place = Place::new();
    Scene::new(&place, "codex");
    let model = Model::start(Dialect::Responses, [say("hello")]);
    Codex::new(&clients, &place, "codex").ask(&model, "Hello.", &[]).succeeds();
    assert_listed(&model.last());
    assert_eq!(model.last().roles_saying(INSTRUCTED), ["namespace"]);
}
