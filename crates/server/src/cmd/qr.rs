//! A QR code made of letters, for the phone in front of the terminal.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// The code of `text`, or nothing when it is too long for one. With `colour` it is black on white whatever the
/// terminal's colours are; without, it is made for light letters on a dark ground, as most terminals are.
pub(super) fn code(text: &str, colour: bool) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    let mut renderer = code.render::<Dense1x2>();
    if !colour {
        renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
    }
    let drawn = renderer.quiet_zone(true).build();
    if !colour {
        return Some(drawn);
    }
    let lines = drawn.lines().map(|line| format!("\x1b[30;107m{line}\x1b[0m"));
    Some(lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_a_square_and_a_novel_becomes_nothing() {
        let drawn = code("http://192.0.2.7:8080/play/live/demo", false).unwrap();
        let widths: Vec<usize> = drawn.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]));
        assert_eq!(widths.len(), widths[0].div_ceil(2));
        assert!(drawn.starts_with('█'), "the margin must be light on a dark terminal");
        assert!(code("a", true).unwrap().contains("\x1b[30;107m"));
        assert_eq!(code(&"a".repeat(10_000), false), None);
    }
}
