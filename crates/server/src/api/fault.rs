//! What can be wrong with a request about rooms and people: the one table of codes. A code does not change; its words may.

use control::room::reject::{Code, Reject};

use crate::http::response::Response;
use crate::room::Refusal;

/// Makes the table: a name, the status, the code, and what it says in English and in Chinese.
macro_rules! faults {
    ($($name:ident $status:literal $code:literal $en:literal $zh:literal;)*) => {
        /// What is wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Fault {
            $($name,)*
        }

        impl Fault {
            /// All of them.
            #[cfg(test)]
            const ALL: &[Fault] = &[$(Fault::$name,)*];

            const fn row(self) -> (u16, &'static str, &'static str, &'static str) {
                match self {
                    $(Fault::$name => ($status, $code, $en, $zh),)*
                }
            }

            /// For the table of operations.
            pub(super) const fn told(self) -> (u16, &'static str) {
                match self {
                    $(Fault::$name => ($status, concat!("`", $code, "`: ", $en)),)*
                }
            }
        }
    };
}

faults! {
    NoRooms 503 "no_rooms"
        "this server has no rooms: it needs a data folder with a database; the log says more"
        "此服务器没有房间功能：需要可写的数据目录和数据库，详见日志";
    Database 503 "database"
        "the database does not answer and nothing was done: try again; the log says more"
        "数据库没有响应，操作未执行：请稍后重试，详见日志";
    Unavailable 503 "unavailable"
        "not available now, and nothing was done: try again"
        "暂时不可用，请重试";
    NoRoom 404 "no_room"
        "there is no room with this id"
        "没有这个房间";
    RoomTaken 409 "room_taken"
        "there is a room with this id: choose another, or leave `id` out"
        "房间号已被使用：请换一个，或不填 id";
    RoomLive 409 "room_live"
        "the show is on: end it first"
        "直播正在进行：请先结束";
    RoomEnded 409 "room_ended"
        "the show is over: start it again first"
        "直播已结束：请先重新开始";
    RoomBanned 409 "room_banned"
        "the room is banned: take the ban back first"
        "房间已被封禁：请先解除封禁";
    RoomNotOpen 409 "room_not_open"
        "the room's time has not come, or is over: change valid_from or valid_until first"
        "不在房间的有效期内：请先修改 valid_from 或 valid_until";
    NoMessage 404 "no_message"
        "there is no message of this number, or it was recalled"
        "没有这条消息，或已被撤回";
    NoHeld 404 "no_held_message"
        "no message of this number waits: somebody has decided on it"
        "没有这条待审消息：可能已被处理";
    HeldFull 409 "held_full"
        "as many messages wait as may: decide on some first"
        "待审消息已满：请先处理";
    NoSanction 404 "no_sanction"
        "there is no such sanction"
        "没有这条处罚";
    SanctionsFull 409 "sanctions_full"
        "there are as many sanctions as there may be: lift some first"
        "处罚数量已达上限：请先解除一些";
    NoWord 404 "no_word"
        "this word is not on the list"
        "词表里没有这个词";
    WordsFull 409 "words_full"
        "the list has as many words as it may have"
        "词表已满";
    NoGoods 404 "no_goods"
        "there are no goods with this id"
        "没有这件商品";
    GoodsTaken 409 "goods_taken"
        "there are goods with this id: change them with PUT"
        "商品编号已存在：请用 PUT 修改";
    ShelfFull 409 "shelf_full"
        "the shelf is full: take something away first"
        "货架已满：请先移除一些";
    OffShelf 409 "off_shelf"
        "these goods are not on the shelf: put them on it first"
        "商品未上架：请先上架";
    NoReminder 404 "no_reminder"
        "this user does not want to be reminded"
        "该用户没有预约";
    RemindersFull 409 "reminders_full"
        "as many want to be reminded as may"
        "预约人数已达上限";
    NoGift 404 "no_gift"
        "there is no gift with this id here"
        "没有这个礼物";
    NoWallet 409 "no_wallet"
        "nobody can pay for this gift: set wallet.url (and wallet.secret), or wallet.mode = \"free\", in the configuration, or make its price 0"
        "付费礼物需要钱包：请在配置里设置 wallet.url（和 wallet.secret），或设 wallet.mode = \"free\"，或把价格设为 0";
    GiftsFull 409 "gifts_full"
        "there are as many gifts as there may be: delete some first"
        "礼物数量已达上限：请先删除一些";
    NotClaimable 409 "not_claimable"
        "this gift is not one that is claimed: set its `claim` to room or server"
        "此礼物不需要领取：请先把 claim 设为 room 或 server";
    NoLottery 404 "no_lottery"
        "there is no lottery with this id in this room"
        "该房间没有这个抽奖";
    TooManyLotteries 409 "too_many_lotteries"
        "as many lotteries are open in this room as may be: draw one, or call it off"
        "该房间进行中的抽奖过多：请先开奖或取消";
    LotteryOver 409 "over"
        "this lottery is over: it is drawn, or was called off"
        "此抽奖已经结束：已开奖，或已取消";
    NotAllowed 403 "not_allowed"
        "this room is not open to guests: send a user token as Authorization: Bearer"
        "该房间不对访客开放：请用 Authorization: Bearer 带上用户凭证";
    OtherRoom 403 "other_room"
        "the token is for another room"
        "此凭证属于另一个房间";
    Banned 403 "banned"
        "you were removed from this room"
        "你已被移出该房间";
    NoWeChat 404 "no_wechat"
        "this server has no sign-in with WeChat: its operator sets wechat.appid and wechat.secret"
        "此服务器没有微信登录：需由运营者设置 wechat.appid 和 wechat.secret";
    TooManyLogins 429 "too_many_logins"
        "too many sign-ins came from your address: wait a little (operator: wechat.logins_per_minute)"
        "来自该地址的登录过多：请稍后再试（运营者可调 wechat.logins_per_minute）";
    BadCode 400 "bad_code"
        "WeChat does not know this code: it is older than five minutes, or of another mini-program than wechat.appid; call wx.login for a new one"
        "微信不认识这个 code：已超过五分钟，或属于 wechat.appid 以外的小程序；请再次调用 wx.login";
    CodeUsed 409 "code_used"
        "this code was used, and each is good once: call wx.login for a new one"
        "这个 code 已经用过，每个只能用一次：请再次调用 wx.login";
    WeChatTooOften 429 "wechat_too_often"
        "WeChat finds that this user signs in too often: wait a minute, and keep the token meanwhile"
        "微信认为该用户登录过于频繁：请一分钟后再试，期间沿用已有的令牌";
    WeChatBlocked 403 "wechat_blocked"
        "WeChat keeps this user out of mini-programs as a risk: only WeChat can help them"
        "微信判定该用户为高风险，禁止登录小程序：只能由用户联系微信处理";
    WeChatBusy 503 "wechat_busy"
        "WeChat or this server has too much to do, and the code may still be good: try again with it"
        "微信或此服务器繁忙，code 可能仍然有效：请用它重试";
    WeChatSilent 503 "wechat_silent"
        "WeChat did not answer in time, and the code may be used: call wx.login and try again"
        "微信没有及时响应，code 可能已失效：请再次调用 wx.login 后重试";
    WeChatGarbled 502 "wechat_garbled"
        "what answers at wechat.base_url does not speak as WeChat does: its operator sees more in the log"
        "wechat.base_url 处的回应不是微信的格式：请运营者查看日志";
    WeChatSetup 502 "wechat_setup"
        "WeChat refuses this server, not the user: its operator must look at wechat.appid, wechat.secret and what the log says"
        "微信拒绝的是此服务器而不是用户：请运营者核对 wechat.appid、wechat.secret 并查看日志";
    WeChatRefuses 502 "wechat_refuses"
        "WeChat refuses to say who this is: its operator sees more in the log"
        "微信拒绝了登录：请运营者查看日志";
    NoUnionid 502 "no_unionid"
        "WeChat gave no unionid: the operator binds the mini-program to an account of the open platform, or sets wechat.user_id = \"openid\""
        "微信没有给出 unionid：请运营者把小程序绑定到开放平台账号，或设置 wechat.user_id = \"openid\"";
    InProgress 409 "in_progress"
        "the request with this Idempotency-Key is being done: ask again in a moment"
        "相同 Idempotency-Key 的请求正在处理：请稍后再试";
    IdempotencyMismatch 422 "idempotency_mismatch"
        "this Idempotency-Key came with another request within a day: take a new one"
        "该 Idempotency-Key 在一天内已用于其他请求：请换一个";
}

