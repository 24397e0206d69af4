//! One configured value, and the four spellings it can come in.

use std::fmt;

use toml::de::DeValue;

/// A value. What is not one of these has no place in the configuration.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
    /// A point in time as it was written, or nothing.
    Moment(String),
    /// Texts.
    List(Vec<String>),
}

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// A text.
    Text,
    /// A point in time: a text, a number or a TOML date.
    Moment,
    /// Texts.
    List,
    /// A section, such as `[http]`.
    Section,
    /// Sections of the same name: `[[domain]]`, `[[forbid]]`.
    Sections,
}

impl Value {
    /// What a file says, if it is of that kind.
    pub(super) fn from_toml(value: &DeValue<'_>, kind: Kind) -> Option<Value> {
        let number = |text: &str| text.replace('_', "").parse().ok();
        Some(match (kind, value) {
            (Kind::Bool, DeValue::Boolean(value)) => Value::Bool(*value),
            (Kind::Integer, DeValue::Integer(value)) => {
                Value::Integer(i64::from_str_radix(value.as_str(), value.radix()).ok()?)
            }
            (Kind::Float, DeValue::Integer(value)) if value.radix() == 10 => {
                Value::Float(number(value.as_str())?)
            }
            (Kind::Float, DeValue::Float(value)) => Value::Float(number(value.as_str())?),
            (Kind::Text, DeValue::String(value)) => Value::Text(value.to_string()),
            (Kind::Moment, DeValue::String(value)) => Value::Moment(value.to_string()),
            (Kind::Moment, DeValue::Integer(value)) if value.radix() == 10 => {
                Value::Moment(value.as_str().replace('_', ""))
            }
            (Kind::Moment, DeValue::Datetime(value)) => Value::Moment(value.to_string()),
            (Kind::List, DeValue::Array(values)) => {
                let texts = values.iter().map(|value| value.get_ref().as_str().map(str::to_owned));
                Value::List(texts.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// What the environment or a flag says, if it can be read as that kind.
    pub(super) fn from_text(text: &str, kind: Kind) -> Option<Value> {
        Some(match kind {
            Kind::Bool => Value::Bool(text.parse().ok()?),
            Kind::Integer => Value::Integer(text.parse().ok()?),
            Kind::Float => Value::Float(text.parse().ok()?),
            Kind::Text => Value::Text(text.to_owned()),
            Kind::Moment => Value::Moment(text.to_owned()),
            Kind::List => {
                let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
                Value::List(texts.map(str::to_owned).collect())
            }
            Kind::Section | Kind::Sections => return None,
        })
    }

    /// The kind that a value of the defaults has.
    pub(super) fn kind_of(value: &DeValue<'_>) -> Option<Kind> {
        Some(match value {
            DeValue::Boolean(_) => Kind::Bool,
            DeValue::Integer(_) => Kind::Integer,
            DeValue::Float(_) => Kind::Float,
            DeValue::String(_) => Kind::Text,
            DeValue::Array(_) => Kind::List,
            DeValue::Table(_) => Kind::Section,
            DeValue::Datetime(_) => return None,
        })
    }

    /// Its kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Value::Bool(_) => Kind::Bool,
            Value::Integer(_) => Kind::Integer,
            Value::Float(_) => Kind::Float,
            Value::Text(_) => Kind::Text,
            Value::Moment(_) => Kind::Moment,
            Value::List(_) => Kind::List,
        }
    }

    /// As a number, if it is one.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            // Exact for every bound that there is: they are far below 2^53.
            Value::Integer(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// As a TOML value.
    pub(super) fn to_toml(&self) -> toml::Value {
        match self {
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text(value) | Value::Moment(value) => value.as_str().into(),
            Value::List(values) => values.clone().into(),
        }
    }

    /// As a JSON value.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text(value) | Value::Moment(value) => value.as_str().into(),
            Value::List(values) => values.clone().into(),
        }
    }
}

/// As one would write it in a file.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_toml().fmt(f)
    }
}

impl Kind {
    /// What is expected, in English.
    pub(super) fn en(self) -> &'static str {
        match self {
            Kind::Bool => "true or false",
            Kind::Integer => "a whole number",
            Kind::Float => "a number",
            Kind::Text => "a text in quotes",
            Kind::List => "a list of texts, such as [\"a\", \"b\"]",
            Kind::Section => "a section in brackets",
            Kind::Moment => "a time such as 2030-01-01T08:00:00+08:00, or seconds since 1970",
            Kind::Sections => "sections in double brackets, at most 1000 of them",
        }
    }

    /// What is expected, in Chinese.
    pub(super) fn zh(self) -> &'static str {
        match self {
            Kind::Bool => "true 或 false",
            Kind::Integer => "整数",
            Kind::Float => "数字",
            Kind::Text => "引号里的文字",
            Kind::List => "文字列表，如 [\"a\", \"b\"]",
            Kind::Section => "方括号开头的一段",
            Kind::Moment => "时间，如 2030-01-01T08:00:00+08:00，或 1970 年以来的秒数",
            Kind::Sections => "双方括号开头的段，最多 1000 段",
        }
    }
}
