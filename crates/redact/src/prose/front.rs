//! What stands in front of a noun: a value that it names, or words that say how to read it.

use std::borrow::Cow;
use std::ops::Range;

use super::judge::{self, Candidate, Joint};
use super::noun::{Noun, is_spaceless};
use super::step;
use super::value::{self, Value};
use super::words::{self, Role};
use crate::text::Text;

/// Finds a value in front of the noun: "X is the password", "try X as password", "enter X when asked for the password".
pub(super) fn find(text: Text<'_>, noun: &Noun, found: &mut Vec<Range<usize>>) {
    let next = step::lower(step::word(text, step::skip_blanks(text, noun.range.end)));
    if words::role(&next, noun.languages) == Some(Role::Head) {
        return;
    }
    if text.before(noun.range.start) == b'(' && text.at(noun.range.end) == b')' && noun.role == Role::Password
    {
        let value = ending_at(text, noun.range.start - 1);
        found
            .extend(value.filter(|value| accepts(text, value, noun, Joint::Beside)).map(|value| value.range));
        return;
    }
    let tokens = sentence(text, noun);
    let role = |index: usize| tokens.get(index).and_then(|token| token.role);
    let may_be_joined = noun.role != Role::Login;
    for (index, token) in tokens.iter().enumerate() {
        let is_near = may_be_joined && index < MAX_BETWEEN;
        let is_apart = index.checked_sub(1).is_none_or(|next| role(next) == Some(Role::Filler));
        let (end, joint) = match token.role {
            Some(Role::Lead) if is_near => (Some(token.start), Joint::Verb),
            Some(Role::Verb) if is_near && is_apart => (Some(token.start), Joint::Verb),
            Some(Role::Command) => (command_value(&tokens, index, noun.role), Joint::Beside),
            _ => (None, Joint::Beside),
        };
        let value = end.and_then(|end| ending_at(text, end));
        if let Some(value) = value.filter(|value| accepts(text, value, noun, joint)) {
            found.push(value.range);
            return;
        }
    }
}

/// Says whether a value in front of a noun, or next to a user name, is a secret.
pub(super) fn accepts(text: Text<'_>, value: &Value, noun: &Noun, joint: Joint) -> bool {
    let next = step::lower(step::word(text, step::skip_blanks(text, value.end)));
    let candidate = Candidate {
        value: text.characters(value.range.clone()),
        marks: value.marks,
        joint,
        role: noun.role,
        next: &next,
        last: false,
        other_script: false,
        like_code: false,
    };
    judge::accepts(&candidate)
}

/// Says whether the noun is the first word of its line.
pub(super) fn begins_line(text: Text<'_>, noun: &Noun) -> bool {
    let window = text.characters(noun.range.start.saturating_sub(MAX_REACH)..noun.range.start);
    let rest = window.trim_end_matches([' ', '\t', '-', '*', '|', '"', '\'', '`']);
    rest.is_empty() || rest.ends_with('\n') || rest.ends_with("\\n")
}

/// Says whether a user name or an article stands in front of a noun that otherwise means something else.
pub(super) fn has_context(text: Text<'_>, noun: &Noun) -> bool {
    let tokens = sentence(text, noun);
    let article = tokens.first().is_some_and(|token| {
        matches!(
            &*token.lower,
            "the" | "my" | "our" | "your" | "root" | "admin" | "db" | "new" | "old" | "wifi"
        )
    });
    article
        || tokens.iter().any(|token| {
            ["user", "login", "admin", "root", "ssh"].iter().any(|word| token.lower.starts_with(word))
        })
}

/// The value that ends at `end`, apart from blanks and signs: a word, or a quoted string on the same line.
pub(super) fn ending_at(text: Text<'_>, end: usize) -> Option<Value> {
    let window = text.characters(end.saturating_sub(MAX_REACH)..end);
    let base = end - window.len();
    let kept = window.trim_end_matches([' ', ',', ':', '—', '–', '→', '，', '\u{a0}']);
    let kept = kept.strip_suffix(" -").unwrap_or(kept);
    let line = kept.rfind('\n').map_or(0, |at| at + 1);
    let closing = kept.chars().next_back()?;
    let start = match QUOTES.iter().find(|(_, close)| *close == closing) {
        Some((open, close)) => opening(kept.get(line..)?.strip_suffix(*close)?, *open)? + line,
        None => start_of_value(kept.get(line..)?) + line,
    };
    let value = value::read(text, base + start)?;
    let is_whole = value.end <= end
        && text.characters(value.end..base + kept.len()).chars().all(|mark| !mark.is_alphanumeric());
    is_whole.then_some(value)
}

