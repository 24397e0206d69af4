//! The task that owns a room.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use control::person::Role;
use control::room::Since;
use control::room::about::About;
use control::room::chat::{Ack, Chat, Draft, NoDraft, Send as Say};
use control::room::combo::Combos;
use control::room::message::{Author, Body, Event, Message};
use control::room::reject::{Code, Reject};
use control::room::sanction::{Kind, Subject};
use control::room::show::{Happening, State};
use control::room::window::Window;
use control::words::{Verdict, Words};
use hub::{Name, Phase};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use super::filter::Filter;
use super::ring::Ring;
use super::{
    Batch, Command, Counted, Counters, DecidedSay, Done, Entered, GivenSay, Join, Outlet, Present, RECENT,
    Room, Said, Welcome, Whom,
};
use crate::app::App;
use crate::event;
use crate::gift;
use crate::hooks::{self, Decision, Question};
use crate::store::ChatWriter;
use crate::store::ledger::Ask;
use crate::store::rooms::{Held, Loaded, Minute, Totals, Visit};

/// Commands that are taken from the queue at once.
const AT_ONCE: usize = 256;

/// Between two looks at what is counted.
const TICK: Duration = Duration::from_secs(1);

/// How long a room is remembered when nobody is in it, for those whose phone lost the network.
const IDLE: Duration = Duration::from_secs(60);

/// People up to whom everybody's coming is told; beyond, some are named and the others counted.
const SMALL_ROOM: usize = 200;

/// Names of those who came in one batch: in a small room, and in a big one.
const NAMES: [usize; 2] = [20, 3];

/// Seconds between two reports of who came, in a small room and in a big one.
const ENTERED_EVERY: [u64; 2] = [1, 2];

/// Most gifts of one room that are on their way to the ledger. Beyond, people are told to send them again.
const GIVING_MAX: usize = 1_000;

/// Most messages of one room about which the operator's backend is being asked. Beyond, people are told to send them again.
const ASKING_MAX: usize = 1_000;

/// After how long somebody may send again what nobody gave an answer about, in milliseconds.
const ASK_AGAIN_MS: u64 = 1_000;

/// Bytes of randomness in the name of an epoch.
const EPOCH_BYTES: usize = 6;

/// Ticks after which a minute that goes on is written down.
const MINUTE_EVERY: u64 = 10;

const MINUTE_MS: i64 = 60_000;

/// What is done to a room besides what its people do. Whoever asks for it has the right to, and the database has it.
#[derive(Debug, Clone)]
pub enum Effect {
    /// A message is taken back.
    Recall(u64),
    /// Everything that somebody said, or that anybody said, is taken away.
    Clear(Option<String>),
    /// A message is pinned, or none is.
    Pin(Option<u64>),
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
}

struct Task {
    app: Arc<App>,
    room: Arc<Room>,
    about: Arc<About>,
    chat: Chat,
    epoch: Arc<str>,
    ring: Ring,
    filter: Filter,
    outlet: Arc<dyn Outlet>,
    writer: ChatWriter,
    stream: Name,
    /// The number of the last message that went out.
    sent_seq: u64,
    /// What goes out with the next batch.
    pending: Vec<Arc<Said>>,
    /// It does not wait for its turn.
    urgent: bool,
    window: Window,
    flush_at: Option<Instant>,
    counters: Counters,
    shown: Counters,
    entered: Entered,
    entered_s: u64,
    totals: Totals,
    minute: Minute,
    minute_ms: i64,
    /// Most people at once that the database knows of.
    peak: u64,
    ticks: u64,
    /// Gifts that are on their way to the ledger.
    giving: usize,
    /// Messages about which the operator's backend is being asked.
    asking: usize,
    combos: Combos,
}

