//! `execution`: how commands stand, for the operator.

use mab_core::{
    Failure, Timestamp,
    approver::ApproverKey,
    entity::{ExecutionState, RunRow, TermsRow, WishRow},
    execution::{Assurance, Mode, RunState, Terms, VALID_S},
    policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approve_run::RunArgument;
use crate::{
    arguments::ConversationArgument,
    door::{Call, Op},
    reading::{Opener, PEER},
    running::{ending, request},
    sealing::{terms_text, wish_place},
    telling,
};

/// The operation.
pub(crate) struct Execution;

/// Most commands that are looked up by their names.
const NAMED_MAX: usize = 1_000;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Only this one
    #[serde(default)]
    conversation_id: Option<ConversationArgument>,
    /// Tell of these commands too, wherever they are and whether they have ended; at most 1000
    #[serde(default)]
    runs: Vec<RunArgument>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conversations: Vec<Standing>,
    /// The commands that were named, as far as they are known
    #[serde(skip_serializing_if = "Vec::is_empty")]
    named: Vec<Named>,
}

/// How a command stands that was named.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Named {
    run_id: String,
    conversation_id: String,
    session_id: String,
    state: RunState,
}

/// One conversation.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Standing {
    conversation_id: String,
    /// What is enabled, whether its time is over or not
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<InForce>,
    /// What agents wish to be enabled
    wishes: Vec<Wish>,
    /// Commands that wait, were agreed to, or run; oldest first
    runs: Vec<Command>,
    /// Agents whose commands are refused until `mab yolo unlock`
    locked: Vec<String>,
}

/// What a person enabled.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
#[expect(clippy::struct_excessive_bools, reason = "an answer, fact by fact")]
struct InForce {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_s: Option<u32>,
    network: bool,
    elicitation: bool,
    quorum: u8,
    /// The digest of the settings that were signed with it
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assurance: Option<Assurance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled_at: Option<String>,
    expires_at: String,
    /// What it was signed as, in hexadecimal
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// Whether it holds now
    active: bool,
    /// Whether the approver that is enrolled signed it
    sound: bool,
}

/// What an agent wishes.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Wish {
    session_id: String,
    asked_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
    /// In seconds
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    trust: &'static str,
}

/// A command.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Command {
    run_id: String,
    session_id: String,
    state: RunState,
    created_at: String,
    expires_at: String,
    request_hash: String,
    /// In canonical form; absent when it is not what its hash says
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Value>,
    /// Agents that agreed
    votes: Vec<String>,
    trust: &'static str,
}

impl Op for Execution {
    const ACTION: Action = Action::ListRuns;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, now) = (call.bridge, call.bridge.clock.now());
        let id = arguments.conversation_id.map(|id| id.0);
        let mut states = bridge.store.execution(id).await?;
        let mut has_swept = false;
        for state in &states {
            has_swept |= ending::sweep(bridge, state).await?;
        }
        if has_swept {
            states = bridge.store.execution(id).await?;
        }
        let mut named = Vec::new();
        for id in arguments.runs.iter().take(NAMED_MAX) {
            named.extend(bridge.store.run(id.0).await?.map(|row| Named {
                run_id: row.id.to_string(),
                conversation_id: row.conversation.to_string(),
                session_id: row.session.to_string(),
                state: row.state,
            }));
        }
        let approver = bridge.store.approver().await?;
        let key = approver.and_then(|row| telling::sound(bridge, &row));
        let standing = |state: &ExecutionState| {
            let opener = telling::opener(bridge, state);
            standing(state, opener.as_ref(), key.as_ref(), now)
        };
        Ok(Answer { conversations: states.iter().map(standing).collect(), named })
    }
}

fn standing(
    state: &ExecutionState,
    opener: Option<&Opener>,
    key: Option<&ApproverKey>,
    now: Timestamp,
) -> Standing {
    Standing {
        conversation_id: state.conversation.to_string(),
        terms: state.terms.as_ref().map(|row| enabled(row, opener, key, now)),
        wishes: state.wishes.iter().map(|row| wish(row, opener)).collect(),
        runs: state.runs.iter().map(|row| run(row, opener, now)).collect(),
        locked: state.locked.iter().map(ToString::to_string).collect(),
    }
}

fn enabled(row: &TermsRow, opener: Option<&Opener>, key: Option<&ApproverKey>, now: Timestamp) -> InForce {
    let text = opener.and_then(|opener| terms_text(opener, &row.terms));
    let terms = text.as_deref().and_then(|text| Terms::parse(text).ok());
    let is_signed = |key: &ApproverKey| {
        key.bytes() == row.key && text.as_deref().is_some_and(|text| key.signed_terms(text, &row.signature))
    };
    let is_of = |terms: &Terms| {
        opener.is_some_and(|opener| terms.conversation == opener.conversation.to_string())
            && terms.expires_at() == row.expires_at
    };
    let sound = key.is_some_and(is_signed) && terms.as_ref().is_some_and(is_of);
    let terms = terms.as_ref();
    InForce {
        mode: terms.map(|terms| terms.mode),
        workspace: terms.map(|terms| terms.workspace.clone()),
        timeout_s: terms.and_then(|terms| terms.timeout_s),
        network: terms.is_some_and(|terms| terms.network),
        elicitation: terms.is_some_and(|terms| terms.elicitation),
        quorum: terms.map_or(0, |terms| terms.quorum),
        settings: terms.map(|terms| terms.settings.clone()),
        assurance: terms.map(|terms| terms.assurance),
        enabled_at: terms.map(|terms| Timestamp::from_millis(terms.enabled_at_ms).to_string()),
        expires_at: row.expires_at.to_string(),
        digest: text.as_deref().map(|text| hex::encode(Terms::digest(text))),
        active: sound && terms.is_some_and(|terms| terms.holds_at(now)),
        sound,
    }
}

fn wish(row: &WishRow, opener: Option<&Opener>) -> Wish {
    let open = |opener: &Opener| {
        let place = wish_place(opener.conversation, &row.session);
        serde_json::from_str::<Value>(&opener.key.open(&place, &row.body).ok()?.pop()?).ok()
    };
    let body = opener.and_then(open).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    Wish {
        session_id: row.session.to_string(),
        asked_at: row.asked_at.to_string(),
        mode: text("mode"),
        workspace: text("workspace"),
        timeout: body.get("timeout").and_then(Value::as_u64),
        trust: PEER,
    }
}

fn run(row: &RunRow, opener: Option<&Opener>, now: Timestamp) -> Command {
    let text = opener.and_then(|opener| request::read(opener, row)).map(|(text, _)| text);
    let is_over = match row.state {
        RunState::Pending => row.expires_at <= now,
        RunState::Approved => row.decided_at.is_none_or(|at| at.plus_seconds(VALID_S) <= now),
        RunState::Denied
        | RunState::Withdrawn
        | RunState::Expired
        | RunState::Running
        | RunState::Finished
        | RunState::Lost => false,
    };
    Command {
        run_id: row.id.to_string(),
        session_id: row.session.to_string(),
        state: if is_over { RunState::Expired } else { row.state },
        created_at: row.created_at.to_string(),
        expires_at: row.expires_at.to_string(),
        request_hash: hex::encode(row.hash),
        request: text.and_then(|text| serde_json::from_str(&text).ok()),
        votes: row.votes.iter().map(ToString::to_string).collect(),
        trust: PEER,
    }
}
