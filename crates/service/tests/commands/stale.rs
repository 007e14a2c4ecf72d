//! Requests that are not what was asked for any more: they end, and asking anew works.

use mab_core::{Code, execution::Mode};
use serde_json::{Value, json};

use crate::bench::{Scene, text};

const GOOD: &str = "all:\n\t@echo good\n";
const OTHER: &str = "all:\n\t@echo other\n";

async fn asked() -> (Scene, Value) {
    let scene = Scene::enabled(Mode::Restricted).await;
    scene.write("Makefile", GOOD);
    let pending = scene.pending("make").await;
    scene.told(&scene.b).await;
    (scene, pending)
}

async fn verified(scene: &Scene) {
    let verified = scene.house.operator("audit_verify", json!({})).await.unwrap();
    assert_eq!(verified["ok"], true, "{verified}");
}

fn runs(standing: &Value) -> Vec<&str> {
    standing["runs"].as_array().unwrap().iter().map(|run| text(&run["run_id"])).collect()
}

#[tokio::test]
async fn request_when_a_file_changed_and_it_is_asked_again_is_replaced_and_everybody_is_told() {
    let (scene, first) = asked().await;
    scene.write("Makefile", OTHER);
    let second = scene.pending("make").await;
    assert_ne!(first["run_id"], second["run_id"]);
    assert_eq!(runs(&scene.standing().await), [text(&second["run_id"])]);
    let told = scene.told(&scene.b).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with(text(&first["run_id"])) && told[0].contains("Makefile"), "{told:?}");
    assert!(told[0].contains("it is not run. Why:\n| "), "{told:?}");
    assert!(told[1].contains(text(&second["run_id"])), "{told:?}");
    let void = scene.refused(json!({"approval_token": first["approval_token"]})).await;
    assert_eq!(void.code, Code::ApprovalVoid);
    assert!(void.message.contains("not what had been asked for any more"), "{void}");
    // It keeps no place: as often as one likes.
    for number in 0..5 {
        scene.write("Makefile", &format!("{OTHER}# {number}\n"));
        scene.pending("make").await;
    }
    assert_eq!(scene.standing().await["runs"].as_array().unwrap().len(), 1);
    verified(&scene).await;
}

#[tokio::test]
async fn yes_when_it_turns_out_void_ends_its_request_so_that_asking_anew_works() {
    let (scene, first) = asked().await;
    scene.approve(&first).await;
    scene.told(&scene.b).await;
    scene.write("Makefile", OTHER);
    let void = scene.refused(json!({"approval_token": first["approval_token"]})).await;
    assert_eq!(void.code, Code::ApprovalVoid);
    assert!(void.hint.as_ref().unwrap().contains("without approval_token"), "{void}");
    assert_eq!(runs(&scene.standing().await), [""; 0]);
    let told = scene.told(&scene.b).await;
    assert!(told.len() == 1 && told[0].contains("Makefile"), "{told:?}");
    // The file as it was brings nothing back.
    scene.write("Makefile", GOOD);
    assert_eq!(
        scene.refused(json!({"approval_token": first["approval_token"]})).await.code,
        Code::ApprovalVoid
    );
    let second = scene.pending("make").await;
    assert_ne!(first["run_id"], second["run_id"]);
    scene.approve(&second).await;
    assert_eq!(scene.run(json!({"command": "make"})).await["outcome"], "exited");
    verified(&scene).await;
}

#[tokio::test]
async fn yes_when_its_file_changed_and_the_command_is_asked_again_waits_for_another_yes() {
    let (scene, first) = asked().await;
    scene.approve(&first).await;
    scene.write("Makefile", OTHER);
    let second = scene.pending("make").await;
    assert_ne!(first["run_id"], second["run_id"]);
    verified(&scene).await;
}

#[tokio::test]
async fn request_when_the_policy_refuses_it_now_is_taken_back_and_refused() {
    let (scene, _) = asked().await;
    let rule = "[[rule]]\ncommand = [\"make\"]\ndecision = \"deny\"\nreason = \"not here\"\nexamples_match = [\"make\"]\n";
    scene.write("policy.toml", rule);
    *scene.machine.policy.lock().unwrap() = Some(scene.workspace().join("policy.toml"));
    assert_eq!(scene.refused(json!({"command": "make"})).await.code, Code::CommandDenied);
    assert_eq!(runs(&scene.standing().await), [""; 0]);
    verified(&scene).await;
}

#[tokio::test]
async fn request_when_two_servers_find_it_changed_at_once_ends_once() {
    let (scene, first) = asked().await;
    scene.write("Makefile", OTHER);
    let other = scene.house.second_bridge();
    let again = json!({"command": "make", "wait_seconds": 0});
    let (one, two) = tokio::join!(
        scene.a.ok(&scene.house.bridge, "execute_command", again.clone()),
        scene.a.ok(&other, "execute_command", again.clone())
    );
    for answer in [&one, &two] {
        assert_eq!(answer["state"], "pending", "{answer}");
        assert_ne!(answer["run_id"], first["run_id"]);
    }
    let told = scene.told(&scene.b).await;
    let ended = told.iter().filter(|one| one.contains("cannot run any more")).count();
    assert_eq!(ended, 1, "{told:?}");
    verified(&scene).await;
}

#[tokio::test]
async fn request_when_it_is_asked_anew_counts_as_one() {
    let scene = Scene::with(|settings| settings.limits.execute_per_minute = 2).await;
    scene.enable(Mode::Restricted, |_| {}).await;
    scene.write("Makefile", GOOD);
    scene.pending("make").await;
    scene.write("Makefile", OTHER);
    scene.pending("make").await;
    scene.pending("make").await;
    scene.write("Makefile", GOOD);
    assert_eq!(scene.refused(json!({"command": "make"})).await.code, Code::RateLimited);
}
