//! What the API can do: the table that dispatches requests and that the documentation is made of. It is long because it is a list, with one
//! entry for each operation, and is kept whole so that what is not in it does not exist.

mod gifts;
mod rooms;

use serde_json::{Value as Json, json};

use super::call::{Answer, Call, LIMIT_MAX, REASON_MAX};
use super::fault::Fault;
use super::shape::{AppName, Schemas, Shape, StreamName};
use super::{
    addresses, asyncapi, clients, docs, forbid, live, login, openapi, recordings, relays, replays, service,
    streams, text, users, webhooks,
};
use crate::http::head::Method;
use crate::operator::keys::Scope;

/// One thing to do.
pub(super) struct Operation {
    /// GET stands for HEAD too.
    pub(super) method: Method,
    /// Behind `/api/v1/`. `{app}` takes as many parts as there are.
    pub(super) path: &'static str,
    /// Its name in generated clients.
    pub(super) id: &'static str,
    /// Who may.
    pub(super) access: Access,
    /// What it does.
    pub(super) about: &'static str,
    /// The same in Chinese.
    pub(super) about_zh: &'static str,
    /// What may stand behind the `?`.
    pub(super) query: &'static [Parameter],
    /// What is sent.
    pub(super) body: Option<Body>,
    /// What is answered when it goes well.
    pub(super) done: Done,
    /// What else is answered, apart from what every operation may.
    pub(super) faults: &'static [(u16, &'static str)],
    /// Does it.
    pub(super) handle: fn(&Call) -> Answer,
}

/// Who may use an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody.
    Open,
    /// Everybody; it waits: for the database, a hook or another server.
    OpenWaiting,
    /// Whoever has a key of this scope.
    Key(Scope),
}

/// A parameter of the query.
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: &'static str,
    /// What it may be.
    pub(super) value: Value,
    /// What it does.
    pub(super) about: &'static str,
    /// Whether it must be there.
    pub(super) needed: bool,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// A number within bounds.
    Number(u64, u64),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// An app, or APP/STREAM.
    Name,
    /// Any text without control characters.
    Text,
    /// The id of a user.
    User,
    /// An IP address.
    Address,
    /// Whatever an answer gave to ask on with, and how it looks.
    Next(&'static str),
    /// Any parameters at all.
    Anything,
}

/// What is sent.
pub(super) struct Body {
    /// Whether it may be left out.
    pub(super) optional: bool,
    /// What it looks like.
    pub(super) schema: fn(&mut Schemas) -> Json,
}

