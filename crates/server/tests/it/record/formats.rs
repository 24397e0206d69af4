//! In every format, the frames that were recorded are those that were published.

use std::path::Path;
use std::process::Command;

use super::{api, files, id, wait_over};
use crate::ffmpeg::{self, Packet, Running, Version, packets};
use crate::harness::Folder;

const VIDEO: &str = "testsrc2=size=320x180:rate=25:duration=4";
const AUDIO: &str = "sine=frequency=440:sample_rate=48000:duration=4";

/// The hash of nothing.
const EMPTY: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// Publishes what ffmpeg makes with these arguments, and compares.
fn check(version: Version, encode: &[&str], formats: &[&str], filter: &[&'static str]) {
    let folder = Folder::new("record");
    let original = folder.file("original.flv").to_string_lossy().into_owned();
    let inputs = ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO];
    ffmpeg::run(version, &[&inputs, encode, &["-f", "flv", &original]].concat());
    let expected = hashes(version, Path::new(&original), &folder, filter);
    let quoted: Vec<String> = formats.iter().map(|format| format!("{format:?}")).collect();
    let file = format!("[[record]]\ngap_seconds = 0\nformats = [{}]\n", quoted.join(", "));
    let api = api(&file, &[("hub.grace_seconds", "0")]);
    let url = api.weir.rtmp_url("live/show");
    ffmpeg::run(version, &["-readrate", "4", "-i", &original, "-map", "0", "-c", "copy", "-f", "flv", &url]);
    let over = wait_over(&api, 1).remove(0);
    assert_eq!(
        (over["state"].as_str(), over["reason"].as_str()),
        (Some("finished"), Some("ended")),
        "{over}"
    );
    let duration = over["duration_ms"].as_u64().expect("a number");
    assert!((3_900..4_200).contains(&duration), "{over}");
    for format in formats {
        // The plain file may come a moment after the end.
        api.weir.wait_for(format, || files(&api, &id(&over), format).len() == 1);
        let path = files(&api, &id(&over), format).remove(0);
        let tracks = if *format == "aac" { &[1][..] } else { &[0, 1] };
        compare(&expected, &hashes(version, &path, &folder, filter), tracks, *format != "aac", format);
        no_warnings(version, &path);
    }
}

/// The packets of a file.
fn hashes(version: Version, file: &Path, folder: &Folder, filter: &[&'static str]) -> Vec<Packet> {
    let out = folder.file("file.md5").to_string_lossy().into_owned();
    let input = file.to_string_lossy().into_owned();
    let mut args = vec!["-i", &input, "-map", "0", "-c", "copy"];
    // In FLV each picture of AV1 has a delimiter before it, which MP4 leaves out.
    args.extend(filter);
    if input.ends_with(".aac") {
        // The headers that this format puts before each frame are no part of it.
        args.extend(["-bsf:a", "aac_adtstoasc"]);
    }
    ffmpeg::run(version, &[&args[..], &["-f", "framemd5", &out]].concat());
    let mut packets = packets(&std::fs::read_to_string(&out).expect("what ffmpeg wrote"));
    // What carries nothing, as ffmpeg gives it for a header of AV1, is no frame.
    packets.retain(|packet| packet.hash != EMPTY);
    packets
}

fn compare(expected: &[Packet], seen: &[Packet], tracks: &[u32], times: bool, what: &str) {
    for (number, track) in (0..).zip(tracks) {
        let of = |packets: &[Packet], track: u32| {
            packets.iter().filter(|packet| packet.track == track).cloned().collect::<Vec<_>>()
        };
        let (expected, seen) = (of(expected, *track), of(seen, number));
        let hashes = |packets: &[Packet]| packets.iter().map(|p| p.hash.clone()).collect::<Vec<_>>();
        assert!(expected.len() >= 99, "{what}: {} packets", expected.len());
        assert_eq!(hashes(&expected), hashes(&seen), "{what}: payloads of track {track}");
        let steps = |packets: &[Packet]| packets.windows(2).map(|p| p[1].dts - p[0].dts).collect::<Vec<_>>();
        if times {
            assert_eq!(steps(&expected), steps(&seen), "{what}: times of track {track}");
        }
    }
}

/// Neither a look at the file nor decoding it gives cause for complaint.
fn no_warnings(version: Version, path: &Path) {
    let path = path.to_string_lossy().into_owned();
    // That a file without times has no exact length is a warning about the format.
    let level = if path.ends_with(".aac") { "error" } else { "warning" };
    if version == Version::Debian {
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-v", level, "-count_frames", "-show_streams", &path]);
        let done = Running::new(ffprobe).wait();
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{path}");
    }
    let done = ffmpeg::run(version, &["-v", level, "-i", &path, "-f", "null", "-"]);
    assert_eq!(done.stderr, "", "{path}");
}

#[test]
fn h264_and_aac_are_recorded_frame_by_frame_in_every_format() {
    let encode = [
        "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "50", "-pix_fmt", "yuv420p", "-c:a",
        "aac",
    ];
    check(Version::Debian, &encode, &["fmp4", "mp4", "flv", "hls", "aac"], &[]);
}

#[test]
fn hevc_is_recorded_frame_by_frame() {
    let encode = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        "log-level=error:keyint=50",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
    ];
    check(Version::New, &encode, &["fmp4", "mp4", "flv"], &[]);
}

#[test]
fn av1_and_opus_are_recorded_frame_by_frame() {
    let encode =
        ["-c:v", "libaom-av1", "-cpu-used", "8", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "libopus"];
    check(Version::New, &encode, &["fmp4", "mp4", "flv"], &["-bsf:v", "av1_metadata=td=remove"]);
}
