//! What an agent wishes, and what agents with the permission `approver` may answer.

use mab_core::{
    Code,
    execution::{Mode, Terms},
};
use serde_json::{Value, json};

use crate::{bench::Scene, kit::Agent};

async fn wish(scene: &Scene, arguments: Value) -> Value {
    scene.a.ok(&scene.house.bridge, "enable_yolo_mode", arguments).await
}

#[tokio::test]
async fn wish_when_filed_is_told_to_all_and_enables_nothing() {
    let scene = Scene::new().await;
    scene.told(&scene.b).await;
    let wished = json!({"mode": "yolo", "workspace": "/srv/project", "timeout": 60});
    let answer = wish(&scene, wished.clone()).await;
    assert_eq!(answer["state"], "requested");
    assert_eq!(answer.get("enabled"), None);
    assert!(answer["next"].as_str().unwrap().contains(&format!("`mab yolo enable {} --wish a`", scene.id)));
    assert_eq!(scene.refused(json!({"command": "ls"})).await.code, Code::ExecutionDisabled);
    // Wishing it again tells nobody again.
    wish(&scene, wished).await;
    let told = scene.told(&scene.b).await;
    assert!(told.len() == 1 && told[0].contains("\n| /srv/project\n"), "{told:?}");
    let standing = scene.standing().await;
    assert_eq!(standing["wishes"][0]["mode"], "yolo");
    assert_eq!(standing["wishes"][0]["workspace"], "/srv/project");
    assert_eq!(standing["terms"], Value::Null);
}

#[tokio::test]
async fn wish_when_as_much_is_enabled_says_so_and_files_nothing() {
    let scene = Scene::enabled(Mode::Restricted).await;
    assert_eq!(wish(&scene, json!({"mode": "safe"})).await["state"], "enabled");
    assert_eq!(scene.standing().await["wishes"], json!([]));
    let more = wish(&scene, json!({"mode": "yolo"})).await;
    assert_eq!((&more["state"], &more["enabled"]["mode"]), (&json!("requested"), &json!("restricted")));
}

#[tokio::test]
async fn wish_when_disabled_takes_back_the_own_and_nothing_else() {
    let scene = Scene::new().await;
    wish(&scene, json!({"mode": "safe"})).await;
    assert_eq!(wish(&scene, json!({"mode": "disabled"})).await["state"], "withdrawn");
    assert_eq!(scene.standing().await["wishes"], json!([]));
    scene.enable(Mode::Restricted, |_| {}).await;
    let pending = scene.pending("touch made").await;
    let taken = wish(&scene, json!({"mode": "disabled"})).await;
    assert_eq!((&taken["state"], &taken["enabled"]["mode"]), (&json!("withdrawn"), &json!("restricted")));
    assert_eq!(scene.standing().await["runs"], json!([]));
    let void = scene.refused(json!({"approval_token": pending["approval_token"]})).await;
    assert_eq!(void.code, Code::ApprovalVoid);
    assert_eq!(scene.run(json!({"command": "ls"})).await["outcome"], "exited");
}

#[tokio::test]
async fn wish_when_it_makes_no_sense_is_refused() {
    let scene = Scene::new().await;
    for arguments in [
        json!({"mode": "safe", "sandbox": false}),
        json!({"mode": "safe", "timeout": 0}),
        json!({"mode": "safe", "timeout": 1_801}),
        json!({"mode": "safe", "workspace": "project"}),
        json!({"mode": "safe", "workspace": "/a/../b"}),
        json!({"mode": "safe", "workspace": format!("/{}", "x".repeat(4_096))}),
        json!({"mode": "root"}),
    ] {
        let code = scene.a.code(&scene.house.bridge, "enable_yolo_mode", arguments).await;
        assert_eq!(code, Code::InvalidArguments);
    }
    let elsewhere = crate::kit::House::new();
    let (a, _) = elsewhere.pair().await;
    let code = a.code(&elsewhere.bridge, "enable_yolo_mode", json!({"mode": "safe"})).await;
    assert_eq!(code, Code::ExecutionDisabled, "a server that runs no commands");
}

