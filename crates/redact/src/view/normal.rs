//! The view without disguise: escapes are read, colours, invisible and control characters left out, look-alikes in ASCII.

use super::control::{self, BACKSPACE, Backspace};
use super::escape;
use super::glyph::{Glyph, glyph};
use super::map::{Builder, Map};
use crate::text::Text;

/// The text without disguise; `None` if it has none.
pub(super) fn normal(source: &str, text: Text<'_>, backspace: Backspace) -> Option<(String, Map)> {
    let bytes = source.as_bytes();
    text.spend(bytes.len());
    let has_quoted = bytes.contains(&b'=') && source.contains("=3D");
    let is_trigger = |byte: &u8| {
        matches!(*byte, ESCAPE | b'\\' | b'&' | b'%' | 0x80..)
            || control::is_control(*byte)
            || (has_quoted && *byte == b'=')
    };
    let mut builder = Builder::new(source);
    let (mut position, mut is_changed) = (0, false);
    while let Some(found) = bytes.get(position..).unwrap_or_default().iter().position(is_trigger) {
        position += found;
        let step = step(text, source, position, &builder);
        match step {
            Step::Keep(_) => {}
            Step::LeaveOut(end) => {
                builder.copy_to(position);
                builder.go_to(end);
            }
            Step::TakeBack(start, end) => {
                builder.copy_to(if backspace == Backspace::Erases { start } else { position });
                builder.go_to(end);
            }
            Step::Read(end, character) => {
                builder.copy_to(position);
                builder.atom(end, character);
            }
        }
        is_changed |= !matches!(step, Step::Keep(_));
        position = step.end();
    }
    builder.copy_to(source.len());
    is_changed.then(|| builder.finish())
}

/// What becomes of the bytes at a trigger; each holds where they end.
#[derive(Debug, Clone, Copy)]
enum Step {
    Keep(usize),
    LeaveOut(usize),
    /// Backspaces; the first place is where the characters begin that they take back.
    TakeBack(usize, usize),
    Read(usize, char),
}

impl Step {
    fn end(self) -> usize {
        match self {
            Self::Keep(end) | Self::LeaveOut(end) | Self::TakeBack(_, end) | Self::Read(end, _) => end,
        }
    }
}

/// Decides about the trigger at `position`; `made` is the view so far.
fn step(text: Text<'_>, source: &str, position: usize, made: &Builder<'_>) -> Step {
    let read = |spelled: Option<escape::Spelled>| match spelled {
        Some(spelled) => Step::Read(spelled.end, spelled.character),
        None => Step::Keep(position + 1),
    };
    match text.at(position) {
        ESCAPE => Step::LeaveOut(control_sequence(text, position)),
        b'&' => read(escape::entity(text, position)),
        b'%' => read(escape::percent(text, position)),
        b'=' => match soft_break(text, position) {
            Some(end) => Step::LeaveOut(end),
            None => read(escape::quoted_printable(text, position)),
        },
        b'\\' => match escape::backslash(text, position) {
            Ok(spelled) => Step::Read(spelled.end, spelled.character),
            Err(end) => Step::Keep(end),
        },
        BACKSPACE => {
            let (start, end) = control::backspaces(text, position, made.position);
            Step::TakeBack(start, end)
        }
        byte if control::is_control(byte) => {
            control::passed_over(text, position).map_or(Step::Keep(position + 1), Step::LeaveOut)
        }
        _ => character(text, source, position, made),
    }
}

/// Decides about the character at `position`, which is not ASCII.
fn character(text: Text<'_>, source: &str, position: usize, made: &Builder<'_>) -> Step {
    let Some(character) = source.get(position..).and_then(|rest| rest.chars().next()) else {
        return Step::Keep(position + 1);
    };
    let end = position + character.len_utf8();
    match glyph(character) {
        // One character for the two that begin a sequence (ECMA-48 §5.3).
        Glyph::Nothing if matches!(character, INTRODUCER | MARKED_INTRODUCER) => {
            Step::LeaveOut(parameters(text, end).unwrap_or(end))
        }
        Glyph::Own => Step::Keep(end),
        Glyph::Nothing => Step::LeaveOut(end),
        Glyph::Ascii(ascii) => Step::Read(end, ascii),
        Glyph::Letter(ascii) => {
            let before = if made.position == position {
                made.text.as_bytes().last()
            } else {
                position.checked_sub(1).and_then(|last| source.as_bytes().get(last))
            };
            if before.is_some_and(|&byte| is_word(byte)) {
                return Step::Read(end, ascii);
            }
            match next_word(text, source, end) {
                None => Step::Read(end, ascii),
                Some(others) => Step::Keep(others),
            }
        }
    }
}

