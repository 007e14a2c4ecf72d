//! Bytes as text, so that no byte is lost.

/// Reads UTF-8; every byte that is none of it becomes a [mark](mark_of), which the redactor passes over as invisible.
pub(super) fn decode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if marked_byte(character).is_some() {
                text.extend(character.encode_utf8(&mut [0; 4]).bytes().map(mark_of));
            } else {
                text.push(character);
            }
        }
        text.extend(chunk.invalid().iter().copied().map(mark_of));
    }
    text
}

/// The byte that a character stands for, when it is a mark.
pub(super) fn marked_byte(character: char) -> Option<u8> {
    u32::from(character).checked_sub(FIRST_MARK).and_then(|byte| u8::try_from(byte).ok())
}

/// The character that stands for a byte: of the last plane, to which Unicode gives no meaning.
fn mark_of(byte: u8) -> char {
    char::from_u32(FIRST_MARK + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The mark of the byte 0; that of 255 is the last character there is.
const FIRST_MARK: u32 = 0x10_ff00;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_when_decoded_are_all_there() {
        for bytes in [&b"plain \xc3\xa9"[..], b"\xff\xfe\x00a", b"\xc3", b"\xf4\x8f\xbf\xbf", b"\xed\xa0\x80"]
        {
            let read = decode(bytes).chars().fold(Vec::new(), |mut read, character| {
                match marked_byte(character) {
                    Some(byte) => read.push(byte),
                    None => read.extend(character.encode_utf8(&mut [0; 4]).bytes()),
                }
                read
            });
            assert_eq!(read, bytes);
        }
    }

    #[test]
    fn text_when_it_is_valid_has_no_marks() {
        assert_eq!(decode("a\u{0}é🙂".as_bytes()), "a\u{0}é🙂");
        assert!(decode(b"a\xffb").chars().any(|character| marked_byte(character) == Some(0xff)));
    }
}