/// Where the quotation mark opens that a text in front of its closing mark needs, with the backslashes in front.
fn opening(inside: &str, mark: char) -> Option<usize> {
    let inside = inside.trim_end_matches('\\').trim_end_matches(mark);
    let at = inside.rfind(mark)?;
    let start = if mark == '*' { inside.get(..at)?.trim_end_matches('*') } else { inside.get(..at)? };
    Some(start.trim_end_matches('\\').len())
}

/// Start of the last word of a line: behind a blank, an opening mark, a letter of a script without blanks, or an escape.
fn start_of_value(line: &str) -> usize {
    let is_edge = |letter: char| {
        letter.is_whitespace()
            || is_spaceless(letter)
            || matches!(letter, '"' | '(' | '[' | '，' | '：' | '。' | '、')
    };
    let start = line
        .char_indices()
        .rev()
        .find(|(_, letter)| is_edge(*letter))
        .map_or(0, |(at, letter)| at + letter.len_utf8());
    let word = line.get(start..).unwrap_or_default();
    let behind_escape = |at: usize| word.ceil_char_boundary(at + 2);
    start + word.rfind('\\').map_or(0, behind_escape)
}

/// A word in front of the noun.
struct Token<'a> {
    /// Its place in the text.
    start: usize,
    /// The word in lower case without the signs around it.
    lower: Cow<'a, str>,
    /// What it does in the languages of the noun.
    role: Option<Role>,
}

/// The words in front of the noun in the same sentence, the nearest first, back to another noun of its kind.
fn sentence<'a>(text: Text<'a>, noun: &Noun) -> Vec<Token<'a>> {
    let window = text.characters(noun.range.start.saturating_sub(MAX_REACH)..noun.range.start);
    let base = noun.range.start - window.len();
    let mut rest = window;
    let mut tokens = Vec::new();
    while tokens.len() < MAX_TOKENS {
        rest = rest.trim_end_matches(step::is_blank);
        let start = rest.char_indices().rev().find(|(_, letter)| letter.is_whitespace());
        let start = start.map_or(0, |(at, blank)| at + blank.len_utf8());
        let word = rest.get(start..).unwrap_or_default();
        let ends =
            word.ends_with(['.', '?', '!', ';']) && !word.contains(|letter: char| letter.is_ascii_digit());
        if word.is_empty() || ends {
            break;
        }
        let lower =
            step::lower(word.trim_matches(|letter: char| !letter.is_alphanumeric() && letter != '\''));
        let role = words::role(&lower, noun.languages);
        tokens.push(Token { start: base + start, lower, role });
        if super::is_next_noun(noun, role, word) {
            break;
        }
        rest = rest.get(..start).unwrap_or_default();
    }
    tokens
}

/// Where the value of a command ends that asks for it at `index`: "enter X when …", "use X to log in".
fn command_value(tokens: &[Token<'_>], index: usize, role: Role) -> Option<usize> {
    let joining = tokens.get(index.checked_sub(2)?)?;
    let words = if role == Role::Login { TO } else { WHEN };
    words.contains(&&*joining.lower).then_some(joining.start)
}

/// Words between a value and the log-in that it is for.
const TO: &[&str] = &["to", "for", "zum", "para", "pour", "per", "чтобы", "om"];
/// Words between a value that is to be entered and the noun.
const WHEN: &[&str] = &[
    "when",
    "if",
    "at",
    "for",
    "as",
    "in",
    "wenn",
    "falls",
    "cuando",
    "si",
    "quand",
    "lorsque",
    "quando",
    "se",
    "когда",
    "als",
    "gdy",
];
/// Closing marks with their opening ones.
const QUOTES: &[(char, char)] = &[
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('„', '“'),
    ('«', '»'),
    ('「', '」'),
    ('『', '』'),
    ('‘', '’'),
    ('*', '*'),
];
/// Most words between a value and its noun.
const MAX_BETWEEN: usize = 4;
/// Most words in front of a noun that are looked at.
const MAX_TOKENS: usize = 8;
/// Most bytes in front of a noun that are looked at.
const MAX_REACH: usize = 96;
