//! What one word of a command may be: the validators that policy files name.
//!
//! To add one, give it a variant, its name in [`KINDS`], and its check in [`Kind::check`].

use std::ffi::OsStr;

use super::{path::Scope, scripts};
use crate::Resolved;

/// What a word is checked to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anything.
    Text,
    /// A name: letters, digits and `_ . , : + % @ ^ -`; no path, no assignment.
    Word,
    /// A number, with a sign and a unit.
    Number,
    /// A path that is read, or `-`.
    Path,
    /// A path that is read by a program that takes `@file` for a list of options.
    PlainPath,
    /// A pathspec of git (gitglossary(7)): a path, or one with `:!` before it.
    Pathspec,
    /// A path that is written.
    Target,
    /// A path that is taken away: not the workspace itself.
    Victim,
    /// Text that is no path to outside, nor is one behind its `=`.
    Argument,
    /// A revision, a range of them, a path in one, or a path.
    Revision,
    /// The name of a branch or tag.
    Branch,
    /// The name of a remote; neither an address nor a path.
    Remote,
    /// A format of git's output.
    GitFormat,
    /// The name of a Python package, with extras and versions.
    PipPackage,
    /// The name of a Node package, with a version.
    NpmPackage,
    /// A Python program of the workspace.
    PythonFile,
    /// A JavaScript or TypeScript program of the workspace.
    NodeFile,
    /// Go packages of the workspace.
    GoPackage,
    /// What `date` prints: `+…`.
    DateFormat,
    /// Text to git, which takes a word `--…` for its own option wherever it stands.
    GitText,
    /// Lines of a file to git: `1,5:file`, `:function:file`, or lines alone.
    GitLines,
    /// A path that nothing takes for an address: no `:` in its first part.
    PlainFile,
    /// What is copied: a file or folder, not all that is in a folder (`folder/.`).
    Source,
    /// A number that no program counts to for long.
    SmallNumber,
    /// At most a minute, in seconds.
    Seconds,
    /// A format of printf, stat or find that prints no more than its values.
    Format,
    /// A script of sed that only prints.
    SedScript,
    /// A filter of jq that reads its input only.
    JqFilter,
}

/// The names of kinds, as policy files write them.
const KINDS: [(&str, Kind); 28] = [
    ("text", Kind::Text),
    ("word", Kind::Word),
    ("number", Kind::Number),
    ("path", Kind::Path),
    ("plain_path", Kind::PlainPath),
    ("pathspec", Kind::Pathspec),
    ("target", Kind::Target),
    ("victim", Kind::Victim),
    ("argument", Kind::Argument),
    ("revision", Kind::Revision),
    ("branch", Kind::Branch),
    ("remote", Kind::Remote),
    ("git_format", Kind::GitFormat),
    ("pip_package", Kind::PipPackage),
    ("npm_package", Kind::NpmPackage),
    ("python_file", Kind::PythonFile),
    ("node_file", Kind::NodeFile),
    ("go_package", Kind::GoPackage),
    ("date_format", Kind::DateFormat),
    ("git_text", Kind::GitText),
    ("git_lines", Kind::GitLines),
    ("plain_file", Kind::PlainFile),
    ("source", Kind::Source),
    ("small_number", Kind::SmallNumber),
    ("seconds", Kind::Seconds),
    ("format", Kind::Format),
    ("sed_script", Kind::SedScript),
    ("jq_filter", Kind::JqFilter),
];

impl Kind {
    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// Whether `word`, which begins with `-`, may stand behind an option: the program takes it as the value.
    pub(crate) fn takes_dash(self, word: &str) -> bool {
        match self {
            Self::Text | Self::Number | Self::Argument | Self::SmallNumber | Self::Format => true,
            Self::GitText => !word.starts_with("--"),
            Self::Word
            | Self::Path
            | Self::PlainPath
            | Self::Pathspec
            | Self::Target
            | Self::Victim
            | Self::Revision
            | Self::Branch
            | Self::Remote
            | Self::GitFormat
            | Self::PipPackage
            | Self::NpmPackage
            | Self::PythonFile
            | Self::NodeFile
            | Self::GoPackage
            | Self::DateFormat
            | Self::GitLines
            | Self::PlainFile
            | Self::Source
            | Self::Seconds
            | Self::SedScript
            | Self::JqFilter => false,
        }
    }

