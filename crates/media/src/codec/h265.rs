//! HEVC: the decoder configuration record (ISO/IEC 14496-15 section 8.3.3.1) and the sequence parameter set
//! (ITU-T H.265 section 7.3.2.2).

use std::fmt::Write as _;

use super::bits::{Bits, unescape};
use super::{MAX_DIMENSION, TrackInfo, frame_rate};
use crate::frame::Slices;

const SPS_NUT: u8 = 33;

/// Most parameter sets of one record that are looked at.
const MAX_UNITS: usize = 64;

/// What a NAL unit that begins with this byte means for its picture; `None` when it is not a slice.
///
/// The even types below 16 are those that no picture of the same temporal layer refers to. Encoders for live video
/// use one layer, or leave only the highest one unreferenced, so they are taken as disposable.
pub(crate) fn slice(first: u8) -> Option<Slices> {
    let unit_type = first >> 1 & 0x3f;
    let non_reference = unit_type < 16 && unit_type.is_multiple_of(2);
    (unit_type < 32).then_some(Slices {
        // BLA and IDR. A CRA picture is left to the frame type: leading pictures may follow it.
        refresh: (16..=20).contains(&unit_type),
        referenced: !non_reference,
    })
}

/// The facts of a sequence parameter set that players ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Sps {
    /// Picture width inside the conformance window.
    pub width: u32,
    /// Picture height inside the conformance window.
    pub height: u32,
    /// From the timing in the usability information.
    pub fps: Option<f64>,
}

impl Sps {
    /// Reads a NAL unit, its two header bytes included.
    pub fn parse(nal: &[u8]) -> Option<Sps> {
        if nal.first()? >> 1 & 0x3f != SPS_NUT {
            return None;
        }
        let bytes = unescape(nal.get(2..)?);
        parse(&mut Bits::new(&bytes))
    }
}

pub(super) fn describe(record: &[u8], info: &mut TrackInfo) -> Option<()> {
    let (head, mut rest) = record.split_first_chunk::<23>()?;
    info.codec_string = codec_string(head);
    // Frames per 256 seconds; 0 where it is not said.
    let average = u16::from_be_bytes([head[19], head[20]]);
    info.fps = frame_rate(u32::from(average), 256);
    let mut units = 0;
    for _ in 0..head[22] {
        let Some((array, after)) = rest.split_first_chunk::<3>() else { break };
        rest = after;
        for _ in 0..u16::from_be_bytes([array[1], array[2]]) {
            units += 1;
            if units > MAX_UNITS {
                return Some(());
            }
            let Some((len, after)) = rest.split_first_chunk::<2>() else { return Some(()) };
            let len = usize::from(u16::from_be_bytes(*len));
            let (Some(nal), Some(after)) = (after.get(..len), after.get(len..)) else { return Some(()) };
            rest = after;
            if array[0] & 0x3f == SPS_NUT
                && let Some(sps) = Sps::parse(nal)
            {
                info.width = Some(sps.width);
                info.height = Some(sps.height);
                info.fps = sps.fps.or(info.fps);
                return Some(());
            }
        }
    }
    Some(())
}

/// ISO/IEC 14496-15 annex E.3: profile, compatibility flags in reverse, tier and level, constraints.
fn codec_string(head: &[u8; 23]) -> String {
    let space = match head[1] >> 6 {
        0 => "",
        1 => "A",
        2 => "B",
        _ => "C",
    };
    let profile = head[1] & 0x1f;
    let tier = if head[1] & 0x20 == 0 { 'L' } else { 'H' };
    let compatibility = u32::from_be_bytes([head[2], head[3], head[4], head[5]]).reverse_bits();
    let level = head[12];
    let mut string = format!("hvc1.{space}{profile}.{compatibility:x}.{tier}{level}");
    let constraints = &head[6..12];
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..used] {
        // Writing to a string cannot fail.
        let _ = write!(string, ".{byte:x}");
    }
    string
}

