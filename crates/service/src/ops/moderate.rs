//! `moderate`: an agent keeps order in its conversation. To add an effect: a value of [`Doing`], its line in
//! [`Arguments::try_from`], [`Moderate::action`] and [`Moderate::run`], and a file of its own.

use std::borrow::Cow;

use mab_core::{
    Failure, MessageId, RunId, SessionId,
    agent::{ActionType, Permission},
    execution::RunState,
    inbound::{InboundChange, Rule, Verdict},
    moderation::PausedBy,
    policy::Action,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{
    approve_run::RunArgument,
    approving::{self, Requests},
    held::{self, Listing},
    inbound::{self, Policy},
    leave, pause, release, remove, resume, transfer,
};
use crate::{
    arguments::{MessageArgument, SessionArgument},
    door::{Call, Op},
};

/// The operation.
pub(crate) struct Moderate;

/// Its arguments, as they are given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Given {
    action: Doing,
    /// Whom it is about
    #[serde(default)]
    agent: Option<SessionArgument>,
    /// To release or reject
    #[serde(default)]
    message_id: Option<MessageArgument>,
    /// Only such messages
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    action_type: Option<ActionType>,
    /// Only messages of such agents
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    permission: Option<Permission>,
    /// To approve or refuse
    #[serde(default)]
    run_id: Option<RunArgument>,
    #[serde(default)]
    request_hash: Option<String>,
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
    /// See what is held.
    Held,
    /// Let a held message through.
    Release,
    /// Refuse a held message.
    Reject,
    /// Accept messages.
    Accept,
    /// Hold messages.
    Hold,
    /// Refuse messages.
    Deny,
    /// See commands that wait.
    Requests,
    /// Agree to a command.
    Approve,
    /// Refuse a command.
    Refuse,
}

impl Doing {
    /// What is to become of messages, when that is what is done.
    const fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Accept => Some(Verdict::Accept),
            Self::Hold => Some(Verdict::Hold),
            Self::Deny => Some(Verdict::Deny),
            Self::Leave
            | Self::Remove
            | Self::Transfer
            | Self::Pause
            | Self::Resume
            | Self::Held
            | Self::Release
            | Self::Reject
            | Self::Requests
            | Self::Approve
            | Self::Refuse => None,
        }
    }

    /// What is done about messages of one kind.
    const fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accept => Self::Accept,
            Verdict::Hold => Self::Hold,
            Verdict::Deny => Self::Deny,
        }
    }
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
    Held,
    Judge { id: MessageId, reject: bool },
    Inbound(Rule, Verdict),
    Requests,
    Answer { id: RunId, hash: Option<String>, agrees: bool },
}

impl TryFrom<Given> for Arguments {
    type Error = &'static str;

    fn try_from(given: Given) -> Result<Self, Self::Error> {
        let Given { action, agent, message_id, action_type, permission, run_id, request_hash } = given;
        let (agent, id) = (agent.map(|agent| agent.0), message_id.map(|id| id.0));
        if id.is_some() && !matches!(action, Doing::Release | Doing::Reject) {
            return Err("message_id: only release and reject are about one message");
        }
        let is_answer = matches!(action, Doing::Approve | Doing::Refuse);
        if !is_answer && (run_id.is_some() || request_hash.is_some()) {
            return Err("run_id, request_hash: only approve and refuse are about a command");
        }
        if let Some(verdict) = action.verdict() {
            return rule(agent, action_type, permission).map(|rule| Self::Inbound(rule, verdict));
        }
        if action_type.is_some() || permission.is_some() {
            return Err("action_type, permission: only accept, hold and deny are about kinds of messages");
        }
        match (action, agent) {
            (Doing::Remove, Some(agent)) => Ok(Self::Remove(agent)),
            (Doing::Transfer, Some(agent)) => Ok(Self::Transfer(agent)),
            (Doing::Remove | Doing::Transfer, None) => Err("agent: whom this is about is missing"),
            (Doing::Leave, None) => Ok(Self::Leave),
            (Doing::Pause, None) => Ok(Self::Pause),
            (Doing::Resume, None) => Ok(Self::Resume),
            (Doing::Held, None) => Ok(Self::Held),
            (Doing::Release | Doing::Reject, None) => {
                let id = id.ok_or("message_id: which message this is about is missing")?;
                Ok(Self::Judge { id, reject: matches!(action, Doing::Reject) })
            }
            (Doing::Requests, None) => Ok(Self::Requests),
            (Doing::Approve | Doing::Refuse, None) => {
                let id = run_id.ok_or("run_id: which command this is about is missing")?.0;
                let agrees = matches!(action, Doing::Approve);
                if agrees && request_hash.is_none() {
                    return Err("request_hash: approve needs that of what you read, as requests shows it");
                }
                Ok(Self::Answer { id, hash: request_hash, agrees })
            }
            (
                Doing::Leave
                | Doing::Pause
                | Doing::Resume
                | Doing::Held
                | Doing::Release
                | Doing::Reject
                | Doing::Accept
                | Doing::Hold
                | Doing::Deny
                | Doing::Requests
                | Doing::Approve
                | Doing::Refuse,
                _,
            ) => Err("agent: this action is about no other agent"),
        }
    }
}

