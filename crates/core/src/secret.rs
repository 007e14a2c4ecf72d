//! Key material: zeroised on drop, opaque in `Debug`, never shown.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Fault, Random, source::draw};

/// Bytes of a symmetric key.
pub const KEY_BYTES: usize = 32;

/// The key of one data folder. Everything secret is derived from it or wrapped under it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; KEY_BYTES]);

impl MasterKey {
    /// Draws a new key.
    ///
    /// # Errors
    /// A [`Fault`] when the random source fails.
    pub fn draw(random: &dyn Random) -> Result<Self, Fault> {
        draw(random).map(Self)
    }

    /// Reads the form that [`Self::to_file_text`] writes.
    ///
    /// # Errors
    /// A [`Fault`] when the text is not 64 hexadecimal digits and at most one line break.
    pub fn from_file_text(text: &str) -> Result<Self, Fault> {
        let mut bytes = [0_u8; KEY_BYTES];
        hex::decode_to_slice(text.trim_end(), &mut bytes)
            .map_err(|source| Fault::from_source("reading the master key", source))?;
        Ok(Self(bytes))
    }

    /// The content of `master.key`: 64 hexadecimal digits and a line break.
    pub fn to_file_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}\n", hex::encode(self.0)))
    }

    /// A public fingerprint that tells two master keys apart (8 bytes of HKDF output).
    ///
    /// # Errors
    /// Never in practice; a [`Fault`] when HKDF refuses the length.
    pub fn fingerprint(&self) -> Result<[u8; 8], Fault> {
        let subkey = self.derive(b"mab.fingerprint.v1")?;
        subkey.0.first_chunk().copied().ok_or(Fault::new("shortening a fingerprint"))
    }

    /// Derives the sub-key for one purpose.
    pub(crate) fn derive(&self, purpose: &[u8]) -> Result<Subkey, Fault> {
        derive(&self.0, purpose)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Derives the sub-key of `key` for one purpose: HKDF-SHA256 (RFC 5869), no salt, `info` = the purpose.
pub(crate) fn derive(key: &[u8; KEY_BYTES], purpose: &[u8]) -> Result<Subkey, Fault> {
    let mut bytes = [0_u8; KEY_BYTES];
    Hkdf::<Sha256>::new(None, key).expand(purpose, &mut bytes).map_err(|_| Fault::new("deriving a key"))?;
    Ok(Subkey(bytes))
}

/// A key derived from another one for one purpose.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Subkey(pub(crate) [u8; KEY_BYTES]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_key() {
        assert_eq!(format!("{:?}", MasterKey([7; 32])), "MasterKey(…)");
    }

    #[test]
    fn file_text_when_read_back_is_the_same_key() {
        let key = MasterKey([0xab; 32]);
        let read = MasterKey::from_file_text(&key.to_file_text());
        assert!(read.is_ok_and(|read| read.0 == key.0));
        assert!(MasterKey::from_file_text("short").is_err());
    }

    #[test]
    fn subkeys_of_different_purposes_differ() -> Result<(), Fault> {
        let key = MasterKey([1; 32]);
        assert_ne!(key.derive(b"x")?.0, key.derive(b"y")?.0);
        assert_ne!(key.fingerprint()?, MasterKey([2; 32]).fingerprint()?);
        Ok(())
    }
}
