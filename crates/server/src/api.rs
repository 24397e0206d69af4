//! The HTTP API. Its JSON is made here and nowhere else.
//!
//! One table, `table::all`, says what there is: requests are dispatched by it, and the OpenAPI document and the
//! page at `/api/v1/docs` are made of it. `/api/v1/live` is for everybody and tells what is safe to tell anybody who
//! may play; so do the pages' parts of rooms, and `login` is for people with a code of another service. Everything else is the operator's
//! and wants a key.

mod addresses;
mod asyncapi;
mod call;
mod clients;
pub mod compat;
mod docs;
mod fault;
mod forbid;
mod gifts;
mod goods;
pub mod health;
mod live;
mod login;
mod lottery;
mod messages;
mod moderation;
mod once;
mod openapi;
mod recordings;
mod relays;
mod replays;
mod room_people;
mod room_replays;
mod rooms;
mod service;
mod shape;
mod streams;
mod table;
mod text;
mod users;
mod webhooks;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use control::query::Query;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::admission::loggable;
use crate::app::App;
use crate::http::head::{API, Head, Method};
use crate::http::response::Response;
use crate::http::router;
use crate::http::viewer::Client;
use crate::operator::TRIES;
use crate::operator::keys::{Holder, Scope};
use call::Call;
use table::{Access, Operation};

/// Most requests of people without a key that wait for something at a time. Each holds one of the runtime's threads for what
/// waits, of which recordings and the operator need some too.
const OPEN_AT_ONCE: usize = 64;

/// How long such a request waits for its turn.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);

/// Turns of those who have no key.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Turns {
        Turns(Arc::new(Semaphore::new(OPEN_AT_ONCE)))
    }
}

impl Turns {
    /// A turn, if there is one in time. It is over when it is dropped.
    async fn take(&self, patience: Duration) -> Option<OwnedSemaphorePermit> {
        timeout(patience, self.0.clone().acquire_owned()).await.ok()?.ok()
    }
}