#[tokio::test]
async fn wish_when_the_agents_commands_are_refused_is_refused_with_what_lifts_it() {
    let scene = Scene::enabled(Mode::Restricted).await;
    for number in 1..=3 {
        scene.deny(&scene.pending(&format!("touch f{number}")).await).await;
    }
    // As much is enabled, and more is not.
    for mode in ["restricted", "yolo"] {
        let wished = scene.a.call(&scene.house.bridge, "enable_yolo_mode", json!({"mode": mode})).await;
        let denied = wished.unwrap_err();
        assert_eq!(denied.code, Code::ExecutionLocked, "{denied}");
        assert!(denied.hint.unwrap().contains(&format!("`mab yolo unlock {} a`", scene.id)));
    }
    assert_eq!(wish(&scene, json!({"mode": "disabled"})).await["state"], "withdrawn");
    assert_eq!(scene.standing().await["wishes"], json!([]));
}

/// What c is answered when it moderates.
/// That many of the agents that are approvers now.
fn quorum(terms: &mut Terms, many: u8) {
    terms.quorum = many;
    terms.approvers = ["c", "d"].into_iter().take(usize::from(many)).map(str::to_owned).collect();
}

/// One more approver, whom an agent invites, and whose connection may well be that agent's own.
async fn joined(scene: &Scene, holder: u64) -> Agent {
    let inviting = json!({"role": "approver", "permission": "approver"});
    let invited = scene.a.ok(&scene.house.bridge, "invite_agent", inviting).await;
    let agent = Agent::new(holder);
    let joining = json!({"conversation_id": invited["conversation_id"], "session_id": invited["session_id"],
        "token": invited["token"]});
    agent.ok(&scene.house.bridge, "join_conversation", joining).await;
    agent
}

#[tokio::test]
async fn approver_when_an_agent_brought_it_after_a_person_enabled_commands_does_not_count() {
    let scene = Scene::new().await;
    scene.enable(Mode::Restricted, |terms| quorum(terms, 1)).await;
    let minted = joined(&scene, 4).await;
    let pending = scene.pending("touch made").await;
    for action in ["approve", "refuse"] {
        let answer =
            json!({"action": action, "run_id": pending["run_id"], "request_hash": pending["request_hash"]});
        let denied = minted.call(&scene.house.bridge, "moderate", answer).await.unwrap_err();
        assert_eq!(denied.code, Code::Forbidden, "{denied}");
        assert!(denied.message.contains("not among the approvers") && denied.hint.is_some(), "{denied}");
    }
    let on = json!({"approval_token": pending["approval_token"], "wait_seconds": 0});
    assert_eq!(scene.run(on).await["state"], "pending");
    assert_eq!(moderate(&scene, "approve", &pending).await.unwrap()["state"], "approved");
    // Nor is it taken as one of those that a person signs for, unless it is there.
    let mut terms = scene.terms(Mode::Restricted);
    for approvers in [vec![], vec!["c", "c"], vec!["c", "e"], vec!["a", "c"]] {
        terms.quorum = 2;
        terms.approvers = approvers.into_iter().map(str::to_owned).collect();
        assert_eq!(
            scene.enabling(&terms).await.unwrap_err().code,
            Code::InvalidArguments,
            "{:?}",
            terms.approvers
        );
    }
}

async fn moderate(scene: &Scene, action: &str, pending: &Value) -> Result<Value, Code> {
    let mut arguments = json!({"action": action});
    if action != "requests" {
        arguments["run_id"] = pending["run_id"].clone();
        arguments["request_hash"] = pending["request_hash"].clone();
    }
    scene.c.call(&scene.house.bridge, "moderate", arguments).await.map_err(|denied| denied.code)
}

