//! The playlist of playlists.

use std::fmt;

use super::text::Safe;

/// One way to watch (`EXT-X-STREAM-INF`). One without a resolution is sound only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variant {
    /// Its media playlist.
    pub uri: String,
    /// Bits per second of its largest segment.
    pub bandwidth: u64,
    /// Bits per second of all of it.
    pub average_bandwidth: Option<u64>,
    /// [`rfc6381::codecs`](crate::codec::rfc6381::codecs) of its tracks.
    pub codecs: Option<String>,
    /// Width and height of the picture.
    pub resolution: Option<(u32, u32)>,
    /// Pictures per second.
    pub frame_rate: Option<f64>,
}

/// A multivariant playlist. [`Display`](fmt::Display) is its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Multivariant {
    /// Every segment of every variant begins with a key frame.
    pub independent_segments: bool,
    /// The variants; players begin with the first.
    pub variants: Vec<Variant>,
}

impl fmt::Display for Multivariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "#EXTM3U")?;
        if self.independent_segments {
            writeln!(f, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        for variant in &self.variants {
            write!(f, "#EXT-X-STREAM-INF:BANDWIDTH={}", variant.bandwidth)?;
            if let Some(average) = variant.average_bandwidth {
                write!(f, ",AVERAGE-BANDWIDTH={average}")?;
            }
            if let Some(codecs) = &variant.codecs {
                write!(f, ",CODECS=\"{}\"", Safe(codecs))?;
            }
            if let Some((width, height)) = variant.resolution {
                write!(f, ",RESOLUTION={width}x{height}")?;
            }
            if let Some(rate) = variant.frame_rate {
                write!(f, ",FRAME-RATE={rate:.3}")?;
            }
            writeln!(f, "\n{}", Safe(&variant.uri))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_and_sound_alone_are_listed() {
        let picture = Variant {
            uri: "live/a.m3u8?k=1".into(),
            bandwidth: 2_500_000,
            average_bandwidth: Some(2_000_000),
            codecs: Some("avc1.64001f,mp4a.40.2".into()),
            resolution: Some((1280, 720)),
            frame_rate: Some(30_000.0 / 1_001.0),
        };
        let sound = Variant {
            uri: "sound.m3u8".into(),
            bandwidth: 64_000,
            codecs: Some("mp4a.40.2".into()),
            ..Variant::default()
        };
        let playlist = Multivariant { independent_segments: true, variants: vec![picture, sound] };
        let expected = "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=2500000,\
            AVERAGE-BANDWIDTH=2000000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=29.970\n\
            live/a.m3u8?k=1\n#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS=\"mp4a.40.2\"\nsound.m3u8\n";
        assert_eq!(playlist.to_string(), expected);
    }
}
