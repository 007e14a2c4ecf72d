//! `mab remove`: ends an agent's place in a conversation.

use clap::Args;
use mab_core::{ConversationId, SessionId};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{Exit, Output, Trouble, Visible, arguments, operator::Operator, table::Page};

/// Arguments of `mab remove`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab show conv_0123456789abcdef       who is in it\n  \
    mab remove conv_0123456789abcdef c\n\n\
    Its token is void, its reserved files are free and a call of its that waits\n\
    ends. What it wrote stays. It cannot come back; its owner can invite another.\n\
    Without a terminal each line is a field's name and value, tab-separated.")]
pub(crate) struct Remove {
    /// The conversation, conv_ and 16 hexadecimal digits.
    #[arg(value_parser = arguments::conversation)]
    conversation: ConversationId,
    /// Whom.
    #[arg(value_parser = arguments::session)]
    agent: SessionId,
}

impl Remove {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let (conversation, agent) = (self.conversation.to_string(), self.agent.to_string());
        let answer = operator.call("remove", json!({"conversation_id": conversation, "agent": agent}))?;
        let has_owner = answer.get("has_owner").and_then(serde_json::Value::as_bool).unwrap_or_default();
        operator.output.answer(answer, render)?;
        if !has_owner {
            Output::talk(&format!(
                "warning: no owner is left to invite agents; `mab transfer {conversation} AGENT` makes one"
            ));
        }
        Ok(Exit::OK)
    }
}

#[derive(Deserialize)]
struct Removed {
    conversation_id: String,
    agent: String,
}

fn render(removed: &Removed, page: &mut Page) {
    page.field("conversation", &Visible::line(&removed.conversation_id));
    page.field("removed", &Visible::line(&removed.agent));
}
