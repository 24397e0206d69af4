//! Huawei Cloud Live: form A is Aliyun's, form B has Tencent's parameters, form D is an HMAC with parameters of its own.
//! In all of them an address outlives its time by what the console calls its duration.

use super::aliyun::Aliyun;
use super::{in_time, parameter, time};
use crate::digest::{hmac_sha256_hex, md5_hex, same};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::secret::Keys;
use crate::sign::SignTarget;

/// The keys of a domain, its form, and how long its addresses outlive their time.
#[derive(Debug, Clone)]
pub struct Huawei {
    /// The formula.
    pub form: HuaweiForm,
    /// The console's main and backup key.
    pub keys: Keys,
    /// How many seconds an address is good after its time.
    pub validity: u32,
}

/// The console's signing methods. Its C encrypts the time and is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HuaweiForm {
    /// `auth_key`, MD5 over the path.
    A,
    /// `txSecret` and `txTime`, MD5 over the stream.
    B,
    /// `hwSecret` and `hwTime`, HMAC-SHA-256 over the stream.
    D,
}

impl Huawei {
    pub(super) fn verify(&self, request: &Request<'_>, now: i64) -> Result<(), Refusal> {
        let Some((signature_name, time_name)) = self.form.parameters() else {
            return self.as_aliyun().verify(request, now);
        };
        self.keys.usable().next().ok_or(Refusal::NoKeys)?;
        let literal = parameter(request.query, time_name, Refusal::MissingExpiry)?;
        let start = time(literal, 16).ok_or(Refusal::BadExpiry(time_name))?;
        in_time(start.saturating_add(self.validity.into()), now, time_name)?;
        let given = parameter(request.query, signature_name, Refusal::MissingSignature)?;
        let fits = |key: &str| {
            self.form.signature(key, request.stream, literal).is_some_and(|expected| same(given, &expected))
        };
        if self.keys.usable().any(|key| fits(key.expose())) {
            Ok(())
        } else {
            Err(Refusal::BadSignature(signature_name))
        }
    }

    pub(super) fn sign(&self, target: &SignTarget<'_>, expires: i64, nonce: &str) -> Option<String> {
        let Some((signature_name, time_name)) = self.form.parameters() else {
            return self.as_aliyun().sign(target, expires, nonce);
        };
        let start = u64::try_from(expires.checked_sub(self.validity.into())?).ok()?;
        let literal = format!("{start:x}");
        let signature = self.form.signature(self.keys.usable().next()?.expose(), target.stream, &literal)?;
        Some(format!("{signature_name}={signature}&{time_name}={literal}"))
    }

    fn as_aliyun(&self) -> Aliyun {
        Aliyun { keys: self.keys.clone(), validity: self.validity }
    }
}

impl HuaweiForm {
    /// The names of signature and time; none for the form that has both in one.
    fn parameters(self) -> Option<(&'static str, &'static str)> {
        match self {
            HuaweiForm::A => None,
            HuaweiForm::B => Some(("txSecret", "txTime")),
            HuaweiForm::D => Some(("hwSecret", "hwTime")),
        }
    }

    fn signature(self, key: &str, stream: &str, literal_time: &str) -> Option<String> {
        match self {
            HuaweiForm::A => None,
            HuaweiForm::B => Some(md5_hex(&[key, stream, literal_time])),
            HuaweiForm::D => hmac_sha256_hex(key, &[stream, literal_time]),
        }
    }
}
