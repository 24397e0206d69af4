//! Other people's clients: GStreamer, which takes stream ids more strictly than anybody, and librtmp.

use std::path::Path;
use std::process::Command;

use crate::ffmpeg::{self, Running, Version, packets};
use crate::harness::{Folder, Weir};

const STREAM: &str = "live/clients";

/// Pictures that a publisher sends: four seconds.
const PICTURES: usize = 60;

/// GStreamer with an element that ends the pipeline.
fn gst(words: &str) -> Running {
    let mut command = Command::new("gst-launch-1.0");
    command.args(["-q", "-e"]).args(words.split_whitespace());
    Running::new(command)
}

/// A source of four seconds of H.264 and AAC in FLV, live, and where it goes.
fn gst_publishes(sink: &str) -> Running {
    gst(&format!(
        "flvmux streamable=true name=mux ! {sink} \
         videotestsrc is-live=true num-buffers={PICTURES} ! video/x-raw,width=320,height=180,framerate=15/1 \
         ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=300 ! h264parse ! queue ! mux. \
         audiotestsrc is-live=true num-buffers=172 samplesperbuffer=1024 ! audio/x-raw,rate=44100,channels=2 \
         ! avenc_aac ! aacparse ! queue ! mux."
    ))
}

/// Checks a recorded file: it decodes without complaint, its first picture is a key frame, and in each track time does
/// not go back.
fn judge(file: &Path, pictures: usize, sounds: usize) {
    let name = file.to_string_lossy().into_owned();
    let decoded = ffmpeg::run(Version::Debian, &["-i", &name, "-f", "null", "-"]);
    assert_eq!(decoded.stderr.trim(), "", "{name}: the decoder's complaints");
    let mut probe = Command::new("ffprobe");
    probe.args([
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "packet=flags",
        "-of",
        "csv=p=0",
        &name,
    ]);
    let flags = Running::new(probe).wait().stdout;
    assert!(flags.starts_with('K'), "{name}: the first picture is no key frame: {:?}", flags.lines().next());
    // Copied into the hashing muxer with their own times, which it prints as they are.
    let hashed =
        ffmpeg::run(Version::Debian, &["-i", &name, "-map", "0", "-c", "copy", "-f", "framemd5", "-"]);
    let packets = packets(&hashed.stdout);
    for track in [0, 1] {
        let times: Vec<i64> =
            packets.iter().filter(|packet| packet.track == track).map(|packet| packet.dts).collect();
        assert!(times.len() >= pictures.min(sounds), "{name}: {} packets in track {track}", times.len());
        assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "{name}: time goes back in track {track}");
    }
    let count = flags.lines().filter(|line| !line.is_empty()).count();
    assert!(count >= pictures, "{name}: {count} pictures, expected {pictures}");
    assert!(packets.len() - count >= sounds, "{name}: {} sounds, expected {sounds}", packets.len() - count);
}

/// What GStreamer publishes is what ffmpeg plays.
fn gst_push_is_recorded(name: &str, sink: impl Fn(&str) -> String) {
    let weir = Weir::with(&[("hub.grace_seconds", "2")]);
    let folder = Folder::new(name);
    let file = folder.file("played.flv");
    let args = ["-i", &weir.flv_url(STREAM), "-c", "copy", "-f", "flv", &file.to_string_lossy()];
    let publishing = gst_publishes(&sink(&weir.rtmp_url(STREAM)));
    weir.wait_on_air(STREAM);
    let playing = ffmpeg::start(Version::Debian, &args);
    let published = publishing.wait();
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    let played = playing.wait();
    assert_eq!(played.code, Some(0), "{}", played.stderr);
    // A viewer that joins begins with the newest group of pictures, of a second.
    judge(&file, PICTURES / 2, 80);
}

/// What ffmpeg publishes is what this player writes down.
fn push_is_recorded_by(name: &str, suffix: &str, play: impl Fn(&Weir, &Path) -> Running) {
    let weir = Weir::with(&[("hub.grace_seconds", "1")]);
    let folder = Folder::new(name);
    let file = folder.file(&format!("played.{suffix}"));
    // Long enough for any player to have had enough.
    let publishing = ffmpeg::push(&weir.rtmp_url(STREAM), 5);
    weir.wait_on_air(STREAM);
    let playing = play(&weir, &file);
    weir.wait_viewers(STREAM, 1);
    let published = publishing.wait();
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    let played = playing.wait();
    assert!(file.exists(), "{name} wrote nothing: {} {}", played.stdout, played.stderr);
    judge(&file, 60, 90);
}

#[test]
fn gstreamer_publishes_with_rtmp2sink() {
    gst_push_is_recorded("rtmp2sink", |url| format!("rtmp2sink location={url}"));
}

#[test]
fn gstreamer_publishes_with_rtmpsink_of_librtmp() {
    // librtmp takes options after a space; without one it ends the address itself.
    gst_push_is_recorded("rtmpsink", |url| format!("rtmpsink location={url}"));
}

#[test]
fn gstreamer_plays_with_rtmp2src_which_is_strict_about_stream_ids() {
    push_is_recorded_by("rtmp2src", "flv", |weir, file| {
        gst(&format!("rtmp2src location={} ! filesink location={}", weir.rtmp_url(STREAM), file.display()))
    });
}

#[test]
fn gstreamer_plays_with_rtmpsrc_of_librtmp() {
    push_is_recorded_by("rtmpsrc", "flv", |weir, file| {
        gst(&format!("rtmpsrc location={} ! filesink location={}", weir.rtmp_url(STREAM), file.display()))
    });
}

#[test]
fn gstreamer_plays_http_flv_with_souphttpsrc() {
    push_is_recorded_by("souphttpsrc", "mkv", |weir, file| {
        gst(&format!(
            "matroskamux name=mux streamable=true ! filesink location={} \
             souphttpsrc is-live=true location={} ! flvdemux name=demux demux.video ! queue ! h264parse ! mux. \
             demux.audio ! queue ! aacparse ! mux.",
            file.display(),
            weir.flv_url(STREAM)
        ))
    });
}

#[test]
fn rtmpdump_records_a_show() {
    push_is_recorded_by("rtmpdump", "flv", |weir, file| {
        let mut command = Command::new("rtmpdump");
        command.args(["-q", "-v", "-r", &weir.rtmp_url(STREAM), "-o"]).arg(file);
        Running::new(command)
    });
}