fn parse(bits: &mut Bits<'_>) -> Option<Sps> {
    bits.skip(4)?;
    let sub_layers = bits.read(3)?;
    bits.skip(1)?;
    skip_profile_tier_level(bits, sub_layers)?;
    bits.ue()?;
    let chroma_format = bits.ue().filter(|format| *format <= 3)?;
    let separate_planes = chroma_format == 3 && bits.flag()?;
    let full_width = bits.ue()?;
    let full_height = bits.ue()?;
    let (mut crop_x, mut crop_y) = (0, 0);
    if bits.flag()? {
        let unit_x = if matches!(chroma_format, 1 | 2) && !separate_planes { 2 } else { 1 };
        let unit_y = if chroma_format == 1 { 2 } else { 1 };
        crop_x = bits.ue()?.checked_add(bits.ue()?)?.checked_mul(unit_x)?;
        crop_y = bits.ue()?.checked_add(bits.ue()?)?.checked_mul(unit_y)?;
    }
    let width = full_width.checked_sub(crop_x).filter(|width| (1..=MAX_DIMENSION).contains(width))?;
    let height = full_height.checked_sub(crop_y).filter(|height| (1..=MAX_DIMENSION).contains(height))?;
    Some(Sps { width, height, fps: timing(bits, sub_layers) })
}

/// Section 7.3.3.
fn skip_profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    const PROFILE_BITS: usize = 88;
    const LEVEL_BITS: usize = 8;
    bits.skip(PROFILE_BITS + LEVEL_BITS)?;
    let mut present = Vec::with_capacity(8);
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers as usize))?;
    }
    for (profile, level) in present {
        let len = usize::from(profile) * PROFILE_BITS + usize::from(level) * LEVEL_BITS;
        bits.skip(len)?;
    }
    Some(())
}

/// Everything between the picture size and the frame rate.
fn timing(bits: &mut Bits<'_>, sub_layers: u32) -> Option<f64> {
    bits.ue()?;
    bits.ue()?;
    let poc_bits = bits.ue().filter(|bits| *bits <= 12)? + 4;
    let all_layers = bits.flag()?;
    for _ in if all_layers { 0 } else { sub_layers }..=sub_layers {
        bits.ue()?;
        bits.ue()?;
        bits.ue()?;
    }
    for _ in 0..6 {
        bits.ue()?;
    }
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
    }
    skip_short_term_sets(bits)?;
    if bits.flag()? {
        let count = bits.ue().filter(|count| *count <= 32)?;
        for _ in 0..count {
            bits.skip(poc_bits as usize + 1)?;
        }
    }
    bits.skip(2)?;
    if !bits.flag()? {
        return None;
    }
    usability_timing(bits)
}

/// Section 7.3.4.
fn skip_scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size_id in 0..4 {
        for _ in (0..6).step_by(if size_id == 3 { 3 } else { 1 }) {
            if !bits.flag()? {
                bits.ue()?;
                continue;
            }
            if size_id > 1 {
                bits.se()?;
            }
            for _ in 0..64.min(1 << (4 + (size_id << 1))) {
                bits.se()?;
            }
        }
    }
    Some(())
}

/// Section 7.3.7, for every set. How long a set is depends on how many pictures the one before it holds.
fn skip_short_term_sets(bits: &mut Bits<'_>) -> Option<()> {
    const MAX_SETS: u32 = 64;
    const MAX_PICTURES: u32 = 16;
    let sets = bits.ue().filter(|sets| *sets <= MAX_SETS)?;
    let mut pictures = 0_u32;
    for index in 0..sets {
        if index > 0 && bits.flag()? {
            bits.skip(1)?;
            bits.ue()?;
            let mut kept = 0;
            for _ in 0..=pictures {
                let used = bits.flag()?;
                if used || bits.flag()? {
                    kept += 1;
                }
            }
            pictures = kept;
        } else {
            let negative = bits.ue().filter(|count| *count <= MAX_PICTURES)?;
            let positive = bits.ue().filter(|count| *count <= MAX_PICTURES)?;
            pictures = negative + positive;
            for _ in 0..pictures {
                bits.ue()?;
                bits.flag()?;
            }
        }
        if pictures > 2 * MAX_PICTURES {
            return None;
        }
    }
    Some(())
}

/// Annex E.2.1 up to the frame rate.
fn usability_timing(bits: &mut Bits<'_>) -> Option<f64> {
    const EXTENDED_SAR: u32 = 255;
    if bits.flag()? && bits.read(8)? == EXTENDED_SAR {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            bits.skip(24)?;
        }
    }
    if bits.flag()? {
        bits.ue()?;
        bits.ue()?;
    }
    bits.skip(3)?;
    if bits.flag()? {
        for _ in 0..4 {
            bits.ue()?;
        }
    }
    if !bits.flag()? {
        return None;
    }
    let units = bits.read(32)?;
    let scale = bits.read(32)?;
    frame_rate(scale, units)
}
