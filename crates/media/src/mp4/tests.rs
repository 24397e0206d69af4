//! What is written, read by ourselves and by somebody else.

use bytes::Bytes;
use mp4_atom::{Any, Codec as Entry, Decode as _, StszSamples};
use proptest::prelude::*;

use super::*;
use crate::codec::{Codec, TrackInfo};
use crate::frame::{Frame, Kind};
use crate::sample::{Config, Sample};
use crate::synth::{Options, Synth};

/// The demo stream: its configurations, and its samples up to a time.
fn demo(until: i64) -> (Vec<Config>, Vec<Sample>) {
    let mut synth = Synth::new(Options::default());
    let configs = synth.headers().iter().filter_map(Config::of).collect();
    let mut samples = Vec::new();
    while synth.next_time() < until {
        samples.extend(Sample::of(&synth.next(0)));
    }
    (configs, samples)
}

/// Fragments that begin with each key frame.
fn fragments(muxer: &mut Muxer, samples: &[Sample]) -> Vec<Fragment> {
    let mut done = Vec::new();
    for sample in samples {
        if sample.kind == Kind::Video && sample.key {
            done.extend(muxer.cut(Some(sample)));
        }
        done.extend(muxer.push(sample.clone()));
    }
    done.extend(muxer.cut(None));
    done
}

fn write(configs: &[Config], samples: &[Sample]) -> Vec<u8> {
    let mut muxer = Muxer::new(configs);
    let mut file = muxer.init().to_vec();
    for fragment in fragments(&mut muxer, samples) {
        fragment.parts().for_each(|part| file.extend_from_slice(part));
    }
    file
}

fn scan(file: &[u8]) -> Index {
    let mut scanner = Scanner::new(Detail::Samples);
    scanner.handle_input(0, file).unwrap();
    scanner.finish(file.len() as u64)
}

fn atoms(mut file: &[u8]) -> Vec<Any> {
    let mut atoms = Vec::new();
    while !file.is_empty() {
        atoms.push(Any::decode(&mut file).unwrap());
    }
    atoms
}

/// The file that a progressive one is.
fn assemble(plain: &Progressive, source: &[u8]) -> Vec<u8> {
    let mut file = plain.head.to_vec();
    for piece in &plain.pieces {
        file.extend_from_slice(&source[piece.start as usize..piece.end as usize]);
    }
    assert_eq!(file.len() as u64, plain.total_len);
    file
}

fn config(kind: Kind, four_cc: &[u8; 4], record: &str) -> Config {
    let record = record.as_bytes().chunks(2);
    let record = record.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
    let body: Bytes = [0x90].into_iter().chain(*four_cc).chain(record).collect();
    Config::of(&Frame::classify(kind, 0, body).unwrap()).unwrap()
}

// Records of the encoders that FFmpeg has.
fn h264() -> Config {
    config(
        Kind::Video,
        b"avc1",
        "0164001fffe1001a6764001facd9405005bb0110000003001000000303c0f183196001000668eae3cb22c0fdf8f800",
    )
}

fn aac() -> Config {
    config(Kind::Audio, b"mp4a", "121056e500")
}

fn picture(dts: i64, pts: i64, key: bool) -> Sample {
    let data = Bytes::copy_from_slice(&dts.to_be_bytes());
    Sample { kind: Kind::Video, track: 0, codec: Codec::H264, dts, pts, key, data }
}

fn sound(dts: i64) -> Sample {
    let data = Bytes::copy_from_slice(&dts.to_be_bytes()[3..]);
    Sample { kind: Kind::Audio, track: 0, codec: Codec::Aac, dts, pts: dts, key: true, data }
}

