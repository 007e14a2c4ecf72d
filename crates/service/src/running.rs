//! Running commands for agents: from an agent's call to the message that tells everybody how the command ended.
//!
//! ```text
//! look (terms, bench, own requests) ─► considered ─► prepared ──allow──────────────► started ─► told
//!                                                        └─ask─► filed ─► answered ─┘
//! ```
//! *look* reads what a person enabled, at every command anew; *started* prepares the stored request anew, so that a changed
//! byte, program, folder or policy voids the yes; *told* is done by the bridge itself, whatever became of the caller.
//!
//! Nothing here depends on the memory of the process: after a restart the same call goes on where the last one was. It may
//! not judge a command, nor an approval: `mab_exec` and [`mab_core::execution::Agreed`] do.

pub(crate) mod anew;
pub(crate) mod answering;
pub(crate) mod became;
pub(crate) mod enabled;
pub(crate) mod ending;
pub(crate) mod filing;
pub(crate) mod following;
pub(crate) mod looking;
pub(crate) mod over;
pub(crate) mod request;
pub(crate) mod showing;
pub(crate) mod stale;
pub(crate) mod standing;
pub(crate) mod starting;
pub(crate) mod telling_all;

use mab_core::{Denied, Failure, audit::Detail, limit::Kind};

use crate::door::Call;

/// What asking for a command costs.
pub(crate) const KIND: Kind = Kind::Execute;

/// Refuses what was decided outside of a transaction, as if it had been in one: it is charged and recorded.
pub(crate) async fn recorded<T>(call: &Call<'_>, outcome: Result<T, Failure>) -> Result<T, Failure> {
    match outcome {
        Err(Failure::Denied(denied)) => Err(refuse(call, denied).await),
        other => other,
    }
}

/// As [`recorded`], for one refusal.
pub(crate) async fn refuse(call: &Call<'_>, denied: Denied) -> Failure {
    refuse_with(call, denied, Detail::default()).await
}

/// As [`refuse`]; the entry tells this, too.
pub(crate) async fn refuse_with(call: &Call<'_>, denied: Denied, detail: Detail) -> Failure {
    let stamp = call.bridge.stamp(call.permit.clone(), KIND, Detail::default());
    call.bridge.store.deny(stamp.refused_with(detail), denied).await
}

/// Does what takes a while, where waiting is allowed.
pub(crate) async fn aside<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panicked| Err(mab_core::Fault::from_source(what, panicked).into()))
}
