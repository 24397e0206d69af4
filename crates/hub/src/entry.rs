//! One stored frame and its encodings.

use std::sync::OnceLock;

use bytes::Bytes;
use media::frame::Frame;

/// How many wire encodings one frame can carry.
pub const SLOTS: usize = 4;

/// What one stored frame is charged for besides its body, in bytes: the entry itself, its place in the ring and in every
/// feed, and the small headers of its encodings. Without it a publisher of one-byte messages at one time would hold
/// hundreds of times what the bounds say.
pub(crate) const ENTRY_OVERHEAD: u64 = 512;

/// A place for one wire encoding of a frame. Which format a number means is decided by whoever fills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(u8);

impl Slot {
    /// The slot with this number.
    ///
    /// # Panics
    /// At compile time in a `const`, when `number` is not below [`SLOTS`].
    pub const fn new(number: u8) -> Slot {
        assert!((number as usize) < SLOTS, "slot number out of range");
        Slot(number)
    }

    /// Its index into per-slot tables.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The bytes of one frame as they go to every viewer of one kind, in parts that are written in order.
///
/// The parts usually are a small header and a slice of the frame's own body, so an encoding costs tens of bytes and
/// not a second copy of the picture.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    parts: Vec<Bytes>,
    len: usize,
}

impl Wire {
    /// An encoding made of these parts.
    pub fn new(parts: Vec<Bytes>) -> Wire {
        let len = parts.iter().map(Bytes::len).sum();
        Wire { parts, len }
    }

    /// The parts, in the order in which they are written.
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// How many bytes a viewer is sent.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is sent for this frame on this wire.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// A frame in the ring.
#[derive(Debug)]
pub struct Entry {
    /// Its number in the stream: consecutive, never reused, not reset by a takeover.
    pub seq: u64,
    /// Sum of the body bytes of all entries before this one, so that a backlog is one subtraction.
    pub bytes_before: u64,
    /// The frame.
    pub frame: Frame,
    wires: [OnceLock<Wire>; SLOTS],
}

impl Entry {
    /// A frame that has just been given its number.
    pub(crate) fn new(seq: u64, bytes_before: u64, frame: Frame) -> Entry {
        Entry { seq, bytes_before, frame, wires: [const { OnceLock::new() }; SLOTS] }
    }

    /// Sum of the body bytes up to and with this entry.
    pub fn bytes_through(&self) -> u64 {
        self.bytes_before + self.frame.body.len() as u64
    }

    /// What the entries from this one to `last` are charged for, in bytes of memory.
    pub(crate) fn cost_to(&self, last: &Entry) -> u64 {
        let entries = last.seq - self.seq + 1;
        last.bytes_through() - self.bytes_before + entries * ENTRY_OVERHEAD
    }

    /// The encoding in `slot`; the first caller makes it and every later one shares it.
    pub fn wire(&self, slot: Slot, encode: impl FnOnce(&Frame) -> Wire) -> &Wire {
        self.wires[slot.index()].get_or_init(|| encode(&self.frame))
    }
}
