//! Questions in our own form: JSON that is signed like a webhook, and an answer that says plainly whether.

use http::header::HeaderName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Question, Said};
use crate::event;
use crate::outbound::Answer;
use crate::time::rfc3339_ms;
use crate::webhook::{SigningKey, signatures};

/// What is answered. What else it says is for later versions.
#[derive(Debug, Deserialize)]
struct Reply {
    allow: bool,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    text: Option<String>,
}

/// The headers and the body of a question.
pub(super) fn request(
    question: &Question<'_>,
    keys: &[SigningKey],
    unix_ms: i64,
) -> (Vec<(HeaderName, String)>, String) {
    let body = json!({"type": question.name(), "timestamp": rfc3339_ms(unix_ms), "data": data(question)});
    let (body, id) = (body.to_string(), event::id(unix_ms));
    let seconds = unix_ms.div_euclid(1_000);
    let signed = signatures(keys, &id, seconds, body.as_bytes());
    let headers =
        [("webhook-id", id), ("webhook-timestamp", seconds.to_string()), ("webhook-signature", signed)];
    (headers.map(|(name, value)| (HeaderName::from_static(name), value)).into(), body)
}

fn data(question: &Question<'_>) -> Value {
    match question {
        Question::Publish(visit) | Question::Play(visit) => json!({
            "app": visit.app,
            "stream": visit.stream,
            "client_id": visit.client,
            "protocol": visit.wire,
            "ip": visit.ip.map(|ip| ip.to_string()),
            "agent": visit.agent,
            "host": visit.host,
            "param": visit.query,
            "page_url": visit.page_url,
            "tc_url": visit.tc_url,
        }),
        Question::Join { room, user, ip } => {
            json!({"room": room, "user": user, "ip": ip.map(|ip| ip.to_string())})
        }
        Question::Send { room, user, kind, text } => {
            json!({"room": room, "user": user, "kind": kind, "text": text})
        }
    }
}

/// What an answer means.
pub(super) fn judge(answer: &Answer) -> Said {
    let reply = (200..300).contains(&answer.status).then(|| serde_json::from_slice::<Reply>(&answer.body));
    match reply {
        Some(Ok(Reply { allow: true, text, .. })) => Said::Yes { text },
        Some(Ok(Reply { reason, .. })) => Said::No { reason: reason.unwrap_or_default() },
        _ => Said::No { reason: String::new() },
    }
}
