//! Whether a word in the place of a password is one, or an ordinary word, a number with its unit, a name or code.

use super::value::Marks;
use super::words::{self, Role};
use crate::plausible;

/// How a sentence leads to a value: the later, the more certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Joint {
    /// The value stands next to the noun: "password X".
    Beside,
    /// A verb joins them: "the password is X".
    Verb,
    /// A sign or a verb that announces a value: "the password is: X".
    Given,
}

/// A value with what is known about it.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    /// The value.
    pub(super) value: &'a str,
    /// What stands around it.
    pub(super) marks: Marks,
    /// How the sentence leads to it.
    pub(super) joint: Joint,
    /// What the noun names.
    pub(super) role: Role,
    /// The word behind it, in lower case, if a blank or nothing is between.
    pub(super) next: &'a str,
    /// Whether its sentence ends with it.
    pub(super) last: bool,
    /// Whether only names are written in Latin letters in this language.
    pub(super) other_script: bool,
    /// Whether noun and value could be a line of a configuration or of code.
    pub(super) like_code: bool,
}

/// Says whether the candidate is a secret.
pub(super) fn accepts(candidate: &Candidate<'_>) -> bool {
    let value = candidate.value;
    let length = value.chars().count();
    if length < MIN_LENGTH
        || plausible::is_never(value.as_bytes())
        || plausible::is_path(value.as_bytes())
        || is_known(value)
    {
        return false;
    }
    if candidate.marks != Marks::Bare {
        return is_quoted_secret(candidate);
    }
    if is_code(value, candidate.joint) {
        return false;
    }
    if candidate.role == Role::Pin && candidate.joint == Joint::Beside {
        return is_marked(candidate) && is_number(value);
    }
    if matches!(candidate.role, Role::Pin | Role::Pass) {
        return has_digit(value) && is_marked(candidate);
    }
    if candidate.role == Role::Secret {
        return candidate.joint > Joint::Beside
            && length >= MIN_SECRET
            && has_digit(value)
            && is_marked(candidate);
    }
    is_marked(candidate)
        || is_unspeakable(value)
        || is_restless(value)
        || match candidate.joint {
            Joint::Beside => false,
            Joint::Verb => is_odd(candidate),
            Joint::Given => is_odd(candidate) || (candidate.last && is_given_word(candidate)),
        }
}

/// Says whether a word has what no word of its language has: a capital inside, several hyphens, Latin letters.
fn is_odd(candidate: &Candidate<'_>) -> bool {
    let value = candidate.value;
    (is_mixed(value) && !candidate.like_code)
        || (candidate.last && is_chain(value))
        || (candidate.last && candidate.other_script && value.is_ascii() && is_word(value))
}

/// Says whether words are a passphrase: at least `least` of them, all in lower case, with at most one that is known.
///
/// Without quotation marks around them, forms of verbs are taken for a sentence.
pub(super) fn is_passphrase(phrase: &str, least: usize, marks: Marks) -> bool {
    let words: Vec<&str> = phrase.split(' ').filter(|word| !word.is_empty()).collect();
    let is_form = |word: &str| ["ing", "ed", "ly"].iter().any(|ending| word.ends_with(ending));
    let is_plain = |word: &&str| {
        word.chars().count() >= MIN_PHRASE_WORD
            && word.chars().all(char::is_lowercase)
            && !(marks == Marks::Bare && is_form(word))
    };
    (least..=MAX_PHRASE).contains(&words.len())
        && words.iter().all(is_plain)
        && words.iter().filter(|word| is_known(word)).count() < 2
        && !words.iter().any(|word| SECRET_WORDS.iter().any(|secret| word.contains(secret)))
}

fn is_quoted_secret(candidate: &Candidate<'_>) -> bool {
    let value = candidate.value;
    if value.contains(' ') {
        return !matches!(candidate.role, Role::Secret | Role::Pin)
            && candidate.marks == Marks::Quotes
            && is_passphrase(value, 3, candidate.marks);
    }
    let is_name = value.contains('_') || value.starts_with(char::is_uppercase);
    if is_code(value, Joint::Given) {
        return false;
    }
    if candidate.role == Role::Secret {
        return candidate.joint > Joint::Beside && has_digit(value) && is_marked(candidate);
    }
    let counts = match candidate.marks {
        Marks::Code => candidate.joint > Joint::Beside && !is_name,
        Marks::Bare | Marks::Quotes => true,
    };
    is_marked(candidate) || is_unspeakable(value) || (counts && (is_word(value) || is_chain(value)))
}

