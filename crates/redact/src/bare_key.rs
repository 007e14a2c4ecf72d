//! Private keys that have lost their BEGIN line.
//!
//! Three things still tell one: its END line, the first bytes of its DER or OpenSSH structure, and, across two texts of one
//! sender, that lines of the same width end the one and begin the other. A bare certificate, public key or request has
//! another structure (a sequence, where a private key has its version), so it stays.
//!
//! *Linear*: a walk goes over base64 lines and stops at the first byte that is none; each END line has dashes, which stop
//! the next walk backwards, and a walk forwards ends at the length that the structure declares.

use std::ops::Range;

use crate::armour::{MAX_DASHES, MAX_LABEL, MIN_DASHES, MIN_LAST_RUN, is_body, is_label, is_word, skip_gap};
use crate::generated;
use crate::plausible;
use crate::text::{Text, is_quote};

/// Finds the lines in front of the END line whose words `PRIVATE KEY` stand at `hit`.
pub(crate) fn find_before_end(text: Text<'_>, hit: &Range<usize>, found: &mut Vec<Range<usize>>) {
    let label = text.skip_back(hit.start, MAX_LABEL, is_label);
    let word = text.skip(label, MAX_DASHES, |byte| byte == b' ');
    let dashes = text.skip_back(label, MAX_DASHES, |byte| byte == b'-');
    let after = text.skip(hit.end, MAX_LABEL, is_label);
    let end = text.skip(after, MAX_DASHES, |byte| byte == b'-');
    if !text.has(word, "END ") || label - dashes < MIN_DASHES || end - after < MIN_DASHES {
        return;
    }
    let mut lines: Vec<Range<usize>> = Vec::new();
    let mut start = dashes;
    loop {
        let line_end = skip_gap_back(text, start);
        let line = body_start(text, line_end)..line_end;
        let is_key = generated::is_key_line(text.slice(line.clone()));
        // Only the last line may be short.
        if line.is_empty() || !(is_key || lines.is_empty()) {
            break;
        }
        start = line.start;
        lines.push(line);
    }
    if !lines.iter().any(|line| generated::is_key_line(text.slice(line.clone()))) {
        return;
    }
    if text.slice(start..dashes).iter().any(|&byte| is_code(byte)) {
        // The quotes have to stay, and so do the values of JSON that have none.
        lines.retain(|line| !plausible::is_json_outside_strings(text.slice(line.clone())));
        found.extend(lines);
    } else {
        found.push(start..end);
    }
}

/// Finds a key by the beginning of its base64 at `hit`.
pub(crate) fn find_bare_key(text: Text<'_>, hit: Range<usize>, found: &mut Vec<Range<usize>>) {
    let before = text.before(hit.start);
    if is_body(before) && before != b'=' && !text.follows_escape(hit.start) {
        return;
    }
    let head = text.slice(hit.start..hit.start + HEAD_BYTES);
    let declared = if head.starts_with(OPENSSH) { Some(MAX_KEY) } else { declared(&decode(head)) };
    let Some(declared) = declared else { return };
    let (end, length) = block(text, hit.start, declared);
    if length >= MIN_KEY.min(declared) {
        found.push(hit.start..end);
    }
}

/// Where the lines end in `text` that go on with those that end `tail`, whose width says that they belong together.
pub(crate) fn end_of_rest(tail: &[u8], text: Text<'_>) -> Option<usize> {
    let mut lines: Vec<&[u8]> = Vec::new();
    let mut rest = tail;
    while let Some(end) = rest.iter().rposition(|&byte| is_body(byte)).map(|last| last + 1) {
        let gap = rest.get(end..).unwrap_or_default();
        let line = rest.get(..end).unwrap_or_default();
        let length = line.iter().rev().take_while(|&&byte| is_body(byte)).count();
        let (before, line) = line.split_at(end - length);
        // The `n` of an escape looks like the beginning of a line.
        let line = if before.ends_with(b"\\") { line.get(1..).unwrap_or_default() } else { line };
        if gap.contains(&b'-') || gap.len() > MAX_GAP {
            return None;
        }
        lines.push(line);
        rest = before.strip_suffix(b"\\").unwrap_or(before);
    }
    let last = lines.first()?.len();
    let width = lines.get(1)?.len();
    let is_full = |line: &&&[u8]| line.len() == width && generated::is_key_line(line);
    let full = lines.iter().skip(1).take_while(is_full).count();
    let is_key = full >= MIN_LINES && KEY_WIDTHS.contains(&width);
    let start = skip_gap(text, 0);
    let first = text.skip(start, width + 1, is_body) - start;
    if !is_key || last > width || first == 0 || first > width {
        return None;
    }
    // The line that the cut goes through, or the one behind it.
    let joined = if last == width { first } else { last + first };
    let fits = joined == width || (joined < width && is_last(text, start..start + first));
    let (end, _) = block(text, start, MAX_KEY);
    let dashes = skip_gap(text, end);
    let label = text.skip(dashes, MAX_DASHES, |byte| byte == b'-');
    // A certificate says so at its end.
    let is_other = text.has(label, "END ")
        && !text.slice(label..label + MAX_LABEL).windows(KEY.len()).any(|window| window == KEY);
    (fits && !is_other).then_some(end)
}

