//! What has to be known before anything is done about a command: what is enabled, what runs it, and which requests the agent
//! has open.

use mab_core::{
    Code, ConversationId, Denied, Failure, SessionId,
    entity::{ExecutionState, RunRow},
};
use mab_exec::{Ask, Network, Request, Wanted};

use crate::{
    Bench,
    door::Call,
    reading::Opener,
    running::{
        enabled::{Enabled, enabled},
        ending, request,
    },
};

/// What was found.
pub(crate) struct Look {
    /// Opens and seals the conversation's texts.
    pub(crate) opener: Opener,
    /// What is enabled.
    pub(crate) enabled: Enabled,
    /// What runs commands.
    pub(crate) bench: Bench,
    /// The agent's own requests that are open or run, oldest first.
    pub(crate) own: Vec<(RunRow, Request)>,
}

/// Looks; what is past its time ends first.
///
/// # Errors
/// `execution_locked`, and as [`enabled`] and [`crate::Workbench::bench`] refuse; none of it was recorded.
pub(crate) async fn look(call: &Call<'_>) -> Result<Look, Failure> {
    let (bridge, member, opener) = (call.bridge, call.member()?, call.opener()?);
    let state = ending::settled(bridge, member.conversation).await?;
    let enabled = enabled(bridge, &opener, state.as_ref()).await?;
    if state.as_ref().is_some_and(|state| state.locked.contains(&member.session)) {
        return Err(locked(member.conversation, &member.session).into());
    }
    let bench = enabled.bench(bridge, member.conversation).await?;
    let own = own(call, &opener, state)?;
    Ok(Look { opener, enabled, bench, own })
}

/// The agent's requests that are open or run, as far as they can be read.
pub(crate) fn own(
    call: &Call<'_>,
    opener: &Opener,
    state: Option<ExecutionState>,
) -> Result<Vec<(RunRow, Request)>, Failure> {
    let agent_pk = call.member()?.agent_pk;
    let runs = state.into_iter().flat_map(|state| state.runs);
    let open = runs.filter(|row| row.agent_pk == agent_pk);
    Ok(open.filter_map(|row| request::open(opener, &row).map(|request| (row, request))).collect())
}

impl Look {
    /// The open request that the agent goes on with: the one that its token names, else one for the same command.
    ///
    /// # Errors
    /// `approval_void` when the token names none, or one for another command.
    pub(crate) fn goes_on(
        &mut self,
        call: &Call<'_>,
        token: Option<&str>,
        wanted: Option<&Wanted>,
    ) -> Result<Option<(RunRow, Request)>, Failure> {
        let session = &call.member()?.session;
        let mut found = None;
        for (index, (row, request)) in self.own.iter().enumerate() {
            let is_it = match token {
                Some(token) => call.bridge.request_tokens.is_of(token, row.id, &row.hash, session)?,
                None => {
                    row.state.is_open()
                        && request.mode == self.enabled.terms.mode
                        && wanted == Some(&request.command)
                }
            };
            if is_it {
                found = Some(index);
            }
        }
        let found = found.map(|index| self.own.swap_remove(index));
        match (token, wanted, &found) {
            (Some(_), _, None) => Err(unknown_token().into()),
            (Some(_), Some(wanted), Some((_, request))) if *wanted != request.command => {
                Err(another().into())
            }
            _ => Ok(found),
        }
    }

    /// What is asked of the executor for this command, without network.
    pub(crate) fn ask(&self, call: &Call<'_>, wanted: Wanted) -> Result<Ask, Denied> {
        let member = call.member()?;
        Ok(Ask {
            mode: self.enabled.terms.mode,
            wanted,
            conversation: Some(member.conversation.to_string()),
            agent: Some(member.session.to_string()),
            limits: self.bench.limits,
            network: Network::Off,
            preview: false,
            valid_s: VALID_S,
        })
    }
}

/// How long a request can be run: as long as it may wait for an answer, and then be started.
pub(crate) const VALID_S: u64 = mab_core::execution::PENDING_S + mab_core::execution::VALID_S;

/// The refusal of an agent whose commands were denied too often.
pub(crate) fn locked(id: ConversationId, who: &SessionId) -> Denied {
    Denied::new(Code::ExecutionLocked, "your commands were denied too often; no more are taken")
        .hint(format!("tell your user: {}", unlocks(id, who)))
}

/// What lets an agent ask again.
pub(crate) fn unlocks(id: ConversationId, who: &SessionId) -> String {
    format!("`mab yolo unlock {id} {who}` lets you ask again")
}

fn unknown_token() -> Denied {
    Denied::new(Code::ApprovalVoid, "no request of yours has this approval_token; nothing was run").hint(
        "look with check_messages whether it ran long ago; if not, call execute_command with the command, without \
         approval_token",
    )
}

/// The refusal of a token with a command that is not its own.
pub(crate) fn another() -> Denied {
    Denied::new(Code::ApprovalVoid, "the approval_token belongs to another command; nothing was run")
        .hint("call execute_command with either of them: approval_token to go on, or command to ask anew")
}
