//! Small files of the system that are copied into the root instead of being mounted, which takes bubblewrap a tenth of a
//! millisecond each.

use std::{
    fs::OpenOptions,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::fs::OpenOptionsExt as _,
    },
};

use crate::Network;

use super::words::of_the_system;

/// Files that are copied, open for reading.
#[derive(Debug, Default)]
pub(super) struct Copied(Vec<(&'static str, OwnedFd)>);

impl Copied {
    /// Opens what is small and regular of what a command needs of `/etc`. All else is mounted.
    pub(super) fn open(network: Network) -> Self {
        let open = |name: &'static str| {
            let file = OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
                .open(name)
                .ok()?;
            let found = file.metadata().ok()?;
            (found.is_file() && found.len() <= COPY_MAX_BYTES).then(|| (name, OwnedFd::from(file)))
        };
        Self(of_the_system(network).filter_map(open).collect())
    }

    /// The number of the descriptor of `name`; none when it is not copied.
    pub(super) fn descriptor(&self, name: &str) -> Option<i32> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, file)| file.as_raw_fd())
    }

    /// The descriptors, for bubblewrap to read from.
    pub(super) fn into_descriptors(self) -> impl Iterator<Item = OwnedFd> {
        self.0.into_iter().map(|(_, file)| file)
    }
}

/// The largest file that is copied; it lies in memory for as long as a run lasts.
const COPY_MAX_BYTES: u64 = 128 * 1024;
