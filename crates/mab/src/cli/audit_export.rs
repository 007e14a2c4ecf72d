//! `mab audit export`, and `mab audit verify --bundle`, which checks what it wrote.

use std::path::{Path, PathBuf};

use clap::Args;
use mab_core::{ConversationId, Fault, audit::Break, note::VerifierKey};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    bundle::{self, Bundle, Flaw, Line, Report},
    cli::{
        Exit, Output, Trouble, Visible, arguments,
        operator::Operator,
        output::{BAD, GOOD},
        table::Page,
    },
    runtime,
};

/// Arguments of `mab audit export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab audit export --to evidence\n  \
    mab audit export conv_0123456789abcdef --to evidence\n  \
    mab audit verify --bundle evidence\n\n\
    The folder holds entries, signed checkpoints, public keys and a README with the\n\
    steps that check them with coreutils, awk and openssl. It holds no messages and no\n\
    secrets. That it was taken out is recorded.\n\n\
    Exits with 9 when audit.anchor does not fit the database; the folder is written all the same.")]
pub(crate) struct Export {
    /// Only this conversation; default: every chain.
    #[arg(value_parser = arguments::conversation)]
    conversation: Option<ConversationId>,
    /// The folder to write; it must not exist.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

/// Arguments of `mab audit verify` that turn it to a bundle.
#[derive(Debug, Args)]
pub(crate) struct OfBundle {
    /// Check what `mab audit export` wrote; neither database nor data folder is needed.
    #[arg(long, value_name = "FOLDER", conflicts_with = "conversation")]
    bundle: Option<PathBuf>,
    /// The key one knows from elsewhere, as `mab keys` prints it; default: audit.key, or the bundle's own.
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub(super) key: Option<VerifierKey>,
}

#[derive(Deserialize)]
struct Evidence {
    anchor: String,
    problem: Option<String>,
    fits: bool,
}

#[derive(Deserialize)]
struct Entries {
    entries: Vec<Line>,
    next: Option<i64>,
}

impl Export {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        // Nothing is recorded as taken out that cannot be written.
        let bundle = Bundle::begin(&self.to)?;
        self.fill(bundle, operator).inspect_err(|_| bundle::abandon(&self.to))
    }

    fn fill(&self, mut bundle: Bundle, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let id = self.conversation.map(|id| id.to_string());
        let evidence: Evidence = typed(operator.call("audit_export", json!({"conversation_id": id}))?)?;
        let (mut after, mut entries) = (None, 0_u64);
        loop {
            let page = operator.call("audit_entries", json!({"conversation_id": id, "after": after}))?;
            let page: Entries = typed(page)?;
            for line in &page.entries {
                bundle.add(line)?;
                entries += 1;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let key = runtime::signing_key(&operator.config()?)?;
        bundle.finish(self.conversation, &evidence.anchor, &key)?;
        if let Some(problem) = &evidence.problem {
            Output::talk(&format!("warning: no checkpoint covers the newest entries: {problem}"));
        }
        let folder = self.to.display().to_string();
        let answer = json!({"folder": folder, "entries": entries, "verifier_key": key.verifier().to_string(), "anchor_fits": evidence.fits});
        operator.output.answer(answer, |_: &Value, page| {
            page.field("folder", &Visible::line(&folder));
            page.field("entries", &entries.into());
            page.field("signed by", &Visible::line(&key.verifier().to_string()));
        })?;
        if evidence.fits {
            return Ok(Exit::OK);
        }
        Output::talk(
            "audit.anchor does not fit the database: this is evidence of that; run `mab audit verify`",
        );
        Ok(Exit::AUDIT_BROKEN)
    }
}

impl OfBundle {
    /// Checks the bundle, when one is named.
    pub(crate) fn verify(&self, operator: &Operator<'_>) -> Option<Result<Exit, Trouble>> {
        self.bundle.as_deref().map(|folder| self.check(folder, operator))
    }

    fn check(&self, folder: &Path, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let verdict = bundle::verify(folder, self.key.as_ref())?;
        let exit = if verdict.is_ok() { Exit::OK } else { Exit::AUDIT_BROKEN };
        let answer = match &verdict {
            Ok(report) => json!({
                "ok": true, "entries": report.entries, "covered": report.covered, "chains": report.chains,
                "checkpoints": report.checkpoints, "verifier_key": report.key.to_string(),
                "key_trusted": self.key.is_some(),
            }),
            Err(flaw) => json!({"ok": false, "broken": words(flaw)}),
        };
        operator.output.answer(answer, |_: &Value, page| match &verdict {
            Ok(report) => render(report, self.key.is_some(), page),
            Err(flaw) => page.line(&format!("{BAD}broken{BAD:#} {}", Visible::line(&words(flaw)).as_str())),
        })?;
        Ok(exit)
    }
}

fn render(report: &Report, trusted: bool, page: &mut Page) {
    let Report { entries, covered, chains, checkpoints, key } = report;
    page.line(&format!(
        "{GOOD}ok{GOOD:#} {entries} entries in {chains} chains, {covered} of them under {checkpoints} signed checkpoints"
    ));
    if !trusted {
        page.line(&format!(
            "signed by the key it brings along, {key}: compare it with `mab keys`, or pass --key"
        ));
    }
}

fn words(flaw: &Flaw) -> String {
    match flaw {
        Flaw::File(name) => format!("{name} is missing or not what was signed"),
        Flaw::Signature => "it is not signed by the key".to_owned(),
        Flaw::Anchor(error) => format!("audit.anchor: {error}"),
        Flaw::Leaf(chain, n) => format!("{chain}: entry {n} is not what a checkpoint says of it"),
        Flaw::Entry(chain, Break::Missing { n }) => format!("{chain}: entry {n} is missing"),
        Flaw::Entry(chain, Break::Changed { n }) => format!("{chain}: entry {n} was changed"),
        Flaw::Entry(chain, Break::Truncated { n }) => format!("{chain}: it ends at {n}"),
    }
}

fn key(text: &str) -> Result<VerifierKey, String> {
    text.parse().map_err(|error: mab_core::note::NoVerifierKey| error.to_string())
}

fn typed<T: DeserializeOwned>(answer: Value) -> Result<T, Fault> {
    serde_json::from_value(answer)
        .map_err(|source| Fault::from_source("reading the answer of an operation", source))
}
