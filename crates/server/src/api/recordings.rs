//! `/api/v1/recordings`: streams on disk, seen, started, stopped, deleted; and the disk that they are on.

use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Answer, Call, check};
use super::shape::{AppName, Schemas, Shape, StreamName, shape};
use crate::http::response::Response;
use crate::record::{Failure, Options, OrderError, StartError};
use crate::store::{Filter, Format, Page, Part, PartState, Recording, State, Store};
use crate::time::rfc3339;

/// A kind of file.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FileFormat {
    Fmp4,
    Mp4,
    Flv,
    Hls,
    Aac,
}

impl Shape for FileFormat {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "enum": Format::ALL.iter().map(|format| format.word()).collect::<Vec<_>>()})
    }
}

impl From<FileFormat> for Format {
    fn from(format: FileFormat) -> Format {
        match format {
            FileFormat::Fmp4 => Format::Fmp4,
            FileFormat::Mp4 => Format::Mp4,
            FileFormat::Flv => Format::Flv,
            FileFormat::Hls => Format::Hls,
            FileFormat::Aac => Format::Aac,
        }
    }
}

/// A whole number from 0 to `MAX`. To JSON `60.0` is one like `60`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Whole<const MAX: u64>(u64);

impl<const MAX: u64> TryFrom<f64> for Whole<MAX> {
    type Error = String;

    fn try_from(number: f64) -> Result<Whole<MAX>, String> {
        let fits = number.fract() == 0.0 && (0.0..=MAX as f64).contains(&number);
        if fits { Ok(Whole(number as u64)) } else { Err(format!("a whole number from 0 to {MAX} is wanted")) }
    }
}

impl<const MAX: u64> Shape for Whole<MAX> {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "integer", "minimum": 0, "maximum": MAX})
    }
}

shape! {
    /// A stream that is to be recorded. What is left out is as in a `[[record]]` of the configuration.
    in struct RecordWish {
        /// All of the stream's name but the last part.
        app: AppName,
        /// The last part.
        stream: StreamName,
        /// What files are written, besides MP4 in fragments.
        formats: Option<Vec<FileFormat>>,
        /// Minutes of a file; 0: no bound.
        interval_minutes: Option<Whole<10_080>>,
        /// MB of a file; 0: no bound.
        max_size_mb: Option<Whole<1_000_000>>,
        /// Days after its end after which it is deleted; 0: never.
        retention_days: Option<Whole<36_500>>,
        /// Seconds within which a stream that comes back goes on in the same recording.
        gap_seconds: Option<Whole<86_400>>,
    }
}

