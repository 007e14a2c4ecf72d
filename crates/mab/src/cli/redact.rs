//! `mab redact`: the redactor as a filter, for texts and for lines of JSON, with the policy of the configuration.

use std::{
    fs::File,
    io::{self, BufReader, IsTerminal, Read},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use clap::Args;
use mab_core::{Code, Denied};
use mab_redact::{Finding, Profile, Redactor, Refusal};
use serde_json::{Map, Value, json};

use crate::cli::{
    Exit, Output, Trouble, Visible, arguments,
    bar::{Bar, cells},
    operator::Operator,
    redact_ask::Ask,
    redact_lines,
    table::{Column, Page, Table},
};

/// Largest text that is redacted in one piece: a secret may span lines, and is taken out wherever else it stands, so the
/// text has to be seen whole.
const TEXT_MAX_BYTES: u64 = 256 << 20;

/// Arguments of `mab redact`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab redact --exit-zero < build.log > build.clean.log\n  \
    mab redact --dry-run notes.md src/*.rs     what would be replaced, and where\n  \
    mab redact --jsonl < messages.jsonl\n  \
    mab redact --explain github-token\n  \
    mab redact --hash < value.txt              for redaction.allow\n\n\
    Exits with 1 when something was found, also by a rule that only warns, and with 0\n\
    when not, or with --exit-zero. A text that the policy refuses is not printed, and\n\
    the exit code is that of secret_refused. --jsonl tells of findings in its answers,\n\
    and exits with 0 all the same unless it is a --dry-run.\n\n\
    The policy is that of the configuration, as for messages; --profile is for this\n\
    run. Several files are printed one after the other; one that cannot be read or is\n\
    refused is named on stderr, and the others are printed all the same.\n\n\
    --jsonl reads lines {\"text\": …, \"id\"?: …} and answers each with a line\n\
    {\"id\"?, \"text\", \"findings\": [{\"rule\", \"class\", \"placeholder\", \"action\",\n\
    \"start\", \"end\"}]}. start and end are bytes of the input text (UTF-8). id is\n\
    copied as it is; any other key is left out, and its name told once on stderr.\n\
    Empty lines are skipped. A text that the policy refuses is answered with {\"id\"?,\n\
    \"error\": {\"code\", \"message\"}}; a line that cannot be read ends the run with exit\n\
    code 2.\n\n\
    --report and --dry-run print one line per finding; without a terminal its\n\
    tab-separated cells are rule, placeholder, line, start, end, class, action, file.\n\n\
    The input must be UTF-8. On a terminal, control characters of the text are\n\
    shown escaped.")]
pub(crate) struct Redact {
    /// Files to read; default: stdin.
    files: Vec<PathBuf>,
    /// Treat every line as a JSON object with a text.
    #[arg(long, conflicts_with = "report")]
    jsonl: bool,
    /// Use this profile instead of the configuration's.
    #[arg(long, value_parser = arguments::named(&Profile::ALL, Profile::as_str))]
    profile: Option<String>,
    #[command(flatten)]
    telling: Telling,
    #[command(flatten)]
    ask: Ask,
}

/// How findings are told.
#[derive(Debug, Args)]
struct Telling {
    /// Also report each finding on stderr: rule, placeholder and place, never the value.
    #[arg(long)]
    report: bool,
    /// Print the findings instead of the text.
    #[arg(long, conflicts_with = "report")]
    dry_run: bool,
    /// Exit with 0 also when something was found.
    #[arg(long)]
    exit_zero: bool,
}

/// A text that was looked through.
struct Looked {
    name: String,
    text: String,
    /// What it became; none if the policy refuses it.
    clean: Option<String>,
    findings: Vec<Finding>,
}

impl Redact {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let mut policy = operator.config()?.settings.redaction;
        if let Some(profile) = self.profile.as_deref().and_then(|name| name.parse().ok()) {
            policy.profile = profile;
        }
        let redactor = Redactor::with_policy(policy);
        if let Some(answered) = self.ask.answer(&redactor, operator.output) {
            return answered.map(|()| Exit::OK);
        }
        let has_found = if self.jsonl {
            self.lines(&redactor)? && self.telling.dry_run
        } else {
            self.texts(&redactor, operator.output)?
        };
        Ok(if has_found && !self.telling.exit_zero { Exit::FOUND } else { Exit::OK })
    }

    /// What is read, by name.
    fn sources(&self) -> Vec<Option<&PathBuf>> {
        if self.files.is_empty() { vec![None] } else { self.files.iter().map(Some).collect() }
    }

    fn lines(&self, redactor: &Redactor) -> Result<bool, Trouble> {
        let mut has_found = false;
        for file in self.sources() {
            let (_, source) = open(file)?;
            let mut input = BufReader::new(source);
            let with_text = !self.telling.dry_run;
            has_found |= redact_lines::run(redactor, &mut input, &mut io::stdout().lock(), with_text)?;
        }
        Ok(has_found)
    }

    fn texts(&self, redactor: &Redactor, output: Output) -> Result<bool, Trouble> {
        let size = |file: &PathBuf| file.metadata().map_or(0, |metadata| metadata.len());
        let total = self.files.iter().map(size).sum::<u64>();
        let done = Arc::new(AtomicU64::new(0));
        let shown = done.clone();
        // What is printed on a terminal would be drawn over.
        let is_quiet = total < SHOWN_FROM_BYTES || (io::stdout().is_terminal() && !self.telling.dry_run);
        let bar = Bar::showing(is_quiet, move || progress(shown.load(Ordering::Relaxed), total));
        let (mut has_found, mut answers, mut told) = (false, Vec::new(), Vec::new());
        let mut failed = None;
        for file in self.sources() {
            let looked = match self.look(redactor, file) {
                Ok(looked) => looked,
                Err(trouble) => {
                    // The first one is told at the end, and decides how the run ends.
                    if failed.is_some()
                        && let Some(message) = trouble.to_json().and_then(|told| told.get("message").cloned())
                    {
                        Output::talk(message.as_str().unwrap_or_default());
                    }
                    failed = failed.or(Some(trouble));
                    continue;
                }
            };
            done.fetch_add(looked.text.len() as u64, Ordering::Relaxed);
            has_found |= !looked.findings.is_empty();
            if output.is_json() {
                answers.push(self.to_json(&looked));
            } else if let Some(clean) = looked.clean.as_deref().filter(|_| !self.telling.dry_run) {
                print(clean)?;
            }
            if self.telling.report || self.telling.dry_run {
                told.extend(rows(&looked));
            }
        }
        drop(bar);
        if let Some(trouble) = failed.take_if(|_| self.files.len() < 2) {
            return Err(trouble);
        }
        self.tell(answers, told, output)?;
        failed.map_or(Ok(has_found), Err)
    }

    /// Prints what is told of all texts together.
    fn tell(&self, answers: Vec<Value>, told: Vec<Vec<Visible>>, output: Output) -> Result<(), Trouble> {
        if output.is_json() {
            match <[Value; 1]>::try_from(answers) {
                Ok([answer]) => output.json(&answer)?,
                Err(answers) => output.json(&Value::Array(answers))?,
            }
        } else if self.telling.dry_run {
            let mut page = output.page();
            table(&mut page, told);
            Output::data(page.as_str())?;
        } else if self.telling.report {
            let mut page = Output::talk_page();
            table(&mut page, told);
            Output::talk(page.as_str().trim_end_matches('\n'));
        }
        Ok(())
    }

    fn look(&self, redactor: &Redactor, file: Option<&PathBuf>) -> Result<Looked, Trouble> {
        let (name, source) = open(file)?;
        let text = read_whole(source, &name)?;
        let (clean, findings) = match redactor.redact(&text) {
            Ok(redaction) => (Some(redaction.text.into_string()), redaction.findings),
            Err(Refusal::Blocked(findings)) if self.telling.dry_run => (None, findings),
            Err(refusal) => return Err(refused(&name, &refusal)),
        };
        Ok(Looked { name, text, clean, findings })
    }

    fn to_json(&self, looked: &Looked) -> Value {
        let mut object = Map::new();
        if self.files.len() > 1 {
            object.insert("file".to_owned(), looked.name.clone().into());
        }
        if !self.telling.dry_run {
            object.insert("text".to_owned(), looked.clean.clone().into());
        }
        object.insert("findings".to_owned(), findings(&looked.findings));
        Value::Object(object)
    }
}

fn open(file: Option<&PathBuf>) -> Result<(String, Box<dyn Read>), Trouble> {
    let Some(path) = file else { return Ok(("stdin".to_owned(), Box::new(io::stdin().lock()))) };
    let name = path.display().to_string();
    let source = File::open(path).map_err(|error| Trouble::reading(&name, &error))?;
    Ok((name, Box::new(source)))
}

fn refused(name: &str, refusal: &Refusal) -> Trouble {
    match refusal {
        Refusal::TooCostly | Refusal::Broken => {
            Trouble::input(format!("{name}: {refusal}"), "cut the text in two, or look at what repeats in it")
        }
        Refusal::Blocked(_) => Denied::new(Code::SecretRefused, format!("{name}: {refusal}"))
            .hint("take the secret out; --dry-run shows where it is")
            .into(),
    }
}

fn print(clean: &str) -> Result<(), Trouble> {
    if io::stdout().is_terminal() { Output::raw(Visible::text(clean).as_str()) } else { Output::raw(clean) }
}

/// The line that tells how far the files are.
fn progress(done: u64, total: u64) -> String {
    let megabytes = |bytes: u64| bytes.div_ceil(1 << 20);
    format!("{} {} of {} MB", cells(done, total), megabytes(done), megabytes(total))
}

/// Size of all files from which on it is told how far they are.
const SHOWN_FROM_BYTES: u64 = 4 << 20;

/// Findings as they are written in JSON.
pub(super) fn findings(findings: &[Finding]) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "rule": finding.rule,
            "class": finding.class.as_str(),
            "placeholder": finding.placeholder,
            "action": finding.action.as_str(),
            "start": finding.start,
            "end": finding.end,
        })
    };
    findings.iter().map(finding).collect()
}

fn read_whole(source: impl Read, name: &str) -> Result<String, Trouble> {
    let mut bytes = Vec::new();
    source
        .take(TEXT_MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Trouble::reading(name, &error))?;
    if bytes.len() as u64 > TEXT_MAX_BYTES {
        return Err(Trouble::input(
            format!("{name} is larger than {TEXT_MAX_BYTES} bytes"),
            "split it, or use --jsonl, which reads line by line",
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Trouble::input(
            format!("{name} is not UTF-8 at byte {at}"),
            "convert it first, for example with iconv",
        )
    })
}

/// One row for each finding.
fn rows(looked: &Looked) -> Vec<Vec<Visible>> {
    let (mut line, mut counted) = (1_u64, 0);
    let row = |finding: &Finding| {
        let between = looked.text.as_bytes().get(counted..finding.start).unwrap_or_default();
        line += memchr::memchr_iter(b'\n', between).count() as u64;
        counted = finding.start;
        vec![
            Visible::line(&finding.rule),
            Visible::line(&finding.placeholder),
            line.into(),
            (finding.start as u64).into(),
            (finding.end as u64).into(),
            Visible::line(finding.class.as_str()),
            Visible::line(finding.action.as_str()),
            Visible::line(&looked.name),
        ]
    };
    looked.findings.iter().map(row).collect()
}

fn table(page: &mut Page, rows: Vec<Vec<Visible>>) {
    if rows.is_empty() {
        return page.aside("no secrets found");
    }
    let columns = &[
        Column::Whole("rule"),
        Column::Whole("placeholder"),
        Column::Number("line"),
        Column::Number("start"),
        Column::Number("end"),
        Column::Whole("class"),
        Column::Whole("action"),
        Column::Whole("file"),
    ];
    page.table(&Table { kind: None, columns, rows });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_whole_when_not_utf_8_names_the_byte_and_nothing_of_the_text() {
        let trouble = read_whole(&b"password=\xff"[..], "stdin").err().and_then(|trouble| trouble.to_json());
        assert_eq!(
            trouble,
            Some(json!({
                "code": "invalid_arguments",
                "message": "stdin is not UTF-8 at byte 9",
                "hint": "convert it first, for example with iconv",
            }))
        );
    }
}
