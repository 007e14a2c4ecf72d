//! `mab audit verify`: whether the record is whole, and up to where that is proven.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use mab_core::{Code, ConversationId, anchor::origin, evidence::MarksChecked, secret::MasterKey};
use mab_store::Progress;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    cli::{
        Exit, Trouble, Visible, arguments,
        audit_evidence::{Evidence, NEXT_KEY, SIGNING_KEY},
        audit_export::OfBundle,
        bar::{self, Bar},
        operator::{Operator, object},
        output::{BAD, FAINT, GOOD},
        table::{Column, Page, Table, absent, optional},
    },
    runtime::{self, Archive},
};

/// How often all is read, when the key that signs is changed meanwhile.
const ATTEMPTS: u32 = 3;

#[derive(Debug, Args)]
#[command(
    after_help = "The database is only read: nothing is migrated, created or written, also while a bridge writes to\n\
    it. master.key and audit.key are looked for beside it, then in the data folder; the key that\n\
    fits is used.\n\
    Without master.key, entries that somebody put in with a correct hash cannot be told; the\n\
    report says so.\n\n\
    Exits with 0 when everything is as it was recorded, with 9 when something is not, and with\n\
    12 when the database cannot be read.\n\n\
    Without a terminal the tab-separated cells of a chain are: ok or broken, conversation (or\n\
    bridge), entries that hold, kind of the first finding, its entry; those of a finding: finding\n\
    or warning, chain, last entry, kind, first entry, what; and one line: summary, text.\n\n\
    Examples:\n  \
    mab audit verify\n  \
    mab audit verify --anchor /mnt/other/audit.anchor --key 'mab.audit/…+…+…'\n  \
    mab audit verify --witness conv_0123456789abcdef:17:00112233445566778899aabbccddeeff\n  \
    mab audit verify --db /backup/bridge.db --json"
)]
pub(super) struct Verify {
    /// Only this conversation; default: every chain.
    #[arg(value_parser = arguments::conversation)]
    conversation: Option<ConversationId>,
    /// A copy of audit.anchor that others cannot have changed.
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    anchor: Option<PathBuf>,
    /// What an agent was told in an answer: conversation:n:digits; may be repeated.
    #[arg(long, value_name = "HEAD", conflicts_with = "bundle")]
    witness: Vec<String>,
    #[command(flatten)]
    bundle: OfBundle,
}

impl Verify {
    pub(super) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        if let Some(exit) = self.bundle.verify(operator) {
            return exit;
        }
        let answer = match self.answer(operator) {
            Err(Trouble::Denied(denied)) if cannot_be_read(denied.code) => {
                operator.output.trouble(&Trouble::Denied(denied));
                return Ok(Exit::AUDIT_UNCHECKED);
            }
            Err(Trouble::Fault(fault)) => {
                operator.output.trouble(&Trouble::Fault(fault));
                return Ok(Exit::AUDIT_UNCHECKED);
            }
            answer => answer?,
        };
        // Anything but a clear yes counts as a break.
        let whole = answer.get("ok").and_then(Value::as_bool) == Some(true);
        operator.output.answer(answer, render)?;
        Ok(if whole { Exit::OK } else { Exit::AUDIT_BROKEN })
    }

    fn answer(&self, operator: &Operator<'_>) -> Result<Value, Trouble> {
        let config = operator.config()?;
        runtime::start_log(config.log);
        let evidence = Evidence::find(&config, self.anchor.as_deref());
        let mut masters = evidence.master_keys().into_iter();
        let mut master = masters.next();
        loop {
            let next = masters.next();
            let answer = self.judged_with(operator, &evidence, master)?;
            // The one that fits is the one to judge with.
            let fits = answer.get("marks").and_then(Value::as_str) != Some(MarksChecked::WrongKey.as_str());
            if fits || next.is_none() {
                return Ok(answer);
            }
            master = next;
        }
    }

    fn judged_with(
        &self,
        operator: &Operator<'_>,
        evidence: &Evidence,
        master: Option<MasterKey>,
    ) -> Result<Value, Trouble> {
        let config = operator.config()?;
        let progress = Arc::new(Progress::default());
        let origin = master.as_ref().and_then(|master| master.fingerprint().ok()).map(origin);
        let archive = Archive {
            database: &config.database,
            master,
            progress: progress.clone(),
            anchor: evidence.reader(),
        };
        let bridge = runtime::open_archive(&config, archive)?;
        let _bar = Bar::showing(operator.output.is_json(), move || bar(progress.now()));
        let keys = || [SIGNING_KEY, NEXT_KEY].map(|name| evidence.signing_key(name, origin.as_deref()));
        let mut attempt = 1;
        loop {
            let [key, next] = keys();
            let arguments = json!({
                "conversation_id": self.conversation.map(|id| id.to_string()),
                "anchor_is_own": evidence.own_anchor, "trusted_keys": self.bundle.key.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "signing_key": key, "next_key": next, "witnesses": self.witness,
            });
            let answer = runtime::block_on(bridge.call("audit_verify", object(arguments)?))??;
            // The key may be changed meanwhile.
            if keys() == [key, next] || attempt == ATTEMPTS {
                return Ok(answer);
            }
            attempt += 1;
        }
    }
}

