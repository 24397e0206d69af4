//! H.264: the decoder configuration record (ISO/IEC 14496-15 section 5.3.3.1) and the sequence parameter set
//! (ITU-T H.264 section 7.3.2.1.1).

use super::bits::{Bits, unescape};
use super::{MAX_DIMENSION, TrackInfo, frame_rate};
use crate::frame::Slices;

/// What a NAL unit that begins with this byte means for its picture; `None` when it is not a slice.
pub(crate) fn slice(first: u8) -> Option<Slices> {
    const IDR: u8 = 5;
    let (ref_idc, unit_type) = (first >> 5 & 0x03, first & 0x1f);
    (1..=IDR).contains(&unit_type).then_some(Slices { refresh: unit_type == IDR, referenced: ref_idc != 0 })
}

/// The facts of a sequence parameter set that players ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Sps {
    /// Picture width after cropping.
    pub width: u32,
    /// Picture height after cropping.
    pub height: u32,
    /// From the timing in the usability information.
    pub fps: Option<f64>,
}

impl Sps {
    /// Reads a NAL unit, its header byte included.
    pub fn parse(nal: &[u8]) -> Option<Sps> {
        if nal.first()? & 0x1f != 7 {
            return None;
        }
        let bytes = unescape(nal.get(1..)?);
        parse(&mut Bits::new(&bytes))
    }
}

pub(super) fn describe(record: &[u8], info: &mut TrackInfo) -> Option<()> {
    let [1, profile, compatibility, level, _lengths, sets, rest @ ..] = record else { return None };
    info.codec_string = format!("avc1.{profile:02x}{compatibility:02x}{level:02x}");
    let sps = (sets & 0x1f != 0).then(|| rest.split_first_chunk::<2>()).flatten();
    let sps = sps.and_then(|(len, rest)| rest.get(..usize::from(u16::from_be_bytes(*len))));
    if let Some(sps) = sps.and_then(Sps::parse) {
        info.width = Some(sps.width);
        info.height = Some(sps.height);
        info.fps = sps.fps;
    }
    Some(())
}

fn parse(bits: &mut Bits<'_>) -> Option<Sps> {
    let profile = bits.read(8)?;
    bits.skip(16)?;
    bits.ue()?;
    let mut chroma_format = 1;
    let mut separate_planes = false;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma_format = bits.ue()?;
        if chroma_format > 3 {
            return None;
        }
        if chroma_format == 3 {
            separate_planes = bits.flag()?;
        }
        bits.ue()?;
        bits.ue()?;
        bits.flag()?;
        if bits.flag()? {
            for list in 0..if chroma_format == 3 { 12 } else { 8 } {
                if bits.flag()? {
                    skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?;
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.flag()?;
            bits.se()?;
            bits.se()?;
            let cycle = bits.ue().filter(|cycle| *cycle <= 255)?;
            for _ in 0..cycle {
                bits.se()?;
            }
        }
        2 => {}
        _ => return None,
    }
    bits.ue()?;
    bits.flag()?;
    let columns = bits.ue()?.checked_add(1)?;
    let map_units = bits.ue()?.checked_add(1)?;
    let frames_only = bits.flag()?;
    if !frames_only {
        bits.flag()?;
    }
    bits.flag()?;
    let field_factor = if frames_only { 1 } else { 2 };
    let full_width = columns.checked_mul(16)?;
    let full_height = map_units.checked_mul(16)?.checked_mul(field_factor)?;
    let (mut crop_x, mut crop_y) = (0, 0);
    if bits.flag()? {
        // Section 7.4.2.1.1: cropping counts chroma samples, and twice the lines when fields may be coded.
        let unit_x = if matches!(chroma_format, 1 | 2) { 2 } else { 1 };
        let unit_y = if chroma_format == 1 && !separate_planes { 2 } else { 1 } * field_factor;
        crop_x = bits.ue()?.checked_add(bits.ue()?)?.checked_mul(unit_x)?;
        crop_y = bits.ue()?.checked_add(bits.ue()?)?.checked_mul(unit_y)?;
    }
    let width = full_width.checked_sub(crop_x).filter(|width| (1..=MAX_DIMENSION).contains(width))?;
    let height = full_height.checked_sub(crop_y).filter(|height| (1..=MAX_DIMENSION).contains(height))?;
    Some(Sps { width, height, fps: timing(bits) })
}

/// Section 7.3.2.1.1.1. The values themselves are of no interest here.
fn skip_scaling_list(bits: &mut Bits<'_>, size: usize) -> Option<()> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.se()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// Annex E.1.1 up to the frame rate.
fn timing(bits: &mut Bits<'_>) -> Option<f64> {
    const EXTENDED_SAR: u32 = 255;
    if !bits.flag()? {
        return None;
    }
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
    if !bits.flag()? {
        return None;
    }
    let units = bits.read(32)?;
    let scale = bits.read(32)?;
    // A tick is a field, so a frame takes two (equation E-34 and table E-6).
    frame_rate(scale, units).and_then(|fields| Some(fields / 2.0).filter(|fps| *fps > 0.0))
}
