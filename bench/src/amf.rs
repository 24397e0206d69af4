//! The little of AMF0 (amf0-file-format-specification, section 2) that a player and a publisher write and read.

const NUMBER: u8 = 0;
const BOOLEAN: u8 = 1;
const STRING: u8 = 2;
const OBJECT: u8 = 3;
const NULL: u8 = 5;
const UNDEFINED: u8 = 6;
const ECMA_ARRAY: u8 = 8;

/// Objects within objects that a reply may hold.
const MAX_DEPTH: u32 = 8;

/// Builds the body of a command.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A command begins with its name and its transaction.
    pub(crate) fn command(name: &str, transaction: f64) -> Self {
        Self::default().string(name).number(transaction)
    }

    /// A string of less than 64 KB.
    pub(crate) fn string(mut self, text: &str) -> Self {
        self.bytes.push(STRING);
        self.key_bytes(text);
        self
    }

    /// A number.
    pub(crate) fn number(mut self, value: f64) -> Self {
        self.bytes.push(NUMBER);
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Nothing, where a command has no object.
    pub(crate) fn null(mut self) -> Self {
        self.bytes.push(NULL);
        self
    }

    /// Opens an object: keys and values follow, then `end`.
    pub(crate) fn object(mut self) -> Self {
        self.bytes.push(OBJECT);
        self
    }

    /// Opens an array by name of `count` values, which is closed as an object is.
    pub(crate) fn array(mut self, count: u32) -> Self {
        self.bytes.push(ECMA_ARRAY);
        self.bytes.extend_from_slice(&count.to_be_bytes());
        self
    }

    /// The name of the value that follows.
    pub(crate) fn key(mut self, name: &str) -> Self {
        self.key_bytes(name);
        self
    }

    /// Closes an object.
    pub(crate) fn end(mut self) -> Self {
        self.bytes.extend_from_slice(&[0, 0, 9]);
        self
    }

    /// What was written.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn key_bytes(&mut self, text: &str) {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(&text.as_bytes()[..usize::from(length)]);
    }
}

/// A command from the server, as far as a client needs it.
#[derive(Debug)]
pub(crate) struct Reply<'a> {
    /// `_result`, `_error` or `onStatus`.
    pub(crate) name: &'a [u8],
    /// Which of our commands it answers.
    pub(crate) transaction: f64,
    /// The first number after the command object: `createStream`'s answer.
    pub(crate) number: Option<f64>,
}

impl<'a> Reply<'a> {
    /// Reads a command's body; `None` when it is not one.
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        let (&STRING, rest) = body.split_first()? else { return None };
        let (name, rest) = text(rest)?;
        let (transaction, rest) = number(rest)?;
        let number = skip(rest, 0).and_then(|rest| number(rest)).map(|(value, _)| value);
        Some(Self { name, transaction, number })
    }
}

fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn number(bytes: &[u8]) -> Option<(f64, &[u8])> {
    let (&NUMBER, rest) = bytes.split_first()? else { return None };
    let (value, rest) = rest.split_first_chunk::<8>()?;
    Some((f64::from_be_bytes(*value), rest))
}

/// What follows the first value of `bytes`.
fn skip(bytes: &[u8], depth: u32) -> Option<&[u8]> {
    let (&kind, rest) = bytes.split_first()?;
    match kind {
        NUMBER => rest.get(8..),
        BOOLEAN => rest.get(1..),
        STRING => text(rest).map(|(_, rest)| rest),
        NULL | UNDEFINED => Some(rest),
        OBJECT | ECMA_ARRAY if depth < MAX_DEPTH => {
            let mut rest = if kind == ECMA_ARRAY { rest.get(4..)? } else { rest };
            loop {
                if let Some(after) = rest.strip_prefix(&[0, 0, 9]) {
                    return Some(after);
                }
                rest = skip(text(rest)?.1, depth + 1)?;
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_created_stream_is_found_behind_null_and_behind_an_object() {
        let plain = Writer::command("_result", 4.0).null().number(7.0).finish();
        let reply = Reply::read(&plain).unwrap();
        assert_eq!((reply.name, reply.transaction, reply.number), (&b"_result"[..], 4.0, Some(7.0)));
        let object = Writer::command("_result", 4.0).object().key("a").string("b").end().number(1.0).finish();
        assert_eq!(Reply::read(&object).unwrap().number, Some(1.0));
    }

    #[test]
    fn what_is_cut_off_is_not_a_reply() {
        let whole = Writer::command("onStatus", 0.0).null().finish();
        assert!((0..whole.len() - 1).all(|end| Reply::read(&whole[..end]).is_none()));
    }
}
