//! All of it in one value, and the order in which it is applied.

use std::io;

use landlock::RulesetCreated;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal, setsid};
use seccompiler::BpfProgram;
use serde::{Deserialize, Serialize};

use super::{calls, calls::Children, capabilities, files, files::Files, resources::Resources};
use crate::{Limits, Network, Unavailable};

/// What a process may keep.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rules {
    /// Files and folders.
    pub(crate) files: Files,
    /// Whether it may start processes.
    pub(crate) children: Children,
    /// Whether it reaches a network.
    pub(crate) network: Network,
    /// How much it gets.
    pub(crate) limits: Limits,
}

/// Rules, ready to be applied to the calling thread without asking for memory.
#[derive(Debug)]
pub(crate) struct Confinement {
    landlock: Option<RulesetCreated>,
    calls: BpfProgram,
    resources: Resources,
}

impl Confinement {
    /// Makes `rules` ready.
    ///
    /// # Errors
    /// [`Unavailable`] when the kernel cannot hold them.
    pub(crate) fn new(rules: &Rules) -> Result<Self, Unavailable> {
        Ok(Self {
            landlock: Some(files::ruleset(&rules.files, rules.network)?),
            calls: calls::filter(rules.children, rules.network)?,
            resources: Resources::new(&rules.limits, rules.children),
        })
    }

    /// The same once more, for one more process.
    ///
    /// # Errors
    /// When there are no more descriptors.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let landlock = self.landlock.as_ref().map(RulesetCreated::try_clone).transpose()?;
        Ok(Self { landlock, calls: self.calls.clone(), resources: self.resources.clone() })
    }

    /// Applies them to the calling thread and to all that it will start. They cannot be undone, and hold across exec.
    ///
    /// The order is that of what each step still needs: capabilities go while the bounding set can be changed, system
    /// calls last, because each step before is one.
    ///
    /// # Errors
    /// What the kernel says; then the process must end. A second time is an error.
    pub(crate) fn apply(&mut self) -> io::Result<()> {
        rustix::thread::set_no_new_privs(true)?;
        self.resources.apply()?;
        capabilities::drop_all()?;
        let landlock = self.landlock.take().ok_or(io::ErrorKind::InvalidInput)?;
        // The rules were made for what this kernel has, so that anything but success is a fault.
        landlock.restrict_self().map_err(|_| io::Error::from_raw_os_error(PERMISSION))?;
        seccompiler::apply_filter(&self.calls).map_err(|_| io::Error::from_raw_os_error(PERMISSION))?;
        Ok(())
    }
}

/// Makes the calling process a session of its own, which has no terminal, that dies with the thread that started it.
///
/// # Errors
/// What the kernel says, or when `parent` is gone already: nobody would end this process then.
pub(crate) fn leave_session(parent: Pid) -> io::Result<()> {
    setsid()?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Whoever died before that line sends no signal.
    if getppid() == Some(parent) { Ok(()) } else { Err(io::Error::from_raw_os_error(NO_PROCESS)) }
}

// An error made from a number needs no memory.
const PERMISSION: i32 = libc::EPERM;
const NO_PROCESS: i32 = libc::ESRCH;