fn cannot_be_read(code: Code) -> bool {
    matches!(code, Code::WrongStore | Code::ReadOnly | Code::Busy | Code::Internal)
}

/// The text of the bar.
fn bar((done, total): (u64, u64)) -> String {
    format!("{} {done} of {total} entries", bar::cells(done, total))
}

#[derive(Deserialize)]
struct Verdict {
    ok: bool,
    summary: String,
    marks: String,
    findings: Vec<Found>,
    chains: Vec<Chain>,
}

#[derive(Deserialize)]
struct Found {
    kind: String,
    warning: bool,
    chain: Option<String>,
    n: Option<u64>,
    to: Option<u64>,
    checkpoint: Option<u64>,
    what: Option<String>,
    meaning: String,
}

#[derive(Deserialize)]
struct Chain {
    conversation_id: Option<String>,
    entries: u64,
    broken: Option<Broken>,
}

#[derive(Deserialize)]
struct Broken {
    kind: String,
    n: Option<u64>,
}

fn render(verdict: &Verdict, page: &mut Page) {
    if page.for_person() { for_person(verdict, page) } else { for_program(verdict, page) }
}

fn for_person(verdict: &Verdict, page: &mut Page) {
    let (style, word) = if verdict.ok { (GOOD, "ok") } else { (BAD, "broken") };
    page.line(&format!("{style}{word}{style:#} {}", Visible::line(&verdict.summary)));
    let entries: u64 = verdict.chains.iter().map(|chain| chain.entries).sum();
    let chains = verdict.chains.len();
    page.line(&format!(
        "{FAINT}{entries} entries in {chains} chains hold; marks: {}{FAINT:#}",
        Visible::line(&verdict.marks)
    ));
    if verdict.findings.is_empty() {
        return;
    }
    page.line("");
    let row = |found: &Found| {
        vec![
            Visible::line(&if found.warning {
                format!("{} (warning)", found.kind)
            } else {
                found.kind.clone()
            }),
            optional(found.chain.as_deref()),
            entries_of(found),
            found.checkpoint.map_or_else(absent, Visible::from),
            Visible::line(found.what.as_deref().unwrap_or(&found.meaning)),
        ]
    };
    let columns = &[
        Column::Whole("finding"),
        Column::Id("chain"),
        Column::Whole("entries"),
        Column::Number("checkpoint"),
        Column::Text("what"),
    ];
    page.table(&Table { kind: None, columns, rows: verdict.findings.iter().map(row).collect() });
}

fn entries_of(found: &Found) -> Visible {
    match (found.n, found.to) {
        (Some(n), Some(to)) if to != n => Visible::line(&format!("{n}, {to}")),
        (Some(n), _) => n.into(),
        (None, _) => absent(),
    }
}

