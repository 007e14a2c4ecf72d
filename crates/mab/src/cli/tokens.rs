//! `mab tokens`: the tokens of one conversation, recomputed from the master key.

use clap::Args;
use mab_core::{ConversationId, SessionId};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{
    Exit, Trouble, Visible, arguments,
    operator::Operator,
    table::{Column, Page, Table, absent, optional},
};

/// Arguments of `mab tokens`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab tokens conv_0123456789abcdef\n  \
    mab tokens conv_0123456789abcdef --rotate b   the old token of b stops working\n  \
    mab tokens conv_0123456789abcdef --revoke c   c is shut out\n\n\
    Whoever reads this output can speak as any of these agents.")]
pub(crate) struct Tokens {
    /// The conversation, conv_ and 16 hexadecimal digits.
    #[arg(value_parser = arguments::conversation)]
    conversation: ConversationId,
    /// Replace the token of this agent.
    #[arg(long, value_name = "AGENT", value_parser = arguments::session)]
    rotate: Option<SessionId>,
    /// Shut this agent out.
    #[arg(long, value_name = "AGENT", value_parser = arguments::session, conflicts_with = "rotate")]
    revoke: Option<SessionId>,
}

impl Tokens {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let handle = |session: &Option<SessionId>| session.as_ref().map(ToString::to_string);
        let answer = operator.call(
            "tokens",
            json!({
                "conversation_id": self.conversation.to_string(),
                "rotate": handle(&self.rotate),
                "revoke": handle(&self.revoke),
            }),
        )?;
        operator.output.answer(answer, render)?;
        Ok(Exit::OK)
    }
}

#[derive(Deserialize)]
struct Listing {
    expires_at: String,
    tokens: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    session_id: String,
    role: Option<String>,
    permission: String,
    revoked: bool,
    token: Option<String>,
}

impl Row {
    fn token(&self) -> Option<&str> {
        self.token.as_deref().filter(|_| !self.revoked)
    }
}

fn render(listing: &Listing, page: &mut Page) {
    let row = |row: &Row| {
        vec![
            Visible::line(&row.session_id),
            optional(row.role.as_deref()),
            Visible::line(&row.permission),
            Visible::line(if row.revoked { "revoked" } else { "valid" }),
            row.token().map_or_else(absent, Visible::line),
        ]
    };
    let rows: Vec<_> = listing.tokens.iter().map(row).collect();
    let columns = &[
        Column::Whole("agent"),
        Column::Text("role"),
        Column::Whole("permission"),
        Column::Whole("state"),
        if page.for_person() { Column::ForPrograms } else { Column::Whole("token") },
    ];
    page.table(&Table { kind: None, columns, rows });
    if page.for_person() {
        // On their own, so that a token is never wrapped.
        page.line("");
        let token = |row: &Row| Some(vec![Visible::line(&row.session_id), Visible::line(row.token()?)]);
        let rows = listing.tokens.iter().filter_map(token).collect();
        page.table(&Table { kind: None, columns: &[Column::Whole("agent"), Column::Whole("token")], rows });
        page.line("");
    }
    let expires = page.moment(Some(&listing.expires_at));
    page.aside(&format!("valid until {expires} UTC"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn render_when_revoked_shows_no_token() -> Result<(), serde_json::Error> {
        let token = "ab".repeat(32);
        let listing = serde_json::from_value(json!({
            "conversation_id": "conv_0123456789abcdef", "expires_at": "2026-11-22T10:30:00.125Z", "tokens": [
                {"session_id": "a", "role": "back\u{7}end", "permission": "owner", "revoked": false, "token": token},
                {"session_id": "b", "permission": "member", "revoked": true, "token": token},
            ],
        }))?;
        let mut page = Page::new(None);
        render(&listing, &mut page);
        assert_eq!(
            page.as_str(),
            format!("a\tback\\u{{7}}end\towner\tvalid\t{token}\nb\t-\tmember\trevoked\t-\n")
        );
        Ok(())
    }
}
