//! Nouns: whether the literal that was seen is a word that names a secret, and in which languages.

use std::ops::Range;

use super::step;
use super::words::{self, Languages, Role};
use crate::text::Text;

/// A word that names a secret.
#[derive(Debug)]
pub(super) struct Noun {
    /// Place of the word.
    pub(super) range: Range<usize>,
    /// What it names.
    pub(super) role: Role,
    /// The languages that have it.
    pub(super) languages: Languages,
    /// The first part of the word in lower case, as far as blanks divide it.
    pub(super) first: String,
    /// Whether it is written without blanks to its neighbours.
    pub(super) spaceless: bool,
}

/// The noun that holds the literal at `hit`; `None` inside identifiers, paths and flags, which are no prose.
pub(super) fn at(text: Text<'_>, hit: Range<usize>) -> Option<Noun> {
    let literal = text.characters(hit.clone());
    if literal.starts_with(is_spaceless) {
        let (role, languages) = words::noun(literal)?;
        return Some(Noun { range: hit, role, languages, first: String::new(), spaceless: true });
    }
    let start = start_of_word(text, hit.start);
    let literal_end = hit.start + literal.trim_end_matches([':', ' ']).len();
    let end = literal_end + text.run(literal_end, MAX_TAIL, is_letter).len();
    if !may_follow(text, start) || !may_precede(text, end) {
        return None;
    }
    let word = step::lower(text.characters(start..end));
    let (role, languages) = words::noun(&word).or_else(|| words::noun(words::last_part(&word)?))?;
    let first = word.split(' ').next().unwrap_or_default().to_owned();
    Some(Noun { range: start..end, role, languages, first, spaceless: false })
}

/// Says whether a character belongs to a script that sets no blanks between words, or particles right behind a noun.
pub(super) fn is_spaceless(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// A letter of a word that stands between blanks.
fn is_letter(letter: char) -> bool {
    letter.is_alphabetic() && !is_spaceless(letter)
}

/// Start of the word around `position`; the letter of an escape such as `\n` belongs to no word.
fn start_of_word(text: Text<'_>, position: usize) -> usize {
    let before = text.characters(position.saturating_sub(MAX_HEAD)..position);
    let length: usize =
        before.chars().rev().take_while(|&letter| is_letter(letter)).map(char::len_utf8).sum();
    let start = position - length;
    if length > 0 && text.before(start) == b'\\' { start + 1 } else { start }
}

/// Says whether a word of prose may begin at `start`.
fn may_follow(text: Text<'_>, start: usize) -> bool {
    let before = text.characters(start.saturating_sub(8)..start);
    let mut letters = before.chars().rev();
    let (last, second) = (letters.next(), letters.next());
    match last {
        None
        | Some('(' | '*' | ',' | ':' | ';' | '|' | '>' | '\'' | '’' | '`' | '“' | '„' | '«' | '"' | '[') => {
            true
        }
        Some('-' | '/') => second.is_some_and(char::is_alphabetic),
        Some(letter) => {
            letter.is_whitespace()
                || is_spaceless(letter)
                || !(letter.is_ascii() || letter.is_alphanumeric())
                || text.follows_escape(start)
        }
    }
}

/// Says whether a word of prose may end at `end`.
fn may_precede(text: Text<'_>, end: usize) -> bool {
    let next = text.at(end + 1);
    match text.at(end) {
        b':' => next != b':',
        b'.' | b'-' | b'/' => !(next.is_ascii_alphanumeric() || next == b'/' || next == b'_'),
        0 | b'=' | b',' | b')' | b'*' | b'`' | b'\'' | b'|' | b';' | b'?' | b'!' => true,
        byte => byte.is_ascii_whitespace() || !byte.is_ascii(),
    }
}

/// Most bytes of a word in front of the literal in it.
const MAX_HEAD: usize = 32;
/// Most bytes of a word behind the literal in it.
const MAX_TAIL: usize = 24;
