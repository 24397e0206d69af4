//! FLAC: the stream information block (RFC 9639 section 8.2).

use super::TrackInfo;
use super::bits::Bits;

pub(super) fn describe(record: &[u8], info: &mut TrackInfo) -> Option<()> {
    "flac".clone_into(&mut info.codec_string);
    // The signature, then the header of the first block; some writers give the bare block.
    let block = match record.strip_prefix(b"fLaC") {
        Some(rest) => rest.get(4..)?,
        None => record,
    };
    let mut bits = Bits::new(block);
    bits.skip(80)?;
    info.sample_rate = bits.read(20).filter(|rate| *rate > 0);
    info.channels = bits.read(3).map(|channels| channels + 1);
    Some(())
}