#[test]
fn somebody_else_reads_the_same_from_fragments() {
    let (configs, samples) = demo(3_000);
    let atoms = atoms(&write(&configs, &samples));
    let [Any::Ftyp(ftyp), Any::Moov(moov), rest @ ..] = atoms.as_slice() else { panic!("{atoms:?}") };
    assert!(ftyp.compatible_brands.contains(&b"iso6".into()));
    assert_eq!(moov.mvex.as_ref().unwrap().trex.len(), 2);
    for track in &moov.trak {
        assert_eq!(track.mdia.mdhd.timescale, 1_000);
    }
    let mut read = Vec::new();
    for pair in rest.chunks(2) {
        let [Any::Moof(moof), Any::Mdat(mdat)] = pair else { panic!("{pair:?}") };
        let moof_len = {
            let mut out = Vec::new();
            mp4_atom::Encode::encode(moof, &mut out).unwrap();
            out.len()
        };
        for traf in &moof.traf {
            let video = moov.trak.iter().find(|trak| trak.tkhd.track_id == traf.tfhd.track_id).unwrap();
            let video = video.mdia.hdlr.handler == b"vide".into();
            let mut time = traf.tfdt.as_ref().unwrap().base_media_decode_time as i64;
            let mut at = traf.trun[0].data_offset.unwrap() as usize - moof_len - 8;
            for entry in traf.trun[0].samples.iter() {
                let size = entry.size.unwrap() as usize;
                let key = entry.flags.or(traf.tfhd.default_sample_flags).unwrap() & 0x1_0000 == 0;
                let pts = time + entry.cts.unwrap_or(0);
                read.push((video, time, pts, key, mdat.data[at..at + size].to_vec()));
                time += i64::from(entry.duration.unwrap());
                at += size;
            }
        }
    }
    for video in [true, false] {
        let ours: Vec<_> = samples
            .iter()
            .filter(|sample| (sample.kind == Kind::Video) == video)
            .map(|sample| (video, sample.dts, sample.pts, sample.key, sample.data.to_vec()))
            .collect();
        let theirs: Vec<_> = read.iter().filter(|sample| sample.0 == video).cloned().collect();
        assert!(ours == theirs, "{} and {}", ours.len(), theirs.len());
    }
}

#[test]
fn every_codec_is_described_and_its_description_is_read_back() {
    const X265: &str = "01016000000090000000000078f000fcfdf8f800000f03a00001001840010c01ffff016000000300900000030000\
                        030078959809a10001002a420101016000000300900000030000030078a003c08010e596566924caf01680800000\
                        03008000000c84a2000100074401c172b46240";
    let configs = [
        (h264(), "avc1"),
        (config(Kind::Video, b"hvc1", X265), "hvc1"),
        (config(Kind::Video, b"av01", "81040c000a0b00000024c6afdf00be0010"), "av01"),
        (config(Kind::Video, b"vp09", "010000000015820202020000"), "vp09"),
        (aac(), "mp4a"),
        (config(Kind::Audio, b"Opus", "4f707573486561640102380180bb0000000000"), "Opus"),
    ];
    for (config, name) in configs {
        let muxer = Muxer::new(std::slice::from_ref(&config));
        let atoms = atoms(muxer.init());
        let [Any::Ftyp(ftyp), Any::Moov(moov)] = atoms.as_slice() else { panic!("{atoms:?}") };
        assert!(ftyp.compatible_brands.contains(&b"cmfc".into()), "one track is a CMAF track");
        match &moov.trak[0].mdia.minf.stbl.stsd.codecs[0] {
            Entry::Avc1(entry) => assert_eq!((entry.visual.width, entry.visual.height), (1280, 720)),
            Entry::Hvc1(entry) => assert!(entry.visual.width > 0),
            Entry::Av01(entry) => assert!(!entry.av1c.config_obus.is_empty()),
            Entry::Vp09(entry) => assert_eq!(entry.vpcc.bit_depth, 8),
            Entry::Mp4a(entry) => {
                assert_eq!(entry.audio.sample_rate, 44_100.into());
                assert_eq!(entry.esds.es_desc.dec_config.dec_specific.as_ref().unwrap().raw, config.record);
            }
            Entry::Opus(entry) => {
                let facts =
                    (entry.dops.output_channel_count, entry.dops.pre_skip, entry.dops.input_sample_rate);
                assert_eq!(facts, (2, 312, 48_000));
            }
            other => panic!("{other:?}"),
        }
        let index = scan(muxer.init());
        assert_eq!(index.init, 0..muxer.init().len() as u64, "{name}");
        assert_eq!(index.tracks, muxer.tracks().cloned().collect::<Vec<_>>(), "{name}");
        assert_eq!(index.tracks[0].info, config.info, "{name}");
    }
}

