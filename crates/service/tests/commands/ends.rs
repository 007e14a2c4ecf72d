//! Waits that end and commands that end: by the caller, by its death, by a person, by a process that died.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use mab_core::{Code, Denied, execution::Mode};
use mab_service::{Question, Waiter, Waiting};
use serde_json::{Value, json};

use crate::bench::{Scene, text};

/// A caller with patience.
#[derive(Clone, Copy)]
struct Patient {
    longest: Duration,
    /// Whether it does not want the answer any more, from the beginning.
    is_over: bool,
    has_left: bool,
    /// What its form says.
    form: Option<bool>,
}

const PATIENT: Patient =
    Patient { longest: Duration::from_mins(1), is_over: false, has_left: false, form: None };

impl Waiter for Patient {
    fn ticket(&self) -> Option<u64> {
        None
    }

    fn longest(&self) -> Duration {
        self.longest
    }

    fn progress(
        &self,
        _: Waiting,
        _: Duration,
        _: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    fn elicit(&self, question: &Question) -> Pin<Box<dyn Future<Output = Option<bool>> + Send + '_>> {
        assert!(question.text.contains("touch"), "{}", question.text);
        Box::pin(std::future::ready(self.form))
    }

    fn has_left(&self) -> bool {
        self.has_left
    }

    fn cancelled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        if self.is_over { Box::pin(std::future::ready(())) } else { Box::pin(std::future::pending()) }
    }
}

async fn run(scene: &Scene, waiter: Patient, arguments: Value) -> Result<Value, Denied> {
    let arguments = crate::kit::object(arguments);
    scene.house.bridge.call_waiting(&scene.a.0, &waiter, "execute_command", arguments).await
}

