//! What runs commands for agents: made by the program around the bridge, which knows settings and sandboxes.

use std::sync::Arc;

use mab_core::{Failure, execution::Terms};
use mab_exec::{Executor, Limits, Workspace};

/// Runs commands for agents. A bridge without one runs none.
pub trait Workbench: Send + Sync {
    /// What runs commands under these terms, as the settings are now. It may take a while: call it where waiting is allowed.
    ///
    /// # Errors
    /// `execution_disabled` when the settings allow less than the terms, `approval_void` when the workspace is not the
    /// folder that was enabled any more, and as sandboxes and policies refuse.
    fn bench(&self, terms: &Terms) -> Result<Bench, Failure>;
}

/// Takes note, outside of the store, of what was used up or ended: a store that is brought back from a copy knows nothing
/// of it. Every process of the user has the same one, the servers of agents and the operator's commands.
pub trait Ledger: Send + Sync {
    /// Takes note that this request started or ended, or that these terms ended; says whether it is the first time.
    ///
    /// # Errors
    /// When it cannot be noted: then nothing may start.
    fn spend(&self, digest: &[u8; 32]) -> Result<bool, Failure>;

    /// Whether [`Self::spend`] took note of this.
    ///
    /// # Errors
    /// When nobody can tell.
    fn is_spent(&self, digest: &[u8; 32]) -> Result<bool, Failure>;
}

/// What runs commands under one set of terms.
#[derive(Clone)]
pub struct Bench {
    /// Judges and runs.
    pub executor: Arc<Executor>,
    /// Where.
    pub workspace: Arc<Workspace>,
    /// How much each command gets.
    pub limits: Limits,
}