/// Where the letters that look like ASCII end, unless they lead to one that is.
fn next_word(text: Text<'_>, source: &str, from: usize) -> Option<usize> {
    let mut end = from;
    for character in source.get(from..).unwrap_or_default().chars().take(MAX_LEAD) {
        text.spend(character.len_utf8());
        match glyph(character) {
            Glyph::Letter(_) => end += character.len_utf8(),
            Glyph::Own | Glyph::Nothing | Glyph::Ascii(_) => {
                return if u8::try_from(character).is_ok_and(is_word) { None } else { Some(end) };
            }
        }
    }
    Some(end)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// End of the terminal control sequence (ECMA-48 §5.4) at `start`; an unknown one is only its first byte.
///
/// No sequence reaches over another escape byte, so that many open ones cost no more than one.
fn control_sequence(text: Text<'_>, start: usize) -> usize {
    let after = start + 2;
    match text.at(start + 1) {
        b'[' => parameters(text, after).unwrap_or(start + 1),
        b']' | b'P' | b'_' | b'^' => {
            let end = text.skip(after, MAX_SEQUENCE, |byte| !matches!(byte, 0x07 | ESCAPE));
            match (text.at(end), text.at(end + 1)) {
                (0x07, _) => end + 1,
                (ESCAPE, b'\\') => end + 2,
                _ => start + 1,
            }
        }
        b'(' | b')' | b'#' | b'%' if text.at(after).is_ascii_alphanumeric() => after + 1,
        b'7' | b'8' | b'=' | b'>' | b'c' | b'D' | b'E' | b'H' | b'M' => after,
        _ => start + 1,
    }
}

/// End of the parameters and of the last byte of a control sequence, if it has one.
fn parameters(text: Text<'_>, start: usize) -> Option<usize> {
    let end = text.skip(start, MAX_SEQUENCE, |byte| matches!(byte, b' '..=b'?'));
    matches!(text.at(end), b'@'..=b'~').then_some(end + 1)
}

/// End of the soft line break of quoted-printable at `start`.
fn soft_break(text: Text<'_>, start: usize) -> Option<usize> {
    let end = start + 1 + usize::from(text.at(start + 1) == b'\r');
    (text.at(end) == b'\n').then_some(end + 1)
}

/// First byte of a terminal control sequence.
const ESCAPE: u8 = 0x1b;
/// First character of one in eight bits, and the mark of that byte where it is no UTF-8.
const INTRODUCER: char = '\u{9b}';
const MARKED_INTRODUCER: char = '\u{10ff9b}';
/// Longest control sequence that is read.
const MAX_SEQUENCE: usize = 256;
/// Look-alikes at the start of a word that are read before a real letter.
const MAX_LEAD: usize = 8;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn view(text: &str) -> Option<(String, Map)> {
        normal(text, Text::new(text, &Cell::new(0)), Backspace::Erases)
    }

    fn read(text: &str) -> String {
        view(text).map_or_else(|| format!("same: {text}"), |(view, _)| view)
    }

    #[test]
    fn disguised_text_when_read_then_plain() {
        for (text, expected) in [
            ("a \u{1b}[1;31mb\u{1b}[0mc", "a bc"),
            ("a\u{1b}]8;;http://x\u{7}b\u{1b}]8;;\u{1b}\\c\u{1b}(Bd", "abcd"),
            ("gh\u{200b}p\u{ad}_x", "ghp_x"),
            ("раssword gһр_1", "password ghp_1"),
            ("{\\\"a\\\":\\\"x\\\\ny\\\"}", "{\"a\":\"x\ny\"}"),
            ("a%3D%22b&#x22; &amp;quot;", "a=\"b\" \""),
            ("key=3Dab=\r\ncd=C3=A9", "key=abcdé"),
            ("a\0b \u{1}c\u{7f}\u{e}d\u{c}\u{1f}e\r\nf\rg", "ab \u{1}cde\r\nfg"),
            ("a\u{9b}31mb\u{10ff9b}0mc\u{84}d\u{10ffff}e\u{10ff00}", "abcde"),
            ("\u{10ffff}\u{10fffe}p\0w\0 \0=\0\r\0\n\0x\0", "pw =\r\nx"),
            ("\0p\0w\0 \0=", "pw ="),
            ("aX\u{8}b N\u{8}NA\u{8}A éé\u{8}\u{8}c\n\u{8}d\u{8}\u{8}\u{8}e", "ab NA c\ne"),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn plain_text_when_read_then_no_view() {
        for text in [
            "",
            "abc",
            "100% & more",
            "пароль раз",
            "密码 — é",
            "a\\q",
            "x=20",
            "\\",
            "A=1\0B=2\0C=3",
            "a\r\nb",
            "a \0 b",
        ] {
            assert_eq!(read(text), format!("same: {text}"));
        }
    }

    #[test]
    fn place_when_mapped_then_whole_escapes() {
        let source = "a%3Db\u{200b}c\\n";
        let (view, map) = view(source).unwrap_or_default();
        assert_eq!(view, "a=bc\n");
        let back: Vec<&str> = (0..5).map(|at| &source[map.to_source(&(at..at + 1))]).collect();
        assert_eq!(back, ["a", "%3D", "b", "c", "\\n"]);
        assert_eq!(map.to_source(&(2..4)), 4..9);
    }
}
