//! JSON without what acts instead of showing itself ([`mab_core::visible`]).
//!
//! JSON (RFC 8259 §7) lets any character stand as its escape, so a reader gets the same strings. A person who prints
//! the output gets no escape sequence or bidirectional override from an agent, and a model that reads the text finds
//! nothing in it that it cannot see.

use std::io;

use mab_core::visible::hides;
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
    use mab_core::visible::acts;
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