/// What is answered when an operation goes well.
pub(super) enum Done {
    /// JSON.
    Json(u16, fn(&mut Schemas) -> Json),
    /// Some other text.
    Text(&'static str),
    /// Nothing but the status.
    Nothing(u16),
}

/// Longest name of a stream with its app, in bytes.
const NAME_MAX: usize = 800;

const READ: Access = Access::Key(Scope::Read);
const WRITE: Access = Access::Key(Scope::Write);

pub(super) const LIMIT: Parameter = Parameter {
    name: "limit",
    value: Value::Number(1, LIMIT_MAX as u64),
    about: "most items in the answer; 50 when left out",
    needed: false,
};

const NOT_ON_AIR: (u16, &str) = (404, "`not_on_air`: nobody publishes this stream");
const NO_CLIENT: (u16, &str) = (404, "`no_client`: no client of this number is connected");
const NO_RECORDING: (u16, &str) = (404, "`no_recording`: there is no recording with this id");
const OVER: (u16, &str) = (409, "`over`: it is over");
const NO_RECORDINGS: (u16, &str) =
    (503, "`no_recordings`: this server has no data folder, or its database cannot be opened");
const INDEX: (u16, &str) = (500, "`index`: the database does not answer");
const NO_RELAY: (u16, &str) = (404, "`no_relay`: there is no relay of this number");
const NOT_KEPT: (u16, &str) =
    (500, "`not_kept`: it is in force until the server ends, but its file cannot be written");

const NO_WEBHOOK: (u16, &str) = (404, "`no_webhook`: there is no webhook of this name");
const NO_DATABASE: (u16, &str) =
    (503, "`no_database`: this server has no data folder, or its database cannot be opened");

/// What is about the server and its streams.
const SERVER: &[Operation] = &[
    Operation {
        method: Method::Get,
        path: "streams",
        id: "listStreams",
        access: READ,
        about: "Streams that are on air, or whose publisher may come back, by name",
        about_zh: "正在直播（或等待重推）的流，按名称排序",
        query: &[
            LIMIT,
            Parameter {
                name: "after",
                value: Value::Name,
                about: "begin behind this APP/STREAM: the `next` of the page before",
                needed: false,
            },
            Parameter { name: "app", value: Value::Name, about: "only streams of this app", needed: false },
        ],
        body: None,
        done: Done::Json(200, streams::StreamList::schema),
        faults: &[],
        handle: streams::list,
    },
    Operation {
        method: Method::Get,
        path: "streams/{app}/{stream}",
        id: "getStream",
        access: READ,
        about: "One stream",
        about_zh: "一路流",
        query: &[],
        body: None,
        done: Done::Json(200, streams::StreamState::schema),
        faults: &[NOT_ON_AIR],
        handle: streams::one,
    },
    Operation {
        method: Method::Post,
        path: "streams/{app}/{stream}/release",
        id: "releaseStream",
        access: WRITE,
        about: "End the publisher, so that another can take the name; viewers stay for the grace",
        about_zh: "断开推流者，让别人可以用这个流名；观众保留到宽限期结束",
        query: &[],
        body: None,
        done: Done::Nothing(202),
        faults: &[
            NOT_ON_AIR,
            (
                409,
                "`no_publisher`: no client publishes it: it is the server's own, or its publisher has just left",
            ),
        ],
        handle: streams::release,
    },
    Operation {
        method: Method::Post,
        path: "streams/{app}/{stream}/forbid",
        id: "forbidStream",
        access: WRITE,
        about: "Forbid a stream: ends a running push with its viewers, and refuses new ones",
        about_zh: "禁播一路流：断开正在进行的推流和观众，并拒绝新的",
        query: &[],
        body: Some(Body { optional: true, schema: forbid::Forbid::schema }),
        done: Done::Json(200, forbid::ForbiddenStream::schema),
        faults: &[
            (409, "`over`: `until` is over already"),
            NOT_KEPT,
            (503, "`list_full`: the forbid list is full"),
        ],
        handle: forbid::forbid,
    },
    Operation {
        method: Method::Delete,
        path: "streams/{app}/{stream}/forbid",
        id: "resumeStream",
        access: WRITE,
        about: "Allow a stream again; also when it was not forbidden",
        about_zh: "解除禁播；未禁播时同样成功",
        query: &[],
        body: None,
        done: Done::Nothing(204),
        faults: &[NOT_KEPT],
        handle: forbid::resume,
    },
    Operation {
        method: Method::Post,
        path: "drain",
        id: "drain",
        access: WRITE,
        about: "Let nobody new in, and end the server when everybody has left, at the bound at the latest",
        about_zh: "不再接纳新连接，所有人离开后（最迟到时限）退出",
        query: &[],
        body: Some(Body { optional: true, schema: service::Drain::schema }),
        done: Done::Json(202, service::Draining::schema),
        faults: &[],
        handle: service::drain,
    },
    Operation {
        method: Method::Delete,
        path: "drain",
        id: "takeBackDrain",
        access: WRITE,
        about: "Take a drain back; also when there is none",
        about_zh: "取消退出；没有时同样成功",
        query: &[],
        body: None,
        done: Done::Nothing(204),
        faults: &[],
        handle: service::take_back,
    },
    Operation {
        method: Method::Post,
        path: "reload",
        id: "reload",
        access: WRITE,
        about: "Read the configuration again; nobody who is connected is touched",
        about_zh: "重新读取配置，不影响已连接的人",
        query: &[],
        body: None,
        done: Done::Json(200, service::Reloaded::schema),
        faults: &[(409, "`bad_configuration`: it has a mistake, and nothing has changed")],
        handle: service::reload,
    },
    Operation {
        method: Method::Get,
        path: "forbidden",
        id: "listForbidden",
        access: READ,
        about: "Streams that are forbidden now, by name; those of the configuration too",
        about_zh: "当前禁播的流，按名称排序，含配置文件里写的",
        query: &[
            LIMIT,
            Parameter {
                name: "after",
                value: Value::Name,
                about: "begin behind this APP/STREAM",
                needed: false,
            },
        ],
        body: None,
        done: Done::Json(200, forbid::ForbiddenList::schema),
        faults: &[],
        handle: forbid::list,
    },
    Operation {
        method: Method::Get,
        path: "clients",
        id: "listClients",
        access: READ,
        about: "Publishers and viewers that are connected, by number",
        about_zh: "在线的推流者和观众，按编号排序",
        query: &[
            LIMIT,
            Parameter {
                name: "after",
                value: Value::Number(0, u64::MAX),
                about: "begin behind this number: the `next` of the page before",
                needed: false,
            },
            Parameter {
                name: "stream",
                value: Value::Name,
                about: "only those of this APP/STREAM",
                needed: false,
            },
            Parameter {
                name: "role",
                value: Value::OneOf(&["publisher", "viewer"]),
                about: "only these",
                needed: false,
            },
            Parameter {
                name: "wire",
                value: Value::Text,
                about: "only those with this protocol, such as `rtmp` or `ws-flv`",
                needed: false,
            },
        ],
        body: None,
        done: Done::Json(200, clients::ClientList::schema),
        faults: &[],
        handle: clients::list,
    },
    Operation {
        method: Method::Get,
        path: "clients/{id}",
        id: "getClient",
        access: READ,
        about: "One client",
        about_zh: "一个客户端",
        query: &[],
        body: None,
        done: Done::Json(200, clients::Client::schema),
        faults: &[NO_CLIENT],
        handle: clients::one,
    },
    Operation {
        method: Method::Delete,
        path: "clients/{id}",
        id: "kickClient",
        access: WRITE,
        about: "End a client's connection within about a second. It may come back: forbid its stream to keep it out",
        about_zh: "约一秒内断开一个客户端；它还可以再连，要拒绝请禁播",
        query: &[Parameter {
            name: "reason",
            value: Value::Text,
            about: "what the client is told",
            needed: false,
        }],
        body: None,
        done: Done::Nothing(202),
        faults: &[NO_CLIENT],
        handle: clients::kick,
    },
    Operation {
        method: Method::Get,
        path: "relays",
        id: "listRelays",
        access: READ,
        about: "Relays to and from other servers, by number; those of the configuration too",
        about_zh: "与其他服务器之间的转发，按编号排序，含配置文件里写的",
        query: &[
            LIMIT,
            Parameter {
                name: "after",
                value: Value::Number(0, u64::MAX),
                about: "begin behind this number: the `next` of the page before",
                needed: false,
            },
        ],
        body: None,
        done: Done::Json(200, relays::RelayList::schema),
        faults: &[],
        handle: relays::list,
    },
    Operation {
        method: Method::Post,
        path: "relays",
        id: "startRelay",
        access: WRITE,
        about: "Pull a stream from another server, or push one to it whenever it is on air; until it is stopped or the server ends",
        about_zh: "从其他服务器拉一路流，或在其开播时推过去；直到停止它或服务器退出",
        query: &[],
        body: Some(Body { optional: false, schema: relays::wish_schema }),
        done: Done::Json(201, relays::Relay::schema),
        faults: &[
            (
                403,
                "`private_address`: the address is not one of the public Internet; `forbidden`: the stream is forbidden",
            ),
            (409, "`exists`: this stream is pulled already, or pushed to this address"),
            (
                503,
                "`draining`: the server is about to stop; `too_many_relays`: there are as many as there may be",
            ),
        ],
        handle: relays::start,
    },
    Operation {
        method: Method::Get,
        path: "relays/{id}",
        id: "getRelay",
        access: READ,
        about: "One relay",
        about_zh: "一个转发",
        query: &[],
        body: None,
        done: Done::Json(200, relays::Relay::schema),
        faults: &[NO_RELAY],
        handle: relays::one,
    },
    Operation {
        method: Method::Delete,
        path: "relays/{id}",
        id: "stopRelay",
        access: WRITE,
        about: "Stop a relay that was started here; the stream that it pulled is over",
        about_zh: "停止一个通过 API 启动的转发；它拉来的流随之结束",
        query: &[],
        body: None,
        done: Done::Nothing(204),
        faults: &[NO_RELAY, (409, "`configured`: the configuration asks for it")],
        handle: relays::stop,
    },
    Operation {
        method: Method::Post,
        path: "addresses",
        id: "makeAddress",
        access: WRITE,
        about: "Make push or play addresses, signed as the configuration says: what `weir url --json` prints",
        about_zh: "生成推流或播放地址，按配置签名；与 `weir url --json` 相同",
        query: &[],
        body: Some(Body { optional: false, schema: addresses::AddressWish::schema }),
        done: Done::Json(201, addresses::Addresses::schema),
        faults: &[(409, "`no_address`: nothing listens for that, or the domain cannot sign it")],
        handle: addresses::make,
    },
    Operation {
        method: Method::Post,
        path: "users/tokens",
        id: "makeUserToken",
        access: Access::Key(Scope::Tokens),
        about: "Make a token of a user: what `weir token` prints. Backends can sign tokens themselves, too",
        about_zh: "生成用户令牌；与 `weir token` 相同。业务后端也可以自己签发",
        query: &[],
        body: Some(Body { optional: false, schema: users::TokenWish::schema }),
        done: Done::Json(201, users::Token::schema),
        faults: &[
            (400, "`bad_person`: the id, the name or the picture is not what it must be"),
            (
                409,
                "`unknown_app`: no [[usersig]] has this id; `role_not_allowed`: no key here may sign for that role",
            ),
        ],
        handle: users::token,
    },
    Operation {
        method: Method::Post,
        path: "login/wechat",
        id: "loginWithWeChat",
        access: Access::OpenWaiting,
        about: "For mini-programs: a token for whoever has a code of wx.login",
        about_zh: "供小程序使用：用 wx.login 得到的 code 换取用户令牌",
        query: &[],
        body: Some(Body { optional: false, schema: login::WeChatLogin::schema }),
        done: Done::Json(201, users::Token::schema),
        faults: &[
            Fault::BadCode.told(),
            (400, "`bad_person`: the name or the picture is not what it must be"),
            Fault::WeChatBlocked.told(),
            Fault::NoWeChat.told(),
            Fault::CodeUsed.told(),
            Fault::TooManyLogins.told(),
            Fault::WeChatTooOften.told(),
            Fault::WeChatGarbled.told(),
            Fault::WeChatSetup.told(),
            Fault::WeChatRefuses.told(),
            Fault::NoUnionid.told(),
            Fault::WeChatBusy.told(),
            Fault::WeChatSilent.told(),
        ],
        handle: login::wechat,
    },
    Operation {
        method: Method::Get,
        path: "live",
        id: "listLive",
        access: Access::Open,
        about: "For pages: streams on air that anybody may play; at most 200",
        about_zh: "供网页使用：任何人都可播放的正在直播的流，最多 200 路",
        query: &[Parameter { name: "*", value: Value::Anything, about: "", needed: false }],
        body: None,
        done: Done::Json(200, live::LiveList::schema),
        faults: &[],
        handle: live::list,
    },
    Operation {
        method: Method::Get,
        path: "recordings",
        id: "listRecordings",
        access: READ,
        about: "Recordings, newest first; those in progress are as far as they were a second ago",
        about_zh: "录制列表，最新的在前；进行中的录制为一秒前的状态",
        query: &[
            LIMIT,
            Parameter {
                name: "before",
                value: Value::Text,
                about: "only recordings older than this id: the `next` of the page before",
                needed: false,
            },
            Parameter { name: "app", value: Value::Name, about: "only those of this app", needed: false },
            Parameter {
                name: "stream",
                value: Value::Name,
                about: "only those of streams of this name",
                needed: false,
            },
            Parameter {
                name: "state",
                value: Value::OneOf(&["recording", "paused", "finished", "failed"]),
                about: "only these",
                needed: false,
            },
            Parameter {
                name: "from_ms",
                value: Value::Number(0, i64::MAX as u64),
                about: "only those that had not ended at this time, in milliseconds since 1970",
                needed: false,
            },
            Parameter {
                name: "to_ms",
                value: Value::Number(0, i64::MAX as u64),
                about: "only those that began before this time, in milliseconds since 1970",
                needed: false,
            },
            Parameter {
                name: "hidden",
                value: Value::OneOf(&["true", "false"]),
                about: "false: without those that viewers are not shown",
                needed: false,
            },
        ],
        body: None,
        done: Done::Json(200, recordings::RecordingList::schema),
        faults: &[INDEX, NO_RECORDINGS],
        handle: recordings::list,
    },
    Operation {
        method: Method::Post,
        path: "recordings",
        id: "startRecording",
        access: WRITE,
        about: "Record a stream that is on air, until it ends or the recording is stopped",
        about_zh: "录制一路正在直播的流，直到它结束或停止录制",
        query: &[],
        body: Some(Body { optional: false, schema: recordings::RecordWish::schema }),
        done: Done::Json(201, recordings::RecordingState::schema),
        faults: &[
            NOT_ON_AIR,
            (409, "`exists`: the stream is being recorded already"),
            INDEX,
            (
                503,
                "`no_recordings`, `disk_full`, `read_only`, `io_error`: nothing can be recorded; the message tells why",
            ),
        ],
        handle: recordings::start,
    },
    Operation {
        method: Method::Get,
        path: "recordings/{recording}",
        id: "getRecording",
        access: READ,
        about: "One recording with its files",
        about_zh: "一个录制及其文件",
        query: &[],
        body: None,
        done: Done::Json(200, recordings::RecordingFiles::schema),
        faults: &[NO_RECORDING, INDEX, NO_RECORDINGS],
        handle: recordings::one,
    },
    Operation {
        method: Method::Delete,
        path: "recordings/{recording}",
        id: "deleteRecording",
        access: WRITE,
        about: "Delete a recording with its files",
        about_zh: "删除一个录制及其文件",
        query: &[],
        body: None,
        done: Done::Nothing(204),
        faults: &[NO_RECORDING, (409, "`in_progress`: stop it first"), INDEX, NO_RECORDINGS],
        handle: recordings::delete,
    },
    Operation {
        method: Method::Post,
        path: "recordings/{recording}/addresses",
        id: "makeReplayAddress",
        access: WRITE,
        about: "Make addresses at which a recording is watched, signed as the configuration says",
        about_zh: "生成观看录像的地址，按配置签名",
        query: &[],
        body: Some(Body { optional: true, schema: addresses::ReplayWish::schema }),
        done: Done::Json(201, addresses::ReplayAddresses::schema),
        faults: &[
            NO_RECORDING,
            (409, "`no_address`: nothing listens for that, or the domain cannot sign it"),
        ],
        handle: addresses::replay,
    },
    Operation {
        method: Method::Post,
        path: "recordings/{recording}/stop",
        id: "stopRecording",
        access: WRITE,
        about: "End a recording; its stream is not recorded again before it comes back on air",
        about_zh: "结束一个录制；在该流重新开播之前不再自动录制",
        query: &[],
        body: None,
        done: Done::Json(200, recordings::RecordingState::schema),
        faults: &[NO_RECORDING, OVER, INDEX, NO_RECORDINGS],
        handle: recordings::stop,
    },
    Operation {
        method: Method::Post,
        path: "recordings/{recording}/pause",
        id: "pauseRecording",
        access: WRITE,
        about: "Write nothing until the recording is resumed; also when it is paused",
        about_zh: "暂停一个录制；已暂停时同样成功",
        query: &[],
        body: None,
        done: Done::Json(200, recordings::RecordingState::schema),
        faults: &[NO_RECORDING, OVER, INDEX, NO_RECORDINGS],
        handle: recordings::pause,
    },
    Operation {
        method: Method::Post,
        path: "recordings/{recording}/resume",
        id: "resumeRecording",
        access: WRITE,
        about: "Go on with a recording at the next key frame; also when it is not paused",
        about_zh: "从下一个关键帧继续录制；未暂停时同样成功",
        query: &[],
        body: None,
        done: Done::Json(200, recordings::RecordingState::schema),
        faults: &[NO_RECORDING, OVER, INDEX, NO_RECORDINGS],
        handle: recordings::resume,
    },
    Operation {
        method: Method::Post,
        path: "recordings/prune",
        id: "pruneRecordings",
        access: WRITE,
        about: "Delete the recordings that are over their time now; the server does so every few minutes",
        about_zh: "立即删除已过保留期的录制；服务器每隔几分钟也会自动删除",
        query: &[],
        body: None,
        done: Done::Json(200, recordings::Pruned::schema),
        faults: &[INDEX, NO_RECORDINGS],
        handle: recordings::prune,
    },
    Operation {
        method: Method::Post,
        path: "recordings/reindex",
        id: "reindexRecordings",
        access: WRITE,
        about: "Begin to make the index of recordings again from their files; `storage` tells how far it is",
        about_zh: "开始由文件重建录制索引；进度见 storage",
        query: &[],
        body: None,
        done: Done::Json(202, recordings::Storage::schema),
        faults: &[INDEX, NO_RECORDINGS],
        handle: recordings::reindex,
    },
    Operation {
        method: Method::Get,
        path: "storage",
        id: "getStorage",
        access: READ,
        about: "Where recordings are written, and whether that works",
        about_zh: "录制写到哪里，是否正常",
        query: &[],
        body: None,
        done: Done::Json(200, recordings::Storage::schema),
        faults: &[],
        handle: recordings::storage,
    },
    Operation {
        method: Method::Get,
        path: "webhooks",
        id: "listWebhooks",
        access: READ,
        about: "Who is told what happens here, and how that goes",
        about_zh: "事件通知的接收方及其状态",
        query: &[],
        body: None,
        done: Done::Json(200, webhooks::WebhookList::schema),
        faults: &[INDEX],
        handle: webhooks::list,
    },
    Operation {
        method: Method::Get,
        path: "webhooks/deliveries",
        id: "listWebhookDeliveries",
        access: READ,
        about: "The log of what was told, newest first",
        about_zh: "投递记录，从新到旧",
        query: &[
            LIMIT,
            Parameter {
                name: "before",
                value: Value::Number(0, i64::MAX as u64),
                about: "begin behind this one: the `next` of the page before",
                needed: false,
            },
            Parameter { name: "endpoint", value: Value::Text, about: "only to this webhook", needed: false },
            Parameter {
                name: "state",
                value: Value::OneOf(webhooks::STATES),
                about: "only in this state; `failed` was given up",
                needed: false,
            },
            Parameter {
                name: "event",
                value: Value::Text,
                about: "only of this event, such as stream.started or stream.*",
                needed: false,
            },
        ],
        body: None,
        done: Done::Json(200, webhooks::DeliveryList::schema),
        faults: &[INDEX, NO_DATABASE],
        handle: webhooks::deliveries,
    },
    Operation {
        method: Method::Post,
        path: "webhooks/deliveries/{delivery}/replay",
        id: "replayWebhookDelivery",
        access: WRITE,
        about: "Tell an event once more that was delivered or given up",
        about_zh: "重新投递一条已送达或已放弃的事件",
        query: &[],
        body: None,
        done: Done::Nothing(202),
        faults: &[
            (404, "`no_delivery`: there is no delivery of this number"),
            (409, "`waiting`: it has not been told yet, and is on its way"),
            INDEX,
            NO_DATABASE,
        ],
        handle: webhooks::replay,
    },
    Operation {
        method: Method::Post,
        path: "webhooks/{webhook}/test",
        id: "testWebhook",
        access: WRITE,
        about: "Send a webhook the event `ping`",
        about_zh: "向接收方发送一条测试事件 ping",
        query: &[],
        body: None,
        done: Done::Json(202, webhooks::WebhookTest::schema),
        faults: &[NO_WEBHOOK, (409, "`no_test`: a notice in the form of SRS"), INDEX, NO_DATABASE],
        handle: webhooks::test,
    },
    Operation {
        method: Method::Post,
        path: "webhooks/{webhook}/enable",
        id: "enableWebhook",
        access: WRITE,
        about: "Tell a webhook again that answered 410, and make attempts that wait for later now",
        about_zh: "恢复一个回应过 410 的接收方，并立即重试等待中的事件",
        query: &[],
        body: None,
        done: Done::Nothing(204),
        faults: &[NO_WEBHOOK, INDEX, NO_DATABASE],
        handle: webhooks::enable,
    },
    Operation {
        method: Method::Get,
        path: "live/{app}/{stream}",
        id: "getLive",
        access: Access::OpenWaiting,
        about: "For pages: one stream, to whoever may play it; the query carries the signature of its play address",
        about_zh: "供网页使用：一路流，须有权播放；参数里带播放地址的签名",
        query: &[Parameter { name: "*", value: Value::Anything, about: "", needed: false }],
        body: None,
        done: Done::Json(200, live::LiveStream::schema),
        faults: &[
            (403, "the play address is refused; the code says why"),
            NOT_ON_AIR,
            (
                503,
                "`draining`: the server is about to stop; `hook_failed`: the operator's backend gave no answer",
            ),
        ],
        handle: live::one,
    },
    Operation {
        method: Method::Get,
        path: "replays/{recording}",
        id: "getReplay",
        access: Access::OpenWaiting,
        about: "For pages: one recorded show, to whoever may play it; the query carries the signature of its address",
        about_zh: "供网页使用：一场录制的回放，须有权播放；参数里带回放地址的签名",
        query: &[Parameter { name: "*", value: Value::Anything, about: "", needed: false }],
        body: None,
        done: Done::Json(200, replays::Replay::schema),
        faults: &[
            (403, "the address is refused; the code says why"),
            (404, "`no_recording`, `replay_hidden`: there is no such replay, or it is not shown"),
            (410, "`recording_gone`: its files are no longer there"),
            (500, "`recording_unreadable`: the log says why"),
            (
                503,
                "`draining`: the server is about to stop; `hook_failed`: the operator's backend gave no answer",
            ),
        ],
        handle: replays::one,
    },
    Operation {
        method: Method::Get,
        path: "openapi.json",
        id: "getOpenapi",
        access: Access::Open,
        about: "This API as OpenAPI 3.1",
        about_zh: "本 API 的 OpenAPI 3.1 描述",
        query: &[],
        body: None,
        done: Done::Json(200, |_| json!({"type": "object"})),
        faults: &[],
        handle: openapi::answer,
    },
    Operation {
        method: Method::Get,
        path: "asyncapi.json",
        id: "getAsyncapi",
        access: Access::Open,
        about: "The wire of the chat as AsyncAPI 3.0",
        about_zh: "聊天协议的 AsyncAPI 3.0 描述",
        query: &[],
        body: None,
        done: Done::Json(200, |_| json!({"type": "object"})),
        faults: &[],
        handle: asyncapi::answer,
    },
    Operation {
        method: Method::Get,
        path: "docs",
        id: "getDocs",
        access: Access::Open,
        about: "This API as a page",
        about_zh: "本 API 的说明页",
        query: &[],
        body: None,
        done: Done::Text("text/html"),
        faults: &[],
        handle: docs::answer,
    },
];

/// Everything, in the order in which it is documented.
pub(super) fn all() -> impl Iterator<Item = &'static Operation> {
    SERVER.iter().chain(rooms::ROOMS).chain(gifts::GIFTS)
}

