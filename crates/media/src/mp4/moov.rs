//! The `moov`: what is in a file, before any of it.

use bytes::Bytes;

use super::TIMESCALE;
use super::boxes::{Fields, Writer, child, children};
use super::track::{Defaults, Track, size};
use crate::frame::Kind;

/// What a player needs before the first fragment: `ftyp`, and a `moov` without samples.
pub fn init_segment(tracks: &[Track]) -> Bytes {
    let mut out = Writer::default();
    out.boxed(b"ftyp", |out| {
        out.bytes(b"iso6");
        out.u32(0);
        out.bytes(b"iso5iso6mp41");
        // A CMAF track file has one track (ISO/IEC 23000-19 section 7.3.1).
        if tracks.len() == 1 {
            out.bytes(b"cmfc");
        }
    });
    out.boxed(b"moov", |out| {
        movie_header(out, 0, tracks);
        for track in tracks {
            trak(out, track, &Durations::default(), |out| {
                for name in [b"stts", b"stsc", b"stco"] {
                    out.full(name, 0, 0, |out| out.u32(0));
                }
                out.full(b"stsz", 0, 0, |out| out.u64(0));
            });
        }
        out.boxed(b"mvex", |out| {
            for track in tracks {
                out.full(b"trex", 0, 0, |out| {
                    out.u32(track.id);
                    out.u32(1);
                    out.zeros(12);
                });
            }
        });
    });
    out.out.into()
}

/// How long a track is, and which part of it is shown when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Durations {
    /// In units of the track.
    pub(super) media: u64,
    /// How much later than the movie it begins, in units of the movie.
    pub(super) delay: u64,
    /// How much is shown, in units of the movie.
    pub(super) shown: u64,
    /// How long after its first sample is decoded that sample is shown, in units of the track. Not above `i32::MAX`.
    pub(super) composition: u64,
}

/// Writes the `mvhd`.
pub(super) fn movie_header(out: &mut Writer, duration: u64, tracks: &[Track]) {
    let version = wide(duration);
    out.full(b"mvhd", version, 0, |out| {
        out.time(version, 0);
        out.time(version, 0);
        out.u32(TIMESCALE);
        out.time(version, duration);
        out.u32(0x0001_0000);
        out.u16(0x0100);
        out.zeros(10);
        matrix(out);
        out.zeros(24);
        out.u32(tracks.iter().map(|track| track.id).max().unwrap_or(0).saturating_add(1));
    });
}

/// Writes a `trak`; `tables` says where its samples are.
pub(super) fn trak(out: &mut Writer, track: &Track, durations: &Durations, tables: impl FnOnce(&mut Writer)) {
    let video = track.kind == Kind::Video;
    out.boxed(b"trak", |out| {
        track_header(out, track, durations);
        if durations.delay > 0 || durations.composition > 0 {
            edit_list(out, durations);
        }
        out.boxed(b"mdia", |out| {
            let version = wide(durations.media);
            out.full(b"mdhd", version, 0, |out| {
                out.time(version, 0);
                out.time(version, 0);
                out.u32(track.timescale);
                out.time(version, durations.media);
                // "und" in three times five bits.
                out.u16(0x55c4);
                out.u16(0);
            });
            out.full(b"hdlr", 0, 0, |out| {
                out.u32(0);
                out.bytes(if video { b"vide" } else { b"soun" });
                out.zeros(12);
                out.bytes(if video { b"video\0" } else { b"sound\0" });
            });
            out.boxed(b"minf", |out| {
                if video {
                    out.full(b"vmhd", 0, 1, |out| out.zeros(8));
                } else {
                    out.full(b"smhd", 0, 0, |out| out.zeros(4));
                }
                out.boxed(b"dinf", |out| {
                    out.full(b"dref", 0, 0, |out| {
                        out.u32(1);
                        // The media is in this file.
                        out.full(b"url ", 0, 1, |_| {});
                    });
                });
                out.boxed(b"stbl", |out| {
                    out.boxed(b"stsd", |out| out.bytes(&track.description));
                    tables(out);
                });
            });
        });
    });
}

fn track_header(out: &mut Writer, track: &Track, durations: &Durations) {
    const ENABLED_AND_IN_MOVIE: u32 = 3;
    let (width, height) = size(&track.info);
    let duration = durations.delay.saturating_add(durations.shown);
    let version = wide(duration);
    out.full(b"tkhd", version, ENABLED_AND_IN_MOVIE, |out| {
        out.time(version, 0);
        out.time(version, 0);
        out.u32(track.id);
        out.u32(0);
        out.time(version, duration);
        out.zeros(12);
        out.u16(if track.kind == Kind::Audio { 0x0100 } else { 0 });
        out.u16(0);
        matrix(out);
        out.u32(u32::from(width) << 16);
        out.u32(u32::from(height) << 16);
    });
}

fn edit_list(out: &mut Writer, durations: &Durations) {
    let version = wide(durations.delay.max(durations.shown));
    out.boxed(b"edts", |out| {
        out.full(b"elst", version, 0, |out| {
            out.u32(1 + u32::from(durations.delay > 0));
            if durations.delay > 0 {
                out.time(version, durations.delay);
                // A media time of -1: nothing is shown.
                if version == 0 {
                    out.i32(-1)
                } else {
                    out.u64(u64::MAX)
                }
                out.u32(0x0001_0000);
            }
            out.time(version, durations.shown);
            out.time(version, durations.composition);
            out.u32(0x0001_0000);
        });
    });
}

/// The version of a box that has room for this time.
fn wide(time: u64) -> u8 {
    u8::from(u32::try_from(time).is_err())
}

fn matrix(out: &mut Writer) {
    for value in [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000] {
        out.u32(value);
    }
}

/// The tracks of a `moov`, with what holds for samples of which a fragment says nothing.
pub(super) fn read(moov: &[u8]) -> Vec<Track> {
    let mut tracks: Vec<Track> = children(moov)
        .filter(|(name, _)| name == b"trak")
        .filter_map(|(_, trak)| Track::read(trak))
        .take(super::MAX_TRACKS)
        .collect();
    let extends = children(child(moov, b"mvex").unwrap_or_default());
    for (id, defaults) in extends.filter(|(name, _)| name == b"trex").filter_map(|(_, trex)| read_trex(trex))
    {
        if let Some(track) = tracks.iter_mut().find(|track| track.id == id) {
            track.defaults = defaults;
        }
    }
    tracks
}

fn read_trex(trex: &[u8]) -> Option<(u32, Defaults)> {
    let mut fields = Fields(trex);
    fields.full()?;
    let id = fields.u32()?;
    fields.u32()?;
    Some((id, Defaults { duration: fields.u32()?, size: fields.u32()?, flags: fields.u32()? }))
}
