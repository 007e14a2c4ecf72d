//! Spellings of one character by several: backslash escapes, HTML entities, percent and quoted-printable.
//!
//! *Source*: RFC 8259 §7 (JSON), ECMA-262 §12.9.4 (`\u{…}`), the escapes of C and Python (`\x`, octal, `\U`), `CommonMark`
//! (a backslash in front of punctuation), the HTML standard's named character references, RFC 3986 §2.1 (percent), RFC 2045
//! §6.7 (quoted-printable).
//!
//! An escape that was escaped again, however often, is read in one step: `\\\\u0041`, `&amp;amp;#65;`, `%252541`. Each
//! reader looks at the bytes that it consumes and at a constant number of further ones.
//!
//! To add a spelling, add a reader here and its first byte to `normal.rs`.

use crate::text::Text;

/// A character and where its spelling ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spelled {
    pub(super) end: usize,
    pub(super) character: char,
}

/// Reads the escape that begins with the backslashes at `start`.
///
/// What is no escape is read as one backslash if there are several, and not at all if there is one.
pub(super) fn backslash(text: Text<'_>, start: usize) -> Result<Spelled, usize> {
    let letter = text.skip(start, text.len(), |byte| byte == b'\\');
    let after = letter + 1;
    let spelled = match text.at(letter) {
        b'n' => Some(Spelled { end: after, character: '\n' }),
        b'r' => Some(Spelled { end: after, character: '\r' }),
        b't' => Some(Spelled { end: after, character: '\t' }),
        b'b' | b'f' | b'v' => Some(Spelled { end: after, character: ' ' }),
        b'e' => Some(Spelled { end: after, character: '\u{1b}' }),
        b'u' => unicode(text, after),
        b'U' => number(text, after..after + 8, 16).and_then(|code| spelled(after + 8, code)),
        b'x' => bytes(text, letter, hexadecimal_escape),
        b'0'..=b'7' => bytes(text, letter, octal_escape),
        byte if byte.is_ascii_punctuation() => Some(Spelled { end: after, character: char::from(byte) }),
        _ => None,
    };
    match spelled {
        Some(spelled) => Ok(spelled),
        None if letter > start + 1 => Ok(Spelled { end: letter, character: '\\' }),
        None => Err(letter),
    }
}

/// Reads what follows `\u`: four digits, a pair of surrogates, or digits in braces.
fn unicode(text: Text<'_>, at: usize) -> Option<Spelled> {
    if text.at(at) == b'{' {
        let end = text.skip(at + 1, MAX_BRACED, |byte| byte.is_ascii_hexdigit());
        let code = number(text, at + 1..end, 16)?;
        return if text.at(end) == b'}' { spelled(end + 1, code) } else { None };
    }
    let high = number(text, at..at + 4, 16)?;
    if !(0xD800..0xDC00).contains(&high) {
        return spelled(at + 4, high);
    }
    let letter = text.skip(at + 4, MAX_BRACED, |byte| byte == b'\\');
    let low = number(text, letter + 1..letter + 5, 16).filter(|low| (0xDC00..0xE000).contains(low))?;
    if letter == at + 4 || text.at(letter) != b'u' {
        return None;
    }
    spelled(letter + 5, 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00))
}

/// One byte of `\x41`, at its `x`; the next one is at the backslashes behind.
fn hexadecimal_escape(text: Text<'_>, at: usize) -> Option<(usize, u8)> {
    let letter = text.skip(at, MAX_BRACED, |byte| byte == b'\\');
    let value = number(text, letter + 1..letter + 3, 16).filter(|_| text.at(letter) == b'x')?;
    Some((letter + 3, u8::try_from(value).ok()?))
}

/// One byte of `\101` or `\0`, at its first digit or at the backslashes in front.
fn octal_escape(text: Text<'_>, at: usize) -> Option<(usize, u8)> {
    let digit = text.skip(at, MAX_BRACED, |byte| byte == b'\\');
    let end = text.skip(digit, 3, |byte| matches!(byte, b'0'..=b'7'));
    if end - digit < 3 {
        return None;
    }
    Some((end, u8::try_from(number(text, digit..end, 8)?).ok()?))
}

/// Reads an entity at its `&`; `&amp;` in front of another one is stepped over.
pub(super) fn entity(text: Text<'_>, start: usize) -> Option<Spelled> {
    let mut name = start + 1;
    while text.has(name, "amp;") {
        name += 4;
    }
    let ampersand = (name > start + 1).then_some(Spelled { end: name, character: '&' });
    let end = text.skip(name, MAX_ENTITY, |byte| byte.is_ascii_alphanumeric() || byte == b'#');
    if text.at(end) != b';' {
        return ampersand;
    }
    let code = match text.slice(name..end) {
        [b'#', b'x' | b'X', ..] => number(text, name + 2..end, 16),
        [b'#', ..] => number(text, name + 1..end, 10),
        named => ENTITIES.iter().find(|(name, _)| name.as_bytes() == named).map(|(_, is)| u32::from(*is)),
    };
    code.and_then(|code| spelled(end + 1, code)).or(ampersand)
}

/// Reads `%41` at its sign; `%25` in front of two digits is stepped over.
pub(super) fn percent(text: Text<'_>, start: usize) -> Option<Spelled> {
    bytes(text, start, |text, at| {
        let mut digits = at + 1;
        if text.at(at) != b'%' {
            return None;
        }
        while text.slice(digits..digits + 2) == b"25" && number(text, digits + 2..digits + 4, 16).is_some() {
            digits += 2;
        }
        Some((digits + 2, u8::try_from(number(text, digits..digits + 2, 16)?).ok()?))
    })
}

