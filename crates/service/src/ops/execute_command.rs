//! `execute_command`: has a command run, as far as a person enabled it; what needs a yes waits for it.

use mab_core::{
    Code, Denied, Failure, RunId,
    audit::Detail,
    entity::RunRow,
    execution::{Mode, RunState},
    policy::Action,
    visible::visible,
};
use mab_exec::{Decision, GitAccess, Network, Request, Verdict, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    door::{Call, Op},
    running::{
        KIND,
        answering::{Answered, Patience},
        became::{self, Became},
        filing,
        following::Ended,
        looking::{self, Look},
        recorded, refuse_with, request,
        showing::Shown,
        stale, starting,
        telling_all::Answerers,
    },
};

/// The operation.
pub(crate) struct ExecuteCommand;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// As one would type it
    #[serde(default)]
    command: Option<String>,
    /// Or its words
    #[serde(default)]
    argv: Option<Vec<String>>,
    /// Goes on with it
    #[serde(default)]
    approval_token: Option<String>,
    /// Only judge
    #[serde(default)]
    dry_run: bool,
    /// For a yes; default: long
    #[serde(default)]
    #[schemars(range(min = 0, max = 3600))]
    wait_seconds: Option<u64>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    state: State,
    /// What to do next
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_hash: Option<String>,
    /// Names this request again, and nothing else
    #[serde(skip_serializing_if = "Option::is_none")]
    approval_token: Option<String>,
    /// When it is too late for an answer
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(flatten)]
    ended: Option<Shown>,
    #[serde(flatten)]
    considered: Option<Considered>,
}

/// How the call ended.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum State {
    /// See the outcome.
    Finished,
    /// It ran before this call.
    Ran,
    /// It runs on.
    Running,
    /// It waits for an answer.
    Pending,
    /// It was taken back.
    Withdrawn,
    /// Nothing was run or asked for.
    DryRun,
}

/// What would become of a command.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Considered {
    /// allow: at once; ask: after a yes
    verdict: Foreseen,
    why: String,
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<Needs>,
}

/// A verdict, or why there is none.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Foreseen {
    /// At once.
    Allow,
    /// After a yes.
    Ask,
    /// Not at all.
    Deny,
    /// Not here: the sandbox is missing.
    #[serde(rename = "sandbox_unavailable")]
    SandboxUnavailable,
}

/// What a command would get.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Needs {
    folder: String,
    writes: bool,
    commits: bool,
    network: bool,
    tier: String,
    timeout_s: u32,
    programs: Vec<String>,
}

impl Op for ExecuteCommand {
    const ACTION: Action = Action::Execute;
    const RECORDS_REFUSED_SECRETS: bool = true;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let patience = Patience::begin(&call, arguments.wait_seconds).await?;
        let (token, wanted) = (arguments.approval_token.clone(), wanted(&arguments)?);
        if let Some(token) = token.as_deref() {
            let ended = became::of_token(&call, token, wanted.as_ref()).await;
            if let Some(ended) = recorded(&call, ended).await? {
                return recorded(&call, past(ended)).await;
            }
        }
        let mut look = recorded(&call, looking::look(&call).await).await?;
        let goes_on = look.goes_on(&call, token.as_deref(), wanted.as_ref());
        let goes_on = recorded(&call, goes_on).await?;
        if arguments.dry_run {
            let wanted = wanted.or(goes_on.map(|(_, request)| request.command)).ok_or_else(no_command)?;
            return consider(&call, &look, wanted).await;
        }
        let goes_on = match goes_on {
            Some(found) if token.is_none() => {
                recorded(&call, stale::still(&call, &mut look, found).await).await?
            }
            named => named,
        };
        let (id, request) = match goes_on {
            Some((row, request)) if row.state == RunState::Running => {
                return Ok(running((row.id, &request.hash()?.to_string()), ELSEWHERE));
            }
            Some((row, request)) => (row.id, request),
            None => match begin(&call, look, wanted.ok_or_else(no_command)?).await? {
                Begun::Ended(ended) => return Ok(ended),
                Begun::Asks(back, id, request) => {
                    look = back;
                    (id, *request)
                }
            },
        };
        match patience.answered(&call, &look, (id, &request)).await? {
            Answered::Yes(row) => Ok(ended(starting::agreed(&call, &row).await?)),
            Answered::NotYet(row) => {
                let session = &call.member()?.session;
                let token = call.bridge.request_tokens.of(id, &row.hash, session)?;
                let answerers = Answerers::of(&look.enabled.terms, &request);
                Ok(pending(&row, token, &answerers))
            }
            Answered::Became(became) => past(became),
            Answered::TakenBack => {
                Ok(Answer { run_id: Some(id.to_string()), ..Answer::new(State::Withdrawn) })
            }
        }
    }
}

/// What became of a command that was asked for just now.
enum Begun {
    /// Nobody had to agree.
    Ended(Answer),
    /// Somebody has to.
    Asks(Look, RunId, Box<Request>),
}

/// Judges a command, and starts or files it.
async fn begin(call: &Call<'_>, look: Look, wanted: Wanted) -> Result<Begun, Failure> {
    recorded(call, request::without_secrets(call, &wanted).await).await?;
    let asked = request::denied(&look.opener, &wanted)?;
    let prepared = match filing::prepare(call, &look, wanted).await {
        Err(Failure::Denied(denied)) if denied.code == Code::CommandDenied => {
            return Err(refuse_with(call, denied, asked).await);
        }
        prepared => recorded(call, prepared).await?,
    };
    let request = prepared.request().clone();
    match prepared.allowed() {
        Ok(approved) => Ok(Begun::Ended(ended(starting::at_once(call, look, (approved, request)).await?))),
        Err(prepared) => {
            let id = filing::file(call, &look, &prepared).await?;
            Ok(Begun::Asks(look, id, Box::new(request)))
        }
    }
}

