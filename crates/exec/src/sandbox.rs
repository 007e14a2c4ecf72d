//! What every tier does: start a plan so that it can touch no more than its profile says, and end all of it.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    path::PathBuf,
};

use crate::{Binary, Killed, Plan, Profile, Tier};

/// A way to isolate a run. It was probed before; what cannot be enforced then refuses, it never runs with less.
pub trait Sandbox: Send + Sync {
    /// Which it is.
    fn tier(&self) -> Tier;

    /// The image that programs come from, by its name and digest; none when they are the host's. With an image the plan
    /// holds their names only, which are looked up inside.
    fn brings(&self) -> Option<Binary> {
        None
    }

    /// Whether it can show the workspace as [`View::Overlay`], where the system has overlays.
    fn previews(&self) -> bool {
        false
    }

    /// Whether a run with this profile would get its workspace now: another one may write there. What is true now need not
    /// be when it is started.
    ///
    /// # Errors
    /// [`Unavailable`] when it would not.
    fn look(&self, _profile: &Profile) -> Result<(), Unavailable> {
        Ok(())
    }

    /// Starts `stage`. The program's own standard input, output and other descriptors are not passed on; nor is its
    /// environment.
    ///
    /// # Errors
    /// [`Unavailable`] when anything of it could not be set up; then nothing of the plan was started.
    fn start(&self, stage: &Stage<'_>) -> Result<Box<dyn Running>, Unavailable>;
}

/// What to start.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    /// The plan, with every program looked up.
    pub plan: &'a Plan,
    /// Each program in the plan, once, as it was when the command was judged.
    pub binaries: &'a [Binary],
    /// What it may touch.
    pub profile: &'a Profile,
    /// What is shown as the workspace.
    pub view: &'a View,
}

/// What is shown as the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// The workspace itself.
    Direct,
    /// A copy-on-write view of it: what is written goes to `upper`. Both folders lie on one file system, are private, and
    /// are empty at first.
    Overlay {
        /// Where what is written goes.
        upper: PathBuf,
        /// The file system's own scratch folder.
        work: PathBuf,
    },
}

/// A plan that was started. Dropping it ends everything it started.
pub trait Running: Send {
    /// The reading ends of its stdout and stderr; can be taken once.
    ///
    /// # Errors
    /// When they were taken before.
    fn take_outputs(&mut self) -> io::Result<[OwnedFd; 2]>;

    /// Becomes readable once it has ended; to wait on together with the outputs.
    fn over(&self) -> BorrowedFd<'_>;

    /// How it ended; none while it has not.
    ///
    /// # Errors
    /// When the system does not tell.
    fn try_end(&mut self) -> io::Result<Option<Ending>>;

    /// Ends everything that it started, also what made itself a session of its own, and returns when nothing is left.
    ///
    /// # Errors
    /// When something may be left.
    fn kill(&mut self) -> io::Result<()>;

    /// What is enforced, each in a few words.
    fn enforced(&self) -> Vec<String>;
}

/// How a plan ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With this code: of the last command that was run, 128 + the signal when one ended it.
    Exited(i32),
    /// A limit ended it: memory, as the kernel counted.
    Limit(Killed),
    /// The sandbox could not be set up after all; nothing of the plan was started.
    Unavailable(Unavailable),
}

/// Why a sandbox is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {hint}")]
pub struct Unavailable {
    /// What is missing or failed.
    pub reason: String,
    /// Who can mend it and how.
    pub hint: String,
}
