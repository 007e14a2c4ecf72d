//! Text from agents, made safe to look at.
//!
//! Roles, topics, notes, messages and file names are written by agents and may be hostile: an escape sequence can move
//! the cursor, retitle the window or fill the clipboard; a bidirectional override can swap what is read; a line break
//! can forge a row. [`Visible`] is text in which every such character stands as its escape.

use std::fmt;

use mab_core::visible::visible;

/// One line of text without any character that acts instead of showing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Visible(String);

impl Visible {
    /// Escapes `text` into one line: line breaks, tabs and carriage returns as `\n`, `\t`, `\r`; everything else that
    /// is invisible as `\u{…}`. A backslash stays as it is.
    pub(crate) fn line(text: &str) -> Self {
        Self(visible(text, &[]))
    }

    /// Escapes `text` but keeps its line breaks and tabs: for a page that holds nothing else.
    pub(crate) fn text(text: &str) -> Self {
        Self(visible(text, &['\n', '\t']))
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
        for plain in ["backend_developer", "Ünïcode — ✓ 日本語 🙂 ❤\u{fe0f}", "C:\\new", "العربية", ""]
        {
            assert_eq!(Visible::line(plain).as_str(), plain);
        }
    }

    #[test]
    fn lines_keep_line_breaks_and_nothing_else() {
        assert_eq!(Visible::lines("a\r\nb\u{1b}c\n\td").as_str(), "a\nb\\u{1b}c\n\\td");
    }

    #[test]
    fn line_when_marks_are_piled_up_shows_four_and_escapes_the_rest() {
        let piled = format!("A{}e\u{301}\n{}", "\u{301}".repeat(6), "\u{302}".repeat(5));
        let shown = format!("A{}\\u{{301}}\\u{{301}}e\u{301}\\n{}", "\u{301}".repeat(4), "\u{302}".repeat(4));
        assert_eq!(Visible::line(&piled).as_str(), format!("{shown}\\u{{302}}"));
        assert_eq!(Visible::line("ส้มตำ नमस्ते שָׁלוֹם Việt").as_str(), "ส้มตำ नमस्ते שָׁלוֹם Việt");
    }

    #[test]
    fn no_control_character_survives() {
        let every: String = ('\0'..=char::MAX).collect();
        assert!(!Visible::line(&every).as_str().chars().any(mab_core::visible::acts));
    }
}
