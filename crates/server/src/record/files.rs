//! The files of one recording: what is written to them, and what the index is told. Everything here blocks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use media::codec::adts::Adts;
use media::flv;
use media::frame::{Frame, Kind};
use media::sample::Sample;
use tracing::warn;

use super::cut::{Batch, Opening, Step};
use super::failure::Failure;
use super::figures::Figures;
use super::file::Growing;
use super::names;
use super::plain;
use super::playlist::playlist;
use super::recover::{add_codecs, expiry};
use super::sidecar::{self, PartNote, Sidecar};
use super::sync::{Syncs, Wanted};
use crate::event;
use crate::store::{Format, Key, Part, PartState, RUN, Recording, State, Writer};

/// The number in the index of a file that is for a whole recording.
const WHOLE: u32 = 0;

/// The files of a recording.
#[derive(Debug)]
pub(super) struct Files {
    /// Of all recordings.
    root: PathBuf,
    recording: Recording,
    sidecar: Sidecar,
    formats: Vec<Format>,
    fsync: Duration,
    index: Writer,
    figures: Arc<Figures>,
    open: Option<Open>,
    /// Bytes of the parts that are complete, and their length.
    closed_bytes: u64,
    closed_ms: u64,
    playlist_bytes: u64,
    /// Complete parts in fragments, and where decoders can start in them.
    complete: Vec<(Part, Vec<Key>)>,
    /// When the newest frame came, in milliseconds since 1970.
    last_ms: Option<i64>,
}

/// How a recording is to be written.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    pub(super) root: PathBuf,
    pub(super) formats: Vec<Format>,
    pub(super) retention_days: u32,
    pub(super) fsync: Duration,
    pub(super) index: Writer,
    pub(super) figures: Arc<Figures>,
}

#[derive(Debug)]
struct Open {
    about: Part,
    fmp4: Option<Growing>,
    flv: Option<Growing>,
    aac: Option<(Growing, Adts)>,
    /// Where a decoder can start.
    keys: Vec<Key>,
    folder: PathBuf,
    syncs: Syncs,
}

impl Files {
    /// Makes the folder of a recording that begins.
    pub(super) fn create(manner: Manner, mut recording: Recording) -> Result<Files, Failure> {
        recording.folder =
            names::folder(&recording.app, &recording.stream, recording.started_ms, &recording.id);
        let folder = manner.root.join(&recording.folder);
        std::fs::create_dir_all(&folder)?;
        let sidecar = Sidecar::of(&recording, &manner.formats, manner.retention_days);
        sidecar.write_at_once(&folder)?;
        let begun = event::recording(&recording, recording.started_ms);
        manner.index.put_recording_and(recording.clone(), begun);
        Ok(Files {
            root: manner.root,
            recording,
            sidecar,
            formats: manner.formats,
            fsync: manner.fsync,
            index: manner.index,
            figures: manner.figures,
            open: None,
            closed_bytes: 0,
            closed_ms: 0,
            playlist_bytes: 0,
            complete: Vec::new(),
            last_ms: None,
        })
    }

    /// The recording's folder, below that of all.
    #[cfg(test)]
    pub(super) fn place(&self) -> String {
        self.recording.folder.clone()
    }

    /// While it is locked, the disk does not answer.
    #[cfg(test)]
    pub(super) fn disk(&self) -> Option<Arc<std::sync::Mutex<()>>> {
        self.open.as_ref().map(|open| open.syncs.disk())
    }

    /// Does one step.
    pub(super) fn handle(&mut self, step: Step) -> Result<(), Failure> {
        match step {
            Step::Open(opening) => self.open(&opening),
            Step::Write(batch) => self.write(batch),
            Step::Close => self.close(),
        }
    }

    /// Notes that so many gaps are in it.
    pub(super) fn note_gap(&mut self) {
        self.recording.gaps += 1;
        self.index.put_recording(self.recording.clone());
    }

    /// Notes whether viewers are shown it.
    pub(super) fn set_hidden(&mut self, hidden: bool) {
        self.recording.hidden = hidden;
        self.note();
    }

    /// Notes that it is paused, or goes on.
    pub(super) fn set_paused(&mut self, paused: bool) {
        self.recording.state = if paused { State::Paused } else { State::Recording };
        self.index.put_recording(self.recording.clone());
        self.note();
    }

