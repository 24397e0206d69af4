//! A show of sixty days: the publisher's 32 bits wrap on the fiftieth, a transport stream's 33 bits every 26 hours, and
//! nothing that is written may drift away from the source's time.

use std::collections::BTreeSet;

use bytes::Bytes;
use media::frame::{Frame, Kind};
use media::hls::{Cutter, Goals, Numbers, Settings, Unit, Window};
use media::sample::{Config, Sample};
use media::time::{Unwrap, wrapped};
use media::timeline::Timeline;
use media::{mp4, ts};
use mpeg2ts::ts::{ReadTsPacket as _, TsPacketReader, TsPayload};

const DAYS: i64 = 60;
const DAY_MS: i64 = 86_400_000;

/// Pictures are key frames, and as far apart as they may be without counting as a jump.
const STEP_MS: i64 = 4_000;

/// How much later than the picture each sound is.
const SKEW_MS: i64 = 17;

/// Where the publisher's clock stands when it begins.
const FIRST_MS: i64 = 1_000_000_007;

/// Where the times of a transport stream wrap, in ticks of 90 kHz; what it adds to them; how far around it is written.
const STAMPS: i64 = 1 << 33;
const DELAY_MS: i64 = 700;
const NEAR: i64 = 10 * 90_000;

fn frame(kind: Kind, time: i64, body: &'static [u8]) -> Frame {
    Frame::classify(kind, time, Bytes::from_static(body)).unwrap()
}

fn configs() -> [Config; 2] {
    const VIDEO: &[u8] = b"\x17\0\0\0\0\x01\x42\xc0\x1e\xff\xe1\0\x0a\x67\x42\xc0\x1e\xd9\x00\xa0\x47\xfe\xc8\x01\0\x04\x68\xce\x3c\x80";
    [frame(Kind::Video, 0, VIDEO), frame(Kind::Audio, 0, b"\xaf\0\x12\x10")]
        .map(|frame| Config::of(&frame).unwrap())
}

/// The decode times of the pictures and sounds in a piece of a transport stream.
fn stamps(packets: &[u8]) -> BTreeSet<i64> {
    let mut reader = TsPacketReader::new(packets);
    let mut stamps = BTreeSet::new();
    while let Some(packet) = reader.read_ts_packet().unwrap() {
        if let Some(TsPayload::PesStart(pes)) = packet.payload {
            let time = pes.header.dts.or(pes.header.pts).unwrap().as_u64();
            stamps.insert(i64::try_from(time).unwrap());
        }
    }
    stamps
}

#[test]
fn nothing_drifts_and_nothing_wraps_in_sixty_days() {
    let (mut unwrap, mut timeline) = (Unwrap::default(), Timeline::default());
    let mut cutter = Cutter::new(Goals { segment_ms: 4_000, longest_ms: 12_000, part_ms: None });
    let settings = Settings { target_ms: 4_000, part_target_ms: None, segments: 10, span_ms: 60_000 };
    let mut window = Window::new(settings, Numbers::default());
    let configs = configs();
    let mut fragments = mp4::Muxer::new(&configs);
    let mut packets = ts::Muxer::default();
    configs.iter().for_each(|config| packets.handle_config(config).unwrap());
    packets.begin_segment();
    let (mut listed_ms, mut segments, mut wraps) = (0, 0_u64, 0);
    let mut expected = BTreeSet::new();
    for step in 0..DAYS * DAY_MS / STEP_MS {
        for (kind, skew, body) in [
            (Kind::Video, 0, &b"\x17\x01\0\0\0\0\0\0\x02\x65\x88"[..]),
            (Kind::Audio, SKEW_MS, b"\xaf\x01\x21\x10"),
        ] {
            let source = step * STEP_MS + skew;
            let mapped = timeline.map((kind, 0), unwrap.unwrap(wrapped(FIRST_MS + source)));
            assert!(!mapped.jumped && mapped.time == source, "{source}: {mapped:?}");
            let sample = Sample::of(&frame(kind, mapped.time, body)).unwrap();
            let duration_ms = STEP_MS.unsigned_abs();
            let unit = Unit { kind, dts: sample.dts, duration_ms, key: sample.key };
            if let Some(cut) = cutter.handle_unit(unit) {
                let segment = cut.segment.unwrap();
                assert_eq!(segment.start, listed_ms, "a segment begins where the one before ended");
                listed_ms += i64::try_from(segment.duration_ms).unwrap();
                window.handle_segment(segment.duration_ms, 1, segment.independent);
                while window.poll_forgotten().is_some() {}
                segments += 1;
                let fragment = fragments.cut(Some(&sample)).unwrap();
                let [picture, sound] = [0, 1].map(|run| fragment.info.runs[run].base_time);
                assert_eq!((i64::try_from(picture).unwrap(), sound - picture), (segment.start, 17));
            }
            fragments.push(sample.clone());
            // To write what lies between the wraps would be to write sixty days of clock references.
            let stamp = (source + DELAY_MS) * 90;
            if (stamp + NEAR).rem_euclid(STAMPS) < 2 * NEAR {
                packets.handle_sample(&sample).unwrap();
                expected.insert(stamp.rem_euclid(STAMPS));
            } else if !expected.is_empty() {
                assert_eq!(stamps(&packets.take()), std::mem::take(&mut expected));
                packets.begin_segment();
                wraps += 1;
            }
        }
    }
    assert_eq!(segments, (DAYS * DAY_MS / STEP_MS - 1).unsigned_abs());
    assert_eq!(window.numbers().segment, segments);
    let playlist = window.playlist(false, &|_| "x".into(), Vec::new());
    assert_eq!((playlist.segments.len(), playlist.media_sequence), (10, segments - 10));
    // The beginning is near to a wrap too.
    assert_eq!(wraps, DAYS * DAY_MS * 90 / STAMPS + 1);
}
