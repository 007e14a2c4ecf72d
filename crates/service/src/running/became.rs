//! What became of a request that waits no more, in one table: for the agent that comes back with its token, for one that
//! waited meanwhile, and for approvers who answer too late. It is read from the command's row and from the entry of the
//! chain that ended it; nothing here changes anything.

use mab_core::{
    Code, Denied, Failure, RunId, Timestamp,
    entity::RunRow,
    execution::{Assurance, RunState, VALID_S},
};
use mab_exec::Wanted;
use mab_store::AuditQuery;
use serde_json::Value;

use crate::{
    Bridge,
    door::Call,
    ops::audit::DONE,
    reading::Opener,
    running::{
        enabled::enabled,
        ending,
        looking::{another, unlocks},
        over::Stopped,
        request,
        stale::{STALE, WHY},
        telling_all::quoted,
    },
    sealing::reason_place,
};

/// How much later than the row the chain may date the same end, in seconds, after the clock was set back.
const APART_S: u64 = 60;
/// Most entries of that time that are looked through.
const ENTRIES_MAX: u32 = 1_000;
/// To ask anew.
const ANEW: &str = "call execute_command with the command, without approval_token";

/// What became of a request.
pub(crate) enum Became {
    /// It ran.
    Ran(Box<Ran>),
    /// It runs.
    Runs(Box<RunRow>),
    /// It never ran, or nobody knows what it did.
    Void(RunId, Void),
}

/// What is recorded of a command that ran.
pub(crate) struct Ran {
    /// Its row.
    pub(crate) row: RunRow,
    /// In a word.
    pub(crate) outcome: String,
    /// When it exited.
    pub(crate) exit_code: Option<i32>,
    /// Why it was ended, as far as that is recorded.
    pub(crate) reason: Option<&'static str>,
    /// Wall-clock milliseconds.
    pub(crate) duration_ms: u64,
    /// The message that told everybody.
    pub(crate) message: Option<String>,
}

/// Why a request cannot run any more.
pub(crate) struct Void {
    code: Code,
    /// In a few words.
    what: String,
    next: String,
    /// Why, quoted from who refused it: for who asked for it, and for nobody else.
    why: Option<String>,
}

/// What became of the agent's request that this token names; none when it names none that has ended.
///
/// # Errors
/// `approval_void` when it belongs to another command.
pub(crate) async fn of_token(
    call: &Call<'_>,
    token: &str,
    wanted: Option<&Wanted>,
) -> Result<Option<Became>, Failure> {
    let (bridge, member, opener) = (call.bridge, call.member()?, call.opener()?);
    ending::settled(bridge, member.conversation).await?;
    let ended = bridge.store.ended_runs(member.conversation_pk, member.agent_pk).await?;
    for row in ended {
        if bridge.request_tokens.is_of(token, row.id, &row.hash, &member.session)? {
            let stored = request::open(&opener, &row);
            if wanted.is_some_and(|wanted| stored.is_none_or(|stored| *wanted != stored.command)) {
                return Err(another().into());
            }
            return of(bridge, &opener, row).await.map(Some);
        }
    }
    Ok(None)
}

/// What became of a request that is not open any more.
pub(crate) async fn of(bridge: &Bridge, opener: &Opener, row: RunRow) -> Result<Became, Failure> {
    let ending = Ending::of(bridge, &row).await?;
    let at = row.ended_at.map(|at| format!(" at {at}")).unwrap_or_default();
    let void = |what: String| Void::new(Code::ApprovalVoid, what, format!("to ask anew, {ANEW}"));
    let void = match row.state {
        RunState::Finished => return Ok(Became::Ran(Box::new(ending.ran(row)))),
        RunState::Running => return Ok(Became::Runs(Box::new(row))),
        RunState::Denied => denied(bridge, opener, (&row, &ending, &at)).await?,
        RunState::Withdrawn => withdrawn(bridge, opener, (&row, &ending, &at)).await?,
        RunState::Expired => match row.decided_at {
            Some(decided) => void(format!(
                "it was agreed to at {decided}, and not started within {} minutes",
                VALID_S / 60
            )),
            None => void("nobody answered it in time".to_owned()),
        },
        RunState::Lost => Void {
            next: format!("look at the workspace and tell your user; only then, to ask anew, {ANEW}"),
            ..void(format!(
                "it was started{}, and its server died before it could say how it ended: it may have done anything from \
                 nothing to all",
                row.started_at.map(|at| format!(" at {at}")).unwrap_or_default()
            ))
        },
        // An open one becomes nothing: whoever asks has looked before.
        RunState::Pending | RunState::Approved => void("it waits".to_owned()),
    };
    Ok(Became::Void(row.id, void))
}

impl Void {
    /// The refusal of who asked for the command.
    pub(crate) fn refusal(self, id: RunId) -> Denied {
        let why =
            self.why.map(|why| format!(". Why, in the words of who denied it:\n{why}")).unwrap_or_default();
        Denied::new(self.code, format!("{id}: {}; nothing was run by this call{why}", self.what))
            .hint(self.next)
    }

    const fn new(code: Code, what: String, next: String) -> Self {
        Self { code, what, next, why: None }
    }
}

impl Became {
    /// The same in a few words, for who wants to answer it.
    pub(crate) fn in_short(self) -> String {
        match self {
            Self::Ran(_) => "it ran already".to_owned(),
            Self::Runs(_) => "it runs already".to_owned(),
            Self::Void(_, void) => void.what,
        }
    }
}

