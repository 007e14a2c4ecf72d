//! Whether a value that stands where a secret belongs is one, or rather a variable, a type, a template or a word.
//!
//! Only the first bytes of a value are judged; a long value is never refused for what comes later.

mod words;

use words::{LABEL_STARTS, SECRET_WORDS, STOP_WORDS, TECH_WORDS};

use crate::assignment::Kind;
use crate::generated;
use crate::rules;

/// A value with what is known about it.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    /// The value without quotes.
    pub(crate) value: &'a [u8],
    /// The key as it is written.
    pub(crate) key: &'a [u8],
    /// How key and value are joined.
    pub(crate) kind: Kind,
    /// Whether the value is quoted.
    pub(crate) quoted: bool,
    /// Whether the key names a password, which may be an ordinary word.
    pub(crate) password: bool,
    /// Whether the key says too little, so that only a generated value counts.
    pub(crate) strict: bool,
    /// The two bytes after the value.
    pub(crate) after: &'a [u8],
}

/// Says whether the value of an assignment is a secret.
pub(crate) fn is_secret(candidate: &Candidate<'_>) -> bool {
    let value = candidate.value;
    if is_dollar_password(candidate) {
        return true;
    }
    if is_working_folder(candidate) || is_verdict(candidate) {
        return false;
    }
    if (candidate.strict || candidate.kind == Kind::Beside) && !generated::is_generated(value) {
        return false;
    }
    if value.len() < if candidate.password { MIN_PASSWORD } else { MIN_SECRET }
        || is_never(value)
        || is_path(value)
    {
        return false;
    }
    if candidate.key.eq_ignore_ascii_case(value)
        || is_prefix_of_key(value, candidate.key)
        || is_numeral(value)
        || is_constant(candidate)
        || (!candidate.quoted && is_numbered_name(value, candidate.password))
        || (candidate.key.eq_ignore_ascii_case(b"pass")
            && candidate.kind == Kind::Prose
            && !has_strange_byte(value))
    {
        return false;
    }
    if candidate.quoted {
        return if candidate.password { is_quoted_password(value) } else { is_random(value) };
    }
    if is_expression(value) || is_reference(value) {
        return false;
    }
    match (candidate.password, candidate.kind) {
        (true, Kind::Prose | Kind::Flag | Kind::Cell | Kind::Call | Kind::Beside) => {
            value.len() >= MIN_SECRET && has_strange_byte(value)
        }
        (true, Kind::Assign | Kind::Tight | Kind::Colon | Kind::Element) => {
            has_strange_byte(value) || is_word_as_password(candidate)
        }
        (false, _) => is_random(value),
    }
}

