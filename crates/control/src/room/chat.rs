//! The chat of one room: who is here, who may say what, and in which order it was said.
//!
//! Saying something has two halves. [`Chat::check`] decides and takes what it costs (rates, slow mode); what passes is
//! a [`Draft`]. [`Chat::commit`] gives the draft its number. Between them the owner of the room may ask others: the
//! operator's backend, the ledger. A draft that comes to nothing is given back with [`Chat::cancel`], or
//! with [`Chat::refuse`] if that is its sender's fault.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::Since;
use super::feed::{Feed, Greeting, Next, Said};
use super::limits::{Limits, Paid};
use super::memory::Memory;
use super::message::{Author, Body, CUSTOM_MAX, Event, MENTIONS_MAX, Message, NAME_MAX, TEXT_MAX, URL_MAX};
use super::reject::{Code, Reject};
use super::sanction::{Kind, Sanctions};
use super::settings::Settings;
use super::show::State;
use crate::person::{Person, Role, check_id};

/// Most connections of one person in one room.
pub const CONNECTIONS_MAX: u32 = 10;

/// The chat of a room.
#[derive(Debug)]
pub struct Chat {
    settings: Settings,
    state: State,
    feed: Feed,
    members: HashMap<String, Member>,
    limits: Limits,
    answers: Memory<Answer>,
    sanctions: Sanctions,
}

#[derive(Debug)]
struct Member {
    author: Arc<Author>,
    guest: bool,
    address: Option<IpAddr>,
    connections: u32,
}

#[derive(Debug, Clone)]
enum Answer {
    Pending,
    Done(Ack),
    /// Somebody is to look at it.
    Held,
}

/// What somebody wants to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// Who; a member.
    pub user: String,
    /// What their client calls it.
    pub cid: String,
    /// The number of the message that it answers.
    pub reply_to: Option<u64>,
    /// Whom it names.
    pub mentions: Vec<String>,
    /// What it is.
    pub body: Body,
}

/// What passed and has no number yet.
#[derive(Debug, Clone)]
pub struct Draft {
    author: Arc<Author>,
    send: Send,
    hidden: bool,
    paid: Paid,
}

/// What the sender is told of a message that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Its number.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// Why there is no draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoDraft {
    /// It was said before, and this was the answer.
    Again(Ack),
    /// The same is being decided on now; its answer comes.
    Pending,
    /// No.
    Rejected(Reject),
}

/// Somebody came in.
#[derive(Debug, Clone)]
pub struct Joined {
    /// They were not here before.
    pub first: bool,
    /// As others see them.
    pub author: Arc<Author>,
    /// Whether they may not speak.
    pub muted: bool,
    /// What they are told of what was said.
    pub greeting: Greeting,
}

impl From<Reject> for NoDraft {
    fn from(reject: Reject) -> NoDraft {
        NoDraft::Rejected(reject)
    }
}

impl Draft {
    /// Who says it.
    pub fn author(&self) -> &Arc<Author> {
        &self.author
    }

    /// What is said.
    pub fn send(&self) -> &Send {
        &self.send
    }

    /// Puts something else in its place: words that were replaced, a gift as the ledger has it.
    pub fn set_body(&mut self, body: Body) {
        self.send.body = body;
    }

    /// Puts other words in the place of its text.
    pub fn replace_text(&mut self, with: String) {
        if let Body::Text(text) | Body::Notice(text) = &mut self.send.body {
            *text = with;
        }
    }

    /// Whether its author is hidden, so that it counts and is shown to nobody.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }
}

impl Chat {
    /// The chat of a room that starts anew, with a new feed.
    pub fn new(settings: Settings, state: State, feed: Feed, sanctions: Sanctions) -> Chat {
        Chat {
            settings,
            state,
            feed,
            members: HashMap::new(),
            limits: Limits::default(),
            answers: Memory::new(),
            sanctions,
        }
    }

    /// What goes out, and what of it is remembered.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// The same, to be changed. Numbers are given by what is said.
    pub fn feed_mut(&mut self) -> &mut Feed {
        &mut self.feed
    }

    /// What there is to send to everybody who is here, if it is time.
    pub fn poll_batch(&mut self, now_ms: u64) -> Next {
        self.feed.poll_batch(self.members.len(), now_ms)
    }

    /// The rules.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Other rules from now on.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Where the show is.
    pub fn state(&self) -> State {
        self.state
    }

    /// The show is elsewhere now.
    pub fn set_state(&mut self, state: State) {
        self.state = state;
    }

    /// The sanctions of this room.
    pub fn sanctions(&mut self) -> &mut Sanctions {
        &mut self.sanctions
    }