    /// Ends it, in good order or because it cannot be written any further. With `later`, what takes long is left to the
    /// next start.
    pub(super) fn end(&mut self, state: State, reason: &str, now_ms: i64, later: bool) {
        if let Err(error) = self.close() {
            warn!(recording = self.recording.id, %error, "the end of a recording was not written; the next start puts it right");
        }
        self.recording.state = state;
        reason.clone_into(&mut self.recording.reason);
        let ended_ms = self.last_ms.unwrap_or(now_ms);
        self.recording.ended_ms = Some(ended_ms);
        self.recording.expires_ms = expiry(ended_ms, self.sidecar.retention_days);
        self.write_playlist(true);
        self.index.put_recording_and(self.recording.clone(), event::recording(&self.recording, now_ms));
        if self.formats.contains(&Format::Mp4) {
            if later {
                // An open state makes the next start look at it.
                self.sidecar.reason.clone_from(&self.recording.reason);
                self.sidecar.ended_ms = self.recording.ended_ms;
                self.save_note();
                return;
            }
            self.write_plain(now_ms);
            self.index.put_recording(self.recording.clone());
        }
        self.note();
    }

    fn open(&mut self, opening: &Opening) -> Result<(), Failure> {
        let about = Part {
            recording: self.recording.id.clone(),
            number: opening.number,
            format: Format::Fmp4,
            path: String::new(),
            wall_ms: opening.wall_ms,
            start_ms: opening.start_ms,
            duration_ms: 0,
            bytes: 0,
            init_bytes: opening.init.as_ref().map_or(0, |init| init.len() as u64),
            codecs: opening.codecs.clone(),
            state: PartState::Open,
            object_key: None,
        };
        if self.complete.is_empty() && opening.number == 1 {
            // The first frame may have come a moment before somebody asked for it to be recorded.
            self.recording.started_ms = opening.wall_ms;
            self.sidecar.started_ms = opening.wall_ms;
        }
        add_codecs(&mut self.recording.codecs, &opening.codecs);
        self.sidecar.parts.push(PartNote {
            number: opening.number,
            wall_ms: opening.wall_ms,
            start_ms: opening.start_ms,
            duration_ms: None,
            codecs: opening.codecs.clone(),
        });
        self.sidecar.update(&self.recording);
        let made = self.make(opening, about);
        if made.is_err() {
            self.sidecar.parts.pop();
        }
        self.open = Some(made?);
        Ok(())
    }

    /// Makes the files of a part.
    fn make(&self, opening: &Opening, about: Part) -> Result<Open, Failure> {
        let folder = self.folder();
        if self.complete.is_empty() {
            // Nothing waits for the disk before the first media is written.
            self.sidecar.write_at_once(&folder)?;
        } else {
            self.sidecar.write(&folder)?;
        }
        let path = |format| folder.join(names::file(opening.number, format));
        let wants = |format| self.formats.contains(&format);
        let mut open = Open {
            about,
            fmp4: None,
            flv: None,
            aac: None,
            keys: Vec::new(),
            folder: folder.clone(),
            syncs: Syncs::default(),
        };
        let mut make = || {
            if let Some(init) = &opening.init {
                open.fmp4 = Some(Growing::create(&path(Format::Fmp4), init)?);
            }
            if wants(Format::Flv) {
                open.flv = Some(Growing::create(&path(Format::Flv), &flv_head(&opening.headers))?);
            }
            let adts = opening.aac.as_ref().and_then(|record| Adts::of(record));
            if let Some(adts) = adts.filter(|_| wants(Format::Aac)) {
                open.aac = Some((Growing::create(&path(Format::Aac), &[])?, adts));
            }
            Ok::<(), Failure>(())
        };
        let made = make();
        if made.is_err() {
            open.remove();
        }
        made.map(|()| open)
    }

    fn write(&mut self, batch: Batch) -> Result<(), Failure> {
        #[cfg(test)]
        batch.frames.iter().for_each(|frame| crate::bug::strike(crate::bug::FILES, frame));
        let Some(open) = &mut self.open else { return Ok(()) };
        let (before, all_before) = (open.main_bytes(), open.bytes());
        let done = open.write(&batch, self.fsync);
        self.figures.bytes.fetch_add(open.bytes() - all_before, Ordering::Relaxed);
        // The main file is written first, and may have taken what another did not.
        if open.main_bytes() == before && done.is_err() {
            return done;
        }
        if let Some(fragment) = batch.fragment.as_ref().filter(|_| batch.key) {
            open.note_key(&self.index, batch.time_ms, fragment.byte_len());
        }
        open.about.duration_ms = batch.end_ms;
        self.last_ms = Some(batch.wall_ms);
        self.recording.duration_ms = self.closed_ms + batch.end_ms;
        self.tell();
        done
    }

