//! An agent with no person, but with a shell: it asks, and then tries to give the yes itself, in every way that can be
//! scripted.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use mab_core::execution::Mode;
use serde_json::json;

use crate::{
    person::{PASSPHRASE, Person},
    scene::{COUNT, Pair, Scene, ask, has_bubblewrap},
    terminal::{answering, asks_passphrase, on_terminal},
};

/// What somebody who does not know it tries.
const GUESSES: [&str; 3] = ["password12", "correct horse battery staple", "nine grey herons at the weir "];

/// A command that waits, and what an agent knows of it.
struct Alone {
    scene: Scene,
    pair: Pair,
    run: String,
    digits: String,
}

impl Alone {
    fn new() -> Self {
        let scene = Scene::new("yolo");
        let mut pair = scene.pair();
        Person::enrolled(&scene).enable(&scene, &pair.conversation, Mode::Yolo);
        let asked = ask(&mut pair.a, COUNT);
        let run = asked["run_id"].as_str().unwrap().to_owned();
        let digits = asked["request_hash"].as_str().unwrap()[58..].to_owned();
        Self { scene, pair, run, digits }
    }

    /// Asserts that the command still waits, and never ran.
    fn still_waits(&mut self, tried: &str) {
        assert_eq!(self.scene.waiting(&self.pair.conversation)["state"], "pending", "{tried}");
        let answer = ask(&mut self.pair.a, COUNT);
        assert_eq!(answer["state"], "pending", "{tried}: {answer}");
        assert_eq!(self.scene.count(), 0, "{tried}");
    }

    /// What a script would type: the digits, and this.
    fn typed(&self, passphrase: &str) -> String {
        format!("{}\n{passphrase}\n", self.digits)
    }
}

/// Runs it in a session without a terminal, with this on its stdin.
fn piped(mut command: Command, input: &str) -> Output {
    let mut process = command.stdin(Stdio::piped()).spawn().unwrap();
    // A program that does not read its stdin closes it.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    process.wait_with_output().unwrap()
}

/// `setsid mab …`: without any terminal, whoever runs the tests.
fn detached(scene: &Scene, words: &[&str]) -> Command {
    let mut command = scene.program("setsid");
    command.args(["--wait", env!("CARGO_BIN_EXE_mab")]).args(words);
    command
}

#[test]
fn yes_from_a_pipe_with_everything_right_is_none() {
    if !has_bubblewrap() {
        return;
    }
    let mut alone = Alone::new();
    let run = alone.run.clone();
    let conversation = alone.pair.conversation.clone();
    let input = alone.typed(PASSPHRASE);
    let variables =
        ["MAB_PASSPHRASE", "PASSPHRASE", "MAB_APPROVE_PASSPHRASE", "MAB_YOLO_PASSPHRASE", "YOLO_PASSPHRASE"];
    for words in [
        vec!["approve", run.as_str()],
        vec!["approve"],
        vec!["yolo", "enable", &conversation, "--mode", "yolo", "--workspace", "."],
        vec!["yolo", "unlock", &conversation, "a"],
        vec!["yolo", "enroll", "--replace"],
        vec!["yolo", "enroll", "--replace", "--forgotten"],
        vec!["yolo", "passphrase"],
    ] {
        let output = piped(detached(&alone.scene, &words), &input);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{words:?}: {output:?}");
        assert!(told.contains("terminal"), "{words:?}: {told}");
        let mut command = detached(&alone.scene, &words);
        command.envs(variables.map(|name| (name, PASSPHRASE)));
        let code = piped(command, &input).status.code();
        // A variable of the bridge's own that it does not know is refused before.
        assert!([Some(4), Some(2), Some(1)].contains(&code), "{words:?}: {code:?}");
        alone.still_waits(&words.join(" "));
    }
    alone.pair.end();
    alone.scene.verified();
}

#[test]
fn passphrase_in_an_argument_or_a_here_document_is_not_taken() {
    if !has_bubblewrap() {
        return;
    }
    let mut alone = Alone::new();
    let run = alone.run.clone();
    for flag in ["--passphrase", "--password", "--pass", "-p", "--totp", "--yes", "-y", "--force", "--digits"]
    {
        for words in [vec!["approve", &run, flag, PASSPHRASE], vec!["approve", flag, PASSPHRASE, &run]] {
            let output = detached(&alone.scene, &words).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        }
    }
    let mab = env!("CARGO_BIN_EXE_mab");
    let (digits, typed) = (alone.digits.clone(), alone.typed(PASSPHRASE));
    for script in [
        format!("{mab} approve {run} <<'END'\n{typed}END"),
        format!("printf '%s\\n' {digits} '{PASSPHRASE}' | {mab} approve {run}"),
        format!("{mab} approve {run} < <(printf '{digits}\\n{PASSPHRASE}\\n')"),
        format!("yes {digits} | {mab} approve {run}"),
        format!("exec 3<&0; {mab} approve {run} 0<&- 1>&-"),
        format!("nohup {mab} approve {run}"),
    ] {
        let mut command = alone.scene.program("setsid");
        command.args(["--wait", "bash", "-c", &script]);
        let output = piped(command, &typed);
        assert!(!output.status.success(), "{script}: {output:?}");
        alone.still_waits(&script);
    }
    alone.pair.end();
    alone.scene.verified();
}

