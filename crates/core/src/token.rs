//! Session tokens: derived, never stored, compared in constant time.
//!
//! ```text
//! token = hex(HMAC-SHA256(subkey "mab.token.v1",
//!             conversation (8 bytes) ‖ epoch (u32, big-endian) ‖ session_id (UTF-8, to the end)))
//! ```
//!
//! Joining, rotating and revoking add one to the epoch, so that every earlier token is void.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    Code, ConversationId, Denied, Fault, SessionId, Timestamp,
    entity::Member,
    policy::{Principal, expired},
    secret::{MasterKey, Subkey},
};

/// Characters of a token.
pub const TOKEN_CHARS: usize = 64;

/// How many replaced epochs are still recognised, to say `token_rotated` instead of `invalid_token`.
const REMEMBERED_EPOCHS: u32 = 16;

/// A token in its text form.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Token(String);

impl Token {
    /// Takes whatever a caller presents; only [`Tokens::authenticate`] judges it.
    pub fn presented(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, to hand to its owner. Never log it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Issues and judges tokens.
#[derive(Clone)]
pub struct Tokens(Subkey);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

impl Tokens {
    /// The tokens of the data folder with this master key.
    ///
    /// # Errors
    /// A [`Fault`] when key derivation fails.
    pub fn new(master: &MasterKey) -> Result<Self, Fault> {
        master.derive(b"mab.token.v1").map(Self)
    }

    /// The token of one agent in one epoch.
    ///
    /// # Errors
    /// A [`Fault`] when HMAC refuses its key.
    pub fn issue(
        &self,
        conversation: ConversationId,
        session: &SessionId,
        epoch: u32,
    ) -> Result<Token, Fault> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0.0).map_err(|_| Fault::new("keying a token"))?;
        mac.update(&conversation.bytes());
        mac.update(&epoch.to_be_bytes());
        mac.update(session.as_str().as_bytes());
        Ok(Token(hex::encode(mac.finalize().into_bytes())))
    }

    /// Turns a presented token into a [`Principal`]: the only way to get one for an agent.
    ///
    /// `member` is `None` when no such agent exists; the work done and the answer are those of a wrong token.
    ///
    /// # Errors
    /// `invalid_token`, `token_rotated`, `revoked` or `expired`; the last three only to holders of a token that is
    /// or was valid.
    pub fn authenticate(
        &self,
        claim: &Claim,
        member: Option<&Member>,
        now: Timestamp,
    ) -> Result<Principal, Refused> {
        let epoch = member.map_or(0, |member| member.epoch);
        let current = claim.token.matches(&self.issue(claim.conversation, &claim.session, epoch)?);
        let Some(member) = member else { return Err(invalid()) };
        if !current {
            let oldest = epoch.saturating_sub(REMEMBERED_EPOCHS);
            for earlier in oldest..epoch {
                if claim.token.matches(&self.issue(claim.conversation, &claim.session, earlier)?) {
                    return Err(superseded(member, now));
                }
            }
            return Err(invalid());
        }
        let principal = Principal::authenticated(member);
        principal.still_holds(member, now)?;
        Ok(principal)
    }
}

/// What a caller says it is.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The conversation.
    pub conversation: ConversationId,
    /// The agent's handle.
    pub session: SessionId,
    /// The proof.
    pub token: Token,
}

/// A refusal or a fault.
pub type Refused = crate::Failure;

fn invalid() -> Refused {
    Denied::new(Code::InvalidToken, "the token does not open this conversation for this session_id")
        .hint("leave conversation_id, session_id and token out if you have joined; else ask your user for all three (`mab tokens <conversation>`)")
        .into()
}

/// What the holder of an earlier epoch's token is told: it knew the conversation once.
fn superseded(member: &Member, now: Timestamp) -> Refused {
    if member.revoked {
        return revoked();
    }
    if now >= member.expires_at {
        return expired(member.expires_at).into();
    }
    rotated()
}

