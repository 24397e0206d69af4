use proptest::prelude::*;

use super::{Error, Reader};
use crate::limits::Limits;
use crate::message::Message;

/// Timestamp, type, message stream and body of a message.
type Parts = (u32, u8, u32, Vec<u8>);

fn parts(message: Message) -> Parts {
    (message.timestamp, message.kind, message.stream_id, message.body.to_vec())
}

fn read_with(reader: &mut Reader, mut input: &[u8]) -> Result<Vec<Parts>, Error> {
    let mut out = Vec::new();
    while let Some(message) = reader.read(&mut input)? {
        out.push(parts(message));
    }
    assert!(input.is_empty());
    Ok(out)
}

fn read(bytes: &[u8]) -> Result<Vec<Parts>, Error> {
    let whole = read_with(&mut Reader::new(&Limits::default()), bytes);
    // However the bytes are cut, the result is the same.
    let mut reader = Reader::new(&Limits::default());
    let mut out = Vec::new();
    let mut pieces = Ok(());
    for byte in bytes {
        match read_with(&mut reader, &[*byte]) {
            Ok(messages) => out.extend(messages),
            Err(error) => {
                pieces = Err(error);
                break;
            }
        }
    }
    assert_eq!(whole.as_ref().map(|_| &out), pieces.as_ref().map(|()| &out));
    if let Ok(whole) = &whole {
        assert_eq!(whole, &out);
    }
    whole
}

/// A full header: chunk stream, time field, length, type 9, message stream 1.
fn full(chunk_stream: u8, field: u32, len: u32) -> Vec<u8> {
    [&[chunk_stream][..], &field.to_be_bytes()[1..], &len.to_be_bytes()[1..], &[9, 1, 0, 0, 0]].concat()
}

#[test]
fn all_four_formats_are_read() {
    let mut bytes = full(4, 1000, 2);
    bytes.extend(b"aa");
    bytes.extend(b"\x44\0\0\x14\0\0\x03\x08bbb");
    bytes.extend(b"\x84\0\0\x1eccc");
    bytes.extend(b"\xc4ddd");
    let expected = [
        (1000, 9, 1, b"aa".to_vec()),
        (1020, 8, 1, b"bbb".to_vec()),
        (1050, 8, 1, b"ccc".to_vec()),
        (1080, 8, 1, b"ddd".to_vec()),
    ];
    assert_eq!(read(&bytes).unwrap(), expected);
}

#[test]
fn a_new_message_of_format_3_behind_a_full_header_repeats_its_time_as_a_step() {
    // Section 5.3.1.2.4; ffmpeg and SRS read it this way.
    let bytes = [&full(4, 7, 1)[..], b"a\xc4b\xc4c"].concat();
    let times: Vec<_> = read(&bytes).unwrap().iter().map(|message| message.0).collect();
    assert_eq!(times, [7, 14, 21]);
}

#[test]
fn chunk_stream_ids_of_one_two_and_three_bytes_are_read() {
    for (basic, same) in
        [(&b"\x3f"[..], &b"\xff"[..]), (b"\0\xff", b"\xc0\xff"), (b"\x01\xff\xff", b"\xc1\xff\xff")]
    {
        let bytes = [basic, &full(0, 5, 1)[1..], b"x", same, b"y"].concat();
        assert_eq!(read(&bytes).unwrap().len(), 2, "{basic:?}");
    }
    // The forms of two and three bytes name the same stream.
    let bytes = [b"\0\x05", &full(0, 5, 1)[1..], b"x\xc1\x05\0y"].concat();
    assert_eq!(read(&bytes).unwrap().len(), 2);
}

#[test]
fn interleaved_chunk_streams_are_kept_apart() {
    // This is legal, and a published reader panics at it.
    let mut bytes = full(4, 0, 130);
    bytes.extend([b'v'; 128]);
    bytes.extend(full(5, 0, 129));
    bytes.extend([b'a'; 128]);
    bytes.extend(b"\xc4vv\xc5a");
    let bodies: Vec<_> = read(&bytes).unwrap().into_iter().map(|message| message.3).collect();
    assert_eq!(bodies, [vec![b'v'; 130], vec![b'a'; 129]]);
}

