//! From the files to the index: after a crash for what it left open, and for everything when somebody asks.
//!
//! A file that a crash left open is cut behind its last whole piece. Files of recordings that ended in good order are only
//! read.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use media::mp4::Detail;
use tokio::runtime::Handle;

use super::failure::Failure;
use super::files::write_playlist;
use super::sidecar::{self, PartNote, Sidecar};
use super::walk::{self, Good};
use super::{names, plain, scan};
use crate::event;
use crate::storage::Storage;
use crate::store::{Filter, Format, Key, Page, Part, PartState, RUN, Recording, State, Store};

/// How many recordings of the index are looked at together.
const PAGE: usize = 500;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Recordings that were put into the index.
    pub recordings: usize,
    /// Those whose folder says so little that they were left alone.
    pub unreadable: usize,
    /// Recordings that were taken out of the index, because their files are gone.
    pub forgotten: usize,
    /// Bytes that a crash had left behind the last whole piece of a file.
    pub cut_bytes: u64,
}

/// A recording as its files tell it.
struct Found {
    recording: Recording,
    parts: Vec<(Part, Vec<Key>)>,
    cut_bytes: u64,
}

/// Closes what a crash left open. Where the index has nothing at all, everything is put into it.
pub(super) async fn recover(
    root: &Path,
    store: &Store,
    storage: &Arc<Storage>,
    is_open: &(dyn Fn(&str) -> bool + Sync),
) -> anyhow::Result<Outcome> {
    let (filter, page) = (Filter { hidden: true, ..Filter::default() }, Page { before: None, limit: 1 });
    let all = store.index.list(&filter, &page).await?.is_empty();
    // Before the folders are looked for: a recording that begins now has its folder before the index knows of it.
    let going_on = going_on(store).await?;
    let place = root.to_owned();
    let found = tokio::task::spawn_blocking(move || sidecars(&place)).await?;
    // Whoever ends a recording tells the index first.
    store.writer.flush().await;
    let (mut outcome, mut seen) = (Outcome::default(), HashSet::new());
    for (folder, sidecar) in found {
        let Some(mut sidecar) = sidecar else { continue };
        seen.insert(sidecar.id.clone());
        if is_open(&sidecar.id) {
            continue;
        }
        // Where the disk was full, the end stands in the index alone; where the server was killed between the two, the
        // index does not know of it yet.
        let known = store.index.find(&sidecar.id).await?.filter(|known| !known.state.is_open());
        if !sidecar.state().is_open() && known.is_some() {
            continue;
        }
        if let Some(known) = &known {
            (sidecar.reason, sidecar.ended_ms) = (known.reason.clone(), known.ended_ms);
        }
        // Its end was told when it was written down.
        let is_news = !all && known.is_none();
        outcome.add(put(root, &folder, sidecar, store, storage, is_news).await?);
    }
    let is_missing = |recording: &Recording| !seen.contains(&recording.id) && !is_open(&recording.id);
    going_on.into_iter().filter(is_missing).for_each(|missing| close(store, missing));
    store.writer.flush().await;
    Ok(outcome)
}

/// What the index has as going on.
async fn going_on(store: &Store) -> anyhow::Result<Vec<Recording>> {
    let mut found = Vec::new();
    for state in [State::Recording, State::Paused] {
        let filter = Filter { hidden: true, state: Some(state), ..Filter::default() };
        let mut page = Page { before: None, limit: PAGE };
        loop {
            let mut some = store.index.list(&filter, &page).await?;
            let Some(last) = some.last() else { break };
            page.before = Some(last.id.clone());
            found.append(&mut some);
        }
    }
    Ok(found)
}

/// Ends what was going on and whose folder says nothing: nobody writes it any more. Should the folder come back, that is right.
fn close(store: &Store, missing: Recording) {
    tracing::warn!(
        recording = missing.id,
        folder = missing.folder,
        "a recording was going on when the server ended, and its folder is gone or cannot be read"
    );
    let ended_ms = missing.started_ms.saturating_add_unsigned(missing.duration_ms);
    let ended =
        Recording { state: State::Failed, reason: "crash".into(), ended_ms: Some(ended_ms), ..missing };
    let event = event::recording(&ended, ended_ms);
    store.writer.put_recording_and(ended, event);
}

