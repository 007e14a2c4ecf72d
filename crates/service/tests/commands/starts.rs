//! What voids a yes between the yes and the start, and what does not.

use std::sync::Arc;

use mab_core::{Code, execution::Mode};
use serde_json::{Value, json};

use crate::{
    bench::{Scene, text},
    kit::Agent,
};

/// Goes on with an approved request.
async fn go_on(scene: &Scene, pending: &Value) -> Code {
    scene.refused(json!({"approval_token": pending["approval_token"]})).await.code
}

#[tokio::test]
async fn yes_when_the_server_was_started_anew_is_used_by_the_same_call() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    // Another process, which knows nothing but the store.
    let other = scene.house.second_bridge();
    let answer = scene.a.ok(&other, "execute_command", json!({"command": "touch made"})).await;
    assert_eq!((&answer["run_id"], &answer["outcome"]), (&pending["run_id"], &json!("exited")));
    assert_eq!(scene.run(json!({"approval_token": pending["approval_token"]})).await["state"], "ran");
}

#[tokio::test]
async fn command_when_asked_again_while_it_waits_joins_the_request() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let (first, second) = (scene.pending("touch made").await, scene.pending("touch made").await);
    assert_eq!(first, second);
    assert_ne!(scene.pending("touch other").await["run_id"], first["run_id"]);
    assert_eq!(scene.standing().await["runs"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn fourth_request_when_three_wait_is_refused() {
    let scene = Scene::enabled(Mode::Restricted).await;
    for number in 0..3 {
        scene.pending(&format!("touch f{number}")).await;
    }
    assert_eq!(scene.refused(json!({"command": "touch f3"})).await.code, Code::QuotaExceeded);
    assert_eq!(scene.run(json!({"command": "ls"})).await["outcome"], "exited", "reads are not kept waiting");
}

#[tokio::test]
async fn yes_when_it_is_older_than_five_minutes_is_void_and_everybody_is_told() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    scene.told(&scene.b).await;
    scene.house.clock.advance_s(300);
    assert_eq!(go_on(&scene, &pending).await, Code::ApprovalVoid);
    let told = scene.told(&scene.b).await;
    assert!(told.len() == 1 && told[0].contains("not started in time"), "{told:?}");
    assert_eq!(scene.file("made"), None);
}

#[tokio::test]
async fn request_when_nobody_answers_in_half_an_hour_ends_and_everybody_is_told() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.told(&scene.b).await;
    scene.house.clock.advance_s(1_800);
    assert_eq!(go_on(&scene, &pending).await, Code::ApprovalVoid);
    let told = scene.told(&scene.b).await;
    assert!(told.len() == 1 && told[0].starts_with("Nobody answered"), "{told:?}");
}

#[tokio::test]
async fn yes_when_the_clock_was_set_back_is_void() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    scene.house.clock.advance_s(-600);
    scene.refused(json!({"approval_token": pending["approval_token"]})).await;
    assert_eq!(scene.file("made"), None);
}

#[tokio::test]
async fn yes_when_the_policy_changed_since_is_void() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    let rule = "[[rule]]\ncommand = [\"cargo\"]\ndecision = \"deny\"\nreason = \"not here\"\nexamples_match = [\"cargo test\"]\n";
    scene.write("policy.toml", rule);
    *scene.machine.policy.lock().unwrap() = Some(scene.workspace().join("policy.toml"));
    assert_eq!(go_on(&scene, &pending).await, Code::ApprovalVoid);
    assert_eq!(scene.file("made"), None);
}

#[tokio::test]
async fn yes_when_a_program_the_settings_or_the_time_changed_since_is_void() {
    for change in ["path", "environment", "time"] {
        let scene = Scene::enabled(Mode::Restricted).await;
        let pending = scene.pending("touch made").await;
        scene.approve(&pending).await;
        match change {
            "path" => {
                let folder = tempfile::tempdir().unwrap();
                std::fs::copy("/bin/true", folder.path().join("touch")).unwrap();
                scene.machine.settings.lock().unwrap().path = vec![folder.keep().canonicalize().unwrap()];
            }
            "environment" => {
                scene.machine.settings.lock().unwrap().environment = crate::bench::environment(&[("A", "b")]);
            }
            _ => *scene.machine.time_s.lock().unwrap() = Some(21),
        }
        assert_eq!(go_on(&scene, &pending).await, Code::ApprovalVoid, "{change}");
        assert_eq!(scene.file("made"), None, "{change}");
    }
}

#[tokio::test]
async fn yes_when_the_folder_is_another_one_since_is_void() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    std::fs::rename(scene.workspace(), scene.workspace().with_extension("gone")).unwrap();
    std::fs::create_dir(scene.workspace_path()).unwrap();
    assert_eq!(go_on(&scene, &pending).await, Code::ApprovalVoid);
    assert_eq!(scene.file("made"), None);
}

#[tokio::test]
async fn yes_when_what_is_enabled_was_ended_or_narrowed_since_is_void() {
    let scene = Scene::enabled(Mode::Yolo).await;
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    scene.enable(Mode::Restricted, |_| {}).await;
    assert_eq!(go_on(&scene, &pending).await, Code::ApprovalVoid);
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    scene.disable().await;
    assert_eq!(go_on(&scene, &pending).await, Code::ExecutionDisabled);
    assert_eq!(scene.file("made"), None);
}

#[tokio::test]
async fn yes_when_the_request_was_used_already_outside_of_the_store_is_void() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    let mut digest = [0; 32];
    hex::decode_to_slice(text(&pending["request_hash"]), &mut digest).unwrap();
    mab_service::Ledger::spend(scene.house.spent.as_ref(), &digest).unwrap();
    assert_eq!(go_on(&scene, &pending).await, Code::ApprovalVoid);
    assert_eq!(scene.file("made"), None);
}

