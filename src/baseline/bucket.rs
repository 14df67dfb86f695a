use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::backend::{Backend, Changes, Content, Entry, Over, Written};
use super::index::{Index, Place};
use super::name;
use super::s3::{AT_ONCE, S3, Session, When};
use super::{Error, Fault, Shared};
use crate::document;
use crate::model::{self, digest};

/// The folder of the objects that hold files.
const OBJECTS: &str = "objects";
/// Seconds after which an object that no version holds was left behind: until then, somebody may be about to use it.
const LEFT_BEHIND: i64 = 24 * 60 * 60;
/// A version that no object has.
const NO_VERSION: &str = "\"00000000000000000000000000000000\"";

/// Baselines in a bucket: a version is an index of objects, which is replaced by who knows it alone.
pub type Bucket = Shared<BucketFiles>;

impl Bucket {
    pub fn new(bucket: model::Bucket, origin: &str) -> Self {
        Self::over(BucketFiles {
            s3: S3::new(bucket, origin),
            state: Arc::default(),
        })
    }
}

/// The files of a bucket.
#[derive(Debug, Clone)]
pub struct BucketFiles {
    s3: S3,
    state: Arc<Mutex<State>>,
}

/// What was read and what is to be written.
#[derive(Debug, Default)]
struct State {
    /// The newest version with what it holds.
    newest: Option<(String, Index)>,
    /// By what they are called.
    texts: BTreeMap<String, Text>,
}

/// A text that a version may hold.
#[derive(Debug, Clone)]
enum Text {
    Here(Vec<u8>),
    /// It has an object, which nobody else knows until a version does.
    Sent(Place),
}

impl fmt::Display for BucketFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.s3.bucket)
    }
}

impl BucketFiles {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a version holds that was read before.
    fn index(&self, version: &str) -> Result<Index, Error> {
        let state = self.state();
        let newest = state.newest.as_ref();
        let known = newest.filter(|(it, _)| it == version);
        let index = known.map(|(_, index)| index.clone());
        index.ok_or_else(|| self.s3.error(Fault::Rewritten))
    }

    fn newest_index(&self) -> Result<Option<(String, Index)>, Error> {
        let found = self.s3.converse(async |session: &Session| {
            let Some(found) = session.read(Index::KEY).await? else {
                return Ok(None);
            };
            // Nobody could replace it knowing it.
            let tag = found.tag.ok_or_else(|| Fault::Unconditional {
                endpoint: session.endpoint(),
            })?;
            Ok(Some((tag, found.bytes)))
        })?;
        let Some((version, text)) = found else {
            return Ok(None);
        };
        let path = self.shown(Index::KEY);
        let index = document::parse(&text, &path, Index::KIND, Index::SCHEMA)?;
        Ok(Some((version, index)))
    }

    /// The objects that were written for texts.
    fn sent(&self) -> Vec<String> {
        let state = self.state();
        let object = |text: &Text| match text {
            Text::Sent(place) => Some(place.object.clone()),
            Text::Here(_) => None,
        };
        state.texts.values().filter_map(object).collect()
    }

    /// The files of `base` with changes, and the texts among them that have no object yet.
    fn changed(&self, base: Option<&Index>, changes: &Changes) -> (Index, Vec<(Place, Vec<u8>)>) {
        let mut index = base.cloned().unwrap_or_default();
        for path in &changes.removed {
            index.files.remove(path);
        }
        let mut to_send = Vec::new();
        let state = self.state();
        for entry in &changes.added {
            let place = match &state.texts[&entry.blob] {
                Text::Sent(place) => place.clone(),
                Text::Here(text) => {
                    let place = Place {
                        object: format!("{}-{}.gz", entry.blob, name::number()),
                        digest: entry.blob.clone(),
                        size: text.len(),
                    };
                    to_send.push((place.clone(), text.clone()));
                    place
                }
            };
            index.files.insert(entry.path.clone(), place);
        }
        (index, to_send)
    }
}

impl Backend for BucketFiles {
    // Who may read a bucket is seldom everybody.
    const HAS_BADGES: bool = false;

    fn shown(&self, path: &str) -> PathBuf {
        format!("{}/{path}", self.s3.bucket).into()
    }

    fn newest(&self) -> Result<Option<String>, Error> {
        let newest = self.newest_index()?;
        let version = newest.as_ref().map(|(version, _)| version.clone());
        self.state().newest = newest;
        Ok(version)
    }

    fn files(&self, version: &str) -> Result<Vec<Entry>, Error> {
        let files = self.index(version)?.files.into_iter();
        let entry = |(path, place): (String, Place)| Entry {
            path,
            blob: place.digest,
        };
        Ok(files.map(entry).collect())
    }