/// Says what would become of a command.
async fn consider(call: &Call<'_>, look: &Look, wanted: Wanted) -> Result<Answer, Failure> {
    let bridge = call.bridge;
    bridge.store.charge(bridge.stamp(call.permit.clone(), KIND, Detail::default())).await?;
    recorded(call, request::without_secrets(call, &wanted).await).await?;
    let mode = look.enabled.terms.mode;
    let mut next = None;
    let considered = match filing::consider(call, look, wanted).await? {
        Ok((verdict, request)) => {
            let why = bridge.redact_alone(&verdict.reason)?;
            Considered {
                verdict: Foreseen::of(&verdict),
                why: visible(why.as_str(), &[]),
                mode,
                needs: Some(Needs::of(&request)),
            }
        }
        Err(Denied { code: Code::Internal, .. }) => {
            return Err(mab_core::Fault::new("considering a command").into());
        }
        Err(Denied { code, message, hint, .. }) => {
            let is_missing = code == Code::SandboxUnavailable;
            let verdict = if is_missing { Foreseen::SandboxUnavailable } else { Foreseen::Deny };
            next = hint.filter(|_| is_missing);
            Considered { verdict, why: message, mode, needs: None }
        }
    };
    Ok(Answer { next, considered: Some(considered), ..Answer::new(State::DryRun) })
}

impl Foreseen {
    const fn of(verdict: &Verdict) -> Self {
        match verdict.decision {
            Decision::Allow => Self::Allow,
            Decision::Ask => Self::Ask,
            Decision::Deny => Self::Deny,
        }
    }
}

impl Needs {
    fn of(request: &Request) -> Self {
        let profile = &request.profile;
        Self {
            folder: visible(&profile.workspace.to_string_lossy(), &[]),
            writes: profile.writable,
            commits: profile.git == GitAccess::Commit,
            network: profile.network == Network::Host,
            tier: request.tier.name().to_owned(),
            timeout_s: profile.limits.time_s,
            programs: request.binaries.iter().map(|binary| visible(&binary.path, &[])).collect(),
        }
    }
}

impl Answer {
    const fn new(state: State) -> Self {
        Self {
            state,
            next: None,
            run_id: None,
            request_hash: None,
            approval_token: None,
            expires_at: None,
            ended: None,
            considered: None,
        }
    }
}

fn ended(ended: Ended) -> Answer {
    match ended {
        Ended::Finished(id, over) => Answer {
            run_id: Some(id.to_string()),
            request_hash: Some(over.finished.request_hash.to_string()),
            ended: Some(Shown::of(&over)),
            ..Answer::new(State::Finished)
        },
        Ended::StillRunning(id, hash) => running((id, &hash.to_string()), HERE),
    }
}

/// What this call cannot change any more. What ran is told as far as it is recorded.
fn past(became: Became) -> Result<Answer, Failure> {
    match became {
        Became::Void(row, void) => Err(void.refusal(row).into()),
        Became::Runs(row) => Ok(running((row.id, &hex::encode(row.hash)), ELSEWHERE)),
        Became::Ran(ran) => Ok(Answer {
            run_id: Some(ran.row.id.to_string()),
            request_hash: Some(hex::encode(ran.row.hash)),
            next: Some(ran.next()),
            ended: Some(Shown::recorded(*ran)),
            ..Answer::new(State::Ran)
        }),
    }
}

/// What to do about a command that this call ran.
const HERE: &str = "it runs on: its result comes as a message from system, with check_messages";

/// About one that another call began, maybe in a process that is no more.
const ELSEWHERE: &str = "it runs on, or the server that ran it died: its result, or that it was lost, comes as a message from \
                         system, with check_messages";

fn running((id, hash): (RunId, &str), next: &str) -> Answer {
    Answer {
        run_id: Some(id.to_string()),
        request_hash: Some(hash.to_owned()),
        next: Some(next.to_owned()),
        ..Answer::new(State::Running)
    }
}

fn pending(row: &RunRow, token: String, answerers: &Answerers) -> Answer {
    let others = match answerers.words() {
        Some(others) => format!("{others} may answer, or your user: "),
        None => String::new(),
    };
    Answer {
        run_id: Some(row.id.to_string()),
        request_hash: Some(hex::encode(row.hash)),
        approval_token: Some(token),
        expires_at: Some(row.expires_at.to_string()),
        next: Some(format!(
            "{others}tell your user to run `mab approve {}`; then call execute_command with this approval_token, which waits again",
            row.id
        )),
        ..Answer::new(State::Pending)
    }
}

/// The command that was given; none where only a token was.
fn wanted(arguments: &Arguments) -> Result<Option<Wanted>, Denied> {
    let wanted = match (&arguments.command, &arguments.argv) {
        (Some(text), None) => Wanted::Text(text.clone()),
        (None, Some(words)) => Wanted::Argv(vec![words.clone()]),
        (None, None) if arguments.approval_token.is_some() => return Ok(None),
        (None, None) => return Err(no_command()),
        (Some(_), Some(_)) => {
            return Err(Denied::new(Code::InvalidArguments, "command and argv: give one of them")
                .hint("call again with command as text, or argv as a list of words"));
        }
    };
    wanted.check().map_err(|denied| match &denied.hint {
        Some(hint) => Denied { hint: Some(format!("{hint}, and call again")), ..denied },
        None => denied,
    })?;
    Ok(Some(wanted))
}

fn no_command() -> Denied {
    Denied::new(Code::InvalidArguments, "there is no command")
        .hint("call again with command as text, or argv as a list of words")
}
