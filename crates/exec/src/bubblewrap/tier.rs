//! Starts bubblewrap, and the program inside it.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, mpsc},
    time::Duration,
};

use rustix::pipe::{PipeFlags, pipe_with};
use serde::Deserialize;

use super::{
    copied::Copied,
    pinned::Pinned,
    view::Shown,
    words::{Mount, words},
};
use crate::{
    Ending, Killed, Profile, Running, Sandbox, Stage, Tier, Unavailable, View,
    cgroup::{Group, Hierarchy},
    conduct::{Setting, code_of},
    confine::{Children, Files, Rules, Strength, best_abi},
    ground::Mounted,
    inside::{Order, READY},
    keeper::{Brood, Kept, Pipes, readable},
    protected::{self, Binds, Protection, hide},
    spawn::Birth,
};

/// The sandbox of T2.
#[derive(Debug, Clone)]
pub(crate) struct Bubblewrap {
    /// The file of bubblewrap.
    pub(crate) program: PathBuf,
    /// The file of this program, which runs inside.
    pub(crate) inside: PathBuf,
    /// The private folder of notes about what was put into workspaces.
    pub(crate) records: PathBuf,
    /// Where control groups can be made; none where they cannot.
    pub(crate) groups: Option<Hierarchy>,
}

impl Sandbox for Bubblewrap {
    fn tier(&self) -> Tier {
        Tier::Bubblewrap
    }

    fn previews(&self) -> bool {
        true
    }

    fn look(&self, profile: &Profile) -> Result<(), Unavailable> {
        protected::look(profile, &self.records, Binds::Checked)
    }

    fn start(&self, stage: &Stage<'_>) -> Result<Box<dyn Running>, Unavailable> {
        let shown = Shown::new(stage.view, stage.profile, &self.inside);
        let Protection { mounts: protecting, stubs, ground } =
            Protection::new(stage.profile, stage.view, &self.records, Binds::Checked)?;
        let (readable, mounts) = mounts(stage.profile, &shown, &protecting);
        let mounted = ground.expect(&mounts, *stage.view != View::Direct);
        let mounted = mounted.map_err(|error| failed("the workspace changes", &error))?;
        let pinned = Pinned::new(stage, &ground, &mounts)?;
        let order = order(stage, mounted, pinned.expected()).to_bytes();
        let order = order.map_err(|error| failed("the order cannot be written", &error))?;
        let mounts = [readable, mounts].concat();
        let group = self.groups.as_ref().map(|groups| groups.group(&stage.profile.limits)).transpose();
        let group = group.map_err(|error| failed("no control group can be made", &error))?;
        let doors = group.as_ref().map_or_else(|| Ok(Vec::new()), Group::doors);
        let doors = doors.map_err(|error| failed("the control group cannot be joined", &error))?;
        let started = self.launch(stage.profile, &shown, (&mounts, pinned), doors)?;
        let (kept, status) = started.hand_over(&order)?;
        let judge = move |code| {
            // Kept until here: bubblewrap writes once more when the command ends, and would die of a closed pipe.
            drop(status);
            drop(stubs);
            // Only who was ended by it: who was refused something, or whose child was, went on and ended by itself.
            let is_ended = code == ENDED && group.is_some_and(|group| group.is_out_of_memory());
            if is_ended { Ending::Limit(Killed::Memory) } else { Ending::Exited(code) }
        };
        Ok(Box::new(kept.with(self.enforced(), Box::new(judge))))
    }
}

fn order(stage: &Stage<'_>, mounted: Vec<Mounted>, pinned: Vec<Mounted>) -> Order {
    let profile = stage.profile;
    let mut writable: Vec<PathBuf> = SCRATCH.iter().map(PathBuf::from).collect();
    writable.extend(profile.writable.then(|| profile.workspace.clone()));
    Order {
        plan: stage.plan.clone(),
        setting: Setting { folder: profile.workspace.clone(), environment: profile.environment.clone() },
        rules: Rules {
            files: Files {
                readable: vec![PathBuf::from("/")],
                writable,
                hidden: Vec::new(),
                strength: Strength::Second,
            },
            children: Children::Allowed,
            network: profile.network,
            limits: profile.limits,
        },
        mounted,
        pinned,
    }
}

