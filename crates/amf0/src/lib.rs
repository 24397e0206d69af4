//! AMF0, the value format that FLV script tags and RTMP commands share (AMF 0 specification, Adobe, 2007).
//!
//! ```
//! let mut out = Vec::new();
//! amf0::encode(&amf0::Value::from("onMetaData"), &mut out);
//! assert_eq!(amf0::decode(&out).unwrap(), [amf0::Value::from("onMetaData")]);
//! ```
//!
//! Everything that is decoded here comes from a peer that has not proved anything yet. So nothing is ever allocated
//! because of a count or a length that was declared, and depth, number of values and bytes of text are bounded by
//! [`Limits`].

mod decode;
mod encode;
mod value;

pub use decode::{Decoder, Error, Limits, decode};
pub use encode::encode;
pub use value::{Properties, Value};

/// The byte that begins a value and says its type (section 2.1).
mod marker {
    pub(crate) const NUMBER: u8 = 0x00;
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const STRING: u8 = 0x02;
    pub(crate) const OBJECT: u8 = 0x03;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const UNDEFINED: u8 = 0x06;
    pub(crate) const REFERENCE: u8 = 0x07;
    pub(crate) const ECMA_ARRAY: u8 = 0x08;
    pub(crate) const OBJECT_END: u8 = 0x09;
    pub(crate) const STRICT_ARRAY: u8 = 0x0a;
    pub(crate) const DATE: u8 = 0x0b;
    pub(crate) const LONG_STRING: u8 = 0x0c;
    pub(crate) const UNSUPPORTED: u8 = 0x0d;
    pub(crate) const XML_DOCUMENT: u8 = 0x0f;
    pub(crate) const TYPED_OBJECT: u8 = 0x10;
    pub(crate) const AVMPLUS: u8 = 0x11;
}
