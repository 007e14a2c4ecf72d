//! `mab held`: messages that wait to be released.

use clap::Args;
use mab_core::ConversationId;
use serde::Deserialize;
use serde_json::json;

use crate::cli::{
    Exit, Output, Trouble, Visible, arguments,
    operator::Operator,
    output::CAREFUL,
    table::{Column, Page, Table, absent},
};

/// Arguments of `mab held`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab held\n  \
    mab held conv_0123456789abcdef --after 120 --json\n\n\
    Looking changes nothing. Text written by agents is shown with control characters\n\
    escaped. Without a terminal each message is one line of tab-separated cells:\n\
    conversation, message id, from, for, since, type, message, files; then damaged\n\
    and its seq for each that was changed in the store.")]
pub(crate) struct Held {
    /// Only this conversation.
    #[arg(value_parser = arguments::conversation)]
    conversation: Option<ConversationId>,
    /// Only those after this one (its seq).
    #[arg(long, value_name = "SEQ", default_value_t = 0, requires = "conversation")]
    after: u64,
    /// Most messages to print, oldest first.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl Held {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let asked = json!({
            "conversation_id": self.conversation.map(|id| id.to_string()), "after_seq": self.after,
            "limit": self.limit,
        });
        operator.output.answer(operator.call("held", asked)?, |listing: &Listing, page| {
            render(listing, page);
            if listing.messages.is_empty() && listing.damaged.is_empty() {
                Output::talk("no messages wait");
            } else if listing.more {
                Output::talk("there are more; --after goes on in one conversation, --limit shows more");
            }
        })?;
        Ok(Exit::OK)
    }
}

#[derive(Deserialize)]
struct Listing {
    messages: Vec<Row>,
    #[serde(default)]
    damaged: Vec<u64>,
    more: bool,
}

#[derive(Deserialize)]
struct Row {
    conversation_id: String,
    message_id: String,
    from: String,
    to: Vec<String>,
    held_at: String,
    action_type: String,
    message: String,
    files_involved: Option<Vec<String>>,
}

fn render(listing: &Listing, page: &mut Page) {
    let row = |row: &Row| {
        let files = row.files_involved.as_deref().unwrap_or_default();
        vec![
            Visible::line(&row.conversation_id),
            Visible::line(&row.message_id),
            Visible::line(&row.from),
            Visible::line(&row.to.join(", ")),
            page.moment(Some(&row.held_at)),
            Visible::line(&row.action_type),
            page.body(&row.message),
            if files.is_empty() { absent() } else { page.body(&files.join("\n")) },
        ]
    };
    let rows: Vec<_> = listing.messages.iter().map(row).collect();
    if !rows.is_empty() {
        page.table(&Table {
            kind: None,
            columns: &[
                Column::Id("conversation"),
                Column::Id("message id"),
                Column::Whole("from"),
                Column::Whole("for"),
                Column::Whole("since (UTC)"),
                Column::Whole("type"),
                Column::Text("message"),
                Column::Text("files"),
            ],
            rows,
        });
        page.aside("`mab release CONVERSATION MESSAGE_ID` delivers one; --reject refuses it");
    }
    for seq in &listing.damaged {
        if page.for_person() {
            page.line(&format!("{CAREFUL}damaged{CAREFUL:#}  message {seq} was changed in the store"));
        } else {
            page.line(&format!("damaged\t{seq}"));
        }
    }
}