shape! {
    /// A page of recordings, newest first.
    out struct RecordingList {
        /// The recordings.
        recordings: Vec<RecordingState>,
        /// What to ask for as `before` to get the next page; null on the last one.
        next: Option<String>,
    }

    /// A show on disk.
    out struct RecordingState {
        /// Its id. Ids sort by time.
        id: String,
        /// All of the stream's name but the last part.
        app: String,
        /// The last part.
        stream: String,
        /// `recording`, `paused`, `finished`, or `failed`: it could not be written any further, and what was written before can be played.
        state: &'static str,
        /// Why it ended: `ended` (the stream did), `stopped`, `server_stop`, `crash`, `disk_full`, `read_only`, `io_error`, `internal_error`; empty while it goes on.
        reason: String,
        /// When its first frame came.
        started_at: String,
        /// The same in milliseconds since 1970.
        started_ms: i64,
        /// When its last frame came; null while it goes on.
        ended_at: Option<String>,
        /// Milliseconds of media.
        duration_ms: u64,
        /// Bytes of all files.
        bytes: u64,
        /// Its codecs, as RFC 6381 names them.
        codecs: Vec<String>,
        /// Times that something is missing because the disk could not keep up.
        gaps: u64,
        /// Whether viewers are not shown it.
        hidden: bool,
        /// When it will be deleted; null for never.
        expires_at: Option<String>,
        /// How often somebody began to watch it, as far as was counted some seconds ago.
        views: u64,
        /// Bytes sent to those who watched it.
        bytes_sent: u64,
    }

    /// A recording with its files.
    out struct RecordingFiles {
        /// The recording.
        recording: RecordingState,
        /// Its files; those of several formats with the same content have the same number.
        parts: Vec<RecordingPart>,
    }

    /// A file of a recording.
    out struct RecordingPart {
        /// Its number, from 1; 0 for a file of the whole recording.
        number: u32,
        /// `fmp4` (MP4 in fragments), `mp4` (plain), `flv`, `hls` or `aac`.
        format: &'static str,
        /// Where it is, below the folder of recordings.
        path: String,
        /// When its first frame came.
        started_at: String,
        /// When it begins on the time line of the recording, in milliseconds.
        start_ms: u64,
        /// Milliseconds of media.
        duration_ms: u64,
        /// Bytes; of a file that is being written, those that can be played.
        bytes: u64,
        /// `open` (more is coming), `local` (complete, on the server's disk alone), `uploaded` (there and in the object store) or `remote` (in the object store alone).
        state: &'static str,
        /// Its name in the object store; null when it is not there.
        object: Option<String>,
    }

    /// What recordings were deleted.
    out struct Pruned {
        /// How many.
        deleted: usize,
    }

    /// Where recordings are written.
    out struct Storage {
        /// Whether this server can record at all.
        available: bool,
        /// Why not; null when it can.
        message: Option<String>,
        /// The folder; null when there is none.
        folder: Option<String>,
        /// Bytes that may still be used; null when that is not known.
        free_bytes: Option<u64>,
        /// Bytes of the file system; null when that is not known.
        total_bytes: Option<u64>,
        /// Recordings in progress.
        open: usize,
        /// Why nothing is recorded at the moment; null when all is well.
        alert: Option<StorageAlert>,
        /// How far the index is made again.
        reindex: ReindexState,
        /// The object store; null when everything stays on this machine.
        objects: Option<ObjectStore>,
    }

    /// Recordings in an object store.
    out struct ObjectStore {
        /// The bucket.
        bucket: String,
        /// Complete files that are on this machine alone.
        waiting_files: u64,
        /// Their bytes.
        waiting_bytes: u64,
        /// Bytes of all files on this machine.
        local_bytes: u64,
        /// Files that were stored since the start of the server.
        stored_files: u64,
        /// Bytes that were sent since then.
        sent_bytes: u64,
        /// Why nothing can be stored at the moment; null when all is well.
        alert: Option<StorageAlert>,
    }

    /// Why nothing is recorded, or stored, at the moment.
    out struct StorageAlert {
        /// Recording: `disk_full`, `read_only` or `io_error`. Storing: `refused`, `no_bucket`, `unreachable`, `store_error`, `unconfirmed` or `database`.
        code: &'static str,
        /// What to do.
        message: String,
        /// The same in Chinese.
        message_zh: String,
        /// Since when.
        since: String,
    }

    /// How far the index is made again from the files.
    out struct ReindexState {
        /// Whether it is being made.
        running: bool,
        /// Recordings that were looked at.
        done: usize,
        /// Recordings that there are.
        total: usize,
        /// Recordings that the last time put into the index; null when it has not been made, or could not be.
        recordings: Option<usize>,
        /// Recordings that it left alone, because their folder does not say what they are.
        unreadable: Option<usize>,
        /// Recordings that it took out, because their files are gone.
        forgotten: Option<usize>,
    }
}

/// All of them, in pages.
pub(super) fn list(call: &Call) -> Answer {
    let text = |name: &str| call.parameter(name).map(str::to_owned);
    let ms = |name: &str| call.parameter(name).and_then(|ms| ms.parse().ok());
    let filter = Filter {
        app: text("app"),
        stream: text("stream"),
        state: call.parameter("state").and_then(State::of_word),
        from_ms: ms("from_ms"),
        to_ms: ms("to_ms"),
        hidden: call.parameter("hidden") != Some("false"),
    };
    let limit = call.limit();
    let page = Page { before: text("before"), limit: limit + 1 };
    let mut found = call.wait(store(call)?.index.list(&filter, &page)).map_err(|error| broken(&error))?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.id.clone());
    Ok(Response::json(200, &RecordingList { recordings: found.iter().map(recording).collect(), next }))
}

