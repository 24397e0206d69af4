//! What is done to a room by its crew, by the operator, and by its stream.

use std::sync::Arc;

use control::room::about::About;
use control::room::chat::{Ack, Send as Say};
use control::room::message::{Author, Body, Event, Message};
use control::room::reject::Code;
use control::room::sanction::{Kind, Subject};
use control::room::show::{Happening, State};
use control::words::Words;
use hub::{Name, Phase};
use tracing::{info, warn};

use super::Task;
use crate::event;
use crate::room::Whom;
use crate::room::filter::Filter;

/// What is done to a room besides what its people do. Whoever asks for it has the right to, and the database has it.
#[derive(Debug, Clone)]
pub enum Effect {
    /// A message is taken back.
    Recall(u64),
    /// Everything that somebody said, or that anybody said, is taken away.
    Clear(Option<String>),
    /// A message is pinned, or none is.
    Pin(Option<Box<Message>>),
    /// A sanction is in force until a time in milliseconds since 1970; none: for good.
    Sanction(Kind, Subject, Option<i64>),
    /// A sanction is lifted.
    Lift(Kind, Subject),
    /// Somebody is put out and may come back.
    Kick(String),
    /// The description or the rules changed.
    Changed(Box<About>),
    /// Something happened to the show.
    Happened(Happening),
    /// The forbidden words of this room.
    Words(Option<Arc<Words>>),
    /// Something else happened that everybody here is to know.
    Happens(Event),
    /// Somebody who need not be here, or the room itself, says something.
    Say(Option<Author>, Body),
    /// What waited for a look is said as it was sent.
    Pass(Author, Say),
}

impl Task {
    pub(super) fn effect(&mut self, effect: Effect) -> Ack {
        match effect {
            Effect::Recall(seq) => {
                self.chat.feed_mut().recall(|message| message.seq == seq);
                self.event(Event::Recalled(seq))
            }
            Effect::Clear(user) => {
                let is_theirs = |message: &Message| {
                    let author = message.from.as_ref().map(|from| &from.id);
                    user.as_ref().is_none_or(|user| author == Some(user))
                };
                self.chat.feed_mut().recall(is_theirs);
                self.event(Event::Cleared(user))
            }
            Effect::Pin(message) => {
                let seq = message.as_ref().map(|message| message.seq);
                self.change_about(|about| about.pinned = seq);
                self.chat.feed_mut().pin(message.map(|message| *message));
                self.event(Event::Pinned(seq))
            }
            Effect::Sanction(kind, subject, until) => self.sanction(kind, subject, until),
            Effect::Lift(kind, subject) => {
                self.chat.sanctions().lift(kind, &subject);
                match (kind, subject) {
                    (Kind::Mute, Subject::User(user)) => self.event(Event::Unmuted(user)),
                    _ => self.last(),
                }
            }
            Effect::Kick(user) => {
                self.outlet.remove(&self.room, &Whom::User(user.clone()), Code::NotAllowed);
                self.event(Event::Removed(user))
            }
            Effect::Changed(about) => self.changed(*about),
            Effect::Happened(happening) => self.happened(happening),
            Effect::Words(words) => {
                self.filter = Filter::new(words);
                self.last()
            }
            Effect::Happens(event) => self.event(event),
            Effect::Say(author, body) => {
                let (at_ms, media_ms) = (self.app.clock.unix_ms(), self.media_ms());
                let said = self.chat.say(author, body, at_ms, media_ms);
                self.keep(&said.message);
                Ack { seq: said.message.seq, at_ms }
            }
            Effect::Pass(author, say) => {
                let (now_ms, unix_ms) = (self.app.clock.now_ms(), self.app.clock.unix_ms());
                let (ack, said) = self.chat.say_late(author, say, now_ms, unix_ms, self.media_ms());
                if let Some(said) = said {
                    self.keep(&said.message);
                }
                ack
            }
        }
    }

    pub(super) fn sanction(&mut self, kind: Kind, subject: Subject, until: Option<i64>) -> Ack {
        if !self.chat.sanctions().set(kind, subject.clone(), until) {
            warn!(room = %self.room.id, "there are as many sanctions in this room as there may be: lift some");
        }
        match (kind, subject) {
            (Kind::Mute, Subject::User(user)) => self.event(Event::Muted(user, until)),
            (Kind::Ban, Subject::User(user)) => {
                self.outlet.remove(&self.room, &Whom::User(user.clone()), Code::Banned);
                self.event(Event::Removed(user))
            }
            (Kind::Ban, Subject::Address(address)) => {
                self.outlet.remove(&self.room, &Whom::Address(address), Code::Banned);
                self.last()
            }
            // The hidden are not to learn it.
            (Kind::Hide, _) | (Kind::Mute, Subject::Address(_)) => self.last(),
        }
    }

    pub(super) fn changed(&mut self, about: About) -> Ack {
        let was_silent = self.about.settings.silent;
        self.chat.set_settings(about.settings.clone());
        self.stream = Name::new(&about.stream);
        // What happened to the show is known here first.
        let (state, live_ms, ended_ms) = (self.about.state, self.about.live_ms, self.about.ended_ms);
        let silent = about.settings.silent;
        // What somebody may do was settled when they came: they come again.
        for user in self.about.whose_role_is_other_in(&about) {
            self.outlet.send_away(&self.room, Some(&Whom::User(user.to_owned())));
        }
        self.about = Arc::new(About { state, live_ms, ended_ms, ..about });
        self.room.open_likes(&self.about);
        self.look_at_stream();
        if silent != was_silent {
            return self.event(Event::Silence(silent));
        }
        self.event(Event::Changed)
    }

    pub(super) fn happened(&mut self, happening: Happening) -> Ack {
        let before = self.about.state;
        let after = match before.after(happening) {
            Ok(after) => after,
            Err(refused) => {
                info!(room = %self.room.id, stream = %self.stream, ?refused, "a push to a show that is over is ended");
                self.app.drop_stream(&self.stream, "this show is over: start it again, or push to another room / 直播已结束：请重新开始，或使用新的房间");
                return self.last();
            }
        };
        if after == before {
            return self.last();
        }
        let now_ms = self.app.clock.unix_ms();
        self.change_about(|about| {
            about.state = after;
            if after == State::Live {
                about.live_ms.get_or_insert(now_ms);
            }
            about.ended_ms = (!after.takes_stream()).then_some(now_ms);
        });
        self.chat.set_state(after);
        self.room.open_likes(&self.about);
        self.app.rooms.lost.note(&self.room.id, after, self.app.clock.now_ms());
        info!(room = %self.room.id, from = before.word(), to = after.word(), "the show");
        self.writer.put_state(&self.room.id, after, self.about.live_ms, self.about.ended_ms);
        if self.writer.wants(event::show_kind(before, after)) {
            self.writer.put_event(&self.room.id, event::show(before, &self.about, happening, now_ms));
        }
        let ack = self.event(Event::State(after));
        if !after.takes_stream() {
            self.app.drop_stream(&self.stream, "the show was ended / 直播已结束");
        }
        ack
    }

    /// A stream may have been on air before it was this room's.
    pub(super) fn look_at_stream(&mut self) {
        let on_air = self.app.hub.find(&self.stream).is_some_and(|stream| stream.phase() == Phase::OnAir);
        let waits = matches!(self.about.state, State::Scheduled | State::Interrupted);
        if on_air && waits && self.about.is_valid_at(self.app.clock.unix_ms()) {
            self.happened(Happening::OnAir);
        }
    }

    pub(super) fn change_about(&mut self, change: impl FnOnce(&mut About)) {
        change(Arc::make_mut(&mut self.about));
    }
}
