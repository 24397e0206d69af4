//! Coefficients as variable-length codes (ITU-T H.264 section 9.2).

use super::bits::BitWriter;

/// Length and code of each `coeff_token` (table 9-5), by the range of nC, total coefficients and trailing ones.
#[rustfmt::skip]
const TOKEN_LEN: [[u8; 68]; 4] = [
    [1, 0, 0, 0, 6, 2, 0, 0, 8, 6, 3, 0, 9, 8, 7, 5, 10, 9, 8, 6, 11, 10, 9, 7, 13, 11, 10, 8, 13, 13, 11, 9, 13, 13, 13, 10, 14, 14, 13, 11, 14, 14, 14, 13, 15, 15, 14, 14, 15, 15, 15, 14, 16, 15, 15, 15, 16, 16, 16, 15, 16, 16, 16, 16, 16, 16, 16, 16],
    [2, 0, 0, 0, 6, 2, 0, 0, 6, 5, 3, 0, 7, 6, 6, 4, 8, 6, 6, 4, 8, 7, 7, 5, 9, 8, 8, 6, 11, 9, 9, 6, 11, 11, 11, 7, 12, 11, 11, 9, 12, 12, 12, 11, 12, 12, 12, 11, 13, 13, 13, 12, 13, 13, 13, 13, 13, 14, 13, 13, 14, 14, 14, 13, 14, 14, 14, 14],
    [4, 0, 0, 0, 6, 4, 0, 0, 6, 5, 4, 0, 6, 5, 5, 4, 7, 5, 5, 4, 7, 5, 5, 4, 7, 6, 6, 4, 7, 6, 6, 4, 8, 7, 7, 5, 8, 8, 7, 6, 9, 8, 8, 7, 9, 9, 8, 8, 9, 9, 9, 8, 10, 9, 9, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10],
    [6, 0, 0, 0, 6, 6, 0, 0, 6, 6, 6, 0, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6],
];
#[rustfmt::skip]
const TOKEN_CODE: [[u8; 68]; 4] = [
    [1, 0, 0, 0, 5, 1, 0, 0, 7, 4, 1, 0, 7, 6, 5, 3, 7, 6, 5, 3, 7, 6, 5, 4, 15, 6, 5, 4, 11, 14, 5, 4, 8, 10, 13, 4, 15, 14, 9, 4, 11, 10, 13, 12, 15, 14, 9, 12, 11, 10, 13, 8, 15, 1, 9, 12, 11, 14, 13, 8, 7, 10, 9, 12, 4, 6, 5, 8],
    [3, 0, 0, 0, 11, 2, 0, 0, 7, 7, 3, 0, 7, 10, 9, 5, 7, 6, 5, 4, 4, 6, 5, 6, 7, 6, 5, 8, 15, 6, 5, 4, 11, 14, 13, 4, 15, 10, 9, 4, 11, 14, 13, 12, 8, 10, 9, 8, 15, 14, 13, 12, 11, 10, 9, 12, 7, 11, 6, 8, 9, 8, 10, 1, 7, 6, 5, 4],
    [15, 0, 0, 0, 15, 14, 0, 0, 11, 15, 13, 0, 8, 12, 14, 12, 15, 10, 11, 11, 11, 8, 9, 10, 9, 14, 13, 9, 8, 10, 9, 8, 15, 14, 13, 13, 11, 14, 10, 12, 15, 10, 13, 12, 11, 14, 9, 12, 8, 10, 13, 8, 13, 7, 9, 12, 9, 12, 11, 10, 5, 8, 7, 6, 1, 4, 3, 2],
    [3, 0, 0, 0, 0, 1, 0, 0, 4, 5, 6, 0, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63],
];
/// The same for the four chroma DC coefficients.
const CHROMA_TOKEN_LEN: [u8; 20] = [2, 0, 0, 0, 6, 1, 0, 0, 6, 6, 3, 0, 6, 7, 7, 6, 6, 8, 8, 7];
const CHROMA_TOKEN_CODE: [u8; 20] = [1, 0, 0, 0, 7, 1, 0, 0, 4, 6, 1, 0, 3, 3, 2, 5, 2, 3, 2, 0];

/// Length and code of `total_zeros` (tables 9-7 and 9-8), by total coefficients less one.
const ZEROS_LEN: [&[u8]; 15] = [
    &[1, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 9],
    &[3, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6, 6, 6, 6],
    &[4, 3, 3, 3, 4, 4, 3, 3, 4, 5, 5, 6, 5, 6],
    &[5, 3, 4, 4, 3, 3, 3, 4, 3, 4, 5, 5, 5],
    &[4, 4, 4, 3, 3, 3, 3, 3, 4, 5, 4, 5],
    &[6, 5, 3, 3, 3, 3, 3, 3, 4, 3, 6],
    &[6, 5, 3, 3, 3, 2, 3, 4, 3, 6],
    &[6, 4, 5, 3, 2, 2, 3, 3, 6],
    &[6, 6, 4, 2, 2, 3, 2, 5],
    &[5, 5, 3, 2, 2, 2, 4],
    &[4, 4, 3, 3, 1, 3],
    &[4, 4, 2, 1, 3],
    &[3, 3, 1, 2],
    &[2, 2, 1],
    &[1, 1],
];
const ZEROS_CODE: [&[u8]; 15] = [
    &[1, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 1],
    &[7, 6, 5, 4, 3, 5, 4, 3, 2, 3, 2, 3, 2, 1, 0],
    &[5, 7, 6, 5, 4, 3, 4, 3, 2, 3, 2, 1, 1, 0],
    &[3, 7, 5, 4, 6, 5, 4, 3, 3, 2, 2, 1, 0],
    &[5, 4, 3, 7, 6, 5, 4, 3, 2, 1, 1, 0],
    &[1, 1, 7, 6, 5, 4, 3, 2, 1, 1, 0],
    &[1, 1, 5, 4, 3, 3, 2, 1, 1, 0],
    &[1, 1, 1, 3, 3, 2, 2, 1, 0],
    &[1, 0, 1, 3, 2, 1, 1, 1],
    &[1, 0, 1, 3, 2, 1, 1],
    &[0, 1, 1, 2, 1, 3],
    &[0, 1, 1, 1, 1],
    &[0, 1, 1, 1],
    &[0, 1, 1],
    &[0, 1],
];
/// The same for the four chroma DC coefficients (table 9-9 a).
const CHROMA_ZEROS_LEN: [&[u8]; 3] = [&[1, 2, 3, 3], &[1, 2, 2], &[1, 1]];
const CHROMA_ZEROS_CODE: [&[u8]; 3] = [&[1, 1, 1, 0], &[1, 1, 0], &[1, 0]];

