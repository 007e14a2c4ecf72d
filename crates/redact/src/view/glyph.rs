//! Characters outside ASCII that are not seen, and characters that look like ASCII.
//!
//! *Source*: Unicode Standard 16, `DerivedCoreProperties.txt` (`Default_Ignorable_Code_Point`), the charts of Mathematical
//! Alphanumeric Symbols and of Halfwidth and Fullwidth Forms, and UTS 39 (confusable characters): of the last only letters
//! that have the very shape of an ASCII letter in common fonts.

use std::ops::RangeInclusive;

/// What a character outside ASCII is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glyph {
    /// Itself.
    Own,
    /// Nothing: it has no width.
    Nothing,
    /// An ASCII character, wherever it stands.
    Ascii(char),
    /// An ASCII letter, but only in a word with real ASCII letters: the letter is common in its own script.
    Letter(char),
}

/// Says what `character` is read as.
pub(super) fn glyph(character: char) -> Glyph {
    let code = u32::from(character);
    match code {
        0x0370..=0x052F => look_alike(character),
        _ if INVISIBLE.iter().any(|range| range.contains(&code)) => Glyph::Nothing,
        0x0085 | 0x2028 | 0x2029 => Glyph::Ascii('\n'),
        0x00A0 | 0x2000..=0x200A | 0x202F | 0x205F | 0x3000 => Glyph::Ascii(' '),
        0xFF01..=0xFF5E => offset('!', code - 0xFF01),
        0x24B6..=0x24CF => offset('A', code - 0x24B6),
        0x24D0..=0x24E9 => offset('a', code - 0x24D0),
        0x1_D400..=0x1_D6A3 => mathematical(code - 0x1_D400),
        0x1_D7CE..=0x1_D7FF => offset('0', (code - 0x1_D7CE) % 10),
        0x1_F130..=0x1_F149 => offset('A', code - 0x1_F130),
        0x2100..=0x214F => letterlike(character),
        _ => Glyph::Own,
    }
}

/// Bold, italic, script, fraktur, double-struck, sans-serif and monospace: 52 letters each.
fn mathematical(index: u32) -> Glyph {
    match index % 52 {
        upper @ 0..=25 => offset('A', upper),
        lower => offset('a', lower - 26),
    }
}

fn offset(first: char, distance: u32) -> Glyph {
    char::from_u32(u32::from(first) + distance).map_or(Glyph::Own, Glyph::Ascii)
}

/// Letters that the mathematical alphabets leave out because they were there before.
fn letterlike(character: char) -> Glyph {
    Glyph::Ascii(match character {
        'ℂ' | 'ℭ' => 'C',
        'ℊ' => 'g',
        'ℋ' | 'ℌ' | 'ℍ' => 'H',
        'ℎ' => 'h',
        'ℐ' | 'ℑ' => 'I',
        'ℒ' => 'L',
        'ℓ' => 'l',
        'ℕ' => 'N',
        'ℙ' => 'P',
        'ℚ' => 'Q',
        'ℛ' | 'ℜ' | 'ℝ' => 'R',
        'ℤ' | 'ℨ' => 'Z',
        'K' => 'K',
        'ℬ' => 'B',
        'ℯ' => 'e',
        'ℰ' => 'E',
        'ℱ' => 'F',
        'ℳ' => 'M',
        'ℴ' => 'o',
        'ℹ' => 'i',
        _ => return Glyph::Own,
    })
}

/// Greek and Cyrillic letters with the shape of a Latin one.
fn look_alike(character: char) -> Glyph {
    Glyph::Letter(match character {
        'а' | 'α' => 'a',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ҽ' => 'e',
        'ԍ' => 'g',
        'һ' => 'h',
        'і' | 'ι' => 'i',
        'ј' | 'ϳ' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' => 'l',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' => 's',
        'υ' => 'u',
        'ѵ' | 'ν' => 'v',
        'ԝ' | 'ѡ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'ү' | 'γ' => 'y',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'С' | 'Ϲ' => 'C',
        'Е' | 'Ε' => 'E',
        'Ԍ' => 'G',
        'Н' | 'Η' => 'H',
        'І' | 'Ӏ' | 'Ι' => 'I',
        'Ј' | 'Ϳ' => 'J',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'О' | 'Ο' => 'O',
        'Р' | 'Ρ' => 'P',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'Ѵ' => 'V',
        'Ԝ' => 'W',
        'Х' | 'Χ' => 'X',
        'Ү' | 'Υ' => 'Y',
        'Ζ' => 'Z',
        _ => return Glyph::Own,
    })
}

/// Characters without width: controls, soft hyphen, joiners, fillers, marks of direction, variation selectors, tags; and the
/// last characters of the last plane, by which a caller can mark bytes that are no UTF-8.
const INVISIBLE: &[RangeInclusive<u32>] = &[
    0x0080..=0x0084,
    0x0086..=0x009F,
    0x00AD..=0x00AD,
    0x034F..=0x034F,
    0x061C..=0x061C,
    0x115F..=0x1160,
    0x17B4..=0x17B5,
    0x180B..=0x180F,
    0x200B..=0x200F,
    0x202A..=0x202E,
    0x2060..=0x206F,
    0x3164..=0x3164,
    0xFE00..=0xFE0F,
    0xFEFF..=0xFEFF,
    0xFFA0..=0xFFA0,
    0x1_BCA0..=0x1_BCA3,
    0x1_D173..=0x1_D17A,
    0xE_0000..=0xE_0FFF,
    0x10_FF00..=0x10_FFFF,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let read = text.chars().filter_map(|character| match glyph(character) {
            Glyph::Own => Some(character),
            Glyph::Nothing => None,
            Glyph::Ascii(ascii) | Glyph::Letter(ascii) => Some(ascii),
        });
        read.collect()
    }

    #[test]
    fn look_alikes_when_read_then_ascii() {
        assert_eq!(read("ｇｈｐ＿Ａｂ０９～"), "ghp_Ab09~");
        assert_eq!(read("𝐀𝐳𝑎𝒵𝓏𝔄𝕫𝖆𝗭𝘻𝙰𝚣𝟎𝟗𝟬𝟿"), "AzaZzAzaZzAz0909");
        assert_eq!(read("раѕѕԝоrd ΑΒΕ ℂℎⓐⓩ"), "password ABE Chaz");
    }

    #[test]
    fn invisible_characters_when_read_then_gone() {
        assert_eq!(read("a\u{200b}b\u{ad}c\u{2066}d\u{e0041}e\u{fe0f}f\u{34f}g\u{feff}"), "abcdefg");
        assert_eq!(read("a\u{a0}b\u{2028}c"), "a b\nc");
    }

    #[test]
    fn other_characters_when_read_then_kept() {
        assert_eq!(read("密码 é ß — “q” жз"), "密码 é ß — “q” жз");
    }
}
