//! An executor on this machine's sandboxes, with a judge that says yes.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use mab_core::Timestamp;
use mab_exec::{
    Ask, ContainerSettings, Decision, Digest, Engine, Executor, ExecutorSettings, Finished, GitAccess,
    Judges, Layer, Limits, Mode, Network, Observer, Plan, ProbeSettings, Progress, Tier, Tiers, Verdict,
    Wanted, Workspace,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

/// Allows every text, for a shell.
struct Yes;

impl Judges for Yes {
    fn judge(&self, _: Mode, wanted: &Wanted, _: Option<&Workspace>) -> Verdict {
        let Wanted::Text(text) = wanted else { panic!("the tests give texts") };
        Verdict {
            decision: Decision::Allow,
            layer: Layer::Policy,
            reason: String::new(),
            plan: Some(Plan::Shell(text.clone())),
            writes: true,
            git: GitAccess::ReadOnly,
        }
    }

    fn policy_digest(&self) -> Digest {
        Digest::of(&[])
    }
}

/// The folder that `.ci/engine` puts engines into.
fn folder_of_engines() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("engine")
}

/// The containers of the tests.
pub(crate) fn containers(engine: Engine, image: &str) -> ContainerSettings {
    let name = if engine == Engine::Docker { "docker.sock" } else { "podman.sock" };
    ContainerSettings { engine, image: image.to_owned(), socket: Some(folder_of_engines().join(name)) }
}

/// The notes of the tests, which are never another program's.
pub(crate) fn records() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("running-records")
}

pub(crate) fn tiers(tier: Tier) -> &'static Tiers {
    static DOCKER: OnceLock<Tiers> = OnceLock::new();
    static PODMAN: OnceLock<Tiers> = OnceLock::new();
    let (tiers, engine) = match tier {
        Tier::Container(Engine::Podman) => (&PODMAN, Engine::Podman),
        Tier::Container(Engine::Docker) | Tier::Landlock | Tier::Bubblewrap => (&DOCKER, Engine::Docker),
    };
    tiers.get_or_init(|| {
        let helper = env!("CARGO_BIN_EXE_mab-sandbox-exec").into();
        let tiers = Tiers::probe(&ProbeSettings { helper, records: records() });
        tiers.with_containers(&containers(engine, "mab-test"), &records())
    })
}

/// Whether a tier is here; loudly, when it is not.
pub(crate) fn is_here(tier: Tier) -> bool {
    match tiers(tier).strongest(Mode::Yolo, Some(tier)) {
        Ok(_) => true,
        Err(why) => {
            println!("SKIPPED: no {tier} here: {why}");
            false
        }
    }
}

/// Runs `text` in T2; none, loudly, where that is not there.
pub(crate) fn run(text: &str, limits: Limits, observer: &dyn Observer) -> Option<Finished> {
    let folder = tempfile::tempdir().unwrap();
    run_in((Tier::Bubblewrap, &folder.path().canonicalize().unwrap()), text, limits, observer)
}

/// As [`run`], in any tier and folder.
pub(crate) fn run_in(
    (tier, workspace): (Tier, &Path),
    text: &str,
    limits: Limits,
    observer: &dyn Observer,
) -> Option<Finished> {
    run_with(
        ExecutorSettings { sandbox: Some(tier), ..Default::default() },
        workspace,
        (text, limits),
        observer,
    )
}

/// As [`run_in`], with all that an operator may set.
pub(crate) fn run_with(
    settings: ExecutorSettings,
    workspace: &Path,
    (text, limits): (&str, Limits),
    observer: &dyn Observer,
) -> Option<Finished> {
    let tier = settings.sandbox.unwrap();
    if !is_here(tier) {
        return None;
    }
    let executor = Executor::new(settings, tiers(tier).clone(), Yes, None);
    let workspace = Arc::new(Workspace::open(workspace).unwrap());
    let ask = Ask {
        mode: Mode::Yolo,
        wanted: Wanted::Text(text.to_owned()),
        conversation: None,
        agent: None,
        limits,
        network: Network::Off,
        preview: false,
        valid_s: 300,
    };
    let now = Timestamp::from_millis(1_795_332_600_000);
    let prepared = executor.prepare(&ask, &workspace, now, [3; 16]).unwrap();
    Some(executor.run(prepared.allowed().unwrap(), now, observer))
}

/// Cancels as soon as the command printed something.
pub(crate) struct Impatient {
    wish: OwnedFd,
    canceller: OwnedFd,
}

impl Impatient {
    pub(crate) fn new() -> Self {
        let (wish, canceller) = rustix::pipe::pipe().unwrap();
        Self { wish, canceller }
    }
}

impl Observer for Impatient {
    fn cancelled(&self) -> Option<BorrowedFd<'_>> {
        Some(self.wish.as_fd())
    }

    fn progress(&self, progress: &Progress) {
        if progress.stdout_bytes > 0 {
            rustix::io::write(&self.canceller, b"x").unwrap();
        }
    }
}

/// A number of seconds for `sleep` that nothing else on this machine sleeps.
pub(crate) fn mark(test: u32) -> String {
    format!("3600.{:010}{test:03}", std::process::id())
}

/// The processes whose command line holds `mark`, held by descriptors.
pub(crate) fn processes_with(mark: &str) -> Vec<OwnedFd> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|number| {
            let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
            let words: Vec<_> = line.split(|byte| *byte == 0).collect();
            words.windows(2).any(|pair| pair[0].ends_with(b"sleep") && pair[1] == mark.as_bytes())
        })
        .filter_map(|number| pidfd_open(Pid::from_raw(number)?, PidfdFlags::empty()).ok())
        .collect()
}

/// Whether all of them end within a time.
pub(crate) fn end_within(processes: &[OwnedFd], time: Duration) -> io::Result<bool> {
    let time = Timespec::try_from(time).unwrap();
    for process in processes {
        if poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&time))? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
