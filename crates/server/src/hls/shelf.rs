//! What requests are answered from: the window of a playlist, and the bytes of everything that it lists.
//!
//! One lock, held for as long as it takes to copy references. Bytes are freed with the window that listed them, or when
//! there are too many.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use media::codec::{Codec, TrackInfo};
use media::hls::{Answer, Bandwidth, Cut, MediaPlaylist, Name, Numbers, Settings, Stretch, Window};
use tokio::sync::{Semaphore, watch};
use tracing::debug;

use super::{Container, settings, url};
use crate::clock::Clock;
use crate::http::body::Body;
use crate::http::memory::Memory;

/// What stands in a stored playlist where the query of a file comes: no name has it.
const QUERY_MARK: char = '?';

/// Requests for a whole segment after which more are expected: then it is worth its copy into a file in memory, which the
/// kernel sends to everybody else without one. A single viewer never costs it.
const ASKED_OFTEN: u32 = 2;

/// Segments that are smaller are no work to send.
const FILE_LEAST: u64 = 64 * 1024;

/// The media of one stream in one container.
#[derive(Debug)]
pub(super) struct Shelf {
    container: Container,
    max_bytes: u64,
    /// Nothing younger is given to anybody.
    delay_ms: u64,
    clock: Clock,
    files: Arc<Semaphore>,
    inner: Mutex<Inner>,
    news: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    /// None before the first sample.
    window: Option<Window>,
    first: Numbers,
    inits: BTreeMap<u64, Bytes>,
    segments: BTreeMap<u64, Stored>,
    bytes: u64,
    /// A segment is being copied. One at a time, so that no more than one is there twice.
    copying: bool,
    about: About,
    /// The playlist as it is now, whole and as a delta update.
    lists: [Option<Listing>; 2],
    /// The playlist of the past that was asked for last: viewers who are late are so by the same time, mostly.
    past: Option<(Stretch, Listing)>,
    fault: Option<Fault>,
}

/// Why there will be nothing more, and nothing of what there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The container does not carry this codec.
    Codec(Codec),
    /// The packager failed.
    Broken,
}

/// What the multivariant playlist says about the tracks.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct About {
    pub(super) tracks: Vec<TrackInfo>,
    pub(super) frame_rate: Option<f64>,
}

/// A segment, or what there is of it.
#[derive(Debug, Default)]
struct Stored {
    /// Empty once there is a file.
    pieces: Vec<Bytes>,
    file: Option<Arc<Memory>>,
    /// Where each part ends.
    parts: Vec<Mark>,
    bytes: u64,
    asked: u32,
}

/// A place in a segment.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    piece: usize,
    byte: u64,
}

/// A segment that is to become a file in memory.
#[derive(Debug)]
pub(super) struct Copying {
    number: u64,
    pieces: Vec<Bytes>,
}

/// A playlist, cut where queries come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing(Arc<[String]>);

impl Listing {
    fn of(playlist: &MediaPlaylist) -> Listing {
        Listing(playlist.to_string().split(QUERY_MARK).map(str::to_owned).collect())
    }

    /// The text, with this after the name of each file.
    pub(super) fn with_query(&self, query: &str) -> String {
        self.0.join(query)
    }
}

/// What came of looking for something that may be on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look<T> {
    /// Here it is.
    Here(T),
    /// Look again after the next news.
    Coming,
    /// It was here, or will never be.
    Absent,
    /// Nobody may ask for that.
    Refused,
    /// There will be nothing.
    Fault(Fault),
}

impl Shelf {
    /// An empty one. `files` are the descriptors that segments may have, those of other shelves included.
    pub(super) fn new(
        container: Container,
        settings: &settings::Settings,
        first: Numbers,
        files: Arc<Semaphore>,
        clock: &Clock,
    ) -> Shelf {
        Shelf {
            container,
            max_bytes: settings.max_bytes,
            delay_ms: settings.delay_ms,
            clock: clock.clone(),
            files,
            inner: Mutex::new(Inner {
                window: None,
                first,
                inits: BTreeMap::new(),
                segments: BTreeMap::new(),
                bytes: 0,
                copying: false,
                about: About::default(),
                lists: [None, None],
                past: None,
                fault: None,
            }),
            news: watch::Sender::new(0),
        }
    }

