//! What travels between the service and a store. Text arrives [`Sealed`] and leaves as stored bytes.

use crate::{
    BatchId, Code, ConversationId, Denied, MessageId, SessionId, Timestamp,
    agent::{ActionType, DeliveryState, Permission, Status},
    audit::{Actor, Detail, Entry},
    inbound::Standing,
    limit::{ByPermission, Charge, Kind, Overrides, Refusals, Usage},
    loop_guard::LoopGuard,
    moderation::{Pause, PausedBy},
    policy::Action,
    repeat::Digests,
    seal::Sealed,
    watchdog::Reason,
};

mod execution;

pub use execution::{
    ApproverRow, CodeUse, ExecutionState, NewApprover, NewRun, NewTerms, NewWish, Notice, RunAnswer, RunEnd,
    RunRow, RunStart, Says, TermsRow, WishRow,
};

/// What authentication needs to know of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The conversation.
    pub conversation: ConversationId,
    /// The conversation's row.
    pub conversation_pk: i64,
    /// The agent's row.
    pub agent_pk: i64,
    /// The agent's handle.
    pub session: SessionId,
    /// The agent's join ordinal.
    pub ordinal: u8,
    /// What the agent may do.
    pub permission: Permission,
    /// The epoch whose token is valid.
    pub epoch: u32,
    /// Whether the agent was removed.
    pub revoked: bool,
    /// When the conversation ends.
    pub expires_at: Timestamp,
    /// The conversation's key, wrapped; `None` once it was purged.
    pub wrapped_key: Option<Vec<u8>>,
}

/// A conversation to open.
#[derive(Debug)]
pub struct NewConversation {
    /// Its name.
    pub id: ConversationId,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Its key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// What it is about.
    pub topic: Option<Sealed>,
    /// Its first members, in join order.
    pub agents: Vec<NewAgent>,
}

/// An agent to add.
#[derive(Debug)]
pub struct NewAgent {
    /// Its handle.
    pub session: SessionId,
    /// Its role.
    pub role: Sealed,
    /// What it may do.
    pub permission: Permission,
}

/// What one conversation may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Most unread messages of one inbox.
    pub unread_per_inbox: u64,
    /// Most messages ever sent in one conversation.
    pub messages_per_conversation: u64,
    /// Most bytes of sealed messages in one conversation.
    pub bytes_per_conversation: u64,
    /// Most messages of one conversation that wait to be released.
    pub held_per_conversation: u64,
}

/// A message to store.
#[derive(Debug)]
pub struct NewMessage {
    /// Its random tag.
    pub tag: [u8; 8],
    /// Its text.
    pub body: Sealed,
    /// Its file names.
    pub files: Option<Sealed>,
    /// What it wants.
    pub action_type: ActionType,
    /// Whom it is for; `None` is everyone else.
    pub to: Option<Vec<SessionId>>,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// Secrets that were replaced in it.
    pub redactions: u64,
    /// What its conversation may hold.
    pub quotas: Quotas,
    /// How long agents may talk among themselves.
    pub loop_guard: LoopGuard,
    /// What makes a repeat of this send known, when its sender may repeat it.
    pub repeatable: Option<Repeatable>,
}

/// A send that may be repeated.
#[derive(Debug)]
pub struct Repeatable {
    /// What is remembered of it.
    pub digests: Digests,
    /// What a repeat is charged, in the place of the send's own charge.
    pub charge: Charge,
}

/// A message that is stored, durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Its name.
    pub id: MessageId,
    /// Who gets it, in join order.
    pub recipients: Vec<SessionId>,
    /// When it was stored.
    pub at: Timestamp,
    /// Whether it was stored before, by the send that this one repeats.
    pub repeated: bool,
    /// Whether the conversation waits for a human now, because it made the agents' talk too long.
    pub paused: bool,
    /// Whether it was not delivered, because of the inbound policy.
    pub standing: Option<Standing>,
    /// Who may release it, when it is held.
    pub moderators: Vec<SessionId>,
}

/// What became of the wish to pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paused {
    /// Who pauses the conversation now.
    pub by: PausedBy,
    /// Whether it was not that one who paused it before.
    pub is_new: bool,
}

