//! User names with a password next to them: "login with admin / X", "creds: root/X", "log in as admin with X".

use std::ops::Range;

use super::judge::Joint;
use super::noun::Noun;
use super::step;
use super::value;
use super::words::{self, Role};
use super::{front, is_password};
use crate::text::Text;

/// Finds a password behind a user name in the sentence behind the noun.
pub(super) fn forward(text: Text<'_>, noun: &Noun, found: &mut Vec<Range<usize>>) {
    let mut at = noun.range.end;
    let (mut has_name, mut tries) = (false, 0);
    for _ in 0..MAX_STEPS {
        at = step::skip_blanks(text, at);
        if at > noun.range.end + MAX_REACH {
            return;
        }
        if is_joined(text, at) && has_name {
            if take(text, noun, step::skip_blanks(text, at + 1), found) {
                return;
            }
            if tries == MAX_TRIES {
                return;
            }
            tries += 1;
            at = text.skip(at + 1, MAX_REACH, |byte| !byte.is_ascii_whitespace() && byte != b'"');
            has_name = false;
            continue;
        }
        let word = step::word(text, at);
        let role = words::role(&step::lower(word), u32::MAX);
        if role.is_some_and(|role| is_password(role) || role == Role::Login) {
            return;
        }
        if word.is_empty() {
            if !matches!(text.at(at), b':' | b',' | b'(' | b'/' | b'=' | b'`' | b'*') {
                return;
            }
            at += 1;
            has_name = false;
            continue;
        }
        at += word.len();
        has_name = !matches!(role, Some(Role::Verb | Role::About));
        if is_with(word) && take(text, noun, step::skip_blanks(text, at), found) {
            return;
        }
    }
}

/// Finds a password right behind a user name that everyone has: `admin:X`.
pub(super) fn behind_name(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let before = text.before(hit.start);
    let begins = matches!(before, 0 | b' ' | b'\n' | b'(' | b'`' | b'"') || text.follows_escape(hit.start);
    let noun = Noun {
        range: hit.clone(),
        role: Role::Login,
        languages: u32::MAX,
        first: String::new(),
        spaceless: false,
    };
    if begins {
        take(text, &noun, hit.end, found);
    }
}

/// Says whether a word stands between a name and a password: "with", "and".
fn is_with(word: &str) -> bool {
    words::languages_of(&step::lower(word), Role::With, u32::MAX) != 0
}

/// Says whether a sign between name and password stands at `at`.
fn is_joined(text: Text<'_>, at: usize) -> bool {
    match text.at(at) {
        b'/' => text.at(at + 1) != b'/',
        b':' => !matches!(text.at(at + 1), b'/' | b':' | b' ' | b'\n'),
        _ => false,
    }
}

/// Adds the value at `at` if it is a password and not itself a user name.
fn take(text: Text<'_>, noun: &Noun, at: usize, found: &mut Vec<Range<usize>>) -> bool {
    let Some(value) = value::read(text, at) else { return false };
    let next = step::skip_blanks(text, value.end);
    let leads_on = matches!(text.at(next), b'/' | b':') || is_with(step::word(text, next));
    let is_path = text.characters(value.range.clone()).contains('/');
    let is_password = !leads_on && !is_path && front::accepts(text, &value, noun, Joint::Beside);
    if is_password {
        found.push(value.range);
    }
    is_password
}

/// Most words and signs that are read behind a noun.
const MAX_STEPS: usize = 14;
/// Most pairs behind a noun that are no credentials.
const MAX_TRIES: usize = 1;
/// Most bytes between a noun and the password.
const MAX_REACH: usize = 96;
