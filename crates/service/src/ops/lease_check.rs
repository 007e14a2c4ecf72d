//! `lease_check`: whether files are reserved by somebody else, for the operator's scripts and hooks.

use mab_core::{
    Code, ConversationId, Denied, Failure, SessionId,
    entity::ConversationState,
    lease::{Lease, ProjectPath},
    policy::Action,
    token::{Claim, Token},
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
    /// Where to look and who asks; when none holds, every active conversation, and nobody's leases are one's own
    #[serde(default)]
    seats: Vec<Seat>,
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
    /// What must open the seat for it to hold; default: it holds
    #[serde(default)]
    token: Option<String>,
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
async fn held(bridge: &Bridge, seats: Vec<Seat>) -> Result<Vec<(ConversationId, Lease)>, Failure> {
    let mut states: Vec<ConversationState> = Vec::new();
    let mut own: Vec<(ConversationId, SessionId)> = Vec::new();
    let mut holds = false;
    for seat in seats {
        let id = seat.conversation_id.0;
        match standing(bridge, &seat).await? {
            Standing::Holds => {
                holds = true;
                own.extend(seat.session_id.map(|session| (id, session.0)));
            }
            Standing::Lost => {}
            Standing::Gone => continue,
        }
        if !states.iter().any(|state| state.id == id) {
            states.extend(places(bridge, Some(id)).await?);
        }
    }
    check_names(&states, &own)?;
    if !holds {
        states = places(bridge, None).await?;
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

/// Refuses a seat that nobody has: every lease would count as somebody else's.
fn check_names(states: &[ConversationState], own: &[(ConversationId, SessionId)]) -> Result<(), Denied> {
    let exists = |(id, session): &&(ConversationId, SessionId)| {
        states
            .iter()
            .any(|state| state.id == *id && state.agents.iter().any(|agent| agent.session == *session))
    };
    match own.iter().find(|seat| !exists(seat)) {
        None => Ok(()),
        Some((id, session)) => Err(Denied::new(Code::NotFound, format!("no agent {session} in {id}"))
            .hint(format!("`mab show {id}` lists its agents"))),
    }
}

/// What a seat is worth now.
enum Standing {
    /// Its leases are one's own.
    Holds,
    /// Whoever lost its seat still works beside the others, but no lease is its own.
    Lost,
    /// There is nobody left to work beside, or never was.
    Gone,
}

async fn standing(bridge: &Bridge, seat: &Seat) -> Result<Standing, Failure> {
    let (Some(session), Some(token)) = (&seat.session_id, &seat.token) else { return Ok(Standing::Holds) };
    let (conversation, session) = (seat.conversation_id.0, session.0.clone());
    let member = bridge.store.member(conversation, &session).await?;
    let claim = Claim { conversation, session, token: Token::presented(token.as_str()) };
    match bridge.tokens.authenticate(&claim, member.as_ref(), bridge.clock.now()) {
        Ok(_) => Ok(Standing::Holds),
        Err(Failure::Denied(denied)) if matches!(denied.code, Code::TokenRotated | Code::Revoked) => {
            Ok(Standing::Lost)
        }
        Err(Failure::Denied(_)) => Ok(Standing::Gone),
        Err(fault) => Err(fault),
    }
}
