//! A command that is asked for: judged and prepared, and filed for a person when somebody has to agree.

use mab_core::{
    Code, Denied, Failure, RunId,
    audit::Detail,
    entity::NewRun,
    execution::{PENDING_S, RunState},
    source::draw,
};
use mab_exec::{Ask, Decision, Layer, Network, Outcome, Prepared, Request, Verdict, Wanted};

use crate::{
    door::Call,
    notices::notice,
    running::{
        KIND, aside,
        looking::Look,
        request,
        telling_all::{self, Answerers},
    },
};

/// Judges a command and prepares it: without network what may run at once, else as the terms allow.
///
/// # Errors
/// `command_denied`, `sandbox_unavailable`; not recorded.
pub(crate) async fn prepare(call: &Call<'_>, look: &Look, wanted: Wanted) -> Result<Prepared, Failure> {
    let mut ask = look.ask(call, wanted)?;
    let (bench, reaches_out) = (look.bench.clone(), look.enabled.terms.network);
    let (now, nonce) = (call.bridge.clock.now(), draw(call.bridge.random.as_ref())?);
    aside("preparing a command", move || {
        let prepare = |ask: &Ask| bench.executor.prepare(ask, &bench.workspace, now, nonce);
        let prepared = prepare(&ask).map_err(|outcome| unrun(&outcome))?;
        if !reaches_out || prepared.verdict().decision != Decision::Ask {
            return Ok(prepared);
        }
        ask.network = Network::Host;
        Ok(prepare(&ask).map_err(|outcome| unrun(&outcome))?)
    })
    .await
}

/// What would become of a command. Nothing is saved, filed or run.
///
/// # Errors
/// A fault of ours; what would not run is told, not refused.
pub(crate) async fn consider(
    call: &Call<'_>,
    look: &Look,
    wanted: Wanted,
) -> Result<Result<(Verdict, Request), Denied>, Failure> {
    let mut ask = look.ask(call, wanted)?;
    let (bench, reaches_out) = (look.bench.clone(), look.enabled.terms.network);
    let (now, nonce) = (call.bridge.clock.now(), draw(call.bridge.random.as_ref())?);
    aside("considering a command", move || {
        let consider = |ask: &Ask| bench.executor.consider(ask, &bench.workspace, now, nonce);
        let considered = match consider(&ask) {
            Ok((verdict, _)) if reaches_out && verdict.decision == Decision::Ask => {
                ask.network = Network::Host;
                consider(&ask)
            }
            considered => considered,
        };
        Ok(considered.map_err(|outcome| unrun(&outcome)))
    })
    .await
}

/// Files a request that somebody has to agree to, and tells everybody.
///
/// # Errors
/// `secret_refused`, and as [`mab_store::RunStore::request_run`].
pub(crate) async fn file(call: &Call<'_>, look: &Look, prepared: &Prepared) -> Result<RunId, Failure> {
    let (bridge, asked) = (call.bridge, prepared.request());
    let id = RunId::draw(bridge.random.as_ref())?;
    // An answer after that would be one to nothing.
    let expires_at = asked.created_at.plus_seconds(PENDING_S).min(look.enabled.terms.expires_at());
    let run = NewRun {
        id,
        request: request::seal(bridge, &look.opener, (&id.bytes(), asked))?,
        hash: *prepared.hash().digest().as_bytes(),
        state: RunState::Pending,
        expires_at,
        quotas: bridge.quotas(),
    };
    let answerers = Answerers::of(&look.enabled.terms, asked);
    let told = notice(bridge, &look.opener, &telling_all::asked(id, asked, (expires_at, &answerers)))?;
    let stamp = bridge.stamp(call.permit.clone(), KIND, Detail::default());
    bridge.store.request_run(stamp, run, Some(told)).await?;
    Ok(id)
}

/// What was not run, as a refusal.
pub(crate) fn unrun(outcome: &Outcome) -> Denied {
    match outcome {
        Outcome::Denied { layer: Layer::Expired, reason } => {
            Denied::new(Code::ApprovalVoid, format!("{reason}; nothing was run"))
                .hint("call execute_command with the command again, without approval_token")
        }
        Outcome::Denied { layer, reason } => {
            let message = format!("{}: {reason}; nothing was run", layer.as_str());
            Denied::new(Code::CommandDenied, message).hint(
                "call execute_command with what the reason suggests; or propose it with send_to_partner, action_type \
                 proposal",
            )
        }
        Outcome::SandboxUnavailable { reason } => {
            Denied::new(Code::SandboxUnavailable, format!("{reason}; nothing was run"))
                .hint("tell your user: `mab doctor` shows which sandboxes are here and what is missing")
        }
        // Neither comes of preparing.
        Outcome::Exited { .. } | Outcome::Killed { .. } => {
            Denied::new(Code::Internal, "the command was not prepared")
        }
    }
}
