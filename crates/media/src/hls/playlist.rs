//! A media playlist as a value, and its text.

use std::fmt;

use super::text::{Date, Safe, Seconds};

/// What may still change in a playlist (`EXT-X-PLAYLIST-TYPE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaylistType {
    /// Segments are only ever added.
    Event,
    /// Nothing.
    Vod,
}

/// Where players begin (`EXT-X-START`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// From the beginning in milliseconds, or from the end when negative.
    pub offset_ms: i64,
    /// Whether to begin exactly there, not at the segment's start.
    pub precise: bool,
}

/// What the server can do for players (`EXT-X-SERVER-CONTROL`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerControl {
    /// It holds a request until a segment or part exists.
    pub can_block_reload: bool,
    /// How old a segment must be to be left out of a delta update.
    pub can_skip_until_ms: Option<u64>,
    /// Distance from the end that players of whole segments keep.
    pub hold_back_ms: Option<u64>,
    /// The same for players of parts.
    pub part_hold_back_ms: Option<u64>,
}

/// A piece of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// How many bytes.
    pub length: u64,
    /// Where the first one is.
    pub offset: u64,
}

/// The initialization of what follows (`EXT-X-MAP`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// Where it is.
    pub uri: String,
    /// Which bytes, when it is part of a file.
    pub byte_range: Option<ByteRange>,
}

/// What is said before a segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Decoders start anew here.
    pub discontinuity: bool,
    /// A new initialization.
    pub map: Option<Map>,
    /// When its first sample was taken, in milliseconds since 1970.
    pub date_ms: Option<i64>,
}

/// A part of a segment (`EXT-X-PART`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it is.
    pub uri: String,
    /// How long it lasts.
    pub duration_ms: u64,
    /// A decoder can start in it.
    pub independent: bool,
    /// Which bytes, when it is a piece of a file.
    pub byte_range: Option<ByteRange>,
}

/// A segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segment {
    /// What is said before it.
    pub head: Head,
    /// The parts it is made of, while they are still listed.
    pub parts: Vec<Part>,
    /// Where it is.
    pub uri: String,
    /// How long it lasts.
    pub duration_ms: u64,
    /// Which bytes, when it is a piece of a file.
    pub byte_range: Option<ByteRange>,
    /// It is missing; players go past it.
    pub gap: bool,
}

/// A segment that is still being made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Open {
    /// What is said before it.
    pub head: Head,
    /// The parts there are.
    pub parts: Vec<Part>,
}

/// How far another rendition is (`EXT-X-RENDITION-REPORT`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenditionReport {
    /// Its playlist, relative to this one.
    pub uri: String,
    /// The number of its last segment, finished or not.
    pub last_msn: u64,
    /// The last part of that segment.
    pub last_part: Option<u64>,
}

/// A media playlist. [`Display`](fmt::Display) is its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaPlaylist {
    /// No segment is longer, to the nearest second.
    pub target_s: u64,
    /// The number of the first segment, skipped ones included.
    pub media_sequence: u64,
    /// How many discontinuities were before the first segment, its own not included.
    pub discontinuity_sequence: u64,
    /// What may still change; nothing is said of a live one.
    pub playlist_type: Option<PlaylistType>,
    /// Every segment begins with a key frame.
    pub independent_segments: bool,
    /// Where players begin.
    pub start: Option<Start>,
    /// What the server can do.
    pub server_control: Option<ServerControl>,
    /// No part is longer.
    pub part_target_ms: Option<u64>,
    /// How many segments at the beginning a delta update leaves out.
    pub skipped: u64,
    /// The segments, without the skipped ones.
    pub segments: Vec<Segment>,
    /// The one that is being made.
    pub open: Option<Open>,
    /// Where the next part will be.
    pub preload_part: Option<String>,
    /// How far the other renditions are.
    pub reports: Vec<RenditionReport>,
    /// Nothing comes after it.
    pub ended: bool,
}

