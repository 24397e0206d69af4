//! Reading single bits.

/// Longest NAL unit that is read: parameter sets of real encoders have less than a hundred bytes, and the largest
/// that the standards allow (with all scaling lists and reference picture sets) stay below this.
const MAX_NAL_BYTES: usize = 8 << 10;

/// A reader of bits, most significant first. Every read past the end gives `None`.
#[derive(Debug, Clone)]
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Bits<'a> {
        Bits { bytes, at: 0 }
    }

    /// Bits that are left.
    pub(crate) fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    /// Up to 32 bits.
    pub(crate) fn read(&mut self, count: u32) -> Option<u32> {
        if count > 32 || self.left() < count as usize {
            return None;
        }
        let mut value = 0_u64;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u64::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        u32::try_from(value).ok()
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        self.read(1).map(|bit| bit == 1)
    }

    pub(crate) fn skip(&mut self, count: usize) -> Option<()> {
        if self.left() < count {
            return None;
        }
        self.at += count;
        Some(())
    }

    /// An unsigned Exp-Golomb code (H.264 section 9.1), up to 2^32 - 2.
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.read(zeros)?;
        u32::try_from((1_u64 << zeros) - 1 + u64::from(rest)).ok()
    }

    /// A signed Exp-Golomb code (H.264 section 9.1.1).
    pub(crate) fn se(&mut self) -> Option<i64> {
        let code = i64::from(self.ue()?);
        Some(if code % 2 == 1 { code / 2 + 1 } else { -(code / 2) })
    }
}

/// A NAL unit's bytes without the emulation prevention bytes (H.264 section 7.4.1).
pub(crate) fn unescape(nal: &[u8]) -> Vec<u8> {
    let nal = &nal[..nal.len().min(MAX_NAL_BYTES)];
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for byte in nal {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_are_read() {
        // 1 | 010 | 011 | 00100 | 00101
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let codes: Vec<_> = (0..5).map(|_| bits.ue().unwrap()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let codes: Vec<_> = (0..5).map(|_| bits.se().unwrap()).collect();
        assert_eq!(codes, [0, 1, -1, 2, -2]);
    }

    #[test]
    fn a_read_past_the_end_gives_nothing_and_does_not_move() {
        let mut bits = Bits::new(&[0xff]);
        assert_eq!(bits.read(9), None);
        assert_eq!(bits.read(8), Some(0xff));
        assert_eq!(bits.read(1), None);
        assert_eq!(bits.read(0), Some(0));
        assert_eq!(Bits::new(&[0; 16]).ue(), None);
    }

    #[test]
    fn the_largest_codes_do_not_overflow() {
        let mut bytes = vec![0, 0, 0, 1];
        bytes.extend_from_slice(&[0xff; 4]);
        assert_eq!(Bits::new(&bytes).ue(), Some(u32::MAX - 1));
        assert_eq!(Bits::new(&bytes).se(), Some(-i64::from(u32::MAX / 2)));
    }

    #[test]
    fn emulation_prevention_is_taken_out() {
        assert_eq!(unescape(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3]), [1, 0, 0, 1, 0, 0, 0, 0, 3]);
    }
}
