//! What is asked.

use std::net::IpAddr;

use crate::config::HookForm;

/// The protocol of a page that asks about what it shows: it plays nothing yet.
pub const PAGE: &str = "page";

/// A question.
#[derive(Debug, Clone, Copy)]
pub enum Question<'a> {
    /// May this client publish?
    Publish(&'a Visit<'a>),
    /// May this client play?
    Play(&'a Visit<'a>),
    /// May this user enter a room?
    Join {
        /// The room.
        room: &'a str,
        /// The user.
        user: &'a str,
        /// Where the user comes from.
        ip: Option<IpAddr>,
    },
    /// May this message be sent?
    Send {
        /// The room.
        room: &'a str,
        /// Who sends it.
        user: &'a str,
        /// What kind of message it is.
        kind: &'a str,
        /// Its text; of a picture its address, of a custom message what it carries.
        text: &'a str,
    },
}

/// A client that wants to publish or to play.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// What it is called in whatever others are told.
    pub client: &'a str,
    /// All of the stream's name but the last part.
    pub app: &'a str,
    /// The last part.
    pub stream: &'a str,
    /// Where it comes from.
    pub ip: Option<IpAddr>,
    /// The protocol that it speaks.
    pub wire: &'static str,
    /// What it calls itself.
    pub agent: &'a str,
    /// The host that it asked at.
    pub host: &'a str,
    /// The query of its address, without the `?`.
    pub query: &'a str,
    /// The page that it plays in.
    pub page_url: &'a str,
    /// The address up to the application.
    pub tc_url: &'a str,
    /// It asks again and again without being a new client: pictures, playlists, files of a replay.
    pub is_polling: bool,
}

impl Question<'_> {
    /// Its name in the log and in our form.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Question::Publish(_) => "publish",
            Question::Play(_) => "play",
            Question::Join { .. } => "join",
            Question::Send { .. } => "send",
        }
    }

    /// Whether a page asks, which it does every few seconds for as long as it is open.
    pub(super) fn is_of_page(&self) -> bool {
        matches!(self, Question::Play(visit) if visit.wire == PAGE)
    }

    /// What makes two of them the same; `None` for one that is asked each time. Who counts SRS's `on_play` and `on_stop`
    /// must get one of each for every client, so only what polls is remembered there.
    pub(super) fn key(&self, form: HookForm) -> Option<String> {
        match self {
            Question::Play(visit) if form == HookForm::Weir || visit.is_polling => {
                let ip = visit.ip.map(|ip| ip.to_string()).unwrap_or_default();
                let parts =
                    [visit.app, visit.stream, visit.query, visit.host, visit.page_url, &ip, visit.agent];
                // What a page was told is no answer to whoever plays: the backend hears of each player's protocol.
                let what = if self.is_of_page() { PAGE } else { "play" };
                Some(format!("{what}\0{}", parts.join("\0")))
            }
            Question::Join { room, user, ip } => {
                let ip = ip.map(|ip| ip.to_string()).unwrap_or_default();
                Some(format!("join\0{room}\0{user}\0{ip}"))
            }
            Question::Play(_) | Question::Publish(_) | Question::Send { .. } => None,
        }
    }
}
