//! `mab audit` and `mab audit verify`: what happened, and whether the record of it is whole.

use clap::{Args, Subcommand};
use mab_core::ConversationId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::{
    Exit, Output, Trouble, Visible, arguments, audit_checkpoint, audit_export,
    operator::Operator,
    output::{BAD, GOOD},
    table::{Column, Page, Table, absent, optional},
};

/// Arguments of `mab audit`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        mab audit                       the latest entries of all conversations\n  \
        mab audit conv_0123456789abcdef --limit 20\n  \
        mab audit verify                exits with 9 when a chain was changed\n\n\
        Entries hold no text of agents: only ids, numbers, digests and fixed names.\n\n\
        Without a terminal each entry is one line of tab-separated cells: at,\n\
        conversation, n, actor, action, outcome, detail."
)]
pub(crate) struct Audit {
    /// Only this conversation.
    #[arg(value_parser = arguments::conversation)]
    conversation: Option<ConversationId>,
    /// Most entries to print, newest first.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(subcommand)]
    command: Option<AuditCommand>,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Recompute the hash chains and report what was changed, deleted, reordered or cut off.
    Verify(Box<Verify>),
    /// Sign the state of the audit trail now and print the signed note.
    Checkpoint(audit_checkpoint::Checkpoint),
    /// Take out evidence that can be checked without mab and its database.
    Export(audit_export::Export),
}

#[derive(Debug, Args)]
#[command(after_help = "Without a terminal each chain is one line of tab-separated cells: ok or broken,\n\
    conversation (or bridge), entries, kind of break, n of the first entry broken.")]
struct Verify {
    /// Only this conversation; default: every chain.
    #[arg(value_parser = arguments::conversation)]
    conversation: Option<ConversationId>,
    #[command(flatten)]
    bundle: audit_export::OfBundle,
}

impl Audit {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        match &self.command {
            Some(AuditCommand::Verify(verify)) => verify.run(operator),
            Some(AuditCommand::Checkpoint(checkpoint)) => checkpoint.run(operator),
            Some(AuditCommand::Export(export)) => export.run(operator),
            None => self.print(operator),
        }
    }

    fn print(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let arguments = json!({"conversation_id": name(self.conversation), "limit": self.limit});
        let answer = operator.call("audit", arguments)?;
        operator.output.answer(answer, |trail: &Trail, page| {
            if trail.entries.is_empty() {
                Output::talk("no entries");
            } else {
                render(trail, self.conversation.is_some(), page);
                if trail.more {
                    Output::talk("there are more; raise --limit");
                }
            }
        })?;
        Ok(Exit::OK)
    }
}

impl Verify {
    fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        if let Some(exit) = self.bundle.verify(operator) {
            return exit;
        }
        let answer = operator.call("audit_verify", json!({"conversation_id": name(self.conversation)}))?;
        // Anything but a clear yes counts as a break.
        let whole = answer.get("ok").and_then(Value::as_bool) == Some(true);
        operator.output.answer(answer, render_verdict)?;
        Ok(if whole { Exit::OK } else { Exit::AUDIT_BROKEN })
    }
}

#[derive(Deserialize)]
struct Trail {
    entries: Vec<Entry>,
    #[serde(default)]
    more: bool,
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

#[derive(Deserialize)]
struct Verdict {
    ok: bool,
    chains: Vec<Chain>,
}

#[derive(Deserialize)]
struct Chain {
    conversation_id: Option<String>,
    entries: Option<u64>,
    broken: Option<Broken>,
}

#[derive(Deserialize)]
struct Broken {
    kind: String,
    n: u64,
}

fn name(conversation: Option<ConversationId>) -> Option<String> {
    conversation.map(|conversation| conversation.to_string())
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

fn render_verdict(verdict: &Verdict, page: &mut Page) {
    let broken = verdict.chains.iter().filter(|chain| chain.broken.is_some()).count();
    if page.for_person() && verdict.ok {
        let entries: u64 = verdict.chains.iter().filter_map(|chain| chain.entries).sum();
        let chains = verdict.chains.len();
        page.line(&format!("{GOOD}ok{GOOD:#} {entries} entries in {chains} chains, every one in its place"));
        return;
    }
    let row = |chain: &Chain| {
        vec![
            Visible::line(if chain.broken.is_some() { "broken" } else { "ok" }),
            Visible::line(chain.conversation_id.as_deref().unwrap_or("bridge")),
            chain.entries.map_or_else(absent, Visible::from),
            chain.broken.as_ref().map_or_else(absent, |broken| Visible::line(&broken.kind)),
            chain.broken.as_ref().map_or_else(absent, |broken| broken.n.into()),
        ]
    };
    let shown = |chain: &&Chain| !page.for_person() || chain.broken.is_some();
    let rows: Vec<_> = verdict.chains.iter().filter(shown).map(row).collect();
    page.aside(&format!("{BAD}broken{BAD:#} {broken} of {} chains", verdict.chains.len()));
    if !rows.is_empty() {
        let columns = &[
            Column::Whole("chain"),
            Column::Id("conversation"),
            Column::Number("entries"),
            Column::Whole("break"),
            Column::Number("at n"),
        ];
        page.table(&Table { kind: None, columns, rows });
    }
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
    fn verdict_when_broken_names_the_chain_and_the_place() -> Result<(), serde_json::Error> {
        let verdict: Verdict = serde_json::from_value(json!({"ok": false, "chains": [
            {"conversation_id": "conv_0123456789abcdef", "broken": {"kind": "changed", "n": 3}},
            {"entries": 12},
        ]}))?;
        let mut plain = Page::new(None);
        render_verdict(&verdict, &mut plain);
        let mut person = Page::new(Some(100));
        render_verdict(&verdict, &mut person);
        insta::assert_snapshot!(format!("{}{}", plain.as_str(), anstream::adapter::strip_str(person.as_str())), @r#"
broken	conv_0123456789abcdef	-	changed	3
ok	bridge	12	-	-
broken 1 of 2 chains
 CHAIN    CONVERSATION            BREAK     AT N
─────────────────────────────────────────────────
 broken   conv_0123456789abcdef   changed      3
"#);
        Ok(())
    }
}
