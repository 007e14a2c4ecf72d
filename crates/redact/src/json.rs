//! Values of JSON that have no quotes: a placeholder in the place of one would break the document.
//!
//! The one rule that redacts such values, the assignment, brings the quotes along.

use std::ops::Range;

use crate::plausible;
use crate::text::{Text, is_quote};

/// Says whether `range` is a number or a literal that stands in JSON by itself: behind a quoted key, or, in a text that
/// begins as a document does, in an array.
pub(crate) fn is_bare_value(text: Text<'_>, range: &Range<usize>) -> bool {
    let value = text.slice(range.clone());
    if !matches!(value, b"true" | b"false" | b"null") && !plausible::is_number(value) {
        return false;
    }
    let before = text.skip_back(range.start, MAX_INDENT, |byte| byte.is_ascii_whitespace());
    let after = text.skip(range.end, MAX_INDENT, |byte| byte.is_ascii_whitespace());
    let ends = after >= text.len() || matches!(text.at(after), b',' | b']' | b'}');
    ends && match text.before(before) {
        b':' => {
            let key = text.skip_back(before.saturating_sub(1), MAX_INDENT, |byte| byte.is_ascii_whitespace());
            is_quote(text.before(key))
        }
        b',' | b'[' => {
            matches!(text.at(text.skip(0, MAX_INDENT, |byte| byte.is_ascii_whitespace())), b'{' | b'[')
        }
        _ => false,
    }
}

/// Most white space around a value.
const MAX_INDENT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn value_when_without_quotes_in_json_then_told_apart() {
        let spent = Cell::new(0);
        let is_bare = |text: &str, value: &str| {
            let start = text.find(value).unwrap();
            is_bare_value(Text::new(text, &spent), &(start..start + value.len()))
        };
        assert!(is_bare(r#"so {"a" : 1000 }"#, "1000"));
        assert!(is_bare("[null,\n true]", "true"));
        assert!(!is_bare("the pins 1, 4829, 5", "4829"), "prose");
        assert!(!is_bare(r#"{"a":"1000"}"#, "1000"), "a string");
        assert!(!is_bare("pin: 4829", "4829"), "no key in quotes");
        assert!(!is_bare(r#"{"a": hunter2}"#, "hunter2"), "no JSON");
    }
}
