//! `/api/v1/rooms`: rooms made, described, started, ended; their addresses; and what a page is told of one.

mod state;
mod wish;

use control::room::about::{About, Host, TITLE_MAX};
use control::room::is_id;
use control::room::message::TEXT_MAX;
use control::room::settings::{ROOM_RATE_MAX, SLOW_MAX, Settings};
use control::room::show::{Happening, Refused, State};
use serde_json::{Value, json};

use state::{host_state, state};
use wish::apply;
pub(super) use wish::{author, line, url, user};

use super::call::{Answer, Call, bad};
use super::fault::Fault;
use super::messages::flush;
use super::once;
use super::room_replays;
use super::shape::{Schemas, Shape, Span, shape};
use super::text::{Avatar, Line, PersonName, RoomId, StreamPath, UserId, Web, When, Within};
use crate::address::{self, Ends, Maker, Path};
use crate::http::response::Response;
use crate::identity::Verified;
use crate::room::{self, Act, By};
use crate::store::Rooms;
use crate::store::rooms::{self as kept, After, Audit};
use crate::time::rfc3339;

/// Most messages of one person per second that a room may allow.
const USER_RATE_MAX: u32 = 100;

/// Most messages at once.
const BURST_MAX: u32 = 1_000;

/// Any JSON object: what it holds is between the operator's programs.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Free(pub(super) serde_json::Map<String, Value>);

impl Shape for Free {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "object", "additionalProperties": true})
    }
}

/// A rank on the host's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Rank {
    Assistant,
    Cohost,
}

impl Shape for Rank {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "enum": ["assistant", "cohost"]})
    }
}

/// What an address of a room is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum For {
    Host,
    Viewer,
}

impl Shape for For {
    fn schema(_known: &mut Schemas) -> Value {
        json!({"type": "string", "enum": ["host", "viewer"]})
    }
}

shape! {
    /// A room to be made.
    in struct RoomWish {
        /// Its id: 1 to 64 letters, digits, `_` and `-`; one is made when left out.
        id: Option<RoomId>,
        /// What it is called.
        title: Line<TITLE_MAX>,
        /// Whose show it is.
        host: PersonWish,
        /// Who else is on the host's side; at most 50.
        crew: Option<Vec<CrewWish>>,
        /// Its stream, as APP/STREAM; `live/ID` when left out.
        stream: Option<StreamPath>,
        /// A picture before the show, as an http or https address.
        cover: Option<Web>,
        /// A picture for whoever passes it on; the cover when left out.
        share_image: Option<Web>,
        /// When it is to begin: shown to people, and no more.
        starts_at: Option<When>,
        /// From when on it may be pushed to.
        valid_from: Option<When>,
        /// Until when it may be pushed to; then it ends.
        valid_until: Option<When>,
        /// Its rules; what is left out has its usual value.
        settings: Option<RulesWish>,
        /// Whatever you keep with it: a JSON object of at most 4 KiB.
        custom: Option<Free>,
    }

    /// What is to change of a room. What is left out stays as it is.
    in struct RoomChange {
        /// What it is called.
        title: Option<Line<TITLE_MAX>>,
        /// Whose show it is.
        host: Option<PersonWish>,
        /// Who else is on the host's side, all of them.
        crew: Option<Vec<CrewWish>>,
        /// Its stream, as APP/STREAM.
        stream: Option<StreamPath>,
        /// A picture before the show; empty: none.
        cover: Option<Web>,
        /// A picture for whoever passes it on; empty: the cover.
        share_image: Option<Web>,
        /// When it is to begin; empty: not said.
        starts_at: Option<When>,
        /// From when on it may be pushed to; empty: from now.
        valid_from: Option<When>,
        /// Until when it may be pushed to; empty: for good.
        valid_until: Option<When>,
        /// Rules that change.
        settings: Option<RulesWish>,
        /// Whatever you keep with it, all of it.
        custom: Option<Free>,
    }

    /// A person.
    in struct PersonWish {
        /// Who, as in user tokens.
        id: UserId,
        /// Under which name.
        name: Option<PersonName>,
        /// With which picture, as an http or https address.
        avatar: Option<Avatar>,
    }

    /// Somebody of the host's side.
    in struct CrewWish {
        /// Who, as in user tokens.
        id: UserId,
        /// `assistant` keeps order; `cohost` is on stage as well.
        role: Rank,
    }

    /// Rules of a room.
    in struct RulesWish {
        /// Whether people without a token may be here; they read and like.
        guests: Option<bool>,
        /// Messages of one person per second, 1 to 100.
        user_per_second: Option<Within<1, USER_RATE_MAX>>,
        /// Messages of one person at once, 1 to 1,000.
        user_burst: Option<Within<1, BURST_MAX>>,
        /// Messages of all viewers per second, 1 to 500.
        room_per_second: Option<Within<1, ROOM_RATE_MAX>>,
        /// Messages of all viewers at once, 1 to 1,000.
        room_burst: Option<Within<1, BURST_MAX>>,
        /// Seconds between two messages of one viewer, to 3,600; 0: no slow mode.
        slow_seconds: Option<Within<0, SLOW_MAX>>,
        /// Longest text, in characters, 1 to 2,000.
        text_max: Option<Within<1, { TEXT_MAX as u32 }>>,
        /// Seconds within which a viewer may not say the same again, to 3,600; 0: they may.
        repeat_seconds: Option<Within<0, SLOW_MAX>>,
        /// Nobody but the host's side speaks.
        silent: Option<bool>,
        /// Whether viewers may like.
        likes: Option<bool>,
        /// Whether viewers may give.
        gifts: Option<bool>,
        /// Whether viewers may send pictures.
        images: Option<bool>,
    }

    /// Which addresses.
    in struct RoomAddressWish {
        /// `host`: to push, for the host alone. `viewer`: to play.
        role: For,
        /// How many seconds they are good for; `server.address_validity_seconds` when left out. They never outlive `valid_until`.
        expires_in: Option<Span>,
        /// Prefer RTMPS, HTTPS and WSS.
        tls: Option<bool>,
    }
}

