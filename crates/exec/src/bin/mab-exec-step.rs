//! `<state> <workspace> <snapshot>` restores, and may be killed meanwhile: for the tests of this crate.

use std::{path::Path, process::ExitCode, sync::Arc};

use mab_core::{Denied, Fault, Random, Timestamp};
use mab_exec::{
    Workspace,
    snapshot::{How, Settings, Snapshots},
};

/// Unpredictable enough that what another process left does not collide.
struct OfProcess;

impl Random for OfProcess {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        let number = u64::from(std::process::id()).to_le_bytes();
        buffer.iter_mut().zip(number).for_each(|(byte, with)| *byte = with);
        Ok(())
    }
}

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let [state, workspace, id] = words.as_slice() else { return ExitCode::from(2) };
    match restore(Path::new(state), Path::new(workspace), &id.to_string_lossy()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn restore(state: &Path, workspace: &Path, id: &str) -> Result<(), Denied> {
    let snapshots = Snapshots::open(state, Settings::default(), Arc::new(OfProcess))?;
    let at = Timestamp::from_millis(1);
    snapshots.restore(&Workspace::open(workspace)?, &id.parse()?, How::default(), at).map(drop)
}
