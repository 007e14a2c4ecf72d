//! Keys and signatures of signed notes (C2SP signed-note v1.0.0, Ed25519 only).
//!
//! ```text
//! note           text, each line ended by "\n" ‖ "\n" ‖ signature lines
//! signature line "— " ‖ name ‖ " " ‖ base64(key id (4 bytes) ‖ Ed25519 signature of the text (64)) ‖ "\n"
//! key id         first 4 bytes of SHA-256(name ‖ "\n" ‖ 0x01 ‖ public key (32))
//! verifier key   name ‖ "+" ‖ hex(key id) ‖ "+" ‖ base64(0x01 ‖ public key)
//! signing key    "PRIVATE+KEY+" ‖ name ‖ "+" ‖ hex(key id) ‖ "+" ‖ base64(0x01 ‖ seed (32))
//! ```

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer as _, SigningKey as Ed25519, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{Fault, Random, audit::Hash, source::draw};

/// Longest name of a key, in bytes.
const NAME_MAX_BYTES: usize = 100;
/// What marks an Ed25519 key.
const ED25519: u8 = 1;
const KEY_ID_BYTES: usize = 4;
/// What a signature line begins with.
pub(crate) const SIGNATURE_MARK: &str = "— ";
const SECRET_MARK: &str = "PRIVATE+KEY+";

/// A public key with its name; shown and parsed as a verifier key.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

/// Why a text is no verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoVerifierKey {
    /// It does not look like one, or holds no key that can be used: copy the whole of it.
    #[error("a verifier key must look like <name>+<8 hexadecimal digits>+<base64>")]
    Malformed,
    /// Its name, id and key do not belong together: a character was lost or changed on the way.
    #[error(
        "the verifier key's checksum is wrong: its 8 hexadecimal digits are not those of its name and key"
    )]
    Checksum,
}

impl VerifierKey {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id in eight hexadecimal digits, which tells keys of one name apart.
    pub fn id(&self) -> String {
        hex::encode(self.id_bytes())
    }

    /// Its 32 bytes (RFC 8032).
    pub fn bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The key as other tools read it: `SubjectPublicKeyInfo` (RFC 8410) in PEM.
    pub fn to_pem(&self) -> String {
        let encoded = BASE64.encode([SPKI_PREFIX.as_slice(), &self.bytes()].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n")
    }

    /// Whether `signature` is this key's of `content`.
    pub fn verifies(&self, content: &[u8], signature: &[u8]) -> bool {
        let parsed = Signature::from_slice(signature);
        parsed.is_ok_and(|signature| self.key.verify_strict(content, &signature).is_ok())
    }

    /// Whether `line`, a signature line without its mark, has the name and id of this key.
    pub(crate) fn is_named_in(&self, line: &str) -> bool {
        self.signature_in(line).is_some()
    }

    /// Whether `line`, a signature line without its mark, is this key's of `text`.
    pub(crate) fn verifies_line(&self, text: &str, line: &str) -> bool {
        self.signature_in(line).is_some_and(|signature| self.verifies(text.as_bytes(), &signature))
    }

    fn signature_in(&self, line: &str) -> Option<Vec<u8>> {
        let (name, encoded) = line.split_once(' ')?;
        let bytes = BASE64.decode(encoded).ok()?;
        let signature = bytes.strip_prefix(self.id_bytes().as_slice())?;
        (name == self.name).then(|| signature.to_vec())
    }

    fn id_bytes(&self) -> [u8; KEY_ID_BYTES] {
        id_of(&self.name, self.key.as_bytes())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = BASE64.encode([&[ED25519], self.key.as_bytes().as_slice()].concat());
        write!(f, "{}+{}+{encoded}", self.name, self.id())
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = NoVerifierKey;

    fn from_str(text: &str) -> Result<Self, NoVerifierKey> {
        let (name, id, bytes) = parts(text).ok_or(NoVerifierKey::Malformed)?;
        // The id binds the name to the key.
        if hex::encode(id_of(name, &bytes)) != id {
            return Err(NoVerifierKey::Checksum);
        }
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| NoVerifierKey::Malformed)?;
        // A weak key would verify what nobody signed.
        if key.is_weak() {
            return Err(NoVerifierKey::Malformed);
        }
        Ok(Self { name: name.to_owned(), key })
    }
}

/// The secret that signs checkpoints. Zeroised on drop.
#[derive(Clone)]
pub struct SigningKey {
    name: String,
    key: Ed25519,
}

impl SigningKey {
    /// Draws a new key of this name.
    ///
    /// # Errors
    /// A [`Fault`] when the random source fails, or the name cannot name a key.
    pub fn draw(name: &str, random: &dyn Random) -> Result<Self, Fault> {
        let seed = Zeroizing::new(draw::<32>(random)?);
        if !is_name(name) {
            return Err(Fault::new("naming a signing key"));
        }
        Ok(Self { name: name.to_owned(), key: Ed25519::from_bytes(&seed) })
    }

    /// Reads the form that [`Self::to_file_text`] writes; `None` when the text has another.
    pub fn from_file_text(text: &str) -> Option<Self> {
        let (name, id, seed) = parts(text.trim_end().strip_prefix(SECRET_MARK)?)?;
        let seed = Zeroizing::new(seed);
        let key = Self { name: name.to_owned(), key: Ed25519::from_bytes(&seed) };
        (key.verifier().id() == id).then_some(key)
    }

