//! What another implementation, `rtmp-rs`, makes of the same bytes.

use bytes::{Bytes, BytesMut};
use rtmp::{Event, MediaKind, media_message};
use rtmp_rs::protocol::chunk::{ChunkDecoder, RtmpChunk};

use crate::captures::{CAPTURES, in_one_piece};

/// C0, C1 and C2: what a client sends before its first chunk.
const HANDSHAKE_BYTES: usize = 1 + 1536 + 1536;

const SET_CHUNK_SIZE: u8 = 1;
const AUDIO: u8 = 8;
const VIDEO: u8 = 9;

/// Every message that `rtmp-rs` finds.
fn messages(bytes: &[u8], chunk_size: u32) -> Vec<RtmpChunk> {
    let mut decoder = ChunkDecoder::new();
    decoder.set_chunk_size(chunk_size);
    let mut buffer = BytesMut::from(bytes);
    let mut messages = Vec::new();
    loop {
        let before = buffer.len();
        match decoder.decode(&mut buffer).expect("what a real encoder sent") {
            Some(message) => {
                if message.message_type == SET_CHUNK_SIZE {
                    decoder.set_chunk_size(u32::from_be_bytes(message.payload[..4].try_into().unwrap()));
                }
                messages.push(message);
            }
            // It stops after each chunk; only when it took nothing is there nothing more to take.
            None if buffer.len() == before => break,
            None => {}
        }
    }
    messages
}

#[test]
fn both_read_the_same_audio_and_video_out_of_each_capture() {
    for capture in &CAPTURES {
        let theirs: Vec<(bool, u32, Bytes)> = messages(&capture.bytes[HANDSHAKE_BYTES..], 128)
            .into_iter()
            .filter(|message| matches!(message.message_type, AUDIO | VIDEO) && !message.payload.is_empty())
            .map(|message| (message.message_type == VIDEO, message.timestamp, message.payload))
            .collect();
        let ours: Vec<(bool, u32, Bytes)> = in_one_piece(capture)
            .into_iter()
            .filter_map(|event| match event {
                Event::Media(media) if media.kind != MediaKind::Data => {
                    Some((media.kind == MediaKind::Video, media.timestamp, media.body))
                }
                _ => None,
            })
            .collect();
        assert!(!ours.is_empty(), "{}", capture.file);
        assert!(ours == theirs, "{}: {} of ours, {} of theirs", capture.file, ours.len(), theirs.len());
    }
}

#[test]
fn what_every_viewer_is_sent_is_read_as_it_was_meant() {
    for chunk_size in [128, 4_096, 60_000] {
        for size in [1, 127, 128, 129, 1_024, 1_025, 60_000, 60_001, 200_000] {
            for timestamp in [0, 40, 0xFF_FFFE, 0xFF_FFFF, 0x0100_0000, u32::MAX] {
                let body: Bytes = (0..size).map(|at: usize| at.to_le_bytes()[0]).collect::<Vec<u8>>().into();
                let wire: Vec<u8> = media_message(MediaKind::Video, timestamp, &body, chunk_size).concat();
                let read = messages(&wire, chunk_size);
                let [message] = &read[..] else { panic!("{} messages of one", read.len()) };
                let what = format!("{size} bytes at {timestamp} in chunks of {chunk_size}");
                assert_eq!((message.message_type, message.stream_id), (VIDEO, 1), "{what}");
                assert_eq!(message.timestamp, timestamp, "{what}");
                assert!(message.payload == body, "{what}");
            }
        }
    }
}
