//! Shapes: what JSON values look like, said once. [`shape!`] makes a type and its JSON Schema from the same lines, so
//! no field can be sent, or taken, without being documented.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The schemas of named types, as far as they are known.
pub(super) type Schemas = BTreeMap<&'static str, Value>;

/// A type that has a JSON Schema.
pub(super) trait Shape {
    /// It may be left out of a request.
    const OPTIONAL: bool = false;

    /// The schema; named types add themselves to `known` and are referred to.
    fn schema(known: &mut Schemas) -> Value;
}

/// Makes a type that is sent (`out`) or taken (`in`), with its schema. Comments are its documentation in both.
macro_rules! shape {
    ($($(#[doc = $about:literal])* out struct $name:ident {
        $($(#[doc = $doc:literal])* $field:ident: $kind:ty,)*
    })*) => {$(
        $(#[doc = $about])*
        #[derive(Debug, Clone, serde::Serialize)]
        pub(super) struct $name { $($(#[doc = $doc])* pub(super) $field: $kind,)* }
        $crate::api::shape::shape!(@schema $name, concat!($($about),*), true, $($field: $kind, concat!($($doc),*),)*);
    )*};
    ($($(#[doc = $about:literal])* in struct $name:ident {
        $($(#[doc = $doc:literal])* $field:ident: $kind:ty,)*
    })*) => {$(
        $(#[doc = $about])*
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name { $($(#[doc = $doc])* pub(super) $field: $kind,)* }
        $crate::api::shape::shape!(@schema $name, concat!($($about),*), false, $($field: $kind, concat!($($doc),*),)*);
    )*};
    (@schema $name:ident, $about:expr, $out:literal, $($field:ident: $kind:ty, $doc:expr,)*) => {
        impl $crate::api::shape::Shape for $name {
            fn schema(known: &mut $crate::api::shape::Schemas) -> serde_json::Value {
                let fields = vec![$((
                    stringify!($field),
                    $doc,
                    <$kind as $crate::api::shape::Shape>::schema(known),
                    <$kind as $crate::api::shape::Shape>::OPTIONAL,
                ),)*];
                $crate::api::shape::named(known, stringify!($name), $about, $out, fields)
            }
        }
    };
}
pub(super) use shape;

/// Adds a named type.
pub(super) fn named(
    known: &mut Schemas,
    name: &'static str,
    about: &str,
    out: bool,
    fields: Vec<(&'static str, &str, Value, bool)>,
) -> Value {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for (field, doc, mut schema, optional) in fields {
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".into(), doc.trim().into());
        }
        properties.insert(field.to_owned(), schema);
        // What is sent is always sent whole, with null for what is not known.
        if out || !optional {
            required.push(field);
        }
    }
    let mut schema = json!({
        "type": "object",
        "description": about.trim(),
        "properties": properties,
        "additionalProperties": false,
    });
    if let Some(schema) = schema.as_object_mut().filter(|_| !required.is_empty()) {
        schema.insert("required".into(), required.into());
    }
    known.insert(name, schema);
    json!({"$ref": format!("#/components/schemas/{name}")})
}

macro_rules! plain {
    ($($kind:ty => $schema:tt;)*) => {$(
        impl Shape for $kind {
            fn schema(_known: &mut Schemas) -> Value {
                json!($schema)
            }
        }
    )*};
}

plain! {
    String => {"type": "string"};
    &'static str => {"type": "string"};
    bool => {"type": "boolean"};
    u16 => {"type": "integer", "minimum": 0, "maximum": 65535};
    u32 => {"type": "integer", "minimum": 0, "maximum": 4294967295u32};
    u64 => {"type": "integer", "minimum": 0};
    usize => {"type": "integer", "minimum": 0};
    i64 => {"type": "integer"};
    f64 => {"type": "number"};
}

impl<T: Shape> Shape for Option<T> {
    const OPTIONAL: bool = true;

    fn schema(known: &mut Schemas) -> Value {
        let mut schema = T::schema(known);
        match schema.get_mut("type").map(Value::take) {
            Some(kind) => {
                schema["type"] = json!([kind, "null"]);
                schema
            }
            None => json!({"anyOf": [schema, {"type": "null"}]}),
        }
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn schema(known: &mut Schemas) -> Value {
        json!({"type": "array", "items": T::schema(known)})
    }
}

impl<T: Shape> Shape for BTreeMap<&'static str, T> {
    fn schema(known: &mut Schemas) -> Value {
        json!({"type": "object", "additionalProperties": T::schema(known)})
    }
}

/// A number of seconds that something holds: to ten years.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Span(i64);

/// Longest span, in seconds, as for `server.address_validity_seconds`.
const SPAN_MAX: i64 = 315_360_000;

impl Span {
    /// The seconds, if they are within bounds.
    pub(super) fn seconds(self) -> Result<i64, crate::http::response::Response> {
        if (1..=SPAN_MAX).contains(&self.0) {
            return Ok(self.0);
        }
        let en = format!("a span must be 1 to {SPAN_MAX} seconds");
        Err(super::call::bad(en, format!("时长应为 1 到 {SPAN_MAX} 秒")))
    }
}

/// To JSON `60.0` is an integer like `60`.
impl TryFrom<f64> for Span {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<Span, Self::Error> {
        // Far above the longest span, and far below where floats skip whole numbers.
        let fits = number.fract() == 0.0 && number.abs() < 1e12;
        if fits { Ok(Span(number as i64)) } else { Err("a span must be a whole number of seconds") }
    }
}

impl Shape for Span {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "integer", "minimum": 1, "maximum": SPAN_MAX})
    }
}

/// A whole number that is not negative and that every JSON library keeps: below 2^53.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Whole(pub(super) u64);

/// The largest.
const WHOLE_MAX: u64 = (1 << 53) - 1;

/// To JSON `60.0` is an integer like `60`.
impl TryFrom<f64> for Whole {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<Whole, Self::Error> {
        let fits = number.fract() == 0.0 && (0.0..=WHOLE_MAX as f64).contains(&number);
        if fits { Ok(Whole(number as u64)) } else { Err("a whole number from 0 to 2^53 - 1 is wanted") }
    }
}

impl Shape for Whole {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "integer", "minimum": 0, "maximum": WHOLE_MAX})
    }
}

/// A moment, as RFC 3339 writes it.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Moment(pub(super) String);

impl Shape for Moment {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "format": "date-time"})
    }
}

/// The name of an app, which [`control::name`] judges.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct AppName(pub(super) String);

/// The name of a stream, which [`control::name`] judges.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct StreamName(pub(super) String);

impl Shape for AppName {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}){0,7}$"})
    }
}

impl Shape for StreamName {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}$"})
    }
}