#[tokio::test]
async fn yes_that_was_ended_when_an_older_state_of_the_store_comes_back_starts_nothing() {
    for end in ["denied", "taken back", "replaced"] {
        let scene = Scene::enabled(Mode::Yolo).await;
        let pending = scene.pending("touch made").await;
        scene.approve(&pending).await;
        match end {
            "denied" => scene.deny(&pending).await,
            "taken back" => {
                let taken = json!({"mode": "disabled"});
                scene.a.ok(&scene.house.bridge, "enable_yolo_mode", taken).await;
            }
            _ => drop(scene.enable(Mode::Yolo, |_| {}).await),
        }
        let database = rusqlite::Connection::open(scene.house.database()).unwrap();
        let back = "UPDATE run SET state = 'approved', ended_at = NULL, end_asked_at = NULL";
        assert_eq!(database.execute(back, []).unwrap(), 1);
        assert_eq!(go_on(&scene, &pending).await, Code::ApprovalVoid, "{end}");
        assert_eq!(scene.file("made"), None, "{end}");
    }
}

#[tokio::test]
async fn yes_when_the_conversation_is_paused_starts_nothing_and_is_good_afterwards() {
    let scene = Scene::enabled(Mode::Yolo).await;
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    scene.house.operator("pause", json!({"conversation_id": scene.id})).await.unwrap();
    let refused = scene.refused(json!({"approval_token": pending["approval_token"]})).await;
    assert_eq!(refused.code, Code::Paused);
    assert!(refused.hint.as_ref().unwrap().contains(&format!("`mab resume {}`", scene.id)), "{refused:?}");
    assert!(refused.message.contains("the yes stays good until "), "{refused}");
    assert_eq!(scene.file("made"), None);
    scene.house.operator("resume", json!({"conversation_id": scene.id})).await.unwrap();
    assert_eq!(scene.run(json!({"approval_token": pending["approval_token"]})).await["outcome"], "exited");
}

#[tokio::test]
async fn yes_when_another_command_writes_in_the_workspace_starts_nothing_and_is_good_afterwards() {
    let scene = Arc::new(Scene::enabled(Mode::Yolo).await);
    let first = scene.pending("touch began; while ! test -e end; do sleep 0.05; done").await;
    let second = scene.pending("touch made").await;
    scene.approve(&first).await;
    scene.approve(&second).await;
    let own = Arc::clone(&scene);
    let running =
        tokio::spawn(async move { own.run(json!({"approval_token": first["approval_token"]})).await });
    while scene.file("began").is_none() {
        assert!(!running.is_finished());
        tokio::task::yield_now().await;
    }
    let refused = scene.refused(json!({"approval_token": second["approval_token"]})).await;
    assert_eq!(refused.code, Code::Busy, "{refused}");
    assert!(refused.message.contains("the yes stays good until "), "{refused}");
    assert!(refused.retry_after_s.is_some() && refused.hint.unwrap().contains("approval_token"));
    scene.write("end", "");
    assert_eq!(running.await.unwrap()["outcome"], "exited");
    assert_eq!(scene.run(json!({"approval_token": second["approval_token"]})).await["outcome"], "exited");
    assert_eq!(scene.file("made").as_deref(), Some(""));
}

#[tokio::test]
async fn yes_when_too_many_commands_were_asked_for_is_good_afterwards() {
    let scene = Scene::with(|settings| settings.limits.execute_per_minute = 2).await;
    scene.enable(Mode::Restricted, |_| {}).await;
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    scene.run(json!({"command": "ls"})).await;
    assert_eq!(go_on(&scene, &pending).await, Code::RateLimited);
    scene.house.clock.advance_s(60);
    assert_eq!(scene.run(json!({"approval_token": pending["approval_token"]})).await["outcome"], "exited");
}

#[tokio::test]
async fn token_when_it_is_anothers_or_of_another_command_opens_nothing() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    let by = async |agent: &Agent, arguments: Value| {
        agent.call(&scene.house.bridge, "execute_command", arguments).await.unwrap_err().code
    };
    let token = &pending["approval_token"];
    assert_eq!(by(&scene.b, json!({"approval_token": token})).await, Code::ApprovalVoid);
    assert_eq!(
        by(&scene.a, json!({"approval_token": token, "command": "touch x"})).await,
        Code::ApprovalVoid
    );
    assert_eq!(by(&scene.a, json!({"approval_token": "0".repeat(64)})).await, Code::ApprovalVoid);
    assert_eq!(by(&scene.c, json!({"command": "ls"})).await, Code::Forbidden);
    assert_eq!(scene.file("made"), None);
}

#[tokio::test]
async fn yes_when_sixteen_calls_use_it_at_once_runs_one() {
    let scene = Arc::new(Scene::enabled(Mode::Yolo).await);
    let pending = scene.pending("echo x >> runs").await;
    scene.approve(&pending).await;
    let calls = (0..16).map(|_| {
        let (scene, token) = (Arc::clone(&scene), pending["approval_token"].clone());
        tokio::spawn(async move {
            scene.a.call(&scene.house.bridge, "execute_command", json!({"approval_token": token})).await
        })
    });
    let mut ran = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap() {
            Ok(answer) if answer["state"] == "finished" => ran += 1,
            Ok(answer) => assert!(["running", "ran"].contains(&text(&answer["state"])), "{answer}"),
            Err(denied) => assert_eq!(denied.code, Code::ApprovalVoid, "{denied}"),
        }
    }
    assert_eq!((ran, scene.file("runs").as_deref()), (1, Some("x\n")));
}
