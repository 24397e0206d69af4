//! Reading a `moof`: when its samples are played, and where they are.

use std::ops::Range;

use super::boxes::{Fields, child, children};
use super::index::{RunInfo, SampleInfo};
use super::track::{Defaults, Track};
use super::{BadMp4, Detail};

/// A fragment's own place, and the bytes that its samples may be in.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Where the `moof` begins.
    pub(super) start: u64,
    /// The contents of the `mdat`.
    pub(super) data: Range<u64>,
}

/// Where each track's next fragment begins when it does not say so itself.
pub(super) type NextTimes = Vec<(u32, u64)>;

/// Reads the contents of a `moof` whose `mdat` is there.
///
/// Samples are counted in few bytes, so there may be at most one for each byte of the fragment.
pub(super) fn read(
    moof: &[u8],
    place: &Place,
    tracks: &[Track],
    next_times: &mut NextTimes,
    detail: Detail,
) -> Result<Vec<RunInfo>, BadMp4> {
    let bad = BadMp4::BadFragment { at: place.start };
    let data_len = place.data.end.saturating_sub(place.data.start);
    let mut reader =
        Reader { place, detail, budget: data_len.saturating_add(moof.len() as u64), data_end: place.start };
    let mut runs: Vec<RunInfo> = Vec::new();
    for (_, traf) in children(moof).filter(|(name, _)| name == b"traf") {
        let header = TrackHeader::read(child(traf, b"tfhd").ok_or(bad)?).ok_or(bad)?;
        let Some(track) = tracks.iter().find(|track| track.id == header.track_id) else {
            // Text, or something else that is not played here. The data of the next track may follow its data.
            reader.read_traf(traf, &header, &Defaults::default(), 0).ok_or(bad)?;
            continue;
        };
        let next = next_times.iter_mut().find(|(id, _)| *id == track.id);
        let base_time = match child(traf, b"tfdt") {
            Some(tfdt) => base_time(tfdt).ok_or(bad)?,
            None => next.as_ref().map_or(0, |(_, time)| *time),
        };
        let run = reader.read_traf(traf, &header, &track.defaults, base_time).ok_or(bad)?;
        let Some(run) = run else { continue };
        let end = base_time.saturating_add(run.duration);
        match next {
            Some((_, time)) => *time = end,
            None => next_times.push((track.id, end)),
        }
        // A track may have several parts in one fragment; its samples are one after the other then.
        match runs.iter_mut().find(|before| before.track_id == run.track_id) {
            Some(before) => {
                before.duration = end.saturating_sub(before.base_time);
                before.samples.extend(run.samples);
            }
            None => runs.push(run),
        }
    }
    Ok(runs)
}

fn base_time(tfdt: &[u8]) -> Option<u64> {
    let mut fields = Fields(tfdt);
    let (version, _) = fields.full()?;
    fields.time(version)
}

/// A `tfhd` (section 8.8.7).
struct TrackHeader {
    track_id: u32,
    base: Option<u64>,
    base_is_moof: bool,
    duration: Option<u32>,
    size: Option<u32>,
    flags: Option<u32>,
}

impl TrackHeader {
    fn read(tfhd: &[u8]) -> Option<TrackHeader> {
        let mut fields = Fields(tfhd);
        let (_, bits) = fields.full()?;
        let track_id = fields.u32()?;
        let base = if bits & 0x01 != 0 { Some(fields.u64()?) } else { None };
        if bits & 0x02 != 0 {
            fields.u32()?;
        }
        let mut optional = |bit: u32| if bits & bit != 0 { fields.u32().map(Some) } else { Some(None) };
        Some(TrackHeader {
            track_id,
            base,
            base_is_moof: bits & 0x02_0000 != 0,
            duration: optional(0x08)?,
            size: optional(0x10)?,
            flags: optional(0x20)?,
        })
    }
}

struct Reader<'a> {
    place: &'a Place,
    detail: Detail,
    /// How many more samples there may be.
    budget: u64,
    /// Where the data of the last track ended.
    data_end: u64,
}

impl Reader<'_> {
    /// The samples of one `traf`; nothing when it has none.
    fn read_traf(
        &mut self,
        traf: &[u8],
        header: &TrackHeader,
        defaults: &Defaults,
        base_time: u64,
    ) -> Option<Option<RunInfo>> {
        let base = match header.base {
            Some(base) => base,
            None if header.base_is_moof => self.place.start,
            None => self.data_end,
        };
        let defaults = Defaults {
            duration: header.duration.unwrap_or(defaults.duration),
            size: header.size.unwrap_or(defaults.size),
            flags: header.flags.unwrap_or(defaults.flags),
        };
        let listed = self.detail == Detail::Samples;
        let mut run: Option<RunInfo> = None;
        let mut at = base;
        for (_, trun) in children(traf).filter(|(name, _)| name == b"trun") {
            self.read_trun(trun, &defaults, base, &mut at, |sample| {
                let run = run.get_or_insert_with(|| RunInfo {
                    track_id: header.track_id,
                    base_time,
                    duration: 0,
                    key: sample.key,
                    samples: Vec::new(),
                });
                run.duration = run.duration.saturating_add(u64::from(sample.duration));
                if listed {
                    run.samples.push(sample);
                }
            })?;
        }
        self.data_end = at;
        Some(run)
    }

    /// The samples of one `trun` (section 8.8.8).
    fn read_trun(
        &mut self,
        trun: &[u8],
        defaults: &Defaults,
        base: u64,
        at: &mut u64,
        mut each: impl FnMut(SampleInfo),
    ) -> Option<()> {
        const NON_SYNC: u32 = 0x0001_0000;
        let mut fields = Fields(trun);
        let (_, bits) = fields.full()?;
        let count = fields.u32()?;
        if bits & 0x01 != 0 {
            *at = base.checked_add_signed(i64::from(fields.u32()?.cast_signed()))?;
        }
        let mut first_flags = if bits & 0x04 != 0 { Some(fields.u32()?) } else { None };
        self.budget = self.budget.checked_sub(u64::from(count))?;
        for _ in 0..count {
            let mut or = |bit: u32, default: u32| if bits & bit != 0 { fields.u32() } else { Some(default) };
            let duration = or(0x100, defaults.duration)?;
            let size = or(0x200, defaults.size)?;
            let flags = or(0x400, defaults.flags)?;
            // Version 0 says that it is unsigned; what does not fit is a small negative one of a wrong writer.
            let composition = or(0x800, 0)?.cast_signed();
            let flags = first_flags.take().unwrap_or(flags);
            let end = at.checked_add(u64::from(size))?;
            if *at < self.place.data.start || end > self.place.data.end {
                return None;
            }
            each(SampleInfo { offset: *at, size, duration, composition, key: flags & NON_SYNC == 0 });
            *at = end;
        }
        Some(())
    }
}