/// The operations of a path behind `/api/v1/`, with what stands where theirs has braces.
pub(super) fn at(path: &str) -> impl Iterator<Item = (&'static Operation, Vec<String>)> {
    all().filter_map(move |operation| Some((operation, fit(operation.path, path)?)))
}

/// The method as it is written.
pub(super) fn verb(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Options => "OPTIONS",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Other => "OTHER",
    }
}

/// The schema of what braces in a path stand for.
pub(super) fn path_schema(name: &str) -> Json {
    match name {
        "app" => AppName::schema(&mut Schemas::new()),
        "stream" => StreamName::schema(&mut Schemas::new()),
        "room" | "gift" => json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}),
        "goods" => json!({"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"}),
        "lottery" => json!({"type": "string", "pattern": "^[0-9a-f]{16}$"}),
        "recording" => json!({"type": "string", "pattern": "^[0-9a-f]{24}$"}),
        "webhook" => webhooks::name_schema(),
        _ => u64::schema(&mut Schemas::new()),
    }
}

/// The names in braces of a path.
pub(super) fn braces(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn fit(template: &str, path: &str) -> Option<Vec<String>> {
    let (wanted, parts): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    let more = parts.len().checked_sub(wanted.len())?;
    if more > 0 && !wanted.contains(&"{app}") {
        return None;
    }
    let mut rest = parts.as_slice();
    let mut names = Vec::new();
    for part in wanted {
        let count = if part == "{app}" { 1 + more } else { 1 };
        let (these, behind) = rest.split_at_checked(count)?;
        rest = behind;
        if part.starts_with('{') {
            names.push(these.join("/"));
        } else if these != [part] {
            return None;
        }
    }
    Some(names)
}

impl Value {
    /// Whether a text is such a value; if not, what it must be.
    pub(super) fn check(self, text: &str) -> Result<(), (String, String)> {
        match self {
            Value::Name => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte);
                let fits = text.len() <= NAME_MAX && text.bytes().all(plain);
                fits.then_some(())
                    .ok_or_else(|| ("a name, such as live/room1".into(), "名称，如 live/room1".into()))
            }
            Value::Text | Value::User | Value::Address | Value::Next(_) => {
                let fits = text.chars().count() <= REASON_MAX;
                fits.then_some(()).ok_or_else(|| {
                    (format!("at most {REASON_MAX} characters"), format!("最多 {REASON_MAX} 个字符"))
                })
            }
            Value::Anything => Ok(()),
            Value::Number(min, max) => {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let fits = digits && text.parse().is_ok_and(|number: u64| (min..=max).contains(&number));
                fits.then_some(()).ok_or_else(|| {
                    (format!("a number from {min} to {max}"), format!(" {min} 到 {max} 的整数"))
                })
            }
            Value::OneOf(choices) => choices.contains(&text).then_some(()).ok_or_else(|| {
                (format!("one of {}", choices.join(", ")), format!("以下之一：{}", choices.join("、")))
            }),
        }
    }

    /// The same as a JSON Schema. What is empty is as if it were not there.
    pub(super) fn schema(self) -> Json {
        match self {
            Value::Name => json!({"type": "string", "pattern": "^[A-Za-z0-9_./-]*$", "maxLength": NAME_MAX}),
            Value::Text | Value::Anything => {
                json!({"type": "string", "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$", "maxLength": REASON_MAX})
            }
            Value::User => json!({"type": "string", "anyOf": [text::user_id(), {"maxLength": 0}]}),
            Value::Address => {
                json!({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}, {"maxLength": 0}]})
            }
            Value::Next(form) => json!({"type": "string", "pattern": form}),
            Value::Number(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
            Value::OneOf(choices) => json!({"type": "string", "enum": choices}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: Method, path: &str) -> Option<(&'static str, Vec<String>)> {
        let mut found = at(path).filter(|(operation, _)| operation.method == method);
        let first = found.next().map(|(operation, names)| (operation.id, names));
        assert!(found.next().is_none(), "{path} leads to two operations");
        first
    }

    #[test]
    fn an_app_takes_as_many_parts_as_there_are() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(found(Method::Get, "streams"), Some(("listStreams", vec![])));
        assert_eq!(found(Method::Get, "streams/live/a"), Some(("getStream", names(&["live", "a"]))));
        assert_eq!(found(Method::Get, "streams/a/b/c"), Some(("getStream", names(&["a/b", "c"]))));
        assert_eq!(found(Method::Post, "streams/a/b/c/forbid"), Some(("forbidStream", names(&["a/b", "c"]))));
        assert_eq!(found(Method::Delete, "clients/7"), Some(("kickClient", names(&["7"]))));
        for path in ["", "stream", "streams/live", "clients/1/2", "docs/", "live/a"] {
            assert_eq!(found(Method::Get, path), None, "{path}");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_words_in_both_languages() {
        let mut ids: Vec<_> = all().map(|operation| operation.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all().count());
        for operation in all() {
            assert!(operation.about.is_ascii() && !operation.about_zh.is_ascii(), "{}", operation.id);
            // Who signs in has a code instead.
            let writes = operation.method != Method::Get && !operation.path.starts_with("login/");
            assert_eq!(
                matches!(operation.access, Access::Key(scope) if scope.changes()),
                writes,
                "{}: what changes something needs a key that may",
                operation.id
            );
        }
    }
}
