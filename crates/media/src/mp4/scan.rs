//! Reading a file of fragments from pieces, without its media bytes.

use std::fmt;

use super::boxes::{Head, Name, head};
use super::index::{FragmentInfo, Index};
use super::moof::{self, NextTimes, Place};
use super::moov;

/// Longest `moov` that is read. Without a list of samples it has some thousand bytes.
pub const MAX_MOOV_BYTES: u64 = 1024 * 1024;

/// Longest `moof` that is read: room for ten times as many samples as [`super::MAX_FRAGMENT_SAMPLES`].
pub const MAX_MOOF_BYTES: u64 = 4 * 1024 * 1024;

/// Most tracks of a file.
pub const MAX_TRACKS: usize = 32;

/// How much is kept of each fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Where it is and when it is played: what playlists and repairs need.
    Fragments,
    /// Every sample too, 24 bytes for each: what [`super::Progressive`] needs.
    Samples,
}

/// A file that cannot be read further. What was read before stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadMp4 {
    /// No box begins here.
    NoBox {
        /// Where in the file.
        at: u64,
    },
    /// A box that would have to be held in memory is longer than any real one.
    TooLong {
        /// Its name.
        name: [u8; 4],
        /// Where in the file.
        at: u64,
    },
    /// A fragment comes before the `moov`.
    NoInit {
        /// Where in the file.
        at: u64,
    },
    /// A second `moov` begins here: two files, one behind the other.
    SecondInit {
        /// Where in the file.
        at: u64,
    },
    /// A fragment's tables contradict themselves, or its samples are not in its `mdat`.
    BadFragment {
        /// Where in the file.
        at: u64,
    },
}

impl fmt::Display for BadMp4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadMp4::NoBox { at } => write!(f, "not an MP4 file from byte {at} on"),
            BadMp4::TooLong { name, at } => {
                write!(f, "the box \"{}\" at byte {at} is longer than it can be", name.escape_ascii())
            }
            BadMp4::NoInit { at } => write!(f, "the fragment at byte {at} comes before the moov"),
            BadMp4::SecondInit { at } => write!(f, "a second moov begins at byte {at}"),
            BadMp4::BadFragment { at } => write!(f, "the fragment at byte {at} contradicts itself"),
        }
    }
}

impl std::error::Error for BadMp4 {}

/// Builds an [`Index`] of the pieces of a file that it is given.
///
/// Media bytes may be left out: [`Scanner::wanted`] says which byte is looked at next. A caller that can seek reads
/// some kilobytes from there, hands them over, and asks again, until the file has no such byte.
#[derive(Debug)]
pub struct Scanner {
    detail: Detail,
    index: Index,
    /// A `moov` was read.
    initialized: bool,
    /// Where in the file the byte behind `held` is.
    wanted: u64,
    /// How far the file is known to go.
    seen: u64,
    /// The beginning of a box, or all of it that was there so far.
    held: Vec<u8>,
    /// How much of the box must be held for the next step.
    needed: usize,
    pending: Option<Pending>,
    next_times: NextTimes,
    error: Option<BadMp4>,
}

/// A fragment that is not known to be whole.
#[derive(Debug)]
struct Pending {
    start: u64,
    moof: Vec<u8>,
    place: Option<Place>,
}

const HEADER: usize = 8;

impl Scanner {
    /// A scanner at the beginning of a file.
    pub fn new(detail: Detail) -> Scanner {
        Scanner {
            detail,
            index: Index::default(),
            initialized: false,
            wanted: 0,
            seen: 0,
            held: Vec::new(),
            needed: HEADER,
            pending: None,
            next_times: NextTimes::new(),
            error: None,
        }
    }

    /// Where in the file the byte is that is looked at next.
    pub fn wanted(&self) -> u64 {
        self.wanted
    }