#[test]
fn codecs_that_mp4_does_not_hold_are_left_out() {
    let flac =
        config(Kind::Audio, b"fLaC", "120012000001060004ff0bb800f0000038407044de84a8b56e9e558a37d978aff114");
    let mut muxer = Muxer::new(&[flac, h264(), h264()]);
    assert_eq!(muxer.tracks().map(|track| (track.id, track.kind)).collect::<Vec<_>>(), [(1, Kind::Video)]);
    assert!(muxer.push(sound(0)).is_none());
    assert!(muxer.cut(None).is_none(), "nothing was taken");
}

#[test]
fn a_fragment_is_the_bytes_of_the_frames_themselves() {
    let mut muxer = Muxer::new(&[h264(), aac()]);
    let samples = [picture(0, 0, true), sound(0), picture(40, 40, false)];
    let fragment = fragments(&mut muxer, &samples).remove(0);
    let pointers: Vec<_> = fragment.bodies.iter().map(|body| body.as_ptr()).collect();
    assert_eq!(pointers, [0, 2, 1].map(|at: usize| samples[at].data.as_ptr()));
    assert_eq!(fragment.byte_len(), fragment.parts().map(|part| part.len() as u64).sum::<u64>());
}

#[test]
fn a_sample_lasts_until_the_next_one_where_that_is_known() {
    let mut muxer = Muxer::new(&[h264(), aac()]);
    for sample in [picture(0, 0, true), sound(5), sound(28), picture(40, 40, false)] {
        assert!(muxer.push(sample).is_none());
    }
    let duration =
        |fragment: &Fragment, track| fragment.info.run(track).map(|run| (run.base_time, run.duration));
    let first = muxer.cut(Some(&picture(100, 100, true))).unwrap();
    assert_eq!(duration(&first, 1), Some((0, 100)));
    assert_eq!(duration(&first, 2), Some((5, 46)), "said to last as long as the one before");
    muxer.push(picture(100, 100, true));
    muxer.push(sound(52));
    let second = muxer.cut(None).unwrap();
    assert_eq!(duration(&second, 1), Some((100, 60)));
    assert_eq!(duration(&second, 2), Some((52, 23)), "it begins where the source says");
}

#[test]
fn nothing_adds_up_in_a_day() {
    let mut muxer = Muxer::new(&[h264(), aac()]);
    let day = 24 * 3_600_000;
    for start in [0, 3_600_000, day] {
        // 30 pictures and 44,100 samples of sound per second, as an encoder rounds them to milliseconds.
        for number in start * 30 / 1_000..start * 30 / 1_000 + 60 {
            muxer.push(picture(number * 1_000 / 30, number * 1_000 / 30, true));
        }
        let first = start * 44_100 / 1_024_000;
        for number in first..first + 90 {
            muxer.push(sound(number * 1_024_000 / 44_100));
        }
        let fragment = muxer.cut(None).unwrap();
        assert_eq!(fragment.info.run(1).unwrap().base_time, start as u64);
        assert_eq!(fragment.info.run(2).unwrap().base_time, (first * 1_024_000 / 44_100) as u64);
    }
}

#[test]
fn times_that_mp4_cannot_say_are_raised() {
    let mut muxer = Muxer::new(&[h264()]);
    for dts in [-20, 40, 30, 50] {
        muxer.push(picture(dts, dts, true));
    }
    let fragment = muxer.cut(Some(&picture(10, 10, true))).unwrap();
    let run = fragment.info.run(1).unwrap();
    assert_eq!((run.base_time, run.duration), (0, 50));
}

