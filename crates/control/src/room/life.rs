//! A room's whole life on virtual time: people speak, stall, drop out and come back, the room is forgotten and loaded, the
//! server crashes and starts again, in any order.
//!
//! The chat and its feed are the real ones. Around them stands a model of what the server does with them: a database that is
//! behind, wires that lose what was on its way, queues that skip batches, a backend that is asked. The clients do what
//! docs/en/chat-wire.md says, and check what it promises.

mod client;

use std::collections::{HashMap, HashSet, VecDeque};

use client::{Client, Frame, Item};
use proptest::prelude::*;

use super::Since;
use super::bucket::Rate;
use super::chat::{Chat, Draft, NoDraft, Send};
use super::feed::{Feed, Next, Said, begin_after};
use super::message::{Body, Event, Message};
use super::sanction::Sanctions;
use super::settings::Settings;
use super::show::State;
use super::turns::{Turn, Turns};
use crate::person::{Person, Role};

/// Clients of the model. The last is of the host's side.
const CLIENTS: usize = 4;

/// Others who are here as long as a client is: so many that batches keep a distance.
const CROWD: usize = 120;

/// Of so many messages that were missed a recovery is always exact.
const SURE: u64 = 50;

/// The time between two ticks of a room, in milliseconds.
const TICK_MS: u64 = 1_000;

#[derive(Debug, Clone)]
enum Step {
    /// Somebody says something: new words, or one of a few that were said before.
    Say {
        who: usize,
        words: Option<u8>,
    },
    /// Somebody says something about which the operator's backend is asked.
    Ask {
        who: usize,
    },
    /// The backend has decided on one of those.
    Decide {
        which: usize,
        allowed: bool,
    },
    /// Somebody sends their last message again, as if they had not heard the answer.
    Again {
        who: usize,
    },
    /// So many announcements at once.
    Notices(u32),
    Happens,
    Like(u64),
    Recall {
        back: u64,
    },
    Clear {
        who: usize,
    },
    Wait(u64),
    /// Somebody reads what came.
    Read {
        who: usize,
        most: usize,
    },
    /// The queue of somebody who does not read is full: batches are skipped.
    Skip {
        who: usize,
    },
    Drop {
        who: usize,
    },
    Come {
        who: usize,
    },
    /// The database takes what was said.
    Save,
    /// Nobody has been here for a while: everybody leaves, and the room is forgotten.
    Forget,
    /// What the database does not have is lost.
    Crash,
}

/// One draft that waits, with what is decided.
type Decided = (Draft, bool);

struct World {
    settings: Settings,
    now_ms: u64,
    next_tick_ms: u64,
    flush_at_ms: Option<u64>,
    chat: Option<Chat>,
    epochs: u64,
    epoch_seq: Option<u64>,
    saved: Vec<Message>,
    unsaved: Vec<Message>,
    clients: Vec<Client>,
    turns: Turns<Decided>,
    asked: Vec<(Turn, Draft)>,
    /// Every number that was ever given, and for what.
    given: HashMap<u64, String>,
    recalled: HashSet<u64>,
    count: u64,
    /// In this epoch: when what was said passed, by who said it, the newest last.
    passed: Vec<(u64, usize, String)>,
    /// What of it came to nothing.
    cancelled: HashSet<String>,
    /// By person, in the order in which it passed: what is to be said, and what has been.
    order: [VecDeque<String>; CLIENTS],
    likes: u64,
}

fn id(who: usize) -> String {
    if who == CLIENTS - 1 { "host".into() } else { format!("u{who}") }
}

fn person(who: usize) -> Person {
    let role = if who == CLIENTS - 1 { Role::Host } else { Role::Viewer };
    Person { id: id(who), name: String::new(), avatar: String::new(), role, guest: false }
}

fn words(message: &Message) -> String {
    match &message.body {
        Body::Text(text) | Body::Notice(text) => text.clone(),
        Body::Event(event) => format!("{} {}", event.word(), message.seq),
        _ => unreachable!(),
    }
}

fn item(said: &Said, given: &HashMap<u64, String>) -> Item {
    let message = &said.message;
    match &message.body {
        // In the place of what was taken back, under its number; an event that says so has another.
        Body::Event(Event::Recalled(seq)) if *seq == message.seq => (message.seq, None),
        _ => {
            assert_eq!(given.get(&message.seq), Some(&words(message)), "another message under this number");
            (message.seq, Some(words(message)))
        }
    }
}

