//! The life of a show: it ends when its stream stays away, and its end reaches whoever pushes and whoever plays.

use control::room::settings::Settings;
use control::room::show::Happening;
use testkit::chat::ChatClient;
use testkit::clip::Clip;
use testkit::follower::Follower;
use testkit::publisher::Publisher;
use testkit::watch::Watch;
use weir::room::{Act, By, act};

use crate::chat::{enter, room};
use crate::gifts::make_room;
use crate::harness::{Folder, Weir};
use crate::hls::Player;
use crate::receiver::Receiver;
use crate::room_events::data;
use crate::show::on_air;
use crate::webhooks::webhook;

fn state_of(weir: &Weir) -> &'static str {
    let rooms = weir.app().rooms.store().expect("a database").rooms.clone();
    let about = weir.block_on(async move { rooms.about("r1").await }).expect("a database");
    about.expect("a room").state.word()
}

fn told(client: &mut ChatClient, state: &str) {
    client.wait_item(|item| item["event"] == "state" && item["state"] == state).expect(state);
}

#[test]
fn a_show_whose_stream_does_not_come_back_ends() {
    let (data_folder, heard) = (Folder::new("room-life"), Receiver::start());
    let keys = [("hub.grace_seconds", "0"), ("rooms.interrupted_seconds", "1")];
    let weir = Weir::start_file_in(data_folder.path(), &webhook("all", &heard, ""), &keys);
    make_room(&weir);
    let mut viewer = enter(&weir, "a");
    let push = on_air(&weir, "live/r1");
    told(&mut viewer, "live");
    drop(push);
    told(&mut viewer, "interrupted");
    told(&mut viewer, "ended");
    assert_eq!(data(&heard, "room.ended", 1)["reason"], "lost");
    weir.wait_for("it is written", || state_of(&weir) == "ended");
}

#[test]
fn a_show_that_waited_when_the_server_stopped_waits_for_as_long_again_and_ends() {
    let data_folder = Folder::new("room-life");
    let grace = ("hub.grace_seconds", "0");
    let weir = Weir::start_in(data_folder.path(), &[grace, ("rooms.interrupted_seconds", "0")]);
    make_room(&weir);
    let push = on_air(&weir, "live/r1");
    weir.wait_for("it is on", || state_of(&weir) == "live");
    drop(weir);
    drop(push);
    // Its stream went with the server: it is not on air any more, and nobody says so but the start.
    let weir = Weir::start_in(data_folder.path(), &[grace, ("rooms.interrupted_seconds", "0")]);
    weir.wait_for("it waits", || state_of(&weir) == "interrupted");
    drop(weir);
    let weir = Weir::start_in(data_folder.path(), &[grace, ("rooms.interrupted_seconds", "1")]);
    weir.wait_for("it is over", || state_of(&weir) == "ended");
}

/// A show on air, with a player of every kind, which is then brought to its end.
fn forced(end: impl FnOnce(&Weir), state: &str, code: &str) {
    let data_folder = Folder::new("room-life");
    let weir = Weir::start_in(data_folder.path(), &[]);
    make_room(&weir);
    let mut viewer = enter(&weir, "a");
    let mut push = Publisher::connect(&weir.rtmp_url("live/r1")).expect("a publisher");
    push.send_headers(30).expect("headers");
    push.send_all(&Clip::default().shots(0, 3_000)).expect("sent");
    weir.wait_on_air("live/r1");
    told(&mut viewer, "live");
    let urls = [weir.rtmp_url("live/r1"), weir.flv_url("live/r1"), weir.ws_url("live/r1")];
    let players = urls.map(|url| Follower::start(&url, Watch::default()));
    weir.wait_for("all play", || players.iter().all(|player| player.stamp().is_some()));
    let hls = Player::open(&weir, "/live/r1/hls.m3u8");
    push.send_all(&Clip::default().shots(3_000, 9_000)).expect("sent");
    hls.list_when("a segment", |list| !list.segments.is_empty());
    end(&weir);
    told(&mut viewer, state);
    let reason = push.ended().expect("the publisher is sent away");
    assert!(reason.contains("the show was ended"), "{reason}");
    weir.wait_for("all players are let go", || players.iter().all(Follower::is_over));
    hls.list_when("the end", |list| list.ended);
    assert_eq!(viewer.say("c", "too late").expect("an answer")["code"], code);
    weir.wait_for("nothing is on air", || weir.app().hub.on_air().is_empty());
}

fn happens(happening: Happening) -> impl FnOnce(&Weir) {
    move |weir| {
        weir.block_on(act(&weir.shared(), "r1", &By::System, Act::Show(happening))).expect("done");
    }
}

#[test]
fn an_end_reaches_the_publisher_and_every_player() {
    forced(happens(Happening::End), "ended", "room_closed");
}

#[test]
fn a_ban_reaches_the_publisher_and_every_player() {
    forced(happens(Happening::Ban), "banned", "room_closed");
}

#[test]
fn a_time_that_is_up_reaches_the_publisher_and_every_player() {
    let expire = |weir: &Weir| {
        let rooms = weir.app().rooms.store().expect("a database").rooms.clone();
        let until = weir.clock.unix_ms() - 1;
        let mut about = room("r1", Settings::default());
        about.valid_until_ms = Some(until);
        assert!(weir.block_on(async move { rooms.update(&about, until).await }).expect("a room"));
    };
    forced(expire, "ended", "room_closed");
}