/// The host's folders that are shown, and the workspace, which comes after them, with over it what hides.
fn mounts(profile: &Profile, shown: &Shown, protecting: &[Mount]) -> (Vec<Mount>, Vec<Mount>) {
    let readable = profile.readable.iter().map(|path| Mount::ReadOnly(path.clone(), path.clone())).collect();
    let mut mounts = vec![if profile.writable {
        Mount::Writable(shown.source.clone(), profile.workspace.clone())
    } else {
        Mount::ReadOnly(shown.source.clone(), profile.workspace.clone())
    }];
    mounts.extend(protecting.iter().cloned());
    mounts.extend(profile.hidden.iter().filter(|path| is_shown(path, profile)).filter_map(|path| hide(path)));
    (readable, mounts)
}

fn is_shown(path: &Path, profile: &Profile) -> bool {
    profile.readable.iter().chain([&profile.workspace]).any(|shown| path.starts_with(shown))
}

/// Bubblewrap, started; what runs inside waits for its order.
struct Started {
    kept: Kept,
    brood: Arc<Brood>,
    socket: UnixStream,
    status: OwnedFd,
}

impl Bubblewrap {
    /// Finds bubblewrap where systems keep it.
    ///
    /// # Errors
    /// [`Unavailable`] when it is not there.
    pub(crate) fn find(inside: &Path, records: &Path) -> Result<Self, Unavailable> {
        let program = PROGRAMS.iter().map(PathBuf::from).find(|path| path.is_file());
        let program = program.ok_or_else(|| Unavailable {
            reason: "bubblewrap is not installed".to_owned(),
            hint: "the administrator can install the package `bubblewrap`".to_owned(),
        })?;
        Ok(Self {
            program,
            inside: inside.to_owned(),
            records: records.to_owned(),
            groups: Hierarchy::find(),
        })
    }

    fn enforced(&self) -> Vec<String> {
        let abi = best_abi().map_or_else(|| "no landlock".to_owned(), |abi| format!("landlock abi {abi}"));
        let groups = self.groups.as_ref().map_or(WITHOUT_GROUPS, Hierarchy::words);
        let limits = "resource limits";
        let secrets = "secret names hidden";
        ["bubblewrap", "namespaces", &abi, "seccomp", "no capabilities", limits, groups, secrets]
            .map(str::to_owned)
            .to_vec()
    }

    fn launch(
        &self,
        profile: &Profile,
        shown: &Shown,
        (mounts, pinned): (&[Mount], Pinned),
        groups: Vec<OwnedFd>,
    ) -> Result<Started, Unavailable> {
        let no_descriptors = |error: io::Error| failed("no pipe can be made", &error);
        let (socket, theirs) = UnixStream::pair().map_err(no_descriptors)?;
        for set in [UnixStream::set_read_timeout, UnixStream::set_write_timeout] {
            set(&socket, Some(SET_UP_MAX)).map_err(no_descriptors)?;
        }
        let (status, their_status) =
            pipe_with(PipeFlags::CLOEXEC).map_err(|error| no_descriptors(error.into()))?;
        let Pipes { readers, writers: [stdout, stderr] } = Pipes::new().map_err(no_descriptors)?;

        let copied = Copied::open(profile.network);
        let arguments = words(profile, (mounts, &copied, &pinned), &self.inside, their_status.as_raw_fd());
        let mut command = program(&self.program, shown, &arguments);
        command.stdin(OwnedFd::from(theirs)).stdout(stdout).stderr(stderr).current_dir("/");
        let birth = Birth {
            groups,
            confinement: None,
            kept: copied.into_descriptors().chain(pinned.into_descriptors()).chain([their_status]).collect(),
        };

        let brood = Arc::new(Brood::default());
        let (tell, told) = mpsc::sync_channel(1);
        let mothers = Arc::clone(&brood);
        let kept = Kept::start(Arc::clone(&brood), readers, move || {
            let child = mothers.start(&mut command, birth);
            drop(command); // with it, this side's ends of what was handed over
            let (child, said) = match child {
                Ok(child) => (Some(child), Ok(())),
                Err(error) => (None, Err(error)),
            };
            drop(tell.send(said));
            let code = child.and_then(|mut child| child.wait().ok()).map_or(NOT_STARTED, code_of);
            // The outer process ends first; what is inside may take a moment longer.
            if let Err(error) = mothers.wait(SET_UP_MAX) {
                tracing::error!(%error, "a sandbox may have left something");
            }
            code
        })
        .map_err(no_descriptors)?;
        let said = told.recv().unwrap_or_else(|_| Err(io::Error::other("its thread ended")));
        said.map_err(|error| failed("bubblewrap cannot be started", &error))?;
        Ok(Started { kept, brood, socket, status })
    }
}