/// What an agent asks of its inbox.
#[derive(Debug, Clone)]
pub struct OfferRequest {
    /// The batch it says it has received; one that is not outstanding refuses the call.
    pub ack: Option<BatchId>,
    /// Messages that its client is known to have read, in ascending order, in whatever batch they are outstanding.
    pub received: Vec<u64>,
    /// Whether messages are only shown, not handed out.
    pub peek: bool,
    /// Most messages.
    pub limit: u32,
    /// Most sealed bytes; the first message always fits.
    pub max_bytes: u64,
    /// Who asks.
    pub holder: u64,
    /// Whether batches leased to other holders are handed out again.
    pub takes_over: bool,
    /// Tag of the new batch.
    pub tag: u32,
    /// How long the batch is leased, in seconds.
    pub lease_s: u64,
}

/// What an inbox handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The batch to acknowledge; `None` when nothing was handed out.
    pub batch: Option<BatchId>,
    /// The messages, oldest first.
    pub messages: Vec<StoredMessage>,
    /// Whether more are waiting.
    pub more: bool,
    /// Sequence numbers whose rows cannot be read; they are part of the batch.
    pub damaged: Vec<u64>,
    /// Who paused the conversation: nobody in it can send.
    pub paused_by: Option<PausedBy>,
    /// Messages that wait for the agent to release them.
    pub held: u64,
}

/// How an inbox looks without taking anything out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The agent, as it is now.
    pub member: Member,
    /// Whether a check by this holder would be handed something.
    pub due: bool,
    /// Whether any message waits, whoever holds it.
    pub waiting: bool,
    /// How much ever came for the agent: messages, and that one of its own was rejected. Never goes back.
    pub arrivals: u64,
    /// Who paused the conversation.
    pub paused_by: Option<PausedBy>,
    /// Messages that wait for the agent to release them.
    pub held: u64,
}

/// Who waits for messages right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// Checks of the agent.
    pub of_agent: u64,
    /// Checks of each other member.
    pub of_others: Vec<u64>,
    /// The limits that the conversation has of its own, or why they cannot be read.
    pub overrides: Result<Overrides, Denied>,
}

/// A message that its recipient has not acknowledged, and what is known of the recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// The recipient.
    pub session: SessionId,
    /// The message.
    pub id: MessageId,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// Whether it was handed out.
    pub offered: bool,
    /// When the recipient last made any accepted call.
    pub last_seen_at: Option<Timestamp>,
    /// Whether it waits for messages right now.
    pub listening: bool,
    /// Why it will never arrive, when that is certain.
    pub lost: Option<Reason>,
}

/// A stretch of history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryPage {
    /// The visible messages in it, newest first.
    pub messages: Vec<StoredMessage>,
    /// Sequence numbers in it whose rows cannot be read.
    pub damaged: Vec<u64>,
    /// Where the next, older stretch starts; `None` when there is none.
    pub next_before_seq: Option<u64>,
}

/// A message as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its name.
    pub id: MessageId,
    /// Who sent it.
    pub sender: SessionId,
    /// The sender's join ordinal.
    pub sender_ordinal: u8,
    /// The sender's role, sealed.
    pub sender_role: Option<Vec<u8>>,
    /// When it was stored.
    pub at: Timestamp,
    /// What it wants.
    pub action_type: ActionType,
    /// Its text, sealed.
    pub body: Vec<u8>,
    /// Its file names, sealed.
    pub files: Option<Vec<u8>>,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// Secrets that were replaced in it.
    pub redactions: u64,
    /// Whether it was handed out before.
    pub redelivered: bool,
    /// What became of it when it was not delivered; only its sender and who judges held messages get such a one.
    pub standing: Option<Standing>,
}

/// A message that waits to be released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldMessage {
    /// Where.
    pub conversation: ConversationId,
    /// The message.
    pub message: StoredMessage,
    /// Who gets it when it is released, in join order.
    pub to: Vec<SessionId>,
    /// Since when.
    pub held_at: Timestamp,
}

/// Messages that wait to be released, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeldPage {
    /// Those that can be read.
    pub messages: Vec<HeldMessage>,
    /// Sequence numbers whose rows cannot be read.
    pub damaged: Vec<u64>,
    /// Whether there are more.
    pub more: bool,
}

/// What is decided about a held message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldChange {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message.
    pub id: MessageId,
    /// Whether it is refused rather than let through.
    pub reject: bool,
    /// Most unread messages of one inbox.
    pub unread_per_inbox: u64,
}

