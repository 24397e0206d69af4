use proptest::prelude::*;

use super::{Decoder, Error, Limits, decode};
use crate::encode;
use crate::value::Value;

fn nested(depth: usize) -> Vec<u8> {
    // Strict arrays of one entry around a null, which is the innermost level.
    let mut bytes = b"\x0a\0\0\0\x01".repeat(depth - 1);
    bytes.push(5);
    bytes
}

#[test]
fn an_ecma_array_is_read_whatever_count_it_declares() {
    let expected = [Value::EcmaArray(vec![("a".into(), Value::from(true)), ("b".into(), Value::Null)])];
    for count in [0_u32, 1, 2, 3, u32::MAX] {
        let mut bytes = vec![8];
        bytes.extend(count.to_be_bytes());
        bytes.extend(b"\0\x01a\x01\x01\0\x01b\x05\0\0\x09");
        assert_eq!(decode(&bytes).unwrap(), expected);
    }
}

#[test]
fn an_end_marker_that_is_missing_at_the_end_of_the_input_is_forgiven() {
    for end in [&b""[..], b"\0", b"\0\0", b"\0\0\x09"] {
        let bytes = [&b"\x03\0\x01a\x05"[..], end].concat();
        assert_eq!(decode(&bytes).unwrap(), [Value::object([("a", Value::Null)])]);
    }
}

#[test]
fn a_declared_count_or_length_allocates_nothing() {
    // These few bytes made two published decoders ask for hundreds of gigabytes, which aborts the process.
    assert_eq!(decode(b"\x0a\xff\xff\xff\xff"), Err(Error::Truncated));
    assert_eq!(decode(b"\x0a\xff\xff\xff\xff\x05"), Err(Error::Truncated));
    assert_eq!(decode(b"\x08\xff\xff\xff\xff"), Ok(vec![Value::EcmaArray(vec![])]));
    assert_eq!(decode(b"\x08\xff\xff\xff\xff\0\0\x09"), Ok(vec![Value::EcmaArray(vec![])]));
    assert_eq!(decode(b"\x0c\xff\xff\xff\xffx"), Err(Error::Truncated));
    assert_eq!(decode(b"\x0f\xff\xff\xff\xffx"), Err(Error::Truncated));
    assert_eq!(decode(b"\x02\xff\xffx"), Err(Error::Truncated));
}

#[test]
fn nesting_is_bounded() {
    assert!(decode(&nested(16)).is_ok());
    assert_eq!(decode(&nested(17)), Err(Error::TooDeep));
    // A megabyte of open arrays or objects overflows the stack of a decoder that only recurses.
    assert_eq!(decode(&nested(200_000)), Err(Error::TooDeep));
    assert_eq!(decode(&b"\x03\0\x01a".repeat(250_000)), Err(Error::TooDeep));
}

#[test]
fn the_number_of_values_is_bounded_over_all_of_the_input() {
    assert_eq!(decode(&[5; 4096]).unwrap().len(), 4096);
    assert_eq!(decode(&[5; 4097]), Err(Error::TooManyValues));
    let mut array = b"\x0a\0\0\x10\0".to_vec();
    array.extend([5; 4096]);
    assert_eq!(decode(&array), Err(Error::TooManyValues));
}

#[test]
fn text_is_bounded_over_all_of_the_input() {
    let mut bytes = Vec::new();
    encode(&Value::String("x".repeat(65_535)), &mut bytes);
    encode(&Value::from("y"), &mut bytes);
    assert_eq!(decode(&bytes).unwrap().len(), 2);
    encode(&Value::from("z"), &mut bytes);
    assert_eq!(decode(&bytes), Err(Error::TooMuchText));
    let mut names = vec![3];
    names.extend([&b"\xff\xff"[..], &[b'n'; 65_535], b"\x05\0\x02no\x05\0\0\x09"].concat());
    assert_eq!(decode(&names), Err(Error::TooMuchText));
}

#[test]
fn references_amf3_and_unknown_types_are_refused() {
    assert_eq!(decode(b"\x07\0\0"), Err(Error::Reference));
    assert_eq!(decode(b"\x11\x04\x01"), Err(Error::Amf3));
    // Movie clips and record sets are reserved; an end marker alone is no value.
    for marker in [0x04, 0x09, 0x0e, 0x12, 0xff] {
        assert_eq!(decode(&[marker]), Err(Error::UnknownMarker(marker)));
    }
}

#[test]
fn text_that_is_not_utf8_is_taken_with_replacement_characters() {
    // "直播" in the GBK code page.
    assert_eq!(decode(b"\x02\0\x04\xd6\xb1\xb2\xa5").unwrap(), [Value::from("ֱ\u{fffd}\u{fffd}")]);
}

#[test]
fn what_was_not_read_can_be_looked_at() {
    let mut decoder = Decoder::new(b"\x05\x06", Limits::default());
    assert_eq!(decoder.next_value(), Ok(Some(Value::Null)));
    assert_eq!(decoder.rest(), b"\x06");
    assert_eq!(decoder.next_value(), Ok(Some(Value::Undefined)));
    assert_eq!(decoder.next_value(), Ok(None));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-zA-Z0-9_]{1,12}", "\\PC{0,8}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<f64>().prop_filter("a NaN is not equal to itself", |n| !n.is_nan()).prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        text().prop_map(Value::String),
        text().prop_map(Value::LongString),
        text().prop_map(Value::XmlDocument),
        (-1e15..1e15_f64, any::<i16>())
            .prop_map(|(millis, zone_minutes)| Value::Date { millis, zone_minutes }),
        Just(Value::Null),
        Just(Value::Undefined),
        Just(Value::Unsupported),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let properties = prop::collection::vec((text(), inner.clone()), 0..6).boxed();
        prop_oneof![
            properties.clone().prop_map(Value::Object),
            properties.clone().prop_map(Value::EcmaArray),
            prop::collection::vec(inner, 0..6).prop_map(Value::StrictArray),
            (text(), properties).prop_map(|(class, properties)| Value::TypedObject { class, properties }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_to_the_same(values in prop::collection::vec(value(), 0..4)) {
        let mut bytes = Vec::new();
        for value in &values {
            encode(value, &mut bytes);
        }
        prop_assert_eq!(decode(&bytes).unwrap(), values);
    }

    #[test]
    fn no_input_makes_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn no_damage_to_a_value_makes_the_decoder_panic(
        value in value(), cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte: u8,
    ) {
        let mut bytes = Vec::new();
        encode(&value, &mut bytes);
        let index = at.index(bytes.len());
        bytes[index] = byte;
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = decode(&bytes);
    }
}
