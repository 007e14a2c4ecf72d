//! Starts a run in a container, and ends it.

use std::{
    ffi::OsString,
    io,
    os::fd::{BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::process::{getegid, geteuid};

use super::{
    client::{Client, Watchman, name},
    sweep::{owner, sweep},
    words::Order,
};
use crate::{
    Binary, Digest, Ending, Engine, Killed, Profile, Running, Sandbox, Stage, Tier, Unavailable, View,
    bubblewrap::Mount,
    keeper::{Brood, Kept, Pipes},
    protected::{self, Binds, Protection, hide},
    spawn::Birth,
    stubs::Stubs,
};

/// Which containers the operator wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSettings {
    /// The engine.
    pub engine: Engine,
    /// The image, by a name that the engine knows.
    pub image: String,
    /// Where the engine listens, if elsewhere than usual.
    pub socket: Option<PathBuf>,
}

/// The sandbox of T3.
#[derive(Debug)]
pub struct Container {
    client: Client,
    image: Binary,
    owner: String,
    records: PathBuf,
}

impl Container {
    /// Looks whether the engine answers and has the image, and removes what killed servers left. It starts nothing.
    /// `records` is the private folder in which it is noted what was put into workspaces.
    ///
    /// # Errors
    /// [`Unavailable`] when the program, the engine or the image is not there; nothing is pulled.
    pub fn probe(settings: &ContainerSettings, records: &Path) -> Result<Self, Unavailable> {
        let ContainerSettings { engine, image, socket } = settings;
        if !is_name(image) {
            return Err(Unavailable {
                reason: "the configured image has no name that an engine could know".to_owned(),
                hint: "set execution.image to a name such as `docker.io/library/debian:12`".to_owned(),
            });
        }
        let client = Client::find(*engine, socket.as_deref())?;
        let ask = |words: &[&str]| client.ask(&words.iter().map(OsString::from).collect::<Vec<_>>());
        ask(&["version"]).map_err(|why| Unavailable {
            reason: format!("{} does not work: {why}", name(*engine)),
            hint: "the administrator can start it, and let this user use it".to_owned(),
        })?;
        let said = ask(&["image", "inspect", "--format", "{{.Id}}", image]).map_err(|_| Unavailable {
            reason: format!("{} has no image {image}", name(*engine)),
            hint: format!("nothing is fetched by itself; `{} pull {image}` fetches it", name(*engine)),
        })?;
        let sha256 =
            Digest::parse(said.strip_prefix("sha256:").unwrap_or(&said)).ok_or_else(|| Unavailable {
                reason: format!("{} does not say what is in the image {image}", name(*engine)),
                hint: "look at the image with `inspect`".to_owned(),
            })?;
        let owner = owner().ok_or_else(|| failed(*engine, "/proc does not say who this process is"))?;
        sweep(&client);
        let image = Binary { path: format!("image:{image}"), sha256 };
        Ok(Self { client, image, owner, records: records.to_owned() })
    }

    /// What every run in it gets, each in a few words.
    pub fn enforced(&self) -> Vec<String> {
        let image: String = self.image.sha256.to_string().chars().take(12).collect();
        let engine = name(self.client.engine);
        [
            &format!("{engine}, image {image}"),
            "namespaces",
            "read-only root",
            "no capabilities",
            "no new privileges",
            "memory, process and file limits of the engine",
        ]
        .map(str::to_owned)
        .into()
    }

    fn create(&self, stage: &Stage<'_>, container: &str, mounts: &[Mount]) -> Result<(), Unavailable> {
        let order = Order {
            engine: self.client.engine,
            name: container,
            owner: &self.owner,
            image: &format!("sha256:{}", self.image.sha256),
            user: (geteuid().as_raw(), getegid().as_raw()),
            plan: stage.plan,
            profile: stage.profile,
            mounts,
        };
        let words = order.words()?;
        let created = self.client.ask_with(&words, order.hidden_environment());
        created.map(drop).map_err(|why| failed(self.client.engine, &why))
    }

    /// Starts the container's processes, and the threads that follow it.
    fn attach(&self, container: &str) -> io::Result<Kept> {
        let Pipes { readers, writers: [stdout, stderr] } = Pipes::new()?;
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let mut start = self.client.command(&words(&["start", "--attach", container]));
        start.stdin(std::process::Stdio::null()).stdout(stdout).stderr(stderr);
        let mut wait = self.client.command(&words(&["wait", container]));
        wait.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        wait.stderr(std::process::Stdio::null());
        let brood = Arc::new(Brood::default());
        let mothers = Arc::clone(&brood);
        Kept::start(brood, readers, move || {
            let birth = || Birth { groups: Vec::new(), confinement: None, kept: Vec::new() };
            let started = mothers.start(&mut start, birth());
            drop(start); // with it, this side's ends of the pipes
            // The one that is attached may be lost; the container is over when the engine says so.
            let attached = started.and_then(|mut child| child.wait());
            let waited = mothers.start(&mut wait, birth()).and_then(|mut child| child.wait());
            if let Err(error) = attached.and(waited) {
                tracing::debug!(%error, "a container was not followed to its end");
            }
            0
        })
    }
}

impl Sandbox for Container {
    fn tier(&self) -> Tier {
        Tier::Container(self.client.engine)
    }

    fn brings(&self) -> Option<Binary> {
        Some(self.image.clone())
    }

    fn look(&self, profile: &Profile) -> Result<(), Unavailable> {
        protected::look(profile, &self.records, Binds::Trusted)
    }

    fn start(&self, stage: &Stage<'_>) -> Result<Box<dyn Running>, Unavailable> {
        if let View::Overlay { .. } = stage.view {
            return Err(Unavailable {
                reason: "containers have no copy-on-write view of the workspace".to_owned(),
                hint: "run it without a preview, or in the sandbox `bubblewrap`".to_owned(),
            });
        }
        let profile = stage.profile;
        let Protection { mounts: protecting, stubs, ground: _ } =
            Protection::new(profile, stage.view, &self.records, Binds::Trusted)?;
        let container = format!("mab-{}-{}", self.owner, RUNS.fetch_add(1, Ordering::Relaxed));
        let problem = |error: io::Error| failed(self.client.engine, &error.to_string());
        // From here on nothing is left, whatever happens to this program.
        let watchman = self.client.watchman(&container).map_err(problem)?;
        let mut run = Run {
            kept: None,
            watchman: Some(watchman),
            client: self.client.clone(),
            container,
            enforced: Vec::new(),
            _stubs: stubs,
        };
        self.create(stage, &run.container, &mounts(profile, &protecting))?;
        run.kept = Some(self.attach(&run.container).map_err(problem)?);
        run.enforced = self.enforced();
        Ok(Box::new(run))
    }
}

/// One container.
struct Run {
    /// Nothing until it was started.
    kept: Option<Kept>,
    watchman: Option<Watchman>,
    client: Client,
    container: String,
    enforced: Vec<String>,
    /// What was put into the workspace for it; taken away after the container.
    _stubs: Option<Stubs>,
}

impl Run {
    /// How the engine says it ended.
    fn ending(&self) -> io::Result<Ending> {
        let format = "{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.StartedAt}}|{{.State.Error}}";
        let words = ["inspect", "--format", format, self.container.as_str()].map(OsString::from);
        let said = self.client.ask(&words).map_err(io::Error::other)?;
        let mut parts = said.splitn(3, ' ');
        let (Some(out_of_memory), Some(code), Some((started, error))) =
            (parts.next(), parts.next(), parts.next().and_then(|rest| rest.split_once('|')))
        else {
            return Err(io::Error::other("the engine does not say how a container ended"));
        };
        if started.starts_with(NEVER) {
            let why = if error.is_empty() { "it was not started" } else { error };
            return Ok(Ending::Unavailable(failed(self.client.engine, why)));
        }
        let code: i32 = code.parse().map_err(io::Error::other)?;
        Ok(if out_of_memory == "true" && code != 0 {
            Ending::Limit(Killed::Memory)
        } else {
            Ending::Exited(code)
        })
    }
}

impl Running for Run {
    fn take_outputs(&mut self) -> io::Result<[OwnedFd; 2]> {
        self.kept.as_mut().ok_or_else(not_started)?.take_outputs()
    }

    fn over(&self) -> BorrowedFd<'_> {
        // A run that is handed out was started.
        self.kept.as_ref().map_or(rustix::stdio::stdin(), Running::over)
    }

    fn try_end(&mut self) -> io::Result<Option<Ending>> {
        match self.kept.as_mut().ok_or_else(not_started)?.try_end()? {
            None => Ok(None),
            Some(_) => self.ending().map(Some),
        }
    }

    fn kill(&mut self) -> io::Result<()> {
        // The engine's program first: while it waits for somebody to read what was printed, the engine waits for it, and
        // ends the container half a minute later.
        let ended = self.kept.as_mut().map_or(Ok(()), Running::kill);
        let removed = self.watchman.take().map_or(Ok(()), |mut watchman| watchman.remove());
        removed.and(ended)
    }

    fn enforced(&self) -> Vec<String> {
        self.enforced.clone()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::error!(%error, container = self.container, "a container may be left");
        }
    }
}

