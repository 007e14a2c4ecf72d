//! Secrets that a sentence gives: "the password is …", "try … as the password", "密码是…".
//!
//! # Purpose
//! Assignments have signs, prose has words. At a noun that names a secret, the words behind it are read up to the end of
//! the sentence ([`forward`]), and those in front of it ([`front`]); a value is taken where a verb, a sign or nothing joins
//! it to the noun, and only if no ordinary word looks like it ([`judge`]). Languages without blanks have a reader of their
//! own ([`spaceless`]), and so have user names with passwords next to them ([`login`]).
//!
//! # What it may not do
//! Replace an ordinary word because of a verb in front of it: "the password is required" stays. Leave the string it is in:
//! no walk steps over a double quote.
//!
//! # To add a language
//! See [`words`].

mod front;
mod judge;
mod login;
mod noun;
mod spaceless;
mod step;
mod value;
mod words;

use std::ops::Range;

use judge::{Candidate, Joint};
use noun::Noun;
use value::{Marks, Value};
use words::{Languages, Role};

use crate::text::Text;
use crate::token;

/// Finds passwords and PINs in the sentence around `hit`.
pub(crate) fn find_password(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    if let Some(noun) = noun::at(text, hit).filter(|noun| is_password(noun.role)) {
        find(text, &noun, found);
    }
}

/// Finds tokens, keys and secrets in the sentence around `hit`.
pub(crate) fn find_secret(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    // `token=` is an assignment, and is there by the thousand in some texts.
    if text.at(hit.end) == b'=' {
        return;
    }
    if let Some(noun) = noun::at(text, hit).filter(|noun| noun.role == Role::Secret) {
        find(text, &noun, found);
    }
}

/// Finds the password behind a user name where the sentence around `hit` speaks of logging in.
pub(crate) fn find_login(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    if text.before(hit.end) == b':' {
        login::behind_name(text, hit, found);
    } else if let Some(noun) = noun::at(text, hit).filter(|noun| noun.role == Role::Login) {
        login::forward(text, &noun, found);
        front::find(text, &noun, found);
    }
}

fn find(text: Text<'_>, noun: &Noun, found: &mut Vec<Range<usize>>) {
    if noun.spaceless {
        spaceless::find(text, noun, found);
    } else {
        forward(text, noun, found);
        if !matches!(noun.role, Role::Pass | Role::Pin) {
            front::find(text, noun, found);
        }
    }
}

fn is_password(role: Role) -> bool {
    matches!(role, Role::Password | Role::Pass | Role::Pin)
}

/// Reads the sentence behind the noun, up to the next noun of its kind, which has a walk of its own.
fn forward(text: Text<'_>, noun: &Noun, found: &mut Vec<Range<usize>>) {
    let mut walk =
        Walk { at: noun.range.end, joint: Some(Joint::Beside), words: 0, about: false, changes: None };
    if noun.role == Role::Pass && (is_verb(text, noun) || !front::has_context(text, noun)) {
        return;
    }
    for _ in 0..MAX_STEPS {
        walk.at = step::skip_blanks(text, walk.at);
        if walk.at > noun.range.end + MAX_REACH {
            return;
        }
        let sign_end = walk.sign(text, noun);
        if sign_end > walk.at {
            walk.at = sign_end;
            continue;
        }
        let word = step::word(text, walk.at);
        let lower = step::lower(word);
        if token::speaks_of_digest(lower.as_bytes()) {
            return;
        }
        let role = words::role(&lower, noun.languages);
        let is_value = matches!(
            role,
            None | Some(Role::Plain | Role::Head | Role::Unit | Role::Login | Role::Secret | Role::About)
        );
        if is_value
            && walk.at > noun.range.end
            && let Some(joint) = walk.joint
            && let Some(value) = walk.take(text, noun, joint)
        {
            found.push(value.range);
            walk = Walk { at: value.end, joint: None, words: walk.words + 1, ..walk };
            continue;
        }
        if word.is_empty() || is_next_noun(noun, role, word) || (role == Some(Role::Head) && walk.words == 0)
        {
            return;
        }
        walk.at += word.len();
        let about = std::mem::replace(&mut walk.about, role == Some(Role::About));
        walk.words += usize::from(!matches!(role, Some(Role::Filler | Role::Verb)));
        if noun.role == Role::Pass && walk.words > 0 {
            return;
        }
        walk.joint = match role {
            _ if walk.leads_to_new(text, noun, &lower) => Some(Joint::Verb),
            Some(Role::Verb) => Some(Joint::Verb),
            Some(Role::Announce) => Some(Joint::Given),
            Some(Role::Filler) => walk.joint,
            Some(Role::Lead) if walk.joint == Some(Joint::Verb) => walk.joint,
            None if about && is_cyrillic(text, noun) => Some(Joint::Beside),
            Some(Role::Command) => Some(Joint::Beside),
            _ => None,
        };
    }
}

