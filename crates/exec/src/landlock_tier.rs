//! T1: each command is one process that gave up everything but reading, by Landlock, seccomp and resource limits.
//!
//! It has no namespace of its own: so no command may start another process, open a socket, or write. What commands may
//! see of the system is what their kernel shows to everybody: the names and sizes of files outside, but no content.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    Ending, Plan, Profile, Running, Sandbox, Stage, Step, Tier, Unavailable, View,
    conduct::{Outputs, Setting, conduct},
    confine::{Children, Confinement, Files, Rules, Strength},
    keeper::{Brood, Kept, Pipes},
    secret_names,
    spawn::{Birth, was_not_confined},
};

/// The sandbox of T1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landlock;

impl Sandbox for Landlock {
    fn tier(&self) -> Tier {
        Tier::Landlock
    }

    fn start(&self, stage: &Stage<'_>) -> Result<Box<dyn Running>, Unavailable> {
        let steps = steps(stage)?.to_vec();
        let found = secret_names::find(&stage.profile.workspace).map_err(|error| Unavailable {
            reason: format!("the workspace cannot be listed: {error}"),
            hint: "look whether it is still there".to_owned(),
        })?;
        let found = found.whole()?;
        let confinement = Confinement::new(&rules(stage.profile, found.secrets))?;
        let Pipes { readers, writers: [stdout, stderr] } = Pipes::new().map_err(|error| failed(&error))?;
        let profile = stage.profile;
        let setting = Setting { folder: profile.workspace.clone(), environment: profile.environment.clone() };
        let brood = Arc::new(Brood::default());
        let mothers = Arc::clone(&brood);
        let broken = Arc::new(AtomicBool::new(false));
        let breaks = Arc::clone(&broken);
        let kept = Kept::start(brood, readers, move || {
            let outputs = Outputs { stdout, stderr };
            conduct(&steps, &setting, &outputs, &mut |command| {
                let birth = Birth {
                    groups: Vec::new(),
                    confinement: Some(confinement.try_clone()?),
                    kept: Vec::new(),
                };
                let started = mothers.start(command, birth);
                breaks.fetch_or(started.as_ref().is_err_and(was_not_confined), Ordering::Relaxed);
                started
            })
        });
        let kept = kept.map_err(|error| failed(&error))?;
        let judge = move |code| {
            if broken.load(Ordering::Relaxed) {
                return Ending::Unavailable(failed(&io::Error::other("a right could not be given up")));
            }
            Ending::Exited(code)
        };
        Ok(Box::new(kept.with(ENFORCED.map(str::to_owned).to_vec(), Box::new(judge))))
    }
}

/// The steps of a plan that only reads.
fn steps<'a>(stage: &Stage<'a>) -> Result<&'a [Step], Unavailable> {
    let narrow = !stage.profile.writable && *stage.view == View::Direct;
    match stage.plan {
        Plan::Steps(steps) if narrow => Ok(steps),
        Plan::Steps(_) | Plan::Shell(_) => Err(Unavailable {
            reason: "Landlock alone holds only commands that read, without a shell".to_owned(),
            hint: "the administrator can install bubblewrap".to_owned(),
        }),
    }
}

fn rules(profile: &Profile, secrets: Vec<PathBuf>) -> Rules {
    let readable = OF_THE_SYSTEM.iter().map(PathBuf::from).chain(profile.readable.iter().cloned());
    Rules {
        files: Files {
            readable: readable.chain([profile.workspace.clone()]).collect(),
            writable: vec![PathBuf::from("/dev/null")],
            hidden: profile.hidden.iter().cloned().chain(secrets).collect(),
            strength: Strength::Alone,
        },
        children: Children::Forbidden,
        network: profile.network,
        limits: profile.limits,
    }
}

/// What may be read besides the workspace: programs, and what they need of `/etc` and `/dev`. Nothing of `/proc`, where
/// other processes' environments lie.
const OF_THE_SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/locale.alias",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];

const ENFORCED: [&str; 6] = [
    "landlock abi 6",
    "seccomp",
    "one process per command",
    "no sockets",
    "no capabilities",
    "resource limits",
];

fn failed(error: &io::Error) -> Unavailable {
    Unavailable {
        reason: format!("the sandbox was not set up: {error}"),
        hint: "`mab doctor` shows what is missing".to_owned(),
    }
}
