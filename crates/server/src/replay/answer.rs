//! A viewer's request for a replay.

use std::io;
use std::path::Path;
use std::sync::Arc;

use control::query::Query;
use media::hls::MediaPlaylist;

use super::flv::{self, Flv};
use super::held::{self, Known, Shown};
use super::kept::Place;
use super::made::{NoFile, Wanted};
use super::pictures::{self, GRID, Grid, Written};
use super::plain::Plain;
use super::span::{BadSpan, Span};
use super::url::{self, Named, What};
use super::{Replays, playlist};
use crate::app::App;
use crate::http::body::Body;
use crate::http::conditional;
use crate::http::head::{Head, Method};
use crate::http::response::Response;
use crate::http::viewer::{self, Client, How};
use crate::read_at::ReadAt;
use crate::snapshot;
use crate::storage::Opener;
use crate::store::{Format, Index, Part, PartState, Recording};

/// The parameter that holds the token.
pub const TOKEN: &str = "s";

/// The parameter that says whose times the list of small pictures has: the recording's, or with [`CLOCK_WALL`] those of the
/// clock since its beginning.
pub(super) const CLOCK: &str = "clock";

/// See [`CLOCK`].
pub(super) const CLOCK_WALL: &str = "wall";

/// What will not change any more may be kept for a day; then it is asked for again, as it may have been deleted.
const KEEP: &str = "public, max-age=86400";

/// The wire's name among the refusals.
const WIRE: &str = "replay";

/// Answers it.
pub async fn answer(app: &App, head: &Head, named: &Named, client: Client) -> Response {
    make(app, head, named, client).await.unwrap_or_else(Failure::into_response)
}

