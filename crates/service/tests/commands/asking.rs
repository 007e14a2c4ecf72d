//! What runs at once, what waits, what is refused, and what is only looked at.

use mab_core::{Code, execution::Mode};
use serde_json::json;

use crate::bench::{Scene, environment, text};

/// A password that opens nothing.
const VALUE: &str = concat!("Zx8vQ2LmT7", "pRk4Wn9sBd");

#[tokio::test]
async fn read_when_mode_is_safe_then_runs_at_once_and_every_member_is_told() {
    let scene = Scene::enabled(Mode::Safe).await;
    scene.write("notes.txt", "hello\n");
    for agent in [&scene.a, &scene.b, &scene.c] {
        scene.told(agent).await;
    }
    let answer = scene.run(json!({"command": "cat notes.txt"})).await;
    assert_eq!(answer["state"], "finished", "{answer}");
    assert_eq!((&answer["outcome"], &answer["exit_code"]), (&json!("exited"), &json!(0)));
    assert_eq!(answer["assurance"], "policy");
    assert_eq!(answer["stdout"], json!({"head": "hello\n", "total_bytes": 6}));
    let run = text(&answer["run_id"]);
    for agent in [&scene.a, &scene.b, &scene.c] {
        let told = scene.told(agent).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(run) && told[0].contains("\n| cat notes.txt\n"), "{told:?}");
        assert!(told[0].contains("\n| hello\n"), "{told:?}");
    }
    assert_eq!(scene.standing().await["runs"], json!([]));
}

#[tokio::test]
async fn words_when_given_as_argv_are_run_as_they_are() {
    let scene = Scene::enabled(Mode::Safe).await;
    scene.write("a file", "here\n");
    let answer = scene.run(json!({"argv": ["cat", "a file"]})).await;
    assert_eq!(answer["stdout"]["head"], "here\n", "{answer}");
}

#[tokio::test]
async fn command_when_denied_then_refused_recorded_and_nothing_runs() {
    let scene = Scene::enabled(Mode::Safe).await;
    let denied = scene.refused(json!({"command": "touch made"})).await;
    assert_eq!(denied.code, Code::CommandDenied);
    assert!(denied.message.ends_with("nothing was run"), "{denied}");
    assert_eq!(scene.file("made"), None);
    let audit = scene.house.operator("audit", json!({"outcome": "command_denied"})).await.unwrap();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 1, "{audit}");
    assert_eq!(audit["entries"][0]["actor"], "a");
}

#[tokio::test]
async fn entry_of_a_denied_command_names_what_was_asked_by_a_digest_that_tells_nothing() {
    let scene = Scene::enabled(Mode::Safe).await;
    for asked in [
        json!({"command": "touch made"}),
        json!({"command": "touch made"}),
        json!({"argv": ["touch", "made"]}),
        json!({"argv": ["touch", "other"]}),
    ] {
        assert_eq!(scene.refused(asked).await.code, Code::CommandDenied);
    }
    let secret = concat!("AKIA", "Q3EGR7TWXKJ2PZ5M");
    scene.refused(json!({"command": format!("echo {secret}")})).await;
    let audit = scene.house.operator("audit", json!({"action": "execute"})).await.unwrap();
    let entries = audit["entries"].as_array().unwrap();
    let of = |code: &str| -> Vec<Option<&str>> {
        let entries = entries.iter().filter(|entry| entry["outcome"] == code);
        entries.map(|entry| entry["detail"]["asked"].as_str()).collect()
    };
    let denied: Vec<&str> = of("command_denied").into_iter().flatten().collect();
    assert_eq!(denied.len(), 4, "{audit}");
    assert!(denied.iter().all(|digest| digest.len() == 64 && *digest != hex::encode([0; 32])));
    let different: std::collections::BTreeSet<_> = denied.iter().collect();
    assert_eq!(different.len(), 3, "the same command twice, a text and words, other words: {denied:?}");
    assert_eq!(of("secret_refused"), [None], "not even a digest of what holds a secret");
}

