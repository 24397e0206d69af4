//! What a server says to players and publishers.

use amf0::Value;

use super::link::Link;
use crate::command::{encode, status};
use crate::message::{control, kind};

/// Why a publisher is turned away: the code that its client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishRefusal {
    /// The name cannot be published: it is taken, or no name. ffmpeg and OBS print the reason.
    BadName,
    /// This publisher may not.
    Denied,
    /// The server cannot.
    Failed,
}

impl PublishRefusal {
    fn code(self) -> &'static str {
        match self {
            PublishRefusal::BadName => "NetStream.Publish.BadName",
            PublishRefusal::Denied => "NetStream.Publish.Denied",
            PublishRefusal::Failed => "NetStream.Publish.Failed",
        }
    }
}

/// Why a player is turned away: the code that its client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayRefusal {
    /// There is no such stream.
    StreamNotFound,
    /// This player may not, or the server cannot. (The codes have no word for "denied" that players know.)
    Failed,
}

impl PlayRefusal {
    fn code(self) -> &'static str {
        match self {
            PlayRefusal::StreamNotFound => "NetStream.Play.StreamNotFound",
            PlayRefusal::Failed => "NetStream.Play.Failed",
        }
    }
}

impl Link {
    /// A plain answer.
    pub(super) fn result(&mut self, transaction: f64, value: Value) {
        // Transaction 0 says that no answer is expected.
        if transaction != 0.0 {
            self.command(0, "_result", transaction, &[Value::Null, value]);
        }
    }

    /// The answer that a command failed.
    pub(super) fn error(&mut self, transaction: f64, code: &str, description: &str) {
        if transaction != 0.0 {
            self.command(0, "_error", transaction, &[Value::Null, status("error", code, description)]);
        }
    }

    pub(super) fn on_status(&mut self, stream_id: u32, level: &str, code: &str, description: &str) {
        self.command(stream_id, "onStatus", 0.0, &[Value::Null, status(level, code, description)]);
    }

    pub(super) fn publish_started(&mut self, stream_id: u32) {
        self.user_control(control::STREAM_BEGIN, &[stream_id]);
        self.on_status(stream_id, "status", "NetStream.Publish.Start", "publishing");
    }

    pub(super) fn publish_refused(&mut self, stream_id: u32, refusal: PublishRefusal, reason: &str) {
        self.on_status(stream_id, "error", refusal.code(), reason);
    }

    /// ffmpeg ends with this text; OBS and `<live-pusher>` know the code and report that the server closed.
    pub(super) fn publish_ended(&mut self, stream_id: u32, reason: &str) {
        self.on_status(stream_id, "error", PublishRefusal::Denied.code(), reason);
    }

    pub(super) fn play_started(&mut self, stream_id: u32) {
        self.user_control(control::STREAM_BEGIN, &[stream_id]);
        self.on_status(stream_id, "status", "NetStream.Play.Reset", "resetting the play list");
        self.on_status(stream_id, "status", "NetStream.Play.Start", "playing");
        // Flash players show no picture to a script that has not been given access to it.
        let mut access = Vec::new();
        for value in [Value::from("|RtmpSampleAccess"), Value::from(true), Value::from(true)] {
            amf0::encode(&value, &mut access);
        }
        self.send(5, kind::DATA, stream_id, &access);
    }

    pub(super) fn play_refused(&mut self, stream_id: u32, refusal: PlayRefusal, reason: &str) {
        self.on_status(stream_id, "error", refusal.code(), reason);
    }

    /// librtmp ends at the user control event, ffmpeg at either status.
    pub(super) fn play_ended(&mut self, stream_id: u32, reason: &str) {
        self.user_control(control::STREAM_EOF, &[stream_id]);
        self.on_status(stream_id, "status", "NetStream.Play.UnpublishNotify", reason);
        self.on_status(stream_id, "status", "NetStream.Play.Stop", reason);
    }

    /// What FMLE and Flash wait for after their `FC` commands.
    pub(super) fn fc_status(&mut self, name: &str, code: &str, description: &str) {
        let body = encode(name, 0.0, &[Value::Null, status("status", code, description)]);
        self.send(crate::chunk::COMMAND_CHUNK_STREAM, kind::COMMAND, 0, &body);
    }
}
