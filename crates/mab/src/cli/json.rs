//! JSON for stdout: the same data, with every character that acts on a terminal written as `\uXXXX`.
//!
//! JSON (RFC 8259 §7) lets any character stand as its escape, so a reader gets the same strings, and a person who
//! prints the output gets no escape sequence or bidirectional override from an agent.

use std::io;

use serde::Serialize;
use serde_json::{
    Value,
    ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer},
};

use crate::cli::visible::acts;

/// One line of JSON, without a line break at its end.
pub(crate) fn one_line(value: &Value) -> String {
    text(value, CompactFormatter)
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

/// Any formatter, with strings escaped further.
struct Harmless<F>(F);

impl<F: Formatter> Formatter for Harmless<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut start = 0;
        for (at, character) in fragment.char_indices().filter(|(_, character)| acts(*character)) {
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
    fn one_line_escapes_in_utf_16_units() {
        assert_eq!(one_line(&json!({"x": "\u{1b}\u{9b}\u{e0041}é"})), r#"{"x":"\u001b\u009b\udb40\udc41é"}"#);
    }
}