    /// Whether `word` is one.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check(self, word: &str, scope: &Scope<'_>) -> Result<(), String> {
        match self {
            Self::Text | Self::GitText => Ok(()),
            Self::Word => plain(word, is_word(word), "a plain name"),
            Self::Number => plain(word, is_number(word), "a number"),
            Self::Path => scope.may_read(word),
            Self::PlainPath => {
                plain(word, !word.starts_with('@'), "a path without `@`").and_then(|()| scope.may_read(word))
            }
            Self::Pathspec => pathspec(word, scope),
            Self::Target => scope.may_write(word),
            Self::Victim => plain(word, !is_root(word, scope), "a path below the workspace")
                .and_then(|()| scope.may_write(word)),
            Self::Argument => argument(word, scope),
            Self::Revision => revision(word, scope),
            Self::Branch => plain(word, is_branch(word), "the name of a branch"),
            Self::Remote => remote(word, scope),
            Self::GitLines => git_lines(word, scope),
            Self::PlainFile => {
                let first = word.split('/').next().unwrap_or(word);
                plain(word, !first.contains(':'), "a file; an address is not taken")?;
                scope.may_read(word)
            }
            Self::Source => source(word, scope),
            Self::SmallNumber => plain(word, is_small(word), "a number of at most six digits"),
            Self::Seconds => plain(word, is_minute(word), "at most 60 seconds"),
            Self::Format => plain(word, is_format(word), "a format without huge widths"),
            Self::GitFormat => plain(word, is_git_format(word), "a format that git knows by itself"),
            Self::PipPackage => {
                plain(word, is_pip_package(word), "the name of a package, as `name` or `name==1.2`")
            }
            Self::NpmPackage => {
                plain(word, is_npm_package(word), "the name of a package, as `name` or `name@1.2`")
            }
            Self::PythonFile => program(word, &[".py"], scope),
            Self::NodeFile => program(word, &[".js", ".mjs", ".cjs", ".ts", ".mts"], scope),
            Self::GoPackage => plain(word, !word.contains('@') && word != "-", "a package of the workspace")
                .and_then(|()| scope.may_read(word)),
            Self::DateFormat => {
                plain(word, word.starts_with('+') && is_format(word), "a format (`+%F`) without huge widths")
            }
            Self::SedScript => scripts::sed(word),
            Self::JqFilter => scripts::jq(word),
        }
    }
}

fn plain(word: &str, is: bool, expected: &str) -> Result<(), String> {
    if is { Ok(()) } else { Err(format!("`{word}` is not {expected}")) }
}

fn is_word(word: &str) -> bool {
    let is_part = |found: char| found.is_alphanumeric() || "_.,:+%@^-".contains(found);
    !word.is_empty() && !word.starts_with('-') && word.chars().all(is_part)
}

fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    let unit = digits.trim_start_matches(|found: char| found.is_ascii_digit() || ".,:".contains(found));
    digits.starts_with(|found: char| found.is_ascii_digit())
        && unit.len() <= 3
        && unit.bytes().all(|byte| b"%bBcdEGhikKmMPsTwY".contains(&byte))
}

fn pathspec(word: &str, scope: &Scope<'_>) -> Result<(), String> {
    let path = word.strip_prefix(":!").or_else(|| word.strip_prefix(":^")).unwrap_or(word);
    plain(word, !path.starts_with(':') && path != "-", "a path")?;
    scope.may_read(path)
}