/// Where a walk through a sentence stands.
struct Walk {
    /// First byte that was not read.
    at: usize,
    /// How a value at this place would be joined to the noun, if it were.
    joint: Option<Joint>,
    /// Words since the noun that say something.
    words: usize,
    /// Whether the last word began a description: "for".
    about: bool,
    /// The languages of the verbs that change something, once they were asked for.
    changes: Option<Languages>,
}

impl Walk {
    /// Says whether a word leads to a new password: "to", if a verb near the noun changes something in the same language.
    fn leads_to_new(&mut self, text: Text<'_>, noun: &Noun, word: &str) -> bool {
        let languages = words::languages_of(word, Role::Into, noun.languages);
        languages != 0 && languages & *self.changes.get_or_insert_with(|| changes(text, noun)) != 0
    }

    /// Where the sign here ends, if one stands here; notes what it joins.
    fn sign(&mut self, text: Text<'_>, noun: &Noun) -> usize {
        let rest = text.characters(self.at..self.at + 4);
        let next = |length: usize| rest.get(length..).and_then(|tail| tail.chars().next()).unwrap_or('\n');
        let given = ["->", "=>", "→", "：", "＝", "—", "–"].iter().find(|sign| rest.starts_with(**sign));
        let (length, joint) = match rest.chars().next() {
            _ if given.is_some() => (given.map_or(0, |sign| sign.len()), Some(Joint::Given)),
            Some(':')
                if self.words <= MAX_DESCRIPTION
                    && !matches!(next(1), ':' | '/' | '=' | '-')
                    && (self.words == 0 || !next(1).is_alphanumeric()) =>
            {
                (1, Some(Joint::Given))
            }
            // `password=…` is an assignment, which has rules of its own.
            Some('=') if self.at == noun.range.end && noun.languages & words::ENGLISH_BIT != 0 => {
                return self.at;
            }
            Some('=') if self.words == 0 && !matches!(next(1), '=' | '~') => (1, Some(Joint::Given)),
            Some('-') if next(1).is_whitespace() => (1, Some(Joint::Given)),
            Some('|')
                if self.words == 0
                    && next(1) == ' '
                    && text.before(noun.range.start.saturating_sub(1)) == b'|' =>
            {
                (1, Some(Joint::Given))
            }
            Some(',') => {
                self.words += MAX_DESCRIPTION + 1;
                (1, None)
            }
            Some(')' | '*' | '`') if self.at == noun.range.end => (1, self.joint),
            Some('*') if next(1).is_whitespace() || (next(1) == '*' && next(2).is_whitespace()) => {
                (1, self.joint)
            }
            Some('\'') if rest.starts_with("'s ") => (2, Some(Joint::Verb)),
            Some('’') if rest.starts_with("’s") => ("’s".len(), Some(Joint::Verb)),
            Some('(') => (1, self.joint),
            Some('?') if self.words == 0 => (1, Some(Joint::Beside)),
            Some('…') if self.words == 0 => ('…'.len_utf8(), Some(Joint::Beside)),
            Some('.') if self.words == 0 && rest.starts_with("...") => (3, Some(Joint::Beside)),
            Some(')' | '`' | '\'' | '“' | '”' | '«' | '»' | '„' | '/' | '*') if self.joint.is_none() => {
                (rest.chars().next().map_or(0, char::len_utf8), None)
            }
            _ => return self.at,
        };
        self.joint = joint;
        self.at + length
    }