#[test]
fn a_full_fragment_is_given_back_and_the_sample_begins_the_next() {
    let mut muxer = Muxer::new(&[aac()]);
    for number in 0..MAX_FRAGMENT_SAMPLES as i64 {
        assert!(muxer.push(sound(number)).is_none());
    }
    let full = muxer.push(sound(MAX_FRAGMENT_SAMPLES as i64)).unwrap();
    assert_eq!(full.bodies.len(), MAX_FRAGMENT_SAMPLES);
    assert_eq!(muxer.cut(None).unwrap().bodies.len(), 1);
    let mut big = sound(20_000);
    big.data = vec![0; MAX_FRAGMENT_BYTES / 2].into();
    assert!(muxer.push(big.clone()).is_none());
    assert!(muxer.push(big.clone()).is_none());
    assert_eq!(muxer.push(sound(20_000)).unwrap().bodies.len(), 2);
}

#[test]
fn the_index_says_what_was_written() {
    let (configs, samples) = demo(5_000);
    let mut muxer = Muxer::new(&configs);
    let written = fragments(&mut muxer, &samples);
    let index = scan(&write(&configs, &samples));
    assert!(written.len() > 1);
    assert_eq!(index.fragments.len(), written.len());
    let mut end = index.init.end;
    for (read, written) in index.fragments.iter().zip(&written) {
        assert_eq!(read.range, end..end + written.byte_len());
        end = read.range.end;
        let mut runs = read.runs.clone();
        runs.iter_mut().for_each(|run| run.samples.clear());
        assert_eq!(runs, written.info.runs);
        let sizes = read.runs.iter().flat_map(|run| &run.samples).map(|sample| sample.size as usize);
        assert!(sizes.eq(written.bodies.iter().map(Bytes::len)));
    }
    assert_eq!(index.end(), end);
}

#[test]
fn media_bytes_need_not_be_read() {
    let (configs, samples) = demo(5_000);
    let file = write(&configs, &samples);
    let mut scanner = Scanner::new(Detail::Samples);
    let mut read = 0;
    while let Some(rest) = usize::try_from(scanner.wanted()).ok().and_then(|at| file.get(at..)) {
        if rest.is_empty() {
            break;
        }
        let piece = &rest[..rest.len().min(512)];
        scanner.handle_input(scanner.wanted(), piece).unwrap();
        read += piece.len();
    }
    assert_eq!(scanner.finish(file.len() as u64), scan(&file));
    assert!(read < file.len() / 4, "{read} of {}", file.len());
}

#[test]
fn a_file_cut_anywhere_ends_after_a_whole_fragment() {
    let samples: Vec<Sample> =
        (0..6).flat_map(|n| [picture(n * 40, n * 40, n % 2 == 0), sound(n * 40)]).collect();
    let file = write(&[h264(), aac()], &samples);
    let whole = scan(&file);
    assert_eq!(whole.fragments.len(), 3);
    let ends: Vec<u64> = whole.fragments.iter().map(|fragment| fragment.range.end).collect();
    for cut in 0..=file.len() {
        let index = scan(&file[..cut]);
        let expected = ends.iter().filter(|end| **end <= cut as u64).count();
        assert_eq!(index.fragments.len(), expected, "cut at {cut}");
        let init = if cut as u64 >= whole.init.end { whole.init.end } else { 0 };
        assert_eq!(index.end(), ends[..expected].last().copied().unwrap_or(init), "cut at {cut}");
    }
}

#[test]
fn a_tail_of_zeros_is_no_fragment() {
    let mut file = write(&[aac()], &[sound(0), sound(23)]);
    let end = file.len() as u64;
    file.resize(file.len() + 4_096, 0);
    assert_eq!(scan(&file).end(), end);
}

