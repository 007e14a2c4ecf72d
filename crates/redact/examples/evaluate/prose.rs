//! Passwords in sentences, by language.
//!
//! *Input*: sentences as `language TAB split TAB template`, with `{}` for the password; passwords as `kind TAB value`;
//! harmless sentences, one per line, with the language in front and a TAB if it is told. `#` begins a comment.

use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::path::Path;

use crate::Options;
use crate::form::whole;
use crate::score::{Score, Tally, judge};
use crate::subject::Subject;
use crate::table::{Table, percent};

/// Prints recall by language and split, by kind of password if asked to, and what harmless sentences lose.
pub(crate) fn report(
    subject: &Subject,
    [templates, passwords, harmless]: [&Path; 3],
    options: &Options,
) -> std::io::Result<()> {
    let (templates, passwords, harmless) =
        (read_to_string(templates)?, read_to_string(passwords)?, read_to_string(harmless)?);
    let mut by_language: BTreeMap<&str, [Tally; 2]> = BTreeMap::new();
    let mut by_kind: BTreeMap<&str, [Tally; 2]> = BTreeMap::new();
    for (language, split, template) in lines(&templates).filter_map(sentence) {
        for (kind, password) in lines(&passwords).filter_map(|line| line.split_once('\t')) {
            let (text, secrets) = fill(template, password);
            let score = judge(&secrets, &subject.findings(&text));
            let column = usize::from(split != "dev");
            for tallies in [by_language.entry(language).or_default(), by_kind.entry(kind).or_default()] {
                tallies.iter_mut().skip(column).take(1).for_each(|tally| tally.add(score));
            }
            if options.has("--misses") && score != Score::Full {
                println!("{score:?}\t{language}\t{split}\t{kind}\t{text}");
            }
        }
    }
    print("Passwords in prose, by language", &by_language);
    if options.has("--by-kind") {
        print("Passwords in prose, by kind of password", &by_kind);
    }
    let harmless: Vec<&str> = lines(&harmless).collect();
    let text = |line: &&str| line.split_once('\t').map_or(*line, |(_, text)| text).to_owned();
    let flagged = harmless.iter().filter(|line| {
        let is_flagged = !subject.findings(&text(line)).is_empty();
        if is_flagged && options.has("--misses") {
            println!("FLAGGED\t{line}");
        }
        is_flagged
    });
    let flagged = flagged.count();
    println!("\nHarmless sentences in which something was found: {flagged} of {}.", harmless.len());
    Ok(())
}

fn print(title: &str, groups: &BTreeMap<&str, [Tally; 2]>) {
    let mut table = Table::new(&["", "dev", "full", "held out", "full", "partial"]);
    let sum =
        groups.values().fold([Tally::default(); 2], |[dev, held], [a, b]| [dev.join(*a), held.join(*b)]);
    for (name, [dev, held]) in
        groups.iter().map(|(name, tallies)| (*name, *tallies)).chain([("**all**", sum)])
    {
        let both = dev.join(held);
        table.row(&[
            name.to_owned(),
            dev.total.to_string(),
            dev.full_percent(),
            held.total.to_string(),
            held.full_percent(),
            percent(both.partial, both.total),
        ]);
    }
    table.print(title);
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

/// Language, split and template of a line.
fn sentence(line: &str) -> Option<(&str, &str, &str)> {
    let (language, rest) = line.split_once('\t')?;
    let (split, template) = rest.split_once('\t')?;
    template.contains("{}").then_some((language, split, template))
}

/// Bytes of the quotes or stars on each side of a password, which are none of it.
fn marks(password: &str) -> usize {
    let stands_in = |(open, close): &(&str, &str)| {
        password.strip_prefix(open).is_some_and(|rest| rest.len() > close.len() && rest.ends_with(close))
    };
    MARKS.iter().find(|pair| stands_in(pair)).map_or(0, |(open, _)| open.len())
}

/// Opening and closing marks, which are equally long.
const MARKS: [(&str, &str); 5] = [("\"", "\""), ("'", "'"), ("`", "`"), ("“", "”"), ("**", "**")];

/// Puts the password into every `{}`; `\n` in a template is a line's end.
fn fill(template: &str, password: &str) -> (String, Vec<Vec<std::ops::Range<usize>>>) {
    let mut text = String::new();
    let mut secrets = Vec::new();
    for (index, part) in template.replace("\\n", "\n").split("{}").enumerate() {
        if index > 0 {
            let start = text.len();
            text.push_str(password);
            let mark = marks(password);
            secrets.push(whole(start + mark..text.len() - mark));
        }
        text.push_str(part);
    }
    (text, secrets)
}