/// What is shown of the host, and over it what hides.
fn mounts(profile: &Profile, protecting: &[Mount]) -> Vec<Mount> {
    let mut mounts: Vec<Mount> =
        profile.readable.iter().map(|path| Mount::ReadOnly(path.clone(), path.clone())).collect();
    let workspace = profile.workspace.clone();
    mounts.push(if profile.writable {
        Mount::Writable(workspace.clone(), workspace)
    } else {
        Mount::ReadOnly(workspace.clone(), workspace)
    });
    mounts.extend(protecting.iter().cloned());
    let is_shown = |path: &&PathBuf| {
        profile.readable.iter().chain([&profile.workspace]).any(|shown| path.starts_with(shown))
    };
    mounts.extend(profile.hidden.iter().filter(is_shown).filter_map(|path| hide(path)));
    mounts
}

fn failed(engine: Engine, why: &str) -> Unavailable {
    Unavailable {
        reason: format!("the container could not be run: {why}"),
        hint: format!("look whether {} runs this image by hand", name(engine)),
    }
}

fn not_started() -> io::Error {
    io::Error::other("the container was not started")
}

/// Whether it can be a name of an image: of the characters that there are in one, and no option.
fn is_name(image: &str) -> bool {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "._-/:@".contains(character);
    !image.is_empty()
        && image.len() <= NAME_MAX_BYTES
        && !image.starts_with('-')
        && image.chars().all(is_part)
}

/// Containers that this process made: no two have one name.
static RUNS: AtomicU64 = AtomicU64::new(0);
/// How the engines say that something has not happened: the first moment of the first year.
const NEVER: &str = "0001-01-01";
const NAME_MAX_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_when_it_has_no_name_is_refused_before_anything_is_asked() {
        for image in ["", "--privileged", "a b", "a;b", "a\nb", &"a".repeat(600)] {
            let settings =
                ContainerSettings { engine: Engine::Docker, image: image.to_owned(), socket: None };
            let why = Container::probe(&settings, Path::new("/nonexistent")).unwrap_err();
            assert!(why.hint.contains("execution.image"), "{image}");
        }
        assert!(is_name("registry.example.org:5000/a/b_c:1.2-x@sha256:0a"));
    }
}