/// How far one message got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its name.
    pub id: MessageId,
    /// With each of its recipients, in join order.
    pub to: Vec<(SessionId, DeliveryState)>,
}

/// What everyone in a conversation may know of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentState {
    /// Its handle.
    pub session: SessionId,
    /// Its join ordinal.
    pub ordinal: u8,
    /// Its role, sealed; `None` once purged.
    pub role: Option<Vec<u8>>,
    /// What it may do.
    pub permission: Permission,
    /// The epoch whose token is valid.
    pub epoch: u32,
    /// Whether it was removed.
    pub revoked: bool,
    /// When it took up its invitation with `join_conversation`.
    pub joined_at: Option<Timestamp>,
    /// What it says it is doing.
    pub status: Option<Status>,
    /// Its note beside the status, sealed.
    pub note: Option<Vec<u8>>,
    /// When it last said so.
    pub status_at: Option<Timestamp>,
    /// When it last made any accepted call.
    pub last_seen_at: Option<Timestamp>,
    /// Whether it waits for messages right now.
    pub listening: bool,
    /// Messages it has not acknowledged.
    pub unread: u64,
    /// The newest message it has acknowledged.
    pub last_acknowledged_seq: Option<u64>,
}

/// A conversation as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationState {
    /// Its name.
    pub id: ConversationId,
    /// Its row.
    pub pk: i64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was purged.
    pub purged_at: Option<Timestamp>,
    /// Whether sends wait.
    pub pause: Option<Pause>,
    /// Its key, wrapped.
    pub wrapped_key: Option<Vec<u8>>,
    /// Its topic, sealed.
    pub topic: Option<Vec<u8>>,
    /// Messages ever sent.
    pub messages: u64,
    /// Bytes of sealed messages held.
    pub size_bytes: u64,
    /// Entries of its audit chain.
    pub audit_entries: u64,
    /// Its members, in join order.
    pub agents: Vec<AgentState>,
}

/// Of what a conversation's usage is wanted.
#[derive(Debug, Clone)]
pub struct UsageRequest {
    /// The conversation's row.
    pub conversation_pk: i64,
    /// Whose.
    pub agents: Vec<SessionId>,
    /// What agents may be charged, when nothing differs for them.
    pub charges: Vec<Charge>,
    /// What differs for agents with a permission.
    pub permissions: ByPermission,
}

/// How much of its limits a conversation uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationUsage {
    /// The limits that it has of its own, or why they cannot be read.
    pub overrides: Result<Overrides, Denied>,
    /// Messages ever sent.
    pub messages: u64,
    /// Bytes of sealed messages held.
    pub size_bytes: u64,
    /// The agents that were asked for and are there.
    pub agents: Vec<AgentUsage>,
}

/// How much of its limits an agent uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentUsage {
    /// Its handle.
    pub session: SessionId,
    /// What it may do now.
    pub permission: Permission,
    /// Messages it has not acknowledged.
    pub unread: u64,
    /// Its windows as they are in this conversation.
    pub windows: Vec<(Kind, Usage)>,
}

/// A refusal to be recorded.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The conversation it was aimed at, when it exists.
    pub conversation_pk: Option<i64>,
    /// The agent it is counted under, when it was authenticated.
    pub agent_pk: Option<i64>,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// Why not.
    pub code: Code,
    /// What it costs.
    pub charges: Refusals,
    /// What its entry tells besides.
    pub detail: Detail,
}

/// A stored audit entry with its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// The conversation; `None` is the bridge's own chain.
    pub conversation: Option<ConversationId>,
    /// The entry.
    pub entry: Entry,
    /// The hash stored beside it.
    pub hash: Vec<u8>,
}

/// What a purge removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Conversations.
    pub conversations: u64,
    /// Messages.
    pub messages: u64,
    /// Whether the file was written anew and its log emptied, so that no trace is left; `false` when another process
    /// held them.
    pub log_emptied: bool,
}

/// What a store says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreInfo {
    /// Engine and version.
    pub engine: String,
    /// Where the data are.
    pub location: String,
    /// Schema version.
    pub schema: u32,
    /// Durability of a commit.
    pub durability: String,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// What the engine's quick self-check says; `ok` when all is well.
    pub check: String,
}
