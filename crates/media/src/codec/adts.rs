//! AAC outside MP4: the header that goes before each frame in a transport stream (ISO/IEC 13818-7 section 6.2).

use super::bits::Bits;

/// Length of the header, which has no checksum.
pub const ADTS_BYTES: usize = 7;

/// Largest frame with its header: the length has 13 bits.
const MAX_FRAME_BYTES: usize = (1 << 13) - 1;

const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// What the headers of one track have in common.
///
/// High-efficiency AAC is described by its core: a header has no room for the extension, and decoders find it in
/// the frames themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adts {
    profile: u8,
    rate_index: u8,
    channels: u8,
}

impl Adts {
    /// From an audio specific configuration. `None` when it cannot be read, or describes what a header cannot say: an
    /// object type over 4 or a rate that is not in the table.
    pub fn of(record: &[u8]) -> Option<Adts> {
        const SBR: u32 = 5;
        const PS: u32 = 29;
        let bits = &mut Bits::new(record);
        let mut object = bits.read(5)?;
        let rate_index = rate_index(bits)?;
        let channels = u8::try_from(bits.read(4)?).ok().filter(|channels| *channels < 8)?;
        if matches!(object, SBR | PS) {
            rate_index_or_escape(bits)?;
            object = bits.read(5)?;
        }
        let profile = u8::try_from(object.checked_sub(1)?).ok().filter(|profile| *profile < 4)?;
        Some(Adts { profile, rate_index, channels })
    }

    /// The header of a frame of `len` bytes. `None` when the frame is too long for one.
    pub fn header(self, len: usize) -> Option<[u8; ADTS_BYTES]> {
        let len = len.checked_add(ADTS_BYTES).filter(|len| *len <= MAX_FRAME_BYTES)?;
        let [.., high, low] = len.to_be_bytes();
        // The buffer fullness of all ones says that the rate varies; one raw data block.
        Some([
            0xff,
            0xf1,
            self.profile << 6 | self.rate_index << 2 | self.channels >> 2,
            (self.channels & 0x03) << 6 | high >> 3,
            high << 5 | low >> 3,
            low << 5 | 0x1f,
            0xfc,
        ])
    }
}

fn rate_index(bits: &mut Bits<'_>) -> Option<u8> {
    let rate = rate_index_or_escape(bits)?;
    let index = SAMPLE_RATES.iter().position(|known| *known == rate)?;
    u8::try_from(index).ok()
}

fn rate_index_or_escape(bits: &mut Bits<'_>) -> Option<u32> {
    const ESCAPE: u32 = 15;
    match bits.read(4)? {
        ESCAPE => bits.read(24),
        index => SAMPLE_RATES.get(index as usize).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `ffmpeg -c:a aac -ar 44100 -ac 2 -f adts` begins its first frame with, the length aside.
    #[test]
    fn the_header_of_a_stereo_track_is_that_of_ffmpeg() {
        let adts = Adts::of(&[0x12, 0x10]).unwrap();
        assert_eq!(adts.header(0x123 - 7), Some([0xff, 0xf1, 0x50, 0x80, 0x24, 0x7f, 0xfc]));
    }

    #[test]
    fn high_efficiency_is_described_by_its_core() {
        // Explicit: type 5 with a core of 22.05 kHz; behind a plain configuration: the same core.
        let explicit = Adts::of(&[0x2b, 0x92, 0x08, 0x00]).unwrap();
        let behind = Adts::of(&[0x13, 0x90, 0x56, 0xe5, 0xa0]).unwrap();
        assert_eq!(explicit, behind);
        assert_eq!(explicit, Adts { profile: 1, rate_index: 7, channels: 2 });
        let stereo = Adts::of(&[0xeb, 0x8a, 0x08, 0x00]).unwrap();
        assert_eq!(stereo, Adts { profile: 1, rate_index: 7, channels: 1 });
    }

    #[test]
    fn an_escaped_rate_of_the_table_is_its_index_and_another_is_none() {
        // 48,000 Hz and 37,800 Hz in 24 bits.
        assert_eq!(Adts::of(&[0x17, 0x80, 0x5d, 0xc0, 0x10]).map(|adts| adts.rate_index), Some(3));
        assert_eq!(Adts::of(&[0x17, 0x80, 0x49, 0xd4, 0x10]), None);
    }

    #[test]
    fn what_a_header_cannot_say_gives_nothing() {
        assert_eq!(Adts::of(&[]), None);
        assert_eq!(Adts::of(&[0xf9, 0x48, 0x20]), None);
        let adts = Adts::of(&[0x12, 0x10]).unwrap();
        assert_eq!(adts.header(MAX_FRAME_BYTES - ADTS_BYTES).map(|header| header[4]), Some(0xff));
        assert_eq!(adts.header(MAX_FRAME_BYTES - ADTS_BYTES + 1), None);
        assert_eq!(adts.header(usize::MAX), None);
    }
}
