//! What a person enables in one conversation: signed as the text it is stored as.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Code, Denied, Fault, Timestamp,
    execution::{Assurance, Mode},
    limit::is_ahead,
};

/// What a person enabled in one conversation. Its JSON text is stored, sealed, and signed as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The version of this form: 1.
    pub version: u32,
    /// The conversation.
    pub conversation: String,
    /// The widest that commands may do.
    pub mode: Mode,
    /// The folder they work in, absolute, without symbolic links.
    pub workspace: String,
    /// Its device number, in decimal.
    pub workspace_device: String,
    /// Its inode number, in decimal.
    pub workspace_inode: String,
    /// The digest, in hexadecimal, of the settings that decide what runs where nobody is asked: other ones were not enabled.
    pub settings: String,
    /// Longest time of one command, in seconds; none for what the operator's settings say.
    pub timeout_s: Option<u32>,
    /// Whether commands that are agreed to reach the host's network.
    pub network: bool,
    /// Whether a form of the requester's own client is enough in mode `restricted`.
    pub elicitation: bool,
    /// How many agents with the permission `approver` are enough in mode `restricted`; 0: agents cannot agree.
    pub quorum: u8,
    /// The handles of the agents whose yes counts: those that were there, and shown, when a person enabled it. Who comes
    /// later, or was invited later by an agent, does not count.
    pub approvers: Vec<String>,
    /// How sure it is that a person enabled it.
    pub assurance: Assurance,
    /// When, in milliseconds since the Unix epoch.
    pub enabled_at_ms: i64,
    /// Until when.
    pub expires_at_ms: i64,
    /// 128 random bits, in hexadecimal.
    pub nonce: String,
}

impl Terms {
    /// The text that is signed and stored.
    ///
    /// # Errors
    /// Never in practice; a [`Fault`] when it cannot be written.
    pub fn text(&self) -> Result<String, Fault> {
        serde_json::to_string(self).map_err(|source| Fault::from_source("writing terms", source))
    }

    /// Reads that text.
    ///
    /// # Errors
    /// `invalid_arguments` when it is something else.
    pub fn parse(text: &str) -> Result<Self, Denied> {
        let terms: Option<Self> = serde_json::from_str(text).ok();
        terms.filter(|terms| terms.version == 1).ok_or_else(|| {
            Denied::new(Code::InvalidArguments, "these are no terms of this version of mab")
                .hint("enable it again with `mab yolo enable`, with the mab that runs the agents' servers")
        })
    }

    /// The digest whose last digits a person types: of the text.
    pub fn digest(text: &str) -> [u8; 32] {
        Sha256::digest([DOMAIN, text.as_bytes()].concat()).into()
    }

    /// Whether it holds at `now`; terms that begin later were made by a clock that has been set back since.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        let begins = Timestamp::from_millis(self.enabled_at_ms);
        now < self.expires_at() && !is_ahead(begins, now)
    }

    /// When it ends.
    pub const fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.expires_at_ms)
    }
}

/// Sets what is signed here apart from everything else.
pub(crate) const DOMAIN: &[u8] = b"mab.terms.v1\0";
