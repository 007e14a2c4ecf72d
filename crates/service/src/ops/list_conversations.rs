//! `list_conversations`: who this connection is.

use mab_core::{Code, Failure, moderation::PausedBy, policy::Action, token::Claim};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Bridge, Credentials,
    door::{Call, Op},
    reading::{self, Opener},
};

/// Conversations in one answer, newest credentials first.
const LIST_MAX: usize = 50;

/// The operation.
pub(crate) struct ListConversations;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversations: Vec<Held>,
}

/// One conversation that credentials are held for.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Held {
    conversation_id: String,
    /// You, there
    session_id: String,
    /// `active`, `expired`, `token_rotated`, `revoked` or `invalid_token`
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Nobody can send
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_by: Option<PausedBy>,
}

impl Op for ListConversations {
    const ACTION: Action = Action::ListOwn;
    const IDENTIFIED: bool = false;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, _: Arguments) -> Result<Answer, Failure> {
        let mut conversations = Vec::new();
        for credentials in call.connection()?.wallet().all().into_iter().rev().take(LIST_MAX) {
            conversations.push(held(call.bridge, credentials).await?);
        }
        Ok(Answer { conversations })
    }
}

/// What remembered credentials open now.
async fn held(bridge: &Bridge, credentials: Credentials) -> Result<Held, Failure> {
    let Credentials { conversation, session, token } = credentials;
    let (conversation_id, session_id) = (conversation.to_string(), session.to_string());
    let member = bridge.store.member(conversation, &session).await?;
    let claim = Claim { conversation, session, token };
    let closed = |code: Code, expires_at| Held {
        conversation_id: conversation_id.clone(),
        session_id: session_id.clone(),
        state: code.name(),
        role: None,
        unread: None,
        expires_at,
        paused_by: None,
    };
    match (bridge.tokens.authenticate(&claim, member.as_ref(), bridge.clock.now()), member) {
        (Ok(_), Some(member)) => {
            let states = bridge.store.agents(member.conversation_pk).await?;
            let outlook = bridge.store.outlook(member.agent_pk, 0, false).await?;
            let own = states.iter().find(|state| state.ordinal == member.ordinal);
            let wrapped = member.wrapped_key.unwrap_or_default();
            let opener = Opener { conversation, key: bridge.wrapper.unwrap(conversation, &wrapped)? };
            let read = own.map(|state| reading::agent(state, Some(&opener), bridge.clock.now()));
            Ok(Held {
                state: "active",
                role: read.as_ref().and_then(|read| read.role.clone()),
                unread: read.map(|read| read.unread),
                paused_by: outlook.and_then(|outlook| outlook.paused_by),
                ..closed(Code::Expired, Some(member.expires_at.to_string()))
            })
        }
        (Err(Failure::Denied(denied)), member) => Ok(closed(
            denied.code,
            member.filter(|_| denied.code == Code::Expired).map(|member| member.expires_at.to_string()),
        )),
        (Ok(_), None) => Ok(closed(Code::InvalidToken, None)),
        (Err(fault), _) => Err(fault),
    }
}