/// Makes the index again. Recordings in progress are left alone; `progress` is told how many of how many are done.
pub async fn reindex(
    root: &Path,
    store: &Store,
    storage: &Arc<Storage>,
    is_open: &(dyn Fn(&str) -> bool + Sync),
    progress: &(dyn Fn(usize, usize) + Sync),
) -> anyhow::Result<Outcome> {
    let place = root.to_owned();
    let all = tokio::task::spawn_blocking(move || sidecars(&place)).await?;
    let (mut outcome, mut seen, count) = (Outcome::default(), HashSet::new(), all.len());
    for (number, (folder, sidecar)) in all.into_iter().enumerate() {
        match sidecar {
            Some(sidecar) if seen.insert(sidecar.id.clone()) && !is_open(&sidecar.id) => {
                outcome.add(put(root, &folder, sidecar, store, storage, false).await?);
            }
            Some(_) => {}
            None => outcome.unreadable += 1,
        }
        progress(number + 1, count);
    }
    store.writer.flush().await;
    outcome.forgotten = forget_missing(store, &seen, is_open).await?;
    Ok(outcome)
}

/// Takes out of the index what has no files here and nothing in the object store.
async fn forget_missing(
    store: &Store,
    seen: &HashSet<String>,
    is_open: &(dyn Fn(&str) -> bool + Sync),
) -> anyhow::Result<usize> {
    let filter = Filter { hidden: true, ..Filter::default() };
    let (mut before, mut count) = (None, 0);
    loop {
        let page = store.index.list(&filter, &Page { before, limit: PAGE }).await?;
        let missing = |recording: &&Recording| !seen.contains(&recording.id) && !is_open(&recording.id);
        for recording in page.iter().filter(missing) {
            let parts = store.index.parts(&recording.id).await?;
            if !parts.iter().any(|part| part.state.is_stored()) {
                count += usize::from(store.index.delete(&recording.id).await?);
            }
        }
        before = match page.last() {
            Some(last) => Some(last.id.clone()),
            None => return Ok(count),
        };
    }
}

impl Outcome {
    fn add(&mut self, other: Outcome) {
        self.recordings += other.recordings;
        self.unreadable += other.unreadable;
        self.cut_bytes += other.cut_bytes;
    }
}

/// Puts one recording into the index. With `is_news` its end is told.
async fn put(
    root: &Path,
    folder: &str,
    sidecar: Sidecar,
    store: &Store,
    storage: &Arc<Storage>,
    is_news: bool,
) -> anyhow::Result<Outcome> {
    let id = sidecar.id.clone();
    let (root, place) = (root.to_owned(), folder.to_owned());
    let (from, storage) = (store.clone(), storage.clone());
    let read = move || {
        let stored = stored(&root, &place, &sidecar, &from, &storage)?;
        read(&root, &place, sidecar, &stored)
    };
    let found = match tokio::task::spawn_blocking(read).await? {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(recording = id, folder, %error, "a recording cannot be read");
            return Ok(Outcome { unreadable: 1, ..Outcome::default() });
        }
    };
    match found.recording.ended_ms.filter(|_| is_news) {
        Some(ended_ms) => {
            let ended = event::recording(&found.recording, ended_ms);
            store.writer.put_recording_and(found.recording, ended);
        }
        None => store.writer.put_recording(found.recording),
    }
    for (part, keys) in found.parts {
        for (run, positions) in (0..).zip(keys.chunks(RUN)) {
            store.writer.put_keys(&part.recording, part.number, run, positions);
        }
        store.writer.put_part(part);
    }
    Ok(Outcome { recordings: 1, cut_bytes: found.cut_bytes, ..Outcome::default() })
}

