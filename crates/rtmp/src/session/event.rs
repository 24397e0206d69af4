//! What a client wants or sends, as a server sees it.

use super::connect::Connect;
use crate::media::Media;

/// What a client wants or sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The client said who it is. It has been welcomed: what it may do is decided at `publish` and `play`.
    Connect(Connect),
    /// The client asks to publish: answer with `accept_publish` or `refuse_publish`.
    Publish(Publish),
    /// The client asks to play: answer with `accept_play` or `refuse_play`.
    Play(Play),
    /// Audio, video or data. Some encoders do not wait for the answer to their `publish`, so it can come before that.
    Media(Media),
    /// The publisher is done, or no longer wants an answer.
    Unpublish,
    /// The player is done, or no longer wants an answer.
    StopPlay,
    /// The player wants to be sent nothing (true), or go on (false).
    Pause(bool),
    /// With or without sound.
    ReceiveAudio(bool),
    /// With or without pictures.
    ReceiveVideo(bool),
    /// The answer to a ping, with its number.
    Pong(u32),
}

/// A wish to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The stream, query included, as the client cut it: see [`crate::Target`].
    pub name: String,
    /// `live`, and hardly ever `record` or `append`.
    pub kind: String,
}

/// A wish to play.
#[derive(Debug, Clone, PartialEq)]
pub struct Play {
    /// The stream, query included, as the client cut it: see [`crate::Target`].
    pub name: String,
    /// -2 for "live or recorded", -1 for "live"; else a time in seconds.
    pub start: f64,
    /// Seconds to play; -1 for all.
    pub duration: f64,
    /// Whether an earlier play list is forgotten.
    pub reset: bool,
}
