//! `create_conversation`: opens a conversation of two.

use mab_core::{
    Code, ConversationId, Denied, Failure, SessionId,
    agent::Permission,
    audit::Detail,
    entity::{NewAgent, NewConversation},
    known::Learned,
    limit::Kind,
    policy::Action,
    seal::{ConversationKey, Place},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Bridge, Credentials,
    arguments::{Role, Topic},
    door::{Call, Op, agent_place},
    screening::{Part, Screen},
};

/// The operation.
pub(crate) struct CreateConversation;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Your role, e.g. `backend_developer`
    my_role: Role,
    /// Your partner's role
    partner_role: Role,
    /// What it is about
    #[serde(default)]
    topic: Option<Topic>,
    /// Default 180 unless configured
    #[serde(default)]
    #[schemars(range(min = 1))]
    expires_in_minutes: Option<u32>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversation_id: String,
    /// Always a: you
    session_id: String,
    /// Yours; remembered here
    session_a_token: String,
    /// Your partner's; hand it over through your user
    session_b_token: String,
    expires_at: String,
}

impl Op for CreateConversation {
    const ACTION: Action = Action::Create;
    const IDENTIFIED: bool = false;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, connection) = (call.bridge, call.connection()?);
        let minutes = life_in_minutes(bridge, arguments.expires_in_minutes)?;
        let expires_at = bridge.clock.now().plus_seconds(u64::from(minutes) * 60);
        let id = ConversationId::draw(bridge.random.as_ref())?;
        let (new, learned) = sealed(&call, id, &arguments)?;
        let [a, b] = [SessionId::from_ordinal(0), SessionId::from_ordinal(1)];
        let tokens = [bridge.tokens.issue(id, &a, 0)?, bridge.tokens.issue(id, &b, 0)?];
        let detail = Detail::default().number("expires_in_minutes", u64::from(minutes));
        let stamp = bridge.stamp(call.permit, Kind::Create, detail).learning(learned);
        bridge.store.create(stamp, NewConversation { expires_at, ..new }).await?;
        // Whoever opened it is not kept out by others' guesses at its first call. Its tokens are worth more than that.
        if let Ok(Some(member)) = bridge.store.member(id, &a).await {
            bridge.know(&member);
        }
        let [token_a, token_b] = tokens;
        let answer = Answer {
            conversation_id: id.to_string(),
            session_id: a.to_string(),
            session_a_token: token_a.reveal().to_owned(),
            session_b_token: token_b.reveal().to_owned(),
            expires_at: expires_at.to_string(),
        };
        connection.remember(Credentials { conversation: id, session: a, token: token_a });
        Ok(answer)
    }
}

fn life_in_minutes(bridge: &Bridge, wanted: Option<u32>) -> Result<u32, Denied> {
    let longest = bridge.settings.max_expires_in_minutes;
    let minutes = wanted.unwrap_or(bridge.settings.expires_in_minutes.min(longest));
    if minutes == 0 || minutes > longest {
        return Err(Denied::new(
            Code::InvalidArguments,
            format!("expires_in_minutes must be 1 to {longest}"),
        ));
    }
    Ok(minutes)
}

fn sealed(
    call: &Call<'_>,
    id: ConversationId,
    arguments: &Arguments,
) -> Result<(NewConversation, Learned), Failure> {
    let (bridge, random) = (call.bridge, call.bridge.random.as_ref());
    let key = ConversationKey::draw(random)?;
    let topic = arguments.topic.as_ref().map(|topic| topic.0.as_str());
    let texts = [&arguments.my_role, &arguments.partner_role].map(|role| role.0.as_str());
    let texts: Vec<&str> = texts.into_iter().chain(topic).collect();
    let mut screen = Screen::of_new(call, &key, &texts)?;
    let mut agents = Vec::new();
    let roles = [(&arguments.my_role, Permission::Owner), (&arguments.partner_role, Permission::Member)];
    for ((role, permission), ordinal) in roles.into_iter().zip(0..) {
        let session = SessionId::from_ordinal(ordinal);
        let role = key.seal(
            random,
            &agent_place(id, &session, "role"),
            &[&screen.redact(role.0.as_str(), Part::Text)?],
        )?;
        agents.push(NewAgent { session, role, permission });
    }
    let topic = match topic {
        Some(topic) => Some(key.seal(random, &topic_place(id), &[&screen.redact(topic, Part::Text)?])?),
        None => None,
    };
    let wrapped_key = bridge.wrapper.wrap(random, id, &key)?;
    let new = NewConversation { id, expires_at: bridge.clock.now(), wrapped_key, topic, agents };
    Ok((new, screen.learned()))
}

/// Where a conversation's topic is sealed.
pub(crate) fn topic_place(conversation: ConversationId) -> Place<'static> {
    Place { table: "conversation", column: "topic", conversation, row: &[] }
}
