//! Sign-in of a mini-program's users: the code that `wx.login` gave a phone is taken to WeChat, which says whose it is.
//!
//! ```text
//! code ─► WeChat::ask ─► GET /sns/jscode2session ─► openid, unionid ─► Person::new
//!              └─ too often, used before, too many at a time: no question
//! ```
//!
//! - WeChat's answer holds a session key too. It is not even read.
//! - A code is good once and for five minutes. One that has done its work here is not asked about again.
//! - What WeChat says is told apart by whose fault it is: the client's, the operator's, or nobody's, and then it is to come again.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use crate::clock::Clock;
use crate::config::{self, Config, WeChatId};
use crate::net::Guard;
use crate::outbound::{Address, Answer, Call, Client, Failure};
use crate::secrets::Secret;
use crate::throttle::Throttle;

/// Longest code, in bytes. Those of today have 32.
pub const CODE_MAX: usize = 256;

/// Most questions to WeChat at a time; each holds up a thread. What comes beyond is told to come again.
const AT_ONCE: usize = 64;

/// How long WeChat knows a code, and this server that it was used, in milliseconds.
const CODE_LIFE_MS: u64 = 5 * 60_000;

/// Most codes that are remembered. When there are more, the one that was used first is forgotten.
const CODES_MAX: usize = 8_192;

/// How much of WeChat's words is logged, in characters.
const WORDS_MAX: usize = 160;

/// What is asked, behind `wechat.base_url`.
const PATH: &str = "/sns/jscode2session";

/// Asks WeChat whose a code is.
#[derive(Debug)]
pub struct WeChat {
    settings: RwLock<Option<Arc<Settings>>>,
    turns: Semaphore,
    codes: Mutex<HashMap<Code, u64>>,
    throttle: Throttle,
    clock: Clock,
}

/// A hash: codes themselves are not kept.
type Code = [u8; 32];

/// Somebody whom WeChat knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Their id here.
    pub id: String,
    /// Which key signs for them.
    pub kid: String,
    /// How long that is good, in seconds.
    pub life_seconds: i64,
}

/// Why nobody is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such sign-in here.
    Off,
    /// This address asks too often; it may again after so many seconds.
    TooMany(u64),
    /// WeChat does not know the code: it is too old, made up, or another mini-program's.
    BadCode,
    /// The code was used before.
    Used,
    /// WeChat finds that this user signs in too often.
    TooOften,
    /// WeChat lets this user into no mini-program.
    Blocked,
    /// WeChat, or this server, has too much to do.
    Busy,
    /// WeChat says nothing.
    Silent,
    /// What WeChat says cannot be understood.
    Garbled,
    /// WeChat refuses the operator: the id, the secret, or where the question comes from. Its code, if it said one.
    Setup(i64),
    /// WeChat gave no unionid.
    NoUnionid,
    /// WeChat says something else, by this code.
    Other(i64),
}

/// What a configuration says.
pub struct Settings {
    client: Client,
    address: String,
    appid: String,
    secret: Secret,
    guard: Guard,
    timeout: Duration,
    user_id: WeChatId,
    kid: String,
    life_seconds: i64,
    most: u32,
}

/// WeChat's answer, as far as it is read.
#[derive(Deserialize)]
struct Said {
    openid: Option<String>,
    unionid: Option<String>,
    errcode: Option<i64>,
    errmsg: Option<String>,
}

/// A code that is being asked about. Unless it is kept it can be tried again.
struct Claim<'a> {
    codes: &'a Mutex<HashMap<Code, u64>>,
    code: Code,
    keep: bool,
}

impl WeChat {
    /// As a configuration says.
    pub fn new(config: &Config, clock: Clock) -> anyhow::Result<WeChat> {
        Ok(WeChat {
            settings: RwLock::new(Settings::new(&config.wechat)?.map(Arc::new)),
            turns: Semaphore::new(AT_ONCE),
            codes: Mutex::default(),
            throttle: Throttle::default(),
            clock,
        })
    }