    /// Whether a sanction is in force against somebody, here or on the whole server, and until when.
    pub fn sanctioned(
        &self,
        kind: Kind,
        user: &str,
        address: Option<IpAddr>,
        global: &Sanctions,
        unix_ms: i64,
    ) -> Option<Option<i64>> {
        let in_force = |all: &Sanctions| all.find(kind, user, address, unix_ms);
        in_force(&self.sanctions).or_else(|| in_force(global))
    }

    /// People here, each once.
    pub fn online(&self) -> usize {
        self.members.len()
    }

    /// Everybody here, in no order.
    pub fn members(&self) -> impl Iterator<Item = (&Arc<Author>, u32)> {
        self.members.values().map(|member| (&member.author, member.connections))
    }

    /// Whether somebody is here.
    pub fn has(&self, user: &str) -> bool {
        self.members.contains_key(user)
    }

    /// Whether somebody is here for whom nobody vouches.
    pub fn is_guest(&self, user: &str) -> bool {
        self.members.get(user).is_some_and(|member| member.guest)
    }

    /// Somebody as they are here.
    pub fn author(&self, user: &str) -> Option<&Arc<Author>> {
        self.members.get(user).map(|member| &member.author)
    }

    /// Lets somebody in, on one more connection; `since` is what they have from before.
    pub fn join(
        &mut self,
        person: &Person,
        address: Option<IpAddr>,
        since: Option<&Since>,
        global: &Sanctions,
        unix_ms: i64,
    ) -> Result<Joined, Reject> {
        let operator = person.role == Role::Operator;
        if !operator && self.sanctioned(Kind::Ban, &person.id, address, global, unix_ms).is_some() {
            return Err(Reject::new(Code::Banned));
        }
        if person.guest && !self.settings.guests {
            return Err(Reject::new(Code::NotAllowed));
        }
        let first = !self.members.contains_key(&person.id);
        let seen = author(person);
        let member = self.members.entry(person.id.clone()).or_insert_with(|| Member {
            author: Arc::new(seen.clone()),
            guest: person.guest,
            address,
            connections: 0,
        });
        if member.connections >= CONNECTIONS_MAX {
            return Err(Reject::new(Code::Unavailable));
        }
        member.connections += 1;
        member.address = address.or(member.address);
        // Whoever comes again may have another name by now; what they said keeps the old one.
        if *member.author != seen {
            member.author = Arc::new(seen);
        }
        let author = member.author.clone();
        if first {
            let members = self.members.len();
            self.feed.set_online(members);
            self.feed.note_entered((!person.guest).then_some(&author.name), members);
        }
        let muted = self.sanctioned(Kind::Mute, &person.id, address, global, unix_ms).is_some();
        Ok(Joined { first, author, muted, greeting: self.feed.greet(since) })
    }

    /// One connection of somebody ends. Returns whether it was their last.
    pub fn leave(&mut self, user: &str) -> bool {
        let Some(member) = self.members.get_mut(user) else { return false };
        member.connections = member.connections.saturating_sub(1);
        let last = member.connections == 0;
        if last {
            self.members.remove(user);
            self.feed.set_online(self.members.len());
        }
        last
    }

    /// Decides whether somebody may say something now, and takes what it costs them.
    pub fn check(
        &mut self,
        send: Send,
        global: &Sanctions,
        now_ms: u64,
        unix_ms: i64,
    ) -> Result<Draft, NoDraft> {
        let Some(member) = self.members.get(&send.user) else {
            return Err(Reject::new(Code::NotAllowed).into());
        };
        match self.answers.recall(&send.user, &send.cid, now_ms) {
            Some(Answer::Done(ack)) => return Err(NoDraft::Again(ack)),
            Some(Answer::Pending) => return Err(NoDraft::Pending),
            Some(Answer::Held) => return Err(Reject::new(Code::Held).into()),
            None => {}
        }
        let member_is = (member.author.clone(), member.guest, member.address);
        let (author, guest, address) = member_is;
        self.may_speak(&author, guest, address, &send, global, unix_ms)?;
        self.is_right(&send, author.role)?;
        let paid = self.limits.take(&self.settings, &author, &send.body, now_ms)?;
        let hidden = self.sanctioned(Kind::Hide, &send.user, address, global, unix_ms).is_some();
        self.answers.keep(&send.user, &send.cid, Answer::Pending, now_ms);
        Ok(Draft { author, send, hidden, paid })
    }

