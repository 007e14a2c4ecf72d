//! Text in which every character shows itself: the one list of those that do not, and how they are shown.
//!
//! Text of agents and of commands may be hostile: an escape sequence moves the cursor or fills the clipboard, a
//! bidirectional override swaps what is read, invisible characters carry what only a model sees.

mod unassigned;

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

/// Writes characters one after the other so that each shows itself: line breaks, tabs and carriage returns as `\n`, `\t`,
/// `\r`, everything else that acts or hides as `\u{…}`. A backslash stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visibly {
    before: Option<char>,
    marks: usize,
}

impl Visibly {
    /// Appends `character` to `shown`; those in `kept` stay as they are.
    pub fn push(&mut self, shown: &mut String, character: char, kept: &[char]) {
        self.marks = if character.width() == Some(0) { self.marks + 1 } else { 0 };
        let hides = hides(character, self.before.replace(character)) || self.marks > MARKS_MAX;
        match character {
            plain if kept.contains(&plain) => shown.push(plain),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            hidden if hides => {
                // Writing to a String cannot fail.
                let _ = write!(shown, "{}", hidden.escape_unicode());
            }
            plain => shown.push(plain),
        }
    }
}

/// All of `text`, as [`Visibly`] writes it.
pub fn visible(text: &str, kept: &[char]) -> String {
    let (mut shown, mut visibly) = (String::with_capacity(text.len()), Visibly::default());
    for character in text.chars() {
        visibly.push(&mut shown, character, kept);
    }
    shown
}

/// Whether a character acts or hides where it stands. One of the two variation selectors that choose how an emoji looks
/// may follow a character that can be one; any other hides, for a row of them can carry a text that nobody sees.
pub fn hides(character: char, before: Option<char>) -> bool {
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
/// fillers and tags, what is drawn as nothing or into others though it is a symbol (blank Braille, a null notehead, a
/// Khitan filler, Egyptian blanks and marks of damage), and what Unicode gives no meaning (unassigned, noncharacters,
/// private use). Variation selectors 1 to 16 are judged by [`hides`].
pub fn acts(character: char) -> bool {
    character.is_control()
        || unassigned::is_unassigned(character)
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
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1345f}'
                | '\u{16fe4}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d159}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
                | '\u{f0000}'..
        )
}

/// Marks above or below one character that are shown: more than any script needs, and too few to climb over other lines.
const MARKS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_when_text_is_hostile_shows_every_character() {
        let hostile = "a\u{1b}[2J\r\n\tb\u{202e}\u{200b}e\u{301}\u{301}\u{301}\u{301}\u{301}";
        let shown = "a\\u{1b}[2J\\r\n\tb\\u{202e}\\u{200b}e\u{301}\u{301}\u{301}\u{301}\\u{301}";
        assert_eq!(visible(hostile, &['\n', '\t']), shown);
        let every: String = ('\0'..=char::MAX).collect();
        assert!(!visible(&every, &[]).chars().any(acts));
    }

    #[test]
    fn character_when_terminals_draw_nothing_for_it_acts() {
        for character in [
            '\u{378}',
            '\u{1cc00}',
            '\u{13440}',
            '\u{13441}',
            '\u{13446}',
            '\u{1345f}',
            '\u{2fffe}',
            '\u{fdd0}',
        ] {
            assert!(acts(character), "{character:?}");
        }
        for character in ['\u{377}', '日', '\u{13000}', '🙂', '\u{1d100}', '\u{2fa1d}'] {
            assert!(!acts(character), "{character:?}");
        }
    }
}
