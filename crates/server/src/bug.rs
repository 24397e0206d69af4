//! Bugs on demand: what a panic in the middle of one stream costs the others, and that stream itself.
//!
//! Only in this crate's own tests do tasks ask here. A frame whose body ends with the name of a place makes that place panic, and
//! so does what somebody says in a room.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use control::person::{Person, Role};
use control::room::reject::Code;
use media::frame::{Frame, Kind};
use testkit::chat::ChatClient;
use testkit::clip::Clip;
use testkit::http;
use testkit::publisher::Publisher;
use testkit::viewer::Viewer;
use tokio::runtime::Runtime;

use crate::app::{App, Server};
use crate::clock::Clock;
use crate::config::Layers;
use crate::identity::Wish;
use crate::lottery;
use crate::room::{By, Refusal, testing};
use crate::scratch::Scratch;
use crate::secrets::Secrets;
use crate::store::gifts::{Claim, Gift};
use crate::store::lottery::TakePart;
use crate::store::{Filter, Page, Recording, State};

/// The task that packages for HLS.
pub(crate) const PACKAGER: &str = "a bug in the packager";

/// The task that reads a stream for its recording.
pub(crate) const RECORDER: &str = "a bug in the recorder";

/// The thread that writes a recording's files.
pub(crate) const FILES: &str = "a bug in the files";

/// The thread that has clients of the chat.
pub(crate) const CHAT: &str = "a bug in the chat";

/// The task that owns a room.
pub(crate) const ROOM: &str = "a bug in the room";

/// The task that takes a gift to the ledger.
pub(crate) const GIVE: &str = "a bug in a gift";

/// Panics if these bytes are meant for this place.
pub(crate) fn strike_bytes(place: &str, bytes: &[u8]) {
    let is_meant = bytes.windows(place.len()).any(|part| part == place.as_bytes());
    assert!(!is_meant, "{place}, as the test wants it");
}

/// Panics if this frame is meant for this place.
pub(crate) fn strike(place: &str, frame: &Frame) {
    assert!(!frame.body.ends_with(place.as_bytes()), "{place}, as the test wants it");
}

/// How long anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn start(runtime: &Runtime, data: &Path) -> Server {
    let mut layers = Layers::defaults();
    let file = "[http]\nlisten = \"127.0.0.1:0\"\n[rtmp]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"\"\n\
        [push]\nscheme = \"open\"\n[demo]\nenabled = false\n[snapshot]\ncover_seconds = 0\n\
        [hub]\ngrace_seconds = 0\n[recordings]\nmin_free_mb = 1\n[[record]]\ngap_seconds = 0\n";
    layers.add_file(Path::new("weir.toml"), file);
    let secrets = Secrets::create(data).unwrap();
    let config = layers.config().unwrap();
    runtime.block_on(Server::start_in(Some(data), config, &secrets, Clock::system())).unwrap()
}

/// A stream with its publisher and somebody who watches it.
struct Show {
    /// Where a bug strikes it.
    place: Option<&'static str>,
    name: String,
    publisher: Publisher,
    viewer: Viewer,
}

impl Show {
    fn begin(server: &Server, number: usize, place: Option<&'static str>) -> Show {
        let name = format!("show{number}");
        let url = format!("rtmp://{}/live/{name}", server.ports.rtmp.unwrap());
        let mut publisher = Publisher::connect(&url).unwrap();
        publisher.send_headers(30).unwrap();
        publisher.send_all(&Clip::default().shots(0, 1_000)).unwrap();
        Show { place, name, publisher, viewer: Viewer::open(&url).unwrap() }
    }

    /// A second in which the bug strikes, if there is one.
    fn go_on_with_a_bug(&mut self) {
        for mut shot in Clip::default().shots(1_000, 2_000) {
            if let Some(place) = self.place
                && (shot.kind, shot.time) == (Kind::Video, 1_400)
            {
                let kept = shot.body.len() - place.len();
                shot.body = Bytes::from([&shot.body[..kept], place.as_bytes()].concat());
            }
            self.publisher.send(shot.kind, shot.time, &shot.body).unwrap();
        }
    }

    /// Whether a player of HLS is given a list of segments or parts.
    fn plays_hls(&self, server: &Server) -> bool {
        let addr = server.ports.http.unwrap();
        let list = http::get(addr, &format!("/live/{}.m3u8", self.name), "").unwrap();
        let text = list.text();
        let Some(media) = text.lines().find(|line| !line.is_empty() && !line.starts_with('#')) else {
            return false;
        };
        let media = http::get(addr, &format!("/live/{media}"), "").unwrap();
        media.status == 200 && media.text().contains("#EXT-X-PART:")
    }
}

