//! The ready-made prompts in real clients: fetched by what a user types, shown to the model, and played by it to the end.

use std::collections::BTreeMap;

use mab::mcp::{PROMPTS, Recipe, Side};
use mab_service::table::operations;
use serde_json::{Value, json};

use crate::{
    client::{ask, invitation},
    model::{Dialect, Model, Turn, call, call_with, say},
    place::{Place, clients},
    shown::Shown,
};

const TASK: &str = "Build the todo API";

/// The calls that the numbered steps of a prompt name, in order: each tool, and what is said of it.
fn steps(text: &str) -> Vec<(&'static str, String)> {
    let lines = text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    let named = |name: &str| operations().iter().find(|one| one.name == name).unwrap().name;
    lines
        .flat_map(|line| {
            let parts: Vec<&str> = line.split('`').skip(1).collect();
            parts.chunks(2).map(|pair| (named(pair[0]), pair[1].trim().to_owned())).collect::<Vec<_>>()
        })
        .collect()
}

/// A model that does what the prompt says, and nothing else; `entry` is how it comes into the conversation.
fn obedient(dialect: Dialect, recipe: &Recipe, side: Side, entry: &Value) -> Model {
    let mut turns = Vec::new();
    for (number, (tool, says)) in steps(&recipe.text(side, TASK)).into_iter().enumerate() {
        turns.push(if number == 0 { call(tool, entry.clone()) } else { turn(tool, &says, number, side) });
    }
    turns.push(say("done"));
    Model::start(dialect, turns)
}

fn turn(tool: &'static str, says: &str, number: usize, side: Side) -> Turn {
    let word = |text: &str| text.split([',', '.', ';', ':', ' ']).next().unwrap_or_default().to_owned();
    match tool {
        "update_my_status" => call(tool, json!({"status": word(says)})),
        "reserve_files" if says.starts_with("acquire") => {
            call(tool, json!({"action": "acquire", "paths": [format!("{}/{number}", side.as_str())]}))
        }
        "reserve_files" => call(tool, json!({"action": word(says)})),
        // One at a time, and a look between takes nothing: who is faster than its partner misses no step.
        "check_messages" if says.starts_with("wait_seconds") => {
            call(tool, json!({"wait_seconds": 600, "limit": 1}))
        }
        "check_messages" => call(tool, json!({"peek": true})),
        "send_to_partner" => {
            let kind = says.strip_prefix("action_type ").map(word);
            let replies = says.contains("reply_to");
            call_with(tool, move |shown| message(shown, number, kind, replies))
        }
        other => panic!("no step calls {other} in the middle"),
    }
}

fn message(shown: &Shown, number: usize, kind: Option<String>, replies: bool) -> Value {
    let mut arguments = json!({"message": format!("step {number}")});
    if let Some(kind) = kind {
        arguments["action_type"] = json!(kind);
    }
    let mut heard = shown.results("check_messages").into_iter().rev();
    let newest = heard.find_map(|answer| answer["messages"].as_array()?.last());
    if let Some(newest) = newest.filter(|_| replies) {
        arguments["reply_to"] = newest["message_id"].clone();
    }
    arguments
}

/// Each call that the prompt names was made, none was refused, and the agent ended as it is told to.
fn assert_played(model: &Model, recipe: &Recipe, side: Side) {
    let mut expected = BTreeMap::new();
    for (tool, _) in steps(&recipe.text(side, TASK)) {
        *expected.entry(tool).or_insert(0) += 1;
    }
    let shown = model.last();
    for (tool, count) in expected {
        let results = shown.results(tool);
        assert_eq!(results.len(), count, "{} {}: {tool}", recipe.name, side.as_str());
        assert!(results.iter().all(|result| result.is_object() && result["code"].is_null()), "{results:?}");
    }
    assert_eq!(shown.result("update_my_status").unwrap()["status"], "complete");
    let heard =
        shown.results("check_messages").into_iter().flat_map(|answer| answer["messages"].as_array().unwrap());
    assert!(heard.into_iter().all(|message| message["trust"] == "peer"));
}

/// Two agents, each in a client of its own, from the prompt to the end.
fn play(name: &str, second: Dialect) {
    let needed: &[&str] = if second == Dialect::Messages { &["claude"] } else { &["claude", "codex"] };
    let Some(clients) = clients(needed) else { return };
    let place = Place::new();
    let recipe = PROMPTS.iter().find(|recipe| recipe.name == name).unwrap();
    let roles = json!({
        "my_role": recipe.role(Side::First), "partner_role": recipe.role(Side::Second), "topic": "the todo API",
    });
    let first = obedient(Dialect::Messages, recipe, Side::First, &roles);
    let started = ask(&clients, &place, "first", &first, &format!("/mcp__mab__{name} first {TASK}"));

    let join = invitation(&first.result_of("create_conversation"));
    let other = obedient(second, recipe, Side::Second, &join);
    // Codex has no prompts of servers: its user pastes the text of the documentation.
    let typed = match second {
        Dialect::Messages => format!("/mcp__mab__{name} second {TASK}"),
        Dialect::Responses => recipe.text(Side::Second, TASK),
    };
    ask(&clients, &place, "second", &other, &typed).succeeds();
    started.succeeds();

    // Claude Code hands over the first word of the task only, and shows the model the line as it was typed.
    let word = "Build";
    assert_eq!(first.log()[0].roles_saying(&recipe.text(Side::First, word)), ["user"]);
    assert_eq!(first.log()[0].roles_saying(&format!("<command-args>first {TASK}</command-args>")), ["user"]);
    let task = if second == Dialect::Messages { word } else { TASK };
    assert_eq!(other.log()[0].roles_saying(&recipe.text(Side::Second, task)), ["user"]);
    assert_played(&first, recipe, Side::First);
    assert_played(&other, recipe, Side::Second);
}

#[test]
fn api_first_when_claude_and_codex_play_it_is_carried_to_the_end() {
    play("api-first", Dialect::Responses);
}

#[test]
fn security_review_when_two_claudes_play_it_is_carried_to_the_end() {
    play("security-review", Dialect::Messages);
}

#[test]
fn specialised_pair_when_claude_and_codex_play_it_is_carried_to_the_end() {
    play("specialised-pair", Dialect::Responses);
}

#[test]
fn parallel_debugging_when_two_claudes_play_it_is_carried_to_the_end() {
    play("parallel-debugging", Dialect::Messages);
}