    /// What is on it begins now.
    pub(super) fn open(&self, settings: Settings) {
        let mut inner = self.lock();
        inner.window = Some(Window::new(settings, inner.first));
    }

    /// Other tracks from here on, with their initialization where the container has one.
    pub(super) fn handle_tracks(&self, about: About, init: Option<Bytes>) {
        self.change(|inner| {
            inner.about = about;
            let Some(window) = &mut inner.window else { return };
            window.handle_discontinuity();
            if let Some(init) = init {
                inner.bytes += init.len() as u64;
                inner.inits.insert(window.handle_init(), init);
            }
        });
    }

    /// The next segment does not follow from the last.
    pub(super) fn handle_discontinuity(&self) {
        if let Some(window) = &mut self.lock().window {
            window.handle_discontinuity();
        }
    }

    /// When the next segment begins, in milliseconds since 1970.
    pub(super) fn handle_date(&self, date_ms: i64) {
        if let Some(window) = &mut self.lock().window {
            window.handle_date(date_ms);
        }
    }

    /// A part or a segment is finished; `pieces` are what was written since the last cut.
    pub(super) fn handle_cut(&self, cut: &Cut, pieces: Vec<Bytes>) {
        self.change(|inner| {
            if let Some(window) = &mut inner.window {
                window.handle_time(self.clock.now_ms());
            }
            inner.handle_cut(cut, pieces, self.max_bytes);
        });
    }

    /// The stream is over. What is listed stays.
    pub(super) fn handle_end(&self) {
        self.change(|inner| {
            if let Some(window) = &mut inner.window {
                window.handle_time(self.clock.now_ms());
                window.handle_end();
            }
        });
    }

    /// There will be nothing more.
    pub(super) fn handle_fault(&self, fault: Fault) {
        self.change(|inner| {
            inner.fault.get_or_insert(fault);
            inner.segments.clear();
            inner.inits.clear();
            inner.bytes = 0;
        });
    }

    /// Whether there will be nothing more, and nothing is left.
    pub(super) fn has_failed(&self) -> bool {
        self.lock().fault.is_some()
    }

    /// Whether that is because the container does not carry a codec.
    pub(super) fn lacks_codec(&self) -> bool {
        matches!(self.lock().fault, Some(Fault::Codec(_)))
    }

