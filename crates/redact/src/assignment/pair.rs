//! Pairs: the name of a value and the value side by side, as containers, pipelines and forms write their settings.
//!
//! ```text
//! {"name": "DB_PASSWORD", "value": "…"}        - name: DB_PASSWORD        <add key="DB_PASSWORD" value="…"/>
//!                                                value: …
//! <key>DB_PASSWORD</key><string>…</string>             <setting name="DB_PASSWORD"><value>…</value></setting>
//! ```

use std::ops::Range;

use super::separator::{Kind, Separator};
use crate::text::{Text, is_blank, is_quote};

/// The value that stands next to a name at `key`, whose quote, if any, ends at `closed`.
pub(super) fn value_of(text: Text<'_>, key: &Range<usize>, closed: usize) -> Option<Separator> {
    if text.slice(closed..closed + 2) == b"</" || (closed > key.end && is_element_gap(text, closed)) {
        return element_of(text, closed);
    }
    let gap = skip_gap(text, closed);
    if gap == closed {
        return None;
    }
    let slashes = text.skip(gap, MAX_SLASHES, |byte| byte == b'\\');
    let quote = is_quote(text.at(slashes)).then_some(gap..slashes + 1);
    let word = quote.as_ref().map_or(gap, |quote| quote.end);
    let word_end = word + VALUE_WORDS.iter().find(|name| text.has(word, name))?.len();
    let after = match &quote {
        Some(quote) => {
            let close = text.slice(quote.clone());
            (text.slice(word_end..word_end + close.len()) == close).then_some(word_end + close.len())?
        }
        None => word_end,
    };
    let sign = text.skip(after, MAX_SPACES, is_blank);
    let is_pair = matches!(text.at(sign), b':' | b'=') && is_named(text, key.start);
    let kind = if text.at(sign) == b'=' { Kind::Tight } else { Kind::Colon };
    is_pair.then(|| {
        let value = text.skip(sign + 1, MAX_SPACES, |byte| byte.is_ascii_whitespace());
        Separator { value, kind, key_quote: quote.map(|quote| word_end..word_end + quote.len()) }
    })
}

/// Says whether the tag in which a name stands ends before anything else is assigned.
fn is_element_gap(text: Text<'_>, closed: usize) -> bool {
    let end = text.skip(closed, MAX_TAG, |byte| !matches!(byte, b'<' | b'>' | b'\n'));
    text.at(end) == b'>' && text.at(end + 1) == b'<'
}

/// The text of the element that follows the one with the name: `<key>DB_PASSWORD</key><string>…</string>`.
fn element_of(text: Text<'_>, closed: usize) -> Option<Separator> {
    let tag_end = text.skip(closed, MAX_TAG, |byte| byte != b'>');
    let open = text.skip(tag_end + 1, MAX_SPACES, |byte| byte.is_ascii_whitespace());
    let element = ELEMENTS.iter().find(|element| text.has(open, element))?;
    let value = text.skip(open + element.len(), MAX_SPACES, |byte| byte.is_ascii_whitespace());
    (text.at(tag_end) == b'>').then_some(Separator { value, kind: Kind::Element, key_quote: None })
}

/// Steps over what stands between name and value: a comma, white space, escaped line ends.
fn skip_gap(text: Text<'_>, from: usize) -> usize {
    let comma = text.skip(from, 1, |byte| byte == b',');
    let mut position = text.skip(comma, MAX_SPACES, |byte| byte.is_ascii_whitespace());
    loop {
        let slashes = text.skip(position, MAX_SLASHES, |byte| byte == b'\\');
        if slashes == position || text.at(slashes) != b'n' {
            return position;
        }
        position = text.skip(slashes + 1, MAX_SPACES, |byte| byte.is_ascii_whitespace());
    }
}

/// Says whether a word that announces a name stands in front of the key.
fn is_named(text: Text<'_>, key: usize) -> bool {
    let is_gap = |byte: u8| is_quote(byte) || is_blank(byte) || matches!(byte, b'\\' | b':' | b'=');
    let end = text.skip_back(key, MAX_SPACES, is_gap);
    end < key && NAME_WORDS.iter().any(|word| end >= word.len() && text.has(end - word.len(), word))
}

/// Elements with a value.
const ELEMENTS: &[&str] = &["<value>", "<string>", "<val>"];
/// Longest rest of a tag.
const MAX_TAG: usize = 96;
/// Words in front of the value.
const VALUE_WORDS: &[&str] = &["value", "val", "defaultvalue", "default"];
/// Words in front of the name.
const NAME_WORDS: &[&str] = &["name", "key", "variable", "var", "id", "field", "label", "env"];
/// Most white space that is skipped at once.
const MAX_SPACES: usize = 64;
/// Most backslashes in front of a quote.
const MAX_SLASHES: usize = 15;
