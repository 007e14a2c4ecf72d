//! What a run has started ends with it, however it ends.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    os::fd::OwnedFd,
    process::{Command, Stdio},
};

use mab_exec::{Ending, Running, Tier};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::bench::{Space, end, one, run, sandbox, shell, start};

/// Starts children that leave the session and the parent, in several ways, each a `sleep` of `number`; then says so.
fn leavers(number: u32) -> String {
    let number = own(number);
    format!(
        "setsid sleep {number} & (setsid sh -c 'trap \"\" TERM HUP INT; (sleep {number} & sleep {number}) & wait' &) &
        nohup sleep {number} >/dev/null 2>&1 & while [ $(pgrep -c -x -f 'sleep {number}') -lt 4 ]; do :; done; echo on; "
    )
}

#[test]
fn run_when_killed_leaves_nothing() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let mut running = start(&*sandbox, &shell(&(leavers(81_001) + "wait")), &Space::new().reading());
    let _outputs = until_on(&mut *running);
    assert!(alive(81_001).len() >= 4);
    running.kill().unwrap();
    assert_eq!(alive(81_001), [0; 0]);
    assert_eq!(end(&mut *running), Ending::Exited(137));
}

#[test]
fn run_when_it_ends_by_itself_or_is_dropped_leaves_nothing() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    let text = leavers(81_002);
    // What it left holds the outputs open, so that only its own end ends it.
    let ran = run(&*sandbox, &shell(&text), &space.reading());
    assert_eq!((ran.code(), ran.stdout.as_str()), (0, "on\n"), "{ran:?}");
    assert_eq!(alive(81_002), [0; 0]);
    let mut running = start(&*sandbox, &shell(&(leavers(81_003) + "wait")), &space.reading());
    let _outputs = until_on(&mut *running);
    drop(running);
    assert_eq!(alive(81_003), [0; 0]);
}

#[test]
fn command_of_t1_when_killed_or_when_it_tries_to_fork_leaves_nothing() {
    let Some(sandbox) = sandbox(Tier::Landlock) else { return };
    let space = Space::new();
    let mut running = start(&*sandbox, &one(&["sleep", &own(81_004).to_string()]), &space.reading());
    // The thread of the run may not have come to it yet; killed it must be either way.
    running.kill().unwrap();
    assert_eq!(alive(81_004), [0; 0]);
    let ran =
        run(&*sandbox, &one(&["sh", "-c", &format!("sleep {} & echo on", own(81_005))]), &space.reading());
    assert_ne!(ran.code(), 0, "{ran:?}");
    assert_eq!(alive(81_005), [0; 0]);
}

#[test]
#[ignore = "started by the test below, which kills it"]
fn server_with_runs() {
    let t2 = sandbox(Tier::Bubblewrap).unwrap();
    let t1 = sandbox(Tier::Landlock);
    let space = Space::new();
    let mut first = start(&*t2, &shell(&(leavers(81_006) + "wait")), &space.writing());
    let _outputs = until_on(&mut *first);
    let _second = t1.map(|t1| start(&*t1, &one(&["sleep", &own(81_006).to_string()]), &space.reading()));
    println!("\nspace {}", space.path.display());
    end(&mut *first);
}

#[test]
fn server_when_it_is_killed_leaves_no_process_and_the_next_probe_no_stub() {
    if sandbox(Tier::Bubblewrap).is_none() {
        return;
    }
    let mut server = this_program()
        .args(["--exact", "survivors::server_with_runs", "--ignored", "--nocapture"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let space =
        lines.map(Result::unwrap).find_map(|line| line.strip_prefix("space ").map(str::to_owned)).unwrap();
    let watched: Vec<OwnedFd> = alive(81_006).into_iter().map(watch).collect();
    assert!(watched.len() >= 4);
    assert!(std::path::Path::new(&space).join(".claude").exists());
    server.kill().unwrap();
    server.wait().unwrap();
    for process in &watched {
        let limit = Timespec { tv_sec: 20, tv_nsec: 0 };
        let ended = poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&limit)).unwrap();
        assert_eq!(ended, 1, "something survives");
    }
    assert_eq!(alive(81_006), [0; 0]);
    drop(crate::bench::tiers());
    assert_eq!(std::fs::read_dir(&space).unwrap().count(), 0, "stubs are left in {space}");
    std::fs::remove_dir_all(std::path::Path::new(&space).parent().unwrap()).unwrap();
}

/// Waits until a run has said so; keeps its outputs open.
fn until_on(running: &mut dyn Running) -> [File; 2] {
    let [mut stdout, mut stderr] = running.take_outputs().unwrap().map(File::from);
    if stdout.read_exact(&mut [0; 3]).is_err() {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        panic!("it ended: {:?}: {text}", end(running));
    }
    [stdout, stderr]
}

fn watch(process: i32) -> OwnedFd {
    pidfd_open(Pid::from_raw(process).unwrap(), PidfdFlags::empty()).unwrap()
}

/// A number that no other user's run of these tests has.
fn own(number: u32) -> u32 {
    number + 100 * rustix::process::geteuid().as_raw()
}

/// The processes, of any sandbox, that are a `sleep` of this number.
fn alive(number: u32) -> Vec<i32> {
    let words = format!("sleep\0{}\0", own(number)).into_bytes();
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap());
    let ours = processes
        .filter(|process| std::fs::read(process.path().join("cmdline")).is_ok_and(|all| all == words));
    ours.map(|process| process.file_name().into_string().unwrap().parse().unwrap()).collect()
}

#[expect(clippy::disallowed_methods, reason = "a server that is killed has to be another process")]
fn this_program() -> Command {
    Command::new(std::env::current_exe().unwrap())
}
