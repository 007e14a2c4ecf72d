//! Nothing of a run survives it, however it tried.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use mab_exec::{Engine, Killed, Limits, Observer, Outcome, Progress, Tier};

use crate::bench::{Impatient, end_within, mark, processes_with, run, run_in};

/// Shell text that starts, in every way there is, processes that sleep `mark` seconds and hold the outputs open.
pub(crate) fn stubborn(mark: &str) -> String {
    format!(
        "sleep {mark} & setsid sleep {mark} & (trap '' HUP; exec sleep {mark}) & (setsid sh -c 'sleep {mark} & exit' &)
         trap '' TERM HUP INT; sh -c 'trap \"\" TERM HUP; sleep {mark}; true' & "
    )
}

/// Waits inside until the five have really become `sleep`, then says so.
pub(crate) const READY: &str =
    "while [ $(cat /proc/[0-9]*/comm | grep -c '^sleep$') -lt 5 ]; do :; done; echo ready; ";

pub(crate) fn ended_by(outcome: &Outcome) -> Option<Killed> {
    if let Outcome::Killed { reason } = outcome { Some(*reason) } else { None }
}

#[test]
fn command_when_it_leaves_processes_behind_is_over_and_they_are_gone() {
    let mark = mark(1);
    let text = format!("{}{READY} exit 3", stubborn(&mark));
    let Some(finished) = run(&text, Limits::default(), &()) else { return };
    assert_eq!(finished.outcome, Outcome::Exited { code: 3 }, "{finished:?}");
    assert!(processes_with(&mark).is_empty());
}

#[test]
fn command_when_its_time_is_over_is_gone_with_all_it_started() {
    let mark = mark(2);
    let limits = Limits { time_s: 2, ..Limits::default() };
    let Some(finished) = run(&format!("{}{READY} wait", stubborn(&mark)), limits, &()) else { return };
    assert_eq!(ended_by(&finished.outcome), Some(Killed::Timeout));
    assert!(processes_with(&mark).is_empty());
    assert!(finished.duration_ms >= 2_000);
}

#[test]
fn command_when_cancelled_is_gone_with_all_it_started() {
    let mark = mark(3);
    let text = format!("{}{READY} wait", stubborn(&mark));
    let Some(finished) = run(&text, Limits::default(), &Impatient::new()) else { return };
    assert_eq!(ended_by(&finished.outcome), Some(Killed::Cancelled));
    assert_eq!(finished.stdout.head, "ready\n");
    assert!(processes_with(&mark).is_empty());
}

#[test]
fn command_when_it_prints_too_much_is_gone_with_all_it_started() {
    let mark = mark(4);
    let limits = Limits { output_bytes: 100_000, ..Limits::default() };
    let text = format!("{}{READY} setsid yes & yes", stubborn(&mark));
    let Some(finished) = run(&text, limits, &()) else { return };
    assert_eq!(ended_by(&finished.outcome), Some(Killed::Output));
    assert!(processes_with(&mark).is_empty());
}

/// Says on stdout when the command said that it is ready.
struct Herald;

impl Observer for Herald {
    fn progress(&self, progress: &Progress) {
        if progress.stdout_bytes > 0 {
            println!("ready");
        }
    }
}

/// Not a test by itself: the server of the next one, told on stdin where and what to run.
#[test]
#[ignore = "started by server_when_killed_leaves_nothing_running"]
fn server_that_is_killed() {
    let mut lines = std::io::stdin().lines().map(Result::unwrap);
    let (tier, folder) = (lines.next().unwrap(), PathBuf::from(lines.next().unwrap()));
    let mark = lines.next().unwrap();
    let tiers = [Tier::Bubblewrap, Tier::Container(Engine::Docker), Tier::Container(Engine::Podman)];
    let tier = tiers.into_iter().find(|known| known.to_string() == tier).unwrap();
    let text = format!("{}{READY} wait", stubborn(&mark));
    if run_in((tier, &folder), &text, Limits::default(), &Herald).is_none() {
        println!("SKIPPED");
    }
}

#[test]
fn server_when_killed_leaves_nothing_running() {
    let mark = mark(5);
    let Some((mut server, processes)) = server(Tier::Bubblewrap, &mark) else { return };
    server.kill().unwrap();
    assert!(end_within(&processes, Duration::from_millis(500)).unwrap());
    assert!(processes_with(&mark).is_empty());
    server.wait().unwrap();
}

/// A server of its own that runs the stubborn text, and the five processes of that.
#[expect(clippy::disallowed_methods, reason = "a server of its own to kill: this test program again")]
pub(crate) fn server(tier: Tier, mark: &str) -> Option<(Child, Vec<OwnedFd>)> {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::server_that_is_killed", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let path = folder.path().canonicalize().unwrap();
    writeln!(server.stdin.take().unwrap(), "{tier}\n{}\n{mark}", path.display()).unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said = lines.into_iter().find(|line| line.ends_with("ready") || line.contains("SKIPPED"));
    if said.as_deref().is_none_or(|said| said.contains("SKIPPED")) {
        println!("SKIPPED: no {tier} here");
        server.wait().unwrap();
        return None;
    }
    let processes = processes_with(mark);
    assert_eq!(processes.len(), 5);
    Some((server, processes))
}