#[tokio::test]
async fn approver_when_a_person_wanted_it_sees_agrees_and_the_command_runs() {
    let scene = Scene::new().await;
    scene.enable(Mode::Restricted, |terms| quorum(terms, 1)).await;
    let pending = scene.pending("touch made").await;
    let listed = moderate(&scene, "requests", &pending).await.unwrap();
    assert_eq!(listed["requests"][0]["run_id"], pending["run_id"]);
    assert_eq!(listed["requests"][0]["trust"], "peer");
    assert_eq!(listed["requests"][0]["commands"][0][1], "made");
    assert_eq!(moderate(&scene, "approve", &pending).await.unwrap()["state"], "approved");
    let answer = scene.run(json!({"approval_token": pending["approval_token"]})).await;
    assert_eq!(
        (&answer["outcome"], &answer["assurance"]),
        (&json!("exited"), &json!("approvers")),
        "{answer}"
    );
}

#[tokio::test]
async fn approver_when_a_file_is_not_the_one_it_was_shown_agrees_to_nothing() {
    let scene = Scene::new().await;
    scene.enable(Mode::Restricted, |terms| quorum(terms, 1)).await;
    scene.write("Makefile", "all:\n\ttouch made\n");
    let pending = scene.pending("make").await;
    scene.write("Makefile", "all:\n\t@echo good\n");
    let listed = moderate(&scene, "requests", &pending).await.unwrap();
    let asked = &listed["requests"][0];
    assert_eq!(asked["obeys"][0]["path"], "Makefile", "{asked}");
    let shown = mab_exec::Digest::of(&[b"all:\n\ttouch made\n"]).to_string();
    assert_eq!(asked["obeys"][0]["sha256"], json!(shown), "what will run, not what is there");
    assert_eq!(asked["code_of"], json!(["make"]));
    assert_eq!(asked["programs"][0]["sha256"].as_str().map(str::len), Some(64), "{asked}");
    let approving =
        json!({"action": "approve", "run_id": pending["run_id"], "request_hash": pending["request_hash"]});
    let denied = scene.c.call(&scene.house.bridge, "moderate", approving).await.unwrap_err();
    assert_eq!(denied.code, Code::ApprovalVoid, "{denied}");
    assert!(denied.message.contains("Makefile"), "{denied}");
    assert_eq!(scene.standing().await["runs"][0]["state"], "pending");
    scene.write("Makefile", "all:\n\ttouch made\n");
    assert_eq!(moderate(&scene, "approve", &pending).await.unwrap().get("unlooked"), None);
}

#[tokio::test]
async fn approver_when_its_own_server_cannot_look_is_told_so() {
    let scene = Scene::new().await;
    scene.enable(Mode::Restricted, |terms| quorum(terms, 1)).await;
    scene.write("Makefile", "all:\n\ttouch made\n");
    let pending = scene.pending("make").await;
    let other = scene.house.bridge_without_commands();
    let approving =
        json!({"action": "approve", "run_id": pending["run_id"], "request_hash": pending["request_hash"]});
    let answer = scene.c.ok(&other, "moderate", approving).await;
    assert_eq!(answer["state"], "approved", "{answer}");
    assert!(answer["unlooked"].as_str().unwrap().contains("runs no commands"), "{answer}");
}

#[tokio::test]
async fn approver_when_not_all_that_it_obeys_fits_is_told_and_agrees_to_nothing() {
    let scene = Scene::new().await;
    scene.enable(Mode::Restricted, |terms| quorum(terms, 1)).await;
    let names: Vec<String> = (0..50).map(|number| format!("{number:0>200}")).collect();
    for name in &names {
        scene.write(name, "x");
    }
    let pending = scene.pending(&format!("git add {}", names.join(" "))).await;
    let listed = moderate(&scene, "requests", &pending).await.unwrap();
    let asked = &listed["requests"][0];
    let shown = asked["obeys"].as_array().unwrap().len() as u64;
    assert!((1..50).contains(&shown) && asked["obeys_left_out"].as_u64().unwrap() >= 50 - shown, "{asked}");
    assert_eq!(moderate(&scene, "approve", &pending).await, Err(Code::Forbidden));
    assert_eq!(moderate(&scene, "refuse", &pending).await.unwrap()["state"], "denied");
}

