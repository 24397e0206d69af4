//! A player's requests for HLS.

mod past;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use control::query::Query;
use hub::{Name, Phase, Stream};
use media::codec::{Codec, rfc6381};
use media::hls::{Bandwidth, Multivariant, Variant};
use media::sample::Config;
use subtle::ConstantTimeEq as _;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::audience::{Origin, Turned, Viewer};
use super::packager::Packager;
use super::shelf::{About, Fault, Look, Shelf};
use super::token::{Token, Tokens};
use super::url::{self, Named, What};
use super::{Container, Hls};
use crate::app::App;
use crate::http::head::{Head, Method};
use crate::http::response::Response;
use crate::http::router::not_found;
use crate::http::viewer::{self, Client, How};
use crate::shift::{Shift, Stretch};

/// The media type of playlists.
const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";

/// A playlist is old after this time; a cache may keep it so long.
const PLAYLIST_CACHE: &str = "public, max-age=1";

/// Names of files are never used again.
const FILE_CACHE: &str = "public, max-age=31536000, immutable";

/// How long the first sample of a stream that is on air is waited for.
const START_WAIT: Duration = Duration::from_secs(10);

/// How much more than its mean over the newest group a stream is said to need, before a segment tells better.
const PEAK_PERCENT: u64 = 130;

/// The parameter that holds the token.
const TOKEN: &str = "s";

/// What viewers over this connection are counted as.
fn wire(client: Client) -> &'static str {
    if client.is_tls { "hlss" } else { "hls" }
}

/// Answers a request.
pub async fn answer(app: &App, head: &Head, named: &Named, client: Client) -> Response {
    if !app.hls.settings.enabled {
        return not_found();
    }
    let asked = match Request::new(app, head, named, client) {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    let answer = match named.what {
        What::Multivariant { container, inside } => asked.multivariant(container, inside).await,
        What::Playlist(container) => asked.playlist(container).await,
        What::File(container, name) => asked.file(container, name).await,
    };
    answer.unwrap_or_else(|refusal| refusal)
}

/// The stream in the hub that an address names, if whoever asks may play it.
pub async fn admit(app: &App, head: &Head, named: &Named, client: Client) -> Result<Name, Response> {
    if !app.hls.settings.enabled {
        return Err(not_found());
    }
    Request::new(app, head, named, client)?.admit(How::Polling).await
}

/// Answers whoever was admitted and asks for a stretch of what was, from memory; `None` when nothing of it is left.
pub async fn stretch(
    app: &App,
    head: &Head,
    named: &Named,
    client: Client,
    name: &Name,
    stretch: Stretch,
) -> Option<Response> {
    match Request::new(app, head, named, client).and_then(|asked| asked.stretch(name, stretch)) {
        Ok(answer) => answer,
        Err(refusal) => Some(refusal),
    }
}

/// One request.
struct Request<'a> {
    app: &'a App,
    hls: &'a Hls,
    head: &'a Head,
    named: &'a Named,
    query: Query,
    client: Client,
}

/// An answer, or one that says why not.
type Answer = Result<Response, Response>;