/// A request that was refused.
async fn denied(
    bridge: &Bridge,
    opener: &Opener,
    (row, ending, at): (&RunRow, &Ending, &str),
) -> Result<Void, Failure> {
    let who = match ending.actor.as_str() {
        "operator" => "the operator".to_owned(),
        "" => "somebody".to_owned(),
        "system" => format!("a form in the client of {}", row.session),
        agent => format!("{agent}, an approver,"),
    };
    let mut next = match &ending.message {
        Some(message) => format!("read why in {message} from system, with check_messages or search_messages"),
        None => "read why in the message from system, with check_messages".to_owned(),
    };
    next.push_str("; do not ask for the same again");
    let state = bridge.store.execution(Some(opener.conversation)).await?.pop();
    if state.is_some_and(|state| state.locked.contains(&row.session)) {
        let lifts = unlocks(opener.conversation, &row.session);
        next = format!("{next}. Too many of yours were denied, no more are taken: tell your user, {lifts}");
    }
    let place = row.id.bytes();
    let place = reason_place(row.conversation, &place);
    let reason = row.reason.as_ref().and_then(|sealed| opener.key.open(&place, sealed).ok());
    let why = reason.map(|reason| quoted(&reason.concat()));
    Ok(Void { why, ..Void::new(Code::CommandDenied, format!("{who} denied it{at}"), next) })
}

/// A request that was taken back, or ended with what was enabled.
async fn withdrawn(
    bridge: &Bridge,
    opener: &Opener,
    (row, ending, at): (&RunRow, &Ending, &str),
) -> Result<Void, Failure> {
    let what = match (ending.actor.as_str(), ending.action.as_str()) {
        (_, "disable_execution") => {
            format!("the operator ended what was enabled in this conversation{at}")
        }
        (_, "enable_execution") => {
            format!("the operator enabled commands anew{at}, which ends what was asked before")
        }
        ("system", _) => format!("too few of those who agreed are approvers still; it ended{at}"),
        (_, _) if ending.detail.get(WHY).and_then(Value::as_str) == Some(STALE) => {
            let told = ending.message.as_deref().unwrap_or("the message from system");
            format!("it was not what had been asked for any more, and ended{at}; {told} says why")
        }
        (actor, _) if actor == row.session.as_str() => format!("{actor} took it back{at}"),
        (_, "") => format!("it was taken back, or what was enabled ended{at}"),
        (actor, _) => format!("{actor} ended it{at}"),
    };
    let state = bridge.store.execution(Some(opener.conversation)).await?.pop();
    match enabled(bridge, opener, state.as_ref()).await {
        Ok(_) => Ok(Void::new(Code::ApprovalVoid, what, format!("to ask anew, {ANEW}"))),
        Err(Failure::Denied(Denied { code, hint, .. })) => {
            Ok(Void::new(code, what, hint.unwrap_or_default()))
        }
        Err(fault) => Err(fault),
    }
}

/// The entry of the chain that ended a command; empty when there is none.
#[derive(Default)]
struct Ending {
    actor: String,
    action: String,
    message: Option<String>,
    detail: Value,
}

impl Ending {
    async fn of(bridge: &Bridge, row: &RunRow) -> Result<Self, Failure> {
        let Some(at) = row.ended_at else { return Ok(Self::default()) };
        let query = AuditQuery {
            conversation: Some(row.conversation),
            outcome: Some(DONE.to_owned()),
            since: Some(at),
            until: Some(at.plus_seconds(APART_S)),
            limit: ENTRIES_MAX,
            ..AuditQuery::default()
        };
        let (run, mut of_all) = (row.id.to_string(), None);
        // Newest first: of those that end all, the oldest after what was done to this one last.
        for found in bridge.store.audit(query).await?.rows {
            let detail: Value = serde_json::from_str(&found.entry.detail).unwrap_or_default();
            let text = |name| detail.get(name).and_then(Value::as_str);
            let (is_of_it, is_end) = (text("run") == Some(&run), text("step") == Some(row.state.as_str()));
            let message = text("message").map(str::to_owned);
            let (actor, action) = (found.entry.actor, found.entry.action);
            let ends_all =
                matches!(action.as_str(), "disable_execution" | "enable_execution" | "remove" | "leave");
            let ending = Self { actor, action, message, detail };
            match (is_of_it, is_end) {
                (true, true) => return Ok(ending),
                (true, false) => break,
                (false, _) if ends_all && row.state == RunState::Withdrawn => of_all = Some(ending),
                (false, _) => {}
            }
        }
        Ok(of_all.unwrap_or_default())
    }

    fn ran(self, row: RunRow) -> Ran {
        let number = |name| self.detail.get(name).and_then(Value::as_i64);
        let word = self.detail.get("outcome").and_then(Value::as_str);
        let outcome = word.unwrap_or("unknown").to_owned();
        let is_ended = row.end_asked && outcome == "killed";
        Ran {
            exit_code: number("exit_code").and_then(|code| i32::try_from(code).ok()),
            reason: is_ended.then(|| Stopped::Operator.told().0),
            duration_ms: number("duration_ms").and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default(),
            message: self.message,
            outcome,
            row,
        }
    }
}

impl Ran {
    /// How sure it was that a person agreed.
    pub(crate) fn assurance(&self) -> Assurance {
        self.row.assurance.unwrap_or(Assurance::Policy)
    }

    /// When it ended.
    pub(crate) const fn ended_at(&self) -> Option<Timestamp> {
        self.row.ended_at
    }

    /// What its agent does next.
    pub(crate) fn next(&self) -> String {
        let message = self.message.as_deref().unwrap_or("the message that tells of its end");
        format!(
            "it ran before this call, once: what it printed is in {message} from system, with check_messages, or \
             search_messages when that was taken already; to run it again, {ANEW}"
        )
    }
}
