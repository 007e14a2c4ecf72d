//! Something changed between the yes and the start: nothing runs.

use std::{fs, os::unix::fs::PermissionsExt as _};

use mab_core::execution::Mode;
use serde_json::{Value, json};

use crate::{
    person::Person,
    scene::{Pair, Scene, ask, has_bubblewrap},
};

/// A request for `mkdir made` that was agreed to, in mode `restricted`, with programs and a policy of the operator's own.
struct Agreed {
    scene: Scene,
    pair: Pair,
    again: Value,
}

const EXECUTION: &str = "agents = true\nas_root = true\nmode = 'restricted'\n";

/// A policy that says nothing new.
const POLICY: &str = "[[rule]]\ncommand = [\"make\"]\ndecision = \"deny\"\nreason = \"not here\"\n";

impl Agreed {
    fn new() -> Self {
        Self::to("mkdir made")
    }

    fn to(command: &str) -> Self {
        let scene = Scene::new("restricted");
        let programs = scene.home.join("programs");
        fs::create_dir(&programs).unwrap();
        fs::copy("/bin/mkdir", programs.join("mkdir")).unwrap();
        fs::set_permissions(programs.join("mkdir"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(scene.home.join("policy.toml"), POLICY).unwrap();
        scene.configure(&Self::settings(&scene, EXECUTION));
        fs::write(scene.space.join("note"), "as it was shown").unwrap();
        let mut pair = scene.pair();
        let person = Person::enrolled(&scene);
        person.enable(&scene, &pair.conversation, Mode::Restricted);
        let asked = ask(&mut pair.a, command);
        assert_eq!(asked["state"], "pending", "{asked}");
        person.approve(&scene, &scene.waiting(&pair.conversation));
        let again = json!({
            "conversation_id": pair.conversation, "approval_token": asked["approval_token"], "wait_seconds": 0,
        });
        Self { scene, pair, again }
    }

    fn settings(scene: &Scene, execution: &str) -> String {
        let home = scene.home.display();
        format!("{execution}path = ['{home}/programs']\npolicy = '{home}/policy.toml'\n")
    }

    /// Asserts that it is refused so, by the server that asked and by one that starts now, and that nothing ran.
    fn refused_then(mut self, codes: &[&str]) {
        let mut later = self.scene.server("a");
        for server in [&mut self.pair.a, &mut later] {
            let answer = server.call("execute_command", self.again.clone());
            let code = answer["structuredContent"]["code"].as_str().unwrap_or("none");
            assert!(codes.contains(&code), "{answer}");
        }
        assert!(!self.scene.space.join("made").exists(), "it ran");
        later.end();
        self.pair.end();
    }
}

#[test]
fn nothing_changed_and_it_runs() {
    if !has_bubblewrap() {
        return;
    }
    let mut agreed = Agreed::new();
    let ran = agreed.pair.a.did("execute_command", agreed.again.clone());
    assert_eq!(ran["state"], "finished", "{ran}");
    assert!(agreed.scene.space.join("made").is_dir(), "{ran}");
    agreed.pair.end();
    agreed.scene.verified();
}

#[test]
fn program_when_a_byte_of_it_changed_after_the_yes_is_not_run() {
    if !has_bubblewrap() {
        return;
    }
    let agreed = Agreed::new();
    let program = agreed.scene.home.join("programs/mkdir");
    let mut bytes = fs::read(&program).unwrap();
    bytes.push(0);
    fs::write(&program, bytes).unwrap();
    agreed.refused_then(&["approval_void"]);
}

#[test]
fn program_when_another_one_comes_first_after_the_yes_is_not_run() {
    if !has_bubblewrap() {
        return;
    }
    let agreed = Agreed::new();
    fs::remove_file(agreed.scene.home.join("programs/mkdir")).unwrap();
    agreed.refused_then(&["approval_void"]);
}

#[test]
fn file_that_a_command_names_when_it_changed_after_the_yes_voids_it_by_its_name() {
    if !has_bubblewrap() {
        return;
    }
    let mut agreed = Agreed::to("cp note made");
    fs::write(agreed.scene.space.join("note"), "otherwise").unwrap();
    let answer = agreed.pair.a.call("execute_command", agreed.again.clone());
    let said = answer["structuredContent"]["message"].as_str().unwrap_or_default();
    assert!(said.contains("the file \"note\" is not what it was when the command was judged"), "{answer}");
    agreed.refused_then(&["approval_void"]);
}

#[test]
fn folder_when_another_stands_in_its_place_after_the_yes_gets_no_command() {
    if !has_bubblewrap() {
        return;
    }
    let agreed = Agreed::new();
    fs::rename(&agreed.scene.space, agreed.scene.home.join("moved")).unwrap();
    fs::create_dir(&agreed.scene.space).unwrap();
    agreed.refused_then(&["approval_void"]);
}

#[test]
fn policy_when_edited_after_the_yes_voids_it() {
    if !has_bubblewrap() {
        return;
    }
    // The operator's was signed with what is enabled; a project's, which only tightens, was not.
    let agreed = Agreed::new();
    fs::write(agreed.scene.home.join("policy.toml"), format!("{POLICY}# edited\n")).unwrap();
    agreed.refused_then(&["execution_disabled"]);
    let agreed = Agreed::new();
    fs::create_dir(agreed.scene.space.join(".mab")).unwrap();
    fs::write(agreed.scene.space.join(".mab/policy.toml"), POLICY).unwrap();
    agreed.refused_then(&["approval_void"]);
}

#[test]
fn settings_when_narrower_than_what_was_enabled_run_nothing() {
    if !has_bubblewrap() {
        return;
    }
    let safe = "agents = true\nas_root = true\nmode = 'safe'\n";
    for (settings, elsewhere) in [(safe, false), (EXECUTION, true)] {
        let mut agreed = Agreed::new();
        let folder = if elsewhere { agreed.scene.home.clone() } else { agreed.scene.space.clone() };
        agreed.scene.configure_for(&Agreed::settings(&agreed.scene, settings), &folder);
        let mut later = agreed.scene.server("a");
        for server in [&mut agreed.pair.a, &mut later] {
            let refused = server.refused("execute_command", agreed.again.clone());
            assert_eq!(refused["code"], "execution_disabled", "{refused}");
        }
        assert!(!agreed.scene.space.join("made").exists());
        later.end();
        agreed.pair.end();
    }
}

#[test]
fn settings_that_change_what_a_command_gets_void_the_yes() {
    if !has_bubblewrap() {
        return;
    }
    let agreed = Agreed::new();
    let settings = format!("{EXECUTION}memory_mib = 512\n");
    agreed.scene.configure(&Agreed::settings(&agreed.scene, &settings));
    let mut later = agreed.scene.server("a");
    let refused = later.refused("execute_command", agreed.again.clone());
    assert_eq!(refused["code"], "approval_void", "{refused}");
    assert!(!agreed.scene.space.join("made").exists());
    later.end();
    agreed.pair.end();
}

#[test]
fn server_that_was_started_on_another_file_runs_nothing_under_these_terms() {
    let scene = Scene::new("restricted");
    let pair = scene.pair();
    let person = Person::enrolled(&scene);
    person.enable(&scene, &pair.conversation, Mode::Restricted);
    // What a project's settings of a client could name: a policy that lets run what would be asked for.
    let (policy, file) = (scene.home.join("wide.toml"), scene.home.join("other.toml"));
    let rule = "[[rule]]\ncommand = [\"mkdir\"]\ndecision = \"allow\"\nmodes = [\"restricted\"]\nreason = \"wide\"\n";
    fs::write(&policy, rule).unwrap();
    let own = fs::read_to_string(scene.home.join(".config/mab/config.toml")).unwrap();
    fs::write(&file, format!("{own}policy = '{}'\n", policy.display())).unwrap();
    let mut other = scene.server_with("a", &[("MAB_YOLO", "1"), ("MAB_CONFIG", &file.display().to_string())]);
    for command in ["mkdir made", "ls"] {
        let arguments = json!({"conversation_id": pair.conversation, "command": command, "wait_seconds": 0});
        let refused = other.refused("execute_command", arguments);
        assert_eq!(refused["code"], "execution_disabled", "{refused}");
    }
    assert!(!scene.space.join("made").exists(), "it ran");
    other.end();
    pair.end();
}
