//! `glance`: how much is unread, for a client's hooks, which look far more often than an agent does.
//!
//! It hands nothing out, holds no words of agents, and writes nothing: it charges no window, because a hook that runs with
//! every tool call must not use up its agent's reads, and it is no sign of life, because a hook proves that the client runs,
//! not that the agent reads its mail. What bounds it instead: only credentials that the connection remembers are looked at,
//! so that nothing can be guessed, the newest [`INBOXES_MAX`] of them, each by two indexed queries over a bounded number of
//! rows; no lock is taken that a writer needs, and no model can call it.

use mab_core::{
    Code, Failure, SessionId,
    glance::{Glance, GlanceFrom},
    policy::Action,
    token::Claim,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Bridge, Credentials,
    arguments::{ConversationArgument, SessionArgument},
    door::{Call, Op},
};

/// Inboxes in one answer, newest credentials first.
const INBOXES_MAX: usize = 50;

/// The operation.
pub(crate) struct GlanceAtInboxes;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Only this conversation; default: every one that credentials are remembered for
    #[serde(default)]
    conversation_id: Option<ConversationArgument>,
    /// Only this agent
    #[serde(default)]
    session_id: Option<SessionArgument>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    inboxes: Vec<Inbox>,
}

/// One inbox.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Inbox {
    conversation_id: String,
    /// Whose it is
    session_id: String,
    /// `active`, `expired`, `token_rotated`, `revoked`, `invalid_token`, or `forbidden` for who gets no messages
    state: &'static str,
    /// Messages that are not acknowledged
    unread: u64,
    /// Those of the newest of them that were never handed out
    new: u64,
    /// Whose they are, as far as the newest few hundred tell
    from: Vec<Sender>,
    /// How much ever came; never goes back
    arrivals: u64,
    /// Nobody can send
    paused: bool,
}

/// One sender's part of it.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Sender {
    session_id: String,
    unread: u64,
    new: u64,
}

impl Op for GlanceAtInboxes {
    const ACTION: Action = Action::ListOwn;
    const IDENTIFIED: bool = false;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let Arguments { conversation_id, session_id } = arguments;
        let meant = |held: &Credentials| {
            conversation_id.as_ref().is_none_or(|id| id.0 == held.conversation)
                && session_id.as_ref().is_none_or(|session| session.0 == held.session)
        };
        let held = call.connection()?.wallet().all().into_iter().rev().filter(meant);
        let mut inboxes = Vec::new();
        for credentials in held.take(INBOXES_MAX) {
            inboxes.push(inbox(call.bridge, credentials).await?);
        }
        Ok(Answer { inboxes })
    }
}

/// What remembered credentials show now.
async fn inbox(bridge: &Bridge, credentials: Credentials) -> Result<Inbox, Failure> {
    let Credentials { conversation, session, token } = credentials;
    let member = bridge.store.member(conversation, &session).await?;
    let claim = Claim { conversation, session, token };
    let opens = bridge.tokens.authenticate(&claim, member.as_ref(), bridge.clock.now());
    let (state, glance) = match (opens, member) {
        (Ok(_), Some(member)) if member.permission.reads_messages() => {
            ("active", bridge.store.glance(member.agent_pk).await?)
        }
        (Ok(_), _) => (Code::Forbidden.name(), None),
        (Err(Failure::Denied(denied)), _) => (denied.code.name(), None),
        (Err(fault), _) => return Err(fault),
    };
    let nothing = Glance { unread: 0, arrivals: 0, from: [].into(), paused_by: None };
    let Glance { unread, arrivals, from, paused_by } = glance.unwrap_or(nothing);
    let sender = |(session, counts): (&SessionId, &GlanceFrom)| Sender {
        session_id: session.to_string(),
        unread: counts.unread,
        new: counts.new,
    };
    Ok(Inbox {
        conversation_id: conversation.to_string(),
        session_id: claim.session.to_string(),
        state,
        unread,
        new: from.values().map(|counts| counts.new).sum(),
        from: from.iter().map(sender).collect(),
        arrivals,
        paused: paused_by.is_some(),
    })
}
