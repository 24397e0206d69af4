//! AAC: the audio specific configuration (ISO/IEC 14496-3 section 1.6.2.1).

use super::TrackInfo;
use super::bits::Bits;

/// Audio object types that say "spectral band replication", alone or with parametric stereo.
const SBR: u32 = 5;
const PS: u32 = 29;

const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

pub(super) fn describe(record: &[u8], info: &mut TrackInfo) -> Option<()> {
    let bits = &mut Bits::new(record);
    let mut object = object_type(bits)?;
    let mut rate = sample_rate(bits)?;
    let channels = bits.read(4)?;
    let mut extension = None;
    if matches!(object, SBR | PS) {
        extension = Some(object);
        rate = sample_rate(bits)?;
        object = object_type(bits)?;
    }
    if extension.is_none()
        && let Some((found, extended)) = backward_compatible(bits, object, channels)
    {
        extension = Some(found);
        rate = extended;
    }
    info.codec_string = format!("mp4a.40.{}", extension.unwrap_or(object));
    info.sample_rate = (rate > 0).then_some(rate);
    info.channels = match channels {
        1 if extension == Some(PS) => Some(2),
        1..=6 => Some(channels),
        7 | 12 | 14 => Some(8),
        11 => Some(7),
        // 0 leaves it to a program element inside the stream.
        _ => None,
    };
    Some(())
}

fn object_type(bits: &mut Bits<'_>) -> Option<u32> {
    const ESCAPE: u32 = 31;
    match bits.read(5)? {
        ESCAPE => Some(bits.read(6)? + 32),
        object => Some(object),
    }
}

fn sample_rate(bits: &mut Bits<'_>) -> Option<u32> {
    const ESCAPE: u32 = 15;
    match bits.read(4)? {
        ESCAPE => bits.read(24),
        index => SAMPLE_RATES.get(index as usize).copied(),
    }
}

/// An extension behind a configuration that older decoders understand: what it is, and its sample rate.
fn backward_compatible(bits: &mut Bits<'_>, object: u32, channels: u32) -> Option<(u32, u32)> {
    const SYNC_SBR: u32 = 0x2b7;
    const SYNC_PS: u32 = 0x548;
    // Only for the general audio types, whose specific part is short and fixed without a program element.
    if !matches!(object, 1..=4) || channels == 0 {
        return None;
    }
    bits.skip(1)?;
    if bits.flag()? {
        bits.skip(14)?;
    }
    bits.skip(1)?;
    if bits.read(11)? != SYNC_SBR || object_type(bits)? != SBR || !bits.flag()? {
        return None;
    }
    let rate = sample_rate(bits)?;
    let stereo = bits.read(11) == Some(SYNC_PS) && bits.flag() == Some(true);
    Some((if stereo { PS } else { SBR }, rate))
}
