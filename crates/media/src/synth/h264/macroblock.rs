//! One macroblock: predicted, transformed, quantised, and put together again as a decoder does.

use super::{Plane, QP};

/// Forward and backward factors of the quantiser (section 8.5.9 and its inverse), for QP % 6: positions where
/// both coordinates are even, both odd, and the rest.
const FORWARD: [[i32; 3]; 6] = [
    [13_107, 5_243, 8_066],
    [11_916, 4_660, 7_490],
    [10_082, 4_194, 6_554],
    [9_362, 3_647, 5_825],
    [8_192, 3_355, 5_243],
    [7_282, 2_893, 4_559],
];
const BACKWARD: [[i32; 3]; 6] =
    [[10, 16, 13], [11, 18, 14], [13, 20, 16], [14, 23, 18], [16, 25, 20], [18, 29, 23]];

/// The order of the coefficients of a block (section 8.5.6).
pub(super) const ZIGZAG: [usize; 16] = [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15];

/// How a macroblock is predicted from its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Vertical,
    Horizontal,
    Mean,
}

impl Mode {
    pub(super) fn luma_number(self) -> u32 {
        match self {
            Mode::Vertical => 0,
            Mode::Horizontal => 1,
            Mode::Mean => 2,
        }
    }

    pub(super) fn chroma_number(self) -> u32 {
        match self {
            Mode::Mean => 0,
            Mode::Horizontal => 1,
            Mode::Vertical => 2,
        }
    }
}

/// One component of a macroblock of `N` by `N` samples, coded and reconstructed.
pub(super) struct Coded<const N: usize> {
    /// How it is predicted.
    pub(super) mode: Mode,
    /// Quantised DC coefficients, by rows of blocks.
    pub(super) dc: [i32; 16],
    /// Quantised coefficients in scan order, of which the first is not used.
    pub(super) ac: [[i32; 16]; 16],
}

impl<const N: usize> Coded<N> {
    pub(super) fn new(source: &Plane, decoded: &mut Plane, column: usize, row: usize) -> Coded<N> {
        let mut best = (u32::MAX, Mode::Mean);
        for mode in [Mode::Mean, Mode::Vertical, Mode::Horizontal] {
            if mode == Mode::Vertical && row == 0 || mode == Mode::Horizontal && column == 0 {
                continue;
            }
            let predicted = predict::<N>(decoded, column, row, mode);
            let cost = difference::<N>(source, &predicted, column, row);
            if cost < best.0 {
                best = (cost, mode);
            }
            if cost == 0 {
                break;
            }
        }
        Coded::with_mode(source, decoded, column, row, best.1)
    }

    pub(super) fn with_mode(
        source: &Plane,
        decoded: &mut Plane,
        column: usize,
        row: usize,
        mode: Mode,
    ) -> Coded<N> {
        let predicted = predict::<N>(decoded, column, row, mode);
        let side = N / 4;
        let mut coded = Coded { mode, dc: [0; 16], ac: [[0; 16]; 16] };
        if difference::<N>(source, &predicted, column, row) == 0 {
            for (y, line) in predicted.iter().enumerate() {
                for (x, value) in line.iter().enumerate() {
                    decoded.set(column * N + x, row * N + y, *value);
                }
            }
            return coded;
        }
        let mut dc = [0; 16];
        for (block, dc) in dc.iter_mut().enumerate().take(side * side) {
            let (x, y) = (block % side * 4, block / side * 4);
            let mut residual = [0; 16];
            for line in 0..4 {
                let original = source.row(column * N + x, row * N + y + line, 4);
                for at in 0..4 {
                    residual[line * 4 + at] =
                        i32::from(original[at]) - i32::from(predicted[y + line][x + at]);
                }
            }
            let transformed = transform(residual);
            *dc = transformed[0];
            for at in 1..16 {
                coded.ac[block][at] = quantise(transformed[ZIGZAG[at]], ZIGZAG[at], 0);
            }
        }
        let dc = if N == 16 {
            let sums = hadamard4(dc).map(|sum| sum >> 1);
            coded.dc = sums.map(|sum| quantise(sum, 0, 1));
            hadamard4(coded.dc).map(|sum| (sum * (BACKWARD[QP % 6][0] << (QP / 6))) >> 2)
        } else {
            let sums = hadamard2(dc);
            coded.dc = sums.map(|sum| quantise(sum, 0, 1));
            hadamard2(coded.dc).map(|sum| (sum * (BACKWARD[QP % 6][0] << (QP / 6))) >> 1)
        };
        for (block, dc) in dc.iter().enumerate().take(side * side) {
            let (x, y) = (block % side * 4, block / side * 4);
            let mut coefficients = [0; 16];
            coefficients[0] = *dc;
            for (level, position) in coded.ac[block].iter().zip(ZIGZAG).skip(1) {
                coefficients[position] = level * (BACKWARD[QP % 6][class(position)] << (QP / 6));
            }
            let residual = inverse(coefficients);
            for line in 0..4 {
                for at in 0..4 {
                    let value = i32::from(predicted[y + line][x + at]) + residual[line * 4 + at];
                    decoded.set(column * N + x + at, row * N + y + line, value.clamp(0, 255) as u8);
                }
            }
        }
        coded
    }

    pub(super) fn has_dc(&self) -> bool {
        self.dc.iter().any(|level| *level != 0)
    }