fn rotated() -> Refused {
    Denied::new(Code::TokenRotated, "the token has been replaced")
        .hint("leave conversation_id, session_id and token out if you have joined; else ask your user for the newer token (`mab tokens <conversation>`)")
        .into()
}

fn revoked() -> Refused {
    Denied::new(Code::Revoked, "the agent was removed from the conversation")
        .hint("tell your user: an owner can invite another agent with invite_agent")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, agent::Permission};

    fn member(epoch: u32, revoked: bool, expires_at: i64) -> Member {
        Member {
            conversation: "conv_0011223344556677".parse().unwrap(),
            conversation_pk: 1,
            agent_pk: 2,
            session: "b".parse().unwrap(),
            ordinal: 1,
            permission: Permission::Member,
            epoch,
            revoked,
            expires_at: Timestamp::from_millis(expires_at),
            wrapped_key: Some(Vec::new()),
        }
    }

    fn code(result: Result<Principal, Refused>) -> Option<Code> {
        match result {
            Err(Failure::Denied(denied)) => Some(denied.code),
            Ok(_) | Err(Failure::Fault(_)) => None,
        }
    }

    fn judge(member: Option<&Member>, token: Token) -> Option<Code> {
        let tokens = Tokens::new(&master()).unwrap();
        let claim = Claim {
            conversation: "conv_0011223344556677".parse().unwrap(),
            session: "b".parse().unwrap(),
            token,
        };
        code(tokens.authenticate(&claim, member, Timestamp::from_millis(1_000)))
    }

    fn master() -> MasterKey {
        MasterKey::from_file_text(&"5a".repeat(32)).unwrap()
    }

    fn issue(conversation: &str, session: &str, epoch: u32) -> Token {
        let tokens = Tokens::new(&master()).unwrap();
        tokens.issue(conversation.parse().unwrap(), &session.parse().unwrap(), epoch).unwrap()
    }

    const CONVERSATION: &str = "conv_0011223344556677";

    #[test]
    fn token_when_right_authenticates() {
        let token = issue(CONVERSATION, "b", 3);
        assert_eq!(token.reveal().len(), TOKEN_CHARS);
        assert_eq!(judge(Some(&member(3, false, 2_000)), token), None);
    }

    #[test]
    fn token_of_another_agent_conversation_or_key_is_invalid() {
        let member = member(0, false, 2_000);
        for wrong in [
            issue(CONVERSATION, "a", 0),
            issue("conv_0011223344556678", "b", 0),
            issue(CONVERSATION, "b", 1),
            Token::presented("f".repeat(64)),
            Token::presented("é"),
            Token::presented(""),
        ] {
            assert_eq!(judge(Some(&member), wrong), Some(Code::InvalidToken));
        }
        assert_eq!(judge(None, issue(CONVERSATION, "b", 0)), Some(Code::InvalidToken));
    }

    #[test]
    fn token_when_replaced_revoked_or_expired_says_so() {
        let old = || issue(CONVERSATION, "b", 0);
        assert_eq!(judge(Some(&member(1, false, 2_000)), old()), Some(Code::TokenRotated));
        assert_eq!(judge(Some(&member(1, true, 2_000)), old()), Some(Code::Revoked));
        assert_eq!(judge(Some(&member(1, false, 1_000)), old()), Some(Code::Expired));
        assert_eq!(judge(Some(&member(0, false, 1_000)), old()), Some(Code::Expired));
        assert_eq!(judge(Some(&member(20, false, 2_000)), old()), Some(Code::InvalidToken));
    }

    #[test]
    fn token_when_wrong_never_learns_of_expiry() {
        let wrong = Token::presented("0".repeat(64));
        assert_eq!(judge(Some(&member(0, true, 0)), wrong), Some(Code::InvalidToken));
    }

    #[test]
    fn debug_never_shows_the_token() {
        assert_eq!(format!("{:?}", issue(CONVERSATION, "b", 0)), "Token(…)");
        assert_eq!(format!("{:?}", Tokens::new(&master()).unwrap()), "Tokens(…)");
    }
}
