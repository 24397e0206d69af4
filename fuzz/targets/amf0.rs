//! AMF0: what was decoded can be encoded, and means the same when it is decoded again.

#![no_main]

use amf0::{Decoder, Limits, Value, decode, encode};
use libfuzzer_sys::fuzz_target;
use weir_fuzz::memory_bound;

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    let mut decoder = Decoder::new(input, limits);
    let mut values = Vec::new();
    let mut left = input.len();
    while let Ok(Some(value)) = decoder.next_value() {
        assert!(decoder.rest().len() < left, "a value of no bytes");
        left = decoder.rest().len();
        values.push(value);
    }
    let all = decode(input);
    assert!(all.as_ref().is_err() || all.as_ref().is_ok_and(|all| all.len() == values.len()));

    let nodes: usize = values.iter().map(|value| count(value, 1, limits.depth)).sum();
    assert!(
        nodes <= limits.nodes as usize && nodes <= input.len(),
        "{nodes} values from {} bytes",
        input.len()
    );

    let encoded = encode_all(&values);
    assert!(encoded.len() <= memory_bound(input.len()));
    // Bytes and not values are compared: a number that is not one is not equal to itself.
    match decode(&encoded) {
        Ok(again) => assert_eq!(encode_all(&again), encoded),
        // Text in another encoding grows when it is replaced, and may then be too much.
        Err(amf0::Error::TooMuchText) => assert!(encoded.len() > input.len()),
        Err(error) => panic!("our own encoding: {error}"),
    }
});

fn encode_all(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        encode(value, &mut out);
    }
    out
}

/// Values in a value, itself counted.
fn count(value: &Value, depth: u32, max_depth: u32) -> usize {
    assert!(depth <= max_depth, "nested too deep");
    let within = |value| count(value, depth + 1, max_depth);
    1 + match value {
        Value::StrictArray(values) => values.iter().map(within).sum::<usize>(),
        other => other.properties().unwrap_or_default().iter().map(|(_, value)| within(value)).sum(),
    }
}
