//! What the demo shows: its name, a clock, colour bars, one lamp per frame of the second, and water.

use std::f32::consts::TAU;

use super::FPS;
use super::font::Glyph;
use super::h264::{HEIGHT, Picture, WIDTH};

/// Red, green, blue.
type Colour = [u8; 3];

const WHITE: Colour = [236, 243, 248];
const MUTED: Colour = [138, 164, 184];
const TEAL: Colour = [34, 190, 176];
const RED: Colour = [228, 72, 76];
const LAMP_OFF: Colour = [34, 58, 82];
const LAMP_ON: Colour = [58, 122, 138];
const SKY_TOP: [f32; 3] = [9.0, 17.0, 33.0];
const SKY_FOOT: [f32; 3] = [20.0, 52.0, 78.0];
const WATER_BACK: Colour = [22, 92, 112];
const WATER_FRONT: Colour = [26, 132, 142];

/// The colours of the bars at three quarters, in the order of their brightness.
const BARS: [Colour; 8] = [
    [191, 191, 191],
    [191, 191, 0],
    [0, 191, 191],
    [0, 191, 0],
    [191, 0, 191],
    [191, 0, 0],
    [0, 0, 191],
    [12, 12, 12],
];

/// Everything is set on the width of the clock.
const LEFT: usize = 124;
const RIGHT: usize = WIDTH - LEFT;

const CLOCK_HEIGHT: f32 = 76.0;
const CLOCK_TOP: usize = 122;
const CLOCK_PEN: f32 = 8.0;
const DATE_TOP: usize = 226;
const BARS_TOP: usize = 256;
const BARS_HEIGHT: usize = 12;
const LAMPS_TOP: usize = 280;
const LAMP: usize = 10;
/// Between these lines the water moves; below it is still, so it is drawn once.
const WATER_TOP: usize = 310;
const WATER_FOOT: usize = 344;

/// Most characters of a title that fit.
const MAX_TITLE: usize = 30;

/// The card, and what of it was drawn last.
#[derive(Debug)]
pub(super) struct Card {
    pixels: Vec<Colour>,
    picture: Picture,
    digits: Vec<Glyph>,
    shown: Option<String>,
    dated: Option<String>,
    zone: String,
}

impl Card {
    pub(super) fn new(title: &str, zone: String) -> Card {
        let mut card = Card {
            pixels: vec![[0; 3]; WIDTH * HEIGHT],
            picture: Picture::new(),
            digits: ('0'..='9')
                .chain([':'])
                .map(|digit| Glyph::draw(digit, CLOCK_HEIGHT, CLOCK_PEN))
                .collect(),
            shown: None,
            dated: None,
            zone,
        };
        card.sky(0, 0, WIDTH, HEIGHT);
        card.rounded(32, 28, 52, 52, 12.0, TEAL);
        card.text("堰", 42.0, 38.0, 32.0, 3.4, [8, 34, 48]);
        card.text("WEIR", 102.0, 31.0, 24.0, 3.8, WHITE);
        let title: String = title.chars().take(MAX_TITLE).collect();
        card.text(&title, 102.0, 66.0, 11.0, 1.6, MUTED);
        card.rounded(540, 32, 68, 26, 13.0, RED);
        card.disc(556.0, 45.0, 4.0, WHITE);
        card.text("LIVE", 566.0, 39.5, 11.0, 2.0, WHITE);
        let bar = (RIGHT - LEFT) / BARS.len();
        for (index, colour) in BARS.iter().enumerate() {
            card.fill(LEFT + index * bar, BARS_TOP, bar, BARS_HEIGHT, *colour);
        }
        card.fill(0, WATER_FOOT, WIDTH, HEIGHT - WATER_FOOT, WATER_FRONT);
        card.convert(0, 0, WIDTH, HEIGHT);
        card
    }

    /// The picture at a moment: `wall_ms` since 1970 in the zone that is shown, the number of the frame in its
    /// second, and the time since the start for what moves.
    pub(super) fn at(&mut self, wall_ms: i64, frame: u32, time_ms: i64) -> &Picture {
        let seconds = wall_ms.div_euclid(1_000);
        let of_day = seconds.rem_euclid(86_400);
        self.clock(format!("{:02}:{:02}:{:02}", of_day / 3_600, of_day / 60 % 60, of_day % 60));
        let (year, month, day) = civil(seconds.div_euclid(86_400));
        self.date(format!("{year:04}-{month:02}-{day:02}   {}", self.zone));
        self.lamps(frame);
        self.water(time_ms);
        &self.picture
    }

