//! What the executor needs of the other parts: so little that tests can stand in for them.

use std::sync::Arc;

use mab_core::{Denied, Timestamp};

use crate::{Digest, Judge, Mode, Obeys, Sandbox, Tier, Tiers, Unavailable, Verdict, Wanted, Workspace};

/// Judges commands.
pub trait Judges: Send + Sync {
    /// What it says about one; it never fails.
    fn judge(&self, mode: Mode, wanted: &Wanted, workspace: Option<&Workspace>) -> Verdict;

    /// The policy by which it judges.
    fn policy_digest(&self) -> Digest;

    /// The policy that would judge now: of files that are read again, because a person's yes takes time.
    ///
    /// # Errors
    /// When they cannot be read any longer.
    fn policy_digest_now(&self) -> Result<Digest, Denied> {
        Ok(self.policy_digest())
    }

    /// What of the workspace the command is known to run or obey, as it is now.
    ///
    /// # Errors
    /// Which file of it could not be looked at, and what to do.
    fn obeyed(&self, _mode: Mode, _wanted: &Wanted, _workspace: &Workspace) -> Result<Obeys, String> {
        Ok(Obeys::default())
    }
}

/// Has the sandboxes that were found.
pub trait Isolates: Send + Sync {
    /// The one for a mode: the wished one, else the strongest.
    ///
    /// # Errors
    /// [`Unavailable`] when there is none that is strong enough.
    fn strongest(&self, mode: Mode, wish: Option<Tier>) -> Result<Arc<dyn Sandbox>, Unavailable>;
}

/// Saves workspaces.
pub trait Saves: Send + Sync {
    /// Saves one, and says by which id it is restored.
    ///
    /// # Errors
    /// Why not; then nothing is run.
    fn save(&self, workspace: &Workspace, label: &str, now: Timestamp) -> Result<String, Denied>;
}

impl Judges for Judge {
    fn judge(&self, mode: Mode, wanted: &Wanted, workspace: Option<&Workspace>) -> Verdict {
        Self::judge(self, mode, wanted, workspace)
    }

    fn policy_digest(&self) -> Digest {
        self.policy().digest()
    }

    fn policy_digest_now(&self) -> Result<Digest, Denied> {
        self.policy().digest_now()
    }

    fn obeyed(&self, mode: Mode, wanted: &Wanted, workspace: &Workspace) -> Result<Obeys, String> {
        Self::obeyed(self, mode, wanted, workspace)
    }
}

impl Isolates for Tiers {
    fn strongest(&self, mode: Mode, wish: Option<Tier>) -> Result<Arc<dyn Sandbox>, Unavailable> {
        Self::strongest(self, mode, wish)
    }
}
