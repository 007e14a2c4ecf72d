//! What a process gives up because it holds what must not leak: the master key of agents that may have commands run, or
//! an approver's passphrase.
//!
//! It makes reading its memory harder for processes of the same user, and leaves nothing of it in a file when it dies. It
//! does not stop who can start this program under another name, see what is typed, or act as root.

use mab_core::{Code, Denied};
use rustix::process::{DumpableBehavior, Resource, Rlimit, geteuid, set_dumpable_behavior, setrlimit};

use crate::{config::Config, environment::Environment};

/// Keeps the memory of this process from others of its user (no ptrace(2), no `/proc/<pid>/mem`), and out of core files.
/// Programs that it starts are as they would be without.
pub(crate) fn protect() {
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let core = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    if let Err(error) = hidden.and(core) {
        tracing::warn!(%error, "the memory of this process could not be protected");
    }
}

/// Refuses to serve agents that may have commands run, where that is not safe.
///
/// # Errors
/// `misconfigured`: as root without `execution.as_root`; with a library of somebody's choice inside this process.
pub(crate) fn check(config: &Config, environment: &Environment) -> Result<(), Denied> {
    if geteuid().is_root() && !config.execution.as_root {
        return Err(Denied::new(
            Code::Misconfigured,
            "agents may ask for commands (MAB_YOLO=1, execution.agents), and this server runs as root",
        )
        .hint(format!(
            "tell your user: start the agents as an ordinary user, or without MAB_YOLO=1; as_root = true under [execution] in {} allows it all the same",
            config.file.display()
        )));
    }
    if let Some(name) = LOADS.into_iter().find(|name| environment.get(name).is_some()) {
        return Err(Denied::new(
            Code::Misconfigured,
            format!("agents may ask for commands (MAB_YOLO=1, execution.agents), and {name} put other code into this server"),
        )
        .hint(format!("tell your user: start the server with {name} empty (`env` in the client's settings), or without MAB_YOLO=1")));
    }
    Ok(())
}

/// Variables with which whoever sets them chooses code that a program runs (ld.so(8)).
const LOADS: [&str; 3] = ["LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH"];

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn process_when_protected_is_hidden_and_leaves_no_core() {
        protect();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        protect();
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0), "again changes nothing");
    }
}
