//! What a command that the judge denied is named by in the audit trail: there is no request of it, and so no hash of one.
//!
//! ```text
//! asked    = HMAC-SHA256(HKDF-SHA256(conversation's key, "mab.denied-command.v1"), form (1 byte) ‖ field of each word)
//! form     = "t" for a text, which is one word, "a" for a list of words
//! field(x) = length (u64, big-endian) ‖ x (UTF-8)
//! ```
//!
//! The same command has the same digest in one conversation, and in no other. Without the conversation's key it confirms no
//! guess, and nobody can once that is destroyed; nor is it ever the hash of a request.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{Fault, seal::ConversationKey};

/// The digest of a command as it was asked for: a text, or a list of words.
///
/// # Errors
/// Never in practice; a [`Fault`] when HKDF or HMAC refuses a length.
pub fn denied_digest(key: &ConversationKey, is_text: bool, words: &[&str]) -> Result<[u8; 32], Fault> {
    let subkey = key.derive(b"mab.denied-command.v1")?;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&subkey.0).map_err(|_| Fault::new("keying a denied command"))?;
    mac.update(if is_text { b"t" } else { b"a" });
    for word in words {
        mac.update(&(word.len() as u64).to_be_bytes());
        mac.update(word.as_bytes());
    }
    Ok(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    struct Ones(u8);

    impl Random for Ones {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
            buffer.fill(self.0);
            Ok(())
        }
    }

    #[test]
    fn digest_is_of_these_words_in_this_form_and_conversation() {
        let [one, two] = [1, 2].map(|byte| ConversationKey::draw(&Ones(byte)).unwrap());
        let digest = denied_digest(&one, false, &["touch", "made"]).unwrap();
        assert_eq!(digest, denied_digest(&one, false, &["touch", "made"]).unwrap());
        for other in [
            denied_digest(&two, false, &["touch", "made"]),
            denied_digest(&one, true, &["touch", "made"]),
            denied_digest(&one, false, &["touchmade"]),
            denied_digest(&one, false, &["touch", "made", ""]),
        ] {
            assert_ne!(digest, other.unwrap());
        }
    }
}
