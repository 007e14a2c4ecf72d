//! `mab release`: delivers held messages, or refuses them.

use clap::Args;
use mab_core::{Code, ConversationId, Denied, MessageId};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{
    Exit, Output, Trouble, Visible, arguments,
    operator::Operator,
    table::{Column, Page, Table, optional},
};

/// Arguments of `mab release`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab held conv_0123456789abcdef                     what waits\n  \
    mab release conv_0123456789abcdef msg_7_0123456789abcdef\n  \
    mab release conv_0123456789abcdef --all --reject\n\n\
    A rejected message is never delivered; its sender is told. With --all what cannot\n\
    be released stays held and is said; the exit code then is that of the first.\n\
    Without a terminal each message is one line of tab-separated cells: released,\n\
    rejected or kept, message id, recipients, why it was kept.")]
pub(crate) struct Release {
    /// The conversation, conv_ and 16 hexadecimal digits.
    #[arg(value_parser = arguments::conversation)]
    conversation: ConversationId,
    /// The message, as `mab held` names it.
    #[arg(value_name = "MESSAGE_ID", value_parser = message, required_unless_present = "all")]
    message: Option<MessageId>,
    /// Every message that waits.
    #[arg(long, conflicts_with = "message")]
    all: bool,
    /// Refuse instead: it is never delivered.
    #[arg(long)]
    reject: bool,
}

fn message(text: &str) -> Result<MessageId, String> {
    text.parse().map_err(|denied: Denied| denied.message)
}

impl Release {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let asked = json!({
            "conversation_id": self.conversation.to_string(), "reject": self.reject,
            "message_id": self.message.map(|id| id.to_string()),
        });
        let answer = operator.call("release", asked)?;
        let exit = exit(&answer);
        let done = if self.reject { "rejected" } else { "released" };
        operator.output.answer(answer, |judged: &Judged, page| {
            render(judged, done, page);
            if judged.messages.is_empty() && judged.kept.is_empty() {
                Output::talk("no messages wait");
            } else if !judged.kept.is_empty() && !self.reject {
                Output::talk("what nobody can receive any more goes out of the way with --reject");
            }
        })?;
        Ok(exit)
    }
}

/// The exit code of the first message that stays held; 0 when none does.
fn exit(answer: &serde_json::Value) -> Exit {
    let code = answer.pointer("/kept/0/code").and_then(serde_json::Value::as_str);
    let code = code.and_then(|name| Code::ALL.into_iter().find(|code| code.name() == name));
    code.map_or(Exit::OK, Exit::refused)
}

#[derive(Deserialize)]
struct Judged {
    messages: Vec<Done>,
    #[serde(default)]
    kept: Vec<Kept>,
}

#[derive(Deserialize)]
struct Done {
    message_id: String,
    recipients: Vec<String>,
}

#[derive(Deserialize)]
struct Kept {
    message_id: String,
    message: String,
}

fn render(judged: &Judged, done: &str, page: &mut Page) {
    let row = |what: &str, id: &str, recipients: &[String], why: Option<&str>| {
        let recipients = recipients.join(", ");
        let recipients = Some(recipients.as_str()).filter(|names| !names.is_empty());
        vec![Visible::line(what), Visible::line(id), optional(recipients), optional(why)]
    };
    let released = judged.messages.iter().map(|one| row(done, &one.message_id, &one.recipients, None));
    let kept = judged.kept.iter().map(|one| row("kept", &one.message_id, &[], Some(&one.message)));
    let rows: Vec<_> = released.chain(kept).collect();
    if !rows.is_empty() {
        let columns = &[
            Column::Whole("what"),
            Column::Id("message id"),
            Column::Text("recipients"),
            Column::Text("why"),
        ];
        page.table(&Table { kind: None, columns, rows });
    }
}
