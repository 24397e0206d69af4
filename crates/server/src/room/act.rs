//! What moderators and the operator's backend do to a room: written down first, then done.

use std::fmt;
use std::sync::Arc;

use control::room::chat::{Ack, Send as Say};
use control::room::message::{Author, Body, Message};
use control::room::reject::{Code, Reject};
use control::room::sanction::{Kind, Subject};
use control::room::settings::SLOW_MAX;
use control::room::show::Happening;
use tracing::warn;

use super::{Effect, Whom};
use crate::app::App;
use crate::store::rooms::{Audit, Sanction};
use crate::store::{self, Store};

/// Most characters of what was said that are kept in the record.
const DETAIL_MAX: usize = 200;

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Take a message back.
    Recall(u64),
    /// Take away everything that somebody said; nobody in particular: everything.
    Clear(Option<String>),
    /// Pin a message, or none.
    Pin(Option<u64>),
    /// Mute, ban or hide for so many seconds; none: for good.
    Sanction {
        /// Which.
        kind: Kind,
        /// Whom.
        subject: Subject,
        /// How long.
        seconds: Option<u64>,
        /// Why, for the record.
        reason: String,
    },
    /// Lift a sanction.
    Lift(Kind, Subject),
    /// Put somebody out, who may come back.
    Kick(String),
    /// Let nobody but the host's side speak, or everybody again.
    Silence(bool),
    /// So many seconds between two messages of a viewer; 0: none.
    Slow(u32),
    /// Start, end, forbid or allow the show.
    Show(Happening),
    /// The room was changed in the database: have it known.
    Changed,
    /// Say something, as the room itself or as somebody.
    Say(Option<Author>, Body),
    /// Say what waited for a look, as its author sent it.
    Pass(Author, Say),
}

/// Who does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// Somebody in the room.
    User(String),
    /// A key of the API.
    Key(String),
    /// The server itself.
    System,
}

/// Why it was not done.
#[derive(Debug)]
pub enum Refusal {
    /// It is not to be done.
    Rejected(Reject),
    /// The database does not answer; nothing was done.
    Store(sqlx::Error),
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Refusal {
        Refusal::Rejected(reject)
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Refusal {
        Refusal::Store(error)
    }
}

impl Refusal {
    /// The same for a wire that knows codes only.
    pub fn reject(self) -> Reject {
        match self {
            Refusal::Rejected(reject) => reject,
            Refusal::Store(error) => {
                warn!(%error, "an order in a room was not carried out: the database does not answer");
                Reject::until(Code::Unavailable, 2_000)
            }
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::User(id) => write!(f, "user:{id}"),
            By::Key(name) => write!(f, "key:{name}"),
            By::System => f.write_str("system"),
        }
    }
}

impl Act {
    /// Its name in the record of who did what.
    pub fn word(&self) -> &'static str {
        match self {
            Act::Recall(_) => "recall",
            Act::Clear(_) => "clear",
            Act::Pin(Some(_)) => "pin",
            Act::Pin(None) => "unpin",
            Act::Sanction { kind, .. } => kind.word(),
            Act::Lift(Kind::Mute, _) => "unmute",
            Act::Lift(Kind::Ban, _) => "unban",
            Act::Lift(Kind::Hide, _) => "unhide",
            Act::Kick(_) => "kick",
            Act::Silence(true) => "silence",
            Act::Silence(false) => "speak",
            Act::Slow(_) => "slow",
            Act::Show(Happening::Start) => "start",
            Act::Show(Happening::Ban) => "ban_room",
            Act::Show(Happening::Unban) => "unban_room",
            Act::Show(Happening::End | Happening::Expire | Happening::GiveUp) => "end",
            Act::Show(Happening::OnAir) => "on_air",
            Act::Show(Happening::OffAir) => "off_air",
            Act::Changed => "changed",
            Act::Say(..) => "say",
            Act::Pass(..) => "approve",
        }
    }
}