impl<'a> Request<'a> {
    fn new(app: &'a App, head: &'a Head, named: &'a Named, client: Client) -> Result<Request<'a>, Response> {
        if let Some((header, secret)) = &app.hls.settings.cdn {
            let given = head.header(header).unwrap_or_default();
            if !bool::from(given.as_bytes().ct_eq(secret.expose().as_bytes())) {
                let message = "this server answers its CDN only: play from the CDN's address";
                return Err(Response::error(
                    403,
                    "cdn_only",
                    message,
                    "本服务器只应答 CDN：请用 CDN 的地址播放",
                ));
            }
        }
        let query = Query::parse(&head.query)
            .map_err(|error| Response::error(400, "bad_query", &error.to_string(), &error.message_zh()))?;
        Ok(Request { app, hls: &app.hls, head, named, query, client })
    }

    /// Asks whether it may.
    async fn admit(&self, how: How<'_>) -> Result<Name, Response> {
        let stream = (self.named.app.as_str(), self.named.stream.as_str());
        let wire = wire(self.client);
        let admitted = viewer::admit_as(self.app, self.head, stream, self.client, wire, how).await?;
        Ok(admitted.name)
    }

    /// The playlist that a player is given: signed as every play address.
    async fn multivariant(&self, container: Option<Container>, inside: bool) -> Answer {
        // Each player gets a token of its own, under which it is known from here on.
        let token = self.issue()?;
        let name = self.admit(How::As(&token.client())).await?;
        let wanted = match Shift::of(&self.query)? {
            Shift::Delay(seconds) => {
                self.delay_ms(seconds)?;
                format!("&delay={seconds}")
            }
            Shift::Live | Shift::Stretch(_) => String::new(),
        };
        let stream = self.on_air(&name).await?;
        let container = self.choose(container, &stream)?;
        let packager = self.hls.package(&stream, container);
        packager.touch(self.hls.clock.now_ms());
        let look = self.until(&packager.shelf, START_WAIT, Shelf::about).await?;
        self.lead_to(&packager, look, inside, &wanted, token)
    }

    /// A playlist with one variant: what the packager makes, asked for with these parameters more.
    fn lead_to(
        &self,
        packager: &Packager,
        look: Look<(About, Option<Bandwidth>)>,
        inside: bool,
        wanted: &str,
        token: Token,
    ) -> Answer {
        let (stream, container) = (&packager.stream, packager.container);
        let (about, bandwidth) = found(look, container)?;
        let token = self.hls.tokens.write(stream.name(), token);
        let mean = stream.summary().bits_per_second.max(1);
        let peak = mean.saturating_mul(PEAK_PERCENT) / 100;
        let picture = about.tracks.iter().find(|track| track.width.is_some());
        let variant = Variant {
            uri: format!("{}?{TOKEN}={token}{wanted}", url::playlist(&self.named.stream, container, inside)),
            bandwidth: bandwidth.map_or(peak, |bandwidth| bandwidth.peak.max(peak)),
            average_bandwidth: Some(bandwidth.map_or(mean, |bandwidth| bandwidth.average)),
            codecs: rfc6381::codecs(&about.tracks),
            resolution: picture.and_then(|track| track.width.zip(track.height)),
            frame_rate: about.frame_rate,
        };
        let playlist = Multivariant { independent_segments: false, variants: vec![variant] };
        Ok(Response::bytes(200, PLAYLIST_TYPE, playlist.to_string()).with("Cache-Control", "no-store"))
    }

    fn issue(&self) -> Result<Token, Response> {
        Tokens::issue(self.hls.clock.unix_seconds()).map_err(|_| Response::empty(500))
    }

    /// The list of segments: at once, or when there is what it asks for.
    async fn playlist(&self, container: Container) -> Answer {
        let name = self.name();
        let token = self.token(&name)?;
        let number = |parameter: &str| match self.query.get(parameter) {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| {
                let message = format!("{parameter} is not a number");
                Response::error(400, "bad_position", &message, &format!("{parameter} 不是数字"))
            }),
        };
        let (msn, part) = (number("_HLS_msn")?, number("_HLS_part")?);
        let skip = matches!(self.query.get("_HLS_skip"), Some("YES" | "v2"));
        let packager = self.packager(&name, container).await?;
        let viewer = self.viewer(token, &packager)?;
        let shelf = &packager.shelf;
        let late = match Shift::of(&self.query)? {
            Shift::Stretch(stretch) => Some(self.between(shelf, stretch, container)?),
            Shift::Delay(seconds) => Some(self.delayed(shelf, self.delay_ms(seconds)?, container).await?),
            Shift::Live if self.hls.settings.delay_ms > 0 => {
                Some(self.delayed(shelf, self.hls.settings.delay_ms, container).await?)
            }
            Shift::Live => None,
        };
        let list = match late {
            Some(list) => list,
            None => {
                let patience = shelf.patience_ms().map_or(START_WAIT, Duration::from_millis);
                found(self.until(shelf, patience, |shelf| shelf.list(msn, part, skip)).await?, container)?
            }
        };
        let query = match self.hls.settings.segment_tokens {
            true => format!("?{TOKEN}={}", self.hls.tokens.write(&name, token)),
            false => String::new(),
        };
        let text = list.with_query(&query);
        self.note(&packager, Some(&viewer), text.len() as u64);
        let mut hash = DefaultHasher::new();
        text.hash(&mut hash);
        let tag = format!("{:x}", hash.finish());
        let response = Response::bytes(200, PLAYLIST_TYPE, text).with_etag(&tag);
        Ok(response.with("Cache-Control", PLAYLIST_CACHE))
    }

