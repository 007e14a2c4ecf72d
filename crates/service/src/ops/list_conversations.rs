//! `list_conversations`: who this connection is.

use mab_core::{
    Code, Failure,
    audit::Detail,
    entity::Member,
    limit::Kind,
    moderation::PausedBy,
    policy::{self, Action, Principal},
    token::Claim,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Bridge, Credentials,
    door::{Call, Op},
    reading::{self, Opener, PEER},
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
    /// Always `peer`: another agent may have chosen the role
    trust: &'static str,
}

impl Op for ListConversations {
    const ACTION: Action = Action::ListOwn;
    const IDENTIFIED: bool = false;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, _: Arguments) -> Result<Answer, Failure> {
        let bridge = call.bridge;
        let (mut conversations, mut charged) = (Vec::new(), false);
        for credentials in call.connection()?.wallet().all().into_iter().rev().take(LIST_MAX) {
            let Looked { held, opens } = held(bridge, credentials).await?;
            if let Some((principal, member)) = opens.filter(|_| !charged) {
                charged = charge(bridge, principal, &member).await?;
            }
            conversations.push(held);
        }
        Ok(Answer { conversations })
    }
}

/// Charges the listing as a read of this agent, the newest one whose place opens: whoever lists too often hurts nobody else.
/// Says whether it could be.
async fn charge(bridge: &Bridge, principal: Principal, member: &Member) -> Result<bool, Failure> {
    if let Some(denied) = bridge.refused_before(Some(member), Action::ListOwn) {
        bridge.count_refused(Some(member));
        return Err(denied.into());
    }
    let permit = policy::decide(principal, Action::ListOwn)?;
    match bridge.store.charge(bridge.stamp(permit, Kind::Read, Detail::default())).await {
        // It was closed at this very moment: the next one pays.
        Err(Failure::Denied(denied)) if denied.code != Code::RateLimited => Ok(false),
        Err(Failure::Denied(denied)) => {
            bridge.floods.remember((member.agent_pk, Action::ListOwn), &denied, bridge.clock.now());
            Err(denied.into())
        }
        Err(fault) => Err(fault),
        Ok(()) => Ok(true),
    }
}

/// What was found of one conversation, and as whom its credentials open it.
struct Looked {
    held: Held,
    opens: Option<(Principal, Member)>,
}

/// What remembered credentials open now.
async fn held(bridge: &Bridge, credentials: Credentials) -> Result<Looked, Failure> {
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
        trust: PEER,
    };
    match (bridge.tokens.authenticate(&claim, member.as_ref(), bridge.clock.now()), member) {
        (Ok(principal), Some(member)) => {
            let states = bridge.store.agents(member.conversation_pk).await?;
            let outlook = bridge.store.outlook(member.agent_pk, 0, false).await?;
            let own = states.iter().find(|state| state.ordinal == member.ordinal);
            let wrapped = member.wrapped_key.clone().unwrap_or_default();
            let opener = Opener { conversation, key: bridge.wrapper.unwrap(conversation, &wrapped)? };
            let read = own.map(|state| reading::agent(state, Some(&opener), bridge.clock.now()));
            let held = Held {
                state: "active",
                role: read.as_ref().and_then(|read| read.role.clone()),
                unread: read.map(|read| read.unread),
                paused_by: outlook.and_then(|outlook| outlook.paused_by),
                ..closed(Code::Expired, Some(member.expires_at.to_string()))
            };
            Ok(Looked { held, opens: Some((principal, member)) })
        }
        (Err(Failure::Denied(denied)), member) => {
            let over = member.filter(|_| denied.code == Code::Expired);
            let held = closed(denied.code, over.map(|member| member.expires_at.to_string()));
            Ok(Looked { held, opens: None })
        }
        (Ok(_), None) => Ok(Looked { held: closed(Code::InvalidToken, None), opens: None }),
        (Err(fault), _) => Err(fault),
    }
}
