//! `mab transfer`: makes an agent the owner of a conversation.

use clap::Args;
use mab_core::{ConversationId, SessionId};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{Exit, Trouble, Visible, arguments, operator::Operator, table::Page};

/// Arguments of `mab transfer`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab transfer conv_0123456789abcdef b   b is the owner from now on\n\n\
    Owners invite agents, keep order and read the audit trail. Every other owner\n\
    becomes a member.\n\
    Without a terminal each line is a field's name and value, tab-separated.")]
pub(crate) struct Transfer {
    /// The conversation, conv_ and 16 hexadecimal digits.
    #[arg(value_parser = arguments::conversation)]
    conversation: ConversationId,
    /// Who becomes the owner.
    #[arg(value_parser = arguments::session)]
    agent: SessionId,
}

impl Transfer {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let (conversation, agent) = (self.conversation.to_string(), self.agent.to_string());
        let answer = operator.call("transfer", json!({"conversation_id": conversation, "agent": agent}))?;
        operator.output.answer(answer, render)?;
        Ok(Exit::OK)
    }
}

#[derive(Deserialize)]
struct Transferred {
    conversation_id: String,
    owner: String,
}

fn render(transferred: &Transferred, page: &mut Page) {
    page.field("conversation", &Visible::line(&transferred.conversation_id));
    page.field("owner", &Visible::line(&transferred.owner));
    page.aside("its next call has the new permission; tell it so, nothing else does");
}
