//! Compiles the rule files in `rules/` into one table.
//!
//! Each file is a family of formats; `rules/README.md` says what a rule is made of. A rule that cannot work does not
//! compile: no literal to look for, a pattern that does not parse, an id that is there twice.

#![expect(clippy::disallowed_methods, reason = "a build script reads its folder from the environment")]

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use serde::Deserialize;

#[path = "src/literals.rs"]
mod literals;

/// A file of rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    #[serde(default)]
    rule: Vec<Rule>,
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    about: String,
    source: String,
    class: String,
    pattern: String,
    placeholder: Option<String>,
    #[serde(default)]
    inner: Vec<String>,
    #[serde(default)]
    near: Vec<String>,
    #[serde(default)]
    near_also: Vec<String>,
    reach: Option<usize>,
    #[serde(default)]
    whole_url: bool,
    /// Vectors are for the tests, but no rule goes without.
    yes: Vec<String>,
    no: Vec<String>,
}

/// The names of services in `rules/vendors.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vendors {
    words: Vec<String>,
    words_with_key: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=rules");
    println!("cargo::rerun-if-changed=src/literals.rs");
    let mut files: Vec<_> = fs::read_dir("rules")?.collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    let mut out = Table::default();
    for file in files {
        let path = file.path();
        let name = file.file_name().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "toml") || name == VENDORS {
            continue;
        }
        let family: Family =
            toml::from_str(&fs::read_to_string(&path)?).map_err(|error| format!("{name}: {error}"))?;
        for rule in family.rule {
            let id = rule.id.clone();
            out.add(rule).map_err(|error| format!("{name}: {id}: {error}"))?;
        }
    }
    let vendors: Vendors = toml::from_str(&fs::read_to_string(Path::new("rules").join(VENDORS))?)?;
    let folder = env::var("OUT_DIR")?;
    fs::write(Path::new(&folder).join("pack.rs"), out.source(&vendors))?;
    Ok(())
}

/// The table under construction.
#[derive(Default)]
struct Table {
    ids: BTreeSet<String>,
    placeholders: BTreeSet<String>,
    /// Rules whose secrets have a mark of their own; they name what two rules see.
    marked: String,
    /// Rules of secrets that only a word in front tells.
    near: String,
}

impl Table {
    fn add(&mut self, rule: Rule) -> Result<(), Box<dyn Error>> {
        if !self.ids.insert(rule.id.clone()) {
            return Err("this id is there twice".into());
        }
        if rule.yes.is_empty() || rule.no.is_empty() {
            return Err("a rule needs at least one vector in yes and one in no".into());
        }
        if !rule.source.starts_with("https://") {
            return Err("the source is no page".into());
        }
        let class = CLASSES.iter().find(|(name, _)| *name == rule.class).ok_or("the class is unknown")?.1;
        let pattern = literals::parse(&rule.pattern)?;
        let longest = pattern.properties().maximum_len();
        let given: Vec<String> = rule.inner.iter().chain(&rule.near).cloned().collect();
        if given
            .iter()
            .any(|literal| literal.len() < literals::SHORTEST || *literal != literal.to_ascii_lowercase())
        {
            return Err("words of inner and near are lower case and not that short".into());
        }
        let (place, literals, reach) = match (rule.inner.is_empty(), rule.near.is_empty()) {
            (true, true) => ("Prefix".to_owned(), literals::prefixes(&pattern)?, rule.reach.unwrap_or(512)),
            (false, true) => ("Inner".to_owned(), given, rule.reach.or(longest).ok_or("reach is missing")?),
            (true, false) => {
                (format!("Near({})", names(&rule.near_also)), given, rule.reach.or(longest).unwrap_or(128))
            }
            (false, false) => return Err("either inner or near".into()),
        };
        let placeholder = rule.placeholder.unwrap_or_else(|| {
            format!(
                "{}_REDACTED",
                rule.id.to_ascii_uppercase().replace(|byte: char| !byte.is_ascii_alphanumeric(), "_")
            )
        });
        self.placeholders.insert(placeholder.clone());
        let (id, about, source, pattern) = (rule.id, rule.about, rule.source, rule.pattern);
        let rules = if rule.near.is_empty() { &mut self.marked } else { &mut self.near };
        writeln!(
            rules,
            "Rule {{ id: Name::Borrowed({id:?}), placeholder: Name::Borrowed({placeholder:?}), \
             about: Name::Borrowed({about:?}), source: Name::Borrowed({source:?}), class: Class::{class}, layer: Layer::Format, \
             literals: {}, finder: Finder::Format(Format {{ pattern: Name::Borrowed({pattern:?}), \
             place: Place::{place}, reach: {reach}, whole_url: {}, surely: false }}) }},",
            names(&literals),
            rule.whole_url,
        )?;
        Ok(())
    }

    fn source(&self, vendors: &Vendors) -> String {
        let placeholders: Vec<&String> = self.placeholders.iter().collect();
        format!(
            "/// Every format of the rule files.\npub(crate) static FORMATS: &[Rule] = &[\n{}{}];\n\
             /// Placeholders of the formats, sorted.\npub(crate) const PLACEHOLDERS: &[&str] = &{placeholders:?};\n\
             /// Names of services.\npub(crate) const VENDORS: &[&str] = &{:?};\n\
             /// Names of services that are everyday words.\npub(crate) const VENDORS_WITH_KEY: &[&str] = &{:?};\n",
            self.marked, self.near, vendors.words, vendors.words_with_key,
        )
    }
}

/// Rust source of a list of names.
fn names(list: &[String]) -> String {
    format!("Words::Fixed(&{list:?})")
}

/// The file that is no family.
const VENDORS: &str = "vendors.toml";
/// Names of the classes in files and in the crate.
const CLASSES: &[(&str, &str)] = &[
    ("token", "Token"),
    ("api-key", "ApiKey"),
    ("password", "Password"),
    ("private-key", "PrivateKey"),
    ("webhook", "Webhook"),
    ("connection-string", "ConnectionString"),
    ("session", "Session"),
    ("identifier", "Identifier"),
];