impl World {
    fn new(settings: Settings) -> World {
        World {
            settings,
            now_ms: 1_000_000,
            next_tick_ms: 1_001_000,
            flush_at_ms: None,
            chat: None,
            epochs: 0,
            epoch_seq: None,
            saved: Vec::new(),
            unsaved: Vec::new(),
            clients: (0..CLIENTS).map(|_| Client::default()).collect(),
            turns: Turns::default(),
            asked: Vec::new(),
            given: HashMap::new(),
            recalled: HashSet::new(),
            count: 0,
            passed: Vec::new(),
            cancelled: HashSet::new(),
            order: Default::default(),
            likes: 0,
        }
    }

    fn unix_ms(&self) -> i64 {
        1_700_000_000_000 + self.now_ms.cast_signed()
    }

    /// As the server loads a room: where the epoch begins is on the disk before anybody is let in.
    fn load(&mut self) {
        let last_seq = self.saved.last().map_or(0, |message| message.seq);
        let after_seq = begin_after(last_seq, self.epoch_seq);
        self.epoch_seq = Some(after_seq);
        self.epochs += 1;
        let recent = self.saved[self.saved.len().saturating_sub(50)..].iter();
        let recent = recent.filter(|message| !self.recalled.contains(&message.seq)).cloned().collect();
        let feed = Feed::new(self.epochs.to_string().into(), after_seq, recent, self.likes);
        let mut chat = Chat::new(self.settings.clone(), State::Live, feed, Sanctions::default());
        for number in 0..CROWD {
            let other = Person { id: format!("c{number}"), ..person(0) };
            chat.join(&other, None, None, &Sanctions::default(), self.unix_ms()).unwrap();
        }
        self.chat = Some(chat);
        self.next_tick_ms = self.now_ms + TICK_MS;
    }

    /// A message got its number: never one that was there before.
    fn keep(&mut self, said: &Said) {
        let before = self.given.insert(said.message.seq, words(&said.message));
        assert_eq!(before, None, "the number {} again", said.message.seq);
        self.unsaved.push(said.message.clone());
    }

    fn check(&mut self, who: usize, send: Send) -> Option<Draft> {
        let chat = self.chat.as_mut()?;
        let (unix_ms, cid) = (1_700_000_000_000 + self.now_ms.cast_signed(), send.cid.clone());
        let text = send.body.text().unwrap_or_default().to_owned();
        match chat.check(send, &Sanctions::default(), self.now_ms, unix_ms) {
            Ok(draft) => {
                assert!(!self.passed.iter().any(|(_, by, of)| (*by, of) == (who, &cid)), "passed twice");
                self.passed.push((self.now_ms, who, cid));
                self.order[who].push_back(text);
                Some(draft)
            }
            Err(NoDraft::Again(ack)) => {
                self.clients[who].frames.push_back(Frame::Ack(ack));
                None
            }
            Err(_) => None,
        }
    }

    fn commit(&mut self, draft: Draft) {
        let unix_ms = self.unix_ms();
        let Some(chat) = &mut self.chat else { return };
        let who = (0..CLIENTS).find(|who| id(*who) == draft.send().user).unwrap();
        let text = draft.send().body.text().unwrap().to_owned();
        let (ack, said) = chat.commit(draft, self.now_ms, unix_ms, None);
        assert_eq!(self.order[who].pop_front(), Some(text), "overtaken by what was said later");
        self.keep(&said.unwrap());
        if self.clients[who].here {
            self.clients[who].frames.push_back(Frame::Ack(ack));
        }
    }

    fn settle(&mut self, turn: &Turn, draft: Draft, allowed: bool) {
        for (draft, allowed) in self.turns.settle(turn, (draft, allowed)) {
            let (now_ms, who) = (self.now_ms, draft.author().id.clone());
            match &mut self.chat {
                Some(chat) if !allowed => {
                    chat.cancel(&draft, now_ms);
                    self.cancelled.insert(draft.send().cid.clone());
                    let who = (0..CLIENTS).find(|at| id(*at) == who).unwrap();
                    self.order[who].pop_front();
                }
                _ => self.commit(draft),
            }
        }
    }

