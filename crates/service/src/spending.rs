//! What is used up or ended, noted outside of the store before the store says so: a process that is killed in between, and a
//! store that is brought back from a copy, leave nothing that can start.

use mab_core::{
    Code, Denied, Failure,
    entity::{ExecutionState, RunRow},
    execution::Terms,
};

use crate::{Bridge, running::aside, sealing::terms_text, telling};

/// Takes note that this was used; says whether it was not before.
///
/// # Errors
/// When it cannot be noted: then nothing may start.
pub(crate) async fn spend(bridge: &Bridge, digest: [u8; 32]) -> Result<bool, Failure> {
    let ledger = bridge.spent.clone().ok_or_else(nowhere)?;
    aside("taking note of what is used up", move || ledger.spend(&digest)).await
}

/// Whether this was used, or ended.
///
/// # Errors
/// When nobody can tell.
pub(crate) async fn is_spent(bridge: &Bridge, digest: [u8; 32]) -> Result<bool, Failure> {
    let ledger = bridge.spent.clone().ok_or_else(nowhere)?;
    aside("looking up what is used up", move || ledger.is_spent(&digest)).await
}

/// Takes note that a request ends without having run. It ends all the same when that cannot be noted: less is always
/// possible. Says whether it was noted.
pub(crate) async fn end_run(bridge: &Bridge, row: &RunRow) -> bool {
    !row.state.is_open() || end(bridge, row.hash).await
}

/// As [`end_run`], of all that is open in a conversation, and of what is enabled there.
pub(crate) async fn end_all(bridge: &Bridge, state: &ExecutionState) -> bool {
    let opener = telling::opener(bridge, state);
    let terms = state.terms.as_ref().zip(opener).and_then(|(row, opener)| terms_text(&opener, &row.terms));
    let mut noted = match terms {
        Some(text) => end(bridge, Terms::digest(&text)).await,
        None => true,
    };
    for row in &state.runs {
        noted &= end_run(bridge, row).await;
    }
    noted
}

async fn end(bridge: &Bridge, digest: [u8; 32]) -> bool {
    match spend(bridge, digest).await {
        Ok(_) => true,
        Err(error) => {
            tracing::error!(%error, "what ends cannot be noted outside of the store: a copy of it brings it back");
            false
        }
    }
}

fn nowhere() -> Denied {
    Denied::new(Code::ExecutionDisabled, "what is used up cannot be noted here; nothing was run")
        .hint("tell your user: the server was started without a place for it")
}
