//! Encryption at rest: redacted text → sealed bytes, bound to the place where they are stored.
//!
//! ```text
//! sealed = version (1 byte, 1) ‖ nonce (24 bytes, random) ‖ XChaCha20-Poly1305(parts)
//! parts  = for each part: length (u32, big-endian) ‖ UTF-8
//! AAD    = "mab.seal.v1\0" ‖ table ‖ 0 ‖ column ‖ 0 ‖ conversation (8 bytes) ‖ row (to the end)
//! ```
//!
//! Each conversation has a key of its own, wrapped under the master key with AAD `mab.wrap.v1\0` ‖ conversation.
//! Source: draft-irtf-cfrg-xchacha-03; 24-byte random nonces need no counter shared between processes.

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use mab_redact::Redacted;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    ConversationId, Fault, Random,
    secret::{self, KEY_BYTES, MasterKey, Subkey},
    source::draw,
};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Sealed bytes, fit to be stored. The only constructor is [`ConversationKey::seal`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Where sealed bytes are stored; they open nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Table.
    pub table: &'static str,
    /// Column.
    pub column: &'static str,
    /// Conversation.
    pub conversation: ConversationId,
    /// What names the row inside its conversation.
    pub row: &'a [u8],
}

impl Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(b"mab.seal.v1\0");
        bytes.extend_from_slice(self.table.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(self.column.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&self.conversation.bytes());
        bytes.extend_from_slice(self.row);
        bytes
    }
}

/// The key of one conversation.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ConversationKey([u8; KEY_BYTES]);

impl fmt::Debug for ConversationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConversationKey(…)")
    }
}

impl ConversationKey {
    /// Draws a new key.
    ///
    /// # Errors
    /// A [`Fault`] when the random source fails.
    pub fn draw(random: &dyn Random) -> Result<Self, Fault> {
        draw(random).map(Self)
    }

    /// Derives the sub-key for one purpose other than sealing.
    pub(crate) fn derive(&self, purpose: &[u8]) -> Result<Subkey, Fault> {
        secret::derive(&self.0, purpose)
    }

    /// Seals redacted text for one place.
    ///
    /// # Errors
    /// A [`Fault`] when the random source or the cipher fails.
    pub fn seal(&self, random: &dyn Random, place: &Place<'_>, parts: &[&Redacted]) -> Result<Sealed, Fault> {
        let mut plain =
            Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.as_str().len() + 4).sum()));
        for part in parts.iter().map(|part| part.as_str()) {
            let length = u32::try_from(part.len()).map_err(|_| Fault::new("sealing a text of 4 GiB"))?;
            plain.extend_from_slice(&length.to_be_bytes());
            plain.extend_from_slice(part.as_bytes());
        }
        encrypt(&self.0, random, &place.associated_data(), &plain).map(Sealed)
    }

    /// Opens stored bytes from the place they were sealed for.
    ///
    /// # Errors
    /// A [`Fault`] when the bytes were changed, moved or sealed under another key.
    pub fn open(&self, place: &Place<'_>, stored: &[u8]) -> Result<Vec<String>, Fault> {
        let plain = decrypt(&self.0, &place.associated_data(), stored)?;
        let mut rest = plain.as_slice();
        let mut parts = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (part, after) = after
                .split_at_checked(u32::from_be_bytes(*length) as usize)
                .ok_or(Fault::new("splitting opened text"))?;
            let text = std::str::from_utf8(part)
                .map_err(|source| Fault::from_source("reading opened text", source))?;
            parts.push(text.to_owned());
            rest = after;
        }
        Ok(parts)
    }
}

/// Wraps conversation keys under the master key.
#[derive(Clone)]
pub struct Wrapper(Subkey);

impl fmt::Debug for Wrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wrapper(…)")
    }
}

impl Wrapper {
    /// The wrapper of the data folder with this master key.
    ///
    /// # Errors
    /// A [`Fault`] when key derivation fails.
    pub fn new(master: &MasterKey) -> Result<Self, Fault> {
        master.derive(b"mab.wrap.v1").map(Self)
    }

    /// The stored form of a conversation's key.
    ///
    /// # Errors
    /// A [`Fault`] when the random source or the cipher fails.
    pub fn wrap(
        &self,
        random: &dyn Random,
        conversation: ConversationId,
        key: &ConversationKey,
    ) -> Result<Vec<u8>, Fault> {
        encrypt(&self.0.0, random, &wrap_data(conversation), &key.0)
    }