/// Begins a call, and returns once its request is in this state.
async fn begun(
    scene: &Arc<Scene>,
    command: &'static str,
    state: &str,
) -> (tokio::task::JoinHandle<Result<Value, Denied>>, Value) {
    let own = Arc::clone(scene);
    let call = tokio::spawn(async move { run(&own, PATIENT, json!({"command": command})).await });
    loop {
        let found = scene.standing().await["runs"][0].clone();
        if found["state"] == state {
            return (call, found);
        }
        assert!(!call.is_finished(), "it ended before it was {state}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn wait_when_a_person_agrees_ends_with_the_result() {
    let scene = Arc::new(Scene::enabled(Mode::Restricted).await);
    let (call, asked) = begun(&scene, "touch made", "pending").await;
    scene.approve(&asked).await;
    let answer = call.await.unwrap().unwrap();
    assert_eq!((&answer["outcome"], &answer["run_id"]), (&json!("exited"), &asked["run_id"]), "{answer}");
}

#[tokio::test]
async fn wait_when_a_person_denies_or_ends_it_is_refused() {
    let scene = Arc::new(Scene::enabled(Mode::Restricted).await);
    let (call, asked) = begun(&scene, "touch made", "pending").await;
    scene.deny(&asked).await;
    let denied = call.await.unwrap().unwrap_err();
    assert_eq!(denied.code, Code::CommandDenied);
    assert!(denied.hint.unwrap().contains("check_messages"));
    let (call, _) = begun(&scene, "touch made", "pending").await;
    scene.disable().await;
    assert_eq!(call.await.unwrap().unwrap_err().code, Code::ExecutionDisabled);
    assert_eq!(scene.file("made"), None);
}

#[tokio::test]
async fn wait_when_cancelled_takes_the_request_back_and_when_its_client_died_leaves_it() {
    let scene = Scene::enabled(Mode::Restricted).await;
    scene.told(&scene.b).await;
    let left = Patient { is_over: true, has_left: true, ..PATIENT };
    let answer = run(&scene, left, json!({"command": "touch made"})).await.unwrap();
    assert_eq!(answer["state"], "pending");
    assert_eq!(scene.told(&scene.b).await.len(), 1);
    let cancelled = Patient { is_over: true, ..PATIENT };
    let again = run(&scene, cancelled, json!({"command": "touch made"})).await.unwrap();
    assert_eq!((&again["state"], &again["run_id"]), (&json!("withdrawn"), &answer["run_id"]));
    let told = scene.told(&scene.b).await;
    assert!(told.len() == 1 && told[0].contains("took back"), "{told:?}");
    assert_eq!(scene.standing().await["runs"], json!([]));
}

#[tokio::test]
async fn form_when_a_person_wanted_it_answers_with_the_least_assurance() {
    let scene = Scene::new().await;
    scene.enable(Mode::Restricted, |terms| terms.elicitation = true).await;
    let yes = Patient { form: Some(true), ..PATIENT };
    let answer = run(&scene, yes, json!({"command": "touch made"})).await.unwrap();
    assert_eq!((&answer["outcome"], &answer["assurance"]), (&json!("exited"), &json!("elicitation")));
    let no = Patient { form: Some(false), ..PATIENT };
    let denied = run(&scene, no, json!({"command": "touch other"})).await.unwrap_err();
    assert_eq!(denied.code, Code::CommandDenied);
    assert_eq!(scene.file("other"), None);
}

#[tokio::test]
async fn form_when_no_person_wanted_it_is_never_shown() {
    let scene = Scene::enabled(Mode::Restricted).await;
    let yes = Patient { form: Some(true), longest: Duration::from_millis(1), ..PATIENT };
    let answer = run(&scene, yes, json!({"command": "touch made"})).await.unwrap();
    assert_eq!(answer["state"], "pending");
    assert_eq!(scene.file("made"), None);
}

#[tokio::test]
async fn command_when_disabled_while_it_runs_is_killed_and_all_are_told() {
    let scene = Arc::new(Scene::enabled(Mode::Yolo).await);
    let (call, asked) = begun(&scene, "sleep 600", "pending").await;
    scene.approve(&asked).await;
    while scene.standing().await["runs"][0]["state"] != "running" {
        tokio::task::yield_now().await;
    }
    scene.disable().await;
    let answer = call.await.unwrap().unwrap();
    let ended = (&answer["outcome"], &answer["reason"]);
    assert_eq!(ended, (&json!("killed"), &json!("ended_by_operator")), "{answer}");
    let told = scene.told(&scene.b).await;
    assert!(told.last().unwrap().contains("because the operator ended what was enabled"), "{told:?}");
}

#[tokio::test]
async fn command_when_the_time_of_the_terms_is_over_ends_with_them() {
    let scene = Arc::new(Scene::enabled(Mode::Yolo).await);
    *scene.machine.time_s.lock().unwrap() = Some(1_800);
    let (call, asked) = begun(&scene, "touch began; sleep 600", "pending").await;
    scene.house.clock.advance_s(1_700);
    scene.approve(&asked).await;
    while scene.file("began").is_none() {
        assert!(!call.is_finished());
        tokio::task::yield_now().await;
    }
    scene.house.clock.advance_s(1_900);
    let answer = call.await.unwrap().unwrap();
    assert_eq!((&answer["outcome"], &answer["reason"]), (&json!("killed"), &json!("terms_over")), "{answer}");
    let told = scene.told(&scene.b).await;
    let why = "because the time of what was enabled was over";
    assert!(told.iter().any(|one| one.contains(why)), "{told:?}");
}

#[tokio::test]
async fn command_when_its_agent_is_removed_while_it_runs_says_so() {
    let scene = Arc::new(Scene::enabled(Mode::Yolo).await);
    let (call, asked) = begun(&scene, "sleep 600", "pending").await;
    scene.approve(&asked).await;
    while scene.standing().await["runs"][0]["state"] != "running" {
        tokio::task::yield_now().await;
    }
    let removing = json!({"conversation_id": scene.id, "agent": "a"});
    scene.house.operator("remove", removing).await.unwrap();
    let answer = call.await.unwrap().unwrap();
    assert_eq!(answer["reason"], "requester_removed", "{answer}");
    let told = scene.told(&scene.b).await;
    assert!(told.last().unwrap().contains("because who asked for it is no member any more"), "{told:?}");
}

#[tokio::test]
async fn command_when_its_caller_is_out_of_patience_runs_on_and_ends_with_the_server() {
    let scene = Scene::enabled(Mode::Yolo).await;
    let pending = scene.pending("sleep 600").await;
    scene.approve(&pending).await;
    let token = json!({"approval_token": pending["approval_token"]});
    let hasty = Patient { longest: Duration::from_millis(1), ..PATIENT };
    let answer = run(&scene, hasty, token.clone()).await.unwrap();
    assert_eq!(answer["state"], "running", "{answer}");
    let again = run(&scene, hasty, token).await.unwrap();
    assert_eq!(again["state"], "running");
    // Who comes back cannot know whether the process that ran it still lives.
    assert!(again["next"].as_str().unwrap().contains("or the server that ran it died"), "{again}");
    scene.house.bridge.end_runs().await;
    let told = scene.told(&scene.b).await;
    assert!(told.last().unwrap().contains("because its server was stopped"), "{told:?}");
    assert_eq!(scene.standing().await["runs"], json!([]));
}

#[tokio::test]
async fn command_when_nobody_says_how_it_ended_counts_as_lost() {
    let scene = Arc::new(Scene::enabled(Mode::Yolo).await);
    let (call, asked) = begun(&scene, "sleep 600", "pending").await;
    scene.approve(&asked).await;
    while scene.standing().await["runs"][0]["state"] != "running" {
        tokio::task::yield_now().await;
    }
    scene.house.clock.advance_s(20 + 60);
    scene.pending("touch made").await;
    let told = scene.told(&scene.b).await;
    let lost = |one: &&String| one.contains("died before it could say how it ended");
    assert_eq!(told.iter().filter(lost).count(), 1, "{told:?}");
    assert!(told.iter().any(|one| one.contains(text(&asked["run_id"]))));
    scene.house.bridge.end_runs().await;
    call.await.unwrap().unwrap();
    assert_eq!(scene.told(&scene.b).await, Vec::<String>::new(), "an end is told once");
}
