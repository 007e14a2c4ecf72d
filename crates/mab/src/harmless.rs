//! What acts instead of showing itself, and JSON without it: the one list for the command line and for MCP.
//!
//! JSON (RFC 8259 §7) lets any character stand as its escape, so a reader gets the same strings. A person who prints
//! the output gets no escape sequence or bidirectional override from an agent, and a model that reads the text finds
//! nothing in it that it cannot see.

use std::io;

use serde::Serialize;
use serde_json::{
    Value,
    ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer},
};

/// One line of JSON, without a line break at its end.
pub(crate) fn one_line(value: &Value) -> String {
    text(value, CompactFormatter)
}

/// Appends a message in one line of JSON.
///
/// # Errors
/// As `serde_json`: a message that is no JSON.
pub(crate) fn append(bytes: &mut Vec<u8>, message: &impl Serialize) -> serde_json::Result<()> {
    message.serialize(&mut Serializer::with_formatter(bytes, Harmless(CompactFormatter)))
}

/// Indented JSON, without a line break at its end.
pub(crate) fn indented(value: &Value) -> String {
    text(value, PrettyFormatter::new())
}

fn text(value: &Value, formatter: impl Formatter) -> String {
    let mut bytes = Vec::new();
    // Writing a Value into memory cannot fail: its keys are strings.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, Harmless(formatter)));
    String::from_utf8(bytes).unwrap_or_default()
}

/// Whether a character acts or hides where it stands. One of the two variation selectors that choose how an emoji looks
/// may follow a character that can be one; any other hides, for a row of them can carry a text that nobody sees.
pub(crate) fn hides(character: char, before: Option<char>) -> bool {
    match character {
        '\u{fe0e}' | '\u{fe0f}' => !before.is_some_and(can_be_emoji),
        selector if is_selector(selector) => true,
        other => acts(other),
    }
}

/// Whether it may look like text or like an emoji, as one of the two selectors says: the ranges around the first
/// characters of Unicode 17's emoji-variation-sequences.txt, in which there is no letter. Without the digits, `#` and `*`
/// of keycaps: a row of numbers could carry a text.
fn can_be_emoji(character: char) -> bool {
    matches!(
        character,
        '\u{a9}'
            | '\u{ae}'
            | '\u{203c}'
            | '\u{2049}'
            | '\u{2122}'
            | '\u{2139}'
            | '\u{2194}'..='\u{21aa}'
            | '\u{231a}'..='\u{23fa}'
            | '\u{24c2}'
            | '\u{25aa}'..='\u{27bf}'
            | '\u{2934}'..='\u{2935}'
            | '\u{2b05}'..='\u{2b55}'
            | '\u{3030}'
            | '\u{303d}'
            | '\u{3297}'
            | '\u{3299}'
            | '\u{1f004}'..='\u{1faff}'
    )
}

/// Whether it is one of the variation selectors 1 to 16.
fn is_selector(character: char) -> bool {
    ('\u{fe00}'..='\u{fe0f}').contains(&character)
}

/// Whether a character acts on a terminal or on the reading order, or hides, instead of showing itself: control
/// characters (Unicode Cc), line and paragraph separators, format characters (Cf of Unicode 17), the ignorable
/// fillers and tags, what is drawn as nothing though it is a symbol (blank Braille, a null notehead, a Khitan filler),
/// and what Unicode gives no meaning (noncharacters, private use). Variation selectors 1 to 16 are judged by [`hides`].
pub(crate) fn acts(character: char) -> bool {
    character.is_control()
        || u32::from(character) & 0xfffe == 0xfffe
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{e000}'..='\u{f8ff}'
                | '\u{fdd0}'..='\u{fdef}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{16fe4}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d159}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
                | '\u{f0000}'..
        )
}

/// The one ASCII control character that JSON does not escape by itself.
const DELETE: u8 = 0x7f;

/// Any formatter, with strings escaped further.
struct Harmless<F>(F);

impl<F: Formatter> Formatter for Harmless<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.bytes().all(|byte| byte.is_ascii() && byte != DELETE) {
            return self.0.write_string_fragment(writer, fragment);
        }
        let (mut start, mut before) = (0, None);
        for (at, character) in fragment.char_indices() {
            if !hides(character, before.replace(character)) {
                continue;
            }
            self.0.write_string_fragment(writer, fragment.get(start..at).unwrap_or_default())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            start = at + character.len_utf8();
        }
        self.0.write_string_fragment(writer, fragment.get(start..).unwrap_or_default())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_when_read_back_is_the_same_value_and_holds_nothing_that_acts() {
        let every: String = ('\0'..=char::MAX).collect();
        let value = json!({"a\u{202e}": [every, 1, null], "plain": "é🙂\\\"/"});
        for text in [one_line(&value), indented(&value)] {
            assert_eq!(serde_json::from_str::<Value>(&text).ok().as_ref(), Some(&value));
            assert!(!text.chars().any(|character| character != '\n' && acts(character)));
        }
    }

    #[test]
    fn selectors_that_carry_a_text_are_escaped_and_one_after_an_emoji_is_not() {
        let smuggled = "❤\u{fe0f}\u{fe00}\u{fe0f}\u{200b}\u{fe0f}a\u{fe01}";
        assert_eq!(
            one_line(&json!(["❤\u{fe0f}!", smuggled, "\u{fe0f}"])),
            "[\"❤\u{fe0f}!\",\"❤\u{fe0f}\\ufe00\\ufe0f\\u200b\\ufe0fa\\ufe01\",\"\\ufe0f\"]"
        );
    }

    #[test]
    fn selector_after_anything_that_cannot_be_an_emoji_is_escaped() {
        for before in ["h", "é", "日", "ש", "7", "#", " ", "\n", "-", "\u{0301}"] {
            let text = one_line(&json!(format!("{before}\u{fe0e}{before}\u{fe0f}")));
            assert!(text.contains("\\ufe0e") && text.contains("\\ufe0f"), "{text}");
        }
        for kept in ["✔\u{fe0f}", "☎\u{fe0e}", "©\u{fe0f}", "🅰\u{fe0f}", "⬛\u{fe0e}", "\u{3000}", "\u{a0}"]
        {
            assert_eq!(one_line(&json!(kept)), format!("\"{kept}\""));
        }
    }

    #[test]
    fn what_is_drawn_as_nothing_or_has_no_meaning_is_escaped() {
        for hidden in [
            '\u{2800}',
            '\u{1d159}',
            '\u{16fe4}',
            '\u{fdd0}',
            '\u{fdef}',
            '\u{fffe}',
            '\u{ffff}',
            '\u{1fffe}',
            '\u{10ffff}',
            '\u{e000}',
            '\u{f8ff}',
            '\u{f0000}',
            '\u{100000}',
        ] {
            assert!(one_line(&json!(hidden.to_string())).is_ascii(), "{hidden:?}");
        }
        assert!(!acts('\u{fffd}') && !acts('\u{3000}') && !acts('\u{a0}'));
    }

    #[test]
    fn append_says_the_same_as_one_line() {
        let (value, mut bytes) = (json!({"x": "\u{7f}\u{9b}[2J \u{202e}é"}), b"before".to_vec());
        append(&mut bytes, &value).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), format!("before{}", one_line(&value)));
        assert_eq!(one_line(&value), r#"{"x":"\u007f\u009b[2J \u202eé"}"#);
    }

    #[test]
    fn one_line_escapes_in_utf_16_units() {
        assert_eq!(one_line(&json!({"x": "\u{1b}\u{9b}\u{e0041}é"})), r#"{"x":"\u001b\u009b\udb40\udc41é"}"#);
    }
}