    /// New words, or some that were said before.
    fn say(&mut self, who: usize, words: Option<u8>, ask: bool) {
        self.count += 1;
        let (cid, number) = (format!("m{}", self.count), self.count);
        // A number at the end keeps them apart for the test; signs are nothing to the rule about repeats.
        let text = match words {
            Some(words) => {
                format!("{}{}", ["good", "bad", "ugly"][usize::from(words % 3)], "!".repeat(number as usize))
            }
            None => format!("m{number}"),
        };
        let send = Send {
            user: id(who),
            cid: cid.clone(),
            reply_to: None,
            mentions: Vec::new(),
            body: Body::Text(text.clone()),
        };
        if self.clients[who].here {
            self.clients[who].last = Some((cid, text));
        }
        let Some(draft) = self.check(who, send) else { return };
        if ask || self.turns.has(&id(who)) {
            let turn = self.turns.take(&id(who));
            match ask {
                true => self.asked.push((turn, draft)),
                false => self.settle(&turn, draft, true),
            }
        } else {
            self.commit(draft);
        }
    }

    fn again(&mut self, who: usize) {
        let Some((cid, text)) = self.clients[who].last.clone() else { return };
        let passed = self.passed.iter().find(|(_, by, of)| (*by, of) == (who, &cid));
        // Answers are kept for five minutes, and a new epoch does not know what was said before it.
        if passed.is_none_or(|(at_ms, ..)| self.now_ms - at_ms >= 300_000)
            || self.cancelled.contains(&cid)
            || !self.clients[who].here
        {
            return;
        }
        let body = Body::Text(text);
        let send = Send { user: id(who), cid, reply_to: None, mentions: Vec::new(), body };
        assert!(self.check(who, send).is_none());
    }

    fn happens(&mut self, body: Body) {
        let unix_ms = self.unix_ms();
        let Some(chat) = &mut self.chat else { return };
        let said = chat.say(None, body, unix_ms, None);
        self.keep(&said);
    }

    /// What the task of a room does whenever it wakes.
    fn flush(&mut self) {
        let Some(chat) = &mut self.chat else { return };
        self.flush_at_ms = None;
        match chat.poll_batch(self.now_ms) {
            Next::Batch(batch) => {
                let items: Vec<Item> = batch.items.iter().map(|said| item(said, &self.given)).collect();
                for client in self.clients.iter_mut().filter(|client| client.here) {
                    client.frames.push_back(Frame::Batch(items.clone()));
                }
            }
            Next::Later(wait_ms) => self.flush_at_ms = Some(self.now_ms + wait_ms),
            Next::Nothing => {}
        }
    }

    fn wait(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while self.chat.is_some() {
            let wake_ms = self.flush_at_ms.unwrap_or(u64::MAX).min(self.next_tick_ms);
            if wake_ms > until_ms {
                break;
            }
            self.now_ms = wake_ms.max(self.now_ms);
            if self.now_ms >= self.next_tick_ms {
                self.next_tick_ms = self.now_ms + TICK_MS;
                let unix_ms = self.unix_ms();
                let chat = self.chat.as_mut().unwrap();
                chat.feed_mut().tick();
                chat.tidy(self.now_ms, unix_ms);
            }
            self.flush();
        }
        self.now_ms = until_ms;
    }

    fn come(&mut self, who: usize) {
        if self.clients[who].here {
            return;
        }
        if self.chat.is_none() {
            self.load();
        }
        let (unix_ms, client) = (self.unix_ms(), &mut self.clients[who]);
        let since = client.epoch.clone().map(|epoch| Since { epoch, seq: client.seq });
        let chat = self.chat.as_mut().unwrap();
        let joined = chat.join(&person(who), None, since.as_ref(), &Sanctions::default(), unix_ms).unwrap();
        let greeting = joined.greeting;
        let items: Vec<Item> = greeting.messages.iter().map(|said| item(said, &self.given)).collect();
        let (epoch, seq, recovered) = (greeting.epoch.to_string(), greeting.seq, greeting.recovered);
        if since.is_some_and(|since| since.epoch == epoch && since.seq + SURE >= chat.feed().last_seq()) {
            assert!(recovered, "so few messages are always remembered");
        }
        client.here = true;
        client.frames.push_back(Frame::Welcome { epoch, seq, recovered, items });
    }

    fn drop_out(&mut self, who: usize) {
        let client = &mut self.clients[who];
        if std::mem::take(&mut client.here) {
            client.frames.clear();
            client.held.clear();
            if let Some(chat) = &mut self.chat {
                assert!(chat.leave(&id(who)));
            }
        }
    }

