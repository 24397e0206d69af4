//! The tables that say what is in the stream.

use super::packet::Pid;
use crate::codec::Codec;

const PROGRAM: u16 = 1;

/// The number of a codec in the program map. `None`: there is none that players know.
pub(super) fn stream_type(codec: Codec) -> Option<u8> {
    match codec {
        Codec::H264 => Some(0x1b),
        Codec::Hevc => Some(0x24),
        Codec::Aac => Some(0x0f),
        Codec::Mp3 => Some(0x03),
        Codec::Ac3 => Some(0x81),
        Codec::Eac3 => Some(0x87),
        _ => None,
    }
}

/// The program association table (section 2.4.4.3).
pub(super) fn programs() -> Vec<u8> {
    let mut body = vec![0, 1, 0xc1, 0, 0];
    body.extend_from_slice(&PROGRAM.to_be_bytes());
    body.extend_from_slice(&(0xe000 | Pid::Map.number()).to_be_bytes());
    section(0x00, &body)
}

/// The program map table (section 2.4.4.8).
pub(super) fn map(version: u8, video: Option<Codec>, audio: Option<Codec>) -> Vec<u8> {
    let clock = if video.is_some() || audio.is_none() { Pid::Video } else { Pid::Audio };
    let mut body = PROGRAM.to_be_bytes().to_vec();
    body.extend_from_slice(&[0xc1 | version << 1, 0, 0]);
    body.extend_from_slice(&(0xe000 | clock.number()).to_be_bytes());
    body.extend_from_slice(&[0xf0, 0]);
    for (pid, codec) in [(Pid::Video, video), (Pid::Audio, audio)] {
        let Some((codec, number)) = codec.and_then(|codec| Some((codec, stream_type(codec)?))) else {
            continue;
        };
        let registration: &[u8] = match codec {
            Codec::Hevc => b"\x05\x04HEVC",
            Codec::Ac3 => b"\x05\x04AC-3",
            Codec::Eac3 => b"\x05\x04EAC3",
            _ => &[],
        };
        body.push(number);
        body.extend_from_slice(&(0xe000 | pid.number()).to_be_bytes());
        body.extend_from_slice(&[0xf0, if registration.is_empty() { 0 } else { 6 }]);
        body.extend_from_slice(registration);
    }
    section(0x02, &body)
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    const CRC_BYTES: usize = 4;
    let [.., high, low] = (body.len() + CRC_BYTES).to_be_bytes();
    let mut out = vec![id, 0xb0 | high, low];
    out.extend_from_slice(body);
    let crc = crc32(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    out
}

/// Annex A. The tables are short and rare, so the bits are taken one by one.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            crc = crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 };
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-32/MPEG-2 in the catalogue of parametrised CRC algorithms.
    #[test]
    fn the_checksum_is_that_of_mpeg() {
        assert_eq!(crc32(b"123456789"), 0x0376_e6e7);
    }

    /// The tables that FFmpeg 5.1.9 writes, but for its transport stream's number and PIDs, sum to zero like these.
    #[test]
    fn a_whole_section_sums_to_zero() {
        for section in
            [programs(), map(31, Some(Codec::Hevc), Some(Codec::Ac3)), map(0, None, Some(Codec::Aac))]
        {
            assert_eq!(crc32(&section), 0);
            assert_eq!(section.len(), 3 + (usize::from(section[1] & 0x0f) << 8 | usize::from(section[2])));
        }
    }
}
