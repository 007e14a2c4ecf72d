//! The private half of an approver under its passphrase.
//!
//! ```text
//! sealed = header ‖ nonce (24 bytes, random) ‖ XChaCha20-Poly1305(key, secret), AAD "mab.approver.v1\0" ‖ header
//! header = version (1 byte, 1) ‖ memory in KiB (u32) ‖ passes (u32) ‖ lanes (u32) ‖ salt (16 bytes, random)
//! key    = Argon2id(passphrase, salt, memory, passes, lanes), version 0x13, 32 bytes
//! secret = seed (32 bytes) ‖ 1 when there are one-time codes, else 0 ‖ their secret (20 bytes, zeros when there are none)
//! ```
//!
//! Integers are big-endian. It always has the same length, so that it does not tell whether there are one-time codes.
//! Sources: RFC 9106 (Argon2id), draft-irtf-cfrg-xchacha-03.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use zeroize::Zeroizing;

use super::{Approver, Totp, holder::SEED_BYTES, totp::SECRET_BYTES};
use crate::{Code, Denied, Failure, Fault, Random, secret::KEY_BYTES, source::draw};

/// Fewest characters of a passphrase.
const PASSPHRASE_MIN_CHARS: usize = 10;
/// Most bytes of a passphrase.
const PASSPHRASE_MAX_BYTES: usize = 1_024;

/// What trying one passphrase costs whoever tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// That much memory in KiB, passes over it and lanes; none where Argon2 has no such cost, or one that no honest
    /// program asks for: a stored value must not be able to take all memory or all day.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Option<Self> {
        let is_sound = (1..=LANES_MAX).contains(&lanes)
            && (lanes * 8..=MEMORY_MAX_KIB).contains(&memory_kib)
            && (1..=PASSES_MAX).contains(&passes);
        is_sound.then_some(Self { memory_kib, passes, lanes })
    }

    fn read(header: &[u8; HEADER_BYTES]) -> Option<Self> {
        let mut numbers = header
            .get(1..SALT_AT)?
            .chunks_exact(4)
            .map(|bytes| bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)));
        Self::new(numbers.next()??, numbers.next()??, numbers.next()??)
    }

    /// The key that a passphrase and a salt make.
    fn key(self, passphrase: &str, salt: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, Fault> {
        let fault = |_| Fault::new("making a key of a passphrase");
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(KEY_BYTES)).map_err(fault)?;
        let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
            .map_err(fault)?;
        Ok(key)
    }
}

impl Default for Cost {
    /// 64 MiB, three passes, one lane: the second recommendation of RFC 9106 but for its four lanes, which one person's
    /// machine does not need.
    fn default() -> Self {
        Self { memory_kib: 64 << 10, passes: 3, lanes: 1 }
    }
}

/// Refuses a passphrase that nobody should take: short, or one character over and over.
///
/// # Errors
/// `invalid_arguments`, without the passphrase.
pub fn check_passphrase(passphrase: &str) -> Result<(), Denied> {
    let refuse = |message: String, hint| Err(Denied::new(Code::InvalidArguments, message).hint(hint));
    let several = "take several words that nobody would guess together";
    if passphrase.chars().count() < PASSPHRASE_MIN_CHARS {
        return refuse(format!("a passphrase has at least {PASSPHRASE_MIN_CHARS} characters"), several);
    }
    if passphrase.len() > PASSPHRASE_MAX_BYTES {
        return refuse(
            format!("a passphrase has at most {PASSPHRASE_MAX_BYTES} bytes"),
            "take a shorter one",
        );
    }
    if passphrase.chars().any(char::is_control) {
        return refuse(
            "a passphrase has no control characters".to_owned(),
            "type it with printable characters",
        );
    }
    if passphrase.chars().all(|character| passphrase.starts_with(character)) {
        return refuse("a passphrase is more than one character over and over".to_owned(), several);
    }
    Ok(())
}

impl Approver {
    /// Seals it under a passphrase. It takes as long, and as much memory, as `cost` says.
    ///
    /// # Errors
    /// As [`check_passphrase`]; a [`Fault`] when the random source or the cipher fails.
    pub fn seal(&self, passphrase: &str, cost: Cost, random: &dyn Random) -> Result<Vec<u8>, Failure> {
        check_passphrase(passphrase)?;
        let salt: [u8; SALT_BYTES] = draw(random)?;
        let nonce: [u8; NONCE_BYTES] = draw(random)?;
        let numbers = [cost.memory_kib, cost.passes, cost.lanes].map(u32::to_be_bytes);
        let header = [&[VERSION], numbers.as_flattened(), &salt].concat();
        let key = cost.key(passphrase, &salt)?;
        let secret = self.secret();
        let payload = Payload { msg: secret.as_slice(), aad: &[DOMAIN, &header].concat() };
        let sealed = XChaCha20Poly1305::new((&*key).into())
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Fault::new("sealing an approver"))?;
        Ok([header.as_slice(), &nonce, &sealed].concat())
    }

    /// Opens what [`Self::seal`] made. It takes as long as sealing did.
    ///
    /// # Errors
    /// `forbidden` when the passphrase is another one, or what is stored is damaged: nobody can tell these apart.
    pub fn open(sealed: &[u8], passphrase: &str) -> Result<Self, Denied> {
        opened(sealed, passphrase).ok_or_else(|| {
            Denied::new(Code::Forbidden, "the passphrase does not open the approver's key").hint(
                "type it again; who has forgotten it makes another approver with `mab yolo enroll --forgotten`",
            )
        })
    }

    fn secret(&self) -> Zeroizing<[u8; SECRET_OF_BOTH]> {
        let mut secret = Zeroizing::new([0; SECRET_OF_BOTH]);
        let (seed, rest) = secret.split_at_mut(SEED_BYTES);
        seed.copy_from_slice(self.seed().as_slice());
        if let (Some(totp), Some((mark, bytes))) = (self.totp(), rest.split_first_mut()) {
            *mark = 1;
            bytes.copy_from_slice(totp.secret());
        }
        secret
    }
}

fn opened(sealed: &[u8], passphrase: &str) -> Option<Approver> {
    let (header, rest) = sealed.split_first_chunk::<HEADER_BYTES>()?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
    let cost = Cost::read(header).filter(|_| header.first() == Some(&VERSION))?;
    if passphrase.len() > PASSPHRASE_MAX_BYTES {
        return None;
    }
    let key = cost.key(passphrase, header.get(SALT_AT..)?).ok()?;
    let payload = Payload { msg: sealed, aad: &[DOMAIN, header].concat() };
    let cipher = XChaCha20Poly1305::new((&*key).into());
    let secret = Zeroizing::new(cipher.decrypt(&XNonce::from(*nonce), payload).ok()?);
    let (seed, rest) = secret.split_first_chunk::<SEED_BYTES>()?;
    let (mark, totp) = rest.split_first()?;
    let totp: &[u8; SECRET_BYTES] = totp.try_into().ok()?;
    Some(Approver::from_parts(seed, (*mark == 1).then(|| Totp::from_bytes(totp))))
}

const VERSION: u8 = 1;
const SALT_BYTES: usize = 16;
const SALT_AT: usize = 13;
const HEADER_BYTES: usize = SALT_AT + SALT_BYTES;
const NONCE_BYTES: usize = 24;
const SECRET_OF_BOTH: usize = SEED_BYTES + 1 + SECRET_BYTES;
/// Sets what is sealed here apart from everything else.
const DOMAIN: &[u8] = b"mab.approver.v1\0";
/// Most that is believed of what is stored.
const MEMORY_MAX_KIB: u32 = 1 << 20;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 4;