/// Whether `word` is the workspace: it, or something of it through `.`.
fn is_root(word: &str, scope: &Scope<'_>) -> bool {
    let named = scope.workspace.and_then(|workspace| workspace.path().to_str());
    word.split('/').all(|name| name.is_empty() || name == ".")
        || named.is_some_and(|root| word.trim_end_matches(['/', '.']) == root)
}

fn argument(word: &str, scope: &Scope<'_>) -> Result<(), String> {
    let value = word.split_once('=').map_or("", |(_, value)| value);
    for part in [word, value] {
        if part.starts_with(['/', '~']) || part.split('/').any(|name| name == "..") {
            scope.may_read(part)?;
        }
        scope.may_lead(part)?;
        scope.is_shown(part)?;
    }
    Ok(())
}

fn revision(word: &str, scope: &Scope<'_>) -> Result<(), String> {
    let outside = word.split('/').any(|name| name == "..");
    if word.is_empty() || word == "-" || outside || is_magic(word) {
        return Err(format!("`{word}` is neither a revision nor a path of the workspace"));
    }
    if let Some(message) = word.strip_prefix(":/") {
        // A commit by its message; or, when there is none, a path from the top.
        return scope.is_shown(message);
    }
    let range = word.split_once("...").or_else(|| word.split_once(".."));
    let (one, other) = range.unwrap_or((word, ""));
    for side in [one, other].into_iter().filter(|side| !side.is_empty()) {
        let path = side.split_once(':').map_or(side, |(_, path)| path);
        if path.contains("..") {
            return Err(format!("`{word}` is no revision"));
        }
        if !path.is_empty() {
            scope.may_read(path.trim_start_matches('^'))?;
        }
        behind_colons(side, scope)?;
    }
    behind_colons(word, scope)
}

/// Whether `word` is a pathspec with magic (gitglossary(7)).
fn is_magic(word: &str) -> bool {
    word.starts_with(":(") || word.starts_with(":!") || word.starts_with(":^")
}

/// Holds that no path behind any `:` is hidden: dates, stages and searches have one of their own before that of the path.
fn behind_colons(word: &str, scope: &Scope<'_>) -> Result<(), String> {
    word.match_indices(':').try_for_each(|(at, _)| match word.get(at + 1..).unwrap_or_default() {
        "" => Ok(()),
        path => scope.is_shown(path.trim_start_matches("./")),
    })
}

/// The file, which stands behind the last `:`, must be one that may be read.
fn git_lines(word: &str, scope: &Scope<'_>) -> Result<(), String> {
    behind_colons(word, scope)?;
    match word.rsplit_once(':') {
        Some((_, path)) if !path.is_empty() => scope.may_read(path),
        Some(_) | None => Ok(()),
    }
}

/// git takes a name that is no remote of the repository for a path.
fn remote(word: &str, scope: &Scope<'_>) -> Result<(), String> {
    plain(word, is_remote(word), "the name of a remote")?;
    let found = scope.workspace.map(|workspace| workspace.resolve(OsStr::new(word)));
    let is_free = found.is_none_or(|found| found == Resolved::Absent);
    plain(word, is_free, "the name of a remote alone: the workspace has a file or folder of this name")
}

/// With all that is in a folder, names come along that nobody judged, over those that are there.
fn source(word: &str, scope: &Scope<'_>) -> Result<(), String> {
    let last = word.trim_end_matches('/').rsplit('/').next().unwrap_or(word);
    plain(word, last != "." && !last.is_empty(), "one file or folder; name what is in it")?;
    scope.may_read(word)
}

fn is_small(word: &str) -> bool {
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_short =
        |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_short(whole, 6) && is_short(part, 3)
}

fn is_minute(word: &str) -> bool {
    let number = word.strip_suffix('s').unwrap_or(word);
    is_small(number) && number.parse::<f64>().is_ok_and(|seconds| (0.0..=60.0).contains(&seconds))
}

