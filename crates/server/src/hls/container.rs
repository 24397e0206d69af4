//! What segments are made of.

use media::codec::Codec;

use crate::config::HlsContainer;

/// A format of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Container {
    /// Fragmented MP4 (CMAF).
    Fmp4,
    /// MPEG-TS.
    Ts,
}

impl Container {
    /// Its name in the configuration and in addresses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Container::Fmp4 => "fmp4",
            Container::Ts => "ts",
        }
    }

    /// The one with this name.
    pub(crate) fn named(name: &str) -> Option<Container> {
        [Container::Fmp4, Container::Ts].into_iter().find(|container| container.name() == name)
    }

    /// The other one.
    pub(super) fn other(self) -> Container {
        match self {
            Container::Fmp4 => Container::Ts,
            Container::Ts => Container::Fmp4,
        }
    }

    /// Its name for people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Container::Fmp4 => "fMP4",
            Container::Ts => "MPEG-TS",
        }
    }

    /// The media type of its files.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Container::Fmp4 => "video/mp4",
            Container::Ts => "video/mp2t",
        }
    }

    /// Whether players find this codec in it.
    pub(super) fn carries(self, codec: Codec) -> bool {
        match self {
            Container::Fmp4 => {
                matches!(
                    codec,
                    Codec::H264 | Codec::Hevc | Codec::Av1 | Codec::Vp9 | Codec::Aac | Codec::Opus
                )
            }
            Container::Ts => matches!(
                codec,
                Codec::H264 | Codec::Hevc | Codec::Aac | Codec::Mp3 | Codec::Ac3 | Codec::Eac3
            ),
        }
    }
}

impl From<HlsContainer> for Container {
    fn from(container: HlsContainer) -> Container {
        match container {
            HlsContainer::Fmp4 => Container::Fmp4,
            HlsContainer::Ts => Container::Ts,
        }
    }
}
