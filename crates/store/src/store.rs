//! The [`Store`] trait: each method is one atomic use case.

use async_trait::async_trait;
use mab_core::{
    ConversationId, Denied, Failure, SessionId, Timestamp,
    agent::Status,
    anchor::{Leaf, Pending},
    entity::{
        AgentState, Appended, AuditRow, ConversationState, ConversationUsage, HeldChange, HeldPage,
        HistoryPage, Member, NewAgent, NewConversation, NewMessage, OfferRequest, Offered, Outlook, Overdue,
        Paused, Purged, Receipt, Refusal, StoreInfo, UsageRequest, Waits,
    },
    evidence::{Examination, Examined},
    glance::Glance,
    inbound::{Inbound, InboundChange},
    known::Digest,
    lease::{LeaseChange, Leases},
    limit::{Charge, Overrides, Peer},
    moderation::PausedBy,
    policy::Stamp,
    repeat::Digests,
    seal::Sealed,
};

use crate::{AuditPage, AuditQuery, RunStore};

/// A durable store of conversations, shared by several processes.
///
/// # Atomicity
/// Each method that takes a [`Stamp`] is one transaction: it re-checks the principal (epoch, revocation, expiry),
/// charges the windows, applies the effect and appends the audit entry, or refuses, changes nothing but the audit
/// trail, and says why. When it returns success, the change survives the death of every process and of the machine.
///
/// # Errors
/// `Denied` where the caller can act (`busy`, `storage_full`, `read_only`, and what each method names), else `Fault`.
#[async_trait]
pub trait Store: RunStore {
    /// What the store says of itself, with a quick self-check.
    async fn info(&self) -> Result<StoreInfo, Failure>;

    /// Finds one agent by handle; `None` when the conversation or the agent does not exist.
    async fn member(
        &self,
        conversation: ConversationId,
        session: &SessionId,
    ) -> Result<Option<Member>, Failure>;

    /// Opens a conversation with its first members.
    async fn create(&self, stamp: Stamp, conversation: NewConversation) -> Result<(), Failure>;

    /// Takes up an invitation: adds one to the agent's epoch. Returns the new epoch.
    async fn join(&self, stamp: Stamp) -> Result<u32, Failure>;

    /// Adds an agent; `conflict` when the handle is taken, `quota_exceeded` when the conversation is full.
    async fn invite(&self, stamp: Stamp, agent: NewAgent) -> Result<(), Failure>;

    /// Stores a message and one inbox row per recipient.
    ///
    /// A repeat of a send stores nothing, returns what the send returned, and is charged as the reading that it is; it
    /// leaves no entry, for it changes nothing.
    ///
    /// A message that makes the agents' talk too long is stored and pauses the conversation. One that the inbound
    /// policy holds is stored, and nobody but its sender sees it until it is released.
    ///
    /// Refuses with `unknown_recipient`, `unknown_message` (reply to nothing), `quota_exceeded`, `paused` or
    /// `not_accepted`, and with
    /// `conflict` when another message was sent under the key that makes it repeatable.
    async fn append(&self, stamp: Stamp, message: NewMessage) -> Result<Appended, Failure>;

    /// Acknowledges a batch and hands out the next one, oldest first.
    ///
    /// Refuses with `unknown_batch` when the batch to acknowledge must exist and does not.
    async fn offer(&self, stamp: Stamp, request: OfferRequest) -> Result<Offered, Failure>;

    /// Hangs a doorbell for an agent: from now on it is rung whenever something may have come for it, from any process.
    /// To miss nothing, listen first, look then, and only then wait. `name` is random; who is `awake` counts as alive for
    /// as long as it listens.
    fn listen(&self, agent_pk: i64, name: u64, awake: bool) -> Box<dyn Doorbell>;

    /// How many checks wait for messages right now, in all processes. Who listens first and counts then, and goes when it
    /// was one too many, keeps any limit however many do so at once.
    async fn waits(&self, conversation_pk: i64, agent_pk: i64) -> Result<Waits, Failure>;

