//! Where a decoder can start in a part, in few bytes.
//!
//! A run holds up to [`RUN`] positions. Each is two numbers, seven bits a byte, lowest first: how much later it is than
//! the one before, in milliseconds, and how many bytes further. So an hour with a key frame every two seconds takes
//! some 10 KB, and while it is recorded only its last run is written again.

/// Most positions of one run.
pub const RUN: usize = 64;

/// Where a decoder can start: the beginning of a fragment whose first picture is a key frame, or of any fragment
/// where there are no pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// When, on the part's own time line, in milliseconds.
    pub time_ms: u64,
    /// Where in the file.
    pub offset: u64,
}

/// The positions of one run as bytes.
pub fn encode(keys: &[Key]) -> Vec<u8> {
    let mut out = Vec::with_capacity(keys.len() * 6);
    let mut last = Key { time_ms: 0, offset: 0 };
    for key in keys {
        number(&mut out, key.time_ms.saturating_sub(last.time_ms));
        number(&mut out, key.offset.saturating_sub(last.offset));
        last = *key;
    }
    out
}

/// The positions that some bytes hold. What is damaged ends them.
pub fn decode(mut bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut last = Key { time_ms: 0, offset: 0 };
    while let Some((time, offset)) = take(&mut bytes).zip(take(&mut bytes)) {
        last = Key { time_ms: last.time_ms.saturating_add(time), offset: last.offset.saturating_add(offset) };
        keys.push(last);
    }
    keys
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_and_take_few_bytes() {
        let keys: Vec<Key> = (0..64)
            .map(|n| Key { time_ms: n * 2_000 + n % 3, offset: 1_200 + n * 500_000 })
            .chain([Key { time_ms: u64::MAX, offset: u64::MAX }])
            .collect();
        let bytes = encode(&keys);
        assert_eq!(decode(&bytes), keys);
        assert!(bytes.len() < 64 * 6 + 24, "{}", bytes.len());
        assert_eq!(decode(&[]), []);
    }

    #[test]
    fn damage_ends_the_list_and_nothing_else() {
        let bytes = encode(&[Key { time_ms: 1, offset: 300 }, Key { time_ms: 2, offset: 600 }]);
        assert_eq!(decode(&bytes[..bytes.len() - 1]).len(), 1);
        assert_eq!(decode(&[0xff; 40]), []);
    }
}
