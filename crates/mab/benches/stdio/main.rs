//! Whole MCP calls over stdio against a floor measured in the same run: `cargo bench -p mab --bench stdio`, or a part of
//! it: `-- sends`, `-- wakes`, `-- claims`, `-- crowd`.
//!
//! The floor is a bare SQLite commit of the rows that one send writes, by one thread, with the same durability.
//! Read the ratios: absolute times are the disk's and the neighbours' as much as ours.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a program that starts servers, measures time and ends at the first surprise"
)]

mod claims;
mod client;
mod crowd;
mod figures;
mod floor;
mod wakes;

use std::{
    path::Path,
    process::Command,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use client::{Client, Seat};
use figures::{Figures, row};

/// A message of a few sentences.
const MESSAGE_BYTES: usize = 300;

fn main() {
    // `cargo bench` passes flags of its own; `cargo test --benches` must not run minutes of load.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|wanted| wanted == name);
    println!("{:<42} {:>10} {:>10} {:>10} {:>10}", "", "per second", "p50 µs", "p99 µs", "max µs");
    for round in 1..=3 {
        println!("round {round}");
        let folder = tempfile::tempdir().unwrap();
        let floor = floor::commits(&folder.path().join("floor.db"), 2_000);
        row("floor: bare SQLite commit, same rows", &floor, None);
        if wanted("sends") {
            one_by_one(&floor);
            in_flight(&floor);
            eight_processes(&floor);
            empty_checks();
            cold_start();
        }
        if wanted("wakes") {
            wakes::measure(&floor);
        }
        if wanted("claims") {
            claims::measure(&floor, if round == 1 { 10_000_000 } else { 1_000_000 });
        }
        if wanted("crowd") {
            crowd::measure();
        }
    }
}

fn text(n: usize) -> String {
    let words = "The login contract stays as agreed; the client sends JSON and expects a problem document on errors. ";
    format!("{n} {words}{words}{words}").chars().take(MESSAGE_BYTES).collect()
}

fn one_by_one(floor: &Figures) {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, _b) = Client::pair(folder.path());
    let mut figures = Figures::default();
    for n in 0..3_000 {
        let started = Instant::now();
        a.send(&text(n));
        figures.push(started.elapsed());
    }
    row("send_to_partner, one by one", &figures, Some(floor));
}

fn in_flight(floor: &Figures) {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, _b) = Client::pair(folder.path());
    let figures = a.pipelined(20_000, 64, |n| ("send_to_partner", format!(r#"{{"message":"{}"}}"#, text(n))));
    row("send_to_partner, 64 in flight", &figures, Some(floor));
}

fn eight_processes(floor: &Figures) {
    let folder = tempfile::tempdir().unwrap();
    let start = Arc::new(Barrier::new(8));
    let runs: Vec<_> = (0..8)
        .map(|_| {
            let (path, start) = (folder.path().to_path_buf(), Arc::clone(&start));
            thread::spawn(move || {
                let (mut a, _b) = Client::pair(&path);
                start.wait();
                let (began, mut figures) = (Instant::now(), Figures::default());
                while began.elapsed() < Duration::from_secs(3) {
                    let started = Instant::now();
                    a.send(&text(figures.len()));
                    figures.push(started.elapsed());
                }
                (figures, a.last_seq())
            })
        })
        .collect();
    let mut all = Figures::default();
    for run in runs {
        let (figures, seq) = run.join().unwrap();
        assert_eq!(seq, figures.len() as u64, "a message was lost");
        all.merge(figures);
    }
    row("send_to_partner, 8 processes on one file", &all, Some(floor));
}

/// Two servers, one with a million stored messages, asked in turns.
fn empty_checks() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut servers = folders.each_ref().map(|folder| Client::pair(folder.path()).0);
    floor::store_messages(&folders[1].path().join("bridge.db"), 1_000_000);
    let mut figures = [Figures::default(), Figures::default()];
    for turn in 0..12 {
        let server = turn % 2;
        for _ in 0..500 {
            let started = Instant::now();
            servers[server].call("check_messages", "{}");
            figures[server].push(started.elapsed());
        }
    }
    let [empty, full] = figures;
    row("check_messages, empty, 0 stored", &empty, None);
    row("check_messages, empty, 1,000,000 stored", &full, Some(&empty));
}

fn cold_start() {
    let folder = tempfile::tempdir().unwrap();
    drop(Client::pair(folder.path()));
    let mut figures = Figures::default();
    let mut resident_kb = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        let client = Client::start(folder.path());
        figures.push(started.elapsed());
        resident_kb.push(client.resident_kb());
    }
    row("cold start to the initialize answer", &figures, None);
    resident_kb.sort_unstable();
    println!(
        "{:<42} {:>10} kB (median of {})",
        "resident when idle",
        resident_kb[resident_kb.len() / 2],
        resident_kb.len()
    );
}

/// The server under test.
fn server(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mab"));
    command.arg("mcp").env_clear().env("MAB_DATA_DIR", folder);
    // The windows are looked up as always; they are only wide.
    for limit in ["SEND_PER_MINUTE", "SEND_PER_HOUR", "SEND_PER_DAY", "READ_PER_MINUTE", "CREATE_PER_MINUTE"]
    {
        command.env(format!("MAB_LIMITS_{limit}"), "1000000000");
    }
    // Two agents that never stop talking are exactly what it stops.
    command.env("MAB_LOOP_GUARD_MESSAGES", "0");
    command
}

/// Asks the server who it is, in the way of one seat.
fn seat(answer: &serde_json::Value, session: &str, token: &str) -> Seat {
    let field = |name: &str| answer[name].as_str().unwrap().to_owned();
    Seat { conversation: field("conversation_id"), session: session.to_owned(), token: field(token) }
}