    /// What was found so far. It stays good after an error.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Takes bytes that begin at `offset` in the file. Those before [`Scanner::wanted`] are passed over; when the
    /// wanted one is not among them, they only show how far the file goes.
    ///
    /// After an error nothing is taken any more, and the error stays.
    pub fn handle_input(&mut self, offset: u64, bytes: &[u8]) -> Result<(), BadMp4> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let done = self.take(offset, bytes);
        self.error = done.err();
        done
    }

    /// Goes on at `offset`, where a box begins: what is before it is not looked at.
    pub fn skip_to(&mut self, offset: u64) {
        self.held.clear();
        self.needed = HEADER;
        self.pending = None;
        self.wanted = self.wanted.max(offset);
    }

    /// Says how long the file is, and gives what is in it. Fragments that go on behind its end are not.
    pub fn finish(mut self, file_len: u64) -> Index {
        if self.error.is_none() {
            self.seen = self.seen.max(file_len);
            // An error here is that of a last fragment, which is left out.
            let _ = self.settle();
        }
        self.index
    }

    fn take(&mut self, offset: u64, mut bytes: &[u8]) -> Result<(), BadMp4> {
        self.seen = self.seen.max(offset.saturating_add(bytes.len() as u64));
        self.settle()?;
        let mut offset = offset;
        while let Some(ahead) = self.wanted.checked_sub(offset) {
            let Some(rest) = usize::try_from(ahead).ok().and_then(|ahead| bytes.get(ahead..)) else { break };
            if rest.is_empty() {
                break;
            }
            let (new, rest) = rest.split_at(rest.len().min(self.needed.saturating_sub(self.held.len())));
            self.held.extend_from_slice(new);
            self.wanted += new.len() as u64;
            (offset, bytes) = (self.wanted, rest);
            if self.held.len() >= self.needed {
                self.step()?;
            }
        }
        Ok(())
    }

    /// Enough of a box is held to tell what it is, or all of it.
    fn step(&mut self) -> Result<(), BadMp4> {
        let at = self.wanted - self.held.len() as u64;
        let (name, header, size) = match head(&self.held) {
            Head::Short(needed) => {
                self.needed = needed;
                return Ok(());
            }
            Head::Bad => return Err(BadMp4::NoBox { at }),
            Head::Box(name, header, size) => (name, header, size),
        };
        // A box that goes on to the end of the file has no end until there is nothing more to write.
        let size = size.unwrap_or(u64::MAX - at);
        let end = at.checked_add(size).ok_or(BadMp4::NoBox { at })?;
        if let Some(needed) = held_whole(name, size).map_err(|()| BadMp4::TooLong { name, at })? {
            if self.held.len() < needed {
                self.needed = needed;
                return Ok(());
            }
            let whole = std::mem::take(&mut self.held);
            self.whole(name, at, end, whole.get(header..).unwrap_or_default())?;
        } else {
            self.held.clear();
            if name == *b"mdat"
                && let Some(pending) = self.pending.as_mut().filter(|pending| pending.place.is_none())
            {
                let data = at + header as u64..end;
                pending.place = Some(Place { start: pending.start, data });
            }
        }
        self.needed = HEADER;
        self.wanted = end;
        self.settle()
    }

    /// A `moov` or `moof` is held as a whole.
    fn whole(&mut self, name: Name, at: u64, end: u64, contents: &[u8]) -> Result<(), BadMp4> {
        match (&name, self.initialized) {
            (b"moov", true) => return Err(BadMp4::SecondInit { at }),
            (b"moov", false) => {
                self.initialized = true;
                self.index.init = 0..end;
                self.index.tracks = moov::read(contents);
            }
            (_, false) => return Err(BadMp4::NoInit { at }),
            // One without an `mdat` behind it has no samples, and what was pending is such a one.
            (_, true) => {
                self.pending = Some(Pending { start: at, moof: contents.to_vec(), place: None });
            }
        }
        Ok(())
    }

    /// Lists the pending fragment if the file goes on to its end.
    fn settle(&mut self) -> Result<(), BadMp4> {
        let whole = |place: &Place| place.data.end <= self.seen;
        let Some(Pending { moof, place: Some(place), .. }) =
            self.pending.take_if(|pending| pending.place.as_ref().is_some_and(whole))
        else {
            return Ok(());
        };
        let runs = moof::read(&moof, &place, &self.index.tracks, &mut self.next_times, self.detail)?;
        if !runs.is_empty() {
            self.index.fragments.push(FragmentInfo { range: place.start..place.data.end, runs });
        }
        Ok(())
    }
}

/// How many bytes of a box must be held: all of it, where it is read; none, where it is not.
fn held_whole(name: Name, size: u64) -> Result<Option<usize>, ()> {
    let limit = match &name {
        b"moov" => MAX_MOOV_BYTES,
        b"moof" => MAX_MOOF_BYTES,
        _ => return Ok(None),
    };
    if size > limit { Err(()) } else { usize::try_from(size).map(Some).map_err(|_| ()) }
}
