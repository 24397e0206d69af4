//! Hooks in the words of SRS: the bodies that its receivers read and the answers that they give.
//!
//! Differences that there must be: what SRS only tells (`on_unpublish`, `on_stop`, `on_dvr`, `on_hls`) is told here as every
//! event is, again and again until a 2xx comes, so it can come twice; receivers go by `client_id`.

use std::sync::LazyLock;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Question;
use crate::config;
use crate::event::{HLS_SEGMENT, PLAY_ENDED, PUBLISH_ENDED, RECORDING_FILE};
use crate::outbound::Answer;
use crate::secrets::Secret;

/// The only vhost that there is here, as in the API in SRS's shapes.
const VHOST: &str = "__defaultVhost__";

/// Names of this server and of this run of it.
static RUN: LazyLock<String> = LazyLock::new(|| {
    let mut random = [0; 4];
    // Without random bytes the process's number tells runs apart well enough.
    if getrandom::fill(&mut random).is_err() {
        random = std::process::id().to_be_bytes();
    }
    format!("{:08x}", u32::from_be_bytes(random))
});

/// Something that is told, not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A publisher has gone.
    Unpublish,
    /// A player has gone.
    Stop,
    /// A file of a recording is complete.
    Dvr,
    /// A segment of HLS is complete.
    Hls,
}

impl Notice {
    /// All of them.
    pub const ALL: [Notice; 4] = [Notice::Unpublish, Notice::Stop, Notice::Dvr, Notice::Hls];

    /// Its name.
    pub fn action(self) -> &'static str {
        match self {
            Notice::Unpublish => "on_unpublish",
            Notice::Stop => "on_stop",
            Notice::Dvr => "on_dvr",
            Notice::Hls => "on_hls",
        }
    }

    /// The event that it is made of.
    pub fn event(self) -> &'static str {
        match self {
            Notice::Unpublish => PUBLISH_ENDED,
            Notice::Stop => PLAY_ENDED,
            Notice::Dvr => RECORDING_FILE,
            Notice::Hls => HLS_SEGMENT,
        }
    }

    /// Who is told.
    pub fn urls(self, hooks: &config::Hooks) -> &[Secret] {
        match self {
            Notice::Unpublish => &hooks.on_unpublish,
            Notice::Stop => &hooks.on_stop,
            Notice::Dvr => &hooks.on_dvr,
            Notice::Hls => &hooks.on_hls,
        }
    }

    /// What they are told of an event with this data.
    pub fn body(self, data: &Value) -> Value {
        let text = |name: &str| data[name].as_str().unwrap_or_default();
        let client = match text("client_id") {
            "" => text("recording"),
            client => client,
        };
        let mut body = common(
            self.action(),
            &Client {
                client,
                ip: text("ip"),
                app: text("app"),
                stream: text("stream"),
                query: text("param"),
                tc_url: text("tc_url"),
            },
        );
        match self {
            Notice::Unpublish | Notice::Stop => {}
            Notice::Dvr => {
                body["cwd"] = text("root").into();
                body["file"] = format!("{}/{}", text("root"), text("path")).into();
            }
            Notice::Hls => {
                let cwd = std::env::current_dir().unwrap_or_default();
                body["duration"] = (data["duration_ms"].as_f64().unwrap_or_default() / 1_000.0).into();
                body["cwd"] = cwd.display().to_string().into();
                body["file"] = text("file").into();
                body["url"] = text("file").trim_start_matches('/').into();
                body["m3u8"] = text("playlist").into();
                body["m3u8_url"] = text("playlist").trim_start_matches('/').into();
                body["seq_no"] = data["number"].clone();
            }
        }
        body
    }
}

/// What is common to all bodies.
struct Client<'a> {
    client: &'a str,
    ip: &'a str,
    app: &'a str,
    stream: &'a str,
    query: &'a str,
    tc_url: &'a str,
}

