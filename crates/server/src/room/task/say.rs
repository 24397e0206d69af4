//! What people want to say: checked, filtered, asked about, paid for; then said.

use std::sync::Arc;

use control::person::Role;
use control::room::chat::{Ack, Draft, NoDraft, Send as Say};
use control::room::message::Body;
use control::room::reject::{Code, Reject};
use control::room::turns::Turn;
use control::words::Verdict;
use tracing::warn;

use super::Task;
use crate::gift;
use crate::hooks::{self, Decision, Question};
use crate::room::{Command, DecidedSay, Done, GivenSay, Room, custom};
use crate::store::ledger::Ask;
use crate::store::rooms::Held;

/// Most gifts of one room that are on their way to the ledger. Beyond, people are told to send them again.
const GIVING_MAX: usize = 1_000;

/// Most messages of one room about which the operator's backend is being asked, or that wait behind one of those. Beyond, people
/// are told to send them again.
const ASKING_MAX: usize = 1_000;

/// After how long somebody may send again what nobody gave an answer about, in milliseconds.
const ASK_AGAIN_MS: u64 = 1_000;

impl Task {
    pub(super) fn say(&mut self, say: Say, done: Done<Result<Ack, Reject>>) {
        let (now_ms, unix_ms) = (self.app.clock.now_ms(), self.app.clock.unix_ms());
        let checked = self.chat.check(say, &self.app.rooms.global(), now_ms, unix_ms);
        let mut draft = match checked {
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
                self.chat.refuse(&draft, self.app.clock.now_ms());
                return self.reject(Reject::new(Code::BlockedWord), done);
            }
            Verdict::Hold(word) => return self.hold(draft, word, done),
        }
        let asks =
            draft.author().role < Role::Operator && self.app.hooks.asks(&question(&self.room.id, &draft));
        // What the same person said before comes before it, also if nobody is asked any more.
        if asks || self.asked.has(&draft.send().user) {
            return self.ask(draft, asks, done);
        }
        self.commit(draft, done);
    }

    pub(super) fn commit(&mut self, draft: Draft, done: Done<Result<Ack, Reject>>) {
        let (now_ms, unix_ms, media_ms) =
            (self.app.clock.now_ms(), self.app.clock.unix_ms(), self.media_ms());
        let (ack, said) = self.chat.commit(draft, now_ms, unix_ms, media_ms);
        if let Some(said) = said {
            self.keep(&said.message);
        }
        done(Ok(ack));
    }

    /// Asks the operator's backend, if it is to be asked. The room does not wait; the message comes back with [`Task::decided`].
    pub(super) fn ask(&mut self, draft: Draft, asks: bool, done: Done<Result<Ack, Reject>>) {
        if self.asked.len() >= ASKING_MAX {
            self.chat.cancel(&draft, self.app.clock.now_ms());
            return self.reject(Reject::until(Code::Unavailable, ASK_AGAIN_MS), done);
        }
        let turn = self.asked.take(&draft.send().user);
        if !asks {
            let decision = Decision::Allow { text: None };
            return self.decided(&turn, Box::new(DecidedSay { draft, decision, done }));
        }
        let (away, app) = (Away::new(&self.room, &draft, Some(turn)), self.app.clone());
        tokio::spawn(async move {
            let decision = app.hooks.decide(&question(&away.room.id, &draft)).await;
            away.decided(DecidedSay { draft, decision, done });
        });
    }

    /// The backend has said whether something may be said: it is said when everything that the same person said before is.
    pub(super) fn decided(&mut self, turn: &Turn, said: Box<DecidedSay>) {
        self.settle(turn, Some(said));
    }

    fn settle(&mut self, turn: &Turn, said: Option<Box<DecidedSay>>) {
        for said in self.asked.settle(turn, said).into_iter().flatten() {
            self.carry_out(*said);
        }
    }

    /// Says what may be said. Its sender may have been muted meanwhile, or the show may be over.
    fn carry_out(&mut self, said: DecidedSay) {
        let DecidedSay { mut draft, decision, done } = said;
        let allowed = match decision {
            Decision::Allow { text } => {
                if let Some(text) = text {
                    draft.replace_text(text);
                }
                self.chat.recheck(&draft, &self.app.rooms.global(), self.app.clock.unix_ms())
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
                let now_ms = self.app.clock.now_ms();
                match reject.code {
                    Code::BlockedWord => self.chat.refuse(&draft, now_ms),
                    _ => self.chat.cancel(&draft, now_ms),
                }
                self.reject(reject, done);
            }
        }
    }

    /// What the lists say of it. Whoever runs the server may say anything. An address and data are not written anew: what would be
    /// made unreadable in a text is refused there.
    pub(super) fn filtered(&self, draft: &Draft) -> Verdict {
        let role = draft.author().role;
        if role >= Role::Operator {
            return Verdict::Clean;
        }
        let check = |text: &str| self.filter.check(&self.app.rooms.everywhere, text, role > Role::Viewer);
        let whole = |text: &str| match check(text) {
            Verdict::Replace(text) => Verdict::Refuse(text),
            verdict => verdict,
        };
        match &draft.send().body {
            Body::Text(text) | Body::Notice(text) => check(text),
            Body::Image(image) => whole(&image.url),
            Body::Custom(custom) => whole(&custom::texts(&custom.data)),
            Body::Gift(_) | Body::Event(_) => Verdict::Clean,
        }
    }

    /// Somebody is to look at it first. The room does not wait for the database, its sender does.
    pub(super) fn hold(&mut self, draft: Draft, why: String, done: Done<Result<Ack, Reject>>) {
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
    pub(super) fn give(&mut self, draft: Draft, done: Done<Result<Ack, Reject>>) {
        if self.giving >= GIVING_MAX {
            self.chat.cancel(&draft, self.app.clock.now_ms());
            return self.reject(Reject::until(Code::Unavailable, 1_000), done);
        }
        self.giving += 1;
        let (away, app) = (Away::new(&self.room, &draft, None), self.app.clone());
        tokio::spawn(async move {
            #[cfg(test)]
            if let Body::Gift(gift) = &draft.send().body {
                crate::bug::strike_bytes(crate::bug::GIVE, gift.id.as_bytes());
            }
            let given = gift::give(&app, &away.room.id, draft.send()).await;
            away.given(GivenSay { draft, given, done });
        });
    }

    /// Nobody will ever say what becomes of a message, or of a gift if there is no turn: the same may be sent again, and what waits
    /// behind it goes on. A gift may be in the ledger all the same; then whoever sends it again is told so.
    pub(super) fn lost(&mut self, user: &str, cid: &str, turn: Option<&Turn>) {
        self.chat.forget(user, cid);
        match turn {
            Some(turn) => self.settle(turn, None),
            None => self.giving = self.giving.saturating_sub(1),
        }
    }

    /// A gift is in the ledger, or is not: now it is shown and its sender is told.
    pub(super) fn given(&mut self, said: GivenSay) {
        let GivenSay { mut draft, given, done } = said;
        self.giving = self.giving.saturating_sub(1);
        let given = match given {
            Ok(given) => given,
            Err(reject) => {
                self.chat.cancel(&draft, self.app.clock.now_ms());
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
        let (ack, said) = self.chat.commit(draft, now_ms, self.app.clock.unix_ms(), media_ms);
        if let Some(said) = said {
            self.keep(&said.message);
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

    pub(super) fn reject(&mut self, reject: Reject, done: Done<Result<Ack, Reject>>) {
        self.app.rooms.figures.reject(reject.code);
        done(Err(reject));
    }
}

/// What left the room for others to decide on: a message with its turn, or a gift. Whatever becomes of it there, the room is told.
struct Away {
    room: Arc<Room>,
    user: String,
    cid: String,
    turn: Option<Turn>,
    is_back: bool,
}

impl Away {
    fn new(room: &Arc<Room>, draft: &Draft, turn: Option<Turn>) -> Away {
        let Say { user, cid, .. } = draft.send();
        Away { room: room.clone(), user: user.clone(), cid: cid.clone(), turn, is_back: false }
    }

    fn decided(mut self, said: DecidedSay) {
        if let Some(turn) = self.turn.take() {
            self.is_back = true;
            self.room.decided(turn, Box::new(said));
        }
    }

    fn given(mut self, said: GivenSay) {
        self.is_back = true;
        self.room.given(Box::new(said));
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        if !self.is_back {
            let (user, cid) = (std::mem::take(&mut self.user), std::mem::take(&mut self.cid));
            let _ = self.room.commands.send(Command::Lost { user, cid, turn: self.turn.take() });
        }
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
