//! A request that cannot run any more, because something it is about is not as it was: it ends at once, so that it keeps no
//! place and stands in nobody's way of asking anew.

use mab_core::{Code, Failure, audit::Detail, entity::RunRow, limit::Kind};
use mab_exec::Request;

use crate::{
    door::Call,
    notices::notice,
    reading::Opener,
    running::{
        anew::{self, Anew},
        looking::{Look, look},
        telling_all,
    },
    spending,
};

/// What the entry of the chain says of such an end, under [`WHY`].
pub(crate) const STALE: &str = "stale";
/// Where it says so.
pub(crate) const WHY: &str = "why";

/// The open request to go on with: this one while it is the same as when it was asked for. If not, it ends, and there is
/// none, unless another call of the agent was quicker and asked anew.
///
/// # Errors
/// `rate_limited`, and as [`look`] refuses.
pub(crate) async fn still(
    call: &Call<'_>,
    looked: &mut Look,
    (row, request): (RunRow, Request),
) -> Result<Option<(RunRow, Request)>, Failure> {
    let bridge = call.bridge;
    bridge.store.charge(bridge.stamp(call.permit.clone(), Kind::Read, Detail::default())).await?;
    let Some(again) = Anew::of(&request, &looked.bench) else { return Ok(Some((row, request))) };
    let why = match again.consider(&looked.bench).await {
        Ok(now) if now.hash()?.digest().as_bytes() == &row.hash => return Ok(Some((row, request))),
        Ok(now) => anew::difference(&looked.bench, &request, &now),
        Err(Failure::Denied(denied)) if denied.code == Code::CommandDenied => denied.message,
        // A sandbox may come back: it waits on.
        Err(Failure::Denied(_)) => return Ok(Some((row, request))),
        Err(fault) => return Err(fault),
    };
    if end(call, &looked.opener, (&row, &why)).await? {
        return Ok(None);
    }
    *looked = look(call).await?;
    looked.goes_on(call, None, Some(&request.command))
}

/// Ends a request of the agent that cannot run any more, and tells everybody why. Says whether it was still open.
///
/// It is not charged: of each that was asked for, which is, it happens once.
pub(crate) async fn end(
    call: &Call<'_>,
    opener: &Opener,
    (row, why): (&RunRow, &str),
) -> Result<bool, Failure> {
    let bridge = call.bridge;
    let told = notice(bridge, opener, &telling_all::stale(row, why))?;
    let stamp = bridge.stamp(call.permit.clone(), Kind::Operator, Detail::default().name(WHY, STALE));
    spending::end_run(bridge, row).await;
    match bridge.store.withdraw_run(stamp, row.id, told).await {
        Ok(()) => Ok(true),
        Err(Failure::Denied(denied)) if denied.code == Code::ApprovalVoid => Ok(false),
        Err(failure) => Err(failure),
    }
}
