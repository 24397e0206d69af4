//! What a relay does at a moment, with words for whoever asks.

/// What a relay does at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It connects, or asks.
    Connecting,
    /// Media flows.
    Running,
    /// The last attempt failed, and the next one comes.
    Retrying,
    /// A push waits for its stream.
    NoStream,
    /// An on-demand pull waits for viewers.
    NoViewers,
    /// A pull waits for somebody else's push to end.
    Occupied,
    /// A pull waits until its stream is no longer forbidden.
    Forbidden,
    /// A pull waits for the end of the server, or of its drain.
    Draining,
    /// The address leads back here; it is not tried again.
    Looped,
}

impl State {
    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            State::Connecting => "connecting",
            State::Running => "running",
            State::Retrying => "retrying",
            State::NoStream => "no_stream",
            State::NoViewers => "no_viewers",
            State::Occupied => "occupied",
            State::Forbidden => "forbidden",
            State::Draining => "draining",
            State::Looped => "looped",
        }
    }

    /// For people.
    pub fn message(self) -> &'static str {
        match self {
            State::Connecting => "it connects to the other server",
            State::Running => "media flows",
            State::Retrying => "the last attempt failed; it tries again by itself",
            State::NoStream => "it waits until the stream is on air here",
            State::NoViewers => "it waits until somebody watches",
            State::Occupied => "somebody else publishes the stream here; it waits for the end of that push",
            State::Forbidden => "the stream is forbidden here; it goes on when the stream is allowed again",
            State::Draining => "this server is about to stop, and nobody watches",
            State::Looped => "the address leads back to this stream: stop this relay and correct its address",
        }
    }

    /// The same in Chinese.
    pub fn message_zh(self) -> &'static str {
        match self {
            State::Connecting => "正在连接对方服务器",
            State::Running => "正在传输",
            State::Retrying => "上次尝试失败，会自动重试",
            State::NoStream => "等待该流在本机开播",
            State::NoViewers => "等待观众",
            State::Occupied => "该流正由他人推送，等待其结束",
            State::Forbidden => "该流已被禁播，解除后继续",
            State::Draining => "服务器即将停止，且无人观看",
            State::Looped => "地址指回了该流自身：请停止此转发并更正地址",
        }
    }
}