/// Says whether the value has what no word has: digits and letters, a long number, or a symbol among letters.
fn is_marked(candidate: &Candidate<'_>) -> bool {
    let value = candidate.value.trim_end_matches(['!', '?']).trim_matches('*');
    let count = |class: fn(char) -> bool| value.chars().filter(|&letter| class(letter)).count();
    let (letters, digits) = (count(char::is_alphabetic), count(|letter| letter.is_ascii_digit()));
    let symbols = count(is_symbol);
    if value.len() < candidate.value.len() && is_mixed(value) {
        return true;
    }
    if letters == 0 && symbols == 0 {
        return is_number(value) && words::role(candidate.next, u32::MAX) != Some(Role::Unit);
    }
    if is_measure(value) || is_dotted_name(value) || is_host(value, digits) {
        return false;
    }
    (digits > 0 && letters > 1 && !plausible::is_tech_word(value.as_bytes()))
        || (symbols > 0 && letters > 2)
        || (symbols > 0 && digits + symbols + letters >= MIN_SECRET && digits > 1)
}

/// At least four digits, also in groups, but no year, date, time, version or address.
fn is_number(value: &str) -> bool {
    let groups: Vec<&str> = value.split('-').collect();
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let is_year = value.len() == 4 && (value.starts_with("19") || value.starts_with("20"));
    let all = groups.iter().all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    all && digits >= MIN_LENGTH
        && !is_year
        && (groups.len() == 1 || (digits >= 8 && groups.iter().all(|group| group.len() > 2)))
}

/// `30s`, `15min`, `4KB`, `2nd`, `8-character`, `sha-256`, `sha256:…`, `a/b#12`: a number with its unit, a name with its number.
fn is_measure(value: &str) -> bool {
    let unit = value.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let is_unit = unit.len() < value.len() && UNITS.iter().any(|known| unit.eq_ignore_ascii_case(known));
    let is_part = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) || is_known(part);
    let is_version = value
        .strip_prefix(['v', 'V'])
        .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit()));
    let is_digest = value.split_once(':').is_some_and(|(name, _)| is_known(name));
    let name = value
        .trim_end_matches(|letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '#' | '/' | '.'));
    let is_norm = NORMS.iter().any(|norm| name.eq_ignore_ascii_case(norm));
    is_norm
        || is_unit
        || is_version
        || is_digest
        || (value.contains('-') && value.split(['-', '/']).all(is_part))
}

/// `example.com`, `README.md`, `config.value2`, `10.0.0.4`, `python3.9`: names whose last part is a word or that count.
fn is_dotted_name(value: &str) -> bool {
    let Some((head, tail)) = value.rsplit_once('.') else { return false };
    let plain =
        value.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '/'));
    let is_count = !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit());
    plain && !head.is_empty() && (!is_count || head.ends_with(|letter: char| letter.is_ascii_digit()))
}

/// `user@host`: letters and dots around an at sign.
fn is_host(value: &str, digits: usize) -> bool {
    value.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && (digits == 0 || host.contains('.'))
            && host.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '-'))
    })
}

/// A call, an operator, a constant, a tag, a scope; next to a noun also an assignment.
fn is_code(value: &str, joint: Joint) -> bool {
    let name = value.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == '.'));
    let after_name = name.filter(|&at| at > 0).and_then(|at| value.get(at..)).unwrap_or_default();
    let bare = value.trim_start_matches('%');
    let is_constant = value.contains('_') && !value.contains(|letter: char| letter.is_lowercase());
    let is_setting = after_name.starts_with('=') && name.is_some_and(|length| length > 1);
    after_name.starts_with(['(', '[', '{', '<'])
        || value.starts_with(['<', '{', '[', '(', '&', '|', '/', '-', '=', ':', '~', '\\'])
        || value.ends_with(['(', '{', '='])
        || ["::", "->", "=>", "==", "!=", "&&", "||", "</", "`", "()", "://"]
            .iter()
            .any(|operator| value.contains(operator))
        || (is_setting && (joint == Joint::Beside || !has_digit(value)))
        || (is_constant && is_name(bare))
}

