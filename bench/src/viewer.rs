//! One player without its socket: what it says, and what it counts of what it is shown.

use anyhow::{Result, bail, ensure};

use crate::client::{Client, Role, contains};
use crate::flv::{self, AUDIO, Message, VIDEO};
use crate::source::{PICTURE_US, SOUND_US, picture_kind, stamp};

/// The longest answer head that is read.
const MAX_ANSWER: usize = 16 * 1024;

/// A media clock that is further behind the wall's than this, within the window, is behind.
const BEHIND_NS: u64 = 500_000_000;

/// Over what a player fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Rtmp,
    Flv,
}

impl Protocol {
    /// As it is written in tables and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Flv => "flv",
        }
    }
}

/// A player.
#[derive(Debug)]
pub(crate) struct Viewer {
    wire: Wire,
    sampled: bool,
    /// What it counted.
    pub(crate) tally: Tally,
}

#[derive(Debug)]
enum Wire {
    Rtmp(Box<Client>),
    Http(Box<Http>),
}

#[derive(Debug)]
struct Http {
    request: Vec<u8>,
    /// The answer's head, until it is whole.
    answer: Option<Vec<u8>>,
    chunked: Option<Chunked>,
    reader: flv::Reader,
}

/// Chunked transfer coding (RFC 9112, section 7.1): what is left of a chunk, or the line that gives its size.
#[derive(Debug, Default)]
struct Chunked {
    left: usize,
    line: Vec<u8>,
}

/// What one player has seen. Moments are nanoseconds of the tool's clock.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// When it began to connect.
    pub(crate) began: u64,
    /// When its first key frame was whole.
    pub(crate) first_key: Option<u64>,
    /// Bytes from the socket.
    pub(crate) bytes: u64,
    last_picture: Option<(u64, u32)>,
    last_sound: Option<u32>,
    window: Option<Window>,
}

#[derive(Debug, Default)]
struct Window {
    bytes_before: u64,
    /// The first picture: when it was whole, and its own time.
    first: Option<(u64, u32)>,
    pictures: Count,
    sounds: Count,
}

/// Messages of a kind that comes at even steps, so that the times tell how many never came.
#[derive(Debug, Default)]
struct Count {
    came: u64,
    missing: u64,
}

impl Count {
    fn count(&mut self, before: Option<u32>, time: u32, step_us: u64) {
        self.came += 1;
        if let Some(before) = before {
            let gap = u64::from(time.wrapping_sub(before)) * 1000;
            // Half a step of tolerance: times are whole milliseconds.
            self.missing += ((gap + step_us / 2) / step_us).saturating_sub(1);
        }
    }

    /// More than 3 in 100 of the stretch that was shown never came.
    fn lost(&self) -> bool {
        self.missing * 100 > 3 * (self.came + self.missing)
    }
}

/// What one player makes of the measured window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) bytes: u64,
    pub(crate) behind: bool,
}

impl Viewer {
    /// A player of `app/stream`; `path` is the same over HTTP.
    pub(crate) fn new(protocol: Protocol, host: &str, stream: &str, sampled: bool, now: u64) -> Self {
        let wire = match protocol {
            Protocol::Rtmp => Wire::Rtmp(Box::new(Client::new(Role::Play, host, "live", stream))),
            Protocol::Flv => Wire::Http(Box::new(Http {
                request: format!("GET /live/{stream}.flv HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n")
                    .into(),
                answer: Some(Vec::new()),
                chunked: None,
                reader: flv::Reader::default(),
            })),
        };
        Self { wire, sampled, tally: Tally { began: now, ..Tally::default() } }
    }

    /// What is to be sent now is moved to `out`.
    pub(crate) fn drain(&mut self, out: &mut Vec<u8>) {
        let from = match &mut self.wire {
            Wire::Rtmp(client) => &mut client.out,
            Wire::Http(http) => &mut http.request,
        };
        out.append(from);
    }

