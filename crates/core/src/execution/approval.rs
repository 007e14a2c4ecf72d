//! A person's yes to one exact request: signed as the text it is stored as.

use serde::{Deserialize, Serialize};

use crate::{Code, Denied, Fault, execution::Assurance};

/// How long a yes can be used, in seconds.
pub const VALID_S: u64 = 300;

/// A yes to one exact request. Its JSON text is stored and signed as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The version of this form: 1.
    pub version: u32,
    /// The request's name.
    pub run: String,
    /// Its hash, 64 hexadecimal digits.
    pub request_hash: String,
    /// How sure it is that a person said it.
    pub assurance: Assurance,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// When, in milliseconds since the machine started: nobody sets that clock.
    pub uptime_ms: u64,
    /// Which start of the machine that counts from, in hexadecimal.
    pub boot: String,
    /// How long it can be used, in seconds, at most [`VALID_S`].
    pub valid_s: u64,
}

impl Approval {
    /// The text that is signed and stored.
    ///
    /// # Errors
    /// Never in practice; a [`Fault`] when it cannot be written.
    pub fn text(&self) -> Result<String, Fault> {
        serde_json::to_string(self).map_err(|source| Fault::from_source("writing an approval", source))
    }

    /// Reads that text.
    ///
    /// # Errors
    /// `invalid_arguments` when it is something else.
    pub fn parse(text: &str) -> Result<Self, Denied> {
        let approval: Option<Self> = serde_json::from_str(text).ok();
        approval.filter(|approval| approval.version == 1).ok_or_else(|| {
            Denied::new(Code::InvalidArguments, "this is no approval of this version of mab")
                .hint("approve it again, with the mab that runs the agents' servers")
        })
    }
}

/// Sets what is signed here apart from everything else.
pub(crate) const DOMAIN: &[u8] = b"mab.approval.v1\0";