/// Says whether credentials after a known scheme are real.
pub(crate) fn is_credentials(value: &[u8]) -> bool {
    value.len() >= MIN_SECRET
        && !is_never(value)
        && !is_expression(value)
        && (value.iter().any(|byte| !byte.is_ascii_lowercase()) || value.len() >= MIN_WORD_CREDENTIALS)
        && !value.iter().all(|&byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// Says whether a word looks random enough without any key in front of it.
pub(crate) fn is_strong(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    value.len() >= MIN_STRONG
        && !is_never(value)
        && !is_expression(value)
        && letters > 0
        && (digits > 1 || (value.len() >= MIN_LETTERS && is_mixed(value)))
}

/// Says whether the part between `:` and `@` is a password rather than a template.
pub(crate) fn is_password_in_url(value: &[u8]) -> bool {
    value.len() >= MIN_URL_PASSWORD
        && !contains_placeholder(value)
        && !is_template(value)
        && !is_mask(value)
        && !value.starts_with(b"/")
}

/// Says whether a bare value is a JSON number.
pub(crate) fn is_number(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'))
}

/// Says whether a value may be redacted wherever else it stands: long, and neither a word nor a number.
pub(crate) fn is_distinctive(value: &[u8]) -> bool {
    value.len() >= MIN_DISTINCTIVE
        && !is_json_outside_strings(value)
        && has_strange_byte(value)
        && !is_class_name(value)
        && !contains_placeholder(value)
}

/// Letters alone, in words of six letters on average: `InvalidNextTokenException`.
fn is_class_name(value: &[u8]) -> bool {
    let begins = |pair: &&[u8]| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase());
    value.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && value.windows(2).filter(begins).count() * LETTERS_OF_WORD < value.len()
}

/// Says whether a value could stand in JSON outside of strings, where a placeholder would break it: only numbers,
/// structure, quotes, escaped or not, and the letters of `true`, `false` and `null`.
pub(crate) fn is_json_outside_strings(value: &[u8]) -> bool {
    value.iter().all(|byte| {
        byte.is_ascii_digit() || byte.is_ascii_whitespace() || b"+-.eE,:[]{}\"\\truefalsn".contains(byte)
    })
}

/// What is no secret whatever stands in front of it: a placeholder, a template, a mask, a stop word.
pub(crate) fn is_never(value: &[u8]) -> bool {
    contains_placeholder(value) || is_template(value) || is_mask(value) || is_stop_word(value)
}

/// Says whether one of our own placeholders is in the value.
pub(crate) fn contains_placeholder(value: &[u8]) -> bool {
    let mark = b"_REDACTED";
    let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    value.windows(mark.len()).enumerate().filter(|(_, window)| window == mark).any(|(at, _)| {
        let name = value.get(at.saturating_sub(MAX_PLACEHOLDER)..at + mark.len()).unwrap_or_default();
        let longest = name.iter().rev().take_while(|byte| is_name(byte)).count();
        let run = name.get(name.len() - longest..).unwrap_or_default();
        // A placeholder begins where a word of the run does.
        let is_ours = |start: usize| {
            let text = run.get(start..).and_then(|name| std::str::from_utf8(name).ok());
            (start == 0 || run.get(start - 1) == Some(&b'_')) && text.is_some_and(rules::is_placeholder)
        };
        (0..longest).any(is_ours)
    })
}

/// `${NAME}`, `$NAME`, `$(command)`, `{{ name }}`, `<name>`, `%s`, `%(name)s`, `#{name}`, `{name}`, `@name`, `:name`.
fn is_template(value: &[u8]) -> bool {
    let inner_is_name = |inner: &[u8]| {
        !inner.is_empty()
            && inner.iter().all(|&byte| byte.is_ascii_alphabetic() || is_name_byte(byte))
            && !generated::is_generated(inner)
    };
    match value {
        [b'$', b'{' | b'(', .., b'}' | b')']
        | [b'{', b'{', ..]
        | [b'#' | b'%', b'{' | b'(', ..]
        | [b'%', b's' | b'd' | b'v']
        | [b'<', b'%', ..] => true,
        [b'<', inner @ .., b'>'] => !generated::is_generated(inner),
        [b'$', b'{' | b'(', rest @ ..] => inner_is_name(rest),
        [b'$', name @ ..] => {
            name.iter().all(|&byte| byte.is_ascii_uppercase() || is_name_byte(byte)) || {
                name.iter().all(|&byte| byte.is_ascii_lowercase() || is_name_byte(byte))
                    && !name.iter().any(u8::is_ascii_digit)
            }
        }
        [b'{', inner @ .., b'!', b'r' | b's' | b'a', b'}'] => inner_is_name(inner),
        [b'{', inner @ .., b'}'] | [b'[', inner @ .., b']'] | [b'%', inner @ .., b'%'] => {
            inner_is_name(inner)
        }
        [b'<' | b'{' | b'[', rest @ ..] => inner_is_name(rest),
        _ => false,
    }
}

/// Bytes that a template's name may have besides letters.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b' ' | b'.')
}

/// Says whether a password only begins like a variable: `DB_PASSWORD=$uperhunter` fills a line of an environment file, and
/// the name is in lower case and speaks of no secret.
fn is_dollar_password(candidate: &Candidate<'_>) -> bool {
    let [b'$', name @ ..] = candidate.value else { return false };
    let is_environment = !candidate.quoted
        && candidate.kind == Kind::Tight
        && candidate.key.iter().all(|&byte| byte.is_ascii_uppercase() || is_name_byte(byte))
        && candidate.after.first().is_none_or(|&byte| matches!(byte, b'\n' | b'\r'));
    candidate.password
        && is_environment
        && name.len() >= MIN_SECRET
        && name.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && !is_reference(name)
}