/// Owns a room until nobody has been in it for a while.
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
                if empty && task.chat.online() > 0 {
                    tick_at = Instant::now();
                }
                if task.chat.online() == 0 {
                    idle_at = Instant::now() + IDLE;
                }
            }
            () = sleep_until(wake) => {
                if empty && Instant::now() >= idle_at {
                    break;
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
    debug!(room = %task.room.id, "nobody is in the room; it is forgotten");
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
        let chat = Chat::new(about.settings.clone(), about.state, loaded.last_seq, loaded.sanctions);
        room.likes_open.store(about.settings.likes, Ordering::Relaxed);
        let minute_ms = app.clock.unix_ms().div_euclid(MINUTE_MS) * MINUTE_MS;
        let counters = Counters { online: 0, likes: loaded.totals.likes };
        Task {
            stream: Name::new(&about.stream),
            epoch: epoch(app.clock.unix_ms()).into(),
            ring: Ring::new(loaded.recent.into_iter().map(Said::new).collect()),
            app,
            room,
            about,
            filter,
            outlet,
            writer,
            sent_seq: chat.last_seq(),
            chat,
            pending: Vec::new(),
            urgent: false,
            window: Window::default(),
            flush_at: None,
            counters,
            shown: counters,
            entered: Entered::default(),
            entered_s: 0,
            totals: Totals::default(),
            minute: Minute::default(),
            minute_ms,
            peak: loaded.totals.peak,
            ticks: 0,
            giving: 0,
            asking: 0,
            combos: Combos::default(),
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Join(join) => self.join(*join),
            Command::Leave { user, watched_ms } => self.leave(&user, watched_ms),
            Command::Say { say, done } => {
                self.room.waiting.fetch_sub(1, Ordering::Relaxed);
                self.say(*say, done);
            }
            Command::Given(said) => self.given(*said),
            Command::Decided(said) => self.decided(*said),
            Command::Since { seq, done } => done(self.ring.since(seq, self.chat.last_seq())),
            Command::Count(counted) => self.count(&counted),
            Command::Forget { user, cid } => self.chat.forget(&user, &cid),
            Command::Effect(effect, done) => {
                let ack = self.effect(*effect);
                done(ack);
            }
            Command::Members { after, limit, done } => done(self.members(&after, limit)),
            Command::Close(done) => {
                self.tick();
                self.count_minute();
                done(());
            }
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
            Command::Decided(said) => self.decided(*said),
            Command::Since { done, .. } => done(None),
            Command::Count(counted) => self.count(&counted),
            Command::Effect(effect, done) => {
                let ack = self.effect(*effect);
                done(ack);
            }
            Command::Members { done, .. } => done(Vec::new()),
            Command::Close(done) => done(()),
            Command::Leave { .. } | Command::Forget { .. } => {}
        }
    }

    fn count_online(&mut self) {
        self.counters.online = self.chat.online() as u64;
        self.room.online.store(self.counters.online, Ordering::Relaxed);
    }

    fn join(&mut self, join: Join) {
        let Join { mut person, address, since, inviter, done } = join;
        person.role = self.about.role_of(&person.id, person.role);
        let unix_ms = self.app.clock.unix_ms();
        let joined = {
            let global = self.app.rooms.global.read().unwrap_or_else(PoisonError::into_inner);
            self.chat.join(&person, address, &global, unix_ms)
        };
        let joined = match joined {
            Ok(joined) => joined,
            Err(reject) => {
                self.app.rooms.figures.reject(reject.code);
                return done(Err(reject));
            }
        };
        let you = joined.author;
        if joined.first {
            self.entered.count += 1;
            let most = NAMES[usize::from(self.chat.online() > SMALL_ROOM)];
            if !person.guest && self.entered.names.len() < most {
                self.entered.names.push(you.name.clone());
            }
            self.app.rooms.figures.joins.fetch_add(1, Ordering::Relaxed);
            self.count_online();
            self.tell_member(event::MEMBER_JOINED, &you, person.guest);
            self.writer.visit(
                &self.room.id,
                Visit {
                    user: person.id.clone(),
                    name: person.name.clone(),
                    avatar: person.avatar.clone(),
                    inviter,
                    at_ms: unix_ms,
                    visits: 1,
                    watch_ms: 0,
                },
            );
        }
        let ours = |since: &Since| *since.epoch == *self.epoch;
        let last = self.chat.last_seq();
        let gap =
            since.as_ref().filter(|since| ours(since)).and_then(|since| self.ring.since(since.seq, last));
        if since.is_some() {
            let figures = &self.app.rooms.figures;
            let count = if gap.is_some() { &figures.recovered } else { &figures.not_recovered };
            count.fetch_add(1, Ordering::Relaxed);
        }
        let muted = self.chat.sanctions().find(Kind::Mute, &person.id, address, unix_ms).is_some() || {
            let global = self.app.rooms.global.read().unwrap_or_else(PoisonError::into_inner);
            global.find(Kind::Mute, &person.id, address, unix_ms).is_some()
        };
        // What has not gone out yet comes to the newcomer too, with the next batch.
        let recovered = gap.is_some();
        let mut messages = gap.unwrap_or_else(|| self.ring.recent(RECENT + self.pending.len()));
        messages.retain(|said| said.message.seq <= self.sent_seq);
        done(Ok(Welcome {
            about: self.about.clone(),
            you,
            guest: person.guest,
            epoch: self.epoch.clone(),
            seq: self.sent_seq,
            recovered,
            messages,
            counters: self.counters,
            pinned: self.about.pinned.and_then(|seq| self.ring.find(seq)).cloned(),
            muted,
        }));
    }

    fn leave(&mut self, user: &str, watched_ms: u64) {
        let Some(author) = self.chat.author(user).cloned() else { return };
        let guest = self.chat.is_guest(user);
        if self.chat.leave(user) {
            self.count_online();
            self.tell_member(event::MEMBER_LEFT, &author, guest);
        }
        self.writer.visit(
            &self.room.id,
            Visit {
                user: user.to_owned(),
                name: author.name.clone(),
                avatar: author.avatar.clone(),
                inviter: None,
                at_ms: self.app.clock.unix_ms(),
                visits: 0,
                watch_ms: watched_ms,
            },
        );
    }

    fn tell_member(&self, kind: &str, who: &Author, guest: bool) {
        if self.writer.wants(kind) {
            let (online, unix_ms) = (self.chat.online(), self.app.clock.unix_ms());
            let event = event::member(kind, &self.room.id, (who, guest), online, unix_ms);
            self.writer.put_event(&self.room.id, event);
        }
    }

    fn say(&mut self, say: Say, done: Done<Result<Ack, Reject>>) {
        let (now_ms, unix_ms) = (self.app.clock.now_ms(), self.app.clock.unix_ms());
        let draft = {
            let global = self.app.rooms.global.read().unwrap_or_else(PoisonError::into_inner);
            self.chat.check(say, &global, now_ms, unix_ms)
        };
        let mut draft = match draft {
            Ok(draft) => draft,
            Err(NoDraft::Again(ack)) => return done(Ok(ack)),
            // The first of them will be answered; this one is asked to look again.
            Err(NoDraft::Pending) => return done(Err(Reject::until(Code::Unavailable, 500))),
            Err(NoDraft::Rejected(reject)) => return self.reject(reject, done),
        };
        if matches!(draft.send().body, Body::Gift(_)) {
            return self.give(draft, done);
        }
        match self.filtered(&draft) {
            Verdict::Clean => {}
            Verdict::Replace(text) => draft.replace_text(text),
            Verdict::Refuse(_) => {
                self.chat.cancel(&draft);
                return self.reject(Reject::new(Code::BlockedWord), done);
            }
            Verdict::Hold(word) => return self.hold(draft, word, done),
        }
        if draft.author().role < Role::Operator && self.app.hooks.asks(&question(&self.room.id, &draft)) {
            return self.ask(draft, done);
        }
        self.commit(draft, done);
    }

    fn commit(&mut self, draft: Draft, done: Done<Result<Ack, Reject>>) {
        let (now_ms, unix_ms, media_ms) =
            (self.app.clock.now_ms(), self.app.clock.unix_ms(), self.media_ms());
        let (ack, message) = self.chat.commit(draft, now_ms, unix_ms, media_ms);
        if let Some(message) = message {
            self.publish(message);
        }
        done(Ok(ack));
    }

    /// Asks the operator's backend. The room does not wait; the message comes back with [`Task::decided`].
    fn ask(&mut self, draft: Draft, done: Done<Result<Ack, Reject>>) {
        if self.asking >= ASKING_MAX {
            self.chat.cancel(&draft);
            return self.reject(Reject::until(Code::Unavailable, ASK_AGAIN_MS), done);
        }
        self.asking += 1;
        let (app, room) = (self.app.clone(), self.room.clone());
        tokio::spawn(async move {
            let decision = app.hooks.decide(&question(&room.id, &draft)).await;
            room.decided(Box::new(DecidedSay { draft, decision, done }));
        });
    }

    /// The backend has said whether it may be said. Its sender may have been muted meanwhile, or the show may be over.
    fn decided(&mut self, said: DecidedSay) {
        let DecidedSay { mut draft, decision, done } = said;
        self.asking = self.asking.saturating_sub(1);
        let allowed = match decision {
            Decision::Allow { text } => {
                if let Some(text) = text {
                    draft.replace_text(text);
                }
                let global = self.app.rooms.global.read().unwrap_or_else(PoisonError::into_inner);
                self.chat.recheck(&draft, &global, self.app.clock.unix_ms())
            }
            Decision::Refuse(told) if told.code == hooks::FAILED => {
                Err(Reject::until(Code::Unavailable, ASK_AGAIN_MS))
            }
            Decision::Refuse(told) => {
                let why = Some(Box::new((told.message, told.message_zh)));
                Err(Reject { why, ..Reject::new(Code::BlockedWord) })
            }
        };
        match allowed {
            Ok(()) => self.commit(draft, done),
            Err(reject) => {
                self.chat.cancel(&draft);
                self.reject(reject, done);
            }
        }
    }

    /// What the lists say of it. Whoever runs the server may say anything.
    fn filtered(&self, draft: &Draft) -> Verdict {
        let role = draft.author().role;
        match draft.send().body.text() {
            Some(text) if role < Role::Operator => {
                self.filter.check(&self.app.rooms.everywhere, text, role > Role::Viewer)
            }
            _ => Verdict::Clean,
        }
    }

    /// Somebody is to look at it first. The room does not wait for the database, its sender does.
    fn hold(&mut self, draft: Draft, why: String, done: Done<Result<Ack, Reject>>) {
        let held = Held {
            id: 0,
            at_ms: self.app.clock.unix_ms(),
            author: (**draft.author()).clone(),
            cid: draft.send().cid.clone(),
            reply_to: draft.send().reply_to,
            mentions: draft.send().mentions.clone(),
            body: draft.send().body.clone(),
            why,
        };
        self.chat.hold(&draft, self.app.clock.now_ms());
        self.app.rooms.figures.reject(Code::Held);
        let (app, room) = (self.app.clone(), self.room.clone());
        tokio::spawn(async move {
            let Some(store) = app.rooms.store() else { return };
            let kept = store.rooms.hold(&room.id, &held).await;
            if !matches!(kept, Ok(Some(_))) {
                let (user, cid) = (held.author.id, held.cid);
                let _ = room.commands.send(Command::Forget { user, cid });
            }
            done(Err(match kept {
                Ok(Some(_)) => Reject::new(Code::Held),
                // As many wait as may: somebody has to look at them.
                Ok(None) => Reject::new(Code::Unavailable),
                Err(error) => {
                    warn!(room = %room.id, %error, "a message that somebody should look at is lost");
                    Reject::until(Code::Unavailable, 2_000)
                }
            }));
        });
    }

    /// Lets a gift go to the ledger; it comes back with [`Task::given`].
    fn give(&mut self, draft: Draft, done: Done<Result<Ack, Reject>>) {
        if self.giving >= GIVING_MAX {
            self.chat.cancel(&draft);
            return self.reject(Reject::until(Code::Unavailable, 1_000), done);
        }
        self.giving += 1;
        let (app, room) = (self.app.clone(), self.room.clone());
        tokio::spawn(async move {
            let given = gift::give(&app, &room.id, draft.send()).await;
            room.given(Box::new(GivenSay { draft, given, done }));
        });
    }

    /// A gift is in the ledger, or is not: now it is shown and its sender is told.
    fn given(&mut self, said: GivenSay) {
        let GivenSay { mut draft, given, done } = said;
        self.giving = self.giving.saturating_sub(1);
        let given = match given {
            Ok(given) => given,
            Err(reject) => {
                self.chat.cancel(&draft);
                return self.reject(reject, done);
            }
        };
        let now_ms = self.app.clock.now_ms();
        if let Some(seq) = given.entry.seq {
            let ack = Ack { seq, at_ms: given.entry.at_ms };
            self.chat.settle(&draft, ack, now_ms);
            return done(Ok(ack));
        }
        let combo = self.combos.add(&given.entry.user, &given.entry.gift, given.entry.count, now_ms);
        draft.set_body(Body::Gift(given.shown(combo)));
        let media_ms = self.media_ms();
        let (ack, message) = self.chat.commit(draft, now_ms, self.app.clock.unix_ms(), media_ms);
        if let Some(message) = message {
            self.publish(message);
        }
        if let Some(store) = self.app.rooms.store() {
            store.ledger.note(Ask::Shown { ledger: given.entry.id, seq: ack.seq });
        }
        if given.is_new {
            let count = u64::from(given.entry.count);
            self.totals.gifts += count;
            self.totals.gift_value += given.entry.total;
            self.minute.gifts += count;
        }
        done(Ok(ack));
    }

    fn reject(&mut self, reject: Reject, done: Done<Result<Ack, Reject>>) {
        self.app.rooms.figures.reject(reject.code);
        done(Err(reject));
    }

    /// A message has its number: it is kept, and goes out. Others are told of it, unless something else tells them.
    fn publish(&mut self, message: Message) {
        let tells = !matches!(message.body, Body::Event(_) | Body::Gift(_));
        let tells = tells && self.writer.wants(event::MESSAGE_SENT);
        let event = tells.then(|| event::message(&self.room.id, &message));
        self.writer.put_message(&self.room.id, &message, event);
        self.urgent |= matches!(message.body, Body::Event(_));
        if !matches!(message.body, Body::Event(_)) {
            self.totals.messages += 1;
            self.minute.messages += 1;
        }
        self.app.rooms.figures.said.fetch_add(1, Ordering::Relaxed);
        let said = Said::new(message);
        self.ring.push(said.clone());
        self.pending.push(said);
    }

    fn event(&mut self, event: Event) -> Ack {
        let (at_ms, media_ms) = (self.app.clock.unix_ms(), self.media_ms());
        let message = self.chat.event(event, at_ms, media_ms);
        let ack = Ack { seq: message.seq, at_ms };
        self.publish(message);
        ack
    }

    fn effect(&mut self, effect: Effect) -> Ack {
        match effect {
            Effect::Recall(seq) => {
                self.ring.recall(|said| said.message.seq == seq);
                self.event(Event::Recalled(seq))
            }
            Effect::Clear(user) => {
                let is_theirs = |said: &Said| {
                    let author = said.message.from.as_ref().map(|from| &from.id);
                    user.as_ref().is_none_or(|user| author == Some(user))
                };
                self.ring.recall(is_theirs);
                self.event(Event::Cleared(user))
            }
            Effect::Pin(seq) => {
                self.change_about(|about| about.pinned = seq);
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
                let message = match author {
                    Some(author) => self.chat.say_as(author, body, at_ms, media_ms),
                    None => self.chat.say(body, at_ms, media_ms),
                };
                let ack = Ack { seq: message.seq, at_ms };
                self.publish(message);
                ack
            }
        }
    }

    fn sanction(&mut self, kind: Kind, subject: Subject, until: Option<i64>) -> Ack {
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

    fn changed(&mut self, about: About) -> Ack {
        let was_silent = self.about.settings.silent;
        self.room.likes_open.store(about.settings.likes, Ordering::Relaxed);
        self.chat.set_settings(about.settings.clone());
        self.stream = Name::new(&about.stream);
        // What happened to the show is known here first.
        let (state, live_ms, ended_ms) = (self.about.state, self.about.live_ms, self.about.ended_ms);
        let silent = about.settings.silent;
        self.about = Arc::new(About { state, live_ms, ended_ms, ..about });
        self.look_at_stream();
        if silent != was_silent {
            return self.event(Event::Silence(silent));
        }
        self.event(Event::Changed)
    }

    fn happened(&mut self, happening: Happening) -> Ack {
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
    fn look_at_stream(&mut self) {
        let on_air = self.app.hub.find(&self.stream).is_some_and(|stream| stream.phase() == Phase::OnAir);
        let waits = matches!(self.about.state, State::Scheduled | State::Interrupted);
        if on_air && waits && self.about.is_valid_at(self.app.clock.unix_ms()) {
            self.happened(Happening::OnAir);
        }
    }

    fn change_about(&mut self, change: impl FnOnce(&mut About)) {
        change(Arc::make_mut(&mut self.about));
    }

    fn count(&mut self, counted: &Counted) {
        match counted {
            Counted::Share => self.totals.shares += 1,
            Counted::Goods(id) => {
                self.totals.goods_clicks += 1;
                self.writer.goods_click(&self.room.id, id);
            }
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
        self.counters.likes += likes;
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
        self.entered_s += 1;
    }

    fn count_minute(&mut self) {
        let minute = std::mem::take(&mut self.minute);
        if minute != Minute::default() {
            self.writer.add_minute(&self.room.id, self.minute_ms, minute);
        }
    }

    /// Sends what there is to send, if it is time; else sees to it that it will be.
    fn flush(&mut self) {
        let members = self.chat.online();
        self.flush_at = None;
        if members == 0 {
            self.pending.clear();
            self.sent_seq = self.chat.last_seq();
            self.entered = Entered::default();
            self.shown = self.counters;
            return;
        }
        let big = usize::from(members > SMALL_ROOM);
        let entered = self.entered.count > 0 && self.entered_s >= ENTERED_EVERY[big];
        // Likes are summed by the second; people are told when the tick changed them, or with whatever goes out.
        let counters = self.counters.likes != self.shown.likes
            || (self.counters.online != self.shown.online
                && (entered || self.entered_s >= ENTERED_EVERY[big]));
        if self.pending.is_empty() && !entered && !counters {
            return;
        }
        if !self.urgent
            && let Err(wait_ms) = self.window.open(members, self.app.clock.now_ms())
        {
            self.flush_at = Some(Instant::now() + Duration::from_millis(wait_ms));
            return;
        }
        self.urgent = false;
        self.sent_seq = self.chat.last_seq();
        let mut batch = Batch { items: std::mem::take(&mut self.pending), ..Batch::default() };
        if self.counters != self.shown {
            self.shown = self.counters;
            batch.counters = Some(self.counters);
        }
        if entered {
            batch.entered = Some(std::mem::take(&mut self.entered));
        }
        if entered || counters {
            self.entered_s = 0;
        }
        self.outlet.batch(&self.room, &batch);
    }

    /// Where the show is now.
    fn media_ms(&self) -> Option<i64> {
        self.app.hub.find(&self.stream)?.newest_time_ms()
    }

    fn last(&self) -> Ack {
        Ack { seq: self.chat.last_seq(), at_ms: self.app.clock.unix_ms() }
    }
}

/// What is asked of a message.
fn question<'a>(room: &'a str, draft: &'a Draft) -> Question<'a> {
    let send = draft.send();
    let text = match &send.body {
        Body::Text(text) | Body::Notice(text) => text,
        Body::Image(image) => &image.url,
        Body::Custom(custom) => &custom.data,
        Body::Gift(_) | Body::Event(_) => "",
    };
    Question::Send { room, user: &send.user, kind: send.body.kind(), text }
}

/// A name that no other epoch has: random, or at least of this moment.
fn epoch(now_ms: i64) -> String {
    let mut bytes = [0; EPOCH_BYTES];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(_) => format!("{now_ms:x}"),
    }
}
