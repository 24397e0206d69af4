//! Decision hooks: the operator's own backend is asked before somebody publishes, plays, joins a room or sends a message.
//!
//! - One after another of the configured addresses is asked; the first that does not allow it refuses it.
//! - Whoever gives no answer in time refuses, unless `hooks.on_failure` says otherwise. An answer that is not right always
//!   refuses.
//! - A question that came a moment ago gets the same answer from a cache; a publisher is asked about each time.
//! - Everything is bounded: how long, how many at a time, and how much is remembered. Where no address is configured,
//!   nothing of this happens.
//!
//! What merely is told, such as the end of a play, is an event and goes the way of all events; see [`srs::Notice`].

mod cache;
mod question;
pub mod srs;
mod standard;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use http::Method;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::warn;

use crate::clock::Clock;
use crate::config::{self, Config, HookForm, OnFailure};
use crate::net::Guard;
use crate::outbound::{Address, Answer, Call, Client};
use crate::secrets::Secret;
use crate::webhook::SigningKey;
use cache::Cache;
pub use question::{PAGE, Question, Visit};

/// Longest reason of a refusal that is passed on, in characters.
const REASON_MAX: usize = 200;

/// Of the places for questions, one in so many is for pages that ask about what they show. They have those alone, so that no
/// crowd of open pages keeps a publisher waiting.
const PAGES_SHARE: usize = 4;

/// How long a page's yes is remembered at least, in milliseconds, where answers are remembered at all: pages ask every five
/// seconds.
const PAGE_CACHE_MS: u64 = 30_000;

/// The code of a refusal for want of an answer: the same may be asked again.
pub const FAILED: &str = "hook_failed";

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may be done; a message with this text instead of its own, if there is one.
    Allow {
        /// What is sent instead.
        text: Option<String>,
    },
    /// It must not be done.
    Refuse(Refusal),
}

/// Why something must not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `hook_refused`, or [`FAILED`] when there was no answer.
    pub code: &'static str,
    /// For people: the reason that the backend gave, or a general one.
    pub message: String,
    /// The same in Chinese.
    pub message_zh: String,
}

/// What one address said.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Yes { text: Option<String> },
    No { reason: String },
}

/// Whom to ask, and how.
#[derive(Debug)]
struct Settings {
    publish: Vec<Address>,
    play: Vec<Address>,
    join: Vec<Address>,
    send: Vec<Address>,
    form: HookForm,
    keys: Vec<SigningKey>,
    timeout: Duration,
    on_failure: OnFailure,
    cache_ms: u64,
    guard: Guard,
    /// Places for questions.
    room: Semaphore,
    /// Places for those of pages.
    pages: Semaphore,
}

/// Asks.
#[derive(Debug)]
pub struct Hooks {
    settings: RwLock<Arc<Settings>>,
    client: Client,
    cache: Mutex<Cache>,
    clock: Clock,
}

impl Hooks {
    /// Those of a configuration.
    pub fn new(config: &Config, clock: Clock) -> anyhow::Result<Hooks> {
        Ok(Hooks {
            settings: RwLock::new(Arc::new(Settings::new(&config.hooks))),
            client: Client::new("webhooks.ca_file", &config.webhooks.ca_file)?,
            cache: Mutex::default(),
            clock,
        })
    }

