//! Values to bytes.

use crate::marker;
use crate::value::Value;

/// Appends `value` to `out`.
///
/// A string that does not fit a 16-bit length is written as a long string. A name of a property or a class has no
/// long form; it is cut at the last character that fits.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Number(number) => {
            out.push(marker::NUMBER);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Boolean(value) => out.extend_from_slice(&[marker::BOOLEAN, u8::from(*value)]),
        Value::String(text) if text.len() <= usize::from(u16::MAX) => {
            out.push(marker::STRING);
            name(text, out);
        }
        Value::String(text) | Value::LongString(text) => long(marker::LONG_STRING, text, out),
        Value::XmlDocument(text) => long(marker::XML_DOCUMENT, text, out),
        Value::Object(list) => {
            out.push(marker::OBJECT);
            properties(list, out);
        }
        Value::EcmaArray(list) => {
            out.push(marker::ECMA_ARRAY);
            out.extend_from_slice(&count(list.len()).to_be_bytes());
            properties(list, out);
        }
        Value::TypedObject { class, properties: list } => {
            out.push(marker::TYPED_OBJECT);
            name(class, out);
            properties(list, out);
        }
        Value::StrictArray(list) => {
            out.push(marker::STRICT_ARRAY);
            out.extend_from_slice(&count(list.len()).to_be_bytes());
            for value in list {
                encode(value, out);
            }
        }
        Value::Null => out.push(marker::NULL),
        Value::Undefined => out.push(marker::UNDEFINED),
        Value::Unsupported => out.push(marker::UNSUPPORTED),
        Value::Date { millis, zone_minutes } => {
            out.push(marker::DATE);
            out.extend_from_slice(&millis.to_be_bytes());
            out.extend_from_slice(&zone_minutes.to_be_bytes());
        }
    }
}

fn properties(list: &[(String, Value)], out: &mut Vec<u8>) {
    for (key, value) in list {
        name(key, out);
        encode(value, out);
    }
    out.extend_from_slice(&[0, 0, marker::OBJECT_END]);
}

fn name(text: &str, out: &mut Vec<u8>) {
    let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
    out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn long(marker: u8, text: &str, out: &mut Vec<u8>) {
    out.push(marker);
    out.extend_from_slice(&count(text.len()).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Four gigabytes of text or values are never encoded here, so the clamp is never seen.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::encode;
    use crate::value::Value;

    fn bytes(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        encode(value, &mut out);
        out
    }

    #[test]
    fn values_look_as_the_specification_draws_them() {
        assert_eq!(bytes(&Value::Number(1.0)), b"\x00\x3f\xf0\0\0\0\0\0\0");
        assert_eq!(bytes(&Value::from(true)), b"\x01\x01");
        assert_eq!(bytes(&Value::from("live")), b"\x02\0\x04live");
        assert_eq!(bytes(&Value::object([("a", Value::Null)])), b"\x03\0\x01a\x05\0\0\x09");
        assert_eq!(
            bytes(&Value::EcmaArray(vec![("a".into(), Value::Null)])),
            b"\x08\0\0\0\x01\0\x01a\x05\0\0\x09"
        );
        assert_eq!(bytes(&Value::StrictArray(vec![Value::Undefined])), b"\x0a\0\0\0\x01\x06");
        assert_eq!(bytes(&Value::Date { millis: 0.0, zone_minutes: -1 }), b"\x0b\0\0\0\0\0\0\0\0\xff\xff");
    }

    #[test]
    fn text_beyond_16_bits_becomes_a_long_string() {
        let fits = bytes(&Value::String("x".repeat(65_535)));
        assert_eq!(fits[..3], [0x02, 0xff, 0xff]);
        let long = bytes(&Value::String("x".repeat(65_536)));
        assert_eq!(long[..5], [0x0c, 0, 1, 0, 0]);
    }

    #[test]
    fn a_name_that_is_too_long_is_cut_between_characters() {
        let object = bytes(&Value::Object(vec![("堰".repeat(30_000), Value::Null)]));
        assert_eq!(object[1..3], 65_535_u16.to_be_bytes());
        let name = "x".to_owned() + &"堰".repeat(30_000);
        let object = bytes(&Value::Object(vec![(name, Value::Null)]));
        assert_eq!(object[1..3], 65_533_u16.to_be_bytes());
    }
}
