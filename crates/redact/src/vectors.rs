//! Test vectors of rules, written so that none looks like a secret where it stands.
//!
//! Used for the rules of a policy when they are read, and by the test of the rule files, which includes this file.

use std::ops::Range;

/// A vector with its generators expanded: the text without the marks `<` and `>`, and the marked part, or all of it.
pub(crate) fn marked(written: &str, seed: &str) -> (String, Range<usize>) {
    let made = expand(written, seed);
    if let Some((start, end)) = made.find('<').zip(made.find('>')).filter(|(start, end)| start < end) {
        return (made.replace(['<', '>'], ""), start..end - 1);
    }
    let all = 0..made.len();
    (made, all)
}

/// Replaces every `{name length}` in `vector` by characters of that alphabet, the same ones each time.
///
/// *Alphabets*: `alnum`, `word` (with `_` and `-`), `hex`, `HEX`, `lower`, `upper`, `loweralnum`, `upperalnum`, `digit`,
/// `base64`; `{uuid}` needs no length. Other braces stay as they are.
fn expand(vector: &str, seed: &str) -> String {
    let mut state = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut text = String::new();
    let mut rest = vector;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let made =
            after.split_once('}').and_then(|(inside, tail)| Some((generated(inside, &mut state)?, tail)));
        if let Some((made, tail)) = made {
            text.push_str(&made);
            rest = tail;
        } else {
            text.push('{');
            rest = after;
        }
    }
    text.push_str(rest);
    text
}

/// What stands for the inside of one pair of braces; `None` if it names no alphabet.
fn generated(inside: &str, state: &mut u64) -> Option<String> {
    if inside == "uuid" {
        let parts = [8, 4, 4, 4, 12].map(|length| generated(&format!("hex {length}"), state));
        return Some(parts.into_iter().flatten().collect::<Vec<_>>().join("-"));
    }
    let (name, length) = inside.split_once(' ')?;
    let alphabet = alphabet(name)?;
    let length: usize = length.parse().ok().filter(|length| *length <= LONGEST)?;
    let letters: Vec<char> = alphabet.chars().collect();
    let plain: Vec<char> = letters.iter().copied().filter(char::is_ascii_alphanumeric).collect();
    let mut made = String::new();
    for index in 0..length {
        // Ends are letters or digits, and every fifth character is a digit where there are any.
        let choice = if index == 0 || index + 1 == length { &plain } else { &letters };
        let is_digit = index % 5 == 3 && alphabet.starts_with(DIGITS);
        let range = if is_digit { 10 } else { choice.len() };
        made.extend(choice.get(usize::try_from(next(state)).ok()? % range));
    }
    Some(made)
}

fn alphabet(name: &str) -> Option<String> {
    Some(match name {
        "alnum" => format!("{DIGITS}{LOWER}{UPPER}"),
        "word" => format!("{DIGITS}{LOWER}{UPPER}_-"),
        "base64" => format!("{DIGITS}{LOWER}{UPPER}+/"),
        "hex" => format!("{DIGITS}abcdef"),
        "HEX" => format!("{DIGITS}ABCDEF"),
        "lower" => LOWER.to_owned(),
        "upper" => UPPER.to_owned(),
        "loweralnum" => format!("{DIGITS}{LOWER}"),
        "upperalnum" => format!("{DIGITS}{UPPER}"),
        "digit" => DIGITS.to_owned(),
        _ => return None,
    })
}

/// Next number of splitmix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) >> 16
}

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
/// Longest text that one generator makes.
const LONGEST: usize = 10_000;
