//! Bytes to values.

use std::fmt;

use crate::marker;
use crate::value::{Properties, Value};

/// What a peer may make us hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How deep values may be nested; a value that stands alone has depth 1.
    pub depth: u32,
    /// How many values may be read, nested ones counted.
    pub nodes: u32,
    /// How many bytes all texts and names may have together.
    pub text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: 16, nodes: 4096, text_bytes: 64 * 1024 }
    }
}

/// Why bytes are not a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The bytes end inside a value.
    Truncated,
    /// A marker that AMF0 does not have.
    UnknownMarker(u8),
    /// A reference to an earlier value. No encoder of live streams writes them, and they make a small input large.
    Reference,
    /// The switch to AMF3.
    Amf3,
    /// Deeper than [`Limits::depth`].
    TooDeep,
    /// More values than [`Limits::nodes`].
    TooManyValues,
    /// More text than [`Limits::text_bytes`].
    TooMuchText,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Truncated => write!(f, "the AMF0 data end inside a value"),
            Error::UnknownMarker(marker) => write!(f, "0x{marker:02x} is no AMF0 type"),
            Error::Reference => write!(f, "AMF0 references are not accepted"),
            Error::Amf3 => write!(f, "AMF3 values are not accepted, only AMF0"),
            Error::TooDeep => write!(f, "the AMF0 data are nested too deep"),
            Error::TooManyValues => write!(f, "the AMF0 data have too many values"),
            Error::TooMuchText => write!(f, "the AMF0 data have too much text"),
        }
    }
}

impl std::error::Error for Error {}

/// All values of `input`, within the default [`Limits`].
pub fn decode(input: &[u8]) -> Result<Vec<Value>, Error> {
    let mut decoder = Decoder::new(input, Limits::default());
    let mut values = Vec::new();
    while let Some(value) = decoder.next_value()? {
        values.push(value);
    }
    Ok(values)
}

/// Reads the values of one input, one after the other. The limits hold for all of them together.
///
/// Text that is not UTF-8 is taken with replacement characters: encoders write names in the code page of their
/// machine, and a stream is not refused because of its title.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    input: &'a [u8],
    depth: u32,
    nodes: u32,
    text_bytes: usize,
}

impl<'a> Decoder<'a> {
    /// A decoder of `input`.
    pub fn new(input: &'a [u8], limits: Limits) -> Decoder<'a> {
        Decoder { input, depth: limits.depth, nodes: limits.nodes, text_bytes: limits.text_bytes }
    }

    /// The next value, or none at the end of the input.
    pub fn next_value(&mut self) -> Result<Option<Value>, Error> {
        if self.input.is_empty() { Ok(None) } else { self.value().map(Some) }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.input
    }

    fn value(&mut self) -> Result<Value, Error> {
        self.nodes = self.nodes.checked_sub(1).ok_or(Error::TooManyValues)?;
        self.depth = self.depth.checked_sub(1).ok_or(Error::TooDeep)?;
        let [kind] = self.take()?;
        let value = match kind {
            marker::NUMBER => Value::Number(f64::from_be_bytes(self.take()?)),
            marker::BOOLEAN => {
                let [value] = self.take()?;
                Value::Boolean(value != 0)
            }
            marker::STRING => Value::String(self.short_text()?),
            marker::OBJECT => Value::Object(self.properties()?),
            marker::NULL => Value::Null,
            marker::UNDEFINED => Value::Undefined,
            marker::REFERENCE => return Err(Error::Reference),
            marker::ECMA_ARRAY => {
                // The number of entries is a hint at best: encoders write 0, or count wrongly. The end marker counts.
                let _: [u8; 4] = self.take()?;
                Value::EcmaArray(self.properties()?)
            }
            marker::STRICT_ARRAY => Value::StrictArray(self.list()?),
            marker::DATE => {
                let millis = f64::from_be_bytes(self.take()?);
                Value::Date { millis, zone_minutes: i16::from_be_bytes(self.take()?) }
            }
            marker::LONG_STRING => Value::LongString(self.long_text()?),
            marker::UNSUPPORTED => Value::Unsupported,
            marker::XML_DOCUMENT => Value::XmlDocument(self.long_text()?),
            marker::TYPED_OBJECT => {
                let class = self.short_text()?;
                Value::TypedObject { class, properties: self.properties()? }
            }
            marker::AVMPLUS => return Err(Error::Amf3),
            other => return Err(Error::UnknownMarker(other)),
        };
        self.depth += 1;
        Ok(value)
    }

    fn properties(&mut self) -> Result<Properties, Error> {
        let mut properties = Properties::new();
        loop {
            // Some encoders leave the end marker, or its last byte, away when nothing follows.
            if matches!(self.input, [] | [0] | [0, 0]) {
                self.input = &[];
                return Ok(properties);
            }
            if let [0, 0, marker::OBJECT_END, rest @ ..] = self.input {
                self.input = rest;
                return Ok(properties);
            }
            let name = self.short_text()?;
            properties.push((name, self.value()?));
        }
    }

    fn list(&mut self) -> Result<Vec<Value>, Error> {
        // The list grows with the values that are there: nothing is reserved for the number that was declared.
        let declared = u32::from_be_bytes(self.take()?);
        let mut list = Vec::new();
        for _ in 0..declared {
            list.push(self.value()?);
        }
        Ok(list)
    }

    fn short_text(&mut self) -> Result<String, Error> {
        let len = u16::from_be_bytes(self.take()?);
        self.text(usize::from(len))
    }

    fn long_text(&mut self) -> Result<String, Error> {
        let len = u32::from_be_bytes(self.take()?);
        self.text(usize::try_from(len).unwrap_or(usize::MAX))
    }

    fn text(&mut self, len: usize) -> Result<String, Error> {
        let (text, rest) = self.input.split_at_checked(len).ok_or(Error::Truncated)?;
        self.text_bytes = self.text_bytes.checked_sub(len).ok_or(Error::TooMuchText)?;
        self.input = rest;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (bytes, rest) = self.input.split_first_chunk().ok_or(Error::Truncated)?;
        self.input = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests;