#[tokio::test]
async fn approver_when_no_person_wanted_it_answers_nothing() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let pending = scene.pending("touch made").await;
    for action in ["approve", "refuse"] {
        assert_eq!(moderate(&scene, action, &pending).await, Err(Code::Forbidden), "{action}");
    }
    // Whoever is no approver is refused anyway; that goes for the requester and its partner.
    for agent in [&scene.a, &scene.b] {
        let approve =
            json!({"action": "approve", "run_id": pending["run_id"], "request_hash": "0".repeat(64)});
        assert_eq!(agent.code(&scene.house.bridge, "moderate", approve).await, Code::Forbidden);
    }
    scene.enable(Mode::Yolo, |_| {}).await;
    let pending = scene.pending("touch made").await;
    assert_eq!(moderate(&scene, "approve", &pending).await, Err(Code::Forbidden));
    assert_eq!(scene.file("made"), None);
}

#[tokio::test]
async fn request_when_approvers_may_answer_says_who_they_are_and_what_they_do() {
    let scene = Scene::new().await;
    joined(&scene, 4).await;
    scene.enable(Mode::Restricted, |terms| quorum(terms, 2)).await;
    scene.told(&scene.b).await;
    let pending = scene.pending("touch made").await;
    let told = scene.told(&scene.b).await.concat();
    assert!(told.contains("2 of the approvers c and d, or a person at a terminal, answer until "), "{told}");
    assert!(told.contains("moderate with action approve") && told.contains("`mab approve run_"), "{told}");
    let next = pending["next"].as_str().unwrap();
    assert!(next.contains("2 of the approvers c and d") && next.contains("`mab approve run_"), "{next}");
    scene.enable(Mode::Restricted, |terms| quorum(terms, 1)).await;
    scene.told(&scene.b).await;
    scene.pending("touch made").await;
    let told = scene.told(&scene.b).await.concat();
    assert!(told.contains("\nThe approver c, or a person at a terminal, answers until "), "{told}");
    // Agents answer nothing in yolo.
    scene.enable(Mode::Yolo, |_| {}).await;
    scene.told(&scene.b).await;
    scene.pending("touch made").await;
    let told = scene.told(&scene.b).await.concat();
    assert!(told.contains("\nA person answers at a terminal until ") && !told.contains("approver"), "{told}");
}

#[tokio::test]
async fn approver_when_the_request_has_ended_is_told_what_became_of_it() {
    let scene = Scene::new().await;
    scene.enable(Mode::Restricted, |terms| quorum(terms, 1)).await;
    let pending = scene.pending("touch made").await;
    scene.deny(&pending).await;
    let arguments =
        json!({"action": "approve", "run_id": pending["run_id"], "request_hash": pending["request_hash"]});
    let denied = scene.c.call(&scene.house.bridge, "moderate", arguments).await.unwrap_err();
    assert_eq!(denied.code, Code::ApprovalVoid, "{denied}");
    assert!(denied.message.contains("the operator denied it"), "{denied}");
    assert!(denied.hint.unwrap().contains("action requests"));
}

#[tokio::test]
async fn approver_when_it_does_not_say_what_it_read_agrees_to_nothing() {
    let scene = Scene::new().await;
    scene.enable(Mode::Restricted, |terms| quorum(terms, 1)).await;
    let pending = scene.pending("touch made").await;
    let approving = async |hash: Value| {
        let arguments = json!({"action": "approve", "run_id": pending["run_id"], "request_hash": hash});
        scene.c.call(&scene.house.bridge, "moderate", arguments).await.unwrap_err()
    };
    let missing = approving(Value::Null).await;
    assert_eq!(missing.code, Code::InvalidArguments, "{missing}");
    assert!(missing.message.contains("request_hash") && missing.hint.is_some(), "{missing:?}");
    for bad in ["", "abc", &"g".repeat(64)] {
        let denied = approving(json!(bad)).await;
        assert_eq!(denied.code, Code::InvalidArguments, "{denied}");
        assert!(denied.hint.unwrap().contains("action requests"));
    }
    let another = approving(json!("0".repeat(64))).await;
    assert_eq!(another.code, Code::ApprovalVoid, "{another}");
    assert!(another.hint.unwrap().contains("action requests"));
    assert_eq!(scene.standing().await["runs"][0]["state"], "pending");
    // A no is free.
    let refusing = json!({"action": "refuse", "run_id": pending["run_id"]});
    assert_eq!(scene.c.ok(&scene.house.bridge, "moderate", refusing).await["state"], "denied");
}

