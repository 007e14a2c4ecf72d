//! `mab tokens`: the tokens of one conversation, recomputed from the master key.

use clap::Args;
use mab_core::{ConversationId, Fault, SessionId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::{
    Exit, Output, Trouble, Visible, arguments,
    operator::Operator,
    table::{Column, Page, Table, absent, optional},
};

/// Arguments of `mab tokens`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab tokens conv_0123456789abcdef\n  \
    mab tokens conv_0123456789abcdef --rotate b   the old token of b stops working\n  \
    mab tokens conv_0123456789abcdef --revoke c   c is shut out\n  \
    mab tokens conv_0123456789abcdef --rotate-all   every agent needs its new token\n  \
    mab tokens conv_0123456789abcdef --revoke-all   the end of it; nothing is purged\n\n\
    Whoever reads this output can speak as any of these agents. After the\n\
    conversation's time its tokens open nothing and are not shown.\n\n\
    Without a terminal each agent is one line of tab-separated cells: agent, role,\n\
    permission, state (valid, revoked or expired), token.")]
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
    /// Replace the token of every agent.
    #[arg(long, conflicts_with_all = ["rotate", "revoke"])]
    rotate_all: bool,
    /// Shut every agent out.
    #[arg(long, conflicts_with_all = ["rotate", "revoke", "rotate_all"])]
    revoke_all: bool,
}

impl Tokens {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let answer = self.change(operator)?;
        let listing: Listing = serde_json::from_value(answer.clone())
            .map_err(|source| Fault::from_source("reading the answer of tokens", source))?;
        operator.output.answer(answer, render)?;
        if self.revoke.as_ref().is_some_and(|revoked| listing.has_lost_its_owners(revoked)) {
            Output::talk(
                "warning: no owner is left to invite agents; `mab transfer CONVERSATION AGENT` makes one",
            );
        }
        if self.revoke_all {
            Output::talk("nobody is left in it; what was written stays until `mab cleanup` after its time");
        }
        Ok(Exit::OK)
    }

    fn change(&self, operator: &Operator<'_>) -> Result<Value, Trouble> {
        let handle = |session: &Option<SessionId>| session.as_ref().map(ToString::to_string);
        operator.call(
            "tokens",
            json!({
                "conversation_id": self.conversation.to_string(),
                "rotate": handle(&self.rotate),
                "revoke": handle(&self.revoke),
                "rotate_all": self.rotate_all,
                "revoke_all": self.revoke_all,
            }),
        )
    }
}

/// The state in which tokens open something.
const ACTIVE: &str = "active";

#[derive(Deserialize)]
struct Listing {
    state: String,
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

impl Listing {
    /// The token, when it opens anything.
    fn token<'a>(&self, row: &'a Row) -> Option<&'a str> {
        row.token.as_deref().filter(|_| !row.revoked && self.state == ACTIVE)
    }

    fn state(&self, row: &Row) -> &'static str {
        match (row.revoked, self.state == ACTIVE) {
            (true, _) => "revoked",
            (false, true) => "valid",
            (false, false) => "expired",
        }
    }

    fn has_lost_its_owners(&self, revoked: &SessionId) -> bool {
        let owner = |row: &Row| row.permission == "owner";
        self.tokens.iter().any(|row| row.session_id == revoked.to_string() && owner(row))
            && !self.tokens.iter().any(|row| owner(row) && !row.revoked)
    }
}

fn render(listing: &Listing, page: &mut Page) {
    let row = |row: &Row| {
        vec![
            Visible::line(&row.session_id),
            optional(row.role.as_deref()),
            Visible::line(&row.permission),
            Visible::line(listing.state(row)),
            listing.token(row).map_or_else(absent, Visible::line),
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
    if page.for_person() && listing.tokens.iter().any(|row| listing.token(row).is_some()) {
        // On their own, so that a token is never wrapped.
        page.line("");
        let token =
            |row: &Row| Some(vec![Visible::line(&row.session_id), Visible::line(listing.token(row)?)]);
        let rows = listing.tokens.iter().filter_map(token).collect();
        page.table(&Table { kind: None, columns: &[Column::Whole("agent"), Column::Id("token")], rows });
        page.line("");
    }
    let expires = page.moment(Some(&listing.expires_at));
    let until = if listing.state == ACTIVE { "valid until" } else { "expired at" };
    page.aside(&format!("{until} {expires} UTC"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn render_when_revoked_shows_no_token() -> Result<(), serde_json::Error> {
        let token = "ab".repeat(32);
        let listing = serde_json::from_value(json!({
            "conversation_id": "conv_0123456789abcdef", "state": "active", "expires_at": "2026-11-22T10:30:00.125Z", "tokens": [
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

    fn listing(state: &str, owner_revoked: bool) -> Result<Listing, serde_json::Error> {
        serde_json::from_value(json!({
            "state": state, "expires_at": "2026-11-22T10:30:00.125Z", "tokens": [
                {"session_id": "a", "permission": "owner", "revoked": owner_revoked, "token": "x"},
                {"session_id": "b", "permission": "member", "revoked": false, "token": "y"},
            ],
        }))
    }

    #[test]
    fn render_when_the_time_is_over_shows_expired_and_no_token() -> Result<(), serde_json::Error> {
        for state in ["expired", "purged"] {
            let mut page = Page::new(None);
            render(&listing(state, false)?, &mut page);
            assert_eq!(page.as_str(), "a\t-\towner\texpired\t-\nb\t-\tmember\texpired\t-\n");
        }
        Ok(())
    }

    #[test]
    fn owners_are_lost_with_the_last_one() -> Result<(), Box<dyn std::error::Error>> {
        let (a, b) = ("a".parse::<SessionId>()?, "b".parse::<SessionId>()?);
        assert!(listing(ACTIVE, true)?.has_lost_its_owners(&a));
        assert!(!listing(ACTIVE, true)?.has_lost_its_owners(&b));
        assert!(!listing(ACTIVE, false)?.has_lost_its_owners(&a));
        Ok(())
    }
}
