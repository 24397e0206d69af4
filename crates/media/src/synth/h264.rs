//! A small H.264 encoder for drawn pictures: Constrained Baseline, one slice, one quantiser.
//!
//! What changed since the last picture is coded as 16 by 16 intra macroblocks, everything else is skipped. That is
//! enough for flat areas and smooth type, needs no motion search, and the same few lines make key frames and the
//! frames between them. The loop filter is off, so what the decoder shows is what is reconstructed here.

mod macroblock;

use super::bits::BitWriter;
use super::cavlc::{self, Context};
use macroblock::{Coded, ZIGZAG};

/// Picture width.
pub(super) const WIDTH: usize = 640;
/// Picture height.
pub(super) const HEIGHT: usize = 360;

const COLUMNS: usize = WIDTH / 16;
const ROWS: usize = HEIGHT.div_ceil(16);
/// Lines that are coded below the picture, and cropped.
const PADDING: usize = ROWS * 16 - HEIGHT;

/// The quantiser. At 22 flat areas are exact to the eye and edges stay clean.
const QP: usize = 22;

/// Profile, constraints and level: Constrained Baseline, level 3.
const PROFILE: [u8; 3] = [66, 0xc0, 30];

/// The order of the sixteen blocks of a macroblock (section 6.4.3): column and row of each.
#[rustfmt::skip]
const BLOCKS: [(usize, usize); 16] = [
    (0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (3, 0), (2, 1), (3, 1),
    (0, 2), (1, 2), (0, 3), (1, 3), (2, 2), (3, 2), (2, 3), (3, 3),
];

/// One component of a picture.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    width: usize,
    samples: Vec<u8>,
}

impl Plane {
    fn new(width: usize, height: usize) -> Plane {
        Plane { width, samples: vec![128; width * height] }
    }

    fn at(&self, x: usize, y: usize) -> u8 {
        self.samples[y * self.width + x]
    }

    /// Sets one sample.
    pub(super) fn set(&mut self, x: usize, y: usize, value: u8) {
        self.samples[y * self.width + x] = value;
    }

    fn row(&self, x: usize, y: usize, len: usize) -> &[u8] {
        &self.samples[y * self.width + x..][..len]
    }
}

/// A picture in 4:2:0.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    /// Luma, blue difference, red difference.
    pub(super) planes: [Plane; 3],
}

impl Picture {
    /// A grey one.
    pub(super) fn new() -> Picture {
        let chroma = Plane::new(COLUMNS * 8, ROWS * 8);
        Picture { planes: [Plane::new(COLUMNS * 16, ROWS * 16), chroma.clone(), chroma] }
    }

    /// Whether nothing differs in a whole row of macroblocks, which is one comparison for each component.
    fn same_row(&self, other: &Picture, row: usize) -> bool {
        self.planes.iter().zip(&other.planes).enumerate().all(|(index, (one, two))| {
            let lines = if index == 0 { 16 } else { 8 };
            let len = lines * one.width;
            one.samples[row * len..][..len] == two.samples[row * len..][..len]
        })
    }

    fn same_macroblock(&self, other: &Picture, column: usize, row: usize) -> bool {
        self.planes.iter().zip(&other.planes).enumerate().all(|(index, (one, two))| {
            let size = if index == 0 { 16 } else { 8 };
            (0..size).all(|line| {
                let (x, y) = (column * size, row * size + line);
                one.row(x, y, size) == two.row(x, y, size)
            })
        })
    }
}

/// The encoder, with what its decoder has.
#[derive(Debug)]
pub(super) struct Encoder {
    source: Picture,
    decoded: Picture,
    /// Coefficients of each block, for the choice of tables: luma, then the two chroma components.
    counts: [Counts; 3],
    frame_number: u32,
    key_number: u32,
}

#[derive(Debug)]
struct Counts {
    width: usize,
    counts: Vec<u8>,
}

impl Counts {
    fn new(width: usize, height: usize) -> Counts {
        Counts { width, counts: vec![0; width * height] }
    }

