//! Resource limits (setrlimit(2)) of one process and of what it starts.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::calls::Children;
use crate::Limits;

/// Limits, ready to be set.
#[derive(Debug, Clone)]
pub(super) struct Resources(Vec<(Resource, Rlimit)>);

impl Resources {
    /// Those of a run. Each is set as hard limit too, so that it cannot be raised again.
    ///
    /// Memory is counted as data, not as addresses: V8, Go and the sanitizers reserve far more of these than they use.
    /// Processes are counted per user and user namespace, so that without a namespace of its own a command would answer
    /// for all that its user runs: it is left out where nothing can be started anyway.
    pub(super) fn new(limits: &Limits, children: Children) -> Self {
        let both = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
        let mut all = vec![
            (Resource::Core, both(0)),
            (Resource::Data, both(limits.memory_bytes)),
            (
                Resource::Cpu,
                // The signal of the first can be told from SIGKILL; the second cannot be caught.
                Rlimit { current: Some(limits.cpu_s.into()), maximum: Some(u64::from(limits.cpu_s) + 1) },
            ),
            (Resource::Fsize, both(limits.file_bytes)),
            (Resource::Nofile, both(DESCRIPTORS_MAX)),
            (Resource::Memlock, both(LOCKED_MAX_BYTES)),
            (Resource::Msgqueue, both(0)),
        ];
        match children {
            Children::Allowed => all.push((Resource::Nproc, both(limits.processes.into()))),
            Children::Forbidden => {}
        }
        Self(all)
    }

    /// Sets them, each no higher than it is now.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn apply(&self) -> io::Result<()> {
        for (resource, wanted) in &self.0 {
            let now = getrlimit(*resource);
            let maximum = lower(wanted.maximum, now.maximum);
            setrlimit(*resource, Rlimit { current: lower(wanted.current, maximum), maximum })?;
        }
        Ok(())
    }
}

/// The lower of two limits; none is no limit.
fn lower(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (limit, None) | (None, limit) => limit,
    }
}

/// Open files of one process; compilers and package managers need some hundreds.
const DESCRIPTORS_MAX: u64 = 4_096;

/// Memory that cannot be swapped out.
const LOCKED_MAX_BYTES: u64 = 8 << 20;
