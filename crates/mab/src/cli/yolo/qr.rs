//! A QR code (ISO/IEC 18004) in half blocks: two dots in one character.

use qrcode::{Color, EcLevel, QrCode};

/// Dots of white around it; four are asked for, two are enough for cameras of telephones.
const QUIET: usize = 2;

/// The lines of a code for `text`, each as wide as it has characters; none when it is too long for one. Dark dots are
/// painted as such on white, whatever the colours of the terminal are.
pub(super) fn lines(text: &str) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let width = code.width();
    let colours = code.into_colors();
    let is_dark = |x: usize, y: usize| {
        let (x, y) = (x.checked_sub(QUIET)?, y.checked_sub(QUIET)?);
        let at = (x < width && y < width).then_some(y * width + x)?;
        Some(*colours.get(at)? == Color::Dark)
    };
    let side = width + 2 * QUIET;
    let line = |y: usize| {
        let dot = |x: usize| match (is_dark(x, y).unwrap_or(false), is_dark(x, y + 1).unwrap_or(false)) {
            (true, true) => ' ',
            (true, false) => '▄',
            (false, true) => '▀',
            (false, false) => '█',
        };
        (0..side).map(dot).collect()
    };
    Some((0..side).step_by(2).map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_when_drawn_has_a_white_edge_and_fits_a_small_terminal() {
        let text = format!("otpauth://totp/mab:0123abcd?secret={}&issuer=mab", "A".repeat(32));
        let lines = lines(&text).unwrap();
        let first = lines.first().unwrap();
        assert!(lines.len() <= 22 && first.chars().count() <= 78, "{}", lines.len());
        assert!(first.chars().all(|dot| dot == '█'), "{first}");
        assert!(lines.iter().all(|line| line.starts_with("██") && line.ends_with("██")));
        assert!(lines.iter().any(|line| line.contains('▄')) && lines.iter().any(|line| line.contains(' ')));
    }
}