/// Complete files of a recording that are in the object store and no longer here, as the index tells, or else the store.
fn stored(
    root: &Path,
    folder: &str,
    sidecar: &Sidecar,
    store: &Store,
    storage: &Storage,
) -> anyhow::Result<Vec<(Part, Vec<Key>)>> {
    let runtime = Handle::current();
    let indexed = runtime.block_on(store.index.parts(&sidecar.id))?;
    let mut stored = Vec::new();
    for part in indexed {
        if part.state.is_stored() && !root.join(&part.path).exists() {
            let keys = match part.format {
                Format::Fmp4 => runtime.block_on(store.index.keys(&sidecar.id, part.number))?,
                _ => Vec::new(),
            };
            stored.push((part, keys));
        }
    }
    let made = sidecar.formats().into_iter().filter(|format| ![Format::Fmp4, Format::Hls].contains(format));
    let formats: Vec<Format> = [Format::Fmp4].into_iter().chain(made).collect();
    for note in sidecar.parts.iter().filter(|note| note.duration_ms.is_some()) {
        for format in &formats {
            let path = format!("{folder}/{}", names::file(note.number, *format));
            let known = |(part, _): &(Part, Vec<Key>)| (part.number, part.format) == (note.number, *format);
            if stored.iter().any(known) || root.join(&path).exists() {
                continue;
            }
            let looked = storage.find(&path).inspect_err(|error| {
                tracing::warn!(path, "the object store does not say whether it has a file: {error}; make the index again when it does");
            });
            let Ok(looked) = looked else { return Ok(stored) };
            let Some((object_key, bytes)) = looked else { continue };
            let mut part = Part {
                format: *format,
                path,
                bytes,
                duration_ms: note.duration_ms.unwrap_or_default(),
                state: PartState::Remote,
                object_key: Some(object_key),
                ..blank_part(sidecar, note)
            };
            let mut keys = Vec::new();
            if *format == Format::Fmp4 {
                let index = scan::scan_at(&*storage.open(root, &part)?, bytes, Detail::Fragments)?;
                part.init_bytes = index.init.end;
                keys = scan::keys(&index);
            }
            stored.push((part, keys));
        }
    }
    Ok(stored)
}

/// All folders of recordings, below that of all, with what lies in them.
fn sidecars(root: &Path) -> Vec<(String, Option<Sidecar>)> {
    let mut folders = vec![(PathBuf::from(root), String::new())];
    // APP, STREAM, DATE, ID.
    for _ in 0..4 {
        let inside = |(path, relative): &(PathBuf, String)| {
            let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
            let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            let folders =
                folders.filter_map(|entry| Some((entry.path(), entry.file_name().into_string().ok()?)));
            let join = |name: String| if relative.is_empty() { name } else { format!("{relative}/{name}") };
            folders.map(|(path, name)| (path, join(name))).collect::<Vec<_>>()
        };
        folders = folders.iter().flat_map(inside).collect();
    }
    let mut found: Vec<_> = folders
        .into_iter()
        .filter(|(path, _)| path.join(sidecar::FILE).exists())
        .map(|(path, relative)| {
            let sidecar = Sidecar::read(&path);
            (relative, sidecar.filter(|sidecar| names::is_id(&sidecar.id)))
        })
        .collect();
    found.sort();
    found
}

/// Reads a recording; what a crash left open is closed. Of files that are only in the object store, the index is right.
fn read(
    root: &Path,
    folder: &str,
    mut sidecar: Sidecar,
    stored: &[(Part, Vec<Key>)],
) -> anyhow::Result<Found> {
    let place = root.join(folder);
    let left_open = sidecar.state().is_open();
    let mut found = Found { recording: blank(folder, &sidecar), parts: Vec::new(), cut_bytes: 0 };
    let complete: Vec<u32> =
        sidecar.parts.iter().filter(|note| note.duration_ms.is_some()).map(|note| note.number).collect();
    let mut notes = std::mem::take(&mut sidecar.parts);
    for note in &mut notes {
        let mut duration = note.duration_ms;
        let blank = blank_part(&sidecar, note);
        let mut parts = Vec::new();
        for format in [Format::Fmp4, Format::Flv, Format::Aac] {
            let file = names::file(note.number, format);
            let path = place.join(&file);
            if !path.exists() {
                let known =
                    stored.iter().find(|(part, _)| (part.number, part.format) == (note.number, format));
                if let Some((part, keys)) = known {
                    duration = duration.max(Some(part.duration_ms));
                    parts.push((part.clone(), keys.clone()));
                }
                continue;
            }
            let mut part = Part { format, path: format!("{folder}/{file}"), ..blank.clone() };
            let (good, keys) = look(&path, format, &mut part)?;
            if left_open {
                found.cut_bytes += cut(&path, good)?;
            }
            if !good.frames {
                continue;
            }
            part.bytes = good.end;
            duration = duration.max((good.time_ms > 0).then_some(good.time_ms));
            parts.push((part, keys));
        }
        let duration = duration.unwrap_or_default();
        note.duration_ms = Some(duration);
        parts.iter_mut().for_each(|(part, _)| part.duration_ms = duration);
        if !parts.is_empty() {
            found.recording.duration_ms += duration;
            add_codecs(&mut found.recording.codecs, &note.codecs);
        }
        found.parts.append(&mut parts);
    }
    sidecar.parts = notes;
    beside(root, folder, &sidecar, stored, &mut found)?;
    finish(&mut found, &sidecar, left_open);
    if left_open {
        // A complete one may be in a store that cannot be reached.
        let is_there = |number| found.parts.iter().any(|(part, _)| part.number == number);
        sidecar.parts.retain(|note| complete.contains(&note.number) || is_there(note.number));
        sidecar.update(&found.recording);
        sidecar.write(&place)?;
    }
    Ok(found)
}

