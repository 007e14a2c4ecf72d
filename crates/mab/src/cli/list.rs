//! `mab list`: every conversation, newest first.

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use crate::cli::{
    Exit, Output, Trouble, Visible,
    allowed::Allowed,
    operator::Operator,
    table::{Column, Page, Table, optional},
};

/// Arguments of `mab list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab list\n  \
    mab list --all --json | jq -r '.conversations[].conversation_id'\n\n\
    Without a terminal each conversation is one line of tab-separated cells:\n\
    conversation, state, agents, messages, bytes, audit entries, created, expires,\n\
    topic, and how agents' commands stand: what is enabled, what waits for you.")]
pub(crate) struct List {
    /// Also those that expired or were cleaned up.
    #[arg(long)]
    all: bool,
    /// Most conversations to print.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl List {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let answer = operator.call("list", json!({"all": self.all, "limit": self.limit}))?;
        operator.output.answer(answer, |listing: &Listing, page| {
            render(listing, page);
            if listing.conversations.is_empty() {
                Output::talk(if self.all {
                    "no conversations yet"
                } else {
                    "no active conversations; --all also lists those that expired"
                });
            } else if listing.more {
                Output::talk("there are more; raise --limit");
            }
        })?;
        Ok(Exit::OK)
    }
}

#[derive(Deserialize)]
struct Listing {
    conversations: Vec<Row>,
    more: bool,
}

#[derive(Deserialize)]
struct Row {
    conversation_id: String,
    topic: Option<String>,
    created_at: String,
    expires_at: String,
    state: String,
    members: u64,
    messages: u64,
    size_bytes: u64,
    audit_entries: u64,
    execution: Option<Allowed>,
}

fn render(listing: &Listing, page: &mut Page) {
    let row = |row: &Row| {
        let marks = row.execution.as_ref().map(Allowed::marks).unwrap_or_default();
        // A column of its own would leave a person's terminal too little for the others.
        let state = [std::slice::from_ref(&row.state), &marks].concat();
        let state =
            if page.for_person() { Visible::lines(&state.join("\n")) } else { Visible::line(&row.state) };
        vec![
            Visible::line(&row.conversation_id),
            state,
            row.members.into(),
            row.messages.into(),
            page.bytes(row.size_bytes),
            row.audit_entries.into(),
            page.moment(Some(&row.created_at)),
            page.moment(Some(&row.expires_at)),
            optional(row.topic.as_deref()),
            optional(Some(marks.join(", ")).as_deref().filter(|marks| !marks.is_empty())),
        ]
    };
    let rows: Vec<_> = listing.conversations.iter().map(row).collect();
    if !rows.is_empty() {
        page.table(&Table {
            kind: None,
            columns: &[
                Column::Id("conversation"),
                Column::Whole("state"),
                Column::Number("agents"),
                Column::Number("messages"),
                Column::Number("size"),
                Column::ForPrograms,
                Column::ForPrograms,
                Column::Whole("expires (UTC)"),
                Column::Text("topic"),
                Column::ForPrograms,
            ],
            rows,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn render_when_topic_is_hostile_shows_it_in_one_row() -> Result<(), serde_json::Error> {
        let listing = serde_json::from_value(json!({"more": false, "conversations": [
            {"conversation_id": "conv_0123456789abcdef", "topic": "x\u{1b}]0;t\u{7}\u{202e}\nconv_f", "state": "active",
             "created_at": "2026-11-22T07:30:00.125Z", "expires_at": "2026-11-22T10:30:00.125Z", "members": 2,
             "messages": 3, "size_bytes": 2048, "audit_entries": 9,
             "execution": {"enabled": {"mode": "yolo", "workspace": "/x", "expires_at": "2026-11-22T08:30:00.125Z"},
                "requests": 2, "wishes": 1}},
            {"conversation_id": "conv_1123456789abcdef", "state": "purged", "created_at": "2026-11-22T07:30:00.125Z",
             "expires_at": "2026-11-22T10:30:00.125Z", "members": 0, "messages": 0, "size_bytes": 0, "audit_entries": 4},
        ]}))?;
        let mut page = Page::new(None);
        render(&listing, &mut page);
        insta::assert_snapshot!(page.as_str(), @r#"
conv_0123456789abcdef	active	2	3	2048	9	2026-11-22T07:30:00.125Z	2026-11-22T10:30:00.125Z	x\u{1b}]0;t\u{7}\u{202e}\nconv_f	yolo, 2 wait, 1 wish
conv_1123456789abcdef	purged	0	0	0	4	2026-11-22T07:30:00.125Z	2026-11-22T10:30:00.125Z	-	-
"#);
        let mut page = Page::new(Some(80));
        render(&listing, &mut page);
        let shown = anstream::adapter::strip_str(page.as_str()).to_string();
        insta::assert_snapshot!(shown);
        Ok(())
    }
}
