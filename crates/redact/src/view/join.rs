//! The view of tokens that were cut in pieces: by the end of a line, or because a string was put together from shorter ones.
//!
//! ```text
//! key = "Ab3x…         > Ab3x…        "Ab3x…" +       #6 0.245 Ab3x…
//!        9Qz…"         > 9Qz…           "9Qz…"        #6 0.251 9Qz…
//! ```
//! Only the pieces, joined, and the rest of their first and last line are in the view. Two neighbouring lines of words are
//! no token: a cut by a line end needs pieces that look generated or lie in one string, lines of one width, or a
//! backslash at the end of the line. The caller takes only what has both sides of a cut.

use std::ops::Range;

use super::map::{Builder, Map};
use crate::generated;
use crate::text::{Text, is_blank, is_quote};

/// The joined tokens of a text; `None` if nothing was cut.
///
/// *Whole*: where tokens end that are whole already, sorted; such a token goes on only where that is beyond doubt.
pub(super) fn joined(source: &str, text: Text<'_>, whole: &[usize]) -> Option<(String, Map)> {
    let mut joiner = Joiner { source, text, whole, chain: Chain::default(), builder: Builder::new(source) };
    let mut position = 0;
    text.spend(source.len());
    while let Some(found) =
        text.bytes().get(position..).unwrap_or_default().iter().position(|&byte| is_cutter(byte))
    {
        position += found;
        let cut =
            if text.at(position) == b'\n' { line_cut(text, position) } else { string_cut(text, position) };
        position = match cut {
            Some(cut) => joiner.add(&cut),
            None => position + 1,
        };
    }
    joiner.flush();
    if joiner.builder.text.is_empty() { None } else { Some(joiner.builder.finish()) }
}

/// Bytes at which a token can be cut.
fn is_cutter(byte: u8) -> bool {
    matches!(byte, b'\n' | b'"' | b'\'' | b'`')
}

/// A place where a token may be cut in two.
#[derive(Debug, Clone)]
struct Cut {
    /// What has to go.
    range: Range<usize>,
    link: Link,
}

/// What says that a token goes on behind a cut.
#[derive(Debug, Clone, Copy)]
enum Link {
    /// The writer: an operator, or a backslash at the end of the line.
    Explicit,
    /// Strings that stand next to each other, which some languages put together.
    Neighbour,
    /// Nothing but the end of a line.
    LineEnd,
}

/// The cut at a line end: blanks and a backslash in front, the prefix of the next line behind.
fn line_cut(text: Text<'_>, newline: usize) -> Option<Cut> {
    let line = newline - usize::from(text.before(newline) == b'\r');
    let slash = text.skip_back(line, 1, |byte| byte == b'\\');
    let start = text.skip_back(slash, MAX_BLANKS, is_blank);
    if !is_piece(text.before(start)) {
        return None;
    }
    let end = prefix_end(text, newline);
    is_piece(text.at(end))
        .then_some(Cut { range: start..end, link: if slash < line { Link::Explicit } else { Link::LineEnd } })
}

/// End of what stands in front of the text of the line behind `newline`: blanks, marks of quotation and comment, and
/// what the line in front begins with as well, where digits count as alike (times and counters of a log).
fn prefix_end(text: Text<'_>, newline: usize) -> usize {
    let next = newline + 1;
    let this = text.skip_back(newline, MAX_LINE, |byte| byte != b'\n');
    let alike =
        |first: u8, second: u8| first == second || (first.is_ascii_digit() && second.is_ascii_digit());
    let lines = text.slice(this..newline).iter().zip(text.slice(next..next + MAX_PREFIX));
    let common = lines.take_while(|(first, second)| alike(**first, **second)).count();
    text.spend(common);
    let common = text.slice(next..next + common);
    let shared = common.iter().rposition(|&byte| byte == b' ').map_or(next, |blank| next + blank + 1);
    let mark = text.skip(shared, MAX_PREFIX, |byte| is_blank(byte) || matches!(byte, b'>' | b'|'));
    let comment = text.skip(mark, 3, |byte| matches!(byte, b'#' | b'/' | b'*' | b'+' | b'-'));
    let blank = text.skip(comment, MAX_PREFIX, is_blank);
    if blank > comment { blank } else { mark }
}

