//! Rules from files in the format of gitleaks, which betterleaks shares.
//!
//! *Read*: `[[rules]]` with `id`, `description`, `regex`, `secretGroup`, `entropy`, `keywords`, and their allow-lists
//! (`regexes`, `stopwords`, `regexTarget`, `condition`); `[extend] disabledRules`. *Not read*: allow-lists of the whole
//! file, paths and commits, rules that others require, the expressions of betterleaks (`filter`, `validate`). What is not
//! read only ever makes more be found.
//!
//! A file is checked rule by rule: one that cannot be used is left out and named. The strings to look for are taken from
//! the pattern; the keywords, which may ask for more than the pattern does, only where it has none.

use regex_syntax::ast::{self, Ast, GroupKind};
use serde::Deserialize;

use super::{CustomRule, PolicyFault, custom, required};
use crate::excuse::{Excuse, Excuses, Target};
use crate::rule::{Finder, Format, Layer, Name, Place, Rule, Words};
use crate::{Class, format, literals, rules};

/// The rules of a file, and what became of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadedRules {
    /// Rules that can be used; their ids have `loaded-` in front.
    pub rules: Vec<CustomRule>,
    /// Rules that are left out, or used in part: their ids in the file, and why.
    pub notes: Vec<(String, String)>,
}

impl LoadedRules {
    /// Reads a file.
    ///
    /// # Errors
    /// A [`PolicyFault`] if it is no TOML, or has no rules.
    pub fn read(text: &str) -> Result<Self, PolicyFault> {
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            PolicyFault::new(format!("line {line} is not TOML: {}", error.message()), "correct the file")
        })?;
        let written = table.get("rules").and_then(toml::Value::as_array).ok_or_else(|| {
            PolicyFault::new("it has no [[rules]]", "name a file in the format of gitleaks or betterleaks")
        })?;
        let disabled = table.get("extend").and_then(|extend| extend.get("disabledRules"));
        let disabled: Vec<&str> = disabled
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .collect();
        let mut loaded = Self::default();
        for value in written {
            let id = value.get("id").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
            if !disabled.contains(&id.as_str()) {
                loaded.add(id, value.clone());
            }
        }
        Ok(loaded)
    }

    fn add(&mut self, id: String, value: toml::Value) {
        let read = value
            .try_into::<Written>()
            .map_err(|error| error.message().to_owned())
            .and_then(|written| rule(&written).map_err(|fault| fault.to_string()));
        match read {
            Ok((rule, _)) if self.rules.iter().any(|other| other.id() == rule.id()) => {
                self.notes.push((id, "left out: another rule has this id".to_owned()));
            }
            Ok((rule, note)) => {
                self.rules.push(rule);
                self.notes.extend(note.map(|note| (id, note.to_owned())));
            }
            Err(reason) => self.notes.push((id, format!("left out: {reason}"))),
        }
    }
}

/// A rule of the file; keys that are not here are not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Written {
    id: String,
    description: String,
    regex: Option<String>,
    secret_group: usize,
    entropy: Option<f64>,
    keywords: Vec<String>,
    allowlist: Option<AllowList>,
    allowlists: Vec<AllowList>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct AllowList {
    regexes: Vec<String>,
    stopwords: Vec<String>,
    regex_target: String,
    condition: String,
    paths: Vec<String>,
    commits: Vec<String>,
}

/// The rule, and what of it is not used.
fn rule(written: &Written) -> Result<(CustomRule, Option<&'static str>), PolicyFault> {
    let hint = "leave it out";
    let regex = written.regex.as_deref().ok_or_else(|| PolicyFault::new("it looks at paths only", hint))?;
    let pattern = with_group(regex, written.secret_group)?;
    let hir = custom::parse(&pattern)?;
    let longest = hir.properties().maximum_len();
    let (words, reach) = match required::literals(&hir) {
        Some(words) => (words, longest.unwrap_or(REACH).clamp(1, MAX_REACH)),
        None => (keywords(&written.keywords), REACH),
    };
    if words.is_empty() {
        return Err(PolicyFault::new("it has no string to look for, and no keywords", hint));
    }
    let (excuses, note) = excuses(written);
    let about = if written.description.is_empty() { &written.id } else { &written.description };
    let rule = Rule {
        id: Name::Owned(id(&written.id)?),
        placeholder: Name::Borrowed(rules::CUSTOM),
        about: Name::Owned(about.lines().next().unwrap_or_default().to_owned()),
        source: Name::Borrowed(""),
        class: Class::Token,
        layer: Layer::Format,
        literals: Words::Own(words),
        finder: Finder::Format(Format {
            pattern: Name::Owned(pattern),
            place: Place::Around(excuses),
            reach,
            whole_url: false,
            surely: false,
        }),
    };
    Ok((CustomRule::checked(rule, None), note))
}

