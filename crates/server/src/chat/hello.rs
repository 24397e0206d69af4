//! From a hello to a seat.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use control::person::Person;
use control::room::reject::{Code, Reject};

use tracing::error;

use super::asked::Hello;
use super::{Inbox, Key, Order, Seat, Stay, wire};
use crate::app::App;
use crate::hooks::{self, Decision, Question};
use crate::identity::Refusal;
use crate::room::Join;

/// After how long whoever cannot be let in now may come again, in milliseconds.
const AGAIN_MS: u64 = 1_000;

/// Times that a room which has just been forgotten is asked for again.
const TRIES: usize = 3;

/// Sees who comes and takes them to their room, or tells them why not.
pub(super) async fn greet(app: Weak<App>, inbox: Arc<Inbox>, key: Key, hello: Hello, peer: IpAddr) {
    let Some(app) = app.upgrade() else { return };
    if let Err(refusal) = enter(&app, &inbox, key, hello, peer).await {
        inbox.order(Order::End(key, refusal));
    }
}

async fn enter(
    app: &Arc<App>,
    inbox: &Arc<Inbox>,
    key: Key,
    hello: Hello,
    peer: IpAddr,
) -> Result<(), bytes::Bytes> {
    let turned_away = |reject: Reject| match reject.retry_after_ms {
        Some(wait_ms) => wire::go_away(wait_ms.max(AGAIN_MS), reject.code.word()),
        None => wire::bye(reject.code, None),
    };
    let (person, guest) = who(app, &hello)?;
    let question = Question::Join { room: &hello.room, user: &person.id, ip: Some(peer) };
    if app.hooks.asks(&question) {
        // Nobody is asked about a room that is not there.
        app.rooms.open(app, &hello.room).await.map_err(turned_away)?;
        if let Decision::Refuse(told) = app.hooks.decide(&question).await {
            return Err(match told.code {
                hooks::FAILED => wire::go_away(AGAIN_MS, told.code),
                _ => wire::bye(Code::NotAllowed, Some((&told.message, &told.message_zh))),
            });
        }
    }
    for _ in 0..TRIES {
        let room = app.rooms.open(app, &hello.room).await.map_err(turned_away)?;
        let (seat_room, mail) = (room.clone(), inbox.clone());
        let (guest, unix_ms) = (guest.clone(), app.clock.unix_ms());
        let join = Join {
            person: person.clone(),
            address: Some(peer),
            since: hello.since.clone(),
            inviter: hello.inviter.clone(),
            done: Box::new(move |answer| match answer {
                Ok(welcome) => {
                    seat_room.parts.fetch_or(1 << mail.number, Ordering::Relaxed);
                    let role = welcome.you.role;
                    let bytes = wire::welcome(&welcome, guest.as_deref(), unix_ms);
                    let stay = Stay::new(seat_room, welcome.you, welcome.guest);
                    let seat = Seat { stay, role, guest: welcome.guest, welcome: bytes };
                    mail.order(Order::Seat(key, Box::new(seat)));
                }
                Err(reject) => mail.order(Order::End(key, turned_away(reject))),
            }),
        };
        if room.join(join).is_ok() {
            return Ok(());
        }
    }
    Err(wire::go_away(AGAIN_MS, Code::Unavailable.word()))
}

/// Who says hello; for guests also the token by which they are known again.
fn who(app: &App, hello: &Hello) -> Result<(Person, Option<String>), bytes::Bytes> {
    let (identity, now) = (app.identity(), app.clock.unix_seconds());
    let refuse = |told: Refusal| wire::bye(Code::NotAllowed, Some((&told.to_string(), &told.message_zh())));
    let Some(token) = &hello.token else {
        let held = (!hello.guest.is_empty()).then_some(hello.guest.as_str());
        let guest = identity.guest(held, now).map_err(|error| {
            error!(%error, "a guest cannot be let in");
            wire::go_away(AGAIN_MS, Code::Unavailable.word())
        })?;
        let (verified, token) = guest.map_err(refuse)?;
        return Ok((verified.person, Some(token)));
    };
    let verified = identity.verify(token, now).map_err(refuse)?;
    if verified.room.is_some_and(|room| room != hello.room) {
        let told = ("the token is for another room", "此令牌属于另一个房间");
        return Err(wire::bye(Code::NotAllowed, Some(told)));
    }
    Ok((verified.person, None))
}