    /// Decides whether a draft that waited for others may still be said, in the words that it has now. It costs nothing.
    pub fn recheck(&self, draft: &Draft, global: &Sanctions, unix_ms: i64) -> Result<(), Reject> {
        let address = self.members.get(&draft.send.user).and_then(|member| member.address);
        self.may_speak(&draft.author, false, address, &draft.send, global, unix_ms)?;
        self.is_right(&draft.send, draft.author.role)
    }

    /// Gives a draft its number; it goes out with the next batch. Nobody but the sender is to see the message when there is none.
    pub fn commit(
        &mut self,
        draft: Draft,
        now_ms: u64,
        at_ms: i64,
        media_ms: Option<i64>,
    ) -> (Ack, Option<Arc<Said>>) {
        let Draft { author, send, hidden, paid: _ } = draft;
        if !hidden {
            let (ack, said) = self.number(author, send, now_ms, at_ms, media_ms);
            return (ack, Some(said));
        }
        // The hidden are told the number that the next one has, as if it had been theirs.
        let ack = Ack { seq: self.feed.last_seq() + 1, at_ms };
        self.answers.keep(&send.user, &send.cid, Answer::Done(ack), now_ms);
        (ack, None)
    }

    /// A draft waits for somebody who looks at it: whoever sends the same again is told so.
    pub fn hold(&mut self, draft: &Draft, now_ms: u64) {
        self.answers.keep(&draft.send.user, &draft.send.cid, Answer::Held, now_ms);
    }

    /// What was answered to somebody's message is forgotten: the same may be said again.
    pub fn forget(&mut self, user: &str, cid: &str) {
        self.answers.drop_answer(user, cid);
    }

    /// A draft turns out to be what was said before: its answer was this one, and nobody is shown it again.
    pub fn settle(&mut self, draft: &Draft, ack: Ack, now_ms: u64) {
        self.answers.keep(&draft.send.user, &draft.send.cid, Answer::Done(ack), now_ms);
    }

    /// A draft comes to nothing; the same may be tried again at once.
    pub fn cancel(&mut self, draft: &Draft, now_ms: u64) {
        self.forget(&draft.send.user, &draft.send.cid);
        self.limits.put_back(&draft.send.user, &draft.paid, now_ms);
    }

    /// A draft is refused for what it says; other words may be tried at once. Deciding on it was work, which its sender's own rate pays
    /// for: what is refused for nothing could be sent without end.
    pub fn refuse(&mut self, draft: &Draft, now_ms: u64) {
        self.forget(&draft.send.user, &draft.send.cid);
        self.limits.put_back_all_but_own(&draft.send.user, &draft.paid, now_ms);
    }

    /// Something is said by somebody who need not be here and is not held to any rate, the operator's backend; by nobody: the
    /// room itself says it, or it happened.
    pub fn say(
        &mut self,
        author: Option<Author>,
        body: Body,
        at_ms: i64,
        media_ms: Option<i64>,
    ) -> Arc<Said> {
        let (cid, mentions, from) = (String::new(), Vec::new(), author.map(Arc::new));
        self.feed.push(Message { seq: 0, at_ms, media_ms, from, cid, reply_to: None, mentions, body })
    }

    /// What waited for somebody's look is said after all, as it was sent: its author may have left, and nothing is decided anew. Whoever sends
    /// the same again is told that it was said. What was said already is not said twice.
    pub fn say_late(
        &mut self,
        author: Author,
        send: Send,
        now_ms: u64,
        at_ms: i64,
        media_ms: Option<i64>,
    ) -> (Ack, Option<Arc<Said>>) {
        if let Some(Answer::Done(ack)) = self.answers.recall(&send.user, &send.cid, now_ms) {
            return (ack, None);
        }
        let (ack, said) = self.number(Arc::new(author), send, now_ms, at_ms, media_ms);
        (ack, Some(said))
    }

    /// Something happened.
    pub fn event(&mut self, event: Event, at_ms: i64, media_ms: Option<i64>) -> Arc<Said> {
        self.say(None, Body::Event(event), at_ms, media_ms)
    }

    /// Forgets what is over. To be called now and then.
    pub fn tidy(&mut self, now_ms: u64, unix_ms: i64) {
        self.sanctions.expire(unix_ms);
        self.limits.tidy(&self.settings, now_ms);
    }

    fn number(
        &mut self,
        author: Arc<Author>,
        send: Send,
        now_ms: u64,
        at_ms: i64,
        media_ms: Option<i64>,
    ) -> (Ack, Arc<Said>) {
        let Send { user, cid, reply_to, mentions, body } = send;
        let (from, name) = (Some(author), cid.clone());
        let said = self.feed.push(Message { seq: 0, at_ms, media_ms, from, cid, reply_to, mentions, body });
        let ack = Ack { seq: said.message.seq, at_ms };
        self.answers.keep(&user, &name, Answer::Done(ack), now_ms);
        (ack, said)
    }

