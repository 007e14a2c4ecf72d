//! `join_conversation`: takes up an invitation and makes its token the joiner's own.

use mab_core::{Failure, audit::Detail, entity::Member, limit::Kind, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::create_conversation::topic_place;
use crate::{
    Credentials,
    door::{Call, Op},
    reading::{self, PEER},
    running::standing::{Commands, commands},
};

/// The operation.
pub(crate) struct JoinConversation;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    session_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    members: Vec<Seated>,
    unread: u64,
    /// What a person lets agents have run here
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<Commands>,
    expires_at: String,
    /// Your new token; remembered here, the old one is void
    token: String,
    /// Always `peer`: roles and topic are other agents' words
    trust: &'static str,
}

/// A member in the answer.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Seated {
    session_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    permission: mab_core::agent::Permission,
    trust: &'static str,
}

impl Op for JoinConversation {
    const ACTION: Action = Action::Join;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, _: Arguments) -> Result<Answer, Failure> {
        let (bridge, connection, opener) = (call.bridge, call.connection()?, call.opener()?);
        let member = call.member()?.clone();
        let (conversation, session) = (member.conversation, member.session.clone());
        // Joining is charged as a read, so that a new member starts with all of its sends.
        let epoch = bridge.store.join(bridge.stamp(call.permit, Kind::Read, Detail::default())).await?;
        let token = bridge.tokens.issue(conversation, &session, epoch)?;
        connection.remember(Credentials { conversation, session: session.clone(), token: token.clone() });
        bridge.know(&Member { epoch, ..member.clone() });
        let state = bridge.store.conversation(conversation).await?;
        // An auditor sees who did what, and nothing that anybody wrote.
        let reads = member.permission.reads_messages();
        let sealed_topic = state.as_ref().filter(|_| reads).and_then(|state| state.topic.as_deref());
        let topic =
            sealed_topic.and_then(|sealed| opener.key.open(&topic_place(conversation), sealed).ok()?.pop());
        let agents = state.map(|state| state.agents).unwrap_or_default();
        let (mut role, mut unread, mut members) = (None, 0, Vec::new());
        for state in agents.iter().filter(|state| !state.revoked) {
            let read = reading::agent(state, Some(&opener), bridge.clock.now());
            if state.session == session {
                (role, unread) = (read.role.clone(), state.unread);
            }
            members.push(Seated {
                session_id: read.session_id,
                role: read.role.filter(|_| reads || state.session == session),
                permission: read.permission,
                trust: PEER,
            });
        }
        let execution = if reads { commands(bridge, &opener).await? } else { None };
        Ok(Answer {
            conversation_id: conversation.to_string(),
            session_id: session.to_string(),
            role,
            topic,
            members,
            unread,
            execution,
            expires_at: member.expires_at.to_string(),
            token: token.reveal().to_owned(),
            trust: PEER,
        })
    }
}
