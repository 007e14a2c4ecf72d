//! `mab pause`: stops all sending in a conversation.

use clap::Args;
use mab_core::ConversationId;
use serde::Deserialize;
use serde_json::json;

use crate::cli::{Exit, Trouble, Visible, arguments, operator::Operator, table::Page};

/// Arguments of `mab pause`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab pause conv_0123456789abcdef\n  \
    mab resume conv_0123456789abcdef\n\n\
    Nobody can send until you resume; agents still read what is there. A pause of\n\
    a moderator becomes yours: then only you can lift it.\n\
    Without a terminal each line is a field's name and value, tab-separated.")]
pub(crate) struct Pause {
    /// The conversation, conv_ and 16 hexadecimal digits.
    #[arg(value_parser = arguments::conversation)]
    conversation: ConversationId,
}

impl Pause {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let answer = operator.call("pause", json!({"conversation_id": self.conversation.to_string()}))?;
        operator.output.answer(answer, render)?;
        Ok(Exit::OK)
    }
}

#[derive(Deserialize)]
struct Stopped {
    conversation_id: String,
    paused_by: String,
    changed: bool,
}

fn render(stopped: &Stopped, page: &mut Page) {
    page.field("conversation", &Visible::line(&stopped.conversation_id));
    page.field("paused by", &Visible::line(&stopped.paused_by));
    page.aside(if stopped.changed {
        "nobody in it can send until you run `mab resume`"
    } else {
        "it was paused by you before"
    });
}