#[test]
fn a_compressed_header_without_context_is_refused() {
    for (bytes, format) in [(&b"\x44"[..], 1), (b"\x84", 2), (b"\xc4", 3)] {
        assert_eq!(read(bytes), Err(Error::NoContext { chunk_stream: 4, format }));
    }
    assert_eq!(read(b"\x82"), Err(Error::NoContext { chunk_stream: 2, format: 2 }));
}

#[test]
fn the_first_ping_of_librtmp_is_read() {
    let ping = b"\x42\0\0\0\0\0\x06\x04\0\x07\0\0\0\x01";
    assert_eq!(read(ping).unwrap(), [(0, 4, 0, b"\0\x07\0\0\0\x01".to_vec())]);
}

#[test]
fn a_message_without_a_body_is_a_message() {
    assert_eq!(read(&full(4, 5, 0)).unwrap(), [(5, 9, 1, vec![])]);
}

#[test]
fn chunk_size_0_and_beyond_31_bits_are_refused() {
    let mut reader = Reader::new(&Limits::default());
    for size in [0, 0x8000_0000, u32::MAX] {
        assert_eq!(reader.set_chunk_size(size), Err(Error::BadChunkSize(size)));
    }
    let mut reader = Reader::new(&Limits { max_chunk_size: 65_536, ..Limits::default() });
    assert_eq!(reader.set_chunk_size(65_536), Ok(()));
    assert_eq!(reader.set_chunk_size(65_537), Err(Error::BadChunkSize(65_537)));
}

#[test]
fn chunk_size_1_is_read() {
    let mut reader = Reader::new(&Limits::default());
    reader.set_chunk_size(1).unwrap();
    let bytes = [&full(4, 0, 3)[..], b"a\xc4b\xc4c"].concat();
    assert_eq!(read_with(&mut reader, &bytes).unwrap(), [(0, 9, 1, b"abc".to_vec())]);
}

#[test]
fn tiny_chunks_are_bounded() {
    let limits = Limits { max_tiny_chunks: 2, ..Limits::default() };
    for (len, fits) in [(3, true), (4, false)] {
        let mut reader = Reader::new(&limits);
        reader.set_chunk_size(1).unwrap();
        let bytes = [&full(4, 0, len)[..], b"a\xc4b\xc4c"].concat();
        assert_eq!(read_with(&mut reader, &bytes).is_ok(), fits);
    }
    // Chunks of the default size are never tiny, nor is the last one of a message.
    let mut reader = Reader::new(&Limits { max_tiny_chunks: 0, ..limits });
    let bytes = [&full(4, 0, 129)[..], &[0; 128], b"\xc4a"].concat();
    assert_eq!(read_with(&mut reader, &bytes).unwrap().len(), 1);
}

#[test]
fn chunk_size_2_to_the_31st_minus_1_allocates_nothing() {
    // nginx-rtmp allocated two gigabytes here.
    let mut reader = Reader::new(&Limits::default());
    reader.set_chunk_size(0x7fff_ffff).unwrap();
    assert_eq!(read_with(&mut reader, &full(4, 0, 5_000_000)).unwrap(), []);
    assert!(reader.heap_bytes() < 1024);
    assert_eq!(read_with(&mut reader, &vec![7; 4_999_999]).unwrap(), []);
    assert_eq!(read_with(&mut reader, &[7]).unwrap()[0].3.len(), 5_000_000);
}

#[test]
fn an_oversize_message_is_refused_before_anything_is_stored() {
    let limits = Limits { max_message_bytes: 1000, ..Limits::default() };
    let mut reader = Reader::new(&limits);
    let error = read_with(&mut reader, &full(4, 0, 1001));
    assert_eq!(error, Err(Error::MessageTooLong { len: 1001, max: 1000 }));
    assert_eq!(reader.heap_bytes(), 0);
    assert!(read_with(&mut Reader::new(&limits), &full(4, 0, 1000)).is_ok());
}

