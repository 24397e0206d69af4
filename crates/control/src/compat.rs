//! The clouds' ways of signing addresses, so that a team which comes from one of them keeps its code; [their words for
//! time shift](shift()), and [the signatures of their users](usersig).
//!
//! | scheme | parameters | signature over | valid up to and including |
//! | --- | --- | --- | --- |
//! | [`Tencent`] | `txSecret`, `txTime` | key, stream, time | `txTime`; for playing `auth_delta` more |
//! | [`Aliyun`] type A | `auth_key` | path, time, random, user, key | its time and `validity` |
//! | [`Qiniu`] | `e`, `token` | path and `e` | `e` |
//! | [`Huawei`] A | as Aliyun | | |
//! | [`Huawei`] B | `txSecret`, `txTime` | key, stream, time | `txTime` and `validity` |
//! | [`Huawei`] D | `hwSecret`, `hwTime` | stream, time | `hwTime` and `validity` |
//!
//! For all of them: a parameter may come once; times are the literal text of the address when they are hashed; both
//! generations of a key are accepted; signatures are compared in constant time and exactly, in the case of letters
//! that the clouds' documents show; and what is missing is reported in the order time, signature.

mod aliyun;
mod huawei;
mod qiniu;
mod shift;
mod tencent;
pub mod usersig;

pub use aliyun::{Aliyun, TIMELINE};
pub use huawei::{Huawei, HuaweiForm};
pub use qiniu::{Credential, Qiniu};
pub use shift::{BadTime, Shift, aliyun, shift};
pub use tencent::{Digest, Tencent};

use crate::domain::{Domain, Role};
use crate::query::Query;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::sign::SignTarget;

/// Longest text of a time in an address. The largest time of 64 bits has 19 decimal digits.
const TIME_DIGITS_MAX: usize = 19;

/// How the addresses of a domain are signed.
#[derive(Debug, Clone)]
pub enum Scheme {
    /// They are not: whoever knows the name may.
    Open,
    /// Tencent Cloud Live.
    Tencent(Tencent),
    /// Aliyun ApsaraVideo Live, type A.
    Aliyun(Aliyun),
    /// Qiniu Pili, tokens that expire.
    Qiniu(Qiniu),
    /// Huawei Cloud Live.
    Huawei(Huawei),
}

impl Scheme {
    /// Whether anybody may without a signature.
    pub fn is_open(&self) -> bool {
        matches!(self, Scheme::Open)
    }

    /// Whether the request carries a signature that holds now.
    pub(crate) fn verify(&self, request: &Request<'_>, role: Role, now: i64) -> Result<(), Refusal> {
        match self {
            Scheme::Open => Ok(()),
            Scheme::Tencent(scheme) => scheme.verify(request, role, now),
            Scheme::Aliyun(scheme) => scheme.verify(request, now),
            Scheme::Qiniu(scheme) => scheme.verify(request, now),
            Scheme::Huawei(scheme) => scheme.verify(request, now),
        }
    }

    /// See [`Domain::sign`].
    pub(crate) fn sign(
        &self,
        target: &SignTarget<'_>,
        role: Role,
        expires: i64,
        nonce: &str,
    ) -> Option<String> {
        match self {
            Scheme::Open => Some(String::new()),
            Scheme::Tencent(scheme) => scheme.sign(target, role, expires),
            Scheme::Aliyun(scheme) => scheme.sign(target, expires, nonce),
            Scheme::Qiniu(scheme) => scheme.sign(target, expires),
            Scheme::Huawei(scheme) => scheme.sign(target, expires, nonce),
        }
    }
}

/// Whether an address of the play domain `play` is one that Tencent calls an "acc" address: signed with a key of the
/// push domain `push`, for people who are on stage themselves. Push keys have no grace after their time.
pub(crate) fn is_low_latency(play: &Domain, push: &Domain, request: &Request<'_>, now: i64) -> bool {
    let play_side = matches!(play.scheme(), Scheme::Tencent(_) | Scheme::Open);
    match push.scheme() {
        Scheme::Tencent(scheme) if play_side && play.takes_low_latency_keys_of(push) => {
            scheme.verify(request, Role::Push, now).is_ok()
        }
        _ => false,
    }
}

/// A parameter that a signature depends on.
fn parameter<'a>(
    query: &'a Query,
    name: &'static str,
    missing: fn(&'static str) -> Refusal,
) -> Result<&'a str, Refusal> {
    query.only(name).map_err(|_| Refusal::DuplicateParameter(name))?.ok_or(missing(name))
}

/// A time as an address writes it: digits of that radix, no sign, no space, within 63 bits.
fn time(text: &str, radix: u32) -> Option<i64> {
    let is_plain = text.len() <= TIME_DIGITS_MAX && text.chars().all(|digit| digit.is_digit(radix));
    if is_plain { i64::from_str_radix(text, radix).ok() } else { None }
}

/// Refuses when the last good second is over.
fn in_time(last: i64, now: i64, parameter: &'static str) -> Result<(), Refusal> {
    if now <= last { Ok(()) } else { Err(Refusal::Expired(parameter)) }
}

#[cfg(test)]
mod tests;
