//! Our playlists and transport streams beside other people's readers.

use std::collections::HashMap;

use m3u8_rs::{MediaPlaylist, Playlist};
use media::frame::Kind;
use media::hls::{
    Cutter, Goals, Multivariant, Name, Numbers, RenditionReport, Settings, Unit, Variant, Window,
};
use media::sample::{Config, Sample};
use media::synth::{Options, Synth};
use media::ts::{Muxer, PACKET_BYTES};
use mpeg2ts::ts::{ReadTsPacket as _, TsPacketReader, TsPayload};
use quick_m3u8::config::ParsingOptionsBuilder;
use quick_m3u8::tag::KnownTag;
use quick_m3u8::tag::hls::Tag;
use quick_m3u8::{HlsLine, Reader};

fn uri(name: Name) -> String {
    format!("{name:?}.ts?k=v,w")
}

/// The demo stream cut and muxed: the window and the segments.
fn show(seconds: i64) -> (Window, Vec<Vec<u8>>) {
    let settings = Settings { target_ms: 2_000, part_target_ms: Some(333), segments: 50, span_ms: 3_600_000 };
    let mut window = Window::new(settings, Numbers { segment: 7, discontinuities: 3, init: 0 });
    let mut cutter = Cutter::new(Goals { segment_ms: 2_000, longest_ms: 6_000, part_ms: Some(333) });
    let mut muxer = Muxer::default();
    let mut synth = Synth::new(Options::default());
    for frame in synth.headers() {
        if let Some(config) = Config::of(&frame) {
            muxer.handle_config(&config).unwrap();
        }
    }
    muxer.begin_segment();
    window.handle_date(1_764_000_000_000);
    let (mut segments, mut open) = (Vec::new(), Vec::new());
    while synth.next_time() < seconds * 1_000 {
        let sample = Sample::of(&synth.next(0)).unwrap();
        let duration_ms = if sample.kind == Kind::Video { 40 } else { 21 };
        let unit = Unit { kind: sample.kind, dts: sample.dts, duration_ms, key: sample.key };
        if let Some(cut) = cutter.handle_unit(unit) {
            open.extend_from_slice(&muxer.take());
            let part = cut.part.unwrap();
            window.handle_part(part.duration_ms, part.independent);
            if let Some(segment) = cut.segment {
                window.handle_segment(segment.duration_ms, open.len() as u64, segment.independent);
                segments.push(std::mem::take(&mut open));
                muxer.begin_segment();
            }
        }
        muxer.handle_sample(&sample).unwrap();
    }
    (window, segments)
}

fn tags(text: &str) -> Vec<String> {
    let options = ParsingOptionsBuilder::new().with_parsing_for_all_tags().build();
    let mut reader = Reader::from_str(text, options);
    let mut names = Vec::new();
    while let Some(line) = reader.read_line().unwrap() {
        match line {
            HlsLine::KnownTag(KnownTag::Hls(tag)) => {
                let name = format!("{tag:?}");
                names.push(name.split('(').next().unwrap().to_owned());
                check(&tag);
            }
            HlsLine::Uri(uri) => assert!(uri.ends_with(".ts?k=v,w"), "{uri}"),
            other => panic!("{other:?}"),
        }
    }
    names
}

/// What a lenient line reader leaves for when a value is asked for.
fn check(tag: &Tag<'_>) {
    match tag {
        Tag::Part(part) => assert!(part.duration() <= 0.333 && part.uri().contains("Part(")),
        Tag::ServerControl(control) => {
            assert!(control.can_block_reload());
            assert_eq!(control.can_skip_until(), Some(12.0));
            assert!(control.part_hold_back().unwrap() >= 0.999);
        }
        Tag::PartInf(inf) => assert_eq!(inf.part_target(), 0.333),
        Tag::Skip(skip) => assert_eq!(skip.skipped_segments(), 4),
        Tag::RenditionReport(report) => assert_eq!((report.last_msn(), report.last_part()), (9, Some(2))),
        _ => {}
    }
}

fn count(names: &[String], name: &str) -> usize {
    names.iter().filter(|found| *found == name).count()
}