fn recordings(runtime: &Runtime, server: &Server) -> Vec<Recording> {
    let store = server.app.records.store().unwrap();
    let page = Page { before: None, limit: 100 };
    runtime.block_on(async {
        store.writer.flush().await;
        store.index.list(&Filter::default(), &page).await.unwrap()
    })
}

#[test]
fn a_panic_in_the_packager_or_in_a_recording_costs_that_stream_s_packaging_or_recording_and_nothing_else() {
    let scratch = Scratch::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = start(&runtime, scratch.path());
    let places = [None, Some(PACKAGER), Some(RECORDER), Some(FILES)];
    let mut shows: Vec<Show> =
        places.into_iter().enumerate().map(|(at, place)| Show::begin(&server, at, place)).collect();
    for show in &shows {
        wait_for("a player of HLS", || show.plays_hls(&server));
    }
    wait_for("all recordings", || server.app.records.open() == shows.len());
    shows.iter_mut().for_each(Show::go_on_with_a_bug);
    wait_for("the end of two recordings", || server.app.records.open() == shows.len() - 2);
    for show in &mut shows {
        show.publisher.send_all(&Clip::default().shots(2_000, 4_000)).unwrap();
        let mut last = 0;
        while last < 3_900 {
            let seen = show.viewer.next().unwrap().unwrap();
            last = seen.time;
        }
        wait_for("a player of HLS after that", || show.plays_hls(&server));
    }
    wait_for("what was sent in the files", || {
        let good = recordings(&runtime, &server);
        good.iter().filter(|found| found.duration_ms >= 2_900).count() == 2
    });
    assert_eq!(server.app.records.alert(), None);
    assert_eq!(server.app.records.figures().failures().get("internal_error"), Some(&2));

    shows.drain(..).for_each(|show| show.publisher.finish().unwrap());
    wait_for("the end of all", || server.app.records.open() == 0);
    let mut found = recordings(&runtime, &server);
    found.sort_by(|one, other| one.stream.cmp(&other.stream));
    // None of them began anew.
    assert_eq!(found.len(), places.len(), "{found:?}");
    for (found, place) in found.iter().zip(places) {
        let is_struck = matches!(place, Some(RECORDER | FILES));
        let (state, reason) =
            if is_struck { (State::Failed, "internal_error") } else { (State::Finished, "ended") };
        assert_eq!((found.state, found.reason.as_str()), (state, reason), "{place:?}");
        // What a recording had before the bug is still there; the others have everything.
        let least = if is_struck { 900 } else { 3_900 };
        assert!(found.duration_ms >= least, "{place:?}: {found:?}");
    }
    runtime.block_on(server.stop());
}

fn make_rooms(runtime: &Runtime, app: &App) {
    let store = app.rooms.store().unwrap().clone();
    for id in ["r1", "r2"] {
        assert!(runtime.block_on(store.rooms.create(&testing::about(id))).unwrap());
    }
}

fn token(app: &App, user: &str) -> String {
    let (person, now) = (Person::new(user, "", "", Role::Viewer).unwrap(), app.clock.unix_seconds());
    app.identity().issue(&Wish { person, room: None, until: now + 3_600, app: None }, now).unwrap()
}

#[test]
fn a_panic_in_a_room_sends_its_people_away_who_come_back_to_it_and_costs_no_other_room_anything() {
    let scratch = Scratch::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = start(&runtime, scratch.path());
    let (app, addr) = (server.app.clone(), server.ports.http.unwrap());
    make_rooms(&runtime, &app);
    let enter = |user: &str, room: &str, had: Option<&ChatClient>| {
        ChatClient::enter_as(addr, room, &token(&app, user), had).unwrap()
    };
    let (mut a, mut b, mut other) = (enter("a", "r1", None), enter("b", "r1", None), enter("c", "r2", None));
    let before = a.say("c1", "before").unwrap()["seq"].as_u64();
    let wish = lottery::Wish {
        prize: "p".into(),
        winners: 1,
        take_part: TakePart::Present,
        until_ms: app.clock.unix_ms() + 60_000,
        auto: true,
    };
    let lottery = runtime.block_on(lottery::open(&app, "r1", &By::System, wish)).unwrap().unwrap();
    let struck = app.rooms.find("r1").unwrap();
    assert_eq!(runtime.block_on(struck.members("", 9)).unwrap().len(), 2);
    a.start_to_say("c2", ROOM).unwrap();
    for client in [&mut a, &mut b] {
        let told = client.wait_for(|frame| frame["t"] == "goaway").unwrap();
        assert!(told["reconnect_in_ms"].as_u64() >= Some(500), "{told}");
    }
    assert_eq!(other.say("c1", "hello").unwrap()["t"], "ack");
    // They are not there, and nobody may say so: a draw among who is there waits for them.
    assert!(runtime.block_on(struck.members("", 9)).is_none());
    match runtime.block_on(lottery::draw(&app, "r1", &lottery.id, &By::System)) {
        Err(Refusal::Rejected(reject)) => assert_eq!(reject.code, Code::Unavailable),
        drawn => panic!("{drawn:?}"),
    }
    // How long they were there counts all the same.
    let store = app.rooms.store().unwrap();
    let visitors = runtime.block_on(async {
        store.chat.flush().await;
        store.rooms.visitors("r1", None, None, 9).await.unwrap()
    });
    assert!(visitors.len() == 2 && visitors.iter().all(|one| one.watch_ms > 0), "{visitors:?}");
    let (mut a, b) = (enter("a", "r1", Some(&a)), enter("b", "r1", Some(&b)));
    // What the room knew is gone; what was said is in the database, and no number comes twice.
    assert_eq!(b.welcome["recovered"], false);
    assert_eq!(b.items.iter().filter_map(|item| item["text"].as_str()).collect::<Vec<_>>(), ["before"]);
    assert!(a.say("c3", "after").unwrap()["seq"].as_u64() > before);
    drop((a, b, other));
    drop(app);
    runtime.block_on(server.stop());
}