    /// Puts those of another configuration into force.
    pub fn reload(&self, config: &Config) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(Settings::new(&config.hooks));
        self.lock().clear();
    }

    /// Whether anybody is to be asked this.
    pub fn asks(&self, question: &Question<'_>) -> bool {
        !self.settings().addresses(question).is_empty()
    }

    /// Whether somebody decides on plays, so that no stream is open to everybody.
    pub fn decides_plays(&self) -> bool {
        !self.settings().play.is_empty()
    }

    /// Asks. Nobody to ask is a yes.
    pub async fn decide(&self, question: &Question<'_>) -> Decision {
        let settings = self.settings();
        let addresses = settings.addresses(question);
        if addresses.is_empty() {
            return Decision::Allow { text: None };
        }
        let key = (settings.cache_ms > 0).then(|| question.key(settings.form)).flatten();
        let now_ms = self.clock.now_ms();
        if let Some(known) = key.as_ref().and_then(|key| self.lock().get(key, now_ms)) {
            return known;
        }
        let mut decision = Decision::Allow { text: None };
        let mut all_answered = true;
        for address in addresses {
            // What one put in place of a message is what the next is asked about, or it would let the old text out.
            let asked = match (&decision, *question) {
                (Decision::Allow { text: Some(text) }, Question::Send { room, user, kind, .. }) => {
                    Question::Send { room, user, kind, text }
                }
                (_, asked) => asked,
            };
            match self.ask(&settings, address, &asked).await {
                Ok(Said::Yes { text: None }) => {}
                Ok(Said::Yes { text }) => decision = Decision::Allow { text },
                Ok(Said::No { reason }) => {
                    decision = Decision::Refuse(Refusal::told(&reason));
                    break;
                }
                Err(failure) => {
                    warn!(hook = %address, question = question.name(), %failure, allowed = settings.on_failure == OnFailure::Allow, "a hook gave no answer");
                    if settings.on_failure == OnFailure::Refuse {
                        return Decision::Refuse(Refusal::failed());
                    }
                    all_answered = false;
                }
            }
        }
        // What nobody said is not remembered: the next one may find the backend well again.
        if let Some(key) = key.filter(|_| all_answered) {
            let is_yes_of_page = question.is_of_page() && matches!(decision, Decision::Allow { .. });
            let least_ms = if is_yes_of_page { PAGE_CACHE_MS } else { 0 };
            let mut cache = self.lock();
            // Of a backend that was another's before a reload, the answer holds for whoever asked, and for nobody after.
            if Arc::ptr_eq(&settings, &self.settings()) {
                cache.put(key, decision.clone(), now_ms, settings.cache_ms.max(least_ms));
            }
        }
        decision
    }

    async fn ask(
        &self,
        settings: &Settings,
        address: &Address,
        question: &Question<'_>,
    ) -> Result<Said, String> {
        let unix_ms = self.clock.unix_ms();
        let (headers, body) = match settings.form {
            HookForm::Weir => standard::request(question, &settings.keys, unix_ms),
            HookForm::Srs => (Vec::new(), srs::question(question).to_string()),
        };
        let call = Call {
            method: Method::POST,
            headers,
            content_type: Some("application/json"),
            body: body.into(),
            timeout: settings.timeout,
        };
        let exchange = async {
            let room = if question.is_of_page() { &settings.pages } else { &settings.room };
            let _place = room.acquire().await.map_err(|error| error.to_string())?;
            self.client.call(address, settings.guard, call).await.map_err(|failure| failure.to_string())
        };
        let answer = timeout(settings.timeout, exchange).await;
        let answer = answer.map_err(|_| format!("no whole answer within {:?}", settings.timeout))??;
        judge(settings.form, &answer)
    }

    fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        // A panic while it was locked leaves a map that is still a map.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an answer means; an error when it is the answer of a server that cannot decide at the moment.
fn judge(form: HookForm, answer: &Answer) -> Result<Said, String> {
    if answer.status >= 500 {
        return Err(format!("status {}", answer.status));
    }
    if answer.is_cut {
        return Ok(Said::No { reason: String::new() });
    }
    Ok(match form {
        HookForm::Weir => standard::judge(answer),
        HookForm::Srs if srs::accepts(answer) => Said::Yes { text: None },
        HookForm::Srs => Said::No { reason: String::new() },
    })
}

impl Settings {
    fn new(keys: &config::Hooks) -> Settings {
        // They have been checked.
        let parse =
            |urls: &[Secret]| urls.iter().filter_map(|url| Address::parse(url.expose()).ok()).collect();
        let secrets = [&keys.secret, &keys.backup_secret];
        Settings {
            publish: parse(&keys.on_publish),
            play: parse(&keys.on_play),
            join: parse(&keys.on_join),
            send: parse(&keys.on_send),
            form: keys.form,
            keys: secrets.into_iter().filter_map(|key| SigningKey::parse(key.expose()).ok()).collect(),
            timeout: Duration::from_millis(keys.timeout_ms),
            on_failure: keys.on_failure,
            cache_ms: keys.cache_ms,
            guard: Guard::new(keys.allow_private),
            room: Semaphore::new(keys.max_concurrent),
            pages: Semaphore::new(keys.max_concurrent.div_ceil(PAGES_SHARE)),
        }
    }