#[test]
fn an_error_leaves_what_was_read_before() {
    let file = write(&[aac()], &[sound(0), sound(23)]);
    let with = |tail: &[u8]| {
        let mut scanner = Scanner::new(Detail::Fragments);
        let file = [&file, tail].concat();
        let error = scanner.handle_input(0, &file).unwrap_err();
        assert_eq!(scanner.handle_input(0, &file), Err(error));
        assert_eq!(scanner.index().fragments.len(), 1);
        assert_eq!(scanner.finish(file.len() as u64).fragments.len(), 1);
        error
    };
    let at = file.len() as u64;
    assert_eq!(with(b"\0\0\0\x04oops"), BadMp4::NoBox { at });
    assert_eq!(with(b"\0\x50\0\0moof"), BadMp4::TooLong { name: *b"moof", at });
    assert_eq!(with(b"\0\0\0\x08moov"), BadMp4::SecondInit { at });
    let mut scanner = Scanner::new(Detail::Fragments);
    assert_eq!(scanner.handle_input(0, b"\0\0\0\x08moof"), Err(BadMp4::NoInit { at: 0 }));
}

#[test]
fn samples_are_no_more_than_bytes_and_lie_in_their_mdat() {
    let init = Muxer::new(&[aac()]).init().to_vec();
    // A moof with one run of so many samples of the same size, 16 bytes of data behind it.
    let fragment = |count: u32, size: u32, offset: u32| {
        let mut out = boxes::Writer::default();
        out.boxed(b"moof", |out| {
            out.boxed(b"traf", |out| {
                out.full(b"tfhd", 0, 0x02_0018, |out| [1, 23, size].iter().for_each(|value| out.u32(*value)));
                out.full(b"trun", 0, 1, |out| [count, offset].iter().for_each(|value| out.u32(*value)));
            });
        });
        assert_eq!(out.out.len(), 60);
        out.boxed(b"mdat", |out| out.zeros(16));
        [init.as_slice(), &out.out].concat()
    };
    let read = |file: &[u8]| {
        let mut scanner = Scanner::new(Detail::Samples);
        scanner.handle_input(0, file).map(|()| scanner.finish(file.len() as u64).fragments.remove(0))
    };
    let bad = Err(BadMp4::BadFragment { at: init.len() as u64 });
    assert_eq!(read(&fragment(4, 4, 68)).unwrap().runs[0].duration, 92);
    assert_eq!(read(&fragment(5, 4, 68)), bad);
    assert_eq!(read(&fragment(4, 4, 69)), bad);
    assert_eq!(read(&fragment(4, 4, 67)), bad);
    assert_eq!(read(&fragment(4, 4, u32::MAX)), bad);
    // The bytes of the fragment but for the two headers.
    assert_eq!(read(&fragment(68, 0, 68)).unwrap().runs[0].samples.len(), 68);
    assert_eq!(read(&fragment(69, 0, 68)), bad);
    assert_eq!(read(&fragment(u32::MAX, 0, 68)), bad);
}

