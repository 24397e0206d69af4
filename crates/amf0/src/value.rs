//! A value.

/// Named values in the order in which they stand on the wire. Names may repeat; the last one counts.
pub type Properties = Vec<(String, Value)>;

/// One AMF0 value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A 64-bit float, the only kind of number there is.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Text that the encoder writes with a 16-bit length, or a 32-bit one when it does not fit.
    String(String),
    /// An object without a class.
    Object(Properties),
    /// An "associative array": an object whose declared number of entries is often wrong.
    EcmaArray(Properties),
    /// A plain list.
    StrictArray(Vec<Value>),
    /// Nothing.
    Null,
    /// Not even nothing.
    Undefined,
    /// A point in time.
    Date {
        /// Milliseconds since 1970-01-01 UTC.
        millis: f64,
        /// Reserved by the specification and zero, but FMLE writes minutes here.
        zone_minutes: i16,
    },
    /// Text that was written with a 32-bit length.
    LongString(String),
    /// XML as text.
    XmlDocument(String),
    /// An object of a class.
    TypedObject {
        /// Name of the class.
        class: String,
        /// Its properties.
        properties: Properties,
    },
    /// A value that the sender could not express.
    Unsupported,
}

impl Value {
    /// The text, if this is a string of either length.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) | Value::LongString(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// True or false, if this is a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The properties, if this is an object of any kind or an associative array.
    pub fn properties(&self) -> Option<&[(String, Value)]> {
        match self {
            Value::Object(properties) | Value::EcmaArray(properties) => Some(properties),
            Value::TypedObject { properties, .. } => Some(properties),
            _ => None,
        }
    }

    /// The property `name`, if this has properties and that one is among them.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.properties()?.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// An object with these properties.
    pub fn object<'a>(properties: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
        Value::Object(properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Number(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Boolean(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn of_properties_with_the_same_name_the_last_one_counts() {
        let object = Value::object([("width", Value::from(640.0)), ("width", Value::from(720.0))]);
        assert_eq!(object.get("width").and_then(Value::as_f64), Some(720.0));
        assert_eq!(object.get("height"), None);
        assert_eq!(Value::Null.get("width"), None);
    }
}
