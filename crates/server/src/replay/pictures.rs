//! A recording in small pictures: its poster, and the sheets of a seek bar. Each is made of key frames when it is first
//! asked for, and kept for a while.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::held::Known;
use super::url;
use crate::snapshot::{self, Failure, MAX_TILES, Sheet, Snapshots, Sprites, Width};
use crate::storage::Opener;
use crate::store::{Key, Part, PartState};

/// Bytes of pictures that are kept.
const MAX_KEPT: usize = 32 * 1024 * 1024;

/// Pictures that are made at a time; others wait for their turn, and find theirs made when somebody asked for the same.
const MAKERS: usize = 2;

/// Shortest time from one small picture to the next, in milliseconds.
const STEP_MS: u64 = 2_000;

/// Most small pictures of a recording, about: a long one has them further apart.
const MOST_TILES: u64 = 400;

/// Small pictures on a sheet of a recording that goes on: the newest sheet is made again as it grows, so it is small.
const GROWING_TILES: usize = 10;

/// How much longer the newest sheet is each time, in milliseconds at least.
const GROWTH_MS: u64 = 4_000;

/// How wide a poster is.
const POSTER_WIDTH: u32 = 1_280;

/// A poster shows what is this far into a recording, in hundredths: at the very beginning there is often nothing to see.
const POSTER_AT: u64 = 10;

/// The parameter that says how the sheets are laid out, in addresses of a recording that goes on.
pub(super) const GRID: &str = "grid";

/// The pictures that were asked for of late.
#[derive(Debug)]
pub(super) struct Pictures {
    kept: Mutex<VecDeque<(String, Arc<Sprites>)>>,
    makers: Semaphore,
}

impl Default for Pictures {
    fn default() -> Pictures {
        Pictures { kept: Mutex::default(), makers: Semaphore::new(MAKERS) }
    }
}

/// How the small pictures of a recording are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    /// From one picture to the next, in milliseconds.
    step_ms: u64,
    /// Pictures on a sheet.
    tiles: usize,
    /// The recording goes on.
    grows: bool,
}

impl Grid {
    /// That of a recording of this length.
    ///
    /// Of one that goes on the pictures stay where they are until it is twice as long: what viewers look for is made once.
    pub(super) fn new(total_ms: u64, grows: bool) -> Grid {
        let mut step_ms = total_ms.div_ceil(MOST_TILES).max(STEP_MS);
        if grows {
            step_ms = STEP_MS.saturating_mul(step_ms.div_ceil(STEP_MS).next_power_of_two());
        }
        Grid { step_ms, tiles: if grows { GROWING_TILES } else { MAX_TILES }, grows }
    }

    /// How many pictures a part has.
    fn count(self, part: &Part) -> u64 {
        if self.grows && part.state == PartState::Open {
            let growth = GROWTH_MS.div_ceil(self.step_ms);
            return part.duration_ms / self.step_ms / growth * growth;
        }
        // A rest that is shorter than half a step belongs to the picture before it.
        (part.duration_ms.saturating_add(self.step_ms / 2) / self.step_ms).max(1)
    }
}

/// As addresses of sheets have it: a sheet of another layout is another picture.
impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.step_ms, self.tiles)
    }
}

/// A sheet: which part it is of, and the times of its pictures on the recording's time line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The part's number.
    pub(super) part: u32,
    /// The sheet's number among those of the part.
    pub(super) number: u32,
    times: Vec<u64>,
    end_ms: u64,
}

/// The sheets of a recording. None mixes parts: they may be coded differently.
pub(super) fn plans(parts: &[Known], grid: Grid) -> Vec<Plan> {
    let mut plans = Vec::new();
    for (part, _) in parts.iter().filter(|(part, keys)| part.duration_ms > 0 && !keys.is_empty()) {
        let end = part.start_ms.saturating_add(part.duration_ms);
        let times: Vec<u64> = (0..grid.count(part)).map(|n| part.start_ms + n * grid.step_ms).collect();
        for (number, chunk) in (0..).zip(times.chunks(grid.tiles)) {
            let end_ms = chunk.last().map_or(end, |last| (last + grid.step_ms).min(end));
            plans.push(Plan { part: part.number, number, times: chunk.to_vec(), end_ms });
        }
    }
    plans
}

/// How the list of small pictures is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    /// Behind the name of each sheet.
    pub(super) query: &'a str,
    /// Times are those of the clock, counted from here, in milliseconds since 1970; `None`: those of the recording, in which
    /// its parts follow one another without a hole.
    pub(super) clock_from: Option<i64>,
}