    /// A segment, a part or an initialization: at once, or when it is made if it is the part that comes next.
    async fn file(&self, container: Container, file: media::hls::Name) -> Answer {
        let name = self.name();
        let viewer = if self.hls.settings.segment_tokens {
            let token = self.token(&name)?;
            let viewer = self.hls.audience.find(token).ok_or_else(|| {
                let message = "this viewer's session is over: reload the playlist, or open the stream again";
                Response::error(
                    403,
                    "session_over",
                    message,
                    "此观众的会话已结束：请重新加载播放列表，或重新打开",
                )
            })?;
            Some(viewer)
        } else {
            None
        };
        let packager = self.hls.find(&name, container).ok_or_else(gone)?;
        let patience = packager.shelf.patience_ms().map_or(START_WAIT, Duration::from_millis);
        let look = self.until(&packager.shelf, patience, |shelf| shelf.file(file)).await?;
        let body = found(look, container)?;
        if self.head.method != Method::Head
            && let Some(segment) = packager.shelf.handle_asked(file)
        {
            // This answer does not wait for it.
            let shelf = packager.shelf.clone();
            tokio::spawn(async move { shelf.copy(segment).await });
        }
        self.note(&packager, viewer.as_deref(), body.len());
        let response = Response::body(200, container.media_type(), body).with("Cache-Control", FILE_CACHE);
        Ok(response.with_etag(&url::file(container, file)))
    }

    fn name(&self) -> Name {
        Name::new(&format!("{}/{}", self.named.app, self.named.stream))
    }

    fn token(&self, name: &Name) -> Result<Token, Response> {
        let text = self.query.get(TOKEN).unwrap_or_default();
        self.hls.tokens.check(text, name, self.hls.clock.unix_seconds()).ok_or_else(|| {
            self.app.counts.refused("bad_token", wire(self.client));
            let message = "this address is not whole, or is over: open the stream's own .m3u8 address again";
            Response::error(403, "bad_token", message, "此地址不完整或已过期：请重新打开流的 .m3u8 地址")
        })
    }

    async fn on_air(&self, name: &Name) -> Result<Arc<Stream>, Response> {
        viewer::on_air(self.app, self.head, name, wire(self.client)).await
    }

    /// The container that the address names.
    fn asked(&self, of_path: Option<Container>) -> Result<Option<Container>, Response> {
        match self.query.get("container") {
            None | Some("") => Ok(of_path),
            Some(name) => Container::named(name).map(Some).ok_or_else(|| {
                let message = "container is fmp4 or ts";
                Response::error(400, "bad_container", message, "container 应为 fmp4 或 ts")
            }),
        }
    }

    /// The container that the address names. Where it names none, the configured one, or the other if that carries what
    /// the configured one does not.
    fn choose(&self, of_path: Option<Container>, stream: &Stream) -> Result<Container, Response> {
        let asked = self.asked(of_path)?;
        let configs = stream.headers().configs.clone();
        let codecs: Vec<Codec> =
            configs.iter().filter_map(Config::of).map(|config| config.info.codec).collect();
        let odd = |container: Container| codecs.iter().copied().find(|codec| !container.carries(*codec));
        let container = asked.unwrap_or_else(|| self.hls.container_of(stream));
        match odd(container) {
            Some(codec) => Err(refuse(container, codec)),
            None => Ok(container),
        }
    }

    /// The packager that this playlist is of. After a restart, or when nobody asked for a while, it is started again.
    async fn packager(&self, name: &Name, container: Container) -> Result<Arc<Packager>, Response> {
        let known = self.hls.find(name, container).filter(|packager| !packager.shelf.has_failed());
        if let Some(packager) = known {
            // One of a stream that is over has its end until another stream of this name comes.
            let is_over = packager.stream.phase() == Phase::Ended;
            let next = self.app.hub.find(name).filter(|stream| stream.phase() == Phase::OnAir);
            if !is_over || next.is_none() {
                return Ok(packager);
            }
        }
        let stream = self.on_air(name).await?;
        self.choose(Some(container), &stream)?;
        Ok(self.hls.package(&stream, container))
    }