shape! {
    /// A page of rooms, newest first.
    out struct RoomList {
        /// The rooms.
        rooms: Vec<RoomState>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<String>,
    }

    /// A room.
    out struct RoomState {
        /// Its id.
        id: String,
        /// What it is called.
        title: String,
        /// A picture before the show; empty: none.
        cover: String,
        /// A picture for whoever passes it on; empty: the cover.
        share_image: String,
        /// Whose show it is.
        host: PersonState,
        /// Who else is on the host's side.
        crew: Vec<CrewState>,
        /// Its stream, as APP/STREAM.
        stream: String,
        /// `scheduled`, `live`, `interrupted` (the push broke off and may come back), `ended` or `banned`.
        state: &'static str,
        /// When it is to begin.
        starts_at: Option<String>,
        /// From when on it may be pushed to.
        valid_from: Option<String>,
        /// Until when it may be pushed to.
        valid_until: Option<String>,
        /// When it went on air first.
        live_at: Option<String>,
        /// When it ended.
        ended_at: Option<String>,
        /// When it was made.
        created_at: String,
        /// Its rules.
        settings: Rules,
        /// The number of the pinned message.
        pinned: Option<u64>,
        /// Whatever you keep with it.
        custom: Free,
    }

    /// A person.
    out struct PersonState {
        /// Who.
        id: String,
        /// Under which name.
        name: String,
        /// With which picture; empty: none.
        avatar: String,
    }

    /// Somebody of the host's side.
    out struct CrewState {
        /// Who.
        id: String,
        /// `assistant` or `cohost`.
        role: &'static str,
    }

    /// Rules of a room.
    out struct Rules {
        /// Whether people without a token may be here.
        guests: bool,
        /// Messages of one person per second.
        user_per_second: u64,
        /// Messages of one person at once.
        user_burst: u32,
        /// Messages of all viewers per second.
        room_per_second: u64,
        /// Messages of all viewers at once.
        room_burst: u32,
        /// Seconds between two messages of one viewer; 0: no slow mode.
        slow_seconds: u64,
        /// Longest text, in characters.
        text_max: usize,
        /// Seconds within which a viewer may not say the same again.
        repeat_seconds: u64,
        /// Nobody but the host's side speaks.
        silent: bool,
        /// Whether viewers may like.
        likes: bool,
        /// Whether viewers may give.
        gifts: bool,
        /// Whether viewers may send pictures.
        images: bool,
    }

    /// Where the host pushes, or where viewers play. What does not belong to the role, or does not listen, is null.
    out struct RoomAddresses {
        /// Host: all of it.
        push: Option<String>,
        /// Host: what OBS calls the server.
        server: Option<String>,
        /// Host: what OBS calls the stream key.
        stream_key: Option<String>,
        /// Viewer: where to play.
        play: Option<PlayAddresses>,
        /// When they end; null when they are not signed.
        expires_at: Option<String>,
    }

    /// Where to play.
    out struct PlayAddresses {
        /// Over RTMP or RTMPS.
        rtmp: Option<String>,
        /// FLV over HTTP or HTTPS.
        flv: Option<String>,
        /// FLV over WebSocket.
        ws_flv: Option<String>,
        /// HLS over HTTP or HTTPS.
        hls: Option<String>,
    }

    /// A room, as anybody may know it.
    out struct PublicRoom {
        /// Its id.
        id: String,
        /// What it is called.
        title: String,
        /// A picture before the show; empty: none.
        cover: String,
        /// A picture for whoever passes it on; empty: the cover.
        share_image: String,
        /// Whose show it is.
        host: PersonState,
        /// `scheduled`, `live`, `interrupted`, `ended` or `banned`.
        state: &'static str,
        /// When it is to begin.
        starts_at: Option<String>,
        /// When it went on air first.
        live_at: Option<String>,
        /// When it ended.
        ended_at: Option<String>,
        /// How many are in it now.
        online: u64,
        /// Likes so far.
        likes: u64,
        /// Whether people without a token may be here.
        guests: bool,
        /// Where to play, for whoever sends a user token as `Authorization: Bearer`; without one, null when playing wants a
        /// signature or the room takes no guests.
        play: Option<PlayAddresses>,
        /// When the addresses of `play` end, for a page to ask again before; null when they are not signed.
        play_expires_at: Option<String>,
        /// Once it is over: the page that replays it, as a path with its query, to whom `play` would be told; null when no
        /// recording of it is finished and public.
        replay: Option<String>,
    }
}