    pub(super) fn has_ac(&self) -> bool {
        self.ac.iter().any(|block| block[1..].iter().any(|level| *level != 0))
    }
}

fn difference<const N: usize>(source: &Plane, predicted: &[[u8; N]; N], column: usize, row: usize) -> u32 {
    let mut sum = 0;
    for (y, line) in predicted.iter().enumerate() {
        for (one, two) in source.row(column * N, row * N + y, N).iter().zip(line) {
            sum += u32::from(one.abs_diff(*two));
        }
    }
    sum
}

/// Sections 8.3.3 and 8.3.4.
fn predict<const N: usize>(decoded: &Plane, column: usize, row: usize, mode: Mode) -> [[u8; N]; N] {
    let (x, y) = (column * N, row * N);
    let mut out = [[0; N]; N];
    match mode {
        Mode::Vertical => out.fill_with(|| {
            let mut line = [0; N];
            line.copy_from_slice(decoded.row(x, y - 1, N));
            line
        }),
        Mode::Horizontal => {
            for (line, samples) in out.iter_mut().enumerate() {
                samples.fill(decoded.at(x - 1, y + line));
            }
        }
        Mode::Mean => {
            // Luma has one mean; chroma one for each block of four by four.
            let size = if N == 16 { 16 } else { 4 };
            for by in (0..N).step_by(size) {
                for bx in (0..N).step_by(size) {
                    let value = mean(decoded, (x, y), (bx, by), size, (column > 0, row > 0));
                    for line in &mut out[by..by + size] {
                        line[bx..bx + size].fill(value);
                    }
                }
            }
        }
    }
    out
}

fn mean(
    decoded: &Plane,
    (x, y): (usize, usize),
    (bx, by): (usize, usize),
    size: usize,
    (has_left, has_above): (bool, bool),
) -> u8 {
    let above: u32 = if has_above {
        decoded.row(x + bx, y - 1, size).iter().map(|sample| u32::from(*sample)).sum()
    } else {
        0
    };
    let left: u32 =
        if has_left { (0..size).map(|line| u32::from(decoded.at(x - 1, y + by + line))).sum() } else { 0 };
    // Blocks on the other diagonal use the one edge that they touch, where there is one.
    let (use_left, use_above) = match (bx > 0, by > 0) {
        (true, false) if has_above => (false, true),
        (false, true) if has_left => (true, false),
        _ => (has_left, has_above),
    };
    let count = size as u32;
    let value = match (use_left, use_above) {
        (true, true) => (left + above + count) / (2 * count),
        (true, false) => (left + count / 2) / count,
        (false, true) => (above + count / 2) / count,
        (false, false) => 128,
    };
    value as u8
}

/// Which quantiser factor a position has.
fn class(position: usize) -> usize {
    match (position % 4 % 2, position / 4 % 2) {
        (0, 0) => 0,
        (1, 1) => 1,
        _ => 2,
    }
}

/// Rounds towards zero by a third, the usual dead zone for intra blocks.
fn quantise(value: i32, position: usize, extra: usize) -> i32 {
    let shift = 15 + QP / 6 + extra;
    let level = (value.abs() * FORWARD[QP % 6][class(position)] + (1 << shift) / 3) >> shift;
    level * value.signum()
}

/// The core transform of a four by four block.
fn transform(block: [i32; 16]) -> [i32; 16] {
    let step = |a: i32, b: i32, c: i32, d: i32| {
        let (sum, inner, outer, difference) = (a + d, b + c, a - d, b - c);
        [sum + inner, 2 * outer + difference, sum - inner, outer - 2 * difference]
    };
    both_ways(block, step)
}

/// The inverse core transform (section 8.5.12.2), with its final rounding.
fn inverse(block: [i32; 16]) -> [i32; 16] {
    let step = |a: i32, b: i32, c: i32, d: i32| {
        let (e, f, g, h) = (a + c, a - c, (b >> 1) - d, b + (d >> 1));
        [e + h, f + g, f - g, e - h]
    };
    both_ways(block, step).map(|value| (value + 32) >> 6)
}

fn hadamard4(block: [i32; 16]) -> [i32; 16] {
    let step = |a: i32, b: i32, c: i32, d: i32| {
        let (e, f, g, h) = (a + b, a - b, c + d, c - d);
        [e + g, e - g, f - h, f + h]
    };
    both_ways(block, step)
}

/// The first four values as two by two.
fn hadamard2(block: [i32; 16]) -> [i32; 16] {
    let [a, b, c, d, ..] = block;
    let mut out = [0; 16];
    out[..4].copy_from_slice(&[a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d]);
    out
}

/// Applies a step of four values to the rows, then to the columns.
fn both_ways(block: [i32; 16], step: impl Fn(i32, i32, i32, i32) -> [i32; 4]) -> [i32; 16] {
    let mut rows = [0; 16];
    for line in 0..4 {
        let at = line * 4;
        rows[at..at + 4].copy_from_slice(&step(block[at], block[at + 1], block[at + 2], block[at + 3]));
    }
    let mut out = [0; 16];
    for at in 0..4 {
        let column = step(rows[at], rows[at + 4], rows[at + 8], rows[at + 12]);
        for line in 0..4 {
            out[line * 4 + at] = column[line];
        }
    }
    out
}
