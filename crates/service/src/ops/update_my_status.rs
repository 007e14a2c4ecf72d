//! `update_my_status`: says what the agent is doing.

use mab_core::{Failure, agent::Status, audit::Detail, limit::Kind, policy::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::Note,
    bridge::Findings,
    door::{Call, Op, agent_place},
};

/// The operation.
pub(crate) struct UpdateMyStatus;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    status: Status,
    /// Shown to the others; replaces the last one
    #[serde(default)]
    note: Option<Note>,
}

/// Its answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    status: Status,
    at: String,
}

impl Op for UpdateMyStatus {
    const ACTION: Action = Action::UpdateStatus;
    type Arguments = Arguments;
    type Answer = Answer;

    async fn run(call: Call<'_>, arguments: Arguments) -> Result<Answer, Failure> {
        let (bridge, opener, member) = (call.bridge, call.opener()?, call.member()?);
        let mut found = Findings::new();
        let note = match &arguments.note {
            Some(note) => {
                let place = agent_place(member.conversation, &member.session, "note");
                Some(opener.key.seal(
                    bridge.random.as_ref(),
                    &place,
                    &[&bridge.redact(note.0.as_str(), &mut found)?],
                )?)
            }
            None => None,
        };
        let stamp = bridge.stamp(call.permit, Kind::Change, Detail::default().counts("redacted", &found));
        let at = bridge.store.set_status(stamp, arguments.status, note).await?;
        Ok(Answer { status: arguments.status, at: at.to_string() })
    }
}
