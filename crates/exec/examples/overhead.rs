//! Prints what a sandbox costs: `true` started plainly, in T1 and in T2, by turns, with medians and ratios. A `pinned` one is
//! a program of the workspace, which runs as a copy. The last rows are one look at the files that a command obeys; a run
//! after a yes takes four of them.
//!
//! `cargo run --release -p mab-exec --example overhead -- target/release/mab-sandbox-exec`

use std::{
    collections::BTreeMap,
    fs::File,
    hint::black_box,
    io::Write as _,
    path::PathBuf,
    process::{Command, ExitCode},
    sync::Arc,
    time::{Duration, Instant},
};

use mab_exec::{
    Argv, Binary, Digest, Ending, GitAccess, Judge, Limits, Link, Mode, Network, Plan, Policy, ProbeSettings,
    Profile, Running, Sandbox, Stage, Step, Tier, Tiers, View, Wanted, Workspace,
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
    let space = root.join("space");
    let reading = Profile {
        workspace: space.clone(),
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
    let system = plan("/usr/bin/true".to_owned());
    let own = space.join("true");
    std::fs::copy("/usr/bin/true", &own)?;
    let own = own.to_string_lossy().into_owned();
    let sha256 = Digest::of_reader(File::open(&own)?)?;
    let pinned = [Binary { path: own.clone(), sha256 }];
    let own = plan(own);
    let run = |sandbox: &Arc<dyn Sandbox>, profile, plan, binaries| {
        finish(sandbox.start(&Stage { plan, binaries, profile, view: &View::Direct })?)
    };
    for number in 0..64 {
        std::fs::write(space.join(format!("f{number}")), [b'x'; 8192])?;
    }
    std::fs::write(space.join("Makefile"), "all:\n")?;
    std::fs::write(space.join("large"), vec![b'x'; 8 << 20])?;
    let judge = Judge::new(Policy::builtin());
    let workspace = Workspace::open(&space)?;
    let look = |words: &str| {
        drop(black_box(judge.obeyed(Mode::Restricted, &Wanted::Text(words.to_owned()), &workspace)));
        Ok(())
    };
    let all = (0..63).fold("git add".to_owned(), |words, number| format!("{words} f{number}"));
    let rows: Vec<(&str, Work<'_>)> = vec![
        ("plain", Box::new(|| plain().status().map(|_| ()).map_err(Into::into))),
        ("T1", Box::new(|| run(&t1, &reading, &system, &[]))),
        ("T2 reading", Box::new(|| run(&t2, &reading, &system, &[]))),
        ("T2 writing", Box::new(|| run(&t2, &writing, &system, &[]))),
        ("T2 pinned", Box::new(|| run(&t2, &writing, &own, &pinned))),
        ("no file", Box::new(|| look("mkdir made"))),
        ("Makefile", Box::new(|| look("make"))),
        ("63 files", Box::new(|| look(&all))),
        ("8 MiB", Box::new(|| look("git add large"))),
    ];
    let mut times: Vec<(&str, Vec<Duration>)> = rows.iter().map(|(name, _)| (*name, Vec::new())).collect();
    for _ in 0..ROUNDS {
        for ((_, work), (_, times)) in rows.iter().zip(&mut times) {
            let begun = now();
            work()?;
            times.push(begun.elapsed());
        }
    }
    Ok(table(times))
}

type Work<'a> = Box<dyn Fn() -> Measured + 'a>;
type Measured = Result<(), Box<dyn std::error::Error>>;

fn plan(program: String) -> Plan {
    let argv = Argv { name: "true".to_owned(), program, arguments: Vec::new(), environment: Vec::new() };
    Plan::Steps(vec![Step { link: Link::Always, pipeline: vec![argv] }])
}

fn finish(mut running: Box<dyn Running>) -> Measured {
    poll(&mut [PollFd::from_borrowed_fd(running.over(), PollFlags::IN)], None)?;
    match running.try_end()? {
        Some(Ending::Exited(0)) => Ok(()),
        other => Err(format!("it ended otherwise: {other:?}").into()),
    }
}

fn table(all: Vec<(&str, Vec<Duration>)>) -> String {
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
