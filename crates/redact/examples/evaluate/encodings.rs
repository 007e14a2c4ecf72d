//! The forms into which tools and people put text: encodings, escapes, look-alikes.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::form::{Form, whole};

/// Base64 of the whole text (RFC 4648 §4).
pub(crate) fn base64(form: &Form) -> Form {
    groups(form, STANDARD.encode(&form.text))
}

/// Base64 of the whole text in the URL-safe alphabet without padding (RFC 4648 §5).
pub(crate) fn base64_url(form: &Form) -> Form {
    groups(form, URL_SAFE_NO_PAD.encode(&form.text))
}

/// Base64 in lines of 76 letters (RFC 2045 §6.8).
pub(crate) fn base64_wrapped(form: &Form) -> Form {
    let flat = base64(form);
    let lines: Vec<&str> = chunks(&flat.text, LINE).collect();
    flat.moved(lines.join("\n"), |at| at + at / LINE, |end| end)
}

/// Letters of a line.
const LINE: usize = 76;

/// Base64 of UTF-16, little end first, as `PowerShell -EncodedCommand` takes it.
pub(crate) fn base64_utf16(form: &Form) -> Form {
    let bytes: Vec<u8> = form.text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let units = |at: usize| form.text.get(..at).map_or(0, |head| 2 * head.encode_utf16().count());
    let text = STANDARD.encode(bytes);
    form.moved(text, |at| group_start(units(at)), |end| end).with_whole_groups()
}

/// Base64 of the gzip of the whole text (RFC 1952); the secret is anywhere in it.
pub(crate) fn gzip_base64(form: &Form) -> Form {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    bytes.extend(miniz_oxide::deflate::compress_to_vec(form.text.as_bytes(), 6));
    bytes.extend(crc32(form.text.as_bytes()).to_le_bytes());
    bytes.extend(u32::try_from(form.text.len()).unwrap_or(u32::MAX).to_le_bytes());
    let text = STANDARD.encode(bytes);
    Form { secrets: vec![whole(0..text.len())], text }
}

/// CRC-32 of RFC 1952 §8.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
    !bytes.iter().fold(u32::MAX, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), step))
}

/// Places the secrets of `form` into its base64: a byte may share its letter with a neighbour.
fn groups(form: &Form, text: String) -> Form {
    form.moved(text, group_start, |end| end).with_whole_groups()
}

/// The letter that holds the first bits of byte `at`.
fn group_start(at: usize) -> usize {
    at * 4 / 3
}

impl Form {
    /// Ends every piece behind the letter in which its last byte ends.
    fn with_whole_groups(mut self) -> Self {
        for piece in self.secrets.iter_mut().flatten() {
            piece.end = (piece.end + 1).min(self.text.len());
        }
        self
    }
}

/// Pieces of `size` ASCII letters.
fn chunks(text: &str, size: usize) -> impl Iterator<Item = &str> {
    (0..text.len()).step_by(size).map(move |at| text.get(at..(at + size).min(text.len())).unwrap_or_default())
}

/// Two hexadecimal digits per byte.
pub(crate) fn hex(letter: char, out: &mut String) {
    bytes(letter, |byte| _ = write!(out, "{byte:02x}"));
}

/// `%XX` for every byte.
pub(crate) fn percent(letter: char, out: &mut String) {
    bytes(letter, |byte| _ = write!(out, "%{byte:02X}"));
}

/// `%XX` for every byte that is reserved in a URL (RFC 3986 §2.3).
pub(crate) fn percent_reserved(letter: char, out: &mut String) {
    if letter.is_ascii_alphanumeric() || "-_.~".contains(letter) {
        out.push(letter);
    } else {
        percent(letter, out);
    }
}

/// What a JSON string needs (RFC 8259 §7).
pub(crate) fn json(letter: char, out: &mut String) {
    match letter {
        '"' | '\\' => out.extend(['\\', letter]),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ if letter.is_control() => unicode_escape(letter, out),
        _ => out.push(letter),
    }
}

/// `\uXXXX` for every UTF-16 unit.
pub(crate) fn unicode_escape(letter: char, out: &mut String) {
    for unit in letter.encode_utf16(&mut [0; 2]) {
        _ = write!(out, "\\u{unit:04x}");
    }
}

/// `\xXX` for every byte.
pub(crate) fn byte_escape(letter: char, out: &mut String) {
    bytes(letter, |byte| _ = write!(out, "\\x{byte:02x}"));
}

/// `&#N;` for every character.
pub(crate) fn html(letter: char, out: &mut String) {
    _ = write!(out, "&#{};", u32::from(letter));
}

/// What XML text needs.
pub(crate) fn xml(letter: char, out: &mut String) {
    match letter {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        _ => out.push(letter),
    }
}

/// The Cyrillic letter that looks the same (Unicode Technical Standard 39, confusables).
pub(crate) fn cyrillic(letter: char, out: &mut String) {
    let at = "aceopxysijABCEHKMOPTX".chars().position(|latin| latin == letter);
    out.push(at.and_then(|at| "асеорхуѕіјАВСЕНКМОРТХ".chars().nth(at)).unwrap_or(letter));
}

/// The full-width form of an ASCII letter (Unicode block FF00).
pub(crate) fn full_width(letter: char, out: &mut String) {
    let wide = letter.is_ascii_graphic().then(|| char::from_u32(u32::from(letter) + 0xfee0)).flatten();
    out.push(wide.unwrap_or(letter));
}

/// Letters moved by 13 places.
pub(crate) fn rot13(letter: char, out: &mut String) {
    let moved =
        |base: u8| letter.to_ascii_lowercase() as u8 - b'a' + 13 - 26 * u8::from(is_late(letter)) + base;
    out.push(match letter {
        'a'..='z' => char::from(moved(b'a')),
        'A'..='Z' => char::from(moved(b'A')),
        _ => letter,
    });
}

fn is_late(letter: char) -> bool {
    letter.to_ascii_lowercase() > 'm'
}

/// Writes a whole text letter by letter.
pub(crate) fn all(text: &str, write: fn(char, &mut String)) -> String {
    let mut out = String::new();
    text.chars().for_each(|letter| write(letter, &mut out));
    out
}

/// Base64 of a value alone.
pub(crate) fn base64_value(value: &str) -> String {
    STANDARD.encode(value)
}

fn bytes(letter: char, write: impl FnMut(u8)) {
    letter.encode_utf8(&mut [0; 4]).bytes().for_each(write);
}