fn is_name(value: &str) -> bool {
    value.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// A word that is announced and ends the sentence; where it could be a type or a setting more is asked of it.
fn is_given_word(candidate: &Candidate<'_>) -> bool {
    let value = candidate.value;
    let least = if candidate.like_code { MIN_BARE_WORD } else { MIN_WORD };
    let is_type =
        candidate.like_code && value.starts_with(char::is_uppercase) && value.contains(char::is_lowercase);
    (is_word(value) && value.chars().count() >= least && !is_type) || is_chain(value)
}

/// At least three words with hyphens between them: `correct-horse-battery`.
fn is_chain(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    parts.len() > 2
        && parts.iter().all(|part| part.len() > 3)
        && is_passphrase(&parts.join(" "), 3, Marks::Bare)
}

/// Letters and hyphens, and no part of it a small or technical word.
fn is_word(value: &str) -> bool {
    value.chars().count() >= MIN_WORD
        && value.chars().all(|letter| letter.is_alphabetic() || letter == '-')
        && !value.split('-').any(is_known)
        && !SECRET_WORDS.iter().any(|word| value.to_lowercase().contains(word))
}

fn is_known(word: &str) -> bool {
    words::is_known(&word.to_lowercase())
}

/// Lower case, then upper case: no word, but some names.
fn is_mixed(value: &str) -> bool {
    let mut was_lower = false;
    value.chars().all(char::is_alphabetic)
        && value.chars().any(|letter| {
            let changes = was_lower && letter.is_uppercase();
            was_lower = letter.is_lowercase();
            changes
        })
        && !NAMES.iter().any(|name| value.eq_ignore_ascii_case(name))
        && !SECRET_WORDS.iter().any(|word| value.to_lowercase().contains(word))
}

/// Upper and lower case in turn.
fn is_restless(value: &str) -> bool {
    let changes = value.as_bytes().windows(2).filter(
        |pair| matches!(pair, [first, second] if first.is_ascii_lowercase() && second.is_ascii_uppercase()),
    );
    value.len() >= 7
        && value.bytes().all(|byte| byte.is_ascii_alphabetic())
        && changes.count() * 3 >= value.len()
}

/// A long word without a vowel.
fn is_unspeakable(value: &str) -> bool {
    value.len() >= 7
        && value
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() && !matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y'))
}

fn has_digit(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_digit())
}

/// A mark that words of prose do not have.
fn is_symbol(letter: char) -> bool {
    matches!(letter, '!' | '#' | '$' | '%' | '^' | '&' | '*' | '+' | '=' | '?' | '@' | '~')
}

/// Fewest characters of any secret in prose.
const MIN_LENGTH: usize = 4;
/// Fewest characters of a token.
const MIN_SECRET: usize = 6;
/// Fewest letters of a word that a sentence announces.
const MIN_WORD: usize = 5;
/// Fewest letters of a word behind `password:` at the start of a line.
const MIN_BARE_WORD: usize = 8;
/// Fewest letters of a word in a passphrase.
const MIN_PHRASE_WORD: usize = 3;
/// Most words of a passphrase.
const MAX_PHRASE: usize = 10;
/// Words of variables and types that hold secrets.
const SECRET_WORDS: &[&str] =
    &["password", "passwd", "passphrase", "passwort", "secret", "token", "credential"];
/// Units that are written without a blank, and endings of ordinals.
const UNITS: &[&str] = &[
    "s", "ms", "us", "ns", "m", "min", "h", "hr", "hrs", "d", "k", "kb", "mb", "gb", "tb", "kib", "mib",
    "gib", "px", "em", "rem", "x", "th", "st", "nd", "rd", "hz", "khz", "mhz", "ghz", "am", "pm", "fa",
    "bit", "bits", "bytes", "chars", "mm", "cm", "km", "kg",
];
/// Names that a number belongs to.
const NORMS: &[&str] = &[
    "rfc", "pkcs", "http", "iso", "pep", "ecma", "cve", "python", "fips", "nist", "ansi", "sep", "hs", "rs",
    "tls", "sha", "md",
];
/// Names that have a capital inside.
const NAMES: &[&str] = &[
    "GitHub",
    "GitLab",
    "BitBucket",
    "MySQL",
    "PostgreSQL",
    "SQLite",
    "MongoDB",
    "JavaScript",
    "TypeScript",
    "LastPass",
    "KeePass",
    "KeePassXC",
    "BitWarden",
    "OAuth",
    "OpenID",
    "OpenSSL",
    "OpenSSH",
    "LinkedIn",
    "YouTube",
    "DevOps",
    "WordPress",
    "WiFi",
    "macOS",
    "FastAPI",
    "NextJS",
    "NodeJS",
    "GraphQL",
    "DynamoDB",
    "PowerShell",
    "CloudFlare",
    "PayPal",
    "ReadOnly",
    "WebAuthn",
    "PassKey",
];