    /// The numbers that a successor goes on with.
    pub(super) fn numbers(&self) -> Numbers {
        let inner = self.lock();
        inner.window.as_ref().map_or(inner.first, Window::numbers)
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Length of what is listed.
    pub(super) fn listed_ms(&self) -> u64 {
        self.lock().window.as_ref().map_or(0, Window::listed_ms)
    }

    /// When the oldest segment that is listed begins, in milliseconds since 1970.
    pub(super) fn first_date_ms(&self) -> Option<i64> {
        self.lock().window.as_ref().and_then(Window::first_date_ms)
    }

    /// Told of every change.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Longest time that a request waits, in milliseconds: three target durations (rfc8216bis section 6.2.5.2).
    pub(super) fn patience_ms(&self) -> Option<u64> {
        self.lock().window.as_ref().map(|window| window.target_ms().saturating_mul(3))
    }

    /// What the multivariant playlist says. It is there with the first sample.
    pub(super) fn about(&self) -> Look<(About, Option<Bandwidth>)> {
        let inner = self.lock();
        match (inner.fault, &inner.window) {
            (Some(fault), _) => Look::Fault(fault),
            (None, Some(window)) if !inner.about.tracks.is_empty() => {
                Look::Here((inner.about.clone(), window.bandwidth()))
            }
            _ => Look::Coming,
        }
    }

    /// The playlist, once it has what these `_HLS_msn` and `_HLS_part` name.
    pub(super) fn list(&self, msn: Option<u64>, part: Option<u64>, skip: bool) -> Look<Listing> {
        let mut inner = self.lock();
        if let Some(fault) = inner.fault {
            return Look::Fault(fault);
        }
        let Inner { window: Some(window), lists, .. } = &mut *inner else { return Look::Coming };
        match window.answer(msn, part) {
            Answer::Refuse => Look::Refused,
            Answer::Wait => Look::Coming,
            // A player that goes on after a restart names what was long ago. An empty list would be an error to it.
            Answer::Now if window.answer(None, None) == Answer::Wait => Look::Coming,
            Answer::Now => {
                let list = lists[usize::from(skip)].get_or_insert_with(|| {
                    Listing::of(&window.playlist(skip, &|name| self.uri(name), Vec::new()))
                });
                Look::Here(list.clone())
            }
        }
    }

    /// The playlist as it was so long ago; it is coming when nothing is that old.
    pub(super) fn as_of(&self, delay_ms: u64) -> Look<Listing> {
        let at_ms = self.clock.now_ms().checked_sub(delay_ms);
        self.past(|window| window.as_of(at_ms?)).unwrap_or(Look::Coming)
    }

    /// In how many milliseconds the oldest segment will be so old.
    pub(super) fn due_ms(&self, delay_ms: u64) -> u64 {
        let oldest = self.lock().window.as_ref().and_then(Window::oldest_done_ms);
        let now_ms = self.clock.now_ms();
        oldest.unwrap_or(now_ms).saturating_add(delay_ms).saturating_sub(now_ms)
    }

    /// What is left between two dates, in milliseconds since 1970.
    pub(super) fn between(&self, from_ms: i64, to_ms: i64) -> Look<Listing> {
        let at_ms = self.clock.now_ms().checked_sub(self.delay_ms);
        self.past(|window| window.between(from_ms, to_ms, at_ms?)).unwrap_or(Look::Absent)
    }

    fn past(&self, of: impl FnOnce(&Window) -> Option<Stretch>) -> Option<Look<Listing>> {
        let mut inner = self.lock();
        if let Some(fault) = inner.fault {
            return Some(Look::Fault(fault));
        }
        let Inner { window: Some(window), past, .. } = &mut *inner else { return None };
        let stretch = of(window)?;
        if let Some((_, list)) = past.as_ref().filter(|(made_of, _)| *made_of == stretch) {
            return Some(Look::Here(list.clone()));
        }
        let list = Listing::of(&window.playlist_of(stretch, &|name| self.uri(name)));
        *past = Some((stretch, list.clone()));
        Some(Look::Here(list))
    }

    /// How a playlist names a file, with a mark for the query.
    fn uri(&self, name: Name) -> String {
        format!("{}{QUERY_MARK}", url::file(self.container, name))
    }

    /// The bytes of a file. Of those that do not exist yet, the part that comes next is worth waiting for: the playlist
    /// names it.
    pub(super) fn file(&self, name: Name) -> Look<Body> {
        let inner = self.lock();
        if let Some(fault) = inner.fault {
            return Look::Fault(fault);
        }
        if self.delay_ms > 0 {
            let at_ms = self.clock.now_ms().checked_sub(self.delay_ms);
            let window = inner.window.as_ref().zip(at_ms);
            let is_old = |number| window.is_some_and(|(window, at_ms)| window.is_done_by(number, at_ms));
            match name {
                Name::Init(_) => {}
                Name::Segment(number) if is_old(number) => {}
                Name::Segment(_) | Name::Part(..) => return Look::Absent,
            }
        }
        let is_next = || inner.window.as_ref().and_then(Window::next_part) == Some(name);
        let found = match name {
            Name::Init(number) => inner.inits.get(&number).map(|init| Body::from(init.clone())),
            Name::Segment(number) => inner.finished(number).map(Stored::whole),
            Name::Part(number, part) => inner.segments.get(&number).and_then(|stored| stored.part(part)),
        };
        match found {
            Some(body) => Look::Here(body),
            None if is_next() => Look::Coming,
            None => Look::Absent,
        }
    }

    /// A file was asked for. Returns a segment that should go through [`Shelf::copy`] for it, which takes some milliseconds.
    pub(super) fn handle_asked(&self, name: Name) -> Option<Copying> {
        let Name::Segment(number) = name else { return None };
        let mut inner = self.lock();
        let is_busy = inner.copying || self.files.available_permits() == 0;
        inner.finished(number)?;
        let stored = inner.segments.get_mut(&number)?;
        stored.asked = stored.asked.saturating_add(1);
        let is_due = stored.asked >= ASKED_OFTEN && stored.file.is_none() && stored.bytes >= FILE_LEAST;
        if is_busy || !is_due {
            return None;
        }
        let pieces = stored.pieces.clone();
        inner.copying = true;
        Some(Copying { number, pieces })
    }

    /// Makes a segment a file in memory, which all later answers share. Where that cannot be, it stays as it is.
    pub(super) async fn copy(&self, segment: Copying) {
        let Copying { number, pieces } = segment;
        let made = Memory::of(&pieces, &self.files).await;
        let mut inner = self.lock();
        inner.copying = false;
        match (made, inner.segments.get_mut(&number)) {
            (Ok(Some(file)), Some(stored)) => {
                stored.file = Some(Arc::new(file));
                stored.pieces = Vec::new();
            }
            (Err(error), Some(stored)) => {
                debug!(%error, "a segment stays in pieces");
                stored.asked = 0;
            }
            // There is no descriptor for it, or nobody wants it any more.
            (_, _) => {}
        }
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.lock();
        change(&mut inner);
        inner.lists = [None, None];
        drop(inner);
        self.news.send_modify(|news| *news += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever panics under it is the packager, after whom the shelf is marked as broken.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn handle_cut(&mut self, cut: &Cut, pieces: Vec<Bytes>, max_bytes: u64) {
        let Some(window) = &mut self.window else { return };
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        self.bytes += bytes;
        let next = window.next_msn();
        let open = self.segments.entry(next).or_default();
        open.pieces.extend(pieces);
        open.bytes += bytes;
        if let Some(part) = cut.part {
            open.parts.push(Mark { piece: open.pieces.len(), byte: open.bytes });
            window.handle_part(part.duration_ms, part.independent);
        }
        if let Some(segment) = cut.segment {
            window.handle_segment(segment.duration_ms, open.bytes, segment.independent);
        }
        self.forget();
        while self.bytes > max_bytes && self.window.as_mut().is_some_and(Window::drop_oldest) {
            self.forget();
        }
    }

    fn forget(&mut self) {
        while let Some(name) = self.window.as_mut().and_then(Window::poll_forgotten) {
            let freed = match name {
                Name::Init(number) => self.inits.remove(&number).map(|init| init.len() as u64),
                Name::Segment(number) | Name::Part(number, _) => {
                    self.segments.remove(&number).map(|stored| stored.bytes)
                }
            };
            self.bytes -= freed.unwrap_or(0);
        }
    }

    /// A segment that is not the open one.
    fn finished(&self, number: u64) -> Option<&Stored> {
        let next = self.window.as_ref()?.next_msn();
        self.segments.get(&number).filter(|_| number < next)
    }
}

impl Stored {
    fn whole(&self) -> Body {
        match &self.file {
            Some(file) => Body::File { file: file.clone(), range: 0..self.bytes },
            None => Body::Pieces(self.pieces.clone()),
        }
    }

    fn part(&self, part: u64) -> Option<Body> {
        let part = usize::try_from(part).ok()?;
        let end = *self.parts.get(part)?;
        let start =
            part.checked_sub(1).and_then(|before| self.parts.get(before)).copied().unwrap_or_default();
        if let Some(file) = &self.file {
            return Some(Body::File { file: file.clone(), range: start.byte..end.byte });
        }
        self.pieces.get(start.piece..end.piece).map(|pieces| Body::Pieces(pieces.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use media::hls::Piece;

    use super::*;

    fn shelf(max_bytes: u64) -> Shelf {
        let first = Numbers { segment: 10, discontinuities: 3, init: 7 };
        let config = crate::config::Layers::defaults().config().unwrap();
        let settings = settings::Settings { max_bytes, ..settings::Settings::new(&config) };
        let files = Arc::new(Semaphore::new(1));
        let shelf = Shelf::new(Container::Fmp4, &settings, first, files, &Clock::system());
        assert!(shelf.list(None, None, false).is_coming() && shelf.about().is_coming());
        assert_eq!(shelf.numbers(), first);
        shelf.open(Settings { target_ms: 1_000, part_target_ms: Some(500), segments: 4, span_ms: 60_000 });
        shelf.handle_tracks(About::default(), Some(Bytes::from_static(b"init")));
        shelf
    }

    impl<T> Look<T> {
        fn is_coming(&self) -> bool {
            matches!(self, Look::Coming)
        }

        fn is_absent(&self) -> bool {
            matches!(self, Look::Absent)
        }
    }

    fn cut(shelf: &Shelf, segment: bool, bytes: &'static [u8]) {
        let piece = |duration_ms| Piece { start: 0, duration_ms, independent: true };
        let cut =
            Cut { part: Some(piece(500)), segment: segment.then(|| piece(1_000)), discontinuity: false };
        shelf.handle_cut(&cut, vec![Bytes::from_static(bytes)]);
    }

    fn bytes(shelf: &Shelf, name: Name) -> Option<Vec<u8>> {
        match shelf.file(name) {
            Look::Here(Body::Pieces(pieces)) => Some(pieces.concat()),
            Look::Here(Body::File { file, range }) => {
                let mut read = vec![0; usize::try_from(range.end - range.start).unwrap()];
                file.read_exact_at(&mut read, range.start).unwrap();
                Some(read)
            }
            _ => None,
        }
    }

    #[test]
    fn a_segment_is_its_parts_and_only_the_next_part_is_waited_for() {
        let shelf = shelf(1_000);
        assert!(shelf.file(Name::Part(10, 0)).is_coming());
        assert!(shelf.list(Some(3), None, false).is_coming(), "an empty list is none");
        cut(&shelf, false, b"ab");
        assert_eq!(bytes(&shelf, Name::Part(10, 0)).unwrap(), b"ab");
        assert!(shelf.file(Name::Part(10, 1)).is_coming());
        assert!(shelf.file(Name::Part(10, 2)).is_absent());
        assert!(shelf.file(Name::Segment(10)).is_absent(), "it is not whole");
        cut(&shelf, true, b"cd");
        assert_eq!(bytes(&shelf, Name::Part(10, 1)).unwrap(), b"cd");
        assert_eq!(bytes(&shelf, Name::Segment(10)).unwrap(), b"abcd");
        assert_eq!(bytes(&shelf, Name::Init(7)).unwrap(), b"init");
        assert!(shelf.file(Name::Part(10, 2)).is_absent(), "it will never be");
        assert!(shelf.file(Name::Part(11, 0)).is_coming());
        assert_eq!(shelf.numbers().segment, 11);
        shelf.handle_end();
        assert!(shelf.file(Name::Part(11, 0)).is_absent());
    }

    #[test]
    fn bytes_are_let_go_with_the_window_and_without_room_at_once() {
        let narrow = shelf(12);
        for _ in 0..5 {
            cut(&narrow, false, b"ab");
            cut(&narrow, true, b"cd");
            assert!(narrow.bytes() <= 12);
        }
        assert_eq!(narrow.bytes(), 4 + 2 * 4);
        assert!(narrow.file(Name::Segment(12)).is_absent());
        assert!(bytes(&narrow, Name::Segment(13)).is_some());
        let wide = shelf(1_000);
        for _ in 0..40 {
            cut(&wide, false, b"ab");
            cut(&wide, true, b"cd");
        }
        // Four that are listed, and those that left in the time that players may take over them.
        assert!(wide.bytes() <= 4 + 4 * 10, "{}", wide.bytes());
    }

    #[tokio::test]
    async fn a_segment_that_is_asked_for_again_becomes_a_file_with_the_same_parts() {
        const HALF: usize = FILE_LEAST as usize / 2;
        let shelf = shelf(1 << 20);
        for halves in [[&[1; HALF], &[2; HALF]], [&[3; HALF], &[4; HALF]]] {
            cut(&shelf, false, halves[0]);
            assert!(shelf.handle_asked(Name::Segment(shelf.numbers().segment)).is_none(), "it is not whole");
            cut(&shelf, true, halves[1]);
        }
        let (held, whole) = (shelf.bytes(), bytes(&shelf, Name::Segment(10)).unwrap());
        assert!(shelf.handle_asked(Name::Segment(10)).is_none(), "one viewer");
        assert!(
            shelf.handle_asked(Name::Part(10, 0)).is_none() && shelf.handle_asked(Name::Init(7)).is_none()
        );
        let copying = shelf.handle_asked(Name::Segment(10)).unwrap();
        let again =
            || shelf.handle_asked(Name::Segment(10)).or_else(|| shelf.handle_asked(Name::Segment(11)));
        assert!(again().is_none() && again().is_none(), "one at a time");
        shelf.copy(copying).await;
        let Look::Here(body) = shelf.file(Name::Segment(10)) else { panic!("it is there") };
        assert!(body.memory().is_some());
        assert_eq!(bytes(&shelf, Name::Segment(10)).unwrap(), whole);
        assert_eq!(bytes(&shelf, Name::Part(10, 1)).unwrap(), [2; HALF]);
        assert_eq!(bytes(&shelf, Name::Part(10, 0)).unwrap(), [1; HALF]);
        assert_eq!(shelf.bytes(), held, "it is there once");
        assert!(again().is_none(), "there is no descriptor left");
        shelf.handle_fault(Fault::Broken);
        assert_eq!(shelf.files.available_permits(), 0, "an answer has it still");
        drop(body);
        assert_eq!(shelf.files.available_permits(), 1);
    }

    #[test]
    fn a_playlist_is_made_once_for_each_change_and_has_every_viewers_own_query() {
        let shelf = shelf(1_000);
        cut(&shelf, true, b"ab");
        let list = || match shelf.list(None, None, false) {
            Look::Here(list) => list,
            other => panic!("{other:?}"),
        };
        assert!(Arc::ptr_eq(&list().0, &list().0));
        let text = list().with_query("?s=1");
        assert!(text.contains("\n10.m4s?s=1\n") && text.contains("\"i7.mp4?s=1\""), "{text}");
        assert!(list().with_query("").contains("\n10.m4s\n"));
        let old = list();
        cut(&shelf, false, b"cd");
        assert!(!Arc::ptr_eq(&old.0, &list().0));
    }

    #[test]
    fn a_fault_is_all_that_is_left() {
        let shelf = shelf(1_000);
        cut(&shelf, true, b"ab");
        shelf.handle_fault(Fault::Broken);
        shelf.handle_fault(Fault::Codec(Codec::Av1));
        assert!(matches!(shelf.file(Name::Segment(10)), Look::Fault(Fault::Broken)));
        assert_eq!((shelf.bytes(), shelf.has_failed()), (0, true));
    }
}
