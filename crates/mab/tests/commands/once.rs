//! One approval, many processes.

use mab_core::execution::Mode;
use serde_json::{Value, json};

use crate::{
    person::Person,
    scene::{COUNT, Scene, ask, has_bubblewrap},
};

/// Servers of one agent that use its approval at once.
const PROCESSES: usize = 64;

#[test]
fn approval_when_64_processes_use_it_at_once_is_used_once() {
    if !has_bubblewrap() {
        return;
    }
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    let person = Person::enrolled(&scene);
    person.enable(&scene, &pair.conversation, Mode::Yolo);
    let asked = ask(&mut pair.a, COUNT);
    // Every server is there and has found its sandbox before anything is approved.
    let mut servers: Vec<_> = (0..PROCESSES).map(|_| scene.server("a")).collect();
    let dry = json!({"conversation_id": pair.conversation, "command": COUNT, "dry_run": true});
    for server in &mut servers {
        server.did("execute_command", dry.clone());
    }
    person.approve(&scene, &scene.waiting(&pair.conversation));
    let again = json!({
        "conversation_id": pair.conversation, "approval_token": asked["approval_token"], "wait_seconds": 0,
    });
    let params = json!({"name": "execute_command", "arguments": again});
    for server in &mut servers {
        server.ask("tools/call", params.clone());
    }
    let answers: Vec<Value> = servers.iter_mut().map(|server| server.answer()["result"].clone()).collect();
    let told = answers.iter().map(|answer| &answer["structuredContent"]);
    let (ran, others): (Vec<_>, Vec<_>) = told.partition(|told| told["state"] == "finished");
    assert_eq!((ran.len(), others.len()), (1, PROCESSES - 1), "{answers:?}");
    for told in others {
        // Who comes late hears that it runs, or ran.
        let is_late = told["state"] == "running" || told["state"] == "ran";
        assert!(is_late || told["code"] == "approval_void", "{told}");
    }
    assert_eq!(scene.count(), 1, "it ran once");
    drop(servers);
    pair.end();
    scene.verified();
}
