//! From an RTMP publisher to the hub.

use control::request::Action;
use hub::{Drops, End, Occupied, PushError, Pushed};
use media::frame::Kind;
use media::time::Unwrap;
use rtmp::{Connect, Event, MediaKind, PublishRefusal, Target};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info, warn};

use super::conn::{Conn, Over, asked};
use crate::admission::{self, Asked, Refused, Visitor};
use crate::metrics::Limit;
use crate::relay;
use crate::sessions::{About, Role, Seat, Session};

/// Messages that cannot be frames, after which the publisher is told to stop. Real encoders send none.
const MAX_BAD_BODIES: u32 = 50;

/// Asks for the stream and, when it is granted, carries its frames until somebody ends it.
pub(super) async fn run(mut conn: Conn, connect: &Connect, name: &str) {
    let target = match Target::new(&connect.app, &connect.tc_url, name) {
        Ok(target) => target,
        Err(error) => {
            conn.app.counts.refused("bad_name", conn.wire);
            return refuse(conn, PublishRefusal::BadName, &error.to_string()).await;
        }
    };
    let path = format!("/{}", target.path);
    let asked = asked(Action::Push, &target, &path, connect, conn.peer);
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
        Err(refused) => return turn_away(conn, &asked, &refused).await,
    };
    if conn.app.relays.is_loop(&connect.flash_ver, &admitted.name) {
        conn.app.counts.refused("relay_loop", conn.wire);
        return refuse(conn, PublishRefusal::Denied, &relay::LOOP.join(" / ")).await;
    }
    let (stream, now_ms) = (admitted.name, conn.app.clock.now_ms());
    let publisher = match conn.app.hub.publish(&stream, admitted.identity, now_ms) {
        Ok(publisher) => publisher,
        Err(occupied) => {
            conn.app.counts.refused(
                match occupied {
                    Occupied::Other => "occupied",
                    Occupied::Full => "too_many_streams",
                },
                conn.wire,
            );
            warn!(session = conn.id, %stream, peer = %conn.peer, wire = conn.wire, ?occupied, "push refused");
            let reason = match occupied {
                Occupied::Other => {
                    "somebody else is publishing this stream: end that push, or use another stream name / 该流正由他人推送"
                }
                Occupied::Full => {
                    "the server has as many streams as it may (limits.max_streams) / 服务器的流数量已达上限"
                }
            };
            return refuse(conn, PublishRefusal::BadName, reason).await;
        }
    };
    // Whoever forbids a stream ends it next, and would not have found this one a moment ago.
    if let Err(refused) = conn.app.admission.admit(&asked) {
        conn.app.drop_stream(&stream, &refused.for_people());
        return turn_away(conn, &asked, &refused).await;
    }
    let wire = conn.wire;
    let agent = connect.flash_ver.clone();
    let about = About {
        role: Role::Publisher,
        wire,
        stream,
        peer: conn.peer,
        agent,
        domain: admitted.domain,
        came: admitted.came,
    };
    let seat = conn.app.sessions.open_as(conn.id, about, now_ms);
    let Session { id, about, .. } = &**seat.session();
    info!(session = id, stream = %about.stream, peer = %about.peer, wire, encoder = about.agent, "publish");
    conn.session.accept_publish();
    carry(conn, publisher, &seat).await;
}

async fn turn_away(conn: Conn, asked: &Asked<'_>, refused: &Refused) {
    conn.app.counts.refused(refused.code, conn.wire);
    refused.log(conn.id, conn.wire, asked);
    refuse(conn, PublishRefusal::Denied, &refused.for_people()).await;
}

async fn refuse(mut conn: Conn, code: PublishRefusal, reason: &str) {
    conn.session.refuse_publish(code, reason);
    conn.goodbye().await;
}

async fn carry(mut conn: Conn, mut publisher: hub::Publisher, seat: &Seat) {
    let (app, session) = (conn.app.clone(), seat.session());
    let (id, stream) = (session.id, &session.about.stream);
    let mut bytes = 0;
    let mut times = Unwrap::default();
    let mut bad_bodies = 0;
    let idle = app.rtmp.idle_publisher;
    let mut deadline = Instant::now() + idle;
    let ended = loop {
        let event = tokio::select! {
            end = publisher.revoked() => break Ended::Revoked(end),
            reason = session.dismissed() => break Ended::Revoked(End::Dropped(reason.to_owned())),
            event = timeout_at(deadline, conn.next()) => event.unwrap_or(Err(Over::TimedOut("no audio or video came"))),
        };
        let media = match event {
            Ok(Event::Media(media)) => media,
            Ok(Event::Unpublish) => break Ended::Unpublished,
            Ok(_) => continue,
            Err(over) => break Ended::Lost(over),
        };
        deadline = Instant::now() + idle;
        let kind = match media.kind {
            MediaKind::Audio => Kind::Audio,
            MediaKind::Video => Kind::Video,
            MediaKind::Data => Kind::Data,
        };
        let time_ms = times.unwrap(media.timestamp);
        bytes += media.body.len() as u64;
        session.note(bytes, Drops::default());
        match publisher.push(kind, time_ms, media.body, app.clock.now_ms()) {
            Ok(Pushed::StoredAfterJump) => {
                debug!(session = id, %stream, time_ms, "the publisher's time jumped; the stream's time goes on");
            }
            Ok(_) => {}
            Err(PushError::Revoked(end)) => break Ended::Revoked(end),
            Err(PushError::BadBody(bad)) => {
                bad_bodies += 1;
                if bad_bodies == 1 {
                    warn!(session = id, %stream, %bad, "a message that is no frame was left out; is the encoder broken?");
                }
                if bad_bodies > MAX_BAD_BODIES {
                    break Ended::Garbage;
                }
            }
        }
    };
    // First the stream, then the manners: a host that is back in a second must not wait for this one's farewell.
    publisher.leave(app.clock.now_ms());
    match ended {
        Ended::Unpublished => {
            info!(session = id, %stream, "unpublish");
            conn.wait_for_close().await;
        }
        Ended::Lost(over) => {
            app.counts.publisher_lost();
            conn.count(&over);
            info!(session = id, %stream, %over, "the publisher is gone");
        }
        Ended::Garbage => {
            app.counts.limit_hit(Limit::BadBodies);
            warn!(session = id, %stream, "the publisher sends what is no audio or video, and was let go");
            conn.session.end_publish("what you send is neither audio nor video: check the encoder / 推流数据无法识别，请检查编码器");
        }
        Ended::Revoked(end) => {
            info!(session = id, %stream, ?end, "the publisher was let go");
            conn.session.end_publish(match &end {
                End::Replaced => "the same stream was published again, and the newer push took over / 同一路流有了新的推流，旧推流已被替换",
                End::Dropped(reason) => reason,
                End::Finished => "the stream was ended / 直播已结束",
            });
        }
    }
    conn.goodbye().await;
}

enum Ended {
    Unpublished,
    Lost(Over),
    Garbage,
    Revoked(End),
}
