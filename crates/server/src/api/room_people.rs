//! Who is in a room, who came, who brought them, who wants to be told; and how many of everything there were.

use super::call::{Answer, Call};
use super::fault::Fault;
use super::rooms::{find, id, store, user};
use super::shape::shape;
use super::text::UserId;
use crate::http::response::Response;
use crate::time::rfc3339;

/// Most minutes of one answer: a day.
const MINUTES_MAX: usize = 1_440;

shape! {
    /// Somebody who wants to be told when it begins.
    in struct ReminderWish {
        /// Who.
        user: UserId,
    }
}

shape! {
    /// People in a room now, by id.
    out struct MemberList {
        /// The people.
        members: Vec<Member>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<String>,
    }

    /// Somebody in a room.
    out struct Member {
        /// Who.
        id: String,
        /// Under which name.
        name: String,
        /// With which picture.
        avatar: String,
        /// `viewer`, `assistant`, `cohost`, `host` or `operator`.
        role: &'static str,
        /// On how many connections.
        connections: u32,
    }

    /// People who came, by id.
    out struct VisitorList {
        /// The people.
        visitors: Vec<VisitorState>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<String>,
    }

    /// Somebody who came.
    out struct VisitorState {
        /// Who.
        user: String,
        /// Under which name the last time.
        name: String,
        /// With which picture.
        avatar: String,
        /// Who brought them first.
        inviter: Option<String>,
        /// When they came first.
        first_at: String,
        /// When they were here last.
        last_at: String,
        /// How often they came.
        visits: u64,
        /// For how long they stayed in all, in milliseconds.
        watch_ms: u64,
    }

    /// Who brought others, those who brought most first.
    out struct InviterList {
        /// The people.
        inviters: Vec<InviterState>,
    }

    /// Somebody who brought others.
    out struct InviterState {
        /// Who.
        user: String,
        /// How many they brought.
        visitors: u64,
    }

    /// People who want to be told when it begins, by id.
    out struct ReminderList {
        /// How many in all.
        count: u64,
        /// The people.
        reminders: Vec<ReminderState>,
        /// What to ask for as `after` to get the next page; null on the last one.
        next: Option<String>,
    }

    /// Somebody who wants to be told.
    out struct ReminderState {
        /// Who.
        user: String,
        /// Since when.
        at: String,
    }

    /// What was counted in a room, up to a second or so ago.
    out struct Statistics {
        /// People in it now.
        online: u64,
        /// Most people at once.
        peak: u64,
        /// Times that somebody came (PV).
        visits: u64,
        /// Different people (UV).
        visitors: u64,
        /// How long all of them stayed, in milliseconds; of those who are here still, nothing yet.
        watch_ms: u64,
        /// The same for each of them.
        average_watch_ms: u64,
        /// Likes.
        likes: u64,
        /// Messages of people.
        messages: u64,
        /// Gifts.
        gifts: u64,
        /// What they cost together, in the smallest unit of your money.
        gift_value: u64,
        /// Times that somebody passed the room on.
        shares: u64,
        /// Times that somebody opened goods.
        goods_clicks: u64,
        /// How many want to be told when it begins.
        reminders: u64,
        /// By the minute, those in which something was counted; at most a day.
        minutes: Vec<MinuteState>,
    }

    /// A minute.
    out struct MinuteState {
        /// When it began, in milliseconds since 1970.
        at: i64,
        /// Most people at once.
        online: u64,
        /// Times that somebody came.
        visits: u64,
        /// Messages of people.
        messages: u64,
        /// Likes.
        likes: u64,
        /// Gifts.
        gifts: u64,
    }
}

/// Who is here.
pub(super) fn members(call: &Call) -> Answer {
    find(call)?;
    let limit = call.limit();
    let mut found = match call.app.rooms.find(id(call)) {
        // Of one that is gone nobody is known until it is loaded again.
        Some(room) => {
            let members = room.members(call.parameter("after").unwrap_or_default(), limit + 1);
            call.wait(members).unwrap_or_default()
        }
        None => Vec::new(),
    };
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.author.id.clone());
    let members = found
        .iter()
        .map(|present| Member {
            id: present.author.id.clone(),
            name: present.author.name.clone(),
            avatar: present.author.avatar.clone(),
            role: present.author.role.word(),
            connections: present.connections,
        })
        .collect();
    Ok(Response::json(200, &MemberList { members, next }))
}

