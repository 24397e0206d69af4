//! From the hub to an RTMP player: asked for, waited for, answered, handed to the fan-out.

use control::request::Action;
use rtmp::{Connect, Event, PlayRefusal, Target};
use tracing::{info, warn};

use super::conn::{Conn, asked};
use super::wire::RtmpEgress;
use crate::admission::{self, Visitor};
use crate::fanout::Arrival;
use crate::net::Permit;
use crate::relay;
use crate::sessions::{About, Role};
use crate::waiting::{self, Waited};

/// Serves a play request.
pub(super) async fn run(mut conn: Conn, connect: &Connect, name: &str, permit: Permit) {
    let target = match Target::new(&connect.app, &connect.tc_url, name) {
        Ok(target) => target,
        Err(error) => {
            conn.app.counts.refused("bad_name", conn.wire);
            return refuse(conn, PlayRefusal::StreamNotFound, &error.to_string()).await;
        }
    };
    let path = format!("/{}", target.path);
    let asked = asked(Action::Play, &target, &path, connect, conn.peer);
    let visitor = Visitor {
        id: conn.id,
        client: None,
        wire: conn.wire,
        agent: &connect.flash_ver,
        tc_url: &connect.tc_url,
        is_polling: false,
    };
    let admitted = match admission::enter(&conn.app, &asked, &visitor).await {
        Ok(admitted) => admitted,
        Err(refused) => {
            conn.app.counts.refused(refused.code, conn.wire);
            refused.log(conn.id, conn.wire, &asked);
            return refuse(conn, PlayRefusal::Failed, &refused.for_people()).await;
        }
    };
    let app = conn.app.clone();
    if app.relays.is_loop(&connect.flash_ver, &admitted.name) {
        app.counts.refused("relay_loop", conn.wire);
        return refuse(conn, PlayRefusal::Failed, &relay::LOOP.join(" / ")).await;
    }
    // Nothing is answered before it is known whether there will be a picture: a player that was told Start and
    // gets none reports a bad network, not a show that has not begun.
    let stream = {
        let mut wait = std::pin::pin!(waiting::for_stream(&app, &admitted.name, true, &connect.flash_ver));
        loop {
            let event = tokio::select! {
                waited = &mut wait => break waited,
                event = conn.next() => event,
            };
            if matches!(event, Err(_) | Ok(Event::StopPlay)) {
                return;
            }
        }
    };
    let stream = match stream {
        Waited::OnAir(stream) => stream,
        Waited::Absent => {
            app.counts.refused("not_on_air", conn.wire);
            let reason = "nobody is publishing this stream: start the push, then play again / 当前没有人推流";
            return refuse(conn, PlayRefusal::StreamNotFound, reason).await;
        }
        Waited::Full => {
            app.counts.refused("too_many_streams", conn.wire);
            let reason = "players wait for as many streams as they may (limits.max_streams): play again when it is on air / 等待开播的流数量已达上限，请在开播后播放";
            return refuse(conn, PlayRefusal::Failed, reason).await;
        }
    };
    conn.session.accept_play();
    let agent = connect.flash_ver.clone();
    let (wire, peer) = (conn.wire, conn.peer);
    let about = About {
        role: Role::Viewer,
        wire,
        stream: admitted.name,
        peer,
        agent,
        domain: admitted.domain,
        came: admitted.came,
    };
    let seat = app.sessions.open_as(conn.id, about, app.clock.now_ms());
    let (id, wire, peer) = (conn.id, conn.wire, conn.peer);
    let (app, connection, session, owed) = conn.into_parts();
    let socket = match connection.into_socket() {
        Ok(socket) => socket,
        Err(error) => return warn!(session = id, %error, "a viewer was lost on its way to the fan-out"),
    };
    info!(session = id, stream = %stream.name(), %peer, wire, "play");
    app.fanout.attach(Arrival {
        socket,
        owed,
        stream,
        profile: admitted.profile,
        egress: Box::new(RtmpEgress::new(session, &app.rtmp)),
        permit,
        seat,
    });
}

async fn refuse(mut conn: Conn, code: PlayRefusal, reason: &str) {
    conn.session.refuse_play(code, reason);
    conn.goodbye().await;
}
