//! Rules of the operator, written like those of `rules/README.md` and checked when they are read.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use super::{Action, Policy, PolicyFault};
use crate::engine::Engine;
use crate::literals;
use crate::merge::merge;
use crate::rule::{Finder, Format, Layer, Name, Place, Rule, Words};
use crate::text::Text;
use crate::{Class, format, rules, vectors};

/// A rule as it is written; the fields are those of `rules/README.md`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenRule {
    /// Its name: 1 to 64 lower-case letters, digits and hyphens, which no other rule has.
    pub id: String,
    /// One line for people.
    pub about: String,
    /// A page that shows the format.
    pub source: String,
    /// The class of what it finds; default: `token`.
    pub class: Option<String>,
    /// Regular expression with ASCII classes; its first group, or all of it, is the secret.
    pub pattern: String,
    /// A placeholder of another rule; default: `CUSTOM_SECRET_REDACTED`.
    pub placeholder: Option<String>,
    /// Words in lower case, one of which is in every match.
    pub inner: Vec<String>,
    /// Words in lower case, one of which stands shortly in front of the match.
    pub near: Vec<String>,
    /// Words of which one stands there as well.
    pub near_also: Vec<String>,
    /// Most bytes of a match.
    pub reach: Option<usize>,
    /// Whether the secret is the whole URL around the match.
    pub whole_url: bool,
    /// What becomes of what it finds; default: what the class says.
    pub action: Option<String>,
    /// Texts in which it finds what stands between `<` and `>`, or all.
    pub yes: Vec<String>,
    /// Texts in which it finds nothing.
    pub no: Vec<String>,
}

/// A rule of the operator that was checked.
///
/// *Equality*: the same rule, not an equal one.
#[derive(Clone)]
pub struct CustomRule(Arc<Checked>);

struct Checked {
    rule: Rule,
    action: Option<Action>,
}

impl CustomRule {
    /// Checks a rule.
    ///
    /// # Errors
    /// A [`PolicyFault`] that names the rule: its id is none or taken, the class, action or placeholder does not exist,
    /// the pattern does not parse, is too large, may match nothing, or has nothing to look for, a vector is missing or
    /// does not come out as it says.
    pub fn new(written: &WrittenRule) -> Result<Self, PolicyFault> {
        check_id(&written.id)?;
        let named =
            |fault: PolicyFault| PolicyFault::new(format!("rule {}: {fault}", written.id), fault.hint());
        let (format, literals) = format_of(written).map_err(named)?;
        let placeholder = written.placeholder.clone().unwrap_or_else(|| rules::CUSTOM.to_owned());
        if !rules::is_placeholder(&placeholder) {
            let what = format!("the placeholder {placeholder} belongs to no rule");
            let hint = "leave it out, or use one that `mab redact --list-rules` shows";
            return Err(named(PolicyFault::new(what, hint)));
        }
        let class = written.class.as_deref().map_or(Ok(Class::Token), str::parse).map_err(named)?;
        let action = written.action.as_deref().map(str::parse).transpose().map_err(named)?;
        let about = if written.about.is_empty() { "Rule of the operator" } else { &written.about };
        let rule = Rule {
            id: Name::Owned(written.id.clone()),
            placeholder: Name::Owned(placeholder),
            about: Name::Owned(about.to_owned()),
            source: Name::Owned(written.source.clone()),
            class,
            layer: Layer::Format,
            literals: Words::Own(literals),
            finder: Finder::Format(format),
        };
        check_vectors(&rule, written).map_err(named)?;
        Ok(Self::checked(rule, action))
    }

    pub(super) fn checked(rule: Rule, action: Option<Action>) -> Self {
        Self(Arc::new(Checked { rule, action }))
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.0.rule.id
    }

    pub(super) fn rule(&self) -> &Rule {
        &self.0.rule
    }

    pub(super) fn action(&self) -> Option<Action> {
        self.0.action
    }
}

fn check_id(id: &str) -> Result<(), PolicyFault> {
    let is_id_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(is_id_byte) {
        let shown: String = id.chars().take(MAX_ID).collect();
        return Err(PolicyFault::new(
            format!("{shown:?} is no id of a rule"),
            format!("use 1 to {MAX_ID} lower-case letters, digits and hyphens"),
        ));
    }
    if id == super::DENIED || rules::all().any(|rule| rule.id == id) {
        return Err(PolicyFault::new(
            format!("rule {id}: this id is taken"),
            "give the rule an id of its own",
        ));
    }
    Ok(())
}

