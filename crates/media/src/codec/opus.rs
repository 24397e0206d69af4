//! Opus: the identification header (RFC 7845 section 5.1).

use super::TrackInfo;

pub(super) fn describe(record: &[u8], info: &mut TrackInfo) -> Option<()> {
    let [_version, channels, ..] = record.strip_prefix(b"OpusHead")? else { return None };
    "opus".clone_into(&mut info.codec_string);
    // The rate in the header is that of the recording; a decoder always gives 48 kHz.
    info.sample_rate = Some(48_000);
    info.channels = (*channels > 0).then(|| u32::from(*channels));
    Some(())
}
