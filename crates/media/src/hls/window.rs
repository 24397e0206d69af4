//! The window of a live playlist: what is listed, what a request waits for, and what may be forgotten.

mod past;

use std::collections::VecDeque;

pub use past::Stretch;

use super::playlist::{Head, Map, MediaPlaylist, Open, Part, RenditionReport, Segment, ServerControl};

/// Shortest time, in target durations, that is listed: a shorter playlist starves players (RFC 8216 section 6.2.2).
const LEAST_TARGETS: u64 = 3;

/// How many target durations from the end parts are listed (rfc8216bis section 4.4.4.9).
const PART_TARGETS: u64 = 3;

/// What is older than this many target durations is left out of delta updates (rfc8216bis section 4.4.3.8: six).
const SKIP_TARGETS: u64 = 6;

/// How far from the end players of whole segments, in target durations, and of parts, in part targets, stay.
const HOLD_BACK: u64 = 3;

/// How many segments after the last one may be asked for (rfc8216bis section 6.2.5.2).
const ADVANCE_SEGMENTS: u64 = 2;

/// How much of the parts that do not exist yet may be asked for; three parts when they are longer than a second.
const ADVANCE_PARTS_MS: u64 = 3_000;

/// Most segments that are remembered, those that are no longer listed included.
const MAX_SEGMENTS: usize = 100_000;

/// How a window behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The longest that segments are expected to be: `EXT-X-TARGETDURATION`, rounded up to a second.
    pub target_ms: u64,
    /// The longest that parts are. `None`: no parts and no blocking.
    pub part_target_ms: Option<u64>,
    /// Most segments that are listed.
    pub segments: usize,
    /// Longest time that is listed. Three target durations are listed whatever this and `segments` say.
    pub span_ms: u64,
}

/// The numbers that a playlist goes on with. They must never go back while a player may remember an earlier playlist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The number of the next segment.
    pub segment: u64,
    /// How many discontinuities there were.
    pub discontinuities: u64,
    /// The number of the next initialization.
    pub init: u64,
}

/// What is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// An initialization.
    Init(u64),
    /// A segment.
    Segment(u64),
    /// A part of a segment.
    Part(u64, u64),
}

/// What to do with a request for the playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Answer it.
    Now,
    /// Ask again after the next part or segment.
    Wait,
    /// It asks for what is too far away, or makes no sense: 400.
    Refuse,
}

/// The newest that is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The segment, finished or not.
    pub msn: u64,
    /// Its last part, when parts of it are listed.
    pub part: Option<u64>,
}

/// Bits per second of what is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandwidth {
    /// Of the segment that has most.
    pub peak: u64,
    /// Of all.
    pub average: u64,
}

#[derive(Debug, Clone, Copy)]
struct PartEntry {
    duration_ms: u64,
    independent: bool,
}

#[derive(Debug, Default)]
struct Entry {
    discontinuity: bool,
    init: Option<u64>,
    date_ms: Option<i64>,
    parts: Vec<PartEntry>,
    duration_ms: u64,
    bytes: u64,
    independent: bool,
    /// When it was finished, on the clock of [`Window::handle_time`].
    done_ms: u64,
}

/// A segment that is no longer listed, but that players may still be fetching.
#[derive(Debug)]
struct Retired {
    msn: u64,
    entry: Entry,
    /// The stream's length at which nobody can want it any more.
    until_ms: u64,
}

/// A live playlist. Events go in as they happen: what is said about the next segment, its parts, its end.
#[derive(Debug)]
pub struct Window {
    settings: Settings,
    target_s: u64,
    /// The number of the first segment that is listed.
    first: u64,
    discontinuities_before: u64,
    entries: VecDeque<Entry>,
    open: Entry,
    /// What was said about the segment after the open one.
    next_discontinuity: bool,
    next_date_ms: Option<i64>,
    init: Option<u64>,
    next_init: u64,
    retired: VecDeque<Retired>,
    forgotten: VecDeque<Name>,
    /// Length of all finished segments.
    total_ms: u64,
    listed_ms: u64,
    longest_listed_ms: u64,
    ended: bool,
    now_ms: u64,
    ended_ms: u64,
}

