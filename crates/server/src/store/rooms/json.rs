//! What a message carries and what the rules of a room are, as text for one column each.
//!
//! The only JSON of the database. It stays in here: the columns are read by nobody else, and a wire that changes must not
//! change what is already stored.

use control::room::bucket::Rate;
use control::room::message::{Body, Custom, Event, Gift, Image, Lottery};
use control::room::settings::Settings;
use control::room::show::State;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Text {
    text: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Image")]
struct StoredImage {
    url: String,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Custom")]
struct StoredCustom {
    name: String,
    data: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Gift")]
struct StoredGift {
    id: String,
    name: String,
    icon: String,
    count: u32,
    combo: u32,
    price: u64,
    ledger: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum StoredEvent {
    State {
        state: String,
    },
    Pinned {
        message: Option<u64>,
    },
    Recalled {
        message: u64,
    },
    Cleared {
        user: Option<String>,
    },
    Muted {
        user: String,
        until: Option<i64>,
    },
    Unmuted {
        user: String,
    },
    Removed {
        user: String,
    },
    Silence {
        on: bool,
    },
    Changed,
    Goods {
        explaining: Option<String>,
    },
    Lottery {
        lottery: String,
        #[serde(default)]
        state: String,
        #[serde(default)]
        commitment: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Rate")]
struct StoredRate {
    every_us: u64,
    burst: u32,
}

/// What an older server did not know has its default.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct StoredSettings {
    guests: bool,
    #[serde(with = "StoredRate")]
    user_rate: Rate,
    #[serde(with = "StoredRate")]
    room_rate: Rate,
    slow_ms: u64,
    text_max: usize,
    repeat_ms: u64,
    silent: bool,
    likes: bool,
    gifts: bool,
    images: bool,
}

/// What a message carries, for the column `body`; `kind` is its [`Body::kind`].
pub(in crate::store) fn body_text(body: &Body) -> String {
    match body {
        Body::Text(text) | Body::Notice(text) => written(&Text { text: text.clone() }),
        Body::Image(image) => with(|to| StoredImage::serialize(image, to)),
        Body::Custom(custom) => with(|to| StoredCustom::serialize(custom, to)),
        Body::Gift(gift) => with(|to| StoredGift::serialize(gift, to)),
        Body::Event(event) => written(&StoredEvent::from(event)),
    }
}

/// The other way. None: a newer server wrote it, or the row is damaged.
pub(super) fn body(kind: &str, text: &str) -> Option<Body> {
    let from = &mut serde_json::Deserializer::from_str(text);
    Some(match kind {
        "text" => Body::Text(Text::deserialize(from).ok()?.text),
        "notice" => Body::Notice(Text::deserialize(from).ok()?.text),
        "image" => Body::Image(StoredImage::deserialize(from).ok()?),
        "custom" => Body::Custom(StoredCustom::deserialize(from).ok()?),
        "gift" => Body::Gift(StoredGift::deserialize(from).ok()?),
        "event" => Body::Event(StoredEvent::deserialize(from).ok()?.event()?),
        _ => return None,
    })
}

/// The rules, for the column `settings`.
pub(super) fn settings_text(settings: &Settings) -> String {
    written(&StoredSettings::from(settings))
}

/// The other way; what cannot be read has its default.
pub(super) fn settings(text: &str) -> Settings {
    serde_json::from_str::<StoredSettings>(text).unwrap_or_default().settings()
}

/// A list of names, for a column.
pub(in crate::store) fn names_text(names: &[String]) -> String {
    if names.is_empty() { "[]".to_owned() } else { written(&names) }
}

/// The other way.
pub(super) fn names(text: &str) -> Vec<String> {
    if text == "[]" { Vec::new() } else { serde_json::from_str(text).unwrap_or_default() }
}

fn written(value: &impl Serialize) -> String {
    with(|to| value.serialize(to))
}

/// Nothing in here has a map with keys that are not text, which is all that can fail.
fn with(
    write: impl FnOnce(&mut serde_json::Serializer<&mut Vec<u8>>) -> Result<(), serde_json::Error>,
) -> String {
    let mut bytes = Vec::with_capacity(128);
    let _ = write(&mut serde_json::Serializer::new(&mut bytes));
    String::from_utf8(bytes).unwrap_or_default()
}

impl From<&Event> for StoredEvent {
    fn from(event: &Event) -> StoredEvent {
        match event {
            Event::State(state) => StoredEvent::State { state: state.word().to_owned() },
            Event::Pinned(message) => StoredEvent::Pinned { message: *message },
            Event::Recalled(message) => StoredEvent::Recalled { message: *message },
            Event::Cleared(user) => StoredEvent::Cleared { user: user.clone() },
            Event::Muted(user, until) => StoredEvent::Muted { user: user.clone(), until: *until },
            Event::Unmuted(user) => StoredEvent::Unmuted { user: user.clone() },
            Event::Removed(user) => StoredEvent::Removed { user: user.clone() },
            Event::Silence(on) => StoredEvent::Silence { on: *on },
            Event::Changed => StoredEvent::Changed,
            Event::Goods(explaining) => StoredEvent::Goods { explaining: explaining.clone() },
            Event::Lottery(Lottery { id, state, commitment }) => StoredEvent::Lottery {
                lottery: id.clone(),
                state: state.clone(),
                commitment: commitment.clone(),
            },
        }
    }
}

impl StoredEvent {
    fn event(self) -> Option<Event> {
        Some(match self {
            StoredEvent::State { state } => Event::State(State::from_word(&state)?),
            StoredEvent::Pinned { message } => Event::Pinned(message),
            StoredEvent::Recalled { message } => Event::Recalled(message),
            StoredEvent::Cleared { user } => Event::Cleared(user),
            StoredEvent::Muted { user, until } => Event::Muted(user, until),
            StoredEvent::Unmuted { user } => Event::Unmuted(user),
            StoredEvent::Removed { user } => Event::Removed(user),
            StoredEvent::Silence { on } => Event::Silence(on),
            StoredEvent::Changed => Event::Changed,
            StoredEvent::Goods { explaining } => Event::Goods(explaining),
            StoredEvent::Lottery { lottery: id, state, commitment } => {
                Event::Lottery(Lottery { id, state, commitment })
            }
        })
    }
}

impl Default for StoredSettings {
    fn default() -> StoredSettings {
        StoredSettings::from(&Settings::default())
    }
}

impl From<&Settings> for StoredSettings {
    fn from(settings: &Settings) -> StoredSettings {
        let Settings {
            guests,
            user_rate,
            room_rate,
            slow_ms,
            text_max,
            repeat_ms,
            silent,
            likes,
            gifts,
            images,
        } = *settings;
        StoredSettings {
            guests,
            user_rate,
            room_rate,
            slow_ms,
            text_max,
            repeat_ms,
            silent,
            likes,
            gifts,
            images,
        }
    }
}

impl StoredSettings {
    fn settings(self) -> Settings {
        let StoredSettings {
            guests,
            user_rate,
            room_rate,
            slow_ms,
            text_max,
            repeat_ms,
            silent,
            likes,
            gifts,
            images,
        } = self;
        Settings { guests, user_rate, room_rate, slow_ms, text_max, repeat_ms, silent, likes, gifts, images }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_comes_back() {
        let gift = Gift {
            id: "rose".into(),
            name: "玫瑰".into(),
            icon: "https://a/r.png".into(),
            count: 3,
            combo: 9,
            price: 100,
            ledger: 7,
        };
        let bodies = [
            Body::Text("a \"quote\" \u{1F600} </script>".into()),
            Body::Notice("开始了".into()),
            Body::Image(Image { url: "https://a/1.png".into(), width: 3, height: 0 }),
            Body::Custom(Custom { name: "vote".into(), data: r#"{"a":[1,"x"]}"#.into() }),
            Body::Gift(gift),
        ];
        let events = [
            Event::State(State::Interrupted),
            Event::Pinned(Some(3)),
            Event::Pinned(None),
            Event::Recalled(4),
            Event::Cleared(None),
            Event::Cleared(Some("u1".into())),
            Event::Muted("u1".into(), Some(5)),
            Event::Muted("u1".into(), None),
            Event::Unmuted("u1".into()),
            Event::Removed("u1".into()),
            Event::Silence(true),
            Event::Changed,
            Event::Goods(Some("g1".into())),
            Event::Goods(None),
            Event::Lottery(Lottery { id: "l1".into(), state: "open".into(), commitment: "ab".into() }),
        ];
        for one in bodies.into_iter().chain(events.map(Body::Event)) {
            let text = body_text(&one);
            assert_eq!(body(one.kind(), &text), Some(one), "{text}");
        }
        assert_eq!(body("text", "{"), None);
        assert_eq!(body("hologram", r#"{"text":"a"}"#), None);
    }

    #[test]
    fn rules_come_back_and_what_an_older_server_did_not_know_has_its_default() {
        let changed =
            Settings { slow_ms: 7, guests: false, room_rate: Rate::per_second(3, 9), ..Settings::default() };
        assert_eq!(settings(&settings_text(&changed)), changed);
        assert_eq!(settings(r#"{"slow_ms":7}"#), Settings { slow_ms: 7, ..Settings::default() });
        assert_eq!(settings("damaged"), Settings::default());
        let list = ["a".to_owned(), "\"".to_owned()];
        assert_eq!(names(&names_text(&list)), list);
    }
}
