//! What clients send, taken apart.

use control::person::check_id;
use control::room::Since;
use control::room::chat::Send as Say;
use control::room::message::{Body, Custom, Gift, Image};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The version of the wire.
pub(super) const VERSION: u32 = 1;

/// Deepest nesting of what a custom message carries.
pub(super) const DEPTH_MAX: u32 = 16;

/// Longest id of something on the shelf, in bytes.
pub(super) const GOODS_ID_MAX: usize = 64;

/// Most likes that one report sums up: thirty taps a second for ten seconds.
pub(super) const LIKES_MAX: u64 = 300;

/// What a client sent.
#[derive(Debug)]
pub(super) enum Asked {
    Hello(Hello),
    Say(Box<Say>),
    Like(u64),
    Resume(u64),
    Ping,
    Do(String, Order),
    Claim(String, String),
    Share,
    Goods(String),
}

impl Asked {
    /// The id by which an answer names it.
    pub(super) fn cid(self) -> Option<String> {
        match self {
            Asked::Say(say) => Some(say.cid),
            Asked::Do(cid, _) | Asked::Claim(cid, _) => Some(cid),
            _ => None,
        }
    }
}

/// Who comes, and to which room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) room: String,
    pub(super) token: Option<String>,
    pub(super) guest: String,
    pub(super) since: Option<Since>,
    pub(super) inviter: Option<String>,
}

/// An order of the host's side, as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) what: String,
    pub(super) user: Option<String>,
    pub(super) seq: Option<u64>,
    pub(super) seconds: Option<u64>,
    pub(super) reason: String,
}

/// Why a frame is not understood: whether it has an id that an answer can name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood {
    pub(super) cid: Option<String>,
    pub(super) why: String,
}

#[derive(Deserialize)]
struct In<'a> {
    #[serde(borrow)]
    t: std::borrow::Cow<'a, str>,
    v: Option<u32>,
    room: Option<String>,
    token: Option<String>,
    guest: Option<String>,
    resume: Option<InSince>,
    inviter: Option<String>,
    cid: Option<String>,
    kind: Option<String>,
    text: Option<String>,
    url: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    name: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    gift: Option<String>,
    count: Option<u32>,
    reply_to: Option<u64>,
    #[serde(default)]
    mentions: Vec<String>,
    n: Option<u64>,
    seq: Option<u64>,
    what: Option<String>,
    user: Option<String>,
    seconds: Option<u64>,
    reason: Option<String>,
    id: Option<String>,
}

#[derive(Deserialize)]
struct InSince {
    epoch: String,
    seq: u64,
}

/// Takes a frame apart. `user` is who sent it, once that is known.
pub(super) fn parse(text: &str, user: &str) -> Result<Asked, NotUnderstood> {
    let frame: In<'_> = serde_json::from_str(text).map_err(|error| NotUnderstood {
        cid: None,
        why: format!("this is not a frame of the chat: {error}"),
    })?;
    let cid = frame.cid.clone();
    understand(frame, user).map_err(|why| NotUnderstood { cid, why })
}

fn understand(frame: In<'_>, user: &str) -> Result<Asked, String> {
    let missing = |field: &str| format!("a {:?} frame needs {field}", frame.t);
    match &*frame.t {
        "hello" => {
            if frame.v.unwrap_or(VERSION) != VERSION {
                return Err(format!("this server speaks version {VERSION} of the chat"));
            }
            let inviter = frame.inviter.filter(|inviter| !inviter.is_empty());
            inviter.as_deref().map_or(Ok(()), |inviter| is_user("inviter", inviter))?;
            Ok(Asked::Hello(Hello {
                room: frame.room.ok_or_else(|| missing("room"))?,
                token: frame.token,
                guest: frame.guest.unwrap_or_default(),
                since: frame.resume.map(|since| Since { epoch: since.epoch, seq: since.seq }),
                inviter,
            }))
        }
        "send" => {
            let cid = frame.cid.clone().ok_or_else(|| missing("cid"))?;
            let kind = frame.kind.as_deref().unwrap_or("text");
            let body = match kind {
                "text" => Body::Text(frame.text.ok_or("a text needs text")?),
                "notice" => Body::Notice(frame.text.ok_or("a notice needs text")?),
                "image" => Body::Image(Image {
                    url: frame.url.ok_or("an image needs url")?,
                    width: frame.width.unwrap_or_default(),
                    height: frame.height.unwrap_or_default(),
                }),
                "custom" => {
                    let data = frame.data.ok_or("a custom message needs data")?.get();
                    if depth(data) > DEPTH_MAX {
                        return Err(format!("data is nested deeper than {DEPTH_MAX}"));
                    }
                    Body::Custom(Custom {
                        name: frame.name.ok_or("a custom message needs name")?,
                        data: data.to_owned(),
                    })
                }
                "gift" => Body::Gift(Gift {
                    id: frame.gift.ok_or("a gift needs gift")?,
                    count: frame.count.unwrap_or(1),
                    name: String::new(),
                    icon: String::new(),
                    combo: 0,
                    price: 0,
                    ledger: 0,
                }),
                other => return Err(format!("there is no kind {other:?} to send")),
            };
            let (user, reply_to, mentions) = (user.to_owned(), frame.reply_to, frame.mentions);
            Ok(Asked::Say(Box::new(Say { user, cid, reply_to, mentions, body })))
        }
        "like" => Ok(Asked::Like(frame.n.unwrap_or(1).min(LIKES_MAX))),
        "resume" => frame
            .seq
            .or(frame.resume.map(|since| since.seq))
            .map(Asked::Resume)
            .ok_or("a resume needs seq".into()),
        "ping" => Ok(Asked::Ping),
        "do" => Ok(Asked::Do(
            frame.cid.ok_or("an order needs cid")?,
            Order {
                what: frame.what.ok_or("an order needs what")?,
                user: frame.user.map(|user| is_user("user", &user).map(|()| user)).transpose()?,
                seq: frame.seq,
                seconds: frame.seconds,
                reason: frame.reason.unwrap_or_default(),
            },
        )),
        "claim" => {
            Ok(Asked::Claim(frame.cid.ok_or("a claim needs cid")?, frame.gift.ok_or("a claim needs gift")?))
        }
        "count" => match frame.what.as_deref() {
            Some("share") => Ok(Asked::Share),
            Some("goods") => {
                let id = frame.id.ok_or("counting goods needs id")?;
                let good = id.len() <= GOODS_ID_MAX;
                good.then_some(Asked::Goods(id)).ok_or("there are no such goods".into())
            }
            _ => Err("what is counted is share or goods".into()),
        },
        other => Err(format!("there is no frame {other:?}")),
    }
}

