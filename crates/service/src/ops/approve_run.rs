//! `approve_run`: takes in the yes that a person signed at a terminal, to one exact command.

use mab_core::{
    Code, Denied, Failure, RunId, Timestamp,
    entity::{RunAnswer, RunRow, Says},
    execution::{Approval, Assurance, RunState, VALID_S},
    limit::is_ahead,
    policy::Action,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    execution_enable::{approver, unsigned},
    list::{conversation, opener},
};
use crate::{
    Bridge,
    arguments::{Bytes, Named},
    door::{Call, Op},
    running::request,
    telling,
};

/// A command's name, as an argument.
pub(crate) type RunArgument = Named<RunId>;

/// The operation.
pub(crate) struct ApproveRun;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    run_id: RunArgument,
    /// The yes, as it was signed
    approval: String,
    /// The approver's signature
    signature: Bytes,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    run_id: String,
    /// How it stands now
    state: RunState,
    assurance: Assurance,
}

impl Op for ApproveRun {
    const ACTION: Action = Action::Approve;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, id) = (call.bridge, arguments.run_id.0);
        let run = asked(bridge, id).await?;
        let key = approver(bridge).await?;
        if !key.signed_approval(&arguments.approval, &arguments.signature.0) {
            return Err(unsigned().into());
        }
        let approval = Approval::parse(&arguments.approval)?;
        is_of(&approval, &run, bridge.clock.now())?;
        let state = conversation(bridge, run.conversation).await?;
        let opener = opener(bridge, &state).ok_or_else(telling::ended)?;
        if request::read(&opener, &run).is_none() {
            return Err(Denied::new(Code::ApprovalVoid, "the request was changed in the database")
                .hint("run `mab audit verify`; deny it, and let the agent ask again")
                .into());
        }
        let told = telling::to_all(bridge, &state, &telling::approved(id, &run.session, approval.assurance))?;
        let says = Says::Signed {
            text: arguments.approval,
            signature: arguments.signature.0,
            assurance: approval.assurance,
        };
        let answer = RunAnswer {
            conversation: run.conversation,
            id,
            hash: run.hash,
            says,
            uptime: bridge.clock.uptime(),
        };
        let state = bridge.store.answer_run(call.keeping_order(), answer, told).await?;
        Ok(Answer { run_id: id.to_string(), state, assurance: approval.assurance })
    }
}

/// A command that somebody asked for.
pub(crate) async fn asked(bridge: &Bridge, id: RunId) -> Result<RunRow, Failure> {
    let found = bridge.store.run(id).await?;
    found.ok_or_else(|| {
        Denied::new(Code::NotFound, "no such request").hint("`mab pending` shows what waits").into()
    })
}

/// Refuses a yes to something else, or one that was not given just now.
fn is_of(approval: &Approval, run: &RunRow, now: Timestamp) -> Result<(), Denied> {
    let void = |why: &str| {
        Denied::new(Code::ApprovalVoid, why).hint("`mab pending` shows what waits; approve it anew")
    };
    if approval.run != run.id.to_string() || approval.request_hash != hex::encode(run.hash) {
        return Err(void("the yes was given to another request"));
    }
    let at = Timestamp::from_millis(approval.at_ms);
    if is_ahead(at, now) || at.plus_seconds(approval.valid_s.min(VALID_S)) <= now {
        return Err(void("the yes is too old, or its clock was another one"));
    }
    if !approval.assurance.is_of_a_person() {
        return Err(void("the yes does not say that a person gave it"));
    }
    Ok(())
}
