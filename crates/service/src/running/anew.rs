//! A stored request made once more, from what is there now: whether it still is the same one.

use mab_core::{Failure, Timestamp};
use mab_exec::{Ask, Request};

use crate::{
    Bench,
    running::{aside, filing::unrun, looking::VALID_S},
};

/// What makes a stored request once more: the same one, with the same hash, while nothing changed.
pub(crate) struct Anew {
    /// What is asked of the executor.
    pub(crate) ask: Ask,
    /// When it was made.
    pub(crate) made_at: Timestamp,
    /// What no other request has.
    pub(crate) nonce: [u8; 16],
}

impl Anew {
    /// Of a request that was read as its row's own; none when it is none that was made here.
    pub(crate) fn of(stored: &Request, bench: &Bench) -> Option<Self> {
        let mut nonce = [0; 16];
        hex::decode_to_slice(&stored.nonce, &mut nonce).ok()?;
        let ask = Ask {
            mode: stored.mode,
            wanted: stored.command.clone(),
            conversation: stored.conversation.clone(),
            agent: stored.agent.clone(),
            limits: bench.limits,
            network: stored.profile.network,
            preview: false,
            valid_s: VALID_S,
        };
        Some(Self { ask, made_at: stored.created_at, nonce })
    }

    /// The request as it would be made now. Nothing is saved or run.
    ///
    /// # Errors
    /// `command_denied`, `sandbox_unavailable`.
    pub(crate) async fn consider(self, bench: &Bench) -> Result<Request, Failure> {
        let bench = bench.clone();
        aside("looking at a request again", move || {
            let considered = bench.executor.consider(&self.ask, &bench.workspace, self.made_at, self.nonce);
            let (_, request) = considered.map_err(|outcome| unrun(&outcome))?;
            Ok(request)
        })
        .await
    }
}

/// What of a request is not as it was, in words that may quote file names.
pub(crate) fn difference(bench: &Bench, stored: &Request, now: &Request) -> String {
    let file = bench.executor.changed(stored, now);
    file.unwrap_or_else(|| "a program, the folder, the policy or a setting changed since".to_owned())
}
