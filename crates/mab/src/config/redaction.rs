//! The policy of redaction: what the file says, then the files that it names, then one checked policy.
//!
//! The environment can only make it stricter: an agent starts its server with an environment of its own. A file that
//! cannot be read is a refusal: without it less would be taken out than the operator believes.

mod files;

use std::{collections::BTreeMap, path::PathBuf};

use mab_core::Denied;
use mab_redact::{Action, Allowed, Class, CustomRule, Decodings, Name, PolicyFault, Profile, WrittenRule};
use serde::Deserialize;
use toml::Value;

use super::{
    keys,
    load::{Config, Source, refuse},
};
use crate::environment::Environment;

pub use files::{RedactionReport, Warning};

/// What the file says that is not part of the policy yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Written {
    rule: Vec<WrittenRule>,
    rules_files: Vec<PathBuf>,
    allow: Vec<Allow>,
    deny_files: Vec<PathBuf>,
    deny_hashes_file: Option<PathBuf>,
}

/// An allowed value as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allow {
    sha256: String,
    rule: Option<String>,
    expires: Option<Day>,
}

/// A day in any way TOML writes one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Day {
    Text(String),
    Date(toml::value::Datetime),
}

/// A part of the policy that has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Profile,
    DecodeDepth,
    Classes,
    Rules,
    Rule,
    RulesFiles,
    Allow,
    DenyFiles,
    DenyHashesFile,
}

/// What is wrong with a value, and what to write instead.
pub(super) type Fault = (String, String);

impl Part {
    pub(super) fn is_in_file_only(self) -> bool {
        !matches!(self, Self::Profile | Self::DecodeDepth)
    }

    pub(super) fn range(self) -> String {
        match self {
            Self::Profile => Profile::ALL.map(Profile::as_str).join(", "),
            Self::DecodeDepth => "0 to 5".to_owned(),
            Self::Classes
            | Self::Rules
            | Self::Rule
            | Self::RulesFiles
            | Self::Allow
            | Self::DenyFiles
            | Self::DenyHashesFile => String::new(),
        }
    }
}

/// Sets a part; false if the environment asks for less than there is already.
pub(super) fn set(part: Part, config: &mut Config, value: &Value, source: &Source) -> Result<bool, Fault> {
    let policy = &mut config.settings.redaction;
    let written = &mut config.redaction;
    match part {
        Part::Profile => {
            let profile: Profile =
                value.as_str().unwrap_or_default().parse().map_err(|fault| told(&fault))?;
            return Ok(raise(&mut policy.profile, profile, source));
        }
        Part::DecodeDepth => {
            let depth = keys::number(value, source).and_then(|number| u8::try_from(number).ok());
            let depth = depth.and_then(|depth| Decodings::new(depth).ok());
            let depth = depth.ok_or_else(|| wrong("it is no number from 0 to 5", "use a number, 0 to 5"))?;
            return Ok(raise(&mut policy.decodings, depth, source));
        }
        Part::Classes => {
            let named =
                |name: String, action| Ok((name.parse::<Class>().map_err(|fault| told(&fault))?, action));
            policy.classes = actions(value)?
                .into_iter()
                .map(|(name, action)| named(name, action))
                .collect::<Result<_, Fault>>()?;
        }
        Part::Rules => {
            policy.rules =
                actions(value)?.into_iter().map(|(id, action)| (Name::Owned(id), action)).collect();
        }
        Part::Rule => {
            written.rule = typed(value, "write each under [[redaction.rule]], as redaction.md says")?;
        }
        Part::Allow => {
            written.allow =
                typed(value, "write [{ sha256 = \"…\", rule = \"…\", expires = \"2027-01-31\" }]")?;
        }
        Part::RulesFiles => written.rules_files = paths(value)?,
        Part::DenyFiles => written.deny_files = paths(value)?,
        Part::DenyHashesFile => written.deny_hashes_file = Some(path(value)?),
    }
    Ok(true)
}

/// Takes a value of the file as it is, and one of the environment if it is higher.
fn raise<T: Ord>(at: &mut T, value: T, source: &Source) -> bool {
    let is_set = !source.is_text() || value > *at;
    if is_set {
        *at = value;
    }
    is_set
}

fn actions(value: &Value) -> Result<BTreeMap<String, Action>, Fault> {
    let table = value.as_table().ok_or_else(|| wrong("it is no table", "write name = \"action\""))?;
    let action = |(name, action): (&String, &Value)| {
        Ok((name.clone(), action.as_str().unwrap_or_default().parse().map_err(|fault| told(&fault))?))
    };
    table.iter().map(action).collect()
}

fn paths(value: &Value) -> Result<Vec<PathBuf>, Fault> {
    let array = value.as_array().ok_or_else(|| wrong("it is no array", PATHS))?;
    array.iter().map(path).collect()
}

