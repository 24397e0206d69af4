//! Files of frames that have no table of what is in them: how far they are good.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::Path;

use media::flv::TAG_HEADER_BYTES;

/// The header of an FLV file and the size of no tag before it.
const FLV_HEADER: u64 = 13;

/// How far a file is good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Good {
    /// Where the last whole frame ends.
    pub(super) end: u64,
    /// The time of the last frame, where the file has times, in milliseconds.
    pub(super) time_ms: u64,
    /// There is a frame of picture or sound.
    pub(super) frames: bool,
}

/// Of an FLV file.
pub(super) fn flv(path: &Path) -> io::Result<Good> {
    let (mut file, len) = open(path)?;
    if len < FLV_HEADER {
        return Ok(Good::default());
    }
    file.seek_relative(FLV_HEADER as i64)?;
    let mut good = Good { end: FLV_HEADER, ..Good::default() };
    loop {
        let mut header = [0; TAG_HEADER_BYTES];
        if file.read_exact(&mut header).is_err() {
            return Ok(good);
        }
        let [kind, a, b, c, t1, t2, t3, t0, ..] = header;
        let size = u64::from(u32::from_be_bytes([0, a, b, c]));
        let end = good.end + TAG_HEADER_BYTES as u64 + size + 4;
        if end > len || !matches!(kind, 8 | 9 | 18) {
            return Ok(good);
        }
        good.end = end;
        good.time_ms = good.time_ms.max(u64::from(u32::from_be_bytes([t0, t1, t2, t3])));
        good.frames |= kind != 18 && good.time_ms > 0;
        file.seek_relative(i64::try_from(size + 4).unwrap_or(i64::MAX))?;
    }
}

/// Of AAC with ADTS headers.
pub(super) fn aac(path: &Path) -> io::Result<Good> {
    let (mut file, len) = open(path)?;
    let mut good = Good::default();
    loop {
        let mut header = [0; 7];
        if file.read_exact(&mut header).is_err() {
            return Ok(good);
        }
        let [sync, second, _, high, middle, low, _] = header;
        let size = u64::from(high & 0x03) << 11 | u64::from(middle) << 3 | u64::from(low >> 5);
        let end = good.end + size;
        if sync != 0xff || second & 0xf6 != 0xf0 || size < 7 || end > len {
            return Ok(good);
        }
        (good.end, good.frames) = (end, true);
        file.seek_relative(i64::try_from(size - 7).unwrap_or(i64::MAX))?;
    }
}

fn open(path: &Path) -> io::Result<(BufReader<File>, u64)> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    Ok((BufReader::new(file), len))
}

#[cfg(test)]
mod tests {
    use media::codec::adts::Adts;
    use media::flv;
    use media::frame::Kind;

    use super::*;
    use crate::scratch::Scratch;

    /// Whatever is cut off, what is good is a number of whole frames.
    #[test]
    fn what_is_good_of_a_file_that_was_cut_is_whole_frames() {
        let scratch = Scratch::new();
        let path = scratch.path().join("file");
        let (mut file, mut ends) = (flv::header(true, true).to_vec(), vec![13]);
        for time in [0, 40, 80] {
            file.extend_from_slice(&flv::tag_header(Kind::Video, time, 5));
            file.extend_from_slice(&[0x17, 1, 0, 0, 0]);
            file.extend_from_slice(&flv::tag_trailer(5));
            ends.push(file.len());
        }
        for cut in 0..=file.len() {
            std::fs::write(&path, &file[..cut]).unwrap();
            let expected = ends.iter().rev().find(|end| **end <= cut).copied().unwrap_or(0);
            assert_eq!(super::flv(&path).unwrap().end, expected as u64, "cut at {cut}");
        }
        assert_eq!(super::flv(&path).unwrap(), Good { end: file.len() as u64, time_ms: 80, frames: true });
        let adts = Adts::of(&[0x12, 0x10]).unwrap();
        let (mut file, mut ends) = (Vec::new(), vec![0]);
        for len in [1, 300, 40] {
            file.extend_from_slice(&adts.header(len).unwrap());
            file.resize(file.len() + len, 7);
            ends.push(file.len());
        }
        for cut in 0..=file.len() {
            std::fs::write(&path, &file[..cut]).unwrap();
            let expected = ends.iter().rev().find(|end| **end <= cut).copied().unwrap_or(0);
            assert_eq!(aac(&path).unwrap().end, expected as u64, "cut at {cut}");
        }
    }
}
