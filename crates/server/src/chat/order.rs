//! Orders of the host's side.

use std::sync::{Arc, Weak};

use control::person::Role;
use control::room::reject::{Code, Reject};
use control::room::sanction::{Kind, Subject};
use control::room::show::Happening;

use super::asked::Order as Asked;
use super::{Inbox, Key, Order, wire};
use crate::app::App;
use crate::gift;
use crate::room::{Act, By, Refusal, Room, act};

/// Longest reason, in characters.
pub(super) const REASON_MAX: usize = 200;

/// The least that somebody must be to have this done. The show is the host's, who alone ends it; order is kept by all of the
/// host's side.
pub(super) fn least(what: &str) -> Role {
    match what {
        "end" => Role::Host,
        _ => Role::Assistant,
    }
}

/// Has an order carried out and tells the client.
pub(super) async fn carry_out(
    app: Weak<App>,
    inbox: Arc<Inbox>,
    key: Key,
    room: Arc<Room>,
    (user, role): (Arc<str>, Role),
    cid: String,
    asked: Asked,
) {
    let Some(app) = app.upgrade() else { return };
    let told = match understand(asked) {
        Err(why) => wire::reject_frame(Some(&cid), &Reject::new(Code::Bad), Some(&why)),
        Ok(asked) => {
            let done = match outranks(&app, &room, role, &asked).await {
                Ok(()) => act(&app, &room.id, &By::User(user.to_string()), asked).await,
                Err(refusal) => Err(refusal),
            };
            wire::answer(&cid, &done.map_err(Refusal::reject))
        }
    };
    inbox.order(Order::Tell(key, told));
}

/// Gives somebody the gift that they may have for nothing, and tells them.
pub(super) async fn claim(
    app: Weak<App>,
    inbox: Arc<Inbox>,
    key: Key,
    room: Arc<Room>,
    user: Arc<str>,
    cid: String,
    gift: String,
) {
    let Some(app) = app.upgrade() else { return };
    let done = gift::claim(&app, &room, &user, &gift).await;
    inbox.order(Order::Tell(key, wire::answer(&cid, &done)));
}

/// Nobody is put out, muted, banned or hidden by one of their own rank or below: an assistant has no way to take the show from
/// its host.
async fn outranks(app: &App, room: &Room, role: Role, asked: &Act) -> Result<(), Refusal> {
    let (Act::Kick(whom) | Act::Sanction { subject: Subject::User(whom), .. }) = asked else { return Ok(()) };
    let store = app.rooms.store().ok_or_else(|| Reject::until(Code::Unavailable, 2_000))?;
    let about = store.rooms.about(&room.id).await?.ok_or_else(|| Reject::new(Code::NotFound))?;
    match about.role_of(whom, Role::Viewer) < role {
        true => Ok(()),
        false => Err(Reject::new(Code::NotAllowed).into()),
    }
}

fn understand(asked: Asked) -> Result<Act, String> {
    let Asked { what, user, seq, seconds, reason } = asked;
    let reason: String = reason.chars().filter(|c| !c.is_control()).take(REASON_MAX).collect();
    let subject = |user: Option<String>| user.map(Subject::User).ok_or_else(|| format!("{what} needs user"));
    let sanction = |kind, user| {
        subject(user).map(|subject| Act::Sanction { kind, subject, seconds, reason: reason.clone() })
    };
    let message = |seq: Option<u64>| seq.ok_or_else(|| format!("{what} needs seq"));
    match what.as_str() {
        "recall" => message(seq).map(Act::Recall),
        "pin" => message(seq).map(|seq| Act::Pin(Some(seq))),
        "unpin" => Ok(Act::Pin(None)),
        "clear" => Ok(Act::Clear(user)),
        "mute" => sanction(Kind::Mute, user),
        "ban" => sanction(Kind::Ban, user),
        "hide" => sanction(Kind::Hide, user),
        "unmute" => subject(user).map(|subject| Act::Lift(Kind::Mute, subject)),
        "unban" => subject(user).map(|subject| Act::Lift(Kind::Ban, subject)),
        "unhide" => subject(user).map(|subject| Act::Lift(Kind::Hide, subject)),
        "kick" => user.map(Act::Kick).ok_or_else(|| "kick needs user".into()),
        "silence" => Ok(Act::Silence(true)),
        "speak" => Ok(Act::Silence(false)),
        "end" => Ok(Act::Show(Happening::End)),
        "slow" => Ok(Act::Slow(u32::try_from(seconds.unwrap_or_default()).unwrap_or(u32::MAX))),
        _ => Err(format!("there is no order {what:?}")),
    }
}
