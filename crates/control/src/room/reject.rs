//! Why somebody is not heard, and when they may try again.

use std::fmt;

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// They spoke too often.
    RateUser,
    /// All together spoke too often: what is left of this second is for others.
    RateRoomShed,
    /// The room is in slow mode.
    SlowMode,
    /// They may not speak.
    Muted,
    /// They may not be here.
    Banned,
    /// What they said is too long.
    TooLong,
    /// They said the same a moment ago.
    Duplicate,
    /// It has a word or a link that is not said here.
    BlockedWord,
    /// Somebody will look at it first.
    Held,
    /// The show is over.
    RoomClosed,
    /// The server cannot do it now; nothing was done.
    Unavailable,
    /// They have no token, or not the right to do this.
    NotAllowed,
    /// It is not what can be sent here.
    Bad,
    /// There is no such thing: message, gift, goods.
    NotFound,
    /// They cannot pay for it.
    Balance,
    /// There are as many sanctions as there may be.
    SanctionsFull,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Why.
    pub code: Code,
    /// After how many milliseconds the same may pass; none: not by waiting.
    pub retry_after_ms: Option<u64>,
    /// What people are told instead of what the code says, in English and Chinese.
    pub why: Option<Box<(String, String)>>,
}

impl Code {
    /// Its name on every wire.
    pub fn word(self) -> &'static str {
        match self {
            Code::RateUser => "rate_user",
            Code::RateRoomShed => "rate_room_shed",
            Code::SlowMode => "slow_mode",
            Code::Muted => "muted",
            Code::Banned => "banned",
            Code::TooLong => "too_long",
            Code::Duplicate => "duplicate",
            Code::BlockedWord => "blocked_word",
            Code::Held => "held_for_review",
            Code::RoomClosed => "room_closed",
            Code::Unavailable => "unavailable",
            Code::NotAllowed => "not_allowed",
            Code::Bad => "bad_message",
            Code::NotFound => "not_found",
            Code::Balance => "balance",
            Code::SanctionsFull => "sanctions_full",
        }
    }

    /// All of them.
    pub const ALL: [Code; 16] = [
        Code::RateUser,
        Code::RateRoomShed,
        Code::SlowMode,
        Code::Muted,
        Code::Banned,
        Code::TooLong,
        Code::Duplicate,
        Code::BlockedWord,
        Code::Held,
        Code::RoomClosed,
        Code::Unavailable,
        Code::NotAllowed,
        Code::Bad,
        Code::NotFound,
        Code::Balance,
        Code::SanctionsFull,
    ];

    /// For people, in Chinese.
    pub fn message_zh(self) -> &'static str {
        match self {
            Code::RateUser => "发言太快，请稍后再发",
            Code::RateRoomShed => "房间消息过多，本条未展示，请稍后再发",
            Code::SlowMode => "房间已开启慢速模式",
            Code::Muted => "你已被禁言",
            Code::Banned => "你已被移出此房间",
            Code::TooLong => "内容过长",
            Code::Duplicate => "请勿重复发送相同内容",
            Code::BlockedWord => "内容含有不允许的词语或链接",
            Code::Held => "内容已提交审核，通过后展示",
            Code::RoomClosed => "直播已结束",
            Code::Unavailable => "服务暂时不可用，请稍后重试；本次未生效",
            Code::NotAllowed => "没有权限：请先登录，或换用有权限的账号",
            Code::Bad => "消息格式不正确",
            Code::NotFound => "内容不存在",
            Code::Balance => "余额不足",
            Code::SanctionsFull => "处罚数量已达上限：请先解除一些",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Code::RateUser => "you send too fast: wait a moment",
            Code::RateRoomShed => "the room is too busy: this message was not shown, try again later",
            Code::SlowMode => "the room is in slow mode",
            Code::Muted => "you are muted",
            Code::Banned => "you were removed from this room",
            Code::TooLong => "the message is too long",
            Code::Duplicate => "you said the same a moment ago",
            Code::BlockedWord => "the message has a word or a link that is not allowed here",
            Code::Held => "the message waits for review and is shown when it passes",
            Code::RoomClosed => "the show is over",
            Code::Unavailable => "not available now, and nothing was done: try again",
            Code::NotAllowed => "not allowed: sign in, or use an account that may do this",
            Code::Bad => "the message is not right",
            Code::NotFound => "there is no such thing",
            Code::Balance => "the balance is too low",
            Code::SanctionsFull => "there are as many sanctions as there may be: lift some first",
        })
    }
}

impl Reject {
    /// A refusal that waiting does not change.
    pub fn new(code: Code) -> Reject {
        Reject { code, retry_after_ms: None, why: None }
    }

    /// A refusal until then.
    pub fn until(code: Code, retry_after_ms: u64) -> Reject {
        Reject { code, retry_after_ms: Some(retry_after_ms), why: None }
    }
}
