//! FLV, and what becomes of its tags.

#![no_main]

use libfuzzer_sys::fuzz_target;
use media::flv::{self, BadFlv, Demuxer, Tag};
use media::frame::{Frame, Role};
use weir_fuzz::pieces;

fuzz_target!(|input: &[u8]| {
    let seed = input.last().copied().unwrap_or_default();
    let (tags, end) = demux(std::iter::once(input));
    let (torn, torn_end) = demux(pieces(input, seed));
    assert_eq!((&tags, &end), (&torn, &torn_end), "tags depend on how they were cut");
    let bytes: usize = tags.iter().map(|tag| tag.body.len()).sum();
    assert!(bytes <= input.len());

    for tag in &tags {
        let Ok(frame) = Frame::classify(tag.kind, tag.time, tag.body.clone()) else { continue };
        assert_eq!((frame.kind, frame.time, &frame.body), (tag.kind, tag.time, &tag.body));
        if tag.body.is_empty() {
            assert_eq!(frame.role, Role::Other);
        }
    }

    // What is written is what was read.
    let mut written = flv::header(true, true).to_vec();
    for tag in &tags {
        written.extend_from_slice(&flv::tag_header(tag.kind, tag.time, tag.body.len()));
        written.extend_from_slice(&tag.body);
        written.extend_from_slice(&flv::tag_trailer(tag.body.len()));
    }
    let (again, end) = demux(std::iter::once(written.as_slice()));
    assert_eq!(end, None);
    assert_eq!(tags, again);
});

fn demux<'a>(input: impl Iterator<Item = &'a [u8]>) -> (Vec<Tag>, Option<BadFlv>) {
    let mut demuxer = Demuxer::default();
    let mut tags = Vec::new();
    for piece in input {
        demuxer.handle_input(piece);
        loop {
            match demuxer.poll_tag() {
                Ok(Some(tag)) => tags.push(tag),
                Ok(None) => break,
                Err(bad) => {
                    assert_eq!(demuxer.poll_tag(), Err(bad.clone()), "an error does not stay");
                    return (tags, Some(bad));
                }
            }
        }
    }
    (tags, None)
}