    fn may_speak(
        &self,
        author: &Author,
        guest: bool,
        address: Option<IpAddr>,
        send: &Send,
        global: &Sanctions,
        unix_ms: i64,
    ) -> Result<(), Reject> {
        if !self.state.takes_messages() {
            return Err(Reject::new(Code::RoomClosed));
        }
        if author.role == Role::Operator {
            return Ok(());
        }
        let found = |kind| self.sanctioned(kind, &send.user, address, global, unix_ms);
        if found(Kind::Ban).is_some() {
            return Err(Reject::new(Code::Banned));
        }
        if let Some(until) = found(Kind::Mute) {
            let left = until.map(|until| u64::try_from(until - unix_ms).unwrap_or_default());
            return Err(Reject { code: Code::Muted, retry_after_ms: left, why: None });
        }
        let crew = author.role > Role::Viewer;
        // Gifts are not speech: who is silenced with all others may still give.
        if self.settings.silent && !crew && !matches!(send.body, Body::Gift(_)) {
            return Err(Reject::new(Code::Muted));
        }
        let allowed = match &send.body {
            _ if guest => false,
            Body::Text(_) | Body::Custom(_) => true,
            Body::Image(_) => self.settings.images || crew,
            Body::Gift(_) => self.settings.gifts,
            Body::Notice(_) => crew,
            Body::Event(_) => false,
        };
        if allowed { Ok(()) } else { Err(Reject::new(Code::NotAllowed)) }
    }

    /// Sizes and forms.
    fn is_right(&self, send: &Send, role: Role) -> Result<(), Reject> {
        let long = Err(Reject::new(Code::TooLong));
        let bad = Err(Reject::new(Code::Bad));
        // A client's own id goes out to everybody, so it is held to what people's are: nothing in it that cannot be seen.
        let ids = send.mentions.iter().chain([&send.cid]);
        if send.mentions.len() > MENTIONS_MAX || !ids.into_iter().all(|id| check_id(id).is_ok()) {
            return bad;
        }
        let text_max = if role > Role::Viewer { TEXT_MAX } else { self.settings.text_max.min(TEXT_MAX) };
        match &send.body {
            Body::Text(text) | Body::Notice(text) => {
                if text.trim().is_empty() || text.chars().any(is_unprintable) {
                    return bad;
                }
                // Bytes first, so that a megabyte is refused without a walk over it.
                if text.len() > text_max * 4 || text.chars().count() > text_max {
                    return long;
                }
            }
            Body::Image(image) => {
                let web = image.url.starts_with("https://") || image.url.starts_with("http://");
                if !web || image.url.chars().any(|c| c.is_control() || c.is_whitespace()) {
                    return bad;
                }
                if image.url.len() > URL_MAX {
                    return long;
                }
            }
            Body::Custom(custom) => {
                let named = custom.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
                if custom.name.is_empty() || custom.name.len() > NAME_MAX || !named {
                    return bad;
                }
                if custom.data.len() > CUSTOM_MAX {
                    return long;
                }
                if has_unprintable(&custom.data) {
                    return bad;
                }
            }
            Body::Gift(gift) => {
                if gift.count == 0 || gift.id.is_empty() {
                    return bad;
                }
            }
            Body::Event(_) => {}
        }
        Ok(())
    }
}

/// Somebody as others see them. Pages call guests what their language calls them.
fn author(person: &Person) -> Author {
    let name = if person.guest { "" } else { person.called() };
    let (id, avatar) = (person.id.clone(), person.avatar.clone());
    Author { id, name: name.to_owned(), avatar, role: person.role }
}

/// Characters that have no place in a line of chat: controls, and those that turn the direction of what stands around
/// them (Unicode UAX #9).
pub fn is_unprintable(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{FFFE}')
}

/// Whether the strings of a JSON text have such characters, plain or escaped. Line ends and tabs are no harm in data.
fn has_unprintable(json: &str) -> bool {
    let harms = |c: char| is_unprintable(c) && !matches!(c, '\t' | '\r');
    let mut rest = json.chars();
    while let Some(c) = rest.next() {
        let meant = match c {
            '\\' => match rest.next() {
                Some('u') => {
                    let digits: String = rest.by_ref().take(4).collect();
                    // Half of a pair stands for none of them.
                    u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
                }
                Some('b') => Some('\u{8}'),
                Some('f') => Some('\u{c}'),
                _ => None,
            },
            c => Some(c),
        };
        if meant.is_some_and(harms) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests;
