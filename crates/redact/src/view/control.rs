//! Control characters inside of a token: a terminal swallows them, and who reads them written out skips them.
//!
//! ```text
//! ghp_Ab3x…␀9Qz…      a token with a stray byte: ␀ goes
//! g␀h␀p␀_␀A␀b␀        UTF-16 that was read as bytes: each ␀ goes
//! A=1␀B=2             two variables: ␀ stays, as white space and the ends of lines do
//! ```

use crate::text::{Text, is_token};

/// What a backspace does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backspace {
    /// It takes back the character in front of it, as a terminal shows it.
    Erases,
    /// Nothing, as when it is written out.
    Nothing,
}

/// Says whether a byte is a control character that may stand in a token. Tabs and line feeds part tokens, and an escape
/// begins a sequence.
pub(super) fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=0x08 | 0x0b..=0x1a | 0x1c..=0x1f | 0x7f)
}

/// End of the control characters from `start` on, if they are to be passed over.
pub(super) fn passed_over(text: Text<'_>, start: usize) -> Option<usize> {
    if is_half_of_utf_16(text, start) {
        return Some(start + 1);
    }
    let end = text.skip(start, text.len(), |byte| is_control(byte) && byte != BACKSPACE);
    let is_inside = is_part(text.before(start)) && is_part(text.at(end));
    (is_inside && !parts_variables(text, start, end)).then_some(end)
}

/// End of the backspaces from `start` on, and where the characters begin that they take back, none in front of `floor`.
pub(super) fn backspaces(text: Text<'_>, start: usize, floor: usize) -> (usize, usize) {
    let end = text.skip(start, text.len(), |byte| byte == BACKSPACE);
    let mut begins = start;
    for _ in start..end {
        if begins <= floor || matches!(text.before(begins), b'\n' | b'\r') {
            break;
        }
        begins = text.floor(begins - 1);
    }
    (begins, end)
}

/// Says whether every other byte around a NUL byte is one too.
fn is_half_of_utf_16(text: Text<'_>, at: usize) -> bool {
    let is_nul = |at: Option<usize>| at.is_some_and(|at| text.bytes().get(at) == Some(&0));
    let alternate = |near: Option<usize>, far: Option<usize>| !is_nul(near) && is_nul(far);
    is_nul(Some(at))
        && (alternate(at.checked_sub(1), at.checked_sub(2)) || alternate(Some(at + 1), Some(at + 2)))
}

/// Says whether a name and an equals sign stand on both sides, as in the environment of a process.
fn parts_variables(text: Text<'_>, start: usize, end: usize) -> bool {
    let is_value = |byte: u8| !is_control(byte) && !byte.is_ascii_whitespace();
    let before = text.skip_back(start, MAX_VARIABLE, is_value);
    let name_end = text.skip(end, MAX_VARIABLE, is_token);
    let is_set = name_end > end && text.at(name_end) == b'=' && is_value(text.at(name_end + 1));
    is_set && text.slice(before..start).contains(&b'=')
}

/// Bytes that a token may have.
fn is_part(byte: u8) -> bool {
    byte >= 0x80
        || (byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'\'' | b'`' | b',' | b';' | b'(' | b')' | b'<' | b'>' | b'|' | b'\\'))
}

/// Takes back one character.
pub(super) const BACKSPACE: u8 = 0x08;
/// Most bytes of a variable that are looked at.
const MAX_VARIABLE: usize = 4096;