    fn contents(
        &self,
        files: &[Entry],
        most: impl Fn(&str) -> usize,
    ) -> Result<Vec<Content>, Error> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let newest = self.state().newest.clone();
        let (version, index) = newest.ok_or_else(|| self.s3.error(Fault::Rewritten))?;
        let wanted = files.iter();
        let wanted = wanted.map(|file| (index.files.get(&file.path), most(&file.path)));
        let wanted: Vec<_> = wanted.collect();
        let contents: Vec<_> = self.s3.converse(async |session: &Session| {
            let wanted = wanted.into_iter();
            let reads = wanted.map(|(place, most)| content(session, place, most));
            let reads = stream::iter(reads).buffered(AT_ONCE);
            reads.try_collect().await
        })?;
        let is_gone = contents.contains(&Content::Gone);
        if is_gone && self.newest_index()?.is_none_or(|(it, _)| it != version) {
            return Err(self.s3.error(Fault::Rewritten));
        }
        Ok(contents)
    }

    fn store(&self, text: Vec<u8>) -> Result<String, Error> {
        let name = digest(&text);
        let mut state = self.state();
        state.texts.entry(name.clone()).or_insert(Text::Here(text));
        Ok(name)
    }

    fn write(
        &self,
        base: Option<&str>,
        changes: &Changes,
        _: &str,
        _: Over,
    ) -> Result<Written, Error> {
        if changes.added.is_empty() && changes.removed.is_empty() {
            return Ok(Written::Done);
        }
        let before = base.map(|base| self.index(base)).transpose()?;
        let (index, to_send) = self.changed(before.as_ref(), changes);
        let sent: Vec<_> = to_send.iter().map(|(place, _)| place.clone()).collect();
        self.s3.converse(async |session: &Session| {
            let writes = to_send.into_iter();
            let writes = writes.map(|(place, text)| send(session, place.object, text));
            let writes = stream::iter(writes).buffer_unordered(AT_ONCE);
            writes.try_collect::<()>().await
        })?;
        let sent = sent.into_iter();
        let sent = sent.map(|place| (place.digest.clone(), Text::Sent(place)));
        self.state().texts.extend(sent);
        let when = base.map_or(When::New, |base| When::Unchanged(base.to_owned()));
        let mut unused: BTreeSet<_> = before.iter().flat_map(Index::objects).collect();
        // Those of tries that came late, too.
        let ours = self.sent();
        unused.extend(ours.iter().map(String::as_str));
        let used = index.objects();
        let unused: Vec<_> = unused.difference(&used).map(|it| key(it)).collect();
        let text = document::text(&index).into_bytes();
        self.s3.converse(async |session: &Session| {
            match session.write(Index::KEY, text, when).await {
                Ok(true) => {}
                // Without an answer, the next try sees whether it is there.
                Ok(false) | Err(Fault::Unreachable { .. }) => return Ok(Written::Behind),
                Err(fault) => return Err(fault),
            }
            // What stays by accident is found by tidying up.
            drop(session.remove(unused.into_iter()).await);
            Ok(Written::Done)
        })
    }

    fn try_writing(&self) -> Result<(), Error> {
        let probe = format!("probe-{}", name::number());
        let none = || When::Unchanged(NO_VERSION.to_owned());
        self.s3.converse(async |session: &Session| {
            let write = async |when| session.write(&probe, b"perfgate".to_vec(), when).await;
            write(When::New).await?;
            let is_conditional = !write(When::New).await? && !write(none()).await?;
            session.remove(std::iter::once(probe.clone())).await?;
            if is_conditional {
                return Ok(());
            }
            Err(Fault::Unconditional {
                endpoint: session.endpoint(),
            })
        })
    }

    fn is_rewritten(&self, error: &Error) -> bool {
        matches!(error, Error::Bucket { fault, .. } if **fault == Fault::Rewritten)
    }

    fn tidy(&self) -> Result<(), Error> {
        let newest = self.newest_index()?;
        let used: BTreeSet<_> = newest.iter().flat_map(|(_, it)| it.objects()).collect();
        let used: BTreeSet<_> = used.into_iter().map(key).collect();
        let before = Timestamp::now().as_second() - LEFT_BEHIND;
        self.s3.converse(async |session: &Session| {
            let objects = session.list(OBJECTS).await?.into_iter();
            let left = objects.filter(|(key, written)| *written < before && !used.contains(key));
            session.remove(left.map(|(key, _)| key)).await
        })
    }
}

/// The key of an object that holds a file.
fn key(object: &str) -> String {
    format!("{OBJECTS}/{object}")
}

async fn send(session: &Session, object: String, text: Vec<u8>) -> Result<(), Fault> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(&text).and_then(|()| encoder.finish());
    let packed = packed.expect("memory takes everything");
    session.write(&key(&object), packed, When::Always).await?;
    Ok(())
}

/// What a file holds that may have so many bytes.
async fn content(session: &Session, place: Option<&Place>, most: usize) -> Result<Content, Fault> {
    let Some(place) = place else {
        return Ok(Content::Gone);
    };
    if place.size > most {
        return Ok(Content::TooLarge);
    }
    let found = session.read(&key(&place.object)).await?;
    Ok(found.map_or(Content::Gone, |it| unpacked(&it.bytes, most)))
}

fn unpacked(bytes: &[u8], most: usize) -> Content {
    let mut text = Vec::new();
    let decoder = GzDecoder::new(bytes).take(most as u64 + 1);
    match { decoder }.read_to_end(&mut text) {
        Ok(_) if text.len() > most => Content::TooLarge,
        Ok(_) => Content::Bytes(text),
        Err(error) => Content::Damaged(format!("it is damaged: {error}")),
    }
}