impl MediaPlaylist {
    /// The lowest protocol version that has all that is used (rfc8216bis section 8). Times have decimals, which
    /// is version 3.
    pub fn version(&self) -> u8 {
        if self.skipped > 0 {
            return 9;
        }
        let heads = self.segments.iter().map(|segment| &segment.head);
        if heads.chain(self.open.iter().map(|open| &open.head)).any(|head| head.map.is_some()) {
            return 6;
        }
        if self.segments.iter().any(|segment| segment.byte_range.is_some()) { 4 } else { 3 }
    }
}

impl fmt::Display for MediaPlaylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "#EXTM3U\n#EXT-X-VERSION:{}", self.version())?;
        writeln!(f, "#EXT-X-TARGETDURATION:{}", self.target_s)?;
        if let Some(control) = &self.server_control {
            write_control(f, control)?;
        }
        if let Some(target) = self.part_target_ms {
            writeln!(f, "#EXT-X-PART-INF:PART-TARGET={}", Seconds(target))?;
        }
        match self.playlist_type {
            Some(PlaylistType::Event) => writeln!(f, "#EXT-X-PLAYLIST-TYPE:EVENT")?,
            Some(PlaylistType::Vod) => writeln!(f, "#EXT-X-PLAYLIST-TYPE:VOD")?,
            None => {}
        }
        writeln!(f, "#EXT-X-MEDIA-SEQUENCE:{}", self.media_sequence)?;
        if self.discontinuity_sequence > 0 {
            writeln!(f, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.discontinuity_sequence)?;
        }
        if self.independent_segments {
            writeln!(f, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        if let Some(start) = &self.start {
            let sign = if start.offset_ms < 0 { "-" } else { "" };
            let precise = if start.precise { ",PRECISE=YES" } else { "" };
            writeln!(
                f,
                "#EXT-X-START:TIME-OFFSET={sign}{}{precise}",
                Seconds(start.offset_ms.unsigned_abs())
            )?;
        }
        if self.skipped > 0 {
            writeln!(f, "#EXT-X-SKIP:SKIPPED-SEGMENTS={}", self.skipped)?;
        }
        for segment in &self.segments {
            write_segment(f, segment)?;
        }
        if let Some(open) = &self.open {
            write_head(f, &open.head)?;
            open.parts.iter().try_for_each(|part| write_part(f, part))?;
        }
        if let Some(uri) = &self.preload_part {
            writeln!(f, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"", Safe(uri))?;
        }
        for report in &self.reports {
            write!(f, "#EXT-X-RENDITION-REPORT:URI=\"{}\",LAST-MSN={}", Safe(&report.uri), report.last_msn)?;
            if let Some(part) = report.last_part {
                write!(f, ",LAST-PART={part}")?;
            }
            writeln!(f)?;
        }
        if self.ended {
            writeln!(f, "#EXT-X-ENDLIST")?;
        }
        Ok(())
    }
}

fn write_control(f: &mut fmt::Formatter<'_>, control: &ServerControl) -> fmt::Result {
    let times = [
        ("CAN-SKIP-UNTIL", control.can_skip_until_ms),
        ("HOLD-BACK", control.hold_back_ms),
        ("PART-HOLD-BACK", control.part_hold_back_ms),
    ];
    let mut attributes = Vec::new();
    if control.can_block_reload {
        attributes.push("CAN-BLOCK-RELOAD=YES".to_owned());
    }
    for (name, ms) in times {
        attributes.extend(ms.map(|ms| format!("{name}={}", Seconds(ms))));
    }
    if attributes.is_empty() {
        return Ok(());
    }
    writeln!(f, "#EXT-X-SERVER-CONTROL:{}", attributes.join(","))
}

