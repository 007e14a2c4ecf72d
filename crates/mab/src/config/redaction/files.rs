//! The files that the policy names.

use std::{
    fs::{File, Metadata},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use mab_core::Denied;
use mab_redact::{CustomRule, DeniedSecrets, LeftOut, LoadedRules};
use zeroize::Zeroizing;

use crate::{
    config::load::{Config, Source, absolute, refuse},
    environment::Environment,
    folder::{OTHERS_WRITE, quoted},
};

/// What came of the policy, for `mab doctor`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedactionReport {
    /// Rules of the operator.
    pub rules: usize,
    /// Rules from files.
    pub loaded: usize,
    /// Rules of files that are left out or used in part, and why.
    pub notes: Vec<(String, String)>,
    /// Secrets that are taken out wherever they stand.
    pub denied: usize,
    /// Values of environment files that are not looked for.
    pub left_out: usize,
    /// Allowed values whose day has passed.
    pub expired: usize,
    /// What deserves a look.
    pub warnings: Vec<Warning>,
}

/// Something that deserves a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What it is.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Adds the rules of every file; where two have the same id, the first stays.
pub(super) fn load_rules(
    config: &Config,
    environment: &Environment,
    custom: &mut Vec<CustomRule>,
    report: &mut RedactionReport,
) -> Result<(), Denied> {
    let source = config.sources.get(RULES_FILES).cloned().unwrap_or(Source::Default);
    for path in &config.redaction.rules_files {
        let (text, _) = read(&expanded(path, environment, &source, RULES_FILES)?, &source, RULES_FILES)?;
        let loaded = LoadedRules::read(&text).map_err(|fault| {
            refuse(format_args!("{RULES_FILES}: {}: {fault}", path.display()), &source).hint(fault.hint())
        })?;
        report.notes.extend(loaded.notes);
        for rule in loaded.rules {
            if custom.iter().any(|other| other.id() == rule.id()) {
                report
                    .notes
                    .push((rule.id().to_owned(), "left out: an earlier file has this rule".to_owned()));
            } else {
                report.loaded += 1;
                custom.push(rule);
            }
        }
    }
    Ok(())
}

/// Reads the operator's secrets, of which nothing but hashes is kept.
pub(super) fn load_denied(
    config: &Config,
    environment: &Environment,
    report: &mut RedactionReport,
) -> Result<Vec<DeniedSecrets>, Denied> {
    let mut denied = Vec::new();
    let source = |key| config.sources.get(key).cloned().unwrap_or(Source::Default);
    let mut texts = Vec::new();
    for path in &config.redaction.deny_files {
        let source = source(DENY_FILES);
        let path = expanded(path, environment, &source, DENY_FILES)?;
        let (text, metadata) = read(&path, &source, DENY_FILES)?;
        report.warnings.extend(open_to_others(&path, &metadata));
        let (_, taken) = DeniedSecrets::from_env_files([text.as_str()]);
        if taken.secrets == 0 {
            let what = format!("{DENY_FILES}: {} has no secret that could be looked for", path.display());
            return Err(refuse(what, &source).hint(
                "write KEY=value lines, as in an environment file, or take it out of the configuration",
            ));
        }
        report.warnings.extend(left_out(&path, &taken.left_out));
        texts.push(text);
    }
    if !texts.is_empty() {
        let (set, taken) = DeniedSecrets::from_env_files(texts.iter().map(|text| text.as_str()));
        report.left_out = taken.left_out.len();
        denied.push(set);
    }
    if let Some(path) = &config.redaction.deny_hashes_file {
        let source = source(DENY_HASHES_FILE);
        let path = expanded(path, environment, &source, DENY_HASHES_FILE)?;
        let (text, metadata) = read(&path, &source, DENY_HASHES_FILE)?;
        report.warnings.extend(open_to_others(&path, &metadata));
        let set = DeniedSecrets::from_hashes(&text).map_err(|fault| {
            refuse(format_args!("{DENY_HASHES_FILE}: {}: {fault}", path.display()), &source)
                .hint(fault.hint())
        })?;
        if set.count() == 0 {
            return Err(refuse(format_args!("{DENY_HASHES_FILE}: {} has no hash", path.display()), &source)
                .hint("make it anew with `mab redact --make-deny-file`"));
        }
        denied.push(set);
    }
    report.denied = denied.iter().map(DeniedSecrets::count).sum();
    Ok(denied)
}

