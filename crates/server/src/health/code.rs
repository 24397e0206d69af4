//! What can be wrong with a push, and what the host is told to do.

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It may be meant so.
    Notice,
    /// Viewers will notice.
    Warning,
    /// Viewers see or hear nothing.
    Error,
}

/// A problem of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// Connected, and nothing comes.
    NothingReceived,
    /// Pictures come, and none that a viewer could start at.
    NoKeyFrame,
    /// Sound comes, and no picture.
    NoVideo,
    /// Pictures come, and no sound.
    NoAudio,
    /// Sound and picture are apart.
    AvSkew,
    /// The encoder's time jumps again and again.
    TimeJumps,
    /// Far fewer bytes than announced, or than before.
    BitrateLow,
    /// Far more bytes than announced, or than before.
    BitrateHigh,
    /// Far fewer pictures than announced, or than before.
    FpsLow,
    /// Far more pictures than announced, or than before.
    FpsHigh,
}

impl Severity {
    /// The name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Notice => "notice",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl Code {
    /// All of them, in the order of their numbers.
    pub const ALL: [Code; 10] = [
        Code::NothingReceived,
        Code::NoKeyFrame,
        Code::NoVideo,
        Code::NoAudio,
        Code::AvSkew,
        Code::TimeJumps,
        Code::BitrateLow,
        Code::BitrateHigh,
        Code::FpsLow,
        Code::FpsHigh,
    ];

    /// The name for programs. These words do not change.
    pub fn name(self) -> &'static str {
        match self {
            Code::NothingReceived => "nothing_received",
            Code::NoKeyFrame => "no_key_frame",
            Code::NoVideo => "no_video",
            Code::NoAudio => "no_audio",
            Code::AvSkew => "av_skew",
            Code::TimeJumps => "time_jumps",
            Code::BitrateLow => "bitrate_low",
            Code::BitrateHigh => "bitrate_high",
            Code::FpsLow => "fps_low",
            Code::FpsHigh => "fps_high",
        }
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Code::NothingReceived => Severity::Error,
            Code::NoKeyFrame | Code::AvSkew | Code::TimeJumps | Code::BitrateLow | Code::FpsLow => {
                Severity::Warning
            }
            Code::NoVideo | Code::NoAudio | Code::BitrateHigh | Code::FpsHigh => Severity::Notice,
        }
    }

    /// What the host is told, in English.
    pub fn message(self) -> &'static str {
        match self {
            Code::NothingReceived => {
                "nothing has come from the encoder for 3 seconds: check the network of the pushing device, and that the app is in front"
            }
            Code::NoKeyFrame => {
                "no key frame for 4 seconds, so new viewers wait for a picture: set the encoder's key frame interval to 2 seconds"
            }
            Code::NoVideo => {
                "sound comes and no picture: check that the camera is on and allowed; if only sound is meant, all is well"
            }
            Code::NoAudio => {
                "pictures come and no sound: check that the microphone is on and allowed; if silence is meant, all is well"
            }
            Code::AvSkew => {
                "sound and picture are more than half a second apart: restart the push; if it comes back, lower resolution or frame rate"
            }
            Code::TimeJumps => {
                "the encoder's time jumps again and again, and viewers may see it stutter: restart the push, and update the encoder"
            }
            Code::BitrateLow => {
                "far less comes than the encoder announced or sent before: the uplink is weak; move nearer to the Wi-Fi or lower the bitrate"
            }
            Code::BitrateHigh => {
                "far more comes than the encoder announced or sent before: viewers with weak networks will lose pictures; use a constant bitrate"
            }
            Code::FpsLow => {
                "far fewer pictures come than announced or than before: the device is too slow or too warm; lower resolution or effects"
            }
            Code::FpsHigh => {
                "far more pictures come than announced or than before: set the frame rate in the encoder"
            }
        }
    }

    /// What the host is told, in Chinese.
    pub fn message_zh(self) -> &'static str {
        match self {
            Code::NothingReceived => "3 秒没有收到任何数据：请检查推流设备的网络，并保持推流应用在前台",
            Code::NoKeyFrame => "4 秒没有关键帧，新观众要等待才有画面：请把编码器的关键帧间隔设为 2 秒",
            Code::NoVideo => "只有声音没有画面：请检查摄像头是否开启并已授权；若本来就只播声音，可忽略",
            Code::NoAudio => "只有画面没有声音：请检查麦克风是否开启并已授权；若本来就静音，可忽略",
            Code::AvSkew => "声音和画面相差超过半秒：请重新推流；若再次出现，请降低分辨率或帧率",
            Code::TimeJumps => "编码器时间戳反复跳变，观众可能看到卡顿：请重新推流，并更新编码器",
            Code::BitrateLow => "码率远低于编码器声明的或之前的水平：上行网络较弱，请靠近 Wi-Fi 或降低码率",
            Code::BitrateHigh => {
                "码率远高于编码器声明的或之前的水平：弱网观众会丢画面，请使用恒定码率（CBR）"
            }
            Code::FpsLow => "帧率远低于声明的或之前的水平：设备性能不足或过热，请降低分辨率或美颜等特效",
            Code::FpsHigh => "帧率远高于声明的或之前的水平：请在编码器里设置帧率",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_words_of_their_own() {
        for (number, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, number);
            assert_eq!(Code::ALL.iter().filter(|other| other.name() == code.name()).count(), 1);
            assert!(code.message_zh().chars().any(|letter| letter > '\u{4e00}'));
        }
    }
}
