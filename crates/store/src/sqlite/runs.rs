//! Running commands, in SQLite: one file per step of a command's way, and what tells every member of it.
//!
//! Every transaction judges the time itself: a state whose time is over is still stored as it was.

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

use super::SqliteStore;
use crate::RunStore;

mod answers;
mod approver;
mod ends;
mod notices;
mod reads;
mod refusals;
mod requests;
mod starts;
mod terms;

#[async_trait]
impl RunStore for SqliteStore {
    async fn approver(&self) -> Result<Option<ApproverRow>, Failure> {
        self.read("reading the approver", approver::approver).await
    }

    async fn enroll(&self, stamp: Stamp, approver: NewApprover) -> Result<(), Failure> {
        self.durable(move |tx| tx.enroll(&stamp, &approver)).await
    }

    async fn use_code(&self, stamp: Stamp, used: CodeUse) -> Result<(), Failure> {
        self.durable(move |tx| tx.use_code(&stamp, used)).await
    }

    async fn wish(&self, stamp: Stamp, wish: Option<NewWish>, notice: Notice) -> Result<(), Failure> {
        self.durable(move |tx| match &wish {
            Some(wish) => tx.wish(&stamp, wish, &notice),
            None => tx.take_back_wish(&stamp, &notice),
        })
        .await
    }

    async fn enable_execution(&self, stamp: Stamp, terms: NewTerms, notice: Notice) -> Result<(), Failure> {
        self.durable(move |tx| tx.enable_execution(&stamp, &terms, &notice)).await
    }

    async fn disable_execution(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        notice: Notice,
    ) -> Result<bool, Failure> {
        self.durable(move |tx| tx.disable_execution(&stamp, conversation, &notice)).await
    }

    async fn execution(&self, conversation: Option<ConversationId>) -> Result<Vec<ExecutionState>, Failure> {
        let now = self.now();
        self.read("reading how commands stand", move |c| reads::execution(c, conversation, now)).await
    }

    async fn request_run(&self, stamp: Stamp, run: NewRun, notice: Option<Notice>) -> Result<(), Failure> {
        self.durable(move |tx| tx.request_run(&stamp, &run, notice.as_ref())).await
    }

    async fn run(&self, id: RunId) -> Result<Option<RunRow>, Failure> {
        let found = self.read("reading a command", move |c| reads::run(c, id)).await?;
        Ok(found.map(|(_, run)| run))
    }

    async fn ended_runs(&self, conversation_pk: i64, agent_pk: i64) -> Result<Vec<RunRow>, Failure> {
        let agent = (conversation_pk, agent_pk);
        self.read("reading commands that ended", move |c| reads::ended(c, agent)).await
    }

    async fn answer_run(&self, stamp: Stamp, answer: RunAnswer, notice: Notice) -> Result<RunState, Failure> {
        self.durable(move |tx| tx.answer_run(&stamp, &answer, &notice)).await
    }

    async fn withdraw_run(&self, stamp: Stamp, id: RunId, notice: Notice) -> Result<(), Failure> {
        self.durable(move |tx| tx.withdraw_run(&stamp, id, &notice)).await
    }

    async fn start_run(&self, stamp: Stamp, start: RunStart) -> Result<(), Failure> {
        self.durable(move |tx| tx.start_run(&stamp, &start)).await
    }

    async fn end_run(&self, stamp: Stamp, end: RunEnd, notice: Option<Notice>) -> Result<bool, Failure> {
        self.durable(move |tx| tx.end_run(&stamp, &end, notice.as_ref())).await
    }

    async fn unlock_execution(
        &self,
        stamp: Stamp,
        conversation: ConversationId,
        session: SessionId,
    ) -> Result<bool, Failure> {
        self.durable(move |tx| tx.unlock_execution(&stamp, conversation, &session)).await
    }
}
