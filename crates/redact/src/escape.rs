//! Keeps escapes whole, because what would be left of one breaks the JSON around it: a match that begins or ends inside
//! `\u001b` takes all of it, one that ends inside a run of backslashes takes none of them.
//!
//! Nor does it leave half a character.
//!
//! May not look further than one escape and the backslashes in front of it.

use std::ops::Range;

use crate::text::Text;

/// Moves the start of `range` in front of an escape that it would cut, and its end behind one, or in front of backslashes that it would cut off from what they escape.
pub(crate) fn whole(text: Text<'_>, range: Range<usize>) -> Range<usize> {
    let is_letter =
        matches!(text.at(range.start), b'b' | b'f' | b'n' | b'r' | b't') && text.before(range.start) == b'\\';
    let start = is_letter
        .then_some(range.start)
        .or_else(|| cut_at(text, range.start))
        .map_or(range.start, |letter| text.skip_back(letter, letter, |byte| byte == b'\\'));
    let in_front_of_backslashes = || {
        let run = text.skip_back(range.end, range.len(), |byte| byte == b'\\');
        let is_cut = (range.end - run) % 2 == 1 && b"\"'/bfnrtu".contains(&text.at(range.end));
        if is_cut || text.at(range.end) == b'\\' { run } else { range.end }
    };
    let end = cut_at(text, range.end).map_or_else(in_front_of_backslashes, |letter| letter + UNICODE);
    text.floor(start)..text.ceil(end)
}

/// The `u` of the escape `\uXXXX` whose digits `position` cuts off.
fn cut_at(text: Text<'_>, position: usize) -> Option<usize> {
    let digits = text.skip_back(position, UNICODE - 1, |byte| byte.is_ascii_hexdigit());
    let letter = digits.checked_sub(1)?;
    let escape = text.slice(letter..letter + UNICODE);
    let is_escape = escape.len() == UNICODE
        && escape.starts_with(b"u")
        && escape.iter().skip(1).all(u8::is_ascii_hexdigit)
        && text.before(letter) == b'\\';
    (is_escape && position < letter + UNICODE).then_some(letter)
}

/// Letters of the escape behind its backslash.
const UNICODE: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn range_when_it_cuts_an_escape_then_takes_all_of_it() {
        let spent = Cell::new(0);
        let text = Text::new(r"ab\\u00e1cd\n", &spent);
        assert_eq!(whole(text, 5..10), 2..10);
        assert_eq!(whole(text, 7..10), 2..10);
        assert_eq!(whole(text, 8..10), 2..10);
        assert_eq!(whole(text, 9..10), 9..10, "behind it");
        assert_eq!(whole(text, 0..6), 0..9);
        assert_eq!(whole(text, 0..2), 0..2, "in front of it");
        assert_eq!(whole(Text::new(r#"ab\\\"c"#, &spent), 0..4), 0..2, "backslashes");
        assert_eq!(
            whole(Text::new(r#"ab\\\"c"#, &spent), 0..5),
            0..2,
            "all of them, and not what they escape"
        );
        assert_eq!(whole(Text::new(r#"ab\\"c"#, &spent), 0..4), 0..4, "an escaped backslash");
        assert_eq!(whole(Text::new("ab\\\nc", &spent), 0..3), 0..3, "no escape behind it");
        assert_eq!(whole(Text::new("u00e1", &spent), 2..5), 2..5, "no backslash");
        assert_eq!(whole(Text::new(r"a\\npm", &spent), 3..6), 1..6, "a letter behind one");
        assert_eq!(whole(Text::new(r"\u00x1", &spent), 3..6), 3..6, "no escape");
    }
}