/// The plain file beside a part, but for its path and length.
fn plain_part(part: &Part) -> Part {
    Part { format: Format::Mp4, init_bytes: 0, state: PartState::Local, object_key: None, ..part.clone() }
}

fn blank_part(sidecar: &Sidecar, note: &PartNote) -> Part {
    Part {
        recording: sidecar.id.clone(),
        number: note.number,
        format: Format::Fmp4,
        path: String::new(),
        wall_ms: note.wall_ms,
        start_ms: note.start_ms,
        duration_ms: 0,
        bytes: 0,
        init_bytes: 0,
        codecs: note.codecs.clone(),
        state: PartState::Local,
        object_key: None,
    }
}

fn blank(folder: &str, sidecar: &Sidecar) -> Recording {
    Recording {
        folder: folder.to_owned(),
        ended_ms: sidecar.ended_ms,
        state: sidecar.state(),
        reason: sidecar.reason.clone(),
        gaps: sidecar.gaps,
        hidden: sidecar.hidden,
        expires_ms: sidecar.expires_ms,
        ..Recording::begun(&sidecar.id, (&sidecar.app, &sidecar.stream), sidecar.started_ms)
    }
}

/// How far a file is good.
fn look(path: &Path, format: Format, part: &mut Part) -> std::io::Result<(Good, Vec<Key>)> {
    match format {
        Format::Fmp4 => {
            let (index, _) = scan::scan(path, Detail::Fragments)?;
            part.init_bytes = index.init.end;
            let time_ms = scan::duration_ms(&index);
            let good = Good { end: index.end(), time_ms, frames: !index.fragments.is_empty() };
            Ok((good, scan::keys(&index)))
        }
        Format::Aac => Ok((walk::aac(path)?, Vec::new())),
        _ => Ok((walk::flv(path)?, Vec::new())),
    }
}

/// Cuts a file behind what is good of it, and takes away one in which nothing is. Gives how many bytes that were.
fn cut(path: &Path, good: Good) -> std::io::Result<u64> {
    let len = std::fs::metadata(path)?.len();
    if !good.frames {
        std::fs::remove_file(path)?;
        return Ok(len);
    }
    if len > good.end {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(good.end)?;
        file.sync_all()?;
    }
    Ok(len.saturating_sub(good.end))
}

/// The files that are made of others.
fn beside(
    root: &Path,
    folder: &str,
    sidecar: &Sidecar,
    stored: &[(Part, Vec<Key>)],
    found: &mut Found,
) -> anyhow::Result<()> {
    let complete: Vec<_> =
        found.parts.iter().filter(|(part, _)| part.format == Format::Fmp4).cloned().collect();
    if sidecar.formats().contains(&Format::Mp4) {
        let plain = |part: &Part| part.format == Format::Mp4;
        found.parts.extend(stored.iter().filter(|(part, _)| plain(part)).cloned());
        for (part, _) in &complete {
            let of = |format| {
                stored.iter().any(|(known, _)| (known.number, known.format) == (part.number, format))
            };
            if of(Format::Mp4) {
                continue;
            }
            if of(Format::Fmp4) {
                // What it was made of is no longer here; it may be.
                let path = format!("{folder}/{}", names::file(part.number, Format::Mp4));
                if let Ok(about) = std::fs::metadata(root.join(&path)) {
                    let made = Part { path, bytes: about.len(), ..plain_part(part) };
                    found.parts.push((made, Vec::new()));
                }
                continue;
            }
            found.parts.extend(plain::write(root, folder, part)?.map(|part| (part, Vec::new())));
        }
    }
    if sidecar.formats().contains(&Format::Hls) && !complete.is_empty() {
        found.parts.push((write_playlist(root, folder, &complete, true)?, Vec::new()));
    }
    Ok(())
}

