//! Recall on labelled items, split by where the items come from.
//!
//! *Input*: one JSON object per line with `source`, `rule`, `text`, `label` (`clean` or not) and `secrets` or `secret`.
//! An item that does not say where its secret is counts as redacted if anything in it is.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader};

use serde_json::Value;

use crate::Options;
use crate::form::whole;
use crate::score::{Score, Tally, judge, occurrences};
use crate::subject::Subject;
use crate::table::{Table, float, percent, ratio};

/// A labelled text.
pub(crate) struct Item {
    /// Project whose test case it is.
    pub(crate) source: String,
    /// That project's name of the format.
    pub(crate) rule: String,
    /// What an agent would write.
    pub(crate) text: String,
    /// The secrets in it, where it says so.
    pub(crate) secrets: Vec<String>,
    /// Whether it holds no secret.
    pub(crate) is_clean: bool,
}

impl Item {
    /// What became of its secrets.
    pub(crate) fn score(&self, subject: &Subject) -> Score {
        let findings = subject.findings(&self.text);
        let places = occurrences(&self.text, &self.secrets);
        if places.is_empty() {
            return if findings.is_empty() { Score::Miss } else { Score::Full };
        }
        judge(&places.into_iter().map(whole).collect::<Vec<_>>(), &findings)
    }
}

/// Reads items from a file, or from stdin for `-`.
pub(crate) fn load(path: &str) -> Result<Vec<Item>, Box<dyn Error>> {
    let reader: Box<dyn BufRead> = if path == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(std::fs::File::open(path)?))
    };
    reader.lines().map(|line| parse(&line?)).collect()
}

fn parse(line: &str) -> Result<Item, Box<dyn Error>> {
    let value: Value = serde_json::from_str(line)?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut secrets: Vec<String> = value
        .get("secrets")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|secret| secret.as_str().map(str::to_owned))
        .collect();
    if secrets.is_empty() {
        secrets.extend(Some(field("secret")).filter(|secret| !secret.is_empty()));
    }
    Ok(Item {
        source: field("source"),
        rule: field("rule"),
        text: field("text"),
        secrets,
        is_clean: field("label") == "clean",
    })
}

/// The first item of each rule of each source that `fits`.
pub(crate) fn one_per_rule(items: &[Item], fits: impl Fn(&Item) -> bool) -> Vec<&Item> {
    let mut seen = std::collections::BTreeSet::new();
    let wanted = items.iter().filter(|item| !item.is_clean && fits(item));
    wanted.filter(|item| seen.insert((item.source.as_str(), item.rule.as_str()))).collect()
}

/// Prints recall by source, and the worst rules and the misses if asked to.
pub(crate) fn report(subject: &Subject, items: &[Item], options: &Options) {
    let mut rules: BTreeMap<(&str, &str), Tally> = BTreeMap::new();
    let mut clean: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let wanted = |item: &&Item| options.value("--rule").is_none_or(|rule| item.rule == rule);
    for item in items.iter().filter(wanted) {
        if item.is_clean {
            let flagged = !subject.findings(&item.text).is_empty();
            let count = clean.entry(&item.source).or_default();
            *count = (count.0 + usize::from(flagged), count.1 + 1);
            if flagged && options.has("--misses") {
                println!("FLAGGED\t{}/{}\t{:?}", item.source, item.rule, item.text);
            }
        } else {
            let score = item.score(subject);
            rules.entry((&item.source, &item.rule)).or_default().add(score);
            if score != Score::Full && options.has("--misses") {
                println!("{score:?}\t{}/{}\t{:?}\t{:?}", item.source, item.rule, item.secrets, item.text);
            }
        }
    }
    by_source(&rules, &clean);
    if options.has("--by-rule") {
        worst_rules(&rules);
    }
}

fn by_source(rules: &BTreeMap<(&str, &str), Tally>, clean: &BTreeMap<&str, (usize, usize)>) {
    let mut table = Table::new(&[
        "source",
        "secrets",
        "rules",
        "full (macro)",
        "full (micro)",
        "partial",
        "clean flagged",
    ]);
    let mut sources: Vec<&str> = rules.keys().map(|(source, _)| *source).collect();
    sources.extend(clean.keys());
    sources.sort_unstable();
    sources.dedup();
    for source in sources.into_iter().map(Some).chain([None]) {
        let is_own = |name: &str| source.is_none_or(|source| source == name);
        let own: Vec<Tally> =
            rules.iter().filter(|((name, _), _)| is_own(name)).map(|(_, tally)| *tally).collect();
        let sum = own.iter().copied().fold(Tally::default(), Tally::join);
        let recall = own.iter().map(|tally| ratio(tally.full, tally.total)).sum::<f64>();
        let traps = clean.iter().filter(|(name, _)| is_own(name)).map(|(_, count)| *count);
        let (flagged, traps) = traps.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        table.row(&[
            source.unwrap_or("**all**").to_owned(),
            sum.total.to_string(),
            own.len().to_string(),
            format!("{:.1} %", 100.0 * recall / float(own.len().max(1))),
            sum.full_percent(),
            format!("{} ({})", sum.partial_percent(), sum.partial),
            format!("{} of {traps}", percent(flagged, traps)),
        ]);
    }
    table.print("Recall by source");
}

fn worst_rules(rules: &BTreeMap<(&str, &str), Tally>) {
    let mut table = Table::new(&["rule", "items", "full", "partial"]);
    let mut worst: Vec<_> = rules.iter().filter(|(_, tally)| tally.full < tally.total).collect();
    worst.sort_by(|(_, a), (_, b)| ratio(a.full, a.total).total_cmp(&ratio(b.full, b.total)));
    for ((source, rule), tally) in worst {
        table.row(&[
            format!("{source}/{rule}"),
            tally.total.to_string(),
            tally.full_percent(),
            tally.partial.to_string(),
        ]);
    }
    table.print("Rules with misses, worst first");
}
