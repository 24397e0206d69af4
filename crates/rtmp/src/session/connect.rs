//! The command `connect`, and what Enhanced RTMP adds to it.

use amf0::Value;

use crate::command::Command;

/// Codecs of one kind that a client names in `connect`; more are left out.
const MAX_FOUR_CCS: usize = 64;
/// What a server says that it does with a codec: it can forward it (Enhanced RTMP v2, `FourCcInfoMask`).
const CAN_FORWARD: f64 = 4.0;
/// Multitrack, ModEx and the nanosecond offset pass through a server that touches no body (`CapsExMask`). The
/// request to reconnect is missing: it is never sent.
const CAPS_EX: u32 = 0x02 | 0x04 | 0x08;

/// What a client says about itself. Every text is bounded by [`crate::Limits::max_name_bytes`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Connect {
    /// Application, query included.
    pub app: String,
    /// The address up to the application, as the client sees it.
    pub tc_url: String,
    /// The page that a player is in.
    pub page_url: String,
    /// The address of the player.
    pub swf_url: String,
    /// Name and version of the client.
    pub flash_ver: String,
    /// 0 for AMF0, 3 for AMF3.
    pub object_encoding: f64,
    /// Codecs beyond H.264 and AAC (Enhanced RTMP v1).
    pub four_cc_list: Vec<String>,
    /// Video codecs and what the client does with them (Enhanced RTMP v2).
    pub video_four_cc_info: Vec<(String, u32)>,
    /// Audio codecs and what the client does with them (Enhanced RTMP v2).
    pub audio_four_cc_info: Vec<(String, u32)>,
    /// What else of Enhanced RTMP the client can do.
    pub caps_ex: Option<u32>,
}

impl Connect {
    /// Whether the client speaks Enhanced RTMP.
    pub fn is_enhanced(&self) -> bool {
        !self.four_cc_list.is_empty()
            || !self.video_four_cc_info.is_empty()
            || !self.audio_four_cc_info.is_empty()
            || self.caps_ex.is_some()
    }

    /// Reads the command. An application or an address that is too long is an error, with its length, for it
    /// names something; other texts are cut.
    pub(super) fn new(command: &Command, max_bytes: usize) -> Result<Connect, usize> {
        let object = command.values.first().unwrap_or(&Value::Null);
        let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = |name| {
            let text = text(name);
            if text.len() > max_bytes { Err(text.len()) } else { Ok(text.to_owned()) }
        };
        let cut = |name| {
            let text = text(name);
            text[..text.floor_char_boundary(max_bytes)].to_owned()
        };
        let number = |name| object.get(name).and_then(Value::as_f64);
        Ok(Connect {
            app: name("app")?,
            tc_url: name("tcUrl")?,
            page_url: cut("pageUrl"),
            swf_url: cut("swfUrl"),
            flash_ver: cut("flashVer"),
            object_encoding: number("objectEncoding").unwrap_or(0.0),
            four_cc_list: four_cc_list(object.get("fourCcList")),
            video_four_cc_info: four_cc_info(object.get("videoFourCcInfoMap")),
            audio_four_cc_info: four_cc_info(object.get("audioFourCcInfoMap")),
            // The conversion of a float is saturating: no number is out of range.
            caps_ex: number("capsEx").map(|caps| caps as u32),
        })
    }

    /// What the answer says about Enhanced RTMP: nothing to a client that did not ask.
    pub(super) fn enhanced_answer(&self) -> Vec<(&'static str, Value)> {
        if !self.is_enhanced() {
            return Vec::new();
        }
        // No codec is looked at on its way, so every codec is welcome.
        let any = || Value::object([("*", Value::Number(CAN_FORWARD))]);
        vec![
            ("fourCcList", Value::StrictArray(vec![Value::from("*")])),
            ("videoFourCcInfoMap", any()),
            ("audioFourCcInfoMap", any()),
            ("capsEx", Value::Number(f64::from(CAPS_EX))),
        ]
    }
}

fn is_four_cc(text: &str) -> bool {
    text == "*" || text.len() == 4
}

fn four_cc_list(value: Option<&Value>) -> Vec<String> {
    let Some(Value::StrictArray(list)) = value else { return Vec::new() };
    let texts = list.iter().filter_map(Value::as_str).filter(|text| is_four_cc(text));
    texts.take(MAX_FOUR_CCS).map(str::to_owned).collect()
}

fn four_cc_info(value: Option<&Value>) -> Vec<(String, u32)> {
    let properties = value.and_then(Value::properties).unwrap_or_default();
    let named = properties.iter().filter(|(name, _)| is_four_cc(name));
    named.filter_map(|(name, mask)| Some((name.clone(), mask.as_f64()? as u32))).take(MAX_FOUR_CCS).collect()
}