/// The path with the home in place of `~`.
fn expanded(path: &Path, environment: &Environment, source: &Source, key: &str) -> Result<PathBuf, Denied> {
    let whole = absolute(path, environment);
    if path.starts_with("~") && whole == absolute(path, &Environment::default()) {
        let what = format!("{key}: {} has no meaning: HOME is not set", path.display());
        return Err(refuse(what, source).hint("use an absolute path, or set HOME"));
    }
    Ok(whole)
}

/// What of a file is not looked for: lines and keys, never values.
fn left_out(path: &Path, left_out: &[LeftOut]) -> Option<Warning> {
    let told = |left: &LeftOut| match &left.key {
        Some(key) => format!("line {} {key}", left.line),
        None => format!("line {}", left.line),
    };
    let mut lines: Vec<String> = left_out.iter().take(TOLD_MAX).map(told).collect();
    let more = left_out.len().saturating_sub(TOLD_MAX);
    lines.extend((more > 0).then(|| format!("and {more} more")));
    (!left_out.is_empty()).then(|| Warning {
        message: format!("{}: not looked for: {}", path.display(), lines.join(", ")),
        hint: "fine for what is no secret: too short or too long, plain words, numbers, paths or addresses, and lines without KEY=value; give a secret among them a better value".to_owned(),
    })
}

/// A file that is a secret, and that other users can read.
fn open_to_others(path: &Path, metadata: &Metadata) -> Option<Warning> {
    (metadata.mode() & OTHERS_READ != 0).then(|| Warning {
        message: format!("other users can read {}", path.display()),
        hint: format!("chmod go= {}", quoted(path)),
    })
}

/// Reads a file that nobody else can write. The text is wiped after use.
fn read(path: &Path, source: &Source, key: &str) -> Result<(Zeroizing<String>, Metadata), Denied> {
    let unreadable = |what: &dyn std::fmt::Display| {
        refuse(format_args!("{key}: {} cannot be read: {what}", path.display()), source)
            .hint("correct the path or the file, or take it out of the configuration")
    };
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    let (own, owner) = (rustix::process::geteuid().as_raw(), metadata.uid());
    if owner != own && owner != 0 {
        let what = format!("{key}: {} belongs to user {owner}, and mab runs as user {own}", path.display());
        return Err(refuse(what, source).hint("copy it to a file of your own and name that"));
    }
    trust_folder(path, source, key)?;
    if metadata.mode() & OTHERS_WRITE != 0 {
        return Err(refuse(format_args!("{key}: other users may write {}", path.display()), source)
            .hint(format!("chmod go-w {}", quoted(path))));
    }
    if metadata.len() > FILE_MAX_BYTES {
        return Err(unreadable(&format_args!("it is larger than {FILE_MAX_BYTES} bytes")));
    }
    // Enough room from the start: what grows leaves copies behind.
    let capacity = usize::try_from(metadata.len()).unwrap_or_default() + 1;
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    file.take(FILE_MAX_BYTES).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
    Ok((text, metadata))
}

/// Refuses a file in a folder where others can put another in its place; where everybody may remove only what is their
/// own (/tmp), they cannot.
fn trust_folder(path: &Path, source: &Source, key: &str) -> Result<(), Denied> {
    let folder = path.parent().unwrap_or(path);
    let is_open = |metadata: Metadata| metadata.mode() & OTHERS_WRITE != 0 && metadata.mode() & STICKY == 0;
    if std::fs::metadata(folder).is_ok_and(is_open) {
        let what = format!("{key}: other users may write {}", folder.display());
        return Err(refuse(what, source).hint(format!("chmod go-w {}", quoted(folder))));
    }
    Ok(())
}

const RULES_FILES: &str = "redaction.rules_files";
const DENY_FILES: &str = "redaction.deny_files";
const DENY_HASHES_FILE: &str = "redaction.deny_hashes_file";
/// Largest file: many times the largest pack of rules there is (1 MB, 2026).
const FILE_MAX_BYTES: u64 = 16 << 20;
/// Permission of others to read, the group's too.
const OTHERS_READ: u32 = 0o044;
/// In such a folder everybody may remove or rename only what is their own.
const STICKY: u32 = 0o1000;
/// Most values left out of a file that are told one by one.
const TOLD_MAX: usize = 50;