#[tokio::test]
async fn approver_when_it_refuses_neither_undoes_a_persons_yes_nor_locks_anybody_out() {
    let scene = Scene::new().await;
    scene.enable(Mode::Restricted, |terms| quorum(terms, 1)).await;
    for _ in 0..4 {
        let pending = scene.pending("touch made").await;
        assert_eq!(moderate(&scene, "refuse", &pending).await.unwrap()["state"], "denied");
    }
    assert_eq!(scene.standing().await["locked"], json!([]));
    let pending = scene.pending("touch made").await;
    scene.approve(&pending).await;
    assert_eq!(moderate(&scene, "refuse", &pending).await, Err(Code::ApprovalVoid));
    let answer = scene.run(json!({"approval_token": pending["approval_token"]})).await;
    assert_eq!(
        (&answer["outcome"], &answer["assurance"]),
        (&json!("exited"), &json!("passphrase")),
        "{answer}"
    );
}

#[tokio::test]
async fn approver_when_it_refuses_ends_the_request() {
    let scene = Scene::new().await;
    joined(&scene, 4).await;
    scene.enable(Mode::Restricted, |terms| quorum(terms, 2)).await;
    let pending = scene.pending("touch made").await;
    assert_eq!(moderate(&scene, "approve", &pending).await.unwrap()["state"], "pending", "one of two");
    let another = json!({"run_id": pending["run_id"], "request_hash": "0".repeat(64)});
    assert_eq!(moderate(&scene, "refuse", &another).await, Err(Code::ApprovalVoid));
    assert_eq!(moderate(&scene, "refuse", &pending).await.unwrap()["state"], "denied");
    let void = scene.refused(json!({"approval_token": pending["approval_token"]})).await;
    assert_eq!(void.code, Code::CommandDenied);
}

#[tokio::test]
async fn words_of_an_agent_that_are_not_accepted_reach_nobody_through_a_wish_or_a_command() {
    for (rule, verdict) in
        [(json!({}), "hold"), (json!({"from": "a"}), "deny"), (json!({"action_type": "proposal"}), "hold")]
    {
        let scene = Scene::enabled(Mode::Restricted).await;
        let bridge = &scene.house.bridge;
        let mut policy = json!({"conversation_id": scene.id, "verdict": verdict});
        policy.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        scene.house.operator("inbound", policy).await.unwrap();
        scene.told(&scene.b).await;
        for (tool, arguments) in [
            ("execute_command", json!({"command": "touch read-this"})),
            ("execute_command", json!({"command": "cat read-this"})),
            ("enable_yolo_mode", json!({"mode": "yolo", "workspace": "/read/this"})),
        ] {
            let denied = scene.a.call(bridge, tool, arguments.clone()).await.unwrap_err();
            assert_eq!(denied.code, Code::NotAccepted, "{arguments} {denied}");
            assert!(denied.hint.unwrap().contains("send_to_partner"));
        }
        let considered = scene.run(json!({"command": "touch read-this", "dry_run": true})).await;
        assert_eq!(considered["verdict"], "ask");
        let standing = scene.standing().await;
        assert_eq!((&standing["runs"], &standing["wishes"]), (&json!([]), &json!([])));
        assert_eq!(scene.told(&scene.b).await, [""; 0]);
    }
}
