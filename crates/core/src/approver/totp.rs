//! One-time codes: RFC 6238 with SHA-1, six digits and 30 seconds, which is what every app knows.
//!
//! ```text
//! code(step) = the last 31 bits of 4 bytes of HMAC-SHA1(secret, step (u64, big-endian)), modulo 10^6
//! step       = seconds since the Unix epoch / 30
//! ```
//!
//! The four bytes are those from where the low half of the last byte points to (RFC 4226, section 5.3). A code is good for
//! its step and for one step before and after, and only once: no step that is not newer than the newest that was used.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Fault, Random, Timestamp, source::draw};

/// Bytes of the secret: as many as SHA-1 has (RFC 4226, section 4, R6).
pub(super) const SECRET_BYTES: usize = 20;
/// Digits of a code.
const DIGITS: u32 = 6;
/// Length of a step, in milliseconds.
const STEP_MS: u64 = 30_000;
/// Steps before and after the present one whose codes are taken (RFC 6238, section 5.2).
const SKEW: u64 = 1;

/// The secret of one-time codes. Zeroised on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Totp([u8; SECRET_BYTES]);

impl Totp {
    /// Draws a new secret.
    ///
    /// # Errors
    /// A [`Fault`] when the random source fails.
    pub fn draw(random: &dyn Random) -> Result<Self, Fault> {
        draw(random).map(Self)
    }

    pub(super) fn from_bytes(bytes: &[u8; SECRET_BYTES]) -> Self {
        Self(*bytes)
    }

    pub(super) const fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// The number of the step at `now`.
    pub const fn step_at(now: Timestamp) -> u64 {
        now.millis_since(Timestamp::from_millis(0)) / STEP_MS
    }

    /// The code of a step: six digits.
    pub fn code_at(&self, step: u64) -> String {
        hotp(&self.0, step, DIGITS)
    }

    /// The step whose code was typed, if it can be used: it is the present one or the one before or after, and newer than
    /// `newest_used`. Spaces are no part of a code. Compares in constant time.
    pub fn check(&self, typed: &str, now: Timestamp, newest_used: u64) -> Option<u64> {
        let typed = Zeroizing::new(typed.split_whitespace().collect::<String>());
        if typed.len() != DIGITS as usize {
            return None;
        }
        let present = Self::step_at(now);
        let mut found = None;
        for step in present.saturating_sub(SKEW)..=present.saturating_add(SKEW) {
            let is_right = bool::from(typed.as_bytes().ct_eq(self.code_at(step).as_bytes()));
            // The last one, when two steps share a code: after it, neither can be used again.
            if is_right && step > newest_used {
                found = Some(step);
            }
        }
        found
    }

    /// What an app scans (the key URI format): `otpauth://totp/mab:<label>?…`.
    pub fn uri(&self, label: &str) -> Zeroizing<String> {
        let secret = self.secret_base32();
        let label = escaped(label);
        let seconds = STEP_MS / 1_000;
        Zeroizing::new(format!(
            "otpauth://totp/mab:{label}?secret={}&issuer=mab&algorithm=SHA1&digits={DIGITS}&period={seconds}",
            secret.as_str()
        ))
    }

    /// The secret as a person types it into an app: 32 characters of base 32 (RFC 4648, section 6).
    pub fn secret_base32(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(SECRET_BYTES * 8 / 5));
        for group in self.0.chunks(5) {
            let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            let character =
                |place: u32| BASE32.get((bits >> (5 * place) & 31) as usize).map(|byte| char::from(*byte));
            text.extend((0..8).rev().filter_map(character));
        }
        text
    }
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Totp(…)")
    }
}

/// A code of RFC 4226.
fn hotp(secret: &[u8], counter: u64, digits: u32) -> String {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    mac.update(&counter.to_be_bytes());
    let hash: [u8; SECRET_BYTES] = mac.finalize().into_bytes().into();
    let [.., last] = hash;
    let bytes = hash.iter().skip(usize::from(last & 0xf)).take(4);
    let number = bytes.fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
    let width = digits as usize;
    format!("{:0width$}", number % 10_u32.pow(digits))
}

/// All but unreserved characters as `%XX` (RFC 3986, section 2.1).
fn escaped(label: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    label.bytes().map(escape).collect()
}

const BASE32: [u8; 32] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

#[cfg(test)]
mod tests;
