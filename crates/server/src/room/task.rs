//! The task that owns a room.

mod effect;
mod say;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use control::room::about::About;
use control::room::chat::{Ack, Chat, Joined};
use control::room::combo::Combos;
use control::room::feed::{Feed, Next};
use control::room::message::{Author, Body, Event, Message};
use control::room::reject::{Code, Reject};
use control::room::turns::Turns;
use hub::Name;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

pub use effect::Effect;

use super::filter::Filter;
use super::{Command, Counted, DecidedSay, Done, Join, Outlet, Present, Room, Welcome};
use crate::app::App;
use crate::event;
use crate::store::ChatWriter;
use crate::store::rooms::{Loaded, Minute, Totals, Visit};

/// Commands that are taken from the queue at once.
const AT_ONCE: usize = 256;

/// Between two looks at what is counted.
const TICK: Duration = Duration::from_secs(1);

/// How long a room is remembered when nobody is in it, for those whose phone lost the network.
const IDLE: Duration = Duration::from_secs(60);

/// Bytes of randomness in the name of an epoch.
const EPOCH_BYTES: usize = 6;

/// Ticks after which a minute that goes on is written down.
const MINUTE_EVERY: u64 = 10;

const MINUTE_MS: i64 = 60_000;

struct Task {
    app: Arc<App>,
    room: Arc<Room>,
    about: Arc<About>,
    chat: Chat,
    filter: Filter,
    outlet: Arc<dyn Outlet>,
    writer: ChatWriter,
    stream: Name,
    flush_at: Option<Instant>,
    totals: Totals,
    minute: Minute,
    minute_ms: i64,
    /// Most people at once that the database knows of.
    peak: u64,
    ticks: u64,
    /// Gifts that are on their way to the ledger.
    giving: usize,
    /// Messages about which the operator's backend is being asked, and those that the same people said after them.
    asked: Turns<Option<Box<DecidedSay>>>,
    combos: Combos,
    /// The room was deleted: takes the word that it has ended.
    end: Option<Done<()>>,
}

/// Owns a room until nobody has been in it for a while, or it is deleted.
pub(super) async fn run(
    app: Arc<App>,
    room: Arc<Room>,
    mut queue: mpsc::UnboundedReceiver<Command>,
    (loaded, filter): (Loaded, Filter),
    outlet: Arc<dyn Outlet>,
    writer: ChatWriter,
) {
    let mut task = Task::new(app, room, (loaded, filter), outlet, writer);
    task.look_at_stream();
    let mut commands = Vec::with_capacity(AT_ONCE);
    let mut tick_at = Instant::now() + TICK;
    let mut idle_at = Instant::now() + IDLE;
    loop {
        let empty = task.chat.online() == 0;
        let wake = if empty { idle_at } else { task.flush_at.map_or(tick_at, |at| at.min(tick_at)) };
        tokio::select! {
            taken = queue.recv_many(&mut commands, AT_ONCE) => {
                if taken == 0 {
                    break;
                }
                commands.drain(..).for_each(|command| task.take(command));
                if task.end.is_some() {
                    break;
                }
                if empty && task.chat.online() > 0 {
                    tick_at = Instant::now();
                }
                if task.chat.online() == 0 {
                    idle_at = Instant::now() + IDLE;
                }
            }
            () = sleep_until(wake) => {
                if empty && Instant::now() >= idle_at {
                    if !task.is_waiting() {
                        break;
                    }
                    idle_at = Instant::now() + TICK;
                }
            }
        }
        if Instant::now() >= tick_at && task.chat.online() > 0 {
            tick_at = Instant::now() + TICK;
            task.tick();
        }
        task.flush();
    }
    // Whoever finds the room from here on finds it closed, and gets it anew.
    task.app.rooms.forget(&task.room);
    queue.close();
    while let Some(command) = queue.recv().await {
        task.refuse(command);
    }
    task.tick();
    task.count_minute();
    debug!(room = %task.room.id, "the room is forgotten: nobody is in it, or it was deleted");
    if let Some(done) = task.end {
        done(());
    }
}

