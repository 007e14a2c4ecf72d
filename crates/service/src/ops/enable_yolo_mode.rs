//! `enable_yolo_mode`: an agent's wish that a person enables commands. By itself it enables nothing, ever.

use mab_core::{
    Code, Denied, Failure,
    audit::Detail,
    entity::{ExecutionState, NewWish},
    execution::{Mode, TIMEOUT_MAX_S},
    limit::Kind,
    policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    door::{Call, Op},
    notices::notice,
    reading::Opener,
    running::{
        KIND, answering,
        enabled::{Enabled, enabled, workbench},
        ending, looking, recorded, refuse, telling_all,
    },
    screening::{Part, Screen},
    sealing::wish_place,
};

/// Longest path of a workspace, in bytes (`PATH_MAX` of Linux).
const WORKSPACE_MAX_BYTES: usize = 4_096;

/// The operation.
pub(crate) struct EnableYoloMode;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    mode: Wished,
    /// Absolute
    #[serde(default)]
    workspace: Option<String>,
    /// Seconds per command
    #[serde(default)]
    #[schemars(range(min = 1, max = 1800))]
    timeout: Option<u32>,
    #[serde(default)]
    sandbox: Option<bool>,
}

/// What is wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Wished {
    /// Reads.
    Safe,
    /// Reads, and development after a yes.
    Restricted,
    /// Anything, after a yes.
    Yolo,
    /// Nothing any more.
    Disabled,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    state: State,
    /// What to do next
    next: String,
    /// What a person enabled
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<Holds>,
}

/// What became of the wish.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum State {
    /// A person may enable it.
    Requested,
    /// A person has enabled as much.
    Enabled,
    /// The wish and all open requests were taken back.
    Withdrawn,
}

/// What a person enabled.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Holds {
    mode: Mode,
    workspace: String,
    network: bool,
    expires_at: String,
}

/// A wish, as it is stored.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Wish {
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u32>,
}

impl Op for EnableYoloMode {
    const ACTION: Action = Action::AskExecution;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, opener) = (call.bridge, call.opener()?);
        let wish = wish(arguments)?;
        recorded(&call, workbench(bridge, opener.conversation).map(drop).map_err(Failure::from)).await?;
        let state = ending::settled(bridge, opener.conversation).await?;
        let holds = match enabled(bridge, &opener, state.as_ref()).await {
            Ok(enabled) => Some(enabled),
            Err(Failure::Denied(_)) => None,
            Err(fault) => return Err(fault),
        };
        let Some(wish) = wish else {
            take_back(&call, &opener, state).await?;
            return Ok(Answer::new(State::Withdrawn, &opener, holds));
        };
        let session = &call.member()?.session;
        if state.as_ref().is_some_and(|state| state.locked.contains(session)) {
            return Err(refuse(&call, looking::locked(opener.conversation, session)).await);
        }
        if holds.as_ref().is_some_and(|enabled| covers(enabled, &wish)) {
            return Ok(Answer::new(State::Enabled, &opener, holds).next(String::from(
                "call execute_command; what it asks for waits for your user's yes to that command",
            )));
        }
        if stored(&opener, state.as_ref(), session).is_none_or(|known| known != wish) {
            file(&call, &opener, &wish).await?;
        }
        Ok(Answer::new(State::Requested, &opener, holds).next(format!(
            "nothing is enabled by this: tell your user to run `mab yolo enable {} --wish {session}` at a terminal",
            opener.conversation
        )))
    }
}

impl Answer {
    fn new(state: State, opener: &Opener, holds: Option<Enabled>) -> Self {
        let enabled = holds.map(|Enabled { terms, .. }| Holds {
            expires_at: terms.expires_at().to_string(),
            mode: terms.mode,
            workspace: terms.workspace,
            network: terms.network,
        });
        let next = match &enabled {
            Some(_) => format!(
                "what your user enabled stays until then, or `mab yolo disable {}`",
                opener.conversation
            ),
            None => "nothing is enabled here".to_owned(),
        };
        Self { state, next, enabled }
    }

    fn next(self, next: String) -> Self {
        Self { next, ..self }
    }
}