#[test]
fn memory_grows_with_what_arrives() {
    let mut reader = Reader::new(&Limits::default());
    reader.set_chunk_size(0xff_ffff).unwrap();
    read_with(&mut reader, &full(4, 0, 8 << 20)).unwrap();
    let mut arrived = 0;
    for piece in [1, 10, 100, 1000, 10_000, 100_000, 1_000_000] {
        read_with(&mut reader, &vec![0; piece]).unwrap();
        arrived += piece;
        assert!(reader.heap_bytes() <= 4 * arrived + 256, "{} bytes for {arrived}", reader.heap_bytes());
    }
}

#[test]
fn unfinished_messages_are_charged_with_their_declared_length() {
    let limits = Limits { max_message_bytes: 600, max_partial_bytes: 1000, ..Limits::default() };
    let mut reader = Reader::new(&limits);
    let first = [&full(4, 0, 600)[..], &[0; 128]].concat();
    read_with(&mut reader, &first).unwrap();
    let second = [&full(5, 0, 400)[..], &[0; 128]].concat();
    read_with(&mut reader, &second).unwrap();
    assert_eq!(read_with(&mut reader, &full(6, 0, 1)), Err(Error::TooMuchUnfinished));
    // What is given up or finished is charged no longer.
    let mut reader = Reader::new(&limits);
    for _ in 0..3 {
        read_with(&mut reader, &first).unwrap();
        reader.abort(4);
        read_with(&mut reader, &[&full(6, 0, 100)[..], &[0; 100]].concat()).unwrap();
    }
}

#[test]
fn the_number_of_chunk_streams_is_bounded() {
    let mut reader = Reader::new(&Limits::default());
    for id in 0..64_u8 {
        read_with(&mut reader, &[&[0, id], &full(0, 0, 1)[1..], b"x"].concat()).unwrap();
    }
    let error = read_with(&mut reader, &[&[0, 64], &full(0, 0, 1)[1..]].concat());
    assert_eq!(error, Err(Error::TooManyChunkStreams));
}

#[test]
fn an_aborted_message_is_forgotten_and_its_stream_goes_on() {
    let mut reader = Reader::new(&Limits::default());
    read_with(&mut reader, &[&full(4, 10, 200)[..], &[0; 128]].concat()).unwrap();
    reader.abort(4);
    reader.abort(4);
    reader.abort(99);
    // The next chunk begins a message: of the same length, because its header says nothing else.
    let rest = [&b"\x44\0\0\x05\0\0\x01\x08"[..], b"x"].concat();
    assert_eq!(read_with(&mut reader, &rest).unwrap(), [(15, 8, 1, b"x".to_vec())]);
}

#[test]
fn a_header_that_changes_an_unfinished_message_is_refused() {
    let begun = [&full(4, 10, 200)[..], &[0; 128]].concat();
    let error = Err(Error::HeaderInsideMessage { chunk_stream: 4 });
    assert_eq!(read(&[&begun[..], &full(4, 10, 200)].concat()), error);
    assert_eq!(read(&[&begun[..], b"\x44\0\0\0\0\0\xc9\x09"].concat()), error);
    assert_eq!(read(&[&begun[..], b"\x44\0\0\0\0\0\xc8\x08"].concat()), error);
    // One that repeats what is known continues the message, as ffmpeg reads it.
    let same = [&begun[..], b"\x44\0\0\0\0\0\xc8\x09", &[0; 72]].concat();
    assert_eq!(read(&same).unwrap(), [(10, 9, 1, vec![0; 200])]);
}

#[test]
fn an_extended_timestamp_is_read_whether_it_is_repeated_or_not() {
    let body = [b'x'; 300];
    for time in [0x00ff_ffff_u32, 0x0100_0000, 0xffff_fffe] {
        let time_bytes = time.to_be_bytes();
        let mut header = full(4, 0x00ff_ffff, 300);
        header.extend(time_bytes);
        let repeated = [
            &header[..],
            &body[..128],
            b"\xc4",
            &time_bytes,
            &body[128..256],
            b"\xc4",
            &time_bytes,
            &body[256..],
        ]
        .concat();
        let bare = [&header[..], &body[..128], b"\xc4", &body[128..256], b"\xc4", &body[256..]].concat();
        for bytes in [repeated, bare] {
            assert_eq!(read(&bytes).unwrap(), [(time, 9, 1, body.to_vec())]);
        }
    }
}

