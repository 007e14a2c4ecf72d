//! What travels between the service and a store about running commands.

use crate::{
    ConversationId, RunId, SessionId, Timestamp,
    entity::Quotas,
    execution::{Agreed, Assurance, Consent, Mode, RunState},
    seal::Sealed,
    source::Uptime,
};

/// A message of the bridge itself to every member, stored with the change that it tells of.
#[derive(Debug)]
pub struct Notice {
    /// Its random tag.
    pub tag: [u8; 8],
    /// Its text.
    pub body: Sealed,
    /// Secrets that were replaced in it.
    pub redactions: u64,
}

/// An approver to enrol; the one before it is retired, and what it enabled and agreed to ends.
#[derive(Debug, Clone)]
pub struct NewApprover {
    /// Its public key.
    pub key: [u8; 32],
    /// Its private key and its secret of one-time codes: under the passphrase, then under the master key.
    pub sealed: Vec<u8>,
    /// Keyed digest of `key`: this bridge enrolled it.
    pub mac: [u8; 16],
    /// The key that is replaced, which must be the one that is enrolled; none when there is to be none.
    pub replaces: Option<[u8; 32]>,
    /// Whether it may also take the place of one that the audit trail knows and whose row is gone.
    pub forgotten: bool,
}

/// The approver that is enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApproverRow {
    /// Its public key.
    pub key: [u8; 32],
    /// As in [`NewApprover`].
    pub sealed: Vec<u8>,
    /// As in [`NewApprover`].
    pub mac: Vec<u8>,
    /// Since when.
    pub enrolled_at: Timestamp,
    /// Number of the newest one-time code that was used (RFC 6238, T); 0 when none was.
    pub code_step: u64,
    /// Wrong codes since the last right one.
    pub wrong_codes: u64,
    /// Until when no code is taken.
    pub locked_until: Option<Timestamp>,
}

/// What became of a one-time code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeUse {
    /// The code of this step was right; a step that is not newer than the newest is refused.
    Right(u64),
    /// It was wrong.
    Wrong,
}

/// What a person enables.
#[derive(Debug)]
pub struct NewTerms {
    /// Where.
    pub conversation: ConversationId,
    /// The terms' text.
    pub terms: Sealed,
    /// Their signature.
    pub signature: Vec<u8>,
    /// The approver's public key.
    pub key: [u8; 32],
    /// The widest that commands may do.
    pub mode: Mode,
    /// How sure it is that a person enabled it.
    pub assurance: Assurance,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What is enabled in one conversation, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermsRow {
    /// The terms' text, sealed.
    pub terms: Vec<u8>,
    /// Their signature.
    pub signature: Vec<u8>,
    /// The approver's public key.
    pub key: [u8; 32],
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A wish to keep.
#[derive(Debug)]
pub struct NewWish {
    /// What.
    pub body: Sealed,
    /// What the conversation may hold: the message that tells of the wish counts.
    pub quotas: Quotas,
}

/// What an agent wishes that a person enables; at most one of each agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WishRow {
    /// Who.
    pub session: SessionId,
    /// Since when.
    pub asked_at: Timestamp,
    /// What, sealed.
    pub body: Vec<u8>,
}

/// A command to keep: one that waits for an answer, or one that starts at once.
#[derive(Debug)]
pub struct NewRun {
    /// Its name.
    pub id: RunId,
    /// Its request in canonical form.
    pub request: Sealed,
    /// The hash of that.
    pub hash: [u8; 32],
    /// [`RunState::Pending`], or [`RunState::Running`] for what needs nobody's yes.
    pub state: RunState,
    /// When it is too late to agree to it, or to say how it ended.
    pub expires_at: Timestamp,
    /// What the conversation may hold: the messages that tell of the command count. Only asking is refused for that.
    pub quotas: Quotas,
}

/// A command as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its name.
    pub id: RunId,
    /// Where.
    pub conversation: ConversationId,
    /// The conversation's row.
    pub conversation_pk: i64,
    /// Who asked: the agent's row.
    pub agent_pk: i64,
    /// Its handle.
    pub session: SessionId,
    /// How it stands; one whose time is over still says what it was before.
    pub state: RunState,
    /// Its request, sealed; `None` once purged.
    pub request: Option<Vec<u8>>,
    /// The hash of that.
    pub hash: [u8; 32],
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it is too late: to agree to it, to start it, or to say how it ended.
    pub expires_at: Timestamp,
    /// Who agreed so far, when it is enough or not.
    pub consent: Option<Consent>,
    /// Agents that agreed, and still may.
    pub votes: Vec<SessionId>,
    /// How many of them were enough; 0 when nobody voted, or too few.
    pub quorum: u8,
    /// Why it was refused, sealed.
    pub reason: Option<Vec<u8>>,
    /// When it was answered.
    pub decided_at: Option<Timestamp>,
    /// Whether its end was asked for while it ran: who runs it stops it.
    pub end_asked: bool,
    /// How sure it is that a person agreed; none while nobody did.
    pub assurance: Option<Assurance>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it ended, run or not.
    pub ended_at: Option<Timestamp>,
}

/// An answer to a command that waits.
#[derive(Debug)]
pub struct RunAnswer {
    /// Where.
    pub conversation: ConversationId,
    /// Which.
    pub id: RunId,
    /// The hash of what was shown; another one is refused.
    pub hash: [u8; 32],
    /// What is said.
    pub says: Says,
    /// When, by the clock that nobody sets.
    pub uptime: Uptime,
}

/// What an answer says.
#[derive(Debug)]
pub enum Says {
    /// A person agrees: the approval's text and signature.
    Signed {
        /// The text.
        text: String,
        /// The signature.
        signature: Vec<u8>,
        /// How sure it is.
        assurance: Assurance,
    },
    /// A form of the requester's own client agrees.
    Elicited,
    /// An agent agrees; it is approved once as many as `quorum` did.
    Vote {
        /// How many are enough.
        quorum: u8,
    },
    /// It is refused.
    No {
        /// Why.
        reason: Option<Sealed>,
        /// What members are told instead, when with this no the requester's commands are refused.
        locking: Option<Notice>,
    },
}

/// A command that starts: its one consumption.
#[derive(Debug, Clone, Copy)]
pub struct RunStart {
    /// Which.
    pub id: RunId,
    /// The proof.
    pub agreed: Agreed,
    /// When it is too late to say how it ended.
    pub lost_at: Timestamp,
}

/// How a command ended.
#[derive(Debug)]
pub struct RunEnd {
    /// Where.
    pub conversation: ConversationId,
    /// Which.
    pub id: RunId,
    /// [`RunState::Finished`], [`RunState::Lost`], [`RunState::Expired`], or [`RunState::Withdrawn`] for one that too few
    /// agree to any more.
    pub state: RunState,
    /// How, in a word: `exited`, `timeout` …
    pub outcome: &'static str,
    /// Its exit code, when it exited.
    pub exit_code: Option<u8>,
    /// Wall-clock milliseconds.
    pub duration_ms: u64,
}

/// How commands stand in one conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionState {
    /// Where.
    pub conversation: ConversationId,
    /// Its key, wrapped.
    pub wrapped_key: Option<Vec<u8>>,
    /// What is enabled, whether its time is over or not.
    pub terms: Option<TermsRow>,
    /// What agents wish.
    pub wishes: Vec<WishRow>,
    /// Commands that are open or running, oldest first.
    pub runs: Vec<RunRow>,
    /// Agents whose commands are refused.
    pub locked: Vec<SessionId>,
}
