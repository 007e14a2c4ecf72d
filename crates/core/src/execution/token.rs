//! The token that names one agent's request again: recomputed, never stored, useless for anything else.
//!
//! ```text
//! token = hex(HMAC-SHA256(subkey "mab.approval-token.v1",
//!             run (8 bytes) ‖ hash of the request (32 bytes) ‖ session_id (UTF-8, to the end)))
//! ```
//!
//! It agrees to nothing: only an approval does. With it an agent takes up a request of its own where it left it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::{
    Fault, RunId, SessionId,
    secret::{MasterKey, Subkey},
};

/// Makes and knows the tokens of requests.
#[derive(Clone)]
pub struct RequestTokens(Subkey);

impl RequestTokens {
    /// Those of the data folder with this master key.
    ///
    /// # Errors
    /// A [`Fault`] when key derivation fails.
    pub fn new(master: &MasterKey) -> Result<Self, Fault> {
        master.derive(b"mab.approval-token.v1").map(Self)
    }

    /// The token of one agent's request: 64 hexadecimal digits.
    ///
    /// # Errors
    /// A [`Fault`] when HMAC refuses its key.
    pub fn of(&self, run: RunId, hash: &[u8; 32], session: &SessionId) -> Result<String, Fault> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0.0).map_err(|_| Fault::new("keying a request's token"))?;
        mac.update(&run.bytes());
        mac.update(hash);
        mac.update(session.as_str().as_bytes());
        Ok(hex::encode(mac.finalize().into_bytes()))
    }

    /// Whether `presented` is the token of this request; compared in constant time.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn is_of(
        &self,
        presented: &str,
        run: RunId,
        hash: &[u8; 32],
        session: &SessionId,
    ) -> Result<bool, Fault> {
        let token = self.of(run, hash, session)?;
        Ok(token.as_bytes().ct_eq(presented.as_bytes()).into())
    }
}

impl fmt::Debug for RequestTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestTokens(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(key: &str) -> RequestTokens {
        RequestTokens::new(&MasterKey::from_file_text(&key.repeat(32)).unwrap()).unwrap()
    }

    #[test]
    fn token_when_any_part_differs_is_another_one() {
        let (run, hash) = (RunId::from_bytes([1; 8]), [2; 32]);
        let [a, b]: [SessionId; 2] = ["a", "b"].map(|name| name.parse().unwrap());
        let token = tokens("5a").of(run, &hash, &a).unwrap();
        assert_eq!(token.len(), 64);
        let is_of =
            |tokens: &RequestTokens, run, hash, session| tokens.is_of(&token, run, &hash, session).unwrap();
        assert!(is_of(&tokens("5a"), run, hash, &a));
        assert!(!is_of(&tokens("5b"), run, hash, &a));
        assert!(!is_of(&tokens("5a"), RunId::from_bytes([3; 8]), hash, &a));
        assert!(!is_of(&tokens("5a"), run, [3; 32], &a));
        assert!(!is_of(&tokens("5a"), run, hash, &b));
        assert!(!tokens("5a").is_of("", run, &hash, &a).unwrap());
    }

    #[test]
    fn debug_never_shows_the_key() {
        assert_eq!(format!("{:?}", tokens("5a")), "RequestTokens(…)");
    }
}
