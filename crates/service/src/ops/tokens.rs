//! `tokens`: recomputes, rotates or revokes tokens, for the operator.

use mab_core::{Code, Denied, Failure, audit::Detail, limit::Kind, policy::Action};
use mab_store::TokenChange;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::{ACTIVE, opener, phase};
use crate::{
    arguments::{ConversationArgument, SessionArgument},
    door::{Call, Op},
    reading::PEER,
    running::ending,
};

/// The operation.
pub(crate) struct ManageTokens;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    conversation_id: ConversationArgument,
    /// Void this agent's token and show the next
    #[serde(default)]
    rotate: Option<SessionArgument>,
    /// Void this agent's token and remove it
    #[serde(default)]
    revoke: Option<SessionArgument>,
    /// Void every token and show the next
    #[serde(default)]
    rotate_all: bool,
    /// Void every token and remove everybody
    #[serde(default)]
    revoke_all: bool,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    expires_at: String,
    /// `active`, `expired` or `purged`
    state: &'static str,
    tokens: Vec<Issued>,
}

/// One agent's token.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Issued {
    session_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    trust: &'static str,
    permission: mab_core::agent::Permission,
    revoked: bool,
    /// Absent when it opens nothing: the agent was removed, or the time is over
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Op for ManageTokens {
    const ACTION: Action = Action::ManageTokens;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, id) = (call.bridge, arguments.conversation_id.0);
        let change = change(arguments)?;
        // The operator is not limited: whoever can run this can read the key itself.
        let stamp = bridge.stamp(call.permit, Kind::Operator, Detail::default());
        bridge.store.manage_tokens(stamp, id, change).await?;
        ending::after_a_change_of_members(bridge, id).await;
        let state = bridge.store.conversation(id).await?;
        let state = state.ok_or_else(|| Denied::new(Code::NotFound, "no such conversation"))?;
        let opener = opener(bridge, &state);
        let (phase, mut tokens) = (phase(&state, bridge.clock.now()), Vec::new());
        for agent in &state.agents {
            let token = bridge.tokens.issue(id, &agent.session, agent.epoch)?;
            let role = opener
                .as_ref()
                .and_then(|opener| opener.agent_text(&agent.session, "role", agent.role.as_deref()));
            tokens.push(Issued {
                session_id: agent.session.to_string(),
                role,
                trust: PEER,
                permission: agent.permission,
                revoked: agent.revoked,
                token: (!agent.revoked && phase == ACTIVE).then(|| token.reveal().to_owned()),
            });
        }
        Ok(Answer {
            conversation_id: id.to_string(),
            expires_at: state.expires_at.to_string(),
            state: phase,
            tokens,
        })
    }
}

fn change(arguments: Arguments) -> Result<Option<TokenChange>, Denied> {
    let Arguments { rotate, revoke, rotate_all, revoke_all, .. } = arguments;
    let wanted = [
        rotate.map(|session| TokenChange::Rotate(session.0)),
        revoke.map(|session| TokenChange::Revoke(session.0)),
        rotate_all.then_some(TokenChange::RotateAll),
        revoke_all.then_some(TokenChange::RevokeAll),
    ];
    let mut wanted = wanted.into_iter().flatten();
    let change = wanted.next();
    if wanted.next().is_some() {
        let message = "rotate, revoke, rotate_all and revoke_all exclude each other";
        return Err(Denied::new(Code::InvalidArguments, message));
    }
    Ok(change)
}
