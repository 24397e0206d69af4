//! Packets of 188 bytes, and the headers of what they carry.

use bytes::{BufMut as _, Bytes, BytesMut};

/// Length of every packet.
pub const PACKET_BYTES: usize = 188;

/// Room behind a packet's header.
const ROOM: usize = PACKET_BYTES - 4;

pub(super) const VIDEO_STREAM_ID: u8 = 0xe0;
pub(super) const AUDIO_STREAM_ID: u8 = 0xc0;
/// `private_stream_1`, in which AC-3 travels.
pub(super) const PRIVATE_STREAM_ID: u8 = 0xbd;

/// Times are counted in 33 bits.
const STAMP_MASK: i64 = (1 << 33) - 1;

/// What a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pid {
    Programs,
    Map,
    Video,
    Audio,
}

impl Pid {
    pub(super) fn number(self) -> u16 {
        match self {
            Pid::Programs => 0,
            Pid::Map => 0x1000,
            Pid::Video => 0x100,
            Pid::Audio => 0x101,
        }
    }
}

/// What the first packet of a PES packet says beside it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct First {
    pub(super) random_access: bool,
    pub(super) clock: Option<i64>,
}

/// Packets, and the counters that go on from one to the next.
#[derive(Debug, Default)]
pub(super) struct Packets {
    out: BytesMut,
    counters: [u8; 4],
}

impl Packets {
    pub(super) fn take(&mut self) -> Bytes {
        self.out.split().freeze()
    }

    /// A table that fits one packet.
    pub(super) fn section(&mut self, pid: Pid, section: &[u8]) {
        debug_assert!(section.len() < ROOM);
        self.header(pid, true, PAYLOAD);
        // The pointer to where the section begins.
        self.out.put_u8(0);
        self.out.put_slice(section);
        self.out.put_bytes(0xff, ROOM.saturating_sub(1 + section.len()));
    }

    /// A PES packet, whose pieces are copied here and nowhere else.
    pub(super) fn pes(&mut self, pid: Pid, first: First, pieces: &[&[u8]]) {
        let mut left: usize = pieces.iter().map(|piece| piece.len()).sum();
        self.out.reserve((left / ROOM + 2) * PACKET_BYTES);
        let mut pieces = pieces.iter().copied();
        let mut piece: &[u8] = &[];
        let mut adaptation = Some(first).filter(|first| first.random_access || first.clock.is_some());
        let mut start = true;
        while left > 0 {
            let fields = adaptation.take();
            let fields_len = fields.map_or(0, |fields| 2 + if fields.clock.is_some() { 6 } else { 0 });
            let payload = left.min(ROOM - fields_len);
            let adaptation_len = ROOM - payload;
            self.header(pid, start, if adaptation_len == 0 { PAYLOAD } else { ADAPTATION | PAYLOAD });
            self.adaptation(adaptation_len, fields.unwrap_or_default());
            (start, left) = (false, left - payload);
            let mut missing = payload;
            while missing > 0 {
                if piece.is_empty() {
                    let Some(next) = pieces.next() else { return };
                    piece = next;
                    continue;
                }
                let (now, later) = piece.split_at(missing.min(piece.len()));
                self.out.put_slice(now);
                (piece, missing) = (later, missing - now.len());
            }
        }
    }

    /// A packet with a program clock reference and nothing else.
    pub(super) fn clock(&mut self, pid: Pid, base: i64) {
        self.header(pid, false, ADAPTATION);
        self.adaptation(ROOM, First { random_access: false, clock: Some(base) });
    }

    fn header(&mut self, pid: Pid, start: bool, control: u8) {
        let counter = &mut self.counters[pid as usize];
        // A packet without payload has the number of the one before.
        let number = if control & PAYLOAD == 0 { counter.wrapping_sub(1) & 0x0f } else { *counter };
        if control & PAYLOAD != 0 {
            *counter = (*counter + 1) & 0x0f;
        }
        self.out.put_u8(0x47);
        self.out.put_u16(u16::from(start) << 14 | pid.number());
        self.out.put_u8(control | number);
    }