fn write_head(f: &mut fmt::Formatter<'_>, head: &Head) -> fmt::Result {
    if head.discontinuity {
        writeln!(f, "#EXT-X-DISCONTINUITY")?;
    }
    if let Some(map) = &head.map {
        write!(f, "#EXT-X-MAP:URI=\"{}\"", Safe(&map.uri))?;
        if let Some(range) = &map.byte_range {
            write!(f, ",BYTERANGE=\"{}@{}\"", range.length, range.offset)?;
        }
        writeln!(f)?;
    }
    if let Some(ms) = head.date_ms {
        writeln!(f, "#EXT-X-PROGRAM-DATE-TIME:{}", Date(ms))?;
    }
    Ok(())
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &Part) -> fmt::Result {
    write!(f, "#EXT-X-PART:DURATION={},URI=\"{}\"", Seconds(part.duration_ms), Safe(&part.uri))?;
    if let Some(range) = &part.byte_range {
        write!(f, ",BYTERANGE=\"{}@{}\"", range.length, range.offset)?;
    }
    writeln!(f, "{}", if part.independent { ",INDEPENDENT=YES" } else { "" })
}

fn write_segment(f: &mut fmt::Formatter<'_>, segment: &Segment) -> fmt::Result {
    write_head(f, &segment.head)?;
    segment.parts.iter().try_for_each(|part| write_part(f, part))?;
    if segment.gap {
        writeln!(f, "#EXT-X-GAP")?;
    }
    writeln!(f, "#EXTINF:{},", Seconds(segment.duration_ms))?;
    if let Some(range) = &segment.byte_range {
        writeln!(f, "#EXT-X-BYTERANGE:{}@{}", range.length, range.offset)?;
    }
    writeln!(f, "{}", Safe(&segment.uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(uri: &str) -> Segment {
        Segment { uri: uri.to_owned(), duration_ms: 4_000, ..Segment::default() }
    }

    #[test]
    fn a_recording_in_one_file_is_written() {
        let range = |length, offset| Some(ByteRange { length, offset });
        let mut first = segment("all.mp4");
        first.byte_range = range(1_000, 700);
        first.head.map = Some(Map { uri: "all.mp4".into(), byte_range: range(700, 0) });
        first.head.date_ms = Some(1_764_000_000_000);
        let mut second = segment("all.mp4");
        second.byte_range = range(900, 1_700);
        second.gap = true;
        let playlist = MediaPlaylist {
            target_s: 4,
            playlist_type: Some(PlaylistType::Vod),
            independent_segments: true,
            start: Some(Start { offset_ms: -1_500, precise: true }),
            segments: vec![first, second],
            ended: true,
            ..MediaPlaylist::default()
        };
        let expected = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:4\n#EXT-X-PLAYLIST-TYPE:VOD\n\
            #EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-START:TIME-OFFSET=-1.500,PRECISE=YES\n\
            #EXT-X-MAP:URI=\"all.mp4\",BYTERANGE=\"700@0\"\n#EXT-X-PROGRAM-DATE-TIME:2025-11-24T16:00:00.000Z\n\
            #EXTINF:4.000,\n#EXT-X-BYTERANGE:1000@700\nall.mp4\n#EXT-X-GAP\n#EXTINF:4.000,\n\
            #EXT-X-BYTERANGE:900@1700\nall.mp4\n#EXT-X-ENDLIST\n";
        assert_eq!(playlist.to_string(), expected);
    }

    #[test]
    fn the_version_is_the_lowest_that_has_what_is_used() {
        let mut playlist = MediaPlaylist { segments: vec![segment("1.ts")], ..MediaPlaylist::default() };
        assert_eq!(playlist.version(), 3);
        playlist.segments[0].byte_range = Some(ByteRange { length: 1, offset: 0 });
        assert_eq!(playlist.version(), 4);
        playlist.open = Some(Open::default());
        assert_eq!(playlist.version(), 4);
        let map = Map { uri: "i.mp4".into(), byte_range: None };
        playlist.open = Some(Open { head: Head { map: Some(map), ..Head::default() }, parts: Vec::new() });
        assert_eq!(playlist.version(), 6);
        playlist.skipped = 1;
        assert_eq!(playlist.version(), 9);
    }

    #[test]
    fn a_server_that_can_do_nothing_says_nothing() {
        let playlist =
            MediaPlaylist { server_control: Some(ServerControl::default()), ..MediaPlaylist::default() };
        assert!(!playlist.to_string().contains("SERVER-CONTROL"));
    }
}
