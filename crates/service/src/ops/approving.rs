//! What agents with the permission `approver` do about others' commands, through `moderate`: see them, agree, refuse. Only
//! where a person wanted that, never about their own, and never in mode `yolo`.

use mab_core::{
    Code, Denied, Failure, RunId,
    audit::Detail,
    entity::{RunAnswer, RunRow, Says},
    execution::{Mode, RunState},
    limit::Kind,
    visible::visible,
};
use mab_exec::{Digest, GitAccess, Link, Network, Obeyed, Plan, Request, Step};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Bridge,
    door::Call,
    notices::notice,
    reading::{Opener, PEER},
    running::{
        anew::{self, Anew},
        became,
        enabled::{Enabled, enabled},
        ending, recorded, request,
        showing::is_zero,
        telling_all,
    },
};

/// What waits.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Requests {
    /// Commands that wait, oldest first
    requests: Vec<Asked>,
    /// Agents that are enough; 0: only a person
    quorum: u8,
}

/// A command that waits.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Asked {
    run_id: String,
    session_id: String,
    expires_at: String,
    request_hash: String,
    mode: Mode,
    /// What is run, one word by one
    commands: Vec<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shell: Option<String>,
    folder: String,
    writes: bool,
    commits: bool,
    network: bool,
    timeout_s: u32,
    /// Their digests as they were asked about
    programs: Vec<Pinned>,
    /// Of the folder: it runs or obeys these
    obeys: Vec<Pinned>,
    /// More that do not fit here: only a person agrees
    #[serde(skip_serializing_if = "is_zero")]
    obeys_left_out: u64,
    /// Names that nobody looked at
    #[serde(skip_serializing_if = "is_zero")]
    not_compared: u64,
    /// May run other code of the folder
    #[serde(skip_serializing_if = "Vec::is_empty")]
    code_of: Vec<String>,
    /// Who agreed
    votes: Vec<String>,
    trust: &'static str,
}

/// A file, and what was in it when the command was asked for.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Pinned {
    path: String,
    /// None: not compared
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

/// How an answer was taken.
pub(crate) struct Taken {
    /// How the command stands then.
    pub(crate) state: RunState,
    /// Why nobody looked whether the files are as they were.
    pub(crate) unlooked: Option<String>,
}

/// The commands that wait in the agent's conversation.
pub(crate) async fn list(call: &Call<'_>) -> Result<Requests, Failure> {
    let (bridge, opener) = (call.bridge, call.opener()?);
    bridge.store.charge(bridge.stamp(call.permit.clone(), Kind::Read, Detail::default())).await?;
    let state = ending::settled(bridge, opener.conversation).await?;
    let quorum = match enabled(bridge, &opener, state.as_ref()).await {
        Ok(enabled) => enabled.terms.quorum,
        Err(Failure::Denied(_)) => 0,
        Err(fault) => return Err(fault),
    };
    let waiting = state.into_iter().flat_map(|state| state.runs).filter(|row| row.state == RunState::Pending);
    let requests = waiting.filter_map(|row| Some(Asked::of(&row, &request::open(&opener, &row)?))).collect();
    Ok(Requests { requests, quorum })
}

/// Agrees to a command of another agent, or refuses it; returns how it stands then.
///
/// # Errors
/// `execution_disabled`, `approval_void` when it does not wait, is another than `hash` says or would be another one now,
/// `forbidden`.
pub(crate) async fn answer(
    call: &Call<'_>,
    (id, hash): (RunId, Option<&str>),
    agrees: bool,
) -> Result<Taken, Failure> {
    let (bridge, opener) = (call.bridge, call.opener()?);
    let session = call.member()?.session.clone();
    let (row, request, enabled) = recorded(call, find(call, &opener, (id, hash)).await).await?;
    let unlooked =
        if agrees { recorded(call, unlooked(bridge, (&row, &request), &enabled).await).await? } else { None };
    let quorum = enabled.terms.quorum;
    let (says, told) = if agrees {
        let votes = row.votes.iter().filter(|voter| **voter != session).count() + 1;
        (Says::Vote { quorum }, telling_all::voted((id, &row.session), &session, (votes, quorum)))
    } else {
        (Says::No { reason: None, locking: None }, telling_all::refused((id, &row.session), &session))
    };
    let answer = RunAnswer {
        conversation: opener.conversation,
        id,
        hash: row.hash,
        says,
        uptime: bridge.clock.uptime(),
    };
    let told = notice(bridge, &opener, &told)?;
    let state = bridge.store.answer_run(call.keeping_order(), answer, told).await?;
    Ok(Taken { state, unlooked })
}

