//! Starting a command: at once where nobody has to agree, else what was agreed to, prepared anew and held against the yes.

use std::sync::Arc;

use mab_core::{
    Code, Denied, Failure, RunId, Timestamp,
    audit::Detail,
    entity::{NewRun, RunRow, RunStart},
    execution::{Agreed, Asked, Assurance, RunState},
    limit::Kind,
};
use mab_exec::{Approved, Network, Prepared, Request};

use crate::{
    door::Call,
    running::{
        KIND,
        anew::{self, Anew},
        aside,
        filing::unrun,
        following::{Ended, Job, follow},
        looking::{Look, look},
        recorded, refuse, request, stale,
    },
    spending,
};

/// How long after its time is over a command may still be said to have ended.
const ENDING_S: u64 = 60;

/// Starts what nobody has to agree to.
///
/// # Errors
/// As [`mab_store::RunStore::request_run`].
pub(crate) async fn at_once(
    call: &Call<'_>,
    look: Look,
    (approved, request): (Approved, Request),
) -> Result<Ended, Failure> {
    let bridge = call.bridge;
    let id = RunId::draw(bridge.random.as_ref())?;
    let run = NewRun {
        id,
        request: request::seal(bridge, &look.opener, (&id.bytes(), &request))?,
        hash: *request.hash()?.digest().as_bytes(),
        state: RunState::Running,
        expires_at: lost_at(&request, bridge.clock.now()),
        quotas: bridge.quotas(),
    };
    let stamp = bridge.stamp(call.permit.clone(), KIND, Detail::default());
    bridge.store.request_run(stamp, run, None).await?;
    follow(call, job(look, (id, request), (approved, Assurance::Policy))).await
}

/// Starts what was agreed to. Everything is looked up anew: the answer took time.
///
/// # Errors
/// `approval_void` when anything changed since, or when it was used; `execution_disabled`, `execution_locked`, and as a
/// command is refused.
pub(crate) async fn agreed(call: &Call<'_>, row: &RunRow) -> Result<Ended, Failure> {
    let bridge = call.bridge;
    let look = recorded(call, look(call).await).await?;
    let (prepared, agreed) = match anew(call, &look, row).await {
        Err(Failure::Denied(denied)) if matches!(denied.code, Code::ApprovalVoid | Code::CommandDenied) => {
            // Nothing makes it good again: its agent asks anew, and finds no request in its way.
            stale::end(call, &look.opener, (row, &denied.message)).await?;
            return Err(refuse(call, denied).await);
        }
        outcome => recorded(call, outcome).await?,
    };
    let prepared = before_it_is_spent(call, prepared, row).await?;
    let request = prepared.request().clone();
    if !spending::spend(bridge, row.hash).await? {
        let hint = "look with check_messages whether another call of yours runs it; if not, wait until its five minutes are \
                    over, then call execute_command with the command again";
        return Err(refuse(call, void("it was used already").hint(hint)).await);
    }
    let lost_at = lost_at(&request, bridge.clock.now());
    // It was charged before.
    let stamp = bridge.stamp(call.permit.clone(), Kind::Operator, Detail::default());
    bridge.store.start_run(stamp, RunStart { id: row.id, agreed, lost_at }).await?;
    let approved = Approved::by_agreement(prepared, &agreed)?;
    follow(call, job(look, (row.id, request), (approved, agreed.assurance()))).await
}

/// Refuses for all that can be known to keep the command from starting now and to end by itself, and leaves the yes as good
/// as it was. What comes between this and the start still burns it: a pause, another command that takes the workspace, a
/// store that is held too long. The order stays: a yes may be lost, never used twice.
async fn before_it_is_spent(call: &Call<'_>, prepared: Prepared, row: &RunRow) -> Result<Prepared, Failure> {
    let bridge = call.bridge;
    bridge.store.charge(bridge.stamp(call.permit.clone(), KIND, Detail::default())).await?;
    let id = call.member()?.conversation;
    let good = |denied: Denied| Denied {
        message: format!("{}; the yes stays good until {}", denied.message, row.expires_at),
        ..denied
    };
    if let Some(pause) = bridge.store.conversation(id).await?.and_then(|state| state.pause) {
        let permission = call.permit.seat().map(|seat| seat.permission);
        return Err(refuse(call, good(pause.by.refusal(id, permission))).await);
    }
    let looked = aside("looking whether the workspace is free", move || Ok((prepared.look(), prepared)));
    match looked.await? {
        (Ok(()), prepared) => Ok(prepared),
        (Err(busy), _) => {
            let hint = "wait retry_after_s seconds, then call again with the same command, or with its approval_token";
            Err(refuse(call, good(busy.hint(hint))).await)
        }
    }
}

/// Prepares the stored request anew, and judges the yes to it.
async fn anew(call: &Call<'_>, look: &Look, row: &RunRow) -> Result<(Prepared, Agreed), Failure> {
    let bridge = call.bridge;
    let stored = request::open(&look.opener, row).ok_or_else(|| void("it cannot be read"))?;
    if stored.profile.network == Network::Host && !look.enabled.terms.network {
        return Err(void("the network is not enabled any more").into());
    }
    let consent = row.consent.as_ref().ok_or_else(|| void("nobody agreed to it"))?;
    let again = Anew::of(&stored, &look.bench).ok_or_else(|| void("it cannot be read"))?;
    let bench = look.bench.clone();
    let prepared = aside("preparing a command anew", move || {
        let prepared = bench.executor.prepare(&again.ask, &bench.workspace, again.made_at, again.nonce);
        Ok(prepared.map_err(|outcome| unrun(&outcome))?)
    });
    let prepared = prepared.await?;
    let hash = *prepared.hash().digest().as_bytes();
    if hash != row.hash {
        return Err(void(&anew::difference(&look.bench, &stored, prepared.request())).into());
    }
    let asked = Asked {
        run: &row.id.to_string(),
        hash,
        mode: stored.mode,
        terms: &look.enabled.terms,
        key: &look.enabled.key,
        now: bridge.clock.now(),
        uptime: bridge.clock.uptime(),
    };
    let agreed = Agreed::judge(&asked, consent)?;
    Ok((prepared, agreed))
}

fn job(look: Look, (id, request): (RunId, Request), (approved, assurance): (Approved, Assurance)) -> Job {
    let Look { opener, bench, enabled, .. } = look;
    let (executor, until) = (Arc::clone(&bench.executor), enabled.terms.expires_at());
    Job { executor, opener, id, request, approved, assurance, until }
}

fn lost_at(request: &Request, now: Timestamp) -> Timestamp {
    now.plus_seconds(u64::from(request.profile.limits.time_s).saturating_add(ENDING_S))
}

fn void(why: &str) -> Denied {
    Denied::new(Code::ApprovalVoid, format!("the approval cannot be used: {why}; nothing was run"))
        .hint("call execute_command with the command again, without approval_token, and ask anew")
}
