//! The part of a store that running commands needs: approvers, what is enabled, and commands.

use async_trait::async_trait;
use mab_core::{
    ConversationId, Failure, RunId, SessionId,
    entity::{
        ApproverRow, CodeUse, ExecutionState, NewApprover, NewRun, NewTerms, NewWish, Notice, RunAnswer,
        RunEnd, RunRow, RunStart,
    },
    execution::RunState,
    policy::Stamp,
};

/// Where approvers, what they enable, and commands are kept: the part of a [`Store`](crate::Store), with its atomicity and
/// its errors. A notice is stored as a message from `system` to every member, in the same transaction.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// The approver that is enrolled.
    async fn approver(&self) -> Result<Option<ApproverRow>, Failure>;

    /// Enrols an approver, in the bridge's own chain. Ends what the one before it enabled and agreed to, everywhere.
    /// `conflict` when the one to replace is not the one that is enrolled.
    async fn enroll(&self, stamp: Stamp, approver: NewApprover) -> Result<(), Failure>;

    /// Takes note of a one-time code. `approval_void` when its step is not newer than the newest, `rate_limited` while no
    /// code is taken: after five wrong ones, for 15 minutes.
    async fn use_code(&self, stamp: Stamp, used: CodeUse) -> Result<(), Failure>;

    /// Keeps what an agent wishes to be enabled, in place of its earlier wish; `None` takes it back, and does nothing when
    /// there is none. `execution_locked`, and `quota_exceeded` when the conversation is full.
    async fn wish(&self, stamp: Stamp, wish: Option<NewWish>, notice: Notice) -> Result<(), Failure>;

    /// Keeps what a person enabled, in place of what was enabled before, forgets the wishes, and ends commands as
    /// [`Self::disable_execution`] does. `not_found`, `expired`,
    /// and `conflict` when another approver is enrolled.
    async fn enable_execution(&self, stamp: Stamp, terms: NewTerms, notice: Notice) -> Result<(), Failure>;

    /// Ends what is enabled, with every command that is open; commands that run are told to end. Says whether anything was
    /// enabled. `not_found`.
    async fn disable_execution(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        notice: Notice,
    ) -> Result<bool, Failure>;

    /// How commands stand: in one conversation, or in all where there is anything to tell.
    async fn execution(&self, conversation: Option<ConversationId>) -> Result<Vec<ExecutionState>, Failure>;

    /// Keeps a command that was asked for. `execution_disabled`, `execution_locked`, and `quota_exceeded` when the agent has
    /// [`OPEN_MAX`](mab_core::execution::OPEN_MAX) open already or the conversation is full. Without a notice the members
    /// are told when it has ended.
    async fn request_run(&self, stamp: Stamp, run: NewRun, notice: Option<Notice>) -> Result<(), Failure>;

    /// One command.
    async fn run(&self, id: RunId) -> Result<Option<RunRow>, Failure>;

    /// The commands of an agent that ended, newest first: those among the 64 newest of its conversation.
    async fn ended_runs(&self, conversation_pk: i64, agent_pk: i64) -> Result<Vec<RunRow>, Failure>;

    /// Answers a command that waits, and wakes who asked. Returns how it stands then.
    ///
    /// Refuses with `not_found` (the operator) or `approval_void` when it does not wait (any more) or its hash is another,
    /// and an agent with `forbidden` when it is the requester. Only a form of its own client speaks for the requester. An
    /// agent's yes counts once, and as long as it is there and may; the second time, nothing happens. A no also takes a yes
    /// back that was not used, an agent's only that of agents. A person's third no locks the requester's commands, and tells
    /// what comes with it in the notice's place.
    async fn answer_run(&self, stamp: Stamp, answer: RunAnswer, notice: Notice) -> Result<RunState, Failure>;

    /// Takes back a command that is open, for who asked. `approval_void` when it is not.
    async fn withdraw_run(&self, stamp: Stamp, id: RunId, notice: Notice) -> Result<(), Failure>;

    /// Starts a command that was agreed to: the one consumption of its approval, by one atomic update. `approval_void` when
    /// it is not approved (any more), `execution_disabled` when nothing is enabled any more, `execution_locked`.
    async fn start_run(&self, stamp: Stamp, start: RunStart) -> Result<(), Failure>;

    /// Records how a command ended, whatever became of who asked for it. Does nothing, and says so, when that was recorded,
    /// or when it is said to be lost or expired before its time is over.
    async fn end_run(&self, stamp: Stamp, end: RunEnd, notice: Option<Notice>) -> Result<bool, Failure>;

    /// Lets an agent ask again whose commands were denied too often. Says whether it could not. `not_found`.
    async fn unlock_execution(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        session: SessionId,
    ) -> Result<bool, Failure>;
}
