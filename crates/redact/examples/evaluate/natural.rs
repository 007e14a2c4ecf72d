//! Findings in text that nobody wrote to hold secrets: code, documentation, lock files.
//!
//! *Input*: folders, walked in order of names; files that are not UTF-8 are left out, and of each file only the first
//! [`FILE_BYTES`] count, so that a generated file does not outweigh a hundred written ones. Folders of tests and examples
//! are reported apart: they hold keys on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mab_redact::Finding;

use crate::Options;
use crate::subject::Subject;
use crate::table::{Table, float, percent};

/// Most bytes of one file.
const FILE_BYTES: usize = 256 * 1024;
/// Bytes of one message.
const MESSAGE_BYTES: usize = 8 * 1024;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Source code outside test folders.
    Code,
    /// Prose outside test folders.
    Docs,
    /// Versions and hashes that a package manager wrote.
    Lock,
    /// Configuration, data, scripts without a known ending.
    Other,
    /// Anything in a folder of tests, benches, examples or test data.
    Tests,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Docs => "docs",
            Self::Lock => "lock files",
            Self::Other => "other",
            Self::Tests => "tests and examples",
        }
    }

    fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let is_test = |part: &std::ffi::OsStr| {
            let part = part.to_string_lossy().to_lowercase();
            TEST_FOLDERS.iter().any(|folder| part.contains(folder))
        };
        if LOCK_FILES.contains(&name.as_str()) {
            Self::Lock
        } else if path.iter().any(is_test) {
            Self::Tests
        } else if CODE.contains(&ending.as_str()) {
            Self::Code
        } else if DOCS.contains(&ending.as_str()) || DOCS_NAMES.iter().any(|start| name.starts_with(start)) {
            Self::Docs
        } else {
            Self::Other
        }
    }
}

const CODE: [&str; 18] = [
    "rs", "c", "h", "cc", "cpp", "hpp", "py", "js", "mjs", "ts", "go", "sh", "pl", "java", "rb", "s", "asm",
    "php",
];
const DOCS: [&str; 6] = ["md", "markdown", "txt", "rst", "html", "adoc"];
const DOCS_NAMES: [&str; 6] = ["readme", "license", "licence", "changelog", "copying", "authors"];
const LOCK_FILES: [&str; 11] = [
    "cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "gemfile.lock",
    "composer.lock",
    "go.sum",
];
const TEST_FOLDERS: [&str; 6] = ["test", "example", "bench", "fixture", "fuzz", "sample"];

/// A file's text.
pub(crate) struct Document {
    path: PathBuf,
    /// What it is for.
    pub(crate) kind: Kind,
    /// Its beginning.
    pub(crate) content: String,
}

/// Reads the text files below `paths`.
pub(crate) fn read(paths: &[PathBuf]) -> io::Result<Vec<Document>> {
    let mut texts = Vec::new();
    for path in paths {
        walk(path, path, &mut texts)?;
    }
    Ok(texts)
}

fn walk(root: &Path, path: &Path, texts: &mut Vec<Document>) -> io::Result<()> {
    let about = fs::symlink_metadata(path)?;
    if about.is_dir() {
        let mut entries =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| walk(root, entry, texts));
    }
    if !about.is_file() {
        return Ok(());
    }
    if let Ok(mut content) = String::from_utf8(fs::read(path)?) {
        content.truncate(content.floor_char_boundary(FILE_BYTES));
        let path = path.strip_prefix(root).unwrap_or(path).to_owned();
        texts.push(Document { kind: Kind::of(&path), path, content });
    }
    Ok(())
}

/// Cuts text into pieces of at most `size` bytes.
pub(crate) fn pieces(text: &str, size: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, tail) = rest.split_at(rest.floor_char_boundary(size));
        rest = tail;
        (!piece.is_empty()).then_some(piece)
    })
}

#[derive(Default)]
struct Count {
    files: usize,
    bytes: usize,
    messages: usize,
    touched: usize,
    findings: usize,
    /// What was found, each once: copies of a file do not count twice.
    distinct: BTreeSet<(String, String)>,
    redacted_bytes: usize,
}