/// The rule about an agent's messages, those of a type, or those of agents with a permission; else about all.
fn rule(
    agent: Option<SessionId>,
    action_type: Option<ActionType>,
    permission: Option<Permission>,
) -> Result<Rule, &'static str> {
    let rules =
        [agent.map(Rule::Sender), action_type.map(Rule::ActionType), permission.map(Rule::Permission)];
    let mut rules = rules.into_iter().flatten();
    match (rules.next(), rules.next()) {
        (rule, None) => Ok(rule.unwrap_or(Rule::Default)),
        (_, Some(_)) => Err("agent, action_type, permission: a rule is about one of them"),
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
    /// Who gets the message now, or would have
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients: Option<Vec<String>>,
    /// Which messages are accepted now
    #[serde(skip_serializing_if = "Option::is_none")]
    inbound: Option<Policy>,
    /// What is held, oldest first
    #[serde(flatten)]
    held: Option<Listing>,
    #[serde(flatten)]
    requests: Option<Requests>,
    /// How the command stands now
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<RunState>,
    /// Your server did not compare its files, because
    #[serde(skip_serializing_if = "Option::is_none")]
    unlooked: Option<String>,
}

impl Answer {
    const fn new(action: Doing) -> Self {
        Self {
            action,
            changed: true,
            agent: None,
            paused_by: None,
            recipients: None,
            inbound: None,
            held: None,
            requests: None,
            state: None,
            unlooked: None,
        }
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
            Arguments::Held => Action::ListHeld,
            Arguments::Judge { reject: false, .. } => Action::ReleaseHeld,
            Arguments::Judge { reject: true, .. } => Action::RejectHeld,
            Arguments::Inbound(..) => Action::SetInbound,
            Arguments::Requests => Action::ListRuns,
            Arguments::Answer { agrees: true, .. } => Action::Approve,
            Arguments::Answer { agrees: false, .. } => Action::DenyRun,
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
            Arguments::Held => {
                let held = Some(held::list(&call).await?);
                Ok(Answer { changed: false, held, ..Answer::new(Doing::Held) })
            }
            Arguments::Judge { id: message, reject } => {
                let recipients = release::judge(&call, id, message, reject).await?;
                let recipients = Some(recipients.iter().map(ToString::to_string).collect());
                let done = if reject { Doing::Reject } else { Doing::Release };
                Ok(Answer { recipients, ..Answer::new(done) })
            }
            Arguments::Inbound(rule, verdict) => {
                let policy = inbound::set(&call, id, InboundChange::Set(rule, verdict)).await?;
                Ok(Answer { inbound: Some(Policy::of(&policy)), ..Answer::new(Doing::of(verdict)) })
            }
            Arguments::Requests => {
                let requests = Some(approving::list(&call).await?);
                Ok(Answer { changed: false, requests, ..Answer::new(Doing::Requests) })
            }
            Arguments::Answer { id: run, hash, agrees } => {
                let taken = approving::answer(&call, (run, hash.as_deref()), agrees).await?;
                let done = if agrees { Doing::Approve } else { Doing::Refuse };
                Ok(Answer { state: Some(taken.state), unlooked: taken.unlooked, ..Answer::new(done) })
            }
        }
    }
}
