//! How commands stand in one conversation, in few words, for who looks often: agents and people who watch.

use mab_core::{
    ConversationId, Failure, Timestamp,
    entity::ExecutionState,
    execution::{Mode, RunState},
    visible::visible,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Bridge, reading::Opener, running::enabled::signed};

/// What a person enabled.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Commands {
    mode: Mode,
    workspace: String,
    expires_at: String,
}

/// What is enabled, and what waits for a person.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Standing {
    /// What a person enabled
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<Commands>,
    /// Commands that wait for a yes: `mab approve`
    requests: usize,
    /// Agents that wish commands to be enabled: `mab pending`
    wishes: usize,
}

/// What a person enabled in the conversation of this opener, when it holds now; whether this server runs commands is another
/// matter.
pub(crate) async fn commands(bridge: &Bridge, opener: &Opener) -> Result<Option<Commands>, Failure> {
    let state = bridge.store.execution(Some(opener.conversation)).await?.pop();
    match state {
        Some(state) => Ok(in_force(bridge, opener, &state).await?.map(|(commands, _)| commands)),
        None => Ok(None),
    }
}

/// How commands stand, when there is anything to tell, and when time alone changes that.
pub(crate) async fn standing(
    bridge: &Bridge,
    conversation: ConversationId,
    opener: Option<&Opener>,
) -> Result<(Option<Standing>, Option<Timestamp>), Failure> {
    match bridge.store.execution(Some(conversation)).await?.pop() {
        Some(state) => standing_of(bridge, &state, opener).await,
        None => Ok((None, None)),
    }
}

/// The same, of what was read already.
pub(crate) async fn standing_of(
    bridge: &Bridge,
    state: &ExecutionState,
    opener: Option<&Opener>,
) -> Result<(Option<Standing>, Option<Timestamp>), Failure> {
    let (enabled, mut ends) = match opener {
        Some(opener) => in_force(bridge, opener, state).await?.unzip(),
        None => (None, None),
    };
    let now = bridge.clock.now();
    let waiting = state.runs.iter().filter(|run| run.state == RunState::Pending && run.expires_at > now);
    let requests = waiting.clone().count();
    ends = ends.into_iter().chain(waiting.map(|run| run.expires_at)).min();
    let wishes = state.wishes.len();
    let is_any = enabled.is_some() || requests > 0 || wishes > 0;
    Ok((is_any.then_some(Standing { enabled, requests, wishes }), ends))
}

/// What holds now, and until when.
async fn in_force(
    bridge: &Bridge,
    opener: &Opener,
    state: &ExecutionState,
) -> Result<Option<(Commands, Timestamp)>, Failure> {
    let Some(row) = &state.terms else { return Ok(None) };
    let approver = bridge.store.approver().await?;
    let terms = signed(bridge, opener, row, approver.as_ref()).map(|(_, enabled)| enabled.terms);
    let now = bridge.clock.now();
    Ok(terms.filter(|terms| terms.holds_at(now)).map(|terms| {
        let (mode, ends) = (terms.mode, terms.expires_at());
        (Commands { mode, expires_at: ends.to_string(), workspace: visible(&terms.workspace, &[]) }, ends)
    }))
}