/// Why there is no replay.
enum Failure {
    /// The rules refuse it.
    Refused(Response),
    /// There is no such recording, or it is not shown.
    Absent,
    /// Its files are no longer there.
    Gone,
    /// `from` or `to` is no time.
    BadSpan,
    /// It cannot be one file.
    NotOne(&'static str, &'static str, &'static str),
    /// No picture can be made of it.
    NoPicture(snapshot::Failure),
    /// The index or a file cannot be read.
    Broken(String),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Failure {
        Failure::Broken(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::NotFound => Failure::Gone,
            _ => Failure::Broken(error.to_string()),
        }
    }
}

impl From<snapshot::Failure> for Failure {
    fn from(failure: snapshot::Failure) -> Failure {
        Failure::NoPicture(failure)
    }
}

impl From<BadSpan> for Failure {
    fn from(_: BadSpan) -> Failure {
        Failure::BadSpan
    }
}

impl From<NoFile> for Failure {
    fn from(no_file: NoFile) -> Failure {
        match no_file {
            NoFile::PartsDiffer => Failure::NotOne(
                "parts_differ",
                "the parts of this recording have different codecs or sizes, so they are no one file: play the .m3u8, or ask for a time range within one part",
                "这段录像各部分的编码或尺寸不同，无法合成一个文件：请播放 .m3u8，或只取其中一部分的时间范围",
            ),
            NoFile::TooLong => Failure::NotOne(
                "too_long",
                "the recording is too long for one file: play the .m3u8, or ask for a shorter time range with from and to",
                "录像太长，无法合成一个文件：请播放 .m3u8，或用 from、to 取较短的一段",
            ),
            NoFile::Empty => {
                Failure::NotOne("empty", "there is nothing in that time range", "这个时间范围里没有内容")
            }
            NoFile::Unreadable(error) => error.into(),
        }
    }
}

impl Failure {
    fn into_response(self) -> Response {
        match self {
            Failure::Refused(response) => response,
            Failure::Absent => Response::error(
                404,
                "no_recording",
                "there is no recording at this address: see `weir recordings list`",
                "此地址没有录像：见 `weir recordings list`",
            ),
            Failure::Gone => Response::error(
                410,
                "recording_gone",
                "the files of this recording are no longer there",
                "这段录像的文件已不存在",
            ),
            Failure::BadSpan => Response::error(
                400,
                "bad_time",
                "from and to are seconds from the beginning, such as 90.5, or times such as 2026-01-31T20:00:00Z, and from comes first",
                "from、to 是从开头算起的秒数（如 90.5）或时间（如 2026-01-31T20:00:00+08:00），且 from 在前",
            ),
            Failure::NotOne(code, message, zh) => Response::error(409, code, message, zh),
            Failure::NoPicture(failure) => failure.response(),
            Failure::Broken(error) => unreadable(&error),
        }
    }
}

async fn make(app: &App, head: &Head, named: &Named, client: Client) -> Result<Response, Failure> {
    let replays = &app.replays;
    // A query that is none is refused with the reason by admission.
    let query = Query::parse(&head.query).unwrap_or_default();
    let now = app.clock.unix_seconds();
    let held = query.get(TOKEN).filter(|token| replays.tokens.is_good(token, &named.id, now));
    if held.is_none() {
        // As for a live stream.
        viewer::admit_as(app, head, (url::APP, &named.id), client, WIRE, How::Polling)
            .await
            .map_err(Failure::Refused)?;
    }
    let (Ok(store), Ok(root)) = (app.records.store(), app.records.root()) else {
        return Err(Failure::Absent);
    };
    let from = Opener { root: root.to_owned(), storage: app.storage.clone() };
    let index = &store.index;
    let recording =
        index.find(&named.id).await?.filter(|recording| !recording.hidden).ok_or(Failure::Absent)?;
    let shown = held::shown(app, index, recording).await?;
    let parts = shown.parts();
    let Shown { recording, files: all } = shown;
    let token = || held.map_or_else(|| replays.tokens.issue(&named.id, now), str::to_owned);
    let response = match named.what {
        What::Playlist => {
            let span = Span::of(&query, &parts)?;
            let uri =
                |part: &Part, token: &str| format!("{}/{}?{TOKEN}={token}", named.id, url::file(part.number));
            if recording.state.is_open() && held.is_none() {
                // It is loaded again and again as it grows: with a token, so that each viewer is counted once.
                let wanted: String = ["from", "to"]
                    .iter()
                    .filter_map(|name| Some(format!("&{name}={}", encoded(query.get(name)?))))
                    .collect();
                let again = format!("{}.m3u8?{TOKEN}={}{wanted}", named.id, token());
                return Ok(whole(playlist::of_one(&recording, again).to_string()));
            }
            let list = list(index, &recording, parts, span, |part| uri(part, &token())).await?;
            whole(list.to_string())
        }
        What::Part(number) => {
            let part = parts.iter().find(|part| part.number == number).ok_or(Failure::Absent)?;
            file(from, part, "video/mp4").await?
        }
        What::Poster | What::Thumbnails | What::Sheet(..) => {
            let known = held::known(index, parts).await?;
            pictured(app, &from, &recording, known, named.what, &query, &token()).await?
        }
        What::Mp4 | What::Flv => {
            let span = Span::of(&query, &parts)?;
            let (format, media_type) = match named.what {
                What::Flv => (Format::Flv, "video/x-flv"),
                _ => (Format::Mp4, "video/mp4"),
            };
            let recorded: Vec<&Part> = all.iter().filter(|part| part.format == format).collect();
            let response = match (recorded.as_slice(), parts.as_slice()) {
                // One that was recorded is the whole where there is one part.
                ([one], [_]) if span == Span::ALL && one.state != PartState::Open => {
                    file(from, one, media_type).await?
                }
                _ => {
                    let known = held::known(index, parts).await?;
                    let one = One { recording: &recording, parts: known, span, format, root };
                    one_file(replays, from, one, media_type).await?
                }
            };
            named_file(response, &recording, format)
        }
    };
    let response = conditional::answer(head, response);
    let is_view = held.is_none() && begins(head, named.what);
    let bytes = if head.method == Method::Head { 0 } else { response.length() };
    replays.figures.note(&store.writer, &recording.id, is_view && response.status() < 300, bytes);
    Ok(response)
}

/// The answer when the index or a file cannot be read; why, is for the operator.
pub fn unreadable(error: &str) -> Response {
    tracing::error!(error, "a replay cannot be read");
    Response::error(
        500,
        "recording_unreadable",
        "the recording cannot be read: the server's log says why",
        "录像无法读取：原因见服务器日志",
    )
}

/// Whether a request is the first of a viewer's: of a file, the one that asks for its beginning.
fn begins(head: &Head, what: What) -> bool {
    let from_start = head.header("range").is_none_or(|range| range.trim().starts_with("bytes=0-"));
    let is_media = matches!(what, What::Playlist | What::Mp4 | What::Flv);
    head.method == Method::Get && is_media && from_start
}

fn whole(playlist: String) -> Response {
    // A token in it is one viewer's.
    Response::bytes(200, "application/vnd.apple.mpegurl", playlist).with("Cache-Control", "no-store")
}

async fn list(
    index: &Index,
    recording: &Recording,
    parts: Vec<Part>,
    span: Span,
    uri: impl Fn(&Part) -> String,
) -> Result<MediaPlaylist, Failure> {
    let touched = parts.into_iter().filter(|part| span.touches(part.start_ms, playlist::end_ms(part)));
    let known = held::known(index, touched.collect()).await?;
    Ok(playlist::of(&known, recording.state.is_open(), span, uri))
}

/// Its pictures.
async fn pictured(
    app: &App,
    from: &Opener,
    recording: &Recording,
    parts: Vec<Known>,
    what: What,
    query: &Query,
    token: &str,
) -> Result<Response, Failure> {
    let (pictures, snapshots, id) = (&app.replays.pictures, &app.snapshots, &recording.id);
    let caching = if recording.state.is_open() { "max-age=60" } else { KEEP };
    let total_ms = parts.iter().map(|(part, _)| part.duration_ms).sum();
    let grid = Grid::new(total_ms, recording.state.is_open());
    let jpeg = match what {
        What::Sheet(part, number) => {
            let is_other = query.get(GRID).is_some_and(|asked| asked != grid.to_string());
            let plans = if is_other { Vec::new() } else { pictures::plans(&parts, grid) };
            let plan = plans.iter().find(|plan| (plan.part, plan.number) == (part, number));
            pictures.sheet(snapshots, from, id, &parts, plan.ok_or(Failure::Absent)?).await?.jpeg.clone()
        }
        What::Poster => pictures.poster(snapshots, from, id, &parts).await?,
        _ => {
            let by_clock = query.get(CLOCK) == Some(CLOCK_WALL);
            let written = Written {
                query: &format!("?{TOKEN}={token}"),
                clock_from: by_clock.then_some(recording.started_ms),
            };
            let list = pictures.list(snapshots, from, id, &parts, grid, written).await?;
            // A token in it is one viewer's.
            return Ok(
                Response::bytes(200, "text/vtt; charset=utf-8", list).with("Cache-Control", "no-store")
            );
        }
    };
    Ok(Response::bytes(200, "image/jpeg", jpeg).with("Cache-Control", caching))
}

/// A recorded file, as far as it goes.
async fn file(from: Opener, part: &Part, media_type: &str) -> Result<Response, Failure> {
    let wanted = part.clone();
    let opened = tokio::task::spawn_blocking(move || from.open(&wanted));
    let file = opened.await.map_err(io::Error::other)??;
    let body = Body::File { file, range: 0..part.bytes };
    let tag = format!("{}-{}-{:x}", part.recording, part.number, part.bytes);
    let caching = if part.state == PartState::Open { "no-store" } else { KEEP };
    Ok(Response::body(200, media_type, body).with_etag(&tag).with("Cache-Control", caching))
}

/// All parts of a recording, or what of them is in the span, as one file.
struct One<'a> {
    recording: &'a Recording,
    parts: Vec<Known>,
    span: Span,
    /// MP4 or FLV.
    format: Format,
    root: &'a Path,
}

