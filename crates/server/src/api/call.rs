//! One request of the API, and the taking apart of what it asks.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use control::name;
use control::query::Query;
use serde::de::DeserializeOwned;

use super::table::{Parameter, Value};
use crate::app::App;
use crate::http::head::Head;
use crate::http::response::Response;

/// How many items a page of a list has when nobody says.
const LIMIT: usize = 50;

/// Most items in a page of a list.
pub(super) const LIMIT_MAX: usize = 200;

/// Longest reason that an operator gives, in characters.
pub(super) const REASON_MAX: usize = control::forbid::REASON_MAX;

/// An answer, or the one that says what is wrong.
pub(super) type Answer = Result<Response, Response>;

/// A request.
#[derive(Debug)]
pub(super) struct Call {
    /// The server.
    pub(super) app: Arc<App>,
    /// The request's head.
    pub(super) head: Head,
    /// Its parameters.
    pub(super) query: Query,
    /// What stood where the path of the operation has braces.
    pub(super) names: Vec<String>,
    /// Its body.
    pub(super) body: Bytes,
    /// Whether it must have one.
    pub(super) wants_body: bool,
    /// Where it comes from.
    pub(super) peer: IpAddr,
    /// The number of its connection.
    pub(super) id: u64,
    /// The name of the key that came with it; empty where none is needed.
    pub(super) key: String,
}

/// A stream that a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// All but the last part.
    pub(super) app: String,
    /// The last part.
    pub(super) stream: String,
}

impl Call {
    /// Refuses parameters that the operation does not have, or has otherwise.
    pub(super) fn check_query(&self, known: &[Parameter]) -> Result<(), Response> {
        for name in self.query.names() {
            let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
                // The open addresses carry signatures of any vendor.
                if known.iter().any(|parameter| parameter.value == Value::Anything) {
                    continue;
                }
                let name = printable(name);
                return Err(bad(
                    format!("there is no parameter {name:?} here"),
                    format!("没有参数 {name:?}"),
                ));
            };
            let Ok(value) = self.query.only(parameter.name) else {
                let name = parameter.name;
                return Err(bad(format!("{name} comes twice"), format!("参数 {name} 重复")));
            };
            if let Err((en, zh)) = parameter.value.check(value.unwrap_or_default()) {
                let name = parameter.name;
                return Err(bad(format!("{name} must be {en}"), format!("参数 {name} 应为{zh}")));
            }
        }
        match known.iter().find(|parameter| parameter.needed && self.parameter(parameter.name).is_none()) {
            Some(Parameter { name, about, .. }) => {
                Err(bad(format!("say {name}: {about}"), format!("缺少参数 {name}")))
            }
            None => Ok(()),
        }
    }

    /// The value of a parameter, if it came and is not empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).filter(|value| !value.is_empty())
    }

    /// How many items are wanted.
    pub(super) fn limit(&self) -> usize {
        self.parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(LIMIT).min(LIMIT_MAX)
    }

    /// Waits for something. Requests that do so are answered on threads where that holds up nobody.
    pub(super) fn wait<F: Future>(&self, future: F) -> F::Output {
        tokio::runtime::Handle::current().block_on(future)
    }

    /// The stream that the path names.
    pub(super) fn path(&self) -> Result<Path, Response> {
        let [app, stream] = self.names.as_slice() else { return Err(crate::http::router::not_found()) };
        check(app, stream)?;
        Ok(Path { app: app.clone(), stream: stream.clone() })
    }

    /// The body as a value; what has no body, where it may be so, has the value of `{}`.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Response> {
        if self.body.is_empty() && self.wants_body {
            return Err(Response::error(400, "bad_body", "send a body of JSON", "缺少请求体（JSON）"));
        }
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        if !self.body.is_empty() {
            let media_type = self.head.header("content-type").unwrap_or_default();
            let media_type = media_type.split(';').next().unwrap_or_default().trim();
            if !media_type.eq_ignore_ascii_case("application/json") {
                return Err(Response::error(
                    415,
                    "not_json",
                    "send the body with Content-Type: application/json",
                    "请求体须带 Content-Type: application/json",
                ));
            }
        }
        serde_json::from_slice(body).map_err(|error| {
            Response::error(
                400,
                "bad_body",
                &format!("the body is not right: {error}"),
                "请求体不正确，见 message",
            )
        })
    }
}

impl Path {
    /// As the hub calls it.
    pub(super) fn name(&self) -> hub::Name {
        hub::Name::new(&format!("{}/{}", self.app, self.stream))
    }
}

/// Refuses what cannot be a stream's name.
pub(super) fn check(app: &str, stream: &str) -> Result<(), Response> {
    name::check(app, stream)
        .map_err(|fault| Response::error(400, "bad_name", &fault.to_string(), &fault.message_zh()))
}

/// A value that is not right.
pub(super) fn bad(en: impl AsRef<str>, zh: impl AsRef<str>) -> Response {
    Response::error(400, "bad_value", en.as_ref(), zh.as_ref())
}

/// A text as an operator gives it, without what would break a line, within its bound.
pub(super) fn reason(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(REASON_MAX).collect()
}

fn printable(text: &str) -> String {
    text.chars().take(64).collect()
}