impl Window {
    /// A window whose first segment has this number. When it is not the first of its stream, that segment begins with
    /// a discontinuity: what was before is gone.
    pub fn new(settings: Settings, numbers: Numbers) -> Window {
        Window {
            settings,
            target_s: settings.target_ms.div_ceil(1_000).max(1),
            first: numbers.segment,
            discontinuities_before: numbers.discontinuities,
            entries: VecDeque::new(),
            open: Entry::default(),
            next_discontinuity: numbers.segment > 0,
            next_date_ms: None,
            init: None,
            next_init: numbers.init,
            retired: VecDeque::new(),
            forgotten: VecDeque::new(),
            total_ms: 0,
            listed_ms: 0,
            longest_listed_ms: 0,
            ended: false,
            now_ms: 0,
            ended_ms: 0,
        }
    }

    /// The numbers to go on with after a restart.
    pub fn numbers(&self) -> Numbers {
        let listed = self.entries.iter().chain([&self.open]).filter(|entry| entry.discontinuity).count();
        Numbers {
            segment: self.next_msn() + u64::from(!self.open.parts.is_empty()),
            discontinuities: self.discontinuities_before + listed as u64,
            init: self.next_init,
        }
    }

    /// What happens from here on happens at this time, in milliseconds on a clock that never goes back. Only a look into
    /// the past ([`Window::as_of`]) needs it.
    pub fn handle_time(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// The next segment begins with a discontinuity.
    pub fn handle_discontinuity(&mut self) {
        self.next_discontinuity = true;
    }

    /// The next segment has a new initialization, whose number is returned.
    pub fn handle_init(&mut self) -> u64 {
        let number = self.next_init;
        self.next_init += 1;
        self.init = Some(number);
        number
    }

    /// When the first sample of the next segment was taken, in milliseconds since 1970.
    pub fn handle_date(&mut self, date_ms: i64) {
        self.next_date_ms = Some(date_ms);
    }

    /// A part of the open segment is finished.
    pub fn handle_part(&mut self, duration_ms: u64, independent: bool) -> Name {
        self.begin();
        self.open.parts.push(PartEntry { duration_ms, independent });
        Name::Part(self.next_msn(), self.open.parts.len() as u64 - 1)
    }

    /// The open segment is finished.
    pub fn handle_segment(&mut self, duration_ms: u64, bytes: u64, independent: bool) -> Name {
        self.begin();
        let name = Name::Segment(self.next_msn());
        let mut entry = std::mem::take(&mut self.open);
        (entry.duration_ms, entry.bytes, entry.independent) = (duration_ms, bytes, independent);
        entry.done_ms = self.now_ms;
        // A longer segment than expected cannot be listed under its target. Raising the target is the lesser fault:
        // players read it with each reload, and most of it happens before anybody looks, in the first segments.
        self.target_s = self.target_s.max(duration_ms.saturating_add(500) / 1_000);
        self.total_ms = self.total_ms.saturating_add(duration_ms);
        self.listed_ms = self.listed_ms.saturating_add(duration_ms);
        self.entries.push_back(entry);
        self.longest_listed_ms = self.longest_listed_ms.max(self.listed_ms);
        self.retire();
        self.drop_parts();
        name
    }

    /// Nothing comes any more. What is listed stays.
    pub fn handle_end(&mut self) {
        self.ended = true;
        self.ended_ms = self.now_ms;
    }

    /// Something that can be forgotten: a segment with its parts, or an initialization. A segment that left the
    /// playlist is kept for its own length and that of the longest playlist that listed it (RFC 8216 section 6.2.2).
    pub fn poll_forgotten(&mut self) -> Option<Name> {
        while let Some(oldest) = self.retired.front() {
            let remembered = self.retired.len() + self.entries.len();
            if oldest.until_ms > self.total_ms && remembered <= MAX_SEGMENTS {
                break;
            }
            let (msn, init) = (oldest.msn, oldest.entry.init);
            self.retired.pop_front();
            self.forgotten.push_back(Name::Segment(msn));
            self.forgotten.extend(init.filter(|init| !self.uses(*init)).map(Name::Init));
        }
        self.forgotten.pop_front()
    }

    /// Has the oldest segment forgotten at once, listed or not, though players may still want it: there is no room. The
    /// newest one stays. Returns whether there was another; [`Window::poll_forgotten`] tells which.
    pub fn drop_oldest(&mut self) -> bool {
        if self.retired.is_empty() && (self.entries.len() < 2 || !self.retire_oldest()) {
            return false;
        }
        if let Some(oldest) = self.retired.front_mut() {
            oldest.until_ms = 0;
        }
        true
    }

    /// The part that comes next, where there are parts and more of them.
    pub fn next_part(&self) -> Option<Name> {
        let live = self.settings.part_target_ms.is_some() && !self.ended;
        live.then(|| Name::Part(self.next_msn(), self.open.parts.len() as u64))
    }

    /// What to do with a request that has these `_HLS_msn` and `_HLS_part`.
    pub fn answer(&self, msn: Option<u64>, part: Option<u64>) -> Answer {
        let Some(msn) = msn else {
            let empty = self.entries.is_empty() && self.open.parts.is_empty() && !self.ended;
            return match (part, empty) {
                (Some(_), _) => Answer::Refuse,
                (None, true) => Answer::Wait,
                (None, false) => Answer::Now,
            };
        };
        if self.ended {
            return Answer::Now;
        }
        let next = self.next_msn();
        let (msn, part) = match part {
            // Past the last part of a finished segment is the first of the next.
            Some(part) if msn.checked_add(1) == Some(next) && self.parts_of_last() <= part => (next, Some(0)),
            part => (msn, part),
        };
        if msn < next {
            return Answer::Now;
        }
        if msn - next >= ADVANCE_SEGMENTS {
            return Answer::Refuse;
        }
        let Some(part) = part else { return Answer::Wait };
        let have = if msn == next { self.open.parts.len() as u64 } else { 0 };
        if part < have {
            return Answer::Now;
        }
        // The last part's index is one below what there is.
        if part - have >= self.advance_parts() { Answer::Refuse } else { Answer::Wait }
    }

    /// The newest that is listed, for the rendition reports of other playlists.
    pub fn position(&self) -> Option<Position> {
        let next = self.next_msn();
        if let Some(part) = (self.open.parts.len() as u64).checked_sub(1) {
            return Some(Position { msn: next, part: Some(part) });
        }
        let last = self.entries.back()?;
        Some(Position { msn: next.checked_sub(1)?, part: (last.parts.len() as u64).checked_sub(1) })
    }

    /// Length of the finished segments that are listed.
    pub fn listed_ms(&self) -> u64 {
        self.listed_ms
    }

    /// When the oldest segment that is listed begins, in milliseconds since 1970.
    pub fn first_date_ms(&self) -> Option<i64> {
        self.entries.front()?.date_ms
    }

    /// What a multivariant playlist says of this one.
    pub fn bandwidth(&self) -> Option<Bandwidth> {
        let rate = |bytes: u64, ms: u64| bytes.saturating_mul(8_000).checked_div(ms);
        let peak = self.entries.iter().filter_map(|entry| rate(entry.bytes, entry.duration_ms)).max()?;
        let bytes = self.entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.bytes));
        Some(Bandwidth { peak, average: rate(bytes, self.listed_ms)? })
    }

    /// The playlist. `skip` asks for a delta update (`_HLS_skip=YES`), which is given when it saves something.
    pub fn playlist(
        &self,
        skip: bool,
        uri: &dyn Fn(Name) -> String,
        reports: Vec<RenditionReport>,
    ) -> MediaPlaylist {
        let skipped = if skip { self.skippable() } else { 0 };
        // The reader of a delta update knows which initialization was the last of those that it leaves out.
        let mut init = skipped.checked_sub(1).and_then(|last| self.entries.get(last)?.init);
        let mut head = |entry: &Entry| {
            let map = entry.init.filter(|new| init != Some(*new));
            init = entry.init;
            Head {
                discontinuity: entry.discontinuity,
                map: map.map(|new| Map { uri: uri(Name::Init(new)), byte_range: None }),
                date_ms: entry.date_ms,
            }
        };
        let parts = |msn: u64, entry: &Entry| -> Vec<Part> {
            let part = |(index, part): (u64, &PartEntry)| Part {
                uri: uri(Name::Part(msn, index)),
                duration_ms: part.duration_ms,
                independent: part.independent,
                byte_range: None,
            };
            (0..).zip(&entry.parts).map(part).collect()
        };
        let segments = (self.first..).zip(&self.entries).skip(skipped).map(|(msn, entry)| Segment {
            head: head(entry),
            parts: parts(msn, entry),
            uri: uri(Name::Segment(msn)),
            duration_ms: entry.duration_ms,
            byte_range: None,
            gap: false,
        });
        let segments = segments.collect();
        let next = self.next_msn();
        MediaPlaylist {
            target_s: self.target_s,
            media_sequence: self.first,
            discontinuity_sequence: self.discontinuities_before,
            independent_segments: !self.entries.is_empty()
                && self.entries.iter().all(|entry| entry.independent),
            server_control: self.settings.part_target_ms.map(|part| self.server_control(part)),
            part_target_ms: self.settings.part_target_ms,
            skipped: skipped as u64,
            segments,
            open: (!self.open.parts.is_empty())
                .then(|| Open { head: head(&self.open), parts: parts(next, &self.open) }),
            preload_part: self.next_part().map(uri),
            reports,
            ended: self.ended,
            ..MediaPlaylist::default()
        }
    }

    fn uses(&self, init: u64) -> bool {
        let listed = self.entries.iter().chain([&self.open]).map(|entry| entry.init);
        let retired = self.retired.iter().map(|retired| retired.entry.init);
        listed.chain(retired).chain([self.init]).any(|used| used == Some(init))
    }

    /// The number of the open segment.
    pub fn next_msn(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The target duration, in milliseconds.
    pub fn target_ms(&self) -> u64 {
        self.target_s.saturating_mul(1_000)
    }

    /// The first part, or the end, of a segment: what was said about it is its own from here.
    fn begin(&mut self) {
        if self.open.parts.is_empty() {
            self.open.discontinuity = std::mem::take(&mut self.next_discontinuity);
            self.open.date_ms = self.next_date_ms.take();
            self.open.init = self.init;
        }
    }

    fn retire(&mut self) {
        while let Some(oldest) = self.entries.front() {
            let rest = self.listed_ms.saturating_sub(oldest.duration_ms);
            let full = self.entries.len() > self.settings.segments || self.listed_ms > self.settings.span_ms;
            let too_many = self.entries.len() > MAX_SEGMENTS;
            if !too_many && (!full || rest < LEAST_TARGETS * self.target_ms()) {
                return;
            }
            if !self.retire_oldest() {
                return;
            }
        }
    }

    fn retire_oldest(&mut self) -> bool {
        let Some(entry) = self.entries.pop_front() else { return false };
        let kept = entry.duration_ms.saturating_add(self.longest_listed_ms);
        let until_ms = self.total_ms.saturating_add(kept);
        self.listed_ms = self.listed_ms.saturating_sub(entry.duration_ms);
        self.discontinuities_before += u64::from(entry.discontinuity);
        self.retired.push_back(Retired { msn: self.first, entry, until_ms });
        self.first += 1;
        true
    }

    /// Takes the parts of old segments off the list.
    fn drop_parts(&mut self) {
        let (limit, mut after) = (PART_TARGETS * self.target_ms(), 0_u64);
        for entry in self.entries.iter_mut().rev() {
            if after >= limit && std::mem::take(&mut entry.parts).is_empty() {
                return;
            }
            after = after.saturating_add(entry.duration_ms);
        }
    }

    /// How many segments at the beginning are older than what delta updates hold.
    fn skippable(&self) -> usize {
        if self.settings.part_target_ms.is_none() {
            return 0;
        }
        let (limit, mut after) = (SKIP_TARGETS * self.target_ms(), 0_u64);
        for (index, entry) in self.entries.iter().enumerate().rev() {
            if after >= limit {
                return index + 1;
            }
            after = after.saturating_add(entry.duration_ms);
        }
        0
    }

    fn server_control(&self, part_target_ms: u64) -> ServerControl {
        ServerControl {
            can_block_reload: true,
            can_skip_until_ms: Some(SKIP_TARGETS * self.target_ms()),
            hold_back_ms: Some(HOLD_BACK * self.target_ms()),
            part_hold_back_ms: Some(HOLD_BACK * part_target_ms),
        }
    }

    fn parts_of_last(&self) -> u64 {
        self.entries.back().map_or(0, |entry| entry.parts.len() as u64)
    }

    fn advance_parts(&self) -> u64 {
        match self.settings.part_target_ms {
            None => 0,
            Some(part) if part < 1_000 => ADVANCE_PARTS_MS.div_ceil(part.max(1)),
            Some(_) => 3,
        }
    }
}

#[cfg(test)]
mod tests;