impl Pictures {
    /// The poster.
    pub(super) async fn poster(
        &self,
        snapshots: &Snapshots,
        from: &Opener,
        id: &str,
        parts: &[Known],
    ) -> Result<Bytes, Failure> {
        let total: u64 = parts.iter().map(|(part, _)| part.duration_ms).sum();
        let at = total.saturating_mul(POSTER_AT) / 100;
        // Of a recording that goes on it is another one from time to time.
        let name = format!("{id} poster {}", at / 60_000);
        let width = Width::new(POSTER_WIDTH).unwrap_or(snapshot::LARGEST);
        let make = async {
            let (part, keys) = parts.iter().rfind(|(part, _)| part.start_ms <= at).ok_or(Failure::NoKey)?;
            let key = read(from, part, keys, &[at]).await?.pop().ok_or(Failure::NoKey)?;
            let jpeg = snapshots.jpeg_of(key, width).await?;
            Ok(Sprites { jpeg, columns: 1, rows: 1, count: 1, tile_width: POSTER_WIDTH, tile_height: 0 })
        };
        Ok(self.get(name, make).await?.jpeg.clone())
    }

    /// A sheet.
    pub(super) async fn sheet(
        &self,
        snapshots: &Snapshots,
        from: &Opener,
        id: &str,
        parts: &[Known],
        plan: &Plan,
    ) -> Result<Arc<Sprites>, Failure> {
        let name = format!("{id} {} {} {}", plan.part, plan.number, plan.end_ms);
        let make = async {
            let known = parts.iter().find(|(part, _)| part.number == plan.part);
            let (part, keys) = known.ok_or(Failure::NoKey)?;
            let pictures = read(from, part, keys, &plan.times).await?;
            snapshots.sprites(pictures, Sheet::default()).await
        };
        self.get(name, make).await
    }

    /// What the seek bar reads: which piece of which sheet shows a time.
    ///
    /// Pieces are as large as those of the first sheet, which is made for that, and is wanted next anyway.
    pub(super) async fn list(
        &self,
        snapshots: &Snapshots,
        from: &Opener,
        id: &str,
        parts: &[Known],
        grid: Grid,
        written: Written<'_>,
    ) -> Result<String, Failure> {
        let plans = plans(parts, grid);
        let mut text = String::from("WEBVTT\n");
        let first = match plans.first() {
            Some(first) => self.sheet(snapshots, from, id, parts, first).await?,
            None if grid.grows => return Ok(text),
            None => return Err(Failure::NoKey),
        };
        for plan in &plans {
            let file = url::sheet(plan.part, plan.number);
            let mut query = written.query.to_owned();
            if grid.grows {
                // A sheet that has grown is another file to whoever keeps it.
                let _ = write!(query, "&{GRID}={grid}&n={}", plan.times.len());
            }
            let part = parts.iter().map(|(part, _)| part).find(|part| part.number == plan.part);
            let shown = |time: u64| match (written.clock_from, part) {
                (Some(zero), Some(part)) => {
                    let wall = part.wall_ms.saturating_add_unsigned(time.saturating_sub(part.start_ms));
                    u64::try_from(wall.saturating_sub(zero)).unwrap_or(0)
                }
                _ => time,
            };
            for (index, start) in plan.times.iter().enumerate() {
                let end = plan.times.get(index + 1).copied().unwrap_or(plan.end_ms);
                let (column, row) = (index % Sheet::default().columns, index / Sheet::default().columns);
                let (width, height) = (first.tile_width as usize, first.tile_height as usize);
                // Writing to a string cannot fail.
                let _ = write!(
                    text,
                    "\n{} --> {}\n{id}/{file}{query}#xywh={},{},{width},{height}\n",
                    stamp(shown(*start)),
                    stamp(shown(end)),
                    column * width,
                    row * height,
                );
            }
        }
        Ok(text)
    }

    async fn get(
        &self,
        name: String,
        make: impl Future<Output = Result<Sprites, Failure>>,
    ) -> Result<Arc<Sprites>, Failure> {
        if let Some(found) = self.kept(&name) {
            return Ok(found);
        }
        // The semaphore is never closed.
        let _turn = self.makers.acquire().await;
        if let Some(found) = self.kept(&name) {
            return Ok(found);
        }
        let made = Arc::new(make.await?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((name, made.clone()));
        let mut total: usize = kept.iter().map(|(_, sprites)| sprites.jpeg.len()).sum();
        while total > MAX_KEPT
            && let Some((_, oldest)) = kept.pop_front()
        {
            total -= oldest.jpeg.len();
        }
        Ok(made)
    }

    fn kept(&self, name: &str) -> Option<Arc<Sprites>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(what, _)| what == name)?;
        let found = kept.remove(place)?;
        let sprites = found.1.clone();
        kept.push_back(found);
        Some(sprites)
    }
}

