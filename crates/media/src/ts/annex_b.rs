//! NAL units with lengths in front, as MP4 and FLV have them, become the byte stream of annex B of H.264 and H.265.

use bytes::Bytes;

use crate::codec::Codec;
use crate::sample::{Config, Sample};

pub(super) const START_CODE: &[u8] = &[0, 0, 0, 1];

/// Most parameter sets of one record.
const MAX_SETS: usize = 64;

/// Most NAL units of one picture.
const MAX_UNITS: usize = 1_024;

/// What a decoder needs before a key frame, from the configuration record.
#[derive(Debug)]
pub(super) struct ParameterSets {
    codec: Codec,
    length_size: usize,
    sets: Vec<Bytes>,
}

impl ParameterSets {
    pub(super) fn of(config: &Config) -> Option<ParameterSets> {
        let codec = config.info.codec;
        let length_size = config.nal_length_size()?;
        let sets = match codec {
            Codec::H264 => h264_sets(&config.record)?,
            Codec::Hevc => hevc_sets(&config.record)?,
            _ => return None,
        };
        Some(ParameterSets { codec, length_size, sets })
    }

    /// The units of a picture: a delimiter first, and before a key frame the parameter sets, unless it brings its
    /// own. `None` when the lengths do not add up.
    pub(super) fn units<'a>(&'a self, sample: &'a Sample) -> Option<Vec<&'a [u8]>> {
        let mut units = vec![delimiter(self.codec)];
        let mut rest = &sample.data[..];
        let mut own = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_at_checked(self.length_size)?;
            let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
            let (unit, after) = after.split_at_checked(length)?;
            rest = after;
            // An encoder's own delimiter would be the second.
            if unit.first().is_some_and(|first| unit_type(self.codec, *first) != delimiter_type(self.codec)) {
                own.push(unit);
            }
            if own.len() > MAX_UNITS {
                return None;
            }
        }
        let brings_sets = own.iter().any(|unit| self.is_sequence_set(unit));
        if sample.key && !brings_sets {
            units.extend(self.sets.iter().map(|set| &set[..]));
        }
        units.append(&mut own);
        Some(units)
    }

    fn is_sequence_set(&self, unit: &[u8]) -> bool {
        let sequence = if self.codec == Codec::H264 { 7 } else { 33 };
        unit.first().is_some_and(|first| unit_type(self.codec, *first) == sequence)
    }
}

fn unit_type(codec: Codec, first: u8) -> u8 {
    if codec == Codec::H264 { first & 0x1f } else { first >> 1 & 0x3f }
}

fn delimiter_type(codec: Codec) -> u8 {
    if codec == Codec::H264 { 9 } else { 35 }
}

/// An access unit delimiter that promises nothing about the slices: any type may follow.
fn delimiter(codec: Codec) -> &'static [u8] {
    if codec == Codec::H264 { &[0x09, 0xf0] } else { &[0x46, 0x01, 0x50] }
}

/// ISO/IEC 14496-15 section 5.3.3.1: sequence sets, then picture sets. What follows for high profiles is not needed.
fn h264_sets(record: &Bytes) -> Option<Vec<Bytes>> {
    let mut sets = Vec::new();
    let mut at = 6;
    for _ in 0..*record.get(5)? & 0x1f {
        at = set(record, at, &mut sets)?;
    }
    let pictures = *record.get(at)?;
    at += 1;
    for _ in 0..pictures {
        at = set(record, at, &mut sets)?;
    }
    Some(sets)
}

/// Section 8.3.3.1: arrays by type.
fn hevc_sets(record: &Bytes) -> Option<Vec<Bytes>> {
    /// Video, sequence and picture parameter sets.
    const SETS: std::ops::RangeInclusive<u8> = 32..=34;
    let mut sets = Vec::new();
    let mut other = Vec::new();
    let mut at = 23;
    for _ in 0..*record.get(22)? {
        let unit_type = *record.get(at)? & 0x3f;
        let count = u16::from_be_bytes([*record.get(at + 1)?, *record.get(at + 2)?]);
        at += 3;
        for _ in 0..count {
            let into = if SETS.contains(&unit_type) { &mut sets } else { &mut other };
            at = set(record, at, into)?;
        }
    }
    Some(sets)
}

/// Takes the set at `at` and gives where the next thing is.
fn set(record: &Bytes, at: usize, sets: &mut Vec<Bytes>) -> Option<usize> {
    let start = at + 2;
    let length = u16::from_be_bytes([*record.get(at)?, *record.get(at + 1)?]);
    let end = start + usize::from(length);
    if end > record.len() || sets.len() >= MAX_SETS {
        return None;
    }
    if length > 0 {
        sets.push(record.slice(start..end));
    }
    Some(end)
}
