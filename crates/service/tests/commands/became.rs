//! What the agent is told that asks, by its token, for a request that has ended.

use std::sync::Arc;

use mab_core::{Clock as _, Code, Denied, execution::Mode};
use serde_json::{Value, json};

use crate::bench::{Scene, text};

/// Goes on with a request by its token.
async fn ended(scene: &Scene, pending: &Value) -> Denied {
    let denied = scene.refused(json!({"approval_token": pending["approval_token"]})).await;
    assert!(denied.message.contains(text(&pending["run_id"])), "{denied}");
    assert!(denied.hint.is_some(), "{denied:?}");
    denied
}

async fn answered(scene: &Scene, pending: &Value) -> Value {
    scene.run(json!({"approval_token": pending["approval_token"]})).await
}

#[tokio::test]
async fn request_that_ran_answers_with_what_is_recorded_and_runs_nothing() {
    let scene = Scene::enabled(Mode::Yolo).await;
    let pending = scene.pending("echo x >> runs; exit 3").await;
    scene.approve(&pending).await;
    scene.told(&scene.a).await;
    let first = answered(&scene, &pending).await;
    assert_eq!(first["state"], "finished");
    for bridge in [&scene.house.bridge, &scene.house.second_bridge()] {
        let token = json!({"approval_token": pending["approval_token"]});
        let again = scene.a.ok(bridge, "execute_command", token).await;
        assert_eq!(again["state"], "ran", "{again}");
        for same in ["run_id", "request_hash", "outcome", "exit_code", "assurance", "duration_ms"] {
            assert_eq!(again[same], first[same], "{same}");
        }
        assert!(again["ended_at"].is_string() && again.get("stdout").is_none(), "{again}");
        let next = text(&again["next"]);
        assert!(next.contains("check_messages") && next.contains("msg_"), "{next}");
    }
    assert_eq!(scene.file("runs").as_deref(), Some("x\n"));
}

#[tokio::test]
async fn request_that_ran_until_the_operator_ended_it_says_so() {
    let scene = Arc::new(Scene::enabled(Mode::Yolo).await);
    let pending = scene.pending("touch began; sleep 600").await;
    scene.approve(&pending).await;
    let (own, token) = (Arc::clone(&scene), json!({"approval_token": pending["approval_token"]}));
    let call = tokio::spawn(async move { own.run(token).await });
    while scene.file("began").is_none() {
        tokio::task::yield_now().await;
    }
    scene.disable().await;
    assert_eq!(call.await.unwrap()["reason"], "ended_by_operator");
    let again = answered(&scene, &pending).await;
    assert_eq!((&again["outcome"], &again["reason"]), (&json!("killed"), &json!("ended_by_operator")));
}

#[tokio::test]
async fn request_that_was_denied_says_by_whom() {
    let scene = Scene::new().await;
    scene
        .enable(Mode::Restricted, |terms| {
            terms.quorum = 1;
            terms.approvers = vec!["c".to_owned()];
        })
        .await;
    let pending = scene.pending("touch made").await;
    scene.deny(&pending).await;
    let denied = ended(&scene, &pending).await;
    assert_eq!(denied.code, Code::CommandDenied);
    assert!(denied.message.contains("the operator denied it at 20"), "{denied}");
    assert!(denied.hint.unwrap().contains("check_messages"));
    let pending = scene.pending("touch made").await;
    let refusing = json!({"action": "refuse", "run_id": pending["run_id"]});
    scene.c.ok(&scene.house.bridge, "moderate", refusing).await;
    let denied = ended(&scene, &pending).await;
    assert_eq!(denied.code, Code::CommandDenied);
    assert!(denied.message.contains("c, an approver, denied it at 20"), "{denied}");
}

#[tokio::test]
async fn request_that_nobody_answered_says_so() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.house.clock.advance_s(1_800);
    let void = ended(&scene, &pending).await;
    assert_eq!(void.code, Code::ApprovalVoid);
    assert!(void.message.contains("nobody answered it in time"), "{void}");
    assert!(void.hint.unwrap().contains("without approval_token"));
}