    fn close(&mut self) -> Result<(), Failure> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        if open.about.duration_ms == 0 {
            // Not one fragment could be written.
            open.remove();
            self.sidecar.parts.pop();
            return Ok(());
        }
        let synced = open.sync();
        open.about.state = PartState::Local;
        let keys = std::mem::take(&mut open.keys);
        for part in open.parts(&self.recording.folder) {
            self.closed_bytes += part.bytes;
            if part.format == Format::Fmp4 {
                self.complete.push((part.clone(), keys.clone()));
            }
            self.index.put_event(event::file(
                &self.recording,
                &part,
                &self.root,
                self.last_ms.unwrap_or_default(),
            ));
            self.index.put_part(part);
        }
        self.closed_ms += open.about.duration_ms;
        self.recording.bytes = self.closed_bytes + self.playlist_bytes;
        self.recording.duration_ms = self.closed_ms;
        self.index.put_recording(self.recording.clone());
        if let Some(note) = self.sidecar.parts.last_mut() {
            note.duration_ms = Some(open.about.duration_ms);
        }
        self.note();
        self.write_playlist(false);
        Ok(synced?)
    }

    /// Tells the index how far the open part is.
    fn tell(&mut self) {
        let Some(open) = &self.open else { return };
        self.recording.bytes = self.closed_bytes + self.playlist_bytes + open.bytes();
        self.index.put_recording(self.recording.clone());
        open.parts(&self.recording.folder).into_iter().for_each(|part| self.index.put_part(part));
    }

    /// Writes what lies beside the files. It is written again at the next part, at the end and after a crash.
    fn note(&mut self) {
        self.sidecar.update(&self.recording);
        self.save_note();
    }

    fn save_note(&self) {
        if let Err(error) = self.sidecar.write(&self.folder()) {
            warn!(recording = self.recording.id, "{error:#}");
        }
    }

    fn write_playlist(&mut self, ended: bool) {
        if !self.formats.contains(&Format::Hls) || self.complete.is_empty() {
            return;
        }
        match write_playlist(&self.root, &self.recording.folder, &self.complete, ended) {
            Ok(part) => {
                self.playlist_bytes = part.bytes;
                self.recording.bytes = self.closed_bytes + self.playlist_bytes;
                self.index.put_part(part);
            }
            Err(error) => warn!(recording = self.recording.id, "the playlist was not written: {error:#}"),
        }
    }

    /// Makes the plain files that are wanted.
    fn write_plain(&mut self, now_ms: i64) {
        for (part, _) in &self.complete {
            match plain::write(&self.root, &self.recording.folder, part) {
                Ok(Some(part)) => {
                    self.closed_bytes += part.bytes;
                    self.index.put_event(event::file(&self.recording, &part, &self.root, now_ms));
                    self.index.put_part(part);
                }
                Ok(None) => {}
                Err(error) => {
                    warn!(recording = self.recording.id, part = part.number, %error, "the plain MP4 was not made; what was recorded is there in fragments");
                }
            }
        }
        self.recording.bytes = self.closed_bytes + self.playlist_bytes;
    }

    fn folder(&self) -> PathBuf {
        self.root.join(&self.recording.folder)
    }
}

/// Writes the playlist of complete parts; gives what the index is told of it.
pub(super) fn write_playlist(
    root: &Path,
    folder: &str,
    complete: &[(Part, Vec<Key>)],
    ended: bool,
) -> anyhow::Result<Part> {
    let parts = || complete.iter().map(|(part, _)| part);
    let name = |part: &Part| part.path.rsplit('/').next().unwrap_or_default().to_owned();
    let text = playlist(complete, ended, name).to_string();
    let path = format!("{folder}/index.{}", Format::Hls.extension());
    crate::secrets::write_whole(&root.join(&path), &text, 0o600)?;
    let first = parts().next();
    Ok(Part {
        recording: first.map(|part| part.recording.clone()).unwrap_or_default(),
        number: WHOLE,
        format: Format::Hls,
        path,
        wall_ms: first.map_or(0, |part| part.wall_ms),
        start_ms: 0,
        duration_ms: parts().map(|part| part.duration_ms).sum(),
        bytes: text.len() as u64,
        init_bytes: 0,
        codecs: String::new(),
        state: if ended { PartState::Local } else { PartState::Open },
        object_key: None,
    })
}

