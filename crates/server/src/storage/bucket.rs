//! A bucket: the few requests that are made of it.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStoreExt as _, RetryConfig};

use super::failure::Failure;
use crate::config;

/// To open a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Times that a request is made again at once. What takes longer to mend is the task's.
const RETRIES: usize = 1;

/// Within so long.
const RETRY_WITHIN: Duration = Duration::from_secs(10);

/// Most pieces of one object.
pub(super) const PIECES_MAX: u64 = 10_000;

/// A bucket of an object store.
pub(super) struct Bucket {
    s3: AmazonS3,
    name: String,
    prefix: String,
}

/// What a store says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    /// Its length.
    pub(super) bytes: u64,
    /// A word for its content.
    pub(super) tag: Option<String>,
}

impl Bucket {
    /// The bucket that the configuration names. Nothing is asked of it.
    pub(super) fn open(keys: &config::Storage) -> anyhow::Result<Bucket> {
        let mut options = ClientOptions::new()
            .with_allow_http(keys.endpoint.starts_with("http://"))
            .with_connect_timeout(CONNECT)
            // The authorities that browsers trust, as for relays: a machine or container may have none.
            .with_no_system_certificates(true)
            .with_timeout(Duration::from_secs(keys.timeout_seconds));
        for authority in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            options = options.with_root_certificate(Certificate::from_der(authority)?);
        }
        if !keys.ca_file.is_empty() {
            let told = || format!("storage.ca_file: cannot use {}", keys.ca_file);
            let pem = std::fs::read(&keys.ca_file).with_context(told)?;
            for certificate in Certificate::from_pem_bundle(&pem).with_context(told)? {
                options = options.with_root_certificate(certificate);
            }
        }
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&keys.bucket)
            .with_region(&keys.region)
            .with_access_key_id(&keys.access_key_id)
            .with_secret_access_key(keys.secret_access_key.expose())
            // Some stores take lists of objects to delete only with headers that others do not know.
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_WITHIN })
            .with_client_options(options);
        let by_path = keys.path_style || !keys.endpoint.is_empty() && !takes_names(&keys.endpoint);
        builder = builder.with_virtual_hosted_style_request(!by_path);
        if !keys.endpoint.is_empty() {
            let endpoint = keys.endpoint.trim_end_matches('/');
            builder = builder.with_endpoint(if by_path {
                endpoint.to_owned()
            } else {
                endpoint.replacen("://", &format!("://{}.", keys.bucket), 1)
            });
        }
        let s3 = builder.build().context("the object store")?;
        Ok(Bucket { s3, name: keys.bucket.clone(), prefix: keys.prefix.trim_matches('/').to_owned() })
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What a file below the folder of recordings is called there.
    pub(super) fn key(&self, path: &str) -> String {
        if self.prefix.is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) }
    }

    /// Puts a whole object. Gives its tag.
    pub(super) async fn put(&self, key: &str, content: Bytes) -> Result<Option<String>, Failure> {
        Ok(self.s3.put(&path(key)?, content.into()).await?.e_tag.as_deref().map(bare))
    }

    /// Begins an object in pieces. Gives the upload's id.
    pub(super) async fn begin(&self, key: &str) -> Result<String, Failure> {
        Ok(self.s3.create_multipart(&path(key)?).await?)
    }

    /// Puts a piece, counted from 0. Gives its tag.
    pub(super) async fn put_piece(
        &self,
        key: &str,
        upload_id: &str,
        number: u64,
        content: Bytes,
    ) -> Result<String, Failure> {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let id = upload_id.to_owned();
        Ok(self.s3.put_part(&path(key)?, &id, number, content.into()).await?.content_id)
    }

    /// Makes the pieces one object. Gives its tag.
    pub(super) async fn complete(
        &self,
        key: &str,
        upload_id: &str,
        tags: Vec<String>,
    ) -> Result<Option<String>, Failure> {
        let pieces = tags.into_iter().map(|content_id| PartId { content_id }).collect();
        let done = self.s3.complete_multipart(&path(key)?, &upload_id.to_owned(), pieces).await?;
        Ok(done.e_tag.as_deref().map(bare))
    }

    /// Ends an upload in pieces that nobody wants any more. One that is not there is fine.
    pub(super) async fn abort(&self, key: &str, upload_id: &str) -> Result<(), Failure> {
        absent_is_fine(self.s3.abort_multipart(&path(key)?, &upload_id.to_owned()).await)
    }

    /// Deletes an object. One that is not there is fine.
    pub(super) async fn delete(&self, key: &str) -> Result<(), Failure> {
        absent_is_fine(self.s3.delete(&path(key)?).await)
    }

    /// What the store says of an object; `None` when it has none of this name.
    pub(super) async fn about(&self, key: &str) -> Result<Option<About>, Failure> {
        match self.s3.head(&path(key)?).await {
            Ok(meta) => Ok(Some(About { bytes: meta.size, tag: meta.e_tag.as_deref().map(bare) })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Some bytes of an object.
    pub(super) async fn read(&self, key: &str, range: Range<u64>) -> Result<Bytes, Failure> {
        match self.s3.get_range(&path(key)?, range).await {
            Err(object_store::Error::NotFound { .. }) => Err(Failure::Absent),
            read => Ok(read?),
        }
    }
}

/// Not derived, as what is inside holds the secret.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("name", &self.name)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Whether a bucket's name can stand in front of the host: not of an IP address, nor of a machine's short name.
fn takes_names(endpoint: &str) -> bool {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    host.contains('.') && host.parse::<std::net::Ipv4Addr>().is_err()
}

/// A key as it is: without this, what is `%` in the name of a folder would be encoded once more.
fn path(key: &str) -> Result<Path, Failure> {
    Path::parse(key).map_err(|error| Failure::Store(error.to_string()))
}

/// A tag that can be compared: some stores put it between quotation marks in one place and not in another.
fn bare(tag: &str) -> String {
    tag.trim_start_matches("W/").trim_matches('"').to_ascii_lowercase()
}

fn absent_is_fine(done: object_store::Result<()>) -> Result<(), Failure> {
    match done {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_in_front_of_a_host_that_has_room_for_it() {
        for (endpoint, expected) in [
            ("https://oss-cn-hangzhou.aliyuncs.com", true),
            ("https://cos.ap-shanghai.myqcloud.com/", true),
            ("http://127.0.0.1:9000", false),
            ("http://minio:9000", false),
            ("http://[::1]:9000", false),
        ] {
            assert_eq!(takes_names(endpoint), expected, "{endpoint}");
        }
    }
}
