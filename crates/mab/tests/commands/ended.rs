//! A server that ends, in order or at any instruction: nothing that it ran goes on, and everybody learns how it ended.

use std::{fs, os::fd::OwnedFd, thread, time::Duration};

use mab_core::execution::{Mode, Terms};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open},
};
use serde_json::{Value, json};

use crate::{
    client::Client,
    person::Person,
    scene::{Pair, Scene, has_bubblewrap},
};

/// Far beyond what anything here takes: a test that meets it has failed.
const GUARD: Duration = Duration::from_secs(40);
/// How often it is looked for what nothing tells of.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How many processes the command is, one of them in a session of its own.
const PROCESSES: usize = 3;

/// A command that runs in one server, and the other agent.
struct Running {
    scene: Scene,
    a: Client,
    b: Client,
    conversation: String,
    /// Its processes.
    processes: Vec<OwnedFd>,
}

impl Running {
    /// Has a command approved that would take an hour, and waits until all of it runs.
    fn new(test: u32) -> Self {
        let scene = Scene::new("yolo");
        let Pair { mut a, b, conversation } = scene.pair();
        let person = Person::enrolled(&scene);
        let terms = Person::terms(&scene, &conversation, Mode::Yolo);
        person.enable_as(&scene, &Terms { timeout_s: Some(1_800), ..terms }).unwrap();
        // A number that no other test has, nor another run of it.
        let seconds = format!("3600.{:010}{test}", std::process::id());
        let command = format!("setsid sleep {seconds} & sleep {seconds} & sleep {seconds}");
        let asked = a.did("execute_command", json!({"command": command, "wait_seconds": 0}));
        person.approve(&scene, &scene.waiting(&conversation));
        let again = json!({"approval_token": asked["approval_token"]});
        a.ask("tools/call", json!({"name": "execute_command", "arguments": again}));
        let mut processes = Vec::new();
        for _ in 0..GUARD.as_millis() / LOOK_EVERY.as_millis() {
            processes = sleeping(&seconds);
            if processes.len() == PROCESSES {
                break;
            }
            thread::sleep(LOOK_EVERY);
        }
        assert_eq!(processes.len(), PROCESSES, "{:?}", scene.runs(&conversation));
        Self { scene, a, b, conversation, processes }
    }
}

/// The processes, in whatever sandbox, that sleep for so long.
fn sleeping(seconds: &str) -> Vec<OwnedFd> {
    let words = format!("sleep\0{seconds}\0").into_bytes();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let found = entries.filter(|entry| fs::read(entry.path().join("cmdline")).is_ok_and(|all| all == words));
    let numbers = found.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(|number| pidfd_open(Pid::from_raw(number)?, PidfdFlags::empty()).ok()).collect()
}

/// Asserts that all of them end.
fn all_end(processes: &[OwnedFd], within: Duration) {
    let within = Timespec::try_from(within).unwrap();
    for process in processes {
        let ended = poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&within)).unwrap();
        assert_eq!(ended, 1, "a process of the command goes on");
    }
}

/// The newest of what an agent is told by the bridge itself.
fn told_last(agent: &mut Client) -> String {
    let answer = agent.did("check_messages", json!({"limit": 100}));
    let messages: Vec<&Value> =
        answer["messages"].as_array().unwrap().iter().filter(|message| message["from"] == "system").collect();
    messages.last().unwrap()["message"].as_str().unwrap().to_owned()
}

#[test]
fn server_when_told_to_end_ends_its_command_first_and_tells_everybody() {
    if !has_bubblewrap() {
        return;
    }
    let Running { scene, a, mut b, conversation, processes } = Running::new(1);
    a.signal(Signal::TERM);
    let (status, stderr) = a.ended();
    assert!(status.success(), "{status}: {stderr}");
    all_end(&processes, Duration::ZERO);
    assert_eq!(scene.runs(&conversation), Vec::<Value>::new());
    let told = told_last(&mut b);
    assert!(told.contains("because its server was stopped"), "{told}");
    b.end();
    scene.verified();
}

#[test]
fn server_when_killed_takes_its_command_with_it_and_the_next_call_after_its_time_tells_everybody() {
    if !has_bubblewrap() {
        return;
    }
    let Running { scene, a, mut b, conversation, processes } = Running::new(2);
    a.signal(Signal::KILL);
    a.ended();
    all_end(&processes, GUARD);
    let running = scene.waiting(&conversation);
    assert_eq!(running["state"], "running", "nobody was there to say how it ended");
    let listing = json!({"command": "true", "dry_run": true});
    b.did("execute_command", listing.clone());
    assert_eq!(scene.waiting(&conversation)["state"], "running", "its time is not over");

    // What half an hour does.
    assert_eq!(scene.sql("UPDATE run SET expires_at = 1 WHERE state = 'running'"), 1);
    b.did("execute_command", listing);
    assert_eq!(scene.runs(&conversation), Vec::<Value>::new());
    let told = told_last(&mut b);
    let run = running["run_id"].as_str().unwrap();
    assert!(told.starts_with(run) && told.contains("died before it could say how it ended"), "{told}");
    b.end();
}