    /// The value here, if it is a secret.
    fn take(&self, text: Text<'_>, noun: &Noun, joint: Joint) -> Option<Value> {
        if self.at == noun.range.end {
            return None;
        }
        if let Some(phrase) = self.phrase(text, noun, joint) {
            return Some(phrase);
        }
        let value = value::read(text, self.at)?;
        let after = step::skip_blanks(text, value.end);
        let candidate = Candidate {
            value: text.characters(value.range.clone()),
            marks: value.marks,
            joint,
            role: noun.role,
            next: &step::lower(step::word(text, after)),
            last: step::ends_sentence(text, value.end),
            other_script: text.at(noun.range.start) >= 0xd0,
            like_code: self.words == 0
                && noun.languages & words::ENGLISH_BIT != 0
                && (front::begins_line(text, noun) || text.characters(noun.range.end..self.at).contains('=')),
        };
        judge::accepts(&candidate).then_some(value)
    }

    /// The passphrase here: several words up to the end of the line, and nothing else.
    fn phrase(&self, text: Text<'_>, noun: &Noun, joint: Joint) -> Option<Value> {
        let is_phrase = text.characters(noun.range.clone()).to_lowercase().contains("phrase");
        if joint < Joint::Verb || !matches!(noun.role, Role::Password) {
            return None;
        }
        let window = text.characters(self.at..self.at + MAX_PHRASE);
        let end = window.find(['\n', '"', '\\', '\r']).unwrap_or(window.len());
        let line = window.get(..end).unwrap_or_default().trim_end_matches(['.', '!', ' ', ')', '*']);
        let range = self.at..self.at + line.len();
        let least = if is_phrase { 3 } else { 4 };
        judge::is_passphrase(line, least, Marks::Bare).then_some(Value {
            end: range.end,
            range,
            marks: Marks::Bare,
        })
    }
}

/// Says whether a word is another noun of the same kind, or begins the same one again.
fn is_next_noun(noun: &Noun, role: Option<Role>, word: &str) -> bool {
    word.eq_ignore_ascii_case(&noun.first)
        || match role {
            Some(role) => is_password(role) && is_password(noun.role) || role == noun.role,
            None => is_password(noun.role) && words::last_part(&step::lower(word)).is_some(),
        }
}

/// Says whether "pass" is what one does: "pass to …", "pass :func:`…`".
fn is_verb(text: Text<'_>, noun: &Noun) -> bool {
    let next = step::skip_blanks(text, noun.range.end);
    next > noun.range.end
        && (step::word(text, next).eq_ignore_ascii_case("to")
            || (text.at(next) == b':' && text.at(next + 1).is_ascii_alphabetic()))
}

/// Says whether a noun is Russian, where no verb is needed: "пароль от сервера X".
fn is_cyrillic(text: Text<'_>, noun: &Noun) -> bool {
    matches!(text.at(noun.range.start), 0xd0 | 0xd1)
}

/// Says in which languages a verb near the noun changes something, so that "to" leads to a new password.
fn changes(text: Text<'_>, noun: &Noun) -> Languages {
    let around = noun.range.start.saturating_sub(MAX_REACH / 2)..noun.range.end + MAX_REACH / 2;
    let words = text.characters(around).split(|letter: char| !letter.is_alphabetic());
    words.fold(0, |all, word| all | words::changing(&step::lower(word), noun.languages))
}

/// Most words and signs that are read behind a noun.
const MAX_STEPS: usize = 16;
/// Most words between a noun and a colon that belongs to it.
const MAX_DESCRIPTION: usize = 6;
/// Most bytes between a noun and its value.
const MAX_REACH: usize = 96;
/// Longest passphrase.
const MAX_PHRASE: usize = 96;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;

    #[test]
    fn nouns_when_listed_then_a_literal_leads_to_each() {
        let literals: Vec<&str> = rules::all()
            .filter(|rule| rule.id.starts_with("prose-"))
            .flat_map(|rule| rule.literals.iter())
            .map(|literal| literal.trim_end_matches([' ', ':']))
            .collect();
        for (_, role, noun) in words::entries() {
            if is_password(role) || matches!(role, Role::Secret | Role::Login) {
                assert!(literals.iter().any(|literal| noun.contains(literal)), "{noun}");
            }
        }
    }
}