/// Does it. The answer is the number of the message that tells everybody, or of the last one.
pub async fn run(app: &Arc<App>, room: &str, by: &By, act: Act) -> Result<Ack, Refusal> {
    app.rooms.open(app, room).await?;
    let store = app.rooms.store().ok_or_else(|| Reject::until(Code::Unavailable, 2_000))?;
    let rooms = &store.rooms;
    let (who, now_ms) = (by.to_string(), app.clock.unix_ms());
    let audit = |what: &str, subject: String| Audit { subject, ..Audit::of(room, &who, what, now_ms) };
    let word = act.word();
    let effect = match act {
        Act::Recall(seq) => {
            if !rooms.recall(room, seq, &who, now_ms).await? {
                // It may be on its way to the database still, and would be there for good if nobody asked again.
                written(store).await?;
                if !rooms.recall(room, seq, &who, now_ms).await? {
                    return Err(Reject::new(Code::NotFound).into());
                }
            }
            Effect::Recall(seq)
        }
        Act::Clear(user) => {
            let cleared = rooms.clear(room, user.as_deref(), &who, now_ms).await?;
            let ack = app.rooms.effect(app, room, Effect::Clear(user.clone())).await?;
            // What was said before the room itself cleared is taken away too, and would be back after the next load.
            rooms.clear_rest(room, user.as_deref(), (cleared, ack.seq)).await?;
            return Ok(ack);
        }
        Act::Pin(seq) => {
            let message = match seq {
                Some(seq) => Some(Box::new(to_pin(store, room, seq).await?)),
                None => None,
            };
            rooms.set_pinned(room, seq).await?;
            rooms.audit(&audit(word, seq.map(|seq| seq.to_string()).unwrap_or_default())).await?;
            Effect::Pin(message)
        }
        Act::Sanction { kind, subject, seconds, reason } => {
            let until = seconds.map(|seconds| now_ms.saturating_add_unsigned(seconds.saturating_mul(1_000)));
            put(
                rooms,
                Sanction {
                    room: room.into(),
                    kind,
                    subject: subject.clone(),
                    until_ms: until,
                    reason,
                    by: who,
                    at_ms: now_ms,
                },
            )
            .await?;
            Effect::Sanction(kind, subject, until)
        }
        Act::Lift(kind, subject) => {
            rooms.lift(room, kind, &subject, &who, now_ms).await?;
            Effect::Lift(kind, subject)
        }
        Act::Kick(user) => {
            rooms.audit(&audit(word, format!("user:{user}"))).await?;
            Effect::Kick(user)
        }
        Act::Silence(_) | Act::Slow(_) => {
            let about = rooms.about(room).await?;
            let mut about = about.ok_or_else(|| Reject::new(Code::NotFound))?;
            match act {
                Act::Silence(silent) => about.settings.silent = silent,
                Act::Slow(seconds) => about.settings.slow_ms = u64::from(seconds.min(SLOW_MAX)) * 1_000,
                _ => {}
            }
            rooms.update(&about, now_ms).await?;
            let detail = match act {
                Act::Slow(_) => format!("{} s", about.settings.slow_ms / 1_000),
                _ => String::new(),
            };
            rooms.audit(&Audit { detail, ..audit(word, String::new()) }).await?;
            Effect::Changed(Box::new(about))
        }
        Act::Show(happening) => {
            rooms.audit(&audit(word, String::new())).await?;
            Effect::Happened(happening)
        }
        Act::Changed => {
            let about = rooms.about(room).await?;
            Effect::Changed(Box::new(about.ok_or_else(|| Reject::new(Code::NotFound))?))
        }
        Act::Say(author, body) => {
            // Events go with what is recorded on its own.
            if matches!(by, By::Key(_)) && !matches!(body, Body::Event(_)) {
                let subject = author.as_ref().map(|author| format!("user:{}", author.id)).unwrap_or_default();
                let said = body.text().unwrap_or_default().chars().take(DETAIL_MAX);
                let detail = format!("{}: {}", body.kind(), said.collect::<String>());
                rooms.audit(&Audit { detail, ..audit(word, subject) }).await?;
            }
            Effect::Say(author, body)
        }
        Act::Pass(author, say) => Effect::Pass(author, say),
    };
    Ok(app.rooms.effect(app, room, effect).await?)
}

/// Waits until what was said is in the database.
async fn written(store: &Store) -> Result<(), Refusal> {
    match store.chat.flush().await {
        true => Ok(()),
        false => Err(Reject::until(Code::Unavailable, 2_000).into()),
    }
}

/// The message with this number, which may be on its way to the database still.
async fn to_pin(store: &Store, room: &str, seq: u64) -> Result<Message, Refusal> {
    let mut found = store.rooms.message(room, seq).await?;
    if found.is_none() {
        written(store).await?;
        found = store.rooms.message(room, seq).await?;
    }
    found.ok_or_else(|| Reject::new(Code::NotFound).into())
}

/// Writes a sanction down.
async fn put(rooms: &store::Rooms, sanction: Sanction) -> Result<(), Refusal> {
    match rooms.sanction(&sanction).await? {
        true => Ok(()),
        false => Err(Reject::new(Code::SanctionsFull).into()),
    }
}

/// A sanction on the whole server: it holds in every room, at once in those that are running.
pub async fn sanction_everywhere(
    app: &Arc<App>,
    by: &By,
    kind: Kind,
    subject: Subject,
    seconds: Option<u64>,
    reason: &str,
) -> Result<(), Refusal> {
    let store = app.rooms.store().ok_or_else(|| Reject::until(Code::Unavailable, 2_000))?;
    let now_ms = app.clock.unix_ms();
    let until = seconds.map(|seconds| now_ms.saturating_add_unsigned(seconds.saturating_mul(1_000)));
    let (reason, by) = (reason.to_owned(), by.to_string());
    let of_all = Sanction {
        room: String::new(),
        kind,
        subject: subject.clone(),
        until_ms: until,
        reason,
        by,
        at_ms: now_ms,
    };
    app.rooms.know_rules(app).await?;
    put(&store.rooms, of_all).await?;
    app.rooms.global_mut().set(kind, subject.clone(), until);
    if kind == Kind::Ban {
        let whom = match subject {
            Subject::User(user) => Whom::User(user),
            Subject::Address(address) => Whom::Address(address),
        };
        app.rooms.remove_everywhere(&whom);
    }
    Ok(())
}

/// Takes a sanction on the whole server back.
pub async fn lift_everywhere(
    app: &Arc<App>,
    by: &By,
    kind: Kind,
    subject: &Subject,
) -> Result<bool, Refusal> {
    let store = app.rooms.store().ok_or_else(|| Reject::until(Code::Unavailable, 2_000))?;
    app.rooms.know_rules(app).await?;
    let lifted = store.rooms.lift("", kind, subject, &by.to_string(), app.clock.unix_ms()).await?;
    app.rooms.global_mut().lift(kind, subject);
    Ok(lifted)
}