/// An absolute path: where an agent works decides nothing.
fn path(value: &Value) -> Result<PathBuf, Fault> {
    let path = value.as_str().map(PathBuf::from);
    path.filter(|path| path.is_absolute() || path.starts_with("~"))
        .ok_or_else(|| wrong("it is no absolute path", PATHS))
}

fn typed<T: for<'a> Deserialize<'a>>(value: &Value, hint: &str) -> Result<T, Fault> {
    value.clone().try_into().map_err(|error: toml::de::Error| {
        (error.message().lines().next().unwrap_or_default().to_owned(), hint.to_owned())
    })
}

fn wrong(what: &str, hint: &str) -> Fault {
    (what.to_owned(), hint.to_owned())
}

fn told(fault: &PolicyFault) -> Fault {
    (fault.to_string(), fault.hint().to_owned())
}

/// The refusal of a part.
pub(super) fn refusal(name: &str, (what, hint): &Fault, source: &Source) -> Denied {
    refuse(format_args!("{name} cannot be used: {what}"), source).hint(hint)
}

/// What is in effect, in one line.
pub(super) fn show(part: Part, config: &Config) -> String {
    let policy = &config.settings.redaction;
    let written = &config.redaction;
    let all = |names: Vec<String>| if names.is_empty() { NONE.to_owned() } else { names.join(", ") };
    let files = |files: &[PathBuf]| all(files.iter().map(|file| file.display().to_string()).collect());
    match part {
        Part::Profile => policy.profile.as_str().to_owned(),
        Part::DecodeDepth => policy.decodings.get().to_string(),
        Part::Classes => all(policy
            .classes
            .iter()
            .map(|(class, action)| format!("{class} = {}", action.as_str()))
            .collect()),
        Part::Rules => {
            all(policy.rules.iter().map(|(id, action)| format!("{id} = {}", action.as_str())).collect())
        }
        Part::Rule => all(written.rule.iter().map(|rule| rule.id.clone()).collect()),
        Part::RulesFiles => files(&written.rules_files),
        Part::Allow if written.allow.is_empty() => NONE.to_owned(),
        Part::Allow => format!("{} values", written.allow.len()),
        Part::DenyFiles => files(&written.deny_files),
        Part::DenyHashesFile => files(written.deny_hashes_file.as_slice()),
    }
}

/// Makes the policy of all that was written, as of `today` (`2026-11-22`).
///
/// # Errors
/// `misconfigured`: a rule or allowed value that is none, a file that cannot be used, a name that nothing has.
pub(super) fn resolve(config: &mut Config, environment: &Environment, today: &str) -> Result<(), Denied> {
    let source = |config: &Config, key: &str| config.sources.get(key).cloned().unwrap_or(Source::Default);
    let refused =
        |config: &Config, key, fault: PolicyFault| refusal(key, &told(&fault), &source(config, key));
    let mut custom = Vec::new();
    for rule in &config.redaction.rule {
        custom.push(CustomRule::new(rule).map_err(|fault| refused(config, "redaction.rule", fault))?);
    }
    let mut report = RedactionReport { rules: custom.len(), ..RedactionReport::default() };
    let mut allow = Vec::new();
    for value in &config.redaction.allow {
        let lasts = lasts(value, today);
        let lasts =
            lasts.map_err(|fault| refusal("redaction.allow", &fault, &source(config, "redaction.allow")))?;
        if lasts {
            let allowed = Allowed::new(&value.sha256, value.rule.clone());
            allow.push(allowed.map_err(|fault| refused(config, "redaction.allow", fault))?);
        } else {
            report.expired += 1;
        }
    }
    files::load_rules(config, environment, &mut custom, &mut report)?;
    let denied = files::load_denied(config, environment, &mut report)?;
    let policy = &mut config.settings.redaction;
    (policy.custom, policy.allow, policy.denied) = (custom, allow, denied);
    let mut of_rules = policy.clone();
    of_rules.allow.clear();
    let checked = of_rules.check().map_err(|fault| ("redaction.rules", fault));
    let checked = checked.and_then(|()| policy.check().map_err(|fault| ("redaction.allow", fault)));
    checked.map_err(|(key, fault)| refused(config, key, fault))?;
    config.redaction_report = report;
    Ok(())
}

/// Says whether an allowed value still is one: to the end of its last day.
fn lasts(value: &Allow, today: &str) -> Result<bool, Fault> {
    let day = match &value.expires {
        None => return Ok(true),
        Some(Day::Text(text)) => text.parse().ok(),
        Some(Day::Date(date)) => Some(*date),
    };
    let day = day.filter(|day: &toml::value::Datetime| day.time.is_none()).and_then(|day| day.date);
    let day = day.ok_or_else(|| wrong("expires is no day", "write expires = \"2027-01-31\""))?;
    Ok(day.to_string().as_str() >= today)
}

/// What to write for files.
const PATHS: &str = "use absolute paths, or ~/…";
/// What is shown when it is not set.
const NONE: &str = "none";

#[cfg(test)]
mod tests;
