//! The part of the table that is about gifts and lotteries.

use super::{Access, Body, Done, LIMIT, Operation, Parameter, READ, Value, WRITE};
use crate::api::fault::Fault;
use crate::api::shape::Shape;
use crate::api::{gifts, lottery};
use crate::http::head::Method;
use crate::operator::keys::Scope;

const NO_ROOM: (u16, &str) = Fault::NoRoom.told();
const NO_GIFT: (u16, &str) = Fault::NoGift.told();
const NO_LOTTERY: (u16, &str) = Fault::NoLottery.told();
const NO_ROOMS: (u16, &str) = Fault::NoRooms.told();
const DATABASE: (u16, &str) = Fault::Database.told();
const NO_WALLET: (u16, &str) = Fault::NoWallet.told();
const FULL: (u16, &str) = Fault::GiftsFull.told();
const OVER: (u16, &str) = Fault::LotteryOver.told();

/// What belongs to one room is done with a key for rooms; what all rooms share, and what was paid, with one for everything.
const WRITE_ROOM: Access = Access::Key(Scope::RoomsWrite);

const TIME: Value = Value::Number(0, i64::MAX as u64);

const fn parameter(name: &'static str, value: Value, about: &'static str) -> Parameter {
    Parameter { name, value, about, needed: false }
}

const ROOM: Parameter = parameter("room", Value::Text, "only of this room");
const USER: Parameter = parameter("user", Value::Text, "only of this user");
const GIFT: Parameter = parameter("gift", Value::Text, "only this gift");
const AFTER: Parameter = parameter("after", Value::Text, "begin behind this: the `next` of the page before");