    /// Takes bytes; latencies of stamped pictures in the window, in microseconds, are added to `latencies`.
    pub(crate) fn feed(&mut self, bytes: &[u8], now: u64, latencies: &mut Vec<u32>) -> Result<()> {
        let Self { wire, sampled, tally } = self;
        tally.bytes += bytes.len() as u64;
        let mut tell = |message: Message<'_>| tally.see(message, now, sampled.then_some(&mut *latencies));
        match wire {
            Wire::Rtmp(client) => client.feed(bytes, &mut tell),
            Wire::Http(http) => http.feed(bytes, &mut tell),
        }
    }
}

impl Http {
    fn feed(&mut self, bytes: &[u8], tell: &mut impl FnMut(Message<'_>)) -> Result<()> {
        let Some(answer) = &mut self.answer else { return self.body(bytes, tell) };
        answer.extend_from_slice(bytes);
        let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
            ensure!(answer.len() < MAX_ANSWER, "the answer's head does not end");
            return Ok(());
        };
        let answer = self.answer.take().unwrap_or_default();
        let head = answer[..end].to_ascii_lowercase();
        let status = String::from_utf8_lossy(head.split(|&byte| byte == b'\r').next().unwrap_or_default());
        ensure!(status.split(' ').nth(1) == Some("200"), "the answer is {status}");
        self.chunked = contains(&head, b"transfer-encoding: chunked").then(Chunked::default);
        self.body(&answer[end + 4..], tell)
    }

    fn body(&mut self, mut bytes: &[u8], tell: &mut impl FnMut(Message<'_>)) -> Result<()> {
        let Some(chunked) = &mut self.chunked else { return self.reader.feed(bytes, tell) };
        while !bytes.is_empty() {
            if chunked.left > 0 {
                let (body, rest) = bytes.split_at(chunked.left.min(bytes.len()));
                self.reader.feed(body, tell)?;
                chunked.left -= body.len();
                bytes = rest;
                continue;
            }
            let (&byte, rest) = bytes.split_first().unwrap_or((&b'\n', &[]));
            bytes = rest;
            chunked.line.push(byte);
            ensure!(chunked.line.len() <= 64, "a chunk's size does not end");
            if byte == b'\n' {
                let line = std::mem::take(&mut chunked.line);
                let line = String::from_utf8_lossy(&line);
                let size = line.split(';').next().unwrap_or_default().trim();
                // The empty line is the end of the chunk before.
                if size.is_empty() {
                    continue;
                }
                chunked.left = usize::from_str_radix(size, 16)?;
                if chunked.left == 0 {
                    bail!("the server ended the body");
                }
            }
        }
        Ok(())
    }
}

impl Tally {
    fn see(&mut self, message: Message<'_>, now: u64, latencies: Option<&mut Vec<u32>>) {
        match message.kind {
            VIDEO => self.see_picture(message, now, latencies),
            AUDIO => self.see_sound(message),
            _ => {}
        }
    }

    fn see_picture(&mut self, message: Message<'_>, now: u64, latencies: Option<&mut Vec<u32>>) {
        let Some(key) = picture_kind(message.head) else { return };
        if key && self.first_key.is_none() {
            self.first_key = Some(now);
        }
        if let Some(window) = &mut self.window {
            window.first.get_or_insert((now, message.time));
            window.pictures.count(self.last_picture.map(|(_, time)| time), message.time, PICTURE_US);
            if let Some(latencies) = latencies
                && let Some(at) = stamp(message.head)
            {
                latencies.push(u32::try_from(now.saturating_sub(at) / 1000).unwrap_or(u32::MAX));
            }
        }
        self.last_picture = Some((now, message.time));
    }

    fn see_sound(&mut self, message: Message<'_>) {
        if message.head.get(1) == Some(&0) {
            return;
        }
        if let Some(window) = &mut self.window {
            window.sounds.count(self.last_sound, message.time, SOUND_US);
        }
        self.last_sound = Some(message.time);
    }

    /// The measured window begins.
    pub(crate) fn open_window(&mut self) {
        self.window = Some(Window { bytes_before: self.bytes, ..Window::default() });
    }