/// `********`, `xxxxxxxx`, `......`: at most two different bytes, or stars or dots and an end that was left to see.
fn is_mask(value: &[u8]) -> bool {
    let mut others =
        value.iter().filter(|&&byte| !matches!(byte, b'*' | b'x' | b'X' | b'.' | b'-' | b'_' | b'?' | b' '));
    let shown = value.iter().position(|byte| !matches!(byte, b'*' | b'.')).unwrap_or(value.len());
    others.next().is_none()
        || ((value.starts_with(b"***") || value.starts_with(b"..."))
            && !generated::is_generated(value.get(shown..).unwrap_or_default()))
}

/// Says whether the whole value is a word that is no secret in any language.
fn is_stop_word(value: &[u8]) -> bool {
    STOP_WORDS.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// The folder that a shell is in or was in, as every list of an environment has it (POSIX.1-2024, XCU 2.5.3); a password is
/// named so too, but in lower case or behind another word.
fn is_working_folder(candidate: &Candidate<'_>) -> bool {
    matches!(candidate.key, b"PWD" | b"OLDPWD") && candidate.value.starts_with(b"/")
}

/// `--- PASS: TestLogin/2`: what Go's test command says of a function, whose name it asks to begin so.
fn is_verdict(candidate: &Candidate<'_>) -> bool {
    let is_test = |word: &&[u8]| candidate.value.starts_with(word);
    candidate.key == b"PASS"
        && candidate.kind == Kind::Colon
        && [&b"Test"[..], b"Fuzz", b"Example"].iter().any(is_test)
}

/// `/run/secrets/db`, `./key.pem`, `~/.netrc`, `config/secret.yaml`, `https://…`, but not base64 with a slash in it.
pub(crate) fn is_path(value: &[u8]) -> bool {
    let has_scheme = value.windows(3).any(|window| window == b"://");
    let plain = value
        .iter()
        .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'~'));
    let rooted = matches!(value, [b'/' | b'~', ..] | [b'.', b'/' | b'.', ..]);
    has_scheme
        || (plain
            && value.contains(&b'/')
            && !is_mixed_with_digits(value)
            && (rooted || !value.iter().any(u8::is_ascii_digit)))
}

/// `Win32_Security` in `Win32_Security_Credentials`.
fn is_prefix_of_key(value: &[u8], key: &[u8]) -> bool {
    key.starts_with(value) && matches!(key.get(value.len()), Some(b'_' | b'-' | b'.'))
}

/// A number in a statement of a program: `= 1073742271;`.
fn is_constant(candidate: &Candidate<'_>) -> bool {
    let digits = candidate.value.strip_prefix(b"-").unwrap_or(candidate.value);
    !candidate.quoted
        && candidate.kind == Kind::Assign
        && candidate.after.first() == Some(&b';')
        && digits.iter().all(u8::is_ascii_digit)
}

/// A number as a program writes it: `0x1f`, `-12014u32`, but no run of digits alone, which can be a PIN.
fn is_numeral(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let value = value.strip_suffix(b"_u32").or(value.strip_suffix(b"_i32")).unwrap_or(value);
    let hex = value.strip_prefix(b"0x").or(value.strip_prefix(b"0X"));
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let suffix = value.get(digits..).unwrap_or_default();
    hex.is_some_and(|hex| hex.len() <= MAX_HEX_NUMBER && hex.iter().all(u8::is_ascii_hexdigit))
        || (digits > 0 && NUMBER_TYPES.iter().any(|name| suffix == name.as_bytes()))
}

/// A name of words in one case with a number at the end: `_bindgen_ty_7`, `TOKEN_0_0`.
fn is_numbered_name(value: &[u8], may_be_password: bool) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_word = |word: &[u8]| {
        let letters = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (letters, number) = word.split_at(letters);
        number.iter().all(u8::is_ascii_digit)
            && (letters.iter().all(u8::is_ascii_lowercase) || letters.iter().all(u8::is_ascii_uppercase))
    };
    (value.starts_with(b"_") || (digits <= 2 && !may_be_password))
        && value.contains(&b'_')
        && value.split(|&byte| byte == b'_').all(is_word)
}

