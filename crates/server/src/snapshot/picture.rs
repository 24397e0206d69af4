//! How large pictures are, what ffmpeg is told to make, and what comes of it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;

/// The widths that can be asked for, in pixels. Few, because each is made and kept by itself.
pub const WIDTHS: [u32; 6] = [160, 320, 480, 640, 1280, 1920];

/// What is made when nobody says: the picture as it is, up to this width.
pub const LARGEST: Width = Width(1920);

/// A width that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Width(u32);

impl Width {
    /// This many pixels, if it is one of [`WIDTHS`].
    pub fn new(pixels: u32) -> Option<Width> {
        WIDTHS.contains(&pixels).then_some(Width(pixels))
    }
}

/// A finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jpeg {
    /// The file.
    pub bytes: Bytes,
    /// The number of the key frame that it shows, in its stream.
    pub number: u64,
    /// Tells it from other pictures at the same address.
    pub etag: String,
}

impl Jpeg {
    pub(super) fn new(bytes: Bytes, number: u64) -> Jpeg {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Jpeg { etag: format!("{:016x}", hasher.finish()), bytes, number }
    }
}

/// The decoders that may be opened, so that a file cannot choose a forgotten one.
const DECODERS: &str = "h264,hevc,vp9,libvpx-vp9,av1,libdav1d,libaom-av1";

/// The filter that makes a picture at most so wide, with square pixels, and no higher than three times its width, whatever
/// its publisher says about its shape. JPEG has the full range of the older standard's colours.
pub(super) fn scale(width: u32) -> String {
    let sides = format!("w=2*ceil(min({width}\\,iw*sar)/2):h=2*ceil(min(ow/dar\\,3*ow)/2)");
    let colours = "in_color_matrix=auto:out_color_matrix=bt601:out_range=full";
    format!("scale={sides}:{colours},setsar=1,format=yuvj420p")
}

impl Width {
    pub(super) fn filter(self) -> String {
        scale(self.0)
    }
}

/// The arguments for one JPEG of the MP4 on standard input. Nothing in them comes from a client but a number from a list.
pub(super) fn arguments(filter: &str) -> Vec<String> {
    let input = ["-protocol_whitelist", "pipe", "-codec_whitelist", DECODERS, "-threads", "1", "-f", "mp4"];
    let output =
        ["-map", "0:v:0", "-an", "-sn", "-dn", "-frames:v", "1", "-filter_threads", "1", "-vf", filter];
    let coder = ["-threads", "1", "-c:v", "mjpeg", "-q:v", "4", "-f", "mjpeg", "pipe:1"];
    let quiet = ["-nostdin", "-hide_banner", "-nostats", "-v", "error"];
    let all = quiet.iter().chain(&input).chain(&["-i", "pipe:0"]).chain(&output).chain(&coder);
    all.map(|argument| (*argument).to_owned()).collect()
}

/// The width and height that a JPEG file says (ITU-T T.81 section B.2.2).
pub(super) fn size(jpeg: &[u8]) -> Option<(u32, u32)> {
    let mut rest = jpeg.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let [0xff, marker, high, low, after @ ..] = rest else { return None };
        if matches!(marker, 0xc0..=0xc2) {
            let [_, h1, h0, w1, w0, ..] = after else { return None };
            let side = |high: &u8, low: &u8| u32::from(u16::from_be_bytes([*high, *low]));
            return Some((side(w1, w0), side(h1, h0)));
        }
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        rest = after.get(len.checked_sub(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_jpeg_is_read_past_its_comments() {
        let jpeg = [0xff, 0xd8, 0xff, 0xe0, 0, 3, 9, 0xff, 0xc0, 0, 17, 8, 0, 90, 0, 160, 3];
        assert_eq!(size(&jpeg), Some((160, 90)));
        for end in 0..jpeg.len() - 1 {
            assert_eq!(size(&jpeg[..end]), None);
        }
        assert_eq!(size(&[0xff, 0xd8, 0xff, 0xe0, 0, 1, 9]), None);
    }
}
