//! MP4: a file that is read in pieces, with and without its media bytes, and the plain file that is made of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use media::mp4::{BadMp4, Detail, Index, Progressive, Scanner};
use weir_fuzz::{memory_bound, pieces};

fuzz_target!(|input: &[u8]| {
    let seed = input.last().copied().unwrap_or_default();
    let len = input.len() as u64;
    let (index, end) = scan(std::iter::once(input), Detail::Samples);
    let torn = scan(pieces(input, seed), Detail::Samples);
    assert_eq!((&index, &end), (&torn.0, &torn.1), "the index depends on how the file was cut");

    let mut last = index.init.end;
    let mut samples = 0;
    for fragment in &index.fragments {
        assert!(fragment.range.start >= last && fragment.range.start < fragment.range.end, "out of order");
        last = fragment.range.end;
        for sample in fragment.runs.iter().flat_map(|run| &run.samples) {
            let end = sample.offset + u64::from(sample.size);
            assert!(sample.offset >= fragment.range.start && end <= last, "a sample outside its fragment");
            samples += 1;
        }
    }
    assert!(index.end() <= len);
    assert!(samples * size_of::<media::mp4::SampleInfo>() <= memory_bound(input.len()));

    // What needs no samples is the same without them.
    let (short, short_end) = scan(std::iter::once(input), Detail::Fragments);
    assert_eq!((short.init.clone(), short.end(), short_end), (index.init.clone(), index.end(), end));
    assert_eq!(short.fragments.len(), index.fragments.len());

    // Whoever seeks finds no less: an error of the last fragment is found only by who reads on.
    let mut scanner = Scanner::new(Detail::Samples);
    while let Some(rest) = usize::try_from(scanner.wanted()).ok().and_then(|at| input.get(at..)) {
        let piece = &rest[..rest.len().min(64)];
        if piece.is_empty() || scanner.handle_input(scanner.wanted(), piece).is_err() {
            break;
        }
    }
    assert_eq!(scanner.finish(len), index);

    if let Some(plain) = Progressive::of(&index) {
        let copied: u64 = plain.pieces.iter().map(|piece| piece.end - piece.start).sum();
        assert_eq!(plain.total_len, plain.head.len() as u64 + copied);
        assert!(plain.pieces.iter().all(|piece| piece.start < piece.end && piece.end <= len));
        assert!(plain.head.len() <= memory_bound(input.len()));
        let mut scanner = Scanner::new(Detail::Samples);
        scanner.handle_input(0, &plain.head).expect("what is written is read");
        assert!(!scanner.index().tracks.is_empty());
    }
});

fn scan<'a>(input: impl Iterator<Item = &'a [u8]>, detail: Detail) -> (Index, Option<BadMp4>) {
    let mut scanner = Scanner::new(detail);
    let (mut at, mut end) = (0, None);
    for piece in input {
        if let Err(bad) = scanner.handle_input(at, piece) {
            assert_eq!(scanner.handle_input(at, piece), Err(bad), "an error does not stay");
            end = Some(bad);
            break;
        }
        at += piece.len() as u64;
    }
    (scanner.finish(at), end)
}