    /// Looks at an agent's inbox as a check by `holder` would find it, which takes over from others or not. Costs no
    /// write; `None` when there is no such agent.
    async fn outlook(&self, agent_pk: i64, holder: u64, takes_over: bool)
    -> Result<Option<Outlook>, Failure>;

    /// What is unread in an agent's inbox, and whose it is as far as the newest few hundred messages tell. Costs no write;
    /// `None` when there is no such agent.
    async fn glance(&self, agent_pk: i64) -> Result<Option<Glance>, Failure>;

    /// Who has not taken what the agent with this ordinal sent: for every other member, removed ones too, the oldest
    /// message of its that is not acknowledged, if one is among the member's oldest few hundred.
    async fn overdue(&self, conversation_pk: i64, sender: u8) -> Result<Vec<Overdue>, Failure>;

    /// Charges a read and nothing else.
    async fn charge(&self, stamp: Stamp) -> Result<(), Failure>;

    /// Replaces an agent's status and note. Returns when. A status that is another one than before breaks the agents'
    /// talk, but lifts no pause.
    async fn set_status(
        &self,
        stamp: Stamp,
        status: Status,
        note: Option<Sealed>,
    ) -> Result<Timestamp, Failure>;

    /// Walks back over at most `scan` stored messages below `before_seq` (from the newest when `None`) and returns
    /// those that the member with this ordinal sent or received (everyone's for `None`), newest first.
    async fn history(
        &self,
        conversation_pk: i64,
        viewer: Option<u8>,
        before_seq: Option<u64>,
        scan: u32,
    ) -> Result<HistoryPage, Failure>;

