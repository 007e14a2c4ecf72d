//! Whether a run of letters and digits was generated at random, without regard to what stands around it.
//!
//! A name changes between letters and digits, or from lower to upper case, once per word; a random string does so at about
//! every second byte.

/// Says whether a run of the base64 alphabet is a line of a key rather than an identifier.
pub(crate) fn is_key_line(run: &[u8]) -> bool {
    run.len() >= MIN_RUN && has_both_cases(run) && (digit_groups(run) > 1 || is_restless(run))
}

/// Says whether a value of at least [`MIN_RUN`] bytes in one piece has letters of both cases and digits that no
/// name has: in two places, or among changes of case.
pub(crate) fn is_mixed_value(value: &[u8]) -> bool {
    value.len() >= MIN_RUN
        && value.iter().all(|&byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'\\'))
        && has_both_cases(value)
        && (digit_groups(value) > 1 || (digit_groups(value) == 1 && is_restless(value)))
}

/// Says whether a value is a number of at least 128 bits in hexadecimal digits.
pub(crate) fn is_hex_value(value: &[u8]) -> bool {
    value.len() >= MIN_HEX
        && value.iter().all(u8::is_ascii_hexdigit)
        && digit_groups(value) > 1
        && value.iter().any(u8::is_ascii_alphabetic)
}

/// Says whether a value is random in either way.
pub(crate) fn is_generated(value: &[u8]) -> bool {
    is_mixed_value(value) || is_hex_value(value)
}

/// Says whether a run that only a service's name in front of it makes a key was generated: it has letters and digits
/// that change often, or is a long number, but no name, word or mask.
pub(crate) fn is_token(value: &[u8]) -> bool {
    let is_number = value.iter().all(u8::is_ascii_digit);
    let distinct = value.iter().fold(0_u128, |seen, &byte| seen | 1 << (byte & 127)).count_ones();
    let is_varied = distinct as usize >= MIN_DISTINCT.min(value.len() / 2);
    is_varied
        && (is_number
            || digit_groups(value) > 1
            || (has_both_cases(value) && is_restless(value))
            || has_rare_pairs(value))
}

/// Says whether a run that may be anything behind a service's name is a key beyond doubt: a UUID, a long hexadecimal
/// number, or letters of both cases and digits that change at every third byte.
pub(crate) fn is_surely_token(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let hex = value.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    let is_uuid = value.len() == 36 && hex == 32;
    is_token(value)
        && (is_uuid
            || is_hex_value(value)
            || (has_both_cases(value) && digits >= MIN_DIGITS && is_restless(value)))
}

/// Says whether letters of one case, of which a key may happen to consist, are no words: too few vowels, or runs of
/// consonants.
fn has_rare_pairs(value: &[u8]) -> bool {
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let is_vowel = |byte: &u8| b"aeiouyAEIOUY".contains(byte);
    let longest = value.split(|byte| is_vowel(byte)).map(<[u8]>::len).max().unwrap_or(0);
    value.len() >= MIN_RUN
        && letters > 0
        && !value.iter().any(|byte| matches!(byte, b'-' | b'_' | b'.'))
        && longest > MOST_CONSONANTS
}

fn has_both_cases(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase)
}

/// Number of runs of digits.
fn digit_groups(value: &[u8]) -> usize {
    value.split(|byte| !byte.is_ascii_digit()).filter(|group| !group.is_empty()).count()
}

/// Says whether at least every third byte is of another class than the one in front; an upper-case letter and the
/// lower-case one after it count as one.
pub(crate) fn is_restless(value: &[u8]) -> bool {
    let changes = value.windows(2).filter(|pair| matches!(pair, [a, b] if changes(*a, *b))).count();
    changes * 3 >= value.len()
}

fn changes(first: u8, second: u8) -> bool {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    class(first) != class(second) && (class(first), class(second)) != (2, 1)
}

/// Fewest digits of a key of letters and digits.
const MIN_DIGITS: usize = 3;
/// Different bytes of a key.
const MIN_DISTINCT: usize = 6;
/// Longest run without a vowel in a word.
const MOST_CONSONANTS: usize = 6;
/// Shortest run that is judged.
const MIN_RUN: usize = 16;
/// Shortest hexadecimal number that is judged.
const MIN_HEX: usize = 32;
