//! A scripted encoder: frames that look like H.264 and AAC to everything but a decoder.

use bytes::Bytes;
use media::frame::Kind;

/// The decoder configuration of a 64x64 H.264 picture, of any level.
pub fn avc_config(level: u8) -> Bytes {
    let sps = [0x67, 0x42, 0xC0, level, 0xDA, 0x10, 0x99];
    let mut out = vec![0x17, 0, 0, 0, 0, 1, 0x42, 0xC0, level, 0xFF, 0xE1, 0, 7];
    out.extend_from_slice(&sps);
    out.extend_from_slice(&[1, 0, 4, 0x68, 0xCE, 0x3C, 0x80]);
    out.into()
}

/// The decoder configuration of AAC-LC, 44.1 kHz stereo.
pub fn aac_config() -> Bytes {
    Bytes::from_static(&[0xAF, 0, 0x12, 0x10])
}

/// An `onMetaData` tag that names the clip.
pub fn metadata(title: &str) -> Bytes {
    let mut out = b"\x02\x00\x0aonMetaData\x08\x00\x00\x00\x01\x00\x05title\x02".to_vec();
    out.extend_from_slice(&(title.len().min(255) as u16).to_be_bytes());
    out.extend_from_slice(&title.as_bytes()[..title.len().min(255)]);
    out.extend_from_slice(&[0, 0, 9]);
    out.into()
}

/// The publisher's time that a picture of a clip carries in its body.
pub fn stamp(body: &[u8]) -> Option<u32> {
    match *body {
        [0x17 | 0x27, 1, _, _, _, _, _, _, _, 0x65 | 0x41, a, b, c, d, ..] => {
            Some(u32::from_be_bytes([a, b, c, d]))
        }
        _ => None,
    }
}

/// One frame of a clip.
#[derive(Debug, Clone)]
pub struct Shot {
    /// Its message type.
    pub kind: Kind,
    /// Its time in milliseconds.
    pub time: u32,
    /// Its FLV tag body.
    pub body: Bytes,
}

/// What the scripted encoder is set to.
#[derive(Debug, Clone, Copy)]
pub struct Clip {
    /// Between two pictures, in milliseconds.
    pub frame_ms: u32,
    /// Pictures from one key frame to the next.
    pub gop: u32,
    /// Size of a key frame, in bytes.
    pub key_bytes: usize,
    /// Size of any other picture, in bytes.
    pub inter_bytes: usize,
    /// Between two sound frames, in milliseconds; 0 for none.
    pub audio_ms: u32,
}

impl Default for Clip {
    fn default() -> Clip {
        Clip { frame_ms: 40, gop: 25, key_bytes: 8_000, inter_bytes: 2_000, audio_ms: 20 }
    }
}

impl Clip {
    /// The frames from `from` to `to` milliseconds, in order of time. Each body carries its time, so no two are
    /// equal. A clip that begins at `from` begins with a key frame.
    pub fn shots(&self, from: u32, to: u32) -> Vec<Shot> {
        let mut shots = Vec::new();
        for (number, time) in (from..to).step_by(self.frame_ms.max(1) as usize).enumerate() {
            let key = (number as u32).is_multiple_of(self.gop.max(1));
            let size = if key { self.key_bytes } else { self.inter_bytes };
            shots.push(Shot { kind: Kind::Video, time, body: picture(key, time, size) });
        }
        if self.audio_ms > 0 {
            for time in (from..to).step_by(self.audio_ms as usize) {
                let body = [&[0xAF, 1][..], &time.to_be_bytes(), &[0; 90]].concat();
                shots.push(Shot { kind: Kind::Audio, time, body: body.into() });
            }
        }
        shots.sort_by_key(|shot| shot.time);
        shots
    }
}

fn picture(key: bool, time: u32, size: usize) -> Bytes {
    let nal = if key { 0x65 } else { 0x41 };
    let payload = size.max(16) as u32;
    let mut out = vec![if key { 0x17 } else { 0x27 }, 1, 0, 0, 0];
    out.extend_from_slice(&payload.to_be_bytes());
    out.push(nal);
    out.extend_from_slice(&time.to_be_bytes());
    out.resize(9 + payload as usize, 0x55);
    out.into()
}
