//! Refusals of names and places of settings.

use mab_core::Denied;

use super::Key;
use crate::config::load::{Source, refuse};

/// Refuses a name that is none, and guesses what was meant.
pub(super) fn unknown(
    kind: &str,
    name: &str,
    known: impl Iterator<Item = String>,
    source: &Source,
) -> Denied {
    let closest = known.min_by_key(|candidate| distance(candidate, name)).unwrap_or_default();
    refuse(format_args!("unknown {kind} {name}"), source)
        .hint(format!("did you mean {closest}? else take it out"))
}

/// Refuses to read a place from the file.
pub(super) fn not_in_files(key: &Key, source: &Source) -> Denied {
    refuse(format_args!("{} cannot be set here", key.name), source).hint(format!(
        "set {} in the environment{}",
        key.variable(),
        key.flag().map_or_else(String::new, |flag| format!(", or use {flag}"))
    ))
}

/// Refuses to read from the environment what only the file may set.
pub(super) fn only_in_files(key: &Key, source: &Source) -> Denied {
    refuse(format_args!("{} cannot be set here", key.name), source)
        .hint("set it in the configuration file, which agents do not write")
}

/// Edits that turn one name into the other (Levenshtein 1966), one row of the matrix at a time.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(MAX_COMPARED_CHARS).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (done, from) in left.chars().enumerate() {
        let mut diagonal = done;
        let mut left_neighbour = done + 1;
        if let Some(first) = row.first_mut() {
            *first = left_neighbour;
        }
        for (cell, to) in row.iter_mut().skip(1).zip(&right) {
            let kept = diagonal + usize::from(from != *to);
            diagonal = *cell;
            left_neighbour = kept.min(diagonal + 1).min(left_neighbour + 1);
            *cell = left_neighbour;
        }
    }
    row.last().copied().unwrap_or_default()
}

const MAX_COMPARED_CHARS: usize = 64;