    /// As a hall of the chat does: the oldest batches go, and the last that says something stays.
    fn skip(&mut self, who: usize) {
        let frames = &mut self.clients[who].frames;
        let speaks = |frame: &Frame| matches!(frame, Frame::Batch(items) if !items.is_empty());
        let Some(last) = frames.iter().rposition(speaks) else { return };
        let mut at = 0;
        frames.retain(|frame| {
            at += 1;
            at > last || !matches!(frame, Frame::Batch(_))
        });
    }

    fn read(&mut self, who: usize, most: usize) {
        for _ in 0..most {
            let Some(frame) = self.clients[who].frames.pop_front() else { return };
            let client = &mut self.clients[who];
            let asks = match frame {
                Frame::Welcome { epoch, seq, recovered, items } => {
                    client.welcome(epoch, seq, recovered, items);
                    false
                }
                Frame::Batch(items) => {
                    assert!(items.windows(2).all(|two| two[0].0 + 1 == two[1].0), "a hole in a batch");
                    client.accept(items)
                }
                Frame::Resumed(missed) => client.resumed(missed),
                Frame::Ack(ack) => {
                    let text = self.given[&ack.seq].clone();
                    client.acks.push((ack, text));
                    false
                }
            };
            if asks {
                let missed = self.chat.as_ref().unwrap().feed().since(client.seq);
                let missed = missed.map(|missed| missed.iter().map(|said| item(said, &self.given)).collect());
                self.clients[who].frames.push_back(Frame::Resumed(missed));
            }
        }
    }

    /// The room ends: what waits for the backend comes to nothing.
    fn end(&mut self) {
        (0..CLIENTS).for_each(|who| self.drop_out(who));
        self.asked.clear();
        self.turns = Turns::default();
        self.chat = None;
        self.flush_at_ms = None;
        self.are_rates_kept();
        self.passed.clear();
        self.order = Default::default();
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Say { who, words } => self.say(*who, *words, false),
            Step::Ask { who } => self.say(*who, None, true),
            Step::Decide { which, allowed } => {
                if !self.asked.is_empty() {
                    let (turn, draft) = self.asked.remove(which % self.asked.len());
                    self.settle(&turn, draft, *allowed);
                }
            }
            Step::Again { who } => self.again(*who),
            Step::Notices(number) => {
                for _ in 0..*number {
                    self.count += 1;
                    self.happens(Body::Notice(format!("n{}", self.count)));
                }
            }
            Step::Happens => self.happens(Body::Event(Event::Changed)),
            Step::Like(likes) => {
                self.likes += likes;
                if let Some(chat) = &mut self.chat {
                    chat.feed_mut().add_likes(*likes);
                }
            }
            Step::Recall { back } => {
                let Some(chat) = &mut self.chat else { return };
                let seq = chat.feed().last_seq().saturating_sub(*back);
                self.recalled.insert(seq);
                chat.feed_mut().recall(|message| message.seq == seq);
                self.happens(Body::Event(Event::Recalled(seq)));
            }
            Step::Clear { who } => {
                let Some(chat) = &mut self.chat else { return };
                let is_theirs =
                    |message: &Message| message.from.as_ref().is_some_and(|from| from.id == id(*who));
                let theirs = self.saved.iter().chain(&self.unsaved).filter(|message| is_theirs(message));
                self.recalled.extend(theirs.map(|message| message.seq));
                chat.feed_mut().recall(is_theirs);
                self.happens(Body::Event(Event::Cleared(Some(id(*who)))));
            }
            Step::Wait(ms) => self.wait(*ms),
            Step::Read { who, most } => self.read(*who, *most),
            Step::Skip { who } => self.skip(*who),
            Step::Drop { who } => self.drop_out(*who),
            Step::Come { who } => self.come(*who),
            Step::Save => self.saved.append(&mut self.unsaved),
            Step::Forget => {
                self.end();
                // Who loads it waits until the database has everything.
                self.saved.append(&mut self.unsaved);
            }
            Step::Crash => {
                self.end();
                self.unsaved.clear();
            }
        }
        self.flush();
    }

    /// Whoever is here gets everything that is on its way; then nobody is missing anything that they were not told of.
    fn is_whole(&mut self) {
        self.wait(5_000);
        (0..CLIENTS).for_each(|who| self.read(who, usize::MAX));
        let Some(chat) = &self.chat else { return };
        let last = chat.feed().last_seq();
        for (who, client) in self.clients.iter().enumerate().filter(|(_, client)| client.here) {
            assert_eq!(
                (client.seq, client.held.len()),
                (last, 0),
                "{who} was not told that something is missing"
            );
            assert!(
                client.has.keys().copied().eq(client.told + 1..=last),
                "{who} has {:?}",
                client.has.keys()
            );
            for (seq, what) in &client.has {
                match what {
                    Some(what) => assert_eq!(Some(what), self.given.get(seq)),
                    None => assert!(self.recalled.contains(seq)),
                }
            }
            for (ack, text) in client.acks.iter().filter(|(ack, _)| ack.seq > client.told) {
                let echo = client.has.get(&ack.seq).unwrap();
                assert!(
                    echo.as_ref().is_none_or(|echo| echo == text),
                    "{who} does not see their own message"
                );
            }
        }
    }

    /// In any time, no more passed and was said than the rules say.
    fn are_rates_kept(&self) {
        let passed = self.passed.iter().filter(|(_, _, cid)| !self.cancelled.contains(cid));
        let viewers: Vec<(u64, usize)> =
            passed.map(|(at_ms, who, _)| (*at_ms, *who)).filter(|(_, who)| *who < CLIENTS - 1).collect();
        let times: Vec<u64> = viewers.iter().map(|(at_ms, _)| *at_ms).collect();
        is_within(self.settings.room_rate, &times);
        for who in 0..CLIENTS - 1 {
            let times: Vec<u64> =
                viewers.iter().filter(|(_, by)| *by == who).map(|(at_ms, _)| *at_ms).collect();
            is_within(self.settings.user_rate, &times);
            let slow_ms = self.settings.slow_ms;
            assert!(times.windows(2).all(|two| two[1] - two[0] >= slow_ms), "{who} in slow mode: {times:?}");
        }
    }
}

