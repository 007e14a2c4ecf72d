//! Keeps what a run has started: the thread that its processes live and die with, and what is needed to end all of them.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::{Child, Command},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    pipe::{PipeFlags, pipe_with},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use crate::{
    Ending, Running,
    spawn::{Birth, spawn},
};

/// The processes of one run, by descriptors: a number could mean another process by the time it is used.
#[derive(Debug, Default)]
pub(crate) struct Brood(Mutex<Members>);

#[derive(Debug, Default)]
struct Members {
    ended: bool,
    processes: Vec<OwnedFd>,
}

impl Brood {
    /// Starts one more process.
    ///
    /// # Errors
    /// When it cannot be started, or the run was ended.
    pub(crate) fn start(&self, command: &mut Command, birth: Birth) -> io::Result<Child> {
        let mut members = self.members();
        if members.ended {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut child = spawn(command, birth)?;
        match descriptor(child.id()) {
            Ok(process) => members.processes.push(process),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                return Err(error);
            }
        }
        Ok(child)
    }

    /// Counts a process that something else of the run started.
    ///
    /// # Errors
    /// When there is none of that number, or the run was ended.
    pub(crate) fn adopt(&self, process: u32) -> io::Result<()> {
        let mut members = self.members();
        members.processes.push(descriptor(process)?);
        if members.ended { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    /// Sends SIGKILL to every process, and lets no more be started.
    fn end(&self) {
        let mut members = self.members();
        members.ended = true;
        for process in &members.processes {
            // It may be over already; whether it is, is waited for elsewhere.
            let _over = pidfd_send_signal(process, Signal::KILL);
        }
    }

    /// Waits until every process is over.
    pub(crate) fn wait(&self, at_most: Duration) -> io::Result<()> {
        let processes: Vec<OwnedFd> = {
            let members = self.members();
            members.processes.iter().map(OwnedFd::try_clone).collect::<io::Result<_>>()?
        };
        for process in &processes {
            if !readable(process, at_most)? {
                return Err(io::Error::other("a process of the run did not end"));
            }
        }
        Ok(())
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        // Nothing between two of its changes can panic, so what is there is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a run that is kept ends: by itself, looked at when it did.
pub(crate) type Judge = Box<dyn FnOnce(i32) -> Ending + Send>;

/// A run that was started.
pub(crate) struct Kept {
    brood: Arc<Brood>,
    thread: Option<JoinHandle<i32>>,
    over: OwnedFd,
    outputs: Option<[OwnedFd; 2]>,
    enforced: Vec<String>,
    ending: Option<Ending>,
    judge: Option<Judge>,
}

/// The two ends of what a run prints on.
pub(crate) struct Pipes {
    pub(crate) readers: [OwnedFd; 2],
    pub(crate) writers: [OwnedFd; 2],
}

impl Pipes {
    /// Makes them.
    ///
    /// # Errors
    /// When there are no more descriptors.
    pub(crate) fn new() -> io::Result<Self> {
        let (out_reader, out_writer) = pipe_with(PipeFlags::CLOEXEC)?;
        let (error_reader, error_writer) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok(Self { readers: [out_reader, error_reader], writers: [out_writer, error_writer] })
    }
}

impl Kept {
    /// Runs `body` on a thread of its own, which must outlive every process it starts, and which ends when all of them are
    /// over; its value is the code of the last.
    ///
    /// # Errors
    /// When there can be no more threads or descriptors.
    pub(crate) fn start(
        brood: Arc<Brood>,
        outputs: [OwnedFd; 2],
        body: impl FnOnce() -> i32 + Send + 'static,
    ) -> io::Result<Self> {
        let (over, ended) = pipe_with(PipeFlags::CLOEXEC)?;
        let thread = std::thread::Builder::new().name("mab-run".to_owned()).spawn(move || {
            let _ended = ended; // closed when this returns, in whatever way
            body()
        })?;
        Ok(Self {
            brood,
            thread: Some(thread),
            over,
            outputs: Some(outputs),
            enforced: Vec::new(),
            ending: None,
            judge: None,
        })
    }

    /// With what is enforced, and who says how it ended.
    pub(crate) fn with(mut self, enforced: Vec<String>, judge: Judge) -> Self {
        self.enforced = enforced;
        self.judge = Some(judge);
        self
    }

    fn join(&mut self) -> Option<i32> {
        self.thread.take().map(|thread| thread.join().unwrap_or(LOST))
    }
}

impl Running for Kept {
    fn take_outputs(&mut self) -> io::Result<[OwnedFd; 2]> {
        self.outputs.take().ok_or_else(|| io::Error::other("the outputs were taken before"))
    }

    fn over(&self) -> BorrowedFd<'_> {
        self.over.as_fd()
    }

    fn try_end(&mut self) -> io::Result<Option<Ending>> {
        if self.thread.is_some() && readable(&self.over, Duration::ZERO)? {
            let code = self.join().unwrap_or(LOST);
            self.ending = Some(match self.judge.take() {
                Some(judge) => judge(code),
                None => Ending::Exited(code),
            });
        }
        Ok(self.ending.clone())
    }

    fn kill(&mut self) -> io::Result<()> {
        self.brood.end();
        self.brood.wait(KILL_MAX)?;
        if let Some(code) = self.join() {
            self.ending = self.judge.take().map(|judge| judge(code)).or(Some(Ending::Exited(code)));
        }
        Ok(())
    }

    fn enforced(&self) -> Vec<String> {
        self.enforced.clone()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::error!(%error, "a run may have left something");
        }
    }
}

/// Whether `object` can be read from, or its other end is closed, within a time.
pub(crate) fn readable(object: &OwnedFd, at_most: Duration) -> io::Result<bool> {
    wait(object.as_fd(), at_most)
}

/// As [`readable`].
pub(crate) fn wait(object: BorrowedFd<'_>, at_most: Duration) -> io::Result<bool> {
    let time = Timespec::try_from(at_most).map_err(io::Error::other)?;
    loop {
        match poll(&mut [PollFd::from_borrowed_fd(object, PollFlags::IN)], Some(&time)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn descriptor(process: u32) -> io::Result<OwnedFd> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    Ok(pidfd_open(process, PidfdFlags::empty())?)
}

/// How long the kernel may take to end what was sent SIGKILL.
const KILL_MAX: Duration = Duration::from_secs(5);

/// The code when the thread of a run was lost: as if it had been killed.
const LOST: i32 = 137;