/// Names of people go into the database and to others, so they are names that somebody can have.
fn is_user(field: &str, id: &str) -> Result<(), String> {
    check_id(id).map_err(|why| format!("{field} is not a user: {why}"))
}

/// How deep arrays and objects stand in each other, in text that is JSON.
fn depth(json: &str) -> u32 {
    let (mut depth, mut deepest, mut within, mut escaped) = (0_u32, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if within => escaped = true,
            b'"' => within = !within,
            b'[' | b'{' if !within => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !within => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_apart() {
        let say =
            parse(r#"{"t":"send","cid":"c1","text":"你好","mentions":["u1"],"reply_to":4}"#, "u2").unwrap();
        let Asked::Say(say) = say else { panic!("{say:?}") };
        assert_eq!((say.user.as_str(), say.cid.as_str(), say.reply_to), ("u2", "c1", Some(4)));
        assert_eq!(say.body, Body::Text("你好".into()));
        let custom =
            parse(r#"{"t":"send","cid":"c","kind":"custom","name":"x","data":{"a":[1,"]"]}}"#, "u").unwrap();
        let Asked::Say(say) = custom else { panic!("{custom:?}") };
        assert_eq!(say.body, Body::Custom(Custom { name: "x".into(), data: r#"{"a":[1,"]"]}"#.into() }));
        assert!(matches!(parse(r#"{"t":"like","n":999999}"#, "u"), Ok(Asked::Like(LIKES_MAX))));
        assert!(matches!(parse(r#"{"t":"resume","seq":5}"#, "u"), Ok(Asked::Resume(5))));
        let hello = parse(r#"{"t":"hello","room":"r","resume":{"epoch":"e","seq":7}}"#, "").unwrap();
        let Asked::Hello(hello) = hello else { panic!("{hello:?}") };
        assert_eq!(hello.since, Some(Since { epoch: "e".into(), seq: 7 }));
    }

    #[test]
    fn people_are_named_by_what_can_be_their_id() {
        let hello = |inviter: &str| {
            parse(&serde_json::json!({"t": "hello", "room": "r", "inviter": inviter}).to_string(), "")
        };
        let order = |user: &str| {
            parse(&serde_json::json!({"t": "do", "cid": "c", "what": "mute", "user": user}).to_string(), "u")
        };
        let longest = "a".repeat(control::person::ID_MAX);
        for good in ["u1", "u_中", &longest] {
            assert!(hello(good).is_ok() && order(good).is_ok(), "{good:?}");
        }
        for bad in ["a b", "a\u{0}", "\u{202e}a", &format!("{longest}a")] {
            let (hello, order) = (hello(bad).unwrap_err(), order(bad).unwrap_err());
            assert!(hello.why.starts_with("inviter is not a user: "), "{}", hello.why);
            assert_eq!(order.cid.as_deref(), Some("c"), "{bad:?}");
        }
        let nobody = hello("").unwrap();
        assert!(matches!(nobody, Asked::Hello(Hello { inviter: None, .. })), "{nobody:?}");
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_id() {
        let told = parse(r#"{"t":"send","cid":"c9","kind":"event"}"#, "u").unwrap_err();
        assert_eq!(told.cid.as_deref(), Some("c9"));
        let deep = format!(
            r#"{{"t":"send","cid":"c","kind":"custom","name":"x","data":{}1{}}}"#,
            "[".repeat(17),
            "]".repeat(17)
        );
        assert!(parse(&deep, "u").is_err());
        for bad in
            ["", "[]", "{}", "1", r#"{"t":"hello"}"#, r#"{"t":"hello","room":"r","v":2}"#, r#"{"t":"send"}"#]
        {
            assert!(parse(bad, "u").is_err(), "{bad}");
        }
    }
}
