//! `invite_agent`: adds a third, fourth … agent.

use mab_core::{
    Code, Denied, Failure, SessionId,
    agent::{MEMBERS_MAX, Permission},
    audit::Detail,
    entity::NewAgent,
    limit::Kind,
    policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Connection,
    arguments::{Role, SessionArgument},
    door::{Call, Op, agent_place},
    screening::{self, Part, Screen, with_newest},
};

/// The operation.
pub(crate) struct InviteAgent;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// The new agent's role
    role: Role,
    /// The new agent's handle; default the next free letter
    #[serde(default)]
    new_session_id: Option<SessionArgument>,
    /// Default member
    #[serde(default)]
    permission: Option<Permission>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    session_id: String,
    permission: Permission,
    /// The new agent's; hand it over through your user
    token: String,
}

impl Op for InviteAgent {
    const ACTION: Action = Action::Invite;
    type Arguments = Arguments;
    type Answer = Answer;

    /// `session_id` without a token, and not one's own, names the new agent.
    fn disambiguate(arguments: &mut Map<String, Value>, connection: &Connection) {
        let own =
            |handle: &str| connection.wallet().all().iter().any(|known| known.session.as_str() == handle);
        let names_another =
            arguments.get("session_id").and_then(Value::as_str).is_some_and(|handle| !own(handle));
        if names_another
            && !arguments.contains_key("token")
            && !arguments.contains_key("new_session_id")
            && let Some(handle) = arguments.remove("session_id")
        {
            arguments.insert("new_session_id".to_owned(), handle);
        }
    }

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        with_newest(&call, || invite(&call, &arguments)).await
    }
}

async fn invite(call: &Call<'_>, arguments: &Arguments) -> Result<Answer, Failure> {
    let (bridge, opener, member) = (call.bridge, call.opener()?, call.member()?);
    let conversation = member.conversation;
    let session = if let Some(chosen) = &arguments.new_session_id {
        let chosen = chosen.0.clone().for_new()?;
        refuse_secret(call, &chosen).await?;
        chosen
    } else {
        let taken = bridge.store.agents(member.conversation_pk).await?;
        let free = |session: &SessionId| !taken.iter().any(|state| state.session == *session);
        // With every handle taken the store refuses: the conversation is full.
        let last = SessionId::from_ordinal(MEMBERS_MAX);
        (0..MEMBERS_MAX).map(SessionId::from_ordinal).find(free).unwrap_or(last)
    };
    let permission = arguments.permission.unwrap_or(Permission::Member);
    let role = arguments.role.0.as_str();
    let mut screen = Screen::of(call, &[role]).await?;
    let role = screen.redact(role, Part::Text)?;
    let place = agent_place(conversation, &session, "role");
    let role = opener.key.seal(bridge.random.as_ref(), &place, &[&role])?;
    let token = bridge.tokens.issue(conversation, &session, 0)?;
    let learned = screen.learned();
    let stamp = bridge.stamp(call.permit.clone(), Kind::Change, Detail::default());
    let agent = NewAgent { session: session.clone(), role, permission };
    bridge.store.invite(stamp.learning(learned.clone()), agent).await?;
    screening::stored(bridge, member, &learned, None);
    Ok(Answer {
        conversation_id: conversation.to_string(),
        session_id: session.to_string(),
        permission,
        token: token.reveal().to_owned(),
    })
}

/// Refuses a handle that holds a secret: handles are shown as they are.
async fn refuse_secret(call: &Call<'_>, handle: &SessionId) -> Result<(), Failure> {
    let mut screen = Screen::of(call, &[handle.as_str()]).await?;
    screen.redact(handle.as_str(), Part::Text)?;
    if screen.found().is_empty() {
        return Ok(());
    }
    Err(Denied::new(Code::InvalidArguments, "the handle holds what looks like a secret")
        .hint("leave it out: the next free letter is taken")
        .into())
}