impl Fault {
    /// For programs.
    pub(super) const fn code(self) -> &'static str {
        self.row().1
    }

    /// The answer that says so.
    pub(super) fn answer(self) -> Response {
        let (status, code, en, zh) = self.row();
        Response::error(status, code, en, zh)
    }

    /// The same with a number that somebody else gave it.
    pub(super) fn numbered(self, what: &str, number: i64) -> Response {
        let (status, code, en, zh) = self.row();
        match number {
            0 => self.answer(),
            _ => Response::error(
                status,
                code,
                &format!("{en} ({what} {number})"),
                &format!("{zh}（{what} {number}）"),
            ),
        }
    }

    /// The database does not answer.
    pub(super) fn database(error: sqlx::Error) -> Response {
        tracing::warn!(%error, "a request of the API was not carried out: the database does not answer");
        Fault::Database.answer().with("Retry-After", "2")
    }

    /// A room refused.
    pub(super) fn refused(refusal: Refusal) -> Response {
        match refusal {
            Refusal::Store(error) => Fault::database(error),
            Refusal::Rejected(reject) => Fault::rejected(&reject),
        }
    }

    /// The same of what has no other reason not to be found than its room.
    pub(super) fn refused_room(refusal: Refusal) -> Response {
        match refusal {
            Refusal::Rejected(reject) if reject.code == Code::NotFound => Fault::NoRoom.answer(),
            refusal => Fault::refused(refusal),
        }
    }

    /// The same without the database. The codes are those of the chat wire.
    pub(super) fn rejected(reject: &Reject) -> Response {
        let status = match reject.code {
            Code::NotFound => 404,
            Code::Bad | Code::TooLong | Code::BlockedWord => 400,
            Code::NotAllowed | Code::Banned | Code::Muted => 403,
            Code::RateUser | Code::RateRoomShed | Code::SlowMode => 429,
            Code::Unavailable => 503,
            Code::Duplicate | Code::Held | Code::RoomClosed | Code::Balance | Code::SanctionsFull => 409,
        };
        let code = reject.code;
        let answer = Response::error(status, code.word(), &code.to_string(), code.message_zh());
        match reject.retry_after_ms {
            Some(ms) => answer.with("Retry-After", ms.div_ceil(1_000).to_string()),
            None => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_one_word_of_its_own_with_words_in_both_languages() {
        let mut codes: Vec<&str> = Fault::ALL.iter().map(|fault| fault.row().1).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Fault::ALL.len());
        for fault in Fault::ALL {
            let (status, code, en, zh) = fault.row();
            assert!((400..600).contains(&status) && en.is_ascii() && !zh.is_ascii(), "{code}");
            assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
        }
    }
}
