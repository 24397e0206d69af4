//! What stays on this machine of what the store has: as much as there is room for, the oldest goes first.

use std::path::Path;
use std::sync::atomic::Ordering;

use tracing::{info, warn};

use super::bucket::Bucket;
use super::failure::Failure;
use super::figures::Figures;
use crate::store::{Part, Store};

/// Files of one question to the database.
const PAGE: usize = 100;

/// What making room needs.
#[derive(Debug)]
pub(super) struct Spool<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) store: &'a Store,
    pub(super) root: &'a Path,
    pub(super) figures: &'a Figures,
}

impl Spool<'_> {
    /// Takes confirmed files off the disk, oldest first, until `excess` bytes are gone. Those that are needed are left.
    pub(super) async fn make_room(
        &self,
        mut excess: u64,
        is_needed: impl Fn(&Part) -> bool,
    ) -> Result<(), Failure> {
        let mut last: Option<Part> = None;
        while excess > 0 {
            let page = self.store.uploads.confirmed(last.as_ref(), PAGE).await?;
            if page.is_empty() {
                break;
            }
            for part in page {
                if excess > 0 && !is_needed(&part) && self.remove(&part).await? {
                    excess = excess.saturating_sub(part.bytes);
                }
                last = Some(part);
            }
        }
        Ok(())
    }

    /// Takes one off the disk, if the store has it. Returns whether it is gone.
    async fn remove(&self, part: &Part) -> Result<bool, Failure> {
        let key = part.object_key.as_deref().unwrap_or_default();
        // Somebody may have emptied the bucket since.
        if self.bucket.about(key).await?.is_none_or(|about| about.bytes != part.bytes) {
            warn!(recording = part.recording, key, "the object store has lost a file; it is uploaded again");
            self.store.uploads.set_local(part).await?;
            return Ok(false);
        }
        let path = self.root.join(&part.path);
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_file(path));
        match removed.await.map_err(std::io::Error::other)? {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        self.store.uploads.set_remote(part).await?;
        self.figures.evicted.fetch_add(1, Ordering::Relaxed);
        info!(
            recording = part.recording,
            path = part.path,
            bytes = part.bytes,
            "only in the object store from now on"
        );
        Ok(true)
    }
}