    fn addresses(&self, question: &Question<'_>) -> &[Address] {
        match question {
            Question::Publish(_) => &self.publish,
            Question::Play(_) => &self.play,
            Question::Join { .. } => &self.join,
            Question::Send { .. } => &self.send,
        }
    }
}

impl Refusal {
    fn told(reason: &str) -> Refusal {
        let clean = reason.chars().map(|c| if c.is_control() { ' ' } else { c });
        let reason: String = clean.take(REASON_MAX).collect();
        let reason = reason.trim();
        let or = |usual: &str| if reason.is_empty() { usual.to_owned() } else { reason.to_owned() };
        Refusal {
            code: "hook_refused",
            message: or("the operator's backend refused this"),
            message_zh: or("业务后台拒绝了此操作"),
        }
    }

    fn failed() -> Refusal {
        Refusal {
            code: FAILED,
            message: "the operator's backend, which decides this, gave no answer: try again".to_owned(),
            message_zh: "业务后台没有回应，暂时无法放行：请重试".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer { status, retry_after: None, body: body.into(), is_cut: false }
    }

    #[test]
    fn an_answer_in_the_words_of_srs_accepts_with_code_0_and_refuses_with_anything_else() {
        let accepts =
            |status, body| matches!(judge(HookForm::Srs, &answer(status, body)), Ok(Said::Yes { .. }));
        for body in ["0", " 0\n", r#"{"code":0}"#, r#"{"code": 0, "data": null}"#] {
            assert!(accepts(200, body) && accepts(201, body), "{body}");
            for status in [202, 204, 301, 302, 400, 403, 404, 500, 503] {
                assert!(!accepts(status, body), "{status} {body}");
            }
        }
        for body in [
            "",
            " ",
            "1",
            "-1",
            "00",
            "0.0",
            "\"0\"",
            "null",
            "true",
            "[]",
            "[0]",
            "{}",
            "OK",
            "<html>0</html>",
            r#"{"code":1}"#,
            r#"{"code":-1}"#,
            r#"{"code":"0"}"#,
            r#"{"code":0.0}"#,
            r#"{"code":null}"#,
            r#"{"data":0}"#,
            r#"{"code":0"#,
            "0 0",
        ] {
            assert!(!accepts(200, body), "{body}");
        }
        let cut = Answer { is_cut: true, ..answer(200, "0") };
        assert!(matches!(judge(HookForm::Srs, &cut), Ok(Said::No { .. })));
    }

    #[test]
    fn an_answer_in_our_words_says_plainly_whether_it_is_allowed() {
        let said = |status, body| judge(HookForm::Weir, &answer(status, body)).unwrap();
        assert_eq!(said(200, r#"{"allow":true,"more":1}"#), Said::Yes { text: None });
        assert_eq!(said(200, r#"{"allow":true,"text":"***"}"#), Said::Yes { text: Some("***".into()) });
        assert_eq!(said(200, r#"{"allow":false,"reason":"no"}"#), Said::No { reason: "no".into() });
        for (status, body) in [
            (200, ""),
            (200, "true"),
            (200, "{}"),
            (200, r#"{"allow":1}"#),
            (404, r#"{"allow":true}"#),
            (302, r#"{"allow":true}"#),
        ] {
            assert!(matches!(said(status, body), Said::No { .. }), "{status} {body}");
        }
        assert!(judge(HookForm::Weir, &answer(503, r#"{"allow":true}"#)).is_err());
    }

    #[test]
    fn a_reason_is_cut_and_stays_on_one_line() {
        let refusal = Refusal::told(&format!("a\nb{}", "c".repeat(9_000)));
        assert_eq!(refusal.message.chars().count(), REASON_MAX);
        assert!(refusal.message.starts_with("a b"));
        assert!(!Refusal::told("").message_zh.is_ascii());
    }
}