#[tokio::test]
async fn command_when_nothing_is_enabled_then_refused_with_what_to_do() {
    let scene = Scene::new().await;
    let denied = scene.refused(json!({"command": "ls"})).await;
    assert_eq!(denied.code, Code::ExecutionDisabled);
    assert_eq!(denied.message, "no person has enabled commands in this conversation; nothing was run");
    assert!(denied.hint.unwrap().contains(&format!("`mab yolo enable {}`", scene.id)));
}

#[tokio::test]
async fn command_when_its_time_is_over_or_it_was_ended_then_refused() {
    let scene = Scene::enabled(Mode::Safe).await;
    scene.house.clock.advance_s(3_599);
    scene.run(json!({"command": "ls"})).await;
    scene.house.clock.advance_s(1);
    assert_eq!(scene.refused(json!({"command": "ls"})).await.code, Code::ExecutionDisabled);
    scene.enable(Mode::Safe, |_| {}).await;
    scene.run(json!({"command": "ls"})).await;
    scene.disable().await;
    assert_eq!(scene.refused(json!({"command": "ls"})).await.code, Code::ExecutionDisabled);
}

#[tokio::test]
async fn arguments_when_they_make_no_sense_are_refused() {
    let scene = Scene::enabled(Mode::Safe).await;
    for arguments in [
        json!({}),
        json!({"command": "ls", "argv": ["ls"]}),
        json!({"command": ""}),
        json!({"argv": []}),
        json!({"command": "ls \u{0}"}),
        json!({"command": "x".repeat(65_537)}),
        json!({"command": "ls", "wait_seconds": 3_601}),
    ] {
        assert_eq!(scene.refused(arguments).await.code, Code::InvalidArguments);
    }
}

#[tokio::test]
async fn dry_run_when_asked_tells_the_verdict_and_leaves_no_trace() {
    let scene = Scene::enabled(Mode::Restricted).await;
    scene.told(&scene.b).await;
    for (command, verdict) in [("ls", "allow"), ("touch made", "ask"), ("rm -rf /", "deny")] {
        let answer = scene.run(json!({"command": command, "dry_run": true})).await;
        assert_eq!((&answer["state"], &answer["verdict"]), (&json!("dry_run"), &json!(verdict)), "{answer}");
        assert_eq!(answer["mode"], "restricted");
        assert_eq!(answer.get("needs").is_some(), verdict != "deny", "{answer}");
    }
    assert_eq!(scene.file("made"), None);
    assert_eq!(scene.standing().await["runs"], json!([]));
    assert_eq!(scene.told(&scene.b).await, Vec::<String>::new());
}

#[tokio::test]
async fn dry_run_of_a_command_with_a_secret_is_refused_as_the_command_is() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let key = ["AKIA", "IOSFODNN7", "EXAMPLQ"].concat();
    let command = format!("git commit -m {key}");
    for dry_run in [true, false] {
        let denied = scene.refused(json!({"command": command, "dry_run": dry_run})).await;
        assert_eq!(denied.code, Code::SecretRefused, "{dry_run}");
    }
}

#[tokio::test]
async fn dry_run_when_the_sandbox_is_missing_says_so_and_not_that_it_is_denied() {
    let scene = Scene::enabled(Mode::Restricted).await;
    scene.machine.settings.lock().unwrap().sandbox =
        Some(mab_exec::Tier::Container(mab_exec::Engine::Podman));
    let answer = scene.run(json!({"command": "ls", "dry_run": true})).await;
    assert_eq!(answer["verdict"], "sandbox_unavailable", "{answer}");
    assert!(text(&answer["next"]).contains("`mab doctor`"), "{answer}");
    assert_eq!(scene.run(json!({"command": "rm -rf /", "dry_run": true})).await["verdict"], "deny");
}