/// The format and the words it is looked for by.
fn format_of(written: &WrittenRule) -> Result<(Format, Vec<String>), PolicyFault> {
    let hir = parse(&written.pattern)?;
    let longest = hir.properties().maximum_len();
    let words: Vec<String> = written.inner.iter().chain(&written.near).cloned().collect();
    let is_word = |word: &String| word.len() >= literals::SHORTEST && *word == word.to_ascii_lowercase();
    if !words.iter().chain(&written.near_also).all(is_word) {
        let hint = format!("write them in lower case, with at least {} letters", literals::SHORTEST);
        return Err(PolicyFault::new("a word of inner, near or near_also cannot be looked for", hint));
    }
    let (place, words, reach) = match (written.inner.is_empty(), written.near.is_empty()) {
        (true, true) => {
            let hint = "begin the pattern with what is certain, or give words in inner or near";
            let words = literals::prefixes(&hir).map_err(|what| PolicyFault::new(what, hint))?;
            (Place::Prefix, words, written.reach.unwrap_or(PREFIX_REACH))
        }
        (false, true) => {
            let reach = written.reach.or(longest).ok_or_else(|| {
                PolicyFault::new("a match may be of any length", "give reach, the most bytes of a match")
            })?;
            (Place::Inner, words, reach)
        }
        (true, false) => {
            let also = Words::Own(written.near_also.clone());
            (Place::Near(also), words, written.reach.or(longest).unwrap_or(NEAR_REACH))
        }
        (false, false) => return Err(PolicyFault::new("it has inner and near", "leave one of them out")),
    };
    if !(1..=MAX_REACH).contains(&reach) {
        let hint = format!("give a reach of at most {MAX_REACH} bytes");
        return Err(PolicyFault::new(format!("a match may have {reach} bytes"), hint));
    }
    let pattern = Name::Owned(written.pattern.clone());
    Ok((Format { pattern, place, reach, whole_url: written.whole_url, surely: false }, words))
}

/// Parses a pattern that can be used.
pub(super) fn parse(pattern: &str) -> Result<regex_syntax::hir::Hir, PolicyFault> {
    if pattern.is_empty() || pattern.len() > MAX_PATTERN {
        let what = format!("the pattern has {} bytes", pattern.len());
        return Err(PolicyFault::new(what, format!("use 1 to {MAX_PATTERN}")));
    }
    let hir = literals::parse(pattern).map_err(|error| {
        let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        PolicyFault::new(format!("the pattern does not parse: {reason}"), "correct the regular expression")
    })?;
    if hir.properties().minimum_len().is_none_or(|length| length == 0) {
        return Err(PolicyFault::new("the pattern may match nothing at all", "ask for at least one byte"));
    }
    if format::compile(pattern).is_none() {
        return Err(PolicyFault::new("the pattern is too large", "repeat less, or make it two rules"));
    }
    Ok(hir)
}

/// Says whether the rule does by itself what its vectors say.
fn check_vectors(rule: &Rule, written: &WrittenRule) -> Result<(), PolicyFault> {
    let engine = Engine::new(std::iter::once(Cow::Owned(rule.clone())), &Policy::default());
    let engine =
        engine.ok_or_else(|| PolicyFault::new("it cannot be compiled", "make the pattern simpler"))?;
    if written.yes.is_empty() || written.no.is_empty() {
        let hint = "give at least one text in yes and one in no";
        return Err(PolicyFault::new("it has no vectors", hint));
    }
    let found = |text: &str| {
        let spent = Cell::new(0);
        let found = engine.find(Text::new(text, &spent), u64::MAX).unwrap_or_default();
        merge(found).into_iter().map(|found| found.range).collect::<Vec<_>>()
    };
    for (number, vector) in written.yes.iter().enumerate() {
        let (text, secret) = vectors::marked(vector, &rule.id);
        if found(&text) != [secret] {
            let what = format!("text {} of yes is not found, or not exactly", number + 1);
            return Err(PolicyFault::new(what, "correct the pattern, or mark the secret with < and >"));
        }
    }
    for (number, vector) in written.no.iter().enumerate() {
        if !found(&vectors::marked(vector, &rule.id).0).is_empty() {
            let what = format!("something is found in text {} of no", number + 1);
            return Err(PolicyFault::new(what, "make the pattern say more"));
        }
    }
    Ok(())
}

impl PartialEq for CustomRule {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for CustomRule {}

impl fmt::Debug for CustomRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CustomRule({})", self.id())
    }
}

/// Longest id.
const MAX_ID: usize = 64;
/// Longest pattern.
const MAX_PATTERN: usize = 8192;
/// Most bytes of a match, which every hit of a word may cost.
const MAX_REACH: usize = 4096;
/// Bytes of a match that begins with its word, where nothing else is said.
const PREFIX_REACH: usize = 512;
/// Bytes of a match behind its word, where nothing else is said.
const NEAR_REACH: usize = 128;
