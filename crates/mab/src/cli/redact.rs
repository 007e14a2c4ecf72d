//! `mab redact`: the redactor as a filter, for texts and for lines of JSON.

use std::{
    fs::File,
    io::{self, BufReader, IsTerminal as _, Read},
    path::PathBuf,
};

use clap::Args;
use mab_redact::{Finding, Redactor};
use serde_json::{Value, json};

use crate::cli::{
    Exit, Output, Trouble, Visible,
    operator::Operator,
    redact_lines,
    table::{Column, Table},
};

/// Largest text that is redacted in one piece: a secret may span lines, so it has to be seen whole.
const TEXT_MAX_BYTES: u64 = 256 << 20;

/// Arguments of `mab redact`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab redact < build.log > build.clean.log\n  \
    mab redact --report notes.md > /dev/null   what would be replaced, and where\n  \
    mab redact --jsonl < messages.jsonl\n\n\
    --jsonl reads lines {\"text\": …, \"id\"?: …} and answers each with a line\n\
    {\"id\"?, \"text\", \"findings\": [{\"rule\", \"placeholder\", \"start\", \"end\"}]}.\n\
    start and end are bytes of the input text (UTF-8). id is copied as it is; any\n\
    other key is left out, and its name told once on stderr. Empty lines are\n\
    skipped. A line that cannot be read ends the run with exit code 2.\n\n\
    --report prints one line per finding; without a terminal its tab-separated\n\
    cells are rule, placeholder, line, start, end.\n\n\
    The input must be UTF-8. On a terminal, control characters of the text are\n\
    shown escaped.")]
pub(crate) struct Redact {
    /// File to read; default: stdin.
    file: Option<PathBuf>,
    /// Also report each finding on stderr: rule, placeholder and place, never the value.
    #[arg(long)]
    report: bool,
    /// Treat every line as a JSON object with a text.
    #[arg(long, conflicts_with = "report")]
    jsonl: bool,
}

impl Redact {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let name = self.file.as_ref().map_or_else(|| "stdin".into(), |file| file.display().to_string());
        let source: Box<dyn Read> = match &self.file {
            Some(file) => Box::new(File::open(file).map_err(|error| Trouble::reading(&name, &error))?),
            None => Box::new(io::stdin().lock()),
        };
        let redactor = Redactor::new();
        if self.jsonl {
            let mut input = BufReader::new(source);
            redact_lines::run(&redactor, &mut input, &mut io::stdout().lock())?;
        } else {
            let text = read_whole(source, &name)?;
            self.whole(&redactor, &text, operator.output)?;
        }
        Ok(Exit::OK)
    }

    fn whole(&self, redactor: &Redactor, text: &str, output: Output) -> Result<(), Trouble> {
        let redaction = redactor.redact(text).map_err(|refusal| {
            Trouble::input(refusal.to_string(), "cut the text in two, or look at what repeats in it")
        })?;
        let clean = redaction.text.as_str();
        if output.is_json() {
            let findings = findings(&redaction.findings);
            return output.json(&json!({"text": clean, "findings": findings}));
        }
        if io::stdout().is_terminal() {
            Output::raw(Visible::text(clean).as_str())?;
        } else {
            Output::raw(clean)?;
        }
        if self.report {
            report(text, &redaction.findings);
        }
        Ok(())
    }
}

/// Findings as they are written in JSON.
pub(super) fn findings(findings: &[Finding]) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "rule": finding.rule,
            "placeholder": finding.placeholder,
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

fn report(text: &str, findings: &[Finding]) {
    let row = |finding: &Finding| {
        let before = text.as_bytes().get(..finding.start).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        let number = |number: usize| Visible::line(&number.to_string());
        vec![
            Visible::line(&finding.rule),
            Visible::line(&finding.placeholder),
            number(line),
            number(finding.start),
            number(finding.end),
        ]
    };
    let mut page = Output::talk_page();
    if findings.is_empty() {
        page.aside("no secrets found");
    } else {
        let rows = findings.iter().map(row).collect();
        let columns = &[
            Column::Whole("rule"),
            Column::Whole("placeholder"),
            Column::Number("line"),
            Column::Number("start"),
            Column::Number("end"),
        ];
        page.table(&Table { kind: None, columns, rows });
    }
    Output::talk(page.as_str().trim_end_matches('\n'));
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