    /// Puts another configuration into force.
    pub fn reload(&self, settings: Option<Settings>) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings.map(Arc::new);
    }

    /// Whether anybody can sign in.
    pub fn is_on(&self) -> bool {
        self.settings().is_some()
    }

    /// Whose a code is that came from `peer`.
    pub async fn ask(&self, code: &str, peer: IpAddr) -> Result<Known, Refusal> {
        let settings = self.settings().ok_or(Refusal::Off)?;
        let now_ms = self.clock.now_ms();
        if let Some(seconds) = self.throttle.count(peer, settings.most, now_ms) {
            return Err(Refusal::TooMany(seconds));
        }
        if !is_code(code) {
            return Err(Refusal::BadCode);
        }
        let mut claim = self.claim(code, now_ms).ok_or(Refusal::Used)?;
        let _turn = self.turns.try_acquire().map_err(|_| Refusal::Busy)?;
        let id = settings.ask(code).await;
        claim.keep = matches!(id, Ok(_) | Err(Refusal::Used | Refusal::NoUnionid | Refusal::Blocked));
        Ok(Known { id: id?, kid: settings.kid.clone(), life_seconds: settings.life_seconds })
    }

    fn settings(&self) -> Option<Arc<Settings>> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a code, unless it is taken.
    fn claim(&self, code: &str, now_ms: u64) -> Option<Claim<'_>> {
        let code: Code = Sha256::digest(code.as_bytes()).into();
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |since_ms: u64| now_ms.saturating_sub(since_ms) >= CODE_LIFE_MS;
        if codes.get(&code).is_some_and(|since_ms| !is_over(*since_ms)) {
            return None;
        }
        if codes.len() >= CODES_MAX {
            codes.retain(|_, since_ms| !is_over(*since_ms));
            let oldest = codes.iter().min_by_key(|(_, since_ms)| **since_ms).map(|(code, _)| *code);
            if codes.len() >= CODES_MAX
                && let Some(oldest) = oldest
            {
                codes.remove(&oldest);
            }
        }
        codes.insert(code, now_ms);
        Some(Claim { codes: &self.codes, code, keep: false })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.keep {
            self.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.code);
        }
    }
}

impl Settings {
    /// As a section says; none where it is empty.
    pub fn new(section: &config::WeChat) -> anyhow::Result<Option<Settings>> {
        if section.appid.is_empty() {
            return Ok(None);
        }
        Ok(Some(Settings {
            client: Client::new("wechat.base_url", "")?,
            address: format!("{}{PATH}", section.base_url.trim_end_matches('/')),
            appid: section.appid.clone(),
            secret: section.secret.clone(),
            guard: Guard::new(section.allow_private),
            timeout: Duration::from_millis(section.timeout_ms),
            user_id: section.user_id,
            kid: section.kid.clone(),
            life_seconds: i64::from(section.token_hours) * 3_600,
            most: section.logins_per_minute,
        }))
    }

    async fn ask(&self, code: &str) -> Result<String, Refusal> {
        let (appid, secret, code) = (escaped(&self.appid), escaped(self.secret.expose()), escaped(code));
        let address = format!(
            "{}?appid={appid}&secret={secret}&js_code={code}&grant_type=authorization_code",
            self.address
        );
        let address = Address::parse(&address).map_err(|bad| {
            warn!(%bad, "wechat.base_url is no address");
            Refusal::Setup(0)
        })?;
        let call = Call {
            method: http::Method::GET,
            headers: Vec::new(),
            content_type: None,
            body: bytes::Bytes::new(),
            timeout: self.timeout,
        };
        match self.client.call(&address, self.guard, call).await {
            Ok(answer) => self.understand(&answer),
            Err(failure) => {
                warn!(wechat = %address, %failure, "WeChat cannot be asked who somebody is");
                Err(match failure {
                    Failure::NoConnection(crate::net::NoConnection::Guarded(_)) | Failure::Tls(_) => {
                        Refusal::Setup(0)
                    }
                    Failure::Broken(_) => Refusal::Garbled,
                    _ => Refusal::Silent,
                })
            }
        }
    }