#[test]
fn a_plain_file_has_the_same_samples_in_the_same_order() {
    let (configs, samples) = demo(5_000);
    let source = write(&configs, &samples);
    let index = scan(&source);
    let plain = Progressive::of(&index).unwrap();
    assert_eq!(plain.pieces.len(), index.fragments.len(), "one piece of each fragment");
    let file = assemble(&plain, &source);
    let atoms = atoms(&file);
    let [Any::Ftyp(_), Any::Moov(moov), Any::Mdat(_)] = atoms.as_slice() else { panic!("{atoms:?}") };
    assert!(moov.mvex.is_none());
    for trak in &moov.trak {
        let kind = if trak.mdia.minf.vmhd.is_some() { Kind::Video } else { Kind::Audio };
        let ours: Vec<&Sample> = samples.iter().filter(|sample| sample.kind == kind).collect();
        let tables = &trak.mdia.minf.stbl;
        let StszSamples::Different { sizes } = &tables.stsz.samples else { panic!("{tables:?}") };
        assert!(sizes.iter().map(|size| *size as usize).eq(ours.iter().map(|sample| sample.data.len())));
        let deltas = tables.stts.entries.iter();
        let deltas: Vec<u32> =
            deltas.flat_map(|entry| vec![entry.sample_delta; entry.sample_count as usize]).collect();
        assert_eq!(deltas.len(), ours.len());
        assert!(
            ours.windows(2).zip(&deltas).all(|(two, delta)| two[1].dts - two[0].dts == i64::from(*delta))
        );
        assert_eq!(trak.mdia.mdhd.duration, deltas.iter().map(|delta| u64::from(*delta)).sum::<u64>());
        let keys = (1..).zip(&ours).filter(|(_, sample)| sample.key).map(|(number, _)| number);
        match &tables.stss {
            Some(stss) => assert_eq!(stss.entries, keys.collect::<Vec<u32>>()),
            None => assert_eq!(kind, Kind::Audio),
        }
        // Every sample is where the chunk tables say.
        let chunks = &tables.stco.as_ref().unwrap().entries;
        let mut left = ours.iter();
        for (number, offset) in (1..).zip(chunks) {
            let entry = tables.stsc.entries.iter().rfind(|entry| entry.first_chunk <= number).unwrap();
            let mut at = *offset as usize;
            for sample in left.by_ref().take(entry.samples_per_chunk as usize) {
                assert!(file[at..].starts_with(&sample.data));
                at += sample.data.len();
            }
        }
        assert!(left.next().is_none());
    }
}

#[test]
fn tracks_of_a_plain_file_begin_as_far_apart_as_in_the_source() {
    // B-frames: shown 80 ms after they are decoded. The sound begins 30 ms after the first picture is shown.
    let samples = [
        picture(1_000, 1_080, true),
        picture(1_040, 1_200, false),
        picture(1_080, 1_120, false),
        sound(1_110),
        picture(1_120, 1_160, false),
        sound(1_133),
    ];
    let source = write(&[h264(), aac()], &samples);
    let file = assemble(&Progressive::of(&scan(&source)).unwrap(), &source);
    let Any::Moov(moov) = &atoms(&file)[1] else { panic!() };
    let edits = |at: usize| {
        let edits = &moov.trak[at].edts.as_ref().unwrap().elst.as_ref().unwrap().entries;
        edits.iter().map(|edit| (edit.segment_duration, edit.media_time)).collect::<Vec<_>>()
    };
    assert_eq!(edits(0), [(160, Some(80))]);
    // 46 ms, and one to spare.
    assert_eq!(edits(1), [(30, None), (47, Some(0))]);
    let compositions = &moov.trak[0].mdia.minf.stbl.ctts.as_ref().unwrap().entries;
    let compositions: Vec<_> =
        compositions.iter().map(|entry| (entry.sample_count, entry.sample_offset)).collect();
    assert_eq!(compositions, [(1, 80), (1, 160), (2, 40)]);
}

#[test]
fn holes_stay_and_overlaps_do_not_add_up() {
    let at = |base_time: u64, durations: [u32; 2]| {
        let sample = |duration, offset| SampleInfo { offset, size: 4, duration, composition: 0, key: true };
        let samples = vec![sample(durations[0], base_time), sample(durations[1], base_time + 4)];
        let run = RunInfo { track_id: 1, base_time, duration: 0, key: true, samples };
        FragmentInfo { range: 0..0, runs: vec![run] }
    };
    let mut index = scan(Muxer::new(&[h264()]).init());
    // The first says 30 ms too much, then three seconds are missing.
    index.fragments = vec![at(1_000, [40, 70]), at(1_080, [40, 40]), at(4_160, [40, 40])];
    let plain = Progressive::of(&index).unwrap();
    let Any::Moov(moov) = Any::decode(&mut &plain.head[28..]).unwrap() else { panic!() };
    let deltas = moov.trak[0].mdia.minf.stbl.stts.entries.iter();
    let deltas: Vec<_> = deltas.map(|entry| (entry.sample_count, entry.sample_delta)).collect();
    assert_eq!(deltas, [(3, 40), (1, 3_040), (2, 40)]);
    // One begins before the one before it.
    index.fragments = vec![at(1_000, [40, 40]), at(1_020, [40, 40])];
    let plain = Progressive::of(&index).unwrap();
    let Any::Moov(moov) = Any::decode(&mut &plain.head[28..]).unwrap() else { panic!() };
    assert_eq!(moov.trak[0].mdia.mdhd.duration, 100);
}

