//! What is enabled and what waits, where a person looks anyway.

use std::io::{BufRead as _, BufReader};

use mab_core::execution::Mode;
use serde_json::{Value, json};

use crate::{
    client::Client,
    person::Person,
    scene::{Pair, Scene, ask, has_bubblewrap},
};

/// The lines of `mab watch` up to the first one that this finds; it is ended then.
fn watched<T>(scene: &Scene, words: &[&str], find: impl Fn(&str) -> Option<T>) -> T {
    let mut watch = scene.mab(words).spawn().unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut seen = Vec::new();
    let found = lines.inspect(|line| seen.push(line.clone())).find_map(|line| find(&line));
    watch.kill().unwrap();
    watch.wait().unwrap();
    found.unwrap_or_else(|| panic!("{seen:#?}"))
}

fn shown(scene: &Scene, conversation: &str) -> String {
    let output = scene.mab(&["show", conversation]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn wish(agent: &mut Client) {
    agent.did("enable_yolo_mode", json!({"mode": "restricted"}));
}

#[test]
fn commands_that_are_enabled_and_wait_are_in_show_and_watch() {
    if !has_bubblewrap() {
        return;
    }
    let scene = Scene::new("restricted");
    let mut pair = scene.pair();
    let id = pair.conversation.clone();
    assert!(!shown(&scene, &id).contains("\ncommands\t"));
    wish(&mut pair.b);
    assert!(shown(&scene, &id).contains("\ncommands\t-\nrequests\t0\nwishes\t1\n"));

    let person = Person::enrolled(&scene);
    let terms = Person::terms(&scene, &id, Mode::Restricted);
    person.enable_as(&scene, &terms).unwrap();
    ask(&mut pair.a, "touch made");
    let (space, ends) = (scene.space.display().to_string(), terms.expires_at().to_string());
    let fields =
        format!("\ncommands\trestricted\ncommands_end\t{ends}\nworkspace\t{space}\nrequests\t1\nwishes\t0\n");
    let text = shown(&scene, &id);
    assert!(text.contains(&fields), "{text}");

    let line = |line: &str| line.starts_with("commands\t").then(|| line.to_owned());
    let plain = watched(&scene, &["watch", &id, "--plain"], line);
    assert_eq!(plain, format!("commands\trestricted\t{ends}\t1\t0\t{space}"));
    let event = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        (event["event"] == "commands").then_some(event)
    };
    let enabled = json!({"mode": "restricted", "workspace": space, "expires_at": ends});
    assert_eq!(
        watched(&scene, &["watch", &id, "--json"], event),
        json!({"event": "commands", "enabled": enabled, "requests": 1, "wishes": 0})
    );
    let Pair { a, b, .. } = pair;
    a.end();
    b.end();
}