    /// The key behind its stored form.
    ///
    /// # Errors
    /// A [`Fault`] when the bytes were changed or belong to another conversation or master key.
    pub fn unwrap(&self, conversation: ConversationId, wrapped: &[u8]) -> Result<ConversationKey, Fault> {
        let plain = decrypt(&self.0.0, &wrap_data(conversation), wrapped)?;
        let bytes =
            plain.as_slice().try_into().map_err(|_| Fault::new("unwrapping a key of the wrong length"))?;
        Ok(ConversationKey(bytes))
    }
}

fn wrap_data(conversation: ConversationId) -> Vec<u8> {
    [b"mab.wrap.v1\0".as_slice(), &conversation.bytes()].concat()
}

/// `version ‖ nonce ‖ ciphertext` of `plain`, bound to `data`.
pub(crate) fn encrypt(
    key: &[u8; KEY_BYTES],
    random: &dyn Random,
    data: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, Fault> {
    let nonce: [u8; NONCE_BYTES] = draw(random)?;
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: data })
        .map_err(|_| Fault::new("sealing"))?;
    Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
}

/// What [`encrypt`] hid.
pub(crate) fn decrypt(
    key: &[u8; KEY_BYTES],
    data: &[u8],
    stored: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let (version, rest) = stored.split_first().ok_or(Fault::new("opening nothing"))?;
    if *version != VERSION {
        return Err(Fault::new("opening a sealed value of a newer version"));
    }
    let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Fault::new("opening a cut value"))?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: data })
        .map(Zeroizing::new)
        .map_err(|_| Fault::new("opening a sealed value: it was changed, moved or sealed under another key"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use mab_redact::Redactor;

    use super::*;

    struct Counting(AtomicU8);

    impl Random for Counting {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
            buffer.fill(self.0.fetch_add(1, Ordering::Relaxed));
            Ok(())
        }
    }

    fn place(row: &[u8]) -> Place<'_> {
        Place {
            table: "message",
            column: "body",
            conversation: "conv_0011223344556677".parse().unwrap(),
            row,
        }
    }

    #[test]
    fn sealed_text_opens_only_in_its_place() -> Result<(), Fault> {
        let random = Counting(AtomicU8::new(1));
        let key = ConversationKey::draw(&random)?;
        let redactor = Redactor::new();
        let (first, second) =
            (redactor.redact("hello").unwrap().text, redactor.redact("wörld").unwrap().text);
        let sealed = key.seal(&random, &place(b"1"), &[&first, &second])?;
        assert_eq!(key.open(&place(b"1"), sealed.as_bytes())?, ["hello", "wörld"]);
        assert!(key.open(&place(b"2"), sealed.as_bytes()).is_err());
        assert!(key.open(&Place { column: "files", ..place(b"1") }, sealed.as_bytes()).is_err());
        assert!(ConversationKey::draw(&random)?.open(&place(b"1"), sealed.as_bytes()).is_err());
        for index in 0..sealed.as_bytes().len() {
            let mut changed = sealed.as_bytes().to_vec();
            changed[index] ^= 1;
            assert!(key.open(&place(b"1"), &changed).is_err(), "byte {index}");
        }
        assert!(key.open(&place(b"1"), &[]).is_err());
        Ok(())
    }

    #[test]
    fn wrapped_key_opens_only_for_its_conversation_and_master() -> Result<(), Fault> {
        let random = Counting(AtomicU8::new(1));
        let wrapper = Wrapper::new(&MasterKey::draw(&random)?)?;
        let other = Wrapper::new(&MasterKey::draw(&random)?)?;
        let (id, elsewhere) = (place(b"").conversation, "conv_ffffffffffffffff".parse().unwrap());
        let key = ConversationKey::draw(&random)?;
        let stored = wrapper.wrap(&random, id, &key)?;
        assert_eq!(wrapper.unwrap(id, &stored)?.0, key.0);
        assert!(wrapper.unwrap(elsewhere, &stored).is_err());
        assert!(other.unwrap(id, &stored).is_err());
        assert_eq!(format!("{key:?} {wrapper:?}"), "ConversationKey(…) Wrapper(…)");
        Ok(())
    }
}
