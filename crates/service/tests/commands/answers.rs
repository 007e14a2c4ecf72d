//! Requests that wait: agreed to, refused, taken back, too late.

use mab_core::{Code, execution::Mode};
use serde_json::json;

use crate::bench::{Scene, text};

#[tokio::test]
async fn write_when_mode_is_restricted_waits_for_the_yes_and_runs_once() {
    let scene = Scene::enabled(Mode::Restricted).await;
    for agent in [&scene.a, &scene.b, &scene.c] {
        scene.told(agent).await;
    }
    let pending = scene.pending("touch made").await;
    assert_eq!(scene.file("made"), None);
    scene.approve(&pending).await;
    assert_eq!(scene.file("made"), None, "a yes alone runs nothing");
    let answer = scene.run(json!({"approval_token": pending["approval_token"]})).await;
    assert_eq!((&answer["outcome"], &answer["exit_code"]), (&json!("exited"), &json!(0)), "{answer}");
    assert_eq!(answer["assurance"], "passphrase");
    assert_eq!(answer["request_hash"], pending["request_hash"]);
    assert_eq!(scene.file("made").as_deref(), Some(""));
    let again = scene.run(json!({"approval_token": pending["approval_token"]})).await;
    assert_eq!((&again["state"], &again["run_id"]), (&json!("ran"), &pending["run_id"]));
    for agent in [&scene.a, &scene.b, &scene.c] {
        let told = scene.told(agent).await;
        assert_eq!(told.len(), 3, "request, decision, result: {told:?}");
        assert!(told.iter().all(|one| one.contains(text(&pending["run_id"]))), "{told:?}");
    }
}

#[tokio::test]
async fn third_denial_when_it_comes_locks_until_a_person_lifts_it() {
    let scene = Scene::enabled(Mode::Restricted).await;
    for number in 1..=3 {
        let pending = scene.pending(&format!("touch f{number}")).await;
        scene.deny(&pending).await;
        let void = scene.refused(json!({"approval_token": pending["approval_token"]})).await;
        assert_eq!(void.code, Code::CommandDenied, "{void}");
    }
    let denied = scene.refused(json!({"command": "ls"})).await;
    assert_eq!(denied.code, Code::ExecutionLocked);
    assert!(denied.hint.unwrap().contains(&format!("`mab yolo unlock {} a`", scene.id)));
    let unlocking = json!({"conversation_id": scene.id, "session_id": "a"});
    scene.house.operator("execution_unlock", unlocking).await.unwrap();
    assert_eq!(scene.run(json!({"command": "ls"})).await["outcome"], "exited");
}
