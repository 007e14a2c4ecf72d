//! Keys: where one begins and ends, and which rule its words stand for.

use std::ops::Range;

use crate::text::{Text, is_token};

/// The identifier around `hit`, not reaching back in front of `floor`.
pub(super) fn around(text: Text<'_>, hit: usize, floor: usize) -> Range<usize> {
    let back = MAX_KEY.min(hit.saturating_sub(floor));
    let mut start = text.skip_back(hit, back, is_token);
    if start < hit && text.before(start) == b'\\' {
        start += 1;
    }
    start..text.skip(hit, MAX_KEY, is_token)
}

/// A rule of the engine that looks at keys.
#[derive(Debug)]
pub(crate) struct KeyRule {
    /// Place of the rule in the engine.
    pub(crate) index: usize,
    /// Whether the value is a password, which may be an ordinary word.
    pub(crate) is_password: bool,
    /// Whether its words alone do not make a secret.
    pub(crate) is_weak: bool,
    /// The words that the key ends in.
    pub(crate) endings: &'static [&'static str],
}

/// What a key stands for.
#[derive(Debug)]
pub(super) struct Name<'a> {
    /// The rule.
    pub(super) rule: &'a KeyRule,
    /// Whether the words alone do not make the value a secret: it has to look generated.
    pub(super) strict: bool,
}

/// Names the key, if need be with the word in front of it (`API key`).
pub(super) fn name<'a>(text: Text<'_>, key: Range<usize>, rules: &'a [KeyRule]) -> Option<Name<'a>> {
    let own = rule_of(text.slice(key.clone()), rules);
    if let Some(rule) = own.filter(|rule| !rule.is_weak) {
        return Some(Name { rule, strict: false });
    }
    if own.is_none()
        && let Some(rule) = rule_inside(text.slice(key.clone()), rules)
    {
        return Some(Name { rule, strict: true });
    }
    let key = with_word_in_front(text, key);
    let words = text.slice(key);
    let rule = rule_of(words, rules)?;
    let lower = words.to_ascii_lowercase();
    let speaks = |word: &&str| lower.windows(word.len()).any(|window| window == word.as_bytes());
    let is_secret = !rule.is_weak || !OPEN_KEYS.iter().any(speaks);
    is_secret.then_some(Name { rule, strict: true })
}

/// The key with the word that one blank sets apart from it, if there is one.
fn with_word_in_front(text: Text<'_>, key: Range<usize>) -> Range<usize> {
    let Some(blank) = key.start.checked_sub(1).filter(|&blank| text.at(blank) == b' ') else { return key };
    let start = text.skip_back(blank, MAX_WORD, is_token);
    if text.slice(start..blank).iter().any(u8::is_ascii_alphabetic) { start..key.end } else { key }
}

/// The rule whose word the key ends in; the longest word wins.
fn rule_of<'a>(key: &[u8], rules: &'a [KeyRule]) -> Option<&'a KeyRule> {
    let key = Normal::of(key);
    let mut best: Option<(usize, &KeyRule)> = None;
    for rule in rules {
        let longest =
            rule.endings.iter().filter(|ending| key.ends_with(ending)).map(|ending| ending.len()).max();
        if let Some(length) = longest
            && best.is_none_or(|(best_length, _)| length > best_length)
        {
            best = Some((length, rule));
        }
    }
    best.map(|(_, rule)| rule)
}

/// The rule of a word inside the key that others follow: `password_super_secure`, `api_token_for_ci`.
fn rule_inside<'a>(key: &[u8], rules: &'a [KeyRule]) -> Option<&'a KeyRule> {
    let mut shorter = Normal::of(key);
    for _ in 0..MAX_WORDS_BEHIND {
        let start = shorter.begins_word.iter().rposition(|&begins| begins).filter(|&start| start > 0)?;
        shorter.letters.truncate(start);
        shorter.begins_word.truncate(start);
        let rule = rules
            .iter()
            .find(|rule| !rule.is_weak && rule.endings.iter().any(|ending| shorter.ends_with(ending)));
        if rule.is_some() {
            return rule;
        }
    }
    None
}

/// A key in lower case, without separators and without trailing words that say nothing (`_PROD`, `2`, `value`).
struct Normal {
    letters: Vec<u8>,
    /// For each letter, whether a word begins there.
    begins_word: Vec<bool>,
}

impl Normal {
    fn of(key: &[u8]) -> Self {
        let mut normal =
            Self { letters: Vec::with_capacity(key.len()), begins_word: Vec::with_capacity(key.len()) };
        let mut previous = b'_';
        for &byte in key {
            if byte.is_ascii_alphanumeric() {
                let begins = !previous.is_ascii_alphanumeric()
                    || (byte.is_ascii_uppercase() && !previous.is_ascii_uppercase())
                    || (previous.is_ascii_digit() != byte.is_ascii_digit());
                normal.letters.push(byte.to_ascii_lowercase());
                normal.begins_word.push(begins);
            }
            previous = byte;
        }
        normal.drop_empty_words();
        normal
    }

    fn drop_empty_words(&mut self) {
        while let Some(start) = self.begins_word.iter().rposition(|&begins| begins) {
            let word = self.letters.get(start..).unwrap_or_default();
            let says_nothing = word.iter().all(u8::is_ascii_digit)
                || EMPTY_WORDS.iter().any(|empty| empty.as_bytes() == word);
            if start == 0 || !says_nothing {
                return;
            }
            self.letters.truncate(start);
            self.begins_word.truncate(start);
        }
    }

    fn ends_with(&self, ending: &str) -> bool {
        let (word, needs_boundary) = match ending.strip_prefix('-') {
            Some(word) => (word, true),
            None => (ending, false),
        };
        // Most words differ in the last letter already.
        if self.letters.last() != word.as_bytes().last() {
            return false;
        }
        let Some(start) = self.letters.len().checked_sub(word.len()) else { return false };
        self.letters.ends_with(word.as_bytes())
            && (!needs_boundary || self.begins_word.get(start).copied().unwrap_or(false))
    }
}

/// Words after the one that matters.
const EMPTY_WORDS: &[&str] = &[
    "value",
    "val",
    "str",
    "string",
    "text",
    "plain",
    "plaintext",
    "raw",
    "prod",
    "production",
    "dev",
    "development",
    "staging",
    "stage",
    "test",
    "live",
    "old",
    "new",
    "current",
    "default",
    "main",
    "primary",
    "secondary",
    "base64",
    "b64",
];
/// Words that make a key one that anybody may know.
const OPEN_KEYS: &[&str] = &[
    "public",
    "primary",
    "foreign",
    "sort",
    "cache",
    "partition",
    "unique",
    "object",
    "index",
    "row",
    "group",
    "map",
    "hash",
    "lookup",
    "query",
    "idempotency",
    "publishable",
    "site",
    "project",
    "message",
    "verif",
    "bucket",
    "host",
];
/// Most words behind the one that matters.
const MAX_WORDS_BEHIND: usize = 4;
/// Longest word in front of a key.
const MAX_WORD: usize = 24;
/// Longest key that is read to either side.
const MAX_KEY: usize = 80;
