//! Text from agents, made safe to look at.
//!
//! Roles, topics, notes, messages and file names are written by agents and may be hostile: an escape sequence can move
//! the cursor, retitle the window or fill the clipboard; a bidirectional override can swap what is read; a line break
//! can forge a row. [`Visible`] is text in which every such character stands as its escape.

use std::fmt::{self, Write as _};

/// One line of text without any character that acts instead of showing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Visible(String);

impl Visible {
    /// Escapes `text` into one line: line breaks, tabs and carriage returns as `\n`, `\t`, `\r`; everything else that
    /// is invisible as `\u{…}`. A backslash stays as it is.
    pub(crate) fn line(text: &str) -> Self {
        Self::but(text, &[])
    }

    /// Escapes `text` but keeps its line breaks and tabs: for a page that holds nothing else.
    pub(crate) fn text(text: &str) -> Self {
        Self::but(text, &['\n', '\t'])
    }

    fn but(text: &str, kept: &[char]) -> Self {
        let mut shown = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                plain if kept.contains(&plain) => shown.push(plain),
                '\n' => shown.push_str("\\n"),
                '\r' => shown.push_str("\\r"),
                '\t' => shown.push_str("\\t"),
                hidden if acts(hidden) => {
                    // Writing to a String cannot fail.
                    let _ = write!(shown, "{}", hidden.escape_unicode());
                }
                plain => shown.push(plain),
            }
        }
        Self(shown)
    }

    /// Escapes every line of `text` for a table cell, which frames each of them: the only line breaks left are the
    /// ones between lines.
    pub(crate) fn lines(text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(|line| Self::line(line).0).collect();
        Self(lines.join("\n"))
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Visible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<u64> for Visible {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

/// Whether a character acts on a terminal or on the reading order, or hides, instead of showing itself: control
/// characters (Unicode Cc), line and paragraph separators, format characters (Cf of Unicode 17), and the ignorable
/// fillers and tags. Variation selectors 1 to 16 are left: they only choose how an emoji looks.
pub(crate) fn acts(character: char) -> bool {
    character.is_control()
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
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_when_text_is_hostile_shows_every_escape() {
        let hostile =
            "a\u{1b}[2J\u{7}b\nc\td\r\u{9b}31m\u{202e}txt\u{2066}x\u{200b}y\u{feff}z\u{2028}\u{e0041}\u{7f}";
        assert_eq!(
            Visible::line(hostile).as_str(),
            "a\\u{1b}[2J\\u{7}b\\nc\\td\\r\\u{9b}31m\\u{202e}txt\\u{2066}x\\u{200b}y\\u{feff}z\\u{2028}\\u{e0041}\\u{7f}"
        );
    }

    #[test]
    fn line_when_text_is_plain_stays_as_it_is() {
        for plain in ["backend_developer", "Ünïcode — ✓ 日本語 🙂", "C:\\new", "العربية", ""]
        {
            assert_eq!(Visible::line(plain).as_str(), plain);
        }
    }

    #[test]
    fn lines_keep_line_breaks_and_nothing_else() {
        assert_eq!(Visible::lines("a\r\nb\u{1b}c\n\td").as_str(), "a\nb\\u{1b}c\n\\td");
    }

    #[test]
    fn no_control_character_survives() {
        let every: String = ('\0'..=char::MAX).collect();
        assert!(!Visible::line(&every).as_str().chars().any(acts));
    }
}