#[test]
fn payload_that_looks_like_the_beginning_of_a_timestamp_is_payload() {
    // The time is 0x01020304, and the body goes on with 01 02, which is all there is of this chunk.
    let mut bytes = full(4, 0x00ff_ffff, 130);
    bytes.extend([1, 2, 3, 4]);
    bytes.extend([0; 128]);
    bytes.extend(b"\xc4\x01\x02");
    // A whole message on another stream follows, which tells the two apart.
    bytes.extend(full(5, 8, 1));
    bytes.extend(b"y");
    let messages = read(&bytes).unwrap();
    assert_eq!(messages[0].3[126..], [0, 0, 1, 2]);
    assert_eq!(messages[1], (8, 9, 1, b"y".to_vec()));
}

#[test]
fn an_extended_step_is_added_and_may_be_repeated_as_step_or_as_time() {
    for repeated in [&b"\x01\0\0\x02"[..], b"\x01\0\0\x09", b""] {
        let mut bytes = full(4, 7, 1);
        bytes.extend(b"a\x44\xff\xff\xff\0\0\x81\x09\x01\0\0\x02");
        bytes.extend([b'x'; 128]);
        bytes.extend(b"\xc4");
        bytes.extend(repeated);
        bytes.extend(b"z");
        let messages = read(&bytes).unwrap();
        assert_eq!((messages[1].0, messages[1].3.len()), (0x0100_0009, 129));
        assert_eq!(messages[1].3[128], b'z');
    }
}

#[test]
fn a_message_of_format_3_behind_an_extended_timestamp_has_one_too() {
    let mut bytes = full(4, 0x00ff_ffff, 1);
    bytes.extend(b"\x01\0\0\0a\xc4\x01\0\0\0b");
    let times: Vec<_> = read(&bytes).unwrap().iter().map(|message| message.0).collect();
    assert_eq!(times, [0x0100_0000, 0x0200_0000]);
}

#[test]
fn who_does_not_repeat_an_extended_timestamp_does_not_do_so_for_the_next_message_either() {
    let mut bytes = full(4, 0x00ff_ffff, 130);
    bytes.extend(b"\x01\0\0\0");
    bytes.extend([b'a'; 128]);
    bytes.extend(b"\xc4aa\xc4");
    bytes.extend([b'b'; 128]);
    bytes.extend(b"\xc4bb");
    let expected = [(0x0100_0000, 9, 1, vec![b'a'; 130]), (0x0200_0000, 9, 1, vec![b'b'; 130])];
    assert_eq!(read(&bytes).unwrap(), expected);
}

#[test]
fn time_wraps_after_49_days() {
    let mut bytes = full(4, 0x00ff_ffff, 1);
    bytes.extend(b"\xff\xff\xff\xf0a\x84\0\0\x20b");
    let times: Vec<_> = read(&bytes).unwrap().iter().map(|message| message.0).collect();
    assert_eq!(times, [0xffff_fff0, 0x10]);
}

/// One message, written by the most thrifty encoder there could be.
#[derive(Debug, Clone)]
struct Sent {
    chunk_stream: u32,
    time: u32,
    kind: u8,
    stream_id: u32,
    body: Vec<u8>,
}

/// Writes messages with as little header as possible.
#[derive(Default)]
struct Thrifty {
    last: Vec<(Sent, u32)>,
    repeat_extension: bool,
}

