//! `weir probe`: plays an address for a few seconds and says what came, or why nothing did.

mod measure;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use self::measure::{Measure, Track};
use super::out::say;
use crate::config::Config;
use crate::lang::Lang;
use crate::relay::{Failure, Source, Target};
use crate::rtmp::Settings;
use crate::told::told;

/// How a probe calls itself.
const AGENT: &str = concat!("weir-probe/", env!("CARGO_PKG_VERSION"));

/// Columns of what stands before each line.
const LABEL_COLUMNS: usize = 16;

/// Play an address for a few seconds.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// rtmp://, rtmps://, or http:// and https:// for FLV 播放地址
    url: String,
    /// How long to look, from the first byte of media 看几秒
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Certificates (PEM) of an authority of your own 自建 CA 的证书
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// For programs 输出 JSON
    #[arg(long)]
    json: bool,
}

/// Plays, and prints what was seen.
pub(super) fn run(args: &Args, lang: Lang) -> anyhow::Result<()> {
    let target = Target::parse(&args.url).map_err(|bad| {
        let hint = match args.url.starts_with("ws") {
            true => [
                ": for ws:// take the http:// address of the same stream, which sends the same",
                "；ws:// 请换成同一路流的 http:// 地址，内容相同",
            ],
            false => ["", ""],
        };
        told(format!("{bad}{}", hint[0]), format!("{}{}", bad.message_zh(), hint[1]))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (measure, ended) = runtime.block_on(watch(args, &target, lang))?;
    if !measure.has_media() {
        let why = ended.map(|failure| format!(": {failure}")).unwrap_or_default();
        return Err(told(
            format!("the server let us in, but no audio or video came in {} s{why}", args.seconds),
            format!("服务器接受了播放，但 {} 秒内没有音视频{why}", args.seconds),
        ));
    }
    let ended = ended.map(|failure| failure.to_string());
    match args.json {
        true => say(format_args!("{:#}", as_json(&measure, ended.as_deref()))),
        false => as_text(&measure, ended.as_deref(), lang),
    }
}

/// What came until the time was over, and the failure if the server ended it before.
async fn watch(args: &Args, target: &Target, lang: Lang) -> anyhow::Result<(Measure, Option<Failure>)> {
    let settings = Settings::new(&Config::defaults().rtmp);
    let ca = args.ca.as_ref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let began = Instant::now();
    let opened = Source::play(target, &ca, AGENT.to_owned(), &settings).await;
    let mut source = opened.map_err(|error| match error.downcast::<Failure>() {
        Ok(failure) => refused(&failure, lang),
        Err(error) => error,
    })?;
    let until = Instant::now() + Duration::from_secs(args.seconds);
    let mut measure = Measure::default();
    loop {
        match timeout_at(until, source.next()).await {
            Err(_) => return Ok((measure, None)),
            Ok(Ok((kind, time, body))) => {
                let after = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                measure.see(kind, time, body, after);
            }
            // A server that answers play with yes may still say no in its next breath; that is a refusal.
            Ok(Err(failure @ Failure::Told(_))) if !measure.has_media() => {
                return Err(refused(&failure, lang));
            }
            Ok(Err(failure)) => return Ok((measure, Some(failure))),
        }
    }
}

/// The server's own words; those of a Weir are in both languages.
fn refused(failure: &Failure, lang: Lang) -> anyhow::Error {
    let Failure::Status { status, body } = failure else {
        return told(failure.to_string(), format!("播放失败：{failure}"));
    };
    let value: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let word = |name: &str| value["error"][name].as_str().map(str::to_owned);
    let line = || body.lines().next().unwrap_or_default().to_owned();
    let code = word("code").map(|code| format!(" {code}")).unwrap_or_default();
    let message = word("message").unwrap_or_else(line);
    let message_zh = lang.pick(None, word("message_zh")).unwrap_or_else(|| message.clone());
    told(
        format!("the other server answers with HTTP status {status}{code}: {message}"),
        format!("对方服务器回应 HTTP {status}{code}：{message_zh}"),
    )
}

fn as_json(measure: &Measure, ended: Option<&str>) -> Value {
    let track = |track: &Track| {
        let info = track.info.as_ref();
        json!({
            "codec": info.map(|info| info.codec.name()),
            "codec_string": info.map(|info| &info.codec_string),
            "width": info.and_then(|info| info.width),
            "height": info.and_then(|info| info.height),
            "sample_rate": info.and_then(|info| info.sample_rate),
            "channels": info.and_then(|info| info.channels),
            "frames": track.frames,
            "per_second": measure.per_second(track),
            "kbps": measure.kbps(track),
            "steps_back": track.steps_back,
        })
    };
    json!({
        "video": measure.video.as_ref().map(track),
        "audio": measure.audio.as_ref().map(track),
        "first_media_ms": measure.first_media_ms,
        "first_key_frame_ms": measure.first_key_ms,
        "gop_ms": measure.gop_ms(),
        "gop_max_ms": measure.gop_max_ms,
        "audio_ahead_ms": measure.audio_ahead_ms(),
        "monotonic": measure.is_monotonic(),
        "metadata": measure.metadata,
        "ended": ended,
    })
}

fn as_text(measure: &Measure, ended: Option<&str>, lang: Lang) -> anyhow::Result<()> {
    let row = |en: &str, zh: &str, text: String| {
        let label = lang.pick(en, zh);
        // A Chinese character is two columns wide.
        let width: usize = label.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
        say(format_args!("{label}{:pad$} {text}", "", pad = LABEL_COLUMNS.saturating_sub(width)))
    };
    let none = || lang.pick("none", "无").to_owned();
    let ms = |value: Option<i64>| value.map_or_else(none, |value| format!("{value} ms"));
    let described = |track: &Option<Track>, unit: &str| {
        let Some(track) = track else { return none() };
        let mut parts = Vec::new();
        match &track.info {
            Some(info) => {
                parts.push(info.codec.name().to_owned());
                parts.extend(Some(info.codec_string.clone()).filter(|text| !text.is_empty()));
                if let (Some(width), Some(height)) = (info.width, info.height) {
                    parts.push(format!("{width}x{height}"));
                }
                parts.extend(info.sample_rate.map(|rate| format!("{rate} Hz")));
                parts.extend(info.channels.map(|count| format!("{count} ch")));
            }
            None => parts.push(lang.pick("no configuration came", "没有收到编码配置").to_owned()),
        }
        parts.extend(measure.per_second(track).map(|rate| format!("{rate:.1} {unit}")));
        parts.extend(measure.kbps(track).map(|rate| format!("{rate} kbit/s")));
        parts.join("  ")
    };
    row("video", "视频", described(&measure.video, "fps"))?;
    row("audio", "音频", described(&measure.audio, lang.pick("frames/s", "帧/秒")))?;
    let gop = match (measure.gop_ms(), measure.gop_max_ms) {
        (Some(mean), Some(max)) => {
            lang.pick(format!("{mean} ms (longest {max} ms)"), format!("{mean} ms（最长 {max} ms）"))
        }
        _ => lang.pick("fewer than two key frames came", "关键帧不足两个").to_owned(),
    };
    row("GOP", "GOP", gop)?;
    row("first media", "首个数据", ms(measure.first_media_ms.map(u64::cast_signed)))?;
    row("first key frame", "首个关键帧", ms(measure.first_key_ms.map(u64::cast_signed)))?;
    row("audio ahead by", "音频领先", ms(measure.audio_ahead_ms()))?;
    let steps = measure.steps_back();
    let time = match steps {
        0 => lang.pick("never steps back", "单调递增").to_owned(),
        _ => lang.pick(format!("steps back {steps} times"), format!("倒退 {steps} 次")),
    };
    row("time", "时间戳", time)?;
    let metadata = match measure.metadata.is_empty() {
        true => none(),
        false => measure.metadata.join(", "),
    };
    row("metadata", "元数据", metadata)?;
    match ended {
        Some(ended) => row("ended early", "提前结束", ended.to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told;

    #[test]
    fn a_refusal_is_told_in_the_servers_words_and_the_operators_language() {
        let body = r#"{"error":{"code":"expired","message":"make another","message_zh":"重新生成"}}"#;
        let failure = Failure::Status { status: 403, body: body.to_owned() };
        let say = |lang| told::text(&refused(&failure, lang), lang);
        assert_eq!(say(Lang::En), "the other server answers with HTTP status 403 expired: make another");
        assert_eq!(say(Lang::Zh), "对方服务器回应 HTTP 403 expired：重新生成");
        let plain = Failure::Status { status: 404, body: "Not here\nat all".to_owned() };
        assert!(told::text(&refused(&plain, Lang::En), Lang::En).ends_with("404: Not here"));
    }
}