/// The rooms in the database.
pub(super) fn store(call: &Call) -> Result<&Rooms, Response> {
    call.app.rooms.store().map(|store| &store.rooms).ok_or_else(|| Fault::NoRooms.answer())
}

/// The room's id that the path names.
pub(super) fn id(call: &Call) -> &str {
    call.names.first().map(String::as_str).unwrap_or_default()
}

/// The room that the path names.
pub(super) fn find(call: &Call) -> Result<About, Response> {
    if !is_id(id(call)) {
        return Err(Fault::NoRoom.answer());
    }
    let found = call.wait(store(call)?.about(id(call))).map_err(Fault::database)?;
    found.ok_or_else(|| Fault::NoRoom.answer())
}

/// Who asks, for the record.
pub(super) fn by(call: &Call) -> By {
    By::Key(call.key.clone())
}

/// Does something to the room that the path names.
pub(super) fn act(call: &Call, act: Act) -> Result<control::room::chat::Ack, Response> {
    if !is_id(id(call)) {
        return Err(Fault::NoRoom.answer());
    }
    call.wait(room::act(&call.app, id(call), &by(call), act)).map_err(Fault::refused)
}

/// Writes down who did what in a room (empty: on the whole server), and to what.
pub(super) fn record(
    call: &Call,
    room: &str,
    what: &str,
    subject: String,
    detail: String,
) -> Result<(), Response> {
    let of = Audit::of(room, &by(call).to_string(), what, call.app.clock.unix_ms());
    call.wait(store(call)?.audit(&Audit { subject, detail, ..of })).map_err(Fault::database)
}

