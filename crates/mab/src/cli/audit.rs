//! `mab audit`: what happened, filtered, as a table, JSON or CSV, once or as it comes.

use clap::{Args, Subcommand};
use mab_core::ConversationId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::{
    Exit, Output, Trouble, Visible, arguments, audit_checkpoint, audit_export, audit_follow, audit_verify,
    csv,
    operator::Operator,
    table::{Column, Page, Table, absent, optional},
};
use crate::harmless;

/// Columns of the comma-separated form.
const CSV_HEADER: [&str; 8] = ["conversation", "n", "at", "actor", "action", "outcome", "detail", "hash"];

/// Entries that are printed unless the operator says otherwise.
const LIMIT: u32 = 50;

/// Arguments of `mab audit`.
#[derive(Debug, Args)]
#[command(
    subcommand_precedence_over_arg = true,
    override_usage = "mab audit [OPTIONS] [CONVERSATION]\n       mab audit <COMMAND>",
    after_help = "Examples:\n  \
        mab audit                       the latest entries of all conversations\n  \
        mab audit conv_0123456789abcdef --limit 20\n  \
        mab audit --outcome invalid_token --since 2h\n  \
        mab audit --follow --json       entries of every process as they come\n  \
        mab audit verify                whether all this is as it was recorded\n\n\
        Entries hold no text of agents: only ids, numbers, digests and fixed names.\n\n\
        Without a terminal each entry is one line of tab-separated cells: at,\n\
        conversation, n, actor, action, outcome, detail."
)]
pub(crate) struct Audit {
    /// Only this conversation.
    #[arg(value_parser = arguments::conversation)]
    conversation: Option<ConversationId>,
    /// Only this agent, or operator, newcomer, unknown.
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Only this action, such as send or join.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only this outcome: ok, or the code of a refusal.
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only from this moment on: RFC 3339, or 10m, 2h, 3d ago.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only before this moment.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Most entries to print, newest first; default: 50.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Print comma-separated values (RFC 4180).
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print the latest entries, oldest first, and then every new one until interrupted.
    #[arg(short, long, conflicts_with = "until")]
    follow: bool,
    #[command(subcommand)]
    command: Option<AuditCommand>,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Check that everything is as it was recorded, and say up to where that is proven.
    Verify(Box<audit_verify::Verify>),
    /// Sign the state of the audit trail now and print the signed note.
    Checkpoint(audit_checkpoint::Checkpoint),
    /// Take out evidence that can be checked without mab and its database.
    Export(audit_export::Export),
}

impl Audit {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        if self.command.is_some() && self.filters() {
            return Err(Trouble::input(
                "arguments of `mab audit` stand before one of its subcommands",
                "put what the subcommand needs after its name: `mab audit verify CONVERSATION`",
            ));
        }
        match &self.command {
            Some(AuditCommand::Verify(verify)) => verify.run(operator),
            Some(AuditCommand::Checkpoint(checkpoint)) => checkpoint.run(operator),
            Some(AuditCommand::Export(export)) => export.run(operator),
            None if self.follow => audit_follow::run(operator, self.arguments(), self.form(operator.output)),
            None => self.print(operator),
        }
    }

    /// Whether anything is asked for that only printing heeds.
    fn filters(&self) -> bool {
        let texts = [&self.agent, &self.action, &self.outcome, &self.since, &self.until];
        let prints = self.csv || self.follow || self.limit.is_some();
        prints || self.conversation.is_some() || texts.iter().any(|text| text.is_some())
    }

    fn arguments(&self) -> Value {
        json!({
            "conversation_id": self.conversation.map(|id| id.to_string()), "agent": self.agent,
            "action": self.action, "outcome": self.outcome, "since": self.since, "until": self.until,
            "limit": self.limit.unwrap_or(LIMIT),
        })
    }

    fn form(&self, output: Output) -> Form {
        match (self.csv, output.is_json()) {
            (true, _) => Form::Csv,
            (false, true) => Form::Json,
            (false, false) => Form::Cells,
        }
    }

    fn print(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let answer = operator.call("audit", self.arguments())?;
        if self.csv {
            let entries = answer.get("entries").and_then(Value::as_array).cloned().unwrap_or_default();
            let lines: String = entries.iter().map(|entry| Form::Csv.line(entry)).collect();
            Output::data(&format!("{}{lines}", csv::line(&CSV_HEADER)))?;
        } else {
            operator.output.answer(answer.clone(), |trail: &Trail, page| {
                if trail.entries.is_empty() {
                    Output::talk("no entries");
                } else {
                    render(trail, self.conversation.is_some(), page);
                }
            })?;
        }
        if answer.get("more") == Some(&Value::Bool(true)) && !operator.output.is_json() {
            Output::talk("there are more; raise --limit");
        }
        Ok(Exit::OK)
    }
}

/// How single entries are printed, one line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Cells,
    Json,
    Csv,
}

impl Form {
    /// What comes before the first entry.
    pub(super) fn head(self) -> String {
        match self {
            Self::Csv => csv::line(&CSV_HEADER),
            Self::Cells | Self::Json => String::new(),
        }
    }