/// Answers a request for a path of the API, whose body has been read.
pub async fn answer(app: &Arc<App>, head: &Head, body: Bytes, client: Client) -> Response {
    let method = if head.method == Method::Head { Method::Get } else { head.method };
    let path = head.path.strip_prefix(API).unwrap_or_default();
    let found: Vec<(&'static Operation, Vec<String>)> = table::at(path).collect();
    let chosen = found.iter().find(|(operation, _)| operation.method == method).cloned();
    let Some((operation, names)) = chosen else {
        return match found.is_empty() {
            true => router::not_found(),
            false => wrong_method(&found),
        };
    };
    let query = match Query::parse(&head.query) {
        Ok(query) => query,
        Err(bad) => return Response::error(400, "bad_query", &bad.to_string(), &bad.message_zh()),
    };
    let (app, head, key) = (app.clone(), head.clone(), String::new());
    let wants_body = operation.body.as_ref().is_some_and(|body| !body.optional);
    let mut call = Call { app, head, query, names, body, wants_body, peer: client.peer, id: client.id, key };
    if operation.access == Access::Open {
        return run(operation, &call, None);
    }
    let turn = match operation.access {
        Access::OpenWaiting => match call.app.turns.take(OPEN_PATIENCE).await {
            Some(turn) => Some(turn),
            None => return busy(),
        },
        _ => None,
    };
    // Keys and lists are files, so is the index, and the threads of the runtime carry pictures.
    let done = tokio::task::spawn_blocking(move || {
        // Also when nobody waits for the answer any more: the thread is taken until then.
        let _turn = turn;
        let Access::Key(scope) = operation.access else { return run(operation, &call, None) };
        match authorize(&call.app, &call.head, call.peer, scope) {
            Ok(holder) => {
                call.key.clone_from(&holder.name);
                run(operation, &call, Some(&holder))
            }
            Err(refusal) => refusal,
        }
    });
    done.await.unwrap_or_else(|_| {
        Response::error(
            500,
            "internal",
            "this request met a bug in Weir; the log has more",
            "内部错误，详见日志",
        )
    })
}

fn busy() -> Response {
    let message = "too many people ask at this moment: try again in a second";
    Response::error(503, "busy", message, "当前请求过多：请稍后重试").with("Retry-After", "1".to_owned())
}

fn run(operation: &Operation, call: &Call, holder: Option<&Holder>) -> Response {
    let response = call
        .check_query(operation.query)
        .and_then(|()| once::answer(operation, call))
        .unwrap_or_else(|refusal| refusal);
    if let Some(holder) = holder.filter(|_| operation.method != Method::Get) {
        let (path, status) = (loggable(&call.head.path), response.status());
        tracing::info!(key = holder.name, peer = %call.peer, ?operation.method, path, status, "API");
    }
    response
}

/// Whose key came with the request, if it may do this. It reads files.
pub fn authorize(app: &App, head: &Head, peer: IpAddr, scope: Scope) -> Result<Holder, Response> {
    authorize_key(app, bearer(head), peer, scope)
}

fn authorize_key(app: &App, key: Option<&str>, peer: IpAddr, scope: Scope) -> Result<Holder, Response> {
    let keys = &app.operator.keys;
    let refuse = |status, code, message: &str, zh: &str| {
        Response::error(status, code, message, zh).with("WWW-Authenticate", "Bearer realm=\"weir\"")
    };
    let Some(key) = key else {
        return Err(match keys.any() {
            true => refuse(
                401,
                "no_key",
                "this needs a key: send the header Authorization: Bearer wk_...",
                "需要密钥：请带上请求头 Authorization: Bearer wk_...",
            ),
            false => refuse(
                401,
                "no_key",
                "this needs a key, and there is none yet: make one with `weir key create NAME`, then send the header Authorization: Bearer wk_...",
                "需要密钥，而现在还没有：请用 `weir key create NAME` 生成，再带上请求头 Authorization: Bearer wk_...",
            ),
        });
    };
    let Ok(found) = keys.check(key) else {
        return Err(Response::error(
            503,
            "keys_unreadable",
            "the server cannot read its keys (keys.toml in its data folder), so it can tell of none whether it is good; the log says why",
            "服务器无法读取密钥文件（数据目录中的 keys.toml），因而无法判断密钥，原因见日志",
        ));
    };
    let Some(holder) = found else {
        return Err(match app.operator.throttle.count(peer, TRIES, app.clock.now_ms()) {
            Some(seconds) => refuse(
                429,
                "too_many_tries",
                "too many wrong keys came from your address: wait a minute",
                "来自该地址的错误密钥过多：请稍后再试",
            )
            .with("Retry-After", seconds.to_string()),
            None => refuse(
                401,
                "bad_key",
                "this key is not known here: `weir key list` shows which there are, `weir key create NAME` makes one",
                "密钥无效：用 `weir key list` 查看，用 `weir key create NAME` 生成",
            ),
        });
    };
    if !holder.scope.allows(scope) {
        return Err(too_little(holder.scope, scope));
    }
    Ok(holder)
}

/// A key is good, and not for this.
fn too_little(has: Scope, wanted: Scope) -> Response {
    let make = format!("`weir key create NAME --scope {wanted}`");
    if has == Scope::Tokens {
        return Response::error(
            403,
            "tokens_only_key",
            &format!("this key makes tokens of users and does nothing else: make another with {make}"),
            &format!("此密钥只能签发用户令牌：请用 {make} 另外生成"),
        );
    }
    if scope_of_rooms(has) && !scope_of_rooms(wanted) {
        return Response::error(
            403,
            "rooms_only_key",
            &format!("this key is for rooms only: make another with {make}"),
            &format!("此密钥只能用于房间：请用 {make} 另外生成"),
        );
    }
    Response::error(
        403,
        "read_only_key",
        &format!("this key may only read: make one with {make}"),
        &format!("此密钥只读：请用 {make} 生成可写的密钥"),
    )
}

fn scope_of_rooms(scope: Scope) -> bool {
    matches!(scope, Scope::RoomsRead | Scope::RoomsWrite)
}

/// The key of the `Authorization` header; the name of the scheme is in any case (RFC 9110 section 11.1).
fn bearer(head: &Head) -> Option<&str> {
    let (scheme, key) = head.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

fn wrong_method(found: &[(&'static Operation, Vec<String>)]) -> Response {
    let mut allow: Vec<&str> = found.iter().map(|(operation, _)| table::verb(operation.method)).collect();
    if allow.contains(&"GET") {
        allow.push("HEAD");
    }
    allow.push("OPTIONS");
    let allow = allow.join(", ");
    Response::error(
        405,
        "method_not_allowed",
        &format!("this address answers {allow} only"),
        &format!("此地址只支持 {allow}"),
    )
    .with("Allow", allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_has_no_key_waits_for_a_turn_and_not_for_ever() {
        let turns = Turns::default();
        let mut taken = Vec::new();
        for _ in 0..OPEN_AT_ONCE {
            taken.push(turns.take(Duration::from_millis(1)).await.expect("there is room"));
        }
        assert!(turns.take(Duration::from_millis(1)).await.is_none());
        taken.pop();
        assert!(turns.take(Duration::from_millis(1)).await.is_some());
    }
}