/// One of them.
pub(super) fn one(call: &Call) -> Answer {
    let index = &store(call)?.index;
    let found = find(call, id(call))?;
    let parts = call.wait(index.parts(&found.id)).map_err(|error| broken(&error))?;
    let files = RecordingFiles { recording: recording(&found), parts: parts.iter().map(part).collect() };
    Ok(Response::json(200, &files))
}

/// Starts one.
pub(super) fn start(call: &Call) -> Answer {
    let wish: RecordWish = call.body()?;
    check(&wish.app.0, &wish.stream.0)?;
    let name = hub::Name::new(&format!("{}/{}", wish.app.0, wish.stream.0));
    let usual = Options::default();
    let options = Options {
        formats: wish
            .formats
            .map_or(usual.formats, |formats| formats.into_iter().map(Format::from).collect()),
        interval_minutes: wish.interval_minutes.map_or(usual.interval_minutes, |number| number.0),
        max_size_mb: wish.max_size_mb.map_or(usual.max_size_mb, |number| number.0),
        retention_days: wish
            .retention_days
            .and_then(|number| u32::try_from(number.0).ok())
            .unwrap_or(usual.retention_days),
        gap_seconds: wish.gap_seconds.map_or(usual.gap_seconds, |number| number.0),
    };
    let app = &call.app;
    let started = app.records.start(&app.hub, &name, options, app.clock.unix_ms());
    let id = started.map_err(|error| refuse(&error))?;
    call.wait(app.records.settled(&id));
    match find(call, &id) {
        Ok(found) => Ok(Response::json(201, &recording(&found))),
        // The disk takes nothing, which was found out only now.
        Err(absent) => Err(app.records.alert().map_or(absent, |alert| blocked(&alert.failure))),
    }
}

/// Ends one.
pub(super) fn stop(call: &Call) -> Answer {
    order(call, call.app.records.stop(id(call)))
}

/// Pauses one.
pub(super) fn pause(call: &Call) -> Answer {
    order(call, call.app.records.set_paused(id(call), true))
}

/// Lets one go on.
pub(super) fn resume(call: &Call) -> Answer {
    order(call, call.app.records.set_paused(id(call), false))
}

/// Deletes one.
pub(super) fn delete(call: &Call) -> Answer {
    store(call)?;
    let id = id(call);
    if call.app.records.is_open(id) {
        return Err(in_progress());
    }
    match call.wait(call.app.records.delete(id)) {
        Ok(true) => Ok(Response::empty(204)),
        Ok(false) => Err(absent()),
        Err(error) => Err(broken(&error)),
    }
}

/// Deletes those that are over their time.
pub(super) fn prune(call: &Call) -> Answer {
    store(call)?;
    let deleted = call.wait(call.app.records.prune(call.app.clock.unix_ms()));
    Ok(Response::json(200, &Pruned { deleted: deleted.map_err(|error| broken(&error))? }))
}

/// Begins to make the index again.
pub(super) fn reindex(call: &Call) -> Answer {
    store(call)?;
    call.app.records.begin_reindex(&call.app);
    storage(call).map(|_| Response::json(202, &state_of_storage(call)))
}

/// Where they are.
pub(super) fn storage(call: &Call) -> Answer {
    Ok(Response::json(200, &state_of_storage(call)))
}

fn state_of_storage(call: &Call) -> Storage {
    let records = &call.app.records;
    let (root, space, reindex) = (records.root(), records.space(), records.reindex());
    Storage {
        available: root.is_ok(),
        message: root.err().map(str::to_owned),
        folder: root.ok().map(|root| root.display().to_string()),
        free_bytes: space.map(|space| space.free),
        total_bytes: space.map(|space| space.total),
        open: records.open(),
        alert: records.alert().map(|alert| StorageAlert {
            code: alert.failure.code(),
            message: alert.failure.to_string(),
            message_zh: alert.failure.message_zh(),
            since: rfc3339(alert.since_ms),
        }),
        reindex: ReindexState {
            running: reindex.running,
            done: reindex.done,
            total: reindex.total,
            recordings: reindex.outcome.map(|outcome| outcome.recordings),
            unreadable: reindex.outcome.map(|outcome| outcome.unreadable),
            forgotten: reindex.outcome.map(|outcome| outcome.forgotten),
        },
        objects: objects(call),
    }
}