    /// Section 9.2.1: the rounded mean of what is to the left and above.
    fn near(&self, x: usize, y: usize) -> u8 {
        let left = (x > 0).then(|| self.counts[y * self.width + x - 1]);
        let above = (y > 0).then(|| self.counts[(y - 1) * self.width + x]);
        match (left, above) {
            (Some(left), Some(above)) => (left + above).div_ceil(2),
            (one, other) => one.or(other).unwrap_or(0),
        }
    }

    fn set(&mut self, x: usize, y: usize, count: u8) {
        self.counts[y * self.width + x] = count;
    }
}

/// The decoder configuration record.
pub(super) fn configuration() -> Vec<u8> {
    let (sps, pps) = (sps(), pps());
    let mut out = vec![1, PROFILE[0], PROFILE[1], PROFILE[2], 0xff, 0xe1];
    for (index, set) in [sps, pps].iter().enumerate() {
        if index == 1 {
            out.push(1);
        }
        out.extend_from_slice(&(set.len() as u16).to_be_bytes());
        out.extend_from_slice(set);
    }
    out
}

fn sps() -> Vec<u8> {
    let mut bits = BitWriter::default();
    for byte in PROFILE {
        bits.put(byte.into(), 8);
    }
    bits.ue(0);
    // Four bits of frame number; output in decoding order; one reference frame.
    bits.ue(0);
    bits.ue(2);
    bits.ue(1);
    bits.put(0, 1);
    bits.ue(COLUMNS as u32 - 1);
    bits.ue(ROWS as u32 - 1);
    // Frames only, direct_8x8_inference.
    bits.put(0b11, 2);
    // Cropped at the bottom, in steps of two lines.
    bits.put(1, 1);
    bits.ue(0);
    bits.ue(0);
    bits.ue(0);
    bits.ue(PADDING as u32 / 2);
    // Usability information: square samples; BT.709, limited range; 25 fixed frames per second.
    bits.put(1, 1);
    bits.put(1, 1);
    bits.put(1, 8);
    bits.put(0, 1);
    bits.put(1, 1);
    bits.put(5, 3);
    bits.put(0, 1);
    bits.put(1, 1);
    for _ in 0..3 {
        bits.put(1, 8);
    }
    bits.put(0, 1);
    bits.put(1, 1);
    bits.put(1, 32);
    bits.put(2 * super::FPS, 32);
    bits.put(1, 1);
    bits.put(0, 3);
    // Nothing is reordered, so that players show a picture as soon as they have it.
    bits.put(1, 1);
    bits.put(1, 1);
    bits.ue(0);
    bits.ue(0);
    bits.ue(10);
    bits.ue(10);
    bits.ue(0);
    bits.ue(1);
    nal(0x67, &bits.finish_rbsp())
}

fn pps() -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.ue(0);
    bits.ue(0);
    // CAVLC; no field information; one slice group; one reference in each list; no weights.
    bits.put(0, 2);
    bits.ue(0);
    bits.ue(0);
    bits.ue(0);
    bits.put(0, 3);
    bits.se(QP as i32 - 26);
    bits.se(0);
    bits.se(0);
    // Loop filter control is there; prediction from everything; no redundant pictures.
    bits.put(0b100, 3);
    nal(0x68, &bits.finish_rbsp())
}