/// Looks whether the command would still be the one that was asked for. This server may not be able to: then, why not.
///
/// # Errors
/// `approval_void` when it would be another one, `forbidden` when it could not be shown whole.
async fn unlooked(
    bridge: &Bridge,
    (row, stored): (&RunRow, &Request),
    enabled: &Enabled,
) -> Result<Option<String>, Failure> {
    if fitting(stored) < stored.obeys.files.len() {
        return Err(not_by_agents("it obeys more files than can be shown here", row.id).into());
    }
    let bench = match enabled.bench(bridge, row.conversation).await {
        Err(Failure::Denied(denied)) if denied.code != Code::ApprovalVoid => return Ok(Some(denied.message)),
        bench => bench?,
    };
    let again = Anew::of(stored, &bench).ok_or_else(|| void("it was changed in the database"))?;
    match again.consider(&bench).await {
        Ok(now) if is_same(stored, &now) => Ok(None),
        Ok(now) => {
            let why = anew::difference(&bench, stored, &now);
            Err(void(&format!("it would not run any more: {why}")).into())
        }
        Err(Failure::Denied(denied)) if denied.code == Code::CommandDenied => {
            Err(void(&format!("it would not run any more: {}", denied.message)).into())
        }
        Err(Failure::Denied(denied)) => Ok(Some(denied.message)),
        Err(fault) => Err(fault),
    }
}

/// Whether they are the same but for what two servers may well have otherwise: values of variables, and the sandbox with the
/// programs in it. The server that runs it compares all.
fn is_same(stored: &Request, now: &Request) -> bool {
    let place = |of: &Request| (of.workspace_device.clone(), of.workspace_inode.clone());
    let programs = stored.tier != now.tier || (&stored.plan, &stored.binaries) == (&now.plan, &now.binaries);
    programs
        && stored.obeys == now.obeys
        && stored.policy_digest == now.policy_digest
        && place(stored) == place(now)
}

/// The command that may be answered.
async fn find(
    call: &Call<'_>,
    opener: &Opener,
    (id, hash): (RunId, Option<&str>),
) -> Result<(RunRow, Request, Enabled), Failure> {
    let bridge = call.bridge;
    let state = ending::settled(bridge, opener.conversation).await?;
    let enabled = enabled(bridge, opener, state.as_ref()).await?;
    if enabled.terms.quorum == 0 {
        return Err(not_by_agents("no person wanted that agents answer here", id).into());
    }
    if !enabled
        .terms
        .approvers
        .iter()
        .any(|it| it == call.member().map_or("", |member| member.session.as_str()))
    {
        let why = "you are not among the approvers that a person named when commands were enabled here";
        return Err(not_by_agents(why, id).into());
    }
    let row = state.into_iter().flat_map(|state| state.runs).find(|row| row.id == id);
    let Some(row) = row else { return Err(gone(bridge, opener, id).await?.into()) };
    let asked = request::open(opener, &row).ok_or_else(|| void("it was changed in the database"))?;
    if asked.mode == Mode::Yolo {
        return Err(not_by_agents("in mode yolo only a person answers", id).into());
    }
    match hash {
        Some(hash) if hex::decode_to_slice(hash, &mut [0; 32]).is_err() => Err(no_hash().into()),
        Some(hash) if hash != hex::encode(row.hash) => {
            Err(void("this is the hash of another request").into())
        }
        // Only a no goes without.
        Some(_) | None => Ok((row, asked, enabled)),
    }
}

