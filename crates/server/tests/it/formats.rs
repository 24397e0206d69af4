//! What goes in comes out: every format, published by ffmpeg, over every wire, packet by packet.

use std::fs::File;
use std::path::{Path, PathBuf};

use testkit::viewer::Viewer;

use crate::ffmpeg::{self, Packet, Version, packets};
use crate::harness::{Folder, Weir};

/// A format and how ffmpeg makes three seconds of it.
struct Format {
    name: &'static str,
    version: Version,
    args: &'static [&'static str],
}

const VIDEO: &str = "testsrc2=size=320x180:rate=25:duration=3";
const AUDIO: &str = "sine=frequency=440:sample_rate=44100:duration=3";

fn check(format: &Format) {
    let folder = Folder::new(format.name);
    let original = folder.file("original.flv");
    let mut args: Vec<&str> = format.args.to_vec();
    args.extend(["-f", "flv"]);
    let path = original.to_string_lossy().into_owned();
    args.push(&path);
    ffmpeg::run(format.version, &args);
    let expected = hashes(format.version, &original, &folder);
    assert!(expected.len() > 40, "only {} packets", expected.len());

    let weir = Weir::with(&[]);
    let stream = format!("live/{}", format.name);
    // The viewers are there first, so that they are owed everything from the first frame on.
    let record = |wire: &str, url: String| {
        let out = folder.file(&format!("{wire}.md5"));
        let args = ["-i", &url, "-map", "0", "-c", "copy", "-f", "framemd5", &out.to_string_lossy()];
        (ffmpeg::start(format.version, &args), out)
    };
    let recorded = [record("rtmp", weir.rtmp_url(&stream)), record("flv", weir.flv_url(&stream))];
    let ws_file = folder.file("ws.flv");
    let ws = std::thread::spawn({
        let (url, path) = (weir.ws_url(&stream), ws_file.clone());
        move || {
            let mut viewer = Viewer::open(&url).expect("ws");
            viewer.copy_to(&mut File::create(path).expect("a file")).expect("to the end of the stream")
        }
    });
    weir.wait_for("three viewers at the door", || weir.app().permits.held() >= 3);
    let url = weir.rtmp_url(&stream);
    ffmpeg::run(
        format.version,
        &["-readrate", "3", "-i", &path, "-map", "0", "-c", "copy", "-f", "flv", &url],
    );
    for (running, out) in recorded {
        let done = running.wait();
        assert_eq!(done.code, Some(0), "{}: {}", out.display(), done.stderr);
        let text = std::fs::read_to_string(&out).expect("what the player wrote");
        compare(&expected, &packets(&text), &out);
    }
    ws.join().expect("the WebSocket viewer");
    compare(&expected, &hashes(format.version, &ws_file, &folder), &ws_file);
}

fn hashes(version: Version, file: &Path, folder: &Folder) -> Vec<Packet> {
    let out: PathBuf = folder.file("file.md5");
    let (input, output) = (file.to_string_lossy().into_owned(), out.to_string_lossy().into_owned());
    ffmpeg::run(version, &["-i", &input, "-map", "0", "-c", "copy", "-f", "framemd5", &output]);
    packets(&std::fs::read_to_string(out).expect("what ffmpeg wrote"))
}

/// The same payloads in each track, in the same order, at the same distances, and time never goes back.
fn compare(expected: &[Packet], seen: &[Packet], what: &Path) {
    let what = what.display();
    let tracks = expected.iter().map(|packet| packet.track).max().unwrap_or_default();
    for track in 0..=tracks {
        let of =
            |packets: &[Packet]| packets.iter().filter(|p| p.track == track).cloned().collect::<Vec<_>>();
        let (expected, seen) = (of(expected), of(seen));
        let hashes = |packets: &[Packet]| packets.iter().map(|p| p.hash.clone()).collect::<Vec<_>>();
        assert_eq!(hashes(&expected), hashes(&seen), "{what}: payloads of track {track}");
        let steps =
            |packets: &[Packet]| packets.windows(2).map(|pair| pair[1].dts - pair[0].dts).collect::<Vec<_>>();
        assert_eq!(steps(&expected), steps(&seen), "{what}: times of track {track}");
        assert!(steps(&seen).iter().all(|step| *step >= 0), "{what}: time went back in track {track}");
    }
}

macro_rules! formats {
    ($($name:ident: $version:ident, $args:expr;)*) => {
        $(#[test]
        fn $name() {
            check(&Format { name: stringify!($name), version: Version::$version, args: &$args });
        })*
    };
}

formats! {
    h264_and_aac: Debian, ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO, "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "75", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    h264_with_b_frames: Debian, ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO, "-c:v", "libx264", "-preset", "medium", "-bf", "3", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    audio_only: Debian, ["-f", "lavfi", "-i", AUDIO, "-c:a", "aac"];
    video_only: Debian, ["-f", "lavfi", "-i", VIDEO, "-c:v", "libx264", "-preset", "veryfast", "-g", "75", "-pix_fmt", "yuv420p"];
    aac_at_16_khz_as_phones_send_it: Debian, ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "16000", "-ac", "1"];
    h264_from_the_new_ffmpeg: New, ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO, "-c:v", "libx264", "-preset", "veryfast", "-g", "75", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    hevc_in_enhanced_rtmp: New, ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=75", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    av1_in_enhanced_rtmp: New, ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO, "-c:v", "libaom-av1", "-cpu-used", "8", "-g", "75", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    opus_and_vp9_in_enhanced_rtmp: New, ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "75", "-pix_fmt", "yuv420p", "-c:a", "libopus", "-ar", "48000"];
}

/// ffmpeg takes metadata with a time of its own for a track of subtitles.
#[test]
fn a_player_that_joins_late_sees_sound_and_picture_and_no_third_track() {
    let folder = Folder::new("late");
    let original = folder.file("original.flv").to_string_lossy().into_owned();
    let encode =
        ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO, "-c:v", "libx264", "-preset", "veryfast"];
    let rest = ["-g", "12", "-bf", "0", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv", &original];
    ffmpeg::run(Version::Debian, &[&encode[..], &rest].concat());
    let weir = Weir::with(&[]);
    let url = weir.rtmp_url("live/late");
    let push = ["-readrate", "2", "-stream_loop", "-1", "-i", &original, "-c", "copy", "-f", "flv", &url];
    let publisher = ffmpeg::start(Version::Debian, &push);
    weir.wait_for("a second group of pictures", || {
        let stream = weir.app().hub.find(&hub::Name::new("live/late"));
        stream.is_some_and(|stream| stream.summary().frames_in > 120)
    });
    for url in [weir.rtmp_url("live/late"), weir.flv_url("live/late")] {
        let out = folder.file("late.md5").to_string_lossy().into_owned();
        ffmpeg::run(
            Version::Debian,
            &["-t", "1", "-i", &url, "-map", "0", "-c", "copy", "-f", "framemd5", &out],
        );
        let packets = packets(&std::fs::read_to_string(&out).expect("what ffmpeg wrote"));
        let tracks: std::collections::BTreeSet<u32> = packets.iter().map(|packet| packet.track).collect();
        assert_eq!(tracks.len(), 2, "{url}: {tracks:?}");
        assert!(packets.len() > 40, "{url}: {} packets", packets.len());
    }
    drop(publisher);
}
