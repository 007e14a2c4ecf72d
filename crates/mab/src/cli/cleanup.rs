//! `mab cleanup`: destroys what has expired.

use serde::Deserialize;
use serde_json::json;

use crate::cli::{Exit, Trouble, Visible, operator::Operator, output::CAREFUL, table::Page};

pub(crate) fn run(operator: &Operator<'_>) -> Result<Exit, Trouble> {
    let answer = operator.call("cleanup", json!({}))?;
    operator.output.answer(answer, render)?;
    Ok(Exit::OK)
}

#[derive(Deserialize)]
struct Destroyed {
    conversations: u64,
    messages: u64,
    log_emptied: bool,
}

fn render(destroyed: &Destroyed, page: &mut Page) {
    page.field("conversations", &destroyed.conversations.into());
    page.field("messages", &destroyed.messages.into());
    page.field("log emptied", &Visible::line(if destroyed.log_emptied { "yes" } else { "no" }));
    if !destroyed.log_emptied {
        page.aside(&format!(
            "{CAREFUL}another process was reading, so old pages remain in the log file{CAREFUL:#}; run it again later"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn render_for_a_program_is_three_fields() -> Result<(), serde_json::Error> {
        let mut page = Page::new(None);
        let answer = json!({"conversations": 2, "messages": 31, "log_emptied": true});
        render(&serde_json::from_value(answer)?, &mut page);
        assert_eq!(page.as_str(), "conversations\t2\nmessages\t31\nlog_emptied\tyes\n");
        Ok(())
    }
}