#[test]
fn script_that_makes_a_terminal_and_types_all_it_can_see_gives_no_yes() {
    if !has_bubblewrap() {
        return;
    }
    let mut alone = Alone::new();
    let approve = format!("{} approve {}", env!("CARGO_BIN_EXE_mab"), alone.run);
    for guess in GUESSES {
        let mut command = alone.scene.program("setsid");
        command.args(["--wait", "script", "-qec", &approve, "/dev/null"]);
        let output = piped(command, &alone.typed(guess).repeat(3));
        assert!(!output.status.success(), "{output:?}");
        alone.still_waits(&format!("script, {guess}"));
        // A terminal of its own, in which everything is read from the screen.
        let digits = alone.digits.clone();
        let mut asked = 0;
        let script = answering(|screen| {
            asked += u32::from(asks_passphrase(screen));
            if asks_passphrase(screen) { guess.to_owned() } else { digits.clone() }
        });
        let words = [env!("CARGO_BIN_EXE_mab"), "approve", alone.run.as_str()];
        let (code, seen) = on_terminal(&alone.scene, &words, script);
        assert_eq!(asked, 3, "it got as far as the passphrase: {seen}");
        assert_ne!(code, Some(0), "{seen}");
        assert!(!seen.contains(guess), "what is typed is not shown: {seen}");
        alone.still_waits(&format!("a terminal, {guess}"));
    }
    alone.pair.end();
    alone.scene.verified();
}

#[test]
fn script_that_would_enable_commands_without_the_passphrase_enables_nothing() {
    let scene = Scene::new("yolo");
    let pair = scene.pair();
    Person::enrolled(&scene);
    for guess in GUESSES {
        let mut asked = 0;
        // Reads the phrase from the screen, as the script that passed the original's guard did.
        let script = answering(|screen| {
            asked += u32::from(asks_passphrase(screen));
            if asks_passphrase(screen) { guess.to_owned() } else { phrase(screen) }
        });
        let words = [
            env!("CARGO_BIN_EXE_mab"),
            "yolo",
            "enable",
            &pair.conversation,
            "--mode",
            "yolo",
            "--workspace",
            ".",
        ];
        let (code, seen) = on_terminal(&scene, &words, script);
        assert_eq!(asked, 3, "it got as far as the passphrase: {seen}");
        assert_ne!(code, Some(0), "{seen}");
        scene.nothing_happened(&pair.conversation);
    }
    pair.end();
    scene.verified();
}

/// The phrase that a screen asks for.
fn phrase(screen: &str) -> String {
    let (_, after) = screen.rsplit_once("enable yolo ").unwrap();
    let digits: String = after.chars().take_while(char::is_ascii_hexdigit).collect();
    format!("enable yolo {digits}")
}

#[test]
fn command_that_is_started_by_a_server_or_a_client_of_agents_asks_nobody() {
    if !has_bubblewrap() {
        return;
    }
    let mut alone = Alone::new();
    // A shell that is called as an agent's client is: what it starts has it for an ancestor.
    let client = alone.scene.home.join("claude");
    std::fs::copy("/bin/bash", &client).unwrap();
    let approve = format!("{} approve {}; exit $?", env!("CARGO_BIN_EXE_mab"), alone.run);
    let typed = alone.typed(PASSPHRASE);
    let words = [client.to_str().unwrap(), "-c", &approve];
    let (code, seen) = on_terminal(&alone.scene, &words, answering(|_| typed.clone()));
    assert_eq!(code, Some(4), "{seen}");
    assert!(seen.contains("claude"), "{seen}");
    alone.still_waits("below a client");
    alone.pair.end();
}

#[test]
fn nothing_that_a_person_types_is_needed_to_refuse() {
    if !has_bubblewrap() {
        return;
    }
    let alone = Alone::new();
    let output = detached(&alone.scene, &["deny", &alone.run, "--reason", "no"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(alone.scene.runs(&alone.pair.conversation), Vec::<serde_json::Value>::new());
    let output = detached(&alone.scene, &["yolo", "disable", &alone.pair.conversation]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut pair = alone.pair;
    let refused = pair.a.refused("execute_command", json!({"command": "ls"}));
    assert_eq!(refused["code"], "execution_disabled", "{refused}");
    pair.end();
    alone.scene.verified();
}