/// Reads `=3D` of quoted-printable at its sign.
pub(super) fn quoted_printable(text: Text<'_>, start: usize) -> Option<Spelled> {
    bytes(text, start, |text, at| {
        let is_upper = text.slice(at + 1..at + 3).iter().all(|byte| !byte.is_ascii_lowercase());
        let value = number(text, at + 1..at + 3, 16).filter(|_| text.at(at) == b'=' && is_upper)?;
        Some((at + 3, u8::try_from(value).ok()?))
    })
}

/// Reads a character from one spelled byte, or from the two to four of its UTF-8 form.
fn bytes(
    text: Text<'_>,
    start: usize,
    read: impl Fn(Text<'_>, usize) -> Option<(usize, u8)>,
) -> Option<Spelled> {
    let (mut end, first) = read(text, start)?;
    let length = match first {
        0..=0x7F => return Some(Spelled { end, character: char::from(first) }),
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let mut form = vec![first];
    while form.len() < length {
        let (next_end, next) = read(text, end)?;
        form.push(next);
        end = next_end;
    }
    let character = std::str::from_utf8(&form).ok()?.chars().next()?;
    Some(Spelled { end, character })
}

/// A character by its code; surrogates have none.
fn spelled(end: usize, code: u32) -> Option<Spelled> {
    char::from_u32(code).map(|character| Spelled { end, character })
}

/// The number that the digits of a range spell.
fn number(text: Text<'_>, range: std::ops::Range<usize>, radix: u32) -> Option<u32> {
    let digits = text.slice(range.clone());
    let is_number = digits.len() == range.len() && digits.iter().all(u8::is_ascii_alphanumeric);
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| is_number)
        .and_then(|digits| u32::from_str_radix(digits, radix).ok())
}

/// Most digits between braces, and most backslashes between the two halves of one character.
const MAX_BRACED: usize = 8;
/// Longest name of an entity that is read.
const MAX_ENTITY: usize = 10;

/// Named references to ASCII characters and spaces.
const ENTITIES: &[(&str, char)] = &[
    ("quot", '"'),
    ("QUOT", '"'),
    ("apos", '\''),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("nbsp", ' '),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("equals", '='),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("UnderBar", '_'),
    ("grave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("verbar", '|'),
    ("vert", '|'),
    ("rcub", '}'),
    ("rbrace", '}'),
    ("shy", '\u{ad}'),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
    ("ZeroWidthSpace", '\u{200b}'),
    ("NoBreak", '\u{2060}'),
];

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What `reader` makes of the start of `text`: the character and the rest.
    fn read(reader: fn(Text<'_>, usize) -> Option<Spelled>, text: &str) -> Option<(char, &str)> {
        reader(Text::new(text, &Cell::new(0)), 0).map(|spelled| (spelled.character, &text[spelled.end..]))
    }

    #[test]
    fn backslash_escapes_when_read_then_one_character() {
        let escape = |text: Text<'_>, at| backslash(text, at).ok();
        for (text, expected) in [
            (r"\nx", ('\n', "x")),
            (r"\\\\tx", ('\t', "x")),
            (r#"\""#, ('"', "")),
            (r"\/x", ('/', "x")),
            (r"\_x", ('_', "x")),
            (r"\u0041B", ('A', "B")),
            (r"\\\\u0041B", ('A', "B")),
            (r"\u{1F600}!", ('😀', "!")),
            (r"\ud83d\ude00!", ('😀', "!")),
            (r"\\ud83d\\ude00!", ('😀', "!")),
            (r"\U0001F600!", ('😀', "!")),
            (r"\x41B", ('A', "B")),
            (r"\xe5\xaf\x86!", ('密', "!")),
            (r"\1011", ('A', "1")),
            (r"\345\257\206!", ('密', "!")),
            (r"\\Users", ('\\', "Users")),
        ] {
            assert_eq!(read(escape, text), Some(expected), "{text}");
        }
        for text in [r"\q", r"\", r"\u00g1", r"\ud83d", r"\xg1", r"\é", r"\18"] {
            assert_eq!(read(escape, text), None, "{text}");
        }
    }

    #[test]
    fn entities_when_read_then_one_character() {
        for (text, expected) in [
            ("&quot;x", ('"', "x")),
            ("&#65;x", ('A', "x")),
            ("&#x41;x", ('A', "x")),
            ("&amp;x", ('&', "x")),
            ("&amp;amp;#65;x", ('A', "x")),
            ("&amp;lowbar;x", ('_', "x")),
            ("&amp;nothing;", ('&', "nothing;")),
        ] {
            assert_eq!(read(entity, text), Some(expected), "{text}");
        }
        for text in ["& ", "&nothing;", "&quot", "&#xD800;", "&#;", "&#99999999;"] {
            assert_eq!(read(entity, text), None, "{text}");
        }
    }

    #[test]
    fn percent_and_quoted_printable_when_read_then_one_character() {
        for (text, expected) in [
            ("%41x", ('A', "x")),
            ("%2541x", ('A', "x")),
            ("%252525", ('%', "")),
            ("%e5%af%86!", ('密', "!")),
            ("%25e5%25af%2586!", ('密', "!")),
        ] {
            assert_eq!(read(percent, text), Some(expected), "{text}");
        }
        assert_eq!(read(quoted_printable, "=3Dx"), Some(('=', "x")));
        assert_eq!(read(quoted_printable, "=C3=A9"), Some(('é', "")));
        for text in ["%", "%4", "%zz", "%e5%af", "%ff", "%+1"] {
            assert_eq!(read(percent, text), None, "{text}");
        }
        assert_eq!(read(quoted_printable, "=3d"), None);
    }
}
