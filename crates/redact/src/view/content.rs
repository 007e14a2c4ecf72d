//! What decoded bytes are: text, UTF-16, compressed text, or nothing that can be read.

use super::Budget;

/// What the first bytes promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Nothing,
    /// UTF-8.
    Text,
    /// UTF-16, as PowerShell's `-EncodedCommand` takes it.
    Wide(Order),
    /// Compressed text.
    Packed(Packing),
}

/// Order of the bytes of UTF-16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

/// What stands around compressed data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Zlib,
}

/// Says what the first bytes of a decoded run promise.
pub(super) fn content(head: &[u8]) -> Content {
    match head {
        [0x1f, 0x8b, 8, ..] => Content::Packed(Packing::Gzip),
        [0xff, 0xfe, ..] => Content::Wide(Order::Little),
        [0xfe, 0xff, ..] => Content::Wide(Order::Big),
        [first, 0, second, 0, ..] if is_text(*first) && is_text(*second) => Content::Wide(Order::Little),
        [0, first, 0, second, ..] if is_text(*first) && is_text(*second) => Content::Wide(Order::Big),
        _ if head.len() - text_prefix(head).len() < MAX_CHARACTER && head.len() >= MAX_CHARACTER => {
            Content::Text
        }
        [0x78, level, ..] if (0x7800 + u16::from(*level)) % 31 == 0 => Content::Packed(Packing::Zlib),
        _ => Content::Nothing,
    }
}

impl Content {
    /// Reads the whole of what was promised, as far as it is text.
    pub(super) fn read(self, bytes: &[u8], budget: &mut Budget) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Text => Some(text_prefix(bytes).to_owned()),
            Self::Wide(order) => Some(wide(bytes, order)),
            Self::Packed(packing) => {
                let share = Budget::share(bytes.len());
                let unpacked = unpack(bytes, packing, share)?;
                if !budget.spend(unpacked.len()) {
                    return None;
                }
                match content(unpacked.get(..unpacked.len().min(HEAD))?) {
                    Self::Wide(order) => Some(wide(&unpacked, order)),
                    Self::Text => Some(text_prefix(&unpacked).to_owned()),
                    Self::Nothing | Self::Packed(_) => None,
                }
            }
        }
    }
}

/// The valid UTF-8 without control characters that `bytes` begin with.
pub(super) fn text_prefix(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|&byte| !is_text(byte) && byte < 0x80).unwrap_or(bytes.len());
    let bytes = bytes.get(..end).unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => bytes
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    }
}

/// ASCII that text has.
fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x1b)
}

fn wide(bytes: &[u8], order: Order) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|&pair| match order {
        Order::Little => u16::from_le_bytes(pair),
        Order::Big => u16::from_be_bytes(pair),
    });
    char::decode_utf16(units).map_while(Result::ok).take_while(|&character| character != '\0').collect()
}

/// Unpacks compressed data up to `limit` bytes, and as far as it is whole.
fn unpack(bytes: &[u8], packing: Packing, limit: usize) -> Option<Vec<u8>> {
    let body = match packing {
        Packing::Zlib => bytes.get(2..)?,
        Packing::Gzip => gzip_body(bytes)?,
    };
    match miniz_oxide::inflate::decompress_to_vec_with_limit(body, limit) {
        Ok(unpacked) => Some(unpacked),
        Err(cut) => Some(cut.output),
    }
}

/// What follows the header of a gzip member (RFC 1952 §2.3).
fn gzip_body(bytes: &[u8]) -> Option<&[u8]> {
    let flags = *bytes.get(3)?;
    let mut body = bytes.get(10..)?;
    if flags & EXTRA != 0 {
        let length = u16::from_le_bytes([*body.first()?, *body.get(1)?]);
        body = body.get(2 + usize::from(length)..)?;
    }
    for flag in [NAME, COMMENT] {
        if flags & flag != 0 {
            let end = body.iter().position(|&byte| byte == 0)?;
            body = body.get(end + 1..)?;
        }
    }
    if flags & CHECK != 0 { body.get(2..) } else { Some(body) }
}

/// Flags of a gzip header.
const CHECK: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
/// Bytes that decide what unpacked data are.
const HEAD: usize = 16;
/// Bytes of the longest character.
const MAX_CHARACTER: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_when_judged_then_what_it_promises() {
        for (head, expected) in [
            (&b"{\"auths\":{"[..], Content::Text),
            ("密码是x".as_bytes(), Content::Text),
            (&"密码是".as_bytes()[..7], Content::Text),
            (b"p\0w\0s\0h\0", Content::Wide(Order::Little)),
            (b"\0p\0w\0s\0h", Content::Wide(Order::Big)),
            (b"\xff\xfep\0", Content::Wide(Order::Little)),
            (&[0x1f, 0x8b, 8, 0, 1, 2], Content::Packed(Packing::Gzip)),
            (&[0x78, 0x9c, 0xff, 0, 1, 2], Content::Packed(Packing::Zlib)),
            (b"abcd\x01efghijk", Content::Nothing),
            (b"\x9f\x00\x86\xd0\x81\x88", Content::Nothing),
            (b"abc", Content::Nothing),
            (b"", Content::Nothing),
        ] {
            assert_eq!(content(head), expected, "{head:?}");
        }
    }

    #[test]
    fn compressed_text_when_read_then_unpacked_within_the_budget() {
        let numbers = (0..4000_u64).map(|at| at.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_string());
        let text = numbers.collect::<Vec<_>>().join(" ");
        let zlib = miniz_oxide::deflate::compress_to_vec_zlib(text.as_bytes(), 6);
        let body = miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 6);
        let gzip = [&[0x1f, 0x8b, 8, NAME, 0, 0, 0, 0, 0, 3][..], b"name\0", &body].concat();
        for packed in [&zlib, &gzip] {
            let read = content(packed).read(packed, &mut Budget::of_bytes(100_000));
            assert_eq!(read.as_deref(), Some(text.as_str()));
            let mut small = Budget::of_bytes(100);
            assert!(content(packed).read(packed, &mut small).is_none() && small.is_exceeded);
            let half = content(packed).read(&packed[..packed.len() / 2], &mut Budget::of_bytes(100_000));
            assert!(half.is_some_and(|half| text.starts_with(&half)));
        }
    }

    #[test]
    fn wide_text_when_read_then_one_string() {
        let bytes: Vec<u8> = "pässwört 😀".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(wide(&bytes, Order::Little), "pässwört 😀");
    }
}
