//! `deny_run`: refuses a command that waits, for the operator. Saying no needs no key.

use mab_core::{
    Code, Denied, Failure,
    entity::{RunAnswer, Says},
    execution::RunState,
    policy::Action,
    seal::Sealed,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    approve_run::{RunArgument, asked},
    list::{conversation, opener},
};
use crate::{
    arguments::{Bytes, Reason},
    door::{Call, Op},
    notices::notice,
    sealing::reason_place,
    spending, telling,
};

/// The operation.
pub(crate) struct DenyRun;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    run_id: RunArgument,
    /// The hash of what was shown
    request_hash: Bytes,
    /// Why; every member sees it
    #[serde(default)]
    reason: Option<Reason>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    run_id: String,
    /// How it stands now
    state: RunState,
    /// Whose commands are refused now, after too many that were denied
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<Locked>,
}

/// An agent whose commands are refused.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Locked {
    conversation_id: String,
    session_id: String,
}

impl Op for DenyRun {
    const ACTION: Action = Action::DenyRun;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, id) = (call.bridge, arguments.run_id.0);
        let run = asked(bridge, id).await?;
        if arguments.request_hash.0 != run.hash {
            return Err(Denied::new(Code::ApprovalVoid, "this is the hash of another request")
                .hint("`mab pending` shows what waits")
                .into());
        }
        let state = conversation(bridge, run.conversation).await?;
        let reason = arguments.reason.as_ref().map(|reason| reason.0.as_str());
        let opener = opener(bridge, &state).ok_or_else(telling::ended)?;
        let text = telling::denied(id, &run.session, reason);
        let told = notice(bridge, &opener, &text)?;
        let row = id.bytes();
        let place = reason_place(run.conversation, &row);
        let kept = reason.map(|reason| -> Result<Sealed, Failure> {
            let clean = bridge.redact_alone(reason)?;
            Ok(opener.key.seal(bridge.random.as_ref(), &place, &[&clean])?)
        });
        let locks = telling::locked(run.conversation, &run.session);
        let locking = Some(notice(bridge, &opener, &format!("{text}\n{locks}"))?);
        let answer = RunAnswer {
            conversation: run.conversation,
            id,
            hash: run.hash,
            says: Says::No { reason: kept.transpose()?, locking },
            uptime: bridge.clock.uptime(),
        };
        spending::end_run(bridge, &run).await;
        let state = bridge.store.answer_run(call.keeping_order(), answer, told).await?;
        let standing = bridge.store.execution(Some(run.conversation)).await?.pop();
        let is_locked = standing.is_some_and(|standing| standing.locked.contains(&run.session));
        let locked = is_locked.then(|| Locked {
            conversation_id: run.conversation.to_string(),
            session_id: run.session.to_string(),
        });
        Ok(Answer { run_id: id.to_string(), state, locked })
    }
}
