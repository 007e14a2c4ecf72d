//! The approver: the person whose key signs what is enabled and what is approved.
//!
//! ```text
//! terms     Ed25519("mab.terms.v1\0" ‖ the terms' text)
//! approval  Ed25519("mab.approval.v1\0" ‖ the approval's text)
//! ```

use ed25519_dalek::{Signature, VerifyingKey};

use crate::execution;

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
        self.signed(execution::TERMS_DOMAIN, text, signature)
    }

    /// Whether `signature` is this key's of this approval.
    pub fn signed_approval(&self, text: &str, signature: &[u8]) -> bool {
        self.signed(execution::APPROVAL_DOMAIN, text, signature)
    }

    fn signed(&self, domain: &[u8], text: &str, signature: &[u8]) -> bool {
        let content = [domain, text.as_bytes()].concat();
        let parsed = Signature::from_slice(signature);
        parsed.is_ok_and(|signature| self.0.verify_strict(&content, &signature).is_ok())
    }
}

impl std::fmt::Debug for ApproverKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApproverKey({})", self.id())
    }
}
