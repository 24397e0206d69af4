//! Whether a stream may be pushed to as far as its rooms go, asked before a push begins.

use std::time::Duration;

use control::room::about::About;
use control::room::show::State;
use hub::Name;
use tokio::time::timeout;

use crate::admission::Refused;
use crate::app::App;

/// How long a publisher waits for the database. Then it is let in: once it is on air its rooms end what they do not take.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why no room of this stream takes a push now; none when one does, or when it has no room. A push to a show that is over is
/// not refused here, but ended by its room, which knows first that it was started again.
pub async fn closed(app: &App, name: &Name) -> Option<Refused> {
    let store = app.rooms.store()?;
    let rooms = timeout(PATIENCE, store.rooms.of_stream(name.as_str())).await.ok()?.ok()?;
    let unix_ms = app.clock.unix_ms();
    let may_come = |about: &&About| about.state.takes_stream();
    let is_open = |about: &About| match about.state {
        State::Scheduled => about.is_valid_at(unix_ms),
        _ => !about.is_over_at(unix_ms),
    };
    if rooms.iter().filter(may_come).any(is_open) {
        return None;
    }
    if rooms.iter().any(|about| may_come(&about)) {
        return Some(not_open());
    }
    let is_banned = rooms.first().is_some_and(|about| about.state == State::Banned);
    is_banned.then(|| Refused {
        code: "room_banned",
        message: "this room is banned: ask the operator".into(),
        message_zh: "房间已被封禁：请联系管理员".into(),
    })
}

/// What a push outside of the time of its show is told.
pub(super) fn not_open() -> Refused {
    Refused {
        code: "room_not_open",
        message: "this show may not be pushed to now: see the room's valid_from and valid_until".into(),
        message_zh: "不在直播有效期内：请查看房间的 valid_from 和 valid_until".into(),
    }
}