/// All of them, in pages.
pub(super) fn list(call: &Call) -> Answer {
    let text = |name: &str| call.parameter(name).map(str::to_owned);
    let filter = kept::Filter {
        state: call.parameter("state").and_then(State::from_word),
        host: text("host"),
        stream: text("stream"),
    };
    let after = call.parameter("after").map(|after| {
        let (created_ms, id) = after.split_once('.')?;
        Some(After { created_ms: created_ms.parse().ok()?, id: id.to_owned() })
    });
    let Some(after) = after.map_or(Some(None), |after| after.map(Some)) else {
        return Err(bad("after must be the `next` of the page before", "after 应为上一页的 next"));
    };
    let limit = call.limit();
    let found = call.wait(store(call)?.list(&filter, after.as_ref(), limit + 1));
    let mut found = found.map_err(Fault::database)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| format!("{}.{}", last.created_ms, last.id));
    Ok(Response::json(200, &RoomList { rooms: found.iter().map(state).collect(), next }))
}

/// One of them.
pub(super) fn one(call: &Call) -> Answer {
    Ok(Response::json(200, &state(&find(call)?)))
}

/// Makes one.
pub(super) fn create(call: &Call) -> Answer {
    let wish: RoomWish = call.body()?;
    let given = wish.id.is_some();
    let id = match wish.id {
        Some(id) => id.0,
        None => once::id(call)?,
    };
    if !is_id(&id) {
        return Err(bad(
            "id must be 1 to 64 letters, digits, _ and -",
            "id 应为 1 到 64 个字母、数字、_ 和 -",
        ));
    }
    let now_ms = call.app.clock.unix_ms();
    let mut about = About {
        title: String::new(),
        cover: String::new(),
        share_image: String::new(),
        host: Host::default(),
        crew: Vec::new(),
        stream: format!("live/{id}"),
        state: State::Scheduled,
        starts_ms: None,
        valid_from_ms: None,
        valid_until_ms: None,
        live_ms: None,
        ended_ms: None,
        created_ms: now_ms,
        settings: Settings::default(),
        pinned: None,
        custom: "{}".to_owned(),
        id,
    };
    let change = RoomChange {
        title: Some(wish.title),
        host: Some(wish.host),
        crew: wish.crew,
        stream: Some(wish.stream.unwrap_or_else(|| StreamPath(about.stream.clone()))),
        cover: wish.cover,
        share_image: wish.share_image,
        starts_at: wish.starts_at,
        valid_from: wish.valid_from,
        valid_until: wish.valid_until,
        settings: wish.settings,
        custom: wish.custom,
    };
    apply(&mut about, change, now_ms)?;
    let rooms = store(call)?;
    if !call.wait(rooms.create(&about)).map_err(Fault::database)? {
        // An id that the server makes is there already when this very request was cut off by a crash.
        let before = call.wait(rooms.about(&about.id)).map_err(Fault::database)?;
        return match before.filter(|_| !given) {
            Some(before) => Ok(Response::json(201, &state(&before))),
            None => Err(Fault::RoomTaken.answer()),
        };
    }
    record(call, &about.id, "create", String::new(), about.title.clone())?;
    Ok(Response::json(201, &state(&about)))
}

/// Changes one.
pub(super) fn update(call: &Call) -> Answer {
    let change: RoomChange = call.body()?;
    let mut about = find(call)?;
    let before = about.clone();
    apply(&mut about, change, call.app.clock.unix_ms())?;
    if !call.wait(store(call)?.update(&about, call.app.clock.unix_ms())).map_err(Fault::database)? {
        return Err(Fault::NoRoom.answer());
    }
    record(call, &about.id, "update", String::new(), changed(&before, &about))?;
    act(call, Act::Changed)?;
    one(call)
}