async fn one_file(
    replays: &Replays,
    from: Opener,
    one: One<'_>,
    media_type: &'static str,
) -> Result<Response, Failure> {
    let One { recording, parts, span, format, root } = one;
    let bytes = parts.iter().map(|(part, _)| part.bytes).sum();
    let wanted = Wanted { id: recording.id.clone(), span, bytes };
    let tag = format!("{}-{}-{}-{}-{bytes:x}", recording.id, format.word(), span.from_ms, span.to_ms);
    let place = Place::of(root, recording, &parts, format.word()).filter(|_| span == Span::ALL);
    let (file, len): (Arc<dyn ReadAt>, u64) = if format == Format::Flv {
        let make = move || flv::Plan::make(&from, &parts, span, place.as_ref());
        let plan = replays.flvs.get(wanted, make).await?;
        let len = plan.len();
        (Arc::new(Flv::new(plan)), len)
    } else {
        let make = move || Plain::make(&from, &parts, span, place.as_ref());
        let plain = replays.plains.get(wanted, make).await?;
        let len = plain.len();
        (plain, len)
    };
    let caching = if recording.state.is_open() { "no-store" } else { KEEP };
    let body = Body::File { file, range: 0..len };
    Ok(Response::body(200, media_type, body).with_etag(&tag).with("Cache-Control", caching))
}

/// Names the file for whoever saves it. Stream names are letters, digits and a few signs.
fn named_file(response: Response, recording: &Recording, format: Format) -> Response {
    let when: String =
        crate::time::rfc3339(recording.started_ms).chars().filter(|c| !"-:Z".contains(*c)).collect();
    let extension = if format == Format::Flv { "flv" } else { "mp4" };
    let name: String =
        recording.stream.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
    response.with("Content-Disposition", format!("inline; filename=\"{name}-{when}.{extension}\""))
}

/// A value of a query as it may stand in one.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