/// A NAL unit with its emulation prevention bytes.
fn nal(header: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + payload.len() / 64 + 8);
    out.push(header);
    let mut zeros = 0;
    for byte in payload {
        if zeros == 2 && *byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

impl Encoder {
    pub(super) fn new() -> Encoder {
        let chroma = || Counts::new(COLUMNS * 2, ROWS * 2);
        Encoder {
            source: Picture::new(),
            decoded: Picture::new(),
            counts: [Counts::new(COLUMNS * 4, ROWS * 4), chroma(), chroma()],
            frame_number: 0,
            key_number: 0,
        }
    }

    /// One picture as a NAL unit with its length in front.
    pub(super) fn encode(&mut self, picture: &Picture, key: bool) -> Vec<u8> {
        let mut bits = BitWriter::default();
        self.begin_slice(&mut bits, key);
        let mut skipped = 0;
        for row in 0..ROWS {
            let same_row = !key && picture.same_row(&self.source, row);
            for column in 0..COLUMNS {
                if !key {
                    if same_row || picture.same_macroblock(&self.source, column, row) {
                        self.skip_macroblock(column, row);
                        skipped += 1;
                        continue;
                    }
                    bits.ue(skipped);
                    skipped = 0;
                }
                self.encode_macroblock(&mut bits, picture, column, row, key);
            }
        }
        if skipped > 0 {
            bits.ue(skipped);
        }
        self.source.clone_from(picture);
        let unit = nal(if key { 0x65 } else { 0x61 }, &bits.finish_rbsp());
        let mut out = (unit.len() as u32).to_be_bytes().to_vec();
        out.extend_from_slice(&unit);
        out
    }

    /// Section 7.3.3.
    fn begin_slice(&mut self, bits: &mut BitWriter, key: bool) {
        self.frame_number = if key { 0 } else { (self.frame_number + 1) % 16 };
        bits.ue(0);
        bits.ue(if key { 7 } else { 5 });
        bits.ue(0);
        bits.put(self.frame_number, 4);
        if key {
            // Two key frames in a row must not have the same number.
            self.key_number = 1 - self.key_number;
            bits.ue(self.key_number);
            bits.put(0, 2);
        } else {
            bits.put(0, 3);
        }
        bits.se(0);
        // No loop filter.
        bits.ue(1);
    }

    fn skip_macroblock(&mut self, column: usize, row: usize) {
        for (index, counts) in self.counts.iter_mut().enumerate() {
            let size = if index == 0 { 4 } else { 2 };
            for y in 0..size {
                for x in 0..size {
                    counts.set(column * size + x, row * size + y, 0);
                }
            }
        }
    }

    fn encode_macroblock(
        &mut self,
        bits: &mut BitWriter,
        picture: &Picture,
        column: usize,
        row: usize,
        key: bool,
    ) {
        let luma = Coded::<16>::new(&picture.planes[0], &mut self.decoded.planes[0], column, row);
        let blue = Coded::<8>::new(&picture.planes[1], &mut self.decoded.planes[1], column, row);
        // Both components share a mode: that of the first is taken for the second.
        let red =
            Coded::<8>::with_mode(&picture.planes[2], &mut self.decoded.planes[2], column, row, blue.mode);
        let luma_ac = luma.has_ac();
        let chroma_pattern =
            if blue.has_ac() || red.has_ac() { 2 } else { u32::from(blue.has_dc() || red.has_dc()) };
        // Table 7-11; a P slice numbers its five inter types first.
        let mb_type = 1 + luma.mode.luma_number() + 4 * chroma_pattern + 12 * u32::from(luma_ac);
        bits.ue(mb_type + if key { 0 } else { 5 });
        bits.ue(blue.mode.chroma_number());
        bits.se(0);

        let (x, y) = (column * 4, row * 4);
        let mut dc = [0; 16];
        for (at, from) in ZIGZAG.iter().enumerate() {
            dc[at] = luma.dc[*from];
        }
        cavlc::write(bits, &dc, Context::Block(self.counts[0].near(x, y)));
        for (bx, by) in BLOCKS {
            let count = if luma_ac {
                let context = Context::Block(self.counts[0].near(x + bx, y + by));
                cavlc::write(bits, &luma.ac[by * 4 + bx][1..], context)
            } else {
                0
            };
            self.counts[0].set(x + bx, y + by, count);
        }
        if chroma_pattern > 0 {
            cavlc::write(bits, &blue.dc[..4], Context::ChromaDc);
            cavlc::write(bits, &red.dc[..4], Context::ChromaDc);
        }
        for (component, coded) in [(1, &blue), (2, &red)] {
            let (x, y) = (column * 2, row * 2);
            for (bx, by) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let count = if chroma_pattern == 2 {
                    let context = Context::Block(self.counts[component].near(x + bx, y + by));
                    cavlc::write(bits, &coded.ac[by * 2 + bx][1..], context)
                } else {
                    0
                };
                self.counts[component].set(x + bx, y + by, count);
            }
        }
    }
}