/// Prints findings by kind of file and by rule, and each of them if asked to.
pub(crate) fn report(subject: &Subject, texts: &[Document], options: &Options) {
    let mut counts: BTreeMap<Kind, Count> = BTreeMap::new();
    let mut rules: BTreeMap<String, BTreeMap<Kind, usize>> = BTreeMap::new();
    for text in texts {
        let count = counts.entry(text.kind).or_default();
        count.files += 1;
        count.bytes += text.content.len();
        for message in pieces(&text.content, MESSAGE_BYTES) {
            let findings = subject.findings(message);
            count.messages += 1;
            count.touched += usize::from(!findings.is_empty());
            count.findings += findings.len();
            for finding in &findings {
                count.redacted_bytes += finding.end - finding.start;
                let value = message.get(finding.start..finding.end).unwrap_or_default();
                count.distinct.insert((finding.rule.to_string(), value.to_owned()));
                *rules.entry(finding.rule.to_string()).or_default().entry(text.kind).or_default() += 1;
                if options.has("--show") {
                    show(text, message, finding);
                }
            }
        }
    }
    by_kind(&counts);
    by_rule(&rules);
}

fn show(text: &Document, message: &str, finding: &Finding) {
    let start = message.floor_char_boundary(finding.start.saturating_sub(60));
    let end = message.ceil_char_boundary((finding.end + 30).min(message.len()));
    let part = |range: std::ops::Range<usize>| message.get(range).unwrap_or_default();
    println!(
        "{}\t{}\t{}\t{:?} »{:?}« {:?}",
        text.kind.name(),
        finding.rule,
        text.path.display(),
        part(start..finding.start),
        part(finding.start..finding.end),
        part(finding.end..end)
    );
}

fn by_kind(counts: &BTreeMap<Kind, Count>) {
    let mut table = Table::new(&[
        "kind",
        "files",
        "MB",
        "findings",
        "distinct",
        "per MB",
        "8 KB messages touched",
        "bytes redacted",
    ]);
    let mut line = |name: &str, count: &Count| {
        let megabytes = float(count.bytes) / 1e6;
        table.row(&[
            name.to_owned(),
            count.files.to_string(),
            format!("{megabytes:.2}"),
            count.findings.to_string(),
            count.distinct.len().to_string(),
            format!("{:.1}", float(count.findings) / megabytes.max(1e-6)),
            percent(count.touched, count.messages),
            format!("{:.4} %", 100.0 * float(count.redacted_bytes) / float(count.bytes.max(1))),
        ]);
    };
    let mut sum = Count::default();
    for (kind, count) in counts {
        line(kind.name(), count);
        if *kind != Kind::Tests {
            sum.files += count.files;
            sum.bytes += count.bytes;
            sum.messages += count.messages;
            sum.touched += count.touched;
            sum.findings += count.findings;
            sum.redacted_bytes += count.redacted_bytes;
            sum.distinct.extend(count.distinct.iter().cloned());
        }
    }
    line("**all but tests**", &sum);
    table.print("Natural text");
}

fn by_rule(rules: &BTreeMap<String, BTreeMap<Kind, usize>>) {
    let kinds = [Kind::Code, Kind::Docs, Kind::Lock, Kind::Other, Kind::Tests];
    let mut heads = vec!["rule"];
    heads.extend(kinds.map(Kind::name));
    let mut table = Table::new(&heads);
    let mut sorted: Vec<_> = rules.iter().collect();
    sorted.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.values().sum::<usize>()));
    for (rule, counts) in sorted.into_iter().take(MOST_RULES) {
        let mut cells = vec![rule.clone()];
        cells.extend(kinds.map(|kind| counts.get(&kind).copied().unwrap_or(0).to_string()));
        table.row(&cells);
    }
    table.print("Natural text: rules that find the most");
}

/// Rules that are listed.
const MOST_RULES: usize = 15;