/// Most digits of a width.
const WIDTH_MAX_DIGITS: usize = 4;

fn is_format(word: &str) -> bool {
    let mut digits = word.split(|found: char| !found.is_ascii_digit());
    !(word.contains('%') && (word.contains('*') || digits.any(|run| run.len() > WIDTH_MAX_DIGITS)))
}

/// Stricter than git-check-ref-format(1): what is left out is rare in names and common in revisions.
fn is_branch(word: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.ends_with('.')
            && part.strip_suffix(".lock").is_none()
    };
    word != "@"
        && !word.starts_with('+')
        && word.split('/').all(is_part)
        && !word.contains("..")
        && word.chars().all(|found| found.is_alphanumeric() || "_./+#@-".contains(found))
}

fn is_remote(word: &str) -> bool {
    word.starts_with(|found: char| found.is_ascii_alphanumeric())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// A format without a signature's state (`%G…`, for which git runs a program) and none that the repository defined.
fn is_git_format(word: &str) -> bool {
    let known = ["oneline", "short", "medium", "full", "fuller", "reference", "email", "raw"];
    let own = word.contains('%') || word.starts_with("format:") || word.starts_with("tformat:");
    let signed = ["%G", "%-G", "%+G", "% G", "signature"];
    known.contains(&word) || (own && !signed.iter().any(|part| word.contains(part)))
}

/// Endings that make a name a file to pip and npm.
const ARCHIVES: [&str; 12] =
    [".whl", ".zip", ".tar", ".tgz", ".tbz", ".txz", ".tlz", ".gz", ".bz2", ".xz", ".lz", ".lzma"];

fn is_archive(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    ARCHIVES.iter().any(|ending| word.ends_with(ending))
}

/// A name, extras and versions of PEP 508; no address and no path.
fn is_pip_package(word: &str) -> bool {
    let name_end = word.find(|found: char| !is_package_character(found)).unwrap_or(word.len());
    let (name, rest) = word.split_at(name_end);
    let (extras, versions) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or(("/", "")),
        None => ("", rest),
    };
    let is_version = |part: &str| {
        let number = part.trim_start_matches(['=', '<', '>', '~', '!']);
        number.len() < part.len()
            && !number.is_empty()
            && number.chars().all(|found| found.is_ascii_alphanumeric() || ".*+!-".contains(found))
    };
    name.starts_with(|found: char| found.is_ascii_alphanumeric())
        && extras.chars().all(|found| is_package_character(found) || found == ',')
        && (versions.is_empty() || versions.split(',').all(is_version))
        && !is_archive(word)
}

/// `name`, `@scope/name`, each with `@` and a version or tag.
fn is_npm_package(word: &str) -> bool {
    let (scope, rest) = match word.strip_prefix('@').map(|rest| rest.split_once('/')) {
        Some(Some((scope, rest))) => (scope, rest),
        Some(None) => return false,
        None => ("x", word),
    };
    let (name, version) = rest.split_once('@').unwrap_or((rest, "x"));
    let is_name = |name: &str| {
        name.starts_with(|found: char| found.is_ascii_alphanumeric())
            && name.chars().all(is_package_character)
    };
    is_name(scope)
        && is_name(name)
        && version.starts_with(|found: char| found.is_ascii_alphanumeric() || "^~<>=*".contains(found))
        && version.chars().all(|found| is_package_character(found) || "^~<>=*+".contains(found))
        && !is_archive(word)
}

const fn is_package_character(found: char) -> bool {
    found.is_ascii_alphanumeric() || matches!(found, '_' | '.' | '-')
}

fn program(word: &str, endings: &[&str], scope: &Scope<'_>) -> Result<(), String> {
    plain(
        word,
        endings.iter().any(|ending| word.ends_with(ending)),
        &format!("a file that ends with {}", endings.join(" or ")),
    )?;
    scope.may_read(word)
}
