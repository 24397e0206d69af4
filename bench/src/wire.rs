//! How a member of a room speaks with each server that is measured: a wire per file, none with a socket in it.

mod floor;
mod mqtt;
mod nats;
mod resp;
mod websocket;
mod weir;
mod ws;

use anyhow::{Result, ensure};

pub(crate) use floor::{Floor, feed_head, tag};
pub(crate) use mqtt::Mqtt;
pub(crate) use nats::Nats;
pub(crate) use resp::Resp;
pub(crate) use weir::{Weir, like};
pub(crate) use ws::Ws;

/// What everybody in the room listens to, where a wire has a name for it.
pub(crate) const ROOM: &str = "bench";

/// The longest thing that may come on a wire.
const MAX_UNIT: usize = 4 << 20;

/// The digits of the moment at which a message was sent, in nanoseconds, which its text begins with.
const STAMP_DIGITS: usize = 15;

/// The words of one connection.
pub(crate) trait Wire {
    /// What is said as soon as the connection stands.
    fn open(&mut self, out: &mut Vec<u8>);

    /// Takes the first thing out of these bytes and says how long it is; `None` while it is not whole.
    fn take(&mut self, bytes: &[u8], heard: &mut Heard<'_>) -> Result<Option<usize>>;

    /// Says this to the room.
    fn say(&mut self, text: &str, out: &mut Vec<u8>);

    /// The same person on another connection, with what they remember.
    fn again(&self) -> Option<Box<dyn Wire>> {
        None
    }
}

/// What a member has heard so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count {
    /// The server takes what is said, and says what others say.
    pub(crate) ready: bool,
    /// Messages.
    pub(crate) messages: u64,
    /// Things with messages in them.
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    /// Answers to what was said.
    pub(crate) acks: u64,
    pub(crate) rejects: u64,
    /// The number that everybody's likes have come to.
    pub(crate) likes: u64,
    /// A comeback got exactly what was missed.
    pub(crate) recovered: bool,
}

/// Where a wire puts what it takes.
pub(crate) struct Heard<'a> {
    pub(crate) count: &'a mut Count,
    /// What is to be answered at once.
    pub(crate) out: &'a mut Vec<u8>,
    /// Takes the moments of messages; `None`: nobody looks at them.
    moment: Option<&'a mut dyn FnMut(u64)>,
}

impl Heard<'_> {
    /// A message that came by itself, as it was said.
    fn message(&mut self, text: &[u8]) {
        self.count.messages += 1;
        self.count.frames += 1;
        self.stamp(text);
    }

    /// Looks at the moment that a text begins with.
    fn stamp(&mut self, text: &[u8]) {
        let Some(tell) = &mut self.moment else { return };
        let digits = text.strip_prefix(b"@").and_then(|text| text.get(..STAMP_DIGITS));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(moment) = digits.and_then(|digits| digits.parse().ok()) {
            tell(moment);
        }
    }

    /// Whether moments are looked at.
    fn looks(&self) -> bool {
        self.moment.is_some()
    }
}

/// A member: a wire, and what has come of it and is not whole.
pub(crate) struct Member {
    wire: Box<dyn Wire>,
    input: Vec<u8>,
    /// What it has heard.
    pub(crate) count: Count,
    /// The moments of its messages are looked at.
    sampled: bool,
}

impl Member {
    /// One who has said nothing.
    pub(crate) fn new(wire: Box<dyn Wire>, sampled: bool) -> Member {
        Member { wire, input: Vec::new(), count: Count::default(), sampled }
    }

    /// The same person, who comes again and has heard what was heard before.
    pub(crate) fn again(&self) -> Option<Member> {
        let mut member = Member::new(self.wire.again()?, self.sampled);
        member.count = Count { ready: false, recovered: false, ..self.count.clone() };
        Some(member)
    }

    /// What is said first.
    pub(crate) fn open(&mut self, out: &mut Vec<u8>) {
        self.wire.open(out);
    }

    /// Says something.
    pub(crate) fn say(&mut self, text: &str, out: &mut Vec<u8>) {
        self.wire.say(text, out);
    }

    /// Takes bytes; `out` gets what they ask for, and the moments of messages are told.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>, tell: &mut dyn FnMut(u64)) -> Result<()> {
        self.count.bytes += bytes.len() as u64;
        let moment = self.sampled.then_some(tell as &mut dyn FnMut(u64));
        let mut heard = Heard { count: &mut self.count, out, moment };
        // Nearly always whole things come, and nothing waits.
        if self.input.is_empty() {
            let used = take_all(&mut *self.wire, bytes, &mut heard)?;
            self.input.extend_from_slice(&bytes[used..]);
        } else {
            self.input.extend_from_slice(bytes);
            let used = take_all(&mut *self.wire, &self.input, &mut heard)?;
            self.input.drain(..used);
        }
        ensure!(self.input.len() <= MAX_UNIT, "something does not end after {MAX_UNIT} bytes");
        // A member who waits for nothing holds no memory, as there are many.
        if self.input.is_empty() {
            self.input = Vec::new();
        }
        Ok(())
    }
}

fn take_all(wire: &mut dyn Wire, bytes: &[u8], heard: &mut Heard<'_>) -> Result<usize> {
    let mut used = 0;
    while used < bytes.len()
        && let Some(length) = wire.take(&bytes[used..], heard)?
    {
        used += length;
    }
    Ok(used)
}

/// The text of a message of so many bytes that was sent at this moment.
pub(crate) fn text(now: u64, size: usize) -> String {
    format!("@{now:0STAMP_DIGITS$}{:.>1$}", "", size.saturating_sub(STAMP_DIGITS + 1))
}

/// The first line, without its end, and how long it is with it.
fn line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]), end + 1))
}

/// A number in decimal digits.
fn decimal(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The end of a head of HTTP, behind its empty line.
fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

#[cfg(test)]
mod testing {
    use super::{Count, Member, Wire};

    /// What a member makes of these bytes, cut in several ways, and which moments it saw.
    pub(super) fn hear(wire: impl Fn() -> Box<dyn Wire>, bytes: &[u8]) -> (Count, Vec<u64>) {
        let hear = |cut: usize| {
            let (mut member, mut moments) = (Member::new(wire(), true), Vec::new());
            for part in bytes.chunks(cut) {
                member.feed(part, &mut Vec::new(), &mut |moment| moments.push(moment)).unwrap();
            }
            assert!(member.input.is_empty(), "cut {cut}: {:?}", String::from_utf8_lossy(&member.input));
            (member.count, moments)
        };
        let whole = hear(bytes.len());
        for cut in [1, 13] {
            let (count, moments) = hear(cut);
            assert_eq!(format!("{count:?}"), format!("{:?}", whole.0), "cut {cut}");
            assert_eq!(moments, whole.1, "cut {cut}");
        }
        whole
    }

    #[test]
    fn a_text_is_as_long_as_is_wanted() {
        assert_eq!(super::text(1_234, 200).len(), 200);
    }
}
