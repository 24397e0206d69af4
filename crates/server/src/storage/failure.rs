//! Why something cannot be stored, as the operator is told.

use std::error::Error as _;
use std::fmt;
use std::io;

/// Longest text of a store that is passed on, in characters.
const GIST_MAX: usize = 300;

/// What is wrong with the object store, or on the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It does not take the key, or the key may not do this.
    Refused(String),
    /// It has no such bucket.
    NoBucket,
    /// It cannot be reached, or does not answer in time.
    Unreachable(String),
    /// It fails, or says something that is not understood.
    Store(String),
    /// It has forgotten an upload in pieces.
    NoUpload,
    /// It says that it took an object, and does not have it as it was sent.
    Unconfirmed,
    /// A file on this machine cannot be read, or is not as the index says.
    Local(String),
    /// The database does not answer.
    Database(String),
    /// It does not have an object that it had.
    Absent,
    /// Nobody wants the object any more.
    Unwanted,
}

impl Failure {
    /// Its word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Refused(_) => "refused",
            Failure::NoBucket => "no_bucket",
            Failure::Unreachable(_) => "unreachable",
            Failure::Store(_) | Failure::NoUpload | Failure::Absent | Failure::Unwanted => "store_error",
            Failure::Unconfirmed => "unconfirmed",
            Failure::Local(_) => "local_file",
            Failure::Database(_) => "database",
        }
    }

    /// The reason in Chinese.
    pub fn message_zh(&self) -> String {
        match self {
            Failure::Refused(_) => {
                "对象存储拒绝访问：请检查 storage.access_key_id、storage.secret_access_key 及其对桶的读写删除权限"
                    .into()
            }
            Failure::NoBucket => "对象存储中没有这个桶：请检查 storage.bucket、storage.endpoint 和 storage.region".into(),
            Failure::Unreachable(why) => {
                format!("连不上对象存储或其没有及时应答（{why}）：请检查网络和 storage.endpoint；会自动重试")
            }
            Failure::Store(why) => format!("对象存储出错（{why}）：会自动重试；若持续出现，请检查存储服务"),
            Failure::NoUpload => "对象存储丢弃了未完成的分块上传：会重新上传".into(),
            Failure::Unconfirmed => "对象存储说已收下文件，核对时却没有或内容不符：本机文件会保留并重新上传".into(),
            Failure::Local(why) => format!("本机的录制文件无法上传（{why}）：请检查磁盘，或重建索引"),
            Failure::Database(why) => format!("数据库无法访问（{why}）：请检查磁盘"),
            Failure::Absent => "对象存储里的录制文件不见了：请检查桶的生命周期规则".into(),
            Failure::Unwanted => "录制已被删除".into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused(why) => write!(
                f,
                "the object store refuses: see storage.access_key_id and storage.secret_access_key, and that they may read, write and delete in the bucket ({why})"
            ),
            Failure::NoBucket => f.write_str(
                "the object store has no such bucket: see storage.bucket, storage.endpoint and storage.region",
            ),
            Failure::Unreachable(why) => write!(
                f,
                "the object store cannot be reached or does not answer in time: see the network and storage.endpoint; it is tried again ({why})"
            ),
            Failure::Store(why) => {
                write!(f, "the object store fails; it is tried again, and if that goes on, see the store ({why})")
            }
            Failure::NoUpload => f.write_str("the object store has forgotten an upload; it begins again"),
            Failure::Unconfirmed => f.write_str(
                "the object store said that it took a file, and does not have it as it was sent; the file stays here and is sent again",
            ),
            Failure::Local(why) => {
                write!(f, "a file of a recording cannot be uploaded: see the disk, or make the index again ({why})")
            }
            Failure::Database(why) => write!(f, "the database does not answer: see the disk ({why})"),
            Failure::Absent => {
                f.write_str("a file of a recording is no longer in the object store: see the bucket's lifecycle rules")
            }
            Failure::Unwanted => f.write_str("the recording was deleted"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Failure {
        use object_store::Error;
        let (mut told, mut on_the_way) = (error.to_string(), false);
        let mut cause = error.source();
        while let Some(inner) = cause {
            on_the_way |= inner.is::<object_store::client::HttpError>();
            let text = inner.to_string();
            if !told.contains(&text) {
                told = format!("{told}: {text}");
            }
            cause = inner.source();
        }
        // The names of errors are the same in all stores that speak S3.
        let says = |word: &str| told.contains(word);
        // In front of it are the address and how often it was tried.
        let gist = told.split_once("  - ").map_or(told.as_str(), |(_, gist)| gist);
        let short = || gist.chars().take(GIST_MAX).collect::<String>().replace(['\n', '\r'], " ");
        match &error {
            _ if says("NoSuchUpload") => Failure::NoUpload,
            _ if says("NoSuchBucket") => Failure::NoBucket,
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Failure::Refused(short()),
            _ if on_the_way => Failure::Unreachable(short()),
            _ => Failure::Store(short()),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Failure {
        Failure::Database(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Local(error.to_string())
    }
}
