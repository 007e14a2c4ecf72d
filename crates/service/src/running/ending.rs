//! The ends that nobody's call tells of: requests whose time is over, and commands whose process died.

use mab_core::{
    Code, ConversationId, Failure, RunId,
    audit::Detail,
    entity::{ExecutionState, Notice, RunEnd, RunRow},
    execution::{RunState, VALID_S},
    limit::Kind,
    policy::{self, Action, Permit, Principal, Stamp},
};

use crate::{Bridge, notices::notice, reading::Opener, running::telling_all, spending};

/// The permission to say how a command ended, which the bridge gives itself.
pub(crate) fn permit() -> Result<Permit, Failure> {
    Ok(policy::decide(Principal::system(), Action::EndRun)?)
}

/// The stamp of an end.
pub(crate) fn stamp(bridge: &Bridge) -> Result<Stamp, Failure> {
    Ok(bridge.stamp(permit()?, Kind::Operator, Detail::default()))
}

/// How commands stand in a conversation, once what is past its time has ended.
pub(crate) async fn settled(bridge: &Bridge, id: ConversationId) -> Result<Option<ExecutionState>, Failure> {
    let state = bridge.store.execution(Some(id)).await?.pop();
    match &state {
        Some(found) if sweep(bridge, found).await? => Ok(bridge.store.execution(Some(id)).await?.pop()),
        _ => Ok(state),
    }
}

/// Ends at once what too few agree to any more, after somebody's place or permission changed. What cannot be ended now, the
/// next look ends.
pub(crate) async fn after_a_change_of_members(bridge: &Bridge, id: ConversationId) {
    if let Err(error) = settled(bridge, id).await {
        tracing::debug!(%error, "commands are looked at later");
    }
}

/// Ends what is past its time, and what too few agree to any more, and tells everybody; says whether there was anything.
pub(crate) async fn sweep(bridge: &Bridge, state: &ExecutionState) -> Result<bool, Failure> {
    let now = bridge.clock.now();
    let late: Vec<_> = state.runs.iter().filter_map(|row| Some((row, late(row, now)?))).collect();
    let (Some(wrapped), false) = (&state.wrapped_key, late.is_empty()) else { return Ok(false) };
    let key = bridge.wrapper.unwrap(state.conversation, wrapped)?;
    let opener = Opener { conversation: state.conversation, key };
    let mut ended = false;
    for (row, end) in late {
        spending::end_run(bridge, row).await;
        let told = notice(bridge, &opener, &telling_all::late(row, end))?;
        ended |= end_late(bridge, (row.conversation, row.id, end), told).await?;
    }
    Ok(ended)
}

/// What a command has come to that is past its time, or that too few agree to any more; none when it is neither.
fn late(row: &RunRow, now: mab_core::Timestamp) -> Option<RunState> {
    let unused = || row.decided_at.is_some_and(|at| now >= at.plus_seconds(VALID_S));
    match row.state {
        RunState::Pending if now >= row.expires_at => Some(RunState::Expired),
        RunState::Approved if now >= row.expires_at || unused() => Some(RunState::Expired),
        RunState::Approved if row.votes.len() < usize::from(row.quorum) => Some(RunState::Withdrawn),
        RunState::Running if now >= row.expires_at => Some(RunState::Lost),
        RunState::Pending
        | RunState::Approved
        | RunState::Running
        | RunState::Denied
        | RunState::Withdrawn
        | RunState::Expired
        | RunState::Finished
        | RunState::Lost => None,
    }
}

async fn end_late(
    bridge: &Bridge,
    (conversation, id, state): (ConversationId, RunId, RunState),
    told: Notice,
) -> Result<bool, Failure> {
    let outcome = match state {
        RunState::Lost => "lost",
        RunState::Withdrawn => "too_few_agree",
        RunState::Pending
        | RunState::Approved
        | RunState::Denied
        | RunState::Expired
        | RunState::Running
        | RunState::Finished => "expired",
    };
    let end = RunEnd { conversation, id, state, outcome, exit_code: None, duration_ms: 0 };
    match bridge.store.end_run(stamp(bridge)?, end, Some(told)).await {
        // Somebody else does it, or will: the next call looks again.
        Err(Failure::Denied(denied)) if denied.code == Code::Busy => Ok(false),
        outcome => outcome,
    }
}