impl Task {
    fn new(
        app: Arc<App>,
        room: Arc<Room>,
        (loaded, filter): (Loaded, Filter),
        outlet: Arc<dyn Outlet>,
        writer: ChatWriter,
    ) -> Task {
        let about = Arc::new(loaded.about);
        let epoch = epoch(app.clock.unix_ms()).into();
        let mut feed = Feed::new(epoch, loaded.after_seq, loaded.recent, loaded.totals.likes);
        feed.pin(loaded.pinned);
        let chat = Chat::new(about.settings.clone(), about.state, feed, loaded.sanctions);
        room.open_likes(&about);
        let minute_ms = app.clock.unix_ms().div_euclid(MINUTE_MS) * MINUTE_MS;
        Task {
            stream: Name::new(&about.stream),
            app,
            room,
            about,
            filter,
            outlet,
            writer,
            chat,
            flush_at: None,
            totals: Totals::default(),
            minute: Minute::default(),
            minute_ms,
            peak: loaded.totals.peak,
            ticks: 0,
            giving: 0,
            asked: Turns::default(),
            combos: Combos::default(),
            end: None,
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Join(join) => self.join(*join),
            Command::Leave(gone) => self.leave(&gone.who.id, gone.watched_ms),
            Command::Say { say, done } => {
                self.room.waiting.fetch_sub(1, Ordering::Relaxed);
                self.say(*say, done);
            }
            Command::Given(said) => self.given(*said),
            Command::Decided(turn, said) => self.decided(&turn, said),
            Command::Since { seq, done } => done(self.chat.feed().since(seq)),
            Command::Count(counted) => self.count(&counted),
            Command::Forget { user, cid } => self.chat.forget(&user, &cid),
            Command::Effect(effect, done) => {
                let ack = self.effect(*effect);
                done(ack);
            }
            Command::Members { after, limit, done } => done(Some(self.members(&after, limit))),
            Command::Lost { user, cid, turn } => self.lost(&user, &cid, turn.as_ref()),
            Command::Close(done) => {
                self.tick();
                self.count_minute();
                done(());
            }
            Command::End(done) => self.end = Some(done),
        }
    }

    /// The room is being forgotten: whoever asks now asks again.
    fn refuse(&mut self, command: Command) {
        let again = || Reject::until(Code::Unavailable, 0);
        match command {
            Command::Join(join) => (join.done)(Err(again())),
            Command::Say { done, .. } => {
                self.room.waiting.fetch_sub(1, Ordering::Relaxed);
                done(Err(again()));
            }
            Command::Given(said) => self.given(*said),
            Command::Decided(turn, said) => self.decided(&turn, said),
            Command::Since { done, .. } => done(None),
            Command::Count(counted) => self.count(&counted),
            Command::Members { done, .. } => done(None),
            Command::Lost { user, cid, turn } => self.lost(&user, &cid, turn.as_ref()),
            Command::Close(done) => done(()),
            Command::End(done) => self.end = Some(done),
            // An effect that is not answered is had again, on the room that is loaded for it.
            Command::Effect(..) | Command::Leave(_) | Command::Forget { .. } => {}
        }
    }

    fn join(&mut self, join: Join) {
        let Join { mut person, address, since, inviter, done } = join;
        person.role = self.about.role_of(&person.id, person.role);
        let unix_ms = self.app.clock.unix_ms();
        let joined = self.chat.join(&person, address, since.as_ref(), &self.app.rooms.global(), unix_ms);
        let Joined { first, author: you, muted, greeting } = match joined {
            Ok(joined) => joined,
            Err(reject) => {
                self.app.rooms.figures.reject(reject.code);
                return done(Err(reject));
            }
        };
        let figures = &self.app.rooms.figures;
        if first {
            figures.joins.fetch_add(1, Ordering::Relaxed);
            self.note_online();
            self.tell_member(event::MEMBER_JOINED, &you, person.guest);
            self.visit(&you, inviter, 1, 0);
        }
        if since.is_some() {
            let count = if greeting.recovered { &figures.recovered } else { &figures.not_recovered };
            count.fetch_add(1, Ordering::Relaxed);
        }
        done(Ok(Welcome {
            about: self.about.clone(),
            you,
            guest: person.guest,
            greeting,
            pinned: self.chat.feed().pinned().cloned(),
            muted,
        }));
    }

    /// Whether something that was said here is still being decided on.
    fn is_waiting(&self) -> bool {
        self.giving > 0 || !self.asked.is_empty()
    }

    fn note_online(&self) {
        self.room.online.store(self.chat.online() as u64, Ordering::Relaxed);
    }

    fn leave(&mut self, user: &str, watched_ms: u64) {
        let Some(author) = self.chat.author(user).cloned() else { return };
        let guest = self.chat.is_guest(user);
        if self.chat.leave(user) {
            self.note_online();
            self.tell_member(event::MEMBER_LEFT, &author, guest);
        }
        self.visit(&author, None, 0, watched_ms);
    }

    /// Somebody came, or was here for so long.
    fn visit(&self, who: &Author, inviter: Option<String>, visits: u64, watch_ms: u64) {
        let (user, name, avatar) = (who.id.clone(), who.name.clone(), who.avatar.clone());
        let at_ms = self.app.clock.unix_ms();
        self.writer.visit(&self.room.id, Visit { user, name, avatar, inviter, at_ms, visits, watch_ms });
    }

