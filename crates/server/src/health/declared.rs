//! What an encoder announces in `onMetaData`. Nothing relies on it; what comes is compared with it.

use amf0::Value;
use hub::Headers;

/// Most pictures per second that are believed.
const FPS_MAX: f64 = 240.0;

/// Most kilobits per second that are believed.
const KBPS_MAX: f64 = 200_000.0;

/// What was announced, as far as it can be believed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Declared {
    /// Pictures per second.
    pub(super) fps: Option<f64>,
    /// Bits of sound and pictures per second.
    pub(super) bits_per_second: Option<f64>,
}

impl Declared {
    /// From the newest metadata.
    pub(super) fn of(headers: &Headers) -> Declared {
        headers.metadata.as_ref().map(|frame| Declared::parse(&frame.body)).unwrap_or_default()
    }

    fn parse(body: &[u8]) -> Declared {
        let Ok(values) = amf0::decode(body) else { return Declared::default() };
        let properties = values.into_iter().find_map(|value| match value {
            Value::Object(properties) | Value::EcmaArray(properties) => Some(properties),
            _ => None,
        });
        let properties = properties.unwrap_or_default();
        let number = |wanted: &str, max: f64| {
            let named = properties.iter().rev().find(|(name, _)| name == wanted);
            // Encoders that do not know write 0; some write infinity.
            named.and_then(|(_, value)| value.as_f64()).filter(|number| *number >= 1.0 && *number <= max)
        };
        let video = number("videodatarate", KBPS_MAX);
        Declared {
            fps: number("framerate", FPS_MAX).or(number("fps", FPS_MAX)),
            bits_per_second: video
                .map(|video| (video + number("audiodatarate", KBPS_MAX).unwrap_or(0.0)) * 1_000.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(properties: &[(&str, f64)]) -> Vec<u8> {
        let mut out = Vec::new();
        amf0::encode(&Value::from("onMetaData"), &mut out);
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), Value::Number(*value)));
        amf0::encode(&Value::EcmaArray(properties.collect()), &mut out);
        out
    }

    #[test]
    fn what_an_encoder_announces_is_read_and_what_cannot_be_is_not_believed() {
        let obs = metadata(&[("framerate", 30.0), ("videodatarate", 2500.0), ("audiodatarate", 160.0)]);
        let expected = Declared { fps: Some(30.0), bits_per_second: Some(2_660_000.0) };
        assert_eq!(Declared::parse(&obs), expected);
        let odd = metadata(&[("framerate", f64::INFINITY), ("videodatarate", 0.0), ("audiodatarate", 128.0)]);
        assert_eq!(Declared::parse(&odd), Declared::default());
        assert_eq!(Declared::parse(b"\x02\x00"), Declared::default());
    }
}