fn objects(call: &Call) -> Option<ObjectStore> {
    let storage = &call.app.storage;
    let (figures, backlog) = (storage.figures(), storage.figures().backlog());
    Some(ObjectStore {
        bucket: storage.bucket()?.to_owned(),
        waiting_files: backlog.waiting_files,
        waiting_bytes: backlog.waiting_bytes,
        local_bytes: backlog.local_bytes,
        stored_files: figures.files.load(Ordering::Relaxed),
        sent_bytes: figures.bytes.load(Ordering::Relaxed),
        alert: figures.alert().map(|alert| StorageAlert {
            code: alert.failure.code(),
            message: alert.failure.to_string(),
            message_zh: alert.failure.message_zh(),
            since: rfc3339(alert.since_ms),
        }),
    })
}

/// What is known after an order was carried out.
fn order(call: &Call, done: Result<(), OrderError>) -> Answer {
    store(call)?;
    let id = id(call);
    if let Err(OrderError::NotOpen) = done {
        find(call, id)?;
        return Err(Response::error(
            409,
            "over",
            "this recording is over: begin another one",
            "该录制已结束：请开始新的录制",
        ));
    }
    call.wait(call.app.records.settled(id));
    Ok(Response::json(200, &recording(&find(call, id)?)))
}

pub(super) fn id(call: &Call) -> &str {
    call.names.first().map(String::as_str).unwrap_or_default()
}

fn store(call: &Call) -> Result<&Store, Response> {
    call.app.records.store().map_err(unavailable)
}

pub(super) fn find(call: &Call, id: &str) -> Result<Recording, Response> {
    call.wait(store(call)?.index.find(id)).map_err(|error| broken(&error))?.ok_or_else(absent)
}

fn refuse(error: &StartError) -> Response {
    match error {
        StartError::NotOnAir => Response::error(
            404,
            "not_on_air",
            "nobody publishes this stream: begin when it is on air, or write a [[record]] for it",
            "没有人在推这路流：请开播后再录制，或在配置里写 [[record]]",
        ),
        StartError::Exists(id) => Response::error(
            409,
            "exists",
            &format!("this stream is being recorded already, as {id}"),
            &format!("该流正在录制：{id}"),
        ),
        StartError::Unavailable(why) => unavailable(why),
        StartError::Blocked(failure) => blocked(failure),
    }
}

fn unavailable(why: &str) -> Response {
    let en = format!("this server does not record: {why}");
    Response::error(503, "no_recordings", &en, "此服务器没有开启录制：需要可写的数据目录，详见日志")
}

fn blocked(failure: &Failure) -> Response {
    Response::error(503, failure.code(), &failure.to_string(), &failure.message_zh())
}

fn absent() -> Response {
    Response::error(404, "no_recording", "there is no recording with this id", "没有这个编号的录制")
}

fn in_progress() -> Response {
    Response::error(
        409,
        "in_progress",
        "this recording is in progress: stop it first",
        "该录制正在进行：请先停止",
    )
}

fn broken(error: &dyn std::fmt::Display) -> Response {
    Response::error(
        500,
        "index",
        &format!("the index of recordings does not answer: {error}"),
        "录制索引无法访问，详见 message",
    )
}

fn recording(found: &Recording) -> RecordingState {
    RecordingState {
        id: found.id.clone(),
        app: found.app.clone(),
        stream: found.stream.clone(),
        state: found.state.word(),
        reason: found.reason.clone(),
        started_at: rfc3339(found.started_ms),
        started_ms: found.started_ms,
        ended_at: found.ended_ms.map(rfc3339),
        duration_ms: found.duration_ms,
        bytes: found.bytes,
        codecs: found.codecs.split(',').filter(|codec| !codec.is_empty()).map(str::to_owned).collect(),
        gaps: found.gaps,
        hidden: found.hidden,
        expires_at: found.expires_ms.map(rfc3339),
        views: found.watched.views,
        bytes_sent: found.watched.bytes,
    }
}

fn part(found: &Part) -> RecordingPart {
    RecordingPart {
        number: found.number,
        format: found.format.word(),
        path: found.path.clone(),
        started_at: rfc3339(found.wall_ms),
        start_ms: found.start_ms,
        duration_ms: found.duration_ms,
        bytes: found.bytes,
        state: PartState::word(found.state),
        object: found.object_key.clone(),
    }
}
