//! MQTT 3.1.1 over TCP (OASIS mqtt-v3.1.1), clean sessions and QoS 0: the room is a topic.

use anyhow::{Result, ensure};

use super::{Heard, MAX_UNIT, ROOM, Wire};

/// The first bytes of packets (section 2.2).
const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;

/// The flag of a clean session, and the level of 3.1.1 (section 3.1.2).
const CLEAN: u8 = 0x02;
const LEVEL: u8 = 4;

/// One member, by a name that nobody else has.
#[derive(Debug)]
pub(crate) struct Mqtt {
    name: String,
}

impl Mqtt {
    /// The member of a place.
    pub(crate) fn new(place: usize) -> Mqtt {
        Mqtt { name: format!("m{place}") }
    }
}

impl Wire for Mqtt {
    fn open(&mut self, out: &mut Vec<u8>) {
        let mut connect = string("MQTT");
        // Nobody has to be heard of in any time: no keep-alive.
        connect.extend([LEVEL, CLEAN, 0, 0]);
        connect.extend(string(&self.name));
        packet(CONNECT, &connect, out);
        let mut subscribe = vec![0, 1];
        subscribe.extend(string(ROOM));
        subscribe.push(0);
        packet(SUBSCRIBE, &subscribe, out);
    }

    fn take(&mut self, bytes: &[u8], heard: &mut Heard<'_>) -> Result<Option<usize>> {
        let Some((from, to)) = whole(bytes)? else { return Ok(None) };
        let body = &bytes[from..to];
        match bytes[0] & 0xF0 {
            CONNACK => ensure!(body.get(1) == Some(&0), "refused: {body:?}"),
            SUBACK => {
                ensure!(body.get(2) == Some(&0), "no subscription: {body:?}");
                heard.count.ready = true;
            }
            PUBLISH => {
                let topic = body.first_chunk().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
                heard.message(body.get(2 + topic..).unwrap_or_default());
            }
            _ => {}
        }
        Ok(Some(to))
    }

    fn say(&mut self, text: &str, out: &mut Vec<u8>) {
        let mut body = string(ROOM);
        body.extend_from_slice(text.as_bytes());
        packet(PUBLISH, &body, out);
    }
}

/// Where the body of the first packet begins and ends (section 2.2.3); none while it is not whole.
fn whole(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let (mut length, mut at) = (0_usize, 1);
    loop {
        let Some(byte) = bytes.get(at) else { return Ok(None) };
        ensure!(at <= 4, "a length of more than four bytes");
        length |= usize::from(byte & 0x7F) << (7 * (at - 1));
        at += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    ensure!(length <= MAX_UNIT, "a packet of {length} bytes");
    Ok((bytes.len() >= at + length).then_some((at, at + length)))
}

fn packet(kind: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    let mut rest = body.len();
    while rest >= 0x80 {
        out.push((rest & 0x7F) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend_from_slice(body);
}

fn string(text: &str) -> Vec<u8> {
    let mut out = u16::try_from(text.len()).unwrap_or(0).to_be_bytes().to_vec();
    out.extend_from_slice(text.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::super::{testing::hear, text};
    use super::*;

    #[test]
    fn what_is_said_is_what_is_heard() {
        let mut wire = vec![0x20, 2, 0, 0, 0x90, 3, 0, 1, 0];
        Mqtt::new(1).say(&text(5, 200), &mut wire);
        wire.extend([0xD0, 0]);
        Mqtt::new(1).say(&text(6, 20), &mut wire);
        let (count, moments) = hear(|| Box::new(Mqtt::new(0)), &wire);
        assert!(count.ready);
        assert_eq!((count.messages, moments), (2, vec![5, 6]));
    }
}