impl Open {
    fn write(&mut self, batch: &Batch, fsync: Duration) -> Result<(), Failure> {
        if let Some((file, fragment)) = self.fmp4.as_mut().zip(batch.fragment.as_ref()) {
            let parts: Vec<&[u8]> = fragment.parts().map(AsRef::as_ref).collect();
            file.append(&parts)?;
        }
        if let Some(file) = &mut self.flv {
            let mut bytes = Vec::new();
            batch.frames.iter().for_each(|frame| flv_tag(&mut bytes, frame));
            file.append(&[&bytes])?;
        }
        if let Some((file, adts)) = &mut self.aac {
            file.append(&[&adts_frames(*adts, &batch.frames)])?;
        }
        let files = [self.fmp4.as_ref(), self.flv.as_ref(), self.aac.as_ref().map(|(file, _)| file)];
        let folder = &self.folder;
        let wanted = |first| Wanted {
            files: files.iter().flatten().map(|file| file.file()).collect(),
            paths: if first { vec![folder.join(sidecar::FILE), folder.clone()] } else { Vec::new() },
        };
        Ok(self.syncs.ask(fsync, wanted)?)
    }

    /// The fragment that was just appended can be started at.
    fn note_key(&mut self, index: &Writer, time_ms: u64, fragment_len: u64) {
        let Some(file) = &self.fmp4 else { return };
        let offset = file.len() - fragment_len;
        self.keys.push(Key { time_ms, offset });
        // Of a long part, only the newest run is written again.
        let run = (self.keys.len() - 1) / RUN;
        let newest = self.keys.get(run * RUN..).unwrap_or_default();
        let number = u32::try_from(run).unwrap_or(u32::MAX);
        index.put_keys(&self.about.recording, self.about.number, number, newest);
    }

    fn main_bytes(&self) -> u64 {
        self.fmp4.as_ref().map_or(0, Growing::len)
    }

    fn bytes(&self) -> u64 {
        self.files().map(|(_, bytes)| bytes).sum()
    }

    fn files(&self) -> impl Iterator<Item = (Format, u64)> {
        let fmp4 = self.fmp4.iter().map(|file| (Format::Fmp4, file.len()));
        let flv = self.flv.iter().map(|file| (Format::Flv, file.len()));
        fmp4.chain(flv).chain(self.aac.iter().map(|(file, _)| (Format::Aac, file.len())))
    }

    /// What the index is told of its files.
    fn parts(&self, folder: &str) -> Vec<Part> {
        let part = |(format, bytes)| Part {
            format,
            bytes,
            path: format!("{folder}/{}", names::file(self.about.number, format)),
            init_bytes: if format == Format::Fmp4 { self.about.init_bytes } else { 0 },
            ..self.about.clone()
        };
        self.files().map(part).collect()
    }

    /// Takes its files away again.
    fn remove(&self) {
        for (format, _) in self.files() {
            // What cannot be removed is found to be empty at the next start.
            let _ = std::fs::remove_file(self.folder.join(names::file(self.about.number, format)));
        }
    }

    fn sync(&self) -> std::io::Result<()> {
        let files = self.fmp4.iter().chain(&self.flv).chain(self.aac.iter().map(|(file, _)| file));
        files.map(Growing::file).try_for_each(|file| file.sync_data())?;
        self.syncs.failure()
    }
}

fn flv_head(headers: &[Frame]) -> Vec<u8> {
    let has = |kind| headers.iter().any(|frame| frame.kind == kind);
    let mut out = flv::header(has(Kind::Audio), has(Kind::Video)).to_vec();
    headers.iter().for_each(|frame| flv_tag(&mut out, frame));
    out
}

fn flv_tag(out: &mut Vec<u8>, frame: &Frame) {
    let len = frame.body.len();
    out.extend_from_slice(&flv::tag_header(frame.kind, frame.time, len));
    out.extend_from_slice(&frame.body);
    out.extend_from_slice(&flv::tag_trailer(len));
}

/// The first track of sound; a frame that is too long for a header is left out.
fn adts_frames(adts: Adts, frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    let sound = frames.iter().filter(|frame| (frame.kind, frame.track) == (Kind::Audio, 0));
    for sample in sound.filter_map(Sample::of) {
        if let Some(header) = adts.header(sample.data.len()) {
            out.extend_from_slice(&header);
            out.extend_from_slice(&sample.data);
        }
    }
    out
}
