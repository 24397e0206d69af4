//! Plain MP4 made of a part in fragments, and kept beside it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::names;
use super::whole::{NotOne, Whole};
use crate::read_at::ReadAt;
use crate::store::{Format, Part};

/// Makes the plain file of a part, unless it is there; gives what the index is told of it, or nothing where the part
/// has no samples. A crash leaves the whole file or none.
pub(super) fn write(root: &Path, folder: &str, part: &Part) -> io::Result<Option<Part>> {
    let at_zero = Part { start_ms: 0, ..part.clone() };
    let open = |part: &Part| Ok(Arc::new(File::open(root.join(&part.path))?) as Arc<dyn ReadAt>);
    let whole = match Whole::of(&[at_zero], &open) {
        Ok(whole) => whole,
        Err(NotOne::Empty) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let path = format!("{folder}/{}", names::file(part.number, Format::Mp4));
    let target = root.join(&path);
    let bytes = whole.plain.total_len;
    let about = Part { format: Format::Mp4, path, bytes, init_bytes: 0, ..part.clone() };
    if std::fs::metadata(&target).is_ok_and(|meta| meta.len() == bytes) {
        return Ok(Some(about));
    }
    let beside = target.with_extension("new");
    // What an earlier attempt left, if there was one.
    let _ = std::fs::remove_file(&beside);
    whole.write(&beside, &mut |_, _| {})?;
    std::fs::rename(&beside, &target)?;
    Ok(Some(about))
}
