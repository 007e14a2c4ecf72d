//! `lease_check`: whether files are reserved by somebody else, for the operator's scripts and hooks.

use mab_core::{
    Code, ConversationId, Denied, Failure, SessionId,
    lease::{Lease, ProjectPath},
    policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::leases::Reserved;
use crate::{
    Bridge,
    arguments::{ConversationArgument, SessionArgument},
    door::{Call, Op},
    leasing::{current, places},
};

/// Most paths in one call.
const PATHS_MAX: usize = 100_000;
/// Most conflicts in one answer.
const CONFLICTS_MAX: usize = 1_000;

/// The operation.
pub(crate) struct LeaseCheck;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// From the project's root; a folder ends with /
    paths: Vec<String>,
    /// Where to look and who asks; default every active conversation, and nobody's leases are one's own
    #[serde(default)]
    seats: Option<Vec<Seat>>,
    /// Leave leases alone that are shared
    #[serde(default)]
    only_exclusive: bool,
}

/// A conversation, and who one is there.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Seat {
    conversation_id: ConversationArgument,
    /// Whose leases do not count
    #[serde(default)]
    session_id: Option<SessionArgument>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    conflicts: Vec<Taken>,
    /// Whether there are more
    more: bool,
}

/// A path and a lease on it.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Taken {
    path: String,
    #[serde(flatten)]
    lease: Reserved,
}

impl Op for LeaseCheck {
    const ACTION: Action = Action::Inspect;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let Arguments { paths, seats, only_exclusive } = arguments;
        if paths.len() > PATHS_MAX {
            let message = format!("{} paths are too many; at most {PATHS_MAX} are allowed", paths.len());
            return Err(Denied::new(Code::InvalidArguments, message).hint("check them in parts").into());
        }
        let parsed = paths.iter().map(|path| ProjectPath::parse(path)).collect::<Result<Vec<_>, _>>()?;
        let counts = |lease: &Lease| lease.exclusive || !only_exclusive;
        let held = held(call.bridge, seats).await?;
        let held: Vec<_> = held.iter().filter(|(_, lease)| counts(lease)).collect();
        let taken = paths.into_iter().zip(&parsed).flat_map(|(path, parsed)| {
            let covering = held.iter().filter(|(_, lease)| lease.pattern.covers(parsed));
            covering.map(move |(conversation, lease)| Taken {
                path: path.clone(),
                lease: Reserved::new(*conversation, lease),
            })
        });
        let mut conflicts: Vec<Taken> = taken.take(CONFLICTS_MAX + 1).collect();
        let more = conflicts.len() > CONFLICTS_MAX;
        conflicts.truncate(CONFLICTS_MAX);
        Ok(Answer { conflicts, more })
    }
}

/// Everybody else's leases.
async fn held(bridge: &Bridge, seats: Option<Vec<Seat>>) -> Result<Vec<(ConversationId, Lease)>, Failure> {
    let mut states = Vec::new();
    let mut own: Vec<(ConversationId, SessionId)> = Vec::new();
    match seats {
        None => states = places(bridge, None).await?,
        Some(seats) => {
            for seat in seats {
                let id = seat.conversation_id.0;
                own.extend(seat.session_id.map(|session| (id, session.0)));
                if !states.iter().any(|state: &mab_core::entity::ConversationState| state.id == id) {
                    states.extend(places(bridge, Some(id)).await?);
                }
            }
        }
    }
    let mut held = Vec::new();
    for state in &states {
        let of_others =
            |lease: &Lease| !own.iter().any(|(id, session)| (*id, session) == (state.id, &lease.holder));
        let current = current(bridge, state).await?;
        held.extend(current.into_iter().filter(of_others).map(|lease| (state.id, lease)));
    }
    Ok(held)
}
