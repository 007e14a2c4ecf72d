//! The request: everything that decides what a command will do, in one canonical form, with one hash that means it.

use mab_core::{Fault, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Digest, Mode, Obeys, Plan, Profile, Tier, Wanted, jcs::canonical};

/// Everything that a yes is about. Any other byte anywhere is another request, with another hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The version of this form: 1.
    pub version: u32,
    /// The conversation it belongs to; none for the operator's own.
    pub conversation: Option<String>,
    /// The agent who asks; none for the operator.
    pub agent: Option<String>,
    /// The mode it was judged in.
    pub mode: Mode,
    /// The command as it was asked for.
    pub command: Wanted,
    /// What will be executed.
    pub plan: Plan,
    /// Each program in the plan, once.
    pub binaries: Vec<Binary>,
    /// What of the workspace it is known to run or obey; nothing when it runs at once.
    pub obeys: Obeys,
    /// The workspace's device number, in decimal: it may need 64 bits.
    pub workspace_device: String,
    /// The workspace's inode number, in decimal.
    pub workspace_inode: String,
    /// What it may touch, with its limits.
    pub profile: Profile,
    /// Whether it runs on a copy-on-write view: nothing it writes is in the workspace until a person has seen it.
    pub preview: bool,
    /// The sandbox it will run in.
    pub tier: Tier,
    /// The policy that judged it.
    pub policy_digest: Digest,
    /// The snapshot of the workspace that a restore would bring back; none when it cannot write, or
    /// when it is saved only after somebody agreed.
    pub snapshot: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is too late to run it.
    pub expires_at: Timestamp,
    /// 128 random bits, in hexadecimal: two requests are never the same.
    pub nonce: String,
}

/// A program as it was when the request was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Binary {
    /// Its absolute path, without symbolic links.
    pub path: String,
    /// What was in it.
    pub sha256: Digest,
}

/// `SHA-256("mab.exec.v1\0" ‖ canonical request)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct RequestHash(Digest);

impl Request {
    /// Its canonical form (RFC 8785).
    ///
    /// # Errors
    /// A [`Fault`] when it cannot be written, which no request that was made here does.
    pub fn canonical(&self) -> Result<String, Fault> {
        canonical(self)
    }

    /// What a yes to it is signed over.
    ///
    /// # Errors
    /// As [`Self::canonical`].
    pub fn hash(&self) -> Result<RequestHash, Fault> {
        Ok(RequestHash(Digest::of(&[DOMAIN, self.canonical()?.as_bytes()])))
    }
}

impl RequestHash {
    /// The digest.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

impl std::fmt::Display for RequestHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Sets these hashes apart from every other use of SHA-256 here.
const DOMAIN: &[u8] = b"mab.exec.v1\0";