    /// The measured window, which lasted from `start` to `now`, is over.
    pub(crate) fn close_window(&mut self, now: u64) -> Seen {
        let Some(window) = self.window.take() else { return Seen { bytes: 0, behind: true } };
        let bytes = self.bytes - window.bytes_before;
        let (Some((wall, media)), Some((_, last))) = (window.first, self.last_picture) else {
            return Seen { bytes, behind: true };
        };
        // How much less the pictures' time has gone on than the wall's, by now.
        let shown = u64::from(last.wrapping_sub(media)) * 1_000_000;
        let late = now.saturating_sub(wall).saturating_sub(shown) > BEHIND_NS;
        Seen { bytes, behind: late || window.pictures.lost() || window.sounds.lost() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Schedule, Source};

    const MS: u64 = 1_000_000;

    /// A tally that is shown what `pass` lets through for `seconds`, `delay` milliseconds late.
    fn watch(seconds: u64, delay: impl Fn(u32) -> u64, pass: impl Fn(u32) -> bool) -> (Seen, Vec<u32>) {
        let (mut schedule, mut source) = (Schedule::default(), Source::new());
        let (mut tally, mut latencies) = (Tally::default(), Vec::new());
        tally.open_window();
        while u64::from(schedule.next().time) < seconds * 1000 {
            let due = schedule.next();
            let at = u64::from(due.time) * MS;
            let body = source.body(due, at);
            if pass(due.time) {
                let message = Message { kind: due.kind, time: due.time, head: &body[..flv::HEAD] };
                tally.see(message, at + delay(due.time) * MS, Some(&mut latencies));
            }
            schedule.advance();
        }
        (tally.close_window(seconds * 1000 * MS), latencies)
    }

    #[test]
    fn a_player_that_is_served_is_not_behind_and_its_latency_is_known() {
        let (seen, latencies) = watch(4, |_| 100, |_| true);
        assert!(!seen.behind);
        assert_eq!((latencies.len(), latencies[0], latencies[99]), (100, 100_000, 100_000));
    }

    #[test]
    fn a_player_that_loses_pictures_is_behind() {
        assert!(!watch(4, |_| 0, |time| time != 2000).0.behind);
        assert!(watch(4, |_| 0, |time| time % 400 != 0).0.behind);
        assert!(watch(4, |_| 0, |_| false).0.behind);
        // Pictures fall on whole multiples of 40 ms, sounds hardly ever do.
        assert!(watch(4, |_| 0, |time| time % 40 == 0).0.behind);
    }

    #[test]
    fn a_player_whose_pictures_come_ever_later_is_behind() {
        assert!(watch(4, |_| 0, |time| time < 3000).0.behind);
    }

    #[test]
    fn flv_is_read_out_of_a_chunked_answer_however_it_is_cut() {
        let mut file = flv::FILE_HEADER.to_vec();
        flv::write(&mut file, VIDEO, 0, &[0x17, 1, 0, 0, 0, 1]);
        flv::write(&mut file, VIDEO, 40, &[0x27, 1, 0, 0, 0, 1]);
        let mut wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for part in file.chunks(17) {
            wire.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            wire.extend_from_slice(part);
            wire.extend_from_slice(b"\r\n");
        }
        for cut in [1, 5, 1000] {
            let mut viewer = Viewer::new(Protocol::Flv, "127.0.0.1", "a", true, 0);
            for part in wire.chunks(cut) {
                viewer.feed(part, 7, &mut Vec::new()).unwrap();
            }
            assert_eq!(viewer.tally.first_key, Some(7));
            assert_eq!(viewer.tally.last_picture, Some((7, 40)));
        }
    }

    #[test]
    fn an_answer_that_refuses_is_an_error() {
        let mut viewer = Viewer::new(Protocol::Flv, "127.0.0.1", "a", true, 0);
        let error = viewer.feed(b"HTTP/1.1 404 Not Found\r\n\r\n", 0, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("404"));
    }
}