/// Length and code of `run_before` (table 9-10), by zeros left less one, 7 and more being one row.
const RUN_LEN: [&[u8]; 7] = [
    &[1, 1],
    &[1, 2, 2],
    &[2, 2, 2, 2],
    &[2, 2, 2, 3, 3],
    &[2, 2, 3, 3, 3, 3],
    &[2, 3, 3, 3, 3, 3, 3],
    &[3, 3, 3, 3, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11],
];
const RUN_CODE: [&[u8]; 7] = [
    &[1, 0],
    &[1, 1, 0],
    &[3, 2, 1, 0],
    &[3, 2, 1, 1, 0],
    &[3, 2, 3, 2, 1, 0],
    &[3, 0, 1, 3, 2, 5, 4],
    &[7, 6, 5, 4, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1],
];

/// Where the coefficients come from, which decides the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// A block of 16 or 15, with the mean number of coefficients of the blocks to its left and above (nC).
    Block(u8),
    /// The DC coefficients of one chroma component.
    ChromaDc,
}

/// Writes a block in scan order and returns its number of coefficients that are not zero.
pub(super) fn write(bits: &mut BitWriter, levels: &[i32], context: Context) -> u8 {
    let mut coded = [(0_usize, 0_i32); 16];
    let mut total = 0;
    for (at, level) in levels.iter().enumerate().rev() {
        if *level != 0 {
            coded[total] = (at, *level);
            total += 1;
        }
    }
    let coded = &coded[..total];
    let ones = coded.iter().take(3).take_while(|(_, level)| level.abs() == 1).count();
    let token = total * 4 + ones;
    let (len, code) = match context {
        Context::ChromaDc => (CHROMA_TOKEN_LEN[token], CHROMA_TOKEN_CODE[token]),
        Context::Block(near) => {
            let table = match near {
                0 | 1 => 0,
                2 | 3 => 1,
                4..=7 => 2,
                _ => 3,
            };
            (TOKEN_LEN[table][token], TOKEN_CODE[table][token])
        }
    };
    bits.put(code.into(), len.into());
    if total == 0 {
        return 0;
    }
    for (_, level) in &coded[..ones] {
        bits.put(u32::from(*level < 0), 1);
    }
    write_levels(bits, &coded[ones..], total, ones);

    // `coded` runs from the highest frequency down, so the first position says how many zeros lie below it.
    let mut zeros = coded[0].0 + 1 - total;
    if total < levels.len() {
        let (len, code) = match context {
            Context::ChromaDc => (CHROMA_ZEROS_LEN[total - 1][zeros], CHROMA_ZEROS_CODE[total - 1][zeros]),
            Context::Block(_) => (ZEROS_LEN[total - 1][zeros], ZEROS_CODE[total - 1][zeros]),
        };
        bits.put(code.into(), len.into());
    }
    for pair in coded.windows(2) {
        if zeros == 0 {
            break;
        }
        let run = pair[0].0 - pair[1].0 - 1;
        let row = zeros.min(7) - 1;
        bits.put(RUN_CODE[row][run].into(), RUN_LEN[row][run].into());
        zeros -= run;
    }
    total as u8
}

/// Section 9.2.2.1 backwards. Levels past the escape code of this profile do not come up at the quantiser in use.
fn write_levels(bits: &mut BitWriter, coded: &[(usize, i32)], total: usize, ones: usize) {
    let mut suffix_len = u32::from(total > 10 && ones < 3);
    for (index, (_, level)) in coded.iter().enumerate() {
        let magnitude = level.unsigned_abs();
        let mut code = magnitude * 2 - 2 + u32::from(*level < 0);
        if index == 0 && ones < 3 {
            code -= 2;
        }
        let escape = if suffix_len == 0 { 30 } else { 15 << suffix_len };
        if code >= escape {
            bits.put(1, 16);
            bits.put(code - escape, 12);
        } else if suffix_len == 0 && code >= 14 {
            bits.put(1, 15);
            bits.put(code - 14, 4);
        } else {
            bits.put(1, (code >> suffix_len) + 1);
            bits.put(code, suffix_len);
        }
        suffix_len = suffix_len.max(1);
        if magnitude > 3 << (suffix_len - 1) && suffix_len < 6 {
            suffix_len += 1;
        }
    }
}
