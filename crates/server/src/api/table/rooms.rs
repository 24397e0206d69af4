//! The part of the table that is about rooms.

use super::{Access, Body, Done, LIMIT, Operation, Parameter, Value};
use crate::api::call::{Answer, Call};
use crate::api::fault::Fault;
use crate::api::shape::{Schemas, Shape};
use crate::api::{goods, messages, moderation, room_people as people, room_replays, rooms};
use crate::http::head::Method;
use crate::operator::keys::Scope;

const READ: Access = Access::Key(Scope::RoomsRead);
const WRITE: Access = Access::Key(Scope::RoomsWrite);

const NO_ROOM: (u16, &str) = Fault::NoRoom.told();
const NO_ROOMS: (u16, &str) = Fault::NoRooms.told();
const DATABASE: (u16, &str) = Fault::Database.told();

/// What everything about one room may answer.
const ONE: &[(u16, &str)] = &[NO_ROOM, NO_ROOMS, DATABASE];

/// What everything about the whole server may.
const ALL: &[(u16, &str)] = &[NO_ROOMS, DATABASE];

const BAD_TOKEN: (u16, &str) = (401, "`bad_token`: the user token is not good; the message says why");
/// Of what is told to whoever may see where the room plays.
const WATCHED: &[(u16, &str)] = &[
    BAD_TOKEN,
    Fault::NotAllowed.told(),
    Fault::OtherRoom.told(),
    Fault::Banned.told(),
    NO_ROOM,
    NO_ROOMS,
    DATABASE,
];
const ENDED: (u16, &str) = Fault::RoomEnded.told();
const BANNED: (u16, &str) = Fault::RoomBanned.told();
const NOT_OPEN: (u16, &str) = Fault::RoomNotOpen.told();
const NO_GOODS: (u16, &str) = Fault::NoGoods.told();

const TIME: Value = Value::Number(0, i64::MAX as u64);

const fn parameter(name: &'static str, value: Value, about: &'static str) -> Parameter {
    Parameter { name, value, about, needed: false }
}

const AFTER: Parameter = parameter("after", Value::Text, "begin behind this: the `next` of the page before");
const AFTER_ROOM: Parameter =
    Parameter { value: Value::Next("^([0-9]{1,15}\\.[A-Za-z0-9_-]{1,64})?$"), ..AFTER };
const AFTER_SANCTION: Parameter =
    Parameter { value: Value::Next("^((mute|ban|hide)\\.(user|ip):[!-~]{1,64})?$"), ..AFTER };
const BEFORE: Parameter =
    parameter("before", Value::Text, "only recordings older than this id: the `next` of the page before");
const FROM: Parameter = parameter("from", TIME, "from then on, in milliseconds since 1970");
const TO: Parameter = parameter("to", TIME, "before then, in milliseconds since 1970");
const AFTER_SEQ: Parameter = parameter("after_seq", TIME, "messages with a higher number");
const MEDIA_FROM: Parameter =
    parameter("media_from", TIME, "from there on in the stream, in milliseconds (`media_ms`)");
const MEDIA_TO: Parameter = parameter("media_to", TIME, "before there in the stream");
const KIND: Parameter = parameter("kind", Value::OneOf(&["mute", "ban", "hide"]), "which sanctions");
const USER: Parameter = parameter("user", Value::User, "whom");
const IP: Parameter = parameter("ip", Value::Address, "or which address");
const WORD: Parameter = Parameter { needed: true, ..parameter("word", Value::Text, "which") };

const fn operation(
    (method, path, id): (Method, &'static str, &'static str),
    (about, about_zh): (&'static str, &'static str),
    done: Done,
    handle: fn(&Call) -> Answer,
) -> Operation {
    let access = match method {
        Method::Get => READ,
        _ => WRITE,
    };
    Operation { method, path, id, access, about, about_zh, query: &[], body: None, done, faults: ONE, handle }
}

const fn json<T: Shape>(status: u16) -> Done {
    Done::Json(status, schema_of::<T>)
}

const fn body<T: Shape>() -> Option<Body> {
    Some(Body { optional: false, schema: schema_of::<T> })
}

fn schema_of<T: Shape>(known: &mut Schemas) -> serde_json::Value {
    T::schema(known)
}

const DONE: Done = Done::Nothing(204);

