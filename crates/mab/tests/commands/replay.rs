//! An approval that was used, or whose time is over, is good for nothing, whatever is put back.

use std::{fs, path::Path};

use mab_core::execution::{Approval, Mode, Terms};
use serde_json::{Value, json};

use crate::{
    client::Client,
    person::Person,
    scene::{COUNT, Pair, Scene, ask, has_bubblewrap},
};

/// A command that was agreed to and has not run, and what its agent calls to run it.
struct Agreed {
    scene: Scene,
    person: Person,
    conversation: String,
    /// The agent's server, while there is one.
    server: Option<Client>,
    again: Value,
}

impl Agreed {
    fn new() -> Self {
        let scene = Scene::new("yolo");
        let mut pair = scene.pair();
        let person = Person::enrolled(&scene);
        person.enable(&scene, &pair.conversation, Mode::Yolo);
        let asked = ask(&mut pair.a, COUNT);
        person.approve(&scene, &scene.waiting(&pair.conversation));
        let Pair { a, b, conversation } = pair;
        b.end();
        let again = json!({
            "conversation_id": conversation, "approval_token": asked["approval_token"], "wait_seconds": 0,
        });
        Self { scene, person, conversation, server: Some(a), again }
    }

    /// The agent's server, started anew when it had ended.
    fn agent(&mut self) -> &mut Client {
        self.server.get_or_insert_with(|| self.scene.server("a"))
    }

    /// Ends it: the database is whole in its files.
    fn end(&mut self) {
        if let Some(server) = self.server.take() {
            server.end();
        }
    }

    fn runs(&mut self) {
        let again = self.again.clone();
        let ran = self.agent().did("execute_command", again);
        assert_eq!((&ran["state"], &ran["assurance"]), (&json!("finished"), &json!("passphrase")), "{ran}");
        assert_eq!(self.scene.count(), 1);
    }

    /// Asserts that it is only told that it ran.
    fn has_run(&mut self) {
        let again = self.again.clone();
        let told = self.agent().did("execute_command", again);
        assert_eq!((&told["state"], told["exit_code"].is_number()), (&json!("ran"), true), "{told}");
        assert_eq!(self.scene.count(), 1);
    }

    /// Asserts that it is refused so, and that nothing ran.
    fn is_refused(&mut self, code: &str) {
        let count = self.scene.count();
        for _ in 0..2 {
            let again = self.again.clone();
            let refused = self.agent().refused("execute_command", again);
            assert_eq!(refused["code"], code, "{refused}");
        }
        assert_eq!(self.scene.count(), count);
    }
}

#[test]
fn approval_when_used_is_void_also_after_a_restart() {
    if !has_bubblewrap() {
        return;
    }
    let mut agreed = Agreed::new();
    agreed.end();
    agreed.runs();
    agreed.has_run();
    agreed.end();
    agreed.has_run();
    let anew = ask(agreed.agent(), COUNT);
    assert_eq!(anew["state"], "pending", "the same command is another request: {anew}");
    assert_ne!(anew["approval_token"], agreed.again["approval_token"]);
    assert_eq!(agreed.scene.count(), 1);
    agreed.end();
    agreed.scene.verified();
}

#[test]
fn approval_when_its_database_is_put_back_as_it_was_before_its_use_is_void() {
    if !has_bubblewrap() {
        return;
    }
    for whole in [true, false] {
        let mut agreed = Agreed::new();
        agreed.end();
        let copy = agreed.scene.copy();
        agreed.runs();
        agreed.end();
        if whole {
            agreed.scene.restore(&copy);
        } else {
            put_back_database(&agreed.scene, copy.path());
        }
        let state = agreed.scene.waiting(&agreed.conversation);
        assert_eq!(state["state"], "approved", "the store knows nothing of the use: {state}");
        agreed.is_refused("approval_void");
        agreed.end();
    }
}

fn put_back_database(scene: &Scene, copy: &Path) {
    for name in ["bridge.db", "bridge.db-wal", "bridge.db-shm"] {
        let _ = fs::remove_file(scene.data().join(name));
        if copy.join(name).exists() {
            fs::copy(copy.join(name), scene.data().join(name)).unwrap();
        }
    }
}

#[test]
fn terms_that_were_ended_enable_nothing_when_an_older_copy_is_put_back() {
    if !has_bubblewrap() {
        return;
    }
    let mut agreed = Agreed::new();
    agreed.end();
    let copy = agreed.scene.copy();
    let ended = agreed.scene.mab(&["yolo", "disable", &agreed.conversation]).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    agreed.scene.restore(&copy);
    let state = agreed.scene.waiting(&agreed.conversation);
    assert_eq!(state["state"], "approved", "the store knows nothing of the end: {state}");
    agreed.is_refused("execution_disabled");
    agreed.end();
}

#[test]
fn approval_when_what_is_enabled_was_narrowed_or_ended_is_void() {
    if !has_bubblewrap() {
        return;
    }
    // Enabling anew ends what was agreed to before, whether it means the same or less.
    let anew: [fn(Terms) -> Terms; 3] = [
        |terms| terms,
        |terms| Terms { mode: Mode::Restricted, ..terms },
        |terms| Terms { timeout_s: Some(5), ..terms },
    ];
    for anew in anew {
        let mut agreed = Agreed::new();
        let terms = anew(Person::terms(&agreed.scene, &agreed.conversation, Mode::Yolo));
        agreed.person.enable_as(&agreed.scene, &terms).unwrap();
        agreed.is_refused("approval_void");
    }
    let mut agreed = Agreed::new();
    agreed.scene.operator("execution_disable", json!({"conversation_id": agreed.conversation})).unwrap();
    agreed.is_refused("execution_disabled");
    agreed.person.enable(&agreed.scene, &agreed.conversation, Mode::Yolo);
    agreed.is_refused("approval_void");
}

#[test]
fn approval_that_is_too_old_or_of_another_start_of_the_machine_is_refused() {
    if !has_bubblewrap() {
        return;
    }
    let scene = Scene::new("yolo");
    let mut pair = scene.pair();
    let person = Person::enrolled(&scene);
    person.enable(&scene, &pair.conversation, Mode::Yolo);
    let asked = ask(&mut pair.a, COUNT);
    let again = json!({"approval_token": asked["approval_token"], "wait_seconds": 0});
    let run = scene.waiting(&pair.conversation);
    let good = Person::yes(&run);
    let six_minutes = 360_000;
    let stale: [Approval; 5] = [
        Approval { at_ms: good.at_ms - six_minutes, ..good.clone() },
        Approval { at_ms: good.at_ms + six_minutes, ..good.clone() },
        Approval { uptime_ms: good.uptime_ms.saturating_sub(360_000), ..good.clone() },
        Approval { uptime_ms: good.uptime_ms + 360_000, ..good.clone() },
        Approval { boot: "00".repeat(16), ..good.clone() },
    ];
    for approval in stale {
        // Refused when it is given, or when it is used; the request stays as it was or is void.
        let given = person.approve_as(&scene, &approval);
        let answer = pair.a.call("execute_command", again.clone());
        let told = &answer["structuredContent"];
        let held = given.is_err() && told["state"] == "pending" || told["code"] == "approval_void";
        assert!(held, "{approval:?}: {given:?} {answer}");
        assert_eq!(scene.count(), 0);
    }
    pair.end();
    scene.verified();
}