/// The cut at a closing quote: nothing but an operator between it and the next string.
///
/// A colon next to a quote is that of JSON, where no string follows another.
fn string_cut(text: Text<'_>, quote: usize) -> Option<Cut> {
    let is_end = |byte: u8| is_piece(byte) && byte != b':';
    if !is_end(text.before(quote)) {
        return None;
    }
    let is_space = |byte: u8| byte.is_ascii_whitespace() || byte == b'\\';
    let operator = text.skip(quote + 1, MAX_BLANKS, is_space);
    let after = text.skip(operator, 2, |byte| matches!(byte, b'+' | b'.' | b'&' | b'|' | b'~'));
    let opening = text.skip(after, MAX_BLANKS, is_space);
    let opening =
        opening + usize::from(is_quote(text.at(opening + 1)) && text.at(opening).is_ascii_alphabetic());
    let is_string = opening > quote + 1 && is_quote(text.at(opening)) && is_end(text.at(opening + 1));
    let closing = text.skip(opening + 1, MAX_LINE, is_end);
    let is_key = is_quote(text.at(closing)) && text.at(text.skip(closing + 1, MAX_BLANKS, is_blank)) == b':';
    let link = if after > operator { Link::Explicit } else { Link::Neighbour };
    (is_string && !is_key).then_some(Cut { range: quote..opening + 1, link })
}

/// Pieces that follow each other, and the cuts between them.
#[derive(Debug, Default)]
struct Chain {
    pieces: Vec<Range<usize>>,
    is_armour: bool,
}

struct Joiner<'a> {
    source: &'a str,
    text: Text<'a>,
    whole: &'a [usize],
    chain: Chain,
    builder: Builder<'a>,
}

impl Joiner<'_> {
    /// Adds a cut to the chain or begins a new one; says where to go on.
    fn add(&mut self, cut: &Cut) -> usize {
        let continues = self.chain.pieces.last().is_some_and(|last| last.end == cut.range.start);
        if !continues {
            self.flush();
            let left = self.text.skip_back(cut.range.start, cut.range.start, is_piece);
            self.chain.is_armour = is_in_armour(self.text, left);
            self.chain.pieces.push(left..cut.range.start);
        }
        let is_armour = self.chain.is_armour;
        let is_part = |byte: u8| is_piece(byte) || (is_armour && byte == b' ');
        let right = cut.range.end..self.text.skip(cut.range.end, self.source.len(), is_part);
        let is_prose =
            || self.text.slice(right.clone()).split(|byte| *byte == b' ').next().is_some_and(is_letters);
        let is_told = match cut.link {
            Link::Explicit => true,
            Link::Neighbour => self.whole.binary_search(&cut.range.start).is_err(),
            Link::LineEnd => false,
        };
        if is_told || (is_armour && !is_prose()) || self.is_wrapped(&right) {
            self.chain.pieces.push(right.clone());
        } else {
            self.flush();
        }
        // The piece may end at the next cut, so go on in front of its end.
        right.end
    }

    /// Says whether a line end in front of `right` is inside of a token.
    fn is_wrapped(&self, right: &Range<usize>) -> bool {
        let text = self.text;
        let mut pieces = self.chain.pieces.iter().rev();
        let Some(left) = pieces.next() else { return false };
        let first = self.chain.pieces.first().unwrap_or(left);
        let quote = text.at(right.end);
        let bytes = text.slice(right.clone());
        // The rest of a token has its line to itself.
        let behind = text.at(text.skip(right.end, MAX_BLANKS, |byte| {
            is_blank(byte) || matches!(byte, b')' | b']' | b'}' | b',' | b';')
        }));
        let ends_line = matches!(behind, 0 | b'\n' | b'\r' | b'\\' | b'<') || is_quote(behind);
        if is_assignment(bytes) || !ends_line {
            return false;
        }
        if is_quote(quote) && text.before(first.start) == quote {
            return true;
        }
        let width = width_of(text, left);
        let is_full = right.len() >= MIN_TOKEN && right.len() == width;
        let is_generated = is_rest_of_token(bytes);
        let is_standard = STANDARD_WIDTHS.contains(&width) && right.len() < width && !is_letters(bytes);
        let is_regular =
            right.len() <= width && pieces.next().is_some_and(|piece| width_of(text, piece) == width);
        let is_rest = is_full || is_standard || is_generated || (is_regular && right.len() <= MAX_REST);
        if !is_rest && (left.len() < MIN_PIECE || is_letters(bytes)) {
            return false;
        }
        let in_string = is_quote(quote) && text.slice(first.start..left.end).contains(&quote);
        let is_long = left.len() >= MIN_PIECE || right.len() >= MIN_PIECE;
        let is_whole = self.whole.binary_search(&left.end).is_ok();
        (is_full && (is_generated || !is_whole))
            || is_standard
            || is_regular
            || in_string
            || (is_generated && is_long && !is_whole)
    }

    /// Puts the chain into the view, if it can be a token; then once more without its first piece, which may be the last
    /// word of a line that has nothing to do with the token.
    fn flush(&mut self) {
        let chain = std::mem::take(&mut self.chain);
        let length: usize = chain.pieces.iter().map(ExactSizeIterator::len).sum();
        let is_random = |piece: &Range<usize>| {
            let bytes = self.text.slice(piece.clone());
            bytes.iter().any(u8::is_ascii_digit) || is_mixed(bytes)
        };
        if chain.is_armour || (length >= MIN_TOKEN && chain.pieces.iter().any(is_random)) {
            self.write(&chain.pieces);
            if !chain.is_armour {
                self.write(chain.pieces.get(1..).unwrap_or_default());
            }
        }
    }

    /// Puts joined pieces into the view, with what stands around them on their lines.
    fn write(&mut self, pieces: &[Range<usize>]) {
        let [first, .., last] = pieces else { return };
        let word = self.text.skip_back(first.start, MAX_CONTEXT, |byte| byte.is_ascii_whitespace());
        let line = self.text.skip_back(word, MAX_CONTEXT, |byte| byte != b'\n');
        let tail = self.source.len().min(last.end + MAX_TAIL);
        self.builder.gap();
        self.builder.go_to(on_character(self.source, line));
        for piece in pieces {
            if piece.start > first.start {
                self.builder.go_to(piece.start);
            }
            self.builder.copy_to(piece.end);
        }
        self.builder.copy_to(on_character(self.source, tail));
    }
}