#[test]
fn a_panic_on_the_way_to_the_ledger_lets_the_same_gift_be_sent_again() {
    let scratch = Scratch::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = start(&runtime, scratch.path());
    let (app, addr) = (server.app.clone(), server.ports.http.unwrap());
    make_rooms(&runtime, &app);
    let rose = Gift {
        room: String::new(),
        id: "rose".into(),
        name: "rose".into(),
        icon: String::new(),
        price: 0,
        claim: Claim::None,
        max_count: 9,
        position: 1,
        available: true,
    };
    assert!(runtime.block_on(app.rooms.store().unwrap().gifts.put_gift(&rose)).unwrap());
    let mut a = ChatClient::enter_as(addr, "r1", &token(&app, "a"), None).unwrap();
    let give = |gift: &str| format!(r#"{{"t":"send","cid":"c1","kind":"gift","gift":"{gift}","count":1}}"#);
    a.send_text(give(GIVE).as_bytes()).unwrap();
    let mut again = || {
        a.send_text(give("rose").as_bytes()).unwrap();
        a.wait_for(|frame| frame["cid"] == "c1").unwrap()
    };
    // The room may hear of the bug after that; the same is said to be on its way until then.
    let (mut answer, began) = (again(), Instant::now());
    while answer["t"] != "ack" && began.elapsed() < PATIENCE {
        assert_eq!(answer["code"], "unavailable");
        // More often would be too much at once.
        std::thread::sleep(Duration::from_millis(200));
        answer = again();
    }
    assert_eq!(answer["t"], "ack", "{answer}");
    drop((a, app));
    runtime.block_on(server.stop());
}

#[test]
fn a_panic_in_a_chat_thread_cuts_its_clients_off_who_come_back_and_miss_nothing() {
    let scratch = Scratch::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = start(&runtime, scratch.path());
    let (app, addr) = (server.app.clone(), server.ports.http.unwrap());
    make_rooms(&runtime, &app);
    let enter = |user: &str, had: Option<&ChatClient>| {
        ChatClient::enter_as(addr, "r1", &token(&app, user), had).unwrap()
    };
    let mut clients = ["a", "b", "c"].map(|user| enter(user, None));
    clients[0].say("c1", "before").unwrap();
    for client in &mut clients {
        client.wait_item(|item| item["text"] == "before").unwrap();
    }
    clients[0].start_to_say("c2", CHAT).unwrap();
    for client in &mut clients {
        let end = client.wait_for(|_| false).unwrap_err().to_string();
        assert!(end.contains("closed") || end.contains("reset"), "{end}");
    }
    let connections = || -> usize {
        app.chats
            .figures()
            .map(|figures| figures.connections.load(std::sync::atomic::Ordering::Relaxed))
            .sum()
    };
    wait_for("seats that are given back", || {
        app.rooms.find("r1").unwrap().online() == 0 && connections() == 0
    });
    // The threads go on, and the room knows what was missed.
    let [a, b, c] = &clients;
    let mut back = [("a", a), ("b", b), ("c", c)].map(|(user, had)| enter(user, Some(had)));
    back[1].say("c3", "after").unwrap();
    for client in &mut back {
        assert_eq!(client.welcome["recovered"], true);
        assert_eq!(client.items[0]["text"], CHAT);
        client.wait_item(|item| item["text"] == "after").unwrap();
    }
    drop(back);
    drop(app);
    runtime.block_on(server.stop());
}
