//! What a rule looks for, in words for people.

use crate::everywhere::Everywhere;
use crate::rule::{Finder, Place, Rule, Words};

/// One line about how a rule finds what it finds.
pub(crate) fn of(rule: &Rule) -> String {
    match &rule.finder {
        Finder::Format(format) => {
            let pattern = &format.pattern;
            match &format.place {
                Place::Prefix => format!("the pattern {pattern}"),
                Place::Inner | Place::Around(_) => {
                    format!("the pattern {pattern} around one of: {}", some(rule.literals.iter()))
                }
                Place::Near(also) => {
                    let words = some(rule.literals.iter());
                    format!("the pattern {pattern} shortly behind one of: {words}{}", and(also))
                }
            }
        }
        Finder::Keys(endings) => {
            let endings = endings.iter().map(|ending| ending.trim_start_matches('-'));
            format!("the value behind a key that ends in one of: {}", some(endings))
        }
        Finder::Function(_) => format!("a form of its own at one of: {}", some(rule.literals.iter())),
        Finder::Everywhere(Everywhere::Generated) => "any run of letters and digits".to_owned(),
        Finder::Everywhere(Everywhere::Denied(sets)) => {
            let count: usize = sets.iter().map(crate::DeniedSecrets::count).sum();
            format!("{count} secrets, wherever they stand")
        }
    }
}

fn and(also: &Words) -> String {
    if also.is_empty() { String::new() } else { format!(", and near one of: {}", some(also.iter())) }
}

/// The first words of a list.
fn some<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<&str> = words.take(SHOWN + 1).collect();
    if words.len() > SHOWN {
        words.truncate(SHOWN);
        words.push("…");
    }
    words.join(", ")
}

/// Words of a list that are shown.
const SHOWN: usize = 16;