fn for_program(verdict: &Verdict, page: &mut Page) {
    let number = |n: Option<u64>| n.map_or_else(absent, Visible::from);
    let chain = |chain: &Chain| {
        vec![
            Visible::line(if chain.broken.is_some() { "broken" } else { "ok" }),
            Visible::line(chain.conversation_id.as_deref().unwrap_or("bridge")),
            chain.entries.into(),
            chain.broken.as_ref().map_or_else(absent, |broken| Visible::line(&broken.kind)),
            number(chain.broken.as_ref().and_then(|broken| broken.n)),
        ]
    };
    let found = |found: &Found| {
        vec![
            Visible::line(if found.warning { "warning" } else { "finding" }),
            optional(found.chain.as_deref()),
            number(found.to),
            Visible::line(&found.kind),
            number(found.n),
            Visible::line(found.what.as_deref().unwrap_or(&found.meaning)),
        ]
    };
    let mut rows: Vec<Vec<Visible>> = verdict.chains.iter().map(chain).collect();
    rows.extend(verdict.findings.iter().map(found));
    rows.push(vec![Visible::line("summary"), Visible::line(&verdict.summary)]);
    page.table(&Table { kind: None, columns: &[], rows });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_when_broken_names_the_chain_the_place_and_what_is_wrong() -> Result<(), serde_json::Error> {
        let verdict: Verdict = serde_json::from_value(json!({
            "ok": false, "summary": "not as it was recorded: swapped in conv_0123456789abcdef at entry 3",
            "marks": "checked",
            "findings": [
                {"kind": "swapped", "warning": false, "chain": "conv_0123456789abcdef", "n": 3, "to": 4,
                 "meaning": "Two entries stand in each other's place."},
                {"kind": "state_mismatch", "warning": false, "chain": "conv_1123456789abcdef",
                 "what": "permission of b\u{1b}: owner, recorded: member", "meaning": "Differs."},
                {"kind": "no_anchor", "warning": true, "meaning": "There are no checkpoints."},
            ],
            "chains": [
                {"conversation_id": "conv_0123456789abcdef", "entries": 2, "anchored": 0,
                 "broken": {"kind": "swapped", "n": 3}},
                {"entries": 12, "anchored": 0},
            ],
        }))?;
        let mut plain = Page::new(None);
        render(&verdict, &mut plain);
        let mut person = Page::new(Some(110));
        render(&verdict, &mut person);
        insta::assert_snapshot!(format!("{}{}", plain.as_str(), anstream::adapter::strip_str(person.as_str())), @r#"
broken	conv_0123456789abcdef	2	swapped	3
ok	bridge	12	-	-
finding	conv_0123456789abcdef	4	swapped	3	Two entries stand in each other's place.
finding	conv_1123456789abcdef	-	state_mismatch	-	permission of b\u{1b}: owner, recorded: member
warning	-	-	no_anchor	-	There are no checkpoints.
summary	not as it was recorded: swapped in conv_0123456789abcdef at entry 3
broken not as it was recorded: swapped in conv_0123456789abcdef at entry 3
14 entries in 2 chains hold; marks: checked

 FINDING               CHAIN                   ENTRIES   WHAT
────────────────────────────────────────────────────────────────────────────────────────────────────────
 swapped               conv_0123456789abcdef   3, 4      Two entries stand in each other's place.
 state_mismatch        conv_1123456789abcdef   -         permission of b\u{1b}: owner, recorded: member
 no_anchor (warning)   -                       -         There are no checkpoints.
"#);
        Ok(())
    }

    #[test]
    fn bar_is_never_longer_than_full() {
        assert!(bar((0, 0)).starts_with("──"));
        assert_eq!(bar((5, 5)).chars().filter(|cell| *cell == '━').count(), 30);
        assert_eq!(bar((9, 5)).chars().filter(|cell| *cell == '━').count(), 30);
    }
}
