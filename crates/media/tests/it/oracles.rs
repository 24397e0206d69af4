//! Our readers beside other people's, on valid input.

use bytes::Bytes;
use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::rbsp::{BitReader, decode_nal};
use media::codec::h264::Sps;
use media::flv;
use media::frame::{Frame, Kind};
use media::synth::{Options, Synth};
use scuffle_flv::file::FlvFile;
use scuffle_flv::tag::FlvTagData;

fn hex(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}

fn frames() -> Vec<Frame> {
    let mut synth = Synth::new(Options::default());
    let mut frames = synth.headers();
    while synth.next_time() < 3_000 {
        frames.push(synth.next(0));
    }
    frames
}

/// The sets of x264 are those of the unit tests; ours is in the demo stream's configuration.
#[test]
fn sequence_parameter_sets_mean_the_same_to_h264_reader() {
    let ours = frames()[1].body.clone();
    let len = usize::from(u16::from_be_bytes([ours[11], ours[12]]));
    let sets = [
        hex("6764001facd9405005bb0110000003001000000303c0f1831960"),
        hex("674d4028eca02201e3cbe022000007d20001d4c01e30632c"),
        hex("677a001ebcd940d87bcde022000003000200000300643e28532c"),
        ours[13..13 + len].to_vec(),
    ];
    for set in sets {
        let read = Sps::parse(&set).unwrap();
        let bytes = decode_nal(&set).unwrap();
        let theirs = SeqParameterSet::from_bits(BitReader::new(&*bytes)).unwrap();
        assert_eq!((read.width, read.height), theirs.pixel_dimensions().unwrap());
        let fps = theirs
            .vui_parameters
            .and_then(|vui| vui.timing_info)
            .map(|timing| f64::from(timing.time_scale) / f64::from(timing.num_units_in_tick) / 2.0);
        assert_eq!(read.fps, fps);
    }
}

#[test]
fn flv_is_cut_into_the_same_tags_by_scuffle() {
    let frames = frames();
    let mut file = flv::header(true, true).to_vec();
    for frame in &frames {
        file.extend_from_slice(&flv::tag_header(frame.kind, frame.time, frame.body.len()));
        file.extend_from_slice(&frame.body);
        file.extend_from_slice(&flv::tag_trailer(frame.body.len()));
    }
    let mut demuxer = flv::Demuxer::default();
    demuxer.handle_input(&file);
    let theirs = FlvFile::demux(&mut std::io::Cursor::new(Bytes::from(file))).unwrap();
    assert_eq!(theirs.tags.len(), frames.len());
    for (theirs, frame) in theirs.tags.iter().zip(&frames) {
        let ours = demuxer.poll_tag().unwrap().unwrap();
        assert_eq!((ours.kind, ours.time, &ours.body), (frame.kind, frame.time, &frame.body));
        assert_eq!(i64::from(theirs.timestamp_ms), frame.time);
        let kind = match theirs.data {
            FlvTagData::Audio(_) => Kind::Audio,
            FlvTagData::Video(_) => Kind::Video,
            _ => Kind::Data,
        };
        assert_eq!(kind, frame.kind);
    }
    assert_eq!(demuxer.poll_tag(), Ok(None));
}
