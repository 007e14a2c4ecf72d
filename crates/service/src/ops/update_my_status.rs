//! `update_my_status`: says what the agent is doing.

use mab_core::{Failure, agent::Status, audit::Detail, limit::Kind, policy::Action};
use mab_redact::Redacted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::Note,
    door::{Call, Op, agent_place},
    screening::{self, Part, Screen, with_newest},
};

/// The operation.
pub(crate) struct UpdateMyStatus;

/// Its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    status: Status,
    /// Replaces the last one
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
        with_newest(&call, || update(&call, &arguments)).await
    }
}

async fn update(call: &Call<'_>, arguments: &Arguments) -> Result<Answer, Failure> {
    let (bridge, opener, member) = (call.bridge, call.opener()?, call.member()?);
    let text = arguments.note.as_ref().map(|note| note.0.as_str());
    let mut screen = Screen::of(call, text.as_slice()).await?;
    let place = agent_place(member.conversation, &member.session, "note");
    let seal = |note: Redacted| opener.key.seal(bridge.random.as_ref(), &place, &[&note]);
    let note = text.map(|text| screen.redact(text, Part::Text)).transpose()?.map(seal).transpose()?;
    let learned = screen.learned();
    let detail = Detail::default().counts("redacted", &screen.findings());
    let stamp = bridge.stamp(call.permit.clone(), Kind::Change, detail).learning(learned.clone());
    let at = bridge.store.set_status(stamp, arguments.status, note).await?;
    screening::stored(bridge, member, &learned, None);
    Ok(Answer { status: arguments.status, at: at.to_string() })
}
