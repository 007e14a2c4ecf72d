//! The one place that starts a process, and the one piece of unsafe code: what a child does between fork and exec.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::{Child, Command},
};

use rustix::{
    io::{FdFlags, fcntl_setfd, write},
    process::{Pid, getpid},
};

use crate::confine::{Confinement, leave_session};

/// What a child does before it becomes the program.
#[derive(Debug)]
pub(crate) struct Birth {
    /// Control groups that it joins: their files of processes, open for writing.
    pub(crate) groups: Vec<OwnedFd>,
    /// What it gives up; nothing, when the program does that itself.
    pub(crate) confinement: Option<Confinement>,
    /// Descriptors that the program gets, under the same numbers.
    pub(crate) kept: Vec<OwnedFd>,
}

/// Starts `command` in a session of its own. It dies with the calling *thread*, and gets no descriptor but 0 to 2 and
/// those that it is to keep.
///
/// # Errors
/// What starting, or giving anything up, says; then nothing of the program was run.
pub(crate) fn spawn(command: &mut Command, birth: Birth) -> io::Result<Child> {
    before_exec(command, birth, getpid());
    command.spawn()
}

#[expect(
    unsafe_code,
    reason = "only a process itself can give up its rights; between fork and exec is the place"
)]
fn before_exec(command: &mut Command, mut birth: Birth, parent: Pid) {
    // SAFETY: the closure runs in a child that has one thread of a process that may have many, so it may only do what is
    // safe in a signal handler: it calls the system with what was made before, and neither asks for memory nor takes a
    // lock. The errors it returns are numbers. `close_range` takes no pointers; it only marks descriptors, all of which
    // the exec that follows then closes, and none of which this process uses after it.
    unsafe {
        command.pre_exec(move || {
            if libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) != 0 {
                return Err(io::Error::last_os_error());
            }
            birth.happen(parent).map_err(|_| io::Error::from_raw_os_error(NOT_CONFINED))
        });
    }
}

/// Whether starting failed because a right could not be given up. No exec fails with this number.
pub(crate) fn was_not_confined(error: &io::Error) -> bool {
    error.raw_os_error() == Some(NOT_CONFINED)
}

const NOT_CONFINED: i32 = libc::ENOTRECOVERABLE;

impl Birth {
    /// What is called between fork and exec; see there for what it may do.
    fn happen(&mut self, parent: Pid) -> io::Result<()> {
        for kept in &self.kept {
            fcntl_setfd(kept, FdFlags::empty())?;
        }
        leave_session(parent)?;
        for group in &self.groups {
            write(group, b"0")?;
        }
        self.confinement.as_mut().map_or(Ok(()), Confinement::apply)
    }
}
