//! Bounded strings: a value of these types fits its place in the store. Lengths are in Unicode scalar values.

use std::fmt;

use crate::{Code, Denied};

/// What a piece of text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Name of the argument, for the refusal.
    pub name: &'static str,
    /// Fewest characters.
    pub min_chars: usize,
    /// Most characters.
    pub max_chars: usize,
    /// Whether line breaks, tabs and other control characters may stand in it (NUL never may).
    pub multi_line: bool,
}

/// An agent's role, for example `backend_developer`.
pub const ROLE: Bounds = Bounds { name: "role", min_chars: 3, max_chars: 100, multi_line: false };
/// What a conversation is about.
pub const TOPIC: Bounds = Bounds { name: "topic", min_chars: 1, max_chars: 200, multi_line: false };
/// A note beside a status.
pub const NOTE: Bounds = Bounds { name: "note", min_chars: 1, max_chars: 500, multi_line: true };
/// A message.
pub const MESSAGE: Bounds = Bounds { name: "message", min_chars: 1, max_chars: 50_000, multi_line: true };
/// A file name beside a message.
pub const FILE_NAME: Bounds =
    Bounds { name: "files_involved", min_chars: 1, max_chars: 512, multi_line: false };
/// What names a send, so that repeating it is harmless.
pub const IDEMPOTENCY_KEY: Bounds =
    Bounds { name: "idempotency_key", min_chars: 1, max_chars: 128, multi_line: false };
/// Why a command is refused.
pub const REASON: Bounds = Bounds { name: "reason", min_chars: 1, max_chars: 500, multi_line: true };
/// The words of a search.
pub const QUERY: Bounds = Bounds { name: "query", min_chars: 1, max_chars: 500, multi_line: true };

/// Most file names beside a message.
pub const FILES_MAX: usize = 20;

/// Text that keeps its [`Bounds`]. Not yet redacted: it cannot be stored as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct BoundedText(String);

impl BoundedText {
    /// Accepts `text` when it keeps `bounds`.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] naming the argument and the bound; the text itself is never echoed.
    pub fn parse(text: impl Into<String>, bounds: &Bounds) -> Result<Self, Denied> {
        let text = text.into();
        let refuse = |message: String| Err(Denied::new(Code::InvalidArguments, message));
        // A byte is at most one character, so short texts need no count.
        let chars = if text.len() > bounds.max_chars || text.len() < 4 * bounds.min_chars {
            text.chars().count()
        } else {
            bounds.min_chars
        };
        if chars < bounds.min_chars || (bounds.min_chars > 0 && text.trim().is_empty()) {
            return refuse(match bounds.min_chars {
                1 => format!("{} must not be empty or blank", bounds.name),
                least => format!("{} must be at least {least} characters and not blank", bounds.name),
            });
        }
        if chars > bounds.max_chars {
            return refuse(format!(
                "{} is {chars} characters; at most {} are allowed",
                bounds.name, bounds.max_chars
            ))
            .map_err(|denied| denied.hint("shorten it, or send it in parts or as a file in the workspace"));
        }
        let is_refused = |found: char| found == '\0' || (!bounds.multi_line && found.is_control());
        if let Some((at, found)) = text.chars().enumerate().find(|(_, found)| is_refused(*found)) {
            let (name, number, code) = (bounds.name, at + 1, u32::from(found));
            return refuse(format!(
                "{name} may not contain the control character U+{code:04X} (character {number})"
            ))
            .map_err(|denied| denied.hint("take it out, then call again"));
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BoundedText {
    /// Shows the length only: the text is not redacted yet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoundedText({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_when_empty_blank_or_too_short_is_refused() {
        for bad in ["", " ", "\n\n", "ab", "é!"] {
            assert!(BoundedText::parse(bad, &ROLE).is_err(), "{bad:?}");
        }
        assert!(BoundedText::parse("éàü", &ROLE).is_ok());
    }

    #[test]
    fn text_when_counted_counts_characters_not_bytes() {
        assert!(BoundedText::parse("😀".repeat(50_000), &MESSAGE).is_ok());
        let refused = BoundedText::parse("😀".repeat(50_001), &MESSAGE);
        assert!(
            refused.is_err_and(|denied| denied.message.contains("50001") && !denied.message.contains('😀'))
        );
    }

    #[test]
    fn refusal_names_the_bound_or_the_character_and_its_place() {
        for (text, bounds, says) in [
            (" ", MESSAGE, "message must not be empty or blank"),
            ("ab", ROLE, "role must be at least 3 characters and not blank"),
            ("é\0", MESSAGE, "message may not contain the control character U+0000 (character 2)"),
            ("abc\x1b[31m", ROLE, "role may not contain the control character U+001B (character 4)"),
        ] {
            assert_eq!(
                BoundedText::parse(text, &bounds).map_err(|denied| denied.message),
                Err(says.to_owned())
            );
        }
    }

    #[test]
    fn text_when_it_holds_nul_or_control_is_refused() {
        assert!(BoundedText::parse("a\0b", &MESSAGE).is_err());
        assert!(BoundedText::parse("abc\x1b[31m", &ROLE).is_err());
        assert!(BoundedText::parse("a\tb\nc\r\n", &MESSAGE).is_ok());
    }

    #[test]
    fn debug_never_shows_the_text() {
        let text = BoundedText::parse("hunter2", &MESSAGE);
        assert_eq!(format!("{text:?}"), "Ok(BoundedText(7 bytes))");
    }
}
