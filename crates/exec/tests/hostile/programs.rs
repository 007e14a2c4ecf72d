//! The programs of `programs.toml`, each in every tier.

use std::{collections::BTreeSet, fs, path::Path};

use mab_exec::{Engine, GitAccess, Killed, Limits, Outcome, Tier};
use serde::Deserialize;

use crate::scene::{CANARY, Scene, TIERS, command, is_held, is_here, small};

#[derive(Deserialize)]
struct Table {
    program: Vec<Program>,
}

#[derive(Deserialize)]
struct Program {
    file: String,
    arguments: Vec<String>,
    expect: String,
    limit: Option<String>,
    #[serde(default)]
    absent: Vec<String>,
}

/// One test for each file: its name, and the file.
macro_rules! contained {
    ($($name:ident: $file:literal,)*) => {
        $(#[test]
        fn $name() {
            contained($file);
        })*

        const TRIED: &[&str] = &[$($file),*];
    };
}

contained! {
    double_fork_when_its_time_is_over_leaves_nothing: "double_fork.py",
    link_that_is_swapped_when_written_through_leads_nowhere: "symlink_swap.py",
    settings_of_clients_when_planted_are_not_there: "protected_paths.py",
    output_without_end_when_printed_is_cut: "output.py",
    processes_without_end_when_started_meet_the_limit: "forks.py",
    memory_without_end_when_taken_meets_the_limit: "memory.py",
    terminal_when_typed_into_is_not_there: "terminal.py",
    io_uring_when_set_up_is_refused: "io_uring.py",
    kernel_when_asked_for_more_refuses: "kernel.py",
    bridge_when_looked_for_is_not_there: "bridge.py",
    programs_of_a_workspace_when_planted_are_not_executed_by_the_host: "venv.sh",
    credentials_when_looked_for_are_not_there: "secrets.sh",
    home_when_written_to_is_another: "home.sh",
    links_when_written_through_lead_nowhere: "symlink_out.sh",
    network_when_reached_for_is_not_there: "network.py",
    processes_outside_when_signalled_live_on: "kill_parent.py",
    files_without_end_when_written_meet_the_limit: "big_file.sh",
    command_without_end_when_its_time_is_over_is_gone: "forever.sh",
    processes_when_traced_are_out_of_reach: "trace.py",
    repository_when_moved_away_stays: "git_moved.sh",
    repository_when_its_settings_are_planted_executes_nothing: "git_planted.sh",
}

/// The server of this one is a process with the canary in its environment: this test program again.
#[test]
fn environment_of_the_server_when_looked_for_is_nowhere() {
    let name = "programs::server_with_the_canary";
    let mut server = command(std::env::current_exe().unwrap());
    server.args(["--exact", name, "--ignored", "--nocapture"]).env(CANARY, "held");
    let output = server.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    println!("{text}");
}

#[test]
#[ignore = "started by environment_of_the_server_when_looked_for_is_nowhere"]
fn server_with_the_canary() {
    let own = fs::read("/proc/self/environ").unwrap();
    assert!(String::from_utf8_lossy(&own).contains(CANARY));
    contained("parent_environment.py");
}

#[test]
fn programs_when_counted_are_all_tried() {
    let tried: BTreeSet<_> = TRIED.iter().copied().chain(["parent_environment.py"]).collect();
    let table = table();
    assert_eq!(tried, table.iter().map(|program| program.file.as_str()).collect());
}

/// Runs what the table has about `file` in every tier.
fn contained(file: &str) {
    let programs: Vec<_> = table().into_iter().filter(|program| program.file == file).collect();
    assert!(!programs.is_empty(), "{file}");
    for tier in TIERS.into_iter().filter(|tier| applies(file, *tier)) {
        if !is_here(tier) {
            continue;
        }
        for program in &programs {
            let git = if file.starts_with("git_") { GitAccess::Commit } else { GitAccess::ReadOnly };
            for git in [GitAccess::ReadOnly, git].into_iter().collect::<BTreeSet<_>>() {
                one(program, tier, git);
            }
        }
    }
}

/// Our own filter is about T1 and T2; in a container the engine's decides.
fn applies(file: &str, tier: Tier) -> bool {
    tier == Tier::Bubblewrap || !["io_uring.py", "kernel.py", "trace.py"].contains(&file)
}

fn one(program: &Program, tier: Tier, git: GitAccess) {
    let mut scene = Scene::new();
    let file = scene.space().join(&program.file);
    fs::copy(folder().join("programs").join(&program.file), &file).unwrap();
    let interpreter = if Path::new(&program.file).extension().is_some_and(|end| end == "py") {
        "/usr/bin/python3"
    } else {
        "sh"
    };
    let mut words = vec![interpreter.to_owned(), file.display().to_string()];
    words.extend(program.arguments.iter().map(|argument| format!("'{}'", scene.argument(argument))));
    let text = words.join(" ");
    let limited = program.limit.as_deref() == Some("time") || program.arguments == ["stay"];
    let limits = if limited { Limits { time_s: 3, ..small() } } else { small() };
    let finished = scene.run(tier, &text, (limits, git));
    let why = format!("{tier}, {git:?}: {text}: {finished:?}");
    let killed = |reason| finished.outcome == Outcome::Killed { reason };
    let is_so = match (program.expect.as_str(), program.limit.as_deref()) {
        // Podman does not always say that a container ended for its memory.
        ("closed", None) => {
            let untold = tier == Tier::Container(Engine::Podman) && program.file == "memory.py";
            is_held(&finished) || untold && finished.outcome == Outcome::Exited { code: 137 }
        }
        ("killed", Some("output")) => killed(Killed::Output),
        ("killed", Some("time")) => killed(Killed::Timeout) && finished.stdout.head == "STARTED\n",
        // It did start what must be gone.
        ("gone", None) => {
            let ended = if limited { killed(Killed::Timeout) } else { is_held(&finished) };
            ended && finished.stdout.head.starts_with("STARTED") && scene.space().join("survivor").exists()
        }
        // A private place may have taken what it wrote: what counts is what is there afterwards.
        ("unchanged", None) => matches!(finished.outcome, Outcome::Exited { .. }),
        _ => false,
    };
    assert!(is_so, "{why}");
    // Attributes say no more in `.git` than in the workspace, where everybody may write them; what they name is settings.
    let may_be = |absent: &&String| git == GitAccess::Commit && *absent == ".git/info/attributes";
    for absent in program.absent.iter().filter(|absent| !may_be(absent)) {
        assert!(scene.space().join(absent).symlink_metadata().is_err(), "{absent} is there: {why}");
    }
    scene.is_unharmed(&why);
}

fn table() -> Vec<Program> {
    let text = fs::read_to_string(folder().join("programs.toml")).unwrap();
    toml::from_str::<Table>(&text).unwrap().program
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile"))
}