/// Reads a wish; none when the agent takes back what it wished.
fn wish(arguments: Arguments) -> Result<Option<Wish>, Denied> {
    let Arguments { mode, workspace, timeout, sandbox } = arguments;
    let refuse = |message: &str, hint: &str| {
        Err(Denied::new(Code::InvalidArguments, message.to_owned()).hint(format!("call again {hint}")))
    };
    if sandbox == Some(false) {
        return refuse("commands run in a sandbox, always", "without sandbox");
    }
    if timeout.is_some_and(|seconds| !(1..=TIMEOUT_MAX_S).contains(&seconds)) {
        return refuse("timeout must be 1 to 1800 seconds", "with less");
    }
    if let Some(path) = &workspace {
        let is_path = path.starts_with('/')
            && path.len() <= WORKSPACE_MAX_BYTES
            && !path.chars().any(char::is_control)
            && !path.split('/').any(|part| part == "..");
        if !is_path {
            return refuse("workspace must be an absolute path", "with the whole path of a folder");
        }
    }
    let mode = match mode {
        Wished::Disabled => return Ok(None),
        Wished::Safe => Mode::Safe,
        Wished::Restricted => Mode::Restricted,
        Wished::Yolo => Mode::Yolo,
    };
    Ok(Some(Wish { mode, workspace, timeout }))
}

/// Whether as much is enabled as is wished.
fn covers(enabled: &Enabled, wish: &Wish) -> bool {
    let terms = &enabled.terms;
    wish.mode <= terms.mode
        && wish.workspace.as_ref().is_none_or(|folder| *folder == terms.workspace)
        && wish.timeout.is_none_or(|seconds| terms.timeout_s.is_none_or(|most| seconds <= most))
}

/// What the agent wishes already.
fn stored(opener: &Opener, state: Option<&ExecutionState>, session: &mab_core::SessionId) -> Option<Wish> {
    let row = state?.wishes.iter().find(|row| row.session == *session)?;
    let text = opener.key.open(&wish_place(opener.conversation, session), &row.body).ok()?.pop()?;
    serde_json::from_str(&text).ok()
}

async fn file(call: &Call<'_>, opener: &Opener, wish: &Wish) -> Result<(), Failure> {
    let (bridge, session) = (call.bridge, &call.member()?.session);
    let text = serde_json::to_string(wish)
        .map_err(|source| mab_core::Fault::from_source("writing a wish", source))?;
    let mut screen = Screen::of(call, &[&text]).await?;
    let body = screen.redact(&text, Part::Text)?;
    if body.as_str() != text {
        return Err(Denied::new(Code::SecretRefused, "the workspace's path holds a secret")
            .hint("call again without workspace: your user names the folder")
            .into());
    }
    let body =
        opener.key.seal(bridge.random.as_ref(), &wish_place(opener.conversation, session), &[&body])?;
    let told = telling_all::wished(
        (&opener.conversation.to_string(), session),
        (wish.mode, wish.workspace.as_deref(), wish.timeout),
    );
    let told = notice(bridge, opener, &told)?;
    let stamp = bridge.stamp(call.permit.clone(), Kind::Change, Detail::default());
    bridge.store.wish(stamp, Some(NewWish { body, quotas: bridge.quotas() }), told).await
}

/// Takes back the agent's wish and its open requests; what a person enabled stays.
async fn take_back(call: &Call<'_>, opener: &Opener, state: Option<ExecutionState>) -> Result<(), Failure> {
    let (bridge, session) = (call.bridge, &call.member()?.session);
    let has_wish = state.as_ref().is_some_and(|state| state.wishes.iter().any(|row| row.session == *session));
    if has_wish {
        let told = notice(bridge, opener, &telling_all::unwished(session))?;
        let stamp = bridge.stamp(call.permit.clone(), KIND, Detail::default());
        bridge.store.wish(stamp, None, told).await?;
    }
    for (row, _) in looking::own(call, opener, state)? {
        if row.state.is_open() {
            match answering::withdraw(call, opener, &row).await {
                // It has just been answered, or its time is over.
                Err(Failure::Denied(denied)) if denied.code == Code::ApprovalVoid => {}
                outcome => outcome?,
            }
        }
    }
    Ok(())
}
