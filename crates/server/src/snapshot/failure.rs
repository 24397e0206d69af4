//! Why there is no picture.

use crate::http::response::Response;

/// Why there is no picture, and whose fault that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The operator turned pictures off.
    Off,
    /// There is no ffmpeg; this is what was looked for.
    NoProgram(String),
    /// The stream or the file has no pictures.
    NoPictures,
    /// It has pictures, but none at this moment that a decoder can start at.
    NoKey,
    /// Pictures of this codec are not made.
    Codec,
    /// Every child is at work, and others wait already.
    Busy,
    /// The child was at it for too long.
    TimedOut,
    /// The child gave no picture. For the log.
    Child(String),
}

impl Failure {
    /// For programs.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Off => "snapshots_off",
            Failure::NoProgram(_) => "no_ffmpeg",
            Failure::NoPictures | Failure::NoKey | Failure::Codec => "no_picture",
            Failure::Busy => "snapshot_busy",
            Failure::TimedOut => "snapshot_timeout",
            Failure::Child(_) => "snapshot_failed",
        }
    }

    /// What a client is answered.
    pub fn response(&self) -> Response {
        let status = match self {
            Failure::Off | Failure::NoPictures | Failure::NoKey | Failure::Codec => 404,
            _ => 503,
        };
        let [en, zh] = self.words();
        let response = Response::error(status, self.code(), en, zh);
        if matches!(self, Failure::Busy | Failure::NoKey) {
            response.with("Retry-After", "1")
        } else {
            response
        }
    }

    fn words(&self) -> [&'static str; 2] {
        match self {
            Failure::Off => [
                "this server makes no pictures: its operator can set snapshot.ffmpeg",
                "本服务器未开启截图：可由管理员设置 snapshot.ffmpeg",
            ],
            Failure::NoProgram(_) => [
                "this server has no ffmpeg, which makes the pictures: its operator installs it (apt-get install ffmpeg), or sets snapshot.ffmpeg to where it is",
                "本服务器没有 ffmpeg，无法截图：请管理员安装（apt-get install ffmpeg），或用 snapshot.ffmpeg 指明位置",
            ],
            Failure::NoPictures => {
                ["this stream has sound only, so there is no picture of it", "这路流只有声音，没有画面可截"]
            }
            Failure::NoKey => [
                "no key frame is at hand, so there is no picture yet: ask again in a second. If this stays so, the publisher's key frames are further apart than hub.gop_max_ms",
                "暂时没有关键帧，请一秒后再试；若一直如此，说明推流端关键帧间隔大于 hub.gop_max_ms",
            ],
            Failure::Codec => [
                "pictures are made of H.264, HEVC, AV1 and VP9, and this stream is coded otherwise",
                "只支持 H.264、HEVC、AV1、VP9 的截图，这路流是其他编码",
            ],
            Failure::Busy => [
                "too many pictures are asked for at once: try again in a moment (snapshot.max_children)",
                "同时截图的请求过多，请稍后再试（snapshot.max_children）",
            ],
            Failure::TimedOut => {
                ["making the picture took too long (snapshot.timeout_ms)", "截图超时（snapshot.timeout_ms）"]
            }
            Failure::Child(_) => [
                "no picture could be made of this key frame: the server's log says why",
                "无法从这个关键帧得到图片，原因见服务器日志",
            ],
        }
    }
}

/// For the log.
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::NoProgram(program) => write!(f, "{program:?} is not there or cannot be run"),
            Failure::Child(told) => f.write_str(told),
            _ => f.write_str(self.words()[0]),
        }
    }
}

impl std::error::Error for Failure {}