    /// The adaptation field, its length included, filled up to `len` bytes.
    fn adaptation(&mut self, len: usize, fields: First) {
        let Some(after) = len.checked_sub(1) else { return };
        self.out.put_u8(u8::try_from(after).unwrap_or(u8::MAX));
        let Some(mut stuffing) = after.checked_sub(1) else { return };
        self.out.put_u8(u8::from(fields.random_access) << 6 | u8::from(fields.clock.is_some()) << 4);
        if let Some(base) = fields.clock {
            let [_, _, bytes @ ..] = (((base & STAMP_MASK) << 15) | 0x7e00).to_be_bytes();
            self.out.put_slice(&bytes);
            stuffing = stuffing.saturating_sub(bytes.len());
        }
        self.out.put_bytes(0xff, stuffing);
    }
}

const PAYLOAD: u8 = 0x10;
const ADAPTATION: u8 = 0x20;

/// The header of a PES packet with `payload` bytes; 0 leaves the length open, which is allowed for pictures.
pub(super) fn pes_header(id: u8, pts: i64, dts: Option<i64>, payload: usize) -> Vec<u8> {
    let dts = dts.filter(|dts| *dts != pts);
    let stamps = if dts.is_some() { 10 } else { 5 };
    let len = if payload == 0 { 0 } else { u16::try_from(3 + stamps + payload).unwrap_or(0) };
    let mut head = vec![0, 0, 1, id];
    head.put_u16(len);
    // Marker bits and "data is aligned"; which stamps there are; how long they are.
    head.extend_from_slice(&[
        0x84,
        if dts.is_some() { 0xc0 } else { 0x80 },
        if dts.is_some() { 10 } else { 5 },
    ]);
    head.extend_from_slice(&stamp(if dts.is_some() { 3 } else { 2 }, pts));
    if let Some(dts) = dts {
        head.extend_from_slice(&stamp(1, dts));
    }
    head
}

/// 33 bits in five bytes with a marker bit after each group.
fn stamp(prefix: u8, value: i64) -> [u8; 5] {
    let value = value & STAMP_MASK;
    let byte = |shift: u32| u8::try_from(value >> shift & 0xff).unwrap_or_default();
    [
        prefix << 4 | (byte(30) & 0x07) << 1 | 1,
        byte(22),
        (byte(15) & 0x7f) << 1 | 1,
        byte(7),
        (byte(0) & 0x7f) << 1 | 1,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_has_33_bits_and_wraps() {
        assert_eq!(stamp(2, STAMP_MASK), [0x2f, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(stamp(2, STAMP_MASK + 1), [0x21, 0, 1, 0, 1]);
        assert_eq!(stamp(3, -1), [0x3f, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(stamp(1, 90_000), [0x11, 0, 5, 0xbf, 0x21]);
    }

    #[test]
    fn every_length_of_payload_fills_whole_packets() {
        for len in 1..600 {
            for first in [First::default(), First { random_access: true, clock: Some(1) }] {
                let mut packets = Packets::default();
                let payload: Vec<u8> = (0..len).map(|index| u8::try_from(index % 251).unwrap()).collect();
                let (left, right) = payload.split_at(len / 3);
                packets.pes(Pid::Video, first, &[left, &[], right]);
                let out = packets.take();
                assert_eq!(out.len() % PACKET_BYTES, 0, "{len}");
                let mut found = Vec::new();
                for (index, packet) in out.chunks(PACKET_BYTES).enumerate() {
                    assert_eq!(packet[0], 0x47);
                    assert_eq!(usize::from(packet[3] & 0x0f), index % 16);
                    let skip = if packet[3] & ADAPTATION == 0 { 0 } else { 1 + usize::from(packet[4]) };
                    found.extend_from_slice(&packet[4 + skip..]);
                }
                assert_eq!(found, payload, "{len}");
            }
        }
    }

    #[test]
    fn a_packet_without_payload_does_not_count() {
        let mut packets = Packets::default();
        packets.pes(Pid::Video, First::default(), &[&[1]]);
        packets.clock(Pid::Video, 0);
        packets.pes(Pid::Video, First::default(), &[&[1]]);
        let out = packets.take();
        let numbers: Vec<_> = out.chunks(PACKET_BYTES).map(|packet| packet[3] & 0x0f).collect();
        assert_eq!(numbers, [0, 0, 1]);
    }
}