#[test]
fn a_low_latency_playlist_is_read_by_quick_m3u8_with_every_tag() {
    let (window, segments) = show(21);
    assert_eq!(segments.len(), 10);
    let report = RenditionReport { uri: "a.m3u8".into(), last_msn: 9, last_part: Some(2) };
    let names = tags(&window.playlist(false, &uri, vec![report]).to_string());
    assert_eq!(count(&names, "Inf"), 10);
    // Seven for each of the last three segments, and three of the open one.
    assert_eq!(count(&names, "Part"), 24);
    for once in
        ["ServerControl", "PartInf", "PreloadHint", "RenditionReport", "ProgramDateTime", "Discontinuity"]
    {
        assert_eq!(count(&names, once), 1, "{once}: {names:?}");
    }
    let names = tags(&window.playlist(true, &uri, Vec::new()).to_string());
    assert_eq!((count(&names, "Skip"), count(&names, "Inf")), (1, 6));
}

fn parse(text: &str) -> MediaPlaylist {
    m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap()
}

#[test]
fn a_playlist_means_to_m3u8_rs_what_we_meant() {
    let (mut window, segments) = show(9);
    window.handle_end();
    let playlist = parse(&window.playlist(false, &uri, Vec::new()).to_string());
    assert_eq!((playlist.media_sequence, playlist.discontinuity_sequence), (7, 3));
    assert_eq!((playlist.target_duration, playlist.segments.len()), (2, segments.len()));
    assert!(playlist.independent_segments && playlist.end_list && playlist.segments[0].discontinuity);
    let date = playlist.segments[0].program_date_time.unwrap();
    assert_eq!(date.timestamp_millis(), 1_764_000_000_000);
    assert!(playlist.segments.iter().all(|segment| segment.duration == 2.0));
    assert_eq!(playlist.segments[1].uri, "Segment(8).ts?k=v,w");
}

#[test]
fn a_multivariant_playlist_means_to_m3u8_rs_what_we_meant() {
    let (window, _) = show(9);
    let bandwidth = window.bandwidth().unwrap();
    let variant = Variant {
        uri: "v.m3u8".into(),
        bandwidth: bandwidth.peak,
        average_bandwidth: Some(bandwidth.average),
        codecs: Some("avc1.42c01e,mp4a.40.2".into()),
        resolution: Some((640, 360)),
        frame_rate: Some(25.0),
    };
    let text = Multivariant { independent_segments: true, variants: vec![variant] }.to_string();
    let Playlist::MasterPlaylist(read) = m3u8_rs::parse_playlist_res(text.as_bytes()).unwrap() else {
        panic!("not a multivariant playlist: {text}")
    };
    let variant = &read.variants[0];
    assert_eq!((variant.bandwidth, variant.average_bandwidth), (bandwidth.peak, Some(bandwidth.average)));
    assert_eq!(variant.codecs.as_deref(), Some("avc1.42c01e,mp4a.40.2"));
    assert_eq!(variant.resolution.map(|size| (size.width, size.height)), Some((640, 360)));
}

#[test]
fn segments_in_a_row_are_one_transport_stream_to_mpeg2ts() {
    let (_, segments) = show(9);
    let mut counters = HashMap::new();
    let mut times: HashMap<u16, u64> = HashMap::new();
    for segment in &segments {
        assert_eq!(segment.len() % PACKET_BYTES, 0);
        let mut reader = TsPacketReader::new(&segment[..]);
        let mut begin = Vec::new();
        let mut first_picture = true;
        while let Some(packet) = reader.read_ts_packet().unwrap() {
            let pid = packet.header.pid.as_u16();
            let counter = packet.header.continuity_counter.as_u8();
            if packet.payload.is_some() {
                let last = counters.insert(pid, counter);
                assert!(last.is_none_or(|last| counter == (last + 1) % 16), "packet {pid:#x}");
            }
            match packet.payload {
                Some(TsPayload::Pat(_)) => begin.push("programs"),
                Some(TsPayload::Pmt(map)) => {
                    begin.push("map");
                    assert_eq!(map.pcr_pid.map(|pid| pid.as_u16()), Some(0x100));
                    assert_eq!(map.es_info.len(), 2);
                }
                Some(TsPayload::PesStart(pes)) => {
                    let header = pes.header;
                    let time = header.dts.or(header.pts).unwrap().as_u64();
                    let last = times.insert(pid, time);
                    assert!(last.is_none_or(|last| time > last));
                    if pid == 0x100 {
                        let field = packet.adaptation_field.unwrap();
                        assert_eq!(field.random_access_indicator, (time - 63_000) % 90_000 == 0);
                        assert!(field.pcr.unwrap().as_u64() / 300 < time);
                        assert!(!std::mem::take(&mut first_picture) || field.random_access_indicator);
                    }
                }
                _ => {}
            }
        }
        assert_eq!(begin, ["programs", "map"]);
    }
    assert_eq!(times[&0x100], 63_000 + (8_000 - 40) * 90);
}
