//! `mab resume`: lets the agents of a paused conversation send again.

use clap::Args;
use mab_core::ConversationId;
use serde::Deserialize;
use serde_json::json;

use crate::cli::{Exit, Trouble, Visible, arguments, operator::Operator, table::Page};

/// Arguments of `mab resume`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab show conv_0123456789abcdef --messages 20   what they talked about\n  \
    mab resume conv_0123456789abcdef\n\n\
    A conversation pauses when its agents have sent many messages without a human\n\
    or a change of status (loop_guard.messages), when a moderator pauses it, or by\n\
    `mab pause`. Resuming lifts any of these and counts their messages anew; on one\n\
    that is not paused it only does the latter.\n\
    Without a terminal each line is a field's name and value, tab-separated.")]
pub(crate) struct Resume {
    /// The conversation, conv_ and 16 hexadecimal digits.
    #[arg(value_parser = arguments::conversation)]
    conversation: ConversationId,
}

impl Resume {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let answer = operator.call("resume", json!({"conversation_id": self.conversation.to_string()}))?;
        operator.output.answer(answer, render)?;
        Ok(Exit::OK)
    }
}

#[derive(Deserialize)]
struct Resumed {
    conversation_id: String,
    was_paused: bool,
    was_paused_by: Option<String>,
}

fn render(resumed: &Resumed, page: &mut Page) {
    page.field("conversation", &Visible::line(&resumed.conversation_id));
    page.field("was paused", &Visible::line(if resumed.was_paused { "yes" } else { "no" }));
    if let Some(by) = &resumed.was_paused_by {
        page.field("was paused by", &Visible::line(by));
    }
    page.aside(if resumed.was_paused {
        "its agents can send again; tell them so, nothing else does"
    } else {
        "it was not paused; its messages are counted anew"
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn render_says_whether_it_was_paused() -> Result<(), serde_json::Error> {
        for (was_paused, said, told) in [(true, "yes", "can send again"), (false, "no", "was not paused")] {
            let by = was_paused.then_some("operator");
            let answer = json!({
                "conversation_id": "conv_0123456789abcdef", "was_paused": was_paused, "was_paused_by": by,
            });
            let resumed = serde_json::from_value(answer)?;
            let mut page = Page::new(None);
            render(&resumed, &mut page);
            let by = if was_paused { "was_paused_by\toperator\n" } else { "" };
            let expected = format!("conversation\tconv_0123456789abcdef\nwas_paused\t{said}\n{by}");
            assert_eq!(page.as_str(), expected);
            let mut person = Page::new(Some(80));
            render(&resumed, &mut person);
            assert!(person.as_str().contains(told), "{}", person.as_str());
        }
        Ok(())
    }
}
