//! What of a recording may be watched already.
//!
//! `hls.delay_seconds` holds a show back for whoever watches it late on purpose: an auction, a quiz, a match with bets. Its recording
//! must not tell them sooner. Everything that viewers get of a recording goes through here, so what is too young is nowhere: not
//! in playlists, not in files, not in pictures. What is held back comes by itself as time goes on, as of a recording that goes on.

use crate::app::App;
use crate::store::{Format, Index, Key, Part, PartState, Recording, State};

/// A recording as viewers get it.
#[derive(Debug)]
pub(super) struct Shown {
    /// What is known of it. While something is held back it goes on.
    pub(super) recording: Recording,
    /// Its files, by number and then by format, as far as they go.
    pub(super) files: Vec<Part>,
}

impl Shown {
    /// Those of its files that everything is made of.
    pub(super) fn parts(&self) -> Vec<Part> {
        self.files.iter().filter(|part| part.format == Format::Fmp4).cloned().collect()
    }
}

/// What may be watched of this recording at this moment.
pub(super) async fn shown(app: &App, index: &Index, recording: Recording) -> Result<Shown, sqlx::Error> {
    let mut files = index.parts(&recording.id).await?;
    let delay_ms = i64::try_from(app.config.hls.delay_seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
    let until_ms = app.clock.unix_ms().saturating_sub(delay_ms);
    if delay_ms == 0 || recording.ended_ms.is_some_and(|ended| ended <= until_ms) {
        return Ok(Shown { recording, files });
    }
    // What was made of a part that is cut has everything in it.
    files.retain(|part| part.format == Format::Fmp4 || end_ms(part) <= until_ms);
    for part in files.iter_mut().filter(|part| end_ms(part) > until_ms) {
        let keys = index.keys(&recording.id, part.number).await?;
        cut(part, &keys, until_ms);
    }
    files.retain(|part| part.duration_ms > 0);
    Ok(Shown { recording: going_on(recording, &files), files })
}

/// A part and where a decoder can start in it, as far as it goes.
pub(super) type Known = (Part, Vec<Key>);

/// These parts with where a decoder can start in each.
pub(super) async fn known(index: &Index, parts: Vec<Part>) -> Result<Vec<Known>, sqlx::Error> {
    let mut known = Vec::new();
    for part in parts {
        let mut keys = index.keys(&part.recording, part.number).await?;
        keys.retain(|key| key.offset < part.bytes);
        known.push((part, keys));
    }
    Ok(known)
}

/// When the last of a part came, in milliseconds since 1970.
fn end_ms(part: &Part) -> i64 {
    part.wall_ms.saturating_add_unsigned(part.duration_ms)
}

/// Ends a part at the last key frame that came by then: what is before a key frame is older than it.
fn cut(part: &mut Part, keys: &[Key], until_ms: i64) {
    let came = |key: &&Key| part.wall_ms.saturating_add_unsigned(key.time_ms) <= until_ms;
    let end = keys.iter().take_while(came).last().copied();
    (part.duration_ms, part.bytes) = end.map_or((0, 0), |end| (end.time_ms, end.offset));
    part.state = PartState::Open;
}

/// The recording as if nothing had come yet that is not in these files.
fn going_on(recording: Recording, files: &[Part]) -> Recording {
    let state = if recording.state.is_open() { recording.state } else { State::Recording };
    Recording {
        state,
        ended_ms: None,
        reason: String::new(),
        duration_ms: files
            .iter()
            .filter(|part| part.format == Format::Fmp4)
            .map(|part| part.duration_ms)
            .sum(),
        bytes: files.iter().map(|part| part.bytes).sum(),
        ..recording
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(wall_ms: i64) -> Part {
        Part {
            recording: "r".into(),
            number: 1,
            format: Format::Fmp4,
            path: String::new(),
            wall_ms,
            start_ms: 0,
            duration_ms: 10_000,
            bytes: 10_700,
            init_bytes: 700,
            codecs: String::new(),
            state: PartState::Local,
            object_key: None,
        }
    }

    #[test]
    fn a_part_ends_at_the_last_key_frame_that_is_old_enough() {
        let keys: Vec<Key> = (0..5).map(|n| Key { time_ms: n * 2_000, offset: 700 + n * 1_000 }).collect();
        let check = |until_ms, expected: (u64, u64)| {
            let mut part = part(50_000);
            cut(&mut part, &keys, until_ms);
            assert_eq!(
                (part.duration_ms, part.bytes, part.state),
                (expected.0, expected.1, PartState::Open),
                "{until_ms}"
            );
        };
        check(49_999, (0, 0));
        check(50_000, (0, 700));
        check(51_999, (0, 700));
        check(52_000, (2_000, 1_700));
        check(59_999, (8_000, 4_700));
    }
}
