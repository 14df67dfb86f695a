//! A bucket as a few requests: each conversation has a thread and connections of its own, because stores are read and written
//! from threads that wait for input and output of others.

use std::env;
use std::panic;
use std::thread;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig, UpdateVersion,
};

use super::access::Access;
use super::sender::{Sender, Trouble};
use super::{Error, Fault};
use crate::model::Bucket;

/// Requests that are under way at once.
pub(super) const AT_ONCE: usize = 16;
/// How often a request is sent again that failed for a reason that passes.
const RETRIES: usize = 5;
/// How long requests are sent again.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A bucket, and where it is named.
#[derive(Debug, Clone)]
pub(super) struct S3 {
    pub(super) bucket: Bucket,
    origin: String,
}

/// A conversation with a bucket.
#[derive(Debug)]
pub(super) struct Session {
    store: AmazonS3,
    sender: Sender,
    prefix: String,
    endpoint: String,
    region: String,
}

/// An object that was read.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) bytes: Vec<u8>,
    /// Its version.
    pub(super) tag: Option<String>,
}

/// What an object holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    Bytes(Vec<u8>),
    /// Larger than any document.
    TooLarge,
    /// It was removed since it was listed.
    Gone,
}

/// When an object is written.
#[derive(Debug, Clone)]
pub(super) enum When {
    Always,
    /// There is none of its name.
    New,
    /// It has this version.
    Unchanged(String),
}

impl S3 {
    pub(super) fn new(bucket: Bucket, origin: &str) -> Self {
        Self {
            bucket,
            origin: origin.to_owned(),
        }
    }

    /// Has a conversation.
    pub(super) fn converse<T: Send>(
        &self,
        act: impl AsyncFnOnce(&Session) -> Result<T, Fault> + Send,
    ) -> Result<T, Error> {
        let spoken = thread::scope(|scope| {
            let talk = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let runtime = runtime.map_err(|error| Fault::Client {
                    reason: error.to_string(),
                })?;
                let session = Session::new(&self.bucket)?;
                runtime.block_on(act(&session))
            });
            talk.join()
        });
        let spoken = spoken.unwrap_or_else(|payload| panic::resume_unwind(payload));
        spoken.map_err(|fault| self.error(fault))
    }

    pub(super) fn error(&self, fault: Fault) -> Error {
        Error::Bucket {
            store: self.bucket.to_string(),
            origin: self.origin.clone(),
            fault: fault.into(),
        }
    }
}

impl Session {
    fn new(bucket: &Bucket) -> Result<Self, Fault> {
        let Access {
            builder,
            endpoint,
            region,
        } = Access::of(env::vars(), bucket)?;
        let sender = Sender::default();
        let store = builder
            .with_http_connector(sender.clone())
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    max_backoff: LONGEST_WAIT,
                    ..BackoffConfig::default()
                },
                max_retries: RETRIES,
                retry_timeout: PATIENCE,
            })
            .build();
        let store = store.map_err(|error| Fault::Client {
            reason: error.to_string(),
        })?;
        Ok(Self {
            store,
            sender,
            prefix: bucket.prefix.clone(),
            endpoint,
            region,
        })
    }

    /// What errors call the server.
    pub(super) fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    fn path(&self, key: &str) -> Path {
        Path::from(format!("{}/{key}", self.prefix))
    }

    /// Reads an object; `None` if there is none.
    pub(super) async fn read(&self, key: &str) -> Result<Option<Object>, Fault> {
        let read = async {
            let found = self.store.get(&self.path(key)).await?;
            let tag = found.meta.e_tag.clone();
            let bytes = found.bytes().await?.to_vec();
            Ok(Object { bytes, tag })
        };
        match read.await {
            Ok(object) => Ok(Some(object)),
            Err(object_store::Error::NotFound { .. }) if !self.lacks_the_bucket() => Ok(None),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// What an object holds that may have so many bytes.
    pub(super) async fn text(&self, key: &str, most: u64) -> Result<Text, Fault> {
        let read = async {
            let found = self.store.get(&self.path(key)).await?;
            if found.meta.size > most {
                return Ok(Text::TooLarge);
            }
            Ok(Text::Bytes(found.bytes().await?.to_vec()))
        };
        match read.await {
            Err(object_store::Error::NotFound { .. }) if !self.lacks_the_bucket() => Ok(Text::Gone),
            read => read.map_err(|error| self.fault(&error)),
        }
    }

    /// Writes an object; whether it was time to.
    pub(super) async fn write(&self, key: &str, bytes: Vec<u8>, when: When) -> Result<bool, Fault> {
        let mode = match when {
            When::Always => PutMode::Overwrite,
            When::New => PutMode::Create,
            When::Unchanged(tag) => PutMode::Update(UpdateVersion {
                e_tag: Some(tag),
                version: None,
            }),
        };
        let options = PutOptions::from(mode);
        let path = self.path(key);
        let written = self.store.put_opts(&path, bytes.into(), options);
        match written.await {
            Ok(_) => Ok(true),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) if !self.lacks_the_bucket() => Ok(false),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// Removes objects; what is gone already is as good.
    pub(super) async fn remove(&self, keys: impl Iterator<Item = String>) -> Result<(), Fault> {
        let removals =
            keys.map(
                async |key: String| match self.store.delete(&self.path(&key)).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                    Err(error) => Err(self.fault(&error)),
                },
            );
        let removals = stream::iter(removals).buffer_unordered(AT_ONCE);
        removals.try_collect().await
    }

    /// The keys of the objects in a folder, and when each was written, in seconds since 1970.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<(String, i64)>, Fault> {
        let whole = self.path(folder);
        let listed = self.store.list(Some(&whole)).map_ok(|object| {
            let path = object.location.to_string();
            let below = path.strip_prefix(whole.as_ref()).unwrap_or(&path);
            (format!("{folder}{below}"), object.last_modified.timestamp())
        });
        let listed: Result<_, _> = listed.try_collect().await;
        listed.map_err(|error| self.fault(&error))
    }

    fn lacks_the_bucket(&self) -> bool {
        let trouble = self.sender.trouble();
        matches!(trouble, Some(Trouble::Answer { code, .. }) if code == "NoSuchBucket")
    }

    fn fault(&self, error: &object_store::Error) -> Fault {
        let endpoint = self.endpoint();
        let (status, code, message, region) = match self.sender.trouble() {
            Some(Trouble::Answer {
                status,
                code,
                message,
                region,
            }) => (status, code, message, region),
            Some(Trouble::Lost(reason)) => return Fault::Unreachable { endpoint, reason },
            None => {
                let reason = error.to_string();
                return Fault::Client { reason };
            }
        };
        match (status, code.as_str()) {
            (_, "NoSuchBucket") => Fault::NoBucket { endpoint },
            (301 | 307 | 308, _) | (_, "AuthorizationHeaderMalformed" | "PermanentRedirect") => {
                Fault::Region {
                    asked: self.region.clone(),
                    found: region,
                }
            }
            (401 | 403, _) => Fault::Denied {
                endpoint,
                code,
                message,
            },
            _ => Fault::Answer {
                endpoint,
                status,
                code,
                message,
            },
        }
    }
}
