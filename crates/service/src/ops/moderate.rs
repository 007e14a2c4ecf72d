//! `moderate`: an agent keeps order in its conversation. To add an effect: a value of [`Doing`], its line in
//! [`Arguments::try_from`], [`Moderate::action`] and [`Moderate::run`], and a file of its own.

use std::borrow::Cow;

use mab_core::{Failure, SessionId, moderation::PausedBy, policy::Action};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{leave, pause, remove, resume, transfer};
use crate::{
    arguments::SessionArgument,
    door::{Call, Op},
};

/// The operation.
pub(crate) struct Moderate;

/// Its arguments, as they are given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Given {
    action: Doing,
    /// Whom to remove, or who becomes the owner
    #[serde(default)]
    agent: Option<SessionArgument>,
}

/// What is done.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Doing {
    /// Go.
    Leave,
    /// End another's place.
    Remove,
    /// Hand over the ownership.
    Transfer,
    /// Stop all sending.
    Pause,
    /// Let all send again.
    Resume,
}

/// Its arguments: what is done, and to whom.
#[derive(Deserialize)]
#[serde(try_from = "Given")]
pub(crate) enum Arguments {
    Leave,
    Remove(SessionId),
    Transfer(SessionId),
    Pause,
    Resume,
}

impl TryFrom<Given> for Arguments {
    type Error = &'static str;

    fn try_from(Given { action, agent }: Given) -> Result<Self, Self::Error> {
        let agent = agent.map(|agent| agent.0);
        match (action, agent) {
            (Doing::Remove, Some(agent)) => Ok(Self::Remove(agent)),
            (Doing::Transfer, Some(agent)) => Ok(Self::Transfer(agent)),
            (Doing::Remove | Doing::Transfer, None) => Err("agent: whom this is about is missing"),
            (Doing::Leave, None) => Ok(Self::Leave),
            (Doing::Pause, None) => Ok(Self::Pause),
            (Doing::Resume, None) => Ok(Self::Resume),
            (Doing::Leave | Doing::Pause | Doing::Resume, Some(_)) => {
                Err("agent: this action is about no other agent")
            }
        }
    }
}

impl JsonSchema for Arguments {
    fn schema_name() -> Cow<'static, str> {
        Given::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Given::json_schema(generator)
    }
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    action: Doing,
    /// Whether anything is different now
    changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    /// Who pauses the conversation now
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_by: Option<PausedBy>,
}

impl Answer {
    const fn new(action: Doing) -> Self {
        Self { action, changed: true, agent: None, paused_by: None }
    }
}

impl Op for Moderate {
    const ACTION: Action = Action::Leave;
    type Arguments = Arguments;
    type Answer = Answer;

    fn action(arguments: &Arguments) -> Action {
        match arguments {
            Arguments::Leave => Action::Leave,
            Arguments::Remove(_) => Action::Remove,
            Arguments::Transfer(_) => Action::Transfer,
            Arguments::Pause => Action::Pause,
            Arguments::Resume => Action::Resume,
        }
    }

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let id = call.member()?.conversation;
        match arguments {
            Arguments::Leave => {
                leave::leave(&call).await?;
                Ok(Answer::new(Doing::Leave))
            }
            Arguments::Remove(agent) => {
                remove::remove(&call, id, &agent).await?;
                Ok(Answer { agent: Some(agent.to_string()), ..Answer::new(Doing::Remove) })
            }
            Arguments::Transfer(agent) => {
                transfer::transfer(&call, id, &agent).await?;
                Ok(Answer { agent: Some(agent.to_string()), ..Answer::new(Doing::Transfer) })
            }
            Arguments::Pause => {
                let paused = pause::pause(&call, id).await?;
                let (changed, paused_by) = (paused.is_new, Some(paused.by));
                Ok(Answer { changed, paused_by, ..Answer::new(Doing::Pause) })
            }
            Arguments::Resume => {
                let changed = resume::resume(&call, id).await?.is_some();
                Ok(Answer { changed, ..Answer::new(Doing::Resume) })
            }
        }
    }
}