#[test]
fn a_plain_file_of_more_than_four_gigabytes_has_wide_offsets() {
    let run = |n: u64| {
        let sample = SampleInfo { offset: n << 31, size: 1 << 31, duration: 40, composition: 0, key: n == 0 };
        let run =
            RunInfo { track_id: 1, base_time: n * 40, duration: 40, key: n == 0, samples: vec![sample] };
        FragmentInfo { range: 0..0, runs: vec![run] }
    };
    let mut index = scan(Muxer::new(&[h264()]).init());
    index.fragments = (0..3).map(run).collect();
    let plain = Progressive::of(&index).unwrap();
    let head = plain.head.len() as u64;
    assert_eq!(plain.total_len, head + (3 << 31));
    assert_eq!(plain.pieces.iter().collect::<Vec<_>>(), [&(0..3 << 31)]);
    let Any::Moov(moov) = Any::decode(&mut &plain.head[28..]).unwrap() else { panic!() };
    let places = &moov.trak[0].mdia.minf.stbl.co64.as_ref().unwrap().entries;
    assert_eq!(*places, [head, head + (1 << 31), head + (2 << 31)]);
    let size = [&[0, 0, 0, 1][..], b"mdat", &(16 + (3_u64 << 31)).to_be_bytes()].concat();
    assert!(plain.head.ends_with(&size));
}

#[test]
fn a_file_without_samples_makes_no_plain_file() {
    assert_eq!(Progressive::of(&scan(Muxer::new(&[h264()]).init())), None);
    assert_eq!(Progressive::of(&Index::default()), None);
}

proptest! {
    #[test]
    fn a_file_in_pieces_is_the_same_file(cuts in proptest::collection::vec(1_usize..400, 1..60)) {
        let samples: Vec<Sample> =
            (0..20).flat_map(|n| [picture(n * 40, n * 40 + 40, n % 4 == 0), sound(n * 40)]).collect();
        let file = write(&[h264(), aac()], &samples);
        let mut scanner = Scanner::new(Detail::Samples);
        let mut at = 0;
        for cut in cuts.iter().cycle() {
            let piece = &file[at..file.len().min(at + cut)];
            if piece.is_empty() {
                break;
            }
            scanner.handle_input(at as u64, piece).unwrap();
            at += piece.len();
        }
        prop_assert_eq!(scanner.finish(file.len() as u64), scan(&file));
    }
}

#[test]
fn a_decoder_s_record_comes_back_as_it_was() {
    let opus = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x05\x00\x00";
    for (kind, codec, record) in [
        (Kind::Video, Codec::H264, b"avc".as_slice()),
        (Kind::Video, Codec::Hevc, b"hevc"),
        (Kind::Video, Codec::Av1, b"av1"),
        (Kind::Video, Codec::Vp9, b"vp9"),
        (Kind::Audio, Codec::Aac, b"\x12\x10"),
        (Kind::Audio, Codec::Opus, opus),
    ] {
        let info = TrackInfo::new(codec);
        let config = Config { kind, track: 0, record: Bytes::copy_from_slice(record), info };
        assert_eq!(Track::new(1, &config).unwrap().record().as_deref(), Some(record), "{codec:?}");
    }
}
