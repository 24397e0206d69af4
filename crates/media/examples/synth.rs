//! Writes the demo stream as FLV to standard output: `cargo run -p media --example synth -- 10 > demo.flv`.

use std::io::Write as _;

use media::flv;
use media::synth::{Options, Synth};

/// Seconds between 1970 and the moment that the clock starts at; the same in every run.
const EPOCH_MS: i64 = 1_764_000_000_000;

fn main() -> std::io::Result<()> {
    let seconds: i64 = std::env::args().nth(1).and_then(|seconds| seconds.parse().ok()).unwrap_or(10);
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let mut synth = Synth::new(Options { title: "Demo stream".to_owned(), ..Options::default() });
    out.write_all(&flv::header(true, true))?;
    let mut frames = synth.headers();
    while synth.next_time() < seconds * 1_000 {
        frames.push(synth.next(EPOCH_MS));
        for frame in frames.drain(..) {
            out.write_all(&flv::tag_header(frame.kind, frame.time, frame.body.len()))?;
            out.write_all(&frame.body)?;
            out.write_all(&flv::tag_trailer(frame.body.len()))?;
        }
    }
    out.flush()
}