fn is_within(rate: Rate, times: &[u64]) {
    for (first, from_ms) in times.iter().enumerate() {
        for (last, to_ms) in times.iter().enumerate().skip(first) {
            let most = u64::from(rate.burst) + (to_ms - from_ms) * 1_000 / rate.every_us;
            assert!((last - first + 1) as u64 <= most, "more than {rate:?}: {times:?}");
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    // One of them does more than the others, so that rules about one person are met.
    let who = || prop_oneof![3 => Just(0), 4 => 0..CLIENTS];
    prop_oneof![
        12 => (who(), proptest::option::weighted(0.2, any::<u8>())).prop_map(|(who, words)| Step::Say { who, words }),
        4 => who().prop_map(|who| Step::Ask { who }),
        5 => (0_usize..8, proptest::bool::weighted(0.7)).prop_map(|(which, allowed)| Step::Decide { which, allowed }),
        2 => who().prop_map(|who| Step::Again { who }),
        2 => prop_oneof![4 => Just(1_u32), 1 => 30_u32..70, 1 => Just(1_100)].prop_map(Step::Notices),
        1 => Just(Step::Happens),
        1 => (1_u64..100).prop_map(Step::Like),
        1 => (0_u64..20).prop_map(|back| Step::Recall { back }),
        1 => who().prop_map(|who| Step::Clear { who }),
        8 => prop_oneof![6 => 0_u64..20, 4 => 20_u64..3_000, 1 => Just(11 * 60_000)].prop_map(Step::Wait),
        6 => (who(), 1_usize..6).prop_map(|(who, most)| Step::Read { who, most }),
        2 => who().prop_map(|who| Step::Skip { who }),
        4 => who().prop_map(|who| Step::Drop { who }),
        8 => who().prop_map(|who| Step::Come { who }),
        2 => Just(Step::Save),
        1 => Just(Step::Forget),
        1 => Just(Step::Crash),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let rate = || (1_u32..20, 1_u32..4).prop_map(|(number, burst)| Rate::per_second(number, burst));
    let slow = prop_oneof![3 => Just(0), 1 => 1_u64..5_000, 1 => Just(3_600_000)];
    (rate(), rate(), slow).prop_map(|(user_rate, room_rate, slow_ms)| Settings {
        user_rate,
        room_rate,
        slow_ms,
        text_max: 2_000,
        ..Settings::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(512), ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_in_whatever_order_nothing_is_lost_unseen_repeated_or_too_much(
        settings in settings(),
        steps in proptest::collection::vec(step(), 1..150),
    ) {
        let mut world = World::new(settings);
        for (number, step) in steps.iter().enumerate() {
            world.step(step);
            if number % 50 == 49 {
                world.is_whole();
            }
        }
        world.is_whole();
        world.are_rates_kept();
    }
}