/// Says whether the piece at `start` stands on the first or last line of armour.
fn is_in_armour(text: Text<'_>, start: usize) -> bool {
    let line = text.skip_back(start, MAX_LABEL, |byte| byte != b'\n');
    let end = text.skip(start, MAX_LABEL, |byte| byte != b'\n');
    text.slice(line..end).windows(ARMOUR.len()).any(|window| window == ARMOUR)
}

/// Says whether a piece has what a word has not: a digit among letters, or upper case behind lower case.
fn is_mixed(piece: &[u8]) -> bool {
    let words = || piece.split(|byte| !byte.is_ascii_alphanumeric());
    let digit_in_word =
        |word: &[u8]| word.iter().any(u8::is_ascii_digit) && word.iter().any(u8::is_ascii_alphabetic);
    let hump = |word: &[u8]| {
        word.windows(2).any(|pair| matches!(pair, [first, second] if first.is_ascii_lowercase() && second.is_ascii_uppercase()))
    };
    words().any(|word| digit_in_word(word) || hump(word))
}

/// Says whether a piece that is alone on its line can be the rest of a token: letters and digits that no word mixes.
fn is_rest_of_token(piece: &[u8]) -> bool {
    let is_word = |word: &[u8]| word.len() >= MIN_WORD && word.iter().all(u8::is_ascii_alphabetic);
    let is_joint = |byte: &u8| matches!(byte, b'-' | b'_');
    let is_name = piece.iter().any(is_joint) && piece.split(|byte| is_joint(byte)).any(is_word);
    piece
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') || is_joint(byte))
        && !is_name
        && (generated::is_token(piece) || (piece.len() >= MIN_PIECE && is_mixed(piece)))
}

/// Width of a piece without the key in front of it.
fn width_of(text: Text<'_>, piece: &Range<usize>) -> usize {
    let separates = |byte: &u8| matches!(byte, b'=' | b':');
    let bytes = text.slice(piece.clone());
    let value = bytes.len() - bytes.iter().rev().take_while(|byte| separates(byte)).count();
    let key = bytes.get(..value).unwrap_or_default().iter().rposition(separates);
    bytes.len() - key.map_or(0, |key| key + 1)
}

fn is_letters(piece: &[u8]) -> bool {
    piece.len() >= MIN_WORD && piece.iter().skip(1).all(u8::is_ascii_lowercase)
}

fn is_assignment(piece: &[u8]) -> bool {
    piece.iter().rev().skip_while(|byte| **byte == b'=').any(|byte| matches!(byte, b'=' | b':'))
}

/// The next place from `at` on that is not inside of a character.
fn on_character(source: &str, at: usize) -> usize {
    (at..at + 4).find(|&at| source.is_char_boundary(at)).unwrap_or(at)
}

/// Bytes of a token and of what it is written in.
fn is_piece(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'_' | b'-' | b'+' | b'/' | b'=' | b'.' | b'~' | b'%' | b'@' | b':' | b'$' | b'!' | b'*'
        )
}

/// Beginning of the lines around a key in text.
const ARMOUR: &[u8] = b"-----";
/// Longest label of armour that is looked at.
const MAX_LABEL: usize = 40;
/// Most blanks around an operator.
const MAX_BLANKS: usize = 64;
/// Longest prefix of a line.
const MAX_PREFIX: usize = 64;
/// Most bytes of a line in which its beginning is looked for.
const MAX_LINE: usize = 256;
/// Widths at which programs wrap base64: PEM, OpenSSH, MIME.
const STANDARD_WIDTHS: [usize; 3] = [64, 70, 76];
/// Shortest piece in front of a line end.
const MIN_PIECE: usize = 8;
/// Longest rest behind lines of one width that may read as a word.
const MAX_REST: usize = 4;
/// Shortest word.
const MIN_WORD: usize = 3;
/// Shortest token.
const MIN_TOKEN: usize = 16;
/// Most bytes of the line in front of a token.
const MAX_CONTEXT: usize = 128;
/// Most bytes of the line behind a token.
const MAX_TAIL: usize = 32;
