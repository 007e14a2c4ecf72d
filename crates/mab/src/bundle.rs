//! Evidence as a folder of text files that anybody can check without the bridge; its README says what is in it.
//!
//! ```text
//! line of entries.tsv = chain "\t" n "\t" hex(hash) "\t" hex(what is hashed after the previous hash) "\n"
//! SHA256SUMS          = one line of sha256sum(1) per file, but for itself and SHA256SUMS.sig
//! SHA256SUMS.sig      = 64 bytes, Ed25519 (RFC 8032) of SHA256SUMS by the key that is valid
//! scope.txt           = "all" or the conversation that was asked for, "\n"
//! ```
//!
//! It may not open the store or decide what is taken out.

mod verify;
mod write;

pub(crate) use verify::{Flaw, Report, verify};
pub(crate) use write::{Bundle, abandon};

use std::{io, path::Path};

use mab_core::{
    Code, ConversationId, Denied, Failure, Timestamp,
    audit::{Entry, Hash},
};
use serde::{Deserialize, Serialize};

use crate::folder;

/// An entry as `audit_entries` answers and `entries.jsonl` keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
    n: u64,
    at_ms: i64,
    actor: String,
    action: String,
    outcome: String,
    detail: String,
    hash: String,
}

impl Line {
    /// Its chain, as leaves name it.
    fn chain(&self) -> &str {
        self.conversation_id.as_deref().unwrap_or(BRIDGE)
    }

    fn conversation(&self) -> Result<Option<ConversationId>, Denied> {
        self.conversation_id.as_deref().map(str::parse).transpose()
    }

    fn entry(&self) -> Entry {
        Entry {
            n: self.n,
            at: Timestamp::from_millis(self.at_ms),
            actor: self.actor.clone(),
            action: self.action.clone(),
            outcome: self.outcome.clone(),
            detail: self.detail.clone(),
        }
    }

    /// The line of `entries.tsv`.
    fn to_tsv(&self) -> String {
        let hashed = hex::encode(self.entry().hashed_bytes());
        format!("{}\t{}\t{}\t{hashed}\n", self.chain(), self.n, self.hash)
    }
}

/// What an error of the file system means to who named the folder.
fn refused(error: &io::Error, path: &Path, action: &str, hint: &str) -> Failure {
    match folder::refused(error, path, action) {
        Failure::Denied(denied) if denied.code != Code::StorageFull => denied.hint(hint).into(),
        failure @ (Failure::Denied(_) | Failure::Fault(_)) => failure,
    }
}

/// Reads a hash.
fn hash(text: &str) -> Option<Hash> {
    let mut bytes = Hash::default();
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

const BRIDGE: &str = "bridge";
const ALL: &str = "all";
const ENTRIES: &str = "entries.jsonl";
const TABLE: &str = "entries.tsv";
const ANCHOR: &str = "audit.anchor";
const KEYS: &str = "keys.txt";
const SCOPE: &str = "scope.txt";
const README: &str = "README.md";
const SUMS: &str = "SHA256SUMS";
const SIGNATURE: &str = "SHA256SUMS.sig";

#[cfg(test)]
mod tests;