    fn viewer(&self, token: Token, packager: &Packager) -> Result<Arc<Viewer>, Response> {
        let agent = self.head.header("user-agent").unwrap_or_default();
        let origin = Origin { wire: wire(self.client), peer: self.client.peer, agent };
        let (now_ms, closed) = (self.hls.clock.now_ms(), self.app.drain.is_on());
        let stream = &packager.stream;
        let watch = self.hls.audience.watch(token, stream, &self.app.sessions, origin, now_ms, closed);
        watch.map_err(|turned| match turned {
            Turned::Dismissed => {
                let message = "an operator ended this viewer's session";
                Response::error(403, "dismissed", message, "管理员已结束此观众的会话")
            }
            Turned::Full => {
                let message = "the server has as many HLS viewers as it may";
                Response::error(503, "too_many_viewers", message, "服务器的 HLS 观众数已达上限")
            }
            Turned::Draining => {
                let message =
                    "this server is about to stop: connect again, to another one or after its restart";
                Response::error(503, "draining", message, "服务器即将停止：请重新连接")
            }
        })
    }

    /// Looks again at every change, for so long at most.
    async fn until<T>(
        &self,
        shelf: &Shelf,
        patience: Duration,
        look: impl Fn(&Shelf) -> Look<T>,
    ) -> Result<Look<T>, Response> {
        let deadline = Instant::now() + patience;
        let mut news = shelf.news();
        let mut permit = None;
        loop {
            let found = look(shelf);
            if !matches!(found, Look::Coming) {
                return Ok(found);
            }
            if permit.is_none() {
                permit = Some(self.permit()?);
            }
            // The sender is in the shelf, so the channel is open.
            if timeout_at(deadline, news.changed()).await.is_err() {
                let message = "the publisher sends nothing at this moment: ask again";
                return Err(Response::error(503, "nothing_new", message, "推流端暂时没有数据：请稍后重试"));
            }
        }
    }

    /// The right to wait.
    fn permit(&self) -> Result<SemaphorePermit<'_>, Response> {
        self.hls.waiting.try_acquire().map_err(|_| {
            let message = "too many requests wait for the next segment";
            Response::error(503, "too_many_waiting", message, "等待下一个分片的请求过多")
        })
    }

    /// Takes note of an answer.
    fn note(&self, packager: &Packager, viewer: Option<&Viewer>, bytes: u64) {
        let now_ms = self.hls.clock.now_ms();
        packager.touch(now_ms);
        if let Some(viewer) = viewer {
            viewer.touch(now_ms, packager.shelf.patience_ms().unwrap_or_default() / 3);
            if self.head.method != Method::Head {
                viewer.add_bytes(bytes);
            }
        }
    }
}

/// What was looked for, or the answer that says why it is not there.
fn found<T>(look: Look<T>, container: Container) -> Result<T, Response> {
    match look {
        Look::Here(found) => Ok(found),
        Look::Coming | Look::Absent => Err(gone()),
        Look::Refused => {
            let message = "_HLS_msn and _HLS_part name what is too far ahead";
            Err(Response::error(400, "bad_position", message, "_HLS_msn、_HLS_part 超出范围"))
        }
        Look::Fault(Fault::Codec(codec)) => Err(refuse(container, codec)),
        Look::Fault(Fault::Broken) => {
            let message = "packaging this stream failed: see the server's log, and play again";
            Err(Response::error(
                500,
                "packaging_failed",
                message,
                "此流打包失败：请查看服务器日志，再重新播放",
            ))
        }
    }
}

fn gone() -> Response {
    let message = "this file is not there any more, or not yet: reload the playlist";
    Response::error(404, "not_found", message, "此文件已过期或尚未生成：请重新加载播放列表")
}

fn refuse(container: Container, codec: Codec) -> Response {
    let (title, name) = (container.title(), codec.name());
    let (hint, hint_zh) = if container.other().carries(codec) {
        let other = container.other().name();
        (format!("play it with ?container={other}"), format!("请用 ?container={other} 播放"))
    } else {
        (
            "play it over RTMP or HTTP-FLV, or have the encoder send H.264 and AAC".to_owned(),
            "请用 RTMP 或 HTTP-FLV 播放，或让编码器发送 H.264 和 AAC".to_owned(),
        )
    };
    let message = format!("{title} segments cannot carry {name}: {hint}");
    let message_zh = format!("{title} 分片不能承载 {name}：{hint_zh}");
    Response::error(415, "codec_not_carried", &message, &message_zh)
}
