//! Writes the file on standard input, FLV or MP4 in fragments, as MP4 to standard output:
//! `cargo run -p media --example mp4 -- fragments < demo.flv > demo.mp4`, or `progressive` for one plain file.

use std::io::{Read as _, Write as _};

use media::flv::Demuxer;
use media::frame::{Frame, Kind};
use media::mp4::{Detail, Muxer, Progressive, Scanner};
use media::sample::{Config, Sample};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let file = if input.starts_with(b"FLV") { fragments(&input)? } else { input };
    let mut out = std::io::BufWriter::new(std::io::stdout());
    if std::env::args().nth(1).as_deref() == Some("progressive") {
        let mut scanner = Scanner::new(Detail::Samples);
        scanner.handle_input(0, &file)?;
        let plain = Progressive::of(&scanner.finish(file.len() as u64)).ok_or("the file has no samples")?;
        out.write_all(&plain.head)?;
        for piece in plain.pieces {
            out.write_all(&file[usize::try_from(piece.start)?..usize::try_from(piece.end)?])?;
        }
    } else {
        out.write_all(&file)?;
    }
    Ok(out.flush()?)
}

/// Every key frame begins a fragment, and without pictures every hundredth packet.
fn fragments(flv: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    const PACKETS: usize = 100;
    let mut demuxer = Demuxer::default();
    demuxer.handle_input(flv);
    let (mut configs, mut samples) = (Vec::new(), Vec::new());
    while let Some(tag) = demuxer.poll_tag()? {
        let frame = Frame::classify(tag.kind, tag.time, tag.body)?;
        configs.extend(Config::of(&frame));
        samples.extend(Sample::of(&frame));
    }
    let pictures = configs.iter().any(|config| config.kind == Kind::Video);
    let mut muxer = Muxer::new(&configs);
    let mut file = muxer.init().to_vec();
    for (number, sample) in samples.into_iter().enumerate() {
        let first = if pictures { sample.kind == Kind::Video && sample.key } else { number % PACKETS == 0 };
        let ended = if first { muxer.cut(Some(&sample)) } else { None };
        for fragment in ended.into_iter().chain(muxer.push(sample)) {
            fragment.parts().for_each(|part| file.extend_from_slice(part));
        }
    }
    for part in muxer.cut(None).iter().flat_map(|fragment| fragment.parts()) {
        file.extend_from_slice(part);
    }
    Ok(file)
}
