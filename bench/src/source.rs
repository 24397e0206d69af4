//! What is published: a stream of 1.02 Mbit/s that is shaped like H.264 and AAC, without a picture in it.
//!
//! Servers look at headers, NAL unit lengths and key frames; no decoder sees this. Every picture is preceded by an SEI
//! (user data unregistered) with the moment at which it was handed to the socket, as nanoseconds of this process's
//! clock in hexadecimal digits, which need no emulation prevention.

use std::time::Instant;

use crate::amf::Writer;
use crate::flv::{AUDIO, SCRIPT, VIDEO};

/// Microseconds between two pictures, and between two messages of sound.
pub(crate) const PICTURE_US: u64 = 40_000;
pub(crate) const SOUND_US: u64 = 1024 * 1_000_000 / 44_100;
/// Pictures and sounds together.
pub(crate) const MESSAGES_PER_SECOND: f64 = 1e6 / PICTURE_US as f64 + 1e6 / SOUND_US as f64;
/// Pictures in a group: two seconds.
const GROUP: u64 = 50;
/// A key frame is eight times as long as another; together they make 930 kbit/s.
const KEY_BYTES: usize = 32_600;
const OTHER_BYTES: usize = 4_075;
/// An AAC frame has 1024 samples: 43 messages a second, 64 kbit/s.
const AUDIO_BYTES: usize = 186;

/// SPS and PPS of 1280x720, baseline, level 3.1, in the record of ISO/IEC 14496-15, 5.2.4.1.
const AVC_RECORD: [u8; 40] = [
    0x01, 0x42, 0xc0, 0x1f, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x00, 0x50, 0x05, 0xbb,
    0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x83, 0x24, 0x80, 0x01,
    0x00, 0x04, 0x68, 0xcb, 0x8c, 0xb2,
];

pub(crate) const STAMP_NAME: &[u8; 16] = b"WEIR-BENCH-STAMP";
/// Length, NAL type, payload type, payload size, name, digits, stop bit.
const STAMP_BYTES: usize = 4 + 3 + 16 + 16 + 1;
/// Where the digits are in a picture's body, behind the five bytes of FLV's video header.
const DIGITS_AT: usize = 5 + 4 + 3 + 16;

/// One message of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// `AUDIO` or `VIDEO`.
    pub(crate) kind: u8,
    /// Milliseconds since the stream began.
    pub(crate) time: u32,
    /// A picture that needs no other.
    pub(crate) key: bool,
}

/// Which message comes when; endless.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    pictures: u64,
    sounds: u64,
}

impl Schedule {
    /// The next message, which stays the next until `advance`.
    pub(crate) fn next(&self) -> Due {
        let picture = self.pictures * PICTURE_US / 1000;
        let sound = self.sounds * 1024 * 1000 / 44_100;
        if picture <= sound {
            Due { kind: VIDEO, time: picture as u32, key: self.pictures.is_multiple_of(GROUP) }
        } else {
            Due { kind: AUDIO, time: sound as u32, key: false }
        }
    }

    /// The next message was sent.
    pub(crate) fn advance(&mut self) {
        match self.next().kind {
            VIDEO => self.pictures += 1,
            _ => self.sounds += 1,
        }
    }
}

/// The bodies of the messages.
#[derive(Debug)]
pub(crate) struct Source {
    key: Vec<u8>,
    other: Vec<u8>,
    audio: Vec<u8>,
}

impl Source {
    /// Makes the bodies once; only the stamps change later.
    pub(crate) fn new() -> Self {
        let mut audio = vec![0xaf, 1];
        fill(&mut audio, AUDIO_BYTES);
        Self { key: picture(true, KEY_BYTES), other: picture(false, OTHER_BYTES), audio }
    }

    /// What is sent once, before everything else: metadata and the records of both codecs.
    pub(crate) fn headers() -> [(u8, Vec<u8>); 3] {
        let mut avc = vec![0x17, 0, 0, 0, 0];
        avc.extend_from_slice(&AVC_RECORD);
        [(SCRIPT, metadata()), (VIDEO, avc), (AUDIO, vec![0xaf, 0, 0x12, 0x10])]
    }

