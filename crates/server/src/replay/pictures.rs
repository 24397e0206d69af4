//! A recording in small pictures: its poster, and the sheets of a seek bar. Each is made of key frames when it is first
//! asked for, and kept for a while.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::url;
use crate::snapshot::{self, Failure, MAX_TILES, Sheet, Snapshots, Sprites, Width};
use crate::storage::Opener;
use crate::store::{Key, Part};

/// Bytes of pictures that are kept.
const MAX_KEPT: usize = 32 * 1024 * 1024;

/// Pictures that are made at a time; others wait for their turn, and find theirs made when somebody asked for the same.
const MAKERS: usize = 2;

/// Shortest time from one small picture to the next, in milliseconds.
const STEP_MS: u64 = 2_000;

/// Most small pictures of a recording, about: a long one has them further apart.
const MOST_TILES: u64 = 400;

/// How wide a poster is.
const POSTER_WIDTH: u32 = 1_280;

/// A poster shows what is this far into a recording, in hundredths: at the very beginning there is often nothing to see.
const POSTER_AT: u64 = 10;

/// A part and where a decoder can start in it.
pub(super) type Known = (Part, Vec<Key>);

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
pub(super) fn plans(parts: &[Known]) -> Vec<Plan> {
    let total: u64 = parts.iter().map(|(part, _)| part.duration_ms).sum();
    let step = total.div_ceil(MOST_TILES).max(STEP_MS);
    let mut plans = Vec::new();
    for (part, _) in parts.iter().filter(|(part, keys)| part.duration_ms > 0 && !keys.is_empty()) {
        let end = part.start_ms.saturating_add(part.duration_ms);
        // A rest that is shorter than half a step belongs to the picture before it.
        let count = (part.duration_ms.saturating_add(step / 2) / step).max(1);
        let times: Vec<u64> = (0..count).map(|n| part.start_ms + n * step).collect();
        for (number, chunk) in (0..).zip(times.chunks(MAX_TILES)) {
            let end_ms = chunk.last().map_or(end, |last| (last + step).min(end));
            plans.push(Plan { part: part.number, number, times: chunk.to_vec(), end_ms });
        }
    }
    plans
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

    /// What the seek bar reads: which piece of which sheet shows a time. `query` goes behind the name of each sheet.
    ///
    /// Pieces are as large as those of the first sheet, which is made for that, and is wanted next anyway.
    pub(super) async fn list(
        &self,
        snapshots: &Snapshots,
        from: &Opener,
        id: &str,
        parts: &[Known],
        query: &str,
    ) -> Result<String, Failure> {
        let plans = plans(parts);
        let first = self.sheet(snapshots, from, id, parts, plans.first().ok_or(Failure::NoKey)?).await?;
        let mut text = String::from("WEBVTT\n");
        for plan in &plans {
            let file = url::sheet(plan.part, plan.number);
            for (index, start) in plan.times.iter().enumerate() {
                let end = plan.times.get(index + 1).copied().unwrap_or(plan.end_ms);
                let (column, row) = (index % Sheet::default().columns, index / Sheet::default().columns);
                let (width, height) = (first.tile_width as usize, first.tile_height as usize);
                // Writing to a string cannot fail.
                let _ = write!(
                    text,
                    "\n{} --> {}\n{id}/{file}{query}#xywh={},{},{width},{height}\n",
                    stamp(*start),
                    stamp(end),
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
    use crate::store::{Format, PartState};

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
        let plans = plans(&[known(1, 0, 5_000), known(2, 5_000, 2_000)]);
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
        let plans = plans(&[known(1, 0, day)]);
        assert_eq!(plans.iter().map(|plan| plan.times.len()).sum::<usize>() as u64, MOST_TILES);
        assert!(plans.iter().all(|plan| plan.times.len() <= MAX_TILES));
        assert_eq!(plans.last().map(|plan| plan.end_ms), Some(day));
    }

    #[test]
    fn nothing_has_no_pictures() {
        assert!(plans(&[]).is_empty());
        assert!(plans(&[known(1, 0, 0)]).is_empty());
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