impl Started {
    /// Gives the order and waits for the answer.
    fn hand_over(mut self, order: &[u8]) -> Result<(Kept, OwnedFd), Unavailable> {
        let answered = self.talk(order);
        match answered {
            Ok(answer) if answer == [READY] => Ok((self.kept, self.status)),
            Ok(answer) => Err(self.give_up(&String::from_utf8_lossy(&answer))),
            Err(error) => Err(self.give_up(&error.to_string())),
        }
    }

    fn talk(&mut self, order: &[u8]) -> io::Result<Vec<u8>> {
        if !readable(&self.status, SET_UP_MAX)? {
            return Err(io::Error::other("it said nothing"));
        }
        let status = File::from(self.status.try_clone()?);
        let first = serde_json::Deserializer::from_reader(status).into_iter::<Status>().next();
        let first = first.ok_or_else(|| io::Error::other("it ended at once"))??;
        self.brood.adopt(first.child)?;
        self.socket.write_all(order)?;
        let mut answer = vec![0; ANSWER_MAX_BYTES];
        let length = self.socket.read(&mut answer)?;
        answer.truncate(length);
        if answer.is_empty() { Err(io::Error::other("it ended before it was ready")) } else { Ok(answer) }
    }

    /// Ends what there is. The reason quotes what bubblewrap said about itself: nothing of the plan has run.
    fn give_up(mut self, why: &str) -> Unavailable {
        let outputs = self.kept.take_outputs();
        if let Err(error) = self.kept.kill() {
            tracing::error!(%error, "a sandbox may have left something");
        }
        let mut said = Vec::new();
        if let Ok([_, stderr]) = outputs {
            drop(File::from(stderr).take(SAID_MAX_BYTES).read_to_end(&mut said));
        }
        let said = String::from_utf8_lossy(&said);
        let said: String = said.lines().next().unwrap_or("").chars().filter(|c| !c.is_control()).collect();
        let reason = if said.is_empty() { why.to_owned() } else { format!("{why} ({said})") };
        Unavailable { reason: format!("the sandbox was not set up: {reason}"), hint: HINT.to_owned() }
    }
}

/// What bubblewrap says first about itself.
#[derive(Deserialize)]
struct Status {
    #[serde(rename = "child-pid")]
    child: u32,
}

#[expect(clippy::disallowed_methods, reason = "this is the sandbox that commands run in")]
fn program(bubblewrap: &Path, shown: &Shown, arguments: &[OsString]) -> Command {
    let mut command = match shown.prefix.split_first() {
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(bubblewrap);
            command
        }
        None => Command::new(bubblewrap),
    };
    // Its environment can be read by every process of the sandbox, in /proc: it gets none.
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn failed(what: &str, error: &io::Error) -> Unavailable {
    Unavailable { reason: format!("{what}: {error}"), hint: HINT.to_owned() }
}

/// What holds where no control group can be made. Memory that processes share is no data of any of them.
const WITHOUT_GROUPS: &str = "memory limit per process, shared memory not counted";

const HINT: &str =
    "`mab doctor` shows what is missing; the administrator can install bubblewrap and allow user namespaces";

/// What can be written besides the workspace: what is gone with the run, and devices that keep nothing.
const SCRATCH: [&str; 9] = [
    "/tmp",
    "/dev/shm",
    "/dev/pts",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
];

/// Folders that only the administrator writes to.
const PROGRAMS: [&str; 3] = ["/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap"];

/// How long the sandbox may take to be set up, and to be torn down.
const SET_UP_MAX: Duration = Duration::from_secs(10);

const ANSWER_MAX_BYTES: usize = 1024;
const SAID_MAX_BYTES: u64 = 4096;

/// The code of what SIGKILL ended.
const ENDED: i32 = 128 + 9;

/// The code of a run of which nothing was started. Nobody sees it.
const NOT_STARTED: i32 = 125;