impl Thrifty {
    fn write(&mut self, message: &Sent, chunk_size: usize, out: &mut Vec<u8>) {
        let last = self.last.iter().position(|(last, _)| last.chunk_stream == message.chunk_stream);
        let (format, field) = match last.map(|index| &self.last[index]) {
            Some((last, last_field)) if last.stream_id == message.stream_id && last.time <= message.time => {
                let step = message.time - last.time;
                match (
                    last.kind == message.kind && last.body.len() == message.body.len(),
                    step == *last_field,
                ) {
                    (false, _) => (1, step),
                    (true, false) => (2, step),
                    (true, true) => (3, step),
                }
            }
            _ => (0, message.time),
        };
        basic(format, message.chunk_stream, out);
        let small = field.min(0x00ff_ffff).to_be_bytes();
        let len = (message.body.len() as u32).to_be_bytes();
        if format < 3 {
            out.extend(&small[1..]);
        }
        if format < 2 {
            out.extend(&len[1..]);
            out.push(message.kind);
        }
        if format < 1 {
            out.extend(message.stream_id.to_le_bytes());
        }
        let extended = field >= 0x00ff_ffff;
        if extended && (format < 3 || self.repeat_extension) {
            out.extend(field.to_be_bytes());
        }
        for (index, chunk) in message.body.chunks(chunk_size).enumerate() {
            if index > 0 {
                basic(3, message.chunk_stream, out);
                if extended && self.repeat_extension {
                    out.extend(field.to_be_bytes());
                }
            }
            out.extend(chunk);
        }
        if let Some(index) = last {
            self.last.remove(index);
        }
        self.last.push((message.clone(), field));
    }
}

fn basic(format: u8, chunk_stream: u32, out: &mut Vec<u8>) {
    match chunk_stream {
        0..64 => out.push(format << 6 | chunk_stream as u8),
        64..320 => out.extend([format << 6, (chunk_stream - 64) as u8]),
        _ => out.extend([
            format << 6 | 1,
            ((chunk_stream - 64) % 256) as u8,
            ((chunk_stream - 64) / 256) as u8,
        ]),
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let chunk_stream = prop_oneof![Just(3_u32), Just(63), Just(64), Just(319), Just(320), Just(65_599)];
    let time = prop_oneof![0..200_u32, 0x00ff_fff0..0x0100_0010_u32, any::<u32>()];
    let len = prop_oneof![Just(1_usize), Just(40), Just(128), Just(129), 0..700_usize];
    (chunk_stream, time, 8..=9_u8, 0..2_u32, len).prop_map(|(chunk_stream, time, kind, stream_id, len)| {
        // No byte of the body is that of a timestamp for long, so a repeated one cannot be mistaken.
        let body = (0..len).map(|i| 0x80 | i as u8).collect();
        Sent { chunk_stream, time, kind, stream_id, body }
    })
}

proptest! {
    #[test]
    fn what_a_thrifty_encoder_writes_is_read_in_any_pieces(
        messages in prop::collection::vec(sent(), 1..12), chunk_size in 1..300_usize,
        pieces in prop::collection::vec(1..60_usize, 1..20),
    ) {
        let mut encoder = Thrifty { repeat_extension: true, ..Thrifty::default() };
        let mut bytes = Vec::new();
        for message in &messages {
            encoder.write(message, chunk_size, &mut bytes);
        }
        let mut reader = Reader::new(&Limits::default());
        reader.set_chunk_size(chunk_size as u32).unwrap();
        let mut out = Vec::new();
        let mut rest = &bytes[..];
        for piece in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at(rest.len().min(*piece));
            out.extend(read_with(&mut reader, piece).unwrap());
            rest = after;
        }
        let expected: Vec<Parts> =
            messages.into_iter().map(|m| (m.time, m.kind, m.stream_id, m.body)).collect();
        prop_assert_eq!(out, expected);
        prop_assert_eq!(reader.partial_bytes, 0);
    }

    #[test]
    fn no_input_makes_the_reader_panic_or_hoard(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(4), Just(0xc4), Just(0xff), any::<u8>()], 0..400),
    ) {
        let mut reader = Reader::new(&Limits { max_chunk_streams: 4, ..Limits::default() });
        let mut input = &bytes[..];
        while let Ok(Some(_)) = reader.read(&mut input) {}
        prop_assert!(reader.heap_bytes() < 4096);
    }
}