    fn tell_member(&self, kind: &str, who: &Author, guest: bool) {
        if self.writer.wants(kind) {
            let (online, unix_ms) = (self.chat.online(), self.app.clock.unix_ms());
            let event = event::member(kind, &self.room.id, (who, guest), online, unix_ms);
            self.writer.put_event(&self.room.id, event);
        }
    }

    /// A message has its number, and goes out: it is kept too. Others are told of it, unless something else tells them.
    fn keep(&mut self, message: &Message) {
        #[cfg(test)]
        crate::bug::strike_bytes(crate::bug::ROOM, message.body.text().unwrap_or_default().as_bytes());
        let tells = !matches!(message.body, Body::Event(_) | Body::Gift(_));
        let tells = tells && self.writer.wants(event::MESSAGE_SENT);
        let event = tells.then(|| event::message(&self.room.id, message));
        self.writer.put_message(&self.room.id, message, event);
        // Gifts are counted as gifts, and what the room itself says is nobody's.
        if message.from.is_some() && !matches!(message.body, Body::Event(_) | Body::Gift(_)) {
            self.totals.messages += 1;
            self.minute.messages += 1;
        }
        self.app.rooms.figures.said.fetch_add(1, Ordering::Relaxed);
    }

    fn event(&mut self, event: Event) -> Ack {
        let (at_ms, media_ms) = (self.app.clock.unix_ms(), self.media_ms());
        let said = self.chat.event(event, at_ms, media_ms);
        self.keep(&said.message);
        Ack { seq: said.message.seq, at_ms }
    }

    fn count(&mut self, counted: &Counted) {
        match counted {
            Counted::Share => self.totals.shares += 1,
            Counted::Goods(id) => self.writer.goods_click(&self.room.id, id),
        }
    }

    fn members(&self, after: &str, limit: usize) -> Vec<Present> {
        let present = |(author, connections): (&Arc<Author>, u32)| Present {
            author: author.clone(),
            guest: self.chat.is_guest(&author.id),
            connections,
        };
        let mut members: Vec<Present> =
            self.chat.members().filter(|(author, _)| author.id.as_str() > after).map(present).collect();
        members.sort_unstable_by(|a, b| a.author.id.cmp(&b.author.id));
        members.truncate(limit);
        members
    }

    /// Once a second: what is counted, and what is over.
    fn tick(&mut self) {
        let likes = self.room.likes.swap(0, Ordering::Relaxed);
        self.chat.feed_mut().add_likes(likes);
        self.totals.likes += likes;
        self.minute.likes += likes;
        self.app.rooms.figures.likes.fetch_add(likes, Ordering::Relaxed);
        let online = self.chat.online() as u64;
        if online > self.peak {
            (self.peak, self.totals.peak) = (online, online);
        }
        self.minute.online = self.minute.online.max(online);
        let unix_ms = self.app.clock.unix_ms();
        let minute_ms = unix_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
        self.ticks += 1;
        // Rows of thousands of rooms are not rewritten every second.
        if minute_ms != self.minute_ms || self.ticks.is_multiple_of(MINUTE_EVERY) {
            self.count_minute();
        }
        if minute_ms != self.minute_ms {
            self.minute_ms = minute_ms;
            self.chat.tidy(self.app.clock.now_ms(), unix_ms);
            self.combos.tidy(self.app.clock.now_ms());
        }
        let totals = std::mem::take(&mut self.totals);
        if totals != Totals::default() {
            self.writer.add(&self.room.id, totals);
        }
        self.chat.feed_mut().tick();
    }

    fn count_minute(&mut self) {
        let minute = std::mem::take(&mut self.minute);
        if minute != Minute::default() {
            self.writer.add_minute(&self.room.id, self.minute_ms, minute);
        }
    }

    /// Sends what there is to send, if it is time; else sees to it that it will be.
    fn flush(&mut self) {
        self.flush_at = None;
        match self.chat.poll_batch(self.app.clock.now_ms()) {
            Next::Batch(batch) => self.outlet.batch(&self.room, &batch),
            Next::Later(wait_ms) => self.flush_at = Some(Instant::now() + Duration::from_millis(wait_ms)),
            Next::Nothing => {}
        }
    }

    /// Where the show is now.
    fn media_ms(&self) -> Option<i64> {
        self.app.hub.find(&self.stream)?.newest_time_ms()
    }

    fn last(&self) -> Ack {
        Ack { seq: self.chat.feed().last_seq(), at_ms: self.app.clock.unix_ms() }
    }
}

/// A name that no other epoch has: random, or at least of this moment.
fn epoch(now_ms: i64) -> String {
    let mut bytes = [0; EPOCH_BYTES];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(_) => format!("{now_ms:x}"),
    }
}
