//! What a thousand agents cost that wait, each in a process of its own, and nothing happens.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime},
};

use rustix::process::Rlimit;

use crate::{client::Client, text, wakes::WAIT};

/// Agents that wait.
const AGENTS: usize = 1_000;

/// How long they are watched.
const WATCHED: Duration = Duration::from_secs(30);

/// Ticks of `/proc/<pid>/stat` per second (`sysconf(_SC_CLK_TCK)`, 100 on every Linux of today).
const TICKS: f64 = 100.0;

/// Starts them, watches them, and wakes one.
pub(crate) fn measure() {
    // Two pipes each; where that is too many, starting them says so.
    let files = rustix::process::Resource::Nofile;
    let allowed = rustix::process::getrlimit(files).maximum;
    let _ = rustix::process::setrlimit(files, Rlimit { current: allowed, maximum: allowed });
    let folder = tempfile::tempdir().unwrap();
    let mut agents: Vec<Client> = Vec::new();
    for _ in 0..AGENTS / 2 {
        let (a, b) = Client::pair(folder.path());
        agents.extend([a, b]);
    }
    for agent in &mut agents {
        agent.ask("check_messages", WAIT);
    }
    // Until every first look is over.
    thread::sleep(Duration::from_secs(5));
    let (before, files, started) = (ticks(&agents), written(folder.path()), Instant::now());
    thread::sleep(WATCHED);
    let (spent, seconds) = ((ticks(&agents) - before) as f64 / TICKS, started.elapsed().as_secs_f64());
    println!(
        "{:<42} {:.4} % of a core each, {:.1} % together, {} writes, {} MB resident each",
        format!("{AGENTS} waiting agents, {} s", WATCHED.as_secs()),
        spent / seconds / AGENTS as f64 * 100.0,
        spent / seconds * 100.0,
        usize::from(written(folder.path()) != files),
        agents[0].resident_kb() / 1_024,
    );
    let mut sender = Client::pair(folder.path());
    let started = Instant::now();
    sender.0.send(&text(0));
    sender.1.call("check_messages", WAIT);
    println!("{:<42} {:.1} ms", "… and two more talk among them", started.elapsed().as_secs_f64() * 1e3);
}

/// Processor time of all servers so far.
fn ticks(agents: &[Client]) -> u64 {
    let of = |agent: &Client| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", agent.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // utime and stime, the 14th and 15th field (proc_pid_stat(5)); the first two are cut off.
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    agents.iter().map(of).sum()
}

/// When the database and its log were last written, and how long they are.
fn written(folder: &Path) -> Vec<(SystemTime, u64)> {
    let state = |name: &str| {
        let file = std::fs::metadata(folder.join(name)).unwrap();
        (file.modified().unwrap(), file.len())
    };
    ["bridge.db", "bridge.db-wal"].map(state).to_vec()
}