/// Everything about rooms.
pub(super) const ROOMS: &[Operation] = &[
    Operation {
        query: &[
            LIMIT,
            AFTER_ROOM,
            parameter(
                "state",
                Value::OneOf(&["scheduled", "live", "interrupted", "ended", "banned"]),
                "only rooms in this state",
            ),
            parameter("host", Value::Text, "only rooms of this host"),
            parameter("stream", Value::Name, "only rooms of this APP/STREAM"),
        ],
        faults: ALL,
        ..operation(
            (Method::Get, "rooms", "listRooms"),
            ("Rooms, newest first", "房间，最新的在前"),
            json::<rooms::RoomList>(200),
            rooms::list,
        )
    },
    Operation {
        body: body::<rooms::RoomWish>(),
        faults: &[Fault::RoomTaken.told(), NO_ROOMS, DATABASE],
        ..operation(
            (Method::Post, "rooms", "createRoom"),
            ("Make a room", "创建房间"),
            json::<rooms::RoomState>(201),
            rooms::create,
        )
    },
    operation(
        (Method::Get, "rooms/{room}", "getRoom"),
        ("One room", "一个房间"),
        json::<rooms::RoomState>(200),
        rooms::one,
    ),
    Operation {
        body: body::<rooms::RoomChange>(),
        ..operation(
            (Method::Put, "rooms/{room}", "updateRoom"),
            ("Change a room; what is left out stays as it is", "修改房间，未给出的内容不变"),
            json::<rooms::RoomState>(200),
            rooms::update,
        )
    },
    Operation {
        faults: &[NO_ROOM, Fault::RoomLive.told(), NO_ROOMS, DATABASE],
        ..operation(
            (Method::Delete, "rooms/{room}", "deleteRoom"),
            (
                "Forget a room with all that was said and counted in it; its audit stays",
                "删除房间及其消息和统计，审计记录保留",
            ),
            DONE,
            rooms::delete,
        )
    },
    Operation {
        faults: &[NO_ROOM, BANNED, NOT_OPEN, NO_ROOMS, DATABASE],
        ..operation(
            (Method::Post, "rooms/{room}/start", "startRoom"),
            (
                "Let a room be pushed to, again if it has ended; it goes live with the push",
                "开放推流（已结束的可重新开始），推流后即为直播中",
            ),
            json::<rooms::RoomState>(200),
            rooms::start,
        )
    },
    operation(
        (Method::Post, "rooms/{room}/end", "endRoom"),
        ("End the show for everybody in it, and its push", "结束直播，断开推流，房间内所有人都会收到"),
        json::<rooms::RoomState>(200),
        rooms::end,
    ),
    operation(
        (Method::Post, "rooms/{room}/ban", "banRoom"),
        ("End the show and forbid it until that is taken back", "封禁房间：结束直播，解除前不能再开始"),
        json::<rooms::RoomState>(200),
        rooms::ban,
    ),
    operation(
        (Method::Post, "rooms/{room}/unban", "unbanRoom"),
        ("Take a ban of the room back; it stays ended until it is started", "解除房间封禁，之后需重新开始"),
        json::<rooms::RoomState>(200),
        rooms::unban,
    ),
    Operation {
        body: body::<rooms::RoomAddressWish>(),
        faults: &[
            NO_ROOM,
            ENDED,
            BANNED,
            (409, "`no_address`: the configuration cannot make such an address"),
            NO_ROOMS,
            DATABASE,
        ],
        ..operation(
            (Method::Post, "rooms/{room}/addresses", "makeRoomAddresses"),
            (
                "Where the host pushes, or where viewers play; signed where the domain wants it",
                "主播的推流地址或观众的播放地址，按域名规则签名",
            ),
            json::<rooms::RoomAddresses>(201),
            rooms::addresses,
        )
    },
    Operation {
        access: Access::OpenWaiting,
        faults: &[BAD_TOKEN, Fault::OtherRoom.told(), Fault::Banned.told(), NO_ROOM, NO_ROOMS, DATABASE],
        ..operation(
            (Method::Get, "rooms/{room}/public", "getPublicRoom"),
            ("For pages: a room as anybody may know it", "供网页使用：房间的公开信息"),
            json::<rooms::PublicRoom>(200),
            rooms::public,
        )
    },
    Operation {
        access: Access::OpenWaiting,
        ..operation(
            (Method::Get, "rooms/{room}/public-goods", "getPublicGoods"),
            ("For pages: the shelf as viewers see it", "供网页使用：观众看到的货架"),
            json::<goods::GoodsList>(200),
            goods::public,
        )
    },
    Operation {
        access: Access::OpenWaiting,
        query: &[LIMIT, BEFORE],
        faults: WATCHED,
        ..operation(
            (Method::Get, "rooms/{room}/replays", "listReplaysOfRoom"),
            (
                "For pages: the recordings of the show that are finished and not hidden, the newest first, to whoever may see where it plays",
                "供网页使用：这场直播已完成且未隐藏的录像，新的在前；与播放地址的可见范围相同",
            ),
            json::<room_replays::RoomReplays>(200),
            room_replays::list,
        )
    },
    Operation {
        access: Access::OpenWaiting,
        query: &[FROM, TO, MEDIA_FROM, MEDIA_TO, AFTER_SEQ],
        faults: WATCHED,
        ..operation(
            (Method::Get, "rooms/{room}/replay-chat", "getReplayChat"),
            (
                "For pages that replay a show: what was said in a time range, oldest first, 500 at most",
                "供回放页面使用：一段时间内的聊天，从早到晚，最多 500 条",
            ),
            json::<messages::History>(200),
            messages::replay,
        )
    },
    Operation {
        query: &[LIMIT, AFTER],
        ..operation(
            (Method::Get, "rooms/{room}/members", "listMembers"),
            ("Who is in a room now, by id", "房间内当前的人，按 id 排序"),
            json::<people::MemberList>(200),
            people::members,
        )
    },
    Operation {
        body: body::<moderation::KickWish>(),
        ..operation(
            (Method::Post, "rooms/{room}/kick", "kickMember"),
            ("Put somebody out, who may come back", "把某人移出房间，可再次进入"),
            DONE,
            moderation::kick,
        )
    },
    Operation {
        query: &[
            LIMIT,
            AFTER_SEQ,
            parameter("before_seq", TIME, "messages with a lower number"),
            FROM,
            TO,
            MEDIA_FROM,
            MEDIA_TO,
            USER,
        ],
        ..operation(
            (Method::Get, "rooms/{room}/messages", "listMessages"),
            (
                "What was said, oldest first: from a beginning on where one is given, else the last; without what was recalled",
                "聊天记录，从早到晚：给出起点则从起点开始，否则为最后若干条；不含已撤回的",
            ),
            json::<messages::History>(200),
            messages::history,
        )
    },
    Operation {
        body: body::<messages::MessageWish>(),
        ..operation(
            (Method::Post, "rooms/{room}/messages", "sendMessage"),
            ("Say something as the room, its host, or somebody", "以房间、主播或某人的名义发消息"),
            json::<messages::SaidState>(201),
            messages::say,
        )
    },
    Operation {
        faults: &[Fault::NoMessage.told(), NO_ROOM, NO_ROOMS, DATABASE],
        ..operation(
            (Method::Delete, "rooms/{room}/messages/{seq}", "recallMessage"),
            ("Take a message back", "撤回一条消息"),
            DONE,
            messages::recall,
        )
    },
    Operation {
        body: Some(Body { optional: true, schema: schema_of::<messages::ClearWish> }),
        ..operation(
            (Method::Post, "rooms/{room}/clear", "clearMessages"),
            ("Take away everything that somebody said, or that anybody said", "清除某人或所有人的发言"),
            DONE,
            messages::clear,
        )
    },
    Operation {
        body: body::<messages::PinWish>(),
        faults: &[Fault::NoMessage.told(), NO_ROOM, NO_ROOMS, DATABASE],
        ..operation(
            (Method::Put, "rooms/{room}/pinned", "pinMessage"),
            ("Pin a message, or none", "置顶一条消息，或取消置顶"),
            DONE,
            messages::pin,
        )
    },
    Operation {
        query: &[LIMIT, parameter("after", TIME, "begin behind this: the `next` of the page before")],
        ..operation(
            (Method::Get, "rooms/{room}/held", "listHeld"),
            ("Messages that wait for somebody to look at them", "待审核的消息"),
            json::<messages::HeldList>(200),
            messages::held,
        )
    },
    Operation {
        body: body::<messages::Verdict>(),
        faults: &[Fault::NoHeld.told(), Fault::HeldFull.told(), NO_ROOM, NO_ROOMS, DATABASE],
        ..operation(
            (Method::Post, "rooms/{room}/held/{held}", "decideHeld"),
            ("Show a message that waits, or not", "审核一条消息：通过或拒绝"),
            DONE,
            messages::decide,
        )
    },
    Operation {
        query: &[LIMIT, AFTER_SANCTION, KIND],
        ..operation(
            (Method::Get, "rooms/{room}/sanctions", "listSanctions"),
            ("Mutes, bans and hidings of a room", "房间的禁言、封禁和隐藏"),
            json::<moderation::SanctionList>(200),
            moderation::sanctions,
        )
    },
    Operation {
        body: Some(Body { optional: false, schema: moderation::sanction_schema }),
        faults: &[Fault::SanctionsFull.told(), NO_ROOM, NO_ROOMS, DATABASE],
        ..operation(
            (Method::Post, "rooms/{room}/sanctions", "putSanction"),
            (
                "Mute, ban or hide somebody in a room, in the place of the one before",
                "在房间内禁言、封禁或隐藏某人，替换原有的",
            ),
            DONE,
            moderation::put_sanction,
        )
    },
    Operation {
        query: &[Parameter { needed: true, ..KIND }, USER, IP],
        faults: &[Fault::NoSanction.told(), NO_ROOM, NO_ROOMS, DATABASE],
        ..operation(
            (Method::Delete, "rooms/{room}/sanctions", "liftSanction"),
            ("Lift a sanction of a room", "解除房间内的一条处罚"),
            DONE,
            moderation::lift,
        )
    },
    Operation {
        query: &[LIMIT, AFTER_SANCTION, KIND],
        faults: ALL,
        ..operation(
            (Method::Get, "sanctions", "listServerSanctions"),
            ("Mutes, bans and hidings in all rooms", "全服的禁言、封禁和隐藏"),
            json::<moderation::SanctionList>(200),
            moderation::sanctions,
        )
    },
    Operation {
        body: Some(Body { optional: false, schema: moderation::sanction_schema }),
        faults: &[Fault::SanctionsFull.told(), NO_ROOMS, DATABASE],
        ..operation(
            (Method::Post, "sanctions", "putServerSanction"),
            ("Mute, ban or hide somebody in all rooms", "在所有房间禁言、封禁或隐藏某人"),
            DONE,
            moderation::put_sanction,
        )
    },
    Operation {
        query: &[Parameter { needed: true, ..KIND }, USER, IP],
        faults: &[Fault::NoSanction.told(), NO_ROOMS, DATABASE],
        ..operation(
            (Method::Delete, "sanctions", "liftServerSanction"),
            ("Lift a sanction of all rooms", "解除一条全服处罚"),
            DONE,
            moderation::lift,
        )
    },
    operation(
        (Method::Get, "rooms/{room}/words", "listWords"),
        ("Words that are not said in a room", "房间的敏感词"),
        json::<moderation::WordList>(200),
        moderation::words,
    ),
    Operation {
        body: body::<moderation::WordsWish>(),
        faults: &[Fault::WordsFull.told(), NO_ROOM, NO_ROOMS, DATABASE],
        ..operation(
            (Method::Put, "rooms/{room}/words", "putWords"),
            ("Put words on the list of a room", "添加房间的敏感词"),
            DONE,
            moderation::put_words,
        )
    },
    Operation {
        query: &[WORD],
        faults: &[Fault::NoWord.told(), NO_ROOM, NO_ROOMS, DATABASE],
        ..operation(
            (Method::Delete, "rooms/{room}/words", "deleteWord"),
            ("Take a word off the list of a room", "删除房间的一个敏感词"),
            DONE,
            moderation::delete_word,
        )
    },
    Operation {
        faults: ALL,
        ..operation(
            (Method::Get, "words", "listServerWords"),
            ("Words that are not said in any room", "全服敏感词"),
            json::<moderation::WordList>(200),
            moderation::words,
        )
    },
    Operation {
        body: body::<moderation::WordsWish>(),
        faults: &[Fault::WordsFull.told(), NO_ROOMS, DATABASE],
        ..operation(
            (Method::Put, "words", "putServerWords"),
            ("Put words on the list of all rooms", "添加全服敏感词"),
            DONE,
            moderation::put_words,
        )
    },
    Operation {
        query: &[WORD],
        faults: &[Fault::NoWord.told(), NO_ROOMS, DATABASE],
        ..operation(
            (Method::Delete, "words", "deleteServerWord"),
            ("Take a word off the list of all rooms", "删除一个全服敏感词"),
            DONE,
            moderation::delete_word,
        )
    },
    operation(
        (Method::Get, "rooms/{room}/goods", "listGoods"),
        ("The shelf, also what viewers do not see of it", "货架上的所有商品，含未上架的"),
        json::<goods::GoodsList>(200),
        goods::list,
    ),
    Operation {
        body: body::<goods::GoodsWish>(),
        faults: &[NO_ROOM, Fault::GoodsTaken.told(), Fault::ShelfFull.told(), NO_ROOMS, DATABASE],
        ..operation(
            (Method::Post, "rooms/{room}/goods", "addGoods"),
            ("Put something on the shelf, in the last place", "添加商品，排在最后"),
            json::<goods::GoodsState>(201),
            goods::add,
        )
    },
    Operation {
        body: body::<goods::GoodsWish>(),
        faults: &[NO_ROOM, NO_GOODS, NO_ROOMS, DATABASE],
        ..operation(
            (Method::Put, "rooms/{room}/goods/{goods}", "updateGoods"),
            ("Change goods, all of them; its place and its clicks stay", "修改商品，位置和点击数不变"),
            json::<goods::GoodsState>(200),
            goods::update,
        )
    },
    Operation {
        faults: &[NO_ROOM, NO_GOODS, NO_ROOMS, DATABASE],
        ..operation(
            (Method::Delete, "rooms/{room}/goods/{goods}", "deleteGoods"),
            ("Take something off the shelf for good", "移除商品"),
            DONE,
            goods::delete,
        )
    },
    Operation {
        body: body::<goods::OrderWish>(),
        ..operation(
            (Method::Put, "rooms/{room}/goods-order", "orderGoods"),
            ("Put the shelf in order", "调整商品顺序"),
            json::<goods::GoodsList>(200),
            goods::order,
        )
    },
    Operation {
        body: body::<goods::ExplainWish>(),
        faults: &[NO_ROOM, NO_GOODS, Fault::OffShelf.told(), NO_ROOMS, DATABASE],
        ..operation(
            (Method::Put, "rooms/{room}/explaining", "explainGoods"),
            ("Say what the host is talking about, or nothing", "设置正在讲解的商品，或取消"),
            json::<goods::GoodsList>(200),
            goods::explain,
        )
    },
    Operation {
        query: &[LIMIT, AFTER],
        ..operation(
            (Method::Get, "rooms/{room}/reminders", "listReminders"),
            ("Who wants to be told when it begins, by id", "预约开播提醒的人，按 id 排序"),
            json::<people::ReminderList>(200),
            people::reminders,
        )
    },
    Operation {
        body: body::<people::ReminderWish>(),
        faults: &[NO_ROOM, Fault::RemindersFull.told(), NO_ROOMS, DATABASE],
        ..operation(
            (Method::Post, "rooms/{room}/reminders", "addReminder"),
            ("Note that somebody wants to be told", "添加一个预约"),
            DONE,
            people::remind,
        )
    },
    Operation {
        query: &[USER],
        faults: &[NO_ROOM, Fault::NoReminder.told(), NO_ROOMS, DATABASE],
        ..operation(
            (Method::Delete, "rooms/{room}/reminders", "deleteReminder"),
            ("Note that somebody does not want to be told any more", "取消一个预约"),
            DONE,
            people::forget,
        )
    },
    Operation {
        query: &[LIMIT, AFTER, parameter("inviter", Value::Text, "only those whom this person brought")],
        ..operation(
            (Method::Get, "rooms/{room}/visitors", "listVisitors"),
            ("Who came, by id", "来过的人，按 id 排序"),
            json::<people::VisitorList>(200),
            people::visitors,
        )
    },
    Operation {
        query: &[LIMIT],
        ..operation(
            (Method::Get, "rooms/{room}/inviters", "listInviters"),
            ("Who brought others, those who brought most first", "邀请排行，邀请人数多的在前"),
            json::<people::InviterList>(200),
            people::inviters,
        )
    },
    Operation {
        query: &[FROM, TO],
        ..operation(
            (Method::Get, "rooms/{room}/statistics", "getStatistics"),
            ("What was counted in a room, in all and by the minute", "房间统计：总计和每分钟"),
            json::<people::Statistics>(200),
            people::statistics,
        )
    },
    Operation {
        query: &[LIMIT, parameter("before", TIME, "begin before this: the `next` of the page before")],
        faults: ALL,
        ..operation(
            (Method::Get, "rooms/{room}/audit", "listAudit"),
            (
                "Who did what in a room, newest first; also of one that was deleted",
                "房间的操作审计，最新的在前，含已删除的房间",
            ),
            json::<moderation::AuditList>(200),
            moderation::audits,
        )
    },
    Operation {
        query: &[LIMIT, parameter("before", TIME, "begin before this: the `next` of the page before")],
        faults: ALL,
        ..operation(
            (Method::Get, "audit", "listServerAudit"),
            ("Who did what to all rooms, newest first", "全服操作审计，最新的在前"),
            json::<moderation::AuditList>(200),
            moderation::audits,
        )
    },
];
