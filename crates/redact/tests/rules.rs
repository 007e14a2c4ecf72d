//! Every rule file: each vector in `yes` is redacted by its rule, exactly where it is marked, and none in `no`.

#[cfg(test)]
#[path = "../src/vectors.rs"]
mod vectors;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mab_redact::{Class, Policy, Profile, Redactor};

/// The rules of every file, with the name of the file.
#[cfg(test)]
fn rules() -> Vec<(String, toml::Table)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let mut rules = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let family: toml::Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            for rule in family.get("rule").and_then(|rules| rules.as_array()).into_iter().flatten() {
                rules.push((name.clone(), rule.as_table().unwrap().clone()));
            }
        }
    }
    rules
}

#[cfg(test)]
fn texts<'a>(rule: &'a toml::Table, list: &str) -> Vec<&'a str> {
    rule[list].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn vectors_when_redacted_then_exactly_the_marked_part() {
    let policy = Policy { profile: Profile::Strict, ..Policy::default() };
    let redactor = Redactor::with_policy(policy);
    let mut faults = Vec::new();
    for (file, rule) in rules() {
        let id = rule["id"].as_str().unwrap();
        for written in texts(&rule, "yes") {
            let (text, secret) = vectors::marked(written, id);
            let findings = redactor.redact(&text).unwrap().findings;
            let of_rule = |found: &&mab_redact::Finding| found.rule == id;
            let places: Vec<_> =
                findings.iter().filter(of_rule).map(|found| found.start..found.end).collect();
            if places != [secret.clone()] {
                let all: Vec<_> =
                    findings.iter().map(|found| (&*found.rule, found.start..found.end)).collect();
                faults.push(format!("{file}: {id}: yes: {text:?}: {secret:?}, but {all:?}"));
            }
        }
        for written in texts(&rule, "no") {
            let (text, _) = vectors::marked(written, id);
            let findings = redactor.redact(&text).unwrap().findings;
            if findings.iter().any(|found| found.rule == id) {
                faults.push(format!("{file}: {id}: no: {text:?}: {findings:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn rules_when_listed_then_every_file_rule_is_there_with_its_class() {
    let listed: BTreeMap<String, Class> =
        Redactor::new().rules().map(|rule| (rule.id.into_owned(), rule.class)).collect();
    for (file, rule) in rules() {
        let id = rule["id"].as_str().unwrap();
        assert_eq!(listed.get(id).map(|class| class.as_str()), rule["class"].as_str(), "{file}: {id}");
        assert!(rule["about"].as_str().unwrap().chars().count() <= 90, "{file}: {id}");
    }
}
