//! Why a client may not, in words for programs and for people of two languages.

use crate::name::BadName;
use crate::request::Action;

/// Why not. The texts say whose fault it is and what to do next. They hold no key, no signature, neither the given nor
/// the expected one, and nothing that the client sent but the names of its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The app or the stream has a name that no stream may have.
    BadName(BadName),
    /// No domain answers for this host.
    UnknownDomain,
    /// The host is a domain, but for the other action than this.
    WrongRole(Action),
    /// The domain is signed and has no key.
    NoKeys,
    /// The parameter that says how long the address is valid is not there.
    MissingExpiry(&'static str),
    /// The parameter that says how long the address is valid is no time.
    BadExpiry(&'static str),
    /// The address was valid once. The parameter says until when.
    Expired(&'static str),
    /// The parameter with the signature is not there.
    MissingSignature(&'static str),
    /// The signature is not that of this stream, time and key.
    BadSignature(&'static str),
    /// A parameter that the signature depends on is there twice.
    DuplicateParameter(&'static str),
    /// The path is not that of the stream, and the signature is over the path.
    BadPath,
    /// The operator forbade this stream. The reason is the operator's word to whoever pushes.
    Forbidden(Action, String),
    /// The client's network address is not welcome.
    AddressRefused,
    /// The page that the client plays in is not welcome, or it must say which page it is.
    ReferrerRefused,
}

impl Refusal {
    /// For programs. These words do not change.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::BadName(_) => "bad_name",
            Refusal::UnknownDomain => "unknown_domain",
            Refusal::WrongRole(_) => "wrong_role",
            Refusal::NoKeys => "no_keys",
            Refusal::MissingExpiry(_) => "missing_expiry",
            Refusal::BadExpiry(_) => "bad_expiry",
            Refusal::Expired(_) => "expired",
            Refusal::MissingSignature(_) => "missing_signature",
            Refusal::BadSignature(_) => "bad_signature",
            Refusal::DuplicateParameter(_) => "duplicate_parameter",
            Refusal::BadPath => "bad_path",
            Refusal::Forbidden(..) => "forbidden",
            Refusal::AddressRefused => "address_refused",
            Refusal::ReferrerRefused => "referrer_refused",
        }
    }

    /// For people who read English.
    pub fn message_en(&self) -> String {
        match self {
            Refusal::BadName(fault) => format!("{fault}: correct the address"),
            Refusal::UnknownDomain => {
                "this server does not answer for the host in the address: use a configured domain, or configure this one"
                    .into()
            }
            Refusal::WrongRole(Action::Push) => {
                "this domain is for playing only: push to a push domain, or configure it as one, too".into()
            }
            Refusal::WrongRole(Action::Play) => {
                "this domain is for pushing only: play from a play domain, or configure it as one, too".into()
            }
            Refusal::NoKeys => {
                "the server's fault: this domain wants signed addresses but has no key; the operator must set one".into()
            }
            Refusal::MissingExpiry(parameter) => {
                format!("the address has no {parameter}: make a signed address and use all of it")
            }
            Refusal::BadExpiry(parameter) => {
                format!("{parameter} in the address is not a time: make a new address")
            }
            Refusal::Expired(parameter) => format!(
                "the address has expired ({parameter} is in the past): make a new one; if it is new, compare the clocks"
            ),
            Refusal::MissingSignature(parameter) => {
                format!("the address has no {parameter}: make a signed address and use all of it")
            }
            Refusal::BadSignature(parameter) => format!(
                "{parameter} does not fit this stream, time and domain: check key, stream name and domain where addresses are made"
            ),
            Refusal::DuplicateParameter(parameter) => {
                format!("{parameter} is in the address more than once: leave one")
            }
            Refusal::BadPath => "the path of the address is not that of its stream: correct the address".into(),
            Refusal::Forbidden(Action::Push, reason) if !reason.is_empty() => {
                format!("the operator has forbidden this stream: {reason}")
            }
            Refusal::Forbidden(..) => "the operator has forbidden this stream: ask whoever runs the server".into(),
            Refusal::AddressRefused => {
                "this network address is not allowed on this domain: ask whoever runs the server".into()
            }
            Refusal::ReferrerRefused => {
                "pages of this site may not play from this domain: the operator can add the site to its referrer rules"
                    .into()
            }
        }
    }

    /// For people who read Chinese.
    pub fn message_zh(&self) -> String {
        match self {
            Refusal::BadName(fault) => format!("{}，请修改地址", fault.message_zh()),
            Refusal::UnknownDomain => "本服务器不认识地址中的域名：请使用已配置的域名，或先配置该域名".into(),
            Refusal::WrongRole(Action::Push) => {
                "该域名只用于播放：请使用推流域名，或将其同时配置为推流域名".into()
            }
            Refusal::WrongRole(Action::Play) => {
                "该域名只用于推流：请使用播放域名，或将其同时配置为播放域名".into()
            }
            Refusal::NoKeys => "服务器配置有误：该域名要求签名但没有设置密钥，请管理员设置密钥".into(),
            Refusal::MissingExpiry(parameter) | Refusal::MissingSignature(parameter) => {
                format!("地址缺少 {parameter}：请生成带签名的地址并完整使用")
            }
            Refusal::BadExpiry(parameter) => format!("地址中的 {parameter} 不是有效的时间：请重新生成地址"),
            Refusal::Expired(parameter) => {
                format!("地址已过期（{parameter}）：请重新生成地址；若刚刚生成，请检查两端时钟")
            }
            Refusal::BadSignature(parameter) => {
                format!("{parameter} 与流名称、时间或域名不符：请检查生成地址时使用的密钥、流名称和域名")
            }
            Refusal::DuplicateParameter(parameter) => format!("地址中 {parameter} 出现了多次：请只保留一个"),
            Refusal::BadPath => "地址的路径与流名称不符，请修改地址".into(),
            Refusal::Forbidden(Action::Push, reason) if !reason.is_empty() => {
                format!("该流已被管理员禁推：{reason}")
            }
            Refusal::Forbidden(..) => "该流已被管理员禁止，请联系服务器管理员".into(),
            Refusal::AddressRefused => "该域名不允许此网络地址访问，请联系服务器管理员".into(),
            Refusal::ReferrerRefused => {
                "该域名不允许此网站的页面播放：管理员可在防盗链规则中加入该网站".into()
            }
        }
    }
}