/// Who came.
pub(super) fn visitors(call: &Call) -> Answer {
    find(call)?;
    let limit = call.limit();
    let (inviter, after) = (call.parameter("inviter"), call.parameter("after"));
    let found = call.wait(store(call)?.visitors(id(call), inviter, after, limit + 1));
    let mut found = found.map_err(Fault::database)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.user.clone());
    let visitors = found
        .into_iter()
        .map(|one| VisitorState {
            user: one.user,
            name: one.name,
            avatar: one.avatar,
            inviter: one.inviter,
            first_at: rfc3339(one.first_ms),
            last_at: rfc3339(one.last_ms),
            visits: one.visits,
            watch_ms: one.watch_ms,
        })
        .collect();
    Ok(Response::json(200, &VisitorList { visitors, next }))
}

/// Who brought others.
pub(super) fn inviters(call: &Call) -> Answer {
    find(call)?;
    let found = call.wait(store(call)?.inviters(id(call), call.limit())).map_err(Fault::database)?;
    let inviters =
        found.into_iter().map(|one| InviterState { user: one.user, visitors: one.visitors }).collect();
    Ok(Response::json(200, &InviterList { inviters }))
}

/// Who wants to be told.
pub(super) fn reminders(call: &Call) -> Answer {
    find(call)?;
    let (rooms, room, limit) = (store(call)?, id(call), call.limit());
    let found = call.wait(rooms.reminders(room, call.parameter("after"), limit + 1));
    let mut found = found.map_err(Fault::database)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(user, _)| user.clone());
    let count = call.wait(rooms.reminder_count(room)).map_err(Fault::database)?;
    let reminders =
        found.into_iter().map(|(user, at_ms)| ReminderState { user, at: rfc3339(at_ms) }).collect();
    Ok(Response::json(200, &ReminderList { count, reminders, next }))
}

/// Somebody wants to be told.
pub(super) fn remind(call: &Call) -> Answer {
    let wish: ReminderWish = call.body()?;
    find(call)?;
    let user = user(wish.user.0)?;
    let done = call.wait(store(call)?.remind(id(call), &user, call.app.clock.unix_ms()));
    match done.map_err(Fault::database)? {
        true => Ok(Response::empty(204)),
        false => Err(Fault::RemindersFull.answer()),
    }
}

/// Somebody does not want to be told any more.
pub(super) fn forget(call: &Call) -> Answer {
    find(call)?;
    let user = call.parameter("user").unwrap_or_default();
    match call.wait(store(call)?.forget_reminder(id(call), user)).map_err(Fault::database)? {
        true => Ok(Response::empty(204)),
        false => Err(Fault::NoReminder.answer()),
    }
}

/// How many of everything.
pub(super) fn statistics(call: &Call) -> Answer {
    find(call)?;
    let (rooms, room) = (store(call)?, id(call));
    let online = match call.app.rooms.find(room) {
        Some(running) => running.online(),
        None => 0,
    };
    let ms = |name: &str| call.parameter(name).and_then(|ms| ms.parse().ok());
    let (from, to) = (ms("from").unwrap_or(0), ms("to").unwrap_or(i64::MAX));
    let totals = call.wait(rooms.totals(room)).map_err(Fault::database)?;
    let minutes = call.wait(rooms.minutes(room, from, to, MINUTES_MAX)).map_err(Fault::database)?;
    let reminders = call.wait(rooms.reminder_count(room)).map_err(Fault::database)?;
    let minutes = minutes
        .into_iter()
        .map(|(at, minute)| MinuteState {
            at,
            online: minute.online,
            visits: minute.visits,
            messages: minute.messages,
            likes: minute.likes,
            gifts: minute.gifts,
        })
        .collect();
    Ok(Response::json(
        200,
        &Statistics {
            online,
            peak: totals.peak.max(online),
            visits: totals.visits,
            visitors: totals.visitors,
            watch_ms: totals.watch_ms,
            average_watch_ms: totals.watch_ms.checked_div(totals.visitors).unwrap_or_default(),
            likes: totals.likes,
            messages: totals.messages,
            gifts: totals.gifts,
            gift_value: totals.gift_value,
            shares: totals.shares,
            goods_clicks: totals.goods_clicks,
            reminders,
            minutes,
        },
    ))
}