/// `loaded-` and what an id may have of the id in the file.
fn id(written: &str) -> Result<String, PolicyFault> {
    let plain: String = written
        .chars()
        .take(LONGEST_ID)
        .map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' })
        .collect();
    if plain.is_empty() {
        return Err(PolicyFault::new("it has no id", "give it one"));
    }
    Ok(format!("loaded-{plain}"))
}

fn keywords(written: &[String]) -> Vec<String> {
    let lower = written.iter().map(|word| word.to_ascii_lowercase());
    let mut words: Vec<String> = lower.filter(|word| word.len() >= literals::SHORTEST).collect();
    // A keyword that cannot be looked for would be missed in silence.
    if words.len() < written.len() {
        words.clear();
    }
    words.sort();
    words.dedup();
    words
}

/// The pattern with no other group than this one; 0 leaves the groups as they are.
fn with_group(regex: &str, group: usize) -> Result<String, PolicyFault> {
    if group == 0 {
        return Ok(regex.to_owned());
    }
    let fault = |what: String| PolicyFault::new(what, "correct the rule");
    let mut tree = ast::parse::Parser::new()
        .parse(regex)
        .map_err(|error| fault(format!("the pattern does not parse: {}", error.kind())))?;
    let mut has_group = false;
    keep_group(&mut tree, group, &mut has_group);
    if !has_group {
        return Err(fault(format!("the pattern has no group {group}")));
    }
    let mut pattern = String::new();
    // Writing to a string cannot fail.
    let _ = ast::print::Printer::new().print(&tree, &mut pattern);
    Ok(pattern)
}

fn keep_group(tree: &mut Ast, wanted: usize, has_group: &mut bool) {
    match tree {
        Ast::Empty(_)
        | Ast::Flags(_)
        | Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::Assertion(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => {}
        Ast::Repetition(repetition) => keep_group(&mut repetition.ast, wanted, has_group),
        Ast::Group(group) => {
            match group.capture_index() {
                Some(index) if usize::try_from(index) == Ok(wanted) => *has_group = true,
                Some(_) => {
                    group.kind = GroupKind::NonCapturing(ast::Flags { span: group.span, items: Vec::new() });
                }
                None => {}
            }
            keep_group(&mut group.ast, wanted, has_group);
        }
        Ast::Alternation(alternation) => {
            alternation.asts.iter_mut().for_each(|part| keep_group(part, wanted, has_group));
        }
        Ast::Concat(concat) => concat.asts.iter_mut().for_each(|part| keep_group(part, wanted, has_group)),
    }
}

/// What excuses a match, and what of the allow-lists is not used.
fn excuses(written: &Written) -> (Excuses, Option<&'static str>) {
    let mut note = None;
    let mut all = Vec::new();
    for list in written.allowlist.iter().chain(&written.allowlists) {
        let is_and = list.condition.eq_ignore_ascii_case("and") || list.condition == "&&";
        if is_and && !(list.paths.is_empty() && list.commits.is_empty()) {
            // A text has neither path nor commit.
            continue;
        }
        let patterns: Vec<_> = list.regexes.iter().filter_map(|regex| format::compile(regex)).collect();
        if patterns.len() < list.regexes.len() {
            note = Some("used without an allow-list that cannot be read");
            if is_and {
                continue;
            }
        }
        let target = match list.regex_target.as_str() {
            "match" => Target::Match,
            "line" => Target::Line,
            _ => Target::Secret,
        };
        let stopwords = list.stopwords.iter().map(|word| word.to_ascii_lowercase()).collect();
        all.push(Excuse { target, patterns, stopwords, needs_both: is_and });
    }
    (Excuses { entropy: written.entropy, all }, note)
}

/// Bytes around a string where the pattern says no length.
const REACH: usize = 512;
/// Most bytes of a match.
const MAX_REACH: usize = 1024;
/// Longest part of an id that is kept.
const LONGEST_ID: usize = 57;
