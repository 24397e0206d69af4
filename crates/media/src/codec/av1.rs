//! AV1: the configuration record (AV1 Codec ISO Media File Format Binding section 2.3) and the sequence header
//! (AV1 Bitstream section 5.5).

use super::bits::Bits;
use super::{MAX_DIMENSION, TrackInfo, frame_rate};

/// Most units of one record that are looked at.
const MAX_OBUS: usize = 16;

pub(super) fn describe(record: &[u8], info: &mut TrackInfo) -> Option<()> {
    let [0x81, profile_level, flags, _delay, obus @ ..] = record else { return None };
    let (profile, level) = (profile_level >> 5, profile_level & 0x1f);
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    info.codec_string = format!("av01.{profile}.{level:02}{tier}.{depth:02}");
    if let Some(header) = find_sequence_header(obus) {
        read_sequence_header(&mut Bits::new(header), info);
    }
    Some(())
}

fn find_sequence_header(mut obus: &[u8]) -> Option<&[u8]> {
    const SEQUENCE_HEADER: u8 = 1;
    for _ in 0..MAX_OBUS {
        let (first, mut rest) = obus.split_first()?;
        if first & 0x04 != 0 {
            rest = rest.get(1..)?;
        }
        let len = if first & 0x02 != 0 { leb128(&mut rest)? } else { rest.len() };
        let (payload, after) = rest.split_at_checked(len)?;
        if first >> 3 & 0x0f == SEQUENCE_HEADER {
            return Some(payload);
        }
        obus = after;
    }
    None
}

/// Section 4.10.5: at most eight bytes, and a value that fits 32 bits.
fn leb128(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0_u64;
    for index in 0..8 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return u32::try_from(value).ok().and_then(|value| usize::try_from(value).ok());
        }
    }
    None
}

fn read_sequence_header(bits: &mut Bits<'_>, info: &mut TrackInfo) -> Option<()> {
    bits.skip(4)?;
    let reduced = bits.flag()?;
    let mut fps = None;
    if reduced {
        bits.skip(5)?;
    } else {
        let mut decoder_model_bits = None;
        if bits.flag()? {
            let units = bits.read(32)?;
            let scale = bits.read(32)?;
            if bits.flag()? {
                let ticks = uvlc(bits)?.checked_add(1)?;
                fps = frame_rate(scale, units).map(|rate| rate / f64::from(ticks));
            }
            if bits.flag()? {
                decoder_model_bits = Some(bits.read(5)? as usize + 1);
                bits.skip(32 + 5 + 5)?;
            }
        }
        let display_delay = bits.flag()?;
        for _ in 0..=bits.read(5)? {
            bits.skip(12)?;
            if bits.read(5)? > 7 {
                bits.skip(1)?;
            }
            if let Some(len) = decoder_model_bits
                && bits.flag()?
            {
                bits.skip(2 * len + 1)?;
            }
            if display_delay && bits.flag()? {
                bits.skip(4)?;
            }
        }
    }
    let width_bits = bits.read(4)? + 1;
    let height_bits = bits.read(4)? + 1;
    let width = bits.read(width_bits)?.checked_add(1).filter(|width| *width <= MAX_DIMENSION)?;
    let height = bits.read(height_bits)?.checked_add(1).filter(|height| *height <= MAX_DIMENSION)?;
    (info.width, info.height, info.fps) = (Some(width), Some(height), fps);
    Some(())
}

/// Section 4.10.3.
fn uvlc(bits: &mut Bits<'_>) -> Option<u32> {
    let mut zeros = 0;
    while !bits.flag()? {
        zeros += 1;
        if zeros >= 32 {
            return None;
        }
    }
    Some(bits.read(zeros)? + ((1 << zeros) - 1))
}
