//! Hears that the person has had enough, so that a question can end properly: with the terminal as it was before.

use std::{
    io::PipeReader,
    os::fd::{AsFd, BorrowedFd},
    sync::mpsc,
    time::Duration,
};

use mab_core::Fault;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::Signal,
};
use tokio::signal::unix::SignalKind;

use crate::runtime;

/// Readable once the process is told to end: Ctrl-C, or its terminal goes. From when it is made on.
pub(crate) struct Stop(PipeReader);

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system refuses a pipe.
    pub(crate) fn listen() -> Result<Self, Fault> {
        Self::listen_to(runtime::ENDING.to_vec())
    }

    /// As [`Self::listen`], and Ctrl-Z counts: a process that stands still leaves the terminal as a question for a secret
    /// has it, and an opened key in memory.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn listen_where_secrets_are() -> Result<Self, Fault> {
        let stand_still = SignalKind::from_raw(Signal::TSTP.as_raw());
        Self::listen_to([runtime::ENDING.as_slice(), &[stand_still]].concat())
    }

    fn listen_to(kinds: Vec<SignalKind>) -> Result<Self, Fault> {
        let (stopped, stop) =
            std::io::pipe().map_err(|source| Fault::from_source("making a pipe", source))?;
        let (ready, is_ready) = mpsc::channel();
        std::thread::spawn(move || {
            let told = runtime::block_on(async {
                let told = runtime::any_of(&kinds);
                drop(ready);
                match told {
                    Ok(told) => told.await,
                    // Without a way to hear of it, the signal ends this process.
                    Err(_) => std::future::pending().await,
                }
            });
            drop((stop, told));
        });
        // Its other end is dropped once signals are listened for.
        let _: Result<(), mpsc::RecvError> = is_ready.recv();
        Ok(Self(stopped))
    }

    /// Waits that long at most; says whether it was told to end.
    ///
    /// # Errors
    /// When it cannot wait.
    pub(crate) fn within(&self, time: Duration) -> Result<bool, Fault> {
        let time = Timespec::try_from(time).map_err(|_| Fault::new("waiting for that long"))?;
        let mut stopped = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut stopped, Some(&time)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(Fault::from_source("waiting for an interrupt", error)),
        }
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