    fn understand(&self, answer: &Answer) -> Result<String, Refusal> {
        if answer.status >= 500 {
            warn!(status = answer.status, "WeChat answers with a fault");
            return Err(Refusal::Busy);
        }
        // Of a body that is no such JSON nothing is logged: it may hold anything.
        let said = serde_json::from_slice::<Said>(&answer.body).ok();
        let said = said.filter(|_| answer.status == 200 && !answer.is_cut).ok_or_else(|| {
            warn!(
                status = answer.status,
                bytes = answer.body.len(),
                "WeChat's answer is not as its documentation says: is wechat.base_url right?"
            );
            Refusal::Garbled
        })?;
        if let Some(errcode) = said.errcode.filter(|errcode| *errcode != 0) {
            let words = said.errmsg.unwrap_or_default();
            let words: String = words.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
            let refusal = refusal(errcode);
            match refusal {
                Refusal::Setup(_) => {
                    warn!(
                        errcode,
                        words, "WeChat refuses this server: look at wechat.appid and wechat.secret"
                    );
                }
                Refusal::Other(_) => warn!(errcode, words, "WeChat refuses to say who somebody is"),
                _ => debug!(errcode, words, "WeChat refuses a code"),
            }
            return Err(refusal);
        }
        match self.user_id {
            WeChatId::Openid => said.openid.filter(|id| !id.is_empty()).ok_or_else(|| {
                warn!("WeChat's answer has neither openid nor errcode: is wechat.base_url right?");
                Refusal::Garbled
            }),
            WeChatId::Unionid => said.unionid.filter(|id| !id.is_empty()).ok_or_else(|| {
                warn!("WeChat gave no unionid: the mini-program is not bound to an account of the open platform; or set wechat.user_id = \"openid\"");
                Refusal::NoUnionid
            }),
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("appid", &self.appid).finish_non_exhaustive()
    }
}

/// Whether a text can be a code.
pub fn is_code(text: &str) -> bool {
    (1..=CODE_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What an `errcode` means, after WeChat's documentation of `code2Session` and of its codes in general.
fn refusal(errcode: i64) -> Refusal {
    match errcode {
        -1 => Refusal::Busy,
        40029 => Refusal::BadCode,
        40163 => Refusal::Used,
        45011 => Refusal::TooOften,
        40226 => Refusal::Blocked,
        // The id, the secret (wrong, missing, frozen), the address it comes from, the day's quota, the right to ask.
        40001 | 40002 | 40013 | 40125 | 40164 | 40243 | 41002 | 41004 | 45009 | 48001 | 48004 | 50002
        | 61004 => Refusal::Setup(errcode),
        _ => Refusal::Other(errcode),
    }
}

/// A value of a query (RFC 3986 section 2.3).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wechat() -> WeChat {
        let file = "[wechat]\nappid = \"wx1\"\nsecret = \"hush\"\n";
        WeChat::new(&Config::from_toml(file).unwrap(), Clock::system()).unwrap()
    }

    #[test]
    fn what_stands_in_an_address_is_escaped_and_what_cannot_be_a_code_is_not_asked_about() {
        assert_eq!(escaped("a-._~Z9&=+ %"), "a-._~Z9%26%3D%2B%20%25");
        assert!(is_code("0a3&=") && is_code(&"a".repeat(CODE_MAX)));
        for bad in ["", "a b", "a\n", "码", &"a".repeat(CODE_MAX + 1)] {
            assert!(!is_code(bad), "{bad}");
        }
    }

    #[test]
    fn a_code_is_taken_once_and_what_is_remembered_of_them_is_bounded() {
        let wechat = wechat();
        let claim = wechat.claim("a", 0).unwrap();
        assert!(wechat.claim("a", 0).is_none(), "while it is being asked about");
        drop(claim);
        wechat.claim("a", 0).unwrap().keep = true;
        assert!(wechat.claim("a", CODE_LIFE_MS - 1).is_none() && wechat.claim("b", 0).is_some());
        assert!(wechat.claim("a", CODE_LIFE_MS).is_some());
        for number in 0..CODES_MAX + 10 {
            wechat.claim(&number.to_string(), number as u64).unwrap().keep = true;
        }
        assert_eq!(wechat.codes.lock().unwrap().len(), CODES_MAX);
    }

    #[test]
    fn neither_the_secret_nor_a_code_is_in_what_is_printed() {
        let wechat = wechat();
        let printed = format!("{wechat:?} {:?}", wechat.settings);
        assert!(printed.contains("wx1") && !printed.contains("hush"), "{printed}");
    }
}