/// Gifts and lotteries.
pub(super) const GIFTS: &[Operation] = &[
    Operation {
        method: Method::Get,
        path: "gifts",
        id: "listGifts",
        access: READ,
        about: "The catalogue of gifts: of the server, or of a room; also what cannot be sent now",
        about_zh: "礼物目录：全站的，或某个房间的，含已下架的",
        query: &[parameter("room", Value::Text, "of this room; left out: of the whole server")],
        body: None,
        done: Done::Json(200, gifts::GiftList::schema),
        faults: &[NO_ROOMS, DATABASE],
        handle: gifts::list,
    },
    Operation {
        method: Method::Put,
        path: "gifts/{gift}",
        id: "putGift",
        access: WRITE,
        about: "Put a gift into the catalogue of every room, or change it",
        about_zh: "新增或修改全站礼物",
        query: &[],
        body: Some(Body { optional: false, schema: gifts::GiftWish::schema }),
        done: Done::Json(200, gifts::GiftShape::schema),
        faults: &[NO_WALLET, FULL, NO_ROOMS, DATABASE],
        handle: gifts::put,
    },
    Operation {
        method: Method::Delete,
        path: "gifts/{gift}",
        id: "deleteGift",
        access: WRITE,
        about: "Take a gift out of the catalogue of every room; the ledger keeps what was given",
        about_zh: "删除全站礼物，账本保留",
        query: &[],
        body: None,
        done: Done::Nothing(204),
        faults: &[NO_GIFT, NO_ROOMS, DATABASE],
        handle: gifts::delete,
    },
    Operation {
        method: Method::Get,
        path: "rooms/{room}/gifts",
        id: "listGiftsOfRoom",
        access: Access::OpenWaiting,
        about: "For pages: what viewers of a room can send now",
        about_zh: "供网页使用：房间里现在可以送的礼物",
        query: &[],
        body: None,
        done: Done::Json(200, gifts::GiftList::schema),
        faults: &[NO_ROOM, NO_ROOMS, DATABASE],
        handle: gifts::in_room,
    },
    Operation {
        method: Method::Put,
        path: "rooms/{room}/gifts/{gift}",
        id: "putGiftOfRoom",
        access: WRITE_ROOM,
        about: "Put a gift into the catalogue of one room, or change it; there it stands before one of the same id of every room",
        about_zh: "新增或修改房间自己的礼物；同 id 时优先于全站礼物",
        query: &[],
        body: Some(Body { optional: false, schema: gifts::GiftWish::schema }),
        done: Done::Json(200, gifts::GiftShape::schema),
        faults: &[NO_ROOM, NO_WALLET, FULL, NO_ROOMS, DATABASE],
        handle: gifts::put_in_room,
    },
    Operation {
        method: Method::Delete,
        path: "rooms/{room}/gifts/{gift}",
        id: "deleteGiftOfRoom",
        access: WRITE_ROOM,
        about: "Take a gift out of the catalogue of one room",
        about_zh: "删除房间自己的礼物",
        query: &[],
        body: None,
        done: Done::Nothing(204),
        faults: &[NO_GIFT, NO_ROOMS, DATABASE],
        handle: gifts::delete_in_room,
    },
    Operation {
        method: Method::Post,
        path: "rooms/{room}/gifts/{gift}/claims",
        id: "giveClaim",
        access: WRITE_ROOM,
        about: "Give a user a gift that is claimed, also once more after they have sent theirs; who has one keeps that one",
        about_zh: "赠送用户一次领取（用过的可以再给一次；已有未用的则不变）",
        query: &[],
        body: Some(Body { optional: false, schema: gifts::ClaimWish::schema }),
        done: Done::Nothing(204),
        faults: &[NO_ROOM, NO_GIFT, Fault::NotClaimable.told(), NO_ROOMS, DATABASE],
        handle: gifts::give_claim,
    },
    Operation {
        method: Method::Get,
        path: "claims",
        id: "listClaims",
        access: READ,
        about: "Who has gifts for nothing, or had them",
        about_zh: "领取记录",
        query: &[LIMIT, AFTER, ROOM, USER, GIFT],
        body: None,
        done: Done::Json(200, gifts::ClaimList::schema),
        faults: &[NO_ROOMS, DATABASE],
        handle: gifts::claims,
    },
    Operation {
        method: Method::Get,
        path: "ledger",
        id: "listLedger",
        access: READ,
        about: "The ledger of gifts, the newest first, with sums",
        about_zh: "礼物账本，新的在前，带合计",
        query: &[
            LIMIT,
            parameter("before", TIME, "rows with a lower number: the `next` of the page before"),
            ROOM,
            USER,
            GIFT,
            parameter(
                "state",
                Value::OneOf(&["reserved", "confirmed", "cancelled"]),
                "only those in this state",
            ),
            parameter("from", TIME, "from then on, in milliseconds since 1970"),
            parameter("to", TIME, "before then, in milliseconds since 1970"),
        ],
        body: None,
        done: Done::Json(200, gifts::LedgerPage::schema),
        faults: &[NO_ROOMS, DATABASE],
        handle: gifts::ledger,
    },
    Operation {
        method: Method::Get,
        path: "rooms/{room}/lotteries",
        id: "listLotteries",
        access: Access::OpenWaiting,
        about: "The lotteries of a room, the newest first",
        about_zh: "房间的抽奖，新的在前",
        query: &[LIMIT, AFTER],
        body: None,
        done: Done::Json(200, lottery::LotteryList::schema),
        faults: &[NO_ROOM, NO_ROOMS, DATABASE],
        handle: lottery::list,
    },
    Operation {
        method: Method::Post,
        path: "rooms/{room}/lotteries",
        id: "openLottery",
        access: WRITE_ROOM,
        about: "Open a lottery: the hash of its seed is published now, the seed at the draw",
        about_zh: "发起抽奖：现在公布种子的哈希，开奖时公布种子",
        query: &[],
        body: Some(Body { optional: false, schema: lottery::LotteryWish::schema }),
        done: Done::Json(201, lottery::LotteryShape::schema),
        faults: &[NO_ROOM, Fault::TooManyLotteries.told(), NO_ROOMS, DATABASE],
        handle: lottery::open,
    },
    Operation {
        method: Method::Get,
        path: "rooms/{room}/lotteries/{lottery}",
        id: "getLottery",
        access: Access::OpenWaiting,
        about: "One lottery, with everything that it takes to check the draw",
        about_zh: "一次抽奖，含验证开奖所需的一切",
        query: &[],
        body: None,
        done: Done::Json(200, lottery::LotteryShape::schema),
        faults: &[NO_LOTTERY, NO_ROOMS, DATABASE],
        handle: lottery::one,
    },
    Operation {
        method: Method::Get,
        path: "rooms/{room}/lotteries/{lottery}/entries",
        id: "listLotteryEntries",
        access: Access::OpenWaiting,
        about: "Who takes part: until now, or when it was drawn",
        about_zh: "参与者：到目前为止的，或开奖时的",
        query: &[LIMIT, AFTER],
        body: None,
        done: Done::Json(200, lottery::EntryList::schema),
        faults: &[NO_LOTTERY, NO_ROOMS, DATABASE],
        handle: lottery::entries,
    },
    Operation {
        method: Method::Post,
        path: "rooms/{room}/lotteries/{lottery}/draw",
        id: "drawLottery",
        access: WRITE_ROOM,
        about: "Draw a lottery. Drawn once, it stays as it is, whoever asks again",
        about_zh: "开奖；重复调用结果不变",
        query: &[],
        body: None,
        done: Done::Json(200, lottery::LotteryShape::schema),
        faults: &[NO_LOTTERY, OVER, NO_ROOMS, DATABASE],
        handle: lottery::draw,
    },
    Operation {
        method: Method::Post,
        path: "rooms/{room}/lotteries/{lottery}/cancel",
        id: "cancelLottery",
        access: WRITE_ROOM,
        about: "Call a lottery off",
        about_zh: "取消抽奖",
        query: &[],
        body: None,
        done: Done::Json(200, lottery::LotteryShape::schema),
        faults: &[NO_LOTTERY, OVER, NO_ROOMS, DATABASE],
        handle: lottery::cancel,
    },
];