/// A call, an index or a reference to a field: `getpass()`, `os.environ["X"]`, `config.password`, `&secret`.
fn is_expression(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"::").or(value.strip_prefix(b"(")).unwrap_or(value);
    let value = value.strip_suffix(b"!").filter(|name| name.contains(&b'.')).unwrap_or(value);
    if matches!(value, [b'&' | b'[', rest @ ..] if is_words(rest.strip_prefix(b"`").unwrap_or(rest))) {
        return true;
    }
    let value =
        value.strip_prefix(b"&").or(value.strip_prefix(b"!")).or(value.strip_prefix(b"*")).unwrap_or(value);
    let name_end = value
        .iter()
        .position(|&byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'?')));
    let name = value.get(..name_end.unwrap_or(value.len())).unwrap_or_default();
    let starts_as_name = matches!(name.first(), Some(byte) if byte.is_ascii_alphabetic() || *byte == b'_');
    let next = name_end.and_then(|end| value.get(end));
    let digits = name.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_call = matches!(next, Some(b'(' | b'['))
        && (digits < MANY_DIGITS || is_numbered_name(name, false))
        || (next == Some(&b'(') && is_method(name));
    let is_type = matches!(next, Some(b'<' | b'{'))
        && (name.contains(&b'.') || name.first().is_some_and(u8::is_ascii_uppercase));
    let is_macro =
        value.get(name.len()..).is_some_and(|rest| rest.starts_with(b"!(") || rest.starts_with(b"!["));
    let is_field = name.len() == value.len() && name.contains(&b'.') && digits < MANY_DIGITS;
    let is_scoped = name.windows(2).any(|window| window == b"::");
    let is_arrow = value.windows(2).any(|window| window == b"->")
        && (value.starts_with(b"$") || (starts_as_name && value.split(|&byte| byte == b'-').count() == 2));
    starts_as_name && (is_call || is_type || is_macro || is_field || is_scoped) || is_arrow
}

/// A dotted name whose words have one number each: `base64.b64encode`, `words.for_17_to_128`.
fn is_method(name: &[u8]) -> bool {
    let groups =
        |word: &[u8]| word.split(|byte| !byte.is_ascii_digit()).filter(|group| !group.is_empty()).count();
    name.contains(&b'.')
        && name
            .split(|byte| matches!(byte, b'.' | b'_'))
            .all(|word| groups(word) < 2 && word.len() < MIN_LETTERS)
}

/// A bare name that speaks of a secret is a variable: `user_password`, `token2`.
fn is_reference(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let is_name = lower.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let digits = lower.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = lower.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |last| last + 1);
    let stem = lower.get(..letters).unwrap_or_default();
    let speaks = |word: &&str| lower.windows(word.len()).any(|window| window == word.as_bytes());
    is_name
        && ((digits == 0 && SECRET_WORDS.iter().any(speaks))
            || (digits == 1 && SECRET_WORDS.iter().any(|word| word.as_bytes() == stem)))
}

