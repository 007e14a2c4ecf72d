//! What somebody asks the executor for.

use std::ops::RangeInclusive;

use mab_core::{Code, Denied, execution::TIMEOUT_MAX_S};

use crate::{Limits, Mode, Network, Wanted};

/// What somebody asks for. The mode and the workspace come from the operator, never from an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The mode of the workspace.
    pub mode: Mode,
    /// The command.
    pub wanted: Wanted,
    /// The conversation it belongs to; none for the operator's own.
    pub conversation: Option<String>,
    /// The agent who asks; none for the operator.
    pub agent: Option<String>,
    /// How much it gets.
    pub limits: Limits,
    /// Whether it is to reach the network: then a person is asked whatever it is.
    pub network: Network,
    /// Whether it is to run on a copy-on-write view, if it may write.
    pub preview: bool,
    /// How long it may be run after it was prepared, in seconds.
    pub valid_s: u64,
}

/// How long a request can be run when a person sits before it, in seconds.
pub const VALID_S: u64 = 300;

impl Ask {
    /// Refuses what cannot be run: an empty, too long or impossible command, limits out of their ranges.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`], without the command.
    pub fn check(&self) -> Result<(), Denied> {
        self.wanted.check()?;
        self.limits.check()
    }
}

impl Limits {
    /// Refuses limits that are none, or that no command may have: a time of 0 or of an hour.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`], with the range.
    pub fn check(&self) -> Result<(), Denied> {
        let ranges: [(&str, u64, RangeInclusive<u64>); 7] = [
            ("time in seconds", self.time_s.into(), 1..=TIMEOUT_MAX_S.into()),
            ("processor time in seconds", self.cpu_s.into(), 1..=86_400),
            ("memory in bytes", self.memory_bytes, 16 * MIB..=MIB * MIB),
            ("number of processes", self.processes.into(), 1..=65_536),
            ("size of a file in bytes", self.file_bytes, 1..=MIB * MIB),
            ("size of /tmp in bytes", self.scratch_bytes, 1..=65_536 * MIB),
            ("output in bytes", self.output_bytes, 1..=64 * MIB),
        ];
        match ranges.into_iter().find(|(_, value, range)| !range.contains(value)) {
            None => Ok(()),
            Some((what, value, range)) => {
                let (least, most) = range.into_inner();
                Err(Denied::new(Code::InvalidArguments, format!("{value} is no limit for the {what}"))
                    .hint(format!("give {least} to {most}")))
            }
        }
    }
}

const MIB: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_when_out_of_range_are_refused_with_the_range() {
        let time = |time_s| Limits { time_s, ..Limits::default() };
        for good in [time(1), time(1_800), Limits::default()] {
            assert_eq!(good.check(), Ok(()));
        }
        for bad in [time(0), time(3_600), time(1_801)] {
            let denied = bad.check().unwrap_err();
            assert_eq!(denied.code, Code::InvalidArguments);
            assert_eq!(denied.message, format!("{} is no limit for the time in seconds", bad.time_s));
            assert_eq!(denied.hint.as_deref(), Some("give 1 to 1800"));
        }
        for bad in [
            Limits { cpu_s: 0, ..Limits::default() },
            Limits { memory_bytes: 1, ..Limits::default() },
            Limits { processes: 0, ..Limits::default() },
            Limits { file_bytes: 0, ..Limits::default() },
            Limits { scratch_bytes: 0, ..Limits::default() },
            Limits { output_bytes: (64 << 20) + 1, ..Limits::default() },
        ] {
            assert_eq!(bad.check().unwrap_err().code, Code::InvalidArguments, "{bad:?}");
        }
    }
}
