//! VP9: the configuration record (VP Codec ISO Media File Format Binding section 2.2).

use super::TrackInfo;

/// The picture's size is not in the record; it is in every key frame.
pub(super) fn describe(record: &[u8], info: &mut TrackInfo) -> Option<()> {
    // Some writers put the version and flags of the MP4 box before the record. Without them these bytes would be
    // a bit depth of 0, which does not exist.
    let record = record.strip_prefix(&[1, 0, 0, 0]).unwrap_or(record);
    let [profile, level, depth, ..] = record else { return None };
    info.codec_string = format!("vp09.{profile:02}.{level:02}.{:02}", depth >> 4);
    Some(())
}
