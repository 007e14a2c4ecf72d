//! Passwords in prose: how many of a list that was written before the rules disappear, and that nothing else does.
//!
//! `data/prose.tsv` has a template per line (language, half, text with `{}`); `data/passwords.txt` a value per line (kind,
//! value as it is written, with its quotes). Every template is filled with every value. Rules are made with the half `dev`
//! in view; the half `held-out` judges them. To see what is missed in the first, set `SHOW` and run with `--no-capture`.

use std::collections::BTreeMap;

use mab_redact::Redactor;

const TEMPLATES: &str = include_str!("data/prose.tsv");
const PASSWORDS: &str = include_str!("data/passwords.txt");
const HARMLESS: &str = include_str!("data/prose-harmless.txt");

/// Whether to print the misses of the half `dev`.
const SHOW: bool = false;

/// A template with a value in it.
#[cfg(test)]
struct Case {
    language: &'static str,
    half: &'static str,
    kind: &'static str,
    before: String,
    written: &'static str,
    after: String,
}

#[cfg(test)]
impl Case {
    fn text(&self) -> String {
        format!("{}{}{}", self.before, self.written, self.after)
    }

    /// Says whether nothing of the secret is left in `clean` and nothing but marks around it is gone.
    fn is_full(&self, clean: &str) -> bool {
        let Some(left) = clean.strip_prefix(&self.before) else { return false };
        let after = self.after.trim_start_matches(|mark: char| !mark.is_alphanumeric());
        let Some(left) = left.strip_suffix(after) else { return false };
        let marks = left.replace("PASSWORD_REDACTED", "").replace("SECRET_REDACTED", "");
        let marks = marks.replace("API_KEY_REDACTED", "");
        left.len() > marks.len() && !marks.contains(char::is_alphanumeric)
    }
}

#[cfg(test)]
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for template in TEMPLATES.lines() {
        let [language, half, text] = template.split('\t').collect::<Vec<_>>()[..] else {
            panic!("no template: {template}")
        };
        let (before, after) = text.split_once("{}").unwrap();
        for password in PASSWORDS.lines() {
            let (kind, written) = password.split_once('\t').unwrap();
            let [before, after] = [before, after].map(|part| part.replace("\\n", "\n"));
            cases.push(Case { language, half, kind, before, written, after });
        }
    }
    cases
}

/// Found and all.
type Tally = (usize, usize);

#[cfg(test)]
fn percent((found, all): Tally) -> usize {
    100 * found / all.max(1)
}

#[test]
fn passwords_in_prose_when_redacted_then_most_are_gone() {
    let redactor = Redactor::new();
    let mut tallies: BTreeMap<(&str, &str, &str), Tally> = BTreeMap::new();
    let mut misses: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for case in cases() {
        let clean = redactor.redact(&case.text()).unwrap().text.into_string();
        let full = case.is_full(&clean);
        for (part, name) in [("language", case.language), ("kind", case.kind), ("all", "")] {
            let tally = tallies.entry((part, name, case.half)).or_default();
            tally.0 += usize::from(full);
            tally.1 += 1;
        }
        if !full && case.half == "dev" {
            misses.entry(format!("{}{{}}{}", case.before, case.after)).or_default().push(case.kind);
        }
    }
    for ((part, name, half), tally) in &tallies {
        println!("{part} {half:>8} {:>3} % {name}", percent(*tally));
    }
    if SHOW {
        println!("{misses:#?}");
    }
    for (half, floor) in FLOORS {
        let tally = tallies[&("all", "", half)];
        assert!(percent(tally) >= floor, "{half}: {tally:?}");
    }
}

/// Least recall per half, in per cent: measured 87 and 85 on 2026-11-22. What is missed is mostly one ordinary word behind a
/// verb ("the password is monkey"), which no rule can tell from "the password is wrong".
const FLOORS: [(&str, usize); 2] = [("dev", 85), ("held-out", 83)];

#[test]
fn sentences_about_passwords_when_redacted_then_unchanged() {
    let redactor = Redactor::new();
    let changed: Vec<String> = HARMLESS
        .lines()
        .map(|line| redactor.redact(line).unwrap().text.into_string())
        .zip(HARMLESS.lines())
        .filter(|(clean, line)| clean != line)
        .map(|(clean, line)| format!("{line} → {clean}"))
        .collect();
    assert_eq!(changed, Vec::<String>::new());
}

#[test]
fn passwords_in_prose_when_inside_json_then_it_stays_json() {
    let redactor = Redactor::new();
    for case in cases() {
        let json = serde_json::json!({ "text": case.text(), "n": [12_345_678, null] }).to_string();
        for json in [serde_json::json!([json, 1]).to_string(), json] {
            let clean = redactor.redact(&json).unwrap().text.into_string();
            assert!(serde_json::from_str::<serde_json::Value>(&clean).is_ok(), "{json} → {clean}");
            assert_eq!(redactor.redact(&clean).unwrap().findings, [], "{json} → {clean}");
        }
    }
}

#[test]
fn passwords_in_prose_when_redacted_twice_then_no_finding() {
    let redactor = Redactor::new();
    for case in cases() {
        let clean = redactor.redact(&case.text()).unwrap().text.into_string();
        assert_eq!(redactor.redact(&clean).unwrap().findings, [], "{} → {clean}", case.text());
    }
}
