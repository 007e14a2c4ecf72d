//! What a command is given, and what is refused before anything is started.

use std::{
    fs::File,
    net::TcpListener,
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use mab_exec::{Mode, Network, Plan, ProbeSettings, Profile, Stage, Tier, Tiers, View};
use rustix::io::{FdFlags, fcntl_setfd};

use crate::bench::{Space, one, run, sandbox, settings, shell, start, tiers};

const TIERS: [Tier; 2] = [Tier::Landlock, Tier::Bubblewrap];

#[test]
fn command_when_started_has_its_environment_an_empty_input_and_no_other_descriptor() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    let leaked = File::open(secret.path()).unwrap();
    fcntl_setfd(&leaked, FdFlags::empty()).unwrap();
    for tier in TIERS {
        let Some(sandbox) = sandbox(tier) else { continue };
        let space = Space::new();
        let reading = space.reading();
        let ran = run(&*sandbox, &one(&["env"]), &reading);
        let lines = reading.environment.iter().map(|(name, value)| format!("{name}={value}\n"));
        assert_eq!(ran.stdout, lines.collect::<String>(), "{tier}: {ran:?}");
        assert_eq!(run(&*sandbox, &one(&["cat"]), &reading).code(), 0, "{tier}");
        for number in (3..10).chain([leaked.as_raw_fd()]) {
            // Not dash, which knows no number of two digits.
            let ran = run(&*sandbox, &one(&["bash", "-c", &format!("read -r x <&{number}")]), &reading);
            assert!(ran.stderr.contains("Bad file descriptor"), "{tier}: {ran:?}");
        }
        let ran = run(&*sandbox, &one(&["sh", "-c", ": < /dev/tty && echo terminal"]), &reading);
        assert!(ran.code() != 0 && ran.stdout.is_empty(), "{tier}: {ran:?}");
    }
}

#[test]
fn trap_5_rights_of_a_command_when_looked_at_from_outside_are_none() {
    for tier in TIERS {
        let Some(sandbox) = sandbox(tier) else { continue };
        let number =
            if tier == Tier::Landlock { 71_001 } else { 71_002 } + 100 * rustix::process::geteuid().as_raw();
        let number = number.to_string();
        let number = number.as_str();
        let space = Space::new();
        let _running = start(&*sandbox, &one(&["sleep", number]), &space.reading());
        let status = status_of(&["sleep", number]);
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("{name}: {status}")).trim().to_owned()
        };
        for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(value(name), "0000000000000000", "{tier}: {name}");
        }
        if rustix::process::geteuid().is_root() {
            assert_eq!(value("CapBnd"), "0000000000000000", "{tier}");
        }
        assert_eq!((value("NoNewPrivs").as_str(), value("Seccomp").as_str()), ("1", "2"), "{tier}");
    }
}

/// What the system says of the process that has exactly these words, once there is one: while a program is started, it has
/// none, or those of what starts it.
#[cfg(test)]
fn status_of(words: &[&str]) -> String {
    let words = words.join("\0") + "\0";
    for _ in 0..10_000 {
        let mut processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let is_it = |process: &PathBuf| {
            std::fs::read_to_string(process.join("cmdline")).is_ok_and(|found| found == words)
        };
        if let Some(Ok(status)) = processes.find(is_it).map(|it| std::fs::read_to_string(it.join("status"))) {
            return status;
        }
        std::thread::yield_now();
    }
    panic!("no process has the words {words:?}")
}

#[test]
fn network_when_the_profile_says_so_is_the_hosts() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let text =
        format!("exec 3<>/dev/tcp/127.0.0.1/{} && echo reached", listener.local_addr().unwrap().port());
    let space = Space::new();
    let with = Profile { network: Network::Host, ..space.reading() };
    assert_eq!(run(&*sandbox, &shell(&text), &with).stdout, "reached\n");
    assert_eq!(run(&*sandbox, &shell(&text), &space.reading()).stdout, "");
}

#[test]
fn plan_when_t1_cannot_hold_it_is_refused() {
    let Some(sandbox) = sandbox(Tier::Landlock) else { return };
    let space = Space::new();
    let (reading, writing, touch) = (space.reading(), space.writing(), one(&["touch", "x"]));
    let overlay = View::Overlay { upper: "/x".into(), work: "/y".into() };
    let sh: Plan = shell("touch x");
    for (plan, profile, view) in
        [(&sh, &reading, &View::Direct), (&touch, &writing, &View::Direct), (&touch, &reading, &overlay)]
    {
        let Err(refused) = sandbox.start(&Stage { plan, binaries: &[], profile, view }) else {
            panic!("it was started")
        };
        assert_eq!(refused.reason, "Landlock alone holds only commands that read, without a shell");
        assert_eq!(refused.hint, "the administrator can install bubblewrap");
    }
    assert_eq!(space.names(), [""; 0]);
}

#[test]
fn tier_when_it_is_weaker_than_the_mode_needs_or_unknown_is_refused() {
    let tiers = tiers();
    for mode in [Mode::Restricted, Mode::Yolo] {
        let Err(refused) = tiers.strongest(mode, Some(Tier::Landlock)) else { panic!("{mode}") };
        assert_eq!(refused.reason, format!("mode {mode} needs T2 bubblewrap, and T1 landlock is less"));
    }
    let container = Tier::Container(mab_exec::Engine::Docker);
    let Err(refused) = tiers.strongest(Mode::Safe, Some(container)) else { panic!("there is none") };
    assert_eq!(refused.reason, "that sandbox is not set up");
}

#[test]
fn sandbox_when_its_inside_or_the_workspace_is_missing_runs_nothing() {
    if sandbox(Tier::Bubblewrap).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for helper in ["/nonexistent/mab", "/usr/bin/false", "/usr/bin/yes"] {
        let broken = ProbeSettings { helper: PathBuf::from(helper), ..settings(folder.path()) };
        let tiers = Tiers::probe(&broken);
        let Err(refused) = tiers.strongest(Mode::Yolo, None) else { panic!("{helper}") };
        assert!(refused.reason.starts_with("the sandbox was not set up: "), "{helper}: {refused}");
        assert!(!refused.hint.is_empty());
    }
    let space = Space::new();
    let profile = Profile { workspace: Path::new(&space.path).join("gone"), ..space.reading() };
    let plan = one(&["true"]);
    let sandbox = sandbox(Tier::Bubblewrap).unwrap();
    let stage = Stage { plan: &plan, binaries: &[], profile: &profile, view: &View::Direct };
    let Err(refused) = sandbox.start(&stage) else { panic!("it was started") };
    assert!(refused.reason.starts_with("the workspace cannot be listed"), "{refused}");
}
