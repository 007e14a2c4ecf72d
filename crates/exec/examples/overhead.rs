//! Prints what a sandbox costs: `true` started plainly, in T1 and in T2, by turns, with medians and ratios.
//!
//! `cargo run --release -p mab-exec --example overhead -- target/release/mab-sandbox-exec`

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::PathBuf,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use mab_exec::{
    Argv, Ending, GitAccess, Limits, Link, Mode, Network, Plan, ProbeSettings, Profile, Running, Stage, Step,
    Tier, Tiers, View,
};
use rustix::event::{PollFd, PollFlags, poll};

fn main() -> ExitCode {
    let Some(helper) = std::env::args_os().nth(1).and_then(|path| PathBuf::from(path).canonicalize().ok())
    else {
        return ExitCode::FAILURE;
    };
    match measure(helper) {
        Ok(text) => drop(std::io::stdout().write_all(text.as_bytes())),
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{error}"));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

const ROUNDS: usize = 200;

fn measure(helper: PathBuf) -> Result<String, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    std::fs::create_dir(root.join("space"))?;
    let tiers = Tiers::probe(&ProbeSettings { helper, records: root.join("records") });
    let argv = Argv {
        name: "true".to_owned(),
        program: "/usr/bin/true".to_owned(),
        arguments: Vec::new(),
        environment: Vec::new(),
    };
    let plan = Plan::Steps(vec![Step { link: Link::Always, pipeline: vec![argv] }]);
    let reading = Profile {
        workspace: root.join("space"),
        writable: false,
        git: GitAccess::ReadOnly,
        network: Network::Off,
        readable: Vec::new(),
        hidden: Vec::new(),
        environment: BTreeMap::new(),
        limits: Limits::default(),
    };
    let writing = Profile { writable: true, ..reading.clone() };
    let t1 = tiers.strongest(Mode::Safe, Some(Tier::Landlock))?;
    let t2 = tiers.strongest(Mode::Safe, Some(Tier::Bubblewrap))?;
    let mut all = [
        ("plain", None, Vec::new()),
        ("T1", Some((&t1, &reading)), Vec::new()),
        ("T2 reading", Some((&t2, &reading)), Vec::new()),
        ("T2 writing", Some((&t2, &writing)), Vec::new()),
    ];
    for _ in 0..ROUNDS {
        for (_, sandboxed, times) in &mut all {
            let begun = now();
            match sandboxed {
                Some((sandbox, profile)) => {
                    finish(sandbox.start(&Stage {
                        plan: &plan,
                        binaries: &[],
                        profile,
                        view: &View::Direct,
                    })?)?;
                }
                None => drop(plain().status()?),
            }
            times.push(begun.elapsed());
        }
    }
    Ok(table(all.map(|(name, _, times)| (name, times))))
}

fn finish(mut running: Box<dyn Running>) -> Result<(), Box<dyn std::error::Error>> {
    poll(&mut [PollFd::from_borrowed_fd(running.over(), PollFlags::IN)], None)?;
    match running.try_end()? {
        Some(Ending::Exited(0)) => Ok(()),
        other => Err(format!("it ended otherwise: {other:?}").into()),
    }
}

fn table(all: [(&str, Vec<Duration>); 4]) -> String {
    let mut text = String::new();
    let mut floor = None;
    for (name, mut times) in all {
        times.sort();
        let median = times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1e3;
        let least = times.first().copied().unwrap_or_default().as_secs_f64() * 1e3;
        let floor = *floor.get_or_insert(median);
        let (ratio, more) = (median / floor, median - floor);
        let least = format!("{name:<11} min {least:6.2} ms");
        text.push_str(&[least, format!("  median {median:6.2} ms  {ratio:5.2}x  {more:+6.2} ms\n")].concat());
    }
    text
}

#[expect(clippy::disallowed_methods, reason = "the floor that is measured against")]
fn plain() -> Command {
    Command::new("/usr/bin/true")
}

#[expect(clippy::disallowed_methods, reason = "this measures time")]
fn now() -> Instant {
    Instant::now()
}
