//! Ending what is enabled while a command runs.

use mab_core::{Code, execution::Mode};
use rustix::process::Signal;
use serde_json::json;

use crate::{
    person::Person,
    scene::{Scene, has_bubblewrap},
};

#[test]
fn disable_when_the_server_that_runs_a_command_is_stopped_says_which_goes_on() {
    if !has_bubblewrap() {
        return;
    }
    let scene = Scene::new("restricted");
    let mut pair = scene.pair();
    Person::enrolled(&scene).enable(&scene, &pair.conversation, Mode::Restricted);
    let arguments = json!({"conversation_id": pair.conversation, "argv": ["sleep", "60"]});
    pair.a.ask("tools/call", json!({"name": "execute_command", "arguments": arguments}));
    let run = loop {
        if let Some(run) = scene.runs(&pair.conversation).pop() {
            break run;
        }
    };
    assert_eq!(run["state"], "running", "{run}");
    let disable = || scene.mab(&["yolo", "disable", &pair.conversation]).output().unwrap();
    pair.a.signal(Signal::STOP);
    let goes_on = disable();
    let said = String::from_utf8_lossy(&goes_on.stderr).into_owned();
    assert_eq!(goes_on.status.code(), Some(i32::from(Code::Conflict.row().exit_code)), "{goes_on:?}");
    assert!(said.contains(run["run_id"].as_str().unwrap()) && said.contains("mab mcp"), "{said}");
    assert!(scene.execution(&pair.conversation)["terms"].is_null(), "it has ended all the same");
    pair.a.signal(Signal::CONT);
    let ended = disable();
    assert!(ended.status.success(), "{ended:?}");
    let result = pair.a.answer();
    assert_eq!(result["result"]["structuredContent"]["outcome"], "killed", "{result}");
    pair.end();
}
