//! What `mab redact` answers without reading a text: the rules, one rule, and hashes of secrets.

use std::{
    fs::File,
    io::{self, Read as _},
    path::PathBuf,
};

use clap::Args;
use mab_core::Random as _;
use mab_redact::{Allowed, DeniedSecrets, Redactor, RuleInfo};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    cli::{
        Output, Trouble, Visible,
        table::{Column, Table, absent},
    },
    system::OsRandom,
};

/// Largest input that holds secrets.
const SECRETS_MAX_BYTES: u64 = 1 << 20;

/// Questions; each stands alone.
#[derive(Debug, Args)]
#[group(multiple = false, conflicts_with_all = ["files", "jsonl", "report", "dry_run", "exit_zero"])]
pub(super) struct Ask {
    /// List every rule: id, class, placeholder, action, what it finds.
    #[arg(long)]
    list_rules: bool,
    /// Tell all about one rule.
    #[arg(long, value_name = "RULE")]
    explain: Option<String>,
    /// Print the hash of the value on stdin, for redaction.allow in the configuration.
    #[arg(long)]
    hash: bool,
    /// Print a file of hashes of the secrets in FILE, one a line, for `redaction.deny_hashes_file`.
    #[arg(long, value_name = "FILE")]
    make_deny_file: Option<PathBuf>,
}

impl Ask {
    /// Answers, if something was asked.
    pub(super) fn answer(&self, redactor: &Redactor, output: Output) -> Option<Result<(), Trouble>> {
        if self.list_rules {
            Some(list(redactor, output))
        } else if let Some(id) = &self.explain {
            Some(explain(redactor, id, output))
        } else if self.hash {
            Some(hash(output))
        } else {
            self.make_deny_file.as_ref().map(make_deny_file)
        }
    }
}

fn list(redactor: &Redactor, output: Output) -> Result<(), Trouble> {
    if output.is_json() {
        return output.json(&Value::Array(redactor.rules().map(|rule| to_json(&rule)).collect()));
    }
    let row = |rule: RuleInfo| {
        vec![
            Visible::line(&rule.id),
            Visible::line(rule.class.as_str()),
            Visible::line(&rule.placeholder),
            Visible::line(rule.action.as_str()),
            Visible::line(&rule.description),
        ]
    };
    let mut page = output.page();
    let columns = &[
        Column::Whole("rule"),
        Column::Whole("class"),
        Column::Whole("placeholder"),
        Column::Whole("action"),
        Column::Text("finds"),
    ];
    page.table(&Table { kind: None, columns, rows: redactor.rules().map(row).collect() });
    Output::data(page.as_str())
}

fn explain(redactor: &Redactor, id: &str, output: Output) -> Result<(), Trouble> {
    let rule = redactor.rules().find(|rule| rule.id == id).ok_or_else(|| {
        let shown: String = id.chars().take(64).collect();
        Trouble::input(format!("there is no rule {shown}"), "`mab redact --list-rules` shows every rule")
    })?;
    if output.is_json() {
        return output.json(&to_json(&rule));
    }
    let mut page = output.page();
    let source = if rule.source.is_empty() { absent() } else { Visible::line(&rule.source) };
    page.field("rule", &Visible::line(&rule.id));
    page.field("finds", &Visible::line(&rule.description));
    page.field("class", &Visible::line(rule.class.as_str()));
    page.field("placeholder", &Visible::line(&rule.placeholder));
    page.field("action", &Visible::line(rule.action.as_str()));
    page.field("looks for", &Visible::line(&rule.shape));
    page.field("source", &source);
    Output::data(page.as_str())
}

fn to_json(rule: &RuleInfo) -> Value {
    json!({
        "rule": rule.id,
        "class": rule.class.as_str(),
        "placeholder": rule.placeholder,
        "action": rule.action.as_str(),
        "finds": rule.description,
        "looks_for": rule.shape,
        "source": Some(&rule.source).filter(|source| !source.is_empty()),
    })
}

/// Prints the hash of what is on stdin, but for a line break at its end.
fn hash(output: Output) -> Result<(), Trouble> {
    let text = read_secrets(io::stdin().lock(), "stdin")?;
    let value = text.trim_end_matches(['\n', '\r']);
    if value.is_empty() {
        return Err(Trouble::input("there is no value on stdin", "pipe it in, so that no history keeps it"));
    }
    let hash = Allowed::hash_of(value);
    if output.is_json() { output.json(&json!({"sha256": hash})) } else { Output::data(&format!("{hash}\n")) }
}

fn make_deny_file(path: &PathBuf) -> Result<(), Trouble> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| Trouble::reading(&name, &error))?;
    let text = read_secrets(file, &name)?;
    let mut salt = [0; 32];
    OsRandom.fill(&mut salt)?;
    let (hashes, taken) = DeniedSecrets::write_hashes(text.lines().map(str::trim), &salt);
    if !taken.left_out.is_empty() {
        let lines: Vec<String> = taken.left_out.iter().map(|left| left.line.to_string()).collect();
        Output::talk(&format!(
            "{} secrets are left out: they are shorter than 8 bytes or longer than 4096, or plain words, numbers or paths; lines {}",
            lines.len(),
            lines.join(", ")
        ));
    }
    if taken.secrets == 0 {
        return Err(Trouble::input(
            format!("{name} has no secret that could be looked for"),
            "write one a line",
        ));
    }
    Output::data(&hashes)
}

/// Reads secrets into memory that is wiped, and never quotes them.
fn read_secrets(source: impl io::Read, name: &str) -> Result<Zeroizing<String>, Trouble> {
    let room = usize::try_from(SECRETS_MAX_BYTES).unwrap_or_default() + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    let read = source.take(SECRETS_MAX_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| Trouble::reading(name, &error))?;
    if text.len() as u64 > SECRETS_MAX_BYTES {
        return Err(Trouble::input(format!("{name} is larger than {SECRETS_MAX_BYTES} bytes"), "split it"));
    }
    Ok(text)
}
