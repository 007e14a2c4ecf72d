//! Characters that a person who reads a command does not see, or sees elsewhere than they are.

/// The first such character of `text` and its byte position.
pub(crate) fn first_unseen(text: &str) -> Option<(usize, char)> {
    if text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        return None;
    }
    text.char_indices().find(|(_, found)| is_unseen(*found))
}

/// Whether `found` is a control, a format or direction mark, a space other than the common one, or drawn as nothing.
///
/// Source: Unicode 16, general categories Cc, Cf, Zl, Zp and Zs, `Default_Ignorable_Code_Point`, and the blank Braille
/// pattern; private-use characters, which each font draws as it likes, and noncharacters with them.
pub(crate) const fn is_unseen(found: char) -> bool {
    if found.is_ascii() {
        return found.is_ascii_control();
    }
    // Most text beyond ASCII, told at once.
    if matches!(found, '\u{ae}'..='\u{34e}' | '\u{3001}'..='\u{3163}' | '\u{3400}'..='\u{d7ff}') {
        return false;
    }
    matches!(found,
        '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{1680}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
        | '\u{2800}' | '\u{3000}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

/// What it is called in a refusal, without printing it.
pub(crate) fn name(found: char) -> String {
    let code = u32::from(found);
    match found {
        '\n' => "a line break".to_owned(),
        '\r' => "a carriage return".to_owned(),
        '\t' => "a tab".to_owned(),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' => {
            format!("a mark that turns the direction of writing (U+{code:04X})")
        }
        _ if found.is_control() => format!("a control character (U+{code:04X})"),
        _ => format!("an invisible character (U+{code:04X})"),
    }
}