    /// The body of a message, stamped with `now` when it is a picture.
    pub(crate) fn body(&mut self, due: Due, now: u64) -> &[u8] {
        let body = match (due.kind, due.key) {
            (VIDEO, true) => &mut self.key,
            (VIDEO, false) => &mut self.other,
            _ => return &self.audio,
        };
        for (place, byte) in body[DIGITS_AT..DIGITS_AT + 16].iter_mut().enumerate() {
            *byte = b"0123456789abcdef"[(now >> (60 - 4 * place) & 15) as usize];
        }
        body
    }
}

/// The stamp in a picture's beginning.
pub(crate) fn stamp(head: &[u8]) -> Option<u64> {
    let usual = DIGITS_AT - 16;
    let at = if head.get(usual..usual + 16)? == STAMP_NAME {
        usual
    } else {
        head.windows(16).position(|window| window == STAMP_NAME)?
    };
    let digits = head.get(at + 16..at + 32)?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The sequence headers apart, is this a picture, and does it need no other?
pub(crate) fn picture_kind(head: &[u8]) -> Option<bool> {
    (head.len() > 1 && head[1] == 1).then(|| head[0] >> 4 == 1)
}

/// This process's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Starts at zero, now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the start.
    pub(crate) fn now(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn picture(key: bool, bytes: usize) -> Vec<u8> {
    let mut body = vec![if key { 0x17 } else { 0x27 }, 1, 0, 0, 0];
    body.extend_from_slice(&((STAMP_BYTES - 4) as u32).to_be_bytes());
    body.extend_from_slice(&[6, 5, 32]);
    body.extend_from_slice(STAMP_NAME);
    body.extend_from_slice(&[b'0'; 16]);
    body.push(0x80);
    body.extend_from_slice(&(bytes as u32).to_be_bytes());
    let start = body.len();
    // The first bytes of a slice as x264 writes them: the first macroblock, then an I or a P slice.
    body.extend_from_slice(if key { &[0x65, 0x88, 0x84] } else { &[0x41, 0x9a, 0x24] });
    fill(&mut body, start + bytes);
    body
}

/// Bytes without a zero among them, so that no start code and no escape can arise.
fn fill(body: &mut Vec<u8>, length: usize) {
    let mut state = 0x9e37_79b9_u32;
    while body.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        body.push((state >> 24) as u8 | 0x10);
    }
}

fn metadata() -> Vec<u8> {
    let mut writer = Writer::default().string("onMetaData").array(7);
    for (name, value) in [
        ("width", 1280.0),
        ("height", 720.0),
        ("framerate", 25.0),
        ("videocodecid", 7.0),
        ("videodatarate", 930.0),
        ("audiocodecid", 10.0),
        ("audiodatarate", 64.0),
    ] {
        writer = writer.key(name).number(value);
    }
    writer.end().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flv::HEAD;

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let mut source = Source::new();
        for key in [true, false] {
            let due = Due { kind: VIDEO, time: 0, key };
            let body = source.body(due, 0x0123_4567_89ab_cdef);
            assert_eq!(stamp(&body[..HEAD]), Some(0x0123_4567_89ab_cdef));
            assert_eq!(picture_kind(body), Some(key));
        }
        assert_eq!(stamp(&[0; HEAD]), None);
    }

    #[test]
    fn nal_lengths_cover_every_picture() {
        let mut source = Source::new();
        for key in [true, false] {
            let mut rest = &source.body(Due { kind: VIDEO, time: 0, key }, 1)[5..];
            let mut kinds = Vec::new();
            while let Some((length, after)) = rest.split_first_chunk::<4>() {
                let (nal, after) = after.split_at(u32::from_be_bytes(*length) as usize);
                kinds.push(nal[0] & 31);
                rest = after;
            }
            assert!(rest.is_empty());
            assert_eq!(kinds, if key { [6, 5] } else { [6, 1] });
        }
    }

    #[test]
    fn ten_seconds_hold_the_rate_that_the_tables_speak_of() {
        let (mut schedule, mut source) = (Schedule::default(), Source::new());
        let (mut bytes, mut pictures, mut keys, mut last) = (0, 0, 0, 0);
        while schedule.next().time < 10_000 {
            let due = schedule.next();
            assert!(due.time >= last);
            last = due.time;
            bytes += source.body(due, 0).len() + crate::flv::TAG_OVERHEAD;
            pictures += u32::from(due.kind == VIDEO);
            keys += u32::from(due.key);
            schedule.advance();
        }
        let kbit = bytes * 8 / 10_000;
        assert_eq!((pictures, keys), (250, 5));
        assert!((1_005..=1_035).contains(&kbit), "{kbit}");
    }
}
