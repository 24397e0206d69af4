//! Commands: a name, a transaction id and values, in AMF0 (RTMP 1.0 section 7.2).

use std::fmt;

use amf0::{Decoder, Limits, Value};

/// Why a message is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandError {
    /// The values cannot be read.
    Amf(amf0::Error),
    /// It does not begin with a name.
    NoName,
    /// It goes on in AMF3. All known clients put AMF0 into the AMF3 envelope.
    Amf3,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Amf(error) => write!(f, "a command cannot be read: {error}"),
            CommandError::NoName => write!(f, "a command without a name"),
            CommandError::Amf3 => write!(f, "a command in AMF3, only AMF0 is accepted"),
        }
    }
}

impl std::error::Error for CommandError {}

/// One command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    pub(crate) name: String,
    /// 0 if no answer is expected.
    pub(crate) transaction: f64,
    /// The command object, mostly null, and the arguments.
    pub(crate) values: Vec<Value>,
}

impl Command {
    /// Reads the body of a message of type 20.
    pub(crate) fn decode(body: &[u8], limits: Limits) -> Result<Command, CommandError> {
        let mut decoder = Decoder::new(body, limits);
        let mut next = || decoder.next_value().map_err(CommandError::Amf);
        let name = match next()? {
            Some(Value::String(name)) => name,
            _ => return Err(CommandError::NoName),
        };
        let transaction = next()?.and_then(|value| value.as_f64()).unwrap_or(0.0);
        let mut values = Vec::new();
        while let Some(value) = next()? {
            values.push(value);
        }
        Ok(Command { name, transaction, values })
    }

    /// Reads the body of a message of type 17, an AMF3 envelope.
    pub(crate) fn decode_enveloped(body: &[u8], limits: Limits) -> Result<Command, CommandError> {
        match body {
            [0, body @ ..] => Command::decode(body, limits),
            _ => Err(CommandError::Amf3),
        }
    }

    /// The argument with this number; the first one behind the command object has number 1.
    pub(crate) fn argument(&self, number: usize) -> Option<&Value> {
        self.values.get(number)
    }

    /// The text that is this argument.
    pub(crate) fn text(&self, number: usize) -> Option<&str> {
        self.argument(number)?.as_str()
    }
}

/// The body of a command.
pub(crate) fn encode(name: &str, transaction: f64, values: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    amf0::encode(&Value::from(name), &mut body);
    amf0::encode(&Value::Number(transaction), &mut body);
    for value in values {
        amf0::encode(value, &mut body);
    }
    body
}

/// What `onStatus` and `_error` say.
pub(crate) fn status(level: &str, code: &str, description: &str) -> Value {
    Value::object([
        ("level", Value::from(level)),
        ("code", Value::from(code)),
        ("description", Value::from(description)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_back() {
        let values = vec![Value::Null, Value::from("room"), Value::from("live")];
        let body = encode("publish", 5.0, &values);
        let expected = Command { name: "publish".into(), transaction: 5.0, values };
        assert_eq!(Command::decode(&body, Limits::default()).unwrap(), expected);
        assert_eq!(
            Command::decode_enveloped(&[&[0], &body[..]].concat(), Limits::default()).unwrap(),
            expected
        );
        assert_eq!(expected.text(1), Some("room"));
        assert_eq!(expected.text(0), None);
    }

    #[test]
    fn a_command_may_lack_its_transaction() {
        let command = Command::decode(b"\x02\0\x05close", Limits::default()).unwrap();
        assert_eq!((command.transaction, command.values), (0.0, vec![]));
    }

    #[test]
    fn commands_in_true_amf3_are_refused() {
        assert_eq!(Command::decode_enveloped(b"\x06\x0dconnect", Limits::default()), Err(CommandError::Amf3));
        assert_eq!(Command::decode_enveloped(b"", Limits::default()), Err(CommandError::Amf3));
        // The envelope is AMF0, a value inside is not.
        let body = [&[0], &encode("connect", 1.0, &[])[..], b"\x11\x0a\x0b\x01\x01"].concat();
        let error = Command::decode_enveloped(&body, Limits::default());
        assert_eq!(error, Err(CommandError::Amf(amf0::Error::Amf3)));
    }

    #[test]
    fn what_does_not_begin_with_a_name_is_no_command() {
        assert_eq!(Command::decode(b"", Limits::default()), Err(CommandError::NoName));
        assert_eq!(Command::decode(b"\x05", Limits::default()), Err(CommandError::NoName));
    }
}