fn common(action: &str, about: &Client<'_>) -> Value {
    let Client { client, ip, app, stream, query, tc_url } = about;
    json!({
        "server_id": format!("vid-{}", *RUN),
        "service_id": *RUN,
        "action": action,
        "client_id": client,
        "ip": ip,
        "vhost": VHOST,
        "app": app,
        "tcUrl": tc_url,
        "stream": stream,
        // Its question mark belongs to it.
        "param": if query.is_empty() { String::new() } else { format!("?{query}") },
        "stream_url": format!("{VHOST}/{app}/{stream}"),
        "stream_id": stream_id(&format!("{app}/{stream}")),
    })
}

/// The same as in the API in SRS's shapes.
fn stream_id(name: &str) -> String {
    let digits: String =
        Sha256::digest(name.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("vid-{digits}")
}

/// The body of a question. SRS asks about publishing and playing only; the configuration allows no others in this form.
pub(super) fn question(question: &Question<'_>) -> Value {
    let (action, visit) = match question {
        Question::Publish(visit) => ("on_publish", visit),
        Question::Play(visit) => ("on_play", visit),
        Question::Join { .. } | Question::Send { .. } => return Value::Null,
    };
    let ip = visit.ip.map(|ip| ip.to_string()).unwrap_or_default();
    let mut body = common(
        action,
        &Client {
            client: visit.client,
            ip: &ip,
            app: visit.app,
            stream: visit.stream,
            query: visit.query,
            tc_url: visit.tc_url,
        },
    );
    if action == "on_play" {
        body["pageUrl"] = visit.page_url.into();
    }
    body
}

/// Whether an answer allows it: 200 or 201 with `0`, or with an object whose integer `code` is 0.
pub(super) fn accepts(answer: &Answer) -> bool {
    if ![200, 201].contains(&answer.status) {
        return false;
    }
    let code = match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(mut reply)) => reply.remove("code"),
        Ok(code @ Value::Number(_)) => Some(code),
        _ => None,
    };
    code.and_then(|code| code.as_i64()) == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::Visit;

    #[test]
    fn a_question_and_the_notice_after_it_have_the_same_words() {
        let visit = Visit {
            client: "ab-7",
            app: "live",
            stream: "a",
            ip: Some([1, 2, 3, 4].into()),
            wire: "rtmp",
            agent: "OBS",
            host: "push.example.com",
            query: "k=v",
            page_url: "http://page",
            tc_url: "rtmp://push.example.com/live",
            is_polling: false,
        };
        let asked = question(&Question::Publish(&visit));
        let expected = json!({
            "server_id": asked["server_id"], "service_id": asked["service_id"], "action": "on_publish", "client_id": "ab-7",
            "ip": "1.2.3.4", "vhost": "__defaultVhost__", "app": "live", "tcUrl": "rtmp://push.example.com/live", "stream": "a",
            "param": "?k=v", "stream_url": "__defaultVhost__/live/a", "stream_id": asked["stream_id"],
        });
        assert_eq!(asked, expected);
        assert_eq!(question(&Question::Play(&visit))["pageUrl"], "http://page");
        let data = json!({
            "client_id": "ab-7", "ip": "1.2.3.4", "app": "live", "stream": "a", "param": "k=v",
            "tc_url": "rtmp://push.example.com/live",
        });
        let mut told = Notice::Unpublish.body(&data);
        assert_eq!(told["action"], "on_unpublish");
        told["action"] = "on_publish".into();
        assert_eq!(told, expected);
        let file =
            json!({"app": "live", "stream": "a", "recording": "r1", "root": "/d", "path": "live/a/1.mp4"});
        let told = Notice::Dvr.body(&file);
        assert_eq!(
            (&told["cwd"], &told["file"], &told["client_id"]),
            (&json!("/d"), &json!("/d/live/a/1.mp4"), &json!("r1"))
        );
    }
}