/// What of a room became another, by the names of the API.
fn changed(before: &About, after: &About) -> String {
    let times = |about: &About| (about.starts_ms, about.valid_from_ms, about.valid_until_ms);
    let all = [
        ("title", before.title != after.title),
        ("cover", before.cover != after.cover),
        ("share_image", before.share_image != after.share_image),
        ("host", before.host != after.host),
        ("crew", before.crew != after.crew),
        ("stream", before.stream != after.stream),
        ("times", times(before) != times(after)),
        ("settings", before.settings != after.settings),
        ("custom", before.custom != after.custom),
    ];
    all.iter().filter(|(_, is_other)| *is_other).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// Forgets one.
pub(super) fn delete(call: &Call) -> Answer {
    let about = find(call)?;
    if matches!(about.state, State::Live | State::Interrupted) {
        return Err(Fault::RoomLive.answer());
    }
    // Whoever is in it is told that it is over.
    if about.state == State::Scheduled {
        act(call, Act::Show(Happening::End))?;
    }
    let (by, now_ms) = (by(call).to_string(), call.app.clock.unix_ms());
    match call.wait(store(call)?.delete(&about.id, &by, now_ms)).map_err(Fault::database)? {
        true => {
            call.wait(call.app.rooms.end(&about.id));
            Ok(Response::empty(204))
        }
        false => Err(Fault::NoRoom.answer()),
    }
}

/// Starts one, again if need be: it may be pushed to.
pub(super) fn start(call: &Call) -> Answer {
    show(call, Happening::Start)
}

/// Ends one for everybody in it.
pub(super) fn end(call: &Call) -> Answer {
    show(call, Happening::End)
}

/// Forbids one.
pub(super) fn ban(call: &Call) -> Answer {
    show(call, Happening::Ban)
}

/// Allows one again.
pub(super) fn unban(call: &Call) -> Answer {
    show(call, Happening::Unban)
}

/// Makes addresses of one.
pub(super) fn addresses(call: &Call) -> Answer {
    let wish: RoomAddressWish = call.body()?;
    let about = find(call)?;
    match about.state {
        State::Ended => return Err(Fault::RoomEnded.answer()),
        State::Banned => return Err(Fault::RoomBanned.answer()),
        State::Scheduled | State::Live | State::Interrupted => {}
    }
    let seconds = match wish.expires_in {
        Some(span) => span.seconds()?,
        None => call.app.config.server.address_validity_seconds.into(),
    };
    let expires = call.app.clock.unix_seconds().saturating_add(seconds);
    let expires = about.valid_until_ms.map_or(expires, |until| expires.min(until.div_euclid(1_000)));
    let secure = wish.tls.unwrap_or(false);
    let path = path_of(&about)?;
    let made = maker(call, secure, expires, |maker| match wish.role {
        For::Host => maker.push(&path).map(|push| (Some(push), None)),
        For::Viewer => maker.play(&path).map(|play| (None, Some(play))),
    });
    let (push, play) = made?;
    let signed =
        push.as_ref().is_some_and(|push| push.signed) || play.as_ref().is_some_and(|play| play.signed);
    let expires_at = signed.then(|| rfc3339(expires.saturating_mul(1_000)));
    let (push, server, stream_key) =
        push.map_or((None, None, None), |push| (Some(push.url), Some(push.server), Some(push.stream_key)));
    let all = RoomAddresses { push, server, stream_key, play: play.map(play_addresses), expires_at };
    Ok(Response::json(201, &all))
}

/// What a page is told.
pub(super) fn public(call: &Call) -> Answer {
    let about = find(call)?;
    let online = match call.app.rooms.find(&about.id) {
        Some(room) => room.online(),
        None => 0,
    };
    let likes = call.wait(store(call)?.totals(&about.id)).map_err(Fault::database)?.likes;
    let viewer = viewer(call, &about)?;
    let expires = expires(call, viewer.as_ref());
    let path = path_of(&about)?;
    let secure = call.app.ports().http.is_none();
    let made = maker(call, secure, expires, |maker| maker.play(&path)).ok();
    // A signature for whoever knows the room's id would let in everybody.
    let allowed = |play: &address::Play| viewer.is_some() || (!play.signed && about.settings.guests);
    let made = made.filter(|play| about.state != State::Banned && allowed(play));
    let signed = made.as_ref().is_some_and(|play| play.signed);
    let play_expires_at = signed.then(|| rfc3339(expires.saturating_mul(1_000)));
    let replay = room_replays::newest(call, &about, viewer.is_some(), expires)?;
    Ok(Response::json(
        200,
        &PublicRoom {
            id: about.id,
            title: about.title,
            cover: about.cover,
            share_image: about.share_image,
            host: host_state(about.host),
            state: about.state.word(),
            starts_at: about.starts_ms.map(rfc3339),
            live_at: about.live_ms.map(rfc3339),
            ended_at: about.ended_ms.map(rfc3339),
            online,
            likes,
            guests: about.settings.guests,
            play: made.map(play_addresses),
            play_expires_at,
            replay,
        },
    ))
}

/// Until when what is signed for somebody is good, in seconds since 1970: no longer than their token.
pub(super) fn expires(call: &Call, viewer: Option<&Verified>) -> i64 {
    let validity = call.app.config.server.address_validity_seconds.into();
    let expires = call.app.clock.unix_seconds().saturating_add(validity);
    viewer.map_or(expires, |viewer| expires.min(viewer.until))
}

/// Who asks, by the user token in the header; none without one. Somebody who is banned is refused, with a token or without.
pub(super) fn viewer(call: &Call, about: &About) -> Result<Option<Verified>, Response> {
    let verified = super::bearer(&call.head)
        .map(|token| call.app.identity().verify(token, call.app.clock.unix_seconds()))
        .transpose()
        .map_err(|refusal| Response::error(401, "bad_token", &refusal.to_string(), &refusal.message_zh()))?;
    if verified.as_ref().and_then(|one| one.room.as_ref()).is_some_and(|room| *room != about.id) {
        return Err(Fault::OtherRoom.answer());
    }
    let user = verified.as_ref().map(|one| one.person.id.as_str());
    let banned = store(call)?.is_banned(&about.id, user, call.peer, call.app.clock.unix_ms());
    match call.wait(banned).map_err(Fault::database)? {
        true => Err(Fault::Banned.answer()),
        // A guest has a token of ours, which proves nothing to the operator.
        false => Ok(verified.filter(|one| !one.person.guest)),
    }
}

fn show(call: &Call, happening: Happening) -> Answer {
    let about = find(call)?;
    about.state.after(happening).map_err(|refused| match refused {
        Refused::Ended => Fault::RoomEnded.answer(),
        Refused::Banned => Fault::RoomBanned.answer(),
    })?;
    if happening == Happening::Start && !about.is_valid_at(call.app.clock.unix_ms()) {
        return Err(Fault::RoomNotOpen.answer());
    }
    act(call, Act::Show(happening))?;
    // The state is written by the room, after everybody in it was told.
    flush(call);
    one(call)
}

/// Has addresses made that end then.
pub(super) fn maker<T>(
    call: &Call,
    secure: bool,
    expires: i64,
    make: impl FnOnce(&Maker<'_>) -> anyhow::Result<T>,
) -> Result<T, Response> {
    let ends = Ends::listening(&call.app.config, call.app.ports());
    let nonce = address::nonce().map_err(|error| super::addresses::refuse(&error))?;
    let made =
        call.app.admission.look(|authority| make(&Maker { authority, ends: &ends, secure, expires, nonce }));
    made.map_err(|error| super::addresses::refuse(&error))
}

/// The stream of a room.
pub(super) fn path_of(about: &About) -> Result<Path, Response> {
    about.stream.parse().map_err(|error| super::addresses::refuse(&error))
}

fn play_addresses(play: address::Play) -> PlayAddresses {
    PlayAddresses { rtmp: play.rtmp, flv: play.flv, ws_flv: play.ws_flv, hls: play.hls }
}
