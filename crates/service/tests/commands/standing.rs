//! How commands stand, where agents and people look anyway.

use mab_core::{Clock as _, execution::Mode};
use serde_json::{Value, json};

use crate::bench::Scene;

async fn look(scene: &Scene, seen: Option<&Value>) -> Value {
    let mut asked = json!({"conversation_id": scene.id});
    if let Some(seen) = seen {
        asked["seen"] = seen["version"].clone();
    }
    scene.house.operator("watch", asked).await.unwrap()
}

#[tokio::test]
async fn standing_when_nothing_is_enabled_or_waits_is_absent() {
    let scene = Scene::new().await;
    let shown = scene.house.operator("show", json!({"conversation_id": scene.id})).await.unwrap();
    assert_eq!((shown.get("execution"), shown["state"].as_str()), (None, Some("active")));
    let looked = look(&scene, None).await;
    assert_eq!((looked["now"].get("execution"), looked["now"]["state"].as_str()), (None, Some("active")));
    let status = scene.a.ok(&scene.house.bridge, "check_partner_status", json!({})).await;
    assert_eq!(status.get("execution"), None);
}

#[tokio::test]
async fn agent_when_it_has_commands_run_is_alive() {
    let scene = Scene::enabled(Mode::Safe).await;
    scene.house.clock.advance_s(600);
    let partner = async || {
        let status = scene.b.ok(&scene.house.bridge, "check_partner_status", json!({})).await;
        status["partners"][0].clone()
    };
    assert_eq!(partner().await["alive"], false);
    scene.run(json!({"command": "ls"})).await;
    let after = partner().await;
    assert_eq!((&after["session_id"], &after["alive"]), (&json!("a"), &json!(true)), "{after}");
}

#[tokio::test]
async fn standing_when_commands_are_enabled_and_wait_is_shown_and_looked_at_until_it_ends() {
    let scene = Scene::new().await;
    let wish = json!({"mode": "restricted", "workspace": scene.workspace()});
    scene.b.ok(&scene.house.bridge, "enable_yolo_mode", wish).await;
    let wished = look(&scene, None).await;
    assert_eq!(wished["now"]["execution"], json!({"requests": 0, "wishes": 1}));
    assert_eq!(look(&scene, Some(&wished)).await, json!({"version": wished["version"]}));

    scene.enable(Mode::Restricted, |_| {}).await;
    let ends = scene.house.clock.now().plus_seconds(3_600).to_string();
    let enabled = json!({"mode": "restricted", "workspace": scene.workspace(), "expires_at": ends});
    let looked = look(&scene, Some(&wished)).await;
    assert_eq!(looked["now"]["execution"], json!({"enabled": enabled, "requests": 0, "wishes": 0}));
    assert_eq!(look(&scene, Some(&looked)).await, json!({"version": looked["version"]}));
    let status = scene.a.ok(&scene.house.bridge, "check_partner_status", json!({})).await;
    assert_eq!(status["execution"], enabled);

    scene.pending("touch made").await;
    let asked = look(&scene, Some(&looked)).await;
    let expected = json!({"enabled": enabled, "requests": 1, "wishes": 0});
    assert_eq!(asked["now"]["execution"], expected);
    let shown = scene.house.operator("show", json!({"conversation_id": scene.id})).await.unwrap();
    assert_eq!(shown["execution"], expected);

    // Nothing is written when a request's time is over, and then when the terms' is.
    scene.house.clock.advance_s(1_800);
    let late = look(&scene, Some(&asked)).await;
    assert_eq!(late["now"]["execution"], json!({"enabled": enabled, "requests": 0, "wishes": 0}));
    assert_eq!(look(&scene, Some(&late)).await, json!({"version": late["version"]}));
    scene.house.clock.advance_s(1_800);
    let over = look(&scene, Some(&late)).await;
    assert_eq!((over["now"].get("execution"), over["now"]["state"].as_str()), (None, Some("active")));
    assert_eq!(look(&scene, Some(&over)).await, json!({"version": over["version"]}));
}

#[tokio::test]
async fn agent_when_it_joins_is_told_what_is_enabled_unless_it_may_not_read() {
    let scene = Scene::enabled(Mode::Safe).await;
    for (permission, is_told) in [("member", true), ("auditor", false)] {
        let invited = json!({"role": "late", "permission": permission});
        let invited = scene.a.ok(&scene.house.bridge, "invite_agent", invited).await;
        let joining = json!({"conversation_id": scene.id, "session_id": invited["session_id"], "token": invited["token"]});
        let late = crate::kit::Agent::new(9);
        let joined = late.ok(&scene.house.bridge, "join_conversation", joining).await;
        assert_eq!(joined.pointer("/execution/mode"), is_told.then_some(&json!("safe")), "{joined}");
    }
}
