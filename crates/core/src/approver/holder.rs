//! The private half of an approver.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::{Zeroize as _, Zeroizing};

use super::{ApproverKey, SIGNATURE_BYTES, SUCCESSOR_DOMAIN, Totp};
use crate::{Fault, Random, execution, source::draw};

/// Bytes of the seed of a key (RFC 8032).
pub(super) const SEED_BYTES: usize = 32;

/// What an approver holds: the key that signs and, when they are enrolled, the secret of one-time codes. Zeroised on drop.
pub struct Approver {
    key: SigningKey,
    totp: Option<Totp>,
}

impl Approver {
    /// Draws a new one, without one-time codes.
    ///
    /// # Errors
    /// A [`Fault`] when the random source fails.
    pub fn draw(random: &dyn Random) -> Result<Self, Fault> {
        let seed = Zeroizing::new(draw::<SEED_BYTES>(random)?);
        Ok(Self::from_parts(&seed, None))
    }

    pub(super) fn from_parts(seed: &[u8; SEED_BYTES], totp: Option<Totp>) -> Self {
        Self { key: SigningKey::from_bytes(seed), totp }
    }

    pub(super) fn seed(&self) -> Zeroizing<[u8; SEED_BYTES]> {
        let mut bytes = self.key.to_bytes();
        let seed = Zeroizing::new(bytes);
        bytes.zeroize();
        seed
    }

    /// The public half.
    pub fn key(&self) -> ApproverKey {
        ApproverKey(self.key.verifying_key())
    }

    /// Its one-time codes, when they are enrolled.
    pub const fn totp(&self) -> Option<&Totp> {
        self.totp.as_ref()
    }

    /// The same key, with one-time codes.
    #[must_use]
    pub fn with_totp(self, totp: Totp) -> Self {
        Self { totp: Some(totp), ..self }
    }

    /// Signs what a person enables.
    pub fn sign_terms(&self, text: &str) -> [u8; SIGNATURE_BYTES] {
        self.sign(execution::TERMS_DOMAIN, text.as_bytes())
    }

    /// Signs a yes.
    pub fn sign_approval(&self, text: &str) -> [u8; SIGNATURE_BYTES] {
        self.sign(execution::APPROVAL_DOMAIN, text.as_bytes())
    }

    /// Signs the key that takes this one's place.
    pub fn sign_successor(&self, new: &ApproverKey) -> [u8; SIGNATURE_BYTES] {
        self.sign(SUCCESSOR_DOMAIN, &new.bytes())
    }

    fn sign(&self, domain: &[u8], content: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.key.sign(&[domain, content].concat()).to_bytes()
    }
}

impl fmt::Debug for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Approver(…)")
    }
}
