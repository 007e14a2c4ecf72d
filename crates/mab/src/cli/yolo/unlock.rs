//! `mab yolo unlock`: lets an agent ask again whose commands were denied three times.

use clap::Args;
use mab_core::{ConversationId, SessionId};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{
    Exit, Trouble, Visible, arguments, calls::Calls, operator::Operator, person::Person, unlocking,
};

/// Arguments of `mab yolo unlock`.
#[derive(Debug, Args)]
pub(super) struct Unlock {
    /// The conversation.
    #[arg(value_parser = arguments::conversation)]
    conversation: ConversationId,
    /// The agent's handle.
    #[arg(value_parser = arguments::session)]
    agent: SessionId,
}

impl Unlock {
    pub(super) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let person = Person::at_terminal(operator.environment)?;
        let calls = Calls::open(operator)?;
        drop(unlocking::unlock(&person, &calls)?);
        let whom = json!({
            "conversation_id": self.conversation.to_string(), "session_id": self.agent.to_string(),
        });
        let answer = calls.call("execution_unlock", whom)?;
        operator.output.answer(answer, |done: &Done, page| {
            page.field("agent", &Visible::line(&done.session_id));
            page.aside(if done.changed { "it may ask for commands again" } else { "it was not locked" });
        })?;
        Ok(Exit::OK)
    }
}

#[derive(Deserialize)]
struct Done {
    session_id: String,
    changed: bool,
}