    /// The content of a key file: the signing key and a line break.
    pub fn to_file_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new([&[ED25519], self.key.as_bytes().as_slice()].concat());
        let encoded = Zeroizing::new(BASE64.encode(seed.as_slice()));
        let (name, id) = (&self.name, self.verifier().id());
        Zeroizing::new(format!("{SECRET_MARK}{name}+{id}+{}\n", encoded.as_str()))
    }

    /// The public half.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// Signs bytes that are no note.
    pub fn sign(&self, content: &[u8]) -> [u8; 64] {
        self.key.sign(content).to_bytes()
    }

    /// The signature line of a note's text.
    pub(crate) fn sign_line(&self, text: &str) -> String {
        let signature = self.sign(text.as_bytes());
        let encoded = BASE64.encode([self.verifier().id_bytes().as_slice(), &signature].concat());
        format!("{SIGNATURE_MARK}{} {encoded}\n", self.name)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// Encodes a hash as notes do.
pub(crate) fn base64_of(hash: &Hash) -> String {
    BASE64.encode(hash)
}

/// Reads a hash from a note.
pub(crate) fn hash_from_base64(text: &str) -> Option<Hash> {
    BASE64.decode(text).ok()?.try_into().ok()
}

/// Takes `<name>+<id>+<base64(0x01 ‖ 32 bytes)>` apart.
fn parts(text: &str) -> Option<(&str, &str, [u8; 32])> {
    let mut fields = text.splitn(3, '+');
    let (name, id, encoded) = (fields.next()?, fields.next()?, fields.next()?);
    let bytes = Zeroizing::new(BASE64.decode(encoded).ok()?);
    let bytes = bytes.strip_prefix(&[ED25519])?.try_into().ok()?;
    is_name(name).then_some((name, id, bytes))
}

fn id_of(name: &str, key: &[u8; 32]) -> [u8; KEY_ID_BYTES] {
    let mut hasher = Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update([b'\n', ED25519]);
    hasher.update(key);
    let [a, b, c, d, ..]: Hash = hasher.finalize().into();
    [a, b, c, d]
}

fn is_name(name: &str) -> bool {
    let plain = |character: char| character.is_ascii_graphic() && character != '+';
    !name.is_empty() && name.len() <= NAME_MAX_BYTES && name.chars().all(plain)
}

/// What precedes the 32 bytes of an Ed25519 key in a `SubjectPublicKeyInfo` (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the documentation of Go's `golang.org/x/mod/sumdb/note`.
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const SECRET: &str =
        concat!("PRIVATE+", "KEY+PeterNeumann+c74f20a3+", "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz");
    const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n";
    const LINE: &str = "PeterNeumann \
        x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

    #[test]
    fn published_note_when_signed_again_is_the_same() {
        let key = SigningKey::from_file_text(SECRET).unwrap();
        assert_eq!(key.verifier().to_string(), PUBLIC);
        assert_eq!(key.to_file_text().as_str(), format!("{SECRET}\n"));
        assert_eq!(key.sign_line(TEXT), format!("— {LINE}\n"));
    }

    #[test]
    fn signature_when_text_name_id_or_bytes_differ_does_not_verify() {
        let key: VerifierKey = PUBLIC.parse().unwrap();
        assert!(key.verifies_line(TEXT, LINE));
        assert!(!key.verifies_line("another text\n", LINE));
        assert!(!key.verifies_line(TEXT, &LINE.replace("PeterNeumann", "Peter")));
        assert!(!key.verifies_line(TEXT, &LINE.replace("x08go", "y08go")));
        assert!(!key.verifies_line(TEXT, &LINE.replace("BwJnAM=", "BwJnAc=")));
        assert!(!key.verifies_line(TEXT, "PeterNeumann x08gow=="));
    }

    #[test]
    fn key_when_malformed_is_refused() {
        let weak = "PeterNeumann+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let id = PUBLIC.replace("c74f20a3", "c74f20a4");
        let algorithm = PUBLIC.replace("+AR", "+BR");
        let name = PUBLIC.replace("Peter", "Peter ");
        let weak_with_id = {
            let bytes = [0; 32];
            let id = hex::encode(id_of("PeterNeumann", &bytes));
            weak.replace("00000000", &id)
        };
        for bad in ["", "a+b", &weak_with_id, &algorithm, &name, &PUBLIC[..60]] {
            assert_eq!(bad.parse::<VerifierKey>(), Err(NoVerifierKey::Malformed), "{bad}");
        }
        for bad in [
            weak,
            &id,
            &PUBLIC.replace("Peter", "Pieter"),
            &PUBLIC.replace("WTW", "WTX").replace("y10TW", "z10TW"),
        ] {
            assert_eq!(bad.parse::<VerifierKey>(), Err(NoVerifierKey::Checksum), "{bad}");
        }
        assert!(SigningKey::from_file_text(PUBLIC).is_none());
        assert!(SigningKey::from_file_text(&SECRET.replace("c74f20a3", "c74f20a4")).is_none());
    }

    #[test]
    fn debug_never_shows_the_key() {
        let key = SigningKey::from_file_text(SECRET).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(…)");
    }
}
