//! Running commands, in SQLite.

use async_trait::async_trait;
use mab_core::{
    ConversationId, Failure, Fault, RunId, SessionId,
    entity::{
        ApproverRow, CodeUse, ExecutionState, NewApprover, NewRun, NewTerms, Notice, RunAnswer, RunEnd,
        RunRow, RunStart,
    },
    execution::RunState,
    policy::Stamp,
    seal::Sealed,
};

use super::SqliteStore;
use crate::RunStore;

#[async_trait]
impl RunStore for SqliteStore {
    async fn approver(&self) -> Result<Option<ApproverRow>, Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn enroll(&self, _stamp: Stamp, _approver: NewApprover) -> Result<(), Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn use_code(&self, _stamp: Stamp, _used: CodeUse) -> Result<(), Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn wish(&self, _stamp: Stamp, _wish: Option<Sealed>, _notice: Notice) -> Result<(), Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn enable_execution(
        &self,
        _stamp: Stamp,
        _terms: NewTerms,
        _notice: Notice,
    ) -> Result<(), Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn disable_execution(
        &self,
        _stamp: Stamp,
        _conversation: ConversationId,
        _notice: Notice,
    ) -> Result<bool, Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn execution(&self, _conversation: Option<ConversationId>) -> Result<Vec<ExecutionState>, Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn request_run(&self, _stamp: Stamp, _run: NewRun, _notice: Option<Notice>) -> Result<(), Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn run(&self, _id: RunId) -> Result<Option<RunRow>, Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn answer_run(
        &self,
        _stamp: Stamp,
        _answer: RunAnswer,
        _notice: Notice,
    ) -> Result<RunState, Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn withdraw_run(&self, _stamp: Stamp, _id: RunId, _notice: Notice) -> Result<(), Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn start_run(&self, _stamp: Stamp, _start: RunStart) -> Result<(), Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn end_run(&self, _stamp: Stamp, _end: RunEnd, _notice: Option<Notice>) -> Result<bool, Failure> {
        Err(Fault::new("not built yet").into())
    }

    async fn unlock_execution(
        &self,
        _stamp: Stamp,
        _conversation: ConversationId,
        _session: SessionId,
    ) -> Result<bool, Failure> {
        Err(Fault::new("not built yet").into())
    }
}
