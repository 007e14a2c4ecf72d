//! The approver: the person whose key signs what is enabled and what is approved.
//!
//! ```text
//! terms     Ed25519("mab.terms.v1\0" ‖ the terms' text)
//! approval  Ed25519("mab.approval.v1\0" ‖ the approval's text)
//! successor Ed25519("mab.successor.v1\0" ‖ the next approver's public key (32 bytes))
//! ```
//!
//! The private half ([`Approver`]) lives in the process that the person sits before, and nowhere else in clear. What is
//! stored is sealed twice: under the passphrase ([`Approver::seal`]), which no other process ever holds, and under the
//! master key ([`Enroller::wrap`]), so that who has the store alone cannot even begin to guess.

use ed25519_dalek::{Signature, VerifyingKey};

use crate::execution;

mod enroller;
mod holder;
mod sealed;
mod totp;

pub use enroller::Enroller;
pub use holder::Approver;
pub use sealed::{Cost, check_passphrase};
pub use totp::Totp;

/// A signature: Ed25519 (RFC 8032), 64 bytes.
pub const SIGNATURE_BYTES: usize = 64;

/// The public key of an approver.
#[derive(Clone, PartialEq, Eq)]
pub struct ApproverKey(VerifyingKey);

impl ApproverKey {
    /// The key behind its 32 bytes; none when they are no key that can be used.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak()).map(Self)
    }

    /// Its 32 bytes (RFC 8032).
    pub fn bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Its name: the first eight hexadecimal digits.
    pub fn id(&self) -> String {
        hex::encode(self.bytes()).chars().take(8).collect()
    }

    /// Whether `signature` is this key's of these terms.
    pub fn signed_terms(&self, text: &str, signature: &[u8]) -> bool {
        self.signed(execution::TERMS_DOMAIN, text.as_bytes(), signature)
    }

    /// Whether `signature` is this key's of this approval.
    pub fn signed_approval(&self, text: &str, signature: &[u8]) -> bool {
        self.signed(execution::APPROVAL_DOMAIN, text.as_bytes(), signature)
    }

    /// Whether `signature` is this key's of the key that takes its place.
    pub fn signed_successor(&self, new: &Self, signature: &[u8]) -> bool {
        self.signed(SUCCESSOR_DOMAIN, &new.bytes(), signature)
    }

    fn signed(&self, domain: &[u8], text: &[u8], signature: &[u8]) -> bool {
        let content = [domain, text].concat();
        let parsed = Signature::from_slice(signature);
        parsed.is_ok_and(|signature| self.0.verify_strict(&content, &signature).is_ok())
    }
}

impl std::fmt::Debug for ApproverKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApproverKey({})", self.id())
    }
}

/// Sets signatures of a successor apart from everything else.
const SUCCESSOR_DOMAIN: &[u8] = b"mab.successor.v1\0";

#[cfg(test)]
mod tests;