#[tokio::test]
async fn request_waits_no_longer_than_what_is_enabled_holds() {
    let scene = Scene::new().await;
    let end = scene.house.clock.now().plus_seconds(600);
    scene.enable(Mode::Restricted, |terms| terms.expires_at_ms = end.millis()).await;
    let pending = scene.pending("touch made").await;
    assert_eq!(pending["expires_at"], end.to_string());
    let told = scene.told(&scene.b).await;
    assert!(told.last().unwrap().contains(&format!("until {end}")), "{told:?}");
}

#[tokio::test]
async fn terms_that_replace_others_say_so() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let first = scene.told(&scene.b).await;
    assert!(!first.last().unwrap().contains("enabled before"), "{first:?}");
    scene.enable(Mode::Safe, |_| {}).await;
    let told = scene.told(&scene.b).await;
    assert!(told.last().unwrap().contains("What was enabled before has ended"), "{told:?}");
}

#[tokio::test]
async fn request_that_was_agreed_to_and_not_started_says_so() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    scene.house.clock.advance_s(300);
    let void = ended(&scene, &pending).await;
    assert_eq!(void.code, Code::ApprovalVoid);
    assert!(void.message.contains("agreed to at 20") && void.message.contains("5 minutes"), "{void}");
}

#[tokio::test]
async fn request_that_was_taken_back_says_so() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.a.ok(&scene.house.bridge, "enable_yolo_mode", json!({"mode": "disabled"})).await;
    let void = ended(&scene, &pending).await;
    assert_eq!(void.code, Code::ApprovalVoid);
    assert!(void.message.contains("a took it back at 20"), "{void}");
}

#[tokio::test]
async fn request_that_ended_with_what_was_enabled_says_so() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.disable().await;
    let disabled = ended(&scene, &pending).await;
    assert_eq!(disabled.code, Code::ExecutionDisabled, "nothing is enabled now");
    assert!(disabled.message.contains("the operator ended what was enabled"), "{disabled}");
    assert!(disabled.hint.unwrap().contains("mab yolo enable"));
    scene.enable(Mode::Restricted, |_| {}).await;
    let void = ended(&scene, &pending).await;
    assert_eq!(void.code, Code::ApprovalVoid, "something is enabled again");
    assert!(void.message.contains("ended what was enabled"), "{void}");
    let pending = scene.pending("touch made").await;
    scene.enable(Mode::Restricted, |_| {}).await;
    let void = ended(&scene, &pending).await;
    assert_eq!(void.code, Code::ApprovalVoid);
    assert!(void.message.contains("the operator enabled commands anew"), "{void}");
}

#[tokio::test]
async fn request_whose_server_died_says_so() {
    let scene = Scene::enabled(Mode::Yolo).await;
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    // As a server leaves it that is killed while the command runs.
    let database = rusqlite::Connection::open(scene.house.database()).unwrap();
    let started = "UPDATE run SET state = 'running', started_at = decided_at";
    assert_eq!(database.execute(started, []).unwrap(), 1);
    assert_eq!(answered(&scene, &pending).await["state"], "running");
    scene.house.clock.advance_s(301);
    let void = ended(&scene, &pending).await;
    assert_eq!(void.code, Code::ApprovalVoid);
    assert!(void.message.contains("its server died"), "{void}");
    assert!(void.hint.unwrap().contains("look at the workspace"));
}

#[tokio::test]
async fn request_that_has_ended_is_nothing_to_others_nor_with_another_command() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    scene.deny(&pending).await;
    let token = &pending["approval_token"];
    let other = scene.b.call(&scene.house.bridge, "execute_command", json!({"approval_token": token})).await;
    let other = other.unwrap_err();
    assert_eq!(other.code, Code::ApprovalVoid);
    assert!(other.message.starts_with("no request of yours has this approval_token"), "{other}");
    let another = scene.refused(json!({"approval_token": token, "command": "touch other"})).await;
    assert!(another.message.contains("belongs to another command"), "{another}");
}
