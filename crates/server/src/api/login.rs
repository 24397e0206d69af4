//! `POST /api/v1/login/wechat`: a token for whoever has a code of `wx.login`.

use control::person::{Person, Role};
use serde_json::json;

use super::call::{Answer, Call};
use super::fault::Fault;
use super::shape::{Schemas, Shape, shape};
use super::users::{Avatar, Name, Token};
use crate::http::response::Response;
use crate::identity::Wish;
use crate::identity::compat::wechat::{CODE_MAX, Refusal};
use crate::time::rfc3339;

/// How long a client waits that WeChat finds too eager, in seconds: its limit is by the minute.
const MINUTE_SECONDS: u64 = 60;

/// How long a client waits when there is too much to do, in seconds.
const MOMENT_SECONDS: u64 = 2;

/// A code, which [`is_code`](crate::identity::compat::wechat::is_code) judges.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Code(String);

impl Shape for Code {
    fn schema(_known: &mut Schemas) -> serde_json::Value {
        json!({"type": "string", "pattern": format!("^[!-~]{{1,{CODE_MAX}}}$")})
    }
}

shape! {
    /// Who wants to sign in.
    in struct WeChatLogin {
        /// The code that `wx.login` gave the mini-program: good once, for five minutes.
        code: Code,
        /// What others see.
        name: Option<Name>,
        /// The address of a picture, http or https.
        avatar: Option<Avatar>,
    }
}

/// Signs somebody in.
pub(super) fn wechat(call: &Call) -> Answer {
    if !call.app.wechat.is_on() {
        return Err(Fault::NoWeChat.answer());
    }
    let wish: WeChatLogin = call.body()?;
    let name = wish.name.map(|name| name.0).unwrap_or_default();
    let avatar = wish.avatar.map(|avatar| avatar.0).unwrap_or_default();
    // Before the code is used up: any id will do for this.
    person("-", &name, &avatar)?;
    let known = call.wait(call.app.wechat.ask(&wish.code.0, call.peer));
    call.app.counts.login(known.as_ref().map_or_else(|refusal| fault(*refusal).code(), |_| "signed_in"));
    let known = known.map_err(refused)?;
    let person = person(&known.id, &name, &avatar).map_err(|_| Fault::WeChatGarbled.answer())?;
    let now = call.app.clock.unix_seconds();
    let until = now.saturating_add(known.life_seconds);
    let wish = Wish { person, room: None, until, app: None };
    let token = call.app.identity().issue_by(&known.kid, &wish, now).map_err(|refusal| {
        tracing::warn!(%refusal, "wechat.kid cannot sign a token");
        Fault::WeChatSetup.answer()
    })?;
    let expires_at = rfc3339(until.saturating_mul(1_000));
    Ok(Response::json(201, &Token { token, user: wish.person.id, expires_at }))
}

fn person(id: &str, name: &str, avatar: &str) -> Result<Person, Response> {
    Person::new(id, name, avatar, Role::Viewer)
        .map_err(|bad| Response::error(400, "bad_person", &bad.to_string(), &bad.message_zh()))
}

fn refused(refusal: Refusal) -> Response {
    let fault = fault(refusal);
    match refusal {
        Refusal::TooMany(seconds) => fault.answer().with("Retry-After", seconds.to_string()),
        Refusal::TooOften => fault.answer().with("Retry-After", MINUTE_SECONDS.to_string()),
        Refusal::Busy | Refusal::Silent => fault.answer().with("Retry-After", MOMENT_SECONDS.to_string()),
        Refusal::Setup(errcode) | Refusal::Other(errcode) => fault.numbered("errcode", errcode),
        _ => fault.answer(),
    }
}

fn fault(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Off => Fault::NoWeChat,
        Refusal::TooMany(_) => Fault::TooManyLogins,
        Refusal::BadCode => Fault::BadCode,
        Refusal::Used => Fault::CodeUsed,
        Refusal::TooOften => Fault::WeChatTooOften,
        Refusal::Blocked => Fault::WeChatBlocked,
        Refusal::Busy => Fault::WeChatBusy,
        Refusal::Silent => Fault::WeChatSilent,
        Refusal::Garbled => Fault::WeChatGarbled,
        Refusal::NoUnionid => Fault::NoUnionid,
        Refusal::Setup(_) => Fault::WeChatSetup,
        Refusal::Other(_) => Fault::WeChatRefuses,
    }
}