/// A quoted password may be anything but a label or a sentence about passwords.
fn is_quoted_password(value: &[u8]) -> bool {
    if has_digit(value) {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    let has_space = lower.contains(&b' ');
    let speaks =
        SECRET_WORDS.iter().any(|word| lower.windows(word.len()).any(|window| window == word.as_bytes()));
    let is_label = speaks && (has_space || is_words(&lower));
    let is_sentence = has_space && LABEL_STARTS.iter().any(|start| lower.starts_with(start.as_bytes()))
        || lower.ends_with(b"...");
    !is_label && !is_sentence
}

/// A bare word is a password where a configuration is written, not where code or prose is.
fn is_word_as_password(candidate: &Candidate<'_>) -> bool {
    let ends_line = candidate.after.first().is_none_or(|&byte| matches!(byte, b'\n' | b'\r'));
    let in_code = matches!(candidate.after.first(), Some(b')' | b',' | b';' | b']' | b'}'));
    match candidate.kind {
        Kind::Tight => !in_code,
        Kind::Colon => {
            ends_line
                && candidate.value.len() >= MIN_WORD
                && candidate.value.iter().all(u8::is_ascii_lowercase)
        }
        Kind::Element => true,
        Kind::Assign | Kind::Call | Kind::Flag | Kind::Prose | Kind::Cell | Kind::Beside => false,
    }
}

/// Says whether the value of a token or key looks generated.
fn is_random(value: &[u8]) -> bool {
    let spaces = value.iter().filter(|byte| byte.is_ascii_whitespace()).count();
    let letters = value.iter().any(u8::is_ascii_alphabetic);
    let hyphenated = is_words(value) && value.iter().any(|byte| matches!(byte, b'-' | b'_' | b'.' | b' '));
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    if spaces > MAX_SPACES || (spaces > 0 && digits == 0) {
        return false;
    }
    (digits > 0 && letters && !is_tech_word(value))
        || (digits == value.len() && digits >= MIN_DIGITS)
        || (!hyphenated && value.len() >= MIN_LETTERS)
        || (digits == 0 && !is_words(value) && value.len() >= MIN_STRONG)
}

/// `sha256`, `oauth2`, `base64-encoded`, `v2`: words that have a digit.
pub(crate) fn is_tech_word(value: &[u8]) -> bool {
    let first = value.split(|byte| matches!(byte, b'-' | b'_' | b' ' | b'.')).next().unwrap_or_default();
    value.len() < MIN_LETTERS && TECH_WORDS.iter().any(|word| first.eq_ignore_ascii_case(word.as_bytes()))
}

/// Says whether a bare value has what no word, name or clause has.
pub(crate) fn has_strange_byte(value: &[u8]) -> bool {
    let symbol = |&byte: &u8| {
        byte.is_ascii_punctuation()
            && !matches!(byte, b'-' | b'_' | b'.' | b'/' | b':' | b',' | b'\'' | b'(' | b')' | b'[' | b']')
    };
    (has_digit(value) && !is_tech_word(value))
        || value.iter().any(symbol)
        || (value.len() >= MIN_LETTERS && is_mixed(value))
}

fn has_digit(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
}

/// Letters and the marks that join words.
pub(crate) fn is_words(value: &[u8]) -> bool {
    value.iter().all(|&byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'_' | b'-' | b'.' | b'\'' | b':' | b',')
    })
}

/// Both upper and lower case in the middle.
fn is_mixed(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase)
}

fn is_mixed_with_digits(value: &[u8]) -> bool {
    is_mixed(value) && has_digit(value)
}

/// Longest name in front of `_REDACTED`.
const MAX_PLACEHOLDER: usize = 56;
/// Shortest password in an assignment.
const MIN_PASSWORD: usize = 4;
/// Shortest password between `:` and `@`.
const MIN_URL_PASSWORD: usize = 3;
/// Shortest other secret.
const MIN_SECRET: usize = 6;
/// Shortest secret without a key.
const MIN_STRONG: usize = 8;
/// Shortest value that is propagated.
const MIN_DISTINCTIVE: usize = 8;
/// Fewest letters of the words of a name, on average.
const LETTERS_OF_WORD: usize = 6;
/// Shortest bare word that can be a password after a colon.
const MIN_WORD: usize = 8;
/// Shortest lower-case word that can be credentials after a scheme.
const MIN_WORD_CREDENTIALS: usize = 16;
/// Shortest run of letters that is taken as generated.
const MIN_LETTERS: usize = 20;
/// Longest hexadecimal number that is a constant of a program.
const MAX_HEX_NUMBER: usize = 16;
/// Types behind a number.
const NUMBER_TYPES: &[&str] = &[
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64",
    "L", "UL", "ULL",
];
/// Shortest number that is a token.
const MIN_DIGITS: usize = 8;
/// Most spaces in a token.
const MAX_SPACES: usize = 2;
/// Digits from which on a dotted name is a token rather than a field.
const MANY_DIGITS: usize = 4;
