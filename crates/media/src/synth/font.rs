//! Letters as strokes: a round pen moved along lines and arcs, so type of any size is smooth.

use std::f32::consts::PI;

/// A part of a letter, in units of the height of a capital: y runs from 0 at the top to 1 at the foot.
#[derive(Debug, Clone, Copy)]
enum Stroke {
    /// The pen goes from point to point.
    Line(&'static [(f32, f32)]),
    /// Part of an ellipse: centre, radii, and from where to where in degrees, clockwise from the right.
    Arc(f32, f32, f32, f32, f32, f32),
}

use Stroke::{Arc, Line};

/// Width and strokes of a character. Small letters look like capitals; what is not here is a space.
fn shape(character: char) -> (f32, &'static [Stroke]) {
    match character.to_ascii_uppercase() {
        '0' => (
            0.6,
            &[
                Arc(0.3, 0.3, 0.3, 0.3, 180.0, 360.0),
                Line(&[(0.6, 0.3), (0.6, 0.7)]),
                Arc(0.3, 0.7, 0.3, 0.3, 0.0, 180.0),
                Line(&[(0.0, 0.7), (0.0, 0.3)]),
            ],
        ),
        '1' => (0.6, &[Line(&[(0.12, 0.2), (0.36, 0.0), (0.36, 1.0)])]),
        '2' => (
            0.6,
            &[Arc(0.3, 0.29, 0.29, 0.29, 185.0, 395.0), Line(&[(0.5376, 0.4563), (0.02, 1.0), (0.6, 1.0)])],
        ),
        '3' => (0.6, &[Arc(0.3, 0.25, 0.26, 0.25, 195.0, 450.0), Arc(0.3, 0.75, 0.29, 0.25, 270.0, 525.0)]),
        '4' => (0.6, &[Line(&[(0.47, 1.0), (0.47, 0.0), (0.0, 0.7), (0.62, 0.7)])]),
        '5' => {
            (0.6, &[Line(&[(0.55, 0.0), (0.1, 0.0), (0.06, 0.47)]), Arc(0.3, 0.68, 0.3, 0.32, 220.0, 515.0)])
        }
        '6' => (0.6, &[Arc(0.3, 0.69, 0.3, 0.31, 0.0, 360.0), Line(&[(0.4, 0.0), (0.04, 0.54)])]),
        '7' => (0.6, &[Line(&[(0.0, 0.0), (0.58, 0.0), (0.2, 1.0)])]),
        '8' => (0.6, &[Arc(0.3, 0.25, 0.26, 0.25, 0.0, 360.0), Arc(0.3, 0.75, 0.3, 0.25, 0.0, 360.0)]),
        '9' => (0.6, &[Arc(0.3, 0.31, 0.3, 0.31, 0.0, 360.0), Line(&[(0.56, 0.46), (0.2, 1.0)])]),
        'A' => (0.68, &[Line(&[(0.0, 1.0), (0.34, 0.0), (0.68, 1.0)]), Line(&[(0.12, 0.66), (0.56, 0.66)])]),
        'B' => (
            0.58,
            &[
                Line(&[(0.3, 0.48), (0.0, 0.48), (0.0, 0.0), (0.3, 0.0)]),
                Arc(0.3, 0.24, 0.24, 0.24, 270.0, 450.0),
                Line(&[(0.0, 0.48), (0.0, 1.0), (0.3, 1.0)]),
                Arc(0.3, 0.74, 0.28, 0.26, 270.0, 450.0),
            ],
        ),
        'C' => (
            0.64,
            &[
                Arc(0.34, 0.34, 0.34, 0.34, 180.0, 325.0),
                Line(&[(0.0, 0.34), (0.0, 0.66)]),
                Arc(0.34, 0.66, 0.34, 0.34, 35.0, 180.0),
            ],
        ),
        'D' => (
            0.62,
            &[
                Line(&[(0.28, 0.0), (0.0, 0.0), (0.0, 1.0), (0.28, 1.0)]),
                Arc(0.28, 0.34, 0.34, 0.34, 270.0, 360.0),
                Line(&[(0.62, 0.34), (0.62, 0.66)]),
                Arc(0.28, 0.66, 0.34, 0.34, 0.0, 90.0),
            ],
        ),
        'E' => (
            0.52,
            &[Line(&[(0.52, 0.0), (0.0, 0.0), (0.0, 1.0), (0.52, 1.0)]), Line(&[(0.0, 0.49), (0.46, 0.49)])],
        ),
        'F' => (0.52, &[Line(&[(0.52, 0.0), (0.0, 0.0), (0.0, 1.0)]), Line(&[(0.0, 0.51), (0.46, 0.51)])]),
        'G' => (
            0.66,
            &[
                Arc(0.34, 0.34, 0.34, 0.34, 180.0, 325.0),
                Line(&[(0.0, 0.34), (0.0, 0.66)]),
                Arc(0.34, 0.66, 0.32, 0.34, 0.0, 180.0),
                Line(&[(0.66, 0.66), (0.66, 0.54), (0.4, 0.54)]),
            ],
        ),
        'H' => (
            0.62,
            &[
                Line(&[(0.0, 0.0), (0.0, 1.0)]),
                Line(&[(0.62, 0.0), (0.62, 1.0)]),
                Line(&[(0.0, 0.49), (0.62, 0.49)]),
            ],
        ),
        'I' => (0.08, &[Line(&[(0.04, 0.0), (0.04, 1.0)])]),
        'J' => (0.48, &[Line(&[(0.48, 0.0), (0.48, 0.74)]), Arc(0.24, 0.74, 0.24, 0.26, 0.0, 165.0)]),
        'K' => (
            0.6,
            &[
                Line(&[(0.0, 0.0), (0.0, 1.0)]),
                Line(&[(0.56, 0.0), (0.0, 0.62)]),
                Line(&[(0.2, 0.42), (0.6, 1.0)]),
            ],
        ),
        'L' => (0.5, &[Line(&[(0.0, 0.0), (0.0, 1.0), (0.5, 1.0)])]),
        'M' => (0.76, &[Line(&[(0.0, 1.0), (0.0, 0.0), (0.38, 0.62), (0.76, 0.0), (0.76, 1.0)])]),
        'N' => (0.62, &[Line(&[(0.0, 1.0), (0.0, 0.0), (0.62, 1.0), (0.62, 0.0)])]),
        'O' => (
            0.68,
            &[
                Arc(0.34, 0.34, 0.34, 0.34, 180.0, 360.0),
                Line(&[(0.68, 0.34), (0.68, 0.66)]),
                Arc(0.34, 0.66, 0.34, 0.34, 0.0, 180.0),
                Line(&[(0.0, 0.66), (0.0, 0.34)]),
            ],
        ),
        'P' => (
            0.56,
            &[
                Line(&[(0.0, 1.0), (0.0, 0.0), (0.28, 0.0)]),
                Arc(0.28, 0.28, 0.28, 0.28, 270.0, 450.0),
                Line(&[(0.28, 0.56), (0.0, 0.56)]),
            ],
        ),
        'Q' => (
            0.68,
            &[
                Arc(0.34, 0.34, 0.34, 0.34, 180.0, 360.0),
                Line(&[(0.68, 0.34), (0.68, 0.66)]),
                Arc(0.34, 0.66, 0.34, 0.34, 0.0, 180.0),
                Line(&[(0.0, 0.66), (0.0, 0.34)]),
                Line(&[(0.42, 0.74), (0.68, 1.02)]),
            ],
        ),
        'R' => (
            0.58,
            &[
                Line(&[(0.0, 1.0), (0.0, 0.0), (0.28, 0.0)]),
                Arc(0.28, 0.27, 0.28, 0.27, 270.0, 450.0),
                Line(&[(0.28, 0.54), (0.0, 0.54)]),
                Line(&[(0.3, 0.54), (0.58, 1.0)]),
            ],
        ),
        'S' => (0.58, &[Arc(0.29, 0.25, 0.27, 0.25, 90.0, 335.0), Arc(0.29, 0.75, 0.29, 0.25, 270.0, 515.0)]),
        'T' => (0.6, &[Line(&[(0.0, 0.0), (0.6, 0.0)]), Line(&[(0.3, 0.0), (0.3, 1.0)])]),
        'U' => (
            0.62,
            &[
                Line(&[(0.0, 0.0), (0.0, 0.69)]),
                Arc(0.31, 0.69, 0.31, 0.31, 0.0, 180.0),
                Line(&[(0.62, 0.69), (0.62, 0.0)]),
            ],
        ),
        'V' => (0.66, &[Line(&[(0.0, 0.0), (0.33, 1.0), (0.66, 0.0)])]),
        'W' => (0.92, &[Line(&[(0.0, 0.0), (0.23, 1.0), (0.46, 0.16), (0.69, 1.0), (0.92, 0.0)])]),
        'X' => (0.6, &[Line(&[(0.0, 0.0), (0.6, 1.0)]), Line(&[(0.6, 0.0), (0.0, 1.0)])]),
        'Y' => (0.62, &[Line(&[(0.0, 0.0), (0.31, 0.5), (0.62, 0.0)]), Line(&[(0.31, 0.5), (0.31, 1.0)])]),
        'Z' => (0.58, &[Line(&[(0.0, 0.0), (0.58, 0.0), (0.0, 1.0), (0.58, 1.0)])]),
        ':' => (0.1, &[Line(&[(0.05, 0.3), (0.05, 0.3)]), Line(&[(0.05, 0.76), (0.05, 0.76)])]),
        '.' => (0.1, &[Line(&[(0.05, 1.0), (0.05, 1.0)])]),
        '-' => (0.36, &[Line(&[(0.02, 0.53), (0.34, 0.53)])]),
        '+' => (0.46, &[Line(&[(0.02, 0.53), (0.44, 0.53)]), Line(&[(0.23, 0.32), (0.23, 0.74)])]),
        '/' => (0.4, &[Line(&[(0.0, 1.0), (0.4, 0.0)])]),
        '_' => (0.5, &[Line(&[(0.0, 1.0), (0.5, 1.0)])]),
        '堰' => (
            1.0,
            &[
                Line(&[(0.02, 0.37), (0.34, 0.37)]),
                Line(&[(0.18, 0.06), (0.18, 0.82)]),
                Line(&[(0.0, 0.88), (0.36, 0.75)]),
                Line(&[(0.98, 0.07), (0.44, 0.07), (0.44, 0.97), (1.0, 0.97)]),
                Line(&[(0.58, 0.2), (0.86, 0.2), (0.86, 0.48), (0.58, 0.48), (0.58, 0.2)]),
                Line(&[(0.58, 0.34), (0.86, 0.34)]),
                Line(&[(0.7, 0.54), (0.61, 0.74), (0.9, 0.89)]),
                Line(&[(0.84, 0.64), (0.76, 0.79), (0.56, 0.89)]),
                Line(&[(0.53, 0.64), (0.97, 0.64)]),
            ],
        ),
        _ => (0.3, &[]),
    }
}

/// A character as it covers pixels.
#[derive(Debug, Clone)]
pub(super) struct Glyph {
    /// Pixels of [`Glyph::coverage`] in a row.
    pub(super) width: usize,
    /// How much of each pixel is covered, 255 being all.
    pub(super) coverage: Vec<u8>,
    /// Pixels around the letter on each side, for the pen.
    pub(super) margin: usize,
    /// From this letter to the next without any space between them.
    pub(super) advance: f32,
}

impl Glyph {
    /// Draws a character whose capitals are `height` pixels high with a pen of `pen` pixels.
    pub(super) fn draw(character: char, height: f32, pen: f32) -> Glyph {
        let (advance, strokes) = shape(character);
        let points = lines(strokes, height);
        let margin = pen.ceil() as usize;
        let width = (advance * height).ceil() as usize + 2 * margin;
        let rows = height.ceil() as usize + 2 * margin;
        let mut coverage = vec![0; width * rows];
        for (at, covered) in coverage.iter_mut().enumerate() {
            let x = (at % width) as f32 + 0.5 - margin as f32;
            let y = (at / width) as f32 + 0.5 - margin as f32;
            let nearest = points.iter().fold(f32::MAX, |nearest, line| nearest.min(distance((x, y), *line)));
            *covered = ((pen / 2.0 + 0.5 - nearest).clamp(0.0, 1.0) * 255.0) as u8;
        }
        Glyph { width, coverage, margin, advance: advance * height }
    }
}

type Segment = ((f32, f32), (f32, f32));

fn lines(strokes: &[Stroke], scale: f32) -> Vec<Segment> {
    const PIECES: usize = 24;
    let scaled = |(x, y): (f32, f32)| (x * scale, y * scale);
    let mut out = Vec::new();
    for stroke in strokes {
        let points: Vec<(f32, f32)> = match *stroke {
            Line(points) => points.iter().copied().map(scaled).collect(),
            Arc(x, y, rx, ry, from, to) => (0..=PIECES)
                .map(|piece| {
                    let angle = (from + (to - from) * piece as f32 / PIECES as f32) * PI / 180.0;
                    scaled((x + rx * angle.cos(), y + ry * angle.sin()))
                })
                .collect(),
        };
        out.extend(points.windows(2).map(|pair| (pair[0], pair[1])));
    }
    out
}

fn distance((x, y): (f32, f32), ((ax, ay), (bx, by)): Segment) -> f32 {
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { (((x - ax) * dx + (y - ay) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    ((x - ax - along * dx).powi(2) + (y - ay - along * dy).powi(2)).sqrt()
}
