//! What several machines measured, as objects of a bucket: one each, written as it is and never changed.

use std::path::PathBuf;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::Error;
use super::s3::{AT_ONCE, S3, Session, Text, When};
use crate::document;
use crate::model::Bucket;

/// Objects below a prefix of a bucket, or the one that has the prefix for its key.
#[derive(Debug, Clone)]
pub struct Results {
    /// The prefix is what lies before the last slash.
    s3: S3,
    /// What follows it; nothing for everything below.
    name: String,
}

impl Results {
    /// Everything below an address; errors say `origin` for where it is named.
    pub fn below(bucket: Bucket, origin: &str) -> Self {
        let name = String::new();
        Self {
            s3: S3::new(bucket, origin),
            name,
        }
    }

    /// One object; `None` where the address names none.
    pub fn object(bucket: Bucket, origin: &str) -> Option<Self> {
        let Bucket { name, prefix } = bucket;
        let (folder, object) = prefix.rsplit_once('/').unwrap_or(("", &prefix));
        let object = object.to_owned();
        let prefix = folder.to_owned();
        (!object.is_empty()).then(|| Self {
            s3: S3::new(Bucket { name, prefix }, origin),
            name: object,
        })
    }

    /// Whether the object could be written, before what it is to hold is known.
    pub fn try_writing(&self) -> Result<(), Error> {
        let probe = format!("{}.probe", self.name);
        self.s3.converse(async |session: &Session| {
            session
                .write(&probe, b"perfgate".to_vec(), When::Always)
                .await?;
            session.remove(std::iter::once(probe.clone())).await
        })
    }

    /// Writes the object, in place of an older one.
    pub fn write(&self, text: &str) -> Result<(), Error> {
        self.s3.converse(async |session: &Session| {
            let written = session.write(&self.name, text.as_bytes().to_vec(), When::Always);
            written.await.map(drop)
        })
    }

    /// The keys of the objects, each from the prefix on.
    pub fn keys(&self) -> Result<Vec<String>, Error> {
        if !self.name.is_empty() {
            return Ok(vec![self.name.clone()]);
        }
        let listed = self
            .s3
            .converse(async |session: &Session| session.list("").await)?;
        let keys = listed.into_iter();
        Ok(keys
            .map(|(key, _)| key.trim_start_matches('/').to_owned())
            .collect())
    }

    /// What objects hold, in their order.
    pub fn read(&self, keys: &[String]) -> Result<Vec<Text>, Error> {
        self.s3.converse(async |session: &Session| {
            let reads = keys.iter().map(|key| session.text(key, document::LARGEST));
            let reads = stream::iter(reads).buffered(AT_ONCE);
            reads.try_collect().await
        })
    }

    /// What errors call an object.
    pub fn shown(&self, key: &str) -> PathBuf {
        format!("{}/{key}", self.s3.bucket).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_lies_below_its_prefix() {
        let bucket = |prefix: &str| Bucket {
            name: "runs".into(),
            prefix: prefix.into(),
        };
        let shown = |prefix| {
            let found = Results::object(bucket(prefix), "--out")?;
            Some(found.shown(&found.name).display().to_string())
        };
        for key in ["load.json", "7/load.json", "run/7/load.json"] {
            assert_eq!(shown(key), Some(format!("s3://runs/{key}")));
        }
        assert_eq!(shown(""), None);
    }
}