#[tokio::test]
async fn command_when_it_holds_a_secret_is_refused_and_stored_nowhere() {
    let scene = Scene::enabled(Mode::Yolo).await;
    let key = concat!("AKIA", "Q3EGR7TWXKJ2PZ5M");
    for arguments in [
        json!({"command": format!("echo {key}")}),
        json!({"argv": ["echo", key]}),
        json!({"argv": ["mysql", "--password", "hunter2-but-longer"]}),
    ] {
        let denied = scene.refused(arguments).await;
        assert_eq!(denied.code, Code::SecretRefused, "{denied}");
    }
    assert!(!scene.house.bytes_on_disk().windows(key.len()).any(|window| window == key.as_bytes()));
    let audit = scene.house.operator("audit", json!({"outcome": "secret_refused"})).await.unwrap();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn request_when_the_operator_passes_secrets_in_is_stored_with_digests_and_runs() {
    let scene = Scene::enabled(Mode::Yolo).await;
    scene.machine.settings.lock().unwrap().environment =
        environment(&[("API_KEY", VALUE), ("GITHUB_TOKEN", "unused")]);
    let pending = scene.pending("echo key=$API_KEY").await;
    let standing = scene.standing().await;
    let shown = &standing["runs"][0]["request"]["profile"]["environment"]["API_KEY"];
    assert!(text(shown).starts_with("sha256:"), "{standing}");
    scene.approve(&pending).await;
    let answer = scene.run(json!({"approval_token": pending["approval_token"]})).await;
    assert_eq!(answer["outcome"], "exited", "{answer}");
    assert!(
        text(&answer["stdout"]["head"]).starts_with("key=") && !answer.to_string().contains(VALUE),
        "{answer}"
    );
    let disk = scene.house.bytes_on_disk();
    assert!(!disk.windows(VALUE.len()).any(|window| window == VALUE.as_bytes()));
}

#[tokio::test]
async fn output_when_it_holds_secrets_is_redacted_and_the_conversation_learns_them() {
    let scene = Scene::enabled(Mode::Safe).await;
    scene.write("settings.txt", &format!("DB_PASSWORD={VALUE}\n"));
    let answer = scene.run(json!({"command": "cat settings.txt"})).await;
    assert!(!answer.to_string().contains(VALUE), "{answer}");
    assert_eq!(answer["stdout"]["redacted"], 1, "{answer}");
    scene.a.send(&scene.house.bridge, &format!("it is {VALUE} then")).await;
    let told = scene.b.texts(&scene.house.bridge).await;
    assert!(told.iter().all(|text| !text.contains(VALUE)), "{told:?}");
}

#[tokio::test]
async fn output_when_it_holds_a_members_token_is_redacted() {
    let scene = Scene::enabled(Mode::Safe).await;
    let token = crate::kit::credentials(&scene.b)["token"].clone();
    scene.write("t.txt", &format!("{}\n", text(&token)));
    let answer = scene.run(json!({"command": "cat t.txt"})).await;
    assert!(!answer.to_string().contains(text(&token)), "{answer}");
}

#[tokio::test]
async fn output_when_it_is_long_keeps_both_ends_and_counts_the_rest() {
    let scene = Scene::enabled(Mode::Safe).await;
    let lines = (0..20_000).map(|n| format!("line {n:05}")).collect::<Vec<_>>().join("\n") + "\n";
    scene.write("long.txt", &lines);
    let answer = scene.run(json!({"command": "cat long.txt"})).await;
    let stdout = &answer["stdout"];
    assert!(text(&stdout["head"]).starts_with("line 00000\n") && text(&stdout["tail"]).ends_with("19999\n"));
    assert!(answer.to_string().len() < 60 * 1_024);
    assert_eq!(stdout["total_bytes"], json!(lines.len()));
    let shown = text(&stdout["head"]).len() + text(&stdout["tail"]).len();
    assert_eq!(stdout["omitted_bytes"], json!(lines.len() - shown));
}
