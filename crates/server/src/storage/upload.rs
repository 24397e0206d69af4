//! One file on its way to the bucket.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep};
use tracing::info;

use super::bucket::{Bucket, PIECES_MAX};
use super::failure::Failure;
use super::figures::Figures;
use crate::clock::Clock;
use crate::event;
use crate::store::{Part, Store, Upload};

/// What an upload needs.
#[derive(Debug)]
pub(super) struct Uploader<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) store: &'a Store,
    pub(super) root: &'a Path,
    pub(super) figures: &'a Figures,
    pub(super) clock: &'a Clock,
    /// Length of pieces.
    pub(super) piece_bytes: u64,
    /// Bytes a second; `None`: no bound.
    pub(super) rate: Option<u64>,
}

impl Uploader<'_> {
    /// Uploads a part, or what is missing of it, and has the store confirm it.
    pub(super) async fn part(&self, part: &Part) -> Result<(), Failure> {
        let path = self.root.join(&part.path);
        let (file, len) = open(path).await?;
        if len != part.bytes {
            return Err(Failure::Local(format!(
                "{} has {len} bytes and not {}, as the index says",
                part.path, part.bytes
            )));
        }
        let key = self.bucket.key(&part.path);
        let tag = if len <= self.piece_bytes {
            let began = Instant::now();
            let content = read(file, 0, len).await?;
            let tag = self.bucket.put(&key, content).await?;
            self.sent(len, began).await;
            tag
        } else {
            self.in_pieces(part, &key, file).await?
        };
        self.confirm(&key, len, tag.as_deref()).await?;
        let news = match self.store.writer.wants(event::UPLOAD_DONE) {
            true => self.store.index.find(&part.recording).await?,
            false => None,
        };
        let news = news.map(|of| event::upload(&of, part, self.bucket.name(), &key, self.clock.unix_ms()));
        if !self.store.uploads.set_uploaded(part, &key, news.as_ref()).await? {
            // Somebody deleted the recording meanwhile.
            self.store.uploads.put_to_delete(&key, "").await?;
            return Err(Failure::Unwanted);
        }
        self.store.outbox.wake();
        self.figures.files.fetch_add(1, Ordering::Relaxed);
        info!(recording = part.recording, path = part.path, bytes = len, "stored");
        Ok(())
    }

    /// Uploads the note that lies beside a recording. Gives its name there.
    pub(super) async fn note(&self, path: &str) -> Result<String, Failure> {
        let (file, len) = open(self.root.join(path)).await?;
        let key = self.bucket.key(path);
        let tag = self.bucket.put(&key, read(file, 0, len).await?).await?;
        self.confirm(&key, len, tag.as_deref()).await?;
        Ok(key)
    }

    async fn in_pieces(&self, part: &Part, key: &str, file: Arc<File>) -> Result<Option<String>, Failure> {
        let uploads = &self.store.uploads;
        let upload = match uploads.find(part).await? {
            Some(upload) if upload.object_key == key && upload.bytes == part.bytes => upload,
            Some(other) => {
                uploads.put_to_delete(&other.object_key, &other.upload_id).await?;
                uploads.forget(part).await?;
                self.begin(part, key).await?
            }
            None => self.begin(part, key).await?,
        };
        let sent = self.pieces(part, &upload, file).await;
        if matches!(sent, Err(Failure::NoUpload)) {
            uploads.forget(part).await?;
        }
        let tag = sent?;
        // It is one object now, whatever that is worth: the next attempt begins another.
        uploads.forget(part).await?;
        Ok(tag)
    }

    async fn begin(&self, part: &Part, key: &str) -> Result<Upload, Failure> {
        let upload = Upload {
            object_key: key.to_owned(),
            upload_id: self.bucket.begin(key).await?,
            bytes: part.bytes,
            piece_bytes: self.piece_bytes.max(part.bytes.div_ceil(PIECES_MAX)),
            pieces: Vec::new(),
        };
        if self.store.uploads.begin(part, &upload).await? {
            return Ok(upload);
        }
        self.store.uploads.put_to_delete(key, &upload.upload_id).await?;
        Err(Failure::Unwanted)
    }

    async fn pieces(&self, part: &Part, upload: &Upload, file: Arc<File>) -> Result<Option<String>, Failure> {
        let (key, id) = (&upload.object_key, &upload.upload_id);
        let mut tags = Vec::new();
        for number in 0..upload.bytes.div_ceil(upload.piece_bytes.max(1)) {
            if let Ok(at) = upload.pieces.binary_search_by_key(&number, |(number, _)| *number) {
                tags.extend(upload.pieces.get(at).map(|(_, tag)| tag.clone()));
                continue;
            }
            let began = Instant::now();
            let start = number * upload.piece_bytes;
            let len = upload.piece_bytes.min(upload.bytes - start);
            let content = read(file.clone(), start, len).await?;
            let tag = self.bucket.put_piece(key, id, number, content).await?;
            if !self.store.uploads.put_piece(part, number, &tag).await? {
                self.store.uploads.put_to_delete(key, id).await?;
                return Err(Failure::Unwanted);
            }
            tags.push(tag);
            self.sent(len, began).await;
        }
        self.bucket.complete(key, id, tags).await
    }

    /// Asks the store whether it has an object as it was sent.
    async fn confirm(&self, key: &str, bytes: u64, tag: Option<&str>) -> Result<(), Failure> {
        let about = self.bucket.about(key).await?.ok_or(Failure::Unconfirmed)?;
        let same_tag = tag.is_none() || about.tag.as_deref() == tag;
        if about.bytes == bytes && same_tag { Ok(()) } else { Err(Failure::Unconfirmed) }
    }

    /// Counts what was sent, and waits for as long as the bound on the rate says.
    async fn sent(&self, bytes: u64, began: Instant) {
        self.figures.sent(bytes);
        if let Some(rate) = self.rate {
            let due = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
            sleep(due.saturating_sub(began.elapsed())).await;
        }
    }
}

async fn open(path: PathBuf) -> Result<(Arc<File>, u64), Failure> {
    let opened = tokio::task::spawn_blocking(move || {
        let file = File::open(&path)?;
        let len = file.metadata()?.len();
        Ok::<_, std::io::Error>((Arc::new(file), len))
    });
    Ok(opened.await.map_err(std::io::Error::other)??)
}

async fn read(file: Arc<File>, start: u64, len: u64) -> Result<Bytes, Failure> {
    let read = tokio::task::spawn_blocking(move || {
        // As long as a piece, which has a bound.
        let mut content = BytesMut::zeroed(usize::try_from(len).map_err(std::io::Error::other)?);
        file.read_exact_at(&mut content, start)?;
        Ok::<_, std::io::Error>(content.freeze())
    });
    Ok(read.await.map_err(std::io::Error::other)??)
}