    fn clock(&mut self, text: String) {
        if self.shown.as_ref() == Some(&text) {
            return;
        }
        // Cells of one width, so that nothing moves when a digit changes. Together they span LEFT to RIGHT.
        let (cell, colon) = (58, 22);
        let mut x = LEFT + (RIGHT - LEFT - 6 * cell - 2 * colon) / 2;
        for (at, character) in text.chars().enumerate() {
            let width = if character == ':' { colon } else { cell };
            let before = self.shown.as_ref().and_then(|shown| shown.chars().nth(at));
            if before != Some(character) {
                self.sky(x, CLOCK_TOP - 8, width, CLOCK_HEIGHT as usize + 16);
                let index = character.to_digit(10).map_or(10, |digit| digit as usize);
                if let Some(glyph) = self.digits.get(index).cloned() {
                    let left = x as f32 + (width as f32 - glyph.advance) / 2.0;
                    self.stamp(&glyph, left.round() as usize, CLOCK_TOP, WHITE);
                }
                self.convert(x, CLOCK_TOP - 8, width, CLOCK_HEIGHT as usize + 16);
            }
            x += width;
        }
        self.shown = Some(text);
    }

    fn date(&mut self, text: String) {
        if self.dated.as_ref() == Some(&text) {
            return;
        }
        self.sky(LEFT, DATE_TOP - 4, RIGHT - LEFT, 22);
        let width = self.text_width(&text, 13.0);
        self.text(&text, (WIDTH as f32 - width) / 2.0, DATE_TOP as f32, 13.0, 1.8, MUTED);
        self.convert(LEFT, DATE_TOP - 4, RIGHT - LEFT, 22);
        self.dated = Some(text);
    }

    /// A lamp for each frame of the second: those before are dim, the present one is bright.
    fn lamps(&mut self, frame: u32) {
        let pitch = (RIGHT - LEFT - LAMP) as f32 / (FPS - 1) as f32;
        for lamp in 0..FPS {
            let colour = match lamp.cmp(&frame) {
                std::cmp::Ordering::Less => LAMP_ON,
                std::cmp::Ordering::Equal if frame == 0 => WHITE,
                std::cmp::Ordering::Equal => TEAL,
                std::cmp::Ordering::Greater => LAMP_OFF,
            };
            let x = LEFT + (lamp as f32 * pitch).round() as usize;
            if self.pixels[(LAMPS_TOP + LAMP / 2) * WIDTH + x + LAMP / 2] != colour {
                self.fill(x, LAMPS_TOP, LAMP, LAMP, colour);
                self.convert(x & !1, LAMPS_TOP, LAMP + 2, LAMP);
            }
        }
    }

    /// Two waves, the nearer one faster.
    fn water(&mut self, time_ms: i64) {
        // Sixty seconds hold a whole number of periods of every wave, so nothing leaps and no angle grows large.
        let time = time_ms.rem_euclid(60_000) as f32 / 1_000.0;
        let sky: Vec<Colour> = (WATER_TOP..WATER_FOOT).map(sky_colour).collect();
        for x in 0..WIDTH {
            let along = x as f32 / WIDTH as f32;
            let wave =
                |height: f32, waves: f32, hertz: f32| height * (TAU * (waves * along + hertz * time)).sin();
            let back = 319.0 + wave(5.0, 2.0, 0.2) + wave(2.5, 5.0, -0.15);
            let front = 334.0 + wave(5.5, 1.5, -0.25) + wave(2.5, 4.0, -0.4);
            for (line, sky) in sky.iter().enumerate() {
                let y = WATER_TOP + line;
                let covered = |surface: f32| (y as f32 + 1.0 - surface).clamp(0.0, 1.0);
                let colour = blend(*sky, WATER_BACK, covered(back));
                self.pixels[y * WIDTH + x] = blend(colour, WATER_FRONT, covered(front));
            }
        }
        self.convert(0, WATER_TOP, WIDTH, WATER_FOOT - WATER_TOP);
    }

    fn sky(&mut self, x: usize, y: usize, width: usize, height: usize) {
        for line in y..y + height {
            self.pixels[line * WIDTH + x..][..width].fill(sky_colour(line));
        }
    }

    fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Colour) {
        for line in y..y + height {
            self.pixels[line * WIDTH + x..][..width].fill(colour);
        }
    }

    fn rounded(&mut self, x: usize, y: usize, width: usize, height: usize, radius: f32, colour: Colour) {
        for line in 0..height {
            for at in 0..width {
                let outside = |at: usize, size: usize| {
                    let at = at as f32 + 0.5;
                    (radius - at).max(at - (size as f32 - radius)).max(0.0)
                };
                let away = outside(at, width).hypot(outside(line, height));
                self.mix(x + at, y + line, colour, (radius + 0.5 - away).clamp(0.0, 1.0));
            }
        }
    }

    fn disc(&mut self, x: f32, y: f32, radius: f32, colour: Colour) {
        let (left, top) = ((x - radius) as usize, (y - radius) as usize);
        for line in top..top + 2 * radius as usize + 1 {
            for at in left..left + 2 * radius as usize + 1 {
                let away = (at as f32 + 0.5 - x).hypot(line as f32 + 0.5 - y);
                self.mix(at, line, colour, (radius + 0.5 - away).clamp(0.0, 1.0));
            }
        }
    }

    fn text_width(&self, text: &str, height: f32) -> f32 {
        let space = text_space(height);
        text.chars().map(|character| Glyph::draw(character, height, 1.0).advance + space).sum::<f32>() - space
    }

    fn text(&mut self, text: &str, x: f32, y: f32, height: f32, pen: f32, colour: Colour) {
        let mut x = x;
        for character in text.chars() {
            let glyph = Glyph::draw(character, height, pen);
            self.stamp(&glyph, x.round() as usize, y.round() as usize, colour);
            x += glyph.advance + text_space(height);
        }
    }

    fn stamp(&mut self, glyph: &Glyph, x: usize, y: usize, colour: Colour) {
        for (at, coverage) in glyph.coverage.iter().enumerate() {
            let (left, top) = (x + at % glyph.width, y + at / glyph.width);
            if *coverage > 0 && left >= glyph.margin && top >= glyph.margin {
                self.mix(left - glyph.margin, top - glyph.margin, colour, f32::from(*coverage) / 255.0);
            }
        }
    }

    fn mix(&mut self, x: usize, y: usize, colour: Colour, share: f32) {
        if x < WIDTH && y < HEIGHT {
            let pixel = &mut self.pixels[y * WIDTH + x];
            *pixel = blend(*pixel, colour, share);
        }
    }

    /// Carries an area over into the picture. Its edges are rounded outwards to whole chroma samples.
    fn convert(&mut self, x: usize, y: usize, width: usize, height: usize) {
        let (right, foot) = ((x + width).min(WIDTH), (y + height).min(HEIGHT));
        for top in (y & !1..foot).step_by(2) {
            for left in (x & !1..right).step_by(2) {
                let mut sum = [0; 3];
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    let pixel = self.pixels[(top + dy) * WIDTH + left + dx];
                    self.picture.planes[0].set(left + dx, top + dy, luma(pixel));
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += i32::from(value);
                    }
                }
                let [blue, red] = chroma(sum);
                self.picture.planes[1].set(left / 2, top / 2, blue);
                self.picture.planes[2].set(left / 2, top / 2, red);
            }
        }
    }
}

fn text_space(height: f32) -> f32 {
    height * 0.3
}

/// Bands of one macroblock, each a little brighter than the one above: flat areas cost nothing to code.
fn sky_colour(y: usize) -> Colour {
    let share = (y / 16) as f32 / (HEIGHT / 16) as f32;
    let mut out = [0; 3];
    for (index, value) in out.iter_mut().enumerate() {
        *value = (SKY_TOP[index] + (SKY_FOOT[index] - SKY_TOP[index]) * share).round() as u8;
    }
    out
}

fn blend(under: Colour, over: Colour, share: f32) -> Colour {
    if share <= 0.0 {
        return under;
    }
    if share >= 1.0 {
        return over;
    }
    let mut out = [0; 3];
    for (index, value) in out.iter_mut().enumerate() {
        let (under, over) = (f32::from(under[index]), f32::from(over[index]));
        *value = (under + (over - under) * share).round() as u8;
    }
    out
}

/// BT.709, limited range, in 16 bits of fraction.
fn luma([red, green, blue]: Colour) -> u8 {
    let sum = 11_966 * i32::from(red) + 40_254 * i32::from(green) + 4_064 * i32::from(blue);
    (16 + ((sum + 32_768) >> 16)) as u8
}

/// Of the sum of four pixels.
fn chroma([red, green, blue]: [i32; 3]) -> [u8; 2] {
    let scaled = |sum: i32| (128 + ((sum + 131_072) >> 18)).clamp(0, 255) as u8;
    [
        scaled(-6_596 * red - 22_188 * green + 28_784 * blue),
        scaled(28_784 * red - 26_145 * green - 2_639 * blue),
    ]
}

/// The Gregorian date of a day counted from 1970-01-01, over eras of 400 years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