/// The key frames at or before these times, one for each.
async fn read(
    from: &Opener,
    part: &Part,
    keys: &[Key],
    times: &[u64],
) -> Result<Vec<snapshot::Key>, Failure> {
    let (from, wanted_part, init) = (from.clone(), part.clone(), 0..part.init_bytes);
    let wanted: Vec<_> = times.iter().filter_map(|time| place(part, keys, *time)).collect();
    let reading = tokio::task::spawn_blocking(move || {
        let file = from.open(&wanted_part)?;
        let mut found: Vec<snapshot::Key> = Vec::new();
        for range in wanted {
            // A place without a picture shows the one before it, or all that follow would be at wrong places.
            match snapshot::Key::in_file(&*file, &init, &range)? {
                Ok(key) => found.push(key),
                Err(_) => found.extend(found.last().cloned()),
            }
        }
        Ok(found)
    });
    let read: std::io::Result<Vec<snapshot::Key>> =
        reading.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    read.map_err(|error| Failure::Child(error.to_string()))
}

/// Where the key frame at or before a time is, and what follows it up to the next.
fn place(part: &Part, keys: &[Key], time_ms: u64) -> Option<std::ops::Range<u64>> {
    let local = time_ms.saturating_sub(part.start_ms);
    let number = keys.partition_point(|key| key.time_ms <= local).saturating_sub(1);
    let start = keys.get(number)?.offset;
    let end = keys.get(number + 1).map_or(part.bytes, |next| next.offset);
    (start < end).then_some(start..end)
}

/// `01:02:03.456`.
fn stamp(ms: u64) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Format;

    fn known(number: u32, start_ms: u64, duration_ms: u64) -> Known {
        let keys =
            (0..duration_ms.div_ceil(2_000)).map(|n| Key { time_ms: n * 2_000, offset: 700 + n * 1_000 });
        let part = Part {
            recording: "r".into(),
            number,
            format: Format::Fmp4,
            path: String::new(),
            wall_ms: 0,
            start_ms,
            duration_ms,
            bytes: 700 + duration_ms.div_ceil(2_000) * 1_000,
            init_bytes: 700,
            codecs: String::new(),
            state: PartState::Local,
            object_key: None,
        };
        (part, keys.collect())
    }

    #[test]
    fn a_short_recording_has_a_picture_every_two_seconds_and_no_sheet_mixes_parts() {
        let plans = plans(&[known(1, 0, 5_000), known(2, 5_000, 2_000)], Grid::new(7_000, false));
        assert_eq!(plans.iter().map(|plan| plan.part).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(plans[0].times, [0, 2_000, 4_000]);
        assert_eq!(
            (plans[0].end_ms, plans[1].times.as_slice(), plans[1].end_ms),
            (5_000, [5_000].as_slice(), 7_000)
        );
    }

    #[test]
    fn a_long_recording_has_no_more_pictures_than_a_bar_can_show() {
        let day = 24 * 3_600_000;
        let plans = plans(&[known(1, 0, day)], Grid::new(day, false));
        assert_eq!(plans.iter().map(|plan| plan.times.len()).sum::<usize>() as u64, MOST_TILES);
        assert!(plans.iter().all(|plan| plan.times.len() <= MAX_TILES));
        assert_eq!(plans.last().map(|plan| plan.end_ms), Some(day));
    }

    #[test]
    fn what_goes_on_has_small_sheets_that_stay_as_they_are() {
        let sheets = |duration_ms| {
            let (mut part, keys) = known(1, 0, duration_ms);
            part.state = PartState::Open;
            plans(&[(part, keys)], Grid::new(duration_ms, true))
        };
        assert!(sheets(3_999).is_empty());
        let [before, after] = [sheets(27_900), sheets(31_000)];
        assert_eq!(before.iter().map(|plan| plan.times.len()).collect::<Vec<_>>(), [10, 2]);
        assert_eq!(after.iter().map(|plan| plan.times.len()).collect::<Vec<_>>(), [10, 4]);
        assert_eq!(before[0], after[0]);
        // Twice as far apart when there would be too many, not a bit further apart each second.
        let steps = |seconds: u64| Grid::new(seconds * 1_000, true).to_string();
        assert_eq!([steps(800), steps(801), steps(1_600)], ["2000x10", "4000x10", "4000x10"]);
        assert!(sheets(6 * 3_600_000).iter().map(|plan| plan.times.len() as u64).sum::<u64>() <= MOST_TILES);
    }

    #[test]
    fn nothing_has_no_pictures() {
        assert!(plans(&[], Grid::new(0, false)).is_empty());
        assert!(plans(&[known(1, 0, 0)], Grid::new(0, true)).is_empty());
    }

    #[test]
    fn a_time_is_shown_by_the_key_frame_before_it() {
        let (part, keys) = known(1, 10_000, 6_000);
        assert_eq!(place(&part, &keys, 13_999), Some(1_700..2_700));
        assert_eq!(place(&part, &keys, 14_000), Some(2_700..3_700));
        assert_eq!(place(&part, &keys, 0), Some(700..1_700));
        assert_eq!(place(&part, &[], 0), None);
    }

    #[test]
    fn times_are_written_as_webvtt_wants_them() {
        assert_eq!(stamp(3_723_004), "01:02:03.004");
    }
}