    /// One entry as the operation tells it.
    pub(super) fn line(self, entry: &Value) -> String {
        match self {
            Self::Json => format!("{}\n", harmless::one_line(entry)),
            Self::Csv => {
                let fields = ["conversation_id", "n", "at", "actor", "action", "outcome", "detail", "hash"];
                let text = |name: &str| match entry.get(name) {
                    Some(Value::String(text)) => Visible::line(text).as_str().to_owned(),
                    Some(value) => harmless::one_line(value),
                    None => String::new(),
                };
                let fields = fields.map(text);
                csv::line(&fields.each_ref().map(String::as_str))
            }
            Self::Cells => {
                let mut page = Page::new(None);
                if let Ok(entry) = Entry::deserialize(entry) {
                    render(&Trail { entries: vec![entry] }, false, &mut page);
                }
                page.as_str().to_owned()
            }
        }
    }
}

#[derive(Deserialize)]
struct Trail {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    conversation_id: Option<String>,
    n: u64,
    at: String,
    actor: String,
    action: String,
    outcome: String,
    detail: Value,
}

fn render(trail: &Trail, one_conversation: bool, page: &mut Page) {
    let row = |entry: &Entry| {
        vec![
            page.moment(Some(&entry.at)),
            optional(entry.conversation_id.as_deref()),
            entry.n.into(),
            Visible::line(&entry.actor),
            Visible::line(&entry.action),
            Visible::line(&entry.outcome),
            facts(&entry.detail, page),
        ]
    };
    let rows = trail.entries.iter().map(row).collect();
    let columns = &[
        Column::Whole("at (UTC)"),
        if one_conversation { Column::ForPrograms } else { Column::Id("conversation") },
        Column::Number("n"),
        Column::Whole("actor"),
        Column::Whole("action"),
        Column::Whole("outcome"),
        Column::Text("detail"),
    ];
    page.table(&Table { kind: None, columns, rows });
}

/// `key=value` pairs; digests shortened for a person. Anything but an object was not written by the bridge: shown as it is.
fn facts(detail: &Value, page: &Page) -> Visible {
    let Some(detail) = detail.as_object() else { return Visible::line(&detail.to_string()) };
    let fact = |(key, value): (&String, &Value)| {
        let text = words(value);
        match text.get(..12).filter(|_| page.for_person() && is_digest(&text)) {
            Some(start) => format!("{key}={start}…"),
            None => format!("{key}={text}"),
        }
    };
    let facts: Vec<String> = detail.iter().map(fact).collect();
    if facts.is_empty() { absent() } else { Visible::line(&facts.join(" ")) }
}

/// A value without quotes and brackets.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(words).collect::<Vec<_>>().join(","),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_one_row_each() -> Result<(), serde_json::Error> {
        let trail: Trail = serde_json::from_value(json!({"entries": [
            {"conversation_id": "conv_0123456789abcdef", "n": 2, "at": "2026-11-22T07:30:00.125Z", "actor": "a",
             "action": "send", "outcome": "ok", "detail": {"seq": 1, "to": ["b"], "sealed": "ab".repeat(32)}},
            {"n": 1, "at": "2026-11-22T07:30:00.125Z", "actor": "unknown", "action": "join",
             "outcome": "invalid_token", "detail": {}},
        ]}))?;
        let mut plain = Page::new(None);
        render(&trail, false, &mut plain);
        let mut person = Page::new(Some(140));
        render(&trail, false, &mut person);
        insta::assert_snapshot!(format!("{}{}", plain.as_str(), anstream::adapter::strip_str(person.as_str())), @r#"
2026-11-22T07:30:00.125Z	conv_0123456789abcdef	2	a	send	ok	sealed=abababababababababababababababababababababababababababababababab seq=1 to=b
2026-11-22T07:30:00.125Z	-	1	unknown	join	invalid_token	-
 AT (UTC)              CONVERSATION            N   ACTOR     ACTION   OUTCOME         DETAIL
──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 2026-11-22 07:30:00   conv_0123456789abcdef   2   a         send     ok              sealed=abababababab… seq=1 to=b
 2026-11-22 07:30:00   -                       1   unknown   join     invalid_token   -
"#);
        Ok(())
    }

    #[test]
    fn entry_as_a_line_is_harmless_in_every_form() {
        let entry = json!({"n": 1, "at": "2026-11-22T07:30:00.125Z", "actor": "=cmd\u{1b}[2J", "action": "send",
            "outcome": "ok", "detail": {"to": ["b", "c"]}, "hash": "ab"});
        let lines: Vec<String> = [Form::Cells, Form::Json, Form::Csv].map(|form| form.line(&entry)).into();
        insta::assert_snapshot!(lines.concat(), @r#"
2026-11-22T07:30:00.125Z	-	1	=cmd\u{1b}[2J	send	ok	to=b,c
{"action":"send","actor":"=cmd\u001b[2J","at":"2026-11-22T07:30:00.125Z","detail":{"to":["b","c"]},"hash":"ab","n":1,"outcome":"ok"}
,1,2026-11-22T07:30:00.125Z,'=cmd\u{1b}[2J,send,ok,"{""to"":[""b"",""c""]}",ab
"#);
    }
}