    /// How far messages below `before_seq` (the newest when `None`) got with each recipient, newest first, at most `limit`:
    /// those of the member with this ordinal among a bounded stretch of the newest, or everyone's for `None`.
    async fn receipts(
        &self,
        conversation_pk: i64,
        sender: Option<u8>,
        before_seq: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Receipt>, Failure>;

    /// The members of a conversation, in join order.
    async fn agents(&self, conversation_pk: i64) -> Result<Vec<AgentState>, Failure>;

    /// The leases of a conversation and their version, from one moment.
    async fn leases(&self, conversation_pk: i64) -> Result<Leases, Failure>;

    /// Adds, prolongs and ends leases of the agent, unless they are others than the decision was taken on: then
    /// nothing happens, nothing is recorded, and the stamp comes back.
    async fn change_leases(&self, stamp: Stamp, change: LeaseChange) -> Result<LeaseOutcome, Failure>;

    /// Refuses what was decided against outside of a transaction, as if it had been decided in one: who may not call
    /// any more, or is over its limit, is told that and learns nothing else.
    async fn deny(&self, stamp: Stamp, denied: Denied) -> Failure;

    /// Records a refusal that no transaction of its own recorded; says whether by an entry, or only by counting it.
    /// Refuses with `rate_limited` when the agent has had too many calls refused.
    async fn refuse(&self, refusal: Refusal) -> Result<bool, Failure>;

    /// Refuses with `rate_limited` when this peer has presented too many wrong credentials. Costs no write.
    async fn may_guess(&self, peer: Peer, charge: Charge) -> Result<(), Failure>;

    /// Charges wrong credentials to the peer that presented them and records their refusal. Refuses with `rate_limited`,
    /// and records nothing, when they were one too many.
    async fn guessed_wrong(&self, peer: Peer, charge: Charge, refusal: Refusal) -> Result<(), Failure>;

    /// Adds refusals that were not told one by one to those that the next entry of this chain tells of.
    async fn count_refusals(&self, conversation_pk: Option<i64>, count: u64) -> Result<(), Failure>;

    /// Whether a send of this agent was stored under this key. Costs no write.
    async fn is_repeat(&self, agent_pk: i64, digests: Digests) -> Result<bool, Failure>;

    /// What a conversation remembers of secrets: the number of the newest digest, and those after number `after_n`, oldest
    /// first. They are written with the change that learned them, and go with the conversation.
    async fn known(&self, conversation_pk: i64, after_n: u64) -> Result<(u64, Vec<Digest>), Failure>;

    /// One conversation, for the operator.
    async fn conversation(&self, id: ConversationId) -> Result<Option<ConversationState>, Failure>;

    /// Conversations, newest first, at most `limit`; only those that have not ended by `active_at` when given.
    async fn conversations(
        &self,
        active_at: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<ConversationState>, Failure>;

    /// Records that the operator looked at a conversation's tokens, and replaces or voids some when asked.
    /// `not_found` when there is no such conversation or agent.
    async fn manage_tokens(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        change: Option<TokenChange>,
    ) -> Result<(), Failure>;

    /// Ends the agent's own place: its token, its leases and its waiting calls; its rows stay. `conflict` when it is the
    /// last owner and others remain.
    async fn leave(&self, stamp: Stamp) -> Result<(), Failure>;

    /// Ends another agent's place in the same way. An agent does it in its own conversation, the operator in any.
    ///
    /// Refuses with `forbidden` when the agent's rank forbids it, `conflict` when the target was removed,
    /// `invalid_arguments` when it is the caller, `unknown_recipient` (an agent) or `not_found` (the operator) when there is
    /// no such agent, and, for the operator, `expired`.
    async fn remove(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        session: SessionId,
    ) -> Result<(), Failure>;

    /// Makes an agent the owner, and a member of the owner that asks, or of every other owner when the operator asks.
    /// Refuses as [`Self::remove`] does.
    async fn transfer(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        session: SessionId,
    ) -> Result<(), Failure>;

    /// Stops all sending and wakes everybody who waits. A pause that is not the caller's to lift stays as it is.
    /// `not_found` and `expired` for the operator.
    async fn pause(&self, stamp: Stamp, conversation: ConversationId) -> Result<Paused, Failure>;

    /// Lets a conversation's agents go on. Returns who had paused it; the operator also lets their talk begin anew.
    /// `not_found` and `expired` for the operator, `paused` for an agent when the pause is not an agent's.
    async fn resume(&self, stamp: Stamp, conversation: ConversationId) -> Result<Option<PausedBy>, Failure>;

    /// Changes the limits that a conversation has of its own; they hold at once, in every process. Returns what they are
    /// then. `not_found` when there is no such conversation, `expired` when its time is over, `misconfigured` when those
    /// it has cannot be read and are to be kept.
    async fn set_limits(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        change: LimitsChange,
    ) -> Result<Overrides, Failure>;

    /// How much of their limits a conversation and its agents use; `None` when there is no such conversation. Limits that
    /// the conversation has of its own are taken into account; when they cannot be read, it is as if it had none.
    async fn usage(&self, request: UsageRequest) -> Result<Option<ConversationUsage>, Failure>;

    /// The inbound policy of a conversation, and how many messages it holds back.
    async fn inbound(&self, conversation_pk: i64) -> Result<(Inbound, u64), Failure>;

    /// Changes the inbound policy. Returns what holds now. `not_found` when there is no such conversation or agent,
    /// `expired` when its time is over, `invalid_arguments` for a rule about who may release held messages.
    async fn set_inbound(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        change: InboundChange,
    ) -> Result<Inbound, Failure>;

    /// At most `limit` messages that are held, oldest first: of one conversation those after a number, or of all.
    async fn held(
        &self,
        conversation: Option<(ConversationId, u64)>,
        limit: u32,
    ) -> Result<HeldPage, Failure>;

    /// Delivers a held message to those of its recipients that are still members, or refuses it for good. Returns them.
    ///
    /// Refuses with `unknown_message` when it is not held, `not_found` and `expired` as [`Self::set_inbound`]; a release
    /// with `unknown_recipient` when everybody it is for was removed, `quota_exceeded` when an inbox is full, and an
    /// agent's with `paused`: then it stays held.
    async fn judge_held(&self, stamp: Stamp, change: HeldChange) -> Result<Vec<SessionId>, Failure>;

    /// Audit entries, as the query says.
    async fn audit(&self, query: AuditQuery) -> Result<AuditPage, Failure>;

    /// Audit entries of one conversation, oldest first, at most `limit`: those after entry `after_n`, or the newest.
    async fn audit_after(
        &self,
        conversation_pk: i64,
        after_n: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Failure>;

    /// Walks the audit chains, holds them against what others have seen, and the tables against them.
    async fn examine(&self, examination: Examination) -> Result<Examined, Failure>;

    /// Destroys the key, messages, roles, notes and topics of every conversation that ended by now; keeps the audit
    /// chain. Afterwards nothing of them is in the file or its log.
    async fn purge(&self, stamp: Stamp) -> Result<Purged, Failure>;

    /// Records what an operator did that changes nothing, in a conversation's chain or the bridge's own. `not_found` when
    /// there is no such conversation.
    async fn note(&self, stamp: Stamp, conversation: Option<ConversationId>) -> Result<(), Failure>;

    /// Audit entries with their keys, oldest first and chain by chain, those above the key `after`, at most `limit`: of
    /// one conversation, or of all chains.
    async fn entries(
        &self,
        conversation: Option<ConversationId>,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(i64, AuditRow)>, Failure>;

    /// The newest checkpoint, as it was recorded.
    async fn newest_checkpoint(&self) -> Result<Option<Pending>, Failure>;

    /// Whether any chain has grown since the newest checkpoint.
    async fn has_grown(&self) -> Result<bool, Failure>;

    /// Records a checkpoint over the chains that have grown, all of them as they are at one moment at which everything
    /// before is durable; `None` when none has. `conflict` when the newest is another one than the caller knows of.
    async fn checkpoint(&self, checkpoint: NewCheckpoint) -> Result<Option<Pending>, Failure>;
}

/// Tells one waiting caller that something may have come.
#[async_trait]
pub trait Doorbell: Send {
    /// Completes when it was rung, or when it is time to look anyway. A hint: the store is the truth.
    async fn rung(&mut self);
}

/// What the operator does to tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenChange {
    /// Void the token; the next epoch's is valid.
    Rotate(SessionId),
    /// Void the token and remove the agent.
    Revoke(SessionId),
    /// Rotate the token of everybody who was not removed.
    RotateAll,
    /// Revoke the token of everybody who was not removed.
    RevokeAll,
}

/// What the operator does to the limits that a conversation has of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LimitsChange {
    /// Whether all that were set before are taken back.
    pub reset: bool,
    /// What is set.
    pub set: Overrides,
}

/// What became of a change of leases.
#[derive(Debug)]
pub enum LeaseOutcome {
    /// It was carried out.
    Changed {
        /// The numbers of the leases that were added, in their order.
        fences: Vec<u64>,
    },
    /// The leases are others than the decision was taken on; the stamp is for the next attempt.
    Stale(Box<Stamp>),
}

/// A checkpoint to be written, over all chains.
pub struct NewCheckpoint {
    /// The newest one the caller knows of, which this one follows; `None` begins an anchor.
    pub after: Option<Pending>,
    /// Whether it begins another anchor although there is one: every chain gets a leaf.
    pub anew: bool,
    /// What is recorded in the bridge's own chain first.
    pub stamp: Option<Stamp>,
    /// Makes the signed text of the leaves; it may take the key along, which the store never sees.
    pub write: WriteCheckpoint,
}

/// Makes the signed text of the leaves that are new at this time.
pub type WriteCheckpoint = Box<dyn FnOnce(&[Leaf], Timestamp) -> Result<String, Failure> + Send>;