/// Says whether a run is the last line of a block: of the text, and no word, or in front of the END line.
fn is_last(text: Text<'_>, run: Range<usize>) -> bool {
    let next = skip_gap(text, run.end);
    let is_end = next >= text.len() && run.len() >= MIN_LAST_RUN && !is_word(text.slice(run));
    is_end || text.has(next, "-----END ")
}

/// End of the base64 lines from `start` on, up to `most` bytes of base64, and how many these are.
fn block(text: Text<'_>, start: usize, most: usize) -> (usize, usize) {
    let mut end = text.skip(start, text.len(), is_body);
    let mut length = end - start;
    while length < most {
        let next = skip_gap(text, end);
        let run_end = text.skip(next, text.len(), is_body);
        let run = text.slice(next..run_end);
        let is_last = run.len() >= MIN_LAST_RUN && run.len() <= most - length && !is_word(run);
        if next == end || !(generated::is_key_line(run) || is_last) {
            break;
        }
        length += run.len();
        end = run_end;
    }
    (end, length)
}

/// How many bytes of base64 a private key has that begins with `der`; `None` if it is something else.
fn declared(der: &[u8]) -> Option<usize> {
    let (length, rest) = match der {
        [0x30, 0x82, high, low, rest @ ..] => (4 + usize::from(u16::from_be_bytes([*high, *low])), rest),
        [0x30, 0x81, length, rest @ ..] => (3 + usize::from(*length), rest),
        [0x30, length @ ..=0x7f, rest @ ..] => (2 + usize::from(*length), rest),
        _ => return None,
    };
    // RFC 8017 and DSA: version, first number; RFC 5208: version, algorithm; RFC 5915: version, key; RFC 5958 with a public
    // key, as of Ed25519; and, encrypted, the algorithm of PKCS #5 or #12.
    let is_key = matches!(
        rest,
        [0x02, 0x01, 0x00, 0x02 | 0x30, ..]
            | [0x02, 0x01, 0x01, 0x04, ..]
            | [0x02, 0x01, 0x01, 0x30, _, 0x06, 0x03, 0x2b, 0x65, ..]
            | [0x30, _, 0x06, _, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05 | 0x0c, ..]
    );
    is_key.then_some(length.div_ceil(3) * 4)
}

/// The bytes that base64 stands for, up to the first byte that is none.
fn decode(base64: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for &byte in base64 {
        let Some(value) = ALPHABET.iter().position(|&letter| letter == byte) else { break };
        bits = bits << 6 | u32::try_from(value).unwrap_or(0);
        count += 6;
        if count >= 8 {
            count -= 8;
            let [.., byte] = (bits >> count).to_be_bytes();
            bytes.push(byte);
        }
    }
    bytes
}

/// Start of what stands between two lines and ends at `to`: as [`skip_gap`], and the quotes of code.
fn skip_gap_back(text: Text<'_>, to: usize) -> usize {
    let is_gap = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'|') || is_code(byte);
    let mut position = to;
    loop {
        let start = text.skip_back(position, MAX_GAP, is_gap);
        let letter = matches!(text.before(start), b'n' | b'r' | b't');
        let escape = text.skip_back(start.saturating_sub(1), MAX_DASHES, |byte| byte == b'\\');
        if !letter || escape + 1 >= start || to - escape > MAX_GAP {
            return start;
        }
        position = escape;
    }
}

/// Start of the base64 line that ends at `to`.
fn body_start(text: Text<'_>, to: usize) -> usize {
    let start = text.skip_back(to, to, is_body);
    // The `n` of an escape looks like the beginning of a line.
    if start < to && text.before(start) == b'\\' { start + 1 } else { start }
}

/// Bytes between two lines of code.
fn is_code(byte: u8) -> bool {
    is_quote(byte) || byte == b','
}

/// Bytes in which the structure of a key is told.
const HEAD_BYTES: usize = 24;
/// Beginning of `openssh-key-v1`.
const OPENSSH: &[u8] = b"b3BlbnNzaC1rZXktdjE";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Less of a longer key than this is the part that every key of its kind has, or that is public.
const MIN_KEY: usize = 80;
/// Most base64 that is taken for one key without a declared length.
const MAX_KEY: usize = 16 * 1024;
/// Widths of the lines of PEM and OpenSSH keys; MIME has 76, which images have too.
const KEY_WIDTHS: [usize; 2] = [64, 70];
/// Full lines of the earlier text that say that it ends within a key.
const MIN_LINES: usize = 3;
/// Longest gap between two lines: their indentation.
const MAX_GAP: usize = 64;
const KEY: &[u8] = b"PRIVATE KEY";