fn finish(found: &mut Found, sidecar: &Sidecar, left_open: bool) {
    let recording = &mut found.recording;
    recording.bytes = found.parts.iter().map(|(part, _)| part.bytes).sum();
    if !left_open {
        return;
    }
    let failed = Failure::CODES.contains(&recording.reason.as_str());
    recording.state = if failed { State::Failed } else { State::Finished };
    if recording.reason.is_empty() {
        "crash".clone_into(&mut recording.reason);
    }
    let last = sidecar.parts.last().filter(|_| !found.parts.is_empty());
    let end = last.map(|note| note.wall_ms.saturating_add_unsigned(note.duration_ms.unwrap_or_default()));
    let ended_ms = *recording.ended_ms.get_or_insert(end.unwrap_or(recording.started_ms));
    recording.expires_ms = recording.expires_ms.or_else(|| expiry(ended_ms, sidecar.retention_days));
}

/// When a recording that ended then may be deleted.
pub(super) fn expiry(ended_ms: i64, retention_days: u32) -> Option<i64> {
    (retention_days > 0).then(|| ended_ms.saturating_add(i64::from(retention_days) * DAY_MS))
}

/// Adds codecs to a list with commas between, each once.
pub(super) fn add_codecs(list: &mut String, more: &str) {
    for codec in more.split(',').filter(|codec| !codec.is_empty()) {
        if !list.split(',').any(|known| known == codec) {
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(codec);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::Files;
    use super::super::queue::tests::{manner, recording, steps};
    use super::*;
    use crate::config::Layers;
    use crate::scratch::Scratch;

    #[tokio::test]
    async fn what_was_going_on_and_has_no_folder_any_more_has_ended() {
        let scratch = Scratch::new();
        let storage = Arc::new(Storage::new(&Layers::defaults().config().unwrap().storage));
        let store = Store::open(scratch.path()).await.unwrap();
        tokio::spawn(store.writer.clone().run());
        let going_on = Recording { duration_ms: 7_000, ..recording() };
        let started_ms = going_on.started_ms;
        store.writer.put_recording(going_on.clone());
        store.writer.put_recording(Recording::begun(&"f".repeat(24), ("live", "other"), 0));
        store.writer.flush().await;
        recover(scratch.path(), &store, &storage, &|id| id.starts_with('f')).await.unwrap();
        let found = store.index.find(&going_on.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.reason.as_str()), (State::Failed, "crash"));
        assert_eq!(found.ended_ms, Some(started_ms + 7_000));
        assert!(store.index.find(&"f".repeat(24)).await.unwrap().unwrap().state.is_open());
    }

    /// The files are closed before the index knows of it, at the end of a recording and by a start that closes what a crash
    /// left: a kill between the two is a crash too.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_closed_by_a_server_that_was_killed_before_it_told_the_index_is_indexed() {
        let scratch = Scratch::new();
        let storage = Arc::new(Storage::new(&Layers::defaults().config().unwrap().storage));
        for (name, is_begun) in [("unknown", false), ("begun", true)] {
            let root = scratch.path().join(name);
            std::fs::create_dir(&root).unwrap();
            // Nothing that it takes comes into the database.
            let killed = Store::open(&root).await.unwrap();
            let mut files = Files::create(manner(&root, &killed), recording()).unwrap();
            steps(3).into_iter().for_each(|step| files.handle(step).unwrap());
            let folder = files.place();
            files.end(State::Finished, "ended", 3_000, false);

            let store = Store::open(&root).await.unwrap();
            tokio::spawn(store.writer.clone().run());
            // Another one, so that the index is not made again as a whole.
            store.writer.put_recording(Recording::begun(&"f".repeat(24), ("live", "other"), 0));
            if is_begun {
                store.writer.put_recording(Recording { folder, ..recording() });
            }
            store.writer.flush().await;
            let outcome = recover(&root, &store, &storage, &|_| false).await.unwrap();
            assert_eq!(outcome.recordings, 1, "{name}");
            let found = store.index.find(&recording().id).await.unwrap().unwrap();
            assert_eq!((found.state, found.reason.as_str()), (State::Finished, "ended"), "{name}");
            assert!(found.duration_ms >= 2_900 && found.bytes > 10_000, "{name}: {found:?}");
            let parts = store.index.parts(&found.id).await.unwrap();
            assert_eq!(parts.iter().map(|part| part.state).collect::<Vec<_>>(), [PartState::Local], "{name}");
            let again = recover(&root, &store, &storage, &|_| false).await.unwrap();
            assert_eq!(again, Outcome::default(), "{name}");
        }
    }
}
