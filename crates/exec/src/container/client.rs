//! The engine's own command line.

use std::{
    ffi::OsString,
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::{Engine, Unavailable, binaries::Binaries, keeper::readable};

/// How an engine is called.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) engine: Engine,
    program: PathBuf,
    /// Words before every command: where the engine listens.
    first: Vec<OsString>,
}

/// Removes a container when it is told to, or when this program is no more.
#[derive(Debug)]
pub(super) struct Watchman {
    shell: Child,
    /// It waits for the end of this.
    signal: Option<ChildStdin>,
}

impl Client {
    /// Finds the program of an engine, which must be the system's own.
    ///
    /// # Errors
    /// [`Unavailable`] when it is not there.
    pub(super) fn find(engine: Engine, socket: Option<&Path>) -> Result<Self, Unavailable> {
        let program = Binaries::new(&[]).of_the_system(name(engine)).map_err(|reason| Unavailable {
            reason,
            hint: format!("the administrator can install {}", name(engine)),
        })?;
        let mut first: Vec<OsString> = Vec::new();
        match engine {
            Engine::Docker => {
                // No configuration: it could name another engine, plugins, or variables for every container.
                first.extend(["--config", NO_FOLDER].map(OsString::from));
                first.push("--host".into());
                first.push(address(socket.unwrap_or(Path::new(DOCKER_SOCKET))));
            }
            Engine::Podman => {
                if let Some(socket) = socket {
                    first.push("--url".into());
                    first.push(address(socket));
                }
            }
        }
        Ok(Self { engine, program, first })
    }

    /// What the engine answers, without white space around it.
    ///
    /// # Errors
    /// What the engine says is wrong, or that it says nothing.
    pub(super) fn ask(&self, words: &[OsString]) -> Result<String, String> {
        self.ask_with(words, std::iter::empty())
    }

    /// As [`Self::ask`], with variables in the environment of the engine's program.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) fn ask_with<'a>(
        &self,
        words: &[OsString],
        environment: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("{} cannot be asked: {error}", name(self.engine));
        let mut command = self.command(words);
        command.envs(environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        if !ends(&mut child, ANSWER_MAX).map_err(failed)? {
            return Err(format!("{} does not answer", name(self.engine)));
        }
        let status = child.wait().map_err(failed)?;
        let (mut said, mut wrong) = (String::new(), String::new());
        // More than a pipe holds is no answer to anything that is asked here, and would not have ended in time.
        child.stdout.take().map(|mut stdout| stdout.read_to_string(&mut said));
        child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut wrong));
        if status.success() {
            return Ok(said.trim().to_owned());
        }
        Err(wrong.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it failed").to_owned())
    }

    /// The command line, in no environment.
    #[expect(clippy::disallowed_methods, reason = "this crate talks to the engine that the operator named")]
    pub(super) fn command(&self, words: &[OsString]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("PATH", SYSTEM_PATH).current_dir("/").args(&self.first).args(words);
        command
    }

    /// A watchman who removes the container of this name.
    ///
    /// # Errors
    /// When there can be none.
    #[expect(clippy::disallowed_methods, reason = "what outlives this program to take away what it has left")]
    pub(super) fn watchman(&self, container: &str) -> std::io::Result<Watchman> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "read -r _; exec \"$@\"", "mab-watchman"]).arg(&self.program).args(&self.first);
        command.args(["rm", "--force", "--volumes", container]);
        command.env_clear().env("PATH", SYSTEM_PATH).current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn()?;
        let signal = shell.stdin.take();
        Ok(Watchman { shell, signal })
    }
}

impl Watchman {
    /// Has the container removed, and waits until it is.
    ///
    /// # Errors
    /// When it may still be there.
    pub(super) fn remove(&mut self) -> std::io::Result<()> {
        drop(self.signal.take());
        if ends(&mut self.shell, REMOVAL_MAX)? && self.shell.wait()?.success() {
            return Ok(());
        }
        Err(std::io::Error::other("the engine did not remove a container"))
    }
}

/// The name of an engine's program.
pub(super) const fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Docker => "docker",
        Engine::Podman => "podman",
    }
}

/// Whether a child ends within a time; else it is killed.
fn ends(child: &mut Child, at_most: Duration) -> std::io::Result<bool> {
    if child.try_wait()?.is_some() {
        return Ok(true);
    }
    let number = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let process = pidfd_open(number.ok_or(std::io::ErrorKind::InvalidData)?, PidfdFlags::empty())?;
    let in_time = readable(&process, at_most)?;
    if !in_time {
        child.kill()?;
        child.wait()?;
    }
    Ok(in_time)
}

fn address(socket: &Path) -> OsString {
    let mut address = OsString::from("unix://");
    address.push(socket);
    address
}

/// Where there is nothing.
const NO_FOLDER: &str = "/nonexistent";
const DOCKER_SOCKET: &str = "/var/run/docker.sock";
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Longest that an engine may take to answer, and to kill and remove a container.
const ANSWER_MAX: Duration = Duration::from_secs(20);
const REMOVAL_MAX: Duration = Duration::from_secs(30);
