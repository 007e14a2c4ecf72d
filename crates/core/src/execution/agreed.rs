//! The proof that a command may start, and the one place that judges it.

use crate::{
    Code, Denied, SessionId, Timestamp,
    approver::ApproverKey,
    execution::{Approval, Assurance, Mode, Terms, VALID_S},
    limit::AHEAD_MAX_S,
    source::Uptime,
};

/// Proof that one exact request may start, once its store row was consumed.
///
/// *Proof type*: made only here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    hash: [u8; 32],
    assurance: Assurance,
}

/// Who agreed, as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// A person at a terminal: the approval's text and its signature.
    Signed {
        /// The text.
        text: String,
        /// The Ed25519 signature, 64 bytes.
        signature: Vec<u8>,
    },
    /// A form of the requester's own client.
    Elicited {
        /// When.
        at: Timestamp,
        /// When, by the clock that nobody sets.
        uptime: Uptime,
    },
    /// Agents with the permission `approver`.
    Voted {
        /// The different ones that agreed, none of them the requester.
        by: Vec<SessionId>,
        /// When the last one did.
        at: Timestamp,
        /// When, by the clock that nobody sets.
        uptime: Uptime,
    },
}

/// What a consent is judged against.
pub struct Asked<'a> {
    /// The name of the request.
    pub run: &'a str,
    /// The hash of the request as it was made anew just now.
    pub hash: [u8; 32],
    /// The mode it was judged in.
    pub mode: Mode,
    /// What is enabled.
    pub terms: &'a Terms,
    /// The approver's key.
    pub key: &'a ApproverKey,
    /// The current wall-clock time.
    pub now: Timestamp,
    /// The time by the clock that nobody sets.
    pub uptime: Uptime,
}

impl Agreed {
    /// Judges whether a consent, as the store has it, is one to what is asked, now.
    ///
    /// # Errors
    /// `approval_void`, saying why, or `approval_required` when the consent is not enough for this mode.
    pub fn judge(asked: &Asked<'_>, consent: &Consent) -> Result<Self, Denied> {
        if asked.mode > asked.terms.mode || !asked.terms.holds_at(asked.now) {
            return Err(void("what a person enabled does not cover it any more"));
        }
        let enough = |enabled: bool| match (enabled, asked.mode) {
            (true, Mode::Safe | Mode::Restricted) => Ok(()),
            (false, _) | (_, Mode::Yolo) => {
                Err(Denied::new(Code::ApprovalRequired, "a person has to agree at a terminal")
                    .hint(format!("tell your user to run `mab approve {}`", asked.run)))
            }
        };
        let (assurance, at, since, valid_s) = match consent {
            Consent::Signed { text, signature } => {
                let approval = signed(asked, text, signature)?;
                let since = Uptime { boot: asked.uptime.boot, ms: approval.uptime_ms };
                if approval.boot != hex::encode(asked.uptime.boot) {
                    return Err(void("the machine was started anew since"));
                }
                let at = Timestamp::from_millis(approval.at_ms);
                (approval.assurance, at, since, approval.valid_s.min(VALID_S))
            }
            Consent::Elicited { at, uptime } => {
                enough(asked.terms.elicitation)?;
                (Assurance::Elicitation, *at, *uptime, VALID_S)
            }
            Consent::Voted { by, at, uptime } => {
                let counts = |voter: &&SessionId| asked.terms.approvers.iter().any(|it| it == voter.as_str());
                let votes = by.iter().filter(counts).count();
                enough(asked.terms.quorum > 0 && votes >= usize::from(asked.terms.quorum))?;
                (Assurance::Approvers, *at, *uptime, VALID_S)
            }
        };
        let is_past = asked.now >= at.plus_seconds(valid_s) || at > asked.now.plus_seconds(AHEAD_MAX_S);
        let passed_ms = asked.uptime.ms.checked_sub(since.ms).filter(|_| asked.uptime.boot == since.boot);
        if is_past || passed_ms.is_none_or(|passed| passed >= valid_s.saturating_mul(1_000)) {
            return Err(void("its time is over"));
        }
        Ok(Self { hash: asked.hash, assurance })
    }

    /// The request that may start.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// How sure it is that a person agreed.
    pub const fn assurance(&self) -> Assurance {
        self.assurance
    }
}

/// Reads a signed yes, and holds it against what is asked.
fn signed(asked: &Asked<'_>, text: &str, signature: &[u8]) -> Result<Approval, Denied> {
    if !asked.key.signed_approval(text, signature) {
        return Err(void("the approver's key did not sign it"));
    }
    let approval = Approval::parse(text).map_err(|_| void("it is of another version of mab"))?;
    if approval.run != asked.run || approval.request_hash != hex::encode(asked.hash) {
        return Err(void(
            "it was given to another request: a byte, a program, the folder or the policy changed",
        ));
    }
    if !approval.assurance.is_of_a_person() {
        return Err(void("it does not say that a person gave it"));
    }
    Ok(approval)
}

fn void(why: &str) -> Denied {
    Denied::new(Code::ApprovalVoid, format!("the approval cannot be used: {why}"))
        .hint("call execute_command with the command again, without approval_token, and ask anew")
}

#[cfg(test)]
mod tests;