impl Asked {
    fn of(row: &RunRow, request: &Request) -> Self {
        let profile = &request.profile;
        let shell = match &request.plan {
            Plan::Shell(text) => Some(visible(text, &['\n'])),
            Plan::Steps(_) => None,
        };
        let commands = match &request.plan {
            Plan::Shell(_) => Vec::new(),
            Plan::Steps(steps) => steps.iter().flat_map(words).collect(),
        };
        let (files, shown) = (&request.obeys.files, fitting(request));
        Self {
            run_id: row.id.to_string(),
            session_id: row.session.to_string(),
            expires_at: row.expires_at.to_string(),
            request_hash: hex::encode(row.hash),
            mode: request.mode,
            commands,
            shell,
            folder: visible(&profile.workspace.to_string_lossy(), &[]),
            writes: profile.writable,
            commits: profile.git == GitAccess::Commit,
            network: profile.network == Network::Host,
            timeout_s: profile.limits.time_s,
            programs: request.binaries.iter().map(|it| Pinned::of(&it.path, Some(&it.sha256))).collect(),
            obeys: files.iter().take(shown).map(|it| Pinned::of(&it.name(), it.sha256.as_ref())).collect(),
            obeys_left_out: (files.len() - shown) as u64,
            not_compared: u64::from(request.obeys.more),
            code_of: request.obeys.code_of.iter().map(|name| visible(name, &[])).collect(),
            votes: row.votes.iter().map(ToString::to_string).collect(),
            trust: PEER,
        }
    }
}

impl Pinned {
    fn of(path: &str, sha256: Option<&Digest>) -> Self {
        Self { path: visible(path, &[]), sha256: sha256.map(ToString::to_string) }
    }
}

/// How many of the files that a request obeys are shown: its agent chooses their names.
fn fitting(request: &Request) -> usize {
    let mut left = NAMES_MAX_BYTES;
    let fits = |file: &&Obeyed| {
        let rest = left.checked_sub(file.name().len());
        left = rest.unwrap_or_default();
        rest.is_some()
    };
    request.obeys.files.iter().take_while(fits).count()
}

/// Most bytes of the names of files that a request obeys.
const NAMES_MAX_BYTES: usize = 8 * 1024;

/// The words of each command of a pipeline, each after what joins it to the one before.
fn words(step: &Step) -> impl Iterator<Item = Vec<String>> {
    let joined = match step.link {
        Link::Always => None,
        Link::AfterSuccess => Some("&&"),
        Link::AfterFailure => Some("||"),
    };
    step.pipeline.iter().enumerate().map(move |(number, argv)| {
        let before = if number == 0 { joined } else { Some("|") };
        let own = std::iter::once(&argv.program).chain(&argv.arguments);
        before.map(str::to_owned).into_iter().chain(own.map(|word| visible(word, &[]))).collect()
    })
}

fn void(why: &str) -> Denied {
    Denied::new(Code::ApprovalVoid, format!("{why}; nothing was changed"))
        .hint("moderate with action requests lists what waits")
}

/// The refusal of an answer to what does not wait here any more, or never did.
async fn gone(bridge: &Bridge, opener: &Opener, id: RunId) -> Result<Denied, Failure> {
    let row = bridge.store.run(id).await?.filter(|row| row.conversation == opener.conversation);
    let Some(row) = row else { return Ok(void("no such command waits here")) };
    Ok(void(&became::of(bridge, opener, row).await?.in_short()))
}

fn no_hash() -> Denied {
    Denied::new(
        Code::InvalidArguments,
        "request_hash must be the 64 hexadecimal digits of the request you read",
    )
    .hint("moderate with action requests shows it: read the command there, then call again")
}

fn not_by_agents(why: &str, id: RunId) -> Denied {
    Denied::new(Code::Forbidden, why).hint(format!("tell your user, who answers with `mab approve {id}`"))
}
