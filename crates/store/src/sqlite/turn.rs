//! Turns of the processes that write one file.
//!
//! SQLite's own lock is not fair: a process that writes in a loop starves the others for seconds. Here a process
//! takes `next`, then `current`, then lets `next` go: whoever just wrote has to queue again behind one who waited.
//! The kernel releases both when a process dies. Source: measured, 8 processes: longest wait 9 ms instead of 3 s.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    thread,
    time::Duration,
};

use mab_core::Failure;

use super::{connection::file_failure, error::busy};

/// The two lock files beside a database.
pub(super) struct Turns {
    next: File,
    current: File,
}

/// Holding it, this process may write; dropped, the next one may.
pub(super) struct Turn<'a>(&'a File);

impl Turns {
    /// Opens the lock files of the database at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let open = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(name)
        };
        let files = || -> io::Result<Self> { Ok(Self { next: open("-next")?, current: open("-turn")? }) };
        files().map_err(file_failure)
    }

    /// Takes the turn as soon as nobody has it, outside the queue; `busy` when `patience` is over. For setting up a
    /// file: a process that starts must not hang behind one that was stopped.
    pub(super) fn take_within(&self, patience: Duration) -> Result<Turn<'_>, Failure> {
        let looks = patience.as_millis() / LOOK_EVERY.as_millis() + 1;
        for _ in 0..looks {
            match self.current.try_lock() {
                Ok(()) => return Ok(Turn(&self.current)),
                Err(TryLockError::WouldBlock) => thread::sleep(LOOK_EVERY),
                Err(TryLockError::Error(source)) => return Err(file_failure(source)),
            }
        }
        Err(busy().into())
    }

    /// Waits for this process's turn.
    pub(super) fn take(&self) -> io::Result<Turn<'_>> {
        self.next.lock()?;
        let taken = self.current.lock();
        self.next.unlock()?;
        taken.map(|()| Turn(&self.current))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::error!(%error, "the write turn could not be handed on");
        }
    }
}

/// How often [`Turns::take_within`] looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);
