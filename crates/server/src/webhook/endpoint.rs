//! Whom to tell: an endpoint of the configuration, and how it is spoken to.

use std::time::Duration;

use http::Method;
use http::header::HeaderName;
use serde_json::{Value, json};

use super::sign::{SigningKey, signatures};
use crate::config::Config;
use crate::hooks::srs;
use crate::net::Guard;
use crate::outbound::{Address, Call};
use crate::store::Event;
use crate::store::outbox::fits;
use crate::time::rfc3339_ms;

/// Where events go.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its name; deliveries are kept under it.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// What it wants: `stream.started`, `stream.*`, `*`.
    pub events: Vec<String>,
    /// How long an attempt may take.
    pub timeout: Duration,
    /// Which machines it may be on.
    pub guard: Guard,
    /// How it is spoken to.
    pub form: Form,
}

/// How an endpoint is spoken to. Another kind of callback is another form.
#[derive(Debug, Clone)]
pub enum Form {
    /// Standard Webhooks, signed with each of the keys.
    Standard(Vec<SigningKey>),
    /// A notice in the words of SRS, such as `on_stop`.
    Srs(srs::Notice),
}

impl Endpoint {
    /// All of a configuration, which has been checked; what is not right all the same is left out.
    pub(super) fn all(config: &Config) -> Vec<Endpoint> {
        let standard = config.webhook.iter().filter_map(|keys| {
            let secrets = [&keys.secret, &keys.backup_secret];
            let signing =
                secrets.into_iter().filter_map(|secret| SigningKey::parse(secret.expose()).ok()).collect();
            Some(Endpoint {
                name: keys.name.clone(),
                address: Address::parse(keys.url.expose()).ok()?,
                events: keys.events.clone(),
                timeout: Duration::from_secs(keys.timeout_seconds),
                guard: Guard::new(keys.allow_private),
                form: Form::Standard(signing),
            })
        });
        let notices = srs::Notice::ALL.into_iter().flat_map(|notice| {
            let urls = notice.urls(&config.hooks).iter().enumerate();
            urls.filter_map(move |(number, url)| {
                Some(Endpoint {
                    name: format!("hooks.{}[{number}]", notice.action()),
                    address: Address::parse(url.expose()).ok()?,
                    events: vec![notice.event().to_owned()],
                    timeout: Duration::from_secs(15),
                    guard: Guard::new(config.hooks.allow_private),
                    form: Form::Srs(notice),
                })
            })
        });
        standard.chain(notices).collect()
    }

    /// Whether it wants events of this kind.
    pub fn wants(&self, kind: &str) -> bool {
        self.events.iter().any(|pattern| fits(pattern, kind))
    }

    /// What is sent to tell it an event now.
    pub(super) fn call(&self, event: &Event, unix_ms: i64) -> Call {
        let (headers, body) = match &self.form {
            Form::Standard(keys) => {
                let body = body(event);
                let seconds = unix_ms.div_euclid(1_000);
                let signed = signatures(keys, &event.id, seconds, body.as_bytes());
                let headers = [
                    ("webhook-id", event.id.clone()),
                    ("webhook-timestamp", seconds.to_string()),
                    ("webhook-signature", signed),
                ];
                (headers.map(|(name, value)| (HeaderName::from_static(name), value)).into(), body)
            }
            Form::Srs(notice) => {
                let data = serde_json::from_str(&event.data).unwrap_or(Value::Null);
                (Vec::new(), notice.body(&data).to_string())
            }
        };
        Call {
            method: Method::POST,
            headers,
            content_type: Some("application/json"),
            body: body.into(),
            timeout: self.timeout,
        }
    }
}

/// The body of an event: the same bytes at every attempt.
fn body(event: &Event) -> String {
    // The data is JSON already, and stays as it was written.
    let kind = json!(event.kind);
    format!(r#"{{"type":{kind},"timestamp":"{}","data":{}}}"#, rfc3339_ms(event.occurred_ms), event.data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_of_an_event_is_json_with_its_data_as_it_was_written() {
        let event = Event {
            id: "msg_1".into(),
            kind: "stream.started".into(),
            subject: "stream:live/a".into(),
            occurred_ms: 1_700_000_000_123,
            data: r#"{"app":"live","b":1}"#.into(),
            opens: None,
        };
        assert_eq!(
            body(&event),
            r#"{"type":"stream.started","timestamp":"2023-11-14T22:13:20.123Z","data":{"app":"live","b":1}}"#
        );
    }
}
