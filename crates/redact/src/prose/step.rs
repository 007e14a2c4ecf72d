//! Steps over blanks and words of a sentence.

use std::borrow::Cow;

use crate::text::Text;

/// Steps over blanks, also the ones that French sets in front of a colon.
pub(super) fn skip_blanks(text: Text<'_>, from: usize) -> usize {
    from + text.run(from, MAX_BLANKS, is_blank).len()
}

/// The word at `from`: everything up to a blank, a sign, or a full stop at the end of a sentence.
pub(super) fn word(text: Text<'_>, from: usize) -> &str {
    text.run(from, MAX_WORD, |letter| !(letter.is_whitespace() || SIGNS.contains(letter)))
        .trim_end_matches('.')
}

/// A word in lower case and with a typewriter's apostrophe.
pub(super) fn lower(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(word.to_lowercase().replace('’', "'"))
    }
}

/// Says whether a sentence ends at `from`: at the end of a line or string, or at a full stop and a blank.
pub(super) fn ends_sentence(text: Text<'_>, from: usize) -> bool {
    let rest = text.characters(from..from + MAX_CLOSING).trim_start_matches(CLOSING);
    let mut letters = rest.chars();
    match letters.next() {
        None | Some('\n' | '\r' | '"' | '。' | '，' | '！' | '|') => true,
        Some('.' | '!' | ';') => {
            letters.next().is_none_or(|next| next.is_whitespace() || matches!(next, '"' | '\\' | ')'))
        }
        Some('\\') => matches!(letters.next(), Some('n' | 'r' | '"')),
        Some(letter) => is_blank(letter) && rest.trim_start_matches(is_blank).starts_with(['(', '\n', '\r']),
    }
}

/// Any blank that does not end a line.
pub(super) fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\u{a0}' | '\u{202f}' | '\u{3000}')
}

/// Marks that close something which may have been opened in front of a value.
const CLOSING: &[char] = &[')', '*', '`', '\'', '”', '“', '»', '」', '’'];
/// Characters that end a word.
const SIGNS: &str = "\"\\<>{}|;!?:,()[]=/`*“”„«»：，。、；！？（）「」『』→—–";
/// Most blanks that are skipped.
const MAX_BLANKS: usize = 16;
/// Longest word that is read.
const MAX_WORD: usize = 48;
/// Most bytes that are looked at behind a value.
const MAX_CLOSING: usize = 16;
