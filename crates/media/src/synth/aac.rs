//! A small AAC-LC encoder for a soft tone over silence: mono, long blocks, few lines.

mod pairs;

use std::f64::consts::PI;

use super::bits::BitWriter;
use pairs::PAIRS;

/// Samples per second.
pub(super) const RATE: i64 = 48_000;
/// Samples in a packet.
pub(super) const PACKET: i64 = 1_024;

/// The audio specific configuration: AAC-LC, 48 kHz, one channel.
pub(super) const CONFIGURATION: [u8; 2] = [0x11, 0x88];

/// Lines of the spectrum that are coded: up to 2.2 kHz, which the tone does not leave.
const LINES: usize = 96;
/// The scale factor bands that they fill at this rate (ISO/IEC 14496-3 table 4.129).
const BANDS: u32 = 17;

/// The scale of all bands. One step of the quantiser is then about 80 dB below full scale.
const GAIN: u32 = 148;

/// The tone's pitch, and its peak: -20 dB of 16 bits.
const HERTZ: f64 = 660.0;
const PEAK: f64 = 3_277.0;
/// It sounds at the start of each second for this many samples, and rises and falls within them.
const TONE: i64 = RATE / 8;

/// The encoder. A packet follows from its place and the time of day alone.
#[derive(Debug)]
pub(super) struct Encoder {
    cosines: Vec<f64>,
}

impl Encoder {
    pub(super) fn new() -> Encoder {
        let full = PACKET * 8;
        let cosines = (0..full).map(|at| (2.0 * PI * at as f64 / full as f64).cos()).collect();
        Encoder { cosines }
    }

    /// The packet whose first sample has this number, in a stream whose sample 0 is `epoch_ms` of the wall clock.
    pub(super) fn encode(&self, first: i64, epoch_ms: i64) -> Vec<u8> {
        let phase = epoch_ms.rem_euclid(1_000) * (RATE / 1_000);
        if (first + phase).rem_euclid(RATE) >= TONE && (first + phase).rem_euclid(RATE) + 2 * PACKET <= RATE {
            return packet(&[0; LINES]);
        }
        // A decoder puts the first half of this window and the second half of the one before together, so what
        // it plays with this packet begins with sample `first`.
        let samples: Vec<f64> = (0..2 * PACKET)
            .map(|at| {
                let window = (PI * (at as f64 + 0.5) / (2 * PACKET) as f64).sin();
                window * tone((first + at + phase).rem_euclid(RATE))
            })
            .collect();
        packet(&self.spectrum(&samples))
    }

    /// The modified discrete cosine transform (section 4.6.11.3 backwards), quantised (section 4.6.6). The sum is
    /// written out: it is done for seven packets a second and for few lines.
    fn spectrum(&self, samples: &[f64]) -> [i32; LINES] {
        let step = 2_f64.powf((f64::from(GAIN) - 100.0) / 4.0);
        let mut lines = [0; LINES];
        for (line, quantised) in lines.iter_mut().enumerate() {
            // The phase 2 pi / 2048 * (n + 512.5) * (k + 1/2), in steps of the table.
            let turn = |at: usize| (2 * at + 1_025) * (2 * line + 1) % self.cosines.len();
            let products = samples.iter().enumerate().map(|(at, sample)| sample * self.cosines[turn(at)]);
            let value = 2.0 * products.sum::<f64>() / step;
            let magnitude = (value.abs().powf(0.75) + 0.405_4) as i32;
            *quantised = if value < 0.0 { -magnitude } else { magnitude };
        }
        lines
    }
}

/// A sample of the second: a tone under a cosine bell, so that it neither clicks nor cuts off.
fn tone(at: i64) -> f64 {
    if at >= TONE {
        return 0.0;
    }
    let place = at as f64 / TONE as f64;
    let bell = 0.5 - 0.5 * (2.0 * PI * place).cos();
    PEAK * bell * (2.0 * PI * HERTZ * at as f64 / RATE as f64).sin()
}

/// A raw data block: one single channel element (table 4.4), and the end.
fn packet(lines: &[i32; LINES]) -> Vec<u8> {
    let silent = lines.iter().all(|line| *line == 0);
    let mut bits = BitWriter::default();
    bits.put(0, 3 + 4);
    bits.put(GAIN, 8);
    // One long block with a sine window, no prediction.
    bits.put(0, 1 + 2 + 1);
    bits.put(if silent { 0 } else { BANDS }, 6);
    bits.put(0, 1);
    if !silent {
        // One section with codebook 11. Every band's scale is that of the one before: a single zero bit each.
        bits.put(11, 4);
        bits.put(BANDS, 5);
        bits.put(0, BANDS);
    }
    // No pulses, no noise shaping, no gain control.
    bits.put(0, 3);
    if !silent {
        for pair in lines.chunks_exact(2) {
            put_pair(&mut bits, pair[0], pair[1]);
        }
    }
    bits.put(7, 3);
    bits.finish()
}

fn put_pair(bits: &mut BitWriter, one: i32, two: i32) {
    const ESCAPE: u32 = 16;
    let index = one.unsigned_abs().min(ESCAPE) * 17 + two.unsigned_abs().min(ESCAPE);
    let (code, len) = PAIRS[index as usize];
    bits.put(code.into(), len.into());
    for value in [one, two] {
        if value != 0 {
            bits.put(u32::from(value < 0), 1);
        }
    }
    for value in [one, two] {
        let magnitude = value.unsigned_abs();
        if magnitude >= ESCAPE {
            // Section 4.6.3.3: a one for each bit past four, a zero, and the bits below the highest one.
            let below = magnitude.ilog2();
            bits.put((1 << (below - 4)) - 1, below - 4);
            bits.put(0, 1);
            bits.put(magnitude, below);
        }
    }
}
