//! Words into lines of a given width, as a terminal counts width.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Cuts `text`, one line without control characters, into lines of at most `width` columns: between words where there is
/// room, inside a long one where there is none. At most `most` lines, and whether that is all.
pub(super) fn wrap(text: &str, width: usize, most: usize) -> (Vec<&str>, bool) {
    let mut lines = Vec::new();
    let mut rest = text;
    while lines.len() < most {
        let (line, after) = first_line(rest, width.max(1));
        lines.push(line);
        match after {
            Some(after) => rest = after,
            None => return (lines, true),
        }
    }
    (lines, false)
}

/// What fits into `width` columns, with an ellipsis in the place of what does not.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.graphemes(true).map(columns).sum::<usize>() <= width {
        return text.to_owned();
    }
    let (mut shown, mut used) = (String::new(), 0);
    for grapheme in text.graphemes(true) {
        used += columns(grapheme);
        // One column is the ellipsis'.
        if used >= width {
            break;
        }
        shown.push_str(grapheme);
    }
    shown.push('…');
    shown
}

/// The most columns that a terminal takes for a grapheme: some draw every character of it by itself, and the circled
/// numbers and hexagrams, one column wide by Unicode's table or until Unicode 16, wide. A line that was filled by the
/// smaller number would go on beyond its frame.
pub(crate) fn columns(grapheme: &str) -> usize {
    let of_one = |character: char| match character {
        '\u{3248}'..='\u{324f}' | '\u{4dc0}'..='\u{4dff}' => 2,
        other => other.width().unwrap_or_default(),
    };
    grapheme.width().max(grapheme.chars().map(of_one).sum())
}

/// The first line of `text`, and what comes after it.
fn first_line(text: &str, width: usize) -> (&str, Option<&str>) {
    let (mut used, mut between_words) = (0, None);
    for (at, grapheme) in text.grapheme_indices(true) {
        let wide = columns(grapheme);
        if used + wide > width && at > 0 {
            let end = between_words.filter(|_| grapheme != " ").unwrap_or(at);
            let (line, after) = text.split_at_checked(end).unwrap_or((text, ""));
            let after = after.strip_prefix(' ').unwrap_or(after);
            return (line.trim_end_matches(' '), (!after.is_empty()).then_some(after));
        }
        used += wide;
        if grapheme == " " && at > 0 {
            between_words = Some(at);
        }
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrap_breaks_between_words_and_inside_long_ones() {
        assert_eq!(wrap("one two three", 7, 9), (vec!["one two", "three"], true));
        assert_eq!(wrap("abcdefgh ij", 3, 9), (vec!["abc", "def", "gh", "ij"], true));
        assert_eq!(wrap("日本語です", 5, 9), (vec!["日本", "語で", "す"], true));
        assert_eq!(wrap("", 5, 9), (vec![""], true));
        assert_eq!(wrap("a b c d", 1, 2), (vec!["a", "b"], false));
    }

    #[test]
    fn what_some_terminals_draw_wider_is_given_that_room() {
        for (wide, columns) in [("\u{3248}", 2), ("\u{4dc0}", 2), ("👍🏽", 4), ("\u{644}\u{627}", 2)] {
            let (text, fit) = (wide.repeat(9), 8 / columns);
            assert_eq!(wrap(&text, 8, 1), (vec![wide.repeat(fit).as_str()], false), "{wide}");
            assert_eq!(cut(&text, 9), format!("{}…", wide.repeat(fit)), "{wide}");
        }
    }

    #[test]
    fn cut_leaves_room_for_the_ellipsis() {
        assert_eq!(
            (cut("abc", 3), cut("abcd", 3), cut("日本語", 4)),
            ("abc".into(), "ab…".into(), "日…".into())
        );
    }

    #[test]
    fn wrapped_lines_fit_and_lose_nothing_but_blanks() {
        let text = "a é 日本 🙂🙂 abcdefghijklmnop e\u{301}e\u{301} 日  x ❤\u{fe0f} zz".repeat(3);
        for width in 2..40 {
            let (lines, whole) = wrap(&text, width, usize::MAX);
            assert!(whole && lines.iter().all(|line| line.width() <= width), "{width}: {lines:?}");
            let without = |text: &str| text.replace(' ', "");
            assert_eq!(without(&lines.concat()), without(&text));
        }
    }
}
