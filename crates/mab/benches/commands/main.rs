//! Commands of agents against floors measured in the same run: `cargo bench -p mab --bench commands`.
//!
//! Floors: the same program started plainly, and a `send_to_partner` of the same server, which is one of the three
//! transactions that a command takes. Read the ratios: absolute times are the disk's and the neighbours' as much as ours.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a program that starts servers, measures time and ends at the first surprise"
)]

#[expect(dead_code, reason = "the tests of the server use the rest")]
#[path = "../../tests/mcp_stdio/client.rs"]
mod client;
#[expect(dead_code, reason = "the other bench uses the rest")]
#[path = "../stdio/figures.rs"]
mod figures;
#[path = "../../tests/commands/person.rs"]
mod person;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/commands/scene.rs"]
mod scene;

use std::time::Instant;

use mab::system::OsRandom;
use mab_core::{
    approver::{Approver, Cost},
    execution::Mode,
};
use serde_json::json;

use client::Client;
use figures::{Figures, row};
use person::{PASSPHRASE, Person};
use scene::{Pair, Scene};

/// Commands of one row.
const TIMES: usize = 100;
/// Openings of the key.
const OPENINGS: usize = 20;

fn main() {
    // `cargo bench` passes flags of its own; `cargo test --benches` must not run minutes of load.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("{:<42} {:>10} {:>10} {:>10} {:>10}", "", "per second", "p50 µs", "p99 µs", "max µs");
    for round in 1..=3 {
        println!("round {round}");
        let plain = plain();
        row("floor: cat, started plainly", &plain, None);
        at_once(Mode::Safe, "safe", &plain);
        at_once(Mode::Restricted, "restricted", &plain);
        for files in [1, 5_000] {
            after_a_yes(files, &plain);
        }
        row("opening the approver's key", &openings(), None);
    }
}

fn plain() -> Figures {
    let scene = Scene::new("safe");
    times(TIMES, || assert!(scene.program("cat").arg("notes.txt").output().unwrap().status.success()))
}

/// What only reads: from the call to its answer with what was printed.
fn at_once(mode: Mode, name: &str, plain: &Figures) {
    let (scene, _person, mut pair) = enabled(mode);
    // Fewer than the loop guard lets pass.
    let sends =
        times(TIMES / 2, || drop(pair.a.did("send_to_partner", json!({"message": "the list is read"}))));
    row("floor: send_to_partner, same server", &sends, None);
    let read = json!({"argv": ["cat", "notes.txt"]});
    let runs = times(TIMES, || {
        let answer = pair.a.did("execute_command", read.clone());
        assert_eq!(answer["stdout"]["head"], "one\ntwo\n", "{answer}");
    });
    row(&format!("execute_command, reads, at once, {name}"), &runs, Some(plain));
    pair.end();
    drop(scene);
}

/// What writes: from a person's signed yes to the answer of the call that waited for it, in a workspace of so many files.
fn after_a_yes(files: usize, plain: &Figures) {
    let (scene, person, mut pair) = enabled(Mode::Restricted);
    for n in 1..files {
        std::fs::write(scene.space.join(format!("file{n}")), format!("content {n}\n")).unwrap();
    }
    let mut figures = Figures::default();
    for _ in 0..TIMES / 4 {
        pair.a
            .ask("tools/call", json!({"name": "execute_command", "arguments": {"argv": ["touch", "made"]}}));
        let run = loop {
            if let Some(run) = scene.runs(&pair.conversation).pop() {
                break run;
            }
        };
        let began = Instant::now();
        person.approve(&scene, &run);
        finished(&mut pair.a);
        figures.push(began.elapsed());
    }
    row(&format!("yes to the answer, writes, {files} files"), &figures, Some(plain));
    pair.end();
}

/// Waits for the answer to a call, past what is said of its progress.
fn finished(agent: &mut Client) {
    loop {
        let answer = agent.answer();
        if answer["result"].is_object() {
            assert_eq!(answer["result"]["structuredContent"]["outcome"], "exited", "{answer}");
            return;
        }
    }
}

fn openings() -> Figures {
    let key = Approver::draw(&OsRandom).unwrap();
    let sealed = key.seal(PASSPHRASE, Cost::default(), &OsRandom).unwrap();
    times(OPENINGS, || drop(Approver::open(&sealed, PASSPHRASE).unwrap()))
}

fn enabled(mode: Mode) -> (Scene, Person, Pair) {
    let scene = Scene::new("restricted");
    let pair = scene.pair();
    let person = Person::enrolled(&scene);
    person.enable(&scene, &pair.conversation, mode);
    (scene, person, pair)
}

fn times(count: usize, mut work: impl FnMut()) -> Figures {
    let mut figures = Figures::default();
    for _ in 0..count {
        let began = Instant::now();
        work();
        figures.push(began.elapsed());
    }
    figures
}
