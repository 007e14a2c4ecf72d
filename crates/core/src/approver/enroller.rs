//! What ties an approver to this bridge: only who holds the master key can enrol one.
//!
//! ```text
//! enrolled = the first 16 bytes of HMAC-SHA256(subkey "mab.approver.enrolled.v1", public key)
//! wrapped  = version (1 byte, 1) ‖ nonce (24 bytes, random) ‖ XChaCha20-Poly1305(subkey "mab.approver.wrap.v1", sealed),
//!            AAD "mab.approver.wrap.v1\0" ‖ public key
//! ```

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::ApproverKey;
use crate::{
    Fault, Random,
    seal::{decrypt, encrypt},
    secret::{MasterKey, Subkey},
};

/// Bytes of the digest that says that this bridge enrolled a key.
const ENROLLED_BYTES: usize = 16;

/// Enrols approvers, and wraps what is stored of them.
#[derive(Clone)]
pub struct Enroller {
    enrolled: Subkey,
    wrap: Subkey,
}

impl Enroller {
    /// The enroller of the data folder with this master key.
    ///
    /// # Errors
    /// A [`Fault`] when key derivation fails.
    pub fn new(master: &MasterKey) -> Result<Self, Fault> {
        let enrolled = master.derive(b"mab.approver.enrolled.v1")?;
        Ok(Self { enrolled, wrap: master.derive(b"mab.approver.wrap.v1")? })
    }

    /// The keyed digest that says that this bridge enrolled `key`.
    ///
    /// # Errors
    /// Never in practice; a [`Fault`] when HMAC refuses its key.
    pub fn mac(&self, key: &ApproverKey) -> Result<[u8; ENROLLED_BYTES], Fault> {
        let full = self.keyed(key)?.finalize().into_bytes();
        full.first_chunk().copied().ok_or(Fault::new("shortening a keyed digest"))
    }

    /// Whether this bridge enrolled `key`; compares in constant time.
    pub fn made(&self, key: &ApproverKey, mac: &[u8]) -> bool {
        mac.len() == ENROLLED_BYTES
            && self.keyed(key).is_ok_and(|keyed| keyed.verify_truncated_left(mac).is_ok())
    }

    /// The stored form of what [`Approver::seal`](super::Approver::seal) made.
    ///
    /// # Errors
    /// A [`Fault`] when the random source or the cipher fails.
    pub fn wrap(&self, key: &ApproverKey, sealed: &[u8], random: &dyn Random) -> Result<Vec<u8>, Fault> {
        encrypt(&self.wrap.0, random, &wrap_data(key), sealed)
    }

    /// What [`Approver::open`](super::Approver::open) takes, of the stored form.
    ///
    /// # Errors
    /// A [`Fault`] when the bytes were changed, or belong to another approver or master key.
    pub fn unwrap(&self, key: &ApproverKey, wrapped: &[u8]) -> Result<Vec<u8>, Fault> {
        decrypt(&self.wrap.0, &wrap_data(key), wrapped).map(|sealed| sealed.to_vec())
    }

    fn keyed(&self, key: &ApproverKey) -> Result<Hmac<Sha256>, Fault> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.enrolled.0)
            .map_err(|source| Fault::from_source("keying a digest of an approver", source))?;
        mac.update(&key.bytes());
        Ok(mac)
    }
}

impl fmt::Debug for Enroller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enroller(…)")
    }
}

fn wrap_data(key: &ApproverKey) -> Vec<u8> {
    [b"mab.approver.wrap.v1\0".as_slice(), &key.bytes()].concat()
}
