//! Text shown so that two that differ never look alike: what a person says yes to.
//!
//! As a string literal: in double quotes, `\` and `"` escaped, what hides or acts as its escape, and of several blanks in
//! a row all but the first as theirs, since a row of them can push what follows out of sight.

use std::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::{cli::Visible, watch::columns};

/// `text` as a literal, in one line and never shortened.
pub(crate) fn exact(text: &str) -> Visible {
    let (mut plain, mut before) = (String::with_capacity(text.len() + 2), ' ');
    plain.push('"');
    for character in text.chars() {
        match character {
            '\\' | '"' => {
                plain.push('\\');
                plain.push(character);
            }
            ' ' if before == ' ' => plain.push_str("\\u{20}"),
            // Blanks of other scripts look like one of ours, or like none.
            blank if blank != ' ' && blank.is_whitespace() && !blank.is_control() => {
                escape(blank, &mut plain);
            }
            _ => plain.push(character),
        }
        before = character;
    }
    plain.push('"');
    Visible::line(&plain)
}

/// The same with everything that is not ASCII as its escape; none when there is nothing of the kind. Letters of several
/// scripts look alike.
pub(crate) fn in_ascii(text: &str) -> Option<Visible> {
    if text.is_ascii() {
        return None;
    }
    let shown = exact(text);
    let mut plain = String::with_capacity(shown.as_str().len());
    for character in shown.as_str().chars() {
        if character.is_ascii() { plain.push(character) } else { escape(character, &mut plain) }
    }
    Some(Visible::line(&plain))
}

/// `text` in lines of at most `width` columns: after a blank where there is one, which stays at the end of its line, inside of
/// a longer word. None is left for a terminal to break, where the rest of a hostile one could stand like a line of ours.
pub(crate) fn broken(text: &str, width: usize) -> Vec<&str> {
    let (mut lines, mut start, mut end, mut used) = (Vec::new(), 0, 0, 0);
    for part in text.split_inclusive(' ').flat_map(|word| pieces(word, width.max(2))) {
        // The blank at the end of a line needs no column.
        let wide = wide(part);
        if used + wide.saturating_sub(usize::from(part.ends_with(' '))) > width && end > start {
            lines.push(text.get(start..end).unwrap_or_default());
            (start, used) = (end, 0);
        }
        end += part.len();
        used += wide;
    }
    lines.push(text.get(start..).unwrap_or_default());
    lines
}

/// A word, and a blank, in pieces of at most `width` columns without that blank.
fn pieces(word: &str, width: usize) -> Vec<&str> {
    let (mut pieces, mut start, mut used) = (Vec::new(), 0, 0);
    for (at, grapheme) in word.grapheme_indices(true) {
        let wide = columns(grapheme);
        if used + wide > width && grapheme != " " && at > start {
            pieces.push(word.get(start..at).unwrap_or_default());
            (start, used) = (at, 0);
        }
        used += wide;
    }
    pieces.push(word.get(start..).unwrap_or_default());
    pieces
}

/// The most columns that a terminal takes for a line.
pub(crate) fn wide(text: &str) -> usize {
    text.graphemes(true).map(columns).sum()
}

fn escape(character: char, to: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(to, "{}", character.escape_unicode());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_when_they_differ_are_shown_differently() {
        for (text, shown) in [
            ("src/main.rs", r#""src/main.rs""#),
            ("", r#""""#),
            ("a\\n", r#""a\\n""#),
            ("a\n", r#""a\n""#),
            ("say \"x\"", r#""say \"x\"""#),
            ("\u{1b}[2J", r#""\u{1b}[2J""#),
            ("a\u{202e}b\u{200b}", r#""a\u{202e}b\u{200b}""#),
            (" a  b ", r#""\u{20}a \u{20}b ""#),
            ("a\u{a0}b\u{3000}", r#""a\u{a0}b\u{3000}""#),
            ("日本", "\"日本\""),
        ] {
            assert_eq!(exact(text).as_str(), shown);
        }
    }

    #[test]
    fn text_when_too_wide_is_broken_at_blanks_or_inside_of_a_word() {
        for (text, lines) in [
            ("one two three", vec!["one two ", "three"]),
            ("one twotwotwo", vec!["one ", "twotwotw", "o"]),
            ("onetwothree four", vec!["onetwoth", "ree four"]),
            ("1234567 9", vec!["1234567 ", "9"]),
            ("12345678 9", vec!["12345678 ", "9"]),
            // Some terminals draw these in two columns.
            (
                "\u{4dc0}\u{4dc0}\u{4dc0}\u{4dc0}\u{4dc0}",
                vec!["\u{4dc0}\u{4dc0}\u{4dc0}\u{4dc0}", "\u{4dc0}"],
            ),
            ("12345678", vec!["12345678"]),
            ("日本 日本 x", vec!["日本 ", "日本 x"]),
            ("", vec![""]),
        ] {
            let broken = broken(text, 8);
            assert_eq!(broken, lines);
            assert_eq!(broken.concat(), text);
        }
    }

    #[test]
    fn text_when_not_ascii_is_also_shown_in_ascii() {
        assert_eq!(in_ascii("cat"), None);
        assert_eq!(in_ascii("\u{441}at \\").unwrap_or_default().as_str(), r#""\u{441}at \\""#);
    }
}
